# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a host reach MCP servers through a guard, whatever the host is written in?

The gateway is an MCP server itself, made with fastmcp. It answers every request on its own, with
what the guarded sessions of its backends give: what it does not know is refused, and nothing of a
host's message but names and arguments goes on to a server.

INVARIANT: a host sees and gets nothing of a server that did not come out of a guarded call or a
checked definition (tests/attacks/frameworks/test_gateway_bypasses.py).
"""

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import mcp_types as types
from fastmcp import FastMCP
from fastmcp.client import Client
from fastmcp.prompts import Prompt, PromptResult
from fastmcp.prompts.base import PromptArgument
from fastmcp.resources import Resource, ResourceResult, ResourceTemplate
from fastmcp.server.auth import AuthProvider
from fastmcp.tools import Tool, ToolResult
from mcp.shared.exceptions import MCPError

from agentguard.errors import ConfigError, DeniedByPolicy
from agentguard.integrations.mcp.fastmcp_answers import (
    Answering,
    Asked,
    prompt_shown,
    resource_shown,
    result_shown,
)
from agentguard.integrations.mcp.fastmcp_callers import Binding
from agentguard.integrations.mcp.gateway_backends import Backend
from agentguard.tools import clash

_PAGES = 100
_NO_SUCH = "no server behind the gateway has it, or several have"


class Gateway:
    """An MCP server before other MCP servers, which a policy stands in."""

    def __init__(
        self, backends: Sequence[Backend], binding: Binding, *, auth: AuthProvider | None = None
    ) -> None:
        """Put a gateway together; nothing is opened yet.

        Args:
            backends: the servers, each with a name of its own where there are several.
            binding: says for whom a message is.
            auth: what lets HTTP requests in.

        Raises:
            ConfigError: there is no server, or a tool could be that of two of them.
        """
        if not backends or not _apart([each.name for each in backends]):
            raise ConfigError(
                "name each of the servers behind the gateway, each by another name, and none by"
                " that of another one with '_' and more behind it"
            )
        self._backends = tuple(backends)
        self.server: FastMCP[Any] = FastMCP(
            "agentguard",
            auth=auth,
            middleware=[_Forwarding(self._backends, binding)],
            mask_error_details=True,
        )

    async def start(self) -> None:
        """Connect to the servers, and take over what they say of themselves as far as it may be.

        Raises:
            MCPError: one cannot be reached; the message holds nothing of it.
        """
        said = [await each.start() for each in self._backends]
        self.server.instructions = "\n\n".join(filter(None, said)) or None

    async def close(self) -> None:
        """End the connections to the servers, and their processes."""
        for each in self._backends:
            await each.close()


class _Forwarding(Answering):
    """Answers a host with what the guarded sessions give."""

    def __init__(self, backends: tuple[Backend, ...], binding: Binding) -> None:
        super().__init__(
            binding,
            {
                "tools/list": self._tools,
                "tools/call": self._call,
                "resources/list": self._resources,
                "resources/templates/list": self._templates,
                "resources/read": self._read,
                "prompts/list": self._prompts,
                "prompts/get": self._prompt,
            },
        )
        self._backends = backends

    async def _tools(self, _: Asked) -> list[Tool]:
        return [
            Tool(
                name=each.name,
                title=each.title,
                description=each.description,
                parameters=each.input_schema,
                output_schema=each.output_schema,
                annotations=each.annotations,
            )
            for backend in self._backends
            for each in await _all(backend, lambda client: client.list_tools_mcp, "tools")
        ]

    async def _call(self, asked: Asked) -> ToolResult:
        params = asked.of(types.CallToolRequestParams)
        # Its session decides whether it has the tool, and writes down that it has not.
        backend = next((b for b in self._backends if b.knows(params.name)), self._backends[0])

        async def called(client: Client[Any]) -> types.CallToolResult:
            return await client.call_tool_mcp(params.name, params.arguments or {})

        try:
            return result_shown(await backend.ask(called))
        except MCPError as error:  # the text was checked, or is ours
            told = error.error.message
        return ToolResult(content=told, is_error=True)

    async def _resources(self, _: Asked) -> list[Resource]:
        return [
            Resource(
                uri=each.uri,
                name=each.name,
                title=each.title,
                description=each.description,
                mime_type=each.mime_type or "text/plain",
            )
            for backend in self._backends
            for each in await _shown(backend, lambda c: c.list_resources_mcp, "resources")
        ]

    async def _templates(self, _: Asked) -> list[ResourceTemplate]:
        return [
            ResourceTemplate(
                uri_template=each.uri_template,
                name=each.name,
                title=each.title,
                description=each.description,
                mime_type=each.mime_type or "text/plain",
                parameters={},
            )
            for backend in self._backends
            for each in await _shown(
                backend, lambda c: c.list_resource_templates_mcp, "resource_templates"
            )
        ]

    async def _read(self, asked: Asked) -> ResourceResult:
        uri = asked.of(types.ReadResourceRequestParams).uri
        found = list(self._backends)
        if len(found) > 1:
            found = [
                each
                for each in found
                for listed in await _shown(each, lambda c: c.list_resources_mcp, "resources")
                if listed.uri == uri
            ]
        backend = _only(found)
        result = await backend.ask(lambda client: client.read_resource_mcp(uri))
        return resource_shown(result)

    async def _prompts(self, _: Asked) -> list[Prompt]:
        return [
            Prompt(
                name=backend.named(each.name),
                title=each.title,
                description=each.description,
                arguments=[
                    PromptArgument(
                        name=argument.name,
                        description=argument.description,
                        required=argument.required or False,
                    )
                    for argument in each.arguments or ()
                ],
            )
            for backend in self._backends
            for each in await _shown(backend, lambda c: c.list_prompts_mcp, "prompts")
        ]

    async def _prompt(self, asked: Asked) -> PromptResult:
        params = asked.of(types.GetPromptRequestParams)
        backend = _only([each for each in self._backends if each.knows(params.name)])
        name = params.name if backend.name is None else params.name[len(backend.name) + 1 :]
        result = await backend.ask(lambda client: client.get_prompt_mcp(name, params.arguments))
        return prompt_shown(result)


def _apart(names: Sequence[str | None]) -> bool:
    """Say whether no name of a tool, behind that of its server, can be that of another one's."""
    if len(names) == 1:
        return True
    told = {name for name in names if name is not None}
    return len(told) == len(names) and not any(clash(*pair) for pair in combinations(told, 2))


def _only(found: Sequence[Backend]) -> Backend:
    if len(found) != 1:
        raise DeniedByPolicy(_NO_SUCH)
    return found[0]


async def _all(
    backend: Backend, way: Callable[[Client[Any]], Callable[..., Any]], what: str
) -> list[Any]:
    """Return the items of all pages of a list.

    Raises:
        AgentGuardError: it may not be listed.
        MCPError: the server does not list it.
    """

    async def listed(client: Client[Any]) -> list[Any]:
        found: list[Any] = []
        cursor: str | None = None
        for _ in range(_PAGES):
            page = await way(client)(cursor=cursor)
            found += getattr(page, what)
            cursor = page.next_cursor
            if cursor is None:
                break
        return found

    return await backend.ask(listed)


async def _shown(
    backend: Backend, way: Callable[[Client[Any]], Callable[..., Any]], what: str
) -> list[Any]:
    """Return the items of a list, none where it may not be listed or there is no such list."""
    try:
        return await _all(backend, way, what)
    except (DeniedByPolicy, MCPError):
        return []
