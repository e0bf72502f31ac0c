# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""JSON inside a string is taken apart and put together without loss."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.redaction.json_text import Members, NumberText, parsed, plain_digits, written

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(VALUES, max_size=3) | st.dictionaries(st.text(), VALUES, max_size=3))
@settings(deadline=None)
def test_a_text_that_is_written_again_says_the_same(value: object) -> None:
    """Any object or array reads the same after taking it apart."""
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=2)):
        tree = parsed(text)
        assert tree is not None
        assert json.loads(written(tree)) == json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":2}',
        "[12345678901234567890123]",
        "[1.10,1e400,-0.0]",
        "[NaN,-Infinity]",
        r'["\ud800"]',
        '{"":[{}]}',
        '["ü"]',
    ],
)
def test_what_a_mapping_would_lose_is_kept(text: str) -> None:
    """Repeated keys, digits, odd numbers and lone surrogates survive as they were."""
    tree = parsed(text)
    assert tree is not None
    assert written(tree) == text


@pytest.mark.parametrize(
    "text", ["", "x", '"text"', "12", "{", "[1,]", "[[EMAIL:7KQ2M4XA]]", "{a}"]
)
def test_what_is_no_object_or_array_is_left_alone(text: str) -> None:
    """Scalars, prose and broken JSON are no JSON texts."""
    assert parsed(text) is None


def test_line_breaks_inside_strings_are_read() -> None:
    """A model's arguments with a bare line break are taken apart, since others read them too."""
    assert parsed('{"a":"b\nc"}') == Members((("a", "b\nc"),))


def test_nesting_beyond_reading_is_refused() -> None:
    """A text that no reader here can take apart is an error, not a text without content."""
    with pytest.raises(ValueError, match="nested too deep") as caught:
        parsed("[" * 100_000 + "]" * 100_000)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("literal", "digits"),
    [
        ("4111111111111111", "4111111111111111"),
        ("-42", "-42"),
        ("4111111111111111.0", "4111111111111111"),
        ("4.111111111111111e15", "4111111111111111"),
        ("1.5", "1.5"),
        ("1e400", "1e400"),
        ("1e300", "1e300"),
        ("NaN", "NaN"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_a_number_shows_its_digits(literal: str, digits: str) -> None:
    """An exponent or a zero fraction does not hide the digits of a number."""
    assert NumberText(literal).digits == digits


def test_a_float_that_is_no_number_is_shown_as_it_is() -> None:
    """NaN and infinity have no digits."""
    assert plain_digits(math.inf, "inf") == "inf"
