# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""In which order do the steps of one call happen?

``_steps`` is the only place where the order is written, ``_permitted`` that of its step 3. A stream
is the same flow with two more steps, one that pulls an event and one that releases what was
checked, between 7 and 9. A flow that only asks ends after 5, for a host that must know whether
people have to agree before it makes the call; what refuses it is told and not written down, since
the call itself will be refused.

INVARIANT: whatever raises in 1 to 6 leaves nothing dispatched (tests/attacks/test_steps.py).
INVARIANT: what only asks dispatches, takes and claims nothing (tests/enforcement/test_asking.py).
INVARIANT: whatever raises in 8 or 9 withholds the result and says ``dispatched`` (same file).
INVARIANT: an error of a part is replaced, not chained, since its text may hold payload.
"""

from typing import Any

from agentguard.errors import (
    AddressRefused,
    AgentGuardError,
    ApprovalPending,
    CallRefused,
    GuardFailure,
    IdentityRequired,
)
from agentguard.pipeline.circumstances import found_out
from agentguard.pipeline.consent import consent, doubted
from agentguard.pipeline.consulting import check_access, consult
from agentguard.pipeline.content import checked, cleaned, observable, resolved
from agentguard.pipeline.hearing import hear_call, hear_end, hear_failure
from agentguard.pipeline.looping import note_failure, note_result, refuse_if_looping
from agentguard.pipeline.metering import note_usage, reserve, settle
from agentguard.pipeline.planning import (
    note_plan,
    planned_call,
    read_plan,
    scopes_left,
    use_step,
)
from agentguard.pipeline.record import ended_badly, intent, outcome, refuse_if_denied, report
from agentguard.pipeline.steps import (
    Attempt,
    Conclude,
    Core,
    Dispatch,
    Flow,
    OpenSession,
    Progress,
    Response,
    Stage,
    Trace,
    keep_vault,
    obligation,
    perform,
)
from agentguard.pipeline.stopping import refuse_if_stopped
from agentguard.pipeline.stream import streamed
from agentguard.policy.scopes import narrowed_to
from agentguard.session import Session
from agentguard.vocabulary import (
    ApprovalRequest,
    AskApproval,
    Call,
    Caller,
    Circumstances,
    Facts,
    Outcome,
    Reason,
)


def guarded_call(attempt: Attempt, core: Core, trace: Trace) -> Flow[Any]:
    """Take one call through all nine steps and return what its caller gets.

    Raises:
        CallRefused: the guard said no; nothing was dispatched.
        ApprovalPending: people have not answered yet; nothing was dispatched.
        GuardFailure: a part failed; ``dispatched`` says whether the call happened.
        Exception: whatever the provider or the tool itself raised, unchanged.
    """
    progress = Progress(attempt=attempt, core=core, trace=trace)
    try:
        return (yield from _steps(progress))
    except GeneratorExit:
        raise
    except BaseException as error:  # noqa: BLE001 - cancellation must be written down, too
        ending = _ending(error, progress)
    if not attempt.only_asks or isinstance(ending, ApprovalPending):
        ending = yield from ended_badly(progress, ending)
    raise ending


def _steps(progress: Progress) -> Flow[Any]:
    # 1 what is being called?
    call = progress.call = progress.attempt.describe()
    # 2 who calls, and for whom?
    progress.stage = Stage.IDENTITY
    caller, session = yield from _entered(progress, call)
    # 3 may they? Decided on what would be dispatched, so placeholders are turned back first.
    progress.stage = Stage.POLICY
    call = progress.call = resolved(progress, call, session)
    circumstances = yield from _permitted(progress, caller, call, session)
    # 4 what is in it, and what must be hidden?
    progress.stage = Stage.CONTENT
    call, facts, shown = cleaned(progress, call, session)
    progress.call = call
    _settle(progress, facts, circumstances)
    yield from refuse_if_looping(progress, caller, call, session)
    progress.stage = Stage.VAULT  # what stands for a value outlives the call, so it is kept before
    yield from keep_vault(progress, session)
    # 5 must a person agree?
    progress.stage = Stage.CONSENT
    claim = yield from consent(progress, caller, call, shown)
    if progress.attempt.only_asks:
        return None  # nothing was claimed, taken or written: the call itself decides all anew
    if progress.waited:
        yield from _permitted_still(progress, caller, call, facts, session)
    read_plan(progress, call, claim)
    progress.stage = Stage.PROVENANCE
    hear_call(progress, session)
    # 6 take what it may use up, and write down that it is about to happen
    yield from _announced(progress, caller, call, session, claim)
    # 7 do it
    progress.stage = Stage.DISPATCH
    progress.dispatched = True
    response = yield from perform(Dispatch(call, observable(progress, call, session)))
    note_usage(progress, call, response)
    # 8 what came back? A stream is checked event by event, and released while it comes.
    result = None
    if response.form is None:
        progress.stage = Stage.RESULT
        result = checked(progress, call, response, session)
        yield from keep_vault(progress, session)
    else:
        yield from streamed(progress, response.form, session)
    _remember(progress, response, session, claim)
    # 9 count what it used up, and write down what happened
    yield from settle(progress, Outcome.COMPLETED)
    progress.stage = Stage.OUTCOME
    yield from outcome(progress, Outcome.COMPLETED)
    yield from perform(Conclude(report(progress, outcome=Outcome.COMPLETED)))
    return result


def _entered(progress: Progress, call: Call) -> Flow[tuple[Caller, Session]]:
    """Find out who calls, refuse what is stopped, and open the session."""
    caller = _identified(progress)
    yield from refuse_if_stopped(progress, caller, call)
    session = progress.session = yield from perform(OpenSession(caller))
    return caller, session


def _announced(
    progress: Progress,
    caller: Caller,
    call: Call,
    session: Session,
    claim: ApprovalRequest | None,
) -> Flow[None]:
    """Take what the call may use up, look once more whether it is stopped, and write it down."""
    yield from reserve(progress, caller, call, session)
    yield from refuse_if_stopped(progress, caller, call)
    progress.stage = Stage.INTENT
    yield from intent(progress, call, claim)


def _remember(
    progress: Progress, response: Response, session: Session, claim: ApprovalRequest | None
) -> None:
    """Remember what later calls of the conversation, the run and the plan depend on."""
    hear_end(progress, response, session, claim)
    note_result(progress, response.content, session, approved=claim is not None)
    note_plan(progress, session, claim)


def _permitted(
    progress: Progress, caller: Caller, call: Call, session: Session
) -> Flow[Circumstances]:
    """Find out what the decision depends on, decide, and ask those who can make it stricter."""
    progress.stage = Stage.CIRCUMSTANCES
    known = yield from found_out(progress, caller, call, session)
    circumstances = planned_call(progress, caller, call, session, known)
    progress.stage = Stage.POLICY
    decision = progress.core.policy.decide(call, caller.chain, circumstances)
    progress.decision, progress.decided = decision, (call, circumstances, decision)
    refuse_if_denied(progress)
    progress.decision = narrowed_to(
        scopes_left(progress, caller),
        decision,
        call,
        caller.chain,
        circumstances,
        progress.core.policy,
    )
    refuse_if_denied(progress)
    use_step(progress)
    progress.stage = Stage.DECIDERS
    yield from check_access(progress, caller, call, circumstances)
    yield from consult(progress, caller, call, circumstances)
    return circumstances


def _settle(progress: Progress, facts: Facts, circumstances: Circumstances) -> None:
    if progress.decision is not None:
        decided = progress.core.policy.settle(progress.decision, facts, circumstances)
        progress.decision = decided
    refuse_if_denied(progress)


def _permitted_still(
    progress: Progress, caller: Caller, call: Call, facts: Facts, session: Session
) -> Flow[None]:
    """Decide once more: while people were waited for, identities end and limits are used up.

    Raises:
        CallRefused: somebody else would have to agree by now.
    """
    asked, told = obligation(progress, AskApproval), doubted(progress)
    circumstances = yield from _permitted(progress, caller, call, session)
    _settle(progress, facts, circumstances)
    if obligation(progress, AskApproval) != asked or not doubted(progress) <= told:
        progress.reason = Reason.APPROVAL_INVALID
        raise CallRefused(
            "while this call waited, it came to need another approval",
            remedy="make the call again to ask anew",
        )


def _identified(progress: Progress) -> Caller:
    """Return the caller, or refuse a call without one."""
    if progress.attempt.objection is not None:
        progress.reason = Reason.IDENTITY_REQUIRED
        raise progress.attempt.objection
    if progress.attempt.caller is None:
        progress.reason = Reason.IDENTITY_REQUIRED
        raise IdentityRequired(
            "no identity is bound to this call",
            remedy="call inside 'with guard.identity(...)', or bind the object with guard.bind",
        )
    return progress.attempt.caller


def _ending(error: BaseException, progress: Progress) -> BaseException:
    """Return what the caller is told: refusals as they are, a part's failure without its text."""
    if not isinstance(error, Exception):
        return error
    if progress.stage is Stage.DISPATCH and _is_withheld(error, progress):
        progress.stage = Stage.RESULT
    if progress.stage is Stage.DISPATCH:
        if isinstance(error, AddressRefused) and error.call_id == progress.attempt.id:
            progress.dispatched = False  # no connection was opened
        if isinstance(error, AgentGuardError) and error.call_id != progress.attempt.id:
            error.dispatched = True  # a call inside this one was refused; this one did happen
        else:
            hear_failure(progress, error)
            note_failure(progress, error)
        return error
    if isinstance(error, AgentGuardError):
        note_failure(progress, error)
        error.call_id = progress.attempt.id
        error.dispatched = progress.dispatched
        error.__cause__ = error.__context__ = None
        return error
    progress.reason = Reason.GUARD_ERROR
    return GuardFailure(
        f"{progress.stage.value} failed with {type(error).__name__}",
        part=progress.stage.value,
        call_id=progress.attempt.id,
        dispatched=progress.dispatched,
    )


def _is_withheld(error: Exception, progress: Progress) -> bool:
    """Say whether what came back could not be checked, which whoever read it found out."""
    return isinstance(error, GuardFailure) and error.call_id == progress.attempt.id
