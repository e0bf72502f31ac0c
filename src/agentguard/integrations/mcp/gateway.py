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
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from typing import Any, TypeVar

import mcp_types as types
from fastmcp import FastMCP
from fastmcp.prompts import Message, Prompt, PromptResult
from fastmcp.prompts.base import PromptArgument
from fastmcp.resources import Resource, ResourceContent, ResourceResult, ResourceTemplate
from fastmcp.server.auth import AuthProvider
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools import Tool, ToolResult
from mcp.shared.exceptions import MCPError

from agentguard.errors import AgentGuardError, ApprovalPending, IdentityRequired
from agentguard.integrations.mcp.gateway_backends import Backend
from agentguard.integrations.mcp.gateway_callers import Binding
from agentguard.integrations.mcp.gateway_gates import GET_PROMPT, READ_RESOURCE, Gate
from agentguard.tools import HasEnforcer, told_to_model

T = TypeVar("T")

#: Where the id of an approval request stands in the ``_meta`` of the result that tells of it.
REQUEST_ID = "agentguard/approval-request"

UNKNOWN_METHOD = "the gateway does not pass this method on"
NO_IDENTITY = "Authentication required"
_MALFORMED = "the request is malformed"
_COME_BACK = "Make exactly the same call again once a person has approved it."

# What a host says to the gateway itself, and what tells nobody anything.
_OWN = frozenset(
    {
        "initialize",
        "server/discover",
        "ping",
        "logging/setLevel",
        "notifications/initialized",
        "notifications/cancelled",
    }
)


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
            middleware=[_Answering(self._gates, binding)],
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


class _Answering(Middleware):
    """Answers every message of a host."""

    def __init__(self, gates: tuple[Gate, ...], binding: Binding) -> None:
        self._gates = gates
        self._binding = binding
        self._answers: dict[str, Callable[[Any], Awaitable[Any]]] = {
            "tools/list": self._tools,
            "tools/call": self._call,
            "resources/list": self._resources,
            "resources/templates/list": self._templates,
            "resources/read": self._read,
            "prompts/list": self._prompts,
            "prompts/get": self._prompt,
        }

    async def __call__(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        method = context.method or ""
        if method in _OWN:
            return await call_next(context)
        with ExitStack() as blocks:
            problem = self._objection(blocks)
            if problem is None:
                answer = self._answers.get(method)
                if answer is not None:
                    return await _told(answer, context.message, of_tool=method == "tools/call")
                problem = MCPError(code=types.METHOD_NOT_FOUND, message=UNKNOWN_METHOD)
        if context.type == "notification":
            return None
        raise problem

    def _objection(self, blocks: ExitStack) -> MCPError | None:
        """Bind the message, or return why it is bound to nobody."""
        try:
            self._binding.bind(blocks)
        except IdentityRequired:
            blocks.close()
            return MCPError(code=types.INVALID_REQUEST, message=NO_IDENTITY)
        return None

    async def _tools(self, _: Any) -> list[Tool]:
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

    async def _call(self, message: Any) -> ToolResult:
        params = _of(types.CallToolRequestParams, message)
        gate = await self._gate_of(params.name)
        result = await gate.call(params.name, params.arguments or {})
        structured = result.structured_content
        return ToolResult(
            content=result.content,
            structured_content=structured if isinstance(structured, dict) else None,
            is_error=result.is_error,
        )

    async def _gate_of(self, tool: str) -> Gate:
        """Return the gate that has a tool.

        Raises:
            AgentGuardError: none has it, or several have.
        """
        found = [gate for gate in self._gates if await gate.lists(tool)]
        if len(found) != 1:
            await self._gates[0].refuse(tool)
        return found[0]

    async def _resources(self, _: Any) -> list[Resource]:
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

    async def _templates(self, _: Any) -> list[ResourceTemplate]:
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

    async def _read(self, message: Any) -> ResourceResult:
        uri = _of(types.ReadResourceRequestParams, message).uri
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

    async def _prompts(self, _: Any) -> list[Prompt]:
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

    async def _prompt(self, message: Any) -> PromptResult:
        params = _of(types.GetPromptRequestParams, message)
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


async def _told(answer: Callable[[Any], Awaitable[Any]], message: Any, *, of_tool: bool) -> Any:
    """Answer a request, and where it is refused, tell what a host may be told.

    Raises:
        MCPError: the host is told so, and not the model by the result of a tool.
    """
    try:
        return await answer(message)
    except ApprovalPending as pending:
        told = f"{pending.safe_message}: request {pending.request_id}. {_COME_BACK}"
        meta, code = {REQUEST_ID: pending.request_id}, types.INVALID_REQUEST
        result = of_tool
    except AgentGuardError as error:
        said = told_to_model(error)
        told, meta = said or error.safe_message, None
        code = types.INTERNAL_ERROR if said is None else types.INVALID_REQUEST
        result = of_tool and said is not None
    if result:
        return ToolResult(content=told, meta=meta, is_error=True)
    raise MCPError(code=code, message=told, data=meta)


def _of(kind: type[T], message: Any) -> T:
    if not isinstance(message, kind):
        raise MCPError(code=types.INVALID_PARAMS, message=_MALFORMED)
    return message
