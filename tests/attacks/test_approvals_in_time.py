# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does an approval hold when its call waits, is interrupted, or takes longer than it may?"""

import asyncio
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentguard import (
    ApprovalExpired,
    Guard,
    wiring,
)
from agentguard.audit import parse_entry, verify
from agentguard.stores import Journal, SqliteReader
from agentguard.vocabulary import (
    ApprovalState,
    AuditEntry,
    EntryType,
    Outcome,
)

if TYPE_CHECKING:
    from tests.attacks.conftest import Desk, DeskOf

TO = "jane.doe@customers.example"


def test_a_tool_that_outlasts_its_lease_keeps_its_result(
    policy_file: Path, desk_of: "DeskOf", monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that lapsed while its tool ran costs the caller nothing, and the log says so."""
    monkeypatch.setattr(wiring, "LEASE", timedelta(seconds=0.1))
    running, leave = threading.Event(), threading.Event()
    results: list[str] = []
    with Guard.from_file(policy_file) as guard:
        desk = desk_of(guard)

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
    desk: "Desk", monkeypatch: pytest.MonkeyPatch, *, written: bool, state: ApprovalState
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
    policy_file: Path, desk_of: "DeskOf", *, asynchronous: bool
) -> None:
    """A call that may wait for longer than the question is open ends with it, as expired."""
    text = policy_file.read_text().replace('wait = "0s"', 'wait = "20s"')
    policy_file.write_text(text.replace('decide_within = "4h"', 'decide_within = "1s"'))
    with Guard.from_file(policy_file) as guard:
        desk = desk_of(guard)

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


def test_a_blocked_caller_goes_on_when_the_answer_comes(
    policy_file: Path,
    desk_of: "DeskOf",
    tracing: TracerProvider,
    spans: InMemorySpanExporter,
) -> None:
    """A profile with a wait lets the call itself block until somebody answers."""
    policy_file.write_text(policy_file.read_text().replace('wait = "0s"', 'wait = "20s"'))
    with Guard.from_file(policy_file, tracer_provider=tracing) as guard:
        desk = desk_of(guard)
        answering = threading.Thread(target=answer_when_asked, args=(desk,))
        answering.start()
        assert desk.call() == "refunded 400"
        answering.join()
    names = [span.name for span in spans.get_finished_spans()]
    assert names == ["approval refund", "execute_tool refund", "guard execute_tool refund"]


def answer_when_asked(desk: "Desk") -> None:
    """Approve the first request that comes."""
    for _ in range(400):
        waiting = SqliteReader(desk.database).approvals([ApprovalState.PENDING])
        if waiting:
            desk.answer(waiting[0].id)
            return
        time.sleep(0.02)


def test_an_async_tool_waits_without_blocking_the_loop(
    policy_file: Path, desk_of: "DeskOf"
) -> None:
    """While an async call waits for its approval, other tasks run."""
    policy_file.write_text(policy_file.read_text().replace('wait = "0s"', 'wait = "20s"'))
    ticks: list[int] = []

    async def both(guard: Guard, desk: "Desk") -> str:
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
        desk = desk_of(guard)
        assert asyncio.run(both(guard, desk)) == "refunded 400"
    assert len(ticks) > 3
