# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can this be somebody's date of birth?

INVARIANT: a day that no calendar has is no date (tests/classification/test_personal_dates.py).
"""

import re
from collections.abc import Iterable

from agentguard.classification.engine import NOTHING
from agentguard.classification.personal.checks import is_day
from agentguard.classification.personal.context import Topic, topics_before

_NUMBERS = re.compile(r"\d+")
_CENTURIES = frozenset({"18", "19", "20"})

# Outlines of dates in digits.
SHAPES = tuple(
    shape
    for mark in "/-."
    for shape in (
        f"9999{mark}99{mark}99",
        f"99{mark}99{mark}9999",
        f"9{mark}99{mark}9999",
        f"99{mark}9{mark}9999",
        f"9{mark}9{mark}9999",
        f"99{mark}99{mark}99",
        f"9999{mark}9{mark}9",
    )
)

# A date with the month in letters, in several languages; RE2.
MONTH = (
    r"(?:jan|feb|mar|apr|ma[iy]|jun|jul|aug|sep|oct|okt|nov|dec|dez|janv|f[eé]vr|avr|juin|juil"
    r"|ao[uû]t|d[eé]c|ene|abr|ago|dic|gen|mag|giu|lug|set|ott|fev|out|m[aä]r|mrt|mei)"
    r"[a-zäéûô]{0,9}"
)
WRITTEN = (
    rf"(?i)\b(?:[0-3]?[0-9](?:st|nd|rd|th|er|º|\.)?\s(?:of\s|de\s)?{MONTH}\.?,?\s(?:de\s|del\s)?"
    rf"|{MONTH}\.?\s[0-3]?[0-9](?:st|nd|rd|th)?,?\s)(?:18|19|20)[0-9]{{2}}\b"
)
KEYWORDS = (
    *("birth", "Birth", "BIRTH", "born", "Born", "BORN", "dob", "Dob", "DOB", "D.O.B"),
    *(
        "geb",
        "Geb",
        "GEB",
        "naiss",
        "Naiss",
        "Né",
        "né",
        "nacid",
        "Nacid",
        "nacim",
        "Nacim",
    ),
    *(
        "nascit",
        "Nascit",
        "nato",
        "Nato",
        "nata",
        "Nata",
        "nascid",
        "Nascid",
        "nascim",
        "Nascim",
    ),
)


def is_date(written: str) -> bool:
    """Say whether numbers are a day of a year, in one of the usual orders."""
    numbers = _NUMBERS.findall(written)
    if len(numbers[0]) == 4:  # noqa: PLR2004 - the year first
        year, month, day = numbers
        return year[:2] in _CENTURIES and is_day(day, month)
    first, second, year = numbers
    if len(year) == 4 and year[:2] not in _CENTURIES:  # noqa: PLR2004 - four digits
        return False
    return is_day(first, second) or is_day(second, first)


def confirmed(data: bytes, start: int, end: int) -> Iterable[tuple[int, int]]:
    """Confirm a date behind a word that speaks of a birth."""
    return ((start, end),) if Topic.BIRTH in topics_before(data, start) else NOTHING
