# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is the database file opened, and what if it is busy?

Connections for one writer and for readers that never write, and bounded retries of a busy store.
Nothing but a busy store is tried again.

INVARIANT: reading never makes a missing database and never changes the one that is there
(tests/stores/test_reading.py).
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from agentguard.stores.failures import StoreFailure

T = TypeVar("T")

RETRY_SECONDS = 10.0
"""How long a busy store is tried again before the call is refused."""

OWNER_ONLY = 0o600

_FIRST_PAUSE_SECONDS = 0.002
_LONGEST_PAUSE_SECONDS = 0.02
_MOMENT_SECONDS = 0.05
_PRIMARY = 0xFF
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


def make_file(path: Path) -> None:
    """Make an empty file that only its owner can read, unless there is one already.

    Raises:
        StoreFailure: there can be none.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, OWNER_ONLY))
    except FileExistsError:
        return
    except OSError as error:
        name = type(error).__name__
        raise StoreFailure(f"there can be no database at {str(path)!r}: {name}") from None


def identity_of(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another one at the same path, None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def connect_writing(path: Path) -> sqlite3.Connection:
    """Open an existing database for writing, each commit durable when it returns."""
    connection = _connect(f"{path.as_uri()}?mode=rw")
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    except BaseException:
        connection.close()
        raise
    if mode != "wal":
        connection.close()
        raise StoreFailure("the database cannot use a write-ahead log where it lies")
    return connection


def connect_erasing(path: Path) -> sqlite3.Connection:
    """Open an existing database for writing, with erased bytes overwritten, not only left."""
    connection = connect_writing(path)
    connection.execute("PRAGMA secure_delete = ON")
    return connection


def truncate_log(path: Path) -> bool:
    """Take the pages that were erased out of the write-ahead log, too.

    While it waits for readers it keeps writers out, so it waits a moment only, and tries again.

    Returns:
        whether they are gone; others that use the database hold them there.

    Raises:
        sqlite3.Error: the log cannot be reached.
    """
    from tenacity import Retrying, retry_if_result, stop_after_delay, wait_random

    retrying = Retrying(
        retry=retry_if_result(lambda done: not done),
        stop=stop_after_delay(RETRY_SECONDS),
        wait=wait_random(_MOMENT_SECONDS, 2 * _MOMENT_SECONDS),
        retry_error_callback=lambda _: False,
    )
    with closing(connect_erasing(path)) as connection:
        connection.execute(f"PRAGMA busy_timeout = {int(_MOMENT_SECONDS * 1000)}")
        done: bool = retrying(lambda: _truncated(connection))
        return done


def _truncated(connection: sqlite3.Connection) -> bool:
    (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Write all of what is done inside, or nothing of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            # What went wrong is told, not that undoing it failed as well.
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        raise


def connect_reading(path: Path) -> sqlite3.Connection:
    """Open an existing database for reading only."""
    connection = _connect(f"{path.as_uri()}?mode=ro")
    try:
        connection.execute("PRAGMA schema_version").fetchone()
    except BaseException as error:
        connection.close()
        if not isinstance(error, sqlite3.OperationalError) or not _is_still(path, error):
            raise
        return _connect(f"{path.as_uri()}?immutable=1")
    return connection


def _is_still(path: Path, error: sqlite3.OperationalError) -> bool:
    """Say whether the file is a copy that nobody writes, where no log can be made beside it."""
    unopenable = error.sqlite_errorcode & _PRIMARY in (
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
    )
    return unopenable and path.is_file() and not path.with_name(path.name + "-wal").exists()


def _connect(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True, timeout=0, isolation_level=None, check_same_thread=False)


def patiently(work: Callable[[], T]) -> T:
    """Do work on the database, again while the store is busy, as long as is worth it."""
    try:
        return work()
    except sqlite3.OperationalError as error:
        if not _is_busy(error):
            raise
    from tenacity import (
        Retrying,
        retry_if_exception,
        stop_after_delay,
        wait_random_exponential,
    )

    pauses = wait_random_exponential(multiplier=_FIRST_PAUSE_SECONDS, max=_LONGEST_PAUSE_SECONDS)
    retrying = Retrying(
        retry=retry_if_exception(_is_busy),
        stop=stop_after_delay(RETRY_SECONDS),
        wait=pauses,
        reraise=True,
    )
    return retrying(work)


def _is_busy(error: BaseException) -> bool:
    return (
        isinstance(error, sqlite3.OperationalError)
        and getattr(error, "sqlite_errorcode", 0) & _PRIMARY in _BUSY
    )


def failure(what: str, error: sqlite3.Error) -> StoreFailure:
    """Return the failure that an SQLite error means, by the error's name alone."""
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    return StoreFailure(f"the store could not {what}: {name}")
