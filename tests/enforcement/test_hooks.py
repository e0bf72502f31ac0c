# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does the host's code get to see, and which of its answers counts?"""

import asyncio
import threading
from types import MappingProxyType
from typing import Any

import pytest

from agentguard.enforcement import ResourceHooks, hooks_for
from agentguard.errors import ConfigError
from agentguard.pipeline import CheckAccess, FindResources
from agentguard.policy import (
    ArgumentSpec,
    DeciderSpec,
    IdentitySpec,
    Policy,
    PolicyDocument,
    RuleSpec,
    ToolSpec,
    compile_policy,
)
from agentguard.policy.constraints import Anything, Match
from agentguard.vocabulary import Effect, Impact, Principal, PrincipalKind, ToolCall

ARGUMENTS = MappingProxyType({"order": "o1"})
CALL = ToolCall(id="c", tool="t", definition="d", received=ARGUMENTS, resolved=ARGUMENTS)
ALICE = Principal(id="user:alice", kind=PrincipalKind.USER)
DESK = Principal(id="agent:desk", kind=PrincipalKind.AGENT)


def answered(hooks: ResourceHooks, step: FindResources | CheckAccess) -> list[Any]:
    """Perform a step in both ways."""
    return [hooks.ask(step), asyncio.run(hooks.ask_async(step))]


def test_the_hook_gets_what_the_tool_would_get_and_cannot_change_it() -> None:
    """The arguments are those that were decided, and read-only."""
    seen: list[Any] = []
    hooks = ResourceHooks(resource=seen.append)
    answered(hooks, FindResources(CALL))
    assert seen == [{"order": "o1"}] * 2
    with pytest.raises(TypeError):
        seen[0]["order"] = "o2"


def test_everybody_is_asked_about_until_one_may_not() -> None:
    """Each principal and each object, in order; the first without access is told."""
    asked: list[tuple[str, str]] = []

    def access(principal: Principal, order: str) -> bool:
        asked.append((principal.id, order))
        return order != "o2"

    step = CheckAccess(CALL, (ALICE, DESK), ("o1", "o2"))
    assert answered(ResourceHooks(resource=str, access=access), step) == [ALICE, ALICE]
    assert asked[:2] == [("user:alice", "o1"), ("user:alice", "o2")]
    everything = CheckAccess(CALL, (ALICE, DESK), ("o1",))
    assert answered(ResourceHooks(resource=str, access=access), everything) == [None, None]


@pytest.mark.parametrize("answer", [1, "yes", [0], object(), None, False])
def test_only_true_is_a_yes(answer: object) -> None:
    """What is not True itself is a no."""
    step = CheckAccess(CALL, (DESK,), ("o1",))
    assert answered(ResourceHooks(resource=str, access=lambda *_: answer), step) == [DESK, DESK]


def test_a_plain_hook_of_an_async_tool_does_not_run_in_the_event_loop() -> None:
    """It may ask a database, so it runs in a thread, with the context of the call."""
    where: list[threading.Thread] = []
    hooks = ResourceHooks(resource=lambda _: where.append(threading.current_thread()))
    asyncio.run(hooks.ask_async(FindResources(CALL)))
    assert where != [threading.current_thread()]


def policy(*rules: RuleSpec, resource: str | None = "order", decided: bool = False) -> Policy:
    """Return a policy with one tool that acts on orders, and another one."""
    return compile_policy(
        PolicyDocument(
            name="p",
            identities=(IdentitySpec(id="agent:a"),),
            tools=(
                ToolSpec(name="t", impact=Impact.REVERSIBLE, resource=resource),
                ToolSpec(name="u", impact=Impact.REVERSIBLE),
            ),
            rules=rules,
            deciders=(DeciderSpec(name="d", tools=("t",)),) if decided else (),
        )
    )


def rule(id: str, *, checked: bool, tool: str = "t") -> RuleSpec:  # noqa: A002 - the field's word
    """Return a rule that lets the tool act, on orders of one shape or on any."""
    return RuleSpec(
        id=id,
        who=("agent:a",),
        tools=(tool,),
        effect=Effect.ALLOW,
        arguments=(ArgumentSpec(name="order", constraint=Anything()),),
        resource=Match(pattern="o[0-9]+") if checked else None,
    )


def hook(*_: Any) -> Any:
    """Answer nothing."""


def test_each_rule_must_say_which_objects_unless_something_else_does() -> None:
    """One rule without a constraint is enough to need a predicate or a decider."""
    both = (rule("narrow", checked=True), rule("wide", checked=False))
    with pytest.raises(ConfigError, match="'wide'"):
        hooks_for(policy(*both), "t", hook, None, asynchronous=False)
    narrow = (rule("narrow", checked=True),)
    for made in (
        hooks_for(policy(*narrow), "t", hook, None, asynchronous=False),
        hooks_for(policy(*both), "t", hook, hook, asynchronous=False),
        hooks_for(policy(*both, decided=True), "t", hook, None, asynchronous=False),
    ):
        assert made is not None
        assert made.resource is hook


def test_a_tool_without_objects_has_no_hooks() -> None:
    """Nothing is asked about a tool whose policy names no kind of object."""
    plain = policy(rule("r", checked=False, tool="u"))
    assert hooks_for(plain, "u", None, None, asynchronous=False) is None


@pytest.mark.parametrize("wrong", ["text", 5, lambda: (yield)])
def test_what_cannot_be_asked_is_no_hook(wrong: Any) -> None:
    """A hook is a function that returns its answer."""
    with pytest.raises(TypeError, match="resource="):
        hooks_for(policy(), "t", wrong, None, asynchronous=False)
