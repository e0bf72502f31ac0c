# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Reading while others write."""

import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agentguard.audit import VerdictState, parse_entry, verify
from agentguard.stores import (
    Append,
    Head,
    Journal,
    SqliteReader,
    SqliteStore,
    StoreFailure,
    may_live,
)
from agentguard.stores.reading import PAGE
from agentguard.vocabulary import (
    ApprovalChange,
    ApprovalRequest,
    ApprovalState,
    AuditEntry,
    EntryType,
    Position,
)

Entry = Callable[..., AuditEntry]
Question = Callable[..., ApprovalRequest]


def test_a_missing_database_is_refused_and_not_made(place: Path) -> None:
    """A reader of a missing file says so by name and creates nothing."""
    with pytest.raises(StoreFailure, match="there is no database"):
        SqliteReader(place)
    assert list(place.parent.iterdir()) == []


def test_a_reader_sees_what_a_live_journal_wrote(
    journal: Journal, place: Path, entry: Entry
) -> None:
    """Entries can be read while the process that writes them still runs."""
    reader = SqliteReader(place)
    position = journal.append(entry("a"), durable=True)
    assert position is not None
    (row,) = reader.entries(position.stream, position.seq)
    assert parse_entry(row.content).entry == entry("a")
    (stream,) = reader.streams()
    assert (stream.stream, stream.pid, stream.host) == (
        journal.stream,
        os.getpid(),
        socket.gethostname(),
    )
    assert (stream.closed_seq, stream.last_seq) == (None, position.seq)


def test_a_live_stream_verifies_as_open(journal: Journal, place: Path, entry: Entry) -> None:
    """A stream whose process runs is open, not bad."""
    journal.append(entry("a", EntryType.INTENT), durable=True)
    found = verify(SqliteReader(place).logs())
    assert found.integrity.state is VerdictState.HOLDS
    assert found.completeness.state is VerdictState.OPEN


def test_a_reader_leaves_the_file_as_it_is(journal: Journal, place: Path, entry: Entry) -> None:
    """Reading everything changes no byte of a database at rest."""
    journal.append(entry("a"), durable=True)
    journal.close()
    before = place.read_bytes()
    reader = SqliteReader(place)
    verify(reader.logs())
    reader.approvals()
    assert place.read_bytes() == before


def test_a_copy_on_a_read_only_medium_can_be_verified(
    journal: Journal,
    place: Path,
    entry: Entry,
    shared_folder: Path,
    unprivileged: Callable[[], AbstractContextManager[None]],
) -> None:
    """An auditor's copy is read where no file can be made beside it."""
    journal.append(entry("a"), durable=True)
    journal.close()
    copy = shared_folder / "copy.db"
    copy.write_bytes(place.read_bytes())
    copy.chmod(0o444)
    shared_folder.chmod(0o555)
    with unprivileged():
        found = verify(SqliteReader(copy).logs())
    assert found.integrity.state is VerdictState.HOLDS
    assert found.entries == 3


def test_a_long_stream_is_read_page_by_page(store: SqliteStore, entry: Entry) -> None:
    """A stream longer than a page is read whole, in order, from any number to any other."""
    batch = [Append.of(entry(str(n))) for n in range(2 * PAGE)]
    opened = Append.of(entry("o", EntryType.STREAM_OPENED))
    store.commit(Head(stream="s"), [opened, *batch])
    assert [row.seq for row in store.entries("s")] == list(range(2 * PAGE + 1))
    assert [row.seq for row in store.entries("s", 3, up_to=5)] == [3, 4, 5]
    assert list(store.entries("s", 3, up_to=2)) == []
    assert list(store.entries("nowhere")) == []


def test_entries_written_after_the_snapshot_are_not_judged(
    journal: Journal, place: Path, entry: Entry
) -> None:
    """A stream that is closed while it is verified is judged as it stood before."""
    journal.append(entry("a"), durable=True)
    logs = list(SqliteReader(place).logs())
    journal.close()
    found = verify(logs)
    assert found.integrity.state is VerdictState.HOLDS
    assert found.entries == 2


def test_a_stream_that_lost_its_row_is_still_found(
    journal: Journal, place: Path, entry: Entry
) -> None:
    """Entries whose stream was taken out of the table of streams are read and judged."""
    journal.append(entry("a"), durable=True)
    journal.close()
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute("DELETE FROM audit_stream")
    reader = SqliteReader(place)
    (stream,) = reader.streams()
    assert (stream.registered, stream.last_seq) == (False, 2)
    assert verify(reader.logs()).integrity.state is VerdictState.BROKEN


def _ask(store: SqliteStore, head: Head, entry: AuditEntry, *asked: ApprovalRequest) -> None:
    batch = [Append.of(entry, change=ApprovalChange(before=None, after=one)) for one in asked]
    opened = Append.of(replace(entry, type=EntryType.STREAM_OPENED))
    store.commit(head, [opened, *batch])


def test_open_requests_are_found_by_session_and_tool_newest_first(
    store: SqliteStore, entry: Entry, question: Question
) -> None:
    """The requests that answer a call made again are those of its session and tool, not over."""
    first = question("a")
    states = {
        state: question(state, state=state, created_at=first.created_at + timedelta(minutes=n + 1))
        for n, state in enumerate(ApprovalState)
    }
    others = (question("b", session_key="sha256:l"), question("c", tool="delete_account"))
    _ask(store, Head(stream="s"), entry("x"), first, *states.values(), *others)
    found = store.open_approvals("sha256:k", "refund")
    assert [one.id for one in found] == ["rejected", "executing", "approved", "pending", "a"]
    assert found[0] == states[ApprovalState.REJECTED]


def test_requests_are_listed_by_state_oldest_first(
    store: SqliteStore, entry: Entry, question: Question
) -> None:
    """A list holds the states asked for, or all of them, and none for none."""
    early = question("b")
    late = question("a", created_at=early.created_at + timedelta(1), state=ApprovalState.CANCELLED)
    _ask(store, Head(stream="s"), entry("x"), late, early)
    assert [one.id for one in store.approvals()] == ["b", "a"]
    assert [one.id for one in store.approvals([ApprovalState.CANCELLED])] == ["a"]
    assert store.approvals([]) == []
    assert store.approval("a") == late
    assert store.approval("nothing") is None


def test_a_damaged_request_is_a_failure_and_not_skipped(
    store: SqliteStore, place: Path, entry: Entry, question: Question
) -> None:
    """A request that cannot be read fails the reading; it does not vanish from the list."""
    _ask(store, Head(stream="s"), entry("x"), question("a"))
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute("UPDATE approval SET state = 'granted'")
    with pytest.raises(StoreFailure, match="cannot be read"):
        store.approvals()


def test_the_salt_is_kept_apart_and_can_be_erased(
    store: SqliteStore, place: Path, entry: Entry
) -> None:
    """An entry's salt is in its own table; the chain verifies without it."""
    opened = Append.of(entry("o", EntryType.STREAM_OPENED))
    store.commit(Head(stream="s"), [opened, Append.of(entry("a"), salt=b"\x07" * 32)])
    assert store.salt(Position(stream="s", seq=1)) == b"\x07" * 32
    assert store.salt(Position(stream="s", seq=0)) is None
    rows = list(store.entries("s"))
    assert all((b"\x07" * 32).hex().encode() not in row.content for row in rows)
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute("DELETE FROM commitment_salt")
    assert store.salt(Position(stream="s", seq=1)) is None
    assert verify(store.logs()).integrity.state is VerdictState.HOLDS


def test_a_process_may_live_unless_it_is_known_to_be_gone() -> None:
    """Only a process of this host that is gone counts as gone."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert not may_live(socket.gethostname(), gone.pid)
    assert may_live(socket.gethostname(), os.getpid())
    assert may_live("another-host", gone.pid)
    assert may_live(socket.gethostname(), 0)


def test_a_process_of_another_user_may_live(
    unprivileged: Callable[[], AbstractContextManager[None]],
) -> None:
    """A process that we may not ask counts as running."""
    with unprivileged():
        assert may_live(socket.gethostname(), 1)


def test_a_damaged_table_of_streams_is_a_failure_and_not_skipped(
    journal: Journal, place: Path, entry: Entry
) -> None:
    """A stream whose row cannot be read fails the reading; it does not vanish."""
    journal.append(entry("a"), durable=True)
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute("UPDATE audit_stream SET opened_at = 'today'")
    with pytest.raises(StoreFailure, match="cannot be read"):
        SqliteReader(place).streams()
