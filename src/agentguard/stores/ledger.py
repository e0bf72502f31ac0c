# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where is written down what calls hold of budgets, and what they used up?

In a ledger of its own, apart from the audit log: it is written before and after every call that is
under a budget, and a power failure may cost it the last moments. ``ledger_sqlite`` and
``ledger_postgres`` keep it; what they write says ``ledger_rows`` for both.

A hold that was neither settled nor released when its lease ends counts no more. A call that ends
later still settles it.

INVARIANT: whatever happens at once, no pot holds more than its cap, but for what calls used beyond
what they held (tests/stores/test_ledger_together.py).
"""

import threading
from collections.abc import Callable, Mapping
from typing import Protocol

from agentguard.stores.failures import StoreFailure
from agentguard.stores.forking import watch
from agentguard.vocabulary import Hold, Line, Stop, StopScope, Used


class PotsFull(Exception):
    """What a call needs is not there; nothing was taken.

    Attributes:
        lines: what does not fit.
    """

    def __init__(self, lines: tuple[Line, ...]) -> None:
        super().__init__("a budget does not hold the call")
        self.lines = lines


class LedgerStore(Protocol):
    """A ledger. Every method raises ``StoreFailure`` when it cannot do its work."""

    def reserve(self, hold: Hold) -> None:
        """Take everything that a call needs, or nothing.

        Raises:
            PotsFull: there is not enough left.
        """

    def settle(self, call_id: str, used: Mapping[str, int]) -> None:
        """Count what a call used up, by the keys of its lines; what is not named counts as held.

        A call that holds nothing, or has been settled before, changes nothing.
        """

    def release(self, call_id: str) -> None:
        """Give back what a call holds."""

    def used(self, at: int) -> tuple[Used, ...]:
        """Return what is used up and held of every pot whose time has not ended."""

    def stop(self, stop: Stop) -> bool:
        """Stop something; return whether it was not stopped already."""

    def resume(self, scope: StopScope, key: str) -> bool:
        """Let something go on; return whether it was stopped."""

    def stops(self) -> tuple[Stop, ...]:
        """Return everything that is stopped."""

    def close(self) -> None:
        """Let go of what is open."""


class LazyLedger:
    """A ledger that is opened when it is first needed, since many policies need none.

    Args:
        opening: opens it; raises ``StoreFailure`` if that cannot be.
    """

    def __init__(self, opening: Callable[[], LedgerStore]) -> None:
        self._opening = opening
        self._ledger: LedgerStore | None = None
        self._closed = False
        self._lock = threading.Lock()
        watch(self)

    def opened(self) -> LedgerStore:
        """Return the ledger.

        Raises:
            StoreFailure: it cannot be opened, or was closed.
        """
        ledger = self._ledger
        if ledger is not None:
            return ledger
        with self._lock:
            if self._closed:
                raise StoreFailure("the ledger is closed")
            if self._ledger is None:
                self._ledger = self._opening()
            return self._ledger

    def close(self) -> None:
        """Close it for good, if it was opened; nobody opens it again."""
        with self._lock:
            ledger, self._ledger, self._closed = self._ledger, None, True
        if ledger is not None:
            ledger.close()

    def before_fork(self) -> None:
        """Do nothing: the ledger itself waits until nobody uses it."""

    def after_in_parent(self) -> None:
        """Do nothing."""

    def after_in_child(self) -> None:
        """Begin with another lock; a thread that the child does not have may have held it."""
        self._lock = threading.Lock()
