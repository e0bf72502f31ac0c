# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a host behind the gateway pass what every integration must pass?"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any, ClassVar

from fastmcp import FastMCP
from fastmcp.client import Client

from agentguard import AgentGuardError, ApprovalPending
from agentguard.integrations.mcp.fastmcp_answers import REQUEST_ID
from agentguard.integrations.mcp.fastmcp_callers import Ambient
from agentguard.integrations.mcp.gateway import Gateway
from agentguard.integrations.mcp.gateway_backends import Backend
from agentguard.testing.contract import Ground
from agentguard.testing.contract.chat_loop import AsyncTools, ChatLoopContract

NO_PROGRAM = "a host is answered over the protocol, in which no error of the guard is raised"


class TestGateway(ChatLoopContract):
    """The contract, for a loop whose tools stand behind the gateway."""

    modes: ClassVar[tuple[str, ...]] = ("async", "async-stream")
    leaves_out: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"a_tool_alone_is_guarded": NO_PROGRAM}
    )

    @asynccontextmanager
    async def async_tools(self, ground: Ground) -> AsyncIterator[AsyncTools]:
        """Put the gateway before a server of the functions."""
        server: FastMCP[Any] = FastMCP("contract")
        plain = ground.functions(asynchronous=True)
        for function in plain.values():
            server.tool(function)
        enforcer = ground.guard.enforcer
        gateway = Gateway([Backend(lambda: server, enforcer)], Ambient(enforcer))
        await gateway.start()
        ended: AgentGuardError | None = None
        try:
            async with Client(gateway.server) as client:
                try:
                    yield {name: _called(client, name) for name in plain}
                except AgentGuardError as error:
                    ended = error  # a task group would dress it in a group
        finally:
            await gateway.close()
        if ended is not None:
            raise ended


def _called(client: Client[Any], name: str) -> Callable[..., Awaitable[Any]]:
    async def call(**arguments: Any) -> str:
        result = await client.call_tool_mcp(name, arguments)
        waits = (result.meta or {}).get(REQUEST_ID)
        if waits is not None:
            raise ApprovalPending("the host is told to make the call again", request_id=waits)
        return "\n".join(getattr(each, "text", "") for each in result.content)

    return call
