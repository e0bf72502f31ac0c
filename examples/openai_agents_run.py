# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A guarded agent of the OpenAI Agents SDK: what leaves, what is refused, what waits."""

import asyncio
import tempfile
from pathlib import Path

from agents import (
    Agent,
    OpenAIChatCompletionsModel,
    RunConfig,
    Runner,
    RunState,
    function_tool,
)
from openai import AsyncOpenAI

from agentguard.integrations.openai_agents import approval_request
from agentguard.testing.contract.ground import ADDRESS, Ground, asks_for, prepared, says


async def serve(ground: Ground) -> None:
    """Let a model look an order up, try what is not allowed, and ask for a refund."""
    async with AsyncOpenAI(base_url=ground.base_url, api_key="not-a-key") as client:
        tools = [function_tool(each) for each in ground.functions(asynchronous=False).values()]
        model = OpenAIChatCompletionsModel("some-model", client)
        agent = ground.guard.wrap(Agent(name="Desk", model=model, tools=list(tools)))
        with ground.guard.identity("agent:desk", on_behalf_of="user:alice", session="conv-17"):
            said = f"I am {ADDRESS}. My money back for ORD-0001!"
            here = RunConfig(tracing_disabled=True)  # traces would go to the network
            paused = await Runner.run(agent, said, run_config=here)
            offered = ground.provider.journal[0].json["tools"]
            print("offered:", *(tool["function"]["name"] for tool in offered))
            print("the provider saw the address:", bool(ground.provider.saw(ADDRESS)))
            told = "this call is not permitted"
            print("told of the refusal, and no rule:", bool(ground.provider.saw(told)))
            print("ran so far:", *(effect.tool for effect in ground.effects))
            request = await approval_request(paused.interruptions[0])
            kept = paused.to_state().to_string()  # another process may take it up from here
            ground.vote(str(request))  # agentguard approvals approve
            state = await RunState.from_string(agent, kept)
            state.approve(state.get_interruptions()[0])  # without the vote: ApprovalPending
            done = await Runner.run(agent, state, run_config=here)
            print("with the signature of a person:", done.final_output)
            print("ran:", *(effect.tool for effect in ground.effects))


if __name__ == "__main__":
    # The policy of the contract that every integration must pass: agentguard.testing.contract.
    with tempfile.TemporaryDirectory() as folder, prepared(Path(folder)) as on_loopback:
        on_loopback.script(
            asks_for("lookup", order="ORD-0001"),
            asks_for("lookup", order="everything"),
            asks_for("refund", order="ORD-0001", amount=400),
            says("You have it back."),
        )
        asyncio.run(serve(on_loopback))
