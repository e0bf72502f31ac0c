# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What a policy says of flows and targets, and probably does not mean, is doubted."""

from dataclasses import replace
from datetime import timedelta

import pytest

from agentguard.canonical import Frozen, freeze
from agentguard.policy import (
    Anything,
    ArgumentSpec,
    Constraint,
    FlowSpec,
    IdentitySpec,
    IntBetween,
    PolicyDocument,
    RuleSpec,
    ToolSpec,
    doubts_about,
    flaws_of,
    key_of,
    unused_doubts,
)
from agentguard.vocabulary import ApprovalProfile, Approver, Effect, Impact

SEND = ToolSpec(name="send", impact=Impact.IRREVERSIBLE, outward=True, targets=("to",))
DOCUMENT = PolicyDocument(
    name="p",
    identities=(IdentitySpec(id="agent:a"),),
    tools=(SEND, ToolSpec(name="read", impact=Impact.READ_ONLY)),
    rules=(
        RuleSpec(id="any", who=("agent:a",), effect=Effect.ALLOW, tools=("read", "s*")),
        RuleSpec(
            id="r",
            who=("agent:a",),
            effect=Effect.ALLOW,
            tools=("send",),
            arguments=(
                ArgumentSpec(name="to", constraint=Anything(), origins=frozenset({"user"})),
            ),
        ),
    ),
)
PLAIN = tuple(
    replace(rule, arguments=tuple(replace(each, origins=None) for each in rule.arguments))
    for rule in DOCUMENT.rules
)
LEADS = ApprovalProfile(
    name="leads",
    approvers=(Approver(id="user:carol", key="ed25519:" + "A" * 43 + "="),),
    need=1,
    decide_within=timedelta(hours=4),
    execute_within=timedelta(minutes=10),
    wait=timedelta(),
)
FLOW = FlowSpec(id="f", tools=("read",), after=("untrusted",), effect=Effect.DENY)


def told(document: PolicyDocument) -> set[tuple[str, str]]:
    """The doubts about flows and targets."""
    assert flaws_of(document) == ()
    return {
        (key_of(each.path), each.message)
        for each in doubts_about(document)
        if each.path[0] in {"flow", "tool"}
    }


def test_targets_that_a_rule_asks_about_are_not_doubted() -> None:
    """A policy that asks where targets come from, and does nothing else, has no such doubt."""
    assert told(DOCUMENT) == set()


@pytest.mark.parametrize("flow", [FLOW, replace(FLOW, tools=("read",), targets_from=("user",))])
def test_targets_that_nothing_asks_about_are_doubted(flow: FlowSpec) -> None:
    """Where no rule and no flow asks where targets come from, the tool says so for nothing."""
    document = replace(DOCUMENT, rules=PLAIN)
    message = "nothing asks where they come from: no 'from' of a rule, and no [[flow]]"
    assert ("tool[0].targets", message) in told(document)
    assert ("tool[0].targets", message) in told(replace(document, flows=(flow,)))
    about = replace(flow, tools=("send",))
    assert ("tool[0].targets", message) not in told(replace(document, flows=(about,)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"outward": True, "impact": Impact.READ_ONLY}, "sends something out"),
        ({"outward": False, "impact": Impact.IRREVERSIBLE}, "is irreversible"),
    ],
)
def test_a_tool_whose_targets_nobody_named_is_doubted(
    changes: dict[str, object], words: str
) -> None:
    """An irreversible or outward tool without targets is doubted where origins matter at all."""
    other = replace(SEND, name="spare", targets=(), **changes)  # type: ignore[arg-type]  # varied by key
    document = replace(DOCUMENT, tools=(*DOCUMENT.tools, other))
    [(key, message)] = told(document)
    assert key == "tool[2].name"
    assert message.startswith(words)
    silent = replace(document, rules=PLAIN, tools=(replace(SEND, targets=()), *document.tools[1:]))
    assert told(silent) == set()


def test_a_demand_on_targets_of_tools_that_name_none_is_doubted() -> None:
    """A flow with targets_from applies to every call of a tool without targets, and says so."""
    flow = replace(FLOW, targets_from=("user",))
    assert told(replace(DOCUMENT, flows=(flow,))) == {
        (
            "flow[0].targets_from",
            "tool 'read' has no 'targets': the flow applies to every such call",
        )
    }


def test_a_flow_about_what_nobody_may_run_is_doubted() -> None:
    """A flow tightens what rules let happen: about tools that none lets run it says nothing."""
    deny = replace(DOCUMENT.rules[0], effect=Effect.DENY, tools=("read",))
    document = replace(DOCUMENT, rules=(deny, *DOCUMENT.rules[1:]), flows=(FLOW,))
    assert told(document) == {("flow[0]", "can never apply: no rule lets anybody run tool 'read'")}


def test_a_flow_that_asks_about_a_tool_at_the_provider_is_doubted() -> None:
    """What runs at the provider cannot be held, so that a flow which asks denies it instead."""
    hosted = ToolSpec(name="search", impact=Impact.READ_ONLY, hosted=frozenset({"web_search"}))
    flow = replace(FLOW, tools=("search",), effect=Effect.DENY)
    document = replace(DOCUMENT, tools=(*DOCUMENT.tools, hosted))
    assert told(replace(document, flows=(flow,))) == set()
    asking = replace(flow, effect=Effect.APPROVE, approval="leads")
    [(key, message)] = told(replace(document, flows=(asking,), profiles=(LEADS,)))
    assert (key, "denied instead" in message) == ("flow[0].then", True)


def test_what_flows_alone_name_is_not_unused() -> None:
    """A group, a tool group and a profile that only a flow names are used."""
    flow = replace(
        FLOW,
        who=("group:bots",),
        tools=("group:reading",),
        effect=Effect.APPROVE,
        approval="leads",
    )
    document = replace(
        DOCUMENT,
        groups={"bots": ("agent:a",)},
        tool_groups={"reading": ("read",)},
        profiles=(LEADS,),
    )
    unused = {key_of(each.path) for each in unused_doubts(document)}
    assert {"groups.bots", "tool_groups.reading", "approval.leads"} <= unused
    used = unused_doubts(replace(document, flows=(flow,)))
    assert not {key_of(each.path) for each in used} & {
        "groups.bots",
        "tool_groups.reading",
        "approval.leads",
    }


NUMBER = freeze({"type": "object", "properties": {"to": {"type": "integer"}}, "required": ["to"]})


@pytest.mark.parametrize(
    ("schema", "constraint", "doubted"),
    [
        (None, Anything(), True),
        (NUMBER, Anything(), False),
        (None, IntBetween(low=1, high=9), False),
    ],
)
def test_a_target_in_text_that_may_stand_nowhere_is_doubted(
    schema: Frozen, constraint: Constraint, *, doubted: bool
) -> None:
    """Where an effect lands is doubted if the model may put it together, unless it is a number."""
    tool = replace(SEND, schema=schema)
    to = ArgumentSpec(name="to", constraint=constraint, origins=frozenset({"user", "nowhere"}))
    rules = (DOCUMENT.rules[0], replace(DOCUMENT.rules[1], arguments=(to,)))
    flow = FlowSpec(id="f", tools=("send",), targets_from=("nowhere",), effect=Effect.DENY)
    document = replace(DOCUMENT, tools=(tool, DOCUMENT.tools[1]), rules=rules)
    found = {key_of(each.path): each.message for each in doubts_about(document)}
    assert ("who dictates the pieces" in found.get("rule[1].args.to.from", "")) is doubted
    of_flow = {key_of(each.path) for each in doubts_about(replace(document, flows=(flow,)))}
    assert ("flow[0].targets_from" in of_flow) is (schema is None)


def test_an_address_that_stands_nowhere_is_a_mistake() -> None:
    """No flow can take addresses from nowhere."""
    flow = FlowSpec(id="f", addresses_from=("nowhere",), effect=Effect.DENY)
    [flaw] = flaws_of(replace(DOCUMENT, flows=(flow,)))
    assert "an address always comes from somewhere" in flaw.message
