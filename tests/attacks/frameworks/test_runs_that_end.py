# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a run of an agent end where the guard says so, whatever its model wants?

The story: a model asks for the same tool over and over. Somebody pays for each turn, until a budget
is used up or an operator stops the agent; a framework that tells the model of every error would
go on.
"""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool
from langchain.agents import create_agent
from langchain_core.tools import StructuredTool
from langchain_openai import ChatOpenAI
from openai import AsyncOpenAI, DefaultAsyncHttpx2Client

from agentguard import Guard, Stopped
from agentguard.cli import main
from agentguard.errors import BudgetExceeded
from agentguard.integrations.langchain import GuardMiddleware
from agentguard.stores import stopping
from agentguard.testing import Answer, LoopbackProvider, ToolRequest

POLICY = """
version = 1
name = "ends"
deployment.store = "agentguard.db"
identity = [{ id = "agent:a" }]
provider = [{ id = "loopback", hosts = ["127.0.0.1:*"] }]

[budget.run]
calls = 4

[[tool]]
name = "poll"
impact = "read_only"

[[rule]]
id = "chat"
who = "agent:a"
provider = "loopback"
model = ["*"]
operation = "inference"
then = "allow"

[[rule]]
id = "polling"
who = "agent:a"
tool = "poll"
then = "allow"
"""

Serve = Callable[[Guard, str, Callable[[], str]], object]


@pytest.fixture(scope="module")
def insisting() -> Iterator[LoopbackProvider]:
    """A provider whose model asks for the tool whatever it is told."""
    again = Answer(tool_calls=(ToolRequest("poll", {}),))
    with LoopbackProvider(lambda _: again) as running:
        yield running


def by_langchain(guard: Guard, base_url: str, poll: Callable[[], str]) -> Any:
    """Serve with an agent of LangChain."""
    with httpx2.Client() as http:
        model = ChatOpenAI(model="m", base_url=base_url, api_key="not-a-key", http_client=http)  # type: ignore[arg-type]  # pydantic makes a secret of it
        tools: Any = guard.wrap([StructuredTool.from_function(poll)])
        agent = create_agent(guard.wrap(model), tools, middleware=[GuardMiddleware(guard)])
        return agent.invoke({"messages": [{"role": "user", "content": "go"}]})


def by_openai_agents(guard: Guard, base_url: str, poll: Callable[[], str]) -> Any:
    """Serve with an agent of the OpenAI Agents SDK."""
    http = DefaultAsyncHttpx2Client(limits=httpx2.Limits(max_keepalive_connections=0))
    client = AsyncOpenAI(base_url=base_url, api_key="not-a-key", http_client=http)
    model = OpenAIChatCompletionsModel("m", client)
    agent = guard.wrap(Agent(name="A", model=model, tools=[function_tool(poll)]))
    return asyncio.run(Runner.run(agent, "go"))


@pytest.mark.parametrize("serve", [by_langchain, by_openai_agents])
@pytest.mark.parametrize("why", [BudgetExceeded, Stopped])
def test_a_run_ends_with_its_budget_and_with_a_stop(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    insisting: LoopbackProvider,
    serve: Serve,
    why: type[Exception],
) -> None:
    """The program is told why, and neither the model nor the tool is asked any more."""
    monkeypatch.setattr(stopping, "FRESH_SECONDS", 0.0)
    path = tmp_path / "agentguard.toml"
    path.write_text(POLICY)
    polled: list[str] = []

    def poll() -> str:
        """Look whether something is there."""
        if why is Stopped:
            main(["stop", "--all", "--reason", "enough", "--config", str(path)])
        polled.append("nothing yet" + "." * len(polled))
        return polled[-1]

    with Guard.from_file(path) as guard, guard.identity("agent:a"):
        before = len(insisting.journal)
        with pytest.raises(why):
            serve(guard, insisting.base_url, poll)
    asked = len(insisting.journal) - before
    assert (asked, len(polled)) == ((1, 1) if why is Stopped else (2, 2))
