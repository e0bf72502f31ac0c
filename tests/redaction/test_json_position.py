# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A growing text is known to stand inside a JSON string, or not."""

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.redaction.json_position import JsonPosition

MARK = "@mark@"
STRINGS = st.sampled_from(["", "a", 'say "hi"', "back\\slash", "\\", "line\nbreak", "\u00e9"])
VALUES: st.SearchStrategy[object] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | STRINGS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(STRINGS, inner, max_size=3),
    max_leaves=8,
)


def inside(text: str, cuts: list[int]) -> bool:
    """Say where a text ends that comes in pieces."""
    position = JsonPosition()
    edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    for start, end in itertools.pairwise(edges):
        position.advance(text[start:end])
    return position.inside


@settings(deadline=None)
@given(VALUES, STRINGS, STRINGS, st.integers(0, 2), st.lists(st.integers(0, 200), max_size=5))
def test_a_string_is_known_however_the_text_is_cut(
    value: object, before: str, after: str, indent: int, cuts: list[int]
) -> None:
    """In every JSON text a mark in a string is inside, and the places between strings are not."""
    text = json.dumps({"a": value, "b": [before + MARK + after]}, indent=indent or None)
    head, _, tail = text.partition(MARK)
    assert inside(head, cuts)
    assert not inside(head + tail, cuts)
    assert not inside(head + json.dumps(after)[1:-1] + '"', cuts)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        'plain "text',
        '[1] see "this',
        '{name} says "hi',
        '["done"] and "then',
        '[[EMAIL:7KQ2M4XA]] says "hi',
        '{"a": 1} {"b',
        '"a string alone',
    ],
)
def test_what_is_no_json_has_no_strings(text: str) -> None:
    """Prose, also when it begins with a bracket, is never inside a JSON string."""
    assert not inside(text, [])


@pytest.mark.parametrize("text", ['{"a', ' \n["', '\ufeff{"a": "b', '{"a": [1.5e-3, null, "'])
def test_a_json_text_that_has_begun_is_recognised(text: str) -> None:
    """An object or array is recognised from its beginning on."""
    assert inside(text, [])


@settings(deadline=None)
@given(VALUES, STRINGS, st.integers(1, 3), st.lists(st.integers(0, 400), max_size=5))
def test_a_text_inside_a_string_is_known_by_its_levels(
    value: object, before: str, levels: int, cuts: list[int]
) -> None:
    """JSON in a string of JSON is read on, so that a value put there can be escaped as often."""
    text = MARK
    for _ in range(levels):
        text = json.dumps({"a": value, "b": [before, text]}, ensure_ascii=levels == 1)
    head, _, tail = text.partition(MARK)
    position = JsonPosition()
    edges = [0, *sorted(cut % (len(head) + 1) for cut in cuts), len(head)]
    for start, end in itertools.pairwise(edges):
        position.advance(head[start:end])
    assert position.levels == levels
    position.advance(tail)
    assert position.levels == 0


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ('{"a": "plain [', 1),
        ('{"a": "[1] see \\"this', 1),
        ('{"a": "{\\"b', 2),
        ('{"a": "{\\u0022b', 2),
        ('{"a": "{\\u00', 1),
        ('{"a": "{\\"b\\", ', 1),
        ('{"a": "{\\uzz', 1),
        ('{"a": "\\ud83d', 1),
    ],
)
def test_only_json_in_a_string_is_a_level_more(text: str, levels: int) -> None:
    """A string that says something else is one string."""
    position = JsonPosition()
    position.advance(text)
    assert position.levels == levels
