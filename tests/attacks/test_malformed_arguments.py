# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Malformed arguments, which let calls through in engines that compare without types.

The story: "permit pay, forbid when amount > 100" let half of the malformed amounts through in
engines that skip a rule whose comparison fails, and a negative amount in all of them.
"""

import math
from collections.abc import Mapping
from decimal import Decimal

import pytest

from agentguard.canonical import Frozen
from agentguard.policy import (
    Anything,
    ArgumentSpec,
    Const,
    Constraint,
    DecimalBetween,
    IdentitySpec,
    IntBetween,
    NumberBetween,
    OneOf,
    Policy,
    PolicyDocument,
    RuleSpec,
    ToolSpec,
    compile_policy,
    flaws_of,
)
from agentguard.vocabulary import (
    Chain,
    Effect,
    Impact,
    Principal,
    PrincipalKind,
    ToolCall,
)

CHAIN = Chain(principals=(Principal(id="agent:a", kind=PrincipalKind.AGENT),))

# What a model can write instead of an amount from 0 to 100.
MALFORMED: dict[str, Frozen] = {
    "text": "5000",
    "text in range": "50",
    "true": True,
    "list": (5000,),
    "list in range": (50,),
    "null": None,
    "fraction beyond": 5000.5,
    "too large for JSON": 2**70,
    "negative and too large": -(2**70),
    "not a number": math.nan,
    "infinite": math.inf,
    "infinitely little": -math.inf,
    "negative": -5000,
    "beyond": 101,
    "just beyond": 2**53,
    "object": {"amount": 50},
    "empty text": "",
    "empty list": (),
    "empty object": {},
    "hexadecimal": "0x32",
    "exponent": "5e1",
    "grouped": "1,000",
    "with blanks": " 50 ",
    "full width": "５０",  # noqa: RUF001 - the evasion
    "arabic digits": "٥٠",  # noqa: RUF001 - the evasion
    "underscore": "5_0",
    "octal": "0062",
    "line break": "50\n",
    "text that is no number": "nan",
    "text that is endless": "Infinity",
    "two points": "5.0.0",
    "a point and nothing": "50.",
    "nothing and a point": ".5",
    "two signs": "--50",
    "a minus of another kind": "−50",  # noqa: RUF001 - the evasion
    "negative text": "-5000.00",
    "many decimals": "50.001",
    "very long": "1" * 5000,
    "nul": "50\x00",
    "lone surrogate": "\ud800",
}
KINDS: dict[str, tuple[Constraint, Constraint, Frozen]] = {
    "int": (IntBetween(low=0, high=100), IntBetween(low=101, high=10**6), 50),
    "number": (NumberBetween(low=0, high=100), NumberBetween(low=100.01, high=10**6), 50.5),
    "decimal": (
        DecimalBetween(low=Decimal(0), high=Decimal(100), places=2),
        DecimalBetween(low=Decimal("100.01"), high=Decimal(10**6), places=2),
        "50.50",
    ),
    "in": (OneOf(options=(25, 75)), OneOf(options=(5000, 6000)), 75),
    "const": (Const(value=75), Const(value=5000), 75),
}
# Plain decimal text is well formed for one kind only, and within its range.
WELL_FORMED = {("decimal", "text in range")}
# What is of the right type and certainly not what the deny rule is about.
ELSEWHERE = {
    "int": {"negative"},
    "number": {"negative"},
    "decimal": {"text in range", "negative text", "many decimals"},
    "in": {"negative", "beyond"},
    "const": {"negative", "beyond"},
}
ROWS = [(kind, name) for kind in KINDS for name in MALFORMED]


def policy(*rules: RuleSpec) -> Policy:
    """Compile a policy with these rules about one tool."""
    document = PolicyDocument(
        name="payments",
        identities=(IdentitySpec(id="agent:a"),),
        tools=(ToolSpec(name="pay", impact=Impact.IRREVERSIBLE),),
        rules=rules,
    )
    assert flaws_of(document) == ()
    return compile_policy(document)


def decided(policy: Policy, arguments: Mapping[str, Frozen]) -> Effect:
    """Decide a payment with these arguments."""
    call = ToolCall(id="c", tool="pay", definition="d", received=arguments, resolved=arguments)
    return policy.decide(call, CHAIN).effect


def rule(name: str, effect: Effect, constraint: Constraint) -> RuleSpec:
    """Return a rule about payments."""
    listed = (ArgumentSpec(name="amount", constraint=constraint),)
    return RuleSpec(id=name, who=("agent:a",), effect=effect, tools=("pay",), arguments=listed)


@pytest.mark.parametrize(("kind", "name"), ROWS)
def test_no_malformed_amount_is_allowed(kind: str, name: str) -> None:
    """A rule that allows a range allows no value that is not within it as what it is."""
    allow = policy(rule("pay", Effect.ALLOW, KINDS[kind][0]))
    expected = Effect.ALLOW if (kind, name) in WELL_FORMED else Effect.DENY
    assert decided(allow, {"amount": MALFORMED[name]}) is expected
    assert decided(allow, {"amount": KINDS[kind][2]}) is Effect.ALLOW


@pytest.mark.parametrize(("kind", "name"), ROWS)
def test_no_malformed_amount_leads_out_of_a_deny_rule(kind: str, name: str) -> None:
    """A rule that denies a range also denies whatever is not certainly outside of it."""
    both = policy(rule("any", Effect.ALLOW, Anything()), rule("large", Effect.DENY, KINDS[kind][1]))
    expected = Effect.ALLOW if name in ELSEWHERE[kind] else Effect.DENY
    assert decided(both, {"amount": MALFORMED[name]}) is expected


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_amount_is_denied_either_way(kind: str) -> None:
    """Leaving the amount out satisfies no rule that allows, and is caught by one that denies."""
    optional = RuleSpec(
        id="any",
        who=("agent:a",),
        effect=Effect.ALLOW,
        tools=("pay",),
        arguments=(ArgumentSpec(name="amount", constraint=Anything(), optional=True),),
    )
    assert decided(policy(rule("pay", Effect.ALLOW, KINDS[kind][0])), {}) is Effect.DENY
    assert decided(policy(optional), {}) is Effect.ALLOW
    assert decided(policy(optional, rule("large", Effect.DENY, KINDS[kind][1])), {}) is Effect.DENY


@pytest.mark.parametrize("kind", KINDS)
def test_an_unlisted_argument_is_denied(kind: str) -> None:
    """An argument that the rule does not list is refused beside one that fits."""
    allow = policy(rule("pay", Effect.ALLOW, KINDS[kind][0]))
    assert decided(allow, {"amount": KINDS[kind][2], "to": "mallory"}) is Effect.DENY
