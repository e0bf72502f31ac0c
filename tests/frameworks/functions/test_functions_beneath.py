# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a guarded function stay guarded beneath every framework's own decorator?

The framework sees a function with its signature and docstring, makes its schema from them, and
calls it; what it does with a refusal differs, and is written down here for each.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar

import fastmcp
import mcp
import pytest
from agents import function_tool
from agents.tool_context import ToolContext
from langchain_core.tools import tool as langchain_tool
from mcp.server import MCPServer
from pydantic import Field
from pydantic_ai import Agent, RunContext, Tool
from pydantic_ai.messages import (
    ModelMessage,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models.function import AgentInfo, FunctionModel

from agentguard import ApprovalPending, ConfigError, DeniedByPolicy, IdentityRequired
from agentguard.testing.contract.ground import Ground, prepared

Order = Annotated[str, Field(description="which order")]
Amount = Annotated[int, Field(description="how much, in euros", ge=1)]
Run = Callable[..., str]

SMALL, LARGE = {"order": "ORD-0001"}, {"order": "ORD-0001", "amount": 400}
DENIED = {"order": "everything"}
RULES = ("small-refunds", "large-refunds")


class Host:
    """A framework that has made a tool of a function.

    Attributes:
        raises: whether what the function raises comes out of the framework as it was raised.
        told: what the model reads instead.
    """

    raises: ClassVar[bool] = True
    told: ClassVar[str] = ""

    def __init__(self, function: Any) -> None:
        self.tool = self.made(function)

    def made(self, function: Any) -> Any:
        """Make the framework's tool."""
        raise NotImplementedError

    def described(self) -> tuple[str, dict[str, Any]]:
        """Return what a model is told of the tool: its description and its schema."""
        raise NotImplementedError

    def run(self, arguments: dict[str, Any]) -> str:
        """Run the tool as the framework does it for a model, and return what the model reads."""
        raise NotImplementedError


class LangChain(Host):
    """LangChain's ``@tool``."""

    def made(self, function: Any) -> Any:
        """Make the tool."""
        return langchain_tool(function)

    def described(self) -> tuple[str, dict[str, Any]]:
        """Return description and schema."""
        return self.tool.description, self.tool.args_schema.model_json_schema()

    def run(self, arguments: dict[str, Any]) -> str:
        """Let a model call the tool."""
        if self.tool.coroutine is not None:
            return str(asyncio.run(self.tool.ainvoke(arguments)))
        return str(self.tool.invoke(arguments))


class OpenAIAgents(Host):
    """The ``function_tool`` of openai-agents, with its own answer to errors."""

    raises = False
    told = "An error occurred while running the tool. Please try again."

    def made(self, function: Any) -> Any:
        """Make the tool."""
        return function_tool(function)

    def described(self) -> tuple[str, dict[str, Any]]:
        """Return description and schema."""
        return self.tool.description, self.tool.params_json_schema

    def run(self, arguments: dict[str, Any]) -> str:
        """Let a model call the tool."""
        text = json.dumps(arguments)
        context: Any = ToolContext(
            context=None, tool_name="refund", tool_call_id="1", tool_arguments=text
        )
        return str(asyncio.run(self.tool.on_invoke_tool(context, text)))


class PydanticAI(Host):
    """A ``Tool`` of pydantic-ai, as ``agent.tool_plain`` makes one."""

    def made(self, function: Any) -> Any:
        """Make the tool."""
        return Tool(function)

    def described(self) -> tuple[str, dict[str, Any]]:
        """Return description and schema."""
        return self.tool.description, self.tool.function_schema.json_schema

    def run(self, arguments: dict[str, Any]) -> str:
        """Let a model call the tool."""
        return run_agent(Agent(FunctionModel(asks_once), tools=[self.tool]), arguments)


class McpServer(Host):
    """The server of the MCP SDK, asked by a client of it."""

    raises = False
    told = "Error executing tool refund"

    def made(self, function: Any) -> Any:
        """Make the tool."""
        server = MCPServer("desk")
        server.tool()(function)
        return server

    def described(self) -> tuple[str, dict[str, Any]]:
        """Return description and schema."""
        (listed,) = asyncio.run(self.tool.list_tools())
        return listed.description, listed.input_schema

    def run(self, arguments: dict[str, Any]) -> str:
        """Let a model call the tool."""

        async def asked() -> str:
            async with mcp.Client(self.tool) as client:
                result = await client.call_tool("refund", arguments)
            return result.content[0].text  # type: ignore[union-attr]  # the tool returns a text

        return asyncio.run(asked())


class FastMcp(Host):
    """A server of fastmcp that tells no details of errors, asked by a client of it."""

    raises = False
    told = "Error calling tool 'refund'"
    masked: ClassVar[bool] = True

    def made(self, function: Any) -> Any:
        """Make the tool."""
        server = fastmcp.FastMCP("desk", mask_error_details=self.masked)
        server.tool(function)
        return server

    def described(self) -> tuple[str, dict[str, Any]]:
        """Return description and schema."""
        (listed,) = asyncio.run(self.tool.list_tools())
        return listed.description, listed.to_mcp_tool().input_schema

    def run(self, arguments: dict[str, Any]) -> str:
        """Let a model call the tool."""

        async def asked() -> str:
            async with fastmcp.Client(self.tool) as client:
                result = await client.call_tool("refund", arguments, raise_on_error=False)
            return str(result.content[0].text)

        return asyncio.run(asked())


class TellingFastMcp(FastMcp):
    """The same server as it is made without that setting."""

    masked = False


HOSTS = [LangChain, OpenAIAgents, PydanticAI, McpServer, FastMcp]


def asks_once(messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
    """Ask for the tool with what the user said, and repeat what it returned."""
    last = messages[-1].parts[-1]
    if isinstance(last, UserPromptPart):
        return ModelResponse(parts=[ToolCallPart("refund", json.loads(str(last.content)))])
    assert isinstance(last, ToolReturnPart)
    return ModelResponse(parts=[TextPart(str(last.content))])


def run_agent(agent: Any, arguments: dict[str, Any]) -> str:
    """Let an agent of pydantic-ai ask for the tool."""
    # ``run_sync`` leaves the event loop that it makes open.
    return str(asyncio.run(agent.run(json.dumps(arguments))).output)


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    """A guard, and what its tools did."""
    with prepared(tmp_path) as made:
        yield made


def refund_of(ground: Ground, *, asynchronous: bool = False) -> Any:
    """Return the guarded function."""
    note = ground.functions(asynchronous=False)["refund"]
    if asynchronous:

        @ground.guard.tool(name="refund")
        async def refund(order: Order, amount: Amount = 5) -> str:
            """Give money back."""
            return str(note(order, amount))

        return refund

    @ground.guard.tool(name="refund")
    def plainly(order: Order, amount: Amount = 5) -> str:
        """Give money back."""
        return str(note(order, amount))

    plainly.__name__ = "refund"
    return plainly


def stopped(host: Host, arguments: dict[str, Any], kind: type[Exception]) -> None:
    """Run a tool that the guard stops, and hold what comes out of the framework."""
    if host.raises:
        with pytest.raises(kind):
            host.run(arguments)
    else:
        assert host.run(arguments) == host.told


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("kind", HOSTS)
def test_a_guarded_function_is_decided_beneath_a_decorator(
    ground: Ground, kind: type[Host], *, asynchronous: bool
) -> None:
    """An allowed call runs with its defaults, a denied one and one of nobody do not run."""
    host = kind(refund_of(ground, asynchronous=asynchronous))
    stopped(host, SMALL, IdentityRequired)
    with ground.acting():
        stopped(host, DENIED, DeniedByPolicy)
        assert ground.effects == []
        assert host.run(SMALL) == "refunded 5"
    assert [each.arguments for each in ground.effects] == [{"order": "ORD-0001", "amount": 5}]
    assert [entry.target for entry in ground.intents()] == ["refund"]


@pytest.mark.parametrize("kind", HOSTS)
def test_a_guarded_function_waits_for_people_beneath_a_decorator(
    ground: Ground, kind: type[Host]
) -> None:
    """A call that needs a person is stopped, and runs once when it is made again after a vote."""
    host = kind(refund_of(ground))
    with ground.acting():
        stopped(host, LARGE, ApprovalPending)
        stopped(host, LARGE, ApprovalPending)
        assert ground.effects == []
        (waiting,) = ground.waiting("refund")
        ground.vote(waiting.id)
        assert host.run(LARGE) == "refunded 400"
        stopped(host, LARGE, ApprovalPending)
    assert len(ground.effects) == 1


@pytest.mark.parametrize("kind", HOSTS)
def test_a_framework_makes_its_schema_from_the_guarded_function(
    ground: Ground, kind: type[Host]
) -> None:
    """Names, types, bounds, descriptions and defaults of the arguments reach the model."""
    text, schema = kind(refund_of(ground)).described()
    assert text == "Give money back."
    order, amount = schema["properties"]["order"], schema["properties"]["amount"]
    assert (order["type"], order["description"]) == ("string", "which order")
    assert (amount["type"], amount["description"]) == ("integer", "how much, in euros")
    assert amount["minimum"] == 1
    assert amount["default"] == 5


@pytest.mark.parametrize("kind", [kind for kind in HOSTS if not kind.raises])
def test_what_a_model_reads_of_a_refusal_names_no_rule(ground: Ground, kind: type[Host]) -> None:
    """What the framework makes of a refusal tells the model nothing of the policy."""
    host = kind(refund_of(ground))
    with ground.acting():
        assert not [rule for rule in RULES if rule in host.run(DENIED)]


def test_langchain_catches_no_refusal(ground: Ground) -> None:
    """A tool that makes results of its own errors raises what the guard says all the same."""
    host = LangChain(refund_of(ground))
    host.tool.handle_tool_error = True
    host.tool.handle_validation_error = True
    with ground.acting(), pytest.raises(DeniedByPolicy):
        host.run(DENIED)


def test_openai_agents_raises_refusals_where_it_makes_no_answer_of_errors(ground: Ground) -> None:
    """With ``failure_error_function=None`` a refusal is raised as it is."""
    host = OpenAIAgents(refund_of(ground))
    host.tool = function_tool(refund_of(ground), failure_error_function=None)
    with ground.acting(), pytest.raises(DeniedByPolicy):
        host.run(DENIED)


def test_fastmcp_tells_the_text_of_a_refusal_unless_it_is_told_not_to(ground: Ground) -> None:
    """Without ``mask_error_details`` a server of fastmcp tells its client the nearest rule."""
    # The call does not run either way. The integration of MCP, or that setting, keeps the text in.
    host = TellingFastMcp(refund_of(ground))
    with ground.acting():
        assert "large-refunds" in host.run(DENIED)
    assert ground.effects == []


def test_the_context_of_a_run_is_no_argument_of_a_guarded_function(ground: Ground) -> None:
    """A function that takes what the framework injects is refused where it is guarded."""

    def refund(ctx: RunContext[None], order: str, amount: int) -> str:
        """Give money back."""
        raise AssertionError((ctx, order, amount))

    with pytest.raises(ConfigError, match="'ctx'"):
        ground.guard.tool(refund)


def test_a_function_with_the_context_calls_the_guarded_one(ground: Ground) -> None:
    """What needs the context stands outside the guarded function, and calls it."""
    guarded = refund_of(ground)
    agent = Agent(FunctionModel(asks_once), deps_type=int)

    @agent.tool
    def refund(ctx: RunContext[int], order: str) -> str:
        """Give money back."""
        return str(guarded(order=order, amount=ctx.deps))

    def run(order: str, amount: int) -> str:
        return str(asyncio.run(agent.run(json.dumps({"order": order}), deps=amount)).output)

    with ground.acting():
        assert run("ORD-0001", 7) == "refunded 7"
        with pytest.raises(DeniedByPolicy):
            run("everything", 7)
        with pytest.raises(ApprovalPending):
            run("ORD-0001", 700)
    assert len(ground.effects) == 1


def test_a_generator_is_refused_before_any_framework_sees_it(ground: Ground) -> None:
    """A function whose body would run after the decision cannot be guarded."""

    def lookup(order: str) -> Iterator[str]:
        yield order

    with pytest.raises(TypeError, match="return a list instead"):
        ground.guard.tool(lookup)
