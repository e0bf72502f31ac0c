# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which bytes stand for a decided call?

JSON with sorted keys, in which 1 and 1.0 differ as they do in a decision; RFC 8785 would write
both alike.

INVARIANT: what is read equals what was written, types included (tests/review/test_decided_calls.py).
INVARIANT: bytes of another form are refused, and no error holds anything of them (same file).
"""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any, TypeVar

from agentguard.canonical import Frozen, freeze, instant, parse_instant, thaw
from agentguard.review.facts import DecidedCall, HeldGrant, Ruling
from agentguard.vocabulary import (
    Assurance,
    Chain,
    Effect,
    HostedTool,
    Kind,
    ModelCall,
    OfferedTool,
    Origins,
    Principal,
    PrincipalKind,
    Reason,
    Reference,
    Shadow,
    ToolCall,
)

VERSION = 1
LARGEST = 64 * 1024
"""How many bytes are kept of a call at most; a larger one is kept without its arguments."""

T = TypeVar("T")
Form = dict[str, Any]


class NotFacts(ValueError):
    """Bytes are not a decided call of this version; the message holds nothing of them."""


def facts_bytes(decided: DecidedCall) -> bytes:
    """Return the bytes of a decided call, without its arguments where they are too large.

    Raises:
        ValueError: it is too large even without them.
    """
    written = _bytes(decided)
    if len(written) > LARGEST:
        written = _bytes(decided.without_arguments())
    if len(written) > LARGEST:
        raise ValueError("what a decision was made on is too large to be kept")
    return written


def parse_facts(content: bytes) -> DecidedCall:
    """Return the decided call that the bytes stand for.

    Raises:
        NotFacts: they stand for none.
    """
    try:
        form = json.loads(content)
        if form["v"] == VERSION:
            return _decided(form)
    except (ValueError, TypeError, KeyError, AttributeError, InvalidOperation, RecursionError):
        pass
    raise NotFacts(f"the facts of a call are not of version {VERSION}")


def _bytes(decided: DecidedCall) -> bytes:
    form = {"v": VERSION, **_form(decided)}
    return json.dumps(form, allow_nan=False, sort_keys=True, separators=(",", ":")).encode("ascii")


def _form(decided: DecidedCall) -> Form:
    call = decided.call
    return {
        "tool" if isinstance(call, ToolCall) else "model": _call_form(call),
        "chain": [_principal_form(each) for each in decided.chain.principals],
        "session": decided.session,
        "tenant": decided.tenant,
        "at": instant(decided.at),
        "environment": decided.environment,
        "grants": [_grant_form(each) for each in decided.grants],
        "paths": dict(decided.paths),
        "resources": None if decided.resources is None else list(decided.resources),
        "spent": {key: str(amount) for key, amount in decided.spent.items()},
        "origins": {
            name: [_origins_form(each) for each in values]
            for name, values in decided.origins.items()
        },
        "conversation": None if decided.conversation is None else sorted(decided.conversation),
        "counts": None if decided.counts is None else dict(decided.counts),
        "in_address": sorted(decided.in_address),
        "empty": decided.empty,
        "marked": {name: list(types) for name, types in decided.marked.items()},
        "ruling": _ruling_form(decided.ruling),
        "stopped": decided.stopped,
        "omitted": decided.omitted,
    }


def _decided(form: Form) -> DecidedCall:
    call = _tool_call(form["tool"]) if "tool" in form else _model_call(form["model"])
    return DecidedCall(
        call=call,
        chain=Chain(principals=tuple(map(_principal, form["chain"]))),
        session=form["session"],
        tenant=form["tenant"],
        at=parse_instant(form["at"]),
        environment=form["environment"],
        grants=tuple(map(_grant, form["grants"])),
        paths=form["paths"],
        resources=None if form["resources"] is None else tuple(form["resources"]),
        spent={key: Decimal(amount) for key, amount in form["spent"].items()},
        origins={
            name: tuple(map(_origins, values)) for name, values in form.get("origins", {}).items()
        },
        conversation=_or_none(frozenset, form.get("conversation")),
        counts=form["counts"],
        in_address=frozenset(form.get("in_address", ())),
        empty=form.get("empty", False),
        marked={name: tuple(types) for name, types in form["marked"].items()},
        ruling=_ruling(form["ruling"]),
        stopped=_or_none(Reason, form["stopped"]),
        omitted=form["omitted"],
    )


def _or_none(kind: Callable[[Any], T], value: object) -> T | None:
    return None if value is None else kind(value)


def _call_form(call: ToolCall | ModelCall) -> Form:
    if isinstance(call, ToolCall):
        arguments = {name: thaw(value) for name, value in call.resolved.items()}
        return {
            "id": call.id,
            "name": call.tool,
            "definition": call.definition,
            "arguments": arguments,
        }
    return {
        "id": call.id,
        "operation": call.operation,
        "kind": call.kind,
        "verb": call.verb,
        "path": call.path,
        "origin": call.origin,
        "model": call.model,
        "offered": [[each.name, each.pointer] for each in call.function_tools],
        "forced": call.forced_tool,
        "hosted": [
            {
                "type": each.type,
                "arguments": {name: thaw(value) for name, value in each.arguments.items()},
                "pointer": each.pointer,
                "removable": each.removable,
            }
            for each in call.hosted_tools
        ],
        "references": sorted(call.references),
        "addresses": thaw(call.payload),
        "credential": call.credential,
        "inner": [_call_form(each) for each in call.inner],
    }


def _arguments(form: Form) -> Mapping[str, Frozen]:
    return MappingProxyType({name: freeze(value) for name, value in form.items()})


def _tool_call(form: Form) -> ToolCall:
    arguments = _arguments(form["arguments"])
    return ToolCall(
        id=form["id"],
        tool=form["name"],
        definition=form["definition"],
        received=arguments,
        resolved=arguments,
    )


def _model_call(form: Form) -> ModelCall:
    return ModelCall(
        id=form["id"],
        operation=form["operation"],
        kind=Kind(form["kind"]),
        verb=form["verb"],
        path=form["path"],
        origin=form["origin"],
        model=form["model"],
        payload=_or_none(tuple, form["addresses"]),
        credential=form.get("credential"),
        function_tools=tuple(OfferedTool(name=n, pointer=p) for n, p in form["offered"]),
        forced_tool=form["forced"],
        hosted_tools=tuple(
            HostedTool(
                type=each["type"],
                arguments=_arguments(each["arguments"]),
                pointer=each["pointer"],
                removable=each["removable"],
            )
            for each in form["hosted"]
        ),
        references=frozenset(map(Reference, form["references"])),
        inner=tuple(map(_model_call, form["inner"])),
    )


def _origins_form(origins: Origins) -> Form:
    """Return origins without the words for people, which decide nothing."""
    return {
        "words": sorted(origins.words),
        "untrusted": origins.untrusted,
        "carries": origins.carries,
        "addresses": [sorted(each) for each in origins.addresses],
        **({"nowhere": True} if origins.nowhere else {}),
    }


def _origins(form: Form) -> Origins:
    return Origins(
        words=frozenset(form["words"]),
        untrusted=form["untrusted"],
        carries=form["carries"],
        addresses=tuple(map(frozenset, form["addresses"])),
        nowhere=form.get("nowhere", False),
    )


def _principal_form(principal: Principal) -> Form:
    return {
        "id": principal.id,
        "kind": principal.kind,
        "assurance": principal.assurance,
        "claims": {name: thaw(value) for name, value in principal.claims.items()},
        "expires_at": None if principal.expires_at is None else instant(principal.expires_at),
        "source": principal.source,
    }


def _principal(form: Form) -> Principal:
    return Principal(
        id=form["id"],
        kind=PrincipalKind(form["kind"]),
        assurance=Assurance(form["assurance"]),
        claims=_arguments(form["claims"]),
        expires_at=_or_none(parse_instant, form["expires_at"]),
        source=form["source"],
    )


def _grant_form(grant: HeldGrant) -> Form:
    return {
        "id": grant.id,
        "holder": grant.holder,
        "tools": list(grant.tools),
        "problem": None if grant.problem is None else list(grant.problem),
        "calls": grant.calls,
        "sums": {name: str(most) for name, most in grant.sums.items()},
        "depth": grant.depth,
        "expires_at": instant(grant.expires_at),
        "chain": list(grant.chain),
        "tenant": grant.tenant,
        "environment": grant.environment,
    }


def _grant(form: Form) -> HeldGrant:
    problem = form["problem"]
    return HeldGrant(
        id=form["id"],
        holder=form["holder"],
        tools=tuple(form["tools"]),
        problem=None if problem is None else (problem[0], problem[1]),
        calls=form["calls"],
        sums={name: Decimal(most) for name, most in form["sums"].items()},
        depth=form["depth"],
        expires_at=parse_instant(form["expires_at"]),
        chain=tuple(form["chain"]),
        tenant=form["tenant"],
        environment=form["environment"],
    )


def _ruling_form(ruling: Ruling) -> Form:
    shadow = ruling.shadow
    return {
        "policy": ruling.policy,
        "effect": ruling.effect,
        "rule": ruling.rule,
        "reason": ruling.reason,
        "profile": ruling.profile,
        "shadow": None if shadow is None else [shadow.effect, shadow.rule],
    }


def _ruling(form: Form) -> Ruling:
    shadow = form["shadow"]
    return Ruling(
        policy=form["policy"],
        effect=Effect(form["effect"]),
        rule=form["rule"],
        reason=_or_none(Reason, form["reason"]),
        profile=form["profile"],
        shadow=None if shadow is None else Shadow(effect=Effect(shadow[0]), rule=shadow[1]),
    )
