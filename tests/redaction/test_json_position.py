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
