# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Samples show what a constraint means: some satisfy it, others nearly do."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.canonical import canonical_bytes, freeze, tagged
from agentguard.policy import (
    AllOf,
    Anything,
    Const,
    Constraint,
    DecimalBetween,
    Each,
    EmailAt,
    EqualsClaim,
    Forbidden,
    Holder,
    HostIn,
    IntBetween,
    Items,
    Length,
    Match,
    Members,
    NumberBetween,
    OneOf,
    PathBelow,
    Prefix,
    UrlParts,
)
from agentguard.policy.constraints import near_misses, witnesses
from agentguard.policy.constraints.samples import MOST_SAMPLES, without_links

SHOWN: list[Constraint] = [
    IntBetween(low=-3, high=100),
    IntBetween(low=2**53 - 1, high=2**53 - 1),
    NumberBetween(low=0, high=0.5),
    DecimalBetween(low=Decimal("0.01"), high=Decimal("500.00"), places=2),
    DecimalBetween(low=Decimal("0.100"), high=Decimal(1), places=1),
    OneOf(options=("usd", 1, True, 2.5)),
    Const(value="goodwill"),
    Match(pattern="ORD-[0-9]{8}"),
    Match(pattern=r"(?:a|bc)+\.\w{2,3}$"),
    Match(pattern="[^a-z]{3}"),
    Prefix(text="ORD-"),
    Length(least=2, most=5),
    Length(least=0, most=10**9),
    PathBelow(roots=("/srv/a", "/srv/b")),
    UrlParts(hosts=("api.example.com", "*.docs.example"), paths=("/v1",), query=False),
    UrlParts(hosts=("*",), schemes=("http",), ports=(8080,)),
    UrlParts(hosts=("::1",), schemes=("http",)),
    HostIn(names=("*.example.com", "10.0.0.1")),
    EmailAt(domains=("example.com", "*.example.org")),
    Each(options=("a", "b"), least=2, most=3),
    Items(item=IntBetween(low=0, high=9), least=2, most=4, unique=True),
    Items(item=PathBelow(roots=("/srv",)), most=2),
    Members(members=(("a", IntBetween(low=0, high=9), False), ("b", Const(value="x"), True))),
    AllOf(parts=(Match(pattern="[a-z]+"), Length(least=4, most=6))),
    AllOf(parts=(Prefix(text="ORD-"), Length(least=6, most=6))),
    AllOf(parts=(PathBelow(roots=("/srv",)), Length(least=1, most=50))),
    EqualsClaim(holder=Holder.PERSON, claim="c", admitted=("c-7", 8)),
    Anything(),
]


@pytest.mark.parametrize("constraint", SHOWN)
def test_witnesses_satisfy_and_near_misses_do_not(constraint: Constraint) -> None:
    """There are samples of every kind, different ones, and each is what it is called."""
    plain = without_links(constraint)
    good, bad = witnesses(constraint), near_misses(constraint)
    assert good
    assert bad or isinstance(constraint, Anything)
    assert all(plain.problem_with(each) is None for each in good)
    assert all(plain.problem_with(each) is not None for each in bad)
    for values in (good, bad):
        assert len({canonical_bytes(tagged(each)) for each in values}) == len(values)
        assert len(values) <= MOST_SAMPLES
        assert tuple(map(freeze, values)) == values


def test_the_edges_are_among_the_samples() -> None:
    """The ends of a range satisfy, and what lies right beyond does not."""
    amount = IntBetween(low=1, high=100)
    assert {1, 100} <= set(witnesses(amount))
    assert near_misses(amount)[:2] == (0, 101)
    money = DecimalBetween(low=Decimal("0.01"), high=Decimal("500.00"), places=2)
    assert {"0.01", "500.00"} <= set(witnesses(money))
    assert {"0.00", "500.01"} <= set(near_misses(money))


@pytest.mark.parametrize(
    "constraint",
    [
        Forbidden(),
        EqualsClaim(holder=Holder.PERSON, claim="c"),
        Match(pattern="[^\\x00-\\x{10FFFF}]"),
        Match(pattern="\\pL{3}"),
    ],
)
def test_where_nothing_can_be_made_up_there_is_no_witness(constraint: Constraint) -> None:
    """What nothing satisfies, or what cannot be read, has no witness and still near misses."""
    assert witnesses(constraint) == ()
    assert near_misses(constraint)


def test_samples_are_the_same_every_time() -> None:
    """Nothing is left to chance."""
    for constraint in SHOWN:
        assert witnesses(constraint) == witnesses(constraint)
        assert near_misses(constraint) == near_misses(constraint)


@settings(deadline=None)
@given(
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.integers(0, 2**53 - 1),
    st.from_regex(r"[a-c]{1,3}(\[[a-z0-9]\]|\(x\|y\))?[+?*]?", fullmatch=True),
)
def test_every_sample_is_what_it_is_called(low: int, width: int, pattern: str) -> None:
    """For any range and pattern, witnesses satisfy and near misses do not."""
    high = min(low + width, 2**53 - 1)
    for constraint in (
        IntBetween(low=low, high=high),
        NumberBetween(low=low, high=high),
        DecimalBetween(low=Decimal(low), high=Decimal(high)),
        Match(pattern=pattern),
    ):
        assert witnesses(constraint)
        assert all(constraint.problem_with(each) is None for each in witnesses(constraint))
        assert all(constraint.problem_with(each) is not None for each in near_misses(constraint))
