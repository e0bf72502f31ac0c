# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Did people agree to exactly this call?

Carries out step 5: finds the request that this very call already opened in this session, or
opens one, waits as the profile says, and prepares the claim that step 6 makes.
Who may answer, and when it is enough, says ``approvals``.

INVARIANT: one call, made at once by many, asks people once (tests/attacks/test_concurrency.py).
INVARIANT: only a request whose commitments equal the real arguments is ever claimed
(tests/attacks/test_approvals.py).
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from agentguard.approvals import (
    ApprovalConflict,
    claim,
    expire_if_due,
    lapse,
    matches,
    new_request,
)
from agentguard.errors import (
    ApprovalExpired,
    ApprovalPending,
    ApprovalRejected,
    CallRefused,
    GuardFailure,
)
from agentguard.pipeline.planning import is_answered
from agentguard.pipeline.record import entry
from agentguard.pipeline.steps import (
    AwaitAnswer,
    ClaimLost,
    FindApprovals,
    Flow,
    Progress,
    Record,
    obligation,
    perform,
)
from agentguard.vocabulary import (
    Answer,
    ApprovalChange,
    ApprovalProfile,
    ApprovalRequest,
    ApprovalState,
    AskApproval,
    Call,
    Caller,
    Doubt,
    EntryType,
    ModelCall,
    Reason,
    TellDoubts,
    ToolCall,
)

NONCE_BYTES = 32
MOST_LOOKS = 100


def consent(
    progress: Progress, caller: Caller, call: Call, shown: str
) -> Flow[ApprovalRequest | None]:
    """Return the claim to be made with the intent entry, or None when nobody is asked.

    Raises:
        ApprovalPending: people have not answered within the profile's ``wait``.
        ApprovalRejected: a person rejected the call.
        ApprovalExpired: nobody answered in time, or the approved call came too late.
        CallRefused: the approval does not hold, or the call is being executed already.
    """
    asked = obligation(progress, AskApproval)
    if asked is None or is_answered(progress):
        return None
    profile = progress.core.policy.profiles[asked.profile]
    if isinstance(call, ModelCall):
        raise GuardFailure("model calls cannot ask for approval", part="approvals")
    request = yield from _asked(progress, caller, call, profile, shown)
    progress.approval = request
    if request.state in (ApprovalState.PENDING, ApprovalState.APPROVED):
        request = yield from perform(AwaitAnswer(request, profile))
        progress.waited = bool(profile.wait)
        progress.approval = request
    yield from _refuse_if_over(progress, request)
    return _claimed(progress, request, profile)


def doubts_of(progress: Progress) -> tuple[Doubt, ...]:
    """Return what approvers of a call must be told of where its arguments come from."""
    told = obligation(progress, TellDoubts)
    return () if told is None else told.doubts


def doubted(progress: Progress) -> frozenset[str]:
    """Return the arguments that are in doubt."""
    return frozenset(each.argument for each in doubts_of(progress))


def _asked(
    progress: Progress, caller: Caller, call: ToolCall, profile: ApprovalProfile, shown: str
) -> Flow[ApprovalRequest]:
    """Find the request of this very call, or open it, so that people are asked once.

    Whenever somebody else has opened one since we looked, it is looked at as well.
    """
    for _ in range(MOST_LOOKS):
        found = yield from perform(FindApprovals(caller.session_key, call.tool))
        request = yield from _current(progress, caller, call, found)
        if request is None:
            beside = frozenset(each.id for each in found)
            request = yield from _opened(progress, caller, call, profile, shown, beside)
        if request is not None:
            return request
    raise GuardFailure("too many others ask for approval at once", part="approvals")


def _current(
    progress: Progress, caller: Caller, call: ToolCall, found: Iterable[ApprovalRequest]
) -> Flow[ApprovalRequest | None]:
    """Return the request of this very call that has not ended yet."""
    for request in found:
        if not matches(
            request,
            tool=call.tool,
            definition=call.definition,
            received=call.received,
            resolved=call.resolved,
            chain_ids=caller.chain.ids,
            session_key=caller.session_key,
            policy=progress.core.policy.digest,
            doubts=doubts_of(progress),
        ):
            continue
        if request.state is ApprovalState.EXECUTING:
            lapsed = lapse(request, progress.core.now())
            if lapsed is not None:
                yield from _ended(progress, request, lapsed)
                continue
        if request.state is ApprovalState.REJECTED and request.decide_by <= progress.core.now():
            continue
        return request
    return None


def _opened(
    progress: Progress,
    caller: Caller,
    call: ToolCall,
    profile: ApprovalProfile,
    shown: str,
    beside: frozenset[str],
) -> Flow[ApprovalRequest | None]:
    """Ask: write the request down durably, together with the entry that says so.

    Returns None when there is another open request than those it would stand *beside*.
    """
    core, decision = progress.core, progress.decision
    request = new_request(
        id=core.random(16).hex(),
        nonce=core.random(NONCE_BYTES),
        salt=core.random(NONCE_BYTES),
        call=call,
        impact=core.policy.tools[call.tool].impact,
        rule=(decision.rule or "") if decision is not None else "",
        policy=core.policy.digest,
        profile=profile,
        caller=caller,
        requesters=core.policy.requesters(caller.chain),
        shown=shown,
        doubts=doubts_of(progress),
        now=core.now(),
    )
    progress.approval = request
    written = entry(progress, EntryType.APPROVAL_REQUESTED)
    change = ApprovalChange(before=None, after=request, beside=beside)
    try:
        yield from perform(Record(entry=written, durable=True, change=change))
    except ClaimLost:
        progress.approval = None
        return None
    return request


def _ended(progress: Progress, before: ApprovalRequest, after: ApprovalRequest) -> Flow[None]:
    """Write down the end of a request; if somebody else already did, that is as good."""
    progress.approval = after
    written = replace(
        entry(progress, EntryType.APPROVAL_ENDED), details={"state": after.state.value}
    )
    change = ApprovalChange(before=before, after=after)
    try:
        yield from perform(Record(entry=written, durable=True, change=change))
    except ClaimLost:
        return


def _refuse_if_over(progress: Progress, request: ApprovalRequest) -> Flow[None]:
    expired = expire_if_due(request, progress.core.now())
    if expired is not None:
        yield from _ended(progress, request, expired)
        request = expired
    if request.state is ApprovalState.EXPIRED:
        raise ApprovalExpired(f"approval request {request.id} has expired", request_id=request.id)
    if request.state is ApprovalState.PENDING:
        raise ApprovalPending(
            f"approval request {request.id} waits for {request.need} of profile"
            f" {request.profile!r}",
            request_id=request.id,
        )
    if request.state is ApprovalState.REJECTED:
        by = next((v.approver for v in request.votes if v.answer is Answer.REJECT), "an approver")
        raise ApprovalRejected(
            f"approval request {request.id} was rejected by {by!r}",
            request_id=request.id,
            approver=by,
        )
    if request.state is not ApprovalState.APPROVED:
        progress.reason = Reason.APPROVAL_INVALID
        raise CallRefused(f"approval request {request.id} is {request.state.value} already")


def _claimed(
    progress: Progress, request: ApprovalRequest, profile: ApprovalProfile
) -> ApprovalRequest:
    """Return the request as claimed; every signature is checked again against the policy."""
    core = progress.core
    now: datetime = core.now()
    try:
        return claim(request, profile, now, progress.trace.stream, core.lease)
    except ApprovalConflict:
        progress.reason = Reason.APPROVAL_INVALID
    raise CallRefused(
        f"approval request {request.id} does not hold the signatures that profile"
        f" {profile.name!r} needs"
    )
