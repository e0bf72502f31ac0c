# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which number does a token write?

Signs of currencies are no part of a token. Numbers in words are not read.

INVARIANT: numbers are compared by value, however they are written (tests/provenance/test_numbers.py).
"""

import re
from decimal import Decimal

_PLAIN = re.compile(r"-?\d{1,30}(?:\.\d{1,30})?")
_THOUSANDS = re.compile(r"-?\d{1,3}(?:[,']\d{3}){1,9}(?:\.\d{1,30})?")
_CONTINENTAL = re.compile(r"-?\d{1,3}(?:\.\d{3}){1,9},\d{1,30}|-?\d{1,3}(?:\.\d{3}){2,9}")
_COMMA = re.compile(r"-?\d{1,30},\d{1,30}")
_K = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)k", re.IGNORECASE)
_UNIT = re.compile(r"(-?\d[\d.,']*)(?:eur|usd|chf|gbp|euros?|dollars?)", re.IGNORECASE)


def number_in(token: str) -> tuple[Decimal, ...]:
    """Return the number that a token writes; two for a share of a hundred, none for other words."""
    if not (token[0].isdigit() or token[0] == "-"):
        return ()
    if token[-1] == "%":
        share = number_in(token[:-1])
        return share + tuple(each / 100 for each in share)
    if match := _K.fullmatch(token):
        return (Decimal(match[1]) * 1000,)
    if match := _UNIT.fullmatch(token):
        token = match[1]
    plain = _written_plainly(token)
    return () if plain is None else (Decimal(plain),)


def _written_plainly(token: str) -> str | None:
    if _PLAIN.fullmatch(token):
        digits = token.lstrip("-")
        leading = len(digits) > 1 and digits[0] == "0" and digits[1] != "."
        return None if leading else token
    if _THOUSANDS.fullmatch(token):
        return token.replace(",", "").replace("'", "")
    if _CONTINENTAL.fullmatch(token):
        return token.replace(".", "").replace(",", ".")
    if _COMMA.fullmatch(token):
        return token.replace(",", ".")
    return None


def number_key(number: Decimal) -> str:
    """Return the form in which a number is looked for."""
    return f"n:{plainly(number)}"


def told_key(token: str, number: Decimal) -> str | None:
    """Return the form of a number that is written as hardly any number is by accident."""
    return None if token.isdigit() else f"N:{plainly(number)}"


def plainly(number: Decimal | float) -> str:
    """Return a number in its shortest form."""
    exact = number if isinstance(number, Decimal) else Decimal(repr(number))
    return f"{exact.normalize():f}" if exact else "0"
