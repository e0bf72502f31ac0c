# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does the integration of openai-agents hold what every integration must hold?"""

import asyncio
import json
from typing import Any, ClassVar

import httpx2
from agents import (
    Agent,
    FunctionTool,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    RunState,
    function_tool,
)
from agents.tool_context import ToolContext
from openai import AsyncOpenAI, DefaultAsyncHttpx2Client

from agentguard import ApprovalPending
from agentguard.integrations.openai_agents import approval_request
from agentguard.testing.contract import Ground, IntegrationContract, Ran


def agent_of(ground: Ground, mode: str) -> Agent[Any]:
    """Return a guarded agent; with async tools it speaks to the Responses API."""
    asynchronous = mode != "sync"
    model = OpenAIResponsesModel if asynchronous else OpenAIChatCompletionsModel
    kept = httpx2.Limits(max_keepalive_connections=0)
    http = DefaultAsyncHttpx2Client(limits=kept)
    client = AsyncOpenAI(base_url=ground.base_url, api_key="not-a-key", http_client=http)
    functions = ground.functions(asynchronous=asynchronous).values()
    tools: list[Any] = [function_tool(each) for each in functions]
    plain = Agent(name="Desk", tools=tools, model=model(ground.model, client))
    return ground.guard.wrap(plain)


async def streamed(agent: Agent[Any], given: Any) -> tuple[Any, str]:
    """Run an agent, and return the result and the text that was streamed."""
    result = Runner.run_streamed(agent, given)
    pieces = [
        event.data.delta
        async for event in result.stream_events()
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta"
    ]
    return result, "".join(pieces)


async def came_so_far(result: Any, text: str | None) -> Ran:
    """Return how far a run came."""
    pending = [await approval_request(each) for each in result.interruptions]
    if not pending:
        return Ran(answer=result.final_output if text is None else text)
    return Ran(pending=tuple(str(each) for each in pending), state=result.to_state().to_json())


async def run_async(agent: Agent[Any], given: Any, mode: str) -> Ran:
    """Run an agent in a loop."""
    if mode == "async-stream":
        return await came_so_far(*await streamed(agent, given))
    return await came_so_far(await Runner.run(agent, given), None)


class TestOpenAIAgents(IntegrationContract):
    """The scenarios, on the runner of the SDK."""

    modes: ClassVar[tuple[str, ...]] = ("sync", "async", "async-stream")

    def run(self, ground: Ground, text: str, mode: str) -> Ran:
        """Run an agent."""
        agent = agent_of(ground, mode)
        if mode == "sync":
            return asyncio.run(came_so_far(run_sync(agent, text), None))
        return asyncio.run(run_async(agent, text, mode))

    def resume(self, ground: Ground, ran: Ran, mode: str) -> Ran:
        """Approve every interruption of the state, and go on."""
        agent = agent_of(ground, mode)
        state = asyncio.run(approved(agent, ran.state))
        try:
            if mode == "sync":
                return asyncio.run(came_so_far(run_sync(agent, state), None))
            return asyncio.run(run_async(agent, state, mode))
        except ApprovalPending as waits:
            return Ran(pending=(waits.request_id,), state=ran.state)

    def call(self, ground: Ground, tool: str, arguments: dict[str, Any], mode: str) -> Any:
        """Invoke one tool."""
        plain = function_tool(ground.functions(asynchronous=mode != "sync")[tool])
        guarded: FunctionTool = ground.guard.wrap(plain)
        text = json.dumps(arguments)
        context = ToolContext(None, tool_name=tool, tool_call_id="c", tool_arguments=text)

        async def invoke() -> Any:
            return await guarded.on_invoke_tool(context, text)

        return asyncio.run(invoke())


def run_sync(agent: Agent[Any], given: Any) -> Any:
    """Run an agent from code without a loop, in whichever thread."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        return Runner.run_sync(agent, given)
    finally:
        asyncio.set_event_loop(None)
        loop.close()


async def approved(agent: Agent[Any], state: Any) -> RunState[Any]:
    """Take a state up as another process does, and say the SDK's own yes."""
    taken = await RunState.from_json(agent, state)
    for each in taken.get_interruptions():
        taken.approve(each)
    return taken
