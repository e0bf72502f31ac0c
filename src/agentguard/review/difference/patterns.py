# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which texts does a constraint on text admit, as an expression?

Patterns go through the library's own reader of RE2's syntax, which resolves flags, classes and
cases; what is left of the syntax is small. What looks at the places around a character, such as a
word boundary in the middle, has no expression here.

INVARIANT: a text is of the expression exactly if it satisfies the constraint
(tests/review/test_languages.py).
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from re import ASCII
from re import _constants as kind  # type: ignore[attr-defined]  # has no stubs
from re import _parser as grammar  # type: ignore[attr-defined]  # has no stubs
from types import MappingProxyType
from typing import Any

from agentguard.matching.characters import EVERYTHING, NO_LINE_FEED, joined, others
from agentguard.matching.grammar import python_pattern
from agentguard.policy import Constraint
from agentguard.policy.constraints import Length, Match, Prefix
from agentguard.review.difference.languages import (
    ANY_TEXT,
    EMPTY,
    Expression,
    characters,
    either,
    literal,
    repeated,
    sequence,
)

_LONGEST = 400


class NoExpression(Exception):
    """A pattern, or what it admits, cannot be written as an expression."""


def expression_of(constraint: Constraint) -> Expression | None:
    """Return the texts that a constraint admits, None where that has no expression."""
    if isinstance(constraint, Prefix):
        return sequence(literal(constraint.text), ANY_TEXT)
    if isinstance(constraint, Length):
        if constraint.least > _LONGEST:
            return None
        most = constraint.most if constraint.most <= _LONGEST else None
        if most is None and constraint.most < 2**31:
            return None
        return repeated(characters(EVERYTHING), constraint.least, most)
    if isinstance(constraint, Match):
        return pattern_expression(constraint.pattern)
    return None


@lru_cache(maxsize=4_096)
def pattern_expression(pattern: str) -> Expression | None:
    """Return the texts that a pattern of RE2 matches in full, None where that has no expression."""
    try:
        return _of(grammar.parse(python_pattern(pattern), ASCII))
    except (ValueError, RecursionError, NoExpression):
        return None


def glob_expression(glob: str) -> Expression:
    """Return the names that fit a glob."""
    pieces = glob.split("*")
    parts = [literal(pieces[0])]
    for piece in pieces[1:]:
        parts += [ANY_TEXT, literal(piece)]
    return sequence(*parts)


def _of(parts: Any) -> Expression:
    """Return a sequence; an edge of the text may only stand at the edge of the pattern."""
    written = list(parts)
    while written and written[0] == (kind.AT, kind.AT_BEGINNING_STRING):
        written.pop(0)
    while written and written[-1] == (kind.AT, kind.AT_END_STRING):
        written.pop()
    return sequence(*(_part(operator, operand) for operator, operand in written))


def _part(operator: Any, operand: Any) -> Expression:
    written = _PARTS.get(operator)
    if written is None:
        raise NoExpression
    return written(operand)


def _repetition(operand: Any) -> Expression:
    least, most, inner = operand
    return repeated(_inner(inner), least, None if most == kind.MAXREPEAT else most)


def _inner(parts: Any) -> Expression:
    return sequence(*(_part(operator, operand) for operator, operand in parts)) if parts else EMPTY


def _set(operand: Any) -> tuple[tuple[int, int], ...]:
    runs: list[tuple[int, int]] = []
    negated = False
    for operator, value in operand:
        if operator is kind.NEGATE:
            negated = True
        elif operator is kind.LITERAL:
            runs.append((value, value))
        elif operator is kind.RANGE:
            runs.append(value)
        else:
            raise NoExpression
    return others(joined(runs)) if negated else joined(runs)


_PARTS: Mapping[Any, Callable[[Any], Expression]] = MappingProxyType(
    {
        kind.LITERAL: lambda operand: characters(((operand, operand),)),
        kind.NOT_LITERAL: lambda operand: characters(others(((operand, operand),))),
        kind.ANY: lambda _: characters(NO_LINE_FEED),
        kind.IN: lambda operand: characters(_set(operand)),
        kind.MAX_REPEAT: _repetition,
        kind.MIN_REPEAT: _repetition,
        kind.BRANCH: lambda operand: either(*map(_inner, operand[1])),
        kind.SUBPATTERN: lambda operand: _inner(operand[3]),
    }
)
