# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What do the tests of LangChain share: a guard, a provider, an event loop, models of each kind."""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from langchain_anthropic import ChatAnthropic
from langchain_anthropic import _client_utils as anthropic_pools
from langchain_core.language_models import BaseChatModel
from langchain_openai import AzureChatOpenAI, ChatOpenAI
from langchain_openai.chat_models import _client_utils as openai_pools

from agentguard import Guard
from agentguard.testing import LoopbackProvider, echo

MAIL = "jane.doe@customers.example"

POLICY = """
version = 1
name = "langchain"

[deployment]
store = "langchain.db"

[[identity]]
id = "agent:a"

[[identity]]
id = "agent:other"

[[tool]]
name = "handbook"
impact = "read_only"

[[class]]
name = "email"
action = "tokenise"

[[class]]
name = "project"
action = "redact"
in_results = "redact"
values = ["operation silver falcon"]

[[provider]]
id = "loopback"
hosts = ["127.0.0.1:*"]

[[provider]]
id = "unheard"
hosts = ["langchain-core.langchain.invalid"]

[[rule]]
id = "ask"
who = ["agent:a"]
provider = ["loopback", "unheard"]
model = ["gpt-*", "claude-*", "text-*", "fake*"]
operation = ["inference", "POST /v1/messages/count_tokens"]
then = "allow"

[[rule]]
id = "read"
who = ["agent:a"]
tool = "handbook"
args.query = { length = [1, 200] }
then = "allow"
"""

Drive = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(scope="module")
def lc_policy() -> str:
    """The policy of these tests."""
    return POLICY


@pytest.fixture(scope="module")
def lc_guard_of(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str], Guard]]:
    """Give what makes a guard of the policy with more tables, one for each text."""
    made: dict[str, Guard] = {}

    def guard_of(more: str) -> Guard:
        if more not in made:
            path = tmp_path_factory.mktemp("langchain") / "agentguard.toml"
            path.write_text(POLICY + more)
            made[more] = Guard.from_file(path)
        return made[more]

    yield guard_of
    for guard in made.values():
        guard.close()


@pytest.fixture(scope="module")
def lc_guard(lc_guard_of: Callable[[str], Guard]) -> Guard:
    """A guard of the policy as it is."""
    return lc_guard_of("")


@pytest.fixture(scope="module")
def lc_provider() -> Iterator[LoopbackProvider]:
    """A provider that repeats what the user said, for all tests of a module."""
    with LoopbackProvider(echo) as running:
        yield running


@pytest.fixture(scope="module")
def drive() -> Iterator[Drive]:
    """Give what runs a coroutine in the one event loop of a module, with the test's context."""
    # LangChain keeps one connection pool for each base URL, which belongs to one event loop.
    with asyncio.Runner() as runner:
        yield lambda work: runner.run(work, context=contextvars.copy_context())


@pytest.fixture(scope="module")
def lc_closed(drive: Drive) -> Iterator[Callable[[Any], Any]]:
    """Give what has the connections of a plain model closed when the module ends."""
    pools: dict[int, Any] = {}

    def noted(model: Any) -> Any:
        for name in ("client", "async_client", "_client", "_async_client"):
            held = getattr(model, name, None)
            client = getattr(held, "_client", None)
            # A resource holds the SDK's client, and that an HTTP client.
            pool = getattr(client, "_client", client)
            if pool is not None:
                pools[id(pool)] = pool
        return model

    yield noted
    for pool in pools.values():
        if hasattr(pool, "aclose"):
            drive(pool.aclose())
        else:
            pool.close()
    for pooled in (openai_pools, anthropic_pools):
        for name, member in vars(pooled).items():
            if "client" in name and hasattr(member, "cache_clear"):
                member.cache_clear()


@pytest.fixture(scope="module")
def lc_models(
    lc_provider: LoopbackProvider, lc_closed: Callable[[Any], Any]
) -> Callable[[str], BaseChatModel]:
    """Give what makes a plain model of a kind, before the provider."""
    base = lc_provider.base_url
    root = base.removesuffix("/v1")
    kinds: dict[str, Callable[[], BaseChatModel]] = {
        "chat": lambda: ChatOpenAI(
            model="gpt-5",
            api_key="not-a-key",  # type: ignore[arg-type]  # LangChain takes a text
            base_url=base,
            max_retries=0,
        ),
        "responses": lambda: ChatOpenAI(
            model="gpt-5",
            api_key="not-a-key",  # type: ignore[arg-type]  # as above
            base_url=base,
            max_retries=0,
            use_responses_api=True,
        ),
        "azure": lambda: AzureChatOpenAI(
            model="gpt-5",
            azure_deployment="gpt-5",
            azure_endpoint=root,
            api_version="2024-10-21",
            api_key="not-a-key",  # type: ignore[arg-type]  # as above
            max_retries=0,
        ),
        "anthropic": lambda: ChatAnthropic(
            model_name="claude-sonnet-5",
            api_key="not-a-key",  # type: ignore[arg-type]  # as above
            base_url=root,
            max_retries=0,
            timeout=None,
            stop=None,
        ),
    }
    return lambda kind: lc_closed(kinds[kind]())
