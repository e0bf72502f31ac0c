# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is a streamed call ended once, whichever way its stream ends, and whoever ends it?"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentguard import ContentRefused, Guard, GuardFailure
from agentguard.classification import Classifier
from agentguard.enforcement import Crossing, OpenStream, streams
from agentguard.integrations.openai import SURFACE
from agentguard.pipeline import Pull, Response
from agentguard.redaction import Event
from agentguard.stores import Journal
from agentguard.vocabulary import AuditEntry, Boundary, EntryType, ModelCall, Outcome

CARD = "4111 1111 1111 1111"
BLOCKED = '[[class]]\nname = "payment_card"\nin_answers = "block"\n'


def delta(text: str) -> Event:
    """Return an event with a piece of the answer."""
    return Event(None, {"choices": [{"index": 0, "delta": {"content": text}}]})


@pytest.fixture
def spans() -> InMemorySpanExporter:
    """The spans that ended."""
    return InMemorySpanExporter()


@pytest.fixture
def guard(policy_file: Path, spans: InMemorySpanExporter) -> Iterator[Guard]:
    """A guard of the starter policy, with cards blocked in answers."""
    text = policy_file.read_text()
    policy_file.write_text(text.replace('[[class]]\nname = "payment_card"\n', BLOCKED))
    tracing = TracerProvider()
    tracing.add_span_processor(SimpleSpanProcessor(spans))
    with Guard.from_file(policy_file, tracer_provider=tracing) as made:
        yield made


def described(call_id: str) -> ModelCall:
    """Return a streamed chat."""
    return ModelCall(
        id=call_id,
        operation="chat",
        verb="POST",
        path="/chat/completions",
        origin="http://127.0.0.1:80",
        model="m",
        payload={"model": "m", "messages": ({"role": "user", "content": "hello"},)},
        streams=True,
    )


def crossing() -> Crossing:
    """Return the crossing of a streamed chat."""
    return Crossing(
        boundary=Boundary.MODEL,
        surface="openai",
        operation="chat",
        target="m",
        carried=None,
        describe=described,
    )


def response() -> Response:
    """Return what a dispatch of a stream gives."""
    return Response(content=None, form=SURFACE.form(described("c")))


@pytest.fixture
def opened(guard: Guard, entries: list[AuditEntry]) -> OpenStream:
    """A stream that was opened and waits for its first event."""
    with guard.identity("agent:support", on_behalf_of="user:alice"):
        found = guard._parts.enforcer.call(crossing(), lambda _: response())
    assert isinstance(found, OpenStream)
    assert len(entries) == 1
    return found


async def opened_async(guard: Guard) -> OpenStream:
    """Open a stream in asynchronous code."""

    async def dispatch(_: Any) -> Response:
        return response()

    with guard.identity("agent:support", on_behalf_of="user:alice"):
        found = await guard._parts.enforcer.call_async(crossing(), dispatch)
    assert isinstance(found, OpenStream)
    return found


Ended = Callable[[Outcome], None]


@pytest.fixture
def ended(entries: list[AuditEntry], spans: InMemorySpanExporter, guard: Guard) -> Ended:
    """Say that the call ended once, how, and with both of its spans."""

    def check(how: Outcome) -> None:
        assert [entry.type for entry in entries] == [EntryType.INTENT, EntryType.OUTCOME]
        assert entries[-1].outcome is how
        names = sorted(span.name for span in spans.get_finished_spans())
        assert names == ["chat m", "guard chat m"]
        assert guard._parts.enforcer.open_streams == 0

    return check


def shown(released: Any) -> str:
    """Return the text of what was released."""
    return "".join(each.shown.content["choices"][0]["delta"]["content"] for each in released)


def joined_dropped() -> None:
    """Wait for the threads that end dropped streams."""
    for thread in threading.enumerate():
        if thread.name == "agentguard-dropped-stream":
            thread.join()


def test_a_stream_that_is_read_to_its_end_is_completed(
    opened: OpenStream, ended: Ended, spans: InMemorySpanExporter
) -> None:
    """The spans stay open as long as the stream, and end with it."""
    assert spans.get_finished_spans() == ()
    read = shown(opened.send(delta("one "))) + shown(opened.send(delta("two")))
    read += shown(opened.send(None))
    assert read == "one two"
    assert opened.ended
    opened.close()
    opened.abandon()
    ended(Outcome.COMPLETED)


def test_an_early_close_is_written_once(opened: OpenStream, ended: Ended) -> None:
    """However often it is closed, and even if somebody reads on: one ending, and no more text."""
    opened.send(delta("one "))
    opened.close()
    opened.close()
    opened.abandon()
    for event in (delta("two "), None):
        with pytest.raises(GuardFailure) as caught:
            opened.send(event)
        assert caught.value.dispatched
    opened.fail(LookupError())
    ended(Outcome.CANCELLED)


def test_a_dropped_stream_is_written(opened: OpenStream, ended: Ended) -> None:
    """Whoever drops it does not write; a thread of its own does."""
    opened.abandon()
    joined_dropped()
    ended(Outcome.CANCELLED)


def test_a_broken_stream_raises_what_broke_it(opened: OpenStream, ended: Ended) -> None:
    """The provider's own error comes out as it is."""
    broken = ConnectionError("text")
    with pytest.raises(ConnectionError) as caught:
        opened.fail(broken)
    assert caught.value is broken
    ended(Outcome.FAILED)


def test_a_blocked_answer_ends_its_stream(opened: OpenStream, ended: Ended) -> None:
    """After the refusal nothing is taken in and nothing comes out."""
    with pytest.raises(ContentRefused):
        opened.send(delta(f"it is {CARD} . "))
    with pytest.raises(GuardFailure):
        opened.send(delta("more "))
    ended(Outcome.WITHHELD)


def test_a_closed_guard_ends_its_streams(guard: Guard, opened: OpenStream, ended: Ended) -> None:
    """The ending is in the log before the log is closed, and the reader is told."""
    opened.send(delta("one "))
    guard.close()
    with pytest.raises(GuardFailure):
        opened.send(None)
    ended(Outcome.CANCELLED)


def test_a_log_that_cannot_be_written_fails_the_end(
    guard: Guard, opened: OpenStream, spans: InMemorySpanExporter
) -> None:
    """A stream whose ending could not be written does not end as if all were well."""
    guard._parts.journal.close()
    with pytest.raises(GuardFailure) as caught:
        opened.send(None)
    assert caught.value.dispatched
    assert opened.ended
    assert len(spans.get_finished_spans()) == 2


def test_a_dropped_stream_of_a_closed_log_disturbs_nobody(guard: Guard, opened: OpenStream) -> None:
    """The thread that cannot write ends quietly."""
    guard._parts.journal.close()
    opened.abandon()
    joined_dropped()
    assert opened.ended


class Gate:
    """Holds whoever comes until it is opened."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.open = threading.Event()

    def wait(self) -> None:
        """Wait at the gate."""
        self.reached.set()
        assert self.open.wait(30)


def gated_outcome(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Hold the journal when an outcome is written."""
    gate = Gate()
    for name in ("append", "offer"):
        plain = getattr(Journal, name)

        def slowly(
            self: Journal, entry: AuditEntry, *, _plain: Any = plain, _name: str = name, **how: Any
        ) -> Any:
            if entry.type is EntryType.OUTCOME:
                if _name == "offer":
                    return False
                gate.wait()
            return _plain(self, entry, **how)

        monkeypatch.setattr(Journal, name, slowly)
    return gate


def in_a_thread(work: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """Start work in a thread; the list gets what it returns or raises."""
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(work())
        except Exception as error:  # noqa: BLE001 - looked at by the test
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, results


def test_a_close_while_the_end_is_written_changes_nothing(
    opened: OpenStream, ended: Ended, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One thread writes the outcome and another closes: there is one outcome."""
    gate = gated_outcome(monkeypatch)
    thread, results = in_a_thread(lambda: opened.send(None))
    assert gate.reached.wait(30)
    opened.close()
    gate.open.set()
    thread.join()
    assert results == [()]
    ended(Outcome.COMPLETED)


@pytest.fixture
def gated_check(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Hold the classifier when it reads a text that says so."""
    gate, plain = Gate(), Classifier.findings

    def slowly(self: Classifier, text: str, *more: Any, **options: Any) -> Any:
        if "slow" in text:
            gate.wait()
        return plain(self, text, *more, **options)

    monkeypatch.setattr(Classifier, "findings", slowly)
    return gate


def test_a_close_while_an_event_is_checked_ends_after_it(
    opened: OpenStream, ended: Ended, gated_check: Gate
) -> None:
    """Whoever reads ends the call that another closed meanwhile; the next event is refused."""
    thread, results = in_a_thread(lambda: opened.send(delta("slow words ")))
    assert gated_check.reached.wait(30)
    opened.close()
    assert not opened.ended
    gated_check.open.set()
    thread.join()
    assert shown(results[0]) == "slow words "
    with pytest.raises(GuardFailure):
        opened.send(delta("more "))
    ended(Outcome.CANCELLED)


def test_a_second_reader_gets_nothing(opened: OpenStream, ended: Ended, gated_check: Gate) -> None:
    """Two threads cannot drive one flow; the one that comes second is told so."""
    thread, results = in_a_thread(lambda: opened.send(delta("slow words ")))
    assert gated_check.reached.wait(30)
    with pytest.raises(GuardFailure) as caught:
        opened.send(delta("other words "))
    assert "one reader" in str(caught.value)
    gated_check.open.set()
    thread.join()
    assert shown(results[0]) == "slow words "
    opened.send(None)
    ended(Outcome.COMPLETED)


def test_many_closers_end_it_once(opened: OpenStream, ended: Ended) -> None:
    """Closed from many threads at once, and dropped: one outcome."""
    start = threading.Barrier(8)

    def close() -> None:
        start.wait(30)
        opened.close()

    threads = [in_a_thread(close)[0] for _ in range(8)]
    for thread in threads:
        thread.join()
    ended(Outcome.CANCELLED)


def test_an_interruption_between_two_steps_ends_the_call(
    opened: OpenStream, ended: Ended, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C where no step is being performed does not leave a call without an outcome."""
    armed = [True]

    class Interrupting(type):
        def __instancecheck__(cls, step: object) -> bool:
            if armed:
                armed.pop()
                raise KeyboardInterrupt
            return isinstance(step, Pull)

    monkeypatch.setattr(streams, "Pull", Interrupting("Pull", (), {}))
    with pytest.raises(KeyboardInterrupt):
        opened.send(delta("one "))
    assert opened.ended
    ended(Outcome.CANCELLED)


def test_a_cancellation_while_the_end_is_written_is_delivered_after_it(
    guard: Guard, entries: list[AuditEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that is cancelled at the very end: the outcome is written, and says interrupted."""

    async def main() -> OpenStream:
        opened = await opened_async(guard)
        gate = gated_outcome(monkeypatch)
        task = asyncio.create_task(opened.send_async(None))
        await asyncio.to_thread(gate.reached.wait, 30)
        task.cancel()
        await asyncio.sleep(0)
        gate.open.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        return opened

    assert asyncio.run(main()).ended
    first, *later = [entry for entry in entries if entry.type is EntryType.OUTCOME]
    assert first.outcome is Outcome.COMPLETED
    assert [entry.outcome for entry in later] == [Outcome.CANCELLED]
    assert all(entry.details["interrupted"] == "outcome" for entry in later)


def test_a_task_that_closes_while_the_end_is_written_changes_nothing(
    guard: Guard, ended: Ended, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of two threads: one task writes the outcome, another closes the stream."""

    async def main() -> None:
        opened = await opened_async(guard)
        gate = gated_outcome(monkeypatch)
        task = asyncio.create_task(opened.send_async(None))
        await asyncio.to_thread(gate.reached.wait, 30)
        await opened.close_async()
        gate.open.set()
        assert await task == ()

    asyncio.run(main())
    ended(Outcome.COMPLETED)


def test_the_asynchronous_ways_to_end(
    guard: Guard, entries: list[AuditEntry], spans: InMemorySpanExporter
) -> None:
    """Read to the end, closed early, broken, or blocked: each is written as what it was."""

    async def main() -> None:
        opened = await opened_async(guard)
        assert shown(await opened.send_async(delta("one "))) == "one "
        await opened.send_async(None)
        opened = await opened_async(guard)
        await opened.close_async()
        await opened.close_async()
        with pytest.raises(GuardFailure):
            await opened.send_async(None)
        await opened.fail_async(LookupError())
        opened = await opened_async(guard)
        with pytest.raises(LookupError):
            await opened.fail_async(LookupError())
        opened = await opened_async(guard)
        with pytest.raises(ContentRefused):
            await opened.send_async(delta(f"it is {CARD} . "))

    asyncio.run(main())
    assert [entry.outcome for entry in entries if entry.type is EntryType.OUTCOME] == [
        Outcome.COMPLETED,
        Outcome.CANCELLED,
        Outcome.FAILED,
        Outcome.WITHHELD,
    ]
    assert len(spans.get_finished_spans()) == 8
