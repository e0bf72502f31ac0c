# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a process write its audit stream?

Each process has its own stream and its own writer; after a fork the child starts its own.
The entries that the parent accepted stay the parent's.

INVARIANT: the child takes no lock and no connection over from its parent
(tests/stores/test_journal_fork.py).
INVARIANT: at the normal end of a process everything accepted is written and the stream is closed.
"""

import atexit
import os
import sys
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from agentguard.stores.facts import SealedFacts
from agentguard.stores.failures import StoreFailure
from agentguard.stores.forking import watch
from agentguard.stores.sqlite import Append, SqliteStore
from agentguard.stores.writer import StreamWriter
from agentguard.vocabulary import ApprovalChange, AuditEntry, Position, Spending

if TYPE_CHECKING:
    from multiprocessing.util import Finalize


def new_stream_id() -> str:
    """Return an id that no other stream has."""
    return uuid.uuid4().hex


class Journal:
    """The audit log, for appending.

    Args:
        store: the database.
        clock: the time.
        new_stream_id: gives each process's stream an id of its own.
    """

    def __init__(
        self,
        store: SqliteStore,
        clock: Callable[[], datetime],
        *,
        new_stream_id: Callable[[], str] = new_stream_id,
    ) -> None:
        self._store = store
        self._clock = clock
        self._new_stream_id = new_stream_id
        self._closed = False
        self._flushed_at_exit_of: int | None = None
        self._finalizer: Finalize | None = None
        self._writer = StreamWriter(store, clock, new_stream_id())
        watch(self)
        atexit.register(self.close)

    @property
    def stream(self) -> str:
        """The id of this process's stream."""
        return self._writer.stream

    def append(
        self,
        entry: AuditEntry,
        *,
        durable: bool,
        change: ApprovalChange | None = None,
        salt: bytes | None = None,
        charges: tuple[Spending, ...] = (),
        gives_back: bool = False,
        facts: SealedFacts | None = None,
    ) -> Position | None:
        """Write an entry, and what goes with it in the same transaction or not at all.

        Args:
            entry: the entry.
            durable: return only when it is on disk; always so with a change and with charges.
                Otherwise it is accepted by the live writer and on disk a few milliseconds later.
            change: the change of an approval request.
            salt: the salt of the entry's commitment, kept apart from the entry.
            charges: what the entry's call uses up of its limits.
            gives_back: whether what the entry's call was charged is taken back.
            facts: what the decision on the entry's call rested on, sealed.

        Returns:
            The entry's position when it is on disk, or None when it was only accepted.

        Raises:
            StoreFailure: the entry was not written, or an earlier one was not.
            ChangeLost: the request changed since it was read; nothing was written.
            LimitPassed: a limit does not hold a charge; nothing was written.
        """
        writer = self._live_writer()
        item = Append.of(
            entry, change=change, salt=salt, charges=charges, gives_back=gives_back, facts=facts
        )
        return writer.append(item, durable=durable or change is not None or bool(charges))

    def offer(
        self, entry: AuditEntry, *, salt: bytes | None = None, facts: SealedFacts | None = None
    ) -> bool:
        """Write an entry that need not be durable, unless that would mean to wait.

        Args:
            entry: the entry.
            salt: the salt of the entry's commitment, kept apart from the entry.
            facts: what the decision on the entry's call rested on, sealed.

        Returns:
            Whether it was accepted. If not, nothing was written, and ``append`` would wait for
            the disk: an event loop calls it in a thread.

        Raises:
            StoreFailure: the entry has no canonical form, or the log was closed.
        """
        writer = self._live_writer()
        return writer.offer(Append.of(entry, salt=salt, facts=facts))

    def _live_writer(self) -> StreamWriter:
        writer = self._writer
        if writer.pid != os.getpid():
            raise StoreFailure("this process was forked past Python's hooks; make its own guard")
        if self._closed:
            raise StoreFailure("the audit log is not written: it was closed")
        self._flush_at_exit(writer.pid)
        return writer

    def close(self) -> None:
        """Write what was accepted and close the stream; closing twice changes nothing.

        Raises:
            StoreFailure: something that was accepted could not be written.
        """
        self._closed = True
        atexit.unregister(self.close)
        if self._finalizer is not None:
            self._finalizer.cancel()
        if self._writer.pid == os.getpid():
            self._writer.close()

    def _flush_at_exit(self, pid: int) -> None:
        """A child of multiprocessing leaves without the interpreter's own exit functions."""
        if self._flushed_at_exit_of == pid:
            return
        self._flushed_at_exit_of = pid
        if "multiprocessing.util" not in sys.modules:
            return
        from multiprocessing import parent_process, util

        if parent_process() is not None:
            self._finalizer = util.Finalize(None, self.close, exitpriority=0)

    def before_fork(self) -> None:
        """Do nothing: the store closes itself, and the writer's thread stays with the parent."""

    def after_in_parent(self) -> None:
        """Do nothing: the writer goes on."""

    def after_in_child(self) -> None:
        """Start a stream of this process's own; what the parent queued is the parent's."""
        self._writer = StreamWriter(self._store, self._clock, self._new_stream_id())
