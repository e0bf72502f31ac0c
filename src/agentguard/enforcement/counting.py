# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How many calls of this process ended in which way?

Counts what a flow reports at its end. The names under which it counts come from the tables of
operations and from integrations, never from a call, so that they are few and hold no payload
(tests/enforcement/test_counting.py).
"""

import threading
from collections.abc import Iterator
from itertools import groupby

from agentguard.pipeline import Report
from agentguard.stores import watch
from agentguard.vocabulary import CallCount, Outcome, Reason

Key = tuple[str, str, Outcome | None, Reason | None]


class Counts:
    """How the calls of this process ended; safe to use from any thread."""

    def __init__(self) -> None:
        self._ended: dict[Key, int] = {}
        # Taken again by the thread that has it, when a finalizer or a signal calls in between.
        self._lock = threading.RLock()
        watch(self)

    def add(self, report: Report) -> None:
        """Count one call."""
        dispatched = report.outcome is not None
        reason = None if dispatched else report.reason
        key = report.surface, report.operation, report.outcome, reason
        with self._lock:
            self._ended[key] = self._ended.get(key, 0) + 1

    def taken(self) -> tuple[CallCount, ...]:
        """Return what was counted by now, sorted by surface and operation."""
        with self._lock:
            ended = dict(self._ended)
        return tuple(_grouped(ended))

    def before_fork(self) -> None:
        """Do nothing: the child counts for itself."""

    def after_in_parent(self) -> None:
        """Do nothing."""

    def after_in_child(self) -> None:
        """Begin anew; a thread that the child does not have may have held the lock."""
        self._lock = threading.RLock()
        self._ended = {}


def _grouped(ended: dict[Key, int]) -> Iterator[CallCount]:
    ordered = sorted(ended, key=lambda key: (key[0], key[1], key[2] or "", key[3] or ""))
    for (surface, operation), keys in groupby(ordered, key=lambda key: (key[0], key[1])):
        outcomes: dict[Outcome, int] = {}
        refused: dict[Reason | None, int] = {}
        for key in keys:
            _, _, outcome, reason = key
            if outcome is not None:
                outcomes[outcome] = ended[key]
            else:
                refused[reason] = ended[key]
        yield CallCount(surface=surface, operation=operation, outcomes=outcomes, refused=refused)
