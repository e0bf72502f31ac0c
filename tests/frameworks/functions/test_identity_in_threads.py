# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where does an identity arrive that a block around bound, and where is it lost?

docs/frameworks.md has the table. Where it is lost, a guarded function is refused and does not run.
"""

import asyncio
import contextvars
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypedDict

import anyio.to_thread
import pytest
from agents import function_tool
from agents.tool_context import ToolContext
from langchain_core.messages import AIMessage, ToolCall
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_core.runnables.config import run_in_executor
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from pydantic_ai import Agent
from pydantic_ai.models.test import TestModel

from agentguard import IdentityRequired
from agentguard.testing.contract.ground import Ground, prepared

Tool = Callable[..., str]
Way = Callable[[Tool], Any]

ORDER = "ORD-0001"


class State(TypedDict):
    """What a graph hands on."""

    order: str


def in_a_task(tool: Tool) -> Any:
    """Run it in a task of asyncio."""

    async def called() -> str:
        return tool(ORDER)

    async def gathered() -> tuple[str, str]:
        return await asyncio.gather(asyncio.create_task(called()), called())

    return asyncio.run(gathered())


def in_to_thread(tool: Tool) -> Any:
    """Run it in the thread of asyncio.to_thread."""
    return asyncio.run(asyncio.to_thread(tool, ORDER))


def in_anyio(tool: Tool) -> Any:
    """Run it in the thread of anyio, in which openai-agents, MCP and pydantic-ai run functions."""

    async def called() -> str:
        return await anyio.to_thread.run_sync(tool, ORDER)

    return asyncio.run(called())


def in_a_copied_context(tool: Tool) -> Any:
    """Run it in a thread pool with a copy of the context."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(contextvars.copy_context().run, tool, ORDER).result()


def in_a_batch(tool: Tool) -> Any:
    """Run it in LangChain's batch, and in runnables beside each other."""
    runnable = RunnableParallel(one=RunnableLambda(tool), two=RunnableLambda(tool))
    return runnable.batch([ORDER, ORDER])


def in_langchains_executor(tool: Tool) -> Any:
    """Run it in LangChain's own executor."""
    return asyncio.run(run_in_executor(None, tool, ORDER))


def in_a_graph(tool: Tool) -> Any:
    """Run it in a node of LangGraph."""

    def node(state: State) -> State:
        return {"order": tool(state["order"])}

    graph = StateGraph(State)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    graph.add_edge("node", END)
    return graph.compile().invoke({"order": ORDER})


def in_a_tool_node(tool: Tool) -> Any:
    """Run it in LangGraph's node for tools."""

    def lookup(order: str) -> str:
        """Look an order up."""
        return tool(order)

    graph = StateGraph(MessagesState)
    graph.add_node("tools", ToolNode([lookup], handle_tool_errors=False))
    graph.add_edge(START, "tools")
    call = ToolCall(name="lookup", args={"order": ORDER}, id="1", type="tool_call")
    return graph.compile().invoke({"messages": [AIMessage(content="", tool_calls=[call])]})


def in_openai_agents(tool: Tool) -> Any:
    """Run it as a function tool of openai-agents."""

    def lookup(order: str) -> str:
        """Look an order up."""
        return tool(order)

    made = function_tool(lookup, failure_error_function=None)
    text = f'{{"order": "{ORDER}"}}'
    context: Any = ToolContext(
        context=None, tool_name="lookup", tool_call_id="1", tool_arguments=text
    )

    async def called() -> Any:
        return await made.on_invoke_tool(context, text)

    return asyncio.run(called())


def in_pydantic_ai(tool: Tool) -> Any:
    """Run it as a tool of pydantic-ai."""
    agent = Agent(TestModel())

    @agent.tool_plain
    def lookup() -> str:
        """Look an order up."""
        return tool(ORDER)

    return asyncio.run(agent.run("go"))


def in_a_thread(tool: Tool) -> Any:
    """Run it in a thread, and raise here what it raises there."""
    raised: list[BaseException] = []

    def called() -> None:
        try:
            tool(ORDER)
        except IdentityRequired as error:
            raised.append(error)

    thread = threading.Thread(target=called)
    thread.start()
    thread.join()
    for error in raised:
        raise error


def in_a_pool(tool: Tool) -> Any:
    """Run it in a thread pool."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(tool, ORDER).result()


def in_the_loops_executor(tool: Tool) -> Any:
    """Run it by the event loop's run_in_executor."""

    async def called() -> str:
        return await asyncio.get_running_loop().run_in_executor(None, tool, ORDER)

    return asyncio.run(called())


def in_an_executor_given_to_langchain(tool: Tool) -> Any:
    """Run it in an executor that is handed to LangChain."""
    with ThreadPoolExecutor(1) as pool:
        return asyncio.run(run_in_executor(pool, tool, ORDER))


@pytest.fixture
def ground(tmp_path: Any) -> Iterator[Ground]:
    """A guard, and what its tools did."""
    with prepared(tmp_path) as made:
        yield made


def lookup_of(ground: Ground) -> Tool:
    """Return a guarded function."""
    return ground.guard.tool(ground.functions(asynchronous=False)["lookup"])


@pytest.mark.parametrize(
    "way",
    [
        in_a_task,
        in_to_thread,
        in_anyio,
        in_a_copied_context,
        in_a_batch,
        in_langchains_executor,
        in_a_graph,
        in_a_tool_node,
        in_openai_agents,
        in_pydantic_ai,
    ],
)
def test_the_identity_is_kept(ground: Ground, way: Way) -> None:
    """A guarded function runs in what keeps the context of the block."""
    with ground.acting():
        way(lookup_of(ground))
    assert ground.effects


@pytest.mark.parametrize(
    "way", [in_a_thread, in_a_pool, in_the_loops_executor, in_an_executor_given_to_langchain]
)
def test_the_identity_is_lost(ground: Ground, way: Way) -> None:
    """A guarded function is refused, and does not run, in what loses the context of the block."""
    with ground.acting(), pytest.raises(IdentityRequired):
        way(lookup_of(ground))
    assert ground.effects == []
