# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is stopped is read again in time, and never guessed."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentguard.stores import LazyLedger, SqliteLedger, Stops, StoreFailure
from agentguard.stores.ledger_postgres import PostgresLedger
from agentguard.stores.ledger_rows import VERSION
from agentguard.stores.stopping import FRESH_SECONDS
from agentguard.vocabulary import Stop, StopScope

STOP = Stop(scope=StopScope.TOOL, key="refund", by="user:olga", since=7, why="odd")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the ledger is."""
    return tmp_path / "ledger.db"


@pytest.fixture
def clock() -> list[float]:
    """The time, which a test moves."""
    return [0.0]


@pytest.fixture
def stops(path: Path, clock: list[float]) -> Iterator[Stops]:
    """What reads the stops of a ledger that was opened."""
    ledger = LazyLedger(lambda: SqliteLedger(path))
    ledger.opened()
    made = Stops(ledger, lambda: clock[0])
    yield made
    made.close()


def operate(path: Path, stop: Stop | None) -> None:
    """Stop something, or let everything go on."""
    other = SqliteLedger(path)
    if stop is not None:
        assert other.stop(stop)
        assert not other.stop(stop)
    else:
        assert other.resume(STOP.scope, STOP.key)
        assert not other.resume(STOP.scope, STOP.key)
    other.close()


def test_an_answer_is_read_again_in_time(stops: Stops, path: Path, clock: list[float]) -> None:
    """What somebody else stops or resumes is known as soon as an answer is no longer fresh."""
    assert stops.read() == ()
    operate(path, STOP)
    assert stops.known() == ()
    clock[0] = FRESH_SECONDS
    assert stops.known() is None
    assert stops.read() == (STOP,)
    operate(path, None)
    clock[0] = 2 * FRESH_SECONDS
    assert stops.read() == ()


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE agentguard_stop",
        "INSERT INTO agentguard_stop VALUES ('galaxy', '', 'a', 1, '')",
        "INSERT INTO agentguard_stop VALUES ('all', '', 'a', 'soon', '')",
        "INSERT INTO agentguard_stop VALUES ('all', x'00', 'a', 1, '')",
    ],
)
def test_what_is_malformed_is_not_nothing(
    stops: Stops, path: Path, clock: list[float], statement: str
) -> None:
    """A table that is gone, and a row that nobody understands, are failures."""
    assert stops.read() == ()
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()
    clock[0] = FRESH_SECONDS
    for _ in range(2):
        with pytest.raises(StoreFailure):
            stops.read()
        assert stops.known() is None


def test_a_file_that_is_gone_is_not_nothing(stops: Stops, path: Path, clock: list[float]) -> None:
    """A ledger that was deleted, or replaced by an empty one, is a failure."""
    path.unlink()
    with pytest.raises(StoreFailure):
        stops.read()
    SqliteLedger(path).close()
    clock[0] = FRESH_SECONDS
    with pytest.raises(StoreFailure):
        stops.read()


def test_a_reader_does_not_wait_for_who_writes(stops: Stops, path: Path) -> None:
    """While another process is in a transaction, what is stopped can be read."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    assert stops.read() == ()
    connection.close()


def test_an_older_ledger_gets_the_table(path: Path) -> None:
    """A file of the version before stops is brought up to date when it is opened."""
    SqliteLedger(path).close()
    connection = sqlite3.connect(path)
    connection.execute("DROP TABLE agentguard_stop")
    connection.execute(f"PRAGMA user_version = {VERSION - 1}")
    connection.commit()
    connection.close()
    ledger = SqliteLedger(path)
    assert ledger.stops() == ()
    ledger.close()


def test_a_server_keeps_stops_as_well(server: str) -> None:
    """What one process stops on a server another one reads, and resumes."""
    one, other = PostgresLedger(server), PostgresLedger(server)
    try:
        assert one.stop(STOP)
        assert not other.stop(STOP)
        assert STOP in other.stops()
        assert other.resume(STOP.scope, STOP.key)
        assert not one.resume(STOP.scope, STOP.key)
        assert STOP not in one.stops()
    finally:
        one.close()
        other.close()
