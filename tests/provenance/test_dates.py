# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Are dates and times found by value, and never taken for numbers?"""

import pytest

from agentguard.provenance.dates import dates_in
from agentguard.provenance.normal import normalise
from agentguard.provenance.sought import keys_in, sought
from agentguard.provenance.tokens import tokens_of

FOUND = [
    ("on June 13", "2024-06-13", "a day without a year is a day of any year"),
    ("on 13 June 2024", "2024-06-13", "the day may stand first"),
    ("on the 13th of June 2024", "June 13", "and the value may lack the year"),
    ("June 13th, 2024", "2024-06-13", "a comma before the year"),
    ("13.06.2024", "2024-06-13", "points between"),
    ("06/13/2024", "2024-06-13", "the month first"),
    ("03.04.2024", "2024-04-03", "either way: the day first"),
    ("03.04.2024", "2024-03-04", "either way: the month first"),
    ("January 11th to January 15th 2025", "2025-01-11", "the year stands once"),
    ("from the 13th to the 17th of May", "2024-05-13", "the month stands once"),
    ("May 10th to 13th", "2024-05-13", "the month stands before both"),
    ("2024-05-15T10:30:00Z", "2024-05-15 10:30", "a time stamp holds both"),
    ("at 4pm", "16:00", "an hour of the afternoon"),
    ("at 4 pm", "16:00", "with a blank"),
    ("12:05 am", "00:05", "an hour after midnight"),
    ("at 10:00 on 2024-05-19", "2024-05-19 10:00", "a date and a time from two places"),
    ("am 3. M\u00e4rz 2024", "2024-03-03", "months of other languages"),
    ("in March 2022", "March 2022", "a month of a year"),
]


def held(text: str) -> set[str]:
    """Return the keys that a text is remembered under."""
    plain = normalise(text)
    return set(keys_in(plain, tokens_of(plain)))


@pytest.mark.parametrize(("text", "value", "why"), FOUND)
def test_a_date_is_found_however_it_is_written(text: str, value: str, why: str) -> None:
    """Every part of a date or time in a value is one that the text says."""
    groups = sought(value).groups
    assert groups, why
    assert all(held(text).intersection(group) for group in groups), why


OTHER = [
    ("on June 13", "2024-06-14", "another day"),
    ("on June 13, 2023", "2024-06-13", "another year"),
    ("at 4pm", "04:00", "another half of the day"),
    ("in March 2022", "2022-03-01", "a month is not its first day"),
    ("2024-13-45", "2024-01-04", "no day of a calendar"),
]


@pytest.mark.parametrize(("text", "value", "why"), OTHER)
def test_another_date_is_not_found(text: str, value: str, why: str) -> None:
    """A date that the text does not say is not found in it."""
    groups = sought(value).groups
    assert not groups or not all(held(text).intersection(group) for group in groups), why


@pytest.mark.parametrize(
    "text",
    [
        "June 13",
        "13 June",
        "the 13th",
        "13.06.2024",
        "at 13:00",
        "1 pm on the 13th of May",
        "13 pm",
    ],
)
def test_a_part_of_a_date_is_no_number(text: str) -> None:
    """The 13 of a date or a time is not remembered as the number 13."""
    assert "n:13" not in held(text)


def test_words_that_begin_like_months_are_no_dates() -> None:
    """Only a month beside a day or a year is a date."""
    assert list(dates_in(tokens_of("may I march on decimals"))) == []
