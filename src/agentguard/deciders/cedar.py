# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does Cedar say about a call, under the operator's own Cedar policies?

Cedar skips a policy that it cannot evaluate, so that one which forbids would let pass what it
cannot read. Here every error denies, a schema is needed, and policies must be valid under it.
Cedar knows neither null nor fractional numbers of any size; a call with what it cannot be told is
denied. docs/cedar.md says what a request holds.

INVARIANT: whatever goes wrong denies, and no error holds an argument
(tests/deciders/test_cedar_decider.py).
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from agentguard.canonical import Frozen, is_object
from agentguard.deciders.options import Options
from agentguard.vocabulary import (
    Assurance,
    Boundary,
    CallAction,
    DecisionRequest,
    Effect,
    Principal,
    Verdict,
)

_KNOWN = ("policies", "schema", "entities", "claims")
_DECIMALS = 4
_MOST_DECIMAL = Decimal("922337203685477.5807")
_MODEL = "call_model"
_DENIED = Verdict(effect=Effect.DENY)


class Untold(ValueError):
    """A call holds something that Cedar has no word for."""


class CedarDecider:
    """Cedar with a set of policies and their schema."""

    def __init__(self, policies: str, schema: str, entities: str, claims: frozenset[str]) -> None:
        import cedarpy

        self._cedar: Any = cedarpy
        self._policies = cedarpy.PolicySet.from_str(policies)
        self._schema = cedarpy.Schema.from_str(schema)
        self._entities = cedarpy.Entities.from_json_str(entities, self._schema)
        self._claims = claims

    def decide(self, request: DecisionRequest) -> Verdict:
        """Return what Cedar says; anything but a plain yes without an error denies.

        Raises:
            Untold: the call holds something that Cedar has no word for.
        """
        action = _action(request)
        if action is None:
            return _DENIED
        asked = {
            "principal": _somebody(request.subject, request),
            "action": _entity("Action", action),
            "resource": _resource(request),
            "context": self._context(request),
        }
        answer = self._cedar.is_authorized(asked, self._policies, self._entities, self._schema)
        if answer.decision is self._cedar.Decision.Allow and not answer.diagnostics.errors:
            return Verdict(effect=Effect.ALLOW)
        return _DENIED

    def _context(self, request: DecisionRequest) -> dict[str, Any]:
        chain = request.chain
        levels = list(Assurance)
        context: dict[str, Any] = {
            "agents": [{"__entity": _entity("Identity", each.id)} for each in chain.agents],
            "assurance": min(levels.index(each.assurance) for each in chain.principals),
            "claims": {
                name: _told(request.subject.claims[name])
                for name in sorted(self._claims & request.subject.claims.keys())
            },
            "now": _microseconds(request.now),
        }
        if chain.person is not None:
            context["person"] = {"__entity": _entity("Person", chain.person.id)}
        known = {"environment": request.environment, "tenant": request.tenant}
        context |= {name: value for name, value in known.items() if value is not None}
        if request.boundary is Boundary.MODEL:
            context |= {
                "operation": request.operation,
                "model": request.model,
                "references": sorted(each.value for each in request.references),
            }
        else:
            context |= {"input": _told(request.arguments), "resources": sorted(request.resources)}
        return context


def from_options(given: Mapping[str, Frozen], folder: Path) -> CedarDecider:
    """Make the decider that a policy names ``cedar``.

    Raises:
        ValueError: an option is missing or cannot be used.
    """
    options = Options(given, folder)
    policies, schema = options.file("policies") or "", options.file("schema") or ""
    entities = options.file("entities", needed=False) or "[]"
    claims = options.names("claims")
    options.refuse_others(_KNOWN)
    try:
        import cedarpy
    except ImportError:
        raise ValueError("needs the extra agentguard[cedar]") from None
    try:
        found = cedarpy.validate_policies(policies, schema)
    except ValueError:
        raise ValueError("'policies' and 'schema' cannot be read by Cedar") from None
    if not found.validation_passed:
        raise ValueError(
            f"'policies' are not valid under 'schema': {len(found.errors)} errors; cedar validate"
            " tells them"
        )
    try:
        return CedarDecider(policies, schema, entities, claims)
    except ValueError:
        raise ValueError("'entities' cannot be read by Cedar under 'schema'") from None


def _action(request: DecisionRequest) -> str | None:
    if request.boundary is Boundary.TOOL:
        return f"{request.action.value}:{request.tool}"
    return _MODEL if request.action is CallAction.CALL_UNATTENDED else None


def _somebody(principal: Principal, request: DecisionRequest) -> dict[str, str]:
    person = request.chain.person
    is_person = person is not None and person.id == principal.id
    return _entity("Person" if is_person else "Identity", principal.id)


def _resource(request: DecisionRequest) -> dict[str, str]:
    if request.boundary is Boundary.TOOL:
        return _entity("Tool", request.tool)
    return _entity("Provider", request.provider)


def _entity(kind: str, name: str) -> dict[str, str]:
    return {"type": kind, "id": name}


def _microseconds(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _told(value: Frozen) -> Any:
    """Return a value as Cedar's JSON.

    Raises:
        Untold: Cedar has no word for it, or its JSON would mean something else.
    """
    if isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        return _decimal(value)
    if isinstance(value, tuple):
        return [_told(item) for item in value]
    if is_object(value):
        # Cedar's JSON names entities and extensions by such keys, which an argument must not do.
        if any(key.startswith("__") for key in value):
            raise Untold("an object has a name that means something else to Cedar")
        return {key: _told(item) for key, item in value.items()}
    raise Untold("Cedar knows no null")


def _decimal(value: float) -> dict[str, Any]:
    number = Decimal(repr(value))
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or -exponent > _DECIMALS or abs(number) > _MOST_DECIMAL:
        raise Untold("Cedar knows decimals with four places only")
    return {"__extn": {"fn": "decimal", "arg": f"{number:.{_DECIMALS}f}"}}
