# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What must be found out about a conversation is all that a decision depends on."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.policy import (
    Anything,
    ArgumentSpec,
    FlowSpec,
    Policy,
    RuleSpec,
    ToolSpec,
    compile_policy,
)
from agentguard.vocabulary import Effect, Impact, ToolCall

Generated = Callable[[int, int], list[Any]]


@settings(deadline=None, max_examples=200)
@given(seed=st.integers(0, 2**64))
def test_what_is_not_asked_for_changes_no_decision(generated: Generated, seed: int) -> None:
    """A decision is the same without the origins and the state that a policy does not ask for."""
    some = generated(seed, 8)
    policy = compile_policy(some[0].document)
    for case in some:
        known = case.circumstances
        asked = policy.asks_origins(case.call) if isinstance(case.call, ToolCall) else frozenset()
        less = replace(
            known,
            origins={name: each for name, each in known.origins.items() if name in asked},
            conversation=known.conversation if policy.asks_conversation(case.call) else None,
        )
        decided = policy.decide(case.call, case.chain, known)
        assert policy.decide(case.call, case.chain, less) == decided
        if not policy.asks_provenance:
            assert less.origins == {}
            assert less.conversation is None


def test_a_policy_without_origins_asks_for_nothing(policy: Callable[..., Policy]) -> None:
    """A policy without from and without flows needs nothing of a conversation."""
    plain = policy()
    call = ToolCall(id="c", tool="pay", definition="d", received={}, resolved={"x": 1})
    assert not plain.asks_provenance
    assert plain.asks_origins(call) == frozenset()
    assert not plain.asks_conversation(call)


def test_what_stands_nowhere_is_found_out_where_a_rule_or_a_flow_names_it(
    policy: Callable[..., Policy],
) -> None:
    """Only the tools of rules and flows that accept computed values ask for them."""
    call = ToolCall(id="c", tool="pay", definition="d", received={}, resolved={"x": 1})
    tools = (ToolSpec(name="pay", impact=Impact.IRREVERSIBLE),)
    for word, asks in (("nowhere", True), ("user", False)):
        argument = ArgumentSpec(name="x", constraint=Anything(), origins=frozenset({word}))
        one = RuleSpec(
            id="r", who=("agent:a",), effect=Effect.ALLOW, tools=("pay",), arguments=(argument,)
        )
        assert policy(one, tools=tools).accepts_computed(call) is asks
        flow = FlowSpec(id="f", arguments_from=(word,), effect=Effect.DENY)
        plain = replace(one, arguments=(replace(argument, origins=None),))
        assert policy(plain, tools=tools, flows=(flow,)).accepts_computed(call) is asks
