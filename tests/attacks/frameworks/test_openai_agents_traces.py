# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does content of a guarded run reach an exporter of traces?

The SDK uploads prompts, answers and what tools get and return to the provider, past every client.
"""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from agents import (
    Agent,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    RunConfig,
    Runner,
    function_tool,
    set_trace_processors,
    trace,
)
from agents.tracing import set_tracing_disabled
from agents.tracing.processors import BackendSpanExporter, BatchTraceProcessor
from openai import AsyncOpenAI, DefaultAsyncHttpx2Client

from agentguard.testing import LoopbackProvider, echo
from agentguard.testing.contract import Ground
from agentguard.testing.contract.ground import ADDRESS, SECRET, asks_for, prepared, says

MARKERS = (ADDRESS, SECRET, "ORD-0001", "the question", "all done")


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    """A guard, and a model that asks for a tool, as often as it is asked."""
    with prepared(tmp_path) as made:
        yield made


class Traces:
    """A server to which the SDK uploads its traces."""

    def __init__(self) -> None:
        self._server = LoopbackProvider(echo).start()
        endpoint = self._server.base_url + "/traces/ingest"
        exporter = BackendSpanExporter(api_key="not-a-key", endpoint=endpoint, max_retries=0)
        self._processor = BatchTraceProcessor(exporter)
        self._exporter = exporter

    def uploaded(self) -> str:
        """Return all that was uploaded."""
        self._processor.force_flush()  # type: ignore[no-untyped-call]  # the SDK's
        return self._server.received_bytes().decode()

    def close(self) -> None:
        """Stop."""
        self._processor.shutdown()
        self._exporter.close()  # type: ignore[no-untyped-call]  # the SDK's
        self._server.close()


@pytest.fixture
def traces() -> Iterator[Traces]:
    """Upload all traces to a server of this machine."""
    made = Traces()
    logging.getLogger("openai.agents").disabled = True
    set_trace_processors([made._processor])
    set_tracing_disabled(disabled=False)
    yield made
    set_trace_processors([])
    logging.getLogger("openai.agents").disabled = False
    made.close()


def agent_of(ground: Ground, kind: Any) -> Agent[Any]:
    """Return a plain agent that looks orders up."""
    http = DefaultAsyncHttpx2Client(limits=httpx2.Limits(max_keepalive_connections=0))
    client = AsyncOpenAI(base_url=ground.base_url, api_key="not-a-key", http_client=http)
    tool = function_tool(ground.functions(asynchronous=True)["lookup"])
    return Agent(name="Desk", tools=[tool], model=kind(ground.model, client))


async def streamed(agent: Agent[Any], text: str, config: RunConfig) -> None:
    """Run an agent and read its events."""
    result = Runner.run_streamed(agent, text, run_config=config)
    async for _ in result.stream_events():
        pass


def run(ground: Ground, agent: Agent[Any], *, streams: bool = False) -> None:
    """Run an agent as the desk for alice, with all the tracing that there is."""
    ground.script(asks_for("lookup", order="ORD-0001"), says("all done"))
    config = RunConfig(trace_include_sensitive_data=True)
    text = f"the question of {ADDRESS} with {SECRET}"
    with ground.acting():
        if streams:
            asyncio.run(streamed(agent, text, config))
        else:
            asyncio.run(Runner.run(agent, text, run_config=config))


KINDS = [OpenAIChatCompletionsModel, OpenAIResponsesModel]


def test_an_unguarded_run_uploads_content(ground: Ground, traces: Traces) -> None:
    """What this file looks for is uploaded where no guard is, so that its absence says something."""
    run(ground, agent_of(ground, OpenAIChatCompletionsModel))
    found = traces.uploaded()
    assert [each for each in MARKERS if each in found] == list(MARKERS)


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_guarded_run_uploads_none(
    ground: Ground, traces: Traces, kind: Any, *, streams: bool
) -> None:
    """Traces of a guarded run name its spans, and hold nothing that was said, even if asked to."""
    run(ground, ground.guard.wrap(agent_of(ground, kind)), streams=streams)
    found = traces.uploaded()
    assert len(ground.effects) == 1
    assert "lookup" in found
    assert [each for each in MARKERS if each in found] == []


def test_a_guarded_model_alone_uploads_none(ground: Ground, traces: Traces) -> None:
    """A guarded model in an agent that is not guarded tells a trace nothing of its calls."""
    plain = agent_of(ground, OpenAIChatCompletionsModel)
    plain.tools = []
    ground.guard.wrap(plain.model)
    ground.script(says("all done"))
    with ground.acting(), trace("a program's own"):
        asyncio.run(Runner.run(plain, f"the question of {ADDRESS}"))
    found = traces.uploaded()
    assert "generation" in found
    assert [each for each in MARKERS if each in found] == []


def test_refusals_leave_no_content_in_traces(ground: Ground, traces: Traces) -> None:
    """A refused call leaves neither its arguments nor the reason in a trace."""
    agent = ground.guard.wrap(agent_of(ground, OpenAIChatCompletionsModel))
    ground.script(asks_for("lookup", order="everything of jane"), says("all done"))
    with ground.acting():
        asyncio.run(Runner.run(agent, "the question"))
    found = traces.uploaded()
    assert "lookup" in found
    assert "everything of jane" not in found
    assert "orders-may-be-looked-up" not in found


def test_a_guarded_tool_alone_uploads_nothing_of_its_calls(ground: Ground, traces: Traces) -> None:
    """A guarded tool in an agent that is not guarded keeps its calls out of the trace."""
    plain = agent_of(ground, OpenAIChatCompletionsModel)
    plain.tools = [ground.guard.wrap(plain.tools[0])]
    ground.guard.wrap(plain.model)
    ground.script(asks_for("lookup", order="ORD-0001"), says("all done"))
    with ground.acting():
        asyncio.run(Runner.run(plain, "the question"))
    found = traces.uploaded()
    assert len(ground.effects) == 1
    assert [each for each in MARKERS if each in found] == []
