# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is an answer of a guarded pydantic-ai agent checked in each way to read it piece by piece?"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import AsyncOpenAI, DefaultAsyncHttpx2Client
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from agentguard import IdentityRequired
from agentguard.testing.contract.ground import ADDRESS, Ground, asks_for, prepared, says

PROJECT = "operation silver falcon"

AnyAgent = Agent[Any, Any]
Work = Callable[[Callable[[], AnyAgent]], str]


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    """A guard, a provider and tools that note what they did."""
    with prepared(tmp_path) as made:
        yield made


def streamed(agent_of: Callable[[], AnyAgent]) -> str:
    """Read an answer in a block of asynchronous code."""

    async def asked() -> str:
        agent = agent_of()
        async with agent, agent.run_stream(f"I am {ADDRESS}") as result:
            return "".join([each async for each in result.stream_text(delta=True)])

    return asyncio.run(asked())


def streamed_in_plain_code(agent_of: Callable[[], AnyAgent]) -> str:
    """Read an answer in code without a loop."""
    # A loop of its own, since nobody closes the one that the framework would make.
    with closing(asyncio.new_event_loop()) as loop:
        asyncio.set_event_loop(loop)
        try:
            with agent_of().run_stream_sync(f"I am {ADDRESS}") as result:
                return "".join(result.stream_text(delta=True))
        finally:
            asyncio.set_event_loop(None)


def stepwise(agent_of: Callable[[], AnyAgent]) -> str:
    """Go through the nodes of a run."""

    async def asked() -> str:
        agent = agent_of()
        async with agent, agent.iter(f"I am {ADDRESS}") as run:
            async for _ in run:
                pass
        assert run.result is not None
        return str(run.result.output)

    return asyncio.run(asked())


@pytest.mark.parametrize("way", [streamed, streamed_in_plain_code, stepwise])
def test_each_way_to_read_an_answer_is_guarded(ground: Ground, way: Work) -> None:
    """The tool runs, nothing that may not leave does, and the answer holds what it may."""

    def agent_of() -> AnyAgent:
        # Nobody closes the client in the loop in which plain code reads.
        http = DefaultAsyncHttpx2Client(limits=httpx2.Limits(max_keepalive_connections=0))
        client = AsyncOpenAI(base_url=ground.base_url, api_key="not-a-key", http_client=http)
        model = OpenAIChatModel(ground.model, provider=OpenAIProvider(openai_client=client))
        tools = list(ground.functions(asynchronous=True).values())
        return ground.guard.wrap(AnyAgent(model, tools=tools))

    ground.script(asks_for("lookup", order="ORD-0001"), says(f"about {PROJECT}, then"))
    with pytest.raises(IdentityRequired):
        way(agent_of)
    assert ground.provider.received_bytes() == b""
    with ground.acting():
        text = way(agent_of)
    assert [each.tool for each in ground.effects] == ["lookup"]
    assert not ground.provider.saw(ADDRESS)
    assert PROJECT not in text
    assert text.endswith(", then")
