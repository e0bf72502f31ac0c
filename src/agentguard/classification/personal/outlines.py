# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which stretches of a run of digits could be a number, judging by its outline alone?

A run is split at blanks, and every stretch of its parts is compared with the known layouts. The
answer depends on the outline alone, which comes again and again, so it is remembered.

INVARIANT: what is remembered holds no digit of any text
(tests/classification/test_personal_outlines.py).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from agentguard.classification.personal import phones
from agentguard.classification.personal.layout import Layout
from agentguard.vocabulary import Profile

# No number is longer, none has more parts, and none fewer or more digits.
LONGEST = 40
MOST_PARTS = 8
FEWEST_DIGITS = 6
MOST_DIGITS = 20

LONGEST_REMEMBERED = 64
MOST_REMEMBERED = 4096

# Two parts of a number have at least as many digits on average.
_DIGITS_OF_TWO = 3
_MOBILE = frozenset({b"9" * 10, b"9" * 11})
_PART = re.compile(rb"[^ ]+")
_QUAD = re.compile(rb"(?<![9.])9{1,3}(?:\.9{1,3}){3}(?:/9{1,2})?(?![9.])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A part of a run that could be a number.

    Attributes:
        start: where it begins in the run.
        end: where it ends.
        rows: the layouts of its outline.
        lonely: those of them that are taken where no word says so.
        quad: whether it is four numbers with points between them.
        laid_out: whether it is written as telephone numbers are.
        phone: whether it has as many digits as a telephone number.
        alone: whether it could be a number where no word says so.
    """

    start: int
    end: int
    rows: tuple[Layout, ...]
    lonely: tuple[Layout, ...]
    quad: bool
    laid_out: bool
    phone: bool
    alone: bool


class Outlines:
    """What is known of outlines; threads may share it: what they remember is the same."""

    __slots__ = ("_profile", "_rows", "_seen")

    def __init__(self, rows: Mapping[bytes, tuple[Layout, ...]], profile: Profile) -> None:
        """Remember nothing yet.

        Args:
            rows: the layouts of each outline.
            profile: how much is taken for a personal number.
        """
        self._rows = rows
        self._profile = profile
        # Of each outline all stretches, and those that could be a number alone.
        self._seen: dict[bytes, tuple[tuple[Stretch, ...], tuple[Stretch, ...]]] = {}

    def stretches(self, run: bytes, *, alone: bool = False) -> Iterable[Stretch]:
        """Return the stretches of an outline, the first and then the longest first.

        Args:
            run: the outline.
            alone: only those that could be a number where no word says so.
        """
        if len(run) > LONGEST_REMEMBERED:
            return (each for each in self._stretches(run) if each.alone or not alone)
        known = self._seen.get(run)
        if known is None:
            if len(self._seen) >= MOST_REMEMBERED:
                self._seen = {}
            every = tuple(self._stretches(run))
            known = self._seen[run] = (every, tuple(each for each in every if each.alone))
        return known[alone]

    def _stretches(self, run: bytes) -> Iterator[Stretch]:
        quads = [] if run in self._rows else [quad.span() for quad in _QUAD.finditer(run)]
        for start, end in quads:
            yield Stretch(
                start=start,
                end=end,
                rows=(),
                lonely=(),
                quad=True,
                laid_out=False,
                phone=False,
                alone=True,
            )
        if quads:
            return
        parts = [part.span() for part in _PART.finditer(run)]
        counts = [run.count(b"9", *part) for part in parts]
        for first in range(len(parts)):
            for stop in range(min(len(parts), first + MOST_PARTS), first, -1):
                digits = sum(counts[first:stop])
                if digits < FEWEST_DIGITS:
                    break
                if 2 * digits < _DIGITS_OF_TWO * (stop - first):
                    continue
                start, end = parts[first][0], parts[stop - 1][1]
                if digits <= MOST_DIGITS and end - start <= LONGEST:
                    stretch = self._stretch(run, start, end, digits)
                    if stretch is not None:
                        yield stretch

    def _stretch(self, run: bytes, start: int, end: int, digits: int) -> Stretch | None:
        written = run[start:end]
        rows = self._rows.get(written, ())
        phone = phones.FEWEST_DIGITS <= digits <= phones.MOST_DIGITS and not phones.is_date(written)
        laid_out = phone and phones.has_layout(written)
        if not rows and not phone:
            return None
        plain = phone and (self._profile is Profile.PARANOID or written in _MOBILE)
        lonely = self.lonely(rows)
        return Stretch(
            start=start,
            end=end,
            rows=rows,
            lonely=lonely,
            quad=False,
            laid_out=laid_out,
            phone=phone,
            alone=laid_out or plain or bool(lonely),
        )

    def lonely(self, rows: Iterable[Layout]) -> tuple[Layout, ...]:
        """Return the layouts that are taken where no word says what a number is."""
        return tuple(
            row for row in rows if row.alone is not None and self._profile.includes(row.alone)
        )
