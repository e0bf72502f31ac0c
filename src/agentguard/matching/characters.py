# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which characters does a class of a pattern hold, and how does ``re`` write them?

Sets of characters as runs, with the classes of RE2 and its folding of cases.
Surrogates are in no set: no text holds one, and a character that is cut is read as one.
"""

import functools
from collections.abc import Iterable

from agentguard.matching.unicode_ranges import RANGES

Runs = tuple[tuple[int, int], ...]

_LAST = 0x10FFFF
_SURROGATES = (0xD800, 0xDFFF)
_ASCII = 0x7F
# Characters beyond ASCII are one bit of a mask.
_OTHERS = 1 << (_ASCII + 1)


def joined(runs: Iterable[tuple[int, int]]) -> Runs:
    """Return sorted runs that do not touch, without surrogates."""
    result: list[tuple[int, int]] = []
    for first, last in sorted(runs):
        if result and first <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(last, result[-1][1]))
        else:
            result.append((first, last))
    low, high = _SURROGATES
    parts = ((part, run) for run in result for part in ((0, low - 1), (high + 1, _LAST)))
    pairs = ((max(part[0], run[0]), min(part[1], run[1])) for part, run in parts)
    return tuple((first, last) for first, last in pairs if first <= last)


def others(runs: Runs) -> Runs:
    """Return all characters that are not in *runs*."""
    edges = [-1, *(edge for run in runs for edge in run), _LAST + 1]
    gaps = zip(edges[::2], edges[1::2], strict=True)
    return joined((last + 1, first - 1) for last, first in gaps if last + 1 <= first - 1)


def one(character: int) -> Runs:
    """Return the set of one character."""
    return ((character, character),)


DIGIT: Runs = ((48, 57),)
WORD: Runs = ((48, 57), (65, 90), (95, 95), (97, 122))
BLANK: Runs = ((9, 10), (12, 13), (32, 32))
NO_LINE_FEED = others(one(10))
EVERYTHING = others(())

PERL: dict[str, Runs] = {"d": DIGIT, "w": WORD, "s": BLANK}
POSIX: dict[str, Runs] = {
    "alnum": ((48, 57), (65, 90), (97, 122)),
    "alpha": ((65, 90), (97, 122)),
    "ascii": ((0, 127),),
    "blank": ((9, 9), (32, 32)),
    "cntrl": ((0, 31), (127, 127)),
    "digit": DIGIT,
    "graph": ((33, 126),),
    "lower": ((97, 122),),
    "print": ((32, 126),),
    "punct": ((33, 47), (58, 64), (91, 96), (123, 126)),
    "space": ((9, 13), (32, 32)),
    "upper": ((65, 90),),
    "word": WORD,
    "xdigit": ((48, 57), (65, 70), (97, 102)),
}


@functools.cache
def unicode_class(name: str) -> Runs:
    """Return the characters of a class of Unicode.

    Raises:
        ValueError: this engine does not know the class.
    """
    if name == "Any":
        return EVERYTHING
    if name not in RANGES:
        raise ValueError(f"the portable engine does not know the class \\p{{{name}}}")
    pairs = (run.split("-") for run in RANGES[name].split())
    return joined((int(pair[0], 16), int(pair[-1], 16)) for pair in pairs)


def folded(runs: Runs) -> Runs:
    """Return a set with the other cases of its letters."""
    orbits = _ascii_orbits() if all(last <= _ASCII for _, last in runs) else _orbits()
    within = [
        relative
        for first, last in runs
        for character, relatives in orbits.items()
        if first <= character <= last
        for relative in relatives
    ]
    return joined((*runs, *((character, character) for character in within)))


@functools.cache
def _ascii_orbits() -> dict[int, tuple[int, ...]]:
    # The sign of the kelvin and the long s are cases of k and s.
    extra = {75: (0x212A,), 107: (0x212A,), 83: (0x17F,), 115: (0x17F,)}
    letters = (*range(65, 91), *range(97, 123))
    return {letter: (letter ^ 32, *extra.get(letter, ())) for letter in letters}


@functools.cache
def _orbits() -> dict[int, tuple[int, ...]]:
    """Return for each letter with cases the others, as the simple folding of Unicode has them."""
    dotless_i = 0x131
    last_with_cases = 0x1E943
    orbit: dict[int, set[int]] = {}
    for place in range(last_with_cases + 1):
        character = chr(place)
        for case in (character.lower(), character.upper()):
            if len(case) == 1 and case != character and place != dotless_i:
                both = orbit.get(place, {place}) | orbit.get(ord(case), {ord(case)})
                orbit.update(dict.fromkeys(both, both))
    return {place: tuple(both - {place}) for place, both in orbit.items()}


def mask(runs: Runs) -> int:
    """Return a set as bits, with one bit for all that is not ASCII."""
    bits = 0
    for first, last in runs:
        if last > _ASCII:
            bits |= _OTHERS
        if first <= _ASCII:
            bits |= (1 << (min(last, _ASCII) + 1)) - (1 << first)
    return bits


def written(runs: Runs) -> str:
    """Return the set as ``re`` writes it."""
    if len(runs) == 1 and runs[0][0] == runs[0][1]:
        return _escape(runs[0][0])
    if not runs:
        return r"[^\x00-\U0010ffff]"
    pieces = (
        _escape(first) if first == last else f"{_escape(first)}-{_escape(last)}"
        for first, last in runs
    )
    return f"[{''.join(pieces)}]"


def _escape(character: int) -> str:
    return f"\\U{character:08x}"
