# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What circumstances make of a call, and what is told of it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from agentguard.canonical import freeze
from agentguard.policy import (
    ArgumentSpec,
    IdentitySpec,
    IntBetween,
    LimitSpec,
    Match,
    Policy,
    PolicyDocument,
    ProviderSpec,
    RuleSpec,
    ToolSpec,
)
from agentguard.vocabulary import (
    Action,
    Assurance,
    Chain,
    ChargeLimits,
    Circumstances,
    DataClass,
    Decision,
    Effect,
    Facts,
    Impact,
    ModelCall,
    Principal,
    PrincipalKind,
    Reason,
    Shadow,
    ToolCall,
)

Compiled = Callable[..., Policy]
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
HERE = Circumstances(now=NOW, environment="production", resources=("ORD-1",))
AGENT = Principal(id="agent:a", kind=PrincipalKind.AGENT, assurance=Assurance.TOKEN)
PERSON = Principal(id="user:u1", kind=PrincipalKind.USER, assurance=Assurance.TOKEN)
PLACES: dict[str, Any] = {"environments": ("production", "codegen")}
AMOUNT = ArgumentSpec(name="amount", constraint=IntBetween(low=0, high=1000))
LIMITS: dict[str, Any] = {
    "limits": (LimitSpec(name="few", calls=2), LimitSpec(name="sum", sum="amount", most=500))
}


def rule(**changes: Any) -> RuleSpec:
    """A rule that lets the agent read."""
    return replace(
        RuleSpec(id="r", who=("agent:a",), effect=Effect.ALLOW, tools=("read",)), **changes
    )


def decide(
    policy: Policy,
    circumstances: Circumstances = HERE,
    principals: tuple[Principal, ...] = (AGENT,),
    tool: str = "read",
    **arguments: Any,
) -> Decision:
    """What is decided about a call of a tool."""
    call = ToolCall(
        id="c",
        tool=tool,
        definition="d",
        received={},
        resolved=freeze(arguments),  # type: ignore[arg-type]  # an object
    )
    return policy.decide(call, Chain(principals=principals), circumstances)


def why(decision: Decision) -> tuple[Reason | None, str]:
    """The reason of a denial, and what came closest."""
    assert decision.effect is Effect.DENY
    return decision.reason, str(decision.nearest)


# --- environments


@pytest.mark.parametrize("environment", [None, "elsewhere"])
def test_where_the_policy_has_environments_every_call_is_made_in_one(
    policy: Compiled, environment: str | None
) -> None:
    """Without an environment, or in one that is not declared, nothing is allowed."""
    found = policy(rule(), **PLACES)
    assert decide(found).effect is Effect.ALLOW
    reason, told = why(decide(found, replace(HERE, environment=environment)))
    assert reason is Reason.WRONG_ENVIRONMENT
    assert "'codegen', 'production'" in told


def test_what_is_tied_to_an_environment_is_out_of_reach_in_another(policy: Compiled) -> None:
    """A tool, an identity, a person and a rule tied elsewhere refuse a call, each by its name."""
    there = frozenset({"codegen"})
    tools = (ToolSpec(name="read", impact=Impact.READ_ONLY, environments=there),)
    tied = policy(rule(), tools=tools, **PLACES)
    assert why(decide(tied)) == (
        Reason.WRONG_ENVIRONMENT,
        "nearest rule 'tool read': environments must be one of 'codegen'",
    )
    assert decide(tied, replace(HERE, environment="codegen")).effect is Effect.ALLOW
    identities = (
        IdentitySpec(id="agent:a"),
        IdentitySpec(id="user:u1", environments=there),
    )
    people = policy(rule(persons=("user:*",)), identities=identities, groups={}, **PLACES)
    assert "'user:u1'" in why(decide(people, principals=(PERSON, AGENT)))[1]
    elsewhere = policy(rule(environments=there), **PLACES)
    assert why(decide(elsewhere)) == (
        Reason.WRONG_ENVIRONMENT,
        "nearest rule 'r': environments must be one of 'codegen'",
    )


def test_a_provider_and_a_class_are_reached_in_their_environment_only(policy: Compiled) -> None:
    """The same request is refused by its provider or by what it holds in another environment."""
    there = frozenset({"codegen"})
    providers = (ProviderSpec(id="openai", hosts=("api.openai.com",), environments=there),)
    allowed = RuleSpec(
        id="m", who=("agent:a",), effect=Effect.ALLOW, providers=("openai",), models=("*",)
    )
    call = ModelCall(
        id="c",
        operation="chat",
        verb="POST",
        path="/chat/completions",
        origin="https://api.openai.com:443",
        model="m",
        payload=None,
    )
    chain = Chain(principals=(AGENT,))
    tied = policy(allowed, providers=providers, **PLACES)
    assert why(tied.decide(call, chain, HERE))[0] is Reason.WRONG_ENVIRONMENT
    email = DataClass(name="email", family="pii", action=Action.TOKENISE, environments=there)
    key = DataClass(name="api_key", family="secret", action=Action.REDACT)
    found = policy(allowed, classes=(email, key), **PLACES)
    decision = found.decide(call, chain, HERE)
    facts = Facts(counts={"email": 1})
    assert found.settle(decision, facts, HERE).reason is Reason.CLASS_BLOCKED
    assert found.settle(decision, facts).reason is Reason.CLASS_BLOCKED
    in_its_place = replace(HERE, environment="codegen")
    assert found.settle(decision, facts, in_its_place) is decision


def test_a_rule_that_denies_in_one_environment_leaves_the_others_alone(policy: Compiled) -> None:
    """Where it does not apply, what another rule allows is allowed and offered."""
    deny = rule(id="d", effect=Effect.DENY, environments=frozenset({"codegen"}))
    found = policy(rule(), deny, **PLACES)
    there = replace(HERE, environment="codegen")
    chain = Chain(principals=(AGENT,))
    assert decide(found).effect is Effect.ALLOW
    assert decide(found, there).rule == "d"
    assert found.offered_tools(chain, HERE) == {"read"}
    assert found.offered_tools(chain, there) == frozenset()


# --- who is known, and for how long


def test_everybody_in_the_chain_must_be_known_as_surely_as_is_demanded(policy: Compiled) -> None:
    """One principal that is merely declared, the person included, is one too few."""
    found = policy(rule(persons=("user:*",), assurance=Assurance.TOKEN))
    assert decide(found, principals=(PERSON, AGENT)).effect is Effect.ALLOW
    for weak in (
        (replace(PERSON, assurance=Assurance.DECLARED), AGENT),
        (PERSON, replace(AGENT, assurance=Assurance.LOCAL_KEY)),
    ):
        reason, told = why(decide(found, principals=weak))
        assert reason is Reason.ASSURANCE_TOO_LOW
        assert "assurance must be token or surer" in told


def test_a_principal_whose_evidence_has_ended_may_do_nothing(policy: Compiled) -> None:
    """From the moment of its end on, and when the time is not known, a token counts no more."""
    found = policy(rule(persons=("user:*",)))
    person = replace(PERSON, expires_at=NOW)
    early = replace(HERE, now=NOW - timedelta(seconds=1))
    assert decide(found, early, (person, AGENT)).effect is Effect.ALLOW
    for late in (HERE, replace(HERE, now=None), replace(HERE, now=NOW.replace(tzinfo=None))):
        assert why(decide(found, late, (person, AGENT)))[0] is Reason.IDENTITY_EXPIRED


# --- resources


def test_every_object_that_a_call_is_about_must_be_admitted(policy: Compiled) -> None:
    """One id that does not fit, none at all, or no word of the hook refuse the call."""
    tools = (ToolSpec(name="read", impact=Impact.READ_ONLY, resource="order"),)
    found = policy(rule(resource=Match(pattern="ORD-[0-9]")), tools=tools)
    assert decide(found).effect is Effect.ALLOW
    for ids in (("ORD-1", "INV-1"), (), None):
        reason, told = why(decide(found, replace(HERE, resources=ids)))
        assert reason is Reason.RESOURCE_DENIED
        assert "INV" not in told
    unconditional = policy(rule(), tools=tools)
    assert why(decide(unconditional, replace(HERE, resources=None)))[0] is Reason.RESOURCE_DENIED


def test_a_rule_that_denies_applies_to_objects_that_it_may_be_about(policy: Compiled) -> None:
    """It leaves alone a call that is certainly about other objects only."""
    tools = (ToolSpec(name="read", impact=Impact.READ_ONLY, resource="order"),)
    deny = rule(id="d", effect=Effect.DENY, resource=Match(pattern="SECRET-.*"))
    found = policy(rule(), deny, tools=tools)
    assert decide(found).effect is Effect.ALLOW
    assert decide(found, replace(HERE, resources=("ORD-1", "SECRET-2"))).rule == "d"
    assert decide(found, replace(HERE, resources=None)).rule == "d"


# --- limits


def spent(few: str, total: str = "0") -> Circumstances:
    """Circumstances in which so much is used up."""
    return replace(HERE, spent={"limit:few": Decimal(few), "limit:sum": Decimal(total)})


def charges(decision: Decision) -> dict[str, str]:
    """What a decision counts, by account."""
    return {
        charge.key: str(charge.amount)
        for each in decision.obligations
        if isinstance(each, ChargeLimits)
        for charge in each.charges
    }


def test_a_limit_of_calls_ends_where_it_says(policy: Compiled) -> None:
    """The last call that fits is charged, the next is denied, and so is one of unknown account."""
    found = policy(rule(limits=("few",)), **LIMITS)
    assert charges(decide(found, spent("1"))) == {"limit:few": "1"}
    reason, told = why(decide(found, spent("2")))
    assert reason is Reason.LIMIT_REACHED
    assert "must have enough left of 'few': 2 calls in a session" in told
    assert why(decide(found, replace(HERE, spent={})))[0] is Reason.LIMIT_REACHED


def test_a_sum_beyond_the_limit_is_denied(policy: Compiled) -> None:
    """What is left may be used up to the last, and not beyond."""
    found = policy(rule(arguments=(AMOUNT,), limits=("sum",)), **LIMITS)
    assert decide(found, spent("0", "400"), amount=100).effect is Effect.ALLOW
    assert why(decide(found, spent("0", "400.01"), amount=100))[0] is Reason.LIMIT_REACHED


def test_along_a_chain_the_limits_of_every_agent_count(policy: Compiled) -> None:
    """A call by two agents under two rules is counted under the limits of both."""
    second = rule(id="s", who=("agent:b",), arguments=(AMOUNT,), limits=("sum",))
    first = rule(arguments=(AMOUNT,), limits=("few",))
    found = policy(first, second, **LIMITS)
    both = (AGENT, replace(AGENT, id="agent:b"))
    decision = decide(found, spent("0"), both, amount=5)
    assert charges(decision) == {"limit:few": "1", "limit:sum": "5"}
    assert why(decide(found, spent("2"), both, amount=5))[0] is Reason.LIMIT_REACHED


# --- shadow


def test_a_rule_in_shadow_is_recorded_until_its_day_is_over(policy: Compiled) -> None:
    """Through the whole last day, in UTC, it only shows; then it denies."""
    deny = rule(id="d", effect=Effect.DENY, shadow_until=date(2026, 6, 15))
    found = policy(rule(), deny)
    last = replace(HERE, now=datetime(2026, 6, 15, 23, 59, 59, tzinfo=UTC))
    decision = decide(found, last)
    assert (decision.effect, decision.shadow) == (
        Effect.ALLOW,
        Shadow(effect=Effect.DENY, rule="d"),
    )
    east = timezone(timedelta(hours=5))
    still = replace(HERE, now=datetime(2026, 6, 16, 4, 59, tzinfo=east))
    assert decide(found, still).effect is Effect.ALLOW
    over = decide(found, replace(HERE, now=datetime(2026, 6, 16, 5, tzinfo=east)))
    assert (over.effect, over.rule, over.shadow) == (Effect.DENY, "d", None)
    assert decide(found, replace(HERE, now=None)).rule == "d"


def test_a_rule_that_allows_is_never_in_force_while_it_may_be_in_shadow(policy: Compiled) -> None:
    """It shows what it would allow until its day is over, and then it is as if it were not there."""
    found = policy(rule(shadow_until=date(2026, 6, 15)))
    decision = decide(found)
    assert decision.shadow == Shadow(effect=Effect.ALLOW, rule="r")
    assert "shadow_until must be taken out" in why(decision)[1]
    over = decide(found, replace(HERE, now=NOW + timedelta(days=1)))
    assert over.effect is Effect.DENY
    assert over.shadow is None


def test_a_rule_that_asks_asks_once_its_day_is_over(policy: Compiled) -> None:
    """Before, what it would hold is let through or refused as without it."""
    asks = rule(id="a", effect=Effect.APPROVE, approval="leads", shadow_until=date(2026, 6, 15))
    over = replace(HERE, now=NOW + timedelta(days=1))
    for rules, before in (((asks,), Effect.DENY), ((asks, rule()), Effect.ALLOW)):
        found = policy(*rules)
        decision = decide(found)
        assert decision.effect is before
        assert decision.shadow == Shadow(effect=Effect.APPROVE, rule="a")
        assert decide(found, over).effect is Effect.APPROVE


def test_what_changes_nothing_leaves_no_shadow(policy: Compiled) -> None:
    """A rule in shadow that is not about the call, or decides alike, is not told."""
    deny = rule(id="d", effect=Effect.DENY, shadow_until=date(2026, 6, 15), tools=("any",))
    assert decide(policy(rule(), deny)).shadow is None


def test_the_document_stays_at_hand(policy: Compiled) -> None:
    """A compiled policy gives the document that it was compiled from."""
    found = policy(rule())
    assert isinstance(found.document, PolicyDocument)
    assert found.document.digest == found.digest
