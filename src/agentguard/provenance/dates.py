# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which tokens of a text are dates and times, and which ones?

A day without a year is a day of any year. Where day and month can be read either way, both count.
Words such as ``tomorrow`` are not dates: what they stand for depends on a clock.

INVARIANT: a part of a date is no number (tests/provenance/test_dates.py).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_NAMES = (
    "january januar janvier enero gennaio janeiro jan",
    "february februar février fevrier febrero febbraio fevereiro feb",
    "march märz maerz mars marzo março mar",
    "april avril abril aprile apr",
    "may mai mayo maggio maio",
    "june juni juin junio giugno junho jun",
    "july juli juillet julio luglio julho jul",
    "august août aout agosto aug",
    "september septembre septiembre settembre setembro sep sept",
    "october oktober octobre octubre ottobre outubro oct okt",
    "november novembre noviembre novembro nov",
    "december dezember décembre decembre diciembre dicembre dezembro dec dez",
)
_MONTHS = {name: month for month, names in enumerate(_NAMES, 1) for name in names.split()}

_HEADS = frozenset(name[:3] for name in _MONTHS)

_FULL = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:t(\d{1,2}:\d{2}).*)?", re.IGNORECASE)
_SHORT = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d{2})")
_CLOCK = re.compile(r"(\d{1,2})[:.](\d{2})(?::\d{2})?(?:\.\d+)?z?(am|pm)?", re.IGNORECASE)
_HOUR = re.compile(r"(\d{1,2})(am|pm)", re.IGNORECASE)
_DAY = re.compile(r"(\d{1,2})(st|nd|rd|th)?", re.IGNORECASE)
_YEAR = re.compile(r"(?:19|20)\d\d")
_LINKS = "of de the to and until till through from den am bis zum du le al del"
_IN = "in of since until year by during im jahr seit en depuis desde anno"
_BETWEEN = frozenset(_LINKS.split())
_BEFORE_YEAR = frozenset(_IN.split())
# How many words may stand between a day and its month in "from the 13th to the 17th of May".
_REACH = 5
_NOON = 12
_CENTURY = 2000


@dataclass(frozen=True, slots=True)
class When:
    """A date or a time in a text.

    Attributes:
        places: the numbers of the tokens that are parts of it.
        keys: the forms in which it is looked for; any of them fits.
        held: the forms in which it is remembered.
    """

    places: tuple[int, ...]
    keys: tuple[str, ...] = field(default=(), repr=False)
    held: tuple[str, ...] = field(default=(), repr=False)


def dates_in(tokens: Sequence[str]) -> Iterator[When]:
    """Yield the dates and times among tokens, in their order."""
    for place, token in enumerate(tokens):
        if token[0].isdigit():
            yield from _from_digit(tokens, place)
        elif token[:3].lower() in _HEADS and token.lower() in _MONTHS:
            yield from _month_and_year(tokens, place)


def _from_digit(tokens: Sequence[str], place: int) -> Iterator[When]:
    token = tokens[place]
    if match := _FULL.fullmatch(token):
        year, month, day = (int(part) for part in match.groups()[:3])
        yield _dated((place,), [(year, month, day)])
        if match[4]:
            yield from _timed((place,), match[4], "")
    elif match := _SHORT.fullmatch(token):
        first, second, year = (int(part) for part in match.groups())
        year += _CENTURY if len(match[3]) == 2 else 0  # noqa: PLR2004 - two digits
        yield _dated((place,), [(year, second, first), (year, first, second)])
    elif (match := _CLOCK.fullmatch(token)) and ":" in token:
        yield from _clock(tokens, place, match)
    elif match := _HOUR.fullmatch(token):
        yield from _timed((place,), f"{match[1]}:00", match[2])
    elif _YEAR.fullmatch(token) and place and tokens[place - 1].lower() in _BEFORE_YEAR:
        yield When((place,))
    elif match := _DAY.fullmatch(token):
        yield from _day(tokens, place, match)


def _clock(tokens: Sequence[str], place: int, match: re.Match[str]) -> Iterator[When]:
    half = match[3] or ""
    places: tuple[int, ...] = (place,)
    if not half and place + 1 < len(tokens) and tokens[place + 1].lower() in {"am", "pm"}:
        half, places = tokens[place + 1], (place, place + 1)
    yield from _timed(places, f"{match[1]}:{match[2]}", half)


def _day(tokens: Sequence[str], place: int, match: re.Match[str]) -> Iterator[When]:
    following = tokens[place + 1].lower() if place + 1 < len(tokens) else ""
    if following in {"am", "pm"}:
        yield from _timed((place, place + 1), f"{match[1]}:00", following)
        return
    ordinal = match[2] is not None
    month = _month_near(tokens, place, ordinal=ordinal)
    if month is None:
        if ordinal:
            yield When((place,))
        return
    year = _year_after(tokens, max(place, month))
    places = (place, month) if year is None else (place, month, year)
    number = _MONTHS[tokens[month].lower()]
    yield _dated(places, [(int(tokens[year]) if year is not None else 0, number, int(match[1]))])


def _month_near(tokens: Sequence[str], place: int, *, ordinal: bool) -> int | None:
    """Return the place of the month that a day belongs to."""
    if place and tokens[place - 1].lower().rstrip(".") in _MONTHS:
        return place - 1
    reach = _REACH if ordinal else 1
    for steps, sign in ((reach, 1), (reach, -1)):
        for step in range(1, steps + 1):
            at = place + sign * step
            if not 0 <= at < len(tokens):
                break
            word = tokens[at].lower()
            if word in _MONTHS:
                return at if sign == 1 or ordinal else None
            if word not in _BETWEEN and not (ordinal and _DAY.fullmatch(word)):
                break
    return None


def _year_after(tokens: Sequence[str], place: int) -> int | None:
    after = place + 1
    if after < len(tokens) and tokens[after].lower() in {"of", "de", "del"}:
        after += 1
    return after if after < len(tokens) and _YEAR.fullmatch(tokens[after]) else None


def _month_and_year(tokens: Sequence[str], place: int) -> Iterator[When]:
    year = _year_after(tokens, place)
    if year is not None:
        key = f"d:{tokens[year]}-{_MONTHS[tokens[place].lower()]:02}"
        yield When((place, year), (key,), (key,))


def _dated(places: tuple[int, ...], readings: list[tuple[int, int, int]]) -> When:
    """Return a date; the year 0 is any year."""
    keys: dict[str, None] = {}
    held: dict[str, None] = {}
    for year, month, day in readings:
        if not (1 <= month <= 12 and 1 <= day <= 31):  # noqa: PLR2004 - as in a calendar
            continue
        open_ended = f"d:--{month:02}-{day:02}"
        somewhere = f"D:{month:02}-{day:02}"
        full = f"d:{year:04}-{month:02}-{day:02}"
        keys.update(dict.fromkeys((full, open_ended) if year else (somewhere,)))
        held.update(dict.fromkeys((full if year else open_ended, somewhere)))
    return When(places, tuple(keys), tuple(held))


def _timed(places: tuple[int, ...], clock: str, half: str) -> Iterator[When]:
    hour, minute = (int(part) for part in clock.split(":"))
    if half:
        hour = hour % _NOON + (_NOON if half.lower() == "pm" else 0)
    key = f"t:{hour:02}:{minute:02}"
    yield When(places, (key,), (key,))
