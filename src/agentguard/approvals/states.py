# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which state may an approval request move to, and when?

    pending ──► approved ──► executing ──► done | failed | unknown
       │           │
       │           └──► expired | cancelled
       └──► rejected | expired | cancelled

Each function takes a request as it was read and returns the next one, one version on; the store
accepts it only if nothing changed in between.
It trusts no stored state: at the claim the signatures and both clocks are checked again.

INVARIANT: a request that ended stays ended, and nothing is claimed without enough valid votes
(tests/approvals/test_states.py, tests/stores/test_approval_machine.py).
"""

from dataclasses import replace
from datetime import datetime, timedelta

from agentguard.approvals.votes import rejected_votes, valid_votes
from agentguard.vocabulary import (
    Answer,
    ApprovalProfile,
    ApprovalRequest,
    ApprovalState,
    Vote,
)

ENDED = frozenset(
    {
        ApprovalState.DONE,
        ApprovalState.FAILED,
        ApprovalState.UNKNOWN,
        ApprovalState.REJECTED,
        ApprovalState.EXPIRED,
        ApprovalState.CANCELLED,
    }
)
"""The states that a request never leaves."""

_FINISHES = frozenset({ApprovalState.DONE, ApprovalState.FAILED, ApprovalState.UNKNOWN})


class ApprovalConflict(ValueError):
    """The change that was asked for may not follow; ``request_id`` names the request."""

    def __init__(self, request: ApprovalRequest, problem: str) -> None:
        super().__init__(f"approval request {request.id!r} is {request.state}: {problem}")
        self.request_id = request.id
        self.problem = problem


def with_vote(
    request: ApprovalRequest, vote: Vote, profile: ApprovalProfile, now: datetime
) -> ApprovalRequest:
    """Add a vote; one valid rejection ends the request, enough approvals approve it.

    Raises:
        ApprovalConflict: the request is not open, or the vote does not count.
    """
    _demand(request, ApprovalState.PENDING)
    if now > request.decide_by:
        raise ApprovalConflict(request, "it has expired, the time to answer is over")
    if vote.at > now:
        raise ApprovalConflict(request, "the vote is dated in the future")
    voted = replace(request, votes=(*request.votes, vote), version=request.version + 1)
    for rejected in rejected_votes(voted, profile):
        if rejected.vote is vote:
            raise ApprovalConflict(request, rejected.problem)
    if vote.answer is Answer.REJECT:
        return replace(voted, state=ApprovalState.REJECTED, decided_at=vote.at)
    approved_at = _approved_at(voted, profile)
    if approved_at is None:
        return voted
    return replace(voted, state=ApprovalState.APPROVED, decided_at=approved_at)


def expire_if_due(request: ApprovalRequest, now: datetime) -> ApprovalRequest | None:
    """Return the request expired, if one of its two clocks has run out, or else None."""
    if request.state is ApprovalState.PENDING:
        due = now > request.decide_by
    elif request.state is ApprovalState.APPROVED:
        due = now > (request.decided_at or request.created_at) + request.execute_within
    else:
        due = False
    return _moved(request, ApprovalState.EXPIRED) if due else None


def claim(
    request: ApprovalRequest,
    profile: ApprovalProfile,
    now: datetime,
    stream: str,
    lease: timedelta,
) -> ApprovalRequest:
    """Take an approved request for execution; only one claim can be stored.

    Args:
        request: the request as it was read.
        profile: the profile as the policy has it now.
        now: the time of the claim.
        stream: the audit stream that executes the call.
        lease: how long the execution may take before its end counts as unknown.

    Raises:
        ApprovalConflict: the request is not approved, or no longer, or not by enough valid votes.
    """
    _demand(request, ApprovalState.APPROVED)
    if lease <= timedelta(0):
        raise ApprovalConflict(request, "a lease must be longer than nothing")
    if any(vote.answer is Answer.REJECT for vote in valid_votes(request, profile)):
        raise ApprovalConflict(request, "an approver has rejected it")
    approved_at = _approved_at(request, profile)
    if approved_at is None:
        raise ApprovalConflict(request, "too few valid votes stand behind it")
    if now > approved_at + request.execute_within:
        raise ApprovalConflict(request, "it has expired, the time to make the call is over")
    return replace(
        _moved(request, ApprovalState.EXECUTING), claimed_by=stream, lease_until=now + lease
    )


def finish(request: ApprovalRequest, outcome_state: ApprovalState) -> ApprovalRequest:
    """End an execution as done, failed or unknown.

    Raises:
        ApprovalConflict: the request is not executing, or the state is no end of an execution.
    """
    _demand(request, ApprovalState.EXECUTING)
    if outcome_state not in _FINISHES:
        raise ApprovalConflict(request, f"{outcome_state} is no end of an execution")
    return replace(_moved(request, outcome_state), lease_until=None)


def lapse(request: ApprovalRequest, now: datetime) -> ApprovalRequest | None:
    """Return the request as unknown, if it executes past its lease, or else None.

    Nobody knows whether such a call happened, so it is never made again.
    """
    if request.state is not ApprovalState.EXECUTING:
        return None
    if request.lease_until is not None and now <= request.lease_until:
        return None
    return replace(_moved(request, ApprovalState.UNKNOWN), lease_until=None)


def cancel(request: ApprovalRequest) -> ApprovalRequest:
    """Withdraw a request that was not claimed yet.

    Raises:
        ApprovalConflict: the request was claimed or has ended.
    """
    _demand(request, ApprovalState.PENDING, ApprovalState.APPROVED)
    return _moved(request, ApprovalState.CANCELLED)


def _demand(request: ApprovalRequest, *states: ApprovalState) -> None:
    if request.state not in states:
        raise ApprovalConflict(request, f"it must be {' or '.join(states)}")


def _moved(request: ApprovalRequest, state: ApprovalState) -> ApprovalRequest:
    return replace(request, state=state, version=request.version + 1)


def _approved_at(request: ApprovalRequest, profile: ApprovalProfile) -> datetime | None:
    """Return when the last needed vote was made, by the signed times, None if votes lack."""
    need = max(request.need, profile.need, 1)
    votes = valid_votes(request, profile)
    approvals = sorted(vote.at for vote in votes if vote.answer is Answer.APPROVE)
    return approvals[need - 1] if len(approvals) >= need else None
