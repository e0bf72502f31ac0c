# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Approval requests as rows."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from agentguard.stores.failures import StoreFailure
from agentguard.stores.rows import question_of, request_of, standing_of, vote_of, vote_row
from agentguard.vocabulary import Answer, ApprovalRequest, ApprovalState, Doubt, Vote

Question = Callable[..., ApprovalRequest]
AT = datetime(2026, 11, 22, 9, 1, 2, 3, tzinfo=UTC)


def _back(request: ApprovalRequest) -> ApprovalRequest:
    return request_of((request.id, question_of(request), *standing_of(request)), request.votes)


def test_a_request_reads_back_as_it_was_written(question: Question) -> None:
    """A request survives the store to the microsecond, in every state."""
    vote = Vote(request_id="r", approver="a", answer=Answer.REJECT, at=AT, signature="c2ln")
    for state in ApprovalState:
        request = question(
            "r",
            shown='{"to":"müller 😀"}',
            state=state,
            version=7,
            decided_at=AT,
            claimed_by="stream",
            lease_until=AT + timedelta(microseconds=1),
            votes=(vote,),
        )
        assert _back(request) == request
    assert _back(question("r")) == question("r")


def test_doubts_read_back_as_they_were_written(question: Question) -> None:
    """What approvers are told of arguments survives the store; a row from before has none."""
    doubts = (Doubt(argument="to", told="said only by the model"), Doubt(argument="b", told="x"))
    assert _back(question("r", doubts=doubts)).doubts == doubts
    assert b"doubts" not in question_of(question("r"))


@pytest.mark.parametrize("doubts", [["to"], [["to"]], [["to", 1]], [1], 1, [["a", "b", "c"]]])
def test_what_is_no_doubt_is_no_request(question: Question, doubts: object) -> None:
    """A row whose doubts cannot be read is refused."""
    request = question("r")
    asked = json.loads(question_of(request)) | {"doubts": doubts}
    with pytest.raises(StoreFailure):
        request_of((request.id, json.dumps(asked).encode(), *standing_of(request)), ())


def test_a_time_in_another_zone_is_the_same_time(question: Question) -> None:
    """The zone that a time was given in does not change the row."""
    east = AT.astimezone(timezone(timedelta(hours=9)))
    assert question_of(question("r", created_at=east)) == question_of(question("r", created_at=AT))


def test_a_vote_reads_back_as_it_was_written() -> None:
    """A vote survives the store."""
    vote = Vote(request_id="r", approver="a", answer=Answer.APPROVE, at=AT, signature="c2ln")
    assert vote_of(vote_row(vote)) == vote


def test_what_was_asked_does_not_depend_on_where_it_stands(question: Question) -> None:
    """State, version and votes are no part of the question."""
    later = question("r", state=ApprovalState.DONE, version=3, decided_at=AT, claimed_by="s")
    assert question_of(later) == question_of(question("r"))


@pytest.mark.parametrize(
    ("name", "value"),
    [("need", "x"), ("impact", "huge"), ("chain", None), ("nonce", 5), ("created_at", "today")],
)
def test_a_question_that_cannot_be_read_is_refused_without_being_shown(
    question: Question, name: str, value: object
) -> None:
    """A damaged question is a failure that quotes nothing of it."""
    request = question("r", shown="canary-8841")
    asked = json.loads(question_of(request))
    asked[name] = value
    if name == "need":
        del asked["need"]
    with pytest.raises(StoreFailure) as caught:
        request_of(("r", json.dumps(asked), *standing_of(request)), ())
    assert "canary-8841" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", None, b"\xff"])
def test_what_is_no_question_is_refused(question: Question, content: object) -> None:
    """A row without a question is a failure."""
    with pytest.raises(StoreFailure):
        request_of(("r", content, *standing_of(question("r"))), ())


def test_a_question_under_another_id_is_refused(question: Question) -> None:
    """A question copied into another request's row is a failure."""
    request = question("r")
    with pytest.raises(StoreFailure):
        request_of(("other", question_of(request), *standing_of(request)), ())


def test_an_unknown_state_is_refused(question: Question) -> None:
    """A state that this version does not know is a failure, not a state."""
    request = question("r")
    standing = ("granted", *standing_of(request)[1:])
    with pytest.raises(StoreFailure):
        request_of(("r", question_of(request), *standing), ())


def test_a_vote_that_cannot_be_read_is_refused() -> None:
    """A damaged vote is a failure."""
    good = vote_row(
        Vote(request_id="r", approver="a", answer=Answer.APPROVE, at=AT, signature="c2ln")
    )
    for broken in (("r", "a", "perhaps", *good[3:]), (*good[:3], "today", "c2ln")):
        with pytest.raises(StoreFailure):
            vote_of(broken)


def test_a_request_without_votes_stays_without(question: Question) -> None:
    """Votes come from their own table and from nowhere else."""
    vote = Vote(request_id="r", approver="a", answer=Answer.APPROVE, at=AT, signature="c2ln")
    request = replace(question("r"), votes=(vote,))
    assert request_of(("r", question_of(request), *standing_of(request)), ()).votes == ()
