# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does anything that a run of a guarded pydantic-ai agent is given lead round the guard?"""

import asyncio
import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pydantic_ai import (
    Agent,
    BinaryContent,
    DeferredToolRequests,
    DeferredToolResults,
    ToolApproved,
    ToolDenied,
)
from pydantic_ai.agent import WrapperAgent
from pydantic_ai.capabilities import (
    AbstractCapability,
    CapabilityOrdering,
    FileUnderstanding,
    HandleDeferredToolCalls,
    Hooks,
    Toolset,
)
from pydantic_ai.models import Model
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.function import FunctionModel
from pydantic_ai.models.instrumented import InstrumentedModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.toolsets import AbstractToolset, CombinedToolset, FunctionToolset

from agentguard import ConfigError, Guard, UnguardedPath
from agentguard.integrations.pydantic_ai.agents import NEEDED, guarded_class
from agentguard.testing.contract.ground import Ground, asks_for, prepared, says

AnyAgent = Agent[Any, Any]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A guard, a provider and tools that note what they did."""
    with prepared(tmp_path_factory.mktemp("pydantic")) as made:
        yield made


@pytest.fixture
def ground(shared: Ground) -> Ground:
    """The shared ground, on which nothing ran yet."""
    shared.effects.clear()
    shared.script(says("all done"))
    return shared


@contextmanager
def nothing_sent(ground: Ground) -> Iterator[None]:
    """Hold that the block reaches no provider and no tool."""
    before = ground.provider.connections
    yield
    assert ground.provider.connections == before
    assert not ground.effects


def model_of(ground: Ground) -> OpenAIChatModel:
    """Return a model that nobody guards."""
    provider = OpenAIProvider(base_url=ground.base_url, api_key="not-a-key")
    return OpenAIChatModel(ground.model, provider=provider)


def agent_of(ground: Ground, **options: Any) -> AnyAgent:
    """Return a guarded agent with all tools."""
    tools = list(ground.functions(asynchronous=True).values())
    given = {"tools": tools, "output_type": [str, DeferredToolRequests], **options}
    plain: AnyAgent = Agent(model_of(ground), **given)
    return ground.guard.wrap(plain)


def ask(ground: Ground, agent: Any, text: str | None = "hello", **options: Any) -> Any:
    """Run an agent as somebody who may, and return the run's result."""

    async def asked() -> Any:
        async with agent:
            return await agent.run(text, **options)

    with ground.acting():
        return asyncio.run(asked())


def wiping() -> str:
    """Delete everything."""
    raise AssertionError("it ran")


@pytest.mark.parametrize("way", ["run", "override", "attribute", "capability", "selector"])
def test_another_model_is_refused(ground: Ground, way: str) -> None:
    """A model that is not guarded is asked nothing, however it comes into a run."""
    agent = agent_of(ground)
    guarded = ground.guard.wrap(model_of(ground))

    async def asked(other: Model[Any]) -> Any:
        class Choosing(AbstractCapability[Any]):
            def get_model(self) -> Any:
                return other if way == "capability" else lambda ctx: other

        if way == "override":
            with agent.override(model=other):
                return await agent.run("hello")
        if way == "attribute":
            agent.model = other
            return await agent.run("hello")
        if way in ("capability", "selector"):
            return await agent.run("hello", capabilities=[Choosing()])
        return await agent.run("hello", model=other)

    for other in (
        model_of(ground),
        InstrumentedModel(model_of(ground)),
        FallbackModel(guarded, model_of(ground)),
        TestModel(),
    ):
        with ground.acting(), nothing_sent(ground), pytest.raises(UnguardedPath):
            asyncio.run(asked(other))


def test_a_name_of_a_model_is_refused(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that names a model gets one that nobody guards, so nothing is sent."""
    monkeypatch.setenv("OPENAI_API_KEY", "not-a-key")
    monkeypatch.setenv("OPENAI_BASE_URL", ground.base_url)
    with nothing_sent(ground), pytest.raises(UnguardedPath, match="not guarded"):
        ask(ground, agent_of(ground), model="openai-chat:gpt-5")


def test_a_name_that_a_capability_resolves_is_checked(ground: Ground) -> None:
    """A model that a capability makes of a name is asked if it is guarded, and only then."""
    guarded = ground.guard.wrap(model_of(ground))

    class Resolving(AbstractCapability[Any]):
        def __init__(self, model: Model[Any]) -> None:
            self.resolved = [lambda: model]

        async def resolve_model_id(self, ctx: Any, *, model_id: str) -> Any:
            return self.resolved[0]() if model_id == "ours" else None

    for model in (model_of(ground), guarded):
        agent: AnyAgent = Agent("ours", capabilities=[Resolving(model)])
        ground.guard.wrap(agent)

        async def asked(agent: AnyAgent = agent) -> Any:
            async with guarded:
                return await agent.run("hello")

        if model is guarded:
            with ground.acting():
                assert asyncio.run(asked()).output == "all done"
        else:
            with ground.acting(), nothing_sent(ground), pytest.raises(UnguardedPath):
                asyncio.run(asked())


def test_a_guarded_model_for_a_run_is_asked(ground: Ground) -> None:
    """A run may bring a model that the same guard has."""
    other = ground.guard.wrap(model_of(ground))
    agent = agent_of(ground)

    async def asked() -> Any:
        async with other:
            return await agent.run("hello", model=other)

    with ground.acting():
        assert asyncio.run(asked()).output == "all done"


def bring(ground: Ground, way: str, brought: FunctionToolset[Any]) -> tuple[AnyAgent, Any]:
    """Return an agent, and the options of a run, with tools that came later."""
    agent = agent_of(ground, tools=[])
    if way == "decorated":
        for tool in brought.tools.values():
            plain: Any = tool.function
            agent.tool_plain(plain)
        return agent, {}
    if way == "capability":
        return agent, {"capabilities": [Toolset(brought)]}
    if way == "dynamic":
        agent.toolset(lambda ctx: brought)
        return agent, {}
    return agent, {"toolsets": [brought]}


@pytest.mark.parametrize("way", ["decorated", "capability", "dynamic", "run"])
def test_tools_that_come_later_are_decided(ground: Ground, way: str) -> None:
    """A tool that a guarded agent is given later is hidden, decided and written down as any."""
    brought: FunctionToolset[Any] = FunctionToolset(
        list(ground.functions(asynchronous=True).values())
    )
    agent, options = bring(ground, way, brought)
    ground.script(
        asks_for("lookup", order="everything"),
        asks_for("wipe", account="A"),
        asks_for("lookup", order="ORD-0001"),
        says("all done"),
    )
    assert ask(ground, agent, **options).output == "all done"
    assert [each.arguments for each in ground.effects] == [{"order": "ORD-0001"}]
    assert "wipe" not in str(ground.provider.journal[-1].json["tools"])


def test_overriding_tools_are_decided(ground: Ground) -> None:
    """Tools and sets of tools that override an agent's own are decided."""
    agent = agent_of(ground)
    functions = ground.functions(asynchronous=True)
    ground.script(asks_for("lookup", order="everything"), says("all done"))
    for given in (
        {"tools": list(functions.values())},
        {"tools": [], "toolsets": [FunctionToolset(list(functions.values()))]},
    ):
        with agent.override(**given):
            assert ask(ground, agent).output == "all done"
    assert not ground.effects


class Around(AbstractCapability[Any]):
    """Puts a set of tools around whatever the agent has."""

    def __init__(self, position: Any) -> None:
        self.position = position

    def get_ordering(self) -> CapabilityOrdering | None:
        """Stand where the test wants it."""
        return CapabilityOrdering(position=self.position)

    def get_wrapper_toolset(self, toolset: AbstractToolset[Any]) -> AbstractToolset[Any]:
        """Put a tool beside those of the agent."""
        return CombinedToolset([FunctionToolset([wiping]), toolset])


@pytest.mark.parametrize("given", ["agent", "run"])
def test_a_tool_around_the_guard_is_refused(ground: Ground, given: str) -> None:
    """A capability cannot put a tool between the guard and the model."""
    for position in ("outermost", "innermost", None):
        around = [Around(position)]
        agent = agent_of(ground, capabilities=around if given == "agent" else None)
        with nothing_sent(ground), pytest.raises(UnguardedPath, match="around the guard"):
            ask(ground, agent, capabilities=around if given == "run" else None)


@pytest.mark.parametrize("named", [True, False])
def test_a_capability_with_a_model_of_its_own_is_refused(ground: Ground, *, named: bool) -> None:
    """A capability that would send files to a model that nobody guards ends the run."""
    # The framework's own FileUnderstanding asks another agent, which is nobody's but its own.
    describing = FileUnderstanding("openai:gpt-5" if named else model_of(ground))
    image = BinaryContent(b"\x89PNG", media_type="image/png")

    async def asked(agent: AnyAgent) -> None:
        await agent.run(["what is this?", image])

    agent = agent_of(ground, capabilities=[describing])
    with ground.acting(), nothing_sent(ground), pytest.raises(UnguardedPath):
        asyncio.run(asked(agent))


def test_another_root_of_capabilities_keeps_the_guard(ground: Ground) -> None:
    """A spec that overrides an agent's capabilities does not take the guard's away."""
    agent = agent_of(ground)
    with (
        agent.override(spec={"instructions": "be brief"}, model=TestModel()),
        nothing_sent(ground),
        pytest.raises(UnguardedPath),
    ):
        ask(ground, agent)


def test_arguments_that_a_hook_changed_are_decided(ground: Ground) -> None:
    """What a hook makes of the arguments is what is decided, not what the model wrote."""
    hooks: Hooks[Any] = Hooks()

    @hooks.on.before_tool_execute
    async def change(ctx: Any, *, call: Any, tool_def: Any, args: Any) -> Any:
        del ctx, call, tool_def
        return {**args, "order": "everything"}

    ground.script(asks_for("lookup", order="ORD-0001"), says("all done"))
    assert ask(ground, agent_of(ground, capabilities=[hooks])).output == "all done"
    assert not ground.effects


@pytest.mark.parametrize(
    "way",
    [
        lambda agent: Agent.iter(agent, "hello", model=TestModel()),
        lambda agent: WrapperAgent(agent).iter("hello", model=TestModel()),
        lambda agent: copy.copy(agent).iter("hello", model=TestModel()),
        lambda agent: type(agent)(TestModel()).iter("hello"),
    ],
    ids=["unbound", "wrapped", "copied", "made anew"],
)
def test_other_ways_to_run_are_guarded(ground: Ground, way: Callable[[Any], Any]) -> None:
    """An agent that is run past its own methods is refused what it would be refused by them."""
    agent = agent_of(ground)

    async def run() -> None:
        async with way(agent):
            pass

    with ground.acting(), pytest.raises(UnguardedPath):
        asyncio.run(run())


def test_realtime_is_refused(ground: Ground) -> None:
    """A realtime session, which has a socket of its own, is not begun."""
    pytest.importorskip("pydantic_ai.realtime.openai")
    from pydantic_ai.realtime.openai import OpenAIRealtimeModel

    provider = OpenAIProvider(base_url=ground.base_url, api_key="not-a-key")
    agent = agent_of(ground)

    async def run(agent: Any) -> None:
        async with agent.realtime(OpenAIRealtimeModel("gpt-realtime", provider=provider)).session():
            pass

    for each in (agent, WrapperAgent(agent)):
        with ground.acting(), nothing_sent(ground), pytest.raises(UnguardedPath, match="realtime"):
            asyncio.run(run(each))


def test_the_sets_of_tools_of_an_agent_are_guarded(ground: Ground) -> None:
    """What a guarded agent shows as its sets of tools does not lead to its functions."""
    (shown,) = agent_of(ground).toolsets
    assert not hasattr(shown, "tools")
    assert not hasattr(shown, "wrapped")


def test_an_agent_has_one_guard(ground: Ground) -> None:
    """Guarding twice changes nothing, and a second guard is refused."""
    agent = agent_of(ground)
    assert ground.guard.wrap(agent) is agent
    with pytest.raises(ConfigError, match="another guard"):
        ground.elsewhere().guard.wrap(agent)
    with pytest.raises(ConfigError, match="without this identity"):
        ground.guard.wrap(agent, identity="agent:desk")


def test_an_agent_may_carry_who_acts(ground: Ground) -> None:
    """An agent that is guarded for somebody needs no block around, in its model and its tools."""
    path = ground.folder / "carried.toml"
    text = (ground.folder / "agentguard.toml").read_text().replace("agentguard.db", "carried.db")
    path.write_text(text.replace('for = ["user:alice", "user:bob"]\n', ""))
    agent: AnyAgent = Agent(
        model_of(ground), tools=list(ground.functions(asynchronous=True).values())
    )
    ground.script(asks_for("lookup", order="ORD-0001"), says("all done"))

    async def asked() -> Any:
        async with agent:
            return await agent.run("hello")

    with Guard.from_file(path) as guard:
        guard.wrap(agent, identity="agent:desk")
        assert asyncio.run(asked()).output == "all done"
    assert [each.tool for each in ground.effects] == ["lookup"]


def test_a_wrapping_agent_is_refused(ground: Ground) -> None:
    """An agent around another one is not guarded by its look."""
    with pytest.raises(TypeError, match="guard that agent"):
        ground.guard.wrap(WrapperAgent(agent_of(ground)))


@pytest.mark.parametrize("name", NEEDED)
def test_an_unknown_release_is_refused(name: str) -> None:
    """A framework that lacks a method through which the guard is asked cannot be guarded."""
    members = {each: None for each in NEEDED if each != name}
    with pytest.raises(TypeError, match=name):
        guarded_class(type("Agent", (), members))


def test_the_yes_of_a_capability_approves_nothing(ground: Ground) -> None:
    """A program that says yes to every deferred call within a run lets none of them run."""

    async def yes(ctx: Any, requests: DeferredToolRequests) -> DeferredToolResults:
        del ctx
        return requests.build_results(approve_all=True)

    ground.script(asks_for("refund", order="ORD-0001", amount=401), says("all done"))
    agent = agent_of(ground, capabilities=[HandleDeferredToolCalls(yes)])
    result = ask(ground, agent)
    assert isinstance(result.output, DeferredToolRequests)
    assert not ground.effects


@pytest.mark.parametrize(
    "answer", [ToolApproved(override_args={"order": "ORD-0001", "amount": 900}), ToolDenied("no")]
)
def test_an_approval_covers_the_call_as_it_was_asked(ground: Ground, answer: Any) -> None:
    """Arguments that a program edits are another call, and what it denies does not run."""
    amount = 403 + isinstance(answer, ToolDenied)
    ground.script(asks_for("refund", order="ORD-0001", amount=amount), says("all done"))
    agent = agent_of(ground)
    waiting = ask(ground, agent)
    (call,) = waiting.output.approvals
    ground.vote(waiting.output.metadata[call.tool_call_id]["request_id"])
    answers = DeferredToolResults(approvals={call.tool_call_id: answer})
    history = waiting.all_messages()
    done = ask(ground, agent, None, message_history=history, deferred_tool_results=answers)
    assert not ground.effects
    assert isinstance(done.output, DeferredToolRequests) is isinstance(answer, ToolApproved)


def test_what_waits_holds_no_arguments(ground: Ground) -> None:
    """What the framework keeps of a pause names the request, the tool and a digest, and no more."""
    ground.script(asks_for("refund", order="ORD-0001", amount=402))
    (kept,) = ask(ground, agent_of(ground)).output.metadata.values()
    assert set(kept) == {"request_id", "tool", "digest"}
    assert "ORD-0001" not in str(kept)


def test_a_model_of_functions_cannot_be_guarded(ground: Ground) -> None:
    """An agent whose model sends by other means than a known client is not guarded at all."""
    agent: AnyAgent = Agent(FunctionModel(lambda messages, info: None))  # type: ignore[arg-type, return-value]  # never called
    with pytest.raises(ConfigError, match="no client that the guard knows"):
        ground.guard.wrap(agent)
    assert type(agent) is Agent
