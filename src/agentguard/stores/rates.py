# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How often were calls made, in this process or by many?

Counts with the library ``limits``, over a window that moves on with every call. In this process's
memory, or on a Redis server for many processes.

INVARIANT: what cannot be counted is not let through (tests/stores/test_rates.py).
"""

import hashlib
import importlib.util
import json
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from agentguard.stores.failures import StoreFailure
from agentguard.stores.forking import watch
from agentguard.vocabulary import RateLine

if TYPE_CHECKING:
    from limits.strategies import MovingWindowRateLimiter

NEEDED = "a [rate] needs the library limits: pip install 'agentguard[rates]'"
NEEDED_FOR_REDIS = "rates = 'redis' needs redis: pip install 'agentguard[redis]'"

_SPACE = "agentguard"
# How long a server may take before the call that needs it is refused, in seconds.
_PATIENCE = 5.0


class RateReached(Exception):
    """There were as many calls as a rate lets.

    Attributes:
        line: which rate.
    """

    def __init__(self, line: RateLine) -> None:
        super().__init__("a rate is reached")
        self.line = line


class Rates:
    """Counts calls under rates; safe to use from any thread.

    Args:
        address: the URL of a Redis server; None for this process alone, whose forks count for
            themselves.
    """

    def __init__(self, address: str | None = None) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._limiter: MovingWindowRateLimiter | None = None
        watch(self)

    def __repr__(self) -> str:
        return "Rates()"

    def get_ready(self) -> None:
        """Load what counts, without asking a server.

        Raises:
            StoreFailure: a library is missing, or the address cannot be used.
        """
        self._counted(())

    def count(self, lines: Sequence[RateLine]) -> None:
        """Count one call under every rate, unless it is one too many for one of them.

        A call that others make too many in the same moment may be counted under some of them.

        Raises:
            RateReached: it is one too many; it was counted under none.
            StoreFailure: it cannot be counted.
        """
        reached = self._counted(lines)
        if reached is not None:
            raise RateReached(reached)

    def before_fork(self) -> None:
        """Wait until nobody counts."""
        self._lock.acquire()

    def after_in_parent(self) -> None:
        """Go on."""
        self._lock.release()

    def after_in_child(self) -> None:
        """Start anew: connections and threads belong to the parent."""
        self._lock = threading.Lock()
        self._limiter = None

    def _counted(self, lines: Sequence[RateLine]) -> RateLine | None:
        try:
            return self._first_reached(lines)
        except StoreFailure:
            raise
        except Exception as error:  # noqa: BLE001 - of two libraries and a server
            problem = f"a rate cannot be counted: {type(error).__name__}"
        raise StoreFailure(problem)

    def _first_reached(self, lines: Sequence[RateLine]) -> RateLine | None:
        try:
            from limits import parse
        except ImportError:
            raise StoreFailure(NEEDED) from None
        # One text: parts that are joined could be taken for others.
        keys = [_key(each) for each in lines]
        with self._lock:
            if self._limiter is None:
                self._limiter = self._made()
            asked = [(line, parse(line.rate), key) for line, key in zip(lines, keys, strict=True)]
            for count in (self._limiter.test, self._limiter.hit):
                for line, item, key in asked:
                    if not count(item, _SPACE, key):
                        return line
        return None

    def _made(self) -> "MovingWindowRateLimiter":
        from limits.storage import MemoryStorage, RedisStorage
        from limits.strategies import MovingWindowRateLimiter

        if self._address is None:
            return MovingWindowRateLimiter(MemoryStorage())
        if importlib.util.find_spec("redis") is None:
            raise StoreFailure(NEEDED_FOR_REDIS)
        return MovingWindowRateLimiter(
            RedisStorage(self._address, socket_timeout=_PATIENCE, socket_connect_timeout=_PATIENCE)
        )


def _key(line: RateLine) -> str:
    return hashlib.sha256(json.dumps(line.parts).encode()).hexdigest()
