# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a guarded session of an MCP client pass what every integration must pass?"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from mcp import Client
from mcp.server.mcpserver import MCPServer

from agentguard import AgentGuardError
from agentguard.testing.contract import Ground
from agentguard.testing.contract.chat_loop import AsyncTools, ChatLoopContract


class TestMcpSessions(ChatLoopContract):
    """The contract, for the tools of an MCP server under a loop of the program's own."""

    # A session streams nothing of its own; the streams of models are the client's.
    modes: ClassVar[tuple[str, ...]] = ("async",)

    @asynccontextmanager
    async def async_tools(self, ground: Ground) -> AsyncIterator[AsyncTools]:
        """Serve the functions, and guard the client."""
        server = MCPServer("contract")
        for function in ground.functions(asynchronous=True).values():
            server.add_tool(function)
        ended: AgentGuardError | None = None
        async with ground.guard.wrap(Client(server)) as client:
            names = ("lookup", "refund", "send_mail", "wipe")
            try:
                yield {name: _called(client, name) for name in names}
            except AgentGuardError as error:
                ended = error  # a task group of the SDK would dress it in a group
        if ended is not None:
            raise ended


def _called(client: Client, name: str) -> Callable[..., Awaitable[Any]]:
    async def call(**arguments: Any) -> str:
        result = await client.call_tool(name, arguments)
        return "\n".join(getattr(each, "text", "") for each in result.content)

    return call
