# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What a change of one table does through others is not told as harmless."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agentguard.policy import (
    Anything,
    ArgumentSpec,
    BudgetSpec,
    FlowSpec,
    KeySpec,
    PolicyDocument,
    ProvenanceSpec,
    ProviderSpec,
    RateSpec,
    RuleSpec,
    ToolSpec,
)
from agentguard.review.difference.tables import Direction, table_changes
from agentguard.vocabulary import ApprovalProfile, Approver, Effect, Impact, UserMessages

KEY = "ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
LEADS, OTHERS = (
    ApprovalProfile(
        name=name,
        approvers=(Approver(id=person, key=KEY),),
        need=1,
        decide_within=timedelta(hours=1),
        execute_within=timedelta(hours=1),
        wait=timedelta(),
    )
    for name, person in (("leads", "user:carol"), ("others", "user:dave"))
)
PAY = ToolSpec(name="pay", impact=Impact.REVERSIBLE, trusted=("/name",))
LISTED = KeySpec(fingerprint="sha256:" + "a" * 32, who=("group:team",))
OPENAI = ProviderSpec(id="openai", hosts=("api.openai.com",))
ASKING = RuleSpec(id="r", who=("agent:a",), effect=Effect.APPROVE, tools=("pay",), approval="leads")
FLOW = FlowSpec(id="f", tools=("pay",), effect=Effect.APPROVE, approval="others")
BASE = PolicyDocument(
    name="p",
    groups={"team": ("user:u", "user:v"), "unused": ("user:u", "user:v")},
    tool_groups={"money": ("pay", "read"), "unused": ("pay", "read")},
    tools=(PAY, ToolSpec(name="read", impact=Impact.READ_ONLY)),
    profiles=(LEADS, OTHERS),
    providers=(OPENAI,),
)
FEWER: dict[str, Any] = {"groups": {"team": ("user:u",), "unused": ("user:u",)}}
FEWER_TOOLS: dict[str, Any] = {"tool_groups": {"money": ("pay",), "unused": ("pay",)}}
WANTS = (ArgumentSpec(name="to", constraint=Anything(), origins=frozenset({"user"})),)
DENIES = replace(ASKING, effect=Effect.DENY, approval=None, arguments=WANTS)
UNTRUSTED: dict[str, Any] = {"tools": (replace(PAY, trusted=()), BASE.tools[1])}
TOLD: dict[str, Any] = {"provenance": ProvenanceSpec(user_messages=UserMessages.TOLD)}
DEARER: dict[str, Any] = {"tools": (replace(PAY, impact=Impact.IRREVERSIBLE), BASE.tools[1])}
CASES: tuple[tuple[dict[str, Any], dict[str, Any], str], ...] = (
    ({"budgets": (BudgetSpec(name="b", who=("group:team",), calls=1),)}, FEWER, "groups.team"),
    ({"rates": (RateSpec(name="r", rate="1/day", who=("group:team",)),)}, FEWER, "groups.team"),
    ({"flows": (replace(FLOW, who=("group:team",)),)}, FEWER, "groups.team"),
    ({"providers": (replace(OPENAI, keys=(LISTED,)),)}, FEWER, "groups.team"),
    (
        {"budgets": (BudgetSpec(name="b", tools=("group:money",), calls=1),)},
        FEWER_TOOLS,
        "tool_groups.money",
    ),
    ({"flows": (replace(FLOW, tools=("group:money",)),)}, FEWER_TOOLS, "tool_groups.money"),
    (
        {"providers": (OPENAI, ProviderSpec(id="b", hosts=("b",), keys=(LISTED,)))},
        {"providers": (OPENAI,)},
        "provider.b",
    ),
    ({"flows": (replace(FLOW, impacts=(Impact.REVERSIBLE,)),)}, DEARER, "tool.pay"),
    ({"rules": (DENIES,)}, UNTRUSTED, "tool.pay"),
    ({"rules": (DENIES,)}, TOLD, "provenance."),
    ({"rules": (ASKING,)}, {"flows": (FLOW,)}, "flow.f"),
    (
        {"rules": (ASKING,), "flows": (replace(FLOW, after=("untrusted",)),)},
        {"flows": (FLOW,)},
        "flow.f",
    ),
    ({"rules": (ASKING,), "flows": (FLOW,)}, UNTRUSTED, "tool.pay"),
)


@pytest.mark.parametrize(("there", "changes", "wanted"), CASES)
def test_what_reaches_further_is_told_as_changed(
    there: dict[str, Any], changes: dict[str, Any], wanted: str
) -> None:
    """Who is no longer counted, watched or asked through a group, an impact or a key is told."""
    # `policy diff` once ended with 0 where people left a group that a budget was about.
    before = replace(BASE, **there)
    found = table_changes(before, replace(before, **changes))
    changed = [f"{e.table}.{e.name}" for e in found if e.direction is Direction.CHANGED]
    assert changed == [wanted]


@pytest.mark.parametrize("changes", [FEWER, FEWER_TOOLS, UNTRUSTED, TOLD, DEARER])
def test_what_reaches_no_further_is_told_as_before(changes: dict[str, Any]) -> None:
    """Where nothing but rules uses it, the same change is told as narrower or with the rules."""
    quiet = {Direction.NARROWER, Direction.IN_RULES}
    found = table_changes(BASE, replace(BASE, **changes))
    assert found
    assert {each.direction for each in found} <= quiet


def test_a_flow_that_asks_the_same_people_is_narrower() -> None:
    """A new flow is narrower where nobody else is asked than before, and where it denies."""
    before = replace(BASE, rules=(ASKING,))
    for flow in (replace(FLOW, approval="leads"), replace(FLOW, effect=Effect.DENY, approval=None)):
        [change] = table_changes(before, replace(before, flows=(flow,)))
        assert change.direction is Direction.NARROWER
