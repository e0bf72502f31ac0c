# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is a batch of entries and approval changes written, whole or not at all?

One transaction for a batch: each change of an approval by compare-and-swap, each charge compared
with its limit, each entry chained to the one before it in its stream. It decides nothing: which change may follow is said elsewhere.

INVARIANT: a change that is lost, or a charge that a limit does not hold, leaves no entry, and an
entry without its change and its charges never exists (tests/stores/test_sqlite.py).
INVARIANT: nothing is written after what somebody else altered: the stream's head in the file must
be the one that this process wrote, in the file that it opened.
"""

import os
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from agentguard.audit import FIRST_PREVIOUS, entry_fields, entry_hash, placed_bytes
from agentguard.canonical import Frozen, NotCanonical, instant
from agentguard.stores.connections import (
    connect_writing,
    failure,
    identity_of,
    make_file,
    patiently,
    transaction,
)
from agentguard.stores.facts import SealedFacts, write_facts
from agentguard.stores.failures import StoreFailure
from agentguard.stores.reading import OPEN_STATES, SqliteReader
from agentguard.stores.rows import VOTE_COLUMNS, question_of, standing_of, vote_row
from agentguard.stores.schema import migrate
from agentguard.stores.spending import charge, check_charges, give_back
from agentguard.vocabulary import (
    Account,
    ApprovalChange,
    ApprovalRequest,
    AuditEntry,
    EntryType,
    Position,
    Spending,
    Vote,
)

Written: TypeAlias = Position | Account | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Append:
    """An entry to be written, checked so that it cannot spoil the batch it is written with."""

    entry: AuditEntry
    fields: Mapping[str, Frozen] = field(repr=False)
    change: ApprovalChange | None = None
    salt: bytes | None = field(default=None, repr=False)
    charges: tuple[Spending, ...] = ()
    gives_back: bool = False
    facts: SealedFacts | None = None

    @classmethod
    def of(
        cls,
        entry: AuditEntry,
        *,
        change: ApprovalChange | None = None,
        salt: bytes | None = None,
        charges: tuple[Spending, ...] = (),
        gives_back: bool = False,
        facts: SealedFacts | None = None,
    ) -> "Append":
        """Check an entry and what goes with it, and make them ready to be written.

        Raises:
            StoreFailure: the entry has no canonical form, the change alters what was asked, or
                a charge is no amount or belongs to no call.
        """
        if change is not None:
            _check_change(change)
        if entry.call_id is None and (charges or gives_back):
            raise StoreFailure("what is charged belongs to a call")
        check_charges(charges)
        try:
            return cls(
                entry=entry,
                fields=entry_fields(entry),
                change=change,
                salt=salt,
                charges=charges,
                gives_back=gives_back,
                facts=facts,
            )
        except NotCanonical as error:
            problem = str(error)
        raise StoreFailure(f"the entry cannot be written down: {problem}")


def _check_change(change: ApprovalChange) -> None:
    before, after, vote = change.before, change.after, change.vote
    if before is not None and question_of(before) != question_of(after):
        raise StoreFailure("a change of an approval request may not alter what was asked")
    if after.version != (0 if before is None else before.version + 1):
        raise StoreFailure("a change of an approval request must be one version on")
    if vote is not None and (before is None or vote.request_id != after.id):
        raise StoreFailure("a vote belongs to a request that exists")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Where a stream ends: what the next entry's number and predecessor are."""

    stream: str
    next_seq: int = 0
    previous: str = FIRST_PREVIOUS


class SqliteStore(SqliteReader):
    """The database, for reading and writing.

    Args:
        path: the database file.
        create: make the file, for its owner only, when there is none.

    Raises:
        StoreFailure: the file cannot be made or opened, or is no database of this schema.
    """

    def __init__(self, path: str | os.PathLike[str], *, create: bool = True) -> None:
        self._writer: sqlite3.Connection | None = None
        self._writing = threading.Lock()
        place = Path(path).absolute()
        if create:
            make_file(place)
        if place.is_file():
            _migrate(place)
            self._file = identity_of(place)
        super().__init__(place)

    def close(self) -> None:
        """Close the connection that writes; it is opened again when it is needed."""
        with self._gate, self._writing:
            self._close()

    def _close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            with suppress(sqlite3.Error):
                writer.close()

    def commit(self, head: Head, batch: Sequence[Append]) -> tuple[Head, tuple[Written, ...]]:
        """Write a batch in one transaction, durable when this returns.

        Args:
            head: where the stream ends.
            batch: what to write, in order.

        Returns:
            Where the stream ends now, and for each item its position; or None when its change
            was lost, or the account that does not hold its charge, and it was not written.

        Raises:
            StoreFailure: nothing of the batch was written.
        """
        with self._gate, self._writing:
            try:
                return patiently(lambda: self._attempt(head, batch))
            except sqlite3.Error as error:
                failed = failure("be written", error)
            except StoreFailure as error:
                failed = error
            # A connection made while the disk was read-only stays so; the next one may not.
            self._close()
        raise failed

    def _attempt(self, head: Head, batch: Sequence[Append]) -> tuple[Head, tuple[Written, ...]]:
        connection = self._opened()
        with transaction(connection):
            _check_head(connection, head)
            return _write(connection, head, batch)

    def _opened(self) -> sqlite3.Connection:
        if identity_of(self.path) != self._file:
            raise StoreFailure("the database file was moved or replaced")
        if self._writer is None:
            self._writer = connect_writing(self.path)
        return self._writer


def _migrate(path: Path) -> None:
    def once() -> None:
        connection = connect_writing(path)
        try:
            migrate(connection)
        finally:
            connection.close()

    try:
        patiently(once)
    except sqlite3.Error as error:
        failed = failure("be opened", error)
    else:
        return
    raise failed


def _check_head(connection: sqlite3.Connection, head: Head) -> None:
    found = connection.execute(
        "SELECT seq, hash FROM audit_entry WHERE stream = ? ORDER BY seq DESC LIMIT 1",
        (head.stream,),
    ).fetchone()
    expected = None if head.next_seq == 0 else (head.next_seq - 1, head.previous)
    if found != expected:
        raise StoreFailure("the stream in the database is not what this process wrote")


def _write(
    connection: sqlite3.Connection, head: Head, batch: Sequence[Append]
) -> tuple[Head, tuple[Written, ...]]:
    entries: list[tuple[str, int, str, bytes]] = []
    salts: list[tuple[str, int, bytes]] = []
    positions: list[Written] = []
    facts: list[tuple[str, int, SealedFacts]] = []
    for item in batch:
        written, full = _write_beside(connection, item)
        if not written:
            positions.append(full)
            continue
        stream, seq = head.stream, head.next_seq
        content = placed_bytes(item.fields, stream=stream, seq=seq, previous=head.previous)
        head = replace(head, next_seq=seq + 1, previous=entry_hash(content))
        if item.entry.type in (EntryType.STREAM_OPENED, EntryType.STREAM_CLOSED):
            _register(connection, item.entry, stream, seq)
        entries.append((stream, seq, head.previous, content))
        if item.salt is not None:
            salts.append((stream, seq, item.salt))
        positions.append(Position(stream=stream, seq=seq))
        if item.facts is not None:
            facts.append((stream, seq, item.facts))
    connection.executemany("INSERT INTO audit_entry VALUES (?, ?, ?, ?)", entries)
    connection.executemany("INSERT INTO commitment_salt VALUES (?, ?, ?)", salts)
    write_facts(connection, facts)
    return head, tuple(positions)


def _register(connection: sqlite3.Connection, entry: AuditEntry, stream: str, seq: int) -> None:
    if entry.type is EntryType.STREAM_CLOSED:
        connection.execute("UPDATE audit_stream SET closed_seq = ? WHERE stream = ?", (seq, stream))
        return
    host, pid = entry.details.get("host", ""), entry.details.get("pid", "0")
    connection.execute(
        "INSERT INTO audit_stream VALUES (?, ?, ?, ?, NULL)",
        (stream, host, int(pid), instant(entry.at)),
    )


def _write_beside(connection: sqlite3.Connection, item: Append) -> tuple[bool, Account | None]:
    """Write what goes with an entry, or leave everything as it was.

    Returns:
        Whether it was written, and if a limit does not hold a charge, that account.
    """
    if item.change is None and not item.charges and not item.gives_back:
        return True, None
    connection.execute("SAVEPOINT beside")
    written, full = item.change is None or _swap(connection, item.change), None
    if written and item.entry.call_id is not None:
        if item.gives_back:
            give_back(connection, item.entry.call_id)
        full = charge(connection, item.entry.call_id, item.charges)
        written = full is None
    if not written:
        connection.execute("ROLLBACK TO beside")
    connection.execute("RELEASE beside")
    return written, full


def _swap(connection: sqlite3.Connection, change: ApprovalChange) -> bool:
    """Make the change, if nothing changed since; whoever calls undoes a part of it."""
    if change.before is None:
        return _insert(connection, change.after, change.beside)
    return _update(connection, change.before, change.after, change.vote)


def _insert(
    connection: sqlite3.Connection, asked: ApprovalRequest, beside: frozenset[str] | None
) -> bool:
    if beside is not None:
        marks = ", ".join("?" * len(OPEN_STATES))
        rows = connection.execute(
            f"SELECT id FROM approval WHERE session_key = ? AND tool = ? AND state IN ({marks})",  # noqa: S608 - no value in it
            (asked.session_key, asked.tool, *map(str, OPEN_STATES)),
        )
        if any(id_ not in beside for (id_,) in rows):
            return False
    created_at = instant(asked.created_at)
    cursor = connection.execute(
        "INSERT INTO approval VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (
            *(asked.id, asked.session_key, asked.tool, created_at, question_of(asked)),
            *standing_of(asked),
        ),
    )
    return cursor.rowcount == 1


def _update(
    connection: sqlite3.Connection,
    before: ApprovalRequest,
    after: ApprovalRequest,
    vote: Vote | None,
) -> bool:
    cursor = connection.execute(
        "UPDATE approval SET state = ?, version = ?, decided_at = ?, claimed_by = ?,"
        " lease_until = ? WHERE id = ? AND state = ? AND version = ?",
        (*standing_of(after), before.id, str(before.state), before.version),
    )
    if cursor.rowcount != 1 or vote is None:
        return cursor.rowcount == 1
    cursor = connection.execute(
        f"INSERT INTO approval_vote ({VOTE_COLUMNS}) VALUES (?, ?, ?, ?, ?)"  # noqa: S608 - no value in it
        " ON CONFLICT DO NOTHING",
        vote_row(vote),
    )
    return cursor.rowcount == 1
