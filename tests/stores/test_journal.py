# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How a process writes its audit stream."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from agentguard.audit import VerdictState, verify
from agentguard.stores import ChangeLost, Journal, SqliteReader, SqliteStore, StoreFailure
from agentguard.vocabulary import (
    ApprovalChange,
    ApprovalRequest,
    ApprovalState,
    AuditEntry,
    Position,
)

Entry = Callable[..., AuditEntry]
Question = Callable[..., ApprovalRequest]
Clock = Callable[[], datetime]

PROGRAM = """
import sys
from datetime import UTC, datetime
from agentguard.stores import Journal, SqliteStore
from agentguard.vocabulary import AuditEntry, EntryType

def entry(call_id):
    return AuditEntry(type=EntryType.REFUSED, at=datetime.now(UTC), call_id=call_id)

place, count = sys.argv[1], int(sys.argv[2])
journal = Journal(SqliteStore(place), lambda: datetime.now(UTC))
"""


def _program(body: str, place: Path, count: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PROGRAM + body, str(place), str(count)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _finished(process: "subprocess.Popen[str]") -> str:
    out, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    return out


def test_the_stream_is_opened_by_the_first_entry(
    store: SqliteStore, journal: Journal, entry: Entry
) -> None:
    """A journal that was not used leaves no stream; its id is known beforehand."""
    stream = journal.stream
    assert store.streams() == ()
    assert journal.append(entry("a"), durable=True) == Position(stream=stream, seq=1)
    assert [one.stream for one in store.streams()] == [stream]


def test_a_change_is_always_durable(
    store: SqliteStore, journal: Journal, entry: Entry, question: Question
) -> None:
    """An entry with a change of an approval returns its position though nobody asked."""
    change = ApprovalChange(before=None, after=question("r"))
    assert journal.append(entry("a"), durable=False, change=change) is not None
    assert store.approval("r") == question("r")


def test_racing_claims_are_won_once(
    store: SqliteStore, journal: Journal, clock: Clock, entry: Entry, question: Question
) -> None:
    """Of many callers in two journals that claim the same request exactly one succeeds."""
    asked = question("r", state=ApprovalState.APPROVED)
    journal.append(entry("a"), durable=True, change=ApprovalChange(before=None, after=asked))
    other = Journal(SqliteStore(store.path), clock)
    taken = replace(asked, state=ApprovalState.EXECUTING, version=1)
    barrier = threading.Barrier(16)

    def claim(n: int) -> bool:
        change = ApprovalChange(before=asked, after=replace(taken, claimed_by=str(n)))
        barrier.wait()
        try:
            (journal, other)[n % 2].append(entry(str(n)), durable=True, change=change)
        except ChangeLost:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        won = list(pool.map(claim, range(16)))
    other.close()
    assert sum(won) == 1
    found = store.approval("r")
    assert found is not None
    assert found.claimed_by == str(won.index(True))


def test_a_closed_journal_refuses(journal: Journal, entry: Entry) -> None:
    """Nothing is appended after the end, whether or not the stream was ever opened."""
    journal.close()
    journal.close()
    with pytest.raises(StoreFailure, match="closed"):
        journal.append(entry("a"), durable=True)


def test_a_journal_over_a_removed_database_refuses_and_heals(
    journal: Journal, place: Path, entry: Entry
) -> None:
    """Without its file the journal refuses every entry; with the file back it goes on."""
    journal.append(entry("a"), durable=True)
    away = place.with_name("away.db")
    place.rename(away)
    for durable in (True, False):
        with pytest.raises(StoreFailure):
            journal.append(entry("b"), durable=durable)
    away.rename(place)
    assert journal.append(entry("c"), durable=False) is not None


def test_a_process_that_ends_normally_loses_nothing(place: Path) -> None:
    """Entries that were only accepted are written at exit, and the stream is closed."""
    _finished(
        _program("for n in range(count): journal.append(entry(str(n)), durable=False)", place, 300)
    )
    found = verify(SqliteReader(place).logs())
    assert found.entries == 302
    assert found.integrity.state is VerdictState.HOLDS
    assert found.completeness.state is VerdictState.HOLDS


def test_a_process_that_ends_by_an_error_loses_nothing(place: Path) -> None:
    """An exception that ends the program does not end the stream half written."""
    body = (
        "for n in range(count): journal.append(entry(str(n)), durable=False)\nraise SystemExit(3)"
    )
    process = _program(body, place, 50)
    process.communicate(timeout=60)
    assert process.returncode == 3
    found = verify(SqliteReader(place).logs())
    assert found.entries == 52
    assert found.completeness.state is VerdictState.HOLDS


def test_threads_that_outlive_the_main_program_lose_nothing(place: Path) -> None:
    """Workers that still append while the interpreter waits for them are written."""
    body = """
import threading, time
def work():
    time.sleep(0.1)
    for n in range(count): journal.append(entry(str(n)), durable=False)
threading.Thread(target=work).start()
"""
    _finished(_program(body, place, 20))
    found = verify(SqliteReader(place).logs())
    assert found.entries == 22
    assert found.completeness.state is VerdictState.HOLDS


def test_processes_that_write_at_once_each_have_a_whole_chain(place: Path) -> None:
    """Two processes that write the same file at once, from the first moment, both verify."""
    body = "for n in range(count): journal.append(entry(str(n)), durable=True)"
    for process in [_program(body, place, 150) for _ in range(2)]:
        _finished(process)
    reader = SqliteReader(place)
    found = verify(reader.logs())
    assert found.integrity.state is VerdictState.HOLDS
    assert found.completeness.state is VerdictState.HOLDS
    assert [one.last_seq for one in reader.streams()] == [151, 151]
    assert all(one.pid != os.getpid() for one in reader.streams())


@pytest.mark.skipif(sys.platform == "win32", reason="file sizes are limited by POSIX limits")
def test_a_full_disk_refuses_and_heals(place: Path) -> None:
    """When the file cannot grow every entry is refused; with room again all is well."""
    body = """
import resource, os
from agentguard.stores import StoreFailure
journal.append(entry("first"), durable=True)
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
size = os.stat(place + "-wal").st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20_000, hard))
refused = written = 0
for n in range(count):
    try:
        journal.append(entry(str(n)), durable=True)
        written += 1
    except StoreFailure:
        refused += 1
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
journal.append(entry("healed"), durable=False)
print(written, refused)
"""
    written, refused = map(int, _finished(_program(body, place, 40)).split())
    assert refused > 0
    found = verify(SqliteReader(place).logs())
    assert found.entries == written + 4
    assert found.integrity.state is VerdictState.HOLDS
    assert found.completeness.state is VerdictState.HOLDS
