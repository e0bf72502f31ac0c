# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a constraint say in Cedar?

Two conditions for each kind, as two questions are asked of it: the value certainly satisfies it,
for rules that allow or ask; the value certainly does not, for rules that deny. Neither can err.
What Cedar has no words for (patterns, paths, addresses, the items of lists one by one) is a fact
that whoever asks finds out with agentguard.

INVARIANT: a condition holds exactly when the constraint says so (tests/review/test_cedar_export.py).
"""

import math
from collections.abc import Callable, Iterable
from decimal import Decimal

from agentguard.canonical import LARGEST_INTEGER
from agentguard.policy.constraints import (
    AllOf,
    Anything,
    Const,
    Constraint,
    DecimalBetween,
    Each,
    EqualsClaim,
    Forbidden,
    IntBetween,
    Length,
    NumberBetween,
    OneOf,
    Prefix,
    Scalar,
)
from agentguard.review.cedar import syntax
from agentguard.review.cedar.claims import differs_from_claim, equals_claim
from agentguard.review.cedar.places import Place
from agentguard.review.cedar.views import (
    LARGEST_DECIMAL,
    View,
    composed,
    composed_token,
    kind_of,
    place_of,
    spellings,
    token,
)

_DECIMALS = 4
_BY_KIND = {
    "text": (View.TEXT, View.COMPOSED),
    "integer": (View.INTEGER, View.INTEGER),
    "boolean": (View.BOOLEAN, View.BOOLEAN),
    "fraction": (View.FRACTION, View.FRACTION),
}


def satisfied(place: Place, constraint: Constraint) -> str:
    """Return the condition that an argument which is there satisfies a constraint."""
    match constraint:
        case Anything():
            return "true"
        case Forbidden():
            return "false"
        case AllOf(parts=parts):
            return syntax.all_of(satisfied(place, part) for part in parts)
        case EqualsClaim():
            return equals_claim(place, constraint)
    native = _conditions(place, constraint)
    return place.fact(constraint, ruled_out=False) if native is None else native[0]()


def ruled_out(place: Place, constraint: Constraint) -> str:
    """Return the condition that an argument is there and certainly fails a constraint."""
    match constraint:
        case Anything():
            return "false"
        case Forbidden() if not place.holds_several:
            return place.reading(View.TOKEN, holds=lambda value: f'{value} != "null"')
        case AllOf(parts=parts) if not place.holds_several:
            return syntax.any_of(ruled_out(place, part) for part in parts)
        case EqualsClaim():
            return differs_from_claim(place, constraint)
    native = _conditions(place, constraint)
    return place.fact(constraint, ruled_out=True) if native is None else native[1]()


_Both = tuple[Callable[[], str], Callable[[], str]]


def _conditions(place: Place, constraint: Constraint) -> _Both | None:
    """Return how both conditions are made, None for a constraint that Cedar has no words for."""
    if place.holds_several:
        return _conditions_on_several(place, constraint)
    made = _KINDS.get(type(constraint))
    return None if made is None else made(place, constraint)


def _conditions_on_several(place: Place, constraint: Constraint) -> _Both | None:
    match constraint:
        case OneOf(options=options):
            return _each(place, Each(options=options, most=LARGEST_INTEGER))
        case Const(value=value):
            return _each(place, Each(options=(value,), most=LARGEST_INTEGER))
    return None


def _between(low: int, high: int) -> Callable[[str], str]:
    return lambda value: f"{low} <= {value} && {value} <= {high}"


def _outside(low: int, high: int) -> Callable[[str], str]:
    return lambda value: f"({value} < {low} || {high} < {value})"


def _integer(place: Place, constraint: IntBetween) -> _Both:
    low, high = constraint.low, constraint.high
    return (
        lambda: place.reading(View.INTEGER, holds=_between(low, high)),
        lambda: place.reading(View.INTEGER, holds=_outside(low, high)),
    )


def _number(place: Place, constraint: NumberBetween) -> _Both:
    low, high = constraint.low, constraint.high
    whole = math.ceil(low), math.floor(high)
    parts = place_of(float(low)), place_of(float(high))
    farthest = place_of(-float(LARGEST_INTEGER)), place_of(float(LARGEST_INTEGER))

    def known(value: str) -> str:
        return f"{_between(*farthest)(value)} && {_outside(*parts)(value)}"

    return (
        lambda: syntax.any_of(
            [
                place.reading(View.INTEGER, holds=_between(*whole)),
                place.reading(View.FRACTION, holds=_between(*parts)),
            ]
        ),
        lambda: syntax.any_of(
            [
                place.reading(View.INTEGER, holds=_outside(*whole)),
                place.reading(View.FRACTION, holds=known),
            ]
        ),
    )


def _decimal(place: Place, constraint: DecimalBetween) -> _Both | None:
    low, high = constraint.low, constraint.high
    if not (_is_in_cedar(low) and _is_in_cedar(high)):
        return None
    lowest, highest = (f'decimal("{bound:.{_DECIMALS}f}")' for bound in (low, high))

    def inside(floor: str, ceiling: str, *places: str) -> str:
        few = [f"{count} <= {constraint.places}" for count in places]
        bounds = (
            f"{floor}.greaterThanOrEqual({lowest})",
            f"{ceiling}.lessThanOrEqual({highest})",
        )
        return " && ".join([*bounds, *few])

    def outside(floor: str, ceiling: str) -> str:
        return f"({floor}.lessThan({lowest}) || {ceiling}.greaterThan({highest}))"

    views = [View.FLOOR, View.CEILING]
    counted = [] if constraint.places is None else [View.PLACES]
    return (
        lambda: place.reading(*views, *counted, holds=inside),
        lambda: place.reading(*views, holds=outside),
    )


def _is_in_cedar(bound: Decimal) -> bool:
    exponent = bound.as_tuple().exponent
    return isinstance(exponent, int) and -exponent <= _DECIMALS and abs(bound) < LARGEST_DECIMAL


def _options(place: Place, options: Iterable[Scalar]) -> _Both:
    by_kind: dict[str, list[Scalar]] = {}
    for option in options:
        by_kind.setdefault(kind_of(option), []).append(option)

    def is_one() -> str:
        return syntax.any_of(
            place.reading(_BY_KIND[kind][0], holds=_among(_literals(kind, values)))
            for kind, values in by_kind.items()
        )

    def is_none() -> str:
        return syntax.any_of(
            place.reading(
                _BY_KIND[kind][1], holds=_not_among(_literals(kind, values, spelled=composed))
            )
            for kind, values in by_kind.items()
        )

    return is_one, is_none


def _literals(
    kind: str, values: Iterable[Scalar], spelled: Callable[[object], str] = str
) -> list[str]:
    if kind == "text":
        return sorted({syntax.text(spelled(value)) for value in values})
    if kind == "fraction":
        return sorted({str(place_of(float(value))) for value in values})
    return sorted({str(value).lower() for value in values})


def _among(literals: list[str]) -> Callable[[str], str]:
    if len(literals) == 1:
        return lambda value: f"{value} == {literals[0]}"
    return lambda value: f"{syntax.set_of(literals)}.contains({value})"


def _not_among(literals: list[str]) -> Callable[[str], str]:
    if len(literals) == 1:
        return lambda value: f"{value} != {literals[0]}"
    return lambda value: f"!{syntax.set_of(literals)}.contains({value})"


def _prefix(place: Place, constraint: Prefix) -> _Both:
    prefix = constraint.text
    views = (View.TEXT, View.COMPOSED, View.DECOMPOSED)
    beginnings = sorted({syntax.beginning(each) for each in spellings(prefix)})

    def elsewhere(*values: str) -> str:
        return " && ".join(f"!({value} like {each})" for value in values for each in beginnings)

    return (
        lambda: place.reading(
            View.TEXT, holds=lambda value: f"{value} like {syntax.beginning(prefix)}"
        ),
        lambda: place.reading(*views, holds=elsewhere),
    )


def _length(place: Place, constraint: Length) -> _Both:
    least, most = constraint.least, constraint.most
    lengths = (View.LENGTH, View.COMPOSED_LENGTH, View.DECOMPOSED_LENGTH)

    def another(*values: str) -> str:
        return " && ".join(_outside(least, most)(value) for value in values)

    return (
        lambda: place.reading(View.LENGTH, holds=_between(least, most)),
        lambda: place.reading(*lengths, holds=another),
    )


def _each(place: Place, constraint: Each) -> _Both:
    admitted = syntax.texts(map(token, constraint.options))
    spelled = syntax.texts(map(composed_token, constraint.options))
    kinds = syntax.texts(map(kind_of, constraint.options))

    def inside(items: str, count: str) -> str:
        few = _between(constraint.least, constraint.most)(count)
        return f"{few} && {admitted}.containsAll({items})"

    def outside(items: str, kinds_there: str, count: str) -> str:
        return (
            f"0 < {count} && {kinds}.containsAll({kinds_there}) && !{spelled}.containsAny({items})"
        )

    return (
        lambda: place.reading(View.ITEMS, View.COUNT, holds=inside),
        lambda: place.reading(View.COMPOSED_ITEMS, View.KINDS, View.COUNT, holds=outside),
    )


_KINDS: dict[type, Callable[..., _Both | None]] = {
    IntBetween: _integer,
    NumberBetween: _number,
    DecimalBetween: _decimal,
    OneOf: lambda place, constraint: _options(place, constraint.options),
    Const: lambda place, constraint: _options(place, (constraint.value,)),
    Prefix: _prefix,
    Length: _length,
    Each: _each,
}
