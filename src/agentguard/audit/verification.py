# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is the audit log what was written, as far as it can tell by itself?

Gives four verdicts that are never added up: integrity, completeness, authenticity, anchoring.
It reads no file: it is given the streams.

INVARIANT: what a bare set of hash chains cannot know is said in words and never counts as shown:
a cut end of a stream that was not closed or is made to look so, a stream that was removed whole,
a log rewritten whole, who wrote it
(tests/audit/test_verification.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from agentguard.audit.entries import (
    FIRST_PREVIOUS,
    NotAnEntry,
    StoredEntry,
    entry_hash,
    parse_entry,
)
from agentguard.vocabulary import EntryType


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRow:
    """One row of a stream as the store holds it."""

    seq: int
    hash: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLog:
    """One stream as the store holds it.

    Attributes:
        stream: the stream's id.
        registered: whether the table of streams knows it.
        closed_seq: the number of the closing entry by the table of streams, None when it was
            not closed.
        may_live: whether the process that writes it may still run.
        rows: the rows in the order of their numbers.
    """

    stream: str
    registered: bool = True
    closed_seq: int | None = None
    may_live: bool = False
    rows: Iterable[LogRow] = field(repr=False)


class VerdictState(StrEnum):
    """How a question about the log is answered."""

    HOLDS = "holds"
    OPEN = "open"
    INCOMPLETE = "incomplete"
    BROKEN = "broken"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRange:
    """A stretch of a stream, both ends included, and what is the matter with it."""

    stream: str
    first: int
    last: int
    problem: str

    def __str__(self) -> str:
        place = str(self.first) if self.first == self.last else f"{self.first} to {self.last}"
        return f"stream {self.stream} entry {place}: {self.problem}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer to one question: the state, a sentence, and the ranges it rests on."""

    state: VerdictState
    sentence: str
    ranges: tuple[EntryRange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Four answers about a log, which are never added up to one.

    Attributes:
        integrity: do the hashes, links and numbers hold together?
        completeness: is every intent answered, and every stream closed?
        authenticity: is it known who wrote the log?
        anchoring: does somebody outside vouch for the length of the log?
        streams: how many streams were read.
        entries: how many entries were read.
    """

    integrity: Verdict
    completeness: Verdict
    authenticity: Verdict
    anchoring: Verdict
    streams: int
    entries: int


NOT_SIGNED = Verdict(
    state=VerdictState.NONE,
    sentence="not signed: whoever can write the file could have rewritten the log whole",
)
NOT_ANCHORED = Verdict(
    state=VerdictState.NONE,
    sentence="not anchored: nobody outside this file vouches for any part of the log, so a stream"
    " that was removed whole, or one that was closed but was cut and marked as open, is not seen",
)


def verify(streams: Iterable[StreamLog]) -> Verification:
    """Read every stream once and give the four verdicts."""
    readings = [_read(log) for log in streams]
    return Verification(
        integrity=_integrity(readings),
        completeness=_completeness(readings),
        authenticity=NOT_SIGNED,
        anchoring=NOT_ANCHORED,
        streams=len(readings),
        entries=sum(reading.entries for reading in readings),
    )


@dataclass(slots=True, kw_only=True)
class _Reading:
    """What was seen while one stream was read."""

    log: StreamLog
    entries: int = 0
    expected: int = 0
    previous: str = FIRST_PREVIOUS
    closed_at: int | None = None
    intents: dict[str, int] = field(default_factory=dict)
    broken: list[EntryRange] = field(default_factory=list)
    missing: list[EntryRange] = field(default_factory=list)

    def breaks(self, first: int, last: int, problem: str) -> None:
        self.broken.append(_range(self.log, first, last, problem))

    def misses(self, seq: int, problem: str) -> None:
        self.missing.append(_range(self.log, seq, seq, problem))

    @property
    def last(self) -> int:
        return max(self.expected - 1, 0)


def _range(log: StreamLog, first: int, last: int, problem: str) -> EntryRange:
    return EntryRange(stream=log.stream, first=first, last=last, problem=problem)


def _read(log: StreamLog) -> _Reading:
    reading = _Reading(log=log)
    for row in log.rows:
        reading.entries += 1
        _check_row(reading, row)
        reading.expected = row.seq + 1
        reading.previous = row.hash
    _check_end(reading)
    return reading


def _check_row(reading: _Reading, row: LogRow) -> None:
    if row.seq > reading.expected:
        reading.breaks(reading.expected, row.seq - 1, "missing")
    elif row.seq < reading.expected:
        reading.breaks(row.seq, row.seq, "out of order")
    if entry_hash(row.content) != row.hash:
        reading.breaks(row.seq, row.seq, "changed: its hash does not match")
    try:
        stored = parse_entry(row.content)
    except NotAnEntry as problem:
        reading.breaks(row.seq, row.seq, str(problem))
        return
    if (stored.stream, stored.seq) != (reading.log.stream, row.seq):
        reading.breaks(row.seq, row.seq, "moved: it was written for another place")
    if stored.previous != reading.previous:
        reading.breaks(row.seq, row.seq, "the link to the entry before does not match")
    _follow(reading, stored, row.seq)


def _follow(reading: _Reading, stored: StoredEntry, seq: int) -> None:
    kind, call_id = stored.entry.type, stored.entry.call_id
    if (kind is EntryType.STREAM_OPENED) != (seq == 0):
        reading.breaks(seq, seq, "a stream opens with its first entry and only there")
    if reading.closed_at is not None:
        reading.breaks(seq, seq, "written after the stream was closed")
    if kind is EntryType.STREAM_CLOSED:
        reading.closed_at = seq
    elif kind is EntryType.INTENT and call_id is not None:
        reading.intents[call_id] = seq
    elif kind is EntryType.OUTCOME:
        intended = reading.intents.pop(call_id or "", None) is not None
        if not intended and not stored.entry.interrupted:
            reading.misses(seq, "an outcome without its intent")
    elif kind is EntryType.REFUSED:
        reading.intents.pop(call_id or "", None)


def _check_end(reading: _Reading) -> None:
    log = reading.log
    if not log.registered:
        reading.breaks(0, reading.last, "the table of streams does not know this stream")
    elif reading.entries == 0:
        reading.breaks(0, 0, "missing: the table of streams knows a stream without entries")
    if log.closed_seq is not None and log.closed_seq != reading.closed_at:
        first = min(reading.expected, log.closed_seq)
        reading.breaks(first, log.closed_seq, "missing: the stream was closed further on")
    elif log.closed_seq is None and reading.closed_at is not None:
        reading.breaks(reading.closed_at, reading.closed_at, "closed, but not by the table")


def _integrity(readings: list[_Reading]) -> Verdict:
    ranges = tuple(broken for reading in readings for broken in reading.broken)
    if ranges:
        count = _count(len(ranges), "place")
        sentence = f"broken in {count}: the log is not what was written"
        return Verdict(state=VerdictState.BROKEN, sentence=sentence, ranges=ranges)
    entries = _count(sum(reading.entries for reading in readings), "entry", "entries")
    streams = _count(len(readings), "stream")
    sentence = f"hashes, links and numbers of {entries} in {streams} hold together"
    return Verdict(state=VerdictState.HOLDS, sentence=sentence)


def _completeness(readings: list[_Reading]) -> Verdict:
    missing: list[EntryRange] = []
    running: list[EntryRange] = []
    for reading in readings:
        missing += reading.missing
        _sort_open_ends(reading, missing, running)
    ranges = (*missing, *running)
    never_closed = sum(reading.closed_at is None for reading in readings)
    if missing:
        state, sentence = VerdictState.INCOMPLETE, f"{_count(len(missing), 'gap')} in the record"
    elif running:
        state, sentence = VerdictState.OPEN, "nothing is missing from what can be seen so far"
    else:
        state, sentence = (
            VerdictState.HOLDS,
            "every intent found is answered and every stream found is closed",
        )
    if never_closed:
        sentence += (
            f"; {_count(never_closed, 'stream')} not closed, and there a bare chain cannot see "
            "whether the end was cut off, and a crash may have lost grouped entries of its last "
            "5 ms (of one commit, where the disk was slower)"
        )
    return Verdict(state=state, sentence=sentence, ranges=ranges)


def _sort_open_ends(
    reading: _Reading, missing: list[EntryRange], running: list[EntryRange]
) -> None:
    lives = reading.log.may_live and reading.closed_at is None
    target = running if lives else missing
    problem = "a call under way" if lives else "an intent without outcome or refusal"
    for seq in reading.intents.values():
        target.append(_range(reading.log, seq, seq, problem))
    if reading.closed_at is None:
        end = "open: its process may still run" if lives else "never closed: its process ended"
        target.append(_range(reading.log, reading.last, reading.last, end))


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
