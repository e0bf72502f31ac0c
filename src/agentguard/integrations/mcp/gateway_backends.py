# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does the gateway speak to one MCP server behind it?

Over a guarded session, so that every message is decided and every answer checked. Nothing that the
server starts on its own comes through: it is told of no capability of ours, its logs and its
progress are dropped, and what a host adds to a request beside the arguments stays here. Where a
connection is lost, the next request opens another.

INVARIANT: what a server says when it fails is content to be checked, never the text of an error
(tests/frameworks/gateway/test_gateway_backends.py).
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine
from importlib.metadata import version
from typing import Any, TypeVar

import mcp_types as types
from fastmcp.client import Client
from fastmcp.client.transports.base import ClientTransport
from mcp.shared.exceptions import MCPError

from agentguard.enforcement import Enforcer
from agentguard.errors import AgentGuardError
from agentguard.integrations.mcp.definitions import name_in_policy
from agentguard.integrations.mcp.sessions import guarded_session
from agentguard.tools import Wrapping

T = TypeVar("T")

Target = Callable[[], Any]

TIMEOUT = 120.0  # seconds, for one request of a server
_UNREACHED = "the server behind the gateway ended, or cannot be reached"
_UNREADABLE = "the server behind the gateway gave an answer that is not read"
_PAGES = 100


class BackendFailed(MCPError):
    """A server gave no answer that can be read; the message holds nothing of it."""

    def __init__(self, message: str) -> None:
        super().__init__(code=types.INTERNAL_ERROR, message=message)


class Backend:
    """One server behind the gateway, as far as whoever acts may use it."""

    def __init__(
        self,
        target: Target,
        enforcer: Enforcer,
        *,
        name: str | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        """Know where a server is; nothing is opened yet.

        Args:
            target: gives what fastmcp's ``Client`` connects to, anew for each connection.
            enforcer: takes every use of the server through the guard.
            name: the server's name in the policy, None where its tools have no prefix.
            timeout: how long one request may take, in seconds.
        """
        self.name = name
        self._target = target
        self._enforcer = enforcer
        self._timeout = timeout
        self._client: Client[Any] | None = None
        self._opening = asyncio.Lock()

    def named(self, name: str) -> str:
        """Return the name in the policy of what the server calls by a name."""
        return name_in_policy(name, self.name)

    def knows(self, tool: str) -> bool:
        """Say whether a name of the policy can be that of a tool of the server."""
        return self.name is None or tool.startswith(f"{self.name}_")

    async def start(self) -> str | None:
        """Connect, and return the server's instructions, as far as they may be read.

        Raises:
            BackendFailed: it cannot be reached, or speaks something else.
        """

        async def greeting(client: Client[Any]) -> str | None:
            said = client.session.initialize_result or client.session.discover_result
            return None if said is None else said.instructions

        return await self.ask(greeting)

    async def close(self) -> None:
        """End the connection, and the process where it is one."""
        client, self._client = self._client, None
        await _closed(client)

    async def ask(self, ask: Callable[[Client[Any]], Awaitable[T]]) -> T:
        """Ask the server something over its guarded session.

        Args:
            ask: sends a request by a client, and returns what it gives.

        Raises:
            AgentGuardError: it may not be asked so, or the answer may not be shown.
            BackendFailed: there is no answer that can be read.
            MCPError: the server refused it; the text was checked.
        """
        client = await self._connected()
        try:
            return await ask(client)
        except AgentGuardError:
            raise
        except MCPError as error:
            if error.error.code != types.CONNECTION_CLOSED:
                raise
            problem = _UNREACHED
        except Exception:  # noqa: BLE001 - whatever it is, its text may be the server's
            problem = _UNREADABLE
        if self._client is client and not await _lives(client):
            await self.close()
        raise BackendFailed(problem)

    async def _connected(self) -> Client[Any]:
        async with self._opening:
            if self._client is None:
                self._client = await self._opened()
            return self._client

    async def _opened(self) -> Client[Any]:
        """Return a client with a guarded session.

        Raises:
            ConfigError: the session cannot be guarded.
            BackendFailed: there is none.
        """
        client = None
        try:
            client = found = await opened(self._target, self._timeout)
            guarded_session(client.session, self._wrapping())
        except AgentGuardError:
            await _closed(client)
            raise
        except Exception:  # noqa: BLE001 - whatever it is, its text may be the server's
            found = None
        if found is not None:
            return found
        await _closed(client)
        raise BackendFailed(_UNREACHED)

    def _wrapping(self) -> Wrapping:
        def nothing(_: Any) -> Any:
            raise TypeError("the gateway guards sessions alone")

        return Wrapping(
            enforcer=self._enforcer,
            carried=None,
            server=self.name,
            wrap_client=nothing,
        )


async def opened(target: Target, timeout: float = TIMEOUT) -> Client[Any]:  # noqa: ASYNC109 - of each request to come
    """Return a client that is connected to a server, and offers it nothing."""
    client = _Closed(
        target(),
        name="agentguard",
        client_info=types.Implementation(name="agentguard", version=version("agentguard")),
        log_handler=_dropped,
        progress_handler=_dropped,
        timeout=timeout,
        init_timeout=timeout,
    )
    await _isolated(client.__aenter__())  # type: ignore[no-untyped-call]  # fastmcp's
    return client


async def listed(client: Client[Any]) -> list[types.Tool]:
    """Return all tools that a server lists over a session that is not guarded yet.

    Raises:
        MCPError: it does not say, and does not say either that it has none.
    """
    found: list[types.Tool] = []
    cursor: str | None = None
    try:
        for _ in range(_PAGES):
            page = await client.list_tools_mcp(cursor=cursor)
            found += page.tools
            cursor = page.next_cursor
            if cursor is None:
                break
    except MCPError as error:
        if error.error.code != types.METHOD_NOT_FOUND:
            raise
    return found


class _Closed(Client[ClientTransport]):
    """A client that offers its server nothing: no tasks either."""

    _auto_internal_extensions = False


async def _dropped(*_: Any) -> None:
    """Take what a server tells on its own, and do nothing with it."""


async def _lives(client: Client[Any]) -> bool:
    """Say whether a connection still answers; a server's state would go with it."""
    try:
        await client.list_tools_mcp()  # not every revision of the protocol has a ping
    except Exception:  # noqa: BLE001 - whatever it is, it does not
        return False
    return True


async def _closed(client: Client[Any] | None) -> None:
    if client is not None:
        await _isolated(client.close())  # type: ignore[no-untyped-call]  # fastmcp's


async def _isolated(work: Coroutine[Any, Any, T]) -> T:
    """Await work outside the identity of whoever is served, which it would keep."""
    return await asyncio.create_task(work, context=contextvars.Context())
