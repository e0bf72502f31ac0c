# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a number stand in what was read, in any form that is cheap to look for?

Elsewhere a value is looked for to rely on it, so that a doubtful place does not count. Here it is
looked for to rely on its absence, and every place counts: by value, in digits with signs between
them, inside words, backwards, in English words, in other notations, and where a sum comes to it.
What is split over a text or encrypted is not found.

INVARIANT: a number that stands in a text in digits or in words is found
(tests/provenance/test_unseen.py).
"""

import itertools
import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal

from agentguard.provenance.blurred import readings_of
from agentguard.provenance.dates import dates_in
from agentguard.provenance.normal import folded, normalise
from agentguard.provenance.numbers import plainly
from agentguard.provenance.sought import Sought
from agentguard.provenance.tokens import tokens_of
from agentguard.provenance.worded import worded_numbers

_GAP = re.compile(r"[^0-9]+")
_PARTED = re.compile(r"[^\w\n]{1,3}|_{1,3}")
_OTHER_DIGIT = re.compile(r"[^\x00-\x7f]")
_POINTS = frozenset(".,")
_FEWEST_BACKWARDS = 3
_MOST_DIGITS = 18
# Where more numbers than these may be written in words, none is known to stand nowhere.
MOST_WORDED = 200_000
_CENT = Decimal("0.01")


class Unseen:
    """What was read, as it matters to which numbers it does not hold. It only grows."""

    __slots__ = ("_done", "_room", "_texts")

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._room = MOST_WORDED
        # What is made of the texts is made when somebody asks.
        self._done: tuple[int, tuple[str, ...]] = (0, ())

    def __repr__(self) -> str:
        return f"Unseen({len(self._texts)} texts)"

    def add(self, text: str) -> None:
        """Remember a text."""
        self._texts.append(text)

    def lacks(self, found: Sought) -> bool:
        """Say whether a value is a number, a date or a time, and no part of it stands in a text."""
        if found.lost or found.leads or found.odd or not found.groups:
            return False
        return all(self._lacks(key) for group in found.groups for key in group)

    def _lacks(self, key: str) -> bool:
        kind, value = key[:2], key[2:]
        if kind == "n:":
            return self._lacks_number(Decimal(value))
        blocks = self._blocks()
        if kind == "t:":
            return not any(f"\n{key}\n" in block for block in blocks)
        return kind in {"d:", "D:"} and self._lacks_day(value)

    def _lacks_day(self, value: str) -> bool:
        """Say so of a day in any year, in whatever order it is written."""
        *_, month, day = value.split("-")
        if f"{month}{day}".isdigit():
            number, other = int(month), int(day)
            every = {f"{number}{other}", f"{number}{day}", f"{other}{number}", f"{other}{month}"}
            if not all(self._lacks_number(Decimal(each)) for each in every):
                return False
        blocks = self._blocks()
        return not any(f"\nD:{month}-{day}\n" in block for block in blocks)

    def _lacks_number(self, number: Decimal) -> bool:
        """Say whether a number stands in none of the texts, whatever its sign."""
        exact = abs(number)
        if not exact.is_finite() or len(plainly(exact)) > _MOST_DIGITS:
            return False
        blocks = self._blocks()
        if self._room < 0:
            return False  # more than can be read
        forms = (plainly(exact), plainly(exact.quantize(_CENT)))
        patterns = (pattern for form in dict.fromkeys(forms) for pattern in _patterns(form))
        return not any(pattern.search(block) for pattern in patterns for block in blocks)

    def _blocks(self) -> tuple[str, ...]:
        done, blocks = self._done
        texts = self._texts[done:]
        if not texts:
            return blocks
        new = "\n".join(f"\n{line}\n" for text in texts for line in self._numerals(text))
        while blocks and len(blocks[-1]) < 2 * len(new):
            new = f"{blocks[-1]}\n{new}"
            blocks = blocks[:-1]
        blocks = (*blocks, new)
        self._done = (done + len(texts), blocks)
        return blocks

    def _numerals(self, text: str) -> Iterator[str]:
        """Yield the numbers in a text, and its dates.

        Digits stay, with what stands between them where that is little.
        """
        for form in dict.fromkeys(folded(normalise(each)) for each in readings_of(text)):
            plain = form if form.isascii() else _OTHER_DIGIT.sub(_digit, form)
            yield _GAP.sub(_between, plain)
            for number in itertools.islice(worded_numbers(plain), self._room + 1):
                self._room -= 1
                yield plainly(abs(number))
            for when in dates_in(tokens_of(plain)):
                yield from when.held


def _patterns(form: str) -> tuple[re.Pattern[str], ...]:
    """Return what finds a number in what is left of texts."""
    whole, _, fraction = form.partition(".")
    digits = "[ .]?".join(whole)
    if fraction:
        digits = ("" if whole == "0" else digits) + "[ .]" + "[ .]?".join(fraction) + "0*"
    else:
        digits += r"(?:\.0+)?"
    forward = re.compile(rf"(?<![0-9])0*{digits}(?![0-9])")
    if fraction or len(whole) < _FEWEST_BACKWARDS:
        return (forward,)
    return forward, re.compile(rf"(?<![0-9]){'[ .]?'.join(whole[::-1])}(?![0-9])")


def _digit(match: re.Match[str]) -> str:
    value = unicodedata.digit(match[0], -1)
    return match[0] if value < 0 else str(value)


def _between(match: re.Match[str]) -> str:
    gap = match[0]
    if _PARTED.fullmatch(gap) is None:
        return "\n"
    return " " if _POINTS.isdisjoint(gap) else "."
