# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What happens to a class depends on the provider that it goes to."""

from dataclasses import replace

import pytest

from agentguard.policy import DestinationSpec, Policy, PolicyDocument, compile_policy, flaws_of
from agentguard.policy.document import IdentitySpec, ProviderSpec, RuleSpec
from agentguard.vocabulary import (
    Action,
    Chain,
    DataClass,
    Decision,
    Effect,
    Facts,
    HideClasses,
    ModelCall,
    Principal,
    PrincipalKind,
)

MAIL = DataClass(name="email", family="pii", action=Action.TOKENISE)
KEY = DataClass(name="api_key", family="secret", action=Action.TOKENISE)
IMAGE = DataClass(name="image", family="media", action=Action.BLOCK)
UNICODE = DataClass(
    name="hidden_unicode", family="answer", action=Action.REDACT, in_answers=Action.REDACT
)
BASE = PolicyDocument(
    name="base",
    identities=(IdentitySpec(id="agent:a"),),
    rules=(
        RuleSpec(
            id="chat",
            who=("agent:a",),
            effect=Effect.ALLOW,
            providers=("near", "far"),
            models=("*",),
        ),
    ),
    classes=(MAIL, KEY, IMAGE, UNICODE),
    providers=(
        ProviderSpec(id="near", hosts=("near.example",)),
        ProviderSpec(id="far", hosts=("far.example",)),
    ),
)
CHAIN = Chain(principals=(Principal(id="agent:a", kind=PrincipalKind.AGENT),))


def at(name: str, provider: str, action: Action) -> DestinationSpec:
    """One line of ``at``."""
    return DestinationSpec(data_class=name, provider=provider, action=action)


def policy(*destinations: DestinationSpec) -> Policy:
    """A policy with these destinations."""
    return compile_policy(replace(BASE, destinations=destinations))


def decided(deciding: Policy, provider: str) -> Decision:
    """The decision about a chat with a model of a provider."""
    call = ModelCall(
        id="c",
        operation="chat",
        verb="POST",
        path="/chat/completions",
        origin=f"https://{provider}.example:443",
        model="m",
        payload={},
    )
    return deciding.decide(call, CHAIN)


def hidden(decision: Decision) -> dict[str, Action]:
    """What a decision demands for each class."""
    (hide,) = [each for each in decision.obligations if isinstance(each, HideClasses)]
    return {name: each.action for name, each in hide.classes.items()}


def test_a_call_carries_the_actions_of_its_provider() -> None:
    """The provider that a destination names gets that action, and the other one the usual."""
    deciding = policy(at("email", "near", Action.LABEL))
    assert hidden(decided(deciding, "near"))["email"] is Action.LABEL
    assert hidden(decided(deciding, "far"))["email"] is Action.TOKENISE


def test_settling_judges_by_the_provider_of_the_call() -> None:
    """A class that is blocked at one provider is refused there alone, and so is let pass."""
    deciding = policy(at("email", "near", Action.BLOCK), at("image", "far", Action.LABEL))
    for name, refused_at in (("email", "near"), ("image", "near")):
        for provider in ("near", "far"):
            decision = deciding.settle(decided(deciding, provider), Facts(counts={name: 1}))
            assert (decision.effect is Effect.DENY) == (provider == refused_at)


def test_destinations_enter_the_digest_whatever_their_order() -> None:
    """Another action at a provider is another policy; the order of the lines is not."""
    one, two = at("email", "near", Action.HASH), at("email", "far", Action.REDACT)
    digests = [policy(*each).digest for each in ((), (one,), (one, two), (two, one))]
    assert len(set(digests)) == 3
    assert digests[2] == digests[3]


@pytest.mark.parametrize(
    ("destination", "message"),
    [
        (at("email", "nowhere", Action.HASH), "provider 'nowhere' is not declared"),
        (at("mail", "near", Action.HASH), "'mail' is not declared"),
        (at("api_key", "near", Action.LABEL), "must be one-way for a secret"),
        (at("api_key", "near", Action.TOKENISE), "must be one-way for a secret"),
        (at("image", "near", Action.REDACT), "must be 'block' or 'label'"),
        (at("hidden_unicode", "near", Action.LABEL), "in what models and tools say only"),
    ],
)
def test_a_destination_that_cannot_be_is_a_flaw(destination: DestinationSpec, message: str) -> None:
    """What is not declared, and what a class of that family cannot have, is told."""
    (flaw,) = flaws_of(replace(BASE, destinations=(destination,)))
    assert message in flaw.message
    assert flaw.path[-2:] == ("at", destination.provider)
