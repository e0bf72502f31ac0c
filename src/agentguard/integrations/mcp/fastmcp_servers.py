# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is a server guarded that a program makes with fastmcp?

A middleware stands before its handlers: who uses the server sees the tools that they may use, and
every call of one is decided. Resources and prompts are calls of tools as well; see ``methods``. It
stands before what hosts ask and before ``server.call_tool``; a program that tells fastmcp to run no
middleware passes it by, and so does what a tool tells its host on its own, such as logs.

INVARIANT: what a version or a hashed name leads to besides the listed tool is refused
(tests/attacks/frameworks/test_gateway_fastmcp_servers.py).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import mcp_types as types
from fastmcp import FastMCP
from fastmcp.exceptions import FastMCPError
from fastmcp.prompts import Prompt, PromptResult
from fastmcp.resources import Resource, ResourceResult, ResourceTemplate
from fastmcp.server.middleware import MiddlewareContext
from fastmcp.tools import Tool, ToolResult
from mcp.shared.exceptions import MCPError
from pydantic import BaseModel

from agentguard.errors import AgentGuardError, ConfigError, GuardFailure
from agentguard.integrations.mcp.definitions import SURFACE, description_of
from agentguard.integrations.mcp.fastmcp_answers import (
    Answering,
    Asked,
    prompt_shown,
    resource_shown,
    result_shown,
)
from agentguard.integrations.mcp.fastmcp_callers import Ambient, Binding
from agentguard.integrations.mcp.methods import METHODS, tool_of
from agentguard.integrations.mcp.results import Reading, whole_answer
from agentguard.tools import (
    DescribedTool,
    Description,
    HasEnforcer,
    ServedTools,
    Wrapping,
    known_as,
    made_of_checked,
)

T = TypeVar("T", bound=BaseModel)

_LISTS = {
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
    "prompts/list": "prompts",
}
_OWN_NAMES = frozenset(each.tool for each in METHODS.values())


class GuardedServer(Answering):
    """A middleware of a fastmcp server that takes what is asked of it through the guard."""

    def __init__(self, guard: HasEnforcer, binding: Binding | None = None) -> None:
        """Stand before the handlers of a server.

        Args:
            guard: decides everything.
            binding: says for whom a message is; whoever acts in the running code if None.
        """
        super().__init__(
            binding or Ambient(guard.enforcer),
            {
                "tools/list": self._tools,
                "tools/call": self._call,
                "resources/read": self._read,
                "prompts/get": self._prompt,
                **dict.fromkeys(_LISTS, self._list),
            },
        )
        self.enforcer = guard.enforcer
        self._served = ServedTools(guard.enforcer, SURFACE, on_first_use=False)

    async def _tools(self, asked: Asked) -> Sequence[Tool]:
        listed: Sequence[Tool] = await asked.call_next(asked.context)
        may = self.enforcer.offered_tools()
        taken = await self._served.take_async(filter(None, map(_description, listed)))
        shown: list[Tool] = []
        for tool in listed:
            inside = self._inside(tool)
            if inside is not None and inside in may:
                shown.append(tool)
            elif inside is None and tool.name in taken and tool.name in may:
                text = taken[tool.name].text
                shown.append(tool.model_copy(update={"description": text}))
        return shown

    async def _call(self, asked: Asked) -> ToolResult:
        params = asked.of(types.CallToolRequestParams)
        tool = await self._found(asked.context, params)
        if tool is None:
            await self._served.refuse_async(params.name)
        if self._inside(tool) is not None:
            return await _run(asked, params.name, params.arguments or {})
        description = _description(tool)
        taken = await self._served.take_async([] if description is None else [description])
        described = taken.get(tool.name)
        if described is None:
            await self._served.refuse_async(tool.name)

        async def call(decided: dict[str, Any]) -> dict[str, Any]:
            result = await _run(asked, tool.name, decided)
            return _plain(
                types.CallToolResult(
                    content=result.content,
                    structured_content=result.structured_content,
                    is_error=result.is_error,
                )
            )

        checked = await self._through(described, params.arguments or {}, call)
        return result_shown(_valid(described, types.CallToolResult, checked))

    async def _found(
        self, context: MiddlewareContext[Any], params: types.CallToolRequestParams
    ) -> Tool | None:
        """Return the listed tool that a call runs, None where it would run something else."""
        if context.fastmcp_context is None or params.name in _OWN_NAMES:
            return None
        tool = await context.fastmcp_context.fastmcp.get_tool(params.name)
        # Of several versions the newest is listed, and a server before this one names it.
        newest = None if tool is None else {"fastmcp": {"version": tool.version}}
        return tool if not params.meta or dict(params.meta) == newest else None

    def _inside(self, tool: Tool) -> str | None:
        """Return the name under which the function of a tool passes this guard itself."""
        function = getattr(tool, "fn", None)
        return None if function is None else known_as(function, self.enforcer)

    async def _list(self, asked: Asked) -> Sequence[Any]:
        """List what is no tool, as long as nothing in it is to be hidden."""
        described = await self._own(asked)
        what = _LISTS[asked.context.method or ""]
        listed: list[Any] = []
        read: dict[str, Any] = {}

        async def ask(_: dict[str, Any]) -> dict[str, Any]:
            listed.extend(await asked.call_next(asked.context))
            wire = {what: [_plain(_told(each)) for each in listed]}
            read.update(Reading(self.enforcer.core.policy).read(wire))
            return wire

        checked = await self._through(described, {}, ask)
        shown = checked.get(what)
        same = made_of_checked(
            described.tool, lambda: list(zip(listed, shown or (), read[what], strict=True))
        )
        return [each for each, after, before in same if after == before]

    async def _read(self, asked: Asked) -> ResourceResult:
        params = asked.of(types.ReadResourceRequestParams)
        described = await self._own(asked)

        async def ask(decided: dict[str, Any]) -> dict[str, Any]:
            message = types.ReadResourceRequestParams(uri=decided["uri"])
            result = await asked.call_next(asked.context.copy(message=message))
            return _plain(result.to_mcp_result(decided["uri"]))

        checked = await self._through(described, {"uri": params.uri}, ask)
        return resource_shown(_valid(described, types.ReadResourceResult, checked))

    async def _prompt(self, asked: Asked) -> PromptResult:
        params = asked.of(types.GetPromptRequestParams)
        described = await self._own(asked)

        async def ask(decided: dict[str, Any]) -> dict[str, Any]:
            message = types.GetPromptRequestParams(**decided)
            result = await asked.call_next(asked.context.copy(message=message))
            return _plain(result.to_mcp_prompt_result())

        given: dict[str, Any] = {"name": params.name}
        if params.arguments is not None:
            given["arguments"] = params.arguments
        checked = await self._through(described, given, ask)
        return prompt_shown(_valid(described, types.GetPromptResult, checked))

    async def _own(self, asked: Asked) -> DescribedTool:
        """Return the tool of the policy that a method is a call of.

        Raises:
            DeniedByPolicy: the policy does not declare it, or the message names a version.
        """
        method = asked.context.method or ""
        described = None
        if not getattr(asked.context.message, "meta", None):
            described = tool_of(method, self.enforcer)
        if described is None:
            await self._served.refuse_async(METHODS[method].tool)
        return described

    async def _through(
        self,
        described: DescribedTool,
        arguments: Mapping[str, Any],
        ask: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]],
    ) -> dict[str, Any]:
        """Take one use through the guard, and return what may be shown of the answer."""
        reading = Reading(self.enforcer.core.policy)

        async def run(decided: dict[str, Any]) -> Any:
            return reading.read(await ask(decided))

        checked = await described.call_async(arguments, run)
        return whole_answer(described.tool, reading, checked)


def guarded(target: Any, wrapping: Wrapping) -> Any:
    """Guard a server in place and return it; see ``guard.wrap``.

    Raises:
        TypeError: it is no server.
        ConfigError: another guard has it.
    """
    if not isinstance(target, FastMCP):
        raise TypeError(
            f"objects of type {type(target).__name__} cannot be guarded: guard a FastMCP server, or"
            " the session of a client, as in guard.wrap(client.session), see docs/mcp-gateway.md"
        )
    found = [each for each in target.middleware if isinstance(each, GuardedServer)]
    if any(each.enforcer is not wrapping.enforcer for each in found):
        raise ConfigError("the server is guarded by another guard already")
    if not found:
        target.add_middleware(GuardedServer(wrapping))
    return target


async def _run(asked: Asked, name: str, arguments: dict[str, Any]) -> ToolResult:
    """Run a tool, and return what it says, also where that is an error.

    Raises:
        AgentGuardError: something that is guarded was refused inside.
        GuardFailure: the tool asks its caller something, or runs on later.
    """
    message = types.CallToolRequestParams(name=name, arguments=arguments)
    try:
        result = await asked.call_next(asked.context.copy(message=message))
    except (FastMCPError, MCPError) as error:
        refusal = error.__cause__
        if not isinstance(refusal, AgentGuardError):
            return ToolResult(content=str(error), is_error=True)
    else:
        if type(result) is ToolResult:
            return result
        refusal = GuardFailure(
            f"tool {name!r} asks its caller something or runs on later, which is not guarded",
            part="dispatch",
            dispatched=True,
        )
    raise refusal


def _description(tool: Tool) -> Description | None:
    if tool.name in _OWN_NAMES:
        return None
    return description_of(_plain(tool.to_mcp_tool(name=tool.name)), None)


def _told(each: Resource | ResourceTemplate | Prompt) -> BaseModel:
    """Return what is listed as a host gets it."""
    if isinstance(each, Prompt):
        return each.to_mcp_prompt(name=each.name)
    if isinstance(each, Resource):
        return each.to_mcp_resource(uri=str(each.uri))
    return each.to_mcp_template(uri_template=each.uri_template)


def _plain(said: BaseModel) -> dict[str, Any]:
    return said.model_dump(mode="json", by_alias=True, exclude_none=True)


def _valid(described: DescribedTool, kind: type[T], checked: dict[str, Any]) -> T:
    return made_of_checked(described.tool, lambda: kind.model_validate(checked))
