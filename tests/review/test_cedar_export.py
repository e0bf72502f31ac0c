# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A policy in Cedar says what it says, for each kind of constraint and each malformed argument."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from types import MappingProxyType

import cedarpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.canonical import Frozen, freeze
from agentguard.policy import (
    AllOf,
    Anything,
    ArgumentSpec,
    Const,
    Constraint,
    DeciderSpec,
    DecimalBetween,
    Each,
    EqualsClaim,
    Forbidden,
    Holder,
    IdentitySpec,
    IntBetween,
    Items,
    Length,
    Match,
    Members,
    NumberBetween,
    OneOf,
    PolicyDocument,
    Prefix,
    RuleSpec,
    SecretStoreSpec,
    ToolSpec,
)
from agentguard.review.cedar import CedarPolicy, export_to_cedar, questions_about
from agentguard.vocabulary import (
    Chain,
    Circumstances,
    Effect,
    Impact,
    Principal,
    PrincipalKind,
    ToolCall,
)

BASE = PolicyDocument(
    name="base",
    identities=(IdentitySpec(id="agent:a"),),
    tools=(ToolSpec(name="pay", impact=Impact.IRREVERSIBLE),),
)
PERSON = Principal(
    id="user:u", kind=PrincipalKind.USER, claims={"customer": "c1", "orders": ("o1", 7)}
)
CHAIN = Chain(principals=(PERSON, Principal(id="agent:a", kind=PrincipalKind.AGENT)))


def rule(effect: Effect, *arguments: ArgumentSpec, name: str = "r") -> RuleSpec:
    """A rule about the tool for the agent and any person."""
    return RuleSpec(
        id=name,
        who=("agent:a",),
        persons=("user:*",),
        effect=effect,
        tools=("pay",),
        arguments=arguments,
    )


def exported(*rules: RuleSpec, base: PolicyDocument = BASE) -> CedarPolicy:
    """The export of a policy with these rules, which must be valid under its schema."""
    policy = export_to_cedar(replace(base, rules=rules))
    found = cedarpy.validate_policies(policy.policies, policy.schema)
    assert found.validation_passed, [str(error) for error in found.errors]
    return policy


def allowed(
    policy: CedarPolicy,
    arguments: dict[str, object],
    circumstances: Circumstances | None = None,
    chain: Chain = CHAIN,
) -> bool:
    """Whether Cedar lets the tool be called unattended."""
    frozen = MappingProxyType({name: freeze(value) for name, value in arguments.items()})
    call = ToolCall(id="c", tool="pay", definition="d", received=frozen, resolved=frozen)
    questions = questions_about(policy, call, chain, circumstances or Circumstances())
    assert questions is not None
    requests = [
        {
            "principal": each.principal,
            "action": each.unattended,
            "resource": each.resource,
            "context": dict(each.context),
        }
        for each in questions
    ]
    answers = cedarpy.is_authorized_batch(requests, policy.policies, policy.entities, policy.schema)
    assert [each.diagnostics.errors for each in answers] == [[]] * len(answers)
    return all(each.decision is cedarpy.Decision.Allow for each in answers)


MALFORMED: Sequence[tuple[str, dict[str, object]]] = (
    ("missing", {}),
    ("text", {"amount": "5000"}),
    ("boolean", {"amount": True}),
    ("list", {"amount": [5000]}),
    ("null", {"amount": None}),
    ("fraction", {"amount": 5000.5}),
    ("whole fraction", {"amount": 50.0}),
    ("negative", {"amount": -5000}),
    ("object", {"amount": {"value": 50}}),
)


@pytest.mark.parametrize(
    "arguments", [each for _, each in MALFORMED], ids=[n for n, _ in MALFORMED]
)
def test_no_malformed_argument_is_allowed(arguments: dict[str, object]) -> None:
    """A rule that allows an amount from 1 to 100 allows no malformed one in Cedar."""
    policy = exported(
        rule(Effect.ALLOW, ArgumentSpec(name="amount", constraint=IntBetween(low=1, high=100)))
    )
    assert allowed(policy, {"amount": 50})
    assert not allowed(policy, arguments)


@pytest.mark.parametrize(
    "arguments", [each for _, each in MALFORMED], ids=[n for n, _ in MALFORMED]
)
def test_a_deny_rule_meets_every_malformed_argument(arguments: dict[str, object]) -> None:
    """A rule that denies what is not certainly a small amount denies malformed ones in Cedar."""
    anything = rule(Effect.ALLOW, ArgumentSpec(name="amount", constraint=Anything(), optional=True))
    denied = ArgumentSpec(name="amount", constraint=IntBetween(low=101, high=2**53 - 1))
    policy = exported(anything, rule(Effect.DENY, denied, name="d"))
    assert allowed(policy, {"amount": 50})
    assert allowed(policy, arguments) is (arguments.get("amount") == -5000)


CONSTRAINTS: tuple[Constraint, ...] = (
    IntBetween(low=-1, high=3),
    NumberBetween(low=-0.5, high=2),
    NumberBetween(low=0, high=0),
    DecimalBetween(low=Decimal("0.01"), high=Decimal("500.00"), places=2),
    DecimalBetween(low=Decimal("-1.5"), high=Decimal("0.0001")),
    DecimalBetween(low=Decimal("0.00001"), high=Decimal(10**30)),
    OneOf(options=("a", 1, 1.0, True, "\u00e9")),
    Const(value=0.0),
    Const(value='say "so" \\ *'),
    Match(pattern="[a-z]+"),
    Prefix(text="\u00e9"),
    Prefix(text="*"),
    Length(least=1, most=2),
    AllOf(parts=(Prefix(text="a"), Length(least=0, most=3))),
    Each(options=("a", 1, "\u00e9"), most=2, least=0),
    Items(item=IntBetween(low=0, high=3), most=2, unique=True),
    Members(members=(("k", IntBetween(low=0, high=1), False), ("l", Anything(), True))),
    Forbidden(),
    Anything(),
    EqualsClaim(holder=Holder.PERSON, claim="customer"),
    EqualsClaim(holder=Holder.PERSON, claim="orders"),
    EqualsClaim(holder=Holder.PERSON, claim="id"),
    EqualsClaim(holder=Holder.ACTOR, claim="unheard_of"),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, 1.0, -0.5, 2.0, 2.0000000000000004, 5e-324]),
    st.text(max_size=4),
    st.sampled_from(
        ["a", "\u00e9", "e\u0301", "c1", "o1", "user:u", "agent:a", "*a", "other", "null"]
    ),
    st.decimals(-2, 501, allow_nan=False, places=2).map(str),
    st.sampled_from(["0.005", "0.00009", "0.0001", "1e3", "-0", "+1.50", "10" * 20, "500.0000"]),
    st.sampled_from(['say "so" \\ *']),
)
VALUES = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=3),
    st.dictionaries(st.sampled_from(["k", "l", "__extn"]), SCALARS, max_size=2),
)


@cache
def exported_both_ways(index: int) -> tuple[CedarPolicy, CedarPolicy]:
    """The exports of a policy that allows what satisfies a constraint, and of one that denies it."""
    argument = ArgumentSpec(name="x", constraint=CONSTRAINTS[index])
    anything = rule(Effect.ALLOW, ArgumentSpec(name="x", constraint=Anything()))
    return (
        exported(rule(Effect.ALLOW, argument)),
        exported(anything, rule(Effect.DENY, argument, name="d")),
    )


@settings(deadline=None, max_examples=300)
@given(index=st.integers(0, len(CONSTRAINTS) - 1), value=VALUES)
def test_a_condition_holds_exactly_when_the_constraint_says_so(index: int, value: object) -> None:
    """Cedar allows what satisfies a constraint, and denies what it does not certainly rule out."""
    frozen: Frozen = freeze(value)
    here = CONSTRAINTS[index].in_context(CHAIN, Circumstances())
    allows, denies = exported_both_ways(index)
    assert allowed(allows, {"x": value}) is (here.problem_with(frozen) is None)
    assert allowed(denies, {"x": value}) is here.rules_out(frozen)


@pytest.mark.parametrize(
    "name", ["amount", "if", 'say "so"', "x (text)", "a.b", "__cedar", "\u00e9", "line\nbreak", ")"]
)
def test_names_of_arguments_may_hold_anything(name: str) -> None:
    """An argument is read under its own name, whatever characters that holds."""
    policy = exported(rule(Effect.ALLOW, ArgumentSpec(name=name, constraint=Const(value="yes"))))
    assert allowed(policy, {name: "yes"})
    assert not allowed(policy, {name: "no"})
    assert not allowed(policy, {"other": "yes"})


def test_two_views_of_arguments_share_no_attribute() -> None:
    """An argument whose name looks like a view of another one is another argument in Cedar."""
    policy = exported(
        rule(
            Effect.ALLOW,
            ArgumentSpec(name="x", constraint=OneOf(options=("a", 1))),
            ArgumentSpec(name="x (text)", constraint=Const(value="b")),
        )
    )
    assert allowed(policy, {"x": "a", "x (text)": "b"})
    assert not allowed(policy, {"x": "b", "x (text)": "b"})
    assert not allowed(policy, {"x": "a", "x (text)": "a"})


def test_an_unlisted_argument_is_not_allowed() -> None:
    """An argument that no rule lists keeps Cedar from permitting the call."""
    policy = exported(rule(Effect.ALLOW, ArgumentSpec(name="x", constraint=Anything())))
    assert allowed(policy, {"x": 1})
    assert not allowed(policy, {"x": 1, "y": 1})


def test_a_rule_in_shadow_is_read_strictly_without_a_time() -> None:
    """A deny rule in shadow denies in Cedar unless it is known that its day is not over."""
    shadowed = replace(
        rule(Effect.DENY, name="d"), shadow_until=date(2026, 6, 15), shadow_irreversible=True
    )
    policy = exported(rule(Effect.ALLOW), shadowed)
    assert not allowed(policy, {})
    assert allowed(policy, {}, Circumstances(now=datetime(2026, 6, 15, 23, 59, 59, tzinfo=UTC)))
    assert not allowed(policy, {}, Circumstances(now=datetime(2026, 6, 16, tzinfo=UTC)))
    never = exported(replace(shadowed, effect=Effect.ALLOW))
    assert not allowed(never, {}, Circumstances(now=datetime(2026, 6, 15, tzinfo=UTC)))


def test_places_of_secrets_are_out_of_reach_in_cedar() -> None:
    """A call that names a place of secrets is denied by the export, whatever rules say."""
    stores = (SecretStoreSpec(name="vault", hosts=("vault.example",)),)
    base = replace(BASE, secret_stores=stores)
    policy = exported(rule(Effect.ALLOW, ArgumentSpec(name="x", constraint=Anything())), base=base)
    assert allowed(policy, {"x": "https://other.example/"})
    assert not allowed(policy, {"x": "https://VAULT.example/secret"})


def test_what_a_decider_says_has_to_be_told() -> None:
    """A call that an extra decider is asked about is denied until its answer is a told fact."""
    policy = exported(
        rule(Effect.ALLOW), base=replace(BASE, deciders=(DeciderSpec(name="opa", models=True),))
    )
    assert not allowed(policy, {})
    assert "decider opa allows call_unattended" in policy.asked_for


def test_facts_are_told_that_cedar_cannot_find_out() -> None:
    """The export lists what has to be found out for Cedar, and nothing that it can do itself."""
    policy = exported(
        rule(
            Effect.ALLOW,
            ArgumentSpec(name="x", constraint=Match(pattern="[ab]+")),
            ArgumentSpec(name="y", constraint=Prefix(text="a")),
        )
    )
    assert policy.asked_for == ('x satisfies {"match":"[ab]+"}',)


def test_the_order_of_the_rules_does_not_matter() -> None:
    """The export of a policy is the same whatever order its rules stand in."""
    rules = (rule(Effect.ALLOW, name="b"), rule(Effect.DENY, name="a"))
    assert exported(*rules).policies == exported(*reversed(rules)).policies
    assert json.loads(exported(*rules).entities)
