# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Who answered, and is it proven?

Signs a vote with an approver's key and judges the votes of a request against the public keys of
its profile.
A vote is an Ed25519 signature over the DSSE pre-authentication encoding of a statement that holds
the binding, the approver, the answer and the time.

INVARIANT: a vote counts only if the key of a listed approver signed it, over this binding, in
time, and the approver is no requester and has not voted before, under any name
(tests/approvals/test_votes.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from agentguard.approvals.binding import binding
from agentguard.canonical import canonical_bytes, instant
from agentguard.signing import raw_key, signed, statement, verifies
from agentguard.vocabulary import Answer, ApprovalProfile, ApprovalRequest, Vote

PAYLOAD_TYPE = "application/vnd.agentguard.vote+json"
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedVote:
    """A vote that does not count, and why."""

    vote: Vote
    problem: str


def vote_statement(request: ApprovalRequest, approver: str, answer: Answer, at: datetime) -> bytes:
    """Return the bytes that an approver signs: the DSSE pre-authentication encoding."""
    body = canonical_bytes(
        {
            "v": VERSION,
            "binding": binding(request),
            "approver": approver,
            "answer": str(answer),
            "at": instant(at),
        }
    )
    return statement(PAYLOAD_TYPE, body)


def sign_vote(
    request: ApprovalRequest,
    *,
    approver: str,
    answer: Answer,
    at: datetime,
    private_key: bytes,
    passphrase: bytes | None = None,
) -> Vote:
    """Sign an answer to a request.

    Args:
        request: the request as the approver was shown it.
        approver: the approver's id in the profile.
        answer: what the approver says.
        at: when.
        private_key: the approver's key, PEM.
        passphrase: of the key.

    Raises:
        ValueError: the key cannot be read.
    """
    said = vote_statement(request, approver, answer, at)
    return Vote(
        request_id=request.id,
        approver=approver,
        answer=answer,
        at=at,
        signature=signed(said, private_key, passphrase),
    )


def valid_votes(request: ApprovalRequest, profile: ApprovalProfile) -> tuple[Vote, ...]:
    """Return the votes of a request that count under a profile."""
    return tuple(vote for vote, problem in _judged(request, profile) if problem is None)


def rejected_votes(request: ApprovalRequest, profile: ApprovalProfile) -> tuple[RejectedVote, ...]:
    """Return the votes of a request that do not count under a profile, and why."""
    return tuple(
        RejectedVote(vote=vote, problem=problem)
        for vote, problem in _judged(request, profile)
        if problem is not None
    )


def _judged(
    request: ApprovalRequest, profile: ApprovalProfile
) -> Iterator[tuple[Vote, str | None]]:
    approvers = {approver.id: approver for approver in profile.approvers}
    used: set[bytes | None] = set()
    for vote in request.votes:
        approver = approvers.get(vote.approver)
        key = None if approver is None else approver.key
        problem = _problem_of(request, profile, vote, key)
        if problem is None and key is not None:
            # One key is one person, however many names the profile gives it.
            raw = raw_key(key)
            problem = "this approver has voted before" if raw in used else None
            used.add(raw)
        yield vote, problem


def _problem_of(
    request: ApprovalRequest, profile: ApprovalProfile, vote: Vote, key: str | None
) -> str | None:
    if profile.name != request.profile or vote.request_id != request.id:
        return "the vote belongs to another request"
    if key is None:
        return "not an approver of this profile"
    if vote.approver in request.requesters or vote.approver in request.chain:
        return "a requester cannot approve its own call"
    if not request.created_at <= vote.at <= request.decide_by:
        return "not made while the request was open"
    said = vote_statement(request, vote.approver, vote.answer, vote.at)
    if not verifies(said, vote.signature, key):
        return "the signature does not verify"
    return None
