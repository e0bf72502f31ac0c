# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which change may follow which, and when."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from agentguard.approvals import (
    ENDED,
    ApprovalConflict,
    cancel,
    claim,
    expire_if_due,
    finish,
    lapse,
    with_vote,
)
from agentguard.vocabulary import (
    Answer,
    ApprovalProfile,
    ApprovalRequest,
    ApprovalState,
    Vote,
)

Sign = Callable[..., Vote]
LEASE = timedelta(minutes=5)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def approved(
    request_: ApprovalRequest, profile: ApprovalProfile, vote: Sign, now: datetime
) -> ApprovalRequest:
    """Give a request that carol and dave approved, dave two minutes after the question."""
    one = with_vote(request_, vote("user:carol"), profile, now + MINUTE)
    return with_vote(one, vote("user:dave", minutes=2), profile, now + 2 * MINUTE)


def test_enough_approvals_approve(
    request_: ApprovalRequest, profile: ApprovalProfile, vote: Sign, now: datetime
) -> None:
    """A request stays open until as many approvers agreed as the profile needs."""
    one = with_vote(request_, vote("user:carol"), profile, now + MINUTE)
    assert (one.state, one.version, len(one.votes)) == (ApprovalState.PENDING, 1, 1)
    two = with_vote(one, vote("user:dave", minutes=3), profile, now + 4 * MINUTE)
    assert (two.state, two.version) == (ApprovalState.APPROVED, 2)
    assert two.decided_at == now + 3 * MINUTE


def test_one_valid_rejection_ends_it(
    request_: ApprovalRequest, profile: ApprovalProfile, vote: Sign, now: datetime
) -> None:
    """One approver who rejects ends the request, whoever agreed before."""
    one = with_vote(request_, vote("user:carol"), profile, now + MINUTE)
    two = with_vote(one, vote("user:dave", Answer.REJECT), profile, now + MINUTE)
    assert two.state is ApprovalState.REJECTED
    with pytest.raises(ApprovalConflict):
        with_vote(two, vote("user:erin"), profile, now + MINUTE)


@pytest.mark.parametrize(
    ("approver", "key_of"),
    [("user:alice", None), ("user:mallory", None), ("user:carol", "user:mallory")],
    ids=["requester", "stranger", "forged"],
)
@pytest.mark.parametrize("answer", Answer)
def test_a_vote_that_does_not_count_changes_nothing(
    request_: ApprovalRequest,
    profile: ApprovalProfile,
    vote: Sign,
    now: datetime,
    answer: Answer,
    approver: str,
    key_of: str | None,
) -> None:
    """Requesters, strangers and forgers can neither approve nor reject."""
    with pytest.raises(ApprovalConflict):
        with_vote(request_, vote(approver, answer, key_of=key_of), profile, now + MINUTE)


def test_an_approver_votes_once(
    request_: ApprovalRequest, profile: ApprovalProfile, vote: Sign, now: datetime
) -> None:
    """A second vote of the same approver is refused, and does not become the second approval."""
    one = with_vote(request_, vote("user:carol"), profile, now + MINUTE)
    with pytest.raises(ApprovalConflict, match="voted before"):
        with_vote(one, vote("user:carol", minutes=2), profile, now + 2 * MINUTE)


def test_a_vote_after_the_end_is_refused_though_dated_before(
    request_: ApprovalRequest, profile: ApprovalProfile, vote: Sign, now: datetime
) -> None:
    """The time to answer ends by our clock, not by the date on the vote."""
    with pytest.raises(ApprovalConflict, match="over"):
        with_vote(request_, vote("user:carol"), profile, now + timedelta(hours=2))


def test_a_vote_from_the_future_is_refused(
    request_: ApprovalRequest, profile: ApprovalProfile, vote: Sign, now: datetime
) -> None:
    """A vote dated later than now, which would lengthen the time to execute, is refused."""
    with pytest.raises(ApprovalConflict, match="future"):
        with_vote(request_, vote("user:carol", minutes=30), profile, now + MINUTE)


def test_a_claim_takes_the_request_for_one_stream(
    approved: ApprovalRequest, profile: ApprovalProfile, now: datetime
) -> None:
    """A claim names the stream that executes and until when that may take."""
    taken = claim(approved, profile, now + 3 * MINUTE, "stream-1", LEASE)
    assert taken.state is ApprovalState.EXECUTING
    assert (taken.claimed_by, taken.version) == ("stream-1", approved.version + 1)
    assert taken.lease_until == now + 3 * MINUTE + LEASE


@pytest.mark.parametrize("state", sorted(set(ApprovalState) - {ApprovalState.APPROVED}))
def test_only_an_approved_request_is_claimed(
    approved: ApprovalRequest, profile: ApprovalProfile, now: datetime, state: ApprovalState
) -> None:
    """No other state lets a call through, with valid votes or not."""
    with pytest.raises(ApprovalConflict):
        claim(replace(approved, state=state), profile, now + 3 * MINUTE, "s", LEASE)


def test_the_time_to_execute_counts_from_the_last_needed_vote(
    approved: ApprovalRequest, profile: ApprovalProfile, now: datetime
) -> None:
    """A claim succeeds until ten minutes after dave's vote and not a microsecond later."""
    last = now + 2 * MINUTE + profile.execute_within
    assert claim(approved, profile, last, "s", LEASE).state is ApprovalState.EXECUTING
    with pytest.raises(ApprovalConflict, match="over"):
        claim(approved, profile, last + timedelta(microseconds=1), "s", LEASE)


def test_a_forged_date_in_the_store_does_not_lengthen_it(
    approved: ApprovalRequest, profile: ApprovalProfile, now: datetime
) -> None:
    """The claim counts from the signed times and does not believe the column beside them."""
    forged = replace(approved, decided_at=now + timedelta(days=1))
    with pytest.raises(ApprovalConflict, match="over"):
        claim(forged, profile, now + timedelta(hours=5), "s", LEASE)


def test_a_forged_state_without_votes_is_not_claimed(
    request_: ApprovalRequest, profile: ApprovalProfile, vote: Sign, now: datetime
) -> None:
    """Writing approved into the store approves nothing: the signatures are checked again."""
    for votes in ((), (vote("user:carol"),), (vote("user:carol"), vote("user:carol", minutes=2))):
        forged = replace(request_, state=ApprovalState.APPROVED, decided_at=now, votes=votes)
        with pytest.raises(ApprovalConflict, match="too few"):
            claim(forged, profile, now + 3 * MINUTE, "s", LEASE)


def test_an_altered_question_is_not_claimed(
    approved: ApprovalRequest, profile: ApprovalProfile, now: datetime
) -> None:
    """Votes for one question do not let another be executed."""
    for change in ({"resolved": "sha256:x"}, {"need": 1}, {"execute_within": timedelta(days=9)}):
        altered = replace(approved, **change)
        with pytest.raises(ApprovalConflict, match="too few"):
            claim(altered, profile, now + 3 * MINUTE, "s", LEASE)


def test_a_hidden_rejection_is_not_overruled(
    approved: ApprovalRequest, profile: ApprovalProfile, vote: Sign, now: datetime
) -> None:
    """A valid rejection among the votes stops the claim, whatever the state says."""
    votes = (*approved.votes, vote("user:erin", Answer.REJECT))
    with pytest.raises(ApprovalConflict, match="rejected"):
        claim(replace(approved, votes=votes), profile, now + 3 * MINUTE, "s", LEASE)


def test_a_profile_made_stricter_holds_at_the_claim(
    approved: ApprovalRequest, profile: ApprovalProfile, now: datetime
) -> None:
    """An approver who was taken off the list, or a higher need, counts at the claim."""
    without_dave = tuple(one for one in profile.approvers if one.id != "user:dave")
    for stricter in (replace(profile, need=3), replace(profile, approvers=without_dave)):
        with pytest.raises(ApprovalConflict, match="too few"):
            claim(approved, stricter, now + 3 * MINUTE, "s", LEASE)


def test_a_need_of_nobody_needs_somebody(
    request_: ApprovalRequest, profile: ApprovalProfile, now: datetime
) -> None:
    """A request that needs no approver, by mistake or forgery, is not claimed without one."""
    forged = replace(request_, need=0, state=ApprovalState.APPROVED)
    with pytest.raises(ApprovalConflict, match="too few"):
        claim(forged, replace(profile, need=0), now, "s", LEASE)


def test_a_lease_without_length_is_refused(
    approved: ApprovalRequest, profile: ApprovalProfile, now: datetime
) -> None:
    """A claim that would lapse at once is refused."""
    with pytest.raises(ApprovalConflict, match="lease"):
        claim(approved, profile, now + 3 * MINUTE, "s", timedelta(0))


def test_a_pending_request_expires_when_nobody_answers(
    request_: ApprovalRequest, now: datetime
) -> None:
    """A request expires after its time to answer and not before."""
    assert expire_if_due(request_, request_.decide_by) is None
    late = expire_if_due(request_, request_.decide_by + timedelta(microseconds=1))
    assert late is not None
    assert (late.state, late.version) == (ApprovalState.EXPIRED, 1)


def test_an_approved_request_expires_when_nobody_makes_the_call(
    approved: ApprovalRequest, profile: ApprovalProfile, now: datetime
) -> None:
    """An approval expires after its time to execute and not before."""
    last = now + 2 * MINUTE + profile.execute_within
    assert expire_if_due(approved, last) is None
    late = expire_if_due(approved, last + timedelta(microseconds=1))
    assert late is not None
    assert late.state is ApprovalState.EXPIRED


@pytest.mark.parametrize("state", [*sorted(ENDED), ApprovalState.EXECUTING])
def test_what_runs_or_ended_does_not_expire(
    approved: ApprovalRequest, now: datetime, state: ApprovalState
) -> None:
    """Neither an execution nor an end expires."""
    assert expire_if_due(replace(approved, state=state), now + timedelta(days=9)) is None


@pytest.mark.parametrize("end", [ApprovalState.DONE, ApprovalState.FAILED, ApprovalState.UNKNOWN])
def test_an_execution_ends_done_failed_or_unknown(
    approved: ApprovalRequest, profile: ApprovalProfile, now: datetime, end: ApprovalState
) -> None:
    """An execution ends in one of three states and keeps who executed it."""
    taken = claim(approved, profile, now + 3 * MINUTE, "s", LEASE)
    ended = finish(taken, end)
    assert (ended.state, ended.version, ended.claimed_by) == (end, taken.version + 1, "s")


@pytest.mark.parametrize(
    "end",
    sorted(set(ApprovalState) - {ApprovalState.DONE, ApprovalState.FAILED, ApprovalState.UNKNOWN}),
)
def test_an_execution_does_not_end_otherwise(
    approved: ApprovalRequest, profile: ApprovalProfile, now: datetime, end: ApprovalState
) -> None:
    """An execution never goes back to approved, so it never runs twice."""
    taken = claim(approved, profile, now + 3 * MINUTE, "s", LEASE)
    with pytest.raises(ApprovalConflict):
        finish(taken, end)


def test_an_execution_past_its_lease_is_unknown(
    approved: ApprovalRequest, profile: ApprovalProfile, now: datetime
) -> None:
    """A crash after the claim gives unknown, never a second run."""
    taken = claim(approved, profile, now + 3 * MINUTE, "s", LEASE)
    assert lapse(taken, now + 3 * MINUTE + LEASE) is None
    lapsed = lapse(taken, now + 4 * MINUTE + LEASE)
    assert lapsed is not None
    assert lapsed.state is ApprovalState.UNKNOWN
    with pytest.raises(ApprovalConflict):
        claim(lapsed, profile, now + 4 * MINUTE, "s", LEASE)


def test_only_an_execution_lapses(approved: ApprovalRequest, now: datetime) -> None:
    """What does not execute does not become unknown."""
    assert lapse(approved, now + timedelta(days=9)) is None


@pytest.mark.parametrize("state", sorted(ENDED))
def test_what_ended_stays_ended(
    approved: ApprovalRequest,
    profile: ApprovalProfile,
    vote: Sign,
    now: datetime,
    state: ApprovalState,
) -> None:
    """No function leads out of an ended state."""
    ended = replace(approved, state=state)
    attempts: list[Callable[[], ApprovalRequest]] = [
        lambda: with_vote(ended, vote("user:erin"), profile, now + 3 * MINUTE),
        lambda: claim(ended, profile, now + 3 * MINUTE, "s", LEASE),
        lambda: finish(ended, ApprovalState.DONE),
        lambda: cancel(ended),
    ]
    for attempt in attempts:
        with pytest.raises(ApprovalConflict) as caught:
            attempt()
        assert caught.value.request_id == ended.id


def test_a_request_is_cancelled_until_it_is_claimed(
    request_: ApprovalRequest, approved: ApprovalRequest, profile: ApprovalProfile, now: datetime
) -> None:
    """A request can be withdrawn before the claim and not after it."""
    assert cancel(request_).state is ApprovalState.CANCELLED
    assert cancel(approved).state is ApprovalState.CANCELLED
    with pytest.raises(ApprovalConflict):
        cancel(claim(approved, profile, now + 3 * MINUTE, "s", LEASE))
