# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A guarded agent of pydantic-ai: what is hidden, refused, asked about and run (on loopback)."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from pydantic_ai import Agent, DeferredToolRequests, DeferredToolResults
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from agentguard.testing.contract.ground import ADDRESS, Ground, asks_for, prepared, says


async def serve(ground: Ground) -> None:
    """Let a model look an order up, try what is not allowed, and ask for a refund."""
    provider = OpenAIProvider(base_url=ground.base_url, api_key="not-a-key")
    agent: Agent[Any, Any] = Agent(
        OpenAIChatModel("some-model", provider=provider),
        tools=list(ground.functions(asynchronous=True).values()),
        output_type=[str, DeferredToolRequests],
    )
    ground.guard.wrap(agent)
    async with agent:
        with ground.guard.identity("agent:desk", on_behalf_of="user:alice", session="conv-17"):
            first = await agent.run(f"I am {ADDRESS}. My money back for ORD-0001!")
            for request in ground.provider.journal[:1]:
                print("offered:", *(tool["function"]["name"] for tool in request.json["tools"]))
            print("the provider saw the address:", bool(ground.provider.saw(ADDRESS)))
            print("ran so far:", *(effect.tool for effect in ground.effects))

            async def resumed() -> Any:
                yes: Any = {call.tool_call_id: True for call in first.output.approvals}
                answers = DeferredToolResults(approvals=yes)
                history = first.all_messages()
                done = await agent.run(message_history=history, deferred_tool_results=answers)
                return done.output

            print("with a yes of the program alone:", type(await resumed()).__name__)
            (waits,) = first.output.metadata.values()
            ground.vote(waits["request_id"])  # elsewhere: agentguard approvals approve
            print("with the signature of a person:", await resumed())
            print("ran:", *(effect.tool for effect in ground.effects))


if __name__ == "__main__":
    # The policy of the contract that every integration must pass: agentguard.testing.contract.
    with tempfile.TemporaryDirectory() as folder, prepared(Path(folder)) as ground:
        ground.script(
            asks_for("lookup", order="ORD-0001"),
            asks_for("lookup", order="everything"),
            asks_for("refund", order="ORD-0001", amount=400),
            says("You have it back."),
        )
        asyncio.run(serve(ground))
