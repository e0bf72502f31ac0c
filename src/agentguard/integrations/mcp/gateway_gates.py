# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What of one MCP server may a host see and use through the gateway?

Tools are what the policy declares and the server lists, under the definition that is trusted.
Reading a resource and getting a prompt are calls of tools as well, of ``read_resource`` and
``get_prompt`` behind the server's name, so that rules say which and by whom. Everything is decided
for whoever acts in the running code.

INVARIANT: a host sees and gets nothing of a server that did not come out of a guarded call or a
checked definition (tests/attacks/frameworks/test_gateway_bypasses.py).
"""

import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, NoReturn, TypeVar

import mcp_types as types
from pydantic import BaseModel

from agentguard.enforcement import Enforcer
from agentguard.errors import ConfigError, DeniedByPolicy, GuardFailure
from agentguard.integrations.mcp.definitions import (
    SURFACE,
    description_of,
    name_in_policy,
    shown,
)
from agentguard.integrations.mcp.gateway_backends import Backend
from agentguard.integrations.mcp.results import Reading
from agentguard.pipeline import definition_checked
from agentguard.tools import DescribedTool, Description, ServedTools

T = TypeVar("T", bound=BaseModel)

_LOG = logging.getLogger("agentguard")

READ_RESOURCE, GET_PROMPT = "read_resource", "get_prompt"
_OF_THE_GATEWAY: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    READ_RESOURCE: (
        "Reads a resource of the server.",
        {
            "type": "object",
            "properties": {"uri": {"type": "string"}},
            "required": ["uri"],
            "additionalProperties": False,
        },
    ),
    GET_PROMPT: (
        "Gets a prompt of the server.",
        {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "arguments": {"type": "object", "additionalProperties": {"type": "string"}},
            },
            "required": ["name", "arguments"],
            "additionalProperties": False,
        },
    ),
}


class Gate:
    """One server behind the gateway, as far as whoever acts may use it."""

    def __init__(self, backend: Backend, enforcer: Enforcer) -> None:
        """Stand before a server.

        Args:
            backend: speaks to the server.
            enforcer: takes every use of it through the guard.
        """
        self.backend = backend
        self._enforcer = enforcer
        self._served = ServedTools(enforcer, SURFACE)
        self._listed: Mapping[str, str] = {}
        self._untold: frozenset[str] = frozenset()

    async def lists(self, tool: str) -> bool:
        """Say whether the server lists a tool, by its name in the policy."""
        own = self.backend.name
        if own is not None and not tool.startswith(f"{own}_"):
            return False
        if self.backend.changed or tool not in self._listed:
            await self._take(await self._list())
        return tool in self._listed

    async def holds(self, uri: str) -> bool:
        """Say whether the server lists a resource that whoever acts may be shown."""
        return any(each.uri == uri for each in await self.resources())

    async def refuse(self, tool: str) -> NoReturn:
        """Refuse a call of a tool, and write it down.

        Raises:
            AgentGuardError: always.
        """
        await self._served.refuse_async(tool)

    def named(self, name: str) -> str:
        """Return the name in the policy of what the server calls by a name."""
        return name_in_policy(name, self.backend.name)

    async def tools(self) -> list[types.Tool]:
        """Return the tools that whoever acts may be shown, as they may be shown."""
        found = {each["name"]: each for each in await self._list()}
        taken = await self._take(found.values())
        return [
            types.Tool.model_validate(shown(found[name], tool))
            for name, tool in self._by_own_name(taken).items()
            if tool.is_offered()
        ]

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> types.CallToolResult:
        """Call a tool by its name in the policy.

        Raises:
            AgentGuardError: see ``pipeline.guarded_call``.
            MCPError: the server gave no answer that can be read.
        """
        if self.backend.changed or self._served.get(tool) is None:
            await self._take(await self._list())
        described = self._served.get(tool)
        own = self._listed.get(tool)
        if described is None or own is None:
            await self.refuse(tool)
        return await self._run(
            described,
            arguments,
            lambda decided: self.backend.call(own, decided),
            types.CallToolResult,
        )

    async def resources(self) -> list[types.Resource]:
        """Return the resources that may be shown, none where nobody may read any."""
        if not self._offers(READ_RESOURCE):
            return []
        return self._checked(await self.backend.resources())

    async def templates(self) -> list[types.ResourceTemplate]:
        """Return the templates of resources that may be shown."""
        if not self._offers(READ_RESOURCE):
            return []
        return self._checked(await self.backend.templates())

    async def read(self, uri: str) -> types.ReadResourceResult:
        """Read a resource, as a call of the tool that reads resources.

        Raises:
            AgentGuardError: see ``pipeline.guarded_call``.
            MCPError: the server gave no answer that can be read.
        """
        described = self._own(READ_RESOURCE)
        return await self._run(
            described,
            {"uri": uri},
            lambda decided: self.backend.read(decided["uri"]),
            types.ReadResourceResult,
        )

    async def prompts(self) -> list[types.Prompt]:
        """Return the prompts that may be shown, by the names that the gateway has for them."""
        if not self._offers(GET_PROMPT):
            return []
        return self._checked(await self.backend.prompts())

    async def prompt(self, name: str, arguments: Mapping[str, str]) -> types.GetPromptResult:
        """Get a prompt, as a call of the tool that gets prompts.

        Args:
            name: the prompt's name at the server.
            arguments: what it is made with.

        Raises:
            AgentGuardError: see ``pipeline.guarded_call``.
            MCPError: the server gave no answer that can be read.
        """
        described = self._own(GET_PROMPT)
        return await self._run(
            described,
            {"name": name, "arguments": dict(arguments)},
            lambda decided: self.backend.prompt(decided["name"], decided["arguments"]),
            types.GetPromptResult,
        )

    def text(self, text: str | None) -> str | None:
        """Return a text of the server as a model may read it, None where it may not."""
        if not text:
            return None
        try:
            return definition_checked(self._enforcer.core, self.named("server"), (text, ""))
        except ConfigError:
            _LOG.warning(
                "a text in which a server describes something is left out: it holds what"
                " may not be in a definition"
            )
            return None

    async def _list(self) -> list[dict[str, Any]]:
        """Return the tools that the server lists, without those that pose as the gateway's."""
        listed = [_plain(each) for each in await self.backend.tools()]
        listed = [each for each in listed if each["name"] not in _OF_THE_GATEWAY]
        self._listed = {self.named(each["name"]): each["name"] for each in listed}
        undeclared = self._listed.keys() - self._enforcer.core.policy.tools.keys()
        if undeclared and undeclared != self._untold:
            _LOG.warning(
                "%d of the tools that a server lists are not declared in the policy, and hidden:"
                " see 'agentguard mcp-gateway --print-policy'",
                len(undeclared),
            )
        self._untold = frozenset(undeclared)
        return listed

    async def _take(self, listed: Iterable[Mapping[str, Any]]) -> Mapping[str, DescribedTool]:
        described = (description_of(each, self.backend.name) for each in listed)
        return await self._served.take_async([each for each in described if each is not None])

    def _by_own_name(self, taken: Mapping[str, DescribedTool]) -> Mapping[str, DescribedTool]:
        return {self._listed[name]: tool for name, tool in taken.items()}

    async def _run(
        self,
        described: DescribedTool,
        arguments: Mapping[str, Any],
        ask: Callable[[dict[str, Any]], Awaitable[T]],
        kind: type[T],
    ) -> T:
        """Take one use of the server through the guard, and return what may be shown of it."""
        reading = Reading(self._enforcer.core.policy)

        async def run(decided: dict[str, Any]) -> Any:
            return reading.read(_plain(await ask(decided)))

        checked = await described.call_async(arguments, run)
        try:
            made = kind.model_validate(reading.put_together(checked))
        except (ValueError, LookupError):  # it holds the text
            made = None
        return _misshapen(described.tool) if made is None else made

    def _own(self, name: str) -> DescribedTool:
        """Return a tool of the gateway itself.

        Raises:
            DeniedByPolicy: the policy does not declare it, or not so that it can be used.
        """
        text, schema = _OF_THE_GATEWAY[name]
        tool = self.named(name)
        description = Description(tool=tool, text=text, schema=schema, surface=SURFACE)
        try:
            return DescribedTool(description, self._enforcer, asynchronous=True)
        except ConfigError as error:
            problem = str(error)
        raise DeniedByPolicy(f"tool {tool!r} cannot be used: {problem}")

    def _offers(self, name: str) -> bool:
        return self.named(name) in self._enforcer.offered_tools()

    def _checked(self, listed: Iterable[T]) -> list[T]:
        """Return what a server lists beside tools, without what may not be in a definition."""
        fields = ("uri", "uriTemplate", "name", "title", "description", "mimeType", "arguments")
        kept: list[T] = []
        for each in listed:
            plain = _plain(each)
            told = {name: plain[name] for name in fields if name in plain}
            text = json.dumps(told, ensure_ascii=False)
            if self.text(text) == text:
                kept.append(type(each).model_validate(told))
        return kept


def _plain(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


def _misshapen(tool: str) -> NoReturn:
    raise GuardFailure(
        f"the result of tool {tool!r} is withheld: what was checked has another shape",
        part="redaction",
        dispatched=True,
    )
