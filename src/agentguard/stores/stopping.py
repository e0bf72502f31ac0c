# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What have operators stopped, as of less than a second ago?

Asked before every call, so that the answer is kept for a moment. It counts from before the reading
began. What it means for a call is decided elsewhere.

INVARIANT: an answer is never older than ``FRESH_SECONDS`` (tests/stores/test_stops.py).
INVARIANT: what cannot be read is never taken for nothing (same file).
"""

import threading
import time
from collections.abc import Callable

from agentguard.stores.failures import StoreFailure
from agentguard.stores.forking import watch
from agentguard.stores.ledger import LazyLedger
from agentguard.vocabulary import Stop

FRESH_SECONDS = 0.5
"""How long an answer is kept, so that a stop is in force within a second."""


class Stops:
    """Reads what is stopped out of a ledger that nobody else waits for.

    Args:
        ledger: where it is kept.
        clock: gives seconds that only grow.
    """

    def __init__(self, ledger: LazyLedger, clock: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._clock = clock
        self.closed = False
        self._lock = threading.Lock()
        # When the reading began, what it gave, and why it failed.
        self._last: tuple[float, tuple[Stop, ...], str | None] | None = None
        watch(self)

    def known(self) -> tuple[Stop, ...] | None:
        """Return what is stopped without any waiting, None where it must be read."""
        last = self._fresh()
        return None if last is None or last[2] is not None else last[1]

    def read(self) -> tuple[Stop, ...]:
        """Return what is stopped.

        Raises:
            StoreFailure: that cannot be read.
        """
        last = self._fresh()
        if last is None:
            with self._lock:
                last = self._fresh() or self._read()
        _, stops, problem = last
        if problem is not None:
            raise StoreFailure(problem)
        return stops

    def stop(self, stop: Stop) -> None:
        """Stop something; nobody here takes it for going on from then on.

        Raises:
            StoreFailure: it is not stopped.
        """
        self._ledger.opened().stop(stop)
        with self._lock:
            self._last = None

    def close(self) -> None:
        """Let go of what is open; nothing can be read any more."""
        self.closed = True
        self._ledger.close()
        self._last = None

    def _fresh(self) -> tuple[float, tuple[Stop, ...], str | None] | None:
        last = self._last
        return None if last is None or self._clock() - last[0] >= FRESH_SECONDS else last

    def _read(self) -> tuple[float, tuple[Stop, ...], str | None]:
        began = self._clock()
        problem: str | None = None
        stops: tuple[Stop, ...] = ()
        try:
            stops = self._ledger.opened().stops()
        except StoreFailure as failure:
            problem = str(failure)
        self._last = began, stops, problem
        return self._last

    def before_fork(self) -> None:
        """Do nothing: the ledger itself waits until nobody uses it."""

    def after_in_parent(self) -> None:
        """Do nothing."""

    def after_in_child(self) -> None:
        """Begin with another lock; a thread that the child does not have may have held it."""
        self._lock = threading.Lock()
