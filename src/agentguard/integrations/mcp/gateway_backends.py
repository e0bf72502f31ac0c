# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does the gateway speak to one MCP server behind it?

Nothing that the server starts on its own comes through: it is told of no capability of ours, its
logs and progress are dropped, and what a host adds to a request beside the arguments stays here.
It decides nothing, and checks no text.

INVARIANT: what a server says when it fails is content to be checked, never the text of an error
(tests/frameworks/gateway/test_gateway_backends.py).
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Any, TypeVar

import mcp_types as types
from fastmcp.client import Client
from fastmcp.client.messages import MessageHandler
from mcp.shared.exceptions import MCPError

T = TypeVar("T")

TIMEOUT = 120.0  # seconds, for one request of a server
_UNREACHED = "the server behind the gateway ended, or cannot be reached"
_UNREADABLE = "the server behind the gateway gave an answer that is not read"
_REFUSED = "the server behind the gateway refused the request"
_PAGES = 1_000


class BackendFailed(MCPError):
    """A server gave no answer that can be read; the message holds nothing of it."""

    def __init__(self, message: str) -> None:
        super().__init__(code=types.INTERNAL_ERROR, message=message)


class Backend:
    """One server behind the gateway."""

    def __init__(self, target: Any, *, name: str | None = None, timeout: float = TIMEOUT) -> None:
        """Know where a server is; nothing is opened yet.

        Args:
            target: gives what fastmcp's ``Client`` connects to, anew for each connection.
            name: the server's name in the policy, None where its tools have no prefix.
            timeout: how long one request may take, in seconds.
        """
        self.name = name
        self._target = target
        self._timeout = timeout
        self._client: Client[Any] | None = None
        self._opening = asyncio.Lock()
        self._changes = _Changes()

    @property
    def changed(self) -> bool:
        """Whether what was listed last may not be so any more."""
        return self._changes.seen

    async def start(self) -> types.InitializeResult | types.DiscoverResult | None:
        """Connect, and return what the server says of itself.

        Raises:
            BackendFailed: it cannot be reached, or speaks something else.
        """
        return await self._asked(_greeting)

    async def close(self) -> None:
        """End the connection, and the process where it is one."""
        client, self._client = self._client, None
        if client is not None:
            await _isolated(client.close())  # type: ignore[no-untyped-call]  # fastmcp's

    async def tools(self) -> list[types.Tool]:
        """Return the tools that the server lists now.

        Raises:
            BackendFailed: there is no answer that can be read.
        """
        self._changes.seen = False
        try:
            return await self._asked(lambda client: _all(client.list_tools_mcp, "tools"))
        except BaseException:
            self._changes.seen = True
            raise

    async def call(self, tool: str, arguments: dict[str, Any]) -> types.CallToolResult:
        """Call a tool and return what it says, also where that is an error.

        Raises:
            BackendFailed: there is no answer that can be read.
        """

        async def called(client: Client[Any]) -> types.CallToolResult:
            try:
                return await client.call_tool_mcp(tool, arguments)
            except MCPError as error:
                said = types.TextContent(text=error.error.message)
                return types.CallToolResult(content=[said], is_error=True)

        return await self._asked(called)

    async def resources(self) -> list[types.Resource]:
        """Return the resources that the server lists now."""
        return await self._asked(lambda client: _all(client.list_resources_mcp, "resources"))

    async def templates(self) -> list[types.ResourceTemplate]:
        """Return the templates of resources that the server lists now."""
        return await self._asked(
            lambda client: _all(client.list_resource_templates_mcp, "resource_templates")
        )

    async def prompts(self) -> list[types.Prompt]:
        """Return the prompts that the server lists now."""
        return await self._asked(lambda client: _all(client.list_prompts_mcp, "prompts"))

    async def read(self, uri: str) -> types.ReadResourceResult:
        """Read a resource.

        Raises:
            BackendFailed: there is no such resource, or no answer that can be read.
        """
        return await self._asked(lambda client: client.read_resource_mcp(uri))

    async def prompt(self, name: str, arguments: dict[str, str]) -> types.GetPromptResult:
        """Get a prompt.

        Raises:
            BackendFailed: there is no such prompt, or no answer that can be read.
        """
        return await self._asked(lambda client: client.get_prompt_mcp(name, arguments))

    async def _asked(self, ask: Callable[[Client[Any]], Awaitable[T]]) -> T:
        """Ask the server, over a new connection where the last one is gone."""
        problem = _UNREADABLE
        try:
            client = await self._connected()
            return await ask(client)
        except MCPError as error:
            problem = _UNREACHED if error.error.code == types.CONNECTION_CLOSED else _REFUSED
            lost = error.error.code == types.CONNECTION_CLOSED
        except Exception:  # noqa: BLE001 - whatever it is, its text may be the server's
            lost, problem = True, _UNREACHED if self._client is None else _UNREADABLE
        if lost:
            await self.close()
        raise BackendFailed(problem)

    async def _connected(self) -> Client[Any]:
        async with self._opening:
            if self._client is None:
                self._changes.seen = True
                client = _Closed(
                    self._target(),
                    name="agentguard",
                    client_info=types.Implementation(
                        name="agentguard", version=version("agentguard")
                    ),
                    log_handler=_dropped,
                    progress_handler=_dropped,
                    message_handler=self._changes,
                    timeout=self._timeout,
                    init_timeout=self._timeout,
                )
                await _isolated(client.__aenter__())  # type: ignore[no-untyped-call]  # fastmcp's
                self._client = client
            return self._client


class _Closed(Client[Any]):
    """A client that offers its server nothing: no tasks either."""

    _auto_internal_extensions = False


class _Changes(MessageHandler):
    """Notes that a server says that it lists something else now."""

    def __init__(self) -> None:
        self.seen = True

    async def on_tool_list_changed(
        self,
        message: types.ToolListChangedNotification,  # noqa: ARG002 - it says nothing more
    ) -> None:
        """Note it."""
        self.seen = True


async def _dropped(*_: Any) -> None:
    """Take what a server tells on its own, and do nothing with it."""


async def _isolated(work: Any) -> Any:
    """Await work outside the identity of whoever is served, which it would keep."""
    return await asyncio.create_task(work, context=contextvars.Context())


async def _greeting(client: Client[Any]) -> types.InitializeResult | types.DiscoverResult | None:
    return client.session.initialize_result or client.session.discover_result


async def _all(ask: Callable[..., Awaitable[Any]], what: str) -> list[Any]:
    """Return the items of all pages; a server without such things has none."""
    found: list[Any] = []
    cursor: str | None = None
    try:
        for _ in range(_PAGES):
            page = await ask(cursor=cursor)
            found += getattr(page, what)
            cursor = page.next_cursor
            if cursor is None:
                return found
    except MCPError as error:
        if error.error.code != types.METHOD_NOT_FOUND:
            raise
        return []
    raise BackendFailed(_UNREADABLE)
