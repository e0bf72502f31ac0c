# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""People with keys, a profile that lists them, and a question to them."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import pytest

from agentguard.approvals import new_request, sign_vote
from agentguard.signing import new_key
from agentguard.vocabulary import (
    Answer,
    ApprovalProfile,
    ApprovalRequest,
    Approver,
    Caller,
    Chain,
    Impact,
    Principal,
    PrincipalKind,
    ToolCall,
    Vote,
)

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
APPROVERS = ("user:carol", "user:dave", "user:erin", "user:alice")


@pytest.fixture(scope="session")
def now() -> datetime:
    """Give the time at which every question is asked."""
    return NOW


@pytest.fixture(scope="session")
def keyring() -> Mapping[str, tuple[bytes, str]]:
    """Give every approver a key, and a stranger too."""
    return {name: new_key() for name in (*APPROVERS, "user:mallory")}


@pytest.fixture(scope="session")
def profile(keyring: Mapping[str, tuple[bytes, str]]) -> ApprovalProfile:
    """Demand two of carol, dave, erin and alice, who is also the requester."""
    return ApprovalProfile(
        name="leads",
        approvers=tuple(Approver(id=name, key=keyring[name][1]) for name in APPROVERS),
        need=2,
        decide_within=timedelta(hours=1),
        execute_within=timedelta(minutes=10),
        wait=timedelta(0),
    )


@pytest.fixture(scope="session")
def call() -> ToolCall:
    """Call refund with a placeholder that was turned back."""
    return ToolCall(
        id="call-1",
        tool="refund",
        definition="sha256:d",
        received={"to": "[[EMAIL:7KQ2M4XA]]", "amount": 500},
        resolved={"to": "bob@customers.example", "amount": 500},
    )


@pytest.fixture(scope="session")
def caller() -> Caller:
    """Let an agent act for alice."""
    people = (
        Principal(id="user:alice", kind=PrincipalKind.USER),
        Principal(id="agent:support", kind=PrincipalKind.AGENT),
    )
    return Caller(chain=Chain(principals=people), session="conv-1")


@pytest.fixture(scope="session")
def request_(profile: ApprovalProfile, call: ToolCall, caller: Caller) -> ApprovalRequest:
    """Ask the leads about the refund."""
    return new_request(
        id="req-1",
        nonce=b"n" * 32,
        salt=b"s" * 32,
        call=call,
        caller=caller,
        requesters=["user:zoe"],
        impact=Impact.IRREVERSIBLE,
        rule="refund-large",
        policy="sha256:p",
        profile=profile,
        shown='{"amount":500}',
        now=NOW,
    )


@pytest.fixture(scope="session")
def vote(
    request_: ApprovalRequest, keyring: Mapping[str, tuple[bytes, str]]
) -> Callable[..., Vote]:
    """Give a function that signs a vote, with the approver's own key unless another is named."""

    def signed(
        approver: str,
        answer: Answer = Answer.APPROVE,
        *,
        minutes: float = 1,
        key_of: str | None = None,
        about: ApprovalRequest = request_,
    ) -> Vote:
        return sign_vote(
            about,
            approver=approver,
            answer=answer,
            at=NOW + timedelta(minutes=minutes),
            private_key=keyring[key_of or approver][0],
        )

    return signed
