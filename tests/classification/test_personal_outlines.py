# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is remembered of outlines, and what is not."""

from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.classification.personal import outlines
from agentguard.classification.personal.layout import by_outline, outline
from agentguard.classification.personal.numbers import LAYOUTS
from agentguard.vocabulary import Profile


def fresh() -> outlines.Outlines:
    """An outline book that remembers nothing yet."""
    return outlines.Outlines(by_outline(LAYOUTS, Profile.BALANCED), Profile.BALANCED)


@given(st.text("0123456789 .-()/+", max_size=80))
@settings(deadline=None)
def test_what_is_remembered_holds_no_digit_of_a_text(run: str) -> None:
    """Only outlines are kept, in which every digit is a 9, and none that is long."""
    book = fresh()
    first = list(book.stretches(outline(run.encode())))
    assert first == list(book.stretches(outline(run.encode())))
    for kept in book._seen:
        assert not set(kept) & set(b"012345678")
        assert len(kept) <= outlines.LONGEST_REMEMBERED


def test_no_more_is_remembered_than_allowed() -> None:
    """Many different outlines do not let the memory grow."""
    book = fresh()
    for size in range(outlines.MOST_REMEMBERED + 10):
        book.stretches(f"{size:013b}".replace("0", "9").replace("1", "-").encode())
    assert len(book._seen) <= outlines.MOST_REMEMBERED


def test_stretches_are_as_long_as_numbers_are() -> None:
    """A long run is split into stretches that are no longer than a number."""
    run = b"9999 " * 400 + b"9"
    for stretch in fresh().stretches(run):
        assert stretch.end - stretch.start <= outlines.LONGEST
        assert run[stretch.start : stretch.end].count(b"9") <= outlines.MOST_DIGITS
