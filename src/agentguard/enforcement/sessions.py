# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which session does a caller come back to?

Keeps the sessions of this process in memory; they do not outlive it.

INVARIANT: no session is forgotten while somebody can come back to it
(tests/enforcement/test_sessions.py).
"""

import threading
from collections.abc import Callable
from weakref import WeakKeyDictionary, WeakValueDictionary

from agentguard.errors import GuardFailure
from agentguard.session import Session
from agentguard.stores import watch
from agentguard.vocabulary import Caller, Lifetime

MOST_NAMED_SESSIONS = 100_000


class Sessions:
    """The sessions of this process.

    A session knows what was hidden in it, and hides it again wherever it turns up. So none is
    forgotten while somebody can come back to it: one with a name is kept as long as the process
    runs, and one without as long as the block or the bound object that it was made for.
    """

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._random = random
        self._living: WeakValueDictionary[str, Session] = WeakValueDictionary()
        self._named: dict[str, Session] = {}
        self._nameless: WeakKeyDictionary[Lifetime, dict[str, Session]] = WeakKeyDictionary()
        # Taken again by the thread that has it, when a finalizer or a signal calls in between.
        self._lock = threading.RLock()
        watch(self)

    def of(self, caller: Caller) -> Session:
        """Return the session of a caller, making it if there is none.

        Raises:
            GuardFailure: there are too many named sessions for another one.
        """
        key = caller.session_key
        with self._lock:
            kept = self._named
            if caller.lifetime is not None:
                kept = self._nameless.setdefault(caller.lifetime, {})
            session = kept.get(key)
            if session is not None:
                return session
            if len(self._named) >= MOST_NAMED_SESSIONS and kept is self._named:
                raise GuardFailure(
                    f"this process keeps {MOST_NAMED_SESSIONS} named sessions and forgets none:"
                    " start another, or name only sessions that are come back to",
                    part="sessions",
                )
            # One made without a name can be come back to by its id, which then is its name.
            session = self._living.get(key) or Session(self._random(32))
            return kept.setdefault(key, self._living.setdefault(key, session))

    def before_fork(self) -> None:
        """Do nothing: what the sessions know goes with the child."""

    def after_in_parent(self) -> None:
        """Do nothing."""

    def after_in_child(self) -> None:
        """Make a lock: a thread that the child does not have may have held this one."""
        self._lock = threading.RLock()
