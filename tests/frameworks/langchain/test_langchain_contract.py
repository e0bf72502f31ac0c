# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does an agent of LangChain pass the contract of all integrations?"""

import asyncio
import sqlite3
import uuid
from collections.abc import Callable
from contextlib import closing
from typing import Any

import httpx2
from langchain.agents import create_agent
from langchain_core.messages import AIMessageChunk
from langchain_core.tools import StructuredTool, create_schema_from_function
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.types import Command

from agentguard.integrations.langchain import GuardMiddleware
from agentguard.testing.contract import Ground, IntegrationContract, Ran


class TestContract(IntegrationContract):
    """An agent of create_agent, with its checkpoints in a file of the ground."""

    modes = ("sync", "async", "sync-stream", "async-stream")

    def run(self, ground: Ground, text: str, mode: str) -> Ran:
        """Begin a thread of its own."""
        messages = {"messages": [{"role": "user", "content": text}]}
        return _go(ground, messages, mode, str(uuid.uuid4()))

    def resume(self, ground: Ground, ran: Ran, mode: str) -> Ran:
        """Resume the thread from its checkpoint."""
        thread, interrupts = ran.state
        yes = {"approve": True}
        # LangGraph wants to be told which, where several wait.
        several = len(interrupts) > 1
        resume: Any = Command(resume=dict.fromkeys(interrupts, yes) if several else yes)
        return _go(ground, resume, mode, thread)

    def call(self, ground: Ground, tool: str, arguments: dict[str, Any], mode: str) -> Any:
        """Invoke one tool."""
        guarded = {each.name: each for each in _tools(ground, mode)}[tool]
        if "async" in mode:
            return asyncio.run(guarded.ainvoke(arguments))
        return guarded.invoke(arguments)


def _go(ground: Ground, given: Any, mode: str, thread: str) -> Ran:
    config: Any = {"configurable": {"thread_id": thread}}
    if "async" in mode:
        return asyncio.run(_go_async(ground, given, mode, config))
    path = ground.folder / "graph.db"
    connected = closing(sqlite3.connect(path, check_same_thread=False))
    with httpx2.Client() as http, connected as connection:
        agent = _agent(ground, mode, SqliteSaver(connection), http_client=http)
        if "stream" not in mode:
            agent.invoke(given, config)
            return _ran(agent.get_state(config), None)
        said = [each for each, _ in agent.stream(given, config, stream_mode="messages")]
        return _ran(agent.get_state(config), said)


async def _go_async(ground: Ground, given: Any, mode: str, config: Any) -> Ran:
    connected = AsyncSqliteSaver.from_conn_string(str(ground.folder / "graph.db"))
    async with httpx2.AsyncClient() as http, connected as saver:
        agent = _agent(ground, mode, saver, http_async_client=http)
        if "stream" not in mode:
            await agent.ainvoke(given, config)
            return _ran(await agent.aget_state(config), None)
        pieces = agent.astream(given, config, stream_mode="messages")
        said = [each async for each, _ in pieces]
        return _ran(await agent.aget_state(config), said)


def _agent(ground: Ground, mode: str, saver: Any, **clients: Any) -> Any:
    model = ChatOpenAI(
        model=ground.model,
        base_url=ground.base_url,
        api_key="not-a-key",  # type: ignore[arg-type]  # pydantic makes a secret of it
        max_retries=0,
        stream_usage=False,
        **clients,
    )
    return create_agent(
        ground.guard.wrap(model),
        _tools(ground, mode),
        middleware=[GuardMiddleware(ground.guard)],
        checkpointer=saver,
    )


def _tools(ground: Ground, mode: str) -> list[Any]:
    asynchronous = "async" in mode
    functions = ground.functions(asynchronous=asynchronous)
    kind = "coroutine" if asynchronous else "func"
    return [
        ground.guard.wrap(
            StructuredTool.from_function(**{kind: each}, args_schema=_schema(name, each))  # type: ignore[arg-type]  # one of two
        )
        for name, each in functions.items()
    ]


def _schema(name: str, function: Callable[..., Any]) -> Any:
    """Return the schema of a tool, which LangChain takes its time to make."""
    if name not in _SCHEMAS:
        _SCHEMAS[name] = create_schema_from_function(name, function)
    return _SCHEMAS[name]


_SCHEMAS: dict[str, Any] = {}


def _ran(state: Any, said: list[Any] | None) -> Ran:
    thread = state.config["configurable"]["thread_id"]
    waiting = [each.id for each in state.interrupts]
    if waiting:
        pending = tuple(each.value["request_id"] for each in state.interrupts)
        return Ran(pending=pending, state=[thread, waiting])
    last = state.values["messages"][-1].text
    if said is not None:
        last = "".join(each.text for each in said if isinstance(each, AIMessageChunk))
    return Ran(answer=last, state=[thread, waiting])
