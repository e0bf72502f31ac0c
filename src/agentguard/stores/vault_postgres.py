# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How do the rows of a vault lie on a PostgreSQL server?

In two tables of their own, for processes on several hosts. One connection for who reads and one
for who writes; a connection that broke is opened again once.

INVARIANT: of two who write to a space one waits for the other, so that what is read after a
serial misses nothing (tests/stores/test_vault_stores.py).
INVARIANT: no failure holds an address or the content of a row (tests/stores/test_vault_postgres.py).
"""

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, LiteralString, TypeVar

import psycopg

from agentguard.stores.failures import StillLogged, StoreFailure
from agentguard.stores.forking import ForkGate
from agentguard.stores.vault import ClassAge, SealedRow, Selection, Settle, Shelf

T = TypeVar("T")
Connection = psycopg.Connection[tuple[Any, ...]]

VERSION = 1
# How long a server may take before the call that needs it is refused, in milliseconds.
PATIENCE = 5000

_COLUMNS = "space, session, tenant, placeholder, data_class, reversible, created_at, key_id, sealed, serial"
_SELECT: LiteralString = f"SELECT {_COLUMNS} FROM agentguard_vault"  # noqa: S608 - no value in it

_SCHEMA: tuple[LiteralString, ...] = (
    """CREATE TABLE IF NOT EXISTS agentguard_vault (
        serial BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        space TEXT NOT NULL,
        session TEXT NOT NULL,
        tenant TEXT NOT NULL,
        placeholder TEXT NOT NULL,
        data_class TEXT NOT NULL,
        reversible BOOLEAN NOT NULL,
        created_at BIGINT NOT NULL,
        key_id TEXT NOT NULL,
        sealed BYTEA NOT NULL,
        UNIQUE (space, placeholder, session)
    )""",
    "CREATE INDEX IF NOT EXISTS agentguard_vault_space ON agentguard_vault (space, serial)",
    "CREATE INDEX IF NOT EXISTS agentguard_vault_session ON agentguard_vault (session)",
    "CREATE INDEX IF NOT EXISTS agentguard_vault_tenant ON agentguard_vault (tenant)",
    "CREATE INDEX IF NOT EXISTS agentguard_vault_age ON agentguard_vault (created_at)",
    "CREATE INDEX IF NOT EXISTS agentguard_vault_key ON agentguard_vault (key_id)",
    """CREATE TABLE IF NOT EXISTS agentguard_vault_state (
        one BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (one),
        version INTEGER NOT NULL,
        erasures BIGINT NOT NULL
    )""",
)
# A number of our own among the locks of the database.
_SCHEMA_LOCK = 0x41475641


class PostgresVaultStore:
    """The rows of a vault on a PostgreSQL server.

    Args:
        address: a connection string or URL, as libpq takes it.

    Raises:
        StoreFailure: the server cannot be reached, or has tables of a newer version.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._reader: Connection | None = None
        self._writer: Connection | None = None
        # Who reads does not wait for who writes.
        self._reading, self._writing = threading.Lock(), threading.Lock()
        self._gate = ForkGate(self._close_both)
        try:
            self._written(_prepare)
        except BaseException:
            self._close_both()
            raise

    def __repr__(self) -> str:
        return "PostgresVaultStore()"

    def read(self, spaces: Collection[str], after: int) -> Shelf:
        """See ``VaultStore``."""

        def work(connection: Connection) -> Shelf:
            # First, so that an erasure in between is seen by the next reading.
            state = connection.execute("SELECT erasures FROM agentguard_vault_state").fetchone()
            found = connection.execute(
                _SELECT + " WHERE space = ANY(%s) AND serial > %s ORDER BY serial",
                (list(spaces), after),
            )
            return Shelf(rows=tuple(map(_row, found)), erasures=0 if state is None else state[0])

        return self._read(work)

    def add(
        self, space: str, placeholders: Sequence[str], settle: Settle, *, expired: int | None
    ) -> None:
        """See ``VaultStore``."""

        def work(connection: Connection) -> None:
            # Serials are given out in the order of commits only while nobody else writes here.
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (int(space[:15], 16),))
            if expired is not None:
                connection.execute("DELETE FROM agentguard_vault WHERE created_at < %s", (expired,))
            found = connection.execute(
                _SELECT + " WHERE space = %s AND placeholder = ANY(%s)",
                (space, list(placeholders)),
            )
            rows = settle(tuple(map(_row, found)))
            with connection.cursor() as cursor:
                cursor.executemany(
                    "DELETE FROM agentguard_vault"
                    " WHERE space = %s AND placeholder = %s AND session = %s",
                    [(row.space, row.placeholder, row.session) for row in rows],
                )
                cursor.executemany(
                    "INSERT INTO agentguard_vault (space, session, tenant, placeholder,"
                    " data_class, reversible, created_at, key_id, sealed)"
                    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
                    [_values(row) for row in rows],
                )

        self._written(work)

    def erase(self, selection: Selection) -> Mapping[str, int]:
        """See ``VaultStore``."""

        def work(connection: Connection) -> Mapping[str, int]:
            gone: dict[str, int] = {}
            for (name,) in connection.execute(*_erasing(selection)):
                gone[name] = gone.get(name, 0) + 1
            connection.execute("UPDATE agentguard_vault_state SET erasures = erasures + 1")
            return gone

        gone = self._written(work)
        try:
            # The server keeps what was deleted until it is vacuumed.
            self._written(lambda open_: open_.execute("VACUUM agentguard_vault"), alone=True)
        except StoreFailure as failure:
            problem = f"the values are erased, but the table is not vacuumed: {failure}"
        else:
            return gone
        raise StillLogged(problem, gone)

    def census(self) -> tuple[ClassAge, ...]:
        """See ``VaultStore``."""
        found = self._read(
            lambda connection: connection.execute(
                "SELECT data_class, count(*), min(created_at), max(created_at)"
                " FROM agentguard_vault GROUP BY data_class ORDER BY data_class"
            ).fetchall()
        )
        return tuple(
            ClassAge(data_class=name, count=count, oldest=oldest, newest=newest)
            for name, count, oldest, newest in found
        )

    def everything(self) -> Iterator[SealedRow]:
        """See ``VaultStore``."""
        found = self._read(
            lambda connection: connection.execute(_SELECT + " ORDER BY serial").fetchall()
        )
        return map(_row, found)

    def key_ids(self) -> frozenset[str]:
        """See ``VaultStore``."""
        query = "SELECT DISTINCT key_id FROM agentguard_vault"
        found = self._read(lambda connection: connection.execute(query).fetchall())
        return frozenset(key_id for (key_id,) in found)

    def close(self) -> None:
        """See ``VaultStore``."""
        with self._gate, self._reading, self._writing:
            self._close_both()

    def _close_both(self) -> None:
        for connection in (self._reader, self._writer):
            _close(connection)
        self._reader = self._writer = None

    def _read(self, work: Callable[[Connection], T]) -> T:
        def once() -> T:
            if self._reader is None or self._reader.closed:
                self._reader = self._connected()
            return work(self._reader)

        def again() -> None:
            reader, self._reader = self._reader, None
            _close(reader)

        with self._gate, self._reading:
            return _done(once, again, "be read")

    def _written(self, work: Callable[[Connection], T], *, alone: bool = False) -> T:
        def once() -> T:
            if self._writer is None or self._writer.closed:
                self._writer = self._connected()
            if alone:  # what no transaction may hold
                return work(self._writer)
            with self._writer.transaction():
                return work(self._writer)

        def again() -> None:
            writer, self._writer = self._writer, None
            _close(writer)

        with self._gate, self._writing:
            return _done(once, again, "be written")

    def _connected(self) -> Connection:
        return psycopg.connect(
            self._address,
            autocommit=True,
            connect_timeout=PATIENCE // 1000,
            application_name="agentguard",
            # Durable when a commit returns, whatever the server's default is.
            options=f"-c statement_timeout={PATIENCE} -c synchronous_commit=on",
        )


def _close(connection: Connection | None) -> None:
    if connection is not None:
        with suppress(psycopg.Error):
            connection.close()


def _done(once: Callable[[], T], again: Callable[[], None], what: str) -> T:
    """Do work, and once more when the connection broke: what was written is not written twice."""
    problem = "unknown"
    for _ in range(2):
        try:
            return once()
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            problem = _name(error)
        except psycopg.Error as error:
            problem = _name(error)
            break
        again()
    again()
    raise StoreFailure(f"the vault's server could not {what}: {problem}")


def _name(error: psycopg.Error) -> str:
    """Return the name of an error; its text may hold an address or a row."""
    return error.sqlstate or type(error).__name__


def _prepare(connection: Connection) -> None:
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_SCHEMA_LOCK,))
    for statement in _SCHEMA:
        connection.execute(statement)
    connection.execute(
        "INSERT INTO agentguard_vault_state (version, erasures) VALUES (%s, 0)"
        " ON CONFLICT DO NOTHING",
        (VERSION,),
    )
    state = connection.execute("SELECT version FROM agentguard_vault_state").fetchone()
    if state is None or state[0] > VERSION:
        raise StoreFailure(f"the vault's tables are newer than version {VERSION}")


def _erasing(selection: Selection) -> tuple[LiteralString, list[Any]]:
    statement: LiteralString = "DELETE FROM agentguard_vault WHERE TRUE"
    values: list[Any] = []
    if selection.sessions is not None:
        statement += " AND session = ANY(%s)"
        values.append(list(selection.sessions))
    if selection.tenants is not None:
        statement += " AND tenant = ANY(%s)"
        values.append(list(selection.tenants))
    if selection.before is not None:
        statement += " AND created_at < %s"
        values.append(selection.before)
    if selection.serials is not None:
        statement += " AND serial = ANY(%s)"
        values.append(list(selection.serials))
    return statement + " RETURNING data_class", values


def _values(row: SealedRow) -> tuple[str | int | bytes, ...]:
    return (
        *(row.space, row.session, row.tenant, row.placeholder, row.data_class),
        *(row.reversible, row.created_at, row.key_id, row.sealed),
    )


def _row(found: tuple[Any, ...]) -> SealedRow:
    return SealedRow(
        space=found[0],
        session=found[1],
        tenant=found[2],
        placeholder=found[3],
        data_class=found[4],
        reversible=found[5],
        created_at=found[6],
        key_id=found[7],
        sealed=bytes(found[8]),
        serial=found[9],
    )
