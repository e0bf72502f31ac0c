# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is said to follow from a constraint does follow, and alternatives are all of them."""

from decimal import Decimal
from itertools import product

import pytest

from agentguard.policy import Constraint
from agentguard.policy.constraints import (
    UNLINKED,
    DecimalBetween,
    EmailAt,
    HostIn,
    IntBetween,
    Items,
    PathBelow,
    UrlParts,
    near_misses,
    witnesses,
)
from agentguard.review.difference.leaves import elements, follows

CONSTRAINTS: tuple[Constraint, ...] = (
    HostIn(names=("a.com",)),
    HostIn(names=("a.com", "*.a.com")),
    HostIn(names=("*.b.a.com",)),
    HostIn(names=("127.0.0.1",)),
    EmailAt(domains=("a.com",)),
    EmailAt(domains=("*.a.com", "a.com")),
    PathBelow(roots=("/srv/a",), paths=UNLINKED),
    PathBelow(roots=("/srv", "/opt"), paths=UNLINKED),
    UrlParts(hosts=("a.com",)),
    UrlParts(hosts=("*",)),
    UrlParts(hosts=("127.0.0.1",)),
    UrlParts(hosts=("a.com", "b.com"), paths=("/v1",)),
    UrlParts(hosts=("a.com",), paths=("/v1/files",), query=False),
    UrlParts(hosts=("a.com",), ports=(443, 8443)),
    UrlParts(hosts=("a.com",), schemes=("https", "http")),
    DecimalBetween(low=Decimal(1), high=Decimal(3), places=1),
    DecimalBetween(low=Decimal(0), high=Decimal(5), places=2),
    DecimalBetween(low=Decimal(0), high=Decimal(5)),
    Items(item=IntBetween(low=1, high=2), most=2, unique=True),
    Items(item=IntBetween(low=1, high=2), most=3),
)
VALUES = [value for each in CONSTRAINTS for value in (*witnesses(each), *near_misses(each))]


@pytest.mark.parametrize(("one", "other"), [*product(CONSTRAINTS, CONSTRAINTS)])
def test_what_follows_is_satisfied_as_well(one: Constraint, other: Constraint) -> None:
    """A value that satisfies a constraint satisfies every constraint said to follow from it."""
    if follows(one, other):
        for value in VALUES:
            assert one.problem_with(value) is not None or other.problem_with(value) is None


@pytest.mark.parametrize("constraint", CONSTRAINTS)
def test_alternatives_are_satisfied_exactly_where_the_whole_is(constraint: Constraint) -> None:
    """A value satisfies a constraint exactly if it satisfies one of its alternatives."""
    for value in VALUES:
        parts = any(each.problem_with(value) is None for each in elements(constraint))
        assert parts is (constraint.problem_with(value) is None)
