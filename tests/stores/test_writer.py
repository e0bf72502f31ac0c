# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""One writer, many callers, and a disk that fails."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from agentguard.audit import VerdictState, parse_entry, verify
from agentguard.stores import Append, Head, SqliteStore, StoreFailure
from agentguard.stores.sqlite import Written
from agentguard.stores.writer import PROMISE_SECONDS, StreamWriter
from agentguard.vocabulary import AuditEntry, EntryType, Position

Entry = Callable[..., AuditEntry]
Clock = Callable[[], datetime]


class Disk(SqliteStore):
    """A real database whose commits can be made to fail or to wait."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.failing = False
        self.free = threading.Event()
        self.free.set()
        self.batches: list[int] = []

    def commit(self, head: Head, batch: Sequence[Append]) -> tuple[Head, tuple[Written, ...]]:
        """Commit, unless the disk fails."""
        assert self.free.wait(20)
        if self.failing:
            raise StoreFailure("the disk is gone")
        self.batches.append(len(batch))
        return super().commit(head, batch)


@pytest.fixture
def disk(place: Path) -> Iterator[Disk]:
    """Give a disk in good order, and put it in order again at the end."""
    disk = Disk(place)
    yield disk
    disk.failing = False
    disk.free.set()


@pytest.fixture
def writer(disk: Disk, clock: Clock) -> Iterator[StreamWriter]:
    """Give a writer that has written its first entry."""
    writer = StreamWriter(disk, clock, "s")
    yield writer
    disk.failing = False
    disk.free.set()
    writer.close()


def _calls(disk: Disk) -> list[str]:
    found = [parse_entry(row.content).entry for row in disk.entries("s")]
    return [one.call_id or str(one.type) for one in found]


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def _append(writer: StreamWriter, entry: AuditEntry, *, durable: bool) -> Position | None:
    return writer.append(Append.of(entry), durable=durable)


def test_a_durable_entry_is_on_disk_when_the_call_returns(
    disk: Disk, writer: StreamWriter, entry: Entry
) -> None:
    """The position returned is the entry's place in the database."""
    position = _append(writer, entry("a"), durable=True)
    assert position == Position(stream="s", seq=1)
    assert _calls(disk) == ["stream.opened", "a"]


def test_no_entry_is_older_than_its_stream(
    disk: Disk, writer: StreamWriter, clock: Clock, entry: Entry
) -> None:
    """The opening entry is not dated after the first entry, which is made before it is written."""
    made = clock()
    _append(writer, replace(entry("a"), at=made), durable=True)
    opened, first = (parse_entry(row.content).entry.at for row in disk.entries("s"))
    assert opened == first == made


def test_an_accepted_entry_is_on_disk_soon(disk: Disk, writer: StreamWriter, entry: Entry) -> None:
    """An entry that nobody waits for is committed without another call."""
    _append(writer, entry("a"), durable=True)
    assert _append(writer, entry("b"), durable=False) is None
    _until(lambda: _calls(disk)[-1] == "b")


def test_an_entry_is_taken_at_once_only_where_nobody_would_wait(
    disk: Disk, writer: StreamWriter, entry: Entry
) -> None:
    """An offer never waits: it is taken while commits succeed in time, and else leaves nothing."""
    assert writer.offer(Append.of(entry("before the first commit"))) is False
    _append(writer, entry("a"), durable=True)
    assert writer.offer(Append.of(entry("b"))) is True
    _until(lambda: _calls(disk)[-1] == "b")
    disk.free.clear()
    assert writer.offer(Append.of(entry("c"))) is True
    time.sleep(4 * PROMISE_SECONDS)
    assert writer.offer(Append.of(entry("while the disk hangs"))) is False
    disk.free.set()
    _until(lambda: _calls(disk)[-1] == "c")
    assert _calls(disk) == ["stream.opened", "a", "b", "c"]


def test_nothing_is_taken_once_the_stream_is_closed(disk: Disk, clock: Clock, entry: Entry) -> None:
    """An offer after the end is refused, not lost."""
    writer = StreamWriter(disk, clock, "s")
    _append(writer, entry("a"), durable=True)
    writer.close()
    with pytest.raises(StoreFailure):
        writer.offer(Append.of(entry("b")))


def test_the_first_entry_is_never_merely_accepted(writer: StreamWriter, entry: Entry) -> None:
    """Until one commit has succeeded every caller waits for its own."""
    assert _append(writer, entry("a"), durable=False) == Position(stream="s", seq=1)


def _in_the_background(writer: StreamWriter, entry: AuditEntry) -> threading.Thread:
    def work() -> None:
        with suppress(StoreFailure):
            _append(writer, entry, durable=True)

    caller = threading.Thread(target=work)
    caller.start()
    return caller


def _held_up(disk: Disk, writer: StreamWriter, entry: AuditEntry) -> threading.Thread:
    """Append an entry whose commit waits for the disk."""
    disk.free.clear()
    caller = _in_the_background(writer, entry)
    _until(lambda: not writer._queue and not writer._idle)
    return caller


def test_entries_share_a_commit(disk: Disk, writer: StreamWriter, entry: Entry) -> None:
    """What is queued while a commit runs is written in the next one, whoever waits for it."""
    _append(writer, entry("a"), durable=True)
    first = _held_up(disk, writer, entry("b"))
    callers = [_in_the_background(writer, entry(str(n))) for n in range(20)]
    _until(lambda: len(writer._queue) == 20)
    disk.free.set()
    for caller in (first, *callers):
        caller.join()
    assert disk.batches == [2, 1, 20]
    assert sorted(_calls(disk)[3:]) == sorted(map(str, range(20)))


def test_a_failing_disk_refuses_and_a_healed_one_heals(
    disk: Disk, writer: StreamWriter, entry: Entry
) -> None:
    """Every append fails while the disk does, durable or not, and works again afterwards."""
    _append(writer, entry("a"), durable=True)
    disk.failing = True
    for durable in (True, False, False):
        if durable:
            with pytest.raises(StoreFailure, match="the disk is gone"):
                _append(writer, entry("lost"), durable=True)
        else:
            with pytest.raises(StoreFailure):
                _append(writer, entry("lost"), durable=False)
    disk.failing = False
    assert _append(writer, entry("b"), durable=False) == Position(stream="s", seq=2)
    assert _calls(disk) == ["stream.opened", "a", "b"]


def test_what_was_accepted_is_kept_over_a_failure_and_what_was_refused_is_not(
    disk: Disk, writer: StreamWriter, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An accepted entry is written first when the disk heals; a refused call leaves none."""
    monkeypatch.setattr("agentguard.stores.writer.PROMISE_SECONDS", 60)
    _append(writer, entry("a"), durable=True)
    refused = _held_up(disk, writer, entry("refused 0"))
    assert _append(writer, entry("accepted 1"), durable=False) is None
    assert _append(writer, entry("accepted 2"), durable=False) is None
    disk.failing = True
    disk.free.set()
    refused.join()
    with pytest.raises(StoreFailure):
        _append(writer, entry("refused 1"), durable=True)
    with pytest.raises(StoreFailure):
        _append(writer, entry("refused 2"), durable=False)
    disk.failing = False
    _append(writer, entry("c"), durable=True)
    assert _calls(disk) == ["stream.opened", "a", "accepted 1", "accepted 2", "c"]


def test_a_failure_of_an_accepted_entry_refuses_the_next_call(
    disk: Disk, writer: StreamWriter, entry: Entry
) -> None:
    """A failed commit that nobody waited for is told to the next caller."""
    _append(writer, entry("a"), durable=True)
    disk.failing = True
    assert _append(writer, entry("accepted"), durable=False) is None
    _until(lambda: not writer._healthy)
    with pytest.raises(StoreFailure, match="the disk is gone"):
        _append(writer, entry("refused"), durable=False)
    disk.failing = False
    writer.close()
    assert _calls(disk) == ["stream.opened", "a", "accepted", "stream.closed"]


def test_a_slow_disk_makes_callers_wait(disk: Disk, writer: StreamWriter, entry: Entry) -> None:
    """While an accepted entry has waited longer than promised, the next caller waits too."""
    _append(writer, entry("a"), durable=True)
    disk.free.clear()
    assert _append(writer, entry("b"), durable=False) is None
    time.sleep(4 * PROMISE_SECONDS)
    positions: list[Position | None] = []
    late = threading.Thread(
        target=lambda: positions.append(_append(writer, entry("c"), durable=False))
    )
    late.start()
    late.join(0.1)
    assert late.is_alive()
    disk.free.set()
    late.join()
    assert positions == [Position(stream="s", seq=3)]


def test_a_clock_that_fails_refuses(disk: Disk, entry: Entry) -> None:
    """A stream that cannot be opened for any reason refuses its callers and hangs none."""

    def broken() -> datetime:
        raise ZeroDivisionError("canary-8841")

    writer = StreamWriter(disk, broken, "s")
    with pytest.raises(StoreFailure, match="ZeroDivisionError") as caught:
        _append(writer, entry("a"), durable=True)
    assert "canary-8841" not in str(caught.value)
    writer.close()
    assert disk.streams() == ()


def test_closing_writes_what_was_accepted(disk: Disk, clock: Clock, entry: Entry) -> None:
    """A closed stream holds everything that was accepted, and verifies as complete."""
    writer = StreamWriter(disk, clock, "s")
    for n in range(50):
        _append(writer, entry(str(n)), durable=False)
    writer.close()
    assert _calls(disk) == ["stream.opened", *map(str, range(50)), "stream.closed"]
    found = verify(disk.logs())
    assert found.completeness.state is VerdictState.HOLDS


def test_closing_twice_changes_nothing(disk: Disk, clock: Clock, entry: Entry) -> None:
    """A stream is closed once, and nothing is appended to it afterwards."""
    writer = StreamWriter(disk, clock, "s")
    _append(writer, entry("a"), durable=True)
    writer.close()
    writer.close()
    for durable in (True, False):
        with pytest.raises(StoreFailure, match="closed"):
            _append(writer, entry("b"), durable=durable)
    assert _calls(disk) == ["stream.opened", "a", "stream.closed"]


def test_closing_what_was_never_opened_writes_nothing(disk: Disk, clock: Clock) -> None:
    """A process that guarded nothing leaves no stream."""
    StreamWriter(disk, clock, "s").close()
    assert disk.streams() == ()


def test_closing_on_a_failing_disk_says_so(disk: Disk, clock: Clock, entry: Entry) -> None:
    """A close that loses accepted entries raises, each time."""
    writer = StreamWriter(disk, clock, "s")
    _append(writer, entry("a"), durable=True)
    disk.failing = True
    for _ in range(2):
        with pytest.raises(StoreFailure, match="the disk is gone"):
            writer.close()


def test_callers_wait_for_a_full_queue(
    disk: Disk, writer: StreamWriter, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue has an end: beyond it a caller waits for its commit."""
    monkeypatch.setattr("agentguard.stores.writer.LONGEST_QUEUE", 0)
    _append(writer, entry("a"), durable=True)
    assert _append(writer, entry("b"), durable=False) is not None


def test_a_disk_that_hangs_does_not_hang_the_call_for_ever(
    disk: Disk, writer: StreamWriter, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit that takes too long refuses the call."""
    _append(writer, entry("a"), durable=True)
    monkeypatch.setattr("agentguard.stores.writer.LONGEST_WAIT_SECONDS", 0.05)
    disk.free.clear()
    with pytest.raises(StoreFailure, match="takes too long"):
        _append(writer, entry("b"), durable=True)
    disk.free.set()


def test_a_stream_names_its_process(disk: Disk, writer: StreamWriter, entry: Entry) -> None:
    """The opening entry says which process on which host writes, with which version."""
    _append(writer, entry("a"), durable=True)
    first = parse_entry(next(disk.entries("s")).content).entry
    assert first.type is EntryType.STREAM_OPENED
    assert set(first.details) == {"host", "pid", "version"}
