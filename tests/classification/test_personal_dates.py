# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A date is one of birth where a word says so."""

import pytest

from agentguard.classification import build_classifier

ENGINE = build_classifier()
DATES = (
    "1989-03-15",
    "15/03/1989",
    "3/15/1989",
    "15.03.1989",
    "March 15, 1989",
    "15 March 1989",
    "15. März 1989",
    "15 de marzo de 1989",
    "15 mars 1989",
)


@pytest.mark.parametrize("date", DATES)
@pytest.mark.parametrize(
    "frame",
    [
        "born {}",
        "Date of birth: {}",
        "DOB {} recorded",
        "geboren am {}",
        "née le {}",
        "fecha de nacimiento {}",
        "dateOfBirth='{}'",
    ],
)
def test_a_date_behind_a_word_for_birth_is_found(date: str, frame: str) -> None:
    """A date in digits or in words is found behind a word for birth, in several languages."""
    text = frame.format(date)
    spans = [(one.data_class, text[one.start : one.end]) for one in ENGINE.findings(text)]
    assert ("date_of_birth", date) in spans


@pytest.mark.parametrize("date", DATES)
def test_other_dates_are_not(date: str) -> None:
    """A date that no such word stands before is none of birth."""
    assert ENGINE.findings(f"released on {date}, and so on") == ()


@pytest.mark.parametrize("text", ["born 99/99/1989", "born 1989-13-15", "DOB 15.03.1689"])
def test_a_day_that_no_calendar_has_is_no_date(text: str) -> None:
    """Numbers that no day has are not found, even behind such a word."""
    assert ENGINE.findings(text) == ()
