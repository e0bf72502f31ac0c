# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What the register of providers lays on a call that rules allow, and what settling makes of it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from agentguard.policy import (
    DestinationSpec,
    EgressSpec,
    EvidenceSpec,
    KeySpec,
    Policy,
    ProviderSpec,
    RuleSpec,
    Tier,
)
from agentguard.vocabulary import (
    Action,
    Chain,
    Circumstances,
    DataClass,
    Decision,
    Effect,
    Facts,
    MeetNeeds,
    ModelCall,
    Principal,
    PrincipalKind,
    Reason,
    SignWith,
)

FINGERPRINT = "sha256:" + "a" * 32
LAST = datetime(2026, 6, 30, 12, tzinfo=UTC)
HERE = Circumstances(now=LAST)
NEEDS = EgressSpec(
    needs={"pii": frozenset({Tier.CONTRACTED}), "media": frozenset({Tier.ASSURED})},
    unlabelled=frozenset({Tier.PLANNED}),
)
CLASSES = (
    DataClass(name="email", family="pii", action=Action.LABEL),
    DataClass(name="phone", family="pii", action=Action.TOKENISE),
    DataClass(name="image", family="media", action=Action.LABEL),
    DataClass(name="card", family="pii", action=Action.BLOCK),
)
CHAIN = Chain(principals=(Principal(id="agent:a", kind=PrincipalKind.AGENT),))
RULE = RuleSpec(
    id="r", who=("agent:a",), effect=Effect.ALLOW, providers=("openai", "other"), models=("*",)
)
CALL = ModelCall(
    id="c",
    operation="chat",
    verb="POST",
    path="/chat/completions",
    origin="https://api.openai.com:443",
    model="m",
    payload={"messages": ()},
)


def provider(*tiers: Tier, name: str = "openai", host: str = "api.openai.com") -> ProviderSpec:
    """A provider with evidence of these tiers."""
    return ProviderSpec(
        id=name,
        hosts=(host,),
        evidence=tuple(
            EvidenceSpec(
                tier=tier,
                kind="k",
                sha256="a" * 64,
                reviewed_by="user:cso",
                expires=date(2026, 6, 30),
            )
            for tier in tiers
        ),
    )


Settling = Callable[..., Decision]


@pytest.fixture
def settled(policy: Callable[..., Policy]) -> Settling:
    """Give what decides and settles a call to a provider with these tiers."""

    def settling(
        *tiers: Tier,
        facts: Facts,
        circumstances: Circumstances = HERE,
        egress: EgressSpec | None = NEEDS,
    ) -> Decision:
        found = policy(
            RULE,
            providers=(provider(*tiers), provider(name="other", host="other.example")),
            classes=CLASSES,
            egress=egress,
            destinations=(
                DestinationSpec(data_class="phone", provider="other", action=Action.LABEL),
            ),
            tools=(),
        )
        return found.settle(found.decide(CALL, CHAIN, circumstances), facts, circumstances)

    return settling


@pytest.mark.parametrize(
    ("tier", "facts", "allowed"),
    [
        (Tier.PLANNED, Facts(), True),
        (None, Facts(), False),
        (None, Facts(empty=True), True),
        (Tier.PLANNED, Facts(counts={"email": 1}), False),
        (Tier.PLANNED, Facts(counts={"email": 0}), True),
        (Tier.PLANNED, Facts(counts={"phone": 3}), True),
        (Tier.CONTRACTED, Facts(counts={"email": 1, "phone": 3}), True),
        (Tier.CONTRACTED, Facts(counts={"email": 1, "image": 1}), False),
        (Tier.ASSURED, Facts(counts={"email": 1, "image": 1}), True),
        (Tier.PLANNED, Facts(in_address=frozenset({"email"}), empty=True), False),
        (Tier.CONTRACTED, Facts(in_address=frozenset({"email"}), empty=True), True),
    ],
)
def test_what_is_left_in_clear_decides(
    settled: Settling, tier: Tier | None, facts: Facts, *, allowed: bool
) -> None:
    """The strictest of the classes that pass, and of text without findings, must be met."""
    decision = settled(*(() if tier is None else (tier,)), facts=facts)
    assert (decision.effect is Effect.ALLOW) is allowed
    if not allowed:
        assert decision.reason is Reason.PROVIDER_TIER
        assert decision.nearest is not None
        assert decision.nearest.rule == "openai"
        assert decision.hint


def test_evidence_ends_with_its_day(settled: Settling) -> None:
    """A call that is allowed at the last second of the last day is denied a second later."""
    last = datetime(2026, 6, 30, 23, 59, 59, tzinfo=UTC)
    found = Facts(counts={"email": 1})
    for after, effect in ((0, Effect.ALLOW), (1, Effect.DENY)):
        now = Circumstances(now=last + timedelta(seconds=after))
        assert settled(Tier.CONTRACTED, facts=found, circumstances=now).effect is effect


def test_without_a_time_no_evidence_counts(settled: Settling) -> None:
    """A call of which the time is not known is denied whatever needs evidence."""
    decision = settled(Tier.ASSURED, facts=Facts(), circumstances=Circumstances())
    assert decision.reason is Reason.PROVIDER_TIER


def test_what_may_never_leave_is_told_as_that(settled: Settling) -> None:
    """A class that is blocked is refused as such, whatever the provider has shown."""
    assert settled(facts=Facts(counts={"card": 1})).reason is Reason.CLASS_BLOCKED


def test_without_needs_and_keys_a_call_has_no_such_duty(settled: Settling) -> None:
    """A policy without [egress] and keys lets data go to every provider that rules allow."""
    decision = settled(egress=None, facts=Facts(counts={"email": 1, "image": 1}))
    assert decision.effect is Effect.ALLOW
    assert not [d for d in decision.obligations if isinstance(d, MeetNeeds | SignWith)]


def test_a_class_is_held_against_how_it_is_treated_on_the_way(
    policy: Callable[..., Policy],
) -> None:
    """A class that passes to one provider alone needs evidence there alone."""
    found = policy(
        RULE,
        providers=(provider(Tier.PLANNED), provider(Tier.PLANNED, name="other", host="o.example")),
        classes=CLASSES,
        egress=NEEDS,
        tools=(),
        destinations=(DestinationSpec(data_class="phone", provider="other", action=Action.LABEL),),
    )
    for origin, effect in ((CALL.origin, Effect.ALLOW), ("https://o.example:443", Effect.DENY)):
        decision = found.decide(replace(CALL, origin=origin), CHAIN, HERE)
        assert found.settle(decision, Facts(counts={"phone": 1}), HERE).effect is effect


def test_a_key_is_decided_behind_the_rules(policy: Callable[..., Policy]) -> None:
    """A wrong key denies what rules allow, and a call that no rule allows is told as that."""
    listed = replace(provider(), keys=(KeySpec(fingerprint=FINGERPRINT, who=("agent:a",)),))
    found = policy(replace(RULE, providers=("openai",)), providers=(listed,))
    right = found.decide(replace(CALL, credential=FINGERPRINT), CHAIN, HERE)
    duty = next(each for each in right.obligations if isinstance(each, SignWith))
    assert duty.keys.only == frozenset({FINGERPRINT})
    wrong = found.decide(replace(CALL, credential="sha256:" + "b" * 32), CHAIN, HERE)
    assert (wrong.effect, wrong.reason) == (Effect.DENY, Reason.WRONG_KEY)
    nobody = policy(providers=(listed,)).decide(replace(CALL, credential="x"), CHAIN, HERE)
    assert nobody.reason is Reason.NOT_ALLOWLISTED


def test_calls_inside_a_call_are_sent_with_its_key(policy: Callable[..., Policy]) -> None:
    """A batch is sent once, so that only its own key is decided on."""
    listed = replace(provider(), keys=(KeySpec(fingerprint=FINGERPRINT, who=("agent:a",)),))
    found = policy(replace(RULE, providers=("openai",)), providers=(listed,), egress=NEEDS)
    batch = replace(CALL, credential=FINGERPRINT, inner=(CALL, CALL))
    decision = found.decide(batch, CHAIN, HERE)
    assert decision.effect is Effect.ALLOW
    assert sum(isinstance(each, SignWith) for each in decision.obligations) == 1
    assert sum(isinstance(each, MeetNeeds) for each in decision.obligations) == 1


def test_the_register_is_named_where_it_decides(policy: Callable[..., Policy]) -> None:
    """A policy with evidence, needs or keys has a digest of its register, another one none."""
    assert (
        policy(RULE, providers=(provider(), provider(name="other", host="o.example"))).gate.digest
        is None
    )
    held = policy(
        RULE, providers=(provider(Tier.ASSURED), provider(name="other", host="o.example"))
    )
    assert held.gate.digest is not None
    assert held.gate.tier("openai", LAST) == "assured"
    assert held.gate.tier("openai", LAST + timedelta(days=1)) == "none"
    assert held.gate.tier("openai", None) == "none"
