# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Do guarded agents of pydantic-ai pass what every integration must pass?"""

import asyncio
import json
from contextlib import closing
from typing import Any, ClassVar

from openai import AsyncOpenAI
from pydantic_ai import Agent, DeferredToolRequests, DeferredToolResults, RunContext, Tool
from pydantic_ai.messages import (
    ModelMessagesTypeAdapter,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
)
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.run import AgentRunResult, AgentRunResultEvent
from pydantic_ai.usage import RunUsage

from agentguard.testing.contract import Ground, IntegrationContract, Ran


class TestPydanticAgent(IntegrationContract):
    """The contract, for a guarded agent and, called alone, for a guarded tool."""

    modes: ClassVar[tuple[str, ...]] = ("sync", "async", "async-stream")

    def run(self, ground: Ground, text: str, mode: str) -> Ran:
        """Run a guarded agent."""
        return _run(ground, mode, text)

    def resume(self, ground: Ground, ran: Ran, mode: str) -> Ran:
        """Say yes to the framework, and go on."""
        yes = DeferredToolResults(approvals=dict.fromkeys(ran.state["calls"], True))
        history = ModelMessagesTypeAdapter.validate_python(ran.state["messages"])
        return _run(ground, mode, message_history=history, deferred_tool_results=yes)

    def call(self, ground: Ground, tool: str, arguments: dict[str, Any], mode: str) -> Any:
        """Call one guarded tool as a set of tools does it."""
        function = ground.functions(asynchronous="async" in mode)[tool]
        guarded = ground.guard.wrap(Tool(function))
        outside = RunContext(deps=None, model=TestModel(), usage=RunUsage())
        return asyncio.run(guarded.function_schema.call(arguments, outside))


def _run(ground: Ground, mode: str, text: str | None = None, **options: Any) -> Ran:
    client = AsyncOpenAI(base_url=ground.base_url, api_key="not-a-key", max_retries=0)
    agent = _agent(ground, client, mode)
    if mode != "sync":
        return asyncio.run(_run_async(agent, client, mode, text, options))
    # A loop of its own, since nobody closes the one that the framework would make.
    with closing(asyncio.new_event_loop()) as loop:
        asyncio.set_event_loop(loop)
        try:
            result = agent.run_sync(text, **options)
        finally:
            loop.run_until_complete(client.close())
            asyncio.set_event_loop(None)
    return _ran(result, result.output)


def _agent(ground: Ground, client: AsyncOpenAI, mode: str) -> Agent[Any, Any]:
    plain: Agent[Any, Any] = Agent(
        OpenAIChatModel(ground.model, provider=OpenAIProvider(openai_client=client)),
        tools=list(ground.functions(asynchronous="async" in mode).values()),
        output_type=[str, DeferredToolRequests],
    )
    return ground.guard.wrap(plain)


async def _run_async(
    agent: Agent[Any, Any],
    client: AsyncOpenAI,
    mode: str,
    text: str | None,
    options: dict[str, Any],
) -> Ran:
    async with client:
        if "stream" not in mode:
            result = await agent.run(text, **options)
            return _ran(result, result.output)
        return await _streamed(agent, text, options)


async def _streamed(agent: Agent[Any, Any], text: str | None, options: dict[str, Any]) -> Ran:
    pieces, result = "", None
    async with agent.run_stream_events(text, **options) as events:
        async for event in events:
            if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart):
                pieces += event.part.content
            elif isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
                pieces += event.delta.content_delta
            elif isinstance(event, AgentRunResultEvent):
                result = event.result
    assert result is not None
    return _ran(result, pieces)


def _ran(result: AgentRunResult[Any], answer: Any) -> Ran:
    if not isinstance(result.output, DeferredToolRequests):
        return Ran(answer=answer)
    state = {
        "messages": json.loads(result.all_messages_json()),
        "calls": [call.tool_call_id for call in result.output.approvals],
    }
    waiting = result.output.metadata.values()
    return Ran(pending=tuple(each["request_id"] for each in waiting), state=state)
