# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where do an issuer's keys come from, and how old may they be?

A file is read whenever it is asked. Keys that are fetched are kept and renewed before they are
too old, in a thread of its own: whoever has keys never waits. Without keys, or with keys that are
too old, one fetch runs for everybody who needs it. A token that names a key which is not there
makes the keys be fetched again, but seldom, so that forged tokens do not become requests.

INVARIANT: keys older than their hard maximum age verify nothing, whatever is reachable
(tests/issuers/test_key_sources.py).
"""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from agentguard.issuers.keys import Key, KeySet
from agentguard.issuers.refusing import MustWait, TokenProblem, refused

# Seconds between two fetches for keys that are not there, or after a fetch that failed.
PAUSE = 10.0
# Seconds after which nobody waits for a fetch any more.
PATIENCE = 8.0
# The same for a key that is not among those at hand: anybody can name one, to be waited for.
PATIENCE_FOR_ANOTHER = 2.0
LARGEST_FILE = 512 * 1024

Reader = Callable[[bytes], KeySet]


class KeySource(Protocol):
    """Where the keys of one issuer come from."""

    def find(self, key_id: str | None, algorithm: str, *, wait: bool) -> Key:
        """Return the key that a token means.

        Args:
            key_id: the name of the key, None where the token has none.
            algorithm: what the signature is made with.
            wait: whether a fetch may be waited for.

        Raises:
            TokenRefused: there is no such key, or no keys can be had.
            MustWait: a fetch is needed, and *wait* says that there is no time for it.
        """
        ...


class FileKeys:
    """Keys in a file, read each time, so that a key taken out of it counts no more."""

    def __init__(self, path: Path, read: Reader) -> None:
        self._path = path
        self._read = read
        self._known: tuple[bytes, KeySet] | None = None

    def find(self, key_id: str | None, algorithm: str, *, wait: bool) -> Key:
        """Return the key that a token means; see ``KeySource``."""
        del wait
        return self._keys().find(key_id, algorithm)

    def _keys(self) -> KeySet:
        problem = TokenProblem.KEYS_UNREADABLE
        known = self._known
        try:
            with self._path.open("rb") as file:
                content = file.read(LARGEST_FILE + 1)
            if known is not None and known[0] == content:
                return known[1]
            if len(content) <= LARGEST_FILE:
                keys = self._read(content)
                self._known = (content, keys)
                return keys
        except OSError:
            problem = TokenProblem.KEYS_UNREACHABLE
        except ValueError:
            pass
        raise refused(problem)


@dataclass(frozen=True, slots=True)
class _Kept:
    keys: KeySet
    at: datetime
    started: float


def _running() -> Future[None]:
    # One that runs cannot be cancelled by a task that waits for it.
    future: Future[None] = Future()
    future.set_running_or_notify_cancel()
    return future


@dataclass(slots=True, eq=False)
class _Attempt:
    """One fetch: under way until ``done``."""

    started: float
    process: int
    done: Future[None] = field(default_factory=_running)
    problem: TokenProblem | None = None


class FetchedKeys:
    """Keys that are fetched, kept and renewed."""

    def __init__(
        self,
        fetch: Callable[[], KeySet],
        max_age: timedelta,
        now: Callable[[], datetime],
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin without keys.

        Args:
            fetch: gets the keys, raises ``ValueError`` where they are no keys and anything else
                where they cannot be had.
            max_age: how old keys may be.
            now: the time of day.
            ticks: seconds from somewhere, never backwards.
        """
        self._fetch = fetch
        self._max_age = max_age
        self._now = now
        self._ticks = ticks
        self._kept: _Kept | None = None
        self._last: _Attempt | None = None
        self._lock = threading.Lock()

    def find(self, key_id: str | None, algorithm: str, *, wait: bool) -> Key:
        """Return the key that a token means; see ``KeySource``."""
        kept = self._fresh()
        if kept is None:
            kept = self._renewed(None, wait=wait)
        elif self._now() - kept.at > self._max_age / 2:
            self._begin()
        for _ in range(2):
            # The fetch that is under way may have begun before the key was published.
            if not kept.keys.knows(key_id):
                kept = self._renewed(kept, wait=wait)
        return kept.keys.find(key_id, algorithm)

    def _fresh(self) -> _Kept | None:
        # The time is read after the keys: before, keys of another thread's fetch could seem to
        # come from the future, as they do where a clock was set back.
        kept = self._kept
        if kept is None or not timedelta() <= self._now() - kept.at <= self._max_age:
            return None
        return kept

    def _renewed(self, kept: _Kept | None, *, wait: bool) -> _Kept:
        """Return keys other than *kept*, or *kept* where there are none to be had now."""
        attempt = self._begin()
        patience = PATIENCE if kept is None else PATIENCE_FOR_ANOTHER
        if attempt is not None and not attempt.done.done():
            if not wait:
                raise MustWait(attempt.done, patience)
            wait_for([attempt.done], patience)
        found = self._fresh() or kept
        if found is not None:
            return found
        if self._kept is not None:
            raise refused(TokenProblem.KEYS_TOO_OLD)
        last = self._last
        raise refused((last and last.problem) or TokenProblem.KEYS_UNREACHABLE)

    def _begin(self) -> _Attempt | None:
        """Return the fetch that runs, or begin one; None where it is too early for another."""
        process, ticks = os.getpid(), self._ticks()
        last = self._last
        if last is not None and last.process != process:
            # The thread that fetched, and perhaps held the lock, stayed behind at a fork.
            self._lock = threading.Lock()
        with self._lock:
            last = self._last
            if last is not None and last.process == process:
                if not last.done.done() and ticks - last.started < PATIENCE:
                    return last
                if ticks - last.started < PAUSE:
                    return None
            attempt = self._last = _Attempt(started=ticks, process=process)
        name = "agentguard-keys"
        threading.Thread(target=self._run, args=(attempt,), name=name, daemon=True).start()
        return attempt

    def _run(self, attempt: _Attempt) -> None:
        # Taken before: keys are as old as the request for them.
        at = self._now()
        try:
            keys = self._fetch()
        except ValueError:
            attempt.problem = TokenProblem.KEYS_UNREADABLE
        except Exception:  # noqa: BLE001 - whatever the reason, there are no keys
            attempt.problem = TokenProblem.KEYS_UNREACHABLE
        else:
            kept = self._kept
            # A fetch that nobody waited for any more may end after a later one.
            if kept is None or kept.started <= attempt.started:
                self._kept = _Kept(keys, at, attempt.started)
        finally:
            attempt.done.set_result(None)
