# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Some constraints depend on who calls, and are strict about what is not known of them."""

import math
from collections.abc import Mapping

import pytest

from agentguard.canonical import Frozen, freeze
from agentguard.policy import (
    AllOf,
    Anything,
    Constraint,
    EqualsClaim,
    Holder,
    Items,
    Length,
    Members,
    PathBelow,
)
from agentguard.policy.constraints import UNLINKED
from agentguard.vocabulary import Chain, Circumstances, Principal, PrincipalKind

NOTHING = Circumstances()
CUSTOMER = EqualsClaim(holder=Holder.PERSON, claim="customer")


def chain(
    claims: Mapping[str, Frozen], agent: Mapping[str, Frozen] | None = None, *, alone: bool = False
) -> Chain:
    """Return a chain of a person, unless the agent acts alone, and an agent, with their claims."""
    person = Principal(id="user:alice", kind=PrincipalKind.USER, claims=claims)
    actor = Principal(id="agent:a", kind=PrincipalKind.AGENT, claims=agent or {})
    return Chain(principals=(actor,) if alone else (person, actor))


@pytest.mark.parametrize(
    ("claim", "value", "fits", "ruled_out"),
    [
        ("c-7", "c-7", True, False),
        ("c-7", "c-8", False, True),
        ("c-7", 7, False, False),
        ("c-7", None, False, False),
        (7, 7, True, False),
        (7, 7.0, False, False),
        (7, "7", False, False),
        (1, True, False, False),
        (True, True, True, False),
        (("c-7", "c-8"), "c-8", True, False),
        (("c-7", "c-8"), "c-9", False, True),
        (("c-7", "c-8"), ("c-7",), False, False),
        ((), "c-7", False, False),
        (None, "c-7", False, False),
        (None, None, False, False),
        ((None,), None, False, False),
        (("c-7", None), "c-7", False, False),
        ({"id": "c-7"}, "c-7", False, False),
        (({"id": "c-7"},), "c-7", False, False),
        (math.nan, math.nan, False, False),
        ("", "", False, False),
    ],
)
def test_an_argument_equals_the_claim_of_the_person(
    claim: object,
    value: Frozen,
    fits: bool,  # noqa: FBT001 - a table of cases
    ruled_out: bool,  # noqa: FBT001 - a table of cases
) -> None:
    """A value satisfies if it equals the claim in type and value, or one value of a list."""
    frozen = claim if isinstance(claim, float) else freeze(claim)
    here = CUSTOMER.in_context(chain({"customer": frozen}), NOTHING)
    assert (here.problem_with(value) is None) is fits
    assert here.rules_out(value) is ruled_out


@pytest.mark.parametrize(
    "who",
    [
        chain({}),
        chain({"Customer": "c-7"}),
        chain({"customer": "c-7"}, alone=True),
        chain({}, {"customer": "c-7"}),
    ],
)
def test_what_is_not_known_of_the_person_equals_nothing(who: Chain) -> None:
    """Neither a claim of somebody else nor a missing one satisfies, or rules out, anything."""
    for here in (CUSTOMER, CUSTOMER.in_context(who, NOTHING)):
        assert here.problem_with("c-7") == (
            "must equal the claim 'customer' of the person that the call is made for"
        )
        assert not here.rules_out("c-8")


def test_the_claims_of_the_actor_are_its_own() -> None:
    """A claim of who makes the call is not taken from the person."""
    region = EqualsClaim(holder=Holder.ACTOR, claim="region")
    here = region.in_context(chain({"region": "eu"}, {"region": "us"}), NOTHING)
    assert here.problem_with("us") is None
    assert here.problem_with("eu") == "must equal the claim 'region' of who makes the call"


def test_the_id_of_a_principal_is_no_claim() -> None:
    """An id compares with the principal itself, whatever a claim of that name says."""
    who = chain({"id": "user:mallory"}, {"id": "agent:mallory"})
    for holder, name in ((Holder.PERSON, "user:alice"), (Holder.ACTOR, "agent:a")):
        here = EqualsClaim(holder=holder, claim="id").in_context(who, NOTHING)
        assert here.problem_with(name) is None
        assert here.problem_with(name.replace("alice", "mallory").replace(":a", ":b")) is not None


def test_a_context_does_not_outlive_its_call() -> None:
    """The constraint of the next call knows nothing of the last one's claims."""
    first = CUSTOMER.in_context(chain({"customer": "c-7"}), NOTHING)
    second = first.in_context(chain({}), NOTHING)
    assert first.problem_with("c-7") is None
    assert second.problem_with("c-7") is not None
    assert first == second == CUSTOMER


NESTED: list[tuple[Constraint, Frozen, Frozen]] = [
    (Items(item=CUSTOMER, most=2), ("c-7",), ("c-7", "c-8")),
    (Members(members=(("of", CUSTOMER, False),)), freeze({"of": "c-7"}), freeze({"of": "c-8"})),
    (AllOf(parts=(CUSTOMER, Length(least=1, most=9))), "c-7", "c-8"),
    (
        Items(item=Members(members=(("of", CUSTOMER, False),)), most=2),
        freeze([{"of": "c-7"}]),
        freeze([{"of": "c-8"}]),
    ),
    (Items(item=PathBelow(roots=("/srv",)), most=2), ("/srv/a",), ("/srv/a", "/etc/a")),
]


@pytest.mark.parametrize(("constraint", "good", "bad"), NESTED)
def test_what_stands_in_another_constraint_is_put_in_context(
    constraint: Constraint, good: Frozen, bad: Frozen
) -> None:
    """Lists, objects and combinations ask what is in them as it is for the call."""
    assert constraint.contextual
    assert constraint.problem_with(good) is not None
    here = constraint.in_context(chain({"customer": "c-7"}), Circumstances(paths=UNLINKED))
    assert here.problem_with(good) is None
    assert here.problem_with(bad) is not None
    assert not here.rules_out(good)


@pytest.mark.parametrize(
    "constraint",
    [
        Anything(),
        Items(item=Anything(), most=2),
        Members(members=(("a", Anything(), False),)),
        AllOf(parts=(Anything(), Anything())),
    ],
)
def test_a_plain_constraint_is_the_same_for_everybody(constraint: Constraint) -> None:
    """What depends on nobody is asked as it stands."""
    assert not constraint.contextual
    assert constraint.in_context(chain({}), NOTHING) is constraint
