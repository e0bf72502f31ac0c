# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Flows tighten what rules let happen, by what a conversation has seen and said."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.canonical import freeze
from agentguard.policy import (
    Anything,
    ArgumentSpec,
    FlowSpec,
    HostedDenial,
    Policy,
    RuleSpec,
    ToolSpec,
    compile_policy,
    flaws_of,
)
from agentguard.vocabulary import (
    AskApproval,
    Chain,
    Circumstances,
    Decision,
    Effect,
    HostedTool,
    Impact,
    ModelCall,
    Origins,
    Principal,
    PrincipalKind,
    Reason,
    Remember,
    TellDoubts,
    ToolCall,
    WithoutTools,
)

Compiled = Callable[..., Policy]
SCALE = [Effect.ALLOW, Effect.APPROVE, Effect.DENY]

USER = Origins(words=frozenset({"user"}))
MAIL = Origins(untrusted=True, sources=("the result of read_email (call 3)",))
FRESH = frozenset[str]()
TAINTED = frozenset({"untrusted", "tool:read_email", "class:email", "family:pii"})

TOOLS = (
    ToolSpec(
        name="send",
        impact=Impact.IRREVERSIBLE,
        outward=True,
        targets=("recipient",),
        verbs=("send", "mail"),
    ),
    ToolSpec(name="note", impact=Impact.REVERSIBLE),
    ToolSpec(name="read_email", impact=Impact.READ_ONLY),
    ToolSpec(name="search", impact=Impact.READ_ONLY, hosted=frozenset({"web_search"})),
)
FREE = tuple(
    ArgumentSpec(name=name, constraint=Anything(), optional=True) for name in ("recipient", "body")
)
RULE = RuleSpec(
    id="free",
    who=("agent:a",),
    effect=Effect.ALLOW,
    tools=("send", "note", "read_email"),
    arguments=FREE,
)
ASKED = replace(RULE, id="asked", effect=Effect.APPROVE, approval="leads")


def flow(**changes: object) -> FlowSpec:
    """A flow that denies what is irreversible once untrusted content was read."""
    spec = FlowSpec(
        id="f", impacts=(Impact.IRREVERSIBLE,), after=("untrusted",), effect=Effect.DENY
    )
    return replace(spec, **changes)  # type: ignore[arg-type]  # varied by key


def call(tool: str = "send", **arguments: object) -> ToolCall:
    """A call of a tool."""
    given_arguments = arguments or {"recipient": "bob@x", "body": "hello"}
    return ToolCall(
        id="c",
        tool=tool,
        definition="d",
        received={},
        resolved={name: freeze(each) for name, each in given_arguments.items()},
    )


def decided(
    policy: Compiled,
    *flows: FlowSpec,
    asked: ToolCall | None = None,
    rules: tuple[RuleSpec, ...] = (RULE,),
    conversation: frozenset[str] | None = TAINTED,
    agent: str = "agent:a",
    origins: Mapping[str, tuple[Origins, ...]] | None = None,
) -> Decision:
    """What is decided with these flows."""
    compiled = policy(*rules, tools=TOOLS, flows=flows)
    chain = Chain(principals=(Principal(id=agent, kind=PrincipalKind.AGENT),))
    known = Circumstances(conversation=conversation, origins=origins or {})
    return compiled.decide(asked or call(), chain, known)


def doubted(decision: Decision) -> list[str]:
    """The arguments that people are told of."""
    told = [each.doubts for each in decision.obligations if isinstance(each, TellDoubts)]
    return [each.argument for doubts in told for each in doubts]


ASKS: dict[str, Any] = {"effect": Effect.APPROVE, "approval": "leads"}


@pytest.mark.parametrize(
    ("changes", "tool", "conversation", "applies"),
    [
        ({}, "send", TAINTED, True),
        ({}, "send", FRESH, False),
        ({}, "send", None, True),
        ({}, "note", TAINTED, False),
        ({"impacts": ()}, "note", TAINTED, True),
        ({"impacts": (), "outward": True}, "note", TAINTED, False),
        ({"impacts": (), "outward": True}, "send", TAINTED, True),
        ({"impacts": (), "tools": ("n*",)}, "note", TAINTED, True),
        ({"impacts": (), "tools": ("n*",)}, "send", TAINTED, False),
        ({"after": ()}, "send", FRESH, True),
        ({"after": ("untrusted", "family:pii")}, "send", TAINTED, True),
        ({"after": ("untrusted", "class:api_key")}, "send", TAINTED, False),
        ({"after": ("untrusted", "class:api_key")}, "send", None, True),
        ({"after": ("tool:read_email",)}, "send", TAINTED, True),
        ({"after": ("tool:note",)}, "send", TAINTED, False),
        ({"who": ("agent:b",)}, "send", TAINTED, False),
        ({"who": ("group:bots",)}, "send", TAINTED, True),
    ],
)
def test_a_flow_is_about_what_it_names(
    policy: Compiled,
    changes: dict[str, Any],
    tool: str,
    conversation: frozenset[str] | None,
    *,
    applies: bool,
) -> None:
    """Who, tool, impact, outward and after must all fit; what is not known fits."""
    one = flow(**changes)
    decision = decided(policy, one, asked=call(tool), conversation=conversation)
    assert (decision.effect is Effect.DENY) is applies
    if applies:
        assert (decision.rule, decision.reason) == ("f", Reason.FLOW_DENIED)


@pytest.mark.parametrize(
    ("condition", "origins", "met"),
    [
        ({"targets_from": ("user",)}, {"recipient": (USER,)}, True),
        ({"targets_from": ("user",)}, {"recipient": (MAIL,), "body": (USER,)}, False),
        ({"targets_from": ("user",)}, {}, False),
        ({"arguments_from": ("user",)}, {"recipient": (USER,), "body": (MAIL,)}, False),
        ({"arguments_from": ("user",)}, {"recipient": (USER,), "body": (USER,)}, True),
        ({"addresses_from": ("user",)}, {"body": (MAIL,)}, True),
        ({"addresses_from": ("user",)}, {}, False),
        ({"addresses_from": ("user",)}, {"body": (replace(MAIL, carries=True),)}, False),
        (
            {"addresses_from": ("user",)},
            {"body": (replace(MAIL, addresses=(frozenset({"host"}),)),)},
            False,
        ),
        (
            {"addresses_from": ("user", "host")},
            {"body": (replace(MAIL, addresses=(frozenset({"host"}),)),)},
            True,
        ),
        (
            {"targets_from": ("user",), "addresses_from": ("user",)},
            {"recipient": (USER,), "body": (replace(MAIL, carries=True),)},
            False,
        ),
    ],
)
def test_a_flow_applies_unless_every_condition_is_met(
    policy: Compiled,
    condition: dict[str, Any],
    origins: dict[str, tuple[Origins, ...]],
    *,
    met: bool,
) -> None:
    """Origins that are not as a condition wants them, or not known, make the flow apply."""
    decision = decided(policy, flow(**condition), origins=origins)
    assert (decision.effect is Effect.ALLOW) is met
    if not met:
        assert decision.nearest is not None
        assert decision.nearest.constraint in condition


@pytest.mark.parametrize("words", [FRESH, TAINTED, None, frozenset({"asked:note"})])
def test_a_tool_that_nobody_asked_for_is_held(
    policy: Compiled, words: frozenset[str] | None
) -> None:
    """With unless_asked a tool runs only where the user's words call for it."""
    one = flow(after=(), unless_asked=True, **ASKS)
    decision = decided(policy, one, conversation=words)
    assert (decision.effect, decision.rule) == (Effect.APPROVE, "f")
    assert doubted(decision) == [""]
    called_for = (words or FRESH) | {"asked:send"}
    assert decided(policy, one, conversation=called_for).effect is Effect.ALLOW


def test_a_tool_without_targets_meets_no_demand_on_targets(policy: Compiled) -> None:
    """Where nobody said where a tool's effects land, they are not taken to land well."""
    one = flow(impacts=(), tools=("note",), targets_from=("user",))
    decision = decided(policy, one, asked=call("note", body="x"), origins={"body": (USER,)})
    assert decision.reason is Reason.FLOW_DENIED


def test_a_missing_target_is_not_in_doubt(policy: Compiled) -> None:
    """A call that names no target at all meets a demand on targets."""
    decision = decided(policy, flow(targets_from=("user",)), asked=call(body="x"))
    assert decision.effect is Effect.ALLOW


def test_people_are_told_what_is_in_doubt(policy: Compiled) -> None:
    """A flow that asks tells of the arguments that do not meet its conditions."""
    one = flow(targets_from=("user",), remember=Remember.SOURCE, **ASKS)
    decision = decided(policy, one, origins={"recipient": (MAIL,), "body": (MAIL,)})
    assert (decision.effect, decision.reason) == (Effect.APPROVE, Reason.APPROVAL_PENDING)
    assert AskApproval(profile="leads") in decision.obligations
    assert doubted(decision) == ["recipient"]
    duty = next(each for each in decision.obligations if isinstance(each, TellDoubts))
    assert duty.remember is Remember.SOURCE
    assert "read_email (call 3)" in duty.doubts[0].told


def test_a_flow_without_conditions_tells_of_what_has_no_origin(policy: Compiled) -> None:
    """Where a flow only waits for untrusted content, targets of unknown origin are told of."""
    one = flow(**ASKS)
    assert doubted(decided(policy, one, origins={"recipient": (MAIL,), "body": (MAIL,)})) == [
        "recipient"
    ]
    assert doubted(decided(policy, one, origins={"recipient": (USER,), "body": (MAIL,)})) == []


@pytest.mark.parametrize(
    ("flows", "rules", "effect", "rule", "profile"),
    [
        ((flow(**ASKS),), (RULE,), Effect.APPROVE, "f", "leads"),
        ((flow(**ASKS),), (ASKED,), Effect.APPROVE, "asked", "leads"),
        ((flow(effect=Effect.APPROVE, approval="both"),), (ASKED,), Effect.APPROVE, "f", "both"),
        (
            (flow(**ASKS),),
            (replace(ASKED, approval="both"),),
            Effect.APPROVE,
            "asked",
            "both",
        ),
        ((flow(), flow(id="g", **ASKS)), (ASKED,), Effect.DENY, "f", None),
        (
            (flow(**ASKS), flow(id="g", effect=Effect.APPROVE, approval="both")),
            (RULE,),
            Effect.APPROVE,
            "g",
            "both",
        ),
        ((flow(),), (replace(RULE, id="no", effect=Effect.DENY),), Effect.DENY, "no", None),
        ((flow(**ASKS),), (), Effect.DENY, None, None),
    ],
)
def test_the_strictest_of_rules_and_flows_holds(
    policy: Compiled,
    flows: tuple[FlowSpec, ...],
    rules: tuple[RuleSpec, ...],
    effect: Effect,
    rule: str | None,
    profile: str | None,
) -> None:
    """Deny wins over asking, asking more people over fewer, and no flow allows anything."""
    decision = decided(policy, *flows, rules=rules)
    asked = [each.profile for each in decision.obligations if isinstance(each, AskApproval)]
    assert (decision.effect, decision.rule) == (effect, rule)
    assert asked == ([] if profile is None else [profile])
    mirrored = decided(policy, *reversed(flows), rules=rules)
    assert (mirrored.effect, mirrored.rule) == (effect, rule)


def test_the_least_that_an_approval_may_count_for_is_remembered(policy: Compiled) -> None:
    """Of several flows that ask, the one that lets an approval count for least is heard."""
    flows = [
        flow(id=name, targets_from=("user",), remember=remember, **ASKS)
        for name, remember in (("f", Remember.SOURCE), ("g", Remember.NOTHING))
    ]
    decision = decided(policy, *flows, origins={"recipient": (MAIL,)})
    duty = next(each for each in decision.obligations if isinstance(each, TellDoubts))
    assert duty.remember is Remember.NOTHING


def test_nothing_of_a_call_is_told(policy: Compiled) -> None:
    """Neither a denial nor a doubt holds a value of the call."""
    asked = call(recipient="canary@x", body="canary")
    conditions = {"targets_from": ("user",), "addresses_from": ("user",)}
    for one in (flow(**conditions), flow(**conditions, **ASKS)):
        assert "canary" not in repr(
            decided(policy, one, asked=asked, origins={"recipient": (MAIL,)})
        )


def model_call(*, removable: bool) -> ModelCall:
    """A request with a tool that runs at the provider."""
    hosted = HostedTool(type="web_search", arguments={}, pointer="/tools/0", removable=removable)
    return ModelCall(
        id="c",
        operation="chat",
        verb="POST",
        path="/chat/completions",
        origin="https://api.openai.com:443",
        model="gpt-4o",
        payload=None,
        hosted_tools=(hosted,),
    )


CHAT = RuleSpec(
    id="chat", who=("agent:a",), effect=Effect.ALLOW, providers=("openai",), models=("*",)
)
SEARCH = RuleSpec(id="search", who=("agent:a",), effect=Effect.ALLOW, tools=("search",))
AT_PROVIDER: dict[str, Any] = {"impacts": (), "tools": ("search",)}


@pytest.mark.parametrize(
    "changes", [{}, ASKS, {"targets_from": ("user",)}, {"unless_asked": True, **ASKS}]
)
def test_a_tool_at_the_provider_is_denied_where_a_flow_applies(
    policy: Compiled, changes: dict[str, Any]
) -> None:
    """What the model gives such a tool is not seen, and nobody can be asked: it is denied."""
    search = replace(TOOLS[3], verbs=("search",))
    compiled = policy(
        CHAT, SEARCH, tools=(*TOOLS[:3], search), flows=(flow(**AT_PROVIDER, **changes),)
    )
    chain = Chain(principals=(Principal(id="agent:a", kind=PrincipalKind.AGENT),))

    def decided_after(words: frozenset[str] | None) -> Decision:
        return compiled.decide(
            model_call(removable=False), chain, Circumstances(conversation=words)
        )

    for words in (TAINTED, None):
        decision = decided_after(words)
        assert (decision.effect, decision.rule) == (Effect.DENY, "f")
        assert decision.reason is Reason.FLOW_DENIED
    assert decided_after(FRESH).effect is Effect.ALLOW


def test_a_tool_at_the_provider_is_taken_out_where_that_is_said(policy: Compiled) -> None:
    """Where denied hosted tools are removed, a flow removes one, too."""
    compiled = policy(
        CHAT,
        SEARCH,
        tools=TOOLS,
        flows=(flow(**AT_PROVIDER),),
        hosted_denial=HostedDenial.REMOVE,
    )
    chain = Chain(principals=(Principal(id="agent:a", kind=PrincipalKind.AGENT),))
    decision = compiled.decide(model_call(removable=True), chain, Circumstances())
    assert decision.effect is Effect.ALLOW
    assert WithoutTools(pointers=frozenset({"/tools/0"})) in decision.obligations


@settings(deadline=None)
@given(seed=st.integers(0, 2**64), other=st.integers(0, 2**64))
def test_no_decision_is_milder_with_a_flow(
    generated: Callable[[int, int], list[Any]], draw: Callable[[int], Any], seed: int, other: int
) -> None:
    """One more flow leaves a decision as it is, or makes it stricter."""
    case = generated(seed, 1)[0]
    more = replace(draw(other).flow(), id="one_more")
    document = replace(case.document, flows=(*case.document.flows, more))
    if flaws_of(document):
        return
    before, after = compile_policy(case.document), compile_policy(document)
    decisions = [each.decide(case.call, case.chain, case.circumstances) for each in (before, after)]
    assert SCALE.index(decisions[1].effect) >= SCALE.index(decisions[0].effect)
