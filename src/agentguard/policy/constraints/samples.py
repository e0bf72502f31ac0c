# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which values show what a constraint means?

A few values at the edges, the same every time: some that satisfy it, and some that nearly do.
Paths are taken to lead where they seem to.

INVARIANT: every witness satisfies the constraint, and no near miss does
(tests/policy/test_samples.py).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from agentguard.canonical import Frozen, NotCanonical, canonical_bytes, freeze, tagged
from agentguard.policy.constraints.claims import EqualsClaim
from agentguard.policy.constraints.grounds import Constraint
from agentguard.policy.constraints.hosts import HostIn
from agentguard.policy.constraints.lists import AllOf, Each, Items, Members
from agentguard.policy.constraints.mails import EmailAt
from agentguard.policy.constraints.paths import UNLINKED, PathBelow
from agentguard.policy.constraints.pattern_texts import texts_matching
from agentguard.policy.constraints.scalars import (
    Anything,
    Const,
    DecimalBetween,
    IntBetween,
    NumberBetween,
    OneOf,
)
from agentguard.policy.constraints.texts import Length, Match, Prefix
from agentguard.policy.constraints.urls import DEFAULT_PORTS, UrlParts

MOST_SAMPLES = 16
_LONGEST_SAMPLE = 1_000
_ODD: tuple[Frozen, ...] = (None, True, 0, 0.5, "", "x", (), MappingProxyType({}))


def witnesses(constraint: Constraint) -> tuple[Frozen, ...]:
    """Return a few values that satisfy a constraint; none where none could be made up."""
    plain = without_links(constraint)
    return _few(each for each in _near(plain) if plain.problem_with(each) is None)


def near_misses(constraint: Constraint) -> tuple[Frozen, ...]:
    """Return a few values that do not satisfy a constraint, the nearest first."""
    plain = without_links(constraint)
    candidates = (*_near(plain), *_off(plain), *_ODD)
    return _few(each for each in candidates if plain.problem_with(each) is not None)


def without_links(constraint: Constraint) -> Constraint:
    """Return a constraint in which paths that nobody followed lead where they seem to."""
    if isinstance(constraint, PathBelow) and constraint.paths is None:
        return replace(constraint, paths=UNLINKED)
    if isinstance(constraint, Items):
        return replace(constraint, item=without_links(constraint.item))
    if isinstance(constraint, AllOf):
        return replace(constraint, parts=tuple(map(without_links, constraint.parts)))
    if isinstance(constraint, Members):
        members = tuple((name, without_links(each), may) for name, each, may in constraint.members)
        return replace(constraint, members=members)
    return constraint


def _few(values: Iterable[Frozen]) -> tuple[Frozen, ...]:
    found: dict[bytes, Frozen] = {}
    for value in values:
        try:
            found.setdefault(canonical_bytes(tagged(freeze(value))), value)
        except NotCanonical:  # one beyond the largest integer is no value at all
            continue
        if len(found) == MOST_SAMPLES:
            break
    return tuple(found.values())


def _near(constraint: Constraint) -> tuple[Frozen, ...]:
    """Return values that may satisfy a constraint, its edges first."""
    near = _NEAR.get(type(constraint))
    return () if near is None else tuple(near(constraint))


def _off(constraint: Constraint) -> tuple[Frozen, ...]:
    """Return values near a constraint that mostly do not satisfy it."""
    off = _OFF.get(type(constraint))
    found = () if off is None else tuple(off(constraint))
    first = next(iter(_near(constraint)), None)
    return (*found, *_changed(first))


def _changed(value: Frozen) -> Iterator[Frozen]:
    """Return a value in other types, and a text with a character more, less and in capitals."""
    if isinstance(value, bool):
        yield from (int(value), str(value).lower())
    elif isinstance(value, int):
        yield from (float(value), str(value), (value,))
    elif isinstance(value, float):
        yield from (str(value), (value,))
    elif isinstance(value, str):
        yield from (f"{value}x", f"{value}\n", f" {value}", value[:-1], value.swapcase(), (value,))
    elif isinstance(value, tuple):
        yield from ((*value, None), value[:1] * 2, *value[:1])
    elif isinstance(value, Mapping):
        yield freeze({**value, "unlisted": 1})
        yield from (freeze({k: v for k, v in value.items() if k != name}) for name in value)


def _range(constraint: IntBetween | NumberBetween) -> Iterator[Frozen]:
    low, high = constraint.low, constraint.high
    yield from (low, high, low + (high - low) // 2, max(low, min(high, 0)))


def _decimals(constraint: DecimalBetween) -> Iterator[Frozen]:
    for bound in (constraint.low, constraint.high, Decimal(0)):
        yield f"{bound:f}"
        yield f"{bound.normalize():f}"


def _beyond_decimals(constraint: DecimalBetween) -> Iterator[Frozen]:
    step = Decimal(1).scaleb(-(constraint.places or 0))
    yield f"{constraint.low - step:f}"
    yield f"{constraint.high + step:f}"
    yield f"{constraint.low:f}".join(("", "e0"))


def _lengths(constraint: Length) -> Iterator[Frozen]:
    for size in (constraint.least, constraint.most, constraint.least + 1):
        if size <= _LONGEST_SAMPLE:
            yield "a" * size


def _beyond_lengths(constraint: Length) -> Iterator[Frozen]:
    for size in (constraint.least - 1, constraint.most + 1):
        if 0 <= size <= _LONGEST_SAMPLE:
            yield "a" * size


def _hosts(names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        yield name.replace("*", "a", 1) if name != "*" else "any.example"


def _off_hosts(names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        bare = name.removeprefix("*.")
        yield from (bare, f"not-{bare}", f"{bare}.other.example", f"a.{bare}")


def _urls(constraint: UrlParts) -> Iterator[Frozen]:
    for scheme in constraint.schemes or ("https",):
        for host in _hosts(constraint.hosts):
            bracketed = f"[{host}]" if ":" in host and not host.startswith("[") else host
            for port in constraint.ports or (DEFAULT_PORTS[scheme],):
                origin = f"{scheme}://{bracketed}"
                origin += "" if port == DEFAULT_PORTS[scheme] else f":{port}"
                for path in constraint.paths or ("/",):
                    yield f"{origin}{path}"
                    yield f"{origin}{path.rstrip('/')}/a"
                    yield f"{origin}{path}?a=b"


def _off_urls(constraint: UrlParts) -> Iterator[Frozen]:
    host = next(_hosts(constraint.hosts))
    for path in constraint.paths or ("/",):
        yield f"https://{host}{path}/../other"
        yield f"https://{host}{path}/%2e%2e/other"
    yield from (f"http://{host}/", f"https://{host}:8443/", f"https://{host}@other.example/")
    yield from (f"https://{host}/#a", f"https://{host}\\@other.example/", f"//{host}/")
    yield from (f"https://{each}/" for each in _off_hosts(constraint.hosts) if each != "*")


def _paths(constraint: PathBelow) -> Iterator[Frozen]:
    for root in constraint.roots:
        yield from (f"{root}/a", f"{root}/a/b.txt")


def _off_paths(constraint: PathBelow) -> Iterator[Frozen]:
    for root in constraint.roots:
        yield from (root, f"{root}/../a", f"{root}-other/a", f"{root}//a", root[1:], f"{root}/~a")


def _mails(constraint: EmailAt) -> Iterator[Frozen]:
    return (f"a.b@{host}" for host in _hosts(constraint.domains))


def _off_mails(constraint: EmailAt) -> Iterator[Frozen]:
    host = next(_hosts(constraint.domains))
    yield from (f"a@{each}" for each in _off_hosts(constraint.domains))
    yield from (f"A <a@{host}>", f"a@{host},b@other.example", f"a@other.example@{host}")


def _listed(constraint: Each) -> Iterator[Frozen]:
    options = constraint.options
    for size in (constraint.least, constraint.most):
        if size <= _LONGEST_SAMPLE:
            yield tuple(options[place % len(options)] for place in range(size))
    for option in options:
        yield (option,) * max(1, constraint.least) if constraint.least <= _LONGEST_SAMPLE else ()


def _beyond_listed(constraint: Each | Items) -> Iterator[Frozen]:
    inner = OneOf(options=constraint.options) if isinstance(constraint, Each) else constraint.item
    good, bad = _near(inner), near_misses(inner)
    for size in (constraint.least - 1, constraint.most + 1):
        if good and 0 <= size <= _LONGEST_SAMPLE:
            yield tuple(good[place % len(good)] for place in range(size))
    for each in bad:
        yield (each,)
        yield (*good[:1], each)


def _itemised(constraint: Items) -> Iterator[Frozen]:
    good = witnesses(constraint.item)
    for size in (constraint.least, max(1, constraint.least), constraint.most):
        if size <= _LONGEST_SAMPLE and (good or not size):
            yield tuple(good[place % len(good)] for place in range(size))
    if constraint.least <= 1 <= constraint.most:
        yield from ((each,) for each in good)


def _objects(constraint: Members) -> Iterator[Frozen]:
    inner = {name: witnesses(each) for name, each, _ in constraint.members}
    needed = {name for name, _, optional in constraint.members if not optional}
    whole = {name: found[0] for name, found in inner.items() if found}
    if needed <= whole.keys():
        yield freeze(whole)
        yield freeze({name: value for name, value in whole.items() if name in needed})
        for name, found in inner.items():
            yield from (freeze({**whole, name: value}) for value in found[1:])


def _off_objects(constraint: Members) -> Iterator[Frozen]:
    whole = next(_objects(constraint), None)
    if isinstance(whole, Mapping):
        for name, each, _ in constraint.members:
            for value in near_misses(each)[:2]:
                yield freeze({**whole, name: value})


def _combined(constraint: AllOf) -> Iterator[Frozen]:
    for part in constraint.parts:
        yield from _near(part)
    lengths = [part for part in constraint.parts if isinstance(part, Length)]
    for part in constraint.parts:
        for each in _near(part):
            for length in lengths:
                if isinstance(each, str) and len(each) < length.least <= _LONGEST_SAMPLE:
                    yield each + "a" * (length.least - len(each))
                    yield each[:1] * (length.least - len(each)) + each


def _off_combined(constraint: AllOf) -> Iterator[Frozen]:
    for part in constraint.parts:
        yield from near_misses(part)


_NEAR: Mapping[type, Callable[[Any], Iterable[Frozen]]] = MappingProxyType(
    {
        IntBetween: _range,
        NumberBetween: _range,
        DecimalBetween: _decimals,
        OneOf: lambda each: each.options,
        Const: lambda each: (each.value,),
        Match: lambda each: texts_matching(each.pattern),
        Prefix: lambda each: (each.text, f"{each.text}a"),
        Length: _lengths,
        PathBelow: _paths,
        UrlParts: _urls,
        HostIn: lambda each: _hosts(each.names),
        EmailAt: _mails,
        Each: _listed,
        Items: _itemised,
        Members: _objects,
        AllOf: _combined,
        EqualsClaim: lambda each: each.admitted or (),
        Anything: lambda _: _ODD,
    }
)
_OFF: Mapping[type, Callable[[Any], Iterable[Frozen]]] = MappingProxyType(
    {
        IntBetween: lambda each: (each.low - 1, each.high + 1),
        NumberBetween: lambda each: (each.low - 1, each.high + 1),
        DecimalBetween: _beyond_decimals,
        Length: _beyond_lengths,
        PathBelow: _off_paths,
        UrlParts: _off_urls,
        HostIn: lambda each: _off_hosts(each.names),
        EmailAt: _off_mails,
        Each: _beyond_listed,
        Items: _beyond_listed,
        Members: _off_objects,
        AllOf: _off_combined,
    }
)
