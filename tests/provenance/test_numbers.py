# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Are numbers compared by value, and only whole numbers found?"""

from decimal import Decimal

import pytest

from agentguard.provenance.normal import normalise
from agentguard.provenance.numbers import number_in, number_key
from agentguard.provenance.sought import keys_in, sought
from agentguard.provenance.tokens import tokens_of

SAME = [
    ("30,000", 30000, "commas between thousands"),
    ("$30,000", 30000, "a currency before"),
    ("1,234.56", 1234.56, "commas and a point"),
    ("1.234,56", 1234.56, "as written on the continent"),
    ("1'234.50", 1234.5, "as written in Switzerland"),
    ("5 000 EUR", 5000, "blanks between thousands"),
    ("1 234 567", 1234567, "and again"),
    ("98.70", 98.7, "a nought at the end"),
    ("98,70", 98.7, "a comma for a point"),
    ("10.00", 10, "a whole number with a fraction"),
    ("30k", 30000, "thousands"),
    ("19.5%", 19.5, "a share as it is written"),
    ("19.5%", 0.195, "a share as a fraction"),
    ("50EUR", 50, "a currency behind"),
    ("-12", -12, "a sign"),
]


@pytest.mark.parametrize(("text", "value", "why"), SAME)
def test_a_number_is_found_however_it_is_written(text: str, value: float, why: str) -> None:
    """A number is remembered by its value."""
    (key,) = sought(value).groups[0]
    plain = normalise(text)
    assert key in set(keys_in(plain, tokens_of(plain))), why


OTHER = [
    ("file-13.txt", 13, "a part of a name"),
    ("ORD-13", 13, "a part of an identifier"),
    ("1300", 13, "the beginning of a longer number"),
    ("3.13", 13, "a fraction"),
    ("a13", 13, "a part of a word"),
    ("10:13", 13, "a part of a time"),
    ("007", 7, "noughts before make it an identifier"),
    ("12", -12, "without the sign"),
    ("1.234", 1234, "a point is a point"),
]


@pytest.mark.parametrize(("text", "value", "why"), OTHER)
def test_a_number_is_not_found_inside_something_else(text: str, value: float, why: str) -> None:
    """A number that is a part of something else is not remembered."""
    (key,) = sought(value).groups[0]
    plain = normalise(text)
    assert key not in set(keys_in(plain, tokens_of(plain))), why


def test_the_same_number_has_one_key() -> None:
    """Integers, fractions and exponents of one value are the same number."""
    written = ["100", "100.0", "1E+2"]
    assert {number_key(Decimal(each)) for each in written} == {"n:100"}
    assert number_key(Decimal("-0.0")) == "n:0"


@pytest.mark.parametrize("token", ["x", "-", "1-2", "1.2.3", "1,2,3", "%"])
def test_what_is_no_number_gives_none(token: str) -> None:
    """A token that writes no number gives none."""
    assert number_in(token) == ()
