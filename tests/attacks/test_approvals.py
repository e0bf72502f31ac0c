# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can a high-impact tool run without people having agreed to exactly that call?

The story: three agent frameworks ran an approved tool twice when the same pause was resumed
twice, one of them with altered arguments; none knew who had answered.
"""

import asyncio
import json
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentguard import (
    AgentGuardError,
    ApprovalExpired,
    ApprovalPending,
    ApprovalRejected,
    CallRefused,
    DeniedByPolicy,
    Guard,
    wiring,
)
from agentguard.approvals import new_approver_key, sign_vote, with_vote
from agentguard.audit import parse_entry, verify
from agentguard.canonical import instant
from agentguard.config import load
from agentguard.stores import Journal, SqliteReader, SqliteStore
from agentguard.vocabulary import (
    Answer,
    ApprovalChange,
    ApprovalRequest,
    ApprovalState,
    AuditEntry,
    EntryType,
    Outcome,
)
from agentguard.wiring import now

TO = "jane.doe@customers.example"


def written() -> str:
    """Return this moment as the store writes it."""
    return instant(now())


Refund = Callable[[str, int, str], str]


class Desk:
    """A guarded refund tool, what it did, and an approver beside it."""

    def __init__(self, guard: Guard, policy_file: Path, private_key: bytes) -> None:
        self.guard = guard
        self.policy = load(policy_file).policy
        self.database = policy_file.parent / "agentguard.db"
        self.private_key = private_key
        self.ran: list[int] = []

        @guard.tool
        def refund(order: str, amount: int, to: str) -> str:
            self.ran.append(amount)
            return f"refunded {amount}"

        self.refund: Refund = refund

    def call(self, amount: int = 400, *, person: str = "user:alice", session: str = "s") -> str:
        """Ask for a refund in a session that can be met again."""
        with self.guard.identity("agent:support", on_behalf_of=person, session=session):
            return self.refund("ORD-00012345", amount, TO)

    def pending(self, amount: int = 400) -> str:
        """Ask for a refund that needs approval and return the request's id."""
        with pytest.raises(ApprovalPending) as caught:
            self.call(amount)
        return caught.value.request_id

    def request(self, request_id: str) -> ApprovalRequest:
        """Read a request."""
        with SqliteStoreOpen(self.database) as store:
            found = store.approval(request_id)
        assert found is not None
        return found

    def answer(
        self,
        request_id: str,
        answer: Answer = Answer.APPROVE,
        *,
        by: str = "user:carol",
        key: bytes = b"",
    ) -> None:
        """Answer as an approver's process does."""
        request = self.request(request_id)
        vote = sign_vote(
            request, approver=by, answer=answer, at=now(), private_key=key or self.private_key
        )
        after = with_vote(request, vote, self.policy.profiles["leads"], now())
        self.write(ApprovalChange(before=request, after=after, vote=vote))

    def write(self, change: ApprovalChange) -> None:
        """Write a change as another process."""
        with SqliteStoreOpen(self.database) as store:
            journal = Journal(store, now)
            entry = AuditEntry(type=EntryType.APPROVAL_VOTED, at=now())
            journal.append(entry, durable=True, change=change)
            journal.close()

    def tamper(self, sql: str, *values: object) -> None:
        """Change the database behind the guard's back, as somebody who owns the file can."""
        with closing(sqlite3.connect(self.database)) as connection, connection:
            for trigger in ("approval_stays_what_was_asked", "approval_stays_ended"):
                connection.execute(f"DROP TRIGGER IF EXISTS {trigger}")
            assert connection.execute(sql, values).rowcount == 1

    def alter(self, request: str, field: str, value: object) -> None:
        """Change one field of what was asked."""
        with closing(sqlite3.connect(self.database)) as connection:
            sql = "SELECT question FROM approval WHERE id = ?"
            question = json.loads(connection.execute(sql, (request,)).fetchone()[0])
        assert field in question
        written = json.dumps({**question, field: value}).encode()
        self.tamper("UPDATE approval SET question = ? WHERE id = ?", written, request)
        if field == "tool":
            self.tamper("UPDATE approval SET tool = ? WHERE id = ?", value, request)


class SqliteStoreOpen:
    """A store for the length of a block."""

    def __init__(self, path: Path) -> None:
        self._store = SqliteStore(path)

    def __enter__(self) -> SqliteStore:
        return self._store

    def __exit__(self, *_: object) -> None:
        self._store.close()


@pytest.fixture
def desk(guard: Guard, policy_file: Path, approver_key: tuple[bytes, str]) -> Desk:
    """A desk of the starter policy."""
    return Desk(guard, policy_file, approver_key[0])


def test_an_approved_call_runs_once_when_it_is_made_again(desk: Desk) -> None:
    """The call waits, is approved, runs on the next try, and asks anew on the one after."""
    first = desk.pending()
    assert desk.pending() == first
    assert desk.ran == []
    desk.answer(first)
    assert desk.call() == "refunded 400"
    assert desk.request(first).state is ApprovalState.DONE
    assert desk.pending() != first
    assert desk.ran == [400]


def test_a_tool_that_outlasts_its_lease_keeps_its_result(
    policy_file: Path, approver_key: tuple[bytes, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that lapsed while its tool ran costs the caller nothing, and the log says so."""
    monkeypatch.setattr(wiring, "LEASE", timedelta(seconds=0.1))
    running, leave = threading.Event(), threading.Event()
    results: list[str] = []
    with Guard.from_file(policy_file) as guard:
        desk = Desk(guard, policy_file, approver_key[0])

        @guard.tool(name="refund")
        def slowly(order: str, amount: int, to: str) -> str:
            running.set()
            assert leave.wait(20)
            return f"{order} {amount} {to}"

        desk.refund = slowly
        first = desk.pending()
        desk.answer(first)
        thread = threading.Thread(target=lambda: results.append(desk.call()))
        thread.start()
        assert running.wait(20)
        time.sleep(0.15)
        again = desk.pending()
        leave.set()
        thread.join()
        assert desk.request(first).state is ApprovalState.UNKNOWN
    assert results == [f"ORD-00012345 400 {TO}"]
    assert again != first
    reader = SqliteReader(desk.database)
    assert verify(reader.logs()).completeness.ranges == ()
    rows = [row for log in reader.logs() for row in log.rows]
    entries = [parse_entry(row.content).entry for row in rows]
    (outcome,) = [entry for entry in entries if entry.type is EntryType.OUTCOME]
    assert (outcome.outcome, outcome.details) == (Outcome.COMPLETED, {"approval": "lapsed"})


@pytest.mark.parametrize(
    ("written", "state"), [(False, ApprovalState.APPROVED), (True, ApprovalState.FAILED)]
)
def test_an_interrupted_claim_runs_nothing_and_leaves_no_gap(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, *, written: bool, state: ApprovalState
) -> None:
    """Ctrl-C at the claim leaves the approval to be used, or ended if it was claimed already."""
    request = desk.pending()
    desk.answer(request)
    append = Journal.append

    def interrupted(self: Journal, entry: AuditEntry, **kwargs: Any) -> Any:
        if entry.type is EntryType.INTENT:
            if written:
                append(self, entry, **kwargs)
            raise KeyboardInterrupt
        return append(self, entry, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", interrupted)
        with pytest.raises(KeyboardInterrupt):
            desk.call()
    assert (desk.ran, desk.request(request).state) == ([], state)
    desk.guard.close()
    assert verify(SqliteReader(desk.database).logs()).completeness.ranges == ()


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_call_does_not_wait_for_a_question_that_has_closed(
    policy_file: Path, approver_key: tuple[bytes, str], *, asynchronous: bool
) -> None:
    """A call that may wait for longer than the question is open ends with it, as expired."""
    text = policy_file.read_text().replace('wait = "0s"', 'wait = "20s"')
    policy_file.write_text(text.replace('decide_within = "4h"', 'decide_within = "1s"'))
    with Guard.from_file(policy_file) as guard:
        desk = Desk(guard, policy_file, approver_key[0])

        @guard.tool(name="refund")
        async def in_the_loop(order: str, amount: int, to: str) -> str:
            raise AssertionError((order, amount, to))

        if asynchronous:
            desk.refund = lambda *arguments: asyncio.run(in_the_loop(*arguments))
        began = time.monotonic()
        with pytest.raises(ApprovalExpired) as caught:
            desk.call()
        took = time.monotonic() - began
        assert desk.request(caught.value.request_id).state is ApprovalState.EXPIRED
    assert 0.9 < took < 10
    assert desk.ran == []


def test_another_amount_does_not_ride_on_an_approval(desk: Desk) -> None:
    """An approval of 400 does not let 500 through."""
    desk.answer(desk.pending(400))
    other = desk.pending(500)
    assert desk.ran == []
    assert desk.request(other).state is ApprovalState.PENDING


def test_another_session_does_not_ride_on_an_approval(desk: Desk) -> None:
    """The same call in another session asks for itself."""
    desk.answer(desk.pending())
    with pytest.raises(ApprovalPending):
        desk.call(session="another")
    assert desk.ran == []


def test_a_rejected_call_stays_rejected(desk: Desk) -> None:
    """A rejected call is refused again without a new question."""
    request = desk.pending()
    desk.answer(request, Answer.REJECT)
    for _ in range(2):
        with pytest.raises(ApprovalRejected) as caught:
            desk.call()
        assert (caught.value.request_id, caught.value.approver) == (request, "user:carol")
    assert desk.ran == []


def test_a_stored_approval_without_votes_does_not_hold(desk: Desk) -> None:
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


def test_a_vote_by_an_unknown_key_does_not_hold(desk: Desk) -> None:
    """A vote that is signed with another key than the policy's is worth nothing."""
    request = desk.request(desk.pending())
    forged = sign_vote(
        request,
        approver="user:carol",
        answer=Answer.APPROVE,
        at=now(),
        private_key=new_approver_key()[0],
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
def test_an_altered_request_does_not_hold(desk: Desk, field: str, value: object) -> None:
    """A request that was altered after the vote no longer carries the signature."""
    request = desk.pending()
    desk.answer(request)
    desk.alter(request, field, value)
    with pytest.raises(AgentGuardError):
        desk.call()
    assert desk.ran == []


def test_a_vote_of_one_request_does_not_count_for_another(desk: Desk) -> None:
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


def test_a_spent_approval_set_back_to_executing_does_not_run(desk: Desk) -> None:
    """A spent request that is made to look as if it were running does not run again."""
    request = desk.pending()
    desk.answer(request)
    desk.call()
    desk.tamper("UPDATE approval SET state = 'executing' WHERE id = ?", request)
    with pytest.raises(AgentGuardError):
        desk.call()
    assert desk.ran == [400]


def test_a_row_without_a_need_for_votes_does_not_hold(desk: Desk) -> None:
    """The policy's profile says how many must approve, not the row."""
    request = desk.pending()
    desk.alter(request, "need", 0)
    desk.tamper(
        "UPDATE approval SET state = 'approved', decided_at = ? WHERE id = ?", written(), request
    )
    with pytest.raises(AgentGuardError):
        desk.call()
    assert desk.ran == []


def test_the_requester_cannot_approve(
    tmp_path: Path, policy_file: Path, approver_key: tuple[bytes, str]
) -> None:
    """A person who stands in the chain, or owns the agent, does not count as approver."""
    text = policy_file.read_text()
    text = text.replace('id = "agent:support"', 'id = "agent:support"\nowner = "user:carol"', 1)
    policy_file.write_text(text)
    with Guard.from_file(policy_file) as guard:
        desk = Desk(guard, policy_file, approver_key[0])
        request = desk.pending()
        with pytest.raises(ValueError, match="requester"):
            desk.answer(request)
        assert desk.ran == []


def test_an_unanswered_request_expires(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request past its time is refused as expired, once, and then asked anew."""
    first = desk.pending()
    later(desk, monkeypatch, timedelta(hours=5))
    with pytest.raises(ApprovalExpired):
        desk.call()
    assert desk.pending() != first
    assert desk.ran == []


def test_an_approved_call_that_comes_too_late_expires(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An approval is spent when the call is not made within the profile's time."""
    desk.answer(desk.pending())
    later(desk, monkeypatch, timedelta(minutes=11))
    with pytest.raises(ApprovalExpired):
        desk.call()
    assert desk.ran == []


def later(desk: Desk, monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    """Move the guard's clock."""
    enforcer = desk.guard._parts.enforcer
    monkeypatch.setattr(enforcer, "core", replace(enforcer.core, now=lambda: now() + by))


def test_racing_callers_run_an_approved_call_once(desk: Desk) -> None:
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


def test_a_tool_that_fails_spends_its_approval(desk: Desk, guard: Guard) -> None:
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


def test_a_blocked_caller_goes_on_when_the_answer_comes(
    policy_file: Path,
    approver_key: tuple[bytes, str],
    tracing: TracerProvider,
    spans: InMemorySpanExporter,
) -> None:
    """A profile with a wait lets the call itself block until somebody answers."""
    policy_file.write_text(policy_file.read_text().replace('wait = "0s"', 'wait = "20s"'))
    with Guard.from_file(policy_file, tracer_provider=tracing) as guard:
        desk = Desk(guard, policy_file, approver_key[0])
        answering = threading.Thread(target=answer_when_asked, args=(desk,))
        answering.start()
        assert desk.call() == "refunded 400"
        answering.join()
    names = [span.name for span in spans.get_finished_spans()]
    assert names == ["approval refund", "execute_tool refund", "guard execute_tool refund"]


def answer_when_asked(desk: Desk) -> None:
    """Approve the first request that comes."""
    for _ in range(400):
        with SqliteStoreOpen(desk.database) as store:
            waiting = store.approvals([ApprovalState.PENDING])
        if waiting:
            desk.answer(waiting[0].id)
            return
        time.sleep(0.02)


def test_an_async_tool_waits_without_blocking_the_loop(
    policy_file: Path, approver_key: tuple[bytes, str]
) -> None:
    """While an async call waits for its approval, other tasks run."""
    policy_file.write_text(policy_file.read_text().replace('wait = "0s"', 'wait = "20s"'))
    ticks: list[int] = []

    async def both(guard: Guard, desk: Desk) -> str:
        @guard.tool
        async def refund(order: str, amount: int, to: str) -> str:
            return f"refunded {amount}"

        async def tick() -> None:
            while True:
                ticks.append(1)
                await asyncio.sleep(0.01)

        ticking = asyncio.create_task(tick())
        with guard.identity("agent:support", on_behalf_of="user:alice"):
            answering = asyncio.create_task(asyncio.to_thread(answer_when_asked, desk))
            result = await refund("ORD-00012345", 400, TO)
        await answering
        ticking.cancel()
        return result

    with Guard.from_file(policy_file) as guard:
        desk = Desk(guard, policy_file, approver_key[0])
        assert asyncio.run(both(guard, desk)) == "refunded 400"
    assert len(ticks) > 3


def test_a_refusal_by_policy_is_not_asked_about(desk: Desk) -> None:
    """A call that no rule allows is denied, and nobody is bothered with it."""
    with pytest.raises(DeniedByPolicy):
        desk.call(5000)
    with SqliteStoreOpen(desk.database) as store:
        assert store.approvals() == []


def test_an_approver_is_not_shown_a_secret_that_another_argument_gives_away(
    policy_file: Path, approver_key: tuple[bytes, str]
) -> None:
    """What is recognised in one place is hidden in every place, on the screen and on disk."""
    secret = "wJalrXUtnFEMI7K7MDENGbPxRfiCY0123456789a"
    text = policy_file.read_text()
    text = text.replace('args.order = { match = "ORD-[0-9]{8}" }', "args.order = { any = true }")
    text = text.replace('receives = ["email"] ', 'receives = ["*"] ')
    policy_file.write_text(text)
    with Guard.from_file(policy_file) as guard:
        desk = Desk(guard, policy_file, approver_key[0])
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
