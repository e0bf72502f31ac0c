# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How did the calls end that each process wrote down?

Counts the entries of the audit log, one report for each process that wrote one. It does not say
whether the log is what was written; ``audit.verify`` does.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from agentguard.audit import LogRow, NotAnEntry, parse_entry
from agentguard.stores import SqliteReader
from agentguard.vocabulary import AuditEntry, CallCount, EntryType, Outcome, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """What one process wrote of its calls.

    Attributes:
        stream: the id of its audit stream.
        host: the machine it ran on.
        pid: its number there.
        opened_at: when it began to write; None where the log does not say.
        closed: whether it closed its stream.
        calls: how its calls ended; their surface is the boundary that they crossed.
        unfinished: how many calls have an intent and no outcome: they are under way, or the
            process broke off.
        unreadable: how many rows are no entries.
    """

    stream: str
    host: str
    pid: int
    opened_at: datetime | None
    closed: bool
    calls: tuple[CallCount, ...]
    unfinished: int
    unreadable: int


def writers(reader: SqliteReader) -> Iterator[Writer]:
    """Yield a report for each process in the log, in the order in which they opened."""
    for record in reader.streams():
        tally = _Tally()
        tally.take(reader.entries(record.stream))
        yield Writer(
            stream=record.stream,
            host=record.host,
            pid=record.pid,
            opened_at=record.opened_at,
            closed=record.closed_seq is not None,
            calls=tally.calls(),
            unfinished=len(tally.intended),
            unreadable=tally.unreadable,
        )


class _Tally:
    """How the calls of one stream ended."""

    def __init__(self) -> None:
        self.intended: set[str | None] = set()
        self.unreadable = 0
        self._outcomes: dict[tuple[str, str], dict[Outcome, int]] = {}
        self._refused: dict[tuple[str, str], dict[Reason | None, int]] = {}

    def take(self, rows: Iterable[LogRow]) -> None:
        """Count the entries of calls."""
        for row in rows:
            try:
                entry = parse_entry(row.content).entry
            except NotAnEntry:
                self.unreadable += 1
                continue
            self._take(entry)

    def _take(self, entry: AuditEntry) -> None:
        key = str(entry.boundary or ""), entry.operation or ""
        if entry.type is EntryType.INTENT:
            self.intended.add(entry.call_id)
        elif entry.type is EntryType.OUTCOME and entry.outcome is not None:
            self.intended.discard(entry.call_id)
            ended = self._outcomes.setdefault(key, {})
            ended[entry.outcome] = ended.get(entry.outcome, 0) + 1
        elif entry.type is EntryType.REFUSED:
            refused = self._refused.setdefault(key, {})
            refused[entry.reason] = refused.get(entry.reason, 0) + 1

    def calls(self) -> tuple[CallCount, ...]:
        """Return what was counted, sorted by boundary and operation."""
        return tuple(
            CallCount(
                surface=key[0],
                operation=key[1],
                outcomes=self._outcomes.get(key, {}),
                refused=self._refused.get(key, {}),
            )
            for key in sorted(self._outcomes.keys() | self._refused.keys())
        )
