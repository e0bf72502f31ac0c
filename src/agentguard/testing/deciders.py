# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does an extra decider keep to what the guard expects of one?

For whoever writes one: put its policies up so that one call is allowed and another is not, and
assert that ``decider_problems`` finds none. It says nothing of whether those policies are right.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

from agentguard.pipeline import Decider
from agentguard.vocabulary import (
    Boundary,
    CallAction,
    Chain,
    DecisionRequest,
    Effect,
    Impact,
    Principal,
    PrincipalKind,
    Verdict,
)

STRANGER = "user:nobody-knows-this-one"
_AT_ONCE = 8


def decision_request(actor: str, *, tool: str, **changes: object) -> DecisionRequest:
    """Return a question about a call of a tool; an actor that calls for nobody.

    Args:
        actor: such as ``agent:support``.
        tool: the tool.
        changes: other fields of the request.
    """
    principal = principal_named(actor)
    plain = DecisionRequest(
        call_id="call-1",
        action=CallAction.CALL_UNATTENDED,
        subject=principal,
        chain=Chain(principals=(principal,)),
        boundary=Boundary.TOOL,
        tool=tool,
        impact=Impact.REVERSIBLE,
        operation="execute_tool",
        session_key="session",
        policy="sha256:policy",
        now=datetime(2026, 11, 22, 9, 0, tzinfo=UTC),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # fields of the caller's choice


def principal_named(id: str) -> Principal:  # noqa: A002 - the field's word
    """Return a principal as the host names it."""
    return Principal(id=id, kind=PrincipalKind(id.partition(":")[0]))


def decider_problems(
    decider: Decider, *, allowed: DecisionRequest, denied: DecisionRequest
) -> tuple[str, ...]:
    """Return in which ways a decider does not do what the guard expects; none is right.

    Args:
        decider: ready to be asked.
        allowed: a question that it answers with ``allow``.
        denied: one that it answers with ``deny``, whoever would approve of the call.
    """
    return tuple(_problems(decider, allowed, denied))


def _problems(decider: Decider, allowed: DecisionRequest, denied: DecisionRequest) -> Iterator[str]:
    if _answer(decider, allowed) is not Effect.ALLOW:
        yield "does not allow what its policies allow"
    for action in CallAction:
        found = _answer(decider, replace(denied, action=action))
        if found is None:
            yield f"raises, or answers with no Verdict, for what it denies ({action.value})"
        elif found is not Effect.DENY:
            yield f"does not deny what its policies deny ({action.value})"
    attended = replace(allowed, action=CallAction.CALL_WITH_APPROVAL)
    if _answer(decider, attended) is Effect.DENY:
        yield "denies with a person's approval what it allows without"
    stranger = principal_named(STRANGER)
    unknown = replace(allowed, subject=stranger, chain=Chain(principals=(stranger,)))
    if _answer(decider, unknown) is Effect.ALLOW:
        yield "allows the call of somebody whom nothing names"
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        asked = [allowed, denied] * _AT_ONCE
        answers = list(pool.map(lambda request: _answer(decider, request), asked))
    if set(answers[::2]) != {Effect.ALLOW} or set(answers[1::2]) != {Effect.DENY}:
        yield f"answers otherwise when {_AT_ONCE} threads ask at once"


def _answer(decider: Decider, request: DecisionRequest) -> Effect | None:
    try:
        verdict: object = decider.decide(request)
    except Exception:  # noqa: BLE001 - whatever it is, it is no answer
        return None
    return verdict.effect if type(verdict) is Verdict else None
