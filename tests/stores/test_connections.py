# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Opening the file, and a store that is busy."""

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from agentguard.stores import SqliteStore, connections
from agentguard.stores.connections import (
    connect_reading,
    connect_writing,
    failure,
    patiently,
    truncate_log,
)


def test_a_busy_store_is_tried_again(store: SqliteStore, place: Path) -> None:
    """Work that meets a busy store succeeds once the store is free."""
    with closing(connect_writing(place)) as other, closing(connect_writing(place)) as ours:
        other.execute("BEGIN IMMEDIATE")
        release = threading.Timer(0.1, lambda: other.execute("ROLLBACK"))
        release.start()
        patiently(lambda: ours.execute("BEGIN IMMEDIATE"))
        release.join()
        ours.execute("ROLLBACK")


def test_a_store_that_stays_busy_is_given_up(
    store: SqliteStore, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that stays busy fails within the bound instead of hanging the call."""
    monkeypatch.setattr(connections, "RETRY_SECONDS", 0.2)
    with closing(connect_writing(place)) as other, closing(connect_writing(place)) as ours:
        other.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        with pytest.raises(sqlite3.OperationalError):
            patiently(lambda: ours.execute("BEGIN IMMEDIATE"))
        assert 0.1 < time.monotonic() - started < 10
        other.execute("ROLLBACK")


def test_clearing_the_log_keeps_no_writer_out(
    store: SqliteStore, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While an erasure waits for somebody who reads, calls are written down."""
    # SQLite holds the writers' lock all the time that it waits for readers, and guards refused
    # their calls meanwhile.
    monkeypatch.setattr(connections, "RETRY_SECONDS", 60.0)
    tried, truncated = threading.Event(), connections._truncated

    def trying(connection: sqlite3.Connection) -> bool:
        done = truncated(connection)
        tried.set()
        return done

    monkeypatch.setattr(connections, "_truncated", trying)
    with (
        closing(connect_writing(place)) as ours,
        closing(connect_writing(place)) as reader,
        ThreadPoolExecutor(1) as pool,
    ):
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM approval").fetchone()
        add = "INSERT INTO spent VALUES ('s', 'k' || random(), '1')"
        ours.execute(add)
        clearing = pool.submit(truncate_log, place)
        assert tried.wait(20)
        for _ in range(20):
            patiently(lambda: ours.execute(add))
        assert not clearing.done()
        reader.execute("COMMIT")
        assert clearing.result() is True


def test_nothing_but_a_busy_store_is_tried_again() -> None:
    """Any other error fails at the first attempt."""
    attempts: list[int] = []

    def work() -> None:
        attempts.append(1)
        raise sqlite3.OperationalError("disk I/O error")

    with pytest.raises(sqlite3.OperationalError):
        patiently(work)
    assert len(attempts) == 1


def test_a_writer_commits_durably(store: SqliteStore, place: Path) -> None:
    """Every writing connection waits for the disk and keeps references whole."""
    with closing(connect_writing(place)) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)


def test_a_reader_cannot_write(store: SqliteStore, place: Path) -> None:
    """A reading connection refuses to change anything."""
    with closing(connect_reading(place)) as connection, pytest.raises(sqlite3.OperationalError):
        connection.execute("DELETE FROM approval")


@pytest.mark.parametrize("connect", [connect_reading, connect_writing])
def test_opening_creates_no_file(place: Path, connect: type) -> None:
    """Neither kind of connection makes a missing file."""
    with pytest.raises(sqlite3.OperationalError):
        connect(place)
    assert list(place.parent.iterdir()) == []


def test_a_failure_is_told_by_its_name_alone() -> None:
    """What SQLite says is reduced to the name of the error."""
    with (
        closing(sqlite3.connect(":memory:")) as connection,
        pytest.raises(sqlite3.OperationalError) as caught,
    ):
        connection.execute("SELECT canary_8841 FROM nowhere")
    told = str(failure("be read", caught.value))
    assert told == "the store could not be read: SQLITE_ERROR"
