# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a guarded model of pydantic-ai send anything past the guard?"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import nullcontext
from importlib import import_module
from typing import Any

import httpx2
import pytest
from anthropic import AsyncAnthropic
from openai import AsyncAzureOpenAI, AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.capabilities import NativeTool
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.embeddings import Embedder, TestEmbeddingModel, WrapperEmbeddingModel
from pydantic_ai.embeddings.openai import OpenAIEmbeddingModel
from pydantic_ai.images import ImageGenerator
from pydantic_ai.images.openai import OpenAIImageGenerationModel
from pydantic_ai.messages import ModelRequest
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.concurrency import ConcurrencyLimitedModel
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.instrumented import InstrumentationSettings, InstrumentedModel
from pydantic_ai.models.openai import (
    OpenAIChatModel,
    OpenAIResponsesModel,
    OpenAIResponsesModelSettings,
)
from pydantic_ai.models.test import TestModel
from pydantic_ai.native_tools import WebSearchTool
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.azure import AzureProvider
from pydantic_ai.providers.openai import OpenAIProvider

from agentguard import (
    AgentGuardError,
    ConfigError,
    ContentRefused,
    DeniedByPolicy,
    IdentityRequired,
    UnguardedPath,
)
from agentguard.testing.contract.ground import ADDRESS, Ground, prepared, says

Use = Callable[[Any], Awaitable[object]]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A guard and a provider."""
    with prepared(tmp_path_factory.mktemp("pydantic")) as made:
        made.script(says("all done"))
        yield made


@pytest.fixture
def ground(shared: Ground) -> Ground:
    """The shared ground."""
    return shared


def openai(ground: Ground) -> OpenAIProvider:
    """Return a provider that makes its own client."""
    return OpenAIProvider(base_url=ground.base_url, api_key="not-a-key")


def anthropic(ground: Ground) -> AnthropicProvider:
    """Return a provider with a client of the test's."""
    url = ground.base_url.removesuffix("/v1")
    return AnthropicProvider(anthropic_client=AsyncAnthropic(base_url=url, api_key="not-a-key"))


def azure(ground: Ground) -> AzureProvider:
    """Return a provider with a client for Azure."""
    url = ground.base_url.removesuffix("/v1")
    client = AsyncAzureOpenAI(azure_endpoint=url, api_key="not-a-key", api_version="2024-10-21")
    return AzureProvider(openai_client=client)


MODELS: dict[str, Callable[[Ground], Any]] = {
    "chat": lambda ground: OpenAIChatModel(ground.model, provider=openai(ground)),
    "responses": lambda ground: OpenAIResponsesModel(ground.model, provider=openai(ground)),
    "azure": lambda ground: OpenAIChatModel(ground.model, provider=azure(ground)),
    "anthropic": lambda ground: AnthropicModel(ground.model, provider=anthropic(ground)),
    "limited": lambda ground: ConcurrencyLimitedModel(MODELS["chat"](ground), limiter=1),
    "fallback": lambda ground: FallbackModel(MODELS["chat"](ground), MODELS["responses"](ground)),
    "instrumented": lambda ground: InstrumentedModel(MODELS["chat"](ground)),
}


def asking() -> list[Any]:
    """Return a request that says an address."""
    return [ModelRequest.user_text_prompt(f"I am {ADDRESS}")]


async def streamed(model: Any) -> None:
    """Read an answer in pieces."""
    async with model_request_stream(model, asking()) as stream:
        async for _ in stream:
            pass


USES: dict[str, Use] = {
    "run": lambda model: Agent(model).run(f"I am {ADDRESS}"),
    "request": lambda model: model_request(model, asking()),
    "stream": streamed,
}


async def _awaited(work: Awaitable[object]) -> None:
    await work


def use(model: Any, way: Use) -> None:
    """Use a model within its own context, as an agent does."""

    async def used() -> None:
        async with model:
            await way(model)
        if isinstance(model, AnthropicModel) or isinstance(model.provider, AzureProvider):
            await model.client.close()  # the framework closes what it made

    asyncio.run(used())


@pytest.mark.parametrize("kind", sorted(MODELS))
@pytest.mark.parametrize("way", sorted(USES))
def test_every_use_of_a_model_is_guarded(ground: Ground, kind: str, way: str) -> None:
    """A request hides what may not leave, and without somebody who acts none is sent."""
    model: Model[Any] = ground.guard.wrap(MODELS[kind](ground))
    before = len(ground.provider.journal)
    with pytest.raises(IdentityRequired):
        asyncio.run(_awaited(USES[way](model)))
    assert len(ground.provider.journal) == before
    with ground.acting():
        use(model, USES[way])
    assert len(ground.provider.journal) > before
    assert not ground.provider.saw(ADDRESS)


@pytest.mark.parametrize("kind", ["responses", "anthropic"])
def test_counting_tokens_at_the_provider_is_guarded(ground: Ground, kind: str) -> None:
    """A text that is sent to be counted is one that is sent: with values hidden, and by somebody."""
    model = ground.guard.wrap(MODELS[kind](ground))
    before = len(ground.provider.journal)

    async def counted(asked: Any) -> None:
        await asked.count_tokens(asking(), None, ModelRequestParameters())

    with pytest.raises(IdentityRequired):
        use(model, counted)
    assert len(ground.provider.journal) == before
    with ground.acting():
        use(model, counted)
    assert len(ground.provider.journal) > before
    assert not ground.provider.saw(ADDRESS)


@pytest.mark.skipif(not hasattr(Model, "batch_create"), reason="this release has no batches")
@pytest.mark.parametrize("kind", ["responses", "anthropic"])
@pytest.mark.parametrize("named", [False, True])
def test_a_batch_is_not_sent_past_the_guard(ground: Ground, kind: str, *, named: bool) -> None:
    """Requests that are to be answered later are none that a rule for chats allows."""
    batches = import_module("pydantic_ai.models.batch")
    model = ground.guard.wrap(MODELS[kind](ground))
    before = len(ground.provider.journal)

    async def submitted(asked: Any) -> None:
        request = batches.BatchRequest(custom_id="one", messages=asking())
        await asked.batch_create([await asked.batch_encode(request)])

    with ground.acting() if named else nullcontext(), pytest.raises(AgentGuardError):
        use(model, submitted)
    assert len(ground.provider.journal) == before


@pytest.mark.parametrize("kind", ["responses", "anthropic"])
def test_a_native_tool_is_decided_in_the_request(ground: Ground, kind: str) -> None:
    """A tool that runs at the provider, and that no rule allows, is in no request."""
    model = MODELS[kind](ground)
    agent = ground.guard.wrap(Agent(model, capabilities=[NativeTool(WebSearchTool())]))
    before = len(ground.provider.journal)
    with ground.acting(), pytest.raises(DeniedByPolicy):
        use(model, lambda _: agent.run("look it up"))
    assert len(ground.provider.journal) == before


def test_a_wrapped_model_is_the_same_object(ground: Ground) -> None:
    """A model is guarded in place, and a second guard is refused."""
    model = MODELS["fallback"](ground)
    assert ground.guard.wrap(model) is model
    assert ground.guard.wrap(model) is model
    with pytest.raises(ConfigError, match="another guard"):
        ground.elsewhere().guard.wrap(model)


def test_a_provider_is_guarded_for_all_its_models(ground: Ground) -> None:
    """A model that is made of a guarded provider needs no guard of its own."""
    provider = ground.guard.wrap(openai(ground))
    with ground.acting():
        use(OpenAIChatModel(ground.model, provider=provider), USES["run"])
    assert not ground.provider.saw(ADDRESS)


def test_a_model_is_guarded_on_every_event_loop(ground: Ground) -> None:
    """The HTTP client that the framework makes for another event loop is sealed, too."""
    model = ground.guard.wrap(MODELS["chat"](ground))
    with ground.acting():
        for _ in range(2):
            use(model, USES["run"])
    client = model.client

    async def past() -> None:
        async with model:
            await client._client.post(f"{ground.base_url}/chat/completions", json={})

    with ground.acting(), pytest.raises(UnguardedPath):
        asyncio.run(past())


def test_a_model_with_another_http_client_sends_nothing(ground: Ground) -> None:
    """A program that puts a client without a seal into a guarded model is refused."""
    model = ground.guard.wrap(MODELS["chat"](ground))

    async def asked() -> None:
        async with httpx2.AsyncClient() as unsealed:
            model.client._client = unsealed
            await Agent(model).run("hello")

    before = ground.provider.connections
    with ground.acting(), pytest.raises(UnguardedPath):
        asyncio.run(asked())
    assert ground.provider.connections == before


def test_a_model_whose_client_was_changed_runs_under_no_agent(ground: Ground) -> None:
    """A guarded agent refuses its own model once a client that nobody guards is in it."""
    model = MODELS["chat"](ground)
    agent = ground.guard.wrap(Agent(model))
    model._provider = openai(ground)
    before = ground.provider.connections
    with ground.acting(), pytest.raises(UnguardedPath, match="not guarded"):
        asyncio.run(agent.run("hello"))
    assert ground.provider.connections == before


@pytest.mark.skipif(
    "openai_transport" not in OpenAIResponsesModelSettings.__annotations__,
    reason="this release of pydantic-ai sends over HTTP alone",
)
def test_a_socket_for_responses_is_refused(ground: Ground) -> None:
    """The model's own way to send over a websocket is decided by the client, which denies it."""
    settings = OpenAIResponsesModelSettings(openai_transport="websocket")
    model = ground.guard.wrap(MODELS["responses"](ground))
    before = ground.provider.connections
    with ground.acting(), pytest.raises(AgentGuardError):
        use(model, lambda each: Agent(each).run(f"I am {ADDRESS}", model_settings=settings))
    assert ground.provider.connections == before


@pytest.mark.parametrize("wrap", [lambda model: model, FallbackModel, InstrumentedModel])
def test_a_model_without_a_known_client_is_refused(ground: Ground, wrap: Any) -> None:
    """A model that sends by other means is not guarded, alone or inside of another."""
    with pytest.raises(ConfigError, match="no client that the guard knows"):
        ground.guard.wrap(wrap(TestModel()))


def test_an_instrumented_model_keeps_content_back(ground: Ground) -> None:
    """Guarding an instrumented model takes content out of what it records."""
    settings = InstrumentationSettings()
    model = ground.guard.wrap(InstrumentedModel(MODELS["chat"](ground), settings))
    assert not model.instrumentation_settings.include_content
    assert settings.include_content


def test_embeddings_are_guarded(ground: Ground) -> None:
    """A text is hidden before it is embedded, and nobody embeds nothing."""
    plain = OpenAIEmbeddingModel("text-embedding-3-small", provider=openai(ground))
    model = WrapperEmbeddingModel(plain)
    embedder = ground.guard.wrap(Embedder(model))

    async def embed() -> None:
        async with plain._provider:
            await embedder.embed_query(f"I am {ADDRESS}")

    with pytest.raises(IdentityRequired):
        asyncio.run(embed())
    with ground.acting():
        asyncio.run(embed())
    assert not ground.provider.saw(ADDRESS)
    assert ground.provider.journal[-1].path.endswith("/embeddings")


def test_images_are_guarded(ground: Ground) -> None:
    """What a picture is asked for with is hidden where it may not leave, and nobody asks."""
    plain = OpenAIImageGenerationModel("gpt-image-1", provider=openai(ground))
    generator = ground.guard.wrap(ImageGenerator(plain))

    async def generate() -> None:
        async with plain._provider:
            await generator.generate(f"a portrait of {ADDRESS}")

    with pytest.raises(IdentityRequired):
        asyncio.run(generate())
    with ground.acting():
        asyncio.run(generate())
    assert not ground.provider.saw(ADDRESS)
    assert ground.provider.journal[-1].path.endswith("/images/generations")


@pytest.mark.parametrize("make", [Embedder, ImageGenerator])
def test_what_has_only_a_name_is_refused(ground: Ground, make: Any) -> None:
    """A name of a model makes a client that nobody guards, so it is not taken."""
    with pytest.raises(TypeError, match="a model instead of a name"):
        ground.guard.wrap(make("openai:some-model", defer_model_check=True))
    with pytest.raises(ConfigError):
        ground.guard.wrap(Embedder(TestEmbeddingModel()))


def test_an_approval_to_ask_is_needed(ground: Ground) -> None:
    """Who may not ask a model is refused by a guarded one as by its client."""
    model = ground.guard.wrap(MODELS["chat"](ground))
    with (
        ground.guard.identity("agent:desk", on_behalf_of="user:carol"),
        pytest.raises(DeniedByPolicy),
    ):
        use(model, USES["run"])


def test_a_client_that_is_guarded_already_is_taken(ground: Ground) -> None:
    """A model over a client that the same guard has can be guarded, and used as it is."""
    client = ground.guard.wrap(AsyncOpenAI(base_url=ground.base_url, api_key="not-a-key"))
    model = OpenAIChatModel(ground.model, provider=OpenAIProvider(openai_client=client))
    assert ground.guard.wrap(model) is model
    assert model.client is client


@pytest.mark.parametrize(
    "said", [f"{ADDRESS}", "pydantic-ai/4111111111111111", "pydantic-ai/1.2 x"]
)
def test_a_name_of_a_framework_says_nothing_else(ground: Ground, said: str) -> None:
    """The header in which the framework names itself carries no other text."""
    model = ground.guard.wrap(MODELS["chat"](ground))
    settings: Any = {"extra_headers": {"User-Agent": said}}
    before = len(ground.provider.journal)
    with ground.acting(), pytest.raises(ContentRefused):
        use(model, lambda each: Agent(each).run("hello", model_settings=settings))
    assert len(ground.provider.journal) == before
