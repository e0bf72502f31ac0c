# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a host reach MCP servers through a guard, whatever the host is written in?

The gateway is an MCP server itself, made with fastmcp. It answers every request on its own, with
what its gates give: what it does not know is refused, and nothing of a host's message but names
and arguments goes on to a server.

INVARIANT: without an identity nothing is answered but the greeting
(tests/attacks/frameworks/test_gateway_identities.py).
INVARIANT: what a host is told of a refusal is its safe message, never its text
(tests/frameworks/gateway/test_gateway_calls.py).
"""

from base64 import b64decode
from collections.abc import Sequence
from typing import Any

import mcp_types as types
from fastmcp import FastMCP
from fastmcp.prompts import Message, Prompt, PromptResult
from fastmcp.prompts.base import PromptArgument
from fastmcp.resources import Resource, ResourceContent, ResourceResult, ResourceTemplate
from fastmcp.server.auth import AuthProvider
from fastmcp.tools import Tool, ToolResult

from agentguard.integrations.mcp.fastmcp_answers import Answering, Asked, result_shown
from agentguard.integrations.mcp.fastmcp_callers import Binding
from agentguard.integrations.mcp.gateway_backends import Backend
from agentguard.integrations.mcp.gateway_gates import GET_PROMPT, READ_RESOURCE, Gate
from agentguard.tools import HasEnforcer


class Gateway:
    """An MCP server before other MCP servers, which a policy stands in."""

    def __init__(
        self,
        guard: HasEnforcer,
        backends: Sequence[Backend],
        binding: Binding,
        *,
        auth: AuthProvider | None = None,
    ) -> None:
        """Put a gateway together; nothing is opened yet.

        Args:
            guard: decides everything.
            backends: the servers, each with a name of its own where there are several.
            binding: says for whom a message is.
            auth: what lets HTTP requests in.

        Raises:
            ValueError: there is no server, or two have one name.
        """
        names = {each.name for each in backends}
        if not backends or len(names) < len(backends) or (None in names and len(names) > 1):
            raise ValueError("name each of the servers behind the gateway, each by another name")
        self._gates = tuple(Gate(each, guard.enforcer) for each in backends)
        self.server: FastMCP[Any] = FastMCP(
            "agentguard",
            auth=auth,
            middleware=[_Gates(self._gates, binding)],
            mask_error_details=True,
        )

    async def start(self) -> None:
        """Connect to the servers, and take over what they say of themselves as far as it may be.

        Raises:
            MCPError: one cannot be reached; the message holds nothing of it.
        """
        said: list[str] = []
        for gate in self._gates:
            greeting = await gate.backend.start()
            text = gate.text(greeting.instructions if greeting is not None else None)
            said += [] if text is None else [text]
        self.server.instructions = "\n\n".join(said) or None

    async def close(self) -> None:
        """End the connections to the servers, and their processes."""
        for gate in self._gates:
            await gate.backend.close()


class _Gates(Answering):
    """Answers a host with what the gates give."""

    def __init__(self, gates: tuple[Gate, ...], binding: Binding) -> None:
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
        self._gates = gates

    async def _tools(self, _: Asked) -> list[Tool]:
        listed = [(gate, each) for gate in self._gates for each in await gate.tools()]
        return [
            Tool(
                name=each.name,
                title=each.title,
                description=each.description,
                parameters=each.input_schema,
                output_schema=each.output_schema,
                annotations=each.annotations,
            )
            for _, each in listed
            if sum(other.name == each.name for _, other in listed) == 1
        ]

    async def _call(self, asked: Asked) -> ToolResult:
        params = asked.of(types.CallToolRequestParams)
        gate = await self._gate_of(params.name)
        return result_shown(await gate.call(params.name, params.arguments or {}))

    async def _gate_of(self, tool: str) -> Gate:
        """Return the gate that has a tool.

        Raises:
            AgentGuardError: none has it, or several have.
        """
        found = [gate for gate in self._gates if await gate.lists(tool)]
        if len(found) != 1:
            await self._gates[0].refuse(tool)
        return found[0]

    async def _resources(self, _: Asked) -> list[Resource]:
        return [
            Resource(
                uri=each.uri,  # type: ignore[arg-type]  # read by pydantic
                name=each.name,
                title=each.title,
                description=each.description,
                mime_type=each.mime_type or "text/plain",
            )
            for gate in self._gates
            for each in await gate.resources()
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
            for gate in self._gates
            for each in await gate.templates()
        ]

    async def _read(self, asked: Asked) -> ResourceResult:
        uri = asked.of(types.ReadResourceRequestParams).uri
        found = [gate for gate in self._gates if await gate.holds(uri)]
        gate = found[0] if len(found) == 1 else self._gates[0]
        if len(found) != 1 and len(self._gates) > 1:
            await gate.refuse(gate.named(READ_RESOURCE))
        result = await gate.read(uri)
        return ResourceResult(
            contents=[
                ResourceContent(
                    each.text
                    if isinstance(each, types.TextResourceContents)
                    else b64decode(each.blob),
                    mime_type=each.mime_type,
                )
                for each in result.contents
            ]
        )

    async def _prompts(self, _: Asked) -> list[Prompt]:
        return [
            Prompt(
                name=gate.named(each.name),
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
            for gate in self._gates
            for each in await gate.prompts()
        ]

    async def _prompt(self, asked: Asked) -> PromptResult:
        params = asked.of(types.GetPromptRequestParams)
        found = [
            (gate, each.name)
            for gate in self._gates
            for each in await gate.prompts()
            if gate.named(each.name) == params.name
        ]
        if len(found) != 1:
            gate = self._gates[0]
            await gate.refuse(gate.named(GET_PROMPT))
        gate, name = found[0]
        result = await gate.prompt(name, params.arguments or {})
        return PromptResult(
            messages=[Message(each.content, role=each.role) for each in result.messages],
            description=result.description,
        )
