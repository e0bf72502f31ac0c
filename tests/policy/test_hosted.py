# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A tool that runs at the provider is decided by its definition, and refused unless allowed."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import pytest

from agentguard.canonical import freeze
from agentguard.policy import (
    Anything,
    ArgumentSpec,
    Const,
    Each,
    HostedDenial,
    OneOf,
    Policy,
    RuleSpec,
    ToolSpec,
)
from agentguard.vocabulary import (
    Chain,
    Decision,
    Effect,
    HostedTool,
    Impact,
    ModelCall,
    OfferOnly,
    Principal,
    PrincipalKind,
    Reason,
    RecordBeforeDispatch,
    ToolCall,
    WithoutTools,
)

Compiled = Callable[..., Policy]
CANARY = "canary_7f3a"
SEARCH = ToolSpec(
    name="docs_search",
    impact=Impact.READ_ONLY,
    hosted=frozenset({"web_search", "web_search_2025_08_26"}),
)
CONNECTOR = ToolSpec(name="crm", impact=Impact.IRREVERSIBLE, hosted=frozenset({"mcp"}))
FUNCTION = ToolSpec(name="lookup", impact=Impact.READ_ONLY)
TOOLS = (SEARCH, CONNECTOR, FUNCTION)
DOMAINS = "filters.allowed_domains"


def rule(name: str, effect: Effect = Effect.ALLOW, **changes: Any) -> RuleSpec:
    """A rule for agent:a and anybody, on the search, unless changed."""
    shape: dict[str, Any] = {"who": ("agent:a",), "persons": ("user:*",)}
    if "providers" not in changes:
        shape["tools"] = ("docs_search",)
    return RuleSpec(id=name, effect=effect, **(shape | changes))


CHAT = rule("chat", who=("agent:*",), providers=("openai",), models=("*",))
NARROW = rule(
    "narrow",
    arguments=(
        ArgumentSpec(
            name=DOMAINS, constraint=Each(options=("docs.example", "help.example"), most=2)
        ),
        ArgumentSpec(name="search_context_size", constraint=OneOf(options=("low",)), optional=True),
    ),
)
WITHIN = {DOMAINS: ["docs.example"]}


def named(
    type_: str,
    members: Mapping[str, object] = MappingProxyType({}),
    *,
    index: int = 0,
    removable: bool = True,
) -> HostedTool:
    """A hosted tool as a request names it."""
    return HostedTool(
        type=type_,
        arguments=MappingProxyType({name: freeze(value) for name, value in members.items()}),
        pointer=f"/tools/{index}",
        removable=removable,
    )


def search(members: Mapping[str, object] = MappingProxyType(WITHIN), index: int = 0) -> HostedTool:
    """A web search."""
    return named("web_search", members, index=index)


def decide(found: Policy, *tools: HostedTool, agents: tuple[str, ...] = ("agent:a",)) -> Decision:
    """What the policy says about a chat that names hosted tools."""
    people = (Principal(id="user:u1", kind=PrincipalKind.USER),)
    chain = Chain(
        principals=people + tuple(Principal(id=each, kind=PrincipalKind.AGENT) for each in agents)
    )
    call = ModelCall(
        id="c",
        operation="chat",
        verb="POST",
        path="/responses",
        origin="https://api.openai.com",
        model="gpt-4o",
        payload=None,
        hosted_tools=tools,
    )
    decision = found.decide(call, chain)
    assert CANARY not in repr(decision)
    return decision


@pytest.fixture
def compiled(policy: Compiled) -> Compiled:
    """Compile a policy with two hosted tools and a function."""

    def made(*rules: RuleSpec, **changes: Any) -> Policy:
        return policy(CHAT, *rules, **({"tools": TOOLS} | changes))

    return made


# --- allowed -------------------------------------------------------------------------------


@pytest.mark.parametrize("type_", sorted(SEARCH.hosted))
def test_an_allowed_type_within_its_constraints_passes(compiled: Compiled, type_: str) -> None:
    """Each type of a hosted tool is let through as far as a rule describes its definition."""
    decision = decide(compiled(NARROW), named(type_, WITHIN))
    assert (decision.effect, decision.rule) == (Effect.ALLOW, "chat")
    assert not any(isinstance(each, WithoutTools) for each in decision.obligations)
    assert RecordBeforeDispatch() not in decision.obligations


def test_a_tool_that_writes_is_written_down_first(compiled: Compiled) -> None:
    """A request with a hosted tool that does more than read has its intent on disk before it."""
    label = ArgumentSpec(name="server_label", constraint=Const(value="crm"))
    found = compiled(rule("mcp", tools=("crm",), arguments=(label,)))
    assert (
        RecordBeforeDispatch() in decide(found, named("mcp", {"server_label": "crm"})).obligations
    )


# --- refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {DOMAINS: []},
        {DOMAINS: ["evil.example"]},
        {DOMAINS: ["docs.example", "evil.example"]},
        {DOMAINS: "docs.example"},
        {DOMAINS: None},
        {**WITHIN, "search_context_size": "high"},
        {**WITHIN, "user_location.city": "Lisbon"},
        {**WITHIN, CANARY: "x"},
    ],
)
def test_a_definition_beyond_the_constraints_is_refused(
    compiled: Compiled, arguments: dict[str, object]
) -> None:
    """A member that is missing, wider or not listed refuses the request."""
    decision = decide(compiled(NARROW), search(arguments))
    assert (decision.effect, decision.reason) == (Effect.DENY, Reason.HOSTED_TOOL)
    assert decision.nearest is not None
    assert decision.nearest.rule == "narrow"
    assert decision.obligations == ()


def test_the_failing_member_is_named(compiled: Compiled) -> None:
    """A refusal says which member fails and what it must be, as the policy would write it."""
    decision = decide(compiled(NARROW), search({DOMAINS: [CANARY]}))
    assert str(decision.nearest) == (
        "nearest rule 'narrow': args.\"filters.allowed_domains\" must be a list of 1 to 2 items of"
        " 'docs.example', 'help.example'"
    )
    unlisted = decide(compiled(NARROW), search({**WITHIN, "user_location.city": CANARY}))
    assert unlisted.nearest is not None
    assert unlisted.nearest.constraint == 'args."user_location.city"'


def test_a_member_that_nobody_documents_is_not_repeated(compiled: Compiled) -> None:
    """The name of an unlisted member is told only if providers document it."""
    decision = decide(compiled(NARROW), search({**WITHIN, CANARY: 1}))
    assert decision.nearest is not None
    assert decision.nearest.constraint == "args"


def test_an_undeclared_type_is_refused_with_the_table_to_write(compiled: Compiled) -> None:
    """A type that no tool lists is refused; it is repeated only if providers document it."""
    known = decide(compiled(NARROW), named("code_interpreter"))
    assert (known.effect, known.reason) == (Effect.DENY, Reason.HOSTED_TOOL)
    assert known.hint is not None
    assert "hosted = ['code_interpreter']" in known.hint
    unknown = decide(compiled(NARROW), named(CANARY))
    assert unknown.reason is Reason.HOSTED_TOOL
    assert unknown.hint is not None


def test_a_declared_tool_without_a_rule_is_refused(compiled: Compiled) -> None:
    """Declaring a hosted tool allows nobody to use it."""
    decision = decide(compiled(), search())
    assert (decision.reason, decision.nearest) == (Reason.HOSTED_TOOL, None)
    assert decision.hint is not None
    assert "'docs_search'" in decision.hint


def test_a_deny_rule_wins_and_is_named(compiled: Compiled) -> None:
    """A rule that denies a hosted tool decides over one that allows it."""
    decision = decide(compiled(NARROW, rule("no", Effect.DENY)), search())
    assert (decision.effect, decision.rule) == (Effect.DENY, "no")
    assert decision.reason is Reason.HOSTED_TOOL


def test_every_agent_of_the_chain_must_be_permitted(compiled: Compiled) -> None:
    """An agent that may not use the tool itself may not have it used."""
    for agents in (("agent:a", "agent:b"), ("agent:b", "agent:a")):
        decision = decide(compiled(NARROW), search(), agents=agents)
        assert decision.reason is Reason.HOSTED_TOOL


def test_one_refused_tool_refuses_the_request(compiled: Compiled) -> None:
    """A tool that is allowed does not carry another along."""
    found = compiled(NARROW)
    assert decide(found, search(), search()).effect is Effect.ALLOW
    assert decide(found, search(), named("mcp")).reason is Reason.HOSTED_TOOL
    assert decide(found, named("mcp"), search()).reason is Reason.HOSTED_TOOL


# --- removed -------------------------------------------------------------------------------


def test_tools_are_removed_if_the_policy_says_so(compiled: Compiled) -> None:
    """Refused tools that can be taken out are taken out, whatever refused them."""
    found = compiled(
        NARROW,
        rule("no", Effect.DENY, tools=("crm",)),
        hosted_denial=HostedDenial.REMOVE,
    )
    decision = decide(
        found,
        search(index=0),
        search({}, index=1),
        named("mcp", index=2),
        named(CANARY, index=3),
    )
    assert decision.effect is Effect.ALLOW
    assert WithoutTools(pointers=frozenset({f"/tools/{n}" for n in (1, 2, 3)})) in (
        decision.obligations
    )


def test_what_cannot_be_removed_refuses(compiled: Compiled) -> None:
    """An approval for a connector is no tool in a list and refuses the request."""
    found = compiled(NARROW, hosted_denial=HostedDenial.REMOVE)
    decision = decide(found, named("mcp", index=1), named("mcp_approval_response", removable=False))
    assert decision.reason is Reason.HOSTED_TOOL


def test_a_removed_tool_that_writes_changes_nothing(compiled: Compiled) -> None:
    """What is taken out needs no entry before dispatch."""
    decision = decide(compiled(hosted_denial=HostedDenial.REMOVE), named("mcp"))
    assert RecordBeforeDispatch() not in decision.obligations


# --- no function ---------------------------------------------------------------------------


def test_a_hosted_tool_is_no_function(compiled: Compiled) -> None:
    """A hosted tool is neither offered as a function nor run as one."""
    anything = ArgumentSpec(name="x", constraint=Anything(), optional=True)
    found = compiled(rule("both", tools=("docs_search", "lookup"), arguments=(anything,)))
    (offer,) = (each for each in decide(found).obligations if isinstance(each, OfferOnly))
    assert offer.tools == {"lookup"}
    chain = Chain(
        principals=(
            Principal(id="user:u1", kind=PrincipalKind.USER),
            Principal(id="agent:a", kind=PrincipalKind.AGENT),
        )
    )
    for name, effect in (("lookup", Effect.ALLOW), ("docs_search", Effect.DENY)):
        call = ToolCall(id="c", tool=name, definition="", received={}, resolved={})
        assert found.decide(call, chain).effect is effect
