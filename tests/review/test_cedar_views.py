# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What Cedar sees of two values compares as the values do."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentguard.canonical import Frozen
from agentguard.review.cedar.places import attribute
from agentguard.review.cedar.views import View, composed_token, place_of, seen, token

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = (
    st.none() | st.booleans() | FLOATS | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=3)
)
DECIMALS = st.decimals(-(10**14), 10**14, allow_nan=False, allow_infinity=False, places=7)


@given(FLOATS, FLOATS)
def test_fractional_numbers_keep_their_order(left: float, right: float) -> None:
    """The places of two numbers are in the order of the numbers, within what Cedar can hold."""
    assert (place_of(left) < place_of(right)) is (left < right)
    assert (place_of(left) == place_of(right)) is (left == right)
    assert abs(place_of(left)) < 2**63


@given(SCALARS, SCALARS)
def test_tokens_are_equal_for_equal_values(left: Frozen, right: Frozen) -> None:
    """Two scalars share a token exactly if they are equal in type and value."""
    assert (token(left) == token(right)) is (type(left) is type(right) and left == right)


def rounded(view: View, text: str) -> Decimal:
    """The number that Cedar is told for a text."""
    told = seen(view, text)
    assert told is not None
    return Decimal(told["__extn"]["arg"])


@given(DECIMALS, DECIMALS)
def test_rounded_decimals_compare_with_bounds_as_exact_ones(value: Decimal, near: Decimal) -> None:
    """A bound with four places is met by the rounded number exactly if by the number itself."""
    bound = round(near, 4)
    floor, ceiling = rounded(View.FLOOR, f"{value:f}"), rounded(View.CEILING, f"{value:f}")
    assert (bound <= floor) is (bound <= value)
    assert (ceiling <= bound) is (value <= bound)


@pytest.mark.parametrize("text", ["9" * 40, "-" + "9" * 40])
def test_decimals_beyond_what_cedar_holds_are_beyond_every_bound(text: str) -> None:
    """A number too large for Cedar is seen as the largest, which no bound reaches."""
    assert abs(rounded(View.FLOOR, text)) == Decimal("922337203685477.5807")


@given(SCALARS)
def test_a_value_has_the_views_of_its_type_only(value: Frozen) -> None:
    """Text is seen as text alone, a truth value never as a number, and null as none of them."""
    typed = {View.TEXT: str, View.INTEGER: int, View.BOOLEAN: bool, View.FRACTION: float}
    for view, kind in typed.items():
        assert (seen(view, value) is not None) is (type(value) is kind)


def test_spellings_share_what_deny_rules_compare() -> None:
    """Two spellings of one text differ for rules that allow and are one for rules that deny."""
    left, right = "\u00e9", "e\u0301"
    assert token(left) != token(right)
    assert composed_token(left) == composed_token(right)
    assert seen(View.COMPOSED, left) == seen(View.COMPOSED, right)


NAMES = st.sampled_from(["x", "x (text)", "x (integer)", "x (text) (text)", "y)", ")"])
KINDS = st.sampled_from(list(View))
READ = st.frozensets(KINDS, max_size=3)


@given(NAMES, KINDS, READ, NAMES, KINDS, READ)
def test_two_views_share_no_attribute(
    one: str,
    view: View,
    views: frozenset[View],
    other: str,
    other_view: View,
    other_views: frozenset[View],
) -> None:
    """Different arguments, or different views of one, stand under different names."""
    if one == other:
        other_views = views
    read, read_other = views | {view}, other_views | {other_view}
    if one == other:
        read = read_other = read | read_other
    same = attribute(one, view, read) == attribute(other, other_view, read_other)
    assert same is ((one, view) == (other, other_view))
