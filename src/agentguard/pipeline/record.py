# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is written down of a call, and when?

Builds the audit entries of steps 6 and 9 and of every bad ending, and the report for the guard
span. It holds no payload: classes are counted, content is committed to.

INVARIANT: a call that changes state has its intent entry on disk before it is dispatched
(tests/attacks/test_audit_store.py).
"""

from collections.abc import Mapping
from dataclasses import replace

from agentguard.approvals import finish
from agentguard.canonical import commitment
from agentguard.errors import (
    AddressRefused,
    ApprovalExpired,
    ApprovalPending,
    ApprovalRejected,
    BudgetExceeded,
    CallRefused,
    ContentRefused,
    DeniedByPolicy,
    GuardFailure,
    TookTooLong,
    UnguardedPath,
    WrongKey,
)
from agentguard.pipeline.charging import charges_of, limits_near, spendings_of
from agentguard.pipeline.denials import AT_THE_PROVIDER, denial, nearest_shown, remedy_for
from agentguard.pipeline.destinations import TIER, told_of_provider
from agentguard.pipeline.facts import facts_of, facts_of_refusal
from agentguard.pipeline.hearing import origins_told, states_told
from agentguard.pipeline.metering import settle
from agentguard.pipeline.steps import (
    ClaimLost,
    Conclude,
    Flow,
    LimitLost,
    Progress,
    Record,
    Report,
    Stage,
    obligation,
    perform,
)
from agentguard.vocabulary import (
    ApprovalChange,
    ApprovalRequest,
    ApprovalState,
    Assurance,
    AuditEntry,
    Call,
    Effect,
    EntryType,
    ModelCall,
    Outcome,
    Reason,
    RecordBeforeDispatch,
    Spending,
)

SALT_BYTES = 32

# The entries that say what was decided; those that follow have the same call.
_DECIDED = frozenset({EntryType.INTENT, EntryType.REFUSED, EntryType.APPROVAL_REQUESTED})

_REASONS: tuple[tuple[type[BaseException], Reason], ...] = (
    (ApprovalPending, Reason.APPROVAL_PENDING),
    (ApprovalRejected, Reason.APPROVAL_REJECTED),
    (ApprovalExpired, Reason.APPROVAL_TIMEOUT),
    (ContentRefused, Reason.CONTENT_UNINSPECTABLE),
    (UnguardedPath, Reason.UNGUARDED_PATH),
    (WrongKey, Reason.WRONG_KEY),
    (AddressRefused, Reason.ADDRESS_DENIED),
    (GuardFailure, Reason.GUARD_ERROR),
)


def entry(
    progress: Progress,
    type: EntryType,  # noqa: A002 - the entry's field
    *,
    commitment: str | None = None,
    outcome: Outcome | None = None,
    error: str | None = None,
) -> AuditEntry:
    """Return an entry about the call as far as it has come."""
    attempt, call, decision = progress.attempt, progress.call, progress.decision
    policy = progress.core.policy
    caller = attempt.caller
    tool = policy.tools.get(attempt.target) if not isinstance(call, ModelCall) else None
    provider = policy.provider_of(call.origin) if isinstance(call, ModelCall) else None
    return AuditEntry(
        type=type,
        at=progress.core.now(),
        call_id=attempt.id,
        boundary=attempt.boundary,
        operation=attempt.operation,
        target=call.target if call is not None else attempt.target,
        provider=None if provider is None else provider.id,
        chain=() if caller is None else caller.chain.ids,
        session_key=None if caller is None else caller.session_key,
        policy=policy.digest,
        rule=None if decision is None else decision.rule,
        effect=None if decision is None else decision.effect,
        reason=progress.reason,
        impact=None if tool is None else tool.impact,
        classes=_classes(progress),
        commitment=commitment,
        approval_id=None if progress.approval is None else progress.approval.id,
        outcome=outcome,
        error=error,
        trace_id=progress.trace.trace_id,
        span_id=progress.trace.span_id,
        details=_details(progress) if type in _DECIDED else {},
    )


def _details(progress: Progress) -> Mapping[str, str]:
    """Return what a decision rested on, as far as it is not the usual; names alone."""
    told = {**progress.notes, **told_of_provider(progress)}
    caller, decision = progress.attempt.caller, progress.decision
    if caller is not None:
        if caller.environment is not None:
            told["environment"] = caller.environment
        known = [each.assurance for each in caller.chain.principals]
        if any(each is not Assurance.DECLARED for each in known):
            told["assurance"] = " ".join(each.value for each in known)
    if decision is not None and decision.shadow is not None:
        rule = decision.shadow.rule
        told["shadow"] = decision.shadow.effect.value
        if rule is not None:
            told["shadow_rule"] = rule
    if origins := origins_told(progress):
        told["origins"] = " ".join(origins)
    if states := states_told(progress):
        told["conversation"] = " ".join(states)
    if charges := charges_of(progress):
        told["limits"] = " ".join(sorted({each.key for each in charges}))
    if progress.budgets:
        told["budgets"] = " ".join(progress.budgets)
    return told


def _classes(progress: Progress) -> Mapping[str, int]:
    """Return what was found in what an entry is about: what leaves, or what came back."""
    if progress.dispatched and isinstance(progress.call, ModelCall):
        return progress.answered
    return progress.classes


def refuse_if_denied(progress: Progress) -> None:
    """Raise what a denying decision means.

    Raises:
        BudgetExceeded: the limits of the rule do not hold the call.
        ContentRefused: the classes found decided.
        DeniedByPolicy: a rule decided, or none allowed the call.
    """
    decision = progress.decision
    if decision is None or decision.effect is not Effect.DENY:
        return
    progress.reason = decision.reason
    if decision.reason is Reason.CLASS_BLOCKED:
        raise ContentRefused(
            "the call holds data that may not go there",
            classes=progress.classes,
            remedy=decision.hint,
        )
    remedy = remedy_for(decision)
    if decision.reason is Reason.LIMIT_REACHED:
        raise BudgetExceeded(denial(progress), limits=limits_near(progress), remedy=remedy)
    if decision.rule is not None and decision.reason is not Reason.FLOW_DENIED:
        what = AT_THE_PROVIDER if decision.reason is Reason.HOSTED_TOOL else "the call"
        raise DeniedByPolicy(f"rule {decision.rule!r} denies {what}", rule=decision.rule)
    near = None if decision.nearest is None else nearest_shown(decision, decision.nearest)
    if decision.reason is Reason.WRONG_KEY:
        raise WrongKey(denial(progress), nearest=near, remedy=remedy)
    raise DeniedByPolicy(denial(progress), rule=decision.rule, nearest=near, remedy=remedy)


def intent(progress: Progress, call: Call, claim: ApprovalRequest | None) -> Flow[None]:
    """Write down that the call is about to happen.

    In the same act an approval is claimed, and the call is counted under its limits.

    Raises:
        BudgetExceeded: others used up what a limit had left since the call was decided.
        CallRefused: somebody else claimed the approval.
    """
    charges = spendings_of(progress)
    durable = bool(charges) or claim is not None
    durable = durable or obligation(progress, RecordBeforeDispatch) is not None
    salt = progress.core.random(SALT_BYTES)
    content = call.payload if isinstance(call, ModelCall) else call.resolved
    change = None
    if claim is not None:
        change = ApprovalChange(before=progress.approval, after=claim)
    step = Record(
        entry=entry(progress, EntryType.INTENT, commitment=commitment(content, salt)),
        durable=durable,
        change=change,
        salt=salt,
        charges=charges,
        facts=facts_of(progress),
    )
    try:
        yield from perform(step)
    except ClaimLost:
        progress.reason = Reason.APPROVAL_INVALID
        raise CallRefused("the approval was used by another execution") from None
    except LimitLost as lost:
        progress.reason = Reason.LIMIT_REACHED
        raise BudgetExceeded(
            f"{lost.key!r} does not hold this call beside others that were made meanwhile",
            limits=(lost.key,),
        ) from None
    except Exception:
        raise
    except BaseException:  # a cancellation comes once it is written, an interruption at any time
        progress.interrupted = EntryType.INTENT
        _intended(progress, claim, charges)
        raise
    _intended(progress, claim, charges)


def _intended(
    progress: Progress, claim: ApprovalRequest | None, charges: tuple[Spending, ...]
) -> None:
    progress.intended = True
    progress.charged = charges
    if claim is not None:
        progress.approval = claim
        progress.claimed = True


def outcome(progress: Progress, how: Outcome, error: str | None = None) -> Flow[None]:
    """Write down how the call ended; an approval ends in the same act.

    What a call that did not happen was charged is given back in it, too.

    An interrupted writing leaves open whether the entry is there. Then this one is written all
    the same, and says so.
    """
    durable = obligation(progress, RecordBeforeDispatch) is not None
    written = entry(progress, EntryType.OUTCOME, outcome=how, error=error)
    written = replace(written, details=_ending_details(progress))
    change = None
    if progress.claimed and progress.approval is not None:
        state = _approval_end(progress, how)
        change = ApprovalChange(before=progress.approval, after=finish(progress.approval, state))
    back = bool(progress.charged) and not progress.dispatched
    step = Record(entry=written, durable=durable or back, change=change, gives_back=back)
    try:
        yield from _recorded(progress, step)
    except Exception:
        raise
    except BaseException:
        progress.interrupted = progress.interrupted or EntryType.OUTCOME
        raise
    progress.concluded = True


def _ending_details(progress: Progress) -> Mapping[str, str]:
    """Return what is known of a call only at its end; numbers and words of the guard alone."""
    told: dict[str, str] = {}
    if progress.used:
        told["used"] = " ".join(f"{key}={amount}" for key, amount in sorted(progress.used.items()))
    if progress.interrupted is not None:
        told["interrupted"] = progress.interrupted.value
    return told


def _recorded(progress: Progress, step: Record) -> Flow[None]:
    """Write an outcome, also when the approval request is no longer the call's to end."""
    try:
        yield from perform(step)
    except ClaimLost:
        pass
    else:
        return
    approval = progress.approval
    lease = None if approval is None else approval.lease_until
    over = lease is not None and progress.core.now() > lease
    # After the lease anybody may have ended the request as unknown; the call ended all the same.
    details = {**step.entry.details, "approval": "lapsed" if over else "not changed"}
    yield from perform(replace(step, entry=replace(step.entry, details=details), change=None))


def _approval_end(progress: Progress, how: Outcome) -> ApprovalState:
    """A cancelled execution may or may not have happened; a failed one reported so itself."""
    if how is Outcome.COMPLETED or how is Outcome.WITHHELD:
        return ApprovalState.DONE
    if how is Outcome.CANCELLED and progress.dispatched:
        return ApprovalState.UNKNOWN
    return ApprovalState.FAILED


def ended_badly(progress: Progress, ending: BaseException) -> Flow[BaseException]:
    """Write down a refusal or a failure, and return what the caller is told.

    A refusal stands whether or not it can be written. A call that was dispatched and cannot be
    written is withheld, whatever else went wrong.
    """
    progress.reason = progress.reason or _reason(ending)
    told = ending
    how = _how(progress, ending)
    told = yield from _tried(progress, settle(progress, how, ending), told, Stage.BUDGETS)
    told = yield from _tried(progress, _ended(progress, how, ending), told, Stage.OUTCOME)
    yield from perform(Conclude(report(progress, outcome=how, ending=told)))
    return told


def _ended(progress: Progress, how: Outcome, ending: BaseException) -> Flow[None]:
    if progress.intended and not progress.concluded:
        yield from outcome(progress, how, error=type(ending).__name__)
    elif not progress.intended:
        refused = entry(progress, EntryType.REFUSED)
        facts = facts_of_refusal(progress)
        yield from perform(Record(entry=refused, durable=False, facts=facts))


def _tried(
    progress: Progress, work: Flow[None], told: BaseException, stage: Stage
) -> Flow[BaseException]:
    """Do work at a bad ending; the first ending reaches the caller, unless the call happened."""
    try:
        yield from work
    except Exception as error:  # noqa: BLE001 - what failed says its name alone
        if progress.dispatched:
            return GuardFailure(
                f"{stage.value} failed with {type(error).__name__}",
                part=stage.value,
                call_id=progress.attempt.id,
                dispatched=True,
            )
    return told


def _how(progress: Progress, ending: BaseException) -> Outcome:
    if not isinstance(ending, Exception):
        return Outcome.CANCELLED
    if isinstance(ending, TookTooLong) and ending.call_id == progress.attempt.id:
        return Outcome.CANCELLED
    if progress.dispatched and progress.stage is not Stage.DISPATCH:
        return Outcome.WITHHELD
    return Outcome.FAILED


def _reason(ending: BaseException) -> Reason | None:
    for kind, reason in _REASONS:
        if isinstance(ending, kind):
            return reason
    return None


def report(
    progress: Progress, *, outcome: Outcome | None, ending: BaseException | None = None
) -> Report:
    """Return how a call ended, as its guard span says it."""
    decision = progress.decision
    refused = ending is not None and not progress.dispatched
    charges = charges_of(progress)
    return Report(
        surface=progress.attempt.surface,
        operation=progress.attempt.operation,
        effect=Effect.DENY if refused else Effect.ALLOW,
        modified=bool(progress.classes) and isinstance(progress.call, ModelCall),
        reason=progress.reason,
        rule=None if decision is None else decision.rule,
        classes=progress.classes,
        approval_id=None if progress.approval is None else progress.approval.id,
        outcome=outcome if progress.dispatched else None,
        error=None if ending is None else type(ending).__name__,
        shadow=None if decision is None else decision.shadow,
        limits=tuple(sorted({each.key for each in charges})) if charges else (),
        budgets=progress.budgets,
        decider=progress.notes.get("decider"),
        origins=origins_told(progress),
        conversation=states_told(progress),
        provider_tier=told_of_provider(progress).get(TIER),
    )
