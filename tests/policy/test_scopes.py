# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a scope narrow what rules allow, and never widen it?"""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentguard.canonical import freeze
from agentguard.policy import (
    ArgumentSpec,
    Const,
    HostedDenial,
    Policy,
    PolicyDocument,
    ToolSpec,
    compile_policy,
)
from agentguard.policy.grants import Covered
from agentguard.policy.scopes import keys_of_scope, narrowed_to, target_form
from agentguard.vocabulary import (
    Chain,
    ChargeLimits,
    Circumstances,
    Decision,
    Effect,
    HostedTool,
    Impact,
    ModelCall,
    OfferOnly,
    Principal,
    PrincipalKind,
    Reason,
    TaskScope,
    ToolCall,
    WithoutTools,
)

CHAIN = Chain(principals=(Principal(id="agent:a", kind=PrincipalKind.AGENT),))
TOOLS = (
    ToolSpec(name="pay", impact=Impact.IRREVERSIBLE, targets=("to", "cc")),
    ToolSpec(name="reboot", impact=Impact.IRREVERSIBLE),
    ToolSpec(name="look", impact=Impact.READ_ONLY),
    ToolSpec(name="fetch", impact=Impact.READ_ONLY, outward=True, targets=("url",)),
    ToolSpec(name="web", impact=Impact.READ_ONLY, hosted=frozenset({"web_search"})),
    ToolSpec(name="shell", impact=Impact.IRREVERSIBLE, hosted=frozenset({"shell"})),
)
NOTHING = Circumstances()


def everything(*_: object) -> None:
    """Cover all arguments."""


def policy(**changes: Any) -> Policy:
    """Return a policy that declares the tools."""
    return compile_policy(PolicyDocument(name="p", tools=TOOLS, **changes))


def scope(**changes: Any) -> TaskScope:
    """Return a scope; tools are named, targets are values."""
    if changes.get("tools") is not None and not isinstance(changes["tools"], dict):
        changes["tools"] = dict.fromkeys(changes["tools"], everything)
    if changes.get("targets") is not None:
        changes["targets"] = frozenset(target_form(freeze(each)) for each in changes["targets"])
    return TaskScope(**{"id": "s1", **changes})


def decided(*scopes: TaskScope, tool: str, spent: Any = None, **arguments: Any) -> Decision:
    """Return what becomes of an allowed call of a tool."""
    frozen = {name: freeze(value) for name, value in arguments.items()}
    call = ToolCall(id="c", tool=tool, definition="d", received=frozen, resolved=frozen)
    allowed = Decision(effect=Effect.ALLOW, policy="d", rule="r")
    return narrowed_to(scopes, allowed, call, CHAIN, Circumstances(spent=spent or {}), policy())


def is_within(*scopes: TaskScope, tool: str, **arguments: Any) -> bool:
    """Say whether an allowed call stays allowed."""
    found = decided(*scopes, tool=tool, **arguments)
    assert found.effect is Effect.ALLOW or found.reason is Reason.OUT_OF_SCOPE
    return found.effect is Effect.ALLOW


def test_only_listed_tools_change_anything() -> None:
    """A tool that is not listed is refused; one that only reads stays as the rules say."""
    only = scope(tools=["pay"])
    assert is_within(only, tool="pay", to="bob")
    assert is_within(only, tool="look")
    assert not is_within(only, tool="reboot")
    assert not is_within(only, tool="fetch", url="https://x")
    assert not is_within(scope(tools=["pay"], reads_free=False), tool="look")
    assert not is_within(only, tool="unheard-of")


@pytest.mark.parametrize(
    ("arguments", "within"),
    [
        ({"to": "bob"}, True),
        ({"to": "bob", "cc": None}, True),
        ({"to": "bob", "cc": ["bob", "ORD-1"]}, True),
        ({"to": ["bob", "eve"]}, False),
        ({"to": "bob", "cc": "eve"}, False),
        ({"to": "bob", "cc": ["eve"]}, False),
        ({"to": "bob", "cc": {"eve": "bob"}}, False),
        ({"to": {"bob": ["bob", {"bob": "eve"}]}}, False),
        ({"to": "BOB"}, False),
        ({"to": "bob "}, False),
        ({"to": "bob", "cc": True}, False),
        ({"to": "bob", "cc": ""}, False),
        ({"to": 7}, True),
        ({"to": "7"}, False),
        ({"to": 7.0}, False),
        ({}, False),
        ({"to": None}, False),
        ({"to": [], "cc": {}}, False),
        ({"note": "bob"}, False),
    ],
)
def test_every_value_of_every_target_is_listed(arguments: dict[str, Any], within: bool) -> None:  # noqa: FBT001 - what a row says
    """Lists, members, other types, other spellings and missing targets are no way around it."""
    assert is_within(scope(targets=["bob", "ORD-1", 7]), tool="pay", **arguments) is within


def test_a_tool_that_says_not_where_it_lands_is_listed_or_refused() -> None:
    """Targets alone refuse a tool without targets; that it is listed lets it run."""
    assert not is_within(scope(targets=["bob"]), tool="reboot")
    assert is_within(scope(targets=["bob"], tools=["reboot"]), tool="reboot")
    assert not is_within(scope(targets=["bob"], tools=["pay"]), tool="pay", to="eve")


def test_arguments_are_held_against_what_is_listed() -> None:
    """Arguments beyond what the scope lists are refused; so is what cannot be compared."""
    cover = Covered(arguments=(ArgumentSpec(name="to", constraint=Const(value="bob")),), by="scope")
    only = scope(tools={"pay": cover})
    assert is_within(only, tool="pay", to="bob")
    assert not is_within(only, tool="pay", to="eve")
    assert not is_within(only, tool="pay", to="bob", cc="eve")
    near = decided(only, tool="pay", to="eve").nearest
    assert near is not None
    assert (near.constraint, near.problem) == ("args.to", "is not as the scope demands")

    def broken(*_: object) -> None:
        raise RuntimeError("canary")

    found = decided(scope(tools={"pay": broken}), tool="pay", to="bob")
    assert found.reason is Reason.OUT_OF_SCOPE
    assert "canary" not in str(found)


def test_calls_and_sums_are_counted_under_the_scope() -> None:
    """A covered call is charged; what is not known to be left is not there; reads cost nothing."""
    only = scope(calls=2, sums={"amount": Decimal(10)})
    calls, total = "scope:s1:calls", "scope:s1:sum:amount"
    assert set(keys_of_scope(only)) == {calls, total}
    none = {calls: Decimal(0), total: Decimal(0)}
    found = decided(only, tool="pay", spent=none, amount=4)
    [duty] = [each for each in found.obligations if isinstance(each, ChargeLimits)]
    assert {(each.key, each.amount, each.most) for each in duty.charges} == {
        (calls, Decimal(1), Decimal(2)),
        (total, Decimal(4), Decimal(10)),
    }
    for spent, arguments in (
        ({}, {"amount": 4}),
        ({**none, calls: Decimal(2)}, {"amount": 4}),
        ({**none, total: Decimal(7)}, {"amount": 4}),
        (none, {"amount": "four"}),
        (none, {}),
    ):
        assert decided(only, tool="pay", spent=spent, **arguments).reason is Reason.OUT_OF_SCOPE
    assert decided(only, tool="look").obligations == ()


def asked(*scopes: TaskScope, denial: HostedDenial, hosted: tuple[str, ...] = ()) -> Decision:
    """Return what becomes of an allowed request that names hosted tools."""
    tools = tuple(
        HostedTool(type=each, arguments={}, pointer=f"/tools/{index}", removable=True)
        for index, each in enumerate(hosted)
    )
    call = ModelCall(
        id="c",
        operation="chat",
        verb="POST",
        path="/chat/completions",
        origin="https://x:443",
        model="m",
        payload=None,
        hosted_tools=tools,
    )
    offer = OfferOnly(tools=frozenset({"pay", "reboot", "look", "fetch"}))
    allowed = Decision(effect=Effect.ALLOW, policy="d", rule="r", obligations=(offer,))
    return narrowed_to(scopes, allowed, call, CHAIN, NOTHING, policy(hosted_denial=denial))


def test_the_model_is_offered_what_is_within() -> None:
    """A tool of which no call could keep within every scope is not offered."""
    for scopes, left in (
        ([scope(tools=["pay"])], {"pay", "look"}),
        ([scope(targets=["bob"])], {"pay", "fetch", "look"}),
        ([scope(tools=[], reads_free=False)], set()),
        ([scope(tools=["pay", "reboot"]), scope(tools=["reboot"])], {"reboot", "look"}),
        ([scope(calls=1)], {"pay", "reboot", "look", "fetch"}),
    ):
        found = asked(*scopes, denial=HostedDenial.REFUSE)
        [offer] = [each for each in found.obligations if isinstance(each, OfferOnly)]
        assert offer.tools == left


def test_tools_at_the_provider_are_within_or_gone() -> None:
    """What runs at the provider is listed, or taken out, or refused; nothing of it is counted."""
    hosted = ("web_search", "shell", "never-declared")
    found = asked(scope(tools=["pay"]), denial=HostedDenial.REMOVE, hosted=hosted)
    assert WithoutTools(pointers=frozenset({"/tools/1", "/tools/2"})) in found.obligations
    for narrowing, refused in (
        (scope(tools=["pay"]), True),
        (scope(tools=["shell"]), False),
        (scope(tools=["shell"], calls=5), True),
        (scope(targets=["bob"]), True),
    ):
        found = asked(narrowing, denial=HostedDenial.REFUSE, hosted=("shell",))
        assert (found.reason is Reason.OUT_OF_SCOPE) is refused


@given(
    st.lists(
        st.builds(
            scope,
            tools=st.none() | st.sets(st.sampled_from([each.name for each in TOOLS])),
            targets=st.none() | st.sets(st.sampled_from(["bob", "eve"])),
            reads_free=st.booleans(),
        ),
        max_size=3,
    ),
    st.sampled_from(["pay", "reboot", "look", "fetch"]),
    st.fixed_dictionaries({"to": st.sampled_from(["bob", "eve", ["bob", "eve"]])}),
)
def test_a_call_keeps_within_all_scopes_or_is_refused(
    scopes: list[TaskScope], tool: str, arguments: dict[str, Any]
) -> None:
    """Several scopes let exactly those calls pass that each of them lets pass."""
    each = [is_within(one, tool=tool, **arguments) for one in scopes]
    assert is_within(*scopes, tool=tool, **arguments) is all(each)


def test_a_denial_stays_what_it_was() -> None:
    """A scope turns no denial into something else."""
    denied = Decision(effect=Effect.DENY, policy="d", reason=Reason.NOT_ALLOWLISTED)
    call = ToolCall(id="c", tool="look", definition="d", received={}, resolved={})
    assert narrowed_to((scope(tools=[]),), denied, call, CHAIN, NOTHING, policy()) is denied
