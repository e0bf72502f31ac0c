# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Placeholders are recognised, and what only looks like one is made inert."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.redaction import escape_placeholders, find_placeholders
from agentguard.redaction.placeholders import PLACEHOLDER_LIKE

BRACKETS = st.text("[]{}:#EMAIL7KQ2M4XAab _", max_size=60)
LIKE = (
    "[[EMAIL:7KQ2M4XA]]",
    "[[EMAIL#7KQ2M4XA]]",
    "[[EMAIL:7KQ2M4X]]",
    "[[EMAIL: 7KQ2M4XA]]",
    "[[ EMAIL : 7KQ2M4XA ]]",
    "[[email:7kq2m4xa]]",
    "[[OWN-CLASS.2:7KQ2M4XA]]",
    "[[EMAIL:0189ABCD]]",
)


def test_placeholders_are_found_where_they_stand() -> None:
    """Each placeholder is found with its place, several in one text included."""
    text = "to [[EMAIL:7KQ2M4XA]], [[API_KEY:AAAAAAAA]]"
    assert find_placeholders(text) == [
        (3, 21, "[[EMAIL:7KQ2M4XA]]"),
        (23, 43, "[[API_KEY:AAAAAAAA]]"),
    ]


@pytest.mark.parametrize("text", LIKE[2:6])
def test_a_damaged_placeholder_is_none(text: str) -> None:
    """A placeholder that lost a character, gained a blank or changed case is not one."""
    assert find_placeholders(text) == []


@pytest.mark.parametrize("text", LIKE)
@pytest.mark.parametrize("frame", ["{}", "a {} b", "[[{}]]", "[{}]", "{}{}"])
def test_everything_that_looks_like_a_placeholder_is_made_inert(text: str, frame: str) -> None:
    """Well-formed and damaged placeholders are escaped, whatever brackets stand around them."""
    framed = frame.replace("{}", text)
    inert = escape_placeholders(framed)
    assert PLACEHOLDER_LIKE.search(inert) is None
    assert text[2:-2] in inert


@given(BRACKETS)
@settings(deadline=None)
def test_escaping_twice_changes_nothing(text: str) -> None:
    """An escaped text holds nothing that looks like a placeholder."""
    once = escape_placeholders(text)
    assert PLACEHOLDER_LIKE.search(once) is None
    assert escape_placeholders(once) == once
    assert len(once) == len(text)


@pytest.mark.parametrize("text", ["[[1, 2], [3, 4]]", "[[link]]", "a[[0]]", "[[ -f x ]]", "x"])
def test_other_brackets_stay(text: str) -> None:
    """Nested lists, links and shell tests are not touched."""
    assert escape_placeholders(text) == text


def test_a_placeholder_needs_no_escape_in_json() -> None:
    """A placeholder is the same inside a JSON string."""
    assert json.dumps(LIKE[0]) == f'"{LIKE[0]}"'
