# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Check digits that we compute ourselves, on the examples of the issuers and on any text."""

import string
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.classification.personal import checks


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        (checks.chinese_resident, "11010519491231002X", "110105194912310021"),
        (checks.chinese_resident, "11010519491231002x", "11010519491331002X"),
        (checks.singapore, "S1234567D", "S1234567A"),
        (checks.singapore, "F1234567N", "F1234567P"),
        (checks.singapore, "M1234567K", "M1234567X"),
        (checks.hong_kong, "A123456(3", "A123456(4"),
        (checks.hong_kong, "AB987654(3", "AB987654(2"),
        (checks.taiwan, "A123456789", "A123456788"),
        (checks.snils, "112-233-445 95", "112-233-445 96"),
        (checks.nino, "AB123456C", "QQ123456C"),
        (checks.nino, "ab 12 34 56 d", "ab 12 34 56 e"),
        (checks.american_provider, "1234567893", "1234567894"),
        (checks.american_beneficiary, "1EG4-TE5-MK73", "1EG4-TE5-MK7A"),
        (checks.american_prescriber, "AB1234563", "AB1234564"),
        (checks.indian_account, "ABCPE1234F", "ABCDE1234F"),
        (checks.korean_business, "124-81-00998", "124-81-00997"),
        (checks.malaysian, "850131-14-5678", "851331-14-5678"),
        (checks.british_driver, "MORGA657054SM9IJ", "MORGA699054SM9IJ"),
        (checks.finnish, "131052-308T", "131052-308U"),
        (checks.luhn_checked, "4111 1111 1111 1111", "4111 1111 1111 1112"),
    ],
)
def test_the_issuers_examples_pass(check: Callable[[str], bool], right: str, wrong: str) -> None:
    """An example of the issuer passes, and the same with one character changed does not."""
    assert check(right)
    assert not check(wrong)


@given(st.integers(0, 10**8), st.sampled_from(string.ascii_uppercase))
@settings(deadline=None)
def test_one_digit_completes_a_german_number(serial: int, letter: str) -> None:
    """Of the ten last digits exactly one is right, of health and of pension insurance."""
    health = f"{letter}{serial % 10**8:08}"
    assert sum(checks.german_health(f"{health}{last}") for last in range(10)) == 1
    pension = f"15150785{letter}{serial % 100:02}"
    assert sum(checks.german_pension(f"{pension}{last}") for last in range(10)) == 1


@pytest.mark.parametrize(
    ("day", "month", "there_is"),
    [
        ("29", "02", True),
        ("30", "02", False),
        ("31", "04", False),
        ("00", "01", False),
        ("01", "13", False),
    ],
)
def test_days_that_no_calendar_has_are_none(day: str, month: str, there_is: bool) -> None:  # noqa: FBT001 - a column of the table
    """A day beyond its month, and a month beyond its year, are no date."""
    assert checks.is_day(day, month) is there_is
