# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which values stand for all values, as far as some constraints can tell them apart?

Numbers are told apart by the ends of ranges, so their neighbours and themselves will do. Texts
are told apart by expressions, lists by the kinds of their items and their length, objects by their
members. Where that would be too many, or what tells them apart has no expression, a few are given
and it is said that they are not all.

INVARIANT: where the values are said to be all, every value is told from one of them by no
constraint (tests/review/test_sides.py).
"""

import math
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from itertools import islice, product
from types import MappingProxyType

from agentguard.canonical import LARGEST_INTEGER, Frozen, tagged
from agentguard.policy import Constraint
from agentguard.policy.constraints import (
    DecimalBetween,
    IntBetween,
    Length,
    Match,
    NumberBetween,
    Prefix,
    near_misses,
    witnesses,
)
from agentguard.review.difference.languages import TextKind, literal, text_kinds
from agentguard.review.difference.leaves import constants, key_of_form
from agentguard.review.difference.patterns import expression_of

_MOST_LITERALS = 40
# What no policy is about.
ODD: tuple[Frozen, ...] = (None, True, False, "", "something else", MappingProxyType({}), ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """Texts that stand for all texts.

    Attributes:
        texts: the texts.
        opaque: the conditions that these do not tell apart exactly.
        kinds: what expressions tell apart; empty where they could not.
    """

    texts: tuple[str, ...]
    opaque: tuple[Constraint, ...]
    kinds: tuple[TextKind, ...] = ()


def numbers(conditions: Sequence[Constraint]) -> Iterator[Frozen]:
    """Return integers and fractions that stand for all of them."""
    edges: set[int | float] = {0}
    for each in conditions:
        if isinstance(each, IntBetween | NumberBetween):
            edges |= {each.low, each.high}
        edges |= {
            value
            for value in constants(each)
            if isinstance(value, int | float) and not isinstance(value, bool)
        }
    whole: set[int] = set()
    for edge in edges:
        whole |= {math.floor(edge) + step for step in (-1, 0, 1, 2)}
    for value in sorted(whole, key=lambda each: (abs(each), each)):
        if abs(value) <= LARGEST_INTEGER:
            yield value
    yield from (LARGEST_INTEGER, -LARGEST_INTEGER, 0.5, -0.5, 1e300, -1e300)
    for edge in sorted(edges):
        point = float(edge)
        yield from (point, math.nextafter(point, math.inf), math.nextafter(point, -math.inf))


def texts(conditions: Sequence[Constraint]) -> Texts:
    """Return texts that stand for all of them."""
    listed = {value for each in conditions for value in constants(each) if isinstance(value, str)}
    plain = [each for each in conditions if isinstance(each, Match | Prefix | Length)]
    decimal = [each for each in conditions if isinstance(each, DecimalBetween)]
    others = [each for each in conditions if not isinstance(each, DecimalBetween)]
    samples = [text for each in conditions for text in _sampled(each)]
    found: list[str] = [*sorted(listed), *samples]
    found += [form for text in listed for form in _spelled(text)]
    opaque = [
        each
        for each in others
        if _is_on_text(each) and not isinstance(each, Match | Prefix | Length)
    ]
    kinds: tuple[TextKind, ...] = ()
    if plain or len(listed) <= _MOST_LITERALS:
        kinds = _kinds(plain, listed) or ()
    if not kinds:
        opaque += plain
    if decimal:
        found += map(str, _decimals(decimal, listed))
        if plain or opaque:
            opaque += decimal
    found += [text for kind in kinds for text in kind.texts]
    return Texts(
        texts=tuple(dict.fromkeys((*found, *(each for each in ODD if isinstance(each, str))))),
        opaque=tuple({key_of_form(each): each for each in opaque}.values()),
        kinds=kinds,
    )


def _is_on_text(constraint: Constraint) -> bool:
    form = constraint.form()
    return not form.keys().isdisjoint({"match", "prefix", "length", "path", "url", "host", "email"})


def _sampled(constraint: Constraint) -> list[str]:
    values = (*witnesses(constraint), *near_misses(constraint))
    return [each for each in values if isinstance(each, str)]


def _spelled(text: str) -> Iterator[str]:
    for form in ("NFC", "NFD"):
        other = unicodedata.normalize(form, text)
        if other != text:
            yield other


def _kinds(plain: Sequence[Constraint], listed: Iterable[str]) -> tuple[TextKind, ...] | None:
    expressions = [expression_of(each) for each in plain]
    known = [each for each in expressions if each is not None]
    if len(known) < len(expressions):
        return None
    kinds = text_kinds((*known, *map(literal, sorted(listed))))
    if kinds is None:
        return None
    # What an expression says is held against the constraint, so that a slip is no wrong answer.
    for kind in kinds:
        for text in kind.texts:
            for each, member in zip(plain, kind.member, strict=False):
                if (each.problem_with(text) is None) is not member:
                    return None
    return kinds


def _decimals(conditions: Sequence[DecimalBetween], listed: Iterable[str]) -> Iterator[str]:
    """Return decimal numbers, each end and its neighbours with every number of decimals."""
    edges = {edge for each in conditions for edge in (each.low, each.high)}
    edges |= {Decimal(text) for text in listed if text.replace(".", "", 1).isdigit()}
    places = {0}
    for each in conditions:
        if each.places is not None:
            places |= {each.places, each.places + 1}
    finest = max(*places, *(-int(edge.as_tuple().exponent) for edge in edges)) + 1
    for edge in sorted(edges):
        for count in sorted({*places, finest}):
            step = Decimal(1).scaleb(-count)
            below = edge.quantize(step, rounding=ROUND_FLOOR)
            for number in (below - step, below, below + step, below + 2 * step):
                written = f"{number:f}"
                yield "0" if written == "-0" else written
                if number >= 0:
                    yield f"+{written}"


def fewer(values: Iterable[Frozen]) -> list[Frozen]:
    """Return values without those that are equal in type and value."""
    return list({repr(tagged(each)): each for each in values}.values())


def lists(
    kinds: Sequence[tuple[Frozen, ...]], lengths: Iterable[int], subsets: int, most: int
) -> tuple[list[tuple[Frozen, ...]], bool]:
    """Return lists that stand for all lists, and whether they are all that is needed.

    Args:
        kinds: values of items, those of one kind together.
        lengths: the lengths that are told apart.
        subsets: how many kinds must meet in one list at most.
        most: how many lists may be returned.
    """
    made: list[tuple[Frozen, ...]] = [()]
    complete = True
    for chosen in _subsets(range(len(kinds)), subsets):
        members = [kinds[place] for place in chosen]
        for length in sorted(lengths):
            if length < len(members):
                continue
            first = [each[0] for each in members]
            made.append((*first, *([first[0]] * (length - len(first)))))
            different = fewer((*first, *(value for each in members for value in each)))
            if len(different) >= length:
                made.append(tuple(different[:length]))
        if len(made) > most:
            complete = False
            break
    return fewer(made)[:most], complete  # type: ignore[return-value]  # lists alone were put in


def _subsets(places: Sequence[int], size: int) -> Iterator[tuple[int, ...]]:
    def grown(start: int, chosen: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if chosen:
            yield chosen
        if len(chosen) < size:
            for place in range(start, len(places)):
                yield from grown(place + 1, (*chosen, places[place]))

    return iter(sorted(grown(0, ()), key=len))


def objects(members: Mapping[str, Sequence[Frozen]], most: int) -> tuple[list[Frozen], bool]:
    """Return objects that stand for all objects, and whether they are all that is needed.

    Args:
        members: for each name the values that stand for all its values.
        most: how many objects may be returned.
    """
    names = [*members, "unlisted"]
    sides: list[list[tuple[bool, Frozen]]] = [
        [(False, None), *((True, value) for value in values)] for values in members.values()
    ]
    sides.append([(False, None), (True, 1)])
    count = math.prod(map(len, sides))
    made: list[Frozen] = [
        MappingProxyType(
            {name: value for name, (there, value) in zip(names, row, strict=True) if there}
        )
        for row in islice(product(*sides), most)
    ]
    return made, count <= most
