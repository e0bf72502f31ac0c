# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A default deny says which rule came closest, and what it demands."""

from collections.abc import Mapping
from types import MappingProxyType

import pytest

from agentguard.canonical import Frozen
from agentguard.policy import (
    Anything,
    ArgumentSpec,
    IdentitySpec,
    IntBetween,
    Match,
    Policy,
    PolicyDocument,
    ProviderSpec,
    RuleSpec,
    ToolSpec,
    compile_policy,
)
from agentguard.policy.nearest import MOST_RULES_COMPARED
from agentguard.vocabulary import (
    Chain,
    Effect,
    Impact,
    ModelCall,
    Nearest,
    Principal,
    PrincipalKind,
    ToolCall,
)

CANARY = "canary-7f3a"
ORDER = ArgumentSpec(name="order", constraint=Match(pattern="ORD-[0-9]{8}"))


def amount(low: int, high: int) -> ArgumentSpec:
    """An amount within bounds."""
    return ArgumentSpec(name="amount", constraint=IntBetween(low=low, high=high))


def refund(name: str, *arguments: ArgumentSpec, persons: tuple[str, ...] = ("user:*",)) -> RuleSpec:
    """A rule that lets the support agent refund."""
    return RuleSpec(
        id=name,
        who=("agent:support",),
        persons=persons,
        effect=Effect.ALLOW,
        tools=("refund",),
        arguments=arguments,
    )


def compiled(*rules: RuleSpec) -> Policy:
    """A policy with two agents, two tools and a provider."""
    return compile_policy(
        PolicyDocument(
            name="p",
            identities=(IdentitySpec(id="agent:support"), IdentitySpec(id="agent:other")),
            tools=(
                ToolSpec(name="refund", impact=Impact.IRREVERSIBLE),
                ToolSpec(name="delete", impact=Impact.IRREVERSIBLE),
            ),
            providers=(ProviderSpec(id="openai", hosts=("api.openai.com",)),),
            rules=rules,
        )
    )


def chain(actor: str, person: str | None = "user:alice") -> Chain:
    """An agent that acts for somebody or for nobody."""
    agent = Principal(id=actor, kind=PrincipalKind.AGENT)
    if person is None:
        return Chain(principals=(agent,))
    return Chain(principals=(Principal(id=person, kind=PrincipalKind.USER), agent))


def nearest(
    policy: Policy,
    arguments: Mapping[str, Frozen],
    tool: str = "refund",
    actor: str = "agent:support",
    person: str | None = "user:alice",
) -> Nearest | None:
    """What came nearest to allowing a tool call."""
    frozen = MappingProxyType(dict(arguments))
    call = ToolCall(id="c", tool=tool, definition="", received=frozen, resolved=frozen)
    decision = policy.decide(call, chain(actor, person))
    assert decision.effect is Effect.DENY
    assert CANARY not in repr(decision)
    return decision.nearest


SMALL = refund("small", ORDER, amount(1, 100))
LARGE = refund("large", amount(500, 900), ORDER)


def test_the_rule_with_the_most_satisfied_constraints_is_nearest() -> None:
    """The first failing constraint of the rule that got furthest is named, without the value."""
    found = nearest(compiled(SMALL, LARGE), {"order": "ORD-00012345", "amount": 200})
    assert str(found) == "nearest rule 'small': args.amount must be an integer from 1 to 100"
    found = nearest(compiled(SMALL, LARGE), {"order": CANARY, "amount": 600})
    assert str(found) == "nearest rule 'large': args.order must match 'ORD-[0-9]{8}' in full"


def test_a_missing_argument_is_named() -> None:
    """A missing argument is the first failing constraint, with what it must be."""
    found = nearest(compiled(SMALL), {"order": "ORD-00012345"})
    assert found == Nearest(
        rule="small",
        constraint="args.amount",
        problem="is missing and must be an integer from 1 to 100",
    )


@pytest.mark.parametrize(
    ("name", "shown"),
    [("note", "args.note"), (f"{CANARY} and more text", "args"), ("x" * 65, "args")],
)
def test_an_unlisted_argument_is_named_if_it_looks_like_a_name(name: str, shown: str) -> None:
    """The name of an unlisted argument is told, but not text that stands in its place."""
    found = nearest(compiled(SMALL), {"order": "ORD-00012345", "amount": 5, name: CANARY})
    assert found == Nearest(
        rule="small", constraint=shown, problem="is not listed in the rule and must be absent"
    )


def test_the_person_is_checked_first() -> None:
    """A rule that is not for this person fails there, whatever its arguments are."""
    policy = compiled(refund("r", amount(1, 2), persons=("user:bob", "user:carol")))
    found = nearest(policy, {"amount": CANARY})
    assert str(found) == "nearest rule 'r': for must be one of 'user:bob', 'user:carol'"
    attended = nearest(compiled(SMALL), {}, person=None)
    assert attended is not None
    assert attended.constraint == "for"
    autonomous = nearest(compiled(refund("r", persons=())), {})
    assert autonomous is not None
    assert autonomous.problem == "must be nobody: the rule is about autonomous calls only"


def test_a_rule_for_somebody_else_is_named_with_who() -> None:
    """Where no rule names the actor, a rule for the tool is named with whom it names."""
    found = nearest(compiled(SMALL, LARGE), {}, actor="agent:other")
    assert found == Nearest(
        rule="large", constraint="who", problem="must be one of 'agent:support'"
    )


def test_nothing_is_nearest_where_no_rule_is() -> None:
    """A tool that no rule names has no nearest rule."""
    assert nearest(compiled(SMALL), {}, tool="delete") is None


def test_a_deny_rule_is_never_nearest() -> None:
    """A deny rule that was avoided is not what came close to allowing the call."""
    deny = RuleSpec(
        id="deny",
        who=("agent:support",),
        persons=("user:*",),
        effect=Effect.DENY,
        tools=("refund",),
        arguments=(amount(500, 900),),
    )
    assert nearest(compiled(deny), {"amount": 5}) is None


def test_the_search_is_bounded() -> None:
    """Of many rules only a bounded number is compared, always the same."""
    asked = []

    class Counting(Anything):
        def problem_with(self, value: Frozen) -> str | None:
            asked.append(1)
            return "must be something else"

    argument = ArgumentSpec(name="x", constraint=Counting())
    count = 3 * MOST_RULES_COMPARED
    policy = compiled(*(refund(f"r{index:04}", argument) for index in range(count)))
    found = nearest(policy, {"x": 1})
    assert len(asked) == count + MOST_RULES_COMPARED
    assert found is not None
    assert found.rule == "r0000"


@pytest.mark.parametrize(
    ("change", "constraint", "problem"),
    [
        ({"model": CANARY}, "model", "must be one of 'gpt-4o', 'o*'"),
        ({"operation": "embeddings"}, "operation", "must be one of 'chat'"),
    ],
)
def test_a_model_call_is_explained(change: dict[str, str], constraint: str, problem: str) -> None:
    """A denied model call names the operation or the model that the rule demands."""
    rule = RuleSpec(
        id="chat",
        who=("agent:support",),
        persons=("user:*",),
        effect=Effect.ALLOW,
        providers=("openai",),
        models=("gpt-4o", "o*"),
    )
    parts = {"model": "gpt-4o", "operation": "chat"} | change
    call = ModelCall(
        id="c",
        verb="POST",
        path="/",
        origin="https://api.openai.com",
        payload=None,
        model=parts["model"],
        operation=parts["operation"],
    )
    policy = compiled(rule)
    found = policy.decide(call, chain("agent:support")).nearest
    assert found == Nearest(rule="chat", constraint=constraint, problem=problem)
    other = policy.decide(call, chain("agent:other")).nearest
    assert other == Nearest(rule="chat", constraint="who", problem="must be one of 'agent:support'")
    unattended = policy.decide(call, chain("agent:support", None)).nearest
    assert unattended == Nearest(rule="chat", constraint="for", problem="must be one of 'user:*'")
