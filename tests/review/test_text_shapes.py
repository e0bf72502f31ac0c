# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Texts that are made alike have a pattern, and it matches them."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.policy import Match
from agentguard.review.shapes import beginning, file_shape, shape_of

printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=12)
codes = st.from_regex(r"[A-Z]{3}-[0-9]{1,6}(/[a-z0-9]{2,4})?", fullmatch=True)
paths = st.from_regex(r"(/[a-z0-9_-][a-z0-9._-]{0,3}){1,4}", fullmatch=True)


@settings(deadline=None)
@given(st.sets(printable | codes, min_size=1, max_size=6), st.booleans())
def test_a_pattern_matches_what_it_was_made_from(texts: set[str], literal: bool) -> None:  # noqa: FBT001 - drawn
    """Whatever the texts are, a pattern that is given is one that takes all of them."""
    pattern = shape_of(sorted(texts), literal=literal)
    if pattern is not None:
        constraint = Match(pattern=pattern)
        assert [text for text in texts if constraint.problem_with(text)] == []


@settings(deadline=None)
@given(st.sets(printable | codes, min_size=1, max_size=6))
def test_without_literals_no_letter_is_told(texts: set[str]) -> None:
    """A pattern of values that may not be told holds none of their letters and digits."""
    pattern = shape_of(sorted(texts), literal=False)
    if pattern is not None:
        bare = re.sub(r"0-9|A-Z|a-z|\{[0-9,]+\}", "", pattern)
        assert not re.search("[0-9A-Za-z]", bare)


@settings(deadline=None)
@given(st.sets(paths, min_size=1, max_size=5))
def test_a_pattern_of_files_matches_them_and_no_way_up(files: set[str]) -> None:
    """Files below a shared folder have a pattern that takes them and no step upwards."""
    found = file_shape(sorted(files))
    if found is None:
        return
    folder, pattern = found
    constraint = Match(pattern=pattern)
    for path in files:
        assert constraint.problem_with(path) is None
        assert constraint.problem_with(f"{folder}/../x") is not None


@pytest.mark.parametrize(
    ("texts", "pattern"),
    [
        (["ORD-00012345", "ORD-99912346"], r"ORD-[0-9]{8}"),
        (["a-1", "b-22"], r"[a-z]{1}-[0-9]{1,2}"),
        (["3f9a", "77bc"], "[0-9a-z]{4}"),
        (["f81d4fae-7dec", "00000000-a765"], r"[0-9a-z]{8}-[0-9a-z]{4}"),
        (["x.y", "x_y-z"], r"[a-z\-\._]{3,5}"),
        (["one two three four", "five"], None),
        (["a\nb"], None),
        (["straße"], None),
    ],
)
def test_a_pattern_is_as_narrow_as_the_texts(texts: list[str], pattern: str | None) -> None:
    """What never changes is kept, what changes is told by kind and length."""
    assert shape_of(texts) == pattern


def test_the_shared_folder_is_found() -> None:
    """The deepest folder that all files lie in begins the pattern."""
    found = file_shape(["/srv/out/a.csv", "/srv/out/b/c.csv"])
    assert found == ("/srv/out", "/srv/out(/[A-Za-z0-9_-][A-Za-z0-9._-]*){1,2}")
    assert file_shape(["/a", "/b"]) is None
    assert file_shape(["/srv/../etc/passwd"]) is None


def test_what_sequences_begin_with() -> None:
    """The beginning ends where the first of them ends or differs."""
    assert beginning(["abc", "abd", "ab"]) == "ab"
    assert beginning([("a",), ("b",)]) == ()
