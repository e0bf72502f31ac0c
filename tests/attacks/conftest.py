# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What do the attacks run against: a guard of the starter policy and a provider that keeps all."""

import asyncio
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI, OpenAI
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentguard import Guard
from agentguard.testing import LoopbackProvider


@pytest.fixture
def spans() -> InMemorySpanExporter:
    """The spans that ended."""
    return InMemorySpanExporter()


@pytest.fixture
def tracing(spans: InMemorySpanExporter) -> TracerProvider:
    """A tracer provider that keeps spans in memory."""
    tracer_provider = TracerProvider()
    tracer_provider.add_span_processor(SimpleSpanProcessor(spans))
    return tracer_provider


@pytest.fixture
def guard(policy_file: Path, tracing: TracerProvider) -> Iterator[Guard]:
    """A guard of the starter policy."""
    with Guard.from_file(policy_file, tracer_provider=tracing) as made:
        yield made


@pytest.fixture
def client(guard: Guard, provider: LoopbackProvider) -> Iterator[OpenAI]:
    """A guarded client, bound to nobody."""
    with OpenAI(base_url=provider.base_url, api_key="not-a-key", max_retries=0) as plain:
        yield guard.wrap(plain)


class Twin:
    """One kind of client, and how what it returns is driven to its end."""

    def __init__(self, kind: type[OpenAI] | type[AsyncOpenAI], base_url: str) -> None:
        self.kind = kind
        self.base_url = base_url

    def make(self, **options: Any) -> Any:
        """Return a plain client of the provider."""
        given = {"base_url": self.base_url, "api_key": "not-a-key", "max_retries": 0, **options}
        return self.kind(**given)

    def take(self, way: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Hand a new client and the arguments to *way*, drive the result, close the client."""
        if self.kind is AsyncOpenAI:
            return asyncio.run(self._take_async(way, arguments, options))
        with self.make(**options) as plain:
            result = way(plain, *arguments)
            return result.__enter__() if hasattr(result, "__enter__") else result

    async def _take_async(
        self, way: Callable[..., Any], arguments: tuple[Any, ...], options: dict[str, Any]
    ) -> Any:
        async with self.make(**options) as plain:
            result = way(plain, *arguments)
            if inspect.isawaitable(result):
                return await result
            return await result.__aenter__() if hasattr(result, "__aenter__") else result


@pytest.fixture(params=[OpenAI, AsyncOpenAI])
def twin(request: pytest.FixtureRequest, provider: LoopbackProvider) -> Twin:
    """The sync client's twin and the async client's; a test with it runs for both."""
    return Twin(request.param, provider.base_url)


@pytest.fixture
def as_support(guard: Guard) -> Iterator[None]:
    """Run the test as the support agent for alice."""
    with guard.identity("agent:support", on_behalf_of="user:alice"):
        yield
