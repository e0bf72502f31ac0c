# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Do traces of guarded agents of pydantic-ai hold what was said?"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic_ai import Agent
from pydantic_ai.capabilities import Instrumentation
from pydantic_ai.models.instrumented import InstrumentationSettings, InstrumentedModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from agentguard import Guard, UnguardedPath
from agentguard.testing.contract.ground import ADDRESS, Ground, prepared, says

AnyAgent = Agent[Any, Any]


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


@contextmanager
def nothing_sent(ground: Ground) -> Iterator[None]:
    """Hold that the block reaches no provider."""
    before = ground.provider.connections
    yield
    assert ground.provider.connections == before


def model_of(ground: Ground) -> OpenAIChatModel:
    """Return a model that nobody guards."""
    provider = OpenAIProvider(base_url=ground.base_url, api_key="not-a-key")
    return OpenAIChatModel(ground.model, provider=provider)


def agent_of(ground: Ground, **options: Any) -> AnyAgent:
    """Return a guarded agent."""
    plain: AnyAgent = Agent(model_of(ground), **options)
    return ground.guard.wrap(plain)


def ask(ground: Ground, agent: AnyAgent, text: str, **options: Any) -> None:
    """Run an agent as somebody who may."""

    async def asked() -> None:
        async with agent:
            await agent.run(text, **options)

    with ground.acting():
        asyncio.run(asked())


def tracing() -> tuple[InMemorySpanExporter, TracerProvider]:
    """Return what keeps spans, and a provider that gives them to it."""
    spans, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return spans, provider


@pytest.mark.parametrize("way", ["all", "attribute", "model"])
def test_spans_hold_no_content(ground: Ground, monkeypatch: Any, way: str) -> None:
    """Instrumentation that records content by default records none of a guarded agent."""
    spans, provider = tracing()
    settings = InstrumentationSettings(tracer_provider=provider)
    agent = agent_of(ground)
    if way == "all":
        monkeypatch.setattr(Agent, "_instrument_default", settings)
    elif way == "attribute":
        agent.instrument = settings
    else:
        agent = Agent(InstrumentedModel(model_of(ground), settings))
        agent = ground.guard.wrap(agent)
    ask(ground, agent, f"I am {ADDRESS}")
    ended = spans.get_finished_spans()
    assert ended
    assert not [span for span in ended if ADDRESS in span.to_json()]
    assert settings.include_content


@pytest.mark.parametrize("given", ["agent", "run"])
def test_instrumentation_with_content_is_refused(ground: Ground, given: str) -> None:
    """A run whose program sets instrumentation with content up by hand sends nothing."""
    spans, provider = tracing()
    seeing = [Instrumentation(settings=InstrumentationSettings(tracer_provider=provider))]
    agent = agent_of(ground, capabilities=seeing if given == "agent" else None)
    with nothing_sent(ground), pytest.raises(UnguardedPath, match="include_content"):
        ask(ground, agent, f"I am {ADDRESS}", capabilities=seeing if given == "run" else None)
    assert not [span for span in spans.get_finished_spans() if ADDRESS in span.to_json()]


def guard_with(ground: Ground, coverage: str) -> Guard:
    """Return a guard of the same policy with a table of coverage."""
    path = ground.folder / "coverage.toml"
    text = (ground.folder / "agentguard.toml").read_text().replace("agentguard.db", "coverage.db")
    path.write_text(f"{text}\n[coverage]\n{coverage}\n")
    return Guard.from_file(path)


@pytest.mark.parametrize(
    "coverage", ['observers = "warn"', 'known_observers = ["pydantic_ai.capabilities.*"]']
)
def test_a_policy_may_let_content_be_recorded(
    ground: Ground, coverage: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What the policy names may record content; where it warns, the log says so once."""
    spans, provider = tracing()
    seeing = Instrumentation(settings=InstrumentationSettings(tracer_provider=provider))
    with guard_with(ground, coverage) as guard:
        agent: AnyAgent = Agent(model_of(ground), capabilities=[seeing])
        guard.wrap(agent)

        async def asked() -> None:
            async with agent:
                for _ in range(2):
                    await agent.run(f"I am {ADDRESS}")

        with guard.identity("agent:desk", on_behalf_of="user:alice"):
            asyncio.run(asked())
    assert [span for span in spans.get_finished_spans() if ADDRESS in span.to_json()]
    warned = [each for each in caplog.records if each.name == "agentguard"]
    assert len(warned) == ("warn" in coverage)
