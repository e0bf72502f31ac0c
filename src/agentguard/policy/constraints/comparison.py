# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can one value satisfy two constraints?

INVARIANT: what is called disjoint shares no value, in whatever circumstances
(tests/policy/test_constraints.py).
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from agentguard.policy.constraints.claims import EqualsClaim
from agentguard.policy.constraints.grounds import Constraint, Scalar
from agentguard.policy.constraints.hosts import HostIn
from agentguard.policy.constraints.lists import AllOf, Each, Items, Members
from agentguard.policy.constraints.mails import EmailAt
from agentguard.policy.constraints.paths import PathBelow
from agentguard.policy.constraints.scalars import (
    Anything,
    Const,
    DecimalBetween,
    Forbidden,
    IntBetween,
    NumberBetween,
    OneOf,
)
from agentguard.policy.constraints.texts import Length, Match, Prefix
from agentguard.policy.constraints.urls import UrlParts

_TEXTS = frozenset({str})
_LISTS = frozenset({tuple})

# Which types of values can satisfy a kind at all.
TYPES: Mapping[type, frozenset[type]] = MappingProxyType(
    {
        IntBetween: frozenset({int}),
        NumberBetween: frozenset({int, float}),
        DecimalBetween: _TEXTS,
        Match: _TEXTS,
        Prefix: _TEXTS,
        Length: _TEXTS,
        PathBelow: _TEXTS,
        UrlParts: _TEXTS,
        HostIn: _TEXTS,
        EmailAt: _TEXTS,
        Each: _LISTS,
        Items: _LISTS,
        Members: frozenset({dict}),
        EqualsClaim: frozenset({bool, int, float, str}),
        Forbidden: frozenset(),
    }
)
_EVERY_TYPE = frozenset({bool, int, float, str, tuple, dict, type(None)})


def types_of(constraint: Constraint) -> frozenset[type]:
    """Return the types of values that can satisfy a constraint."""
    if isinstance(constraint, AllOf):
        return _EVERY_TYPE.intersection(*map(types_of, constraint.parts))
    values = values_of(constraint)
    if values is not None:
        return frozenset(map(type, values))
    return TYPES.get(type(constraint), _EVERY_TYPE)


def values_of(constraint: Constraint) -> tuple[Scalar, ...] | None:
    """Return the only values that can satisfy a constraint, None where they are not listed."""
    if isinstance(constraint, OneOf):
        return constraint.options
    return (constraint.value,) if isinstance(constraint, Const) else None


def are_disjoint(left: Constraint, right: Constraint) -> bool:
    """Say whether certainly no value satisfies both constraints; False when it is not known."""
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Anything):
            return isinstance(other, Forbidden)
        if isinstance(one, AllOf):
            return any(are_disjoint(part, other) for part in one.parts)
    if types_of(left).isdisjoint(types_of(right)):
        return True
    for one, other in ((left, right), (right, left)):
        values = values_of(one)
        if values is not None and not other.contextual:
            return all(other.problem_with(value) is not None for value in values)
    apart = _APART.get((type(left), type(right)))
    if apart is not None:
        return apart(left, right)
    apart = _APART.get((type(right), type(left)))
    return apart is not None and apart(right, left)


def _ranges_apart(left: Any, right: Any) -> bool:
    return bool(left.high < right.low or right.high < left.low)


def _lengths_apart(left: Length, right: Length) -> bool:
    return left.most < right.least or right.most < left.least


def _prefixes_apart(left: Prefix, right: Prefix) -> bool:
    return not (left.text.startswith(right.text) or right.text.startswith(left.text))


def _folders_apart(left: PathBelow, right: PathBelow) -> bool:
    return not any(
        f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")
        for one in left.roots
        for other in right.roots
    )


def _counts_apart(left: Each | Items, right: Each | Items) -> bool:
    return max(left.least, right.least) > min(left.most, right.most)


def _items_apart(left: Each | Items, right: Each | Items) -> bool:
    if _counts_apart(left, right):
        return True
    if not left.least and not right.least:
        return False
    return are_disjoint(_item(left), _item(right))


def _item(constraint: Each | Items) -> Constraint:
    return constraint.item if isinstance(constraint, Items) else OneOf(options=constraint.options)


def _members_apart(left: Members, right: Members) -> bool:
    ours = {name: (constraint, optional) for name, constraint, optional in left.members}
    theirs = {name: (constraint, optional) for name, constraint, optional in right.members}
    for name in ours.keys() | theirs.keys():
        if name not in ours or name not in theirs:
            _, optional = ours.get(name) or theirs[name]
            if not optional:
                return True
            continue
        (one, one_optional), (other, other_optional) = ours[name], theirs[name]
        if not (one_optional and other_optional) and are_disjoint(one, other):
            return True
    return False


_APART: Mapping[tuple[type, type], Callable[[Any, Any], bool]] = MappingProxyType(
    {
        (IntBetween, IntBetween): _ranges_apart,
        (IntBetween, NumberBetween): _ranges_apart,
        (NumberBetween, NumberBetween): _ranges_apart,
        (DecimalBetween, DecimalBetween): _ranges_apart,
        (Length, Length): _lengths_apart,
        (Prefix, Prefix): _prefixes_apart,
        (PathBelow, PathBelow): _folders_apart,
        (HostIn, HostIn): lambda left, right: not left.shares_a_host_with(right),
        (UrlParts, UrlParts): lambda left, right: not left.shares_a_url_with(right),
        (EmailAt, EmailAt): lambda left, right: not left.shares_an_address_with(right),
        (Each, Each): _items_apart,
        (Each, Items): _items_apart,
        (Items, Items): _items_apart,
        (Members, Members): _members_apart,
    }
)
