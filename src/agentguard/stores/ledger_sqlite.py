# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a ledger lie in an SQLite file?

In a file of its own. A commit is ordered and safe from a crash of the process; after a power
failure the last ones may be gone, which is what ``synchronous = NORMAL`` says and a ledger bears:
what was used up stands in the audit log as well.
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from agentguard.stores import ledger_rows
from agentguard.stores.connections import (
    connect_writing,
    failure,
    identity_of,
    make_file,
    patiently,
    transaction,
)
from agentguard.stores.failures import StoreFailure
from agentguard.stores.forking import ForkGate
from agentguard.vocabulary import Hold, Stop, StopScope, Used

T = TypeVar("T")

# The number that says whose file it is, as SQLite provides for it.
APPLICATION = 0x41474C47


class SqliteLedger:
    """A ledger in an SQLite file; see ``LedgerStore``.

    Args:
        path: the file; it is made, for its owner only, when there is none.

    Raises:
        StoreFailure: the file cannot be made or opened, or is another program's.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).absolute()
        make_file(self.path)
        self._file = identity_of(self.path)
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()
        self._gate = ForkGate(self._close)
        try:
            self._done(_prepare)
        except BaseException:
            self._close()
            raise

    def reserve(self, hold: Hold) -> None:
        """See ``LedgerStore``."""
        self._done(lambda connection: ledger_rows.reserve(_running(connection), hold))

    def settle(self, call_id: str, used: Mapping[str, int]) -> None:
        """See ``LedgerStore``."""
        self._done(lambda connection: ledger_rows.settle(_running(connection), call_id, used))

    def release(self, call_id: str) -> None:
        """See ``LedgerStore``."""
        self._done(lambda connection: ledger_rows.release(_running(connection), call_id))

    def used(self, at: int) -> tuple[Used, ...]:
        """See ``LedgerStore``."""
        return self._done(lambda connection: ledger_rows.used(_running(connection), at))

    def stop(self, stop: Stop) -> bool:
        """See ``LedgerStore``."""
        return self._done(lambda connection: ledger_rows.stop(_running(connection), stop))

    def resume(self, scope: StopScope, key: str) -> bool:
        """See ``LedgerStore``."""
        return self._done(lambda connection: ledger_rows.resume(_running(connection), scope, key))

    def stops(self) -> tuple[Stop, ...]:
        """See ``LedgerStore``; waits for nobody who writes."""
        return self._done(
            lambda connection: ledger_rows.stops(_running(connection)), only_reads=True
        )

    def close(self) -> None:
        """See ``LedgerStore``."""
        with self._gate, self._lock:
            self._close()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _done(self, work: Callable[[sqlite3.Connection], T], *, only_reads: bool = False) -> T:
        """Do work in a transaction; what raises in it is undone."""

        def once() -> T:
            if identity_of(self.path) != self._file:
                raise StoreFailure("the ledger's file was moved or replaced")
            if self._connection is None:
                self._connection = _connected(self.path)
            if only_reads:
                return work(self._connection)
            with transaction(self._connection):
                return work(self._connection)

        with self._gate, self._lock:
            try:
                return patiently(once)
            except sqlite3.Error as error:
                failed = failure("keep its ledger", error)
            # A connection made while the disk was read-only stays so; the next one may not.
            self._close()
        raise failed


def _connected(path: Path) -> sqlite3.Connection:
    connection = connect_writing(path)
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def _running(connection: sqlite3.Connection) -> ledger_rows.Run:
    def run(statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        return connection.execute(statement, tuple(values)).fetchall()

    return run


def _prepare(connection: sqlite3.Connection) -> None:
    version, application, tables = connection.execute(
        "SELECT (SELECT user_version FROM pragma_user_version),"
        " (SELECT application_id FROM pragma_application_id), count(*) FROM sqlite_master"
    ).fetchone()
    is_new = tables == 0 and version == 0
    if is_new or (application == APPLICATION and version < ledger_rows.VERSION):
        for statement in ledger_rows.SCHEMA:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {ledger_rows.VERSION}")
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
    elif application != APPLICATION:
        raise StoreFailure("the ledger's file belongs to another program")
    elif version > ledger_rows.VERSION:
        known = ledger_rows.VERSION
        raise StoreFailure(f"the ledger has schema {version}; this version knows up to {known}")
