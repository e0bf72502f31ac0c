# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which numbers does a text write in words, or in a notation of its own?

English words, with digits among them ("twelve hundred", "one two zero zero", "1.2 thousand"),
shares of a hundred, cents, other bases, and sums that a text spells out ("400 + 800"). It reads too
many rather than too few: whoever asks wants to know what does not stand there.

INVARIANT: what is read of a text is a multiple of its length (tests/provenance/test_unseen.py).
"""

import re
from collections.abc import Iterator
from decimal import Decimal

from agentguard.provenance.numbers import number_in

_POINT = "point"
_HUNDRED = Decimal(100)
_PARTS = frozenset({Decimal("0.5"), Decimal("0.25")})
_MOST_DIGITS = 24
_UP_TO_NINETEEN = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen"
)
_FROM_TWENTY = "twenty thirty forty fifty sixty seventy eighty ninety"
_UNITS = {word: value for value, word in enumerate(_UP_TO_NINETEEN.split())} | {"oh": 0, "nil": 0}
_TENS = {word: 10 * value for value, word in enumerate(_FROM_TWENTY.split(), 2)}
_VALUES = _UNITS | _TENS
_SCALES = {
    "dozen": Decimal(12),
    "hundred": Decimal(100),
    "hundreds": Decimal(100),
    "k": Decimal(1000),
    "thousand": Decimal(1000),
    "thousands": Decimal(1000),
    "grand": Decimal(1000),
    "m": Decimal(1_000_000),
    "mn": Decimal(1_000_000),
    "mio": Decimal(1_000_000),
    "million": Decimal(1_000_000),
    "cent": Decimal("0.01"),
    "cents": Decimal("0.01"),
    "ct": Decimal("0.01"),
    "pence": Decimal("0.01"),
    "percent": Decimal("0.01"),
    "half": Decimal("0.5"),
    "quarter": Decimal("0.25"),
}
_TIMES = {"twice": 2, "double": 2, "thrice": 3, "triple": 3}
_NUMBER_WORDS = frozenset({*_VALUES, *_SCALES, *_TIMES, _POINT})
_BETWEEN = frozenset({"and", "a", "of", "the", ",", "."})
_PIECE = re.compile(r"\d+(?:[.,']\d+)*%?|[a-z]+|[^\s\w-]|_")
_OTHER_BASE = re.compile(r"\b0(?:x[0-9a-f]{1,12}|b[01]{1,40}|o[0-7]{1,16})\b")
_POWER = re.compile(r"\b\d{1,9}(?:\.\d{1,9})?e\+?\d{1,2}\b")
_SUM = re.compile(
    r"(\d[\d.,']{0,20})\s{0,2}(\+|-|\*|x|/|\u00d7|plus|minus|times|over)\s{0,2}(?=(\d[\d.,']{0,20}))"
)
_LONGEST = 8
_TEN = 10


def worded_numbers(text: str) -> Iterator[Decimal]:
    """Yield the numbers that a text in lower case does not write in plain digits."""
    run: list[str] = []
    for piece in _PIECE.findall(text):
        if _counts(piece):
            run.append(piece)
        elif run and piece not in _BETWEEN:
            yield from _in_run(run)
            run = []
    yield from _in_run(run)
    for match in _OTHER_BASE.findall(text):
        yield Decimal(int(match, 0))
    for match in _POWER.findall(text):
        yield Decimal(match)
    for first, sign, second in _SUM.findall(text):
        yield from _reckoned(first.rstrip(".,'"), sign, second.rstrip(".,'"))


def _counts(piece: str) -> bool:
    return piece[0].isdigit() or piece in _NUMBER_WORDS


def _in_run(run: list[str]) -> Iterator[Decimal]:
    """Yield what each part of a run of numbers may mean."""
    if not any(piece.isalpha() or piece[-1] == "%" for piece in run):
        return
    for start in range(len(run)):
        reading = _Reading()
        for piece in run[start : start + _LONGEST]:
            reading.take(piece)
            yield from reading.values()


class _Reading:
    """What the numbers and words until now come to."""

    def __init__(self) -> None:
        self._times = 1
        self._total = self._current = self._last = Decimal(0)
        self._fraction = ""
        self._digits: str | None = ""

    def take(self, piece: str) -> None:
        """Read one more number, or word."""
        if piece in _TIMES:
            self._times = _TIMES[piece]
        elif piece == _POINT:
            self._fraction, self._digits = ".", None
        elif piece in _SCALES:
            self._scale(_SCALES[piece])
        else:
            self._add(_value_of(piece))

    def values(self) -> Iterator[Decimal]:
        """Yield what may be meant."""
        fraction = Decimal(f"0{self._fraction}") if self._fraction else Decimal(0)
        yield self._times * (self._total + self._current + fraction)
        if self._digits:
            yield Decimal(self._digits)

    def _scale(self, scale: Decimal) -> None:
        self._digits = None
        if scale in _PARTS:
            self._current += scale
            return
        if self._fraction:
            self._current, self._fraction = self._current + Decimal(f"0{self._fraction}"), ""
        if scale > _HUNDRED:
            self._total += (self._current or 1) * scale
            self._current = Decimal(0)
        elif scale < 1:
            self._total, self._current = self._total * scale, self._current * scale
        else:
            self._current = (self._current or 1) * scale

    def _add(self, value: Decimal) -> None:
        digits = f"{value:f}"
        if self._fraction:
            self._fraction += digits if digits.isdigit() else ""
            return
        self._current += value
        if self._digits is None or not digits.isdigit():
            self._digits = None
        elif value < _TEN and self._last >= 2 * _TEN and not self._last % _TEN:
            self._digits = self._digits[:-1] + digits
        else:
            self._digits += digits
        self._last = value


def _value_of(piece: str) -> Decimal:
    if piece in _VALUES:
        return Decimal(_VALUES[piece])
    found = number_in(piece) if len(piece) <= _MOST_DIGITS else ()
    if found:
        return found[-1]
    return Decimal(int(piece)) if piece.isdigit() and len(piece) <= _MOST_DIGITS else Decimal(0)


def _reckoned(first: str, sign: str, second: str) -> Iterator[Decimal]:
    for one in number_in(first):
        for other in number_in(second):
            if sign in {"+", "plus"}:
                yield one + other
            elif sign in {"-", "minus"}:
                yield one - other
            elif sign in {"/", "over"}:
                yield one / other if other else one
            else:
                yield one * other
