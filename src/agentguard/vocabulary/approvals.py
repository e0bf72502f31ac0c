# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is asked of people about one exact call, and what did they answer?"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from agentguard.vocabulary.calls import Impact
from agentguard.vocabulary.flow import Doubt


class ApprovalState(StrEnum):
    """Where an approval request stands."""

    PENDING = "pending"
    APPROVED = "approved"
    EXECUTING = "executing"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Answer(StrEnum):
    """What an approver says."""

    APPROVE = "approve"
    REJECT = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approver:
    """A person who may answer, with the public key that proves it.

    ``key`` is ``ed25519:`` and the raw public key in base64.
    """

    id: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalProfile:
    """Who answers an approval request, and how long everybody has.

    Attributes:
        name: the profile's name in the policy.
        approvers: who may answer.
        need: how many different approvers must approve.
        decide_within: how long a request stays open.
        execute_within: how long after the last approval the call may be made.
        wait: how long the call itself blocks for an answer.
    """

    name: str
    approvers: tuple[Approver, ...]
    need: int
    decide_within: timedelta
    execute_within: timedelta
    wait: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """One approver's signed answer.

    ``signature`` is the base64 of an Ed25519 signature over the DSSE pre-authentication
    encoding of the statement (``approvals.vote_statement``).
    """

    request_id: str
    approver: str
    answer: Answer
    at: datetime
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequest:
    """A question to people about one exact call.

    Attributes:
        id: unique; also the idempotency key of the call.
        nonce: 32 random bytes in hexadecimal.
        call_id: the call that asked.
        tool, definition, impact, rule, policy, profile: what was decided, and by what.
        chain: the ids of the requester chain.
        requesters: everybody who counts as requester, owners of agents included.
        session_key: the session that asked; the same call in another session does not match.
        salt: 32 random bytes in hexadecimal, for the two commitments.
        received: commitment to the arguments as they came.
        resolved: commitment to the arguments that are dispatched.
        shown: the arguments as an approver may see them, canonical JSON.
        created_at, decide_by: when the question was asked and when it closes.
        execute_within: how long after the last approval the call may be made.
        need: how many different approvers must approve.
        doubts: what is not known to come from where it may, in words without payload.
        state, version: where it stands; every change adds one to the version.
        decided_at: when the last needed vote came.
        claimed_by: the audit stream that executes it.
        lease_until: after this an execution without outcome is ``unknown``.
        votes: the answers so far.
    """

    id: str
    nonce: str
    call_id: str
    tool: str
    definition: str
    impact: Impact
    rule: str
    policy: str
    profile: str
    chain: tuple[str, ...]
    requesters: tuple[str, ...]
    session_key: str
    salt: str
    received: str
    resolved: str
    shown: str = field(repr=False)
    created_at: datetime
    decide_by: datetime
    execute_within: timedelta
    need: int
    doubts: tuple[Doubt, ...] = ()
    state: ApprovalState = ApprovalState.PENDING
    version: int = 0
    decided_at: datetime | None = None
    claimed_by: str | None = None
    lease_until: datetime | None = None
    votes: tuple[Vote, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalChange:
    """A change of one approval request, made in the transaction of an audit entry or not at all.

    Attributes:
        before: the request as it was read, None to create *after*. The change is lost when the
            stored state or version differs from it.
        after: the request as it shall be, with the version of *before* plus one.
        vote: a vote to add, if the change is one.
        beside: with a request to create, the ids of the requests of its session and tool that
            were found open. The change is lost when there is another one by now, which may be
            about the same call. None creates it whatever there is.
    """

    before: ApprovalRequest | None
    after: ApprovalRequest
    vote: Vote | None = None
    beside: frozenset[str] | None = None
