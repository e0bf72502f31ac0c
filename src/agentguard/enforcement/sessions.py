# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which session does a caller come back to?

Keeps the sessions of this process in memory. Where a vault is kept beyond the process, a session
is read when it is opened, and what others wrote since then whenever it is come back to.

INVARIANT: no session is forgotten while somebody can come back to it
(tests/enforcement/test_sessions.py).
INVARIANT: what was erased or has expired is known to no call that begins afterwards
(tests/enforcement/test_kept_sessions.py).
INVARIANT: everybody of a chain shares what was said, and what was said where it was not heard is
never taken for nothing (tests/enforcement/test_talks.py).
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from weakref import WeakKeyDictionary, WeakValueDictionary

from agentguard.errors import GuardFailure
from agentguard.session import Labels, Session, Talk
from agentguard.stores import Collision, Place, StoreFailure, VaultKeeper, watch
from agentguard.vocabulary import Caller, KnownValue, Lifetime

MOST_NAMED_SESSIONS = 100_000


@dataclass(slots=True)
class _Read:
    """Where a session is kept, and how much of that was read."""

    place: Place
    last: int = 0
    erasures: int | None = None
    expires_at: float | None = None


class Sessions:
    """The sessions of this process.

    A session knows what was hidden in it, and hides it again wherever it turns up. So none is
    forgotten while somebody can come back to it: one with a name is kept as long as the process
    runs, and one without as long as the block or the bound object that it was made for.
    One that is kept on disk may be forgotten here.
    """

    def __init__(
        self,
        random: Callable[[int], bytes],
        *,
        keeper: VaultKeeper | None = None,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        """Begin without any.

        Args:
            random: gives that many random bytes.
            keeper: keeps what was hidden beyond this process, None for not at all.
            now: the time, where values that are kept can expire.
        """
        self._random = random
        self._keeper = keeper
        self._now = now
        self.everywhere = Labels()
        # Of sessions that are forgotten here while somebody can come back to them.
        self._left: dict[str, Labels] = {}
        self._living: WeakValueDictionary[str, Session] = WeakValueDictionary()
        # By the key of whoever began the chain; sessions that live hold them.
        self._talks: WeakValueDictionary[str, Talk] = WeakValueDictionary()
        self._left_any = False
        self._named: dict[str, Session] = {}
        self._nameless: WeakKeyDictionary[Lifetime, dict[str, Session]] = WeakKeyDictionary()
        self._read: WeakKeyDictionary[Session, _Read] = WeakKeyDictionary()
        # Taken again by the thread that has it, when a finalizer or a signal calls in between.
        self._lock = threading.RLock()
        watch(self)

    def may_wait(self, caller: Caller) -> bool:
        """Say whether to open or to keep this caller's session means to wait for a disk."""
        return self._keeper is not None and self._keeper.keeps(caller)

    def of(self, caller: Caller) -> Session:
        """Return the session of a caller, making it if there is none.

        Raises:
            GuardFailure: there are too many named sessions for another one, or what was kept
                of it cannot be read.
        """
        try:
            session = self._held(caller)
            if self._keeper is None or not self._keeper.keeps(caller):
                return session
            return self._refreshed(self._keeper, caller, session)
        except StoreFailure as error:
            problem = str(error)
        raise GuardFailure(f"the vault cannot be read: {problem}", part="vault")

    def label(self, caller: Caller | None, values: Iterable[KnownValue]) -> None:
        """Give values a class, in a caller's session or, for None, everywhere in the process.

        Raises:
            GuardFailure: there are too many named sessions for another one, or the caller has no
                place in the vault.
            ValueError: a value is too short to be looked for.
        """
        values = tuple(values)
        if caller is None:
            self.everywhere.add(values)
            return
        labels = None
        try:
            # The session may be replaced meanwhile, since something of it was erased.
            while labels is not (current := self._held(caller).labels):
                labels = current
                labels.add(values)
        except StoreFailure as error:
            problem = str(error)
        else:
            return
        raise GuardFailure(f"the vault cannot be read: {problem}", part="vault")

    def talk(self, caller: Caller) -> Talk:
        """Return what is shared by the sessions of everybody in a caller's chain.

        Raises:
            GuardFailure: there are too many named sessions for another one, or the caller has no
                place in the vault.
        """
        try:
            return self._held(caller).talk
        except StoreFailure as error:
            problem = str(error)
        raise GuardFailure(f"the vault cannot be read: {problem}", part="vault")

    def keep(self, caller: Caller, session: Session) -> None:
        """Put on disk what a session hid and its vault has not kept yet; on disk at the return.

        Raises:
            GuardFailure: nothing was written.
        """
        if self._keeper is None or not self._keeper.keeps(caller):
            return
        read, values = self._read[session], session.vault.unkept
        try:
            settled = self._keeper.keep(read.place, values)
            with self._lock:
                # An expired row may be gone before it is read, and then tells nothing.
                read.expires_at = _first(read.expires_at, settled.expires_at)
            session.vault.keep(settled.values)
        except (Collision, ValueError):
            # What is on disk holds; this session has another value in its place.
            self._forget(caller, session)
            problem = "two values share a placeholder"
        except StoreFailure as error:
            problem = str(error)
        else:
            return
        raise GuardFailure(f"the vault cannot be written: {problem}", part="vault")

    def _held(self, caller: Caller) -> Session:
        key = caller.session_key
        with self._lock:
            kept = self._named
            if caller.lifetime is not None:
                kept = self._nameless.setdefault(caller.lifetime, {})
            session = kept.get(key)
            if session is not None:
                return session
            if kept is self._named:
                self._make_room()
            # One made without a name can be come back to by its id, which then is its name.
            session = self._living.get(key) or self._new(caller)
            session.labels = self._left.pop(key, session.labels)
            return kept.setdefault(key, self._living.setdefault(key, session))

    def _make_room(self) -> None:
        if len(self._named) < MOST_NAMED_SESSIONS:
            return
        if self._keeper is not None:
            key = next(iter(self._named))
            self._leave(key, self._named.pop(key))
            self._left_any = True
            return
        raise GuardFailure(
            f"this process keeps {MOST_NAMED_SESSIONS} named sessions and forgets none:"
            " start another, or name only sessions that are come back to",
            part="sessions",
        )

    def _new(self, caller: Caller) -> Session:
        talk = self._talk_of(caller)
        if self._keeper is None:
            return Session(self._random(32), everywhere=self.everywhere, talk=talk)
        place = self._keeper.place(caller)
        session = Session(place.code_key, durable=True, everywhere=self.everywhere, talk=talk)
        self._read[session] = _Read(place)
        return session

    def _talk_of(self, caller: Caller) -> Talk:
        """Return what is shared by everybody of a chain; it begins with whoever calls first."""
        key = caller.account_key
        talk = self._talks.get(key)
        if talk is None:
            # What was said in a session that was forgotten here is not known any more.
            talk = Talk(complete=caller.lifetime is not None or not self._left_any)
        return self._talks.setdefault(key, talk)

    def _forget(self, caller: Caller, session: Session) -> None:
        """Let the next call begin with what is on disk; calls under way keep what they have."""
        key = caller.session_key
        with self._lock:
            session.talk.forget()
            self._leave(key, session)
            for kept in (self._named, self._living, *self._nameless.values()):
                if kept.get(key) is session:
                    del kept[key]

    def _leave(self, key: str, session: Session) -> None:
        if session.labels.version:
            self._left[key] = session.labels

    def _refreshed(self, keeper: VaultKeeper, caller: Caller, session: Session) -> Session:
        """Return the session with everything that is kept of it, and nothing that is not any more.

        What a session knows only grows. One that knows too much is replaced.
        """
        with self._lock:
            read = self._read[session]
            last = read.last
        kept = keeper.read(read.place, last)
        if any(session.vault.issued(each.placeholder) is None for each in kept.own):
            # Another process hid something, so that there was talk which was not heard here.
            session.talk.complete = False
        try:
            session.vault.restore(kept.own, own=True)
            session.vault.restore(kept.others, own=False)
        except ValueError:
            self._forget(caller, session)
            raise StoreFailure("two values share a placeholder") from None
        with self._lock:
            # Asked behind the reading: another thread may have read it meanwhile, before or after
            # somebody erased.
            known_too_long = read.erasures not in {None, kept.erasures}
            if read.expires_at is not None and self._seconds() >= read.expires_at:
                known_too_long = True
            read.last = max(read.last, kept.last)
            read.erasures = kept.erasures if read.erasures is None else read.erasures
            read.expires_at = _first(read.expires_at, kept.expires_at)
        if not known_too_long:
            return session
        self._forget(caller, session)
        return self._refreshed(keeper, caller, self._held(caller))

    def _seconds(self) -> float:
        return 0.0 if self._now is None else self._now().timestamp()

    def before_fork(self) -> None:
        """Do nothing: what the sessions know goes with the child."""

    def after_in_parent(self) -> None:
        """Do nothing."""

    def after_in_child(self) -> None:
        """Make a lock: a thread that the child does not have may have held this one."""
        self._lock = threading.RLock()


def _first(one: float | None, other: float | None) -> float | None:
    return min((each for each in (one, other) if each is not None), default=None)
