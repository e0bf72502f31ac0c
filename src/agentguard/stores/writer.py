# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How do many callers share one durable write?

One thread per process takes what is queued and commits it in one transaction. A durable entry is
committed at once, with whatever is queued; another one waits a moment for company.

INVARIANT: what was acknowledged as durable is on disk; what was accepted is kept, in order, until
it is (tests/stores/test_journal.py, tests/stores/test_kill.py).
INVARIANT: an entry is accepted without waiting only while commits succeed and nothing accepted
earlier has been waiting for longer than ``PROMISE_SECONDS``. Otherwise the caller waits for the
commit, so that a failing disk refuses calls, a slow one slows them, and a healed one heals them.
"""

import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime

from agentguard.stores.failures import ChangeLost, LimitPassed, StoreFailure
from agentguard.stores.sqlite import Append, Head, SqliteStore, Written
from agentguard.vocabulary import Account, AuditEntry, EntryType, Position

COMPANY_SECONDS = 0.002
PROMISE_SECONDS = 0.005
LONGEST_QUEUE = 4096
LARGEST_BATCH = 1024
LONGEST_WAIT_SECONDS = 15.0

_NOT_COMMITTED = "the audit log is not written: "


class _Pending:
    """An entry on its way, and where its caller waits for it, if it does."""

    __slots__ = ("_answer", "_done", "_failure", "accepted", "item", "waited_for")

    def __init__(self, item: Append, *, waited_for: bool) -> None:
        self.item = item
        self.waited_for = waited_for
        self.accepted = time.monotonic()
        self._answer: Written = None
        self._failure: str | None = None
        # A bare lock that the writer releases costs the caller a fifth of an Event.
        self._done = threading.Lock() if waited_for else None
        if self._done is not None:
            self._done.acquire()

    def settle(self, answer: Written) -> None:
        self._answer = answer
        if self._done is not None:
            self._done.release()

    def fail(self, problem: str) -> None:
        self._failure = problem
        if self._done is not None:
            self._done.release()

    def wait(self) -> Position:
        if self._done is None or not self._done.acquire(timeout=LONGEST_WAIT_SECONDS):
            raise StoreFailure(_NOT_COMMITTED + "the commit takes too long")
        if self._failure is not None:
            raise StoreFailure(_NOT_COMMITTED + self._failure)
        if self._answer is None:
            raise ChangeLost("the approval request has changed since it was read")
        if isinstance(self._answer, Account):
            raise LimitPassed(self._answer.key)
        return self._answer


class StreamWriter:
    """The one writer of a process's stream.

    Args:
        store: where the stream is written.
        clock: the time.
        stream: the stream's id.
    """

    def __init__(self, store: SqliteStore, clock: Callable[[], datetime], stream: str) -> None:
        self.stream = stream
        self.pid = os.getpid()
        self._store = store
        self._clock = clock
        self._changed = threading.Condition()
        self._queue: deque[_Pending] = deque()
        self._thread: threading.Thread | None = None
        self._idle = False
        self._urgent = False
        self._healthy = False
        self._closing = False
        self._oldest_in_commit: float | None = None
        # Only the thread touches these.
        self._head = Head(stream=stream)
        self._kept: list[_Pending] = []
        self._unwritten: str | None = None

    def append(self, item: Append, *, durable: bool) -> Position | None:
        """Write an entry; see ``Journal.append``."""
        with self._changed:
            pending = _Pending(item, waited_for=durable or self._must_wait())
            self._enqueue(pending)
        return pending.wait() if pending.waited_for else None

    def offer(self, item: Append) -> bool:
        """Accept an entry if its caller need not wait; see ``Journal.offer``."""
        with self._changed:
            if self._must_wait():
                return False
            self._enqueue(_Pending(item, waited_for=False))
        return True

    def _enqueue(self, pending: _Pending) -> None:
        if self._closing:
            raise StoreFailure(_NOT_COMMITTED + "it was closed")
        self._start()
        self._queue.append(pending)
        self._urgent = self._urgent or pending.waited_for
        if pending.waited_for or self._idle:
            self._changed.notify_all()

    def close(self) -> None:
        """Write what was accepted and close the stream.

        Raises:
            StoreFailure: it could not be written.
        """
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()
        if self._unwritten is not None:
            raise StoreFailure(_NOT_COMMITTED + self._unwritten)

    def _must_wait(self) -> bool:
        if not self._healthy or len(self._queue) >= LONGEST_QUEUE:
            return True
        oldest = self._oldest_in_commit
        if oldest is None:
            oldest = self._queue[0].accepted if self._queue else None
        return oldest is not None and time.monotonic() - oldest > PROMISE_SECONDS

    def _start(self) -> None:
        if self._thread is not None:
            return
        name = "agentguard-journal"
        # A daemon, because the interpreter waits for other threads before it asks us to close.
        thread = threading.Thread(target=self._run, name=name, daemon=True)
        try:
            thread.start()
        except RuntimeError:
            raise StoreFailure(_NOT_COMMITTED + "the interpreter is shutting down") from None
        self._thread = thread

    def _run(self) -> None:
        while True:
            batch = self._next_batch()
            if not batch:
                break
            self._commit(batch)
        self._end()
        self._store.close()

    def _next_batch(self) -> list[_Pending]:
        """Wait for entries; give none when the stream shall be closed."""
        with self._changed:
            self._oldest_in_commit = None
            self._idle = True
            while not self._queue and not self._closing:
                self._changed.wait()
            self._idle = False
            self._wait_for_company()
            size = min(len(self._queue), LARGEST_BATCH)
            batch = [self._queue.popleft() for _ in range(size)]
            self._urgent = bool(self._queue)
            accepted = [one.accepted for one in batch if not one.waited_for]
            self._oldest_in_commit = min(accepted, default=None)
        return batch

    def _wait_for_company(self) -> None:
        while self._queue and not self._urgent and not self._closing:
            left = self._queue[0].accepted + COMPANY_SECONDS - time.monotonic()
            if left <= 0:
                return
            self._changed.wait(left)

    def _commit(self, batch: Sequence[_Pending]) -> None:
        everything = [*self._kept, *batch]
        try:
            positions = self._write([one.item for one in everything])
        except Exception as error:  # noqa: BLE001 - whatever failed, the callers must hear of it
            problem = str(error) if isinstance(error, StoreFailure) else type(error).__name__
            self._kept = [one for one in everything if not one.waited_for]
            with self._changed:
                self._healthy = False
            for one in batch:
                one.fail(problem)
            return
        self._kept = []
        with self._changed:
            self._healthy = True
        for one, position in zip(everything, positions, strict=True):
            one.settle(position)

    def _write(self, items: Sequence[Append]) -> tuple[Written, ...]:
        """Write items, and before the first ones the entry that opens the stream."""
        opening = [] if self._head.next_seq else [self._opening(items)]
        head, positions = self._store.commit(self._head, [*opening, *items])
        self._head = head
        return positions[len(opening) :]

    def _opening(self, items: Sequence[Append]) -> Append:
        from importlib.metadata import PackageNotFoundError, version

        try:
            ours = version("agentguard")
        except PackageNotFoundError:
            ours = "unknown"
        details = {"host": socket.gethostname(), "pid": str(self.pid), "version": ours}
        # Entries are dated when they are made; none may be older than its stream.
        opened_at = min([self._clock(), *(item.entry.at for item in items)])
        entry = AuditEntry(type=EntryType.STREAM_OPENED, at=opened_at, details=details)
        return Append.of(entry)

    def _end(self) -> None:
        if self._head.next_seq == 0 and not self._kept:
            return
        try:
            closing = AuditEntry(type=EntryType.STREAM_CLOSED, at=self._clock())
            self._write([*(one.item for one in self._kept), Append.of(closing)])
        except Exception as error:  # noqa: BLE001 - close() tells it
            self._unwritten = (
                str(error) if isinstance(error, StoreFailure) else type(error).__name__
            )
