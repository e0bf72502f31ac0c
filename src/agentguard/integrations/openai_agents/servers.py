# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is an MCP server of openai-agents guarded?

Its tools are declared, listed and called as ``SERVER_TOOL``. A tool that the policy does not
declare, or whose definition is not the trusted one, is neither listed nor called. Prompts and
resources are read by the program, and decided as tools of the policy where it declares them.

INVARIANT: nothing but what was decided reaches the server through the guarded one
(tests/attacks/frameworks/test_openai_agents_servers.py).
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Self, TypeVar
from weakref import WeakKeyDictionary

from agents import AgentBase, FunctionTool, RunContextWrapper, Tool
from agents.mcp import MCPServer
from agents.tool import invoke_function_tool
from agents.tool_context import ToolContext
from mcp.types import (
    CallToolResult,
    GetPromptResult,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ReadResourceResult,
)
from mcp.types import Tool as MCPTool
from pydantic import BaseModel

from agentguard.errors import ConfigError, UnguardedPath
from agentguard.integrations.openai_agents.media import MediaAside
from agentguard.integrations.openai_agents.parts import Acting, note_part, part_of
from agentguard.integrations.openai_agents.runs import require_no_trace
from agentguard.integrations.openai_agents.tools import SURFACE, dressed, unhidden
from agentguard.tools import (
    RESERVED,
    DescribedTool,
    Description,
    ServedTools,
    asked_description,
    made_of_checked,
    note_server,
)

T = TypeVar("T", bound=BaseModel)

_NAME = re.compile(r"[A-Za-z0-9_-]+")
_COPIED = (
    "use_structured_content",
    "_needs_approval_policy",
    "_failure_error_function",
    "tool_meta_resolver",
    "custom_data_extractor",
    "tool_input_guardrails",
    "tool_output_guardrails",
)


_PLAIN: "WeakKeyDictionary[GuardedServer, MCPServer]" = WeakKeyDictionary()


class GuardedServer(MCPServer):
    """An MCP server of which nothing can be had that the guard did not decide."""

    def __init__(self, server: MCPServer, name: str, acting: Acting) -> None:
        """Stand before a server.

        Args:
            server: the one that is spoken to.
            name: its name in the policy.
            acting: the guard.
        """
        super().__init__()
        for each in _COPIED:
            setattr(self, each, getattr(server, each))
        self._prefix = f"{name}_"
        self._policy_name = name
        self._enforcer = acting.enforcer
        self._served = ServedTools(acting.enforcer, SURFACE)
        self._listed = False
        _PLAIN[self] = server

    @property
    def name(self) -> str:
        """Its name in the policy."""
        return self._policy_name

    async def connect(self) -> None:
        """Connect to the server."""
        await _PLAIN[self].connect()  # type: ignore[no-untyped-call]  # the SDK's

    async def cleanup(self) -> None:
        """Leave the server."""
        await _PLAIN[self].cleanup()  # type: ignore[no-untyped-call]  # the SDK's

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cleanup()

    async def list_tools(
        self,
        run_context: RunContextWrapper[Any] | None = None,
        agent: AgentBase[Any] | None = None,
    ) -> list[MCPTool]:
        """List the tools that whoever acts may be shown, by their names in the policy."""
        found = await _PLAIN[self].list_tools(run_context, agent)
        listed = [each for each in found if each.name not in RESERVED]
        told = {self._prefix + each.name: each for each in listed}
        taken = await self._served.take_async(
            [_description(self._prefix + each.name, each) for each in listed]
        )
        self._listed = True
        return [
            MCPTool.model_validate(
                {**_known(told[name]), "name": name, "description": described.text}
            )
            for name, described in taken.items()
            if described.is_offered()
        ]

    async def ask(self, tool_name: str, arguments: dict[str, Any]) -> None:
        """Ask people about a call, where they must agree.

        Raises:
            ApprovalPending: they have not answered yet.
            CallRefused: the call would be refused.
        """
        described = self._served.get(tool_name)
        if described is not None:
            await described.ask_async(arguments)

    async def call_tool(
        self,
        tool_name: str,
        arguments: dict[str, Any] | None,
        meta: dict[str, Any] | None = None,
    ) -> CallToolResult:
        """Call a tool by its name in the policy, and return what of its answer may be seen.

        Raises:
            AgentGuardError: see ``pipeline.guarded_call``; a tool that is not declared, or whose
                definition is not the trusted one, is refused.
            UnguardedPath: something is to be sent beside the arguments.
        """
        if meta:
            refusal = UnguardedPath(
                "'_meta' is not guarded, so it is not sent",
                remedy="pass what the tool needs as an argument",
            )
            await self._served.refuse_async(tool_name, refusal=refusal)
        require_no_trace(self._enforcer)
        if not self._listed:
            await self.list_tools()
        described = self._served.get(tool_name)
        if described is None:
            await self._served.refuse_async(tool_name)
        plain, own = _PLAIN[self], tool_name.removeprefix(self._prefix)
        return await self._taken(
            CallToolResult, described, arguments or {}, lambda given: plain.call_tool(own, given)
        )

    async def list_prompts(self) -> ListPromptsResult:
        """List prompts, where the policy lets whoever acts call ``SERVER_list_prompts``."""
        plain = _PLAIN[self]
        return await self._asked(
            ListPromptsResult, "list_prompts", {}, lambda _: plain.list_prompts()
        )

    async def get_prompt(
        self, name: str, arguments: dict[str, Any] | None = None
    ) -> GetPromptResult:
        """Get a prompt, where the policy lets whoever acts call ``SERVER_get_prompt``."""
        plain = _PLAIN[self]
        return await self._asked(
            GetPromptResult,
            "get_prompt",
            {"name": name, "arguments": arguments or {}},
            lambda decided: plain.get_prompt(decided["name"], decided["arguments"] or None),
        )

    async def list_resources(self, cursor: str | None = None) -> ListResourcesResult:
        """List resources, where the policy lets whoever acts call ``SERVER_list_resources``."""
        plain = _PLAIN[self]
        return await self._asked(
            ListResourcesResult, "list_resources", {}, lambda _: plain.list_resources(cursor)
        )

    async def list_resource_templates(
        self, cursor: str | None = None
    ) -> ListResourceTemplatesResult:
        """List templates, as ``SERVER_list_resource_templates`` of the policy."""
        plain = _PLAIN[self]
        return await self._asked(
            ListResourceTemplatesResult,
            "list_resource_templates",
            {},
            lambda _: plain.list_resource_templates(cursor),
        )

    async def read_resource(self, uri: str) -> ReadResourceResult:
        """Read a resource, where the policy lets whoever acts call ``SERVER_read_resource``."""
        plain = _PLAIN[self]
        return await self._asked(
            ReadResourceResult,
            "read_resource",
            {"uri": str(uri)},
            lambda decided: plain.read_resource(decided["uri"]),
        )

    async def _asked(
        self,
        kind: type[T],
        what: str,
        arguments: dict[str, Any],
        send: Callable[[dict[str, Any]], Awaitable[BaseModel]],
    ) -> T:
        """Ask the server for something beside its tools, as a call of a tool of the policy."""
        tool = self._prefix + what
        if tool not in self._enforcer.core.policy.tools:
            refusal = UnguardedPath(
                f"the policy has no tool {tool!r}, so the server is not asked",
                remedy="declare it in a [[tool]] table, and write a rule for it",
            )
            await self._served.refuse_async(tool, refusal=refusal)
        description = asked_description(what, named=tool, surface=SURFACE)
        described = DescribedTool(description, self._enforcer, asynchronous=True)
        return await self._taken(kind, described, arguments, send)

    async def _taken(
        self,
        kind: type[T],
        described: DescribedTool,
        arguments: dict[str, Any],
        send: Callable[[dict[str, Any]], Awaitable[BaseModel]],
    ) -> T:
        """Take one call through the guard, and return the answer as it was checked."""
        reading = MediaAside(self._enforcer.core.policy)

        async def run(decided: dict[str, Any]) -> Any:
            return reading.read(_dumped(await send(decided)))

        checked = await described.call_async(arguments, run)
        return made_of_checked(
            described.tool, lambda: kind.model_validate(reading.put_together(checked))
        )


def guard_server(server: MCPServer, acting: Acting, name: str | None = None) -> MCPServer:
    """Return an MCP server that passes the guard; the same one where it does so already.

    Args:
        server: the server.
        acting: the guard.
        name: its name in the policy, its own if None.

    Raises:
        ConfigError: another guard has it, its name cannot be one of the policy, or a tool of it
            could be that of another server.
    """
    if part_of(server, acting.enforcer) is not None:
        return server
    wanted = name or server.name
    if not _NAME.fullmatch(wanted):
        raise ConfigError(
            "the name of an MCP server stands before those of its tools in the policy, so it is"
            " letters, digits, '_' and '-': give it name=, or guard.wrap(server, server=...)"
        )
    note_server(acting.enforcer, wanted)
    made = GuardedServer(server, wanted, acting)
    note_part(made, Acting(enforcer=acting.enforcer))
    return made


def serving(tool: Tool, servers: Sequence[MCPServer], acting: Acting) -> Tool:
    """Return a tool that the SDK made of one of a guarded server, to be used by an agent.

    Args:
        tool: what the SDK made.
        servers: those of the agent, in the order in which the SDK asked them.
        acting: who acts in the agent.

    Raises:
        UnguardedPath: it is of a server that is not guarded.
    """
    binding = getattr(tool, "_mcp_tool_binding", None)
    _, name, position = binding or (None, "", None)
    server = None if position is None else servers[position]
    if not isinstance(server, GuardedServer) or not isinstance(tool, FunctionTool):
        raise UnguardedPath("a tool of an MCP server that is not guarded is not used")
    inner, asked = unhidden(tool), server

    async def ask(arguments: dict[str, Any]) -> None:
        await asked.ask(name, arguments)

    async def call(context: ToolContext[Any], text: str) -> Any:
        return await invoke_function_tool(function_tool=inner, context=context, arguments=text)

    return dressed(tool, acting, offered=lambda: True, ask=ask, call=call)


def _description(tool: str, listed: MCPTool) -> Description:
    told = _dumped(listed)
    beside = ("title", "annotations", "outputSchema")
    return Description(
        tool=tool,
        text=told.get("description") or "",
        schema=told["inputSchema"],
        surface=SURFACE,
        told={name: told[name] for name in beside if name in told},
    )


def _known(listed: MCPTool) -> dict[str, Any]:
    told = _dumped(listed)
    return {name: value for name, value in told.items() if name not in ("_meta", "icons")}


def _dumped(found: BaseModel) -> dict[str, Any]:
    return found.model_dump(mode="json", by_alias=True, exclude_none=True)
