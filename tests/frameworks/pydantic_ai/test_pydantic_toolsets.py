# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does an agent of pydantic-ai see of guarded tools, whoever guards the agent itself?"""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, DeferredToolRequests, ModelRetry, RunContext, Tool, ToolOutput
from pydantic_ai.messages import ModelMessage, ToolReturnPart
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.toolsets import FunctionToolset

from agentguard import GuardFailure, IdentityRequired
from agentguard.testing import Answer
from agentguard.testing.answers import ToolRequest
from agentguard.testing.contract.ground import Ground, asks_for, prepared, says

AnyAgent = Agent[Any, Any]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A guard, a provider and tools that note what they did."""
    with prepared(tmp_path_factory.mktemp("pydantic")) as made:
        yield made


@pytest.fixture
def ground(shared: Ground) -> Ground:
    """The shared ground, on which nothing ran yet."""
    shared.effects.clear()
    return shared


def ask(ground: Ground, *tools: Any, **options: Any) -> Any:
    """Run an agent that nobody guards with a guarded model and tools as they are."""
    provider = OpenAIProvider(base_url=ground.base_url, api_key="not-a-key")
    model = ground.guard.wrap(OpenAIChatModel(ground.model, provider=provider))
    given = {"output_type": [str, DeferredToolRequests], **options}
    sets = [each for each in tools if not isinstance(each, Tool)]
    singles = [each for each in tools if isinstance(each, Tool)]
    agent: AnyAgent = Agent(model, tools=singles, toolsets=sets, **given)

    async def asked() -> Any:
        async with agent:
            return await agent.run("hello")

    with ground.acting():
        return asyncio.run(asked())


def returned(messages: list[ModelMessage]) -> list[ToolReturnPart]:
    """Return what the model was told of its calls."""
    parts = [part for message in messages for part in message.parts]
    return [part for part in parts if isinstance(part, ToolReturnPart)]


def guarded_ones(ground: Ground, kind: str) -> list[Any]:
    """Return all guarded tools, as a set or one by one."""
    functions = list(ground.functions(asynchronous=False).values())
    if kind == "set":
        return [ground.guard.wrap(FunctionToolset(functions))]
    plain: list[Tool[Any]] = [Tool(each) for each in functions]
    return list(ground.guard.wrap(plain))


@pytest.mark.parametrize("kind", ["set", "one by one"])
def test_guarded_tools_serve_any_agent(ground: Ground, kind: str) -> None:
    """An agent that nobody guards hides, decides and pauses where its tools are guarded."""
    ground.script(
        asks_for("lookup", order="everything"),
        asks_for("lookup", order="ORD-0001"),
        asks_for("refund", order="ORD-0001", amount=450),
    )
    result = ask(ground, *guarded_ones(ground, kind))
    assert [each.arguments for each in ground.effects] == [{"order": "ORD-0001"}]
    assert "wipe" not in str(ground.provider.journal[-1].json["tools"])
    denied, ran = returned(result.all_messages())
    assert (denied.outcome, denied.content) == ("failed", "this call is not permitted")
    assert ran.outcome == "success"
    (waits,) = result.output.metadata.values()
    assert waits["tool"] == "refund"
    assert ground.request(waits["request_id"]).tool == "refund"


def test_what_is_for_the_program_ends_the_run(ground: Ground) -> None:
    """A call that nobody stands behind is raised out of the run, and not told to the model."""

    async def lookup(order: str) -> str:
        raise AssertionError(f"it ran for {order}")

    tool = ground.guard.wrap(Tool(lookup))
    # Nobody hides what nobody may see: the agent's own preparation is left out here.
    tool.prepare = None
    ground.script(asks_for("lookup", order="ORD-0001"), says("all done"))
    other = ground.elsewhere()
    provider = OpenAIProvider(base_url=ground.base_url, api_key="not-a-key")
    model = other.guard.wrap(OpenAIChatModel(ground.model, provider=provider))
    agent: AnyAgent = Agent(model, tools=[tool])

    async def asked() -> None:
        async with agent:
            await agent.run("hello")

    with other.acting(), pytest.raises(IdentityRequired):
        asyncio.run(asked())


def test_a_tool_may_ask_the_model_to_try_again(ground: Ground) -> None:
    """Each try that a tool asks for is a call of its own, decided and counted by the framework."""
    tried: list[str] = []

    def lookup(ctx: RunContext[Any], order: str) -> str:
        tried.append(f"{order} {ctx.retry}")
        if len(tried) < 2:
            raise ModelRetry("another one")
        return "found"

    ground.script(
        asks_for("lookup", order="ORD-0001"), asks_for("lookup", order="ORD-0002"), says("all done")
    )
    result = ask(ground, ground.guard.wrap(Tool(lookup, max_retries=2)))
    assert result.output == "all done"
    assert tried == ["ORD-0001 0", "ORD-0002 1"]
    assert returned(result.all_messages())[0].outcome == "retried"


def test_a_tool_that_takes_too_long_is_ended(ground: Ground) -> None:
    """The framework's time limit holds for a guarded tool, and the model is told."""

    async def lookup(order: str) -> str:
        await asyncio.Event().wait()
        return order

    ground.script(asks_for("lookup", order="ORD-0001"), says("all done"))
    plain: FunctionToolset[Any] = FunctionToolset([lookup], timeout=0.001)
    result = ask(ground, ground.guard.wrap(plain))
    assert "Timed out" in str(returned(result.all_messages())[0].content)


@pytest.mark.parametrize("sequential", [True, False])
def test_calls_side_by_side_are_decided_one_by_one(ground: Ground, *, sequential: bool) -> None:
    """Of calls that a model makes at once, each is decided by itself."""
    functions = ground.functions(asynchronous=False)
    plain = FunctionToolset([Tool(functions["lookup"], sequential=sequential)])
    orders = ["ORD-0001", "everything", "ORD-0002"]
    calls = tuple(ToolRequest("lookup", {"order": order}) for order in orders)
    ground.script(lambda _: Answer(tool_calls=calls), says("all done"))
    result = ask(ground, ground.guard.wrap(plain))
    assert sorted(each.arguments["order"] for each in ground.effects) == ["ORD-0001", "ORD-0002"]
    outcomes = [each.outcome for each in returned(result.all_messages())]
    assert outcomes == ["success", "failed", "success"]


class Verdict(BaseModel):
    """What an agent ends with."""

    fine: bool


def test_an_output_is_no_execution(ground: Ground) -> None:
    """The tool by which a model gives its output is the framework's own and needs no rule."""
    ground.script(asks_for("verdict", fine=True))
    result = ask(
        ground, *guarded_ones(ground, "set"), output_type=ToolOutput(Verdict, name="verdict")
    )
    assert result.output == Verdict(fine=True)


def test_a_prefix_changes_no_decision(ground: Ground) -> None:
    """A guarded set under a prefix is decided under the names that the policy knows."""
    guarded = ground.guard.wrap(FunctionToolset([ground.functions(asynchronous=False)["lookup"]]))
    ground.script(
        asks_for("crm_lookup", order="ORD-0001"),
        asks_for("crm_lookup", order="everything"),
        says("all done"),
    )
    assert ask(ground, guarded.prefixed("crm")).output == "all done"
    assert len(ground.effects) == 1


def test_what_cannot_be_checked_ends_the_run(ground: Ground) -> None:
    """A result that cannot be checked is withheld from the model, and the program is told."""

    def lookup(order: str) -> object:
        return object() if order else None

    ground.script(asks_for("lookup", order="ORD-0001"), says("all done"))
    with pytest.raises(GuardFailure, match="cannot be checked"):
        ask(ground, ground.guard.wrap(Tool(lookup)))


def test_tools_of_an_mcp_server_are_guarded(ground: Ground) -> None:
    """A set of tools that speaks to an MCP server hides and decides what the server offers."""
    fastmcp = pytest.importorskip("fastmcp")
    from pydantic_ai.mcp import MCPToolset

    server = fastmcp.FastMCP("orders")
    for function in ground.functions(asynchronous=False).values():
        server.tool(function)
    ground.script(
        asks_for("lookup", order="everything"),
        asks_for("lookup", order="ORD-0001"),
        asks_for("wipe", account="A"),
        says("all done"),
    )
    result = ask(ground, ground.guard.wrap(MCPToolset(server)))
    assert result.output == "all done"
    assert [each.arguments for each in ground.effects] == [{"order": "ORD-0001"}]
    assert "wipe" not in str(ground.provider.journal[-1].json["tools"])


def test_tools_that_nobody_declared_are_counted_in_the_log(
    ground: Ground, caplog: pytest.LogCaptureFixture
) -> None:
    """Why a model does not see a tool is told once, without the name, which may be a server's."""

    def misspelt() -> str:
        raise AssertionError("it ran")

    tools = ground.guard.wrap(FunctionToolset([misspelt]))
    for _ in range(2):
        ground.script(says("done"))
        ask(ground, tools)
    assert caplog.text.count("does not declare 1 of the 1 tools of a set") == 1
    assert "misspelt" not in caplog.text
