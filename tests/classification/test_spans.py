# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Findings of many detectors become one list that covers everything once."""

from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.classification.engine.spans import character_start, merge, to_characters
from agentguard.vocabulary import Finding

SPANS = st.lists(
    st.tuples(st.integers(0, 30), st.integers(1, 8), st.sampled_from(("email", "api_key"))),
    max_size=12,
)


def finding(start: int, end: int, data_class: str = "email") -> Finding:
    """A finding of a test."""
    return Finding(start=start, end=end, data_class=data_class, detector="test")


def by_length(found: Finding) -> tuple[int, ...]:
    """The longest finding gives the class."""
    return (found.start - found.end,)


@given(SPANS)
@settings(deadline=None)
def test_merged_findings_cover_the_same_characters(
    spans: list[tuple[int, int, str]],
) -> None:
    """Merging neither uncovers a character nor covers one that nobody pointed at."""
    found = [finding(start, start + length, name) for start, length, name in spans]
    merged = merge(found, by_length)
    before = {place for one in found for place in range(one.start, one.end)}
    after = [place for one in merged for place in range(one.start, one.end)]
    assert sorted(before) == after


def test_the_best_rank_gives_the_class() -> None:
    """Where findings overlap, the least rank among them names the class of the whole."""
    merged = merge([finding(0, 5, "email"), finding(4, 12, "api_key")], by_length)
    assert [(one.start, one.end, one.data_class) for one in merged] == [(0, 12, "api_key")]


def test_findings_that_touch_stay_apart() -> None:
    """Two findings side by side are two findings."""
    assert len(merge([finding(0, 3), finding(3, 6)], by_length)) == 2


@given(st.text(), st.data())
@settings(deadline=None)
def test_offsets_in_bytes_become_offsets_in_characters(text: str, data: st.DataObject) -> None:
    """The offset of a character in UTF-8 maps to its index in the text."""
    index = data.draw(st.integers(0, len(text)))
    encoded = text.encode("utf-8")
    offset = len(text[:index].encode("utf-8"))
    assert to_characters(encoded, [0, offset, len(encoded)])[offset] == index
    assert character_start(encoded, offset) == offset


def test_an_offset_inside_a_character_takes_the_whole_character() -> None:
    """A span that ends or starts inside a character covers that character."""
    encoded = "a€b".encode()
    assert character_start(encoded, 2) == 1
    assert to_characters(encoded, [2]) == {2: 2}


def test_a_merged_finding_tells_which_classes_it_covers() -> None:
    """Every class of the group is told, but not one that yields to what covers all of it."""
    group = [finding(0, 9, "jwt"), finding(2, 8, "credential"), finding(7, 12, "email")]
    (told,) = merge(group, by_length)
    assert told.data_class == "jwt"
    assert told.covers == {"credential", "email"}
    (told,) = merge(group, by_length, yields=lambda one: one.data_class == "credential")
    assert told.covers == {"email"}
    wider = [finding(0, 9, "jwt"), finding(2, 10, "credential")]
    (told,) = merge(wider, by_length, yields=lambda one: one.data_class == "credential")
    assert told.covers == {"credential"}
