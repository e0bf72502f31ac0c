# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does any model of openai-agents reach its provider past the guard?"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from agents import (
    Agent,
    FunctionTool,
    OpenAIChatCompletionsModel,
    OpenAIProvider,
    OpenAIResponsesModel,
    RunConfig,
    Runner,
    WebSearchTool,
    function_tool,
)
from agents.models.openai_responses import OpenAIResponsesWSModel
from agents.realtime import OpenAIRealtimeWebSocketModel, RealtimeAgent, RealtimeRunner
from agents.voice import (
    OpenAISTTModel,
    OpenAITTSModel,
    OpenAIVoiceModelProvider,
    SingleAgentVoiceWorkflow,
    StreamedAudioInput,
    STTModelSettings,
)
from openai import AsyncOpenAI, DefaultAsyncHttpx2Client

from agentguard import AgentGuardError, ConfigError, Guard, IdentityRequired, UnguardedPath
from agentguard.errors import DeniedByPolicy
from agentguard.testing.contract import Ground
from agentguard.testing.contract.ground import ADDRESS, prepared, says
from agentguard.tools import full_name

DEFAULT_CLIENT = "agents.models._openai_shared._default_openai_client"


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


@pytest.mark.parametrize("kind", ["object", "name", "mapping"])
def test_the_model_of_a_runs_configuration_is_guarded(ground: Ground, kind: str) -> None:
    """A model that overrides those of agents passes the guard, by name and as an object."""
    provider = OpenAIProvider(openai_client=client_of(ground), use_responses=False)
    model: Any = model_of(ground) if kind == "object" else "another"
    config: Any = RunConfig(model=model, model_provider=provider)
    if kind == "mapping":
        config = {"model": "another", "model_provider": provider}
    agent = ground.guard.wrap(agent_of(ground))
    assert run(ground, agent, run_config=config).final_output == "all done"
    (request,) = ground.provider.journal
    assert request.json["model"] == (ground.model if kind == "object" else "another")
    assert not ground.provider.saw(ADDRESS)
    with pytest.raises(IdentityRequired):
        asyncio.run(Runner.run(agent, "hello", run_config=config))


@pytest.mark.parametrize("name", ["gpt-4o-mini", None])
def test_a_model_by_name_is_guarded(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, name: str | None
) -> None:
    """The client that the SDK takes by default is guarded when a guarded agent's run needs it."""
    monkeypatch.setattr(DEFAULT_CLIENT, client_of(ground))  # set_default_openai_client, undone
    agent = ground.guard.wrap(agent_of(ground, model=name))
    with pytest.raises(IdentityRequired):
        asyncio.run(Runner.run(agent, f"I am {ADDRESS}"))
    assert ground.provider.received_bytes() == b""
    assert run(ground, agent).final_output == "all done"
    assert not ground.provider.saw(ADDRESS)


def test_a_client_that_is_put_into_a_guarded_model_is_guarded(ground: Ground) -> None:
    """A model looks at its client before each call."""
    model: Any = model_of(ground)
    agent = ground.guard.wrap(agent_of(ground, model=model))
    model._client = client_of(ground)
    run(ground, agent)
    assert not ground.provider.saw(ADDRESS)


def test_models_with_ways_of_their_own_are_refused(ground: Ground) -> None:
    """Websocket models and models without a known client cannot be guarded, and say so."""

    class Own(OpenAIResponsesModel):
        """A model that may do anything."""

    client = client_of(ground)
    for model in (OpenAIResponsesWSModel("m", client), Own("m", client)):
        with pytest.raises(ConfigError):
            ground.guard.wrap(model)
        with pytest.raises(ConfigError):
            ground.guard.wrap(agent_of(ground, model=model))


def test_what_speaks_on_sockets_of_its_own_is_refused(ground: Ground) -> None:
    """Realtime agents and their runners, and voices with all of their parts, are not guarded."""
    # A transcription opens a socket of its own to the provider, past the client that it is given.
    client = client_of(ground)
    talking = RealtimeAgent(name="Voice")
    for each in (
        talking,
        RealtimeRunner(talking),
        OpenAIRealtimeWebSocketModel(),
        OpenAISTTModel("m", client),
        OpenAITTSModel("m", client),
        OpenAIVoiceModelProvider(openai_client=client),
        SingleAgentVoiceWorkflow(ground.guard.wrap(agent_of(ground))),
    ):
        with pytest.raises(TypeError, match="on a socket of its own"):
            ground.guard.wrap(each)


def test_a_transcription_opens_no_socket_with_a_guarded_client(ground: Ground) -> None:
    """A voice that is given a guarded client does not speak past it with the client's key."""
    model = OpenAISTTModel("m", ground.guard.wrap(client_of(ground)))

    async def listen() -> None:
        said: Any = StreamedAudioInput()  # type: ignore[no-untyped-call]  # it has no types
        await said.add_audio(None)
        session = await model.create_session(said, STTModelSettings(), False, False)
        async for _ in session.transcribe_turns():
            pass

    with ground.acting(), pytest.raises(UnguardedPath):
        asyncio.run(listen())
    assert ground.provider.connections == 0


def test_a_websocket_provider_is_refused(ground: Ground) -> None:
    """A provider that hands out websocket models hands out none."""
    provider = OpenAIProvider(openai_client=client_of(ground), use_responses_websocket=True)
    agent = ground.guard.wrap(agent_of(ground, model="m"))
    config = RunConfig(model_provider=provider)
    assert isinstance(refused(ground, agent, run_config=config), ConfigError)


def test_a_tool_at_the_provider_is_decided_in_the_request(ground: Ground) -> None:
    """A hosted tool that no rule allows is in no request."""
    model = OpenAIResponsesModel(ground.model, client_of(ground))
    agent = ground.guard.wrap(agent_of(ground, model=model, tools=[WebSearchTool()]))
    assert isinstance(refused(ground, agent), DeniedByPolicy)


def test_a_models_own_subclass_passes_where_the_policy_lets_it(
    ground: Ground, caplog: pytest.LogCaptureFixture
) -> None:
    """Partial = "warn" lets a subclass of a known model pass, guarded through its client."""

    class Own(OpenAIChatCompletionsModel):
        """A model that may do anything."""

    path = ground.folder / "warn.toml"
    text = (ground.folder / "agentguard.toml").read_text().replace("agentguard.db", "warn.db")
    path.write_text(text + '[coverage]\npartial = "warn"\n')
    with Guard.from_file(path) as guard, ground.acting(guard=guard):
        agent = guard.wrap(agent_of(ground, model=Own(ground.model, client_of(ground))))
        asyncio.run(Runner.run(agent, f"I am {ADDRESS}"))
        assert list(guard.coverage().partial) == [full_name(Own)]
    assert not ground.provider.saw(ADDRESS)
    assert "are guarded in part only" in caplog.text
