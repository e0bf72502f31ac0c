# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can a high-impact tool run without people having agreed to exactly that call?

The story: three agent frameworks ran an approved tool twice when the same pause was resumed
twice, one of them with altered arguments; none knew who had answered.
"""

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agentguard import (
    AgentGuardError,
    ApprovalExpired,
    ApprovalPending,
    ApprovalRejected,
    CallRefused,
    DeniedByPolicy,
    Guard,
)
from agentguard.approvals import sign_vote
from agentguard.canonical import instant
from agentguard.signing import new_key
from agentguard.stores import SqliteReader
from agentguard.vocabulary import (
    Answer,
    ApprovalChange,
    ApprovalState,
)
from agentguard.wiring import now

if TYPE_CHECKING:
    from tests.attacks.conftest import Desk, DeskOf

TO = "jane.doe@customers.example"


def written() -> str:
    """Return this moment as the store writes it."""
    return instant(now())


def test_an_approved_call_runs_once_when_it_is_made_again(desk: "Desk") -> None:
    """The call waits, is approved, runs on the next try, and asks anew on the one after."""
    first = desk.pending()
    assert desk.pending() == first
    assert desk.ran == []
    desk.answer(first)
    assert desk.call() == "refunded 400"
    assert desk.request(first).state is ApprovalState.DONE
    assert desk.pending() != first
    assert desk.ran == [400]


def test_another_amount_does_not_ride_on_an_approval(desk: "Desk") -> None:
    """An approval of 400 does not let 500 through."""
    desk.answer(desk.pending(400))
    other = desk.pending(500)
    assert desk.ran == []
    assert desk.request(other).state is ApprovalState.PENDING


def test_another_session_does_not_ride_on_an_approval(desk: "Desk") -> None:
    """The same call in another session asks for itself."""
    desk.answer(desk.pending())
    with pytest.raises(ApprovalPending):
        desk.call(session="another")
    assert desk.ran == []


def test_a_rejected_call_stays_rejected(desk: "Desk") -> None:
    """A rejected call is refused again without a new question."""
    request = desk.pending()
    desk.answer(request, Answer.REJECT)
    for _ in range(2):
        with pytest.raises(ApprovalRejected) as caught:
            desk.call()
        assert (caught.value.request_id, caught.value.approver) == (request, "user:carol")
    assert desk.ran == []


def test_a_stored_approval_without_votes_does_not_hold(desk: "Desk") -> None:
    """A row that somebody set to approved is worth nothing without signatures."""
    request = desk.pending()
    desk.tamper(
        "UPDATE approval SET state = 'approved', decided_at = ? WHERE id = ?", written(), request
    )
    with pytest.raises(AgentGuardError) as caught:
        desk.call()
    assert not isinstance(caught.value, ApprovalPending)
    assert caught.value.dispatched is False
    assert desk.ran == []


def test_a_vote_by_an_unknown_key_does_not_hold(desk: "Desk") -> None:
    """A vote that is signed with another key than the policy's is worth nothing."""
    request = desk.request(desk.pending())
    forged = sign_vote(
        request,
        approver="user:carol",
        answer=Answer.APPROVE,
        at=now(),
        private_key=new_key()[0],
    )
    after = replace(
        request,
        state=ApprovalState.APPROVED,
        version=request.version + 1,
        decided_at=now(),
        votes=(forged,),
    )
    desk.write(ApprovalChange(before=request, after=after, vote=forged))
    with pytest.raises(CallRefused, match="does not hold"):
        desk.call()
    assert desk.ran == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tool", "delete_account"),
        ("shown", '{"amount":1}'),
        ("need", 0),
        ("profile", "other"),
        ("requesters", ["agent:support"]),
        ("chain", ["agent:support"]),
        ("nonce", "00" * 32),
        ("decide_by", "2099-01-01T00:00:00.000000Z"),
        ("execute_within", 10**12),
        ("impact", "read_only"),
        ("rule", "other"),
    ],
)
def test_an_altered_request_does_not_hold(desk: "Desk", field: str, value: object) -> None:
    """A request that was altered after the vote no longer carries the signature."""
    request = desk.pending()
    desk.answer(request)
    desk.alter(request, field, value)
    with pytest.raises(AgentGuardError):
        desk.call()
    assert desk.ran == []


def test_a_vote_of_one_request_does_not_count_for_another(desk: "Desk") -> None:
    """A signature is bound to its own request and cannot be replayed for the next."""
    first = desk.pending(400)
    desk.answer(first)
    second = desk.pending(500)
    desk.tamper("UPDATE approval_vote SET request_id = ? WHERE request_id = ?", second, first)
    desk.tamper(
        "UPDATE approval SET state = 'approved', decided_at = ? WHERE id = ?",
        written(),
        second,
    )
    with pytest.raises(AgentGuardError):
        desk.call(500)
    assert desk.ran == []


def test_a_spent_approval_set_back_to_executing_does_not_run(desk: "Desk") -> None:
    """A spent request that is made to look as if it were running does not run again."""
    request = desk.pending()
    desk.answer(request)
    desk.call()
    desk.tamper("UPDATE approval SET state = 'executing' WHERE id = ?", request)
    with pytest.raises(AgentGuardError):
        desk.call()
    assert desk.ran == [400]


def test_a_row_without_a_need_for_votes_does_not_hold(desk: "Desk") -> None:
    """The policy's profile says how many must approve, not the row."""
    request = desk.pending()
    desk.alter(request, "need", 0)
    desk.tamper(
        "UPDATE approval SET state = 'approved', decided_at = ? WHERE id = ?", written(), request
    )
    with pytest.raises(AgentGuardError):
        desk.call()
    assert desk.ran == []


def test_the_requester_cannot_approve(tmp_path: Path, policy_file: Path, desk_of: "DeskOf") -> None:
    """A person who stands in the chain, or owns the agent, does not count as approver."""
    text = policy_file.read_text()
    text = text.replace('id = "agent:support"', 'id = "agent:support"\nowner = "user:carol"', 1)
    policy_file.write_text(text)
    with Guard.from_file(policy_file) as guard:
        desk = desk_of(guard)
        request = desk.pending()
        with pytest.raises(ValueError, match="requester"):
            desk.answer(request)
        assert desk.ran == []


def test_an_unanswered_request_expires(desk: "Desk", monkeypatch: pytest.MonkeyPatch) -> None:
    """A request past its time is refused as expired, once, and then asked anew."""
    first = desk.pending()
    later(desk, monkeypatch, timedelta(hours=5))
    with pytest.raises(ApprovalExpired):
        desk.call()
    assert desk.pending() != first
    assert desk.ran == []


def test_an_approved_call_that_comes_too_late_expires(
    desk: "Desk", monkeypatch: pytest.MonkeyPatch
) -> None:
    """An approval is spent when the call is not made within the profile's time."""
    desk.answer(desk.pending())
    later(desk, monkeypatch, timedelta(minutes=11))
    with pytest.raises(ApprovalExpired):
        desk.call()
    assert desk.ran == []


def later(desk: "Desk", monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    """Move the guard's clock."""
    enforcer = desk.guard._parts.enforcer
    monkeypatch.setattr(enforcer, "core", replace(enforcer.core, now=lambda: now() + by))


def test_racing_callers_run_an_approved_call_once(desk: "Desk") -> None:
    """Of eight threads that make the approved call at once, one runs it."""
    desk.answer(desk.pending())
    barrier = threading.Barrier(8)
    endings: list[str] = []

    def race() -> None:
        barrier.wait()
        try:
            desk.call()
        except AgentGuardError as error:
            endings.append(type(error).__name__)
        else:
            endings.append("ran")

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert desk.ran == [400]
    assert endings.count("ran") == 1


def test_a_tool_that_fails_spends_its_approval(desk: "Desk", guard: Guard) -> None:
    """A failed execution is not repeated on the same approval."""

    def breaking(order: str, amount: int, to: str) -> str:
        desk.ran.append(amount)
        raise LookupError("no such order")

    breaking.__name__ = "refund"
    failing = guard.tool(breaking)

    def call() -> str:
        with guard.identity("agent:support", on_behalf_of="user:alice", session="s"):
            return failing("ORD-00012345", 400, TO)

    with pytest.raises(ApprovalPending) as caught:
        call()
    desk.answer(caught.value.request_id)
    with pytest.raises(LookupError):
        call()
    assert desk.request(caught.value.request_id).state is ApprovalState.FAILED
    with pytest.raises(ApprovalPending):
        call()
    assert desk.ran == [400]


def test_a_refusal_by_policy_is_not_asked_about(desk: "Desk") -> None:
    """A call that no rule allows is denied, and nobody is bothered with it."""
    with pytest.raises(DeniedByPolicy):
        desk.call(5000)
    assert SqliteReader(desk.database).approvals() == []


def test_an_approver_is_not_shown_a_secret_that_another_argument_gives_away(
    policy_file: Path, desk_of: "DeskOf"
) -> None:
    """What is recognised in one place is hidden in every place, on the screen and on disk."""
    secret = "wJalrXUtnFEMI7K7MDENGbPxRfiCY0123456789a"
    text = policy_file.read_text()
    text = text.replace('args.order = { match = "ORD-[0-9]{8}" }', "args.order = { any = true }")
    text = text.replace('receives = ["email"] ', 'receives = ["*"] ')
    policy_file.write_text(text)
    with Guard.from_file(policy_file) as guard:
        desk = desk_of(guard)
        with (
            guard.identity("agent:support", on_behalf_of="user:alice"),
            pytest.raises(ApprovalPending) as caught,
        ):
            desk.refund([secret, f"aws_secret_access_key={secret}"], 400, TO)  # type: ignore[arg-type]  # any JSON value
        shown = desk.request(caught.value.request_id).shown
    assert secret not in shown
    assert TO in shown
    stored = b"".join(file.read_bytes() for file in policy_file.parent.glob("agentguard.db*"))
    assert secret.encode() not in stored
