# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is a constraint made of, and does one follow from another?

Constraints that are conditions together are taken apart, lists of alternatives into single ones.
Whether one follows from another is said from what they are written as, and only when it is
certain.

INVARIANT: a value that satisfies a constraint satisfies what is said to follow from it
(tests/review/test_leaves.py).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import product
from types import MappingProxyType
from typing import Any

from agentguard.canonical import canonical_bytes
from agentguard.policy import Constraint
from agentguard.policy.constraints import (
    AllOf,
    Const,
    DecimalBetween,
    Each,
    EmailAt,
    EqualsClaim,
    HostIn,
    Items,
    Members,
    OneOf,
    PathBelow,
    UrlParts,
)
from agentguard.policy.constraints.urls import ANY_HOST

_MOST_ELEMENTS = 24
_BELOW = "*."


def key_of_form(constraint: Constraint) -> bytes:
    """Return what is equal for constraints that say the same."""
    return canonical_bytes(constraint.form())


def leaves(constraint: Constraint) -> Iterator[Constraint]:
    """Return the conditions that a constraint lays on one value."""
    if isinstance(constraint, AllOf):
        for part in constraint.parts:
            yield from leaves(part)
    else:
        yield constraint


def claims_in(constraint: Constraint) -> frozenset[tuple[str, str]]:
    """Return the claims that a constraint compares with, ids apart."""
    if isinstance(constraint, EqualsClaim):
        return frozenset() if constraint.claim == "id" else frozenset({_named(constraint)})
    return frozenset().union(*(claims_in(part) for part in _inside(constraint)))


def compares_with_ids(constraint: Constraint) -> bool:
    """Say whether a constraint compares with the id of a principal."""
    if isinstance(constraint, EqualsClaim):
        return constraint.claim == "id"
    return any(map(compares_with_ids, _inside(constraint)))


def _named(constraint: EqualsClaim) -> tuple[str, str]:
    return str(constraint.holder), constraint.claim


def _inside(constraint: Constraint) -> tuple[Constraint, ...]:
    if isinstance(constraint, AllOf):
        return constraint.parts
    if isinstance(constraint, Items):
        return (constraint.item,)
    if isinstance(constraint, Members):
        return tuple(part for _, part, _ in constraint.members)
    return ()


def constants(constraint: Constraint) -> tuple[object, ...]:
    """Return the values that a constraint lists."""
    if isinstance(constraint, OneOf | Each):
        return constraint.options
    return (constraint.value,) if isinstance(constraint, Const) else ()


def elements(constraint: Constraint) -> tuple[Constraint, ...]:
    """Return single alternatives; a value satisfies the constraint if it satisfies one of them."""
    found: tuple[Constraint, ...] = (constraint,)
    if isinstance(constraint, HostIn):
        found = tuple(HostIn(names=(name,)) for name in constraint.names)
    elif isinstance(constraint, EmailAt):
        found = tuple(EmailAt(domains=(domain,)) for domain in constraint.domains)
    elif isinstance(constraint, PathBelow):
        found = tuple(replace(constraint, roots=(root,)) for root in constraint.roots)
    elif isinstance(constraint, UrlParts):
        parts = product(
            constraint.schemes or ("https",),
            constraint.hosts,
            constraint.ports or (None,),
            constraint.paths or (None,),
        )
        found = tuple(
            UrlParts(
                schemes=(scheme,),
                hosts=(host,),
                ports=() if port is None else (port,),
                paths=() if path is None else (path,),
                query=constraint.query,
            )
            for scheme, host, port, path in parts
        )
    return found if len(found) <= _MOST_ELEMENTS else (constraint,)


def follows(one: Constraint, other: Constraint) -> bool:
    """Say whether every value that satisfies *one* certainly satisfies *other*."""
    if key_of_form(one) == key_of_form(other):
        return True
    following = _FOLLOWING.get(type(one)) if type(one) is type(other) else None
    return following is not None and following(one, other)


def _hosts_follow(one: HostIn, other: HostIn) -> bool:
    return all(_is_among(name, other.names) for name in one.names)


def _mails_follow(one: EmailAt, other: EmailAt) -> bool:
    return all(_is_among(name, other.domains) for name in one.domains)


def _paths_follow(one: PathBelow, other: PathBelow) -> bool:
    return all(any(_is_at(root, each) for each in other.roots) for root in one.roots)


def _decimals_follow(one: DecimalBetween, other: DecimalBetween) -> bool:
    if other.places is not None and (one.places is None or one.places > other.places):
        return False
    return other.low <= one.low and one.high <= other.high


def _items_follow(one: Items, other: Items) -> bool:
    within = other.least <= one.least and one.most <= other.most
    return within and (one.unique or not other.unique) and follows(one.item, other.item)


def _is_among(name: str, names: tuple[str, ...]) -> bool:
    plain = name.lower()
    for each in map(str.lower, names):
        if plain == each or (each.startswith(_BELOW) and plain.endswith(each[1:])):
            return True
    return False


def _is_at(path: str, folder: str) -> bool:
    return f"{path.rstrip('/')}/".startswith(f"{folder.rstrip('/')}/")


def _urls_follow(one: UrlParts, other: UrlParts) -> bool:
    hosts = ANY_HOST in other.hosts or (
        ANY_HOST not in one.hosts and all(_is_among(name, other.hosts) for name in one.hosts)
    )
    # Addresses are no plain names, which alone '*' stands for.
    plain = ANY_HOST not in other.hosts or all(_is_plain(name) for name in one.hosts)
    usual = bool(one.ports) == bool(other.ports)
    return (
        hosts
        and plain
        and usual
        and set(one.schemes or ("https",)) <= set(other.schemes or ("https",))
        and set(one.ports) <= set(other.ports)
        and (other.query or not one.query)
        and (
            not other.paths
            or (
                bool(one.paths)
                and all(any(_is_at(path, each) for each in other.paths) for path in one.paths)
            )
        )
    )


def _is_plain(name: str) -> bool:
    return name == ANY_HOST or (
        ":" not in name and "xn--" not in name.lower() and not name.rpartition(".")[2].isdigit()
    )


_FOLLOWING: Mapping[type, Callable[[Any, Any], bool]] = MappingProxyType(
    {
        HostIn: _hosts_follow,
        EmailAt: _mails_follow,
        PathBelow: _paths_follow,
        UrlParts: _urls_follow,
        DecimalBetween: _decimals_follow,
        Items: _items_follow,
    }
)
