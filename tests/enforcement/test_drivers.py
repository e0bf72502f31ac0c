# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Do the two drivers perform every step, and what if the caller gives up in the middle?"""

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from agentguard import ApprovalPending, Guard
from agentguard.audit import parse_entry, verify
from agentguard.pipeline import Step
from agentguard.stores import Journal, SqliteReader
from agentguard.vocabulary import (
    ApprovalState,
    AuditEntry,
    EntryType,
    Outcome,
)

TO = "jane.doe@customers.example"


def outcomes(folder: Path) -> list[AuditEntry]:
    """Return the entries of calls, in order."""
    reader = SqliteReader(folder / "agentguard.db")
    (record,) = reader.streams()
    found = [parse_entry(row.content).entry for row in reader.entries(record.stream)]
    return [entry for entry in found if entry.call_id is not None]


def test_a_cancelled_tool_is_written_down(guard: Guard, tmp_path: Path) -> None:
    """A task that is cancelled while its tool runs leaves an outcome that says so."""
    started = asyncio.Event()

    @guard.tool
    async def refund(order: str, amount: int, to: str) -> str:
        started.set()
        await asyncio.sleep(60)
        return order

    async def main() -> None:
        with guard.identity("agent:support", on_behalf_of="user:alice"):
            task = asyncio.create_task(refund("ORD-00012345", 40, TO))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    intent, outcome = outcomes(tmp_path)
    assert intent.type is EntryType.INTENT
    assert (outcome.type, outcome.outcome) == (EntryType.OUTCOME, Outcome.CANCELLED)
    assert outcome.error == "CancelledError"


def slow_commits(monkeypatch: pytest.MonkeyPatch, type_: EntryType) -> threading.Event:
    """Make the journal slow for entries of one type; the event says that it has begun."""
    append, begun = Journal.append, threading.Event()

    def slowly(self: Journal, entry: AuditEntry, **kwargs: Any) -> Any:
        if entry.type is type_:
            begun.set()
            time.sleep(0.2)
        return append(self, entry, **kwargs)

    monkeypatch.setattr(Journal, "append", slowly)
    return begun


def test_a_second_cancellation_does_not_lose_the_outcome(
    guard: Guard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often a task is cancelled, the outcome of what it began is on disk."""
    begun = slow_commits(monkeypatch, EntryType.OUTCOME)
    started = asyncio.Event()

    @guard.tool
    async def refund(order: str, amount: int, to: str) -> str:
        started.set()
        await asyncio.sleep(60)
        return order

    async def main() -> None:
        with guard.identity("agent:support", on_behalf_of="user:alice"):
            task = asyncio.create_task(refund("ORD-00012345", 40, TO))
        await started.wait()
        task.cancel()
        await asyncio.to_thread(begun.wait)
        task.cancel()
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert outcomes(tmp_path)[-1].outcome is Outcome.CANCELLED


def test_a_cancellation_while_the_intent_is_written_stops_the_call(
    guard: Guard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that is cancelled before dispatch does not dispatch, and its intent is answered."""
    begun = slow_commits(monkeypatch, EntryType.INTENT)
    ran: list[str] = []

    @guard.tool
    async def refund(order: str, amount: int, to: str) -> str:
        ran.append(order)
        return order

    async def main() -> None:
        with guard.identity("agent:support", on_behalf_of="user:alice"):
            task = asyncio.create_task(refund("ORD-00012345", 40, TO))
        await asyncio.to_thread(begun.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert ran == []
    intent, outcome = outcomes(tmp_path)
    assert (intent.type, outcome.outcome) == (EntryType.INTENT, Outcome.CANCELLED)


def test_an_interrupted_tool_is_written_down(guard: Guard, tmp_path: Path) -> None:
    """Ctrl-C in a synchronous tool leaves an outcome, and the interruption goes on."""

    @guard.tool
    def refund(order: str, amount: int, to: str) -> str:
        raise KeyboardInterrupt

    with (
        guard.identity("agent:support", on_behalf_of="user:alice"),
        pytest.raises(KeyboardInterrupt),
    ):
        refund("ORD-00012345", 40, TO)
    assert outcomes(tmp_path)[-1].outcome is Outcome.CANCELLED


@pytest.mark.parametrize("type_", [EntryType.INTENT, EntryType.OUTCOME])
@pytest.mark.parametrize("written", [False, True])
def test_an_interruption_while_an_entry_is_written_leaves_no_gap(
    guard: Guard,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    type_: EntryType,
    *,
    written: bool,
) -> None:
    """Whether or not an entry was written when Ctrl-C came, the log is whole and says so."""
    append = Journal.append
    ran: list[int] = []

    @guard.tool
    def refund(order: str, amount: int, to: str) -> str:
        ran.append(amount)
        return order

    def interrupted(self: Journal, entry: AuditEntry, **kwargs: Any) -> Any:
        if entry.type is type_ and not entry.interrupted:
            if written:
                append(self, entry, **kwargs)
            raise KeyboardInterrupt
        return append(self, entry, **kwargs)

    monkeypatch.setattr(Journal, "append", interrupted)
    with (
        guard.identity("agent:support", on_behalf_of="user:alice"),
        pytest.raises(KeyboardInterrupt),
    ):
        refund("ORD-00012345", 40, TO)
    guard.close()
    assert ran == ([] if type_ is EntryType.INTENT else [40])
    reader = SqliteReader(tmp_path / "agentguard.db")
    assert verify(reader.logs()).completeness.ranges == ()
    last = outcomes(tmp_path)[-1]
    assert (last.outcome, last.details["interrupted"]) == (Outcome.CANCELLED, type_.value)


def test_a_cancelled_wait_for_people_leaves_the_question_open(guard: Guard, tmp_path: Path) -> None:
    """Giving up while people are asked neither runs the tool nor withdraws the question."""
    path = tmp_path / "waiting.toml"
    text = (tmp_path / "agentguard.toml").read_text()
    path.write_text(text.replace('wait = "0s"', 'wait = "60s"').replace("agentguard.db", "w.db"))

    async def main(waiting: Guard) -> None:
        @waiting.tool
        async def refund(order: str, amount: int, to: str) -> str:
            raise AssertionError(order)

        with waiting.identity("agent:support", on_behalf_of="user:alice"):
            task = asyncio.create_task(refund("ORD-00012345", 400, TO))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with Guard.from_file(path) as waiting:
        asyncio.run(main(waiting))
    (request,) = SqliteReader(tmp_path / "w.db").approvals()
    assert request.state is ApprovalState.PENDING


def test_a_pending_call_is_no_error_of_the_guard(guard: Guard, tmp_path: Path) -> None:
    """Waiting for people is written down as a refusal for the time being."""

    @guard.tool
    def refund(order: str, amount: int, to: str) -> str:
        return order

    with (
        guard.identity("agent:support", on_behalf_of="user:alice"),
        pytest.raises(ApprovalPending) as caught,
    ):
        refund("ORD-00012345", 400, TO)
    assert caught.value.dispatched is False
    kinds = [entry.type for entry in _after_close(guard, tmp_path)]
    assert kinds == [EntryType.APPROVAL_REQUESTED, EntryType.REFUSED]


def _after_close(guard: Guard, folder: Path) -> list[AuditEntry]:
    guard.close()
    return outcomes(folder)


def test_a_step_that_nobody_performs_is_an_error(guard: Guard) -> None:
    """A driver does not pass over a step that it does not know."""
    performer = guard._parts.enforcer._performer
    with pytest.raises(TypeError):
        performer.perform(Step[Any](), None)  # type: ignore[arg-type]  # never reached
