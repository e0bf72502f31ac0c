# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A server that speaks MCP, says what a test tells it to say, and keeps what it was sent.

It needs the ``mcp`` SDK, whose own server it runs.
"""

from collections.abc import Mapping
from typing import Any

from mcp.server import Server
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext


class ScriptedServer:
    """An MCP server under a script.

    Attributes:
        server: what a client connects to.
        received: the messages that came, by method and parameters, without the handshake.
        tools: the definitions that it lists, as they go over the wire.
        answers: what it answers, by method: an answer, or what makes one of the parameters.
    """

    def __init__(self, *tools: Mapping[str, Any], instructions: str | None = None) -> None:
        """Script a server.

        Args:
            tools: the definitions that it lists.
            instructions: what it tells models of itself.
        """
        self.received: list[tuple[str, dict[str, Any]]] = []
        self.tools = [dict(each) for each in tools]
        self.answers: dict[str, Any] = {
            "tools/list": lambda _: {"tools": self.tools},
            "tools/call": lambda params: texts(f"{params['name']} ran"),
        }
        self.server: Server[Any] = Server("scripted", instructions=instructions)
        self.server.middleware.append(self._handle)

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The calls of tools that came, without what stands beside the arguments."""
        called = (params for method, params in self.received if method == "tools/call")
        return [{"name": each["name"], "arguments": each.get("arguments")} for each in called]

    def sent(self, method: str) -> list[dict[str, Any]]:
        """Return the parameters of the messages of a method."""
        return [params for each, params in self.received if each == method]

    async def _handle(
        self, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        self.received.append((ctx.method, dict(ctx.params or {})))
        if ctx.method not in self.answers:
            return await call_next(ctx)
        answer = self.answers[ctx.method]
        found = answer(dict(ctx.params or {})) if callable(answer) else answer
        if isinstance(found, Exception):
            raise found
        result: dict[str, Any] = {"resultType": "complete", **found}
        if ctx.method.endswith("/list") or ctx.method == "resources/read":
            result = {"ttlMs": 0, "cacheScope": "private", **result}
        return result


def tool(name: str, text: str = "", **arguments: str) -> dict[str, Any]:
    """Return the definition of a tool.

    Args:
        name: its name.
        text: its description.
        arguments: the JSON Schema types of its arguments.
    """
    properties = {each: {"type": kind} for each, kind in arguments.items()}
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"name": name, "description": text, "inputSchema": schema}


def texts(*said: str, **beside: Any) -> dict[str, Any]:
    """Return the answer of a tool that says texts."""
    return {"content": [{"type": "text", "text": each} for each in said], **beside}
