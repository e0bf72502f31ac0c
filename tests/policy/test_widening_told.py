# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What a change of flows, tools and groups lets happen is told where versions are compared."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from agentguard.policy import PolicyDocument, compile_policy, flaws_of
from agentguard.review.difference.tables import Direction, table_changes
from agentguard.vocabulary import AskApproval, Decision, Effect, Impact

SCALE = [Effect.ALLOW, Effect.APPROVE, Effect.DENY]
MEMBERS = (("agent:a",), ("agent:b",), ("agent:a", "service:s"), ("agent:a", "agent:b"))
KINDS = ("flows", "trusted", "impact", "groups", "tool_groups")


def changed(document: PolicyDocument, draw: Any, kind: str) -> PolicyDocument:
    """A policy of which one part, other than its rules, says something else."""
    if kind == "flows":
        drawn = tuple(replace(draw.flow(), id=f"f{n}") for n in range(draw.randint(0, 2)))
        return replace(document, flows=drawn)
    if kind == "groups":
        return replace(document, groups={**document.groups, "bots": draw.choice(MEMBERS)})
    if kind == "tool_groups":
        members = draw.choice([("pay",), ("act",), ("pay", "act", "read")])
        return replace(document, tool_groups={"money": members})
    one = draw.choice([each for each in document.tools if not each.hosted])
    says: dict[str, Any] = {"trusted": draw.choice([(), ("",)])}
    if kind == "impact":
        says = {"impact": draw.choice(list(Impact))}
    tools = tuple(replace(each, **says) if each is one else each for each in document.tools)
    return replace(document, tools=tools)


def asked(decision: Decision) -> list[str]:
    """Whom a decision asks."""
    return [each.profile for each in decision.obligations if isinstance(each, AskApproval)]


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**64))
def test_what_is_decided_more_mildly_is_told(
    draw: Callable[[int], Any], kind: str, seed: int
) -> None:
    """If a call of a tool is decided more mildly, or others are asked, a change is told as such."""
    # Rules stay as they are: what they do with groups and impacts is compared elsewhere.
    made = draw(seed)
    before = made.document()
    before = replace(
        before,
        rules=tuple(
            each
            for each in before.rules
            if not each.impacts
            and not any(name.startswith("group:") for name in each.tools)
            and each.who != ("group:bots",)
        ),
    )
    after = changed(before, made, kind)
    assume(not flaws_of(before) and not flaws_of(after))
    told = {each.direction for each in table_changes(before, after)}
    assume(told)
    one, other = compile_policy(before), compile_policy(after)
    for _ in range(12):
        call, chain = made.tool_call(before), made.chain()
        known = made.circumstances(call)
        first, second = (each.decide(call, chain, known) for each in (one, other))
        milder = SCALE.index(second.effect) < SCALE.index(first.effect)
        others = first.effect is second.effect and asked(first) != asked(second)
        assert not (milder or others) or told & {Direction.WIDER, Direction.CHANGED}
