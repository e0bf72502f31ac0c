# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which kinds of text are there, as far as some expressions can tell them apart?

Expressions are read letter by letter by their derivatives (Brzozowski), all of them at once; the
states that are reached are finitely many, and each stands for texts that no expression tells
apart. Nothing is compiled to another library's automata: the expressions come from patterns that
are already known to be of RE2, counted repetitions stay counted, and a shortest text of every
state falls out of the walk, which is the witness that is wanted.

INVARIANT: every text is of a kind that is returned, or the answer is that there were too many steps
(tests/review/test_languages.py).
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from agentguard.matching.characters import EVERYTHING, Runs

MOST_STEPS = 500_000
_MOST_TEXTS = 3
_FIRST_FOREIGN = 0x80
# What reads best stands first among the characters that nothing tells apart.
_LIKED = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_./@: "

# A kind and its parts; equal expressions are equal tuples.
Expression: TypeAlias = tuple[Any, ...]

NOTHING: Expression = ("nothing",)
EMPTY: Expression = ("empty",)


def characters(runs: Runs) -> Expression:
    """Return what one character of these is."""
    return ("one", runs) if runs else NOTHING


ANY_TEXT: Expression = ("repeat", ("one", EVERYTHING), 0, None)


def literal(text: str) -> Expression:
    """Return what this text alone is."""
    return sequence(*(characters(((ord(each), ord(each)),)) for each in text))


def sequence(*parts: Expression) -> Expression:
    """Return what one part after the other is; nested from the right, so that equal is equal."""
    result = EMPTY
    for part in reversed(parts):
        if NOTHING in (part, result):
            return NOTHING
        if result == EMPTY:
            result = part
            continue
        heads, rest = [], part
        while rest[0] == "then":
            heads.append(rest[1])
            rest = rest[2]
        for head in reversed([*heads, *(() if rest == EMPTY else (rest,))]):
            result = ("then", head, result)
    return result


def either(*parts: Expression) -> Expression:
    """Return what any of the parts is."""
    found: set[Expression] = set()
    for part in parts:
        found.update(part[1] if part[0] == "either" else (part,))
    found.discard(NOTHING)
    if ANY_TEXT in found:
        return ANY_TEXT
    if len(found) > 1:
        return ("either", frozenset(found))
    return found.pop() if found else NOTHING


def repeated(part: Expression, least: int, most: int | None) -> Expression:
    """Return what a part *least* to *most* times is; as often as may be if *most* is None."""
    if most == 0 or part == EMPTY or (part == NOTHING and least == 0):
        return EMPTY
    if part == NOTHING:
        return NOTHING
    if least == 1 and most == 1:
        return part
    return ("repeat", part, least, most)


@lru_cache(maxsize=100_000)
def may_be_empty(expression: Expression) -> bool:
    """Say whether the empty text is one."""
    match expression:
        case ("empty",):
            return True
        case ("then", first, rest):
            return may_be_empty(first) and may_be_empty(rest)
        case ("either", parts):
            return any(map(may_be_empty, parts))
        case ("repeat", part, least, _):
            return least == 0 or may_be_empty(part)
    return False


@lru_cache(maxsize=100_000)
def after(expression: Expression, character: int) -> Expression:
    """Return what may follow once a character was read."""
    match expression:
        case ("one", runs):
            within = any(first <= character <= last for first, last in runs)
            return EMPTY if within else NOTHING
        case ("then", first, rest):
            read = sequence(after(first, character), rest)
            return either(read, after(rest, character)) if may_be_empty(first) else read
        case ("either", parts):
            return either(*(after(part, character) for part in parts))
        case ("repeat", part, least, most):
            # A part that may be empty can make up for the repetitions that are still owed.
            owed = 0 if may_be_empty(part) else max(0, least - 1)
            left = None if most is None else most - 1
            return sequence(after(part, character), repeated(part, owed, left))
    return NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class TextKind:
    """Texts that no expression tells apart.

    Attributes:
        member: for each expression whether they are of it.
        texts: some of them, the shortest first.
        foreign: whether one of them may hold a character beyond ASCII.
    """

    member: tuple[bool, ...]
    texts: tuple[str, ...]
    foreign: bool


@lru_cache(maxsize=2_000)
def text_kinds(expressions: tuple[Expression, ...]) -> tuple[TextKind, ...] | None:
    """Return every kind of text there is, None where that takes too many steps.

    Args:
        expressions: what tells texts apart.
    """
    letters = _letters(expressions)
    start = tuple((place, each) for place, each in enumerate(expressions) if each != NOTHING)
    seen = {(start, False)}
    waiting = deque([(start, False, "")])
    found: dict[tuple[int, ...], tuple[list[str], list[bool]]] = {}
    steps = 0
    while waiting:
        alive, foreign, text = waiting.popleft()
        member = tuple(place for place, each in alive if may_be_empty(each))
        texts, foreigners = found.setdefault(member, ([], []))
        foreigners.append(foreign)
        if len(texts) < _MOST_TEXTS:
            texts.append(text)
        for letter, has_ascii, has_foreign in letters:
            read = ((place, after(each, ord(letter))) for place, each in alive)
            following = tuple((place, each) for place, each in read if each != NOTHING)
            # A text of both scripts is known by its foreign letter from then on.
            for beyond in {foreign or not has_ascii, foreign or has_foreign}:
                if (following, beyond) not in seen:
                    seen.add((following, beyond))
                    waiting.append((following, beyond, text + letter))
        steps += len(letters) * (1 + len(alive))
        if steps > MOST_STEPS:
            return None
    return tuple(
        TextKind(
            member=tuple(place in member for place in range(len(expressions))),
            texts=tuple(dict.fromkeys(texts)),
            foreign=any(foreigners),
        )
        for member, (texts, foreigners) in found.items()
    )


def _letters(expressions: Sequence[Expression]) -> list[tuple[str, bool, bool]]:
    """Return one character of each set that no expression tells apart, and where the set lies."""
    every = sorted({runs for each in expressions for runs in _sets(each)})
    edges = sorted(
        {0, _FIRST_FOREIGN, 0xD800, 0xE000}
        | {edge for runs in every for first, last in runs for edge in (first, last + 1)}
        | {edge for each in _LIKED for edge in (ord(each), ord(each) + 1)}
    )
    groups: dict[tuple[bool, ...], list[int]] = {}
    for edge in edges:
        if edge > 0x10FFFF or 0xD800 <= edge <= 0xDFFF:  # noqa: PLR2004 - no characters
            continue
        within = tuple(any(first <= edge <= last for first, last in runs) for runs in every)
        groups.setdefault(within, []).append(edge)
    return [
        (
            _nicest(members),
            any(each < _FIRST_FOREIGN for each in members),
            any(each >= _FIRST_FOREIGN for each in members),
        )
        for members in groups.values()
    ]


def _nicest(members: list[int]) -> str:
    held = set(map(chr, members))
    for each in _LIKED:
        if each in held:
            return each
    return chr(next((each for each in members if each > 0x20), members[0]))  # noqa: PLR2004 - a blank


def _sets(expression: Expression) -> set[Runs]:
    match expression:
        case ("one", runs):
            return {runs}
        case ("then", first, rest):
            found = _sets(first)
            while rest[0] == "then":
                found |= _sets(rest[1])
                rest = rest[2]
            return found | _sets(rest)
        case ("either", parts):
            return {runs for part in parts for runs in _sets(part)}
        case ("repeat", part, _, _):
            return _sets(part)
    return set()
