# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a ledger lie on a PostgreSQL server?

In tables of its own, for processes on several hosts. Whoever changes a pot locks it until the
commit; pots are always locked in the same order, so that nobody waits in a circle.

INVARIANT: no failure holds an address or the content of a row
(tests/stores/test_ledger_postgres.py).
"""

import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import psycopg

from agentguard.stores import ledger_rows
from agentguard.stores.failures import StoreFailure
from agentguard.stores.forking import ForkGate
from agentguard.vocabulary import Hold, Stop, StopScope, Used

T = TypeVar("T")
Connection = psycopg.Connection[tuple[Any, ...]]

# How long a server may take before the call that needs it is refused, in milliseconds.
PATIENCE = 5000
# A number of our own among the locks of the database.
_SCHEMA_LOCK = 0x41474C47


class PostgresLedger:
    """A ledger on a PostgreSQL server; see ``LedgerStore``.

    Args:
        address: a connection string or URL, as libpq takes it.

    Raises:
        StoreFailure: the server cannot be reached, or has tables of a newer version.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._connection: Connection | None = None
        self._lock = threading.Lock()
        self._gate = ForkGate(self._close)
        try:
            self._done(_prepare)
        except BaseException:
            self._close()
            raise

    def __repr__(self) -> str:
        return "PostgresLedger()"

    def reserve(self, hold: Hold) -> None:
        """See ``LedgerStore``."""

        def work(connection: Connection) -> None:
            _lock(connection, ledger_rows.names_of(hold))
            ledger_rows.reserve(_running(connection), hold)

        self._done(work)

    def settle(self, call_id: str, used: Mapping[str, int]) -> None:
        """See ``LedgerStore``."""

        def work(connection: Connection) -> None:
            run = _running(connection)
            _lock(connection, ledger_rows.held_pots(run, call_id))
            ledger_rows.settle(run, call_id, used)

        self._done(work)

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
        """See ``LedgerStore``."""
        return self._done(lambda connection: ledger_rows.stops(_running(connection)))

    def close(self) -> None:
        """See ``LedgerStore``."""
        with self._gate, self._lock:
            self._close()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                connection.close()

    def _done(self, work: Callable[[Connection], T]) -> T:
        """Do work in a transaction, and once more when the connection broke.

        What was written before it broke is not written twice: a hold is there already, and what
        was settled holds nothing any more.
        """
        problem = "unknown"
        with self._gate, self._lock:
            for _ in range(2):
                try:
                    if self._connection is None or self._connection.closed:
                        self._connection = self._connected()
                    with self._connection.transaction():
                        return work(self._connection)
                except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                    problem = _name(error)
                except psycopg.Error as error:
                    problem = _name(error)
                    break
                self._close()
            self._close()
        raise StoreFailure(f"the ledger's server could not do its work: {problem}")

    def _connected(self) -> Connection:
        return psycopg.connect(
            self._address,
            autocommit=True,
            connect_timeout=PATIENCE // 1000,
            application_name="agentguard",
            # With a stricter one, what is read after waiting would be from before it.
            options=f"-c statement_timeout={PATIENCE}"
            r" -c default_transaction_isolation=read\ committed",
        )


def _name(error: psycopg.Error) -> str:
    """Return the name of an error; its text may hold an address or a row."""
    return error.sqlstate or type(error).__name__


def _lock(connection: Connection, pots: Iterable[str]) -> None:
    """Wait until nobody else changes these pots; the locks go with the transaction."""
    for number in sorted({_number(pot) for pot in pots}):
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (number,))


def _number(pot: str) -> int:
    return int.from_bytes(hashlib.sha256(pot.encode()).digest()[:8], "big", signed=True)


def _running(connection: Connection) -> ledger_rows.Run:
    def run(statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        found = connection.execute(statement.replace("?", "%s").encode(), tuple(values))
        return found.fetchall() if found.description is not None else []

    return run


def _prepare(connection: Connection) -> None:
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_SCHEMA_LOCK,))
    run = _running(connection)
    for statement in ledger_rows.SCHEMA:
        run(statement, ())
    run("CREATE TABLE IF NOT EXISTS agentguard_ledger (version INTEGER NOT NULL)", ())
    found = run("SELECT max(version) FROM agentguard_ledger", ())[0][0]
    if found is None:
        run("INSERT INTO agentguard_ledger VALUES (?)", (ledger_rows.VERSION,))
    elif found < ledger_rows.VERSION:
        run("UPDATE agentguard_ledger SET version = ?", (ledger_rows.VERSION,))
    elif found > ledger_rows.VERSION:
        raise StoreFailure(f"the ledger's tables are newer than version {ledger_rows.VERSION}")
