# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a guarded model of LangChain lead to a client that passes the guard by?"""

import asyncio
import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from langchain_anthropic import ChatAnthropic
from langchain_anthropic.llms import AnthropicLLM
from langchain_core.messages import HumanMessage
from langchain_openai import AzureOpenAIEmbeddings, ChatOpenAI, OpenAI, OpenAIEmbeddings
from openai import AsyncOpenAI as PlainAsync
from openai import OpenAI as Plain

from agentguard import CallRefused, DeniedByPolicy, Guard, IdentityRequired, UnguardedPath
from agentguard.clients.state import GUARDED
from agentguard.testing import LoopbackProvider, echo

POLICY = """
version = 1
name = "langchain"

[deployment]
store = "langchain.db"

[[identity]]
id = "agent:a"

[[provider]]
id = "loopback"
hosts = ["127.0.0.1:*"]

[[rule]]
id = "ask"
who = ["agent:a"]
provider = ["loopback"]
model = ["*"]
operation = ["inference"]
then = "allow"
"""


@pytest.fixture(scope="module")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    """A guard that lets agent:a ask for anything at the provider on loopback."""
    path = tmp_path_factory.mktemp("clients") / "agentguard.toml"
    path.write_text(POLICY)
    with Guard.from_file(path) as made:
        yield made


@pytest.fixture(scope="module")
def provider() -> Iterator[LoopbackProvider]:
    """A provider for all tests of this module."""
    with LoopbackProvider(echo) as running:
        yield running


def chat(provider: LoopbackProvider, **settings: Any) -> ChatOpenAI:
    """Return a plain chat model before the provider."""
    given = {"base_url": provider.base_url, "api_key": "not-a-key", "max_retries": 0, **settings}
    return ChatOpenAI(model="gpt-5", **given)


def claude(provider: LoopbackProvider) -> ChatAnthropic:
    """Return a plain model of Anthropic before the provider."""
    settings: dict[str, Any] = {"api_key": "not-a-key", "max_retries": 0}
    return ChatAnthropic(
        model_name="claude-sonnet-5",
        base_url=provider.base_url.removesuffix("/v1"),
        timeout=None,
        stop=None,
        **settings,
    )


def reached(held: Any, depth: int = 3) -> Iterator[Any]:
    """Yield what attributes of an object lead to, by name, as far as they are set."""
    names = {*vars(held), *(name for name in ("_client", "_async_client") if hasattr(held, name))}
    for name in sorted(names):
        value = getattr(held, name, None)
        yield value
        if depth and type(value).__module__.partition(".")[0] in {"openai", "anthropic"}:
            yield from reached(value, depth - 1)


def is_open(value: object) -> bool:
    """Say whether an object is a client of an SDK, or of HTTP, that no guard holds."""
    names = {f"{base.__module__.partition('.')[0]}.{base.__name__}" for base in type(value).__mro__}
    if names & {"openai.BaseClient", "anthropic.BaseClient"}:
        return not getattr(type(value), GUARDED, False)
    if names & {"httpx2.Client", "httpx2.AsyncClient", "httpx.Client", "httpx.AsyncClient"}:
        transport = value._transport  # type: ignore[attr-defined]  # looked up by name
        return not getattr(type(transport), "__agentguard_seal__", False)
    return False


@pytest.mark.filterwarnings("ignore:The class `AnthropicLLM`")
@pytest.mark.parametrize("kind", ["chat", "proxied", "given", "claude", "text", "claude text"])
def test_no_attribute_of_a_model_leads_to_an_open_client(
    kind: str, guard: Guard, provider: LoopbackProvider
) -> None:
    """Whatever hangs from a guarded model, to any depth, sends through the guard alone."""
    settings: dict[str, Any] = {"api_key": "not-a-key", "base_url": provider.base_url}
    root = provider.base_url.removesuffix("/v1")
    with httpx2.Client() as own:
        kinds: dict[str, Any] = {
            "chat": lambda: chat(provider),
            "proxied": lambda: chat(provider, openai_proxy="http://127.0.0.1:9"),
            "given": lambda: chat(provider, http_client=own),
            "claude": lambda: claude(provider),
            "text": lambda: OpenAI(model="gpt-3.5-turbo-instruct", **settings),
            "claude text": lambda: AnthropicLLM(
                model_name="claude-x", **{**settings, "base_url": root}
            ),
        }
        model = kinds[kind]()
        assert any(is_open(each) for each in reached(model))
        guard.wrap(model)
        assert not [each for each in reached(model) if is_open(each)]
        assert not [each for each in reached(model.model_copy()) if is_open(each)]
        assert not [each for each in reached(copy.copy(model)) if is_open(each)]


def test_no_attribute_of_embeddings_leads_to_an_open_client(
    guard: Guard, provider: LoopbackProvider
) -> None:
    """Embeddings hold guarded clients alone, sync and async, at OpenAI and at Azure."""
    key: Any = "not-a-key"
    for made in (
        OpenAIEmbeddings(base_url=provider.base_url, api_key=key, check_embedding_ctx_length=False),
        AzureOpenAIEmbeddings(
            azure_endpoint="http://127.0.0.1:9",
            api_key=key,
            api_version="2024-10-21",
            check_embedding_ctx_length=False,
        ),
    ):
        assert any(is_open(each) for each in reached(made))
        guard.wrap(made)
        assert not [each for each in reached(made) if is_open(each)]


def test_a_client_that_is_made_at_its_first_use_is_guarded(
    guard: Guard, provider: LoopbackProvider
) -> None:
    """A copy of a model that has lost its clients makes guarded ones."""
    model = guard.wrap(claude(provider))
    bare = model.model_copy()
    for name in ("_client", "_async_client"):
        bare.__dict__.pop(name, None)
    assert not is_open(bare._client)
    assert not is_open(bare._async_client)
    with pytest.raises(IdentityRequired):
        bare.invoke("hello")


def test_the_clients_themselves_refuse_without_an_identity(
    guard: Guard, provider: LoopbackProvider
) -> None:
    """Whoever takes the client out of a guarded model holds a guarded client."""
    model = guard.wrap(chat(provider))
    sent = provider.connections
    calls: list[Callable[[], Any]] = [
        model.root_client.models.list,
        lambda: model.client.create(model="gpt-5", messages=[]),
        lambda: asyncio.run(model.async_client.create(model="gpt-5", messages=[])),
        lambda: model.root_client._client.get(provider.base_url),
    ]
    for call in calls:
        with pytest.raises(CallRefused):
            call()
    assert provider.connections == sent


def test_a_client_that_is_put_into_a_model_later_is_guarded(
    guard: Guard, provider: LoopbackProvider
) -> None:
    """A model takes another client of the SDK only as a guarded one, and nothing else."""
    model = guard.wrap(chat(provider, use_responses_api=True))
    with Plain(base_url=provider.base_url, api_key="not-a-key") as other:
        model.root_client = other
        assert not is_open(other)
        with pytest.raises(IdentityRequired):
            model.invoke("hello")
    with pytest.raises(UnguardedPath):
        model.root_client = object()
    with pytest.raises(UnguardedPath):
        model.client = object()


def test_a_client_that_is_slipped_into_a_copy_is_refused(
    guard: Guard, provider: LoopbackProvider
) -> None:
    """A copy of a model with an unguarded client in it sends nothing."""
    model = guard.wrap(chat(provider, use_responses_api=True))
    sent = provider.connections
    with Plain(base_url=provider.base_url, api_key="not-a-key") as other:
        slipped = model.model_copy(update={"root_client": other})
        plain_async = PlainAsync(base_url=provider.base_url, api_key="not-a-key")
        slipped_async = model.model_copy(update={"root_async_client": plain_async})
        with guard.identity("agent:a"):
            with pytest.raises(UnguardedPath):
                slipped.invoke("hello")
            with pytest.raises(UnguardedPath):
                list(slipped.stream("hello"))
            with pytest.raises(UnguardedPath):
                asyncio.run(slipped_async.ainvoke("hello"))
    assert provider.connections == sent


def test_the_pool_that_langchain_shares_stays_open_for_others_alone(
    guard: Guard, provider: LoopbackProvider
) -> None:
    """A second, plain model of the same address works on, and opens no way for the guarded one."""
    # Every ChatOpenAI of a process that has the same base URL sends by one HTTP client.
    guarded, plain = chat(provider), chat(provider)
    shared = plain.root_client._client
    assert guarded.root_client._client is shared
    guard.wrap(guarded)
    assert plain.invoke("hello").text == "hello"
    assert plain.root_client._client is shared
    with pytest.raises(IdentityRequired):
        guarded.invoke("hello")
    with guard.identity("agent:a"):
        assert guarded.invoke("hello").text == "hello"
        with pytest.raises(UnguardedPath):
            guarded.root_client._client.post(f"{provider.base_url}/chat/completions", json={})
    assert plain.invoke("again").text == "again"


def test_a_model_whose_settings_name_another_host_is_refused(
    guard: Guard, provider: LoopbackProvider
) -> None:
    """The policy decides on the host that a model's settings come to, whenever they are set."""
    with guard.identity("agent:a"):
        with pytest.raises(DeniedByPolicy):
            guard.wrap(chat(provider, base_url="https://other.example/v1")).invoke("hello")
        model = guard.wrap(chat(provider))
        model.root_client.base_url = "https://other.example/v1"
        with pytest.raises(DeniedByPolicy):
            model.invoke("hello")


def test_a_guarded_model_is_not_pickled_or_copied_deeply_into_an_open_one(
    guard: Guard, provider: LoopbackProvider
) -> None:
    """What would make a second model past the guard's knowledge fails."""
    model = guard.wrap(claude(provider))
    with pytest.raises((pickle.PicklingError, TypeError)):
        pickle.dumps(model)
    with pytest.raises(TypeError):
        copy.deepcopy(model)


def test_a_model_without_a_client_for_one_kind_of_code_has_none_later(
    guard: Guard, provider: LoopbackProvider
) -> None:
    """A key that has to be awaited leaves a model without a sync client, and no way to one."""

    async def key() -> str:
        return "not-a-key"

    model = guard.wrap(chat(provider, api_key=key))
    assert model.root_client is None
    assert not is_open(model.root_async_client)
    with guard.identity("agent:a"), pytest.raises(ValueError, match="Sync client"):
        model.invoke("hello")


def test_a_second_model_of_the_guarded_class_is_guarded(
    guard: Guard, provider: LoopbackProvider
) -> None:
    """A model that is made by the class of a guarded one holds guarded clients."""
    kind: Any = type(guard.wrap(chat(provider)))
    second = kind(model="gpt-5", base_url=provider.base_url, api_key="not-a-key")
    assert not [each for each in reached(second) if is_open(each)]
    with pytest.raises(IdentityRequired):
        second.invoke("hello")


def test_counting_tokens_fetches_no_picture(
    guard: Guard, provider: LoopbackProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture's address in a message makes no request when tokens are counted."""
    # Unguarded, ChatOpenAI fetches the picture to learn its size: a way out for whoever could
    # make the address, such as a tool's result.

    class Encoding:
        def encode(self, text: str) -> list[int]:
            return [0] * len(text)

    monkeypatch.setattr(ChatOpenAI, "_get_encoding_model", lambda _: ("gpt-5", Encoding()))
    model = guard.wrap(chat(provider))
    picture = {"type": "image_url", "image_url": {"url": f"{provider.base_url}/secret.png"}}
    sent = provider.connections
    assert model.get_num_tokens_from_messages([HumanMessage([picture])]) > 0
    with pytest.raises(UnguardedPath):
        model.get_num_tokens_from_messages([HumanMessage([picture])], allow_fetching_images=True)
    assert provider.connections == sent
