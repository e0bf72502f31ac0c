# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A call is denied unless rules say otherwise, and the strictest rule decides."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from agentguard.canonical import freeze
from agentguard.policy import (
    Anything,
    ArgumentSpec,
    Const,
    Constraint,
    IntBetween,
    Policy,
    RuleSpec,
    ToolSpec,
)
from agentguard.vocabulary import (
    AskApproval,
    Chain,
    Decision,
    Effect,
    Facts,
    HideClasses,
    Impact,
    ModelCall,
    OfferOnly,
    Principal,
    PrincipalKind,
    Reason,
    ReceiveOnly,
    RecordBeforeDispatch,
    ReferOnly,
    ToolCall,
)

Compiled = Callable[..., Policy]


def principal(name: str) -> Principal:
    """A principal of the kind that its id says."""
    return Principal(id=name, kind=PrincipalKind(name.partition(":")[0]))


def chain(*names: str) -> Chain:
    """A chain of principals."""
    return Chain(principals=tuple(map(principal, names)))


def tool_call(tool: str, arguments: Mapping[str, object], definition: str = "d") -> ToolCall:
    """A tool call with frozen arguments."""
    frozen = MappingProxyType({name: freeze(value) for name, value in arguments.items()})
    return ToolCall(id="c", tool=tool, definition=definition, received={}, resolved=frozen)


def model_call(model: str = "gpt-4o", **changes: Any) -> ModelCall:
    """A chat call to the first provider."""
    call = ModelCall(
        id="c",
        operation="chat",
        verb="POST",
        path="/chat/completions",
        origin="https://api.openai.com:443",
        model=model,
        payload=None,
    )
    return replace(call, **changes)


def rule(name: str, effect: Effect = Effect.ALLOW, **changes: object) -> RuleSpec:
    """A rule for agent:a and any person on the tool pay, unless changed."""
    shape: dict[str, object] = {"who": ("agent:a",), "persons": ("user:*",)}
    if "providers" not in changes:
        shape["tools"] = ("pay",)
    if effect is Effect.APPROVE:
        shape["approval"] = "leads"
    return RuleSpec(id=name, effect=effect, **(shape | changes))  # type: ignore[arg-type]  # varied by key


def arg(name: str, constraint: Constraint, *, optional: bool = False) -> ArgumentSpec:
    """One argument of a rule."""
    return ArgumentSpec(name=name, constraint=constraint, optional=optional)


AMOUNT = arg("amount", IntBetween(low=0, high=100))
FOR_ALICE = chain("user:u1", "agent:a")


def decide(found: Policy, arguments: Mapping[str, object], tool: str = "pay") -> Decision:
    """What the policy says about agent:a running a tool for user:u1."""
    return found.decide(tool_call(tool, arguments), FOR_ALICE)


# --- default deny --------------------------------------------------------------------------


def test_an_empty_rule_set_denies(policy: Compiled) -> None:
    """Without a rule, a declared tool and a known provider are denied by default."""
    empty = policy()
    for decision in (
        decide(empty, {}),
        empty.decide(model_call(), FOR_ALICE),
        empty.decide(tool_call("unheard_of", {}), FOR_ALICE),
    ):
        assert decision.effect is Effect.DENY
        assert decision.reason is Reason.NOT_ALLOWLISTED
        assert decision.rule is None
        assert decision.obligations == ()


def test_an_undeclared_identity_is_denied(policy: Compiled) -> None:
    """An agent that the policy does not declare is denied, wherever it stands in the chain."""
    found = policy(rule("r", who=("agent:*",)))
    for names in (
        ("agent:x",),
        ("user:u1", "agent:x", "agent:a"),
        ("user:u1", "agent:a", "agent:x"),
    ):
        decision = found.decide(tool_call("pay", {}), chain(*names))
        assert (decision.effect, decision.reason) == (Effect.DENY, Reason.UNKNOWN_IDENTITY)


def test_a_person_alone_needs_a_rule_of_their_own(policy: Compiled) -> None:
    """A person who calls without an agent is the actor and must be declared and named."""
    assert policy(rule("r")).decide(tool_call("pay", {}), chain("user:u1")).effect is Effect.DENY
    named = policy(rule("r", who=("user:u1",), persons=()))
    assert named.decide(tool_call("pay", {}), chain("user:u1")).effect is Effect.ALLOW
    assert named.decide(tool_call("pay", {}), chain("user:u2")).reason is Reason.UNKNOWN_IDENTITY


def test_an_unknown_origin_is_denied(policy: Compiled) -> None:
    """A model call to an origin that no provider lists is denied."""
    found = policy(rule("chat", providers=("openai",), models=("*",)))
    decision = found.decide(model_call(origin="https://evil.example:443"), FOR_ALICE)
    assert (decision.effect, decision.reason) == (Effect.DENY, Reason.UNKNOWN_PROVIDER)


# --- constraints ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"amount": "5000"},
        {"amount": "5"},
        {"amount": True},
        {"amount": [5000]},
        {"amount": None},
        {"amount": 5000.5},
        {"amount": 5.0},
        {"amount": 101},
        {"amount": -5000},
    ],
)
def test_malformed_arguments_are_denied_both_ways(
    policy: Compiled, arguments: dict[str, object]
) -> None:
    """An allow rule does not apply to a malformed argument, and a deny rule does."""
    assert decide(policy(rule("small", arguments=(AMOUNT,))), arguments).effect is Effect.DENY
    forbid = rule("large", Effect.DENY, arguments=(arg("amount", IntBetween(low=101, high=9000)),))
    anything = rule("any", arguments=(arg("amount", Anything(), optional=True),))
    decision = decide(policy(forbid, anything), arguments)
    if arguments.get("amount") == -5000:
        assert decision.rule == "any"
    else:
        assert (decision.rule, decision.reason) == ("large", Reason.DENIED_BY_RULE)


@pytest.mark.parametrize("amount", [2**70, float("nan"), float("inf")])
def test_numbers_without_canonical_form_are_denied_even_unfrozen(
    policy: Compiled, amount: float
) -> None:
    """Numbers that canonicalisation refuses are denied by allow and by deny rules."""
    call = replace(tool_call("pay", {}), resolved={"amount": amount})
    assert policy(rule("r", arguments=(AMOUNT,))).decide(call, FOR_ALICE).effect is Effect.DENY
    forbid = rule("large", Effect.DENY, arguments=(arg("amount", IntBetween(low=101, high=9000)),))
    anything = rule("any", arguments=(arg("amount", Anything()),))
    assert policy(forbid, anything).decide(call, FOR_ALICE).rule == "large"


def test_an_unlisted_argument_denies(policy: Compiled) -> None:
    """An allow rule does not apply when the call holds an argument that it does not list."""
    found = policy(rule("r", arguments=(AMOUNT,)))
    assert decide(found, {"amount": 5}).effect is Effect.ALLOW
    assert decide(found, {"amount": 5, "note": None}).effect is Effect.DENY


def test_an_optional_argument_may_be_missing_but_not_wrong(policy: Compiled) -> None:
    """A missing optional argument is permitted, a wrong one is not."""
    found = policy(rule("r", arguments=(replace(AMOUNT, optional=True),)))
    assert decide(found, {}).effect is Effect.ALLOW
    assert decide(found, {"amount": 500}).effect is Effect.DENY


def test_an_unlisted_argument_does_not_prevent_a_deny_rule(policy: Compiled) -> None:
    """A deny rule applies whatever else the call holds."""
    forbid = rule("no", Effect.DENY, arguments=(arg("to", Const(value="root")),))
    allow = rule("yes", arguments=(arg("to", Anything()), arg("x", Anything())))
    found = policy(forbid, allow)
    assert decide(found, {"to": "root", "x": 1}).rule == "no"
    assert decide(found, {"to": "alice", "x": 1}).rule == "yes"


# --- who, and for whom ---------------------------------------------------------------------


def test_a_rule_without_persons_is_about_autonomous_calls(policy: Compiled) -> None:
    """A rule without ``for`` does not match a call made for a person, nor the reverse."""
    autonomous, attended = policy(rule("r", persons=())), policy(rule("r"))
    call = tool_call("pay", {})
    assert autonomous.decide(call, chain("agent:a")).effect is Effect.ALLOW
    assert autonomous.decide(call, FOR_ALICE).effect is Effect.DENY
    assert attended.decide(call, chain("agent:a")).effect is Effect.DENY
    assert attended.decide(call, FOR_ALICE).effect is Effect.ALLOW


def test_groups_and_globs_name_whom_they_name(policy: Compiled) -> None:
    """Groups stand for their members, globs for the declared identities that fit."""
    found = policy(rule("r", who=("group:bots", "agent:b*"), persons=("group:team", "user:u9")))
    call = tool_call("pay", {})
    for person, actor, effect in (
        ("user:u1", "agent:a", Effect.ALLOW),
        ("user:u2", "service:s", Effect.ALLOW),
        ("user:u9", "agent:b", Effect.ALLOW),
        ("user:u3", "agent:b", Effect.DENY),
    ):
        assert found.decide(call, chain(person, actor)).effect is effect


def test_every_agent_of_the_chain_must_be_permitted(policy: Compiled) -> None:
    """An agent without a rule of its own makes the whole chain denied, at either place."""
    call = tool_call("pay", {})
    only_a = policy(rule("r"))
    assert only_a.decide(call, chain("user:u1", "agent:a", "agent:b")).effect is Effect.DENY
    assert only_a.decide(call, chain("user:u1", "agent:b", "agent:a")).effect is Effect.DENY
    both = policy(rule("r", who=("agent:*",)))
    assert both.decide(call, chain("user:u1", "agent:b", "agent:a")).effect is Effect.ALLOW


def test_the_strictest_agent_of_the_chain_decides(policy: Compiled) -> None:
    """If one agent may and another must ask, the call must ask."""
    found = policy(rule("a"), rule("b", Effect.APPROVE, who=("agent:b",)))
    decision = found.decide(tool_call("pay", {}), chain("user:u1", "agent:a", "agent:b"))
    assert (decision.effect, decision.rule) == (Effect.APPROVE, "b")


def test_a_deny_rule_for_one_agent_is_named_before_a_default_deny(policy: Compiled) -> None:
    """The rule that denies is named although another agent of the chain has no rule at all."""
    found = policy(rule("no", Effect.DENY))
    decision = found.decide(tool_call("pay", {}), chain("user:u1", "agent:b", "agent:a"))
    assert (decision.rule, decision.reason) == ("no", Reason.DENIED_BY_RULE)


# --- combining -----------------------------------------------------------------------------


def test_deny_wins_over_approve_and_approve_over_allow(policy: Compiled) -> None:
    """Of the rules that apply, the strictest decides."""
    allow, ask, deny = rule("a"), rule("b", Effect.APPROVE), rule("c", Effect.DENY)
    assert decide(policy(allow), {}).rule == "a"
    assert decide(policy(allow, ask), {}).rule == "b"
    assert decide(policy(allow, ask, deny), {}).rule == "c"


def test_the_profile_with_the_larger_need_is_asked(policy: Compiled) -> None:
    """Of two profiles the one that needs more approvers is asked, ties by name."""
    ask = [rule(f"r-{name}", Effect.APPROVE, approval=name) for name in ("leads", "both", "also")]
    decision = decide(policy(*ask), {})
    assert AskApproval(profile="also") in decision.obligations
    assert sum(isinstance(each, AskApproval) for each in decision.obligations) == 1


def test_a_pinned_definition_must_be_the_one_called(policy: Compiled) -> None:
    """A tool whose definition differs from the pinned one is denied, and deny rules still apply."""
    pin = "sha256:" + "0" * 64
    tools = (ToolSpec(name="pay", impact=Impact.READ_ONLY, definition=pin),)
    found = policy(rule("r"), tools=tools)
    assert found.decide(tool_call("pay", {}, definition=pin), FOR_ALICE).effect is Effect.ALLOW
    denied = found.decide(tool_call("pay", {}), FOR_ALICE)
    assert denied.effect is Effect.DENY
    assert denied.nearest is not None
    assert denied.nearest.constraint == "definition"
    forbidding = policy(rule("no", Effect.DENY), tools=tools)
    assert forbidding.decide(tool_call("pay", {}), FOR_ALICE).rule == "no"


# --- obligations ---------------------------------------------------------------------------


def test_a_tool_call_is_told_what_it_may_receive(policy: Compiled) -> None:
    """Families and the wildcard are spelled out as names of classes."""
    found = policy(rule("r", tools=("pay", "any", "read")))
    assert decide(found, {}).obligations == (
        ReceiveOnly(classes=frozenset({"email", "card", "api_key"})),
        RecordBeforeDispatch(),
    )
    everything = ReceiveOnly(classes=frozenset({"email", "card", "api_key", "jwt"}))
    assert decide(found, {}, "any").obligations == (everything, RecordBeforeDispatch())
    assert decide(found, {}, "read").obligations == (ReceiveOnly(classes=frozenset()),)
    assert found.may_receive("pay", "email")
    assert not found.may_receive("pay", "jwt")
    assert not found.may_receive("any", "no_such_class")
    assert not found.may_receive("no_such_tool", "email")


def test_a_model_call_hides_every_class_and_offers_what_may_be_run(policy: Compiled) -> None:
    """An allowed model call hides all classes and offers only the tools within reach."""
    chat = rule("chat", providers=("openai",), models=("gpt-4o*", "o1"))
    found = policy(rule("r"), chat)
    decision = found.decide(model_call(), FOR_ALICE)
    assert decision.effect is Effect.ALLOW
    assert decision.obligations == (
        HideClasses(classes=found.classes),
        OfferOnly(tools=frozenset({"pay"})),
        ReferOnly(references=frozenset()),
    )
    for refused in (
        model_call("gpt-3.5"),
        model_call("xgpt-4o"),
        model_call(operation="embeddings"),
        model_call(origin="http://127.0.0.1:8000"),
    ):
        assert found.decide(refused, FOR_ALICE).reason is Reason.NOT_ALLOWLISTED
    assert found.decide(model_call("o1"), FOR_ALICE).effect is Effect.ALLOW


def test_a_model_can_be_denied(policy: Compiled) -> None:
    """A deny rule for a model wins over an allow rule for its provider."""
    chat = rule("chat", providers=("openai",), models=("*",))
    no = rule("no", Effect.DENY, providers=("openai",), models=("gpt-4*",))
    found = policy(chat, no)
    assert found.decide(model_call("gpt-4o"), FOR_ALICE).rule == "no"
    assert found.decide(model_call("o1"), FOR_ALICE).rule == "chat"


def test_tools_are_offered_that_every_agent_might_run(policy: Compiled) -> None:
    """A tool is offered if some rule could allow it for each agent and no rule forbids it flatly."""
    found = policy(
        rule("1", who=("agent:*",), tools=("read",)),
        rule("2", Effect.APPROVE, arguments=(AMOUNT,)),
        rule("3", tools=("any",)),
        rule("4", Effect.DENY, tools=("any",), arguments=(arg("x", Anything()),)),
        rule("5", Effect.DENY, arguments=(AMOUNT,)),
        rule("6", who=("agent:b",), tools=("any",), persons=()),
    )
    assert found.offered_tools(FOR_ALICE) == {"read", "pay"}
    assert found.offered_tools(chain("user:u1", "agent:a", "agent:b")) == {"read"}
    assert found.offered_tools(chain("agent:b")) == {"any"}
    assert found.offered_tools(chain("user:u1", "agent:unknown")) == frozenset()


def test_requesters_are_the_chain_and_the_owners(policy: Compiled) -> None:
    """The owner of an agent in the chain counts as requester."""
    assert policy().requesters(FOR_ALICE) == ("agent:a", "user:olga", "user:u1")


# --- settling ------------------------------------------------------------------------------


def test_settling_refuses_a_blocked_class(policy: Compiled) -> None:
    """A finding of a class that is blocked refuses the call; none of it does not."""
    found = policy(rule("r"), rule("chat", providers=("openai",), models=("*",)))
    for call in (tool_call("pay", {}), model_call()):
        decision = found.decide(call, FOR_ALICE)
        assert found.settle(decision, Facts(counts={"card": 0, "email": 2})) is decision
        settled = found.settle(decision, Facts(counts={"card": 1}))
        assert (settled.effect, settled.reason) == (Effect.DENY, Reason.CLASS_BLOCKED)
        assert "'card'" in str(settled.nearest)


def test_settling_refuses_what_a_tool_may_not_receive(policy: Compiled) -> None:
    """A class that the tool may not receive, or that nobody declared, refuses the call."""
    found = policy(rule("r"))
    decision = decide(found, {})
    for name in ("jwt", "undeclared"):
        settled = found.settle(decision, Facts(counts={name: 1}))
        assert (settled.effect, settled.reason) == (Effect.DENY, Reason.CLASS_BLOCKED)


def test_settling_leaves_a_denial_as_it_is(policy: Compiled) -> None:
    """A denied call stays denied for the reason it was denied."""
    found = policy()
    decision = decide(found, {})
    assert found.settle(decision, Facts(counts={"card": 1})) is decision


def test_a_repr_of_a_policy_is_short(policy: Compiled) -> None:
    """A policy's repr names it and counts its rules."""
    assert repr(policy(rule("r"))).startswith("Policy(name='base', digest='sha256:")
