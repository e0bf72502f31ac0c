# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What stands in the database?

Reads approvals, streams, entries and what limits have left while others write; it changes nothing.

INVARIANT: each read opens its own connection and closes it, so that no connection outlives a fork
and no reader holds a writer up (tests/stores/test_reading.py).
"""

import os
import socket
import sqlite3
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from agentguard.audit import LogRow, StreamLog
from agentguard.canonical import parse_instant
from agentguard.stores.connections import connect_reading, failure, patiently
from agentguard.stores.failures import StoreFailure
from agentguard.stores.forking import ForkGate
from agentguard.stores.rows import REQUEST_COLUMNS, VOTE_COLUMNS, Row, request_of, vote_of
from agentguard.stores.schema import CURRENT, version_of
from agentguard.stores.spending import spent
from agentguard.vocabulary import Account, ApprovalRequest, ApprovalState, Position

T = TypeVar("T")

OPEN_STATES = (
    ApprovalState.PENDING,
    ApprovalState.APPROVED,
    ApprovalState.EXECUTING,
    ApprovalState.REJECTED,
)
"""The states in which a request still answers the same call made again."""

LARGEST_NUMBER = 2**63 - 1
PAGE = 500
"""How many entries are read at once, so that a long read holds nothing up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRecord:
    """What the table of streams says about a stream.

    Attributes:
        stream: its id.
        registered: False when there are entries of the stream, but the table does not know it.
        host, pid: the process that wrote it.
        opened_at: when, None when not registered.
        closed_seq: the number of its closing entry, None when it was not closed.
        last_seq: the number of its last entry, None when there is none.
    """

    stream: str
    registered: bool = True
    host: str = ""
    pid: int = 0
    opened_at: datetime | None = None
    closed_seq: int | None = None
    last_seq: int | None = None


class SqliteReader:
    """The database, for reading only.

    Args:
        path: the database file, which must exist.

    Raises:
        StoreFailure: there is no such file, or it is not a database of this schema.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).absolute()
        self._gate = ForkGate(self._close)
        if not self.path.is_file():
            raise StoreFailure(f"there is no database at {str(self.path)!r}")
        if self._read(version_of) < CURRENT:
            raise StoreFailure("the database has an older schema; start the guard once")

    def _close(self) -> None:
        """Close what stays open between uses; a reader keeps nothing open."""

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def once() -> T:
            connection = connect_reading(self.path)
            try:
                return work(connection)
            finally:
                connection.close()

        with self._gate:
            try:
                return patiently(once)
            except sqlite3.Error as error:
                failed = failure("be read", error)
        raise failed

    def _rows(self, sql: str, *values: object) -> list[Row]:
        return self._read(lambda connection: connection.execute(sql, values).fetchall())

    def approval(self, request_id: str) -> ApprovalRequest | None:
        """Return one approval request with its votes, or None."""
        found = self._requests("WHERE id = ?", request_id)
        return found[0] if found else None

    def approvals(self, states: Collection[ApprovalState] | None = None) -> list[ApprovalRequest]:
        """Return the approval requests in some states, or all, oldest first."""
        if states is None:
            return self._requests("ORDER BY created_at, id")
        marks = ", ".join("?" * len(states))
        where = f"WHERE state IN ({marks}) ORDER BY created_at, id"
        return self._requests(where, *map(str, states))

    def open_approvals(self, session_key: str, tool: str) -> tuple[ApprovalRequest, ...]:
        """Return the requests of a session for a tool that are not over, newest first.

        Rejected ones are among them: the same call made again meets its answer.
        """
        marks = ", ".join("?" * len(OPEN_STATES))
        where = (
            f"WHERE session_key = ? AND tool = ? AND state IN ({marks})"
            " ORDER BY created_at DESC, id"
        )
        return tuple(self._requests(where, session_key, tool, *map(str, OPEN_STATES)))

    def _requests(self, where: str, *values: object) -> list[ApprovalRequest]:
        ask = f"SELECT {REQUEST_COLUMNS} FROM approval {where}"  # noqa: S608 - no value in it
        ask_votes = f"SELECT {VOTE_COLUMNS} FROM approval_vote WHERE request_id = ? ORDER BY at"  # noqa: S608 - no value in it

        def work(connection: sqlite3.Connection) -> list[tuple[Row, list[Row]]]:
            # One transaction, so that a request and its votes are of one moment.
            connection.execute("BEGIN")
            rows = connection.execute(ask, values).fetchall()
            return [(row, connection.execute(ask_votes, row[:1]).fetchall()) for row in rows]

        return [request_of(row, map(vote_of, votes)) for row, votes in self._read(work)]

    def spent(self, accounts: Sequence[Account]) -> Mapping[Account, Decimal]:
        """Return what is used up of accounts, all at one moment.

        Raises:
            StoreFailure: an amount cannot be read.
        """

        def work(connection: sqlite3.Connection) -> Mapping[Account, Decimal]:
            connection.execute("BEGIN")
            return spent(connection, accounts)

        return self._read(work)

    def streams(self) -> tuple[StreamRecord, ...]:
        """Return every stream, in the order of opening; also one that only has entries."""
        known = self._rows(
            "SELECT stream, host, pid, opened_at, closed_seq,"
            " (SELECT max(seq) FROM audit_entry WHERE stream = audit_stream.stream)"
            " FROM audit_stream ORDER BY opened_at, stream"
        )
        strays = self._rows(
            "SELECT stream, max(seq) FROM audit_entry"
            " WHERE stream NOT IN (SELECT stream FROM audit_stream) GROUP BY stream"
        )
        return (
            *(_stream_of(row) for row in known),
            *(
                StreamRecord(stream=str(stream), registered=False, last_seq=_number(last))
                for stream, last in strays
            ),
        )

    def entries(self, stream: str, from_seq: int = 0, up_to: int | None = None) -> Iterator[LogRow]:
        """Yield the entries of a stream from a number on, as they stand in the database.

        Args:
            stream: the stream's id.
            from_seq: the first number.
            up_to: the last number, None for all there are.
        """
        last = LARGEST_NUMBER if up_to is None else up_to
        while from_seq <= last:
            page = self._rows(
                "SELECT seq, hash, content FROM audit_entry"
                " WHERE stream = ? AND seq BETWEEN ? AND ? ORDER BY seq LIMIT ?",
                stream,
                from_seq,
                last,
                PAGE,
            )
            rows = [_log_row(row) for row in page]
            yield from rows
            if len(rows) < PAGE:
                return
            from_seq = rows[-1].seq + 1

    def salt(self, position: Position) -> bytes | None:
        """Return the salt of an entry's commitment, None when there is none or it was erased."""
        rows = self._rows(
            "SELECT salt FROM commitment_salt WHERE stream = ? AND seq = ?",
            position.stream,
            position.seq,
        )
        return _bytes(rows[0][0]) if rows else None

    def logs(self) -> Iterator[StreamLog]:
        """Yield every stream as ``audit.verify`` takes it, as it stands at this moment."""
        # Asked before the streams are read: a process that is gone has written all it will.
        lives = {one.stream: may_live(one.host, one.pid) for one in self.streams()}
        for record in self.streams():
            last = -1 if record.last_seq is None else record.last_seq
            yield StreamLog(
                stream=record.stream,
                registered=record.registered,
                closed_seq=record.closed_seq,
                may_live=record.registered and lives.get(record.stream, True),
                rows=self.entries(record.stream, up_to=last),
            )


def may_live(host: str, pid: int) -> bool:
    """Say whether a process may still run; False only when it is known to be gone."""
    if host != socket.gethostname() or sys.platform == "win32" or pid <= 0:
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _stream_of(row: Row) -> StreamRecord:
    stream, host, pid, opened_at, closed_seq, last_seq = row
    try:
        return StreamRecord(
            stream=str(stream),
            host=str(host),
            pid=_number(pid) or 0,
            opened_at=parse_instant(str(opened_at)),
            closed_seq=_number(closed_seq),
            last_seq=_number(last_seq),
        )
    except ValueError:
        pass
    raise StoreFailure("the table of streams cannot be read")


def _log_row(row: Row) -> LogRow:
    seq, hash_, content = row
    return LogRow(seq=_number(seq) or 0, hash=str(hash_), content=_bytes(content))


def _number(value: object) -> int | None:
    return None if value is None else int(str(value))


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8")
