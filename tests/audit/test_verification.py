# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Four verdicts about a log, and what each of them finds."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from agentguard.audit import (
    FIRST_PREVIOUS,
    LogRow,
    StreamLog,
    VerdictState,
    entry_bytes,
    entry_hash,
    verify,
)
from agentguard.vocabulary import AuditEntry, EntryType

AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
Word = tuple[EntryType, str | None]


def rows_of(words: Sequence[Word], stream: str = "s") -> list[LogRow]:
    """Chain entries as a writer does."""
    rows: list[LogRow] = []
    previous = FIRST_PREVIOUS
    for seq, (kind, call_id) in enumerate(words):
        entry = AuditEntry(type=kind, at=AT, call_id=call_id)
        content = entry_bytes(entry, stream=stream, seq=seq, previous=previous)
        previous = entry_hash(content)
        rows.append(LogRow(seq=seq, hash=previous, content=content))
    return rows


OPENED: Word = (EntryType.STREAM_OPENED, None)
CLOSED: Word = (EntryType.STREAM_CLOSED, None)


def intent(call_id: str) -> Word:
    """Say that a call is about to happen."""
    return EntryType.INTENT, call_id


def outcome(call_id: str) -> Word:
    """Say how a call ended."""
    return EntryType.OUTCOME, call_id


def refused(call_id: str) -> Word:
    """Say that a call was refused."""
    return EntryType.REFUSED, call_id


WHOLE = [OPENED, intent("a"), outcome("a"), refused("b"), intent("c"), refused("c"), CLOSED]


def closed_log(rows: Sequence[LogRow], **changes: object) -> StreamLog:
    """Return the log of a stream that was closed with its seventh entry."""
    log = StreamLog(stream="s", closed_seq=len(WHOLE) - 1, rows=rows)
    return replace(log, **changes)  # type: ignore[arg-type]  # each test names real fields


def test_a_whole_closed_stream_holds() -> None:
    """A closed stream with every intent answered holds in integrity and completeness."""
    found = verify([closed_log(rows_of(WHOLE))])
    assert found.integrity.state is VerdictState.HOLDS
    assert found.completeness.state is VerdictState.HOLDS
    assert (found.streams, found.entries) == (1, len(WHOLE))


def test_nothing_is_signed_and_nothing_is_anchored() -> None:
    """Authenticity and anchoring are never claimed by a bare chain."""
    found = verify([closed_log(rows_of(WHOLE))])
    assert found.authenticity.state is VerdictState.NONE
    assert found.anchoring.state is VerdictState.NONE
    assert "not signed" in found.authenticity.sentence
    assert "not anchored" in found.anchoring.sentence


def test_what_a_set_of_chains_cannot_see_is_said() -> None:
    """A stream removed whole, or cut and made to look open, breaks nothing, and that is said."""
    whole = [closed_log(rows_of(WHOLE, stream), stream=stream) for stream in ("s", "t")]
    cut = closed_log(rows_of(WHOLE)[:3], closed_seq=None, may_live=True)
    for attacked in (whole[:1], [cut]):
        found = verify(attacked)
        assert found.integrity.state is VerdictState.HOLDS
        assert found.completeness.state in (VerdictState.HOLDS, VerdictState.OPEN)
        assert "a stream that was removed whole" in found.anchoring.sentence
        assert "cut and marked as open" in found.anchoring.sentence


def test_no_streams_hold_nothing_together() -> None:
    """An empty log verifies as zero entries, and says so."""
    found = verify([])
    assert (
        found.integrity.sentence
        == "hashes, links and numbers of 0 entries in 0 streams hold together"
    )


LONG = [OPENED, *(word for n in range(12) for word in (intent(f"{n}"), outcome(f"{n}"))), CLOSED]
INDEX = st.integers(0, len(LONG) - 1)


def broken(rows: Sequence[LogRow]) -> bool:
    """Say whether the closed long stream with these rows is found broken."""
    log = StreamLog(stream="s", closed_seq=len(LONG) - 1, rows=rows)
    return verify([log]).integrity.state is VerdictState.BROKEN


def test_the_long_stream_holds_before_it_is_attacked() -> None:
    """The stream that the attacks below start from verifies."""
    assert not broken(rows_of(LONG))


@given(index=INDEX, at=st.integers(0), bit=st.integers(0, 7))
@settings(deadline=None, max_examples=200)
def test_every_flipped_bit_is_found(index: int, at: int, bit: int) -> None:
    """One changed bit in any entry breaks integrity."""
    rows = rows_of(LONG)
    content = bytearray(rows[index].content)
    content[at % len(content)] ^= 1 << bit
    rows[index] = replace(rows[index], content=bytes(content))
    assert broken(rows)


@given(index=st.integers(0, len(LONG) - 2), call_id=st.text("xyz", min_size=1, max_size=4))
@settings(deadline=None, max_examples=100)
def test_an_entry_rewritten_with_its_own_hash_is_found(index: int, call_id: str) -> None:
    """An entry that is replaced together with its hash breaks the link of the next one."""
    rows = rows_of(LONG)
    previous = rows[index - 1].hash if index else FIRST_PREVIOUS
    entry = AuditEntry(type=EntryType.REFUSED, at=AT, call_id=call_id)
    content = entry_bytes(entry, stream="s", seq=index, previous=previous)
    rows[index] = LogRow(seq=index, hash=entry_hash(content), content=content)
    assert broken(rows)


@given(first=INDEX, second=INDEX, renumber=st.booleans())
@settings(deadline=None, max_examples=100)
def test_every_swap_is_found(first: int, second: int, renumber: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
    """Two entries that change places break integrity, with their numbers changed or not."""
    assume(first != second)
    rows = rows_of(LONG)
    rows[first], rows[second] = rows[second], rows[first]
    if renumber:
        rows = [replace(row, seq=seq) for seq, row in enumerate(rows)]
    assert broken(rows)


@given(first=INDEX, count=st.integers(1, 5), renumber=st.booleans())
@settings(deadline=None, max_examples=100)
def test_every_removal_is_found(first: int, count: int, renumber: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
    """Entries that are taken out of a closed stream break integrity, at its end too."""
    rows = rows_of(LONG)
    del rows[first : first + count]
    if renumber:
        rows = [replace(row, seq=seq) for seq, row in enumerate(rows)]
    assert broken(rows)


@given(index=st.integers(0, len(LONG)), source=INDEX)
@settings(deadline=None, max_examples=100)
def test_every_insertion_is_found(index: int, source: int) -> None:
    """An entry that is put in anywhere, a copy of another, breaks integrity."""
    rows = rows_of(LONG)
    rows.insert(index, rows[source])
    rows = [replace(row, seq=seq) for seq, row in enumerate(rows)]
    assert broken(rows)


def test_an_entry_of_another_stream_is_found() -> None:
    """An entry that was written for another stream does not pass in this one."""
    found = verify([closed_log(rows_of(WHOLE, stream="t"))])
    assert found.integrity.state is VerdictState.BROKEN
    assert "another place" in str(found.integrity.ranges[0])


def test_a_gap_is_named_by_its_range() -> None:
    """Missing entries are reported as one range with both ends."""
    rows = rows_of(LONG)
    del rows[3:6]
    gap = verify([StreamLog(stream="s", closed_seq=len(LONG) - 1, rows=rows)]).integrity.ranges[0]
    assert (gap.first, gap.last, gap.problem) == (3, 5, "missing")
    assert str(gap) == "stream s entry 3 to 5: missing"


@pytest.mark.parametrize(
    "words",
    [
        [intent("a"), outcome("a")],
        [OPENED, OPENED],
        [OPENED, CLOSED, refused("a")],
        [OPENED, CLOSED, CLOSED],
    ],
    ids=["not opened", "opened twice", "after the end", "closed twice"],
)
def test_a_stream_opens_first_and_closes_last(words: list[Word]) -> None:
    """A well-chained stream that does not open first or goes on after its end is broken."""
    found = verify([StreamLog(stream="s", closed_seq=1, rows=rows_of(words))])
    assert found.integrity.state is VerdictState.BROKEN


def test_a_cut_end_of_a_closed_stream_is_found() -> None:
    """The table of streams knows where a closed stream ended."""
    found = verify([closed_log(rows_of(WHOLE)[:4])])
    assert found.integrity.state is VerdictState.BROKEN
    assert (found.integrity.ranges[-1].first, found.integrity.ranges[-1].last) == (4, 6)


def test_a_cut_end_of_an_open_stream_is_not_seen_and_that_is_said() -> None:
    """A bare chain cannot see a cut end, and the verdict says so in words."""
    found = verify([closed_log(rows_of(WHOLE)[:4], closed_seq=None)])
    assert found.integrity.state is VerdictState.HOLDS
    assert found.completeness.state is VerdictState.INCOMPLETE
    assert "cannot see whether the end was cut off" in found.completeness.sentence
    assert "last 5 ms" in found.completeness.sentence


def test_a_closing_that_the_table_does_not_know_is_found() -> None:
    """A closing entry without its mark in the table of streams is broken."""
    found = verify([closed_log(rows_of(WHOLE), closed_seq=None)])
    assert found.integrity.state is VerdictState.BROKEN


def test_a_stream_that_the_table_does_not_know_is_found() -> None:
    """Entries of a stream that is not in the table of streams are broken."""
    found = verify([closed_log(rows_of(WHOLE), registered=False, closed_seq=None)])
    assert found.integrity.state is VerdictState.BROKEN


def test_a_stream_without_entries_is_found() -> None:
    """A stream whose entries are all gone is broken, closed or not."""
    for closed_seq in (None, 6):
        found = verify([StreamLog(stream="s", closed_seq=closed_seq, rows=[])])
        assert found.integrity.state is VerdictState.BROKEN


def test_a_live_stream_is_open_and_not_bad() -> None:
    """A stream whose process may still run is open, with its calls under way."""
    rows = rows_of([OPENED, intent("a"), outcome("a"), intent("b")])
    found = verify([StreamLog(stream="s", may_live=True, rows=rows)])
    assert found.integrity.state is VerdictState.HOLDS
    assert found.completeness.state is VerdictState.OPEN
    assert [one.problem for one in found.completeness.ranges] == [
        "a call under way",
        "open: its process may still run",
    ]


def test_a_dead_stream_tells_its_unanswered_intents() -> None:
    """An intent that was never answered by a process that is gone is a gap."""
    rows = rows_of([OPENED, intent("a"), outcome("a"), intent("b")])
    found = verify([StreamLog(stream="s", rows=rows)])
    assert found.completeness.state is VerdictState.INCOMPLETE
    assert [(one.first, one.problem) for one in found.completeness.ranges] == [
        (3, "an intent without outcome or refusal"),
        (3, "never closed: its process ended"),
    ]


def test_an_outcome_without_intent_is_a_gap() -> None:
    """An outcome that no intent announced is reported."""
    rows = rows_of([OPENED, outcome("a"), CLOSED])
    found = verify([StreamLog(stream="s", closed_seq=2, rows=rows)])
    assert found.completeness.state is VerdictState.INCOMPLETE
    assert found.completeness.ranges[0].problem == "an outcome without its intent"


def test_a_closed_stream_with_an_unanswered_intent_is_incomplete() -> None:
    """Closing a stream does not hide a call that was never heard of again."""
    rows = rows_of([OPENED, intent("a"), CLOSED])
    found = verify([StreamLog(stream="s", closed_seq=2, may_live=True, rows=rows)])
    assert found.completeness.state is VerdictState.INCOMPLETE


def test_one_bad_stream_does_not_hide_in_good_ones() -> None:
    """Streams are judged together: one broken stream breaks the log."""
    good = closed_log(rows_of(WHOLE))
    bad = closed_log(rows_of(WHOLE)[1:])
    assert verify([good, bad, good]).integrity.state is VerdictState.BROKEN
