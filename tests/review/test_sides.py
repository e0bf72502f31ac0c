# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Every value is of a kind that is returned: no rule tells it from the value that stands for it."""

from collections.abc import Mapping
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.canonical import Frozen, freeze
from agentguard.policy import Constraint
from agentguard.policy.constraints import (
    UNLINKED,
    AllOf,
    Anything,
    Const,
    DecimalBetween,
    Each,
    EmailAt,
    EqualsClaim,
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
    near_misses,
    witnesses,
)
from agentguard.review.difference.sides import Claims, Feature, side_of
from agentguard.vocabulary import Chain, Circumstances, Principal, PrincipalKind

HERE = Circumstances(paths=UNLINKED)
CONSTRAINTS: tuple[Constraint, ...] = (
    IntBetween(low=0, high=3),
    NumberBetween(low=0.5, high=2),
    DecimalBetween(low=Decimal("0.5"), high=Decimal(3), places=1),
    DecimalBetween(low=Decimal(1), high=Decimal(2), places=2),
    OneOf(options=("a", 1, 1.5)),
    Const(value="é"),
    Match(pattern="[a-z]+"),
    Match(pattern=".*é"),
    Prefix(text="a"),
    Length(least=1, most=3),
    AllOf(parts=(Prefix(text="/srv"), PathBelow(roots=("/srv/a",)))),
    PathBelow(roots=("/srv",)),
    HostIn(names=("a.com", "*.b.com")),
    HostIn(names=("x.b.com",)),
    EmailAt(domains=("a.com",)),
    UrlParts(hosts=("a.com",), paths=("/v1", "/v2")),
    UrlParts(hosts=("*",)),
    Each(options=("a", 1), least=0, most=3),
    Items(item=Match(pattern="[ab]"), most=2),
    Items(item=IntBetween(low=0, high=3), most=3, unique=True),
    Members(members=(("m", IntBetween(low=0, high=1), True), ("n", Match(pattern="a+"), False))),
    EqualsClaim(holder=Holder.PERSON, claim="customer"),
    Anything(),
)
SCALARS = (
    st.sampled_from([0, 1, 2, 4, -1, True, 1.5, 0.5, 2.0, None, "a", "ab", "é", "e\u0301", "1.50"])
    | st.integers(-5, 5)
    | st.floats(-3, 3)
    | st.text(alphabet="ab1./@é-", max_size=5)
)
NEAR = [value for each in CONSTRAINTS for value in (*witnesses(each), *near_misses(each))]
VALUES = (
    SCALARS
    | st.sampled_from(NEAR)
    | st.lists(SCALARS, max_size=4).map(freeze)
    | st.dictionaries(st.sampled_from(["m", "n", "o"]), SCALARS, max_size=2).map(freeze)
)
FEATURES = st.lists(
    st.builds(Feature, st.sampled_from(CONSTRAINTS), st.booleans()), min_size=1, max_size=4
)


def whose(claims: Claims) -> Chain:
    """A chain whose person has the claims."""
    held: Mapping[str, Frozen] = {
        name: values for (_, name), values in claims.items() if values is not None
    }
    return Chain(
        principals=(
            Principal(id="user:u", kind=PrincipalKind.USER, claims=held),
            Principal(id="agent:a", kind=PrincipalKind.AGENT),
        )
    )


def signature(features: list[Feature], value: Frozen, claims: Claims) -> tuple[bool, ...]:
    """What the features say of a value."""
    here = [each.constraint.in_context(whose(claims), HERE) for each in features]
    return tuple(
        not constraint.rules_out(value) if each.denies else constraint.problem_with(value) is None
        for each, constraint in zip(features, here, strict=True)
    )


@settings(deadline=None, max_examples=200)
@given(features=FEATURES, value=VALUES, held=st.sampled_from([None, ("a",), (1, "é")]))
def test_every_value_is_of_a_kind_that_is_returned(
    features: list[Feature], value: Frozen, held: tuple[Frozen, ...] | None
) -> None:
    """Whatever rules ask of a value, some kind is told from it by none of them."""
    side = side_of(features, whose, HERE)
    claims: Claims = {("person", "customer"): held}
    wanted = signature(features, value, claims)
    having = [side.having[each.key] for each in features]
    found = {tuple(bool(bits >> place & 1) for bits in having) for place in range(len(side.kinds))}
    assert wanted in found or not side.complete


@settings(deadline=None, max_examples=100)
@given(features=FEATURES)
def test_a_known_value_is_of_its_kind(features: list[Feature]) -> None:
    """The value that stands for a kind has the features that the kind is said to have."""
    side = side_of(features, whose, HERE)
    for place, kind in enumerate(side.kinds):
        if kind.known:
            said = tuple(bool(side.having[each.key] >> place & 1) for each in features)
            assert said == signature(features, kind.value, kind.claims)


@pytest.mark.parametrize("constraint", CONSTRAINTS)
def test_one_constraint_is_told_apart_exactly(constraint: Constraint) -> None:
    """Of one constraint in an allow rule both what satisfies it and what does not is known."""
    side = side_of([Feature(constraint, denies=False)], whose, HERE)
    assert side.known
    bits = side.having[Feature(constraint, denies=False).key]
    assert bits & side.known
    assert isinstance(constraint, Anything) or side.known & ~bits
