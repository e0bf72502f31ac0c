# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The tables, and what stops a slip of the hand in them."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from agentguard.stores import Append, Head, SqliteReader, SqliteStore, StoreFailure
from agentguard.stores.schema import CURRENT
from agentguard.vocabulary import (
    ApprovalChange,
    ApprovalRequest,
    ApprovalState,
    AuditEntry,
    EntryType,
)

Entry = Callable[..., AuditEntry]
Question = Callable[..., ApprovalRequest]


def _run(place: Path, *statements: str) -> None:
    with closing(sqlite3.connect(place)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def test_a_new_database_has_the_current_schema(store: SqliteStore, place: Path) -> None:
    """A new database carries the number of the last migration, and opens again."""
    with closing(sqlite3.connect(place)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (CURRENT,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert SqliteStore(place).streams() == ()


@pytest.mark.parametrize("kind", [SqliteStore, SqliteReader])
def test_a_newer_database_is_refused(
    store: SqliteStore, place: Path, kind: type[SqliteReader]
) -> None:
    """A database that a later version has migrated is not touched."""
    _run(place, f"PRAGMA user_version = {CURRENT + 1}")
    with pytest.raises(StoreFailure, match="schema"):
        kind(place)


@pytest.mark.parametrize("kind", [SqliteStore, SqliteReader])
def test_another_programs_database_is_refused(place: Path, kind: type[SqliteReader]) -> None:
    """A database with tables that are not agentguard's is not touched."""
    _run(place, "CREATE TABLE theirs (x)")
    with pytest.raises(StoreFailure, match="another program"):
        kind(place)
    with closing(sqlite3.connect(place)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master").fetchall()
    assert names == [("theirs",)]


@pytest.mark.parametrize("kind", [SqliteStore, SqliteReader])
def test_a_file_that_is_no_database_is_refused(place: Path, kind: type[SqliteReader]) -> None:
    """A file of another kind is refused and left as it is."""
    place.write_bytes(b"not a database, but long enough to be taken for one" * 40)
    with pytest.raises(StoreFailure, match="NOTADB"):
        kind(place)
    assert place.read_bytes().startswith(b"not a database")


def test_a_reader_does_not_migrate(place: Path) -> None:
    """An empty file is left empty by a reader."""
    place.touch()
    with pytest.raises(StoreFailure, match="older schema"):
        SqliteReader(place)
    assert place.stat().st_size == 0


def test_entries_are_never_changed_or_removed_by_a_slip(
    store: SqliteStore, place: Path, entry: Entry
) -> None:
    """The database itself refuses to change or remove an audit entry."""
    opened = Append.of(entry("x", EntryType.STREAM_OPENED))
    store.commit(Head(stream="s"), [opened])
    for statement in ("UPDATE audit_entry SET content = x''", "DELETE FROM audit_entry"):
        with pytest.raises(sqlite3.IntegrityError):
            _run(place, statement)


def test_a_request_that_ended_stays_ended_in_the_database(
    store: SqliteStore, place: Path, entry: Entry, question: Question
) -> None:
    """The database itself refuses to reopen a request, or to alter what was asked."""
    asked = question("r", state=ApprovalState.REJECTED)
    change = ApprovalChange(before=None, after=asked)
    opened = Append.of(entry("x", EntryType.STREAM_OPENED))
    store.commit(Head(stream="s"), [opened, Append.of(entry("x"), change=change)])
    for statement in ("UPDATE approval SET state = 'approved'", "UPDATE approval SET tool = 'x'"):
        with pytest.raises(sqlite3.IntegrityError):
            _run(place, statement)
