# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where does a text that still grows hold the beginning of something personal?

A number, a date or an address may go on over blanks, and a word behind a number may be what names
it. Each rule returns where, from a place on, something is open; the end of the text if nothing is.
It says nothing about whether the beginning becomes something: to hold too much is only slow.

INVARIANT: what a rule leaves to be released stays as it is, whatever comes behind it
(tests/redaction/test_stream_personal.py).
"""

import re
from collections.abc import Callable, Container
from typing import TypeAlias

from agentguard.classification.classes import (
    BANK_ACCOUNT,
    CRYPTO_WALLET,
    DATE_OF_BIRTH,
    DRIVING_LICENCE,
    IP_ADDRESS,
    MEDICAL_ID,
    NATIONAL_ID,
    PASSPORT,
    PHONE,
    POSTAL_ADDRESS,
    TAX_ID,
)
from agentguard.classification.personal.addresses import GOING_ON
from agentguard.classification.personal.context import BEHIND
from agentguard.classification.personal.dates import MONTH

Opening: TypeAlias = Callable[[str, int], int]

# An extension, or the letters that a number ends with, and then the words that name it.
_NUMBER_TAIL = BEHIND + 16
_LONGEST_DATE = 48
_LONGEST_ADDRESS = 224
# A word no longer than that may stand inside a number that is written with blanks.
_LONGEST_PART = 3

_BLANKS = " \t\n\r\f"
_DIGIT = re.compile(r"\d")
_SHORT_WORDS = re.compile(r"(?:\b[A-Za-z]{2,3} ){1,2}[A-Za-z]{0,3}\Z")
_OPEN_DATE = re.compile(
    r"(?i)\b(?:[0-3]?[0-9](?:st|nd|rd|th|er|º|\.)?(?:\s(?:of\s|de\s)?"
    r"(?:[^\W\d_]{1,14}\.?,?(?:\s(?:de\s?|del\s?)?[0-9]{0,4})?)?)?"
    rf"|{MONTH}\.?(?:\s(?:[0-3]?[0-9](?:st|nd|rd|th)?(?:,?\s?[0-9]{{0,4}})?)?)?)\Z"
)
_PART = re.compile(r"\S+")

# Cards and addresses of mail are settled by themselves.
_OPEN = frozenset(
    (
        *(BANK_ACCOUNT, CRYPTO_WALLET, DATE_OF_BIRTH, DRIVING_LICENCE, IP_ADDRESS, MEDICAL_ID),
        *(NATIONAL_ID, PASSPORT, PHONE, POSTAL_ADDRESS, TAX_ID),
    )
)


def openings(classes: Container[str]) -> tuple[Opening, ...]:
    """Return the rules for a text in which these classes are looked for.

    Where what is found overlaps it is hidden together, so one class asks for all of the rules.
    """
    wanted = any(name in classes for name in _OPEN)
    return (open_number, open_date, open_address) if wanted else ()


def open_number(text: str, base: int) -> int:
    """Return where a number begins that may go on, or be named by what comes."""
    line = max(text.rfind("\n", base) + 1, base)
    tail = max(len(text) - _NUMBER_TAIL, line)
    digit = _DIGIT.search(text, _token_start(text, line, tail))
    if digit is not None:
        return _number_start(text, line, digit.start())
    beginning = _SHORT_WORDS.search(text, tail)
    return len(text) if beginning is None else beginning.start()


def open_date(text: str, base: int) -> int:
    """Return where a date with its month in letters begins that may go on."""
    found = _OPEN_DATE.search(text, max(base, len(text) - _LONGEST_DATE))
    return len(text) if found is None else found.start()


def open_address(text: str, base: int) -> int:
    """Return where words begin all of which may stand in an address."""
    first = _token_start(text, base, max(len(text) - _LONGEST_ADDRESS, base))
    parts = list(_PART.finditer(text, first))
    start = len(text)
    while parts:
        part = parts.pop()
        goes_on = part.end() == len(text) or _stands_in_address(part.group())
        if not goes_on and not (parts and _is_small(parts[-1].group())):
            break
        start = part.start()
    return start


def _number_start(text: str, line: int, place: int) -> int:
    """Return where the parts begin that may belong to one number with the digit at *place*."""
    start = _token_start(text, line, place)
    while start > line:
        before = _token_start(text, line, start - 1)
        letters = sum(map(str.isalpha, text[before:start]))
        if letters > _LONGEST_PART and not _DIGIT.search(text, before, start):
            break
        start = before
    return start


def _token_start(text: str, first: int, place: int) -> int:
    while place > first and text[place - 1] not in _BLANKS:
        place -= 1
    return place


def _stands_in_address(part: str) -> bool:
    word = part.lstrip("\"'([#-,.")
    return not word or word[0].isupper() or _DIGIT.search(word) is not None or _is_small(part)


def _is_small(part: str) -> bool:
    word = part.strip("\"'([,.:-").lower()
    return word in GOING_ON or word[:2] in {"d'", "l'", "d\u2019", "l\u2019"}
