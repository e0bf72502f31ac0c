# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A vote is what a listed approver signed over exactly this request, in time."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from agentguard.approvals import (
    PAYLOAD_TYPE,
    binding,
    rejected_votes,
    valid_votes,
    vote_statement,
)
from agentguard.vocabulary import Answer, ApprovalProfile, ApprovalRequest, Approver, Vote

Keyring = Mapping[str, tuple[bytes, str]]
Sign = Callable[..., Vote]


def test_the_statement_is_dsse_over_the_binding(request_: ApprovalRequest, now: datetime) -> None:
    """What is signed is the DSSE encoding of the binding, the approver, the answer and the time."""
    statement = vote_statement(request_, "user:carol", Answer.REJECT, now)
    head, kind_length, kind, body_length, body = statement.split(b" ", 4)
    assert (head, kind.decode(), int(kind_length)) == (b"DSSEv1", PAYLOAD_TYPE, len(kind))
    assert int(body_length) == len(body)
    assert json.loads(body) == {
        "v": 1,
        "binding": binding(request_),
        "approver": "user:carol",
        "answer": "reject",
        "at": "2026-11-22T09:00:00.000000Z",
    }


def test_anybody_can_check_a_vote_with_a_standard_library(
    request_: ApprovalRequest, keyring: Keyring, vote: Sign
) -> None:
    """A vote verifies with plain Ed25519 and the public key as the profile writes it."""
    signed = vote("user:carol")
    raw = base64.b64decode(keyring["user:carol"][1].removeprefix("ed25519:"))
    statement = vote_statement(request_, signed.approver, signed.answer, signed.at)
    Ed25519PublicKey.from_public_bytes(raw).verify(base64.b64decode(signed.signature), statement)


def test_votes_of_two_listed_approvers_count(
    request_: ApprovalRequest, profile: ApprovalProfile, vote: Sign
) -> None:
    """Each listed approver's vote counts once."""
    votes = (vote("user:carol"), vote("user:dave", Answer.REJECT))
    asked = replace(request_, votes=votes)
    assert valid_votes(asked, profile) == votes
    assert rejected_votes(asked, profile) == ()


def _problem(request_: ApprovalRequest, profile: ApprovalProfile, *votes: Vote) -> str:
    asked = replace(request_, votes=votes)
    (rejected,) = rejected_votes(asked, profile)
    assert rejected.vote is votes[-1]
    assert valid_votes(asked, profile) == votes[:-1]
    return rejected.problem


def test_a_requester_does_not_approve_its_own_call(
    request_: ApprovalRequest, profile: ApprovalProfile, vote: Sign
) -> None:
    """A listed approver who stands in the requester chain does not count."""
    assert "requester" in _problem(request_, profile, vote("user:alice"))


def test_an_owner_of_the_agent_does_not_approve(
    request_: ApprovalRequest, profile: ApprovalProfile, vote: Sign
) -> None:
    """Whoever counts as requester does not count as approver, though not in the chain."""
    asked = replace(request_, requesters=(*request_.requesters, "user:carol"))
    assert "requester" in _problem(asked, profile, vote("user:carol", about=asked))


def test_a_stranger_does_not_approve(
    request_: ApprovalRequest, profile: ApprovalProfile, vote: Sign
) -> None:
    """A signature by somebody who is not in the profile does not count."""
    assert "not an approver" in _problem(request_, profile, vote("user:mallory"))


def test_a_name_without_its_key_does_not_approve(
    request_: ApprovalRequest, profile: ApprovalProfile, vote: Sign
) -> None:
    """A vote in carol's name signed by another key does not count."""
    forged = vote("user:carol", key_of="user:mallory")
    assert "signature" in _problem(request_, profile, forged)


def test_a_colleague_does_not_vote_for_another(
    request_: ApprovalRequest, profile: ApprovalProfile, vote: Sign
) -> None:
    """A vote in carol's name signed by dave does not count."""
    assert "signature" in _problem(request_, profile, vote("user:carol", key_of="user:dave"))


def test_a_second_vote_of_the_same_approver_does_not_count(
    request_: ApprovalRequest, profile: ApprovalProfile, vote: Sign
) -> None:
    """Two votes of one person are one."""
    again = vote("user:carol", minutes=2)
    assert "voted before" in _problem(request_, profile, vote("user:carol"), again)


def test_one_key_under_two_names_is_one_person(
    request_: ApprovalRequest, profile: ApprovalProfile, keyring: Keyring, vote: Sign
) -> None:
    """A profile that lists one key twice does not give its holder two votes."""
    twin = Approver(id="user:twin", key=keyring["user:carol"][1])
    doubled = replace(profile, approvers=(*profile.approvers, twin))
    second = vote("user:twin", key_of="user:carol")
    assert "voted before" in _problem(request_, doubled, vote("user:carol"), second)


@pytest.mark.parametrize("minutes", [-1, 61], ids=["before", "after"])
def test_a_vote_outside_the_time_does_not_count(
    request_: ApprovalRequest, profile: ApprovalProfile, vote: Sign, minutes: int
) -> None:
    """A vote dated before the question or after its end does not count."""
    assert "while the request was open" in _problem(
        request_, profile, vote("user:carol", minutes=minutes)
    )


@pytest.mark.parametrize(
    "change",
    [
        {"answer": Answer.REJECT},
        {"approver": "user:dave"},
        {"signature": "bm90IGE="},
        {"signature": "%"},
    ],
    ids=["answer", "approver", "short signature", "no base64"],
)
def test_an_altered_vote_does_not_count(
    request_: ApprovalRequest, profile: ApprovalProfile, vote: Sign, change: dict[str, object]
) -> None:
    """Changing anything in a signed vote makes it invalid."""
    altered = replace(vote("user:carol"), **change)  # type: ignore[arg-type]  # fields by name
    assert "signature" in _problem(request_, profile, altered)


def test_a_vote_moved_in_time_does_not_count(
    request_: ApprovalRequest, profile: ApprovalProfile, vote: Sign
) -> None:
    """The time of a vote is signed."""
    signed = vote("user:carol")
    moved = replace(signed, at=signed.at + timedelta(microseconds=1))
    assert "signature" in _problem(request_, profile, moved)


@pytest.mark.parametrize(
    "change",
    [{"need": 1}, {"resolved": "sha256:x"}, {"nonce": "00" * 32}, {"shown": "{}"}],
    ids=str,
)
def test_a_vote_does_not_outlive_a_change_of_the_question(
    request_: ApprovalRequest, profile: ApprovalProfile, vote: Sign, change: dict[str, object]
) -> None:
    """A vote for a question does not count for the question altered."""
    altered = replace(request_, **change)  # type: ignore[arg-type]  # fields by name
    assert "signature" in _problem(altered, profile, vote("user:carol"))


def test_a_vote_does_not_move_to_another_request(
    request_: ApprovalRequest, profile: ApprovalProfile, vote: Sign
) -> None:
    """A vote copied to another request does not count there, relabelled or not."""
    other = replace(request_, id="req-2")
    copied = vote("user:carol")
    assert "another request" in _problem(other, profile, copied)
    assert "signature" in _problem(other, profile, replace(copied, request_id="req-2"))


def test_another_profile_counts_nobody(
    request_: ApprovalRequest, profile: ApprovalProfile, vote: Sign
) -> None:
    """The votes of a request count under the profile that it names and under no other."""
    other = replace(profile, name="others")
    assert "another request" in _problem(request_, other, vote("user:carol"))


@pytest.mark.parametrize("key", ["", "ed25519:", "ed25519:%%", "rsa:AAAA", "ed25519:AAAA"])
def test_an_approver_with_a_broken_key_never_counts(
    request_: ApprovalRequest, profile: ApprovalProfile, vote: Sign, key: str
) -> None:
    """A key in the profile that cannot be read lets nobody vote and raises nothing."""
    broken = replace(profile, approvers=(Approver(id="user:carol", key=key),))
    assert _problem(request_, broken, vote("user:carol"))
