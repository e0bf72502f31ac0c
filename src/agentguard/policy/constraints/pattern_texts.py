# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which texts does a pattern match?

Makes up a few short ones from how the pattern is built, the same every time; what it cannot read
gives none. Whether they match says the pattern itself.
"""

import re
from collections.abc import Iterator
from itertools import islice
from re import _constants as kind  # type: ignore[attr-defined]  # has no stubs
from re import _parser as grammar  # type: ignore[attr-defined]  # has no stubs
from typing import Any

_MOST = 6
_LONGEST = 1_000
_PRINTABLE = [*range(ord("a"), ord("z") + 1), *range(ord("0"), ord("9") + 1), *range(32, 127)]
_CATEGORIES = {
    kind.CATEGORY_DIGIT: re.compile(r"\d", re.ASCII),
    kind.CATEGORY_SPACE: re.compile(r"\s", re.ASCII),
    kind.CATEGORY_WORD: re.compile(r"\w", re.ASCII),
    kind.CATEGORY_NOT_DIGIT: re.compile(r"\D", re.ASCII),
    kind.CATEGORY_NOT_SPACE: re.compile(r"\S", re.ASCII),
    kind.CATEGORY_NOT_WORD: re.compile(r"\W", re.ASCII),
}


class _Unreadable(Exception):
    """The pattern holds what this module does not know."""


def texts_matching(pattern: str) -> tuple[str, ...]:
    """Return a few texts that a pattern probably matches, none where it cannot be read."""
    try:
        parsed = grammar.parse(pattern.replace(r"\z", r"\Z"))
        return tuple(dict.fromkeys(islice(_sequence(parsed, 0), _MOST)))
    except (re.error, _Unreadable, OverflowError, RecursionError):
        return ()


def _sequence(parsed: Any, place: int) -> Iterator[str]:
    """Return the texts of a sequence: the shortest first, then with one part changed."""
    if place == len(parsed):
        yield ""
        return
    firsts = list(islice(_one(*parsed[place]), 3))
    rests = list(islice(_sequence(parsed, place + 1), 3))
    for first, rest in ((a, b) for b in rests for a in firsts):
        if len(first) + len(rest) > _LONGEST:
            raise _Unreadable
        yield first + rest


def _one(op: Any, argument: Any) -> Iterator[str]:
    if op in (kind.MAX_REPEAT, kind.MIN_REPEAT):
        yield from _repeated(*argument)
    elif op is kind.SUBPATTERN:
        yield from _sequence(argument[3], 0)
    elif op is kind.BRANCH:
        for branch in argument[1]:
            yield from islice(_sequence(branch, 0), 1)
    elif op is kind.AT:
        yield ""
    else:
        yield from _characters(op, argument)


def _repeated(least: int, most: Any, inside: Any) -> Iterator[str]:
    if least > _LONGEST:
        raise _Unreadable
    for once in islice(_sequence(inside, 0), 2):
        for times in dict.fromkeys((least, least + 1 if most > least else least)):
            yield once * times


def _characters(op: Any, argument: Any) -> Iterator[str]:
    if op is kind.LITERAL:
        yield chr(argument)
    elif op is kind.NOT_LITERAL:
        yield from (chr(each) for each in _PRINTABLE[:2] if each != argument)
    elif op is kind.ANY:
        yield "a"
    elif op is kind.IN:
        yield from islice(_of_class(argument), 2)
    else:
        raise _Unreadable


def _of_class(members: Any) -> Iterator[str]:
    negated = members[0][0] is kind.NEGATE
    named = members[1:] if negated else members
    if not negated:
        yield from (
            chr(each[1][0] if each[0] is kind.RANGE else each[1])
            for each in named
            if each[0] in (kind.RANGE, kind.LITERAL)
        )
    for code in _PRINTABLE:
        if any(_holds(op, argument, code) for op, argument in named) is not negated:
            yield chr(code)


def _holds(op: Any, argument: Any, code: int) -> bool:
    if op is kind.LITERAL:
        return bool(code == argument)
    if op is kind.RANGE:
        return bool(argument[0] <= code <= argument[1])
    if op is kind.CATEGORY and argument in _CATEGORIES:
        return _CATEGORIES[argument].match(chr(code)) is not None
    raise _Unreadable
