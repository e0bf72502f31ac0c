# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What happens to an open database when the process forks?

SQLite keeps its locks by process and knows nothing of forks: a child that inherits an open
database can lose what it writes later. So nothing is open while the process forks: the gate waits
until nobody is inside, closes what stays open between uses, and lets the parent open it again.

INVARIANT: a child whose parent could not close in time, or that was forked past Python's hooks, is
refused and never touches the database (tests/stores/test_forking.py).
"""

import os
import threading
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from agentguard.stores.failures import StoreFailure

LONGEST_WAIT_SECONDS = 5.0
"""How long a fork waits for reads and commits that are under way."""


class ForkAware(Protocol):
    """Something that must know when the process forks."""

    def before_fork(self) -> None:
        """Get ready; runs in the parent."""

    def after_in_parent(self) -> None:
        """Go on; runs in the parent."""

    def after_in_child(self) -> None:
        """Start anew; runs in the child."""


_watched: "weakref.WeakSet[ForkAware]" = weakref.WeakSet()
_told: list[ForkAware] = []
_one_fork_at_a_time = threading.RLock()


def watch(one: ForkAware) -> None:
    """Tell an object about every later fork, as long as it lives."""
    with _one_fork_at_a_time:
        _watched.add(one)


def _before() -> None:
    _one_fork_at_a_time.acquire()
    _told[:] = list(_watched)
    for one in _told:
        one.before_fork()


def _after_in_parent() -> None:
    for one in _told:
        one.after_in_parent()
    _told.clear()
    _one_fork_at_a_time.release()


def _after_in_child() -> None:
    for one in _told:
        one.after_in_child()
    _told.clear()
    _one_fork_at_a_time.release()


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(
        before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child
    )


class ForkGate:
    """Everybody who uses the database is inside; a fork waits until nobody is.

    Args:
        close: closes what stays open while nobody is inside.
    """

    def __init__(self, close: Callable[[], None]) -> None:
        self._close = close
        self._pid = os.getpid()
        self._inside = 0
        self._changed = threading.Condition()
        self._closed_in_time = False
        watch(self)

    def __enter__(self) -> None:
        # Checked before any lock: a lock that was held at the fork is held for ever in the child.
        if os.getpid() != self._pid:
            raise StoreFailure("this process was forked while the store was open; make its own")
        with self._changed:
            self._inside += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._changed:
            self._inside -= 1
            self._changed.notify_all()

    def before_fork(self) -> None:
        """Wait until nobody is inside, close, and keep the gate shut."""
        self._changed.acquire()
        self._closed_in_time = self._changed.wait_for(
            lambda: self._inside == 0, timeout=LONGEST_WAIT_SECONDS
        )
        if self._closed_in_time:
            self._close()

    def after_in_parent(self) -> None:
        """Open the gate again."""
        self._changed.release()

    def after_in_child(self) -> None:
        """Take the gate over, if nothing was open; else refuse everybody."""
        if self._closed_in_time:
            self._changed = threading.Condition()
            self._inside = 0
            self._pid = os.getpid()
