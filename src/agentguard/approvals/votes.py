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

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from agentguard.approvals.binding import binding
from agentguard.canonical import canonical_bytes, instant
from agentguard.vocabulary import Answer, ApprovalProfile, ApprovalRequest, Approver, Vote

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
    )

PAYLOAD_TYPE = "application/vnd.agentguard.vote+json"
VERSION = 1

_SCHEME = "ed25519:"


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedVote:
    """A vote that does not count, and why."""

    vote: Vote
    problem: str


def new_approver_key(passphrase: bytes | None = None) -> tuple[bytes, str]:
    """Make a key for an approver.

    Args:
        passphrase: protects the private key; without one it is written in clear.

    Returns:
        The private key as PEM, and the public key as a profile lists it.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    protection = (
        serialization.BestAvailableEncryption(passphrase)
        if passphrase
        else serialization.NoEncryption()
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection
    )
    return pem, _written(key)


def public_key(private_key: bytes, passphrase: bytes | None = None) -> str:
    """Return the public key of a private one, as a profile lists it.

    Raises:
        ValueError: the private key cannot be read.
    """
    return _written(_private(private_key, passphrase))


def _written(key: "Ed25519PrivateKey") -> str:
    return _SCHEME + base64.b64encode(key.public_key().public_bytes_raw()).decode("ascii")


def _private(private_key: bytes, passphrase: bytes | None) -> "Ed25519PrivateKey":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(private_key, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        message = "the approver's key cannot be read: no Ed25519 key in PEM, or another passphrase"
        raise ValueError(message)  # noqa: TRY004 - what is wrong is the file, not a type
    return key


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
    kind = PAYLOAD_TYPE.encode("ascii")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(body), body)


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
    key = _private(private_key, passphrase)
    signature = key.sign(vote_statement(request, approver, answer, at))
    return Vote(
        request_id=request.id,
        approver=approver,
        answer=answer,
        at=at,
        signature=base64.b64encode(signature).decode("ascii"),
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
    used: set[bytes] = set()
    for vote in request.votes:
        approver = approvers.get(vote.approver)
        key = None if approver is None else _raw_key(approver)
        problem = _problem_of(request, profile, vote, key)
        if problem is None and key is not None:
            # One key is one person, however many names the profile gives it.
            problem = "this approver has voted before" if key in used else None
            used.add(key)
        yield vote, problem


def _problem_of(
    request: ApprovalRequest, profile: ApprovalProfile, vote: Vote, key: bytes | None
) -> str | None:
    if profile.name != request.profile or vote.request_id != request.id:
        return "the vote belongs to another request"
    if key is None:
        return "not an approver of this profile"
    if vote.approver in request.requesters or vote.approver in request.chain:
        return "a requester cannot approve its own call"
    if not request.created_at <= vote.at <= request.decide_by:
        return "not made while the request was open"
    if not _signed(request, vote, key):
        return "the signature does not verify"
    return None


def _raw_key(approver: Approver) -> bytes | None:
    scheme, _, written = approver.key.partition(":")
    try:
        raw = base64.b64decode(written, validate=True)
    except (ValueError, binascii.Error):
        return None
    return raw if scheme + ":" == _SCHEME else None


def _signed(request: ApprovalRequest, vote: Vote, key: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    statement = vote_statement(request, vote.approver, vote.answer, vote.at)
    try:
        public = Ed25519PublicKey.from_public_bytes(key)
        public.verify(base64.b64decode(vote.signature, validate=True), statement)
    except (ValueError, binascii.Error, InvalidSignature):
        return False
    return True
