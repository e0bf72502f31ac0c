# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What happens when a run goes round in circles?

Where the policy has ``[loops]``: one time before a circle is as long as allowed it is noted, then
the call is refused and the model told why, and after several refusals the run is stopped, until
an operator lets it go on.

INVARIANT: people are not asked about a call that would be refused for a loop
(tests/attacks/test_loops.py).
INVARIANT: what a person approved is no part of a circle (same file).
"""

from agentguard.budgets import Circle, Loop
from agentguard.canonical import canonical_bytes, digest
from agentguard.errors import (
    AddressRefused,
    BudgetExceeded,
    ContentRefused,
    DeniedByPolicy,
    LoopDetected,
)
from agentguard.pipeline.results import readable
from agentguard.pipeline.steps import Flow, Progress, StopRun, perform
from agentguard.session import Session
from agentguard.vocabulary import Call, Caller, Reason, Stop, StopScope, ToolCall

# What a call that failed shows of an agent that does not get on. Waiting for people is none.
_REFUSED = (AddressRefused, BudgetExceeded, ContentRefused, DeniedByPolicy)

_TOLD = {
    Loop.SAME: "this same call gave the same result {count} times: do something else",
    Loop.TURNS: "these two calls took turns {count} times with the same results: do something else",
    Loop.FAILURES: "{count} calls in a row failed: do something else, or give up",
}


def refuse_if_looping(
    progress: Progress, caller: Caller, call: Call, session: Session
) -> Flow[None]:
    """Refuse a call that goes on with a circle.

    Raises:
        LoopDetected: it does, as often as the policy allows.
    """
    spec = progress.core.policy.document.loops
    if spec is None or not isinstance(call, ToolCall):
        return
    rounds = session.talk.rounds
    circle = rounds.circle(
        _call_digest(call),
        same=spec.same,
        turns=spec.turns,
        failures=spec.failures,
        polls=progress.core.policy.tools[call.tool].polls,
    )
    if circle is None:
        return
    progress.notes["loop"] = circle.loop.value
    if not circle.reached:
        return
    progress.reason = Reason.LOOP
    if progress.attempt.only_asks:
        raise _refusal(circle, caller, stops=False)
    stops = rounds.refused() >= spec.refusals
    if stops:
        progress.notes["loop"] = f"{circle.loop.value} stopped"
        at = int(progress.core.now().timestamp())
        why = f"{spec.refusals} calls were refused for a loop"
        key = caller.account_key
        yield from perform(
            StopRun(Stop(scope=StopScope.SESSION, key=key, by="guard:loops", since=at, why=why))
        )
        rounds.forget()
    raise _refusal(circle, caller, stops=stops)


def _refusal(circle: Circle, caller: Caller, *, stops: bool) -> LoopDetected:
    told = _TOLD[circle.loop].format(count=circle.count)
    if not stops:
        return LoopDetected(
            told, loop=circle.loop.value, safe_message=told, remedy="see [loops] in the policy"
        )
    return LoopDetected(
        f"{told}; the run is stopped",
        loop=circle.loop.value,
        safe_message=f"{told}; the run is stopped, do not try again",
        remedy=f"it goes on after 'agentguard resume --session {caller.account_key}'",
    )


def note_result(progress: Progress, result: object, session: Session, *, approved: bool) -> None:
    """Remember what a call gave."""
    call = progress.call
    if progress.core.policy.document.loops is None or not isinstance(call, ToolCall):
        return
    polls = approved or progress.core.policy.tools[call.tool].polls
    try:
        given = _digest(canonical_bytes(readable(result)))
    except Exception:  # noqa: BLE001 - what opens an object may be code of its own
        # Nobody can say that it is what it was before.
        given = progress.attempt.id.encode()
    session.talk.rounds.returned(_call_digest(call), given, polls=polls)


def note_failure(progress: Progress, error: Exception) -> None:
    """Remember that a call of a tool failed, or was refused for what it is."""
    call, session = progress.call, progress.session
    if progress.attempt.only_asks:
        return
    if progress.core.policy.document.loops is None or session is None:
        return
    if isinstance(call, ToolCall) and (progress.dispatched or isinstance(error, _REFUSED)):
        session.talk.rounds.failed()


def _call_digest(call: ToolCall) -> bytes:
    return _digest(canonical_bytes((call.tool, call.resolved)))


def _digest(content: bytes) -> bytes:
    return digest(content).encode()
