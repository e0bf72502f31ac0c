# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is there a way from a guarded agent to a provider or a tool that is not decided?"""

import asyncio
import copy
import dataclasses
import gc
import json
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from agents import (
    Agent,
    AgentHooks,
    ApplyPatchTool,
    ComputerTool,
    FunctionTool,
    LocalShellTool,
    ModelSettings,
    OpenAIChatCompletionsModel,
    RunConfig,
    RunHooks,
    Runner,
    RunState,
    ShellTool,
    function_tool,
    handoff,
)
from agents.run import AgentRunner, get_default_agent_runner, set_default_agent_runner
from agents.tool_context import ToolContext
from openai import AsyncOpenAI, DefaultAsyncHttpx2Client

from agentguard import AgentGuardError, ConfigError, Guard, IdentityRequired, UnguardedPath
from agentguard.errors import DeniedByPolicy
from agentguard.testing.contract import Ground
from agentguard.testing.contract.ground import ADDRESS, asks_for, prepared, says

PLAIN_FIELDS = dataclasses.fields(Agent)


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    """A guard, a provider that says that all is done, and tools."""
    with prepared(tmp_path) as made:
        made.script(says("all done"))
        yield made


def client_of(ground: Ground) -> AsyncOpenAI:
    """Return a plain client of the provider, which leaves no connection open."""
    kept = httpx2.Limits(max_keepalive_connections=0)
    http = DefaultAsyncHttpx2Client(limits=kept)
    return AsyncOpenAI(base_url=ground.base_url, api_key="not-a-key", http_client=http)


def model_of(ground: Ground) -> OpenAIChatCompletionsModel:
    """Return a plain model of the provider."""
    return OpenAIChatCompletionsModel(ground.model, client_of(ground))


def tool_of(ground: Ground, name: str = "lookup") -> FunctionTool:
    """Return a plain tool."""
    return function_tool(ground.functions(asynchronous=True)[name])


def agent_of(ground: Ground, **fields: Any) -> Agent[Any]:
    """Return a plain agent."""
    given = {"name": "Desk", "tools": [tool_of(ground)], "model": model_of(ground), **fields}
    return Agent(**given)


def run(ground: Ground, agent: Agent[Any], given: Any = f"I am {ADDRESS}", **options: Any) -> Any:
    """Run an agent as the desk for alice."""
    with ground.acting():
        return asyncio.run(Runner.run(agent, given, **options))


def refused(ground: Ground, agent: Agent[Any], **options: Any) -> AgentGuardError:
    """Run an agent, which is refused before anything is sent, and return the refusal."""
    with pytest.raises(AgentGuardError) as caught:
        run(ground, agent, **options)
    assert ground.provider.received_bytes() == b""
    assert ground.effects == []
    return caught.value


def reachable(start: object) -> list[object]:
    """Return what attributes of an object lead to, and theirs."""
    seen: dict[int, object] = {}
    waiting = [start]
    while waiting:
        found = waiting.pop()
        if id(found) in seen:
            continue
        seen[id(found)] = found
        waiting.extend(getattr(found, "__dict__", {}).values())
        if isinstance(found, dict):
            waiting.extend(found.values())
        if isinstance(found, list | tuple):
            waiting.extend(found)
        waiting.extend(getattr(found, name, None) for name in ("__self__", "__func__"))
    return list(seen.values())


def test_no_attribute_of_a_guarded_tool_leads_to_its_function(ground: Ground) -> None:
    """Neither the function nor the tool that was guarded is reached by attributes."""
    function = ground.functions(asynchronous=True)["lookup"]
    plain = function_tool(function)
    assert function in reachable(plain.__wrapped__)
    guarded = ground.guard.wrap(plain)
    found = reachable(guarded)
    assert not any(each is plain or each is function for each in found)
    with pytest.raises(AttributeError):
        guarded.__wrapped__  # noqa: B018 - it is the looking that must fail


def put_tool(ground: Ground, agent: Agent[Any]) -> None:
    """Put a tool into an agent."""
    agent.tools.append(tool_of(ground, "wipe"))


def put_tools(ground: Ground, agent: Agent[Any]) -> None:
    """Give an agent other tools."""
    agent.tools = [tool_of(ground, "wipe")]


def put_handoff(ground: Ground, agent: Agent[Any]) -> None:
    """Put somebody to hand over to into an agent."""
    agent.handoffs.append(agent_of(ground))


def put_handoff_object(ground: Ground, agent: Agent[Any]) -> None:
    """Put a handoff into an agent."""
    agent.handoffs.append(handoff(agent_of(ground)))


def put_model(ground: Ground, agent: Agent[Any]) -> None:
    """Give an agent another model."""
    agent.model = model_of(ground)


def put_model_name(_: Ground, agent: Agent[Any]) -> None:
    """Name another model for an agent."""
    agent.model = "gpt-5"


def put_function(ground: Ground, agent: Agent[Any]) -> None:
    """Put another function into a guarded tool."""
    tool: Any = agent.tools[0]
    tool.on_invoke_tool = tool_of(ground, "wipe").on_invoke_tool


def put_way(ground: Ground, agent: Agent[Any]) -> None:
    """Put another function into a guarded handoff."""
    item: Any = ground.guard.wrap(agent_of(ground, handoffs=[handoff(agent_of(ground))]))
    item.handoffs[0].on_invoke_handoff = handoff(agent_of(ground)).on_invoke_handoff
    agent.handoffs.append(item.handoffs[0])


def put_own_model(ground: Ground, agent: Agent[Any]) -> None:
    """Put another model behind that of a guarded agent."""
    held: Any = agent.model
    held._own = model_of(ground)


class Watching(AgentHooks[Any]):
    """Somebody who is told of prompts."""


def put_hooks(_: Ground, agent: Agent[Any]) -> None:
    """Have somebody watch an agent."""
    agent.hooks = Watching()


@pytest.mark.parametrize(
    "put",
    [
        put_tool,
        put_tools,
        put_function,
        put_handoff,
        put_handoff_object,
        put_way,
        put_model,
        put_model_name,
        put_own_model,
        put_hooks,
    ],
)
def test_an_agent_with_something_unguarded_in_it_does_not_run(
    ground: Ground, put: Callable[[Ground, Agent[Any]], None]
) -> None:
    """What is put into a guarded agent afterwards, unguarded, ends its runs before they begin."""
    agent = ground.guard.wrap(agent_of(ground))
    put(ground, agent)
    assert isinstance(refused(ground, agent), UnguardedPath)


@pytest.mark.parametrize("copied", [copy.copy, dataclasses.replace])
def test_a_copy_past_clone_does_not_run(ground: Ground, copied: Callable[[Any], Any]) -> None:
    """A copy that the guard did not make is not taken for a guarded agent."""
    agent = copied(ground.guard.wrap(agent_of(ground)))
    assert isinstance(refused(ground, agent), UnguardedPath)


def test_a_clone_is_guarded_with_its_new_parts(ground: Ground) -> None:
    """agent.clone(tools=...) guards the tools that it is given."""
    agent = ground.guard.wrap(agent_of(ground)).clone(tools=[tool_of(ground, "wipe")])
    ground.script(asks_for("wipe", account="A"), says("all done"))
    with pytest.raises(Exception, match="wipe"):
        run(ground, agent)
    assert ground.effects == []


@pytest.fixture
def default_runner() -> Iterator[None]:
    """Put the default runner back."""
    before = get_default_agent_runner()
    yield
    set_default_agent_runner(before)


@pytest.mark.usefixtures("default_runner")
def test_a_runner_of_somebody_else_does_not_run_a_guarded_agent(ground: Ground) -> None:
    """Neither a default runner that was set later nor one that is used itself does."""
    agent = ground.guard.wrap(agent_of(ground))
    set_default_agent_runner(AgentRunner())
    assert isinstance(refused(ground, agent), UnguardedPath)
    raw = RunConfig(model=model_of(ground), tracing_disabled=True)
    assert isinstance(refused(ground, agent, run_config=raw), UnguardedPath)


@pytest.mark.usefixtures("default_runner")
def test_an_unguarded_agent_runs_as_it_did(ground: Ground) -> None:
    """The guard's runner leaves agents alone that are not guarded."""
    ground.guard.wrap(agent_of(ground))
    run(ground, agent_of(ground))
    assert ground.provider.saw(ADDRESS)


async def executed(_: Any) -> str:
    """Run what a model wrote."""
    return "done"


@pytest.mark.parametrize(
    "tool",
    [
        ShellTool(executor=executed),
        LocalShellTool(executor=executed),
        ApplyPatchTool(editor=object()),  # type: ignore[arg-type]  # never asked
        ComputerTool(computer=object()),  # type: ignore[arg-type]  # never asked
    ],
    ids=lambda tool: type(tool).__name__,
)
def test_tools_that_run_what_a_model_wrote_are_refused(ground: Ground, tool: Any) -> None:
    """What runs in this process without naming what it does is no part of a guarded agent."""
    with pytest.raises(TypeError, match="function tool"):
        ground.guard.wrap(agent_of(ground, tools=[tool]))


def test_an_unguarded_agent_as_a_tool_is_refused(ground: Ground) -> None:
    """A tool that runs an agent is guarded with that agent alone."""
    inner = agent_of(ground)
    with pytest.raises(ConfigError, match="not guarded"):
        ground.guard.wrap(inner.as_tool("lookup", "Look an order up."))


def test_a_handoff_leads_to_members_of_the_team_alone(ground: Ground) -> None:
    """A handoff that hands over to an agent of its own choice is refused."""
    stranger, known = agent_of(ground, name="Stranger"), agent_of(ground, name="Known")
    item = handoff(known)

    async def elsewhere(_: Any, __: str) -> Agent[Any]:
        return stranger

    item.on_invoke_handoff = elsewhere
    agent = ground.guard.wrap(agent_of(ground, handoffs=[item]))
    ground.script(asks_for("transfer_to_known"), says("all done"))
    with pytest.raises(UnguardedPath):
        run(ground, agent)
    assert len(ground.provider.journal) == 1


def test_code_of_a_handoff_with_arguments_is_declared(ground: Ground) -> None:
    """A handoff that runs code with what a model wrote is a tool of the policy, or refused."""

    @dataclasses.dataclass
    class Reason:
        why: str

    async def noted(_: Any, __: Reason) -> None:
        """Take a note."""

    item = handoff(agent_of(ground), on_handoff=noted, input_type=Reason)
    with pytest.raises(ConfigError, match="declare it"):
        ground.guard.wrap(agent_of(ground, handoffs=[item]))


def test_a_state_of_an_unguarded_run_is_not_taken_up(ground: Ground) -> None:
    """A guarded agent does not go on with a run whose agent is not guarded."""
    plain = agent_of(ground, tools=[])
    held = function_tool(ground.functions(asynchronous=True)["refund"], needs_approval=True)
    plain = agent_of(ground, tools=[held])
    ground.script(asks_for("refund", order="ORD-0001", amount=40), says("all done"))
    state = run(ground, plain).to_state()
    before = len(ground.provider.journal)
    with pytest.raises(ConfigError, match="not guarded"):
        run(ground, ground.guard.wrap(plain), state)
    assert len(ground.provider.journal) == before


def test_a_sandbox_is_refused(ground: Ground) -> None:
    """Tools of a sandbox would run past the guard."""
    from agents.run_config import SandboxRunConfig

    agent = ground.guard.wrap(agent_of(ground))
    config = RunConfig(sandbox=SandboxRunConfig())
    assert isinstance(refused(ground, agent, run_config=config), ConfigError)


class Listening(RunHooks[Any]):
    """Somebody who is told of prompts."""


def test_callbacks_that_would_see_prompts_are_refused(ground: Ground) -> None:
    """Hooks of a run and of an agent see prompts, so that the policy must know them."""
    agent = ground.guard.wrap(agent_of(ground))
    assert isinstance(refused(ground, agent, hooks=Listening()), UnguardedPath)
    with pytest.raises(UnguardedPath):
        ground.guard.wrap(agent_of(ground, hooks=Watching()))
    run(ground, agent, hooks=RunHooks())


@pytest.mark.parametrize("flag", ["DONT_LOG_MODEL_DATA", "DONT_LOG_TOOL_DATA"])
def test_a_log_that_would_hold_prompts_is_refused(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, flag: str
) -> None:
    """The SDK can be told to log prompts and results, which the policy must know of."""
    monkeypatch.setattr(f"agents._debug.{flag}", False)
    error = refused(ground, ground.guard.wrap(agent_of(ground)))
    assert isinstance(error, UnguardedPath)
    assert "agents.logger" in str(error)


def test_callbacks_that_the_policy_knows_are_called(ground: Ground) -> None:
    """A class that known_observers names may listen."""
    path = ground.folder / "known.toml"
    named = f'[coverage]\nknown_observers = ["{__name__}.Listen*"]\n'
    text = (ground.folder / "agentguard.toml").read_text().replace("agentguard.db", "known.db")
    path.write_text(text + named)
    with Guard.from_file(path) as guard:
        agent = guard.wrap(agent_of(ground))
        with ground.acting(guard=guard):
            done = asyncio.run(Runner.run(agent, "hello", hooks=Listening()))
    assert done.final_output == "all done"


def swallowed(_: Any, error: Exception) -> str:
    """Tell the model of any error."""
    return f"never mind: {type(error).__name__}"


def test_no_refusal_is_swallowed(ground: Ground) -> None:
    """What a tool does with errors does not keep a refusal in it from ending the run."""
    inner = ground.guard.tool(ground.functions(asynchronous=False)["wipe"])

    def lookup(order: str) -> str:
        """Look an order up, in a thread that does not know who acts."""
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(1) as pool:
            return str(pool.submit(inner, order).result())

    tool = function_tool(lookup, failure_error_function=swallowed)
    agent = ground.guard.wrap(agent_of(ground, tools=[tool]))
    ground.script(asks_for("lookup", order="ORD-0001"), says("all done"))
    with pytest.raises(IdentityRequired) as caught:
        run(ground, agent)
    assert ground.effects == []
    assert getattr(caught.value, "run_data", None) is None


def test_arguments_that_are_no_object_are_refused(ground: Ground) -> None:
    """What a model wrote that is no JSON object reaches no tool, and is told no further."""
    guarded = ground.guard.wrap(tool_of(ground))
    context = ToolContext(None, tool_name="lookup", tool_call_id="c", tool_arguments="[1]")

    async def invoke(text: str) -> Any:
        return await guarded.on_invoke_tool(context, text)

    for text in ("[1]", "{", '{"order": "ORD-0001", "order": "ORD-0002"}'):
        with ground.acting(), pytest.raises(AgentGuardError):
            asyncio.run(invoke(text))
    assert ground.effects == []


def test_wrapping_twice_changes_nothing(ground: Ground) -> None:
    """A guarded part is returned as it is, and refused to another guard."""
    parts: list[Any] = [tool_of(ground), model_of(ground), agent_of(ground)]
    text = (ground.folder / "agentguard.toml").read_text().replace("agentguard.db", "two.db")
    (ground.folder / "two.toml").write_text(text)
    with Guard.from_file(ground.folder / "two.toml") as other:
        for part in parts:
            guarded = ground.guard.wrap(part)
            assert ground.guard.wrap(guarded) is guarded
            with pytest.raises(ConfigError):
                other.wrap(guarded)


def test_the_settings_of_an_agent_are_kept(ground: Ground) -> None:
    """A guarded agent has the fields of the one that it was made of."""
    plain = agent_of(ground, model="gpt-5", model_settings=ModelSettings(temperature=0.5))
    guarded = ground.guard.wrap(plain)
    assert isinstance(guarded, Agent)
    for each in PLAIN_FIELDS:
        if each.name not in ("tools", "model"):
            assert getattr(guarded, each.name) == getattr(plain, each.name)
    assert json.dumps([tool.name for tool in guarded.tools]) == '["lookup"]'


def test_a_state_is_taken_up_with_guarded_agents(ground: Ground) -> None:
    """A state that is read for a guarded agent leads to guarded agents alone."""
    agent = ground.guard.wrap(agent_of(ground, tools=[tool_of(ground, "refund")]))
    ground.script(asks_for("refund", order="ORD-0001", amount=400), says("all done"))
    kept = run(ground, agent).to_state().to_json()
    state = asyncio.run(RunState.from_json(agent, kept))
    assert state._current_agent is agent


HANDOFF = """
[[tool]]
name = "transfer_to_billing"
impact = "reversible"
"""
HANDED = """
[[rule]]
id = "handed-over"
who = ["agent:desk"]
for = ["user:alice"]
tool = "transfer_to_billing"
then = "allow"
"""


@pytest.mark.parametrize("allowed", [False, True])
def test_a_handoff_that_the_policy_declares_is_decided(ground: Ground, *, allowed: bool) -> None:
    """A handoff of which the policy says something happens where a rule allows it."""
    path = ground.folder / "handoff.toml"
    text = (ground.folder / "agentguard.toml").read_text().replace("agentguard.db", "handoff.db")
    path.write_text(text + HANDOFF + (HANDED if allowed else ""))
    ground.script(asks_for("transfer_to_billing"), says("all done"))
    with Guard.from_file(path) as guard, ground.acting(guard=guard):
        billing = agent_of(ground, name="Billing")
        for item in (billing, handoff(billing)):
            ground.script(asks_for("transfer_to_billing"), says("all done"))
            agent = guard.wrap(agent_of(ground, handoffs=[item]))
            if allowed:
                assert asyncio.run(Runner.run(agent, "hello")).last_agent.name == "Billing"
                continue
            with pytest.raises(DeniedByPolicy):
                asyncio.run(Runner.run(agent, "hello"))


def test_a_guard_that_is_gone_takes_its_agents_along(ground: Ground) -> None:
    """Nothing of the integration keeps a guarded agent alive that nobody holds."""
    agent = ground.guard.wrap(agent_of(ground))
    run(ground, agent)
    seen = weakref.ref(agent)
    del agent
    gc.collect()
    assert seen() is None
