# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a run of an agent act for somebody whose run of the same agent goes on beside it?

All runs share one agent, one model and one event loop, and all tools are entered before any ends.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool
from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from openai import AsyncOpenAI, DefaultAsyncHttpx2Client
from pydantic_ai import Agent as PydanticAgent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from agentguard import IdentityRequired
from agentguard.integrations.langchain import GuardMiddleware
from agentguard.testing import Answer, ToolRequest
from agentguard.testing.contract import Ground
from agentguard.testing.contract.ground import prepared
from agentguard.testing.contract.policy import ALICE, BOB

ORDER = re.compile(r"ORD-\d{4}")
EACH = 6

Ask = Callable[[str], Awaitable[Any]]
Tool = Callable[..., Awaitable[str]]


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    """A guard, and a model that looks up the order of which it reads."""

    def look_up(request: str) -> Answer:
        if '"role": "tool"' in request:
            return Answer(content="all done")
        found = ORDER.search(request)
        assert found is not None
        return Answer(tool_calls=(ToolRequest("lookup", {"order": found[0]}),))

    with prepared(tmp_path) as made:
        made.script(look_up)
        yield made


def client_of(ground: Ground) -> AsyncOpenAI:
    """Return a plain client of the provider."""
    http = DefaultAsyncHttpx2Client(limits=httpx2.Limits(max_keepalive_connections=0))
    return AsyncOpenAI(
        base_url=ground.base_url, api_key="not-a-key", http_client=http, max_retries=0
    )


def of_langchain(ground: Ground, lookup: Tool) -> Ask:
    """Return how an agent of LangChain is asked."""
    model = ChatOpenAI(
        model=ground.model,
        base_url=ground.base_url,
        api_key="not-a-key",  # type: ignore[arg-type]  # pydantic makes a secret of it
        max_retries=0,
        http_async_client=httpx2.AsyncClient(limits=httpx2.Limits(max_keepalive_connections=0)),
    )
    agent: Any = create_agent(
        ground.guard.wrap(model),
        [ground.guard.wrap(tool(lookup))],
        middleware=[GuardMiddleware(ground.guard)],
    )
    return lambda text: agent.ainvoke({"messages": [{"role": "user", "content": text}]})


def of_openai_agents(ground: Ground, lookup: Tool) -> Ask:
    """Return how an agent of the OpenAI Agents SDK is asked."""
    model = OpenAIChatCompletionsModel(ground.model, client_of(ground))
    plain = Agent[Any](name="Desk", tools=[function_tool(lookup)], model=model)
    agent = ground.guard.wrap(plain)
    return lambda text: Runner.run(agent, text)


def of_pydantic_ai(ground: Ground, lookup: Tool) -> Ask:
    """Return how an agent of pydantic-ai is asked."""
    provider = OpenAIProvider(openai_client=client_of(ground))
    model = OpenAIChatModel(ground.model, provider=provider)
    agent = ground.guard.wrap(PydanticAgent(model, tools=[lookup]))
    return agent.run


@pytest.mark.parametrize("ask_of", [of_langchain, of_openai_agents, of_pydantic_ai])
def test_runs_at_once_act_each_for_its_own_person(
    ground: Ground, ask_of: Callable[[Ground, Tool], Ask]
) -> None:
    """Each call is decided, made and written down for whoever asked, and for nobody not at all."""
    identities = ground.guard.enforcer.identities
    ran: dict[str, str] = {}

    async def act() -> list[Any]:
        entered = asyncio.Barrier(2 * EACH)

        async def lookup(order: str) -> str:
            """Look an order up."""
            await entered.wait()
            caller = identities.presented(None)
            assert caller is not None
            ran[order] = caller.chain.ids[0]
            return f"{order} is on its way"

        ask = ask_of(ground, lookup)

        async def asked(number: int) -> Any:
            text = f"where is ORD-{number:04}?"
            if number >= 2 * EACH:
                return await ask(text)
            with ground.acting(BOB if number % 2 else ALICE):
                return await ask(text)

        async with asyncio.timeout(60):
            runs = (asked(number) for number in range(2 * EACH + 2))
            return await asyncio.gather(*runs, return_exceptions=True)

    *answered, one, other = asyncio.run(act())
    assert {type(each) for each in (one, other)} == {IdentityRequired}
    assert not [each for each in answered if isinstance(each, BaseException)]
    assert ran == {f"ORD-{n:04}": BOB if n % 2 else ALICE for n in range(2 * EACH)}
    persons = sorted(entry.chain[0] for entry in ground.intents())
    assert persons == sorted(ran.values())
