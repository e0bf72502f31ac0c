# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A server that forks its workers after the guard was built and used."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from agentguard.audit import VerdictState, verify
from agentguard.stores import Journal, SqliteReader, SqliteStore, StoreFailure
from agentguard.vocabulary import AuditEntry

Entry = Callable[..., AuditEntry]

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="nothing forks on Windows"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


def _fork(work: Callable[[], None]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        work()
        code = 0
    finally:
        os._exit(code)


def _wait(pid: int) -> None:
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_pre_forked_workers_write_streams_of_their_own(
    journal: Journal, store: SqliteStore, entry: Entry
) -> None:
    """Workers forked while the parent writes, and the parent, each have a whole chain."""
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            journal.append(entry("parent"), durable=False)

    journal.append(entry("parent"), durable=True)
    serving = threading.Thread(target=serve)
    serving.start()

    def work() -> None:
        for n in range(20):
            journal.append(entry(str(n)), durable=n % 2 == 0)
        journal.close()

    workers = [_fork(work) for _ in range(4)]
    for worker in workers:
        _wait(worker)
    stop.set()
    serving.join()
    journal.append(entry("parent"), durable=True)
    journal.close()
    reader = SqliteReader(store.path)
    found = verify(reader.logs())
    assert found.integrity.state is VerdictState.HOLDS
    assert found.completeness.state is VerdictState.HOLDS
    streams = {one.pid: one.last_seq for one in reader.streams()}
    assert set(streams) == {os.getpid(), *workers}
    assert [streams[worker] for worker in workers] == [21] * 4


def test_a_worker_goes_on_when_the_parent_closes(
    journal: Journal, store: SqliteStore, entry: Entry
) -> None:
    """What a worker was told is durable is there, though its parent closed and it was killed."""
    journal.append(entry("parent"), durable=True)
    ready, closed = os.pipe(), os.pipe()

    def work() -> None:
        journal.append(entry("before"), durable=True)
        os.write(ready[1], b"x")
        os.read(closed[0], 1)
        for n in range(5):
            journal.append(entry(str(n)), durable=True)
        os.kill(os.getpid(), signal.SIGKILL)

    worker = _fork(work)
    os.read(ready[0], 1)
    journal.close()
    os.write(closed[1], b"x")
    os.waitpid(worker, 0)
    for end in (*ready, *closed):
        os.close(end)
    reader = SqliteReader(store.path)
    assert verify(reader.logs()).integrity.state is VerdictState.HOLDS
    assert {one.pid: one.last_seq for one in reader.streams()} == {os.getpid(): 2, worker: 6}


def test_what_the_parent_accepted_stays_the_parents(
    journal: Journal, store: SqliteStore, entry: Entry
) -> None:
    """An entry that waits to be written at the moment of the fork is written once."""
    journal.append(entry("a"), durable=True)
    journal.append(entry("b"), durable=False)
    _wait(_fork(journal.close))
    journal.close()
    (stream,) = SqliteReader(store.path).streams()
    assert (stream.pid, stream.last_seq) == (os.getpid(), 3)


def test_a_closed_journal_stays_closed_in_a_child(journal: Journal, entry: Entry) -> None:
    """A fork does not open again what was closed."""
    journal.close()

    def work() -> None:
        with pytest.raises(StoreFailure):
            journal.append(entry("a"), durable=True)

    _wait(_fork(work))


def test_a_child_reads_the_database_that_its_parent_used(
    journal: Journal, store: SqliteStore, entry: Entry
) -> None:
    """Approvals and entries can be read in a worker."""
    position = journal.append(entry("a"), durable=True)
    assert position is not None

    def work() -> None:
        assert len(list(store.entries(position.stream))) == 2
        assert store.approvals() == []

    _wait(_fork(work))


def test_a_worker_of_multiprocessing_closes_its_stream(
    journal: Journal, store: SqliteStore, entry: Entry
) -> None:
    """A worker that leaves without the interpreter's exit functions loses nothing."""
    journal.append(entry("parent"), durable=True)

    def work() -> None:
        for n in range(10):
            journal.append(entry(str(n)), durable=False)

    worker = multiprocessing.get_context("fork").Process(target=work)
    worker.start()
    worker.join()
    assert worker.exitcode == 0
    (found,) = (one for one in store.streams() if one.pid == worker.pid)
    assert (found.closed_seq, found.last_seq) == (11, 11)


# In a process of its own, with the writer alone beside it, at rest: after such a fork a lock of the
# interpreter that some other thread held stays held for ever, which pytest-xdist's threads make
# likely.
_FORKED_BY_C = """
import ctypes, os, sys, time
from datetime import UTC, datetime
from agentguard.stores import Journal, SqliteStore, StoreFailure
from agentguard.vocabulary import AuditEntry, EntryType

sys.setswitchinterval(1000)

def now():
    return datetime.now(UTC)

def append(journal, call_id):
    entry = AuditEntry(type=EntryType.REFUSED, at=now(), call_id=call_id, target="refund")
    return journal.append(entry, durable=True)

journal = Journal(SqliteStore(sys.argv[1]), now)
append(journal, "a")
time.sleep(0.2)
pid = ctypes.PyDLL(None).fork()
if pid == 0:
    code = 1
    try:
        append(journal, "b")
    except StoreFailure:
        code = 0
    finally:
        os._exit(code)
refused = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
goes_on = append(journal, "c") is not None
journal.close()
sys.exit(0 if refused and goes_on else 1)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="calls the C library's own fork")
def test_a_child_forked_past_pythons_hooks_is_refused(place: Path) -> None:
    """A child made by C code may not append, and does not hang on its parent's locks."""
    command = [sys.executable, "-c", _FORKED_BY_C, str(place)]
    assert subprocess.run(command, timeout=60, check=False).returncode == 0
