# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How do the rows of a vault lie in an SQLite file?

In a file of their own, so that what is erased there never shared a page with the audit log.

INVARIANT: what was erased is in none of the files: neither in the database nor in its log
(tests/stores/test_vault_erasure.py).
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from agentguard.stores.connections import (
    connect_erasing,
    failure,
    identity_of,
    make_file,
    patiently,
    transaction,
    truncate_log,
)
from agentguard.stores.failures import StillLogged, StoreFailure
from agentguard.stores.forking import ForkGate
from agentguard.stores.vault import ClassAge, SealedRow, Selection, Settle, Shelf

T = TypeVar("T")

VERSION = 1
# The number that says whose file it is, as SQLite provides for it.
APPLICATION = 0x41475641

COLUMNS = "space, session, tenant, placeholder, data_class, reversible, created_at, key_id, sealed, serial"

_SCHEMA = (
    """CREATE TABLE vault (
        serial INTEGER PRIMARY KEY AUTOINCREMENT,
        space TEXT NOT NULL,
        session TEXT NOT NULL,
        tenant TEXT NOT NULL,
        placeholder TEXT NOT NULL,
        data_class TEXT NOT NULL,
        reversible INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        key_id TEXT NOT NULL,
        sealed BLOB NOT NULL,
        UNIQUE (space, placeholder, session)
    )""",
    "CREATE INDEX vault_by_space ON vault (space, serial)",
    "CREATE INDEX vault_by_session ON vault (session)",
    "CREATE INDEX vault_by_tenant ON vault (tenant)",
    "CREATE INDEX vault_by_age ON vault (created_at)",
    "CREATE INDEX vault_by_key ON vault (key_id)",
    "CREATE TABLE vault_state (erasures INTEGER NOT NULL)",
    "INSERT INTO vault_state VALUES (0)",
)


class SqliteVaultStore:
    """The rows of a vault in an SQLite file.

    Args:
        path: the file; it is made, for its owner only, when there is none.

    Raises:
        StoreFailure: the file cannot be made or opened, or is another program's.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).absolute()
        make_file(self.path)
        self._file = identity_of(self.path)
        self._reader: sqlite3.Connection | None = None
        self._writer: sqlite3.Connection | None = None
        # Who reads does not wait for who writes.
        self._reading, self._writing = threading.Lock(), threading.Lock()
        self._gate = ForkGate(self._close_both)
        try:
            self._written(_prepare)
        except BaseException:
            self._close_both()
            raise

    def read(self, spaces: Collection[str], after: int) -> Shelf:
        """See ``VaultStore``."""

        def work(connection: sqlite3.Connection) -> Shelf:
            # First, so that an erasure in between is seen by the next reading.
            (erasures,) = connection.execute("SELECT erasures FROM vault_state").fetchone()
            found = connection.execute(
                f"SELECT {COLUMNS} FROM vault WHERE space IN ({_marks(spaces)}) AND serial > ?"  # noqa: S608 - no value in it
                " ORDER BY serial",
                (*spaces, after),
            )
            return Shelf(rows=tuple(map(_row, found)), erasures=erasures)

        return self._read(work)

    def add(
        self, space: str, placeholders: Sequence[str], settle: Settle, *, expired: int | None
    ) -> None:
        """See ``VaultStore``."""

        def work(connection: sqlite3.Connection) -> None:
            if expired is not None:
                connection.execute("DELETE FROM vault WHERE created_at < ?", (expired,))
            found: list[SealedRow] = []
            for some in _portions(placeholders):
                rows = connection.execute(
                    f"SELECT {COLUMNS} FROM vault WHERE space = ?"  # noqa: S608 - no value in it
                    f" AND placeholder IN ({_marks(some)})",
                    (space, *some),
                )
                found += map(_row, rows)
            connection.executemany(
                "INSERT OR REPLACE INTO vault (space, session, tenant, placeholder, data_class,"
                " reversible, created_at, key_id, sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                map(_values, settle(found)),
            )

        self._written(work)

    def erase(self, selection: Selection) -> Mapping[str, int]:
        """See ``VaultStore``."""

        def work(connection: sqlite3.Connection) -> Mapping[str, int]:
            serials = _selected(connection, selection)
            gone: dict[str, int] = {}
            for some in _portions(serials):
                rows = connection.execute(
                    f"DELETE FROM vault WHERE serial IN ({_marks(some)}) RETURNING data_class",  # noqa: S608 - no value in it
                    some,
                )
                for (name,) in rows:
                    gone[name] = gone.get(name, 0) + 1
            connection.execute("UPDATE vault_state SET erasures = erasures + 1")
            return gone

        gone = self._written(work)
        try:
            self._truncate_log()
        except StoreFailure as failure:
            problem = str(failure)
        else:
            return gone
        raise StillLogged(problem, gone)

    def census(self) -> tuple[ClassAge, ...]:
        """See ``VaultStore``."""
        query = (
            "SELECT data_class, count(*), min(created_at), max(created_at) FROM vault"
            " GROUP BY data_class ORDER BY data_class"
        )
        found = self._read(lambda connection: connection.execute(query).fetchall())
        return tuple(
            ClassAge(data_class=name, count=count, oldest=oldest, newest=newest)
            for name, count, oldest, newest in found
        )

    def everything(self) -> Iterator[SealedRow]:
        """See ``VaultStore``."""
        query = f"SELECT {COLUMNS} FROM vault ORDER BY serial"  # noqa: S608 - no value in it
        found = self._read(lambda connection: connection.execute(query).fetchall())
        return map(_row, found)

    def key_ids(self) -> frozenset[str]:
        """See ``VaultStore``."""
        query = "SELECT DISTINCT key_id FROM vault"
        found = self._read(lambda connection: connection.execute(query).fetchall())
        return frozenset(key_id for (key_id,) in found)

    def close(self) -> None:
        """See ``VaultStore``."""
        with self._gate, self._reading, self._writing:
            self._close_both()

    def _close_both(self) -> None:
        for connection in (self._reader, self._writer):
            if connection is not None:
                with suppress(sqlite3.Error):
                    connection.close()
        self._reader = self._writer = None

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def once() -> T:
            self._check_file()
            if self._reader is None:
                self._reader = connect_erasing(self.path)
            return work(self._reader)

        with self._gate, self._reading:
            try:
                return patiently(once)
            except sqlite3.Error as error:
                failed = failure("be read", error)
        raise failed

    def _written(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def once() -> T:
            self._check_file()
            if self._writer is None:
                self._writer = connect_erasing(self.path)
            with transaction(self._writer):
                return work(self._writer)

        with self._gate, self._writing:
            try:
                return patiently(once)
            except sqlite3.Error as error:
                failed = failure("be written", error)
            # A connection made while the disk was read-only stays so; the next one may not.
            writer, self._writer = self._writer, None
            if writer is not None:
                with suppress(sqlite3.Error):
                    writer.close()
        raise failed

    def _truncate_log(self) -> None:
        """Take the pages that were erased out of the write-ahead log, too."""
        failed = StoreFailure(
            "the values are erased, but others read the database, so that its log still holds"
            " them, sealed: erase again"
        )
        with self._gate:
            try:
                if truncate_log(self.path):
                    return
            except sqlite3.Error as error:
                failed = failure("be cleared of what was erased", error)
        raise failed

    def _check_file(self) -> None:
        if identity_of(self.path) != self._file:
            raise StoreFailure("the vault's file was moved or replaced")


def _prepare(connection: sqlite3.Connection) -> None:
    version, application, tables = connection.execute(
        "SELECT (SELECT user_version FROM pragma_user_version),"
        " (SELECT application_id FROM pragma_application_id), count(*) FROM sqlite_master"
    ).fetchone()
    if tables == 0 and version == 0:
        for statement in _SCHEMA:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
    elif application != APPLICATION:
        raise StoreFailure("the vault's file belongs to another program")
    elif version > VERSION:
        raise StoreFailure(f"the vault has schema {version}; this version knows up to {VERSION}")


def _selected(connection: sqlite3.Connection, selection: Selection) -> list[int]:
    conditions, values = ["TRUE"], list[str | int]()
    for column, digests in (("session", selection.sessions), ("tenant", selection.tenants)):
        if digests is not None:
            conditions.append(f"{column} IN ({_marks(digests)})")
            values += digests
    if selection.before is not None:
        conditions.append("created_at < ?")
        values.append(selection.before)
    query = f"SELECT serial FROM vault WHERE {' AND '.join(conditions)}"  # noqa: S608 - no value in it
    found = [serial for (serial,) in connection.execute(query, values)]
    if selection.serials is None:
        return found
    wanted = frozenset(selection.serials)
    return [serial for serial in found if serial in wanted]


def _portions(many: Sequence[T], size: int = 500) -> Iterator[Sequence[T]]:
    """Give as many at a time as a statement takes."""
    for start in range(0, len(many), size):
        yield many[start : start + size]


def _marks(values: Collection[object]) -> str:
    return ", ".join("?" * len(values))


def _values(row: SealedRow) -> tuple[str | int | bytes, ...]:
    return (
        *(row.space, row.session, row.tenant, row.placeholder, row.data_class),
        *(int(row.reversible), row.created_at, row.key_id, row.sealed),
    )


def _row(found: tuple[str, str, str, str, str, int, int, str, bytes, int]) -> SealedRow:
    return SealedRow(
        space=found[0],
        session=found[1],
        tenant=found[2],
        placeholder=found[3],
        data_class=found[4],
        reversible=bool(found[5]),
        created_at=found[6],
        key_id=found[7],
        sealed=found[8],
        serial=found[9],
    )
