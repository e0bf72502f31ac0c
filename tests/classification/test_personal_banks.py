# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""International account numbers are told by their country's length and their check digits."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.classification.personal import PersonalNumbers
from agentguard.classification.personal.ibans import is_checked

DETECTOR = PersonalNumbers()
# The examples of the registry.
EXAMPLES = (
    "GB29NWBK60161331926819",
    "DE89370400440532013000",
    "FR1420041010050500013M02606",
    "NL91ABNA0417164300",
    "NO9386011117947",
    "MT84MALT011000012345MTLCAST001S",
    "BE68539007547034",
    "SA0380000000608010167519",
    "BR1800360305000010009795493C1",
)


def found(text: str) -> list[str]:
    """The account numbers that are found."""
    return [text[one.start : one.end] for one in DETECTOR.detect(text) if one.detector == "iban"]


def grouped(number: str, mark: str) -> str:
    """A number in groups of four."""
    return mark.join(number[place : place + 4] for place in range(0, len(number), 4))


@pytest.mark.parametrize("number", EXAMPLES)
@pytest.mark.parametrize(
    "frame", ["{}", "IBAN {} ist", "iban={};", "{} next word", "({})", "{}, and"]
)
def test_account_numbers_are_found_whole(number: str, frame: str) -> None:
    """A number is found alone and in a sentence, in groups and in small letters."""
    for written in (number, grouped(number, " "), grouped(number, "-"), number.lower()):
        assert found(frame.format(written)) == [written]


@given(st.sampled_from(EXAMPLES))
@settings(deadline=None)
def test_few_pairs_of_check_digits_are_right(number: str) -> None:
    """Of the hundred pairs of check digits at most two are right."""
    right = [pair for pair in range(100) if is_checked(f"{number[:2]}{pair:02}{number[4:]}")]
    assert 1 <= len(right) <= 2


@given(st.text(string.ascii_uppercase + string.digits, min_size=15, max_size=34))
@settings(deadline=None)
def test_other_tokens_are_no_account_numbers(token: str) -> None:
    """What is found has the check digits that the standard demands."""
    for number in found(token):
        assert is_checked(number)


@pytest.mark.parametrize(
    "text",
    [
        "GB28NWBK60161331926819",
        "XX29NWBK60161331926819",
        "GB29NWBK6016133192681",
        "aGB29NWBK60161331926819",
    ],
)
def test_wrong_countries_lengths_and_checks_are_none(text: str) -> None:
    """A number with wrong check digits, country, length or surroundings is none."""
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("bank account 8721938475", "8721938475"),
        ("routing number 061000104", "061000104"),
        ("sort code 12-34-56", "12-34-56"),
        ("Kontonummer: 1234567890", "1234567890"),
        ("account_number='76983425K'", "76983425K"),
    ],
)
def test_national_account_numbers_take_a_word(text: str, number: str) -> None:
    """A number without a check is found behind a word for an account, and not without it."""
    assert [text[one.start : one.end] for one in DETECTOR.detect(text)] == [number]
    assert DETECTOR.detect(f"order {number}") == []
