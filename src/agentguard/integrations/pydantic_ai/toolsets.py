# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is a set of tools of pydantic-ai guarded?

A new set stands before the original: it shows what whoever acts may be shown, and takes each call
through the guard. A tool that passes this guard already is decided once, where it does.

INVARIANT: no public attribute of a guarded set, or of a tool that it lists, leads to the original
(tests/attacks/frameworks/test_pydantic_ai_tools.py).
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self
from weakref import WeakKeyDictionary

from pydantic_ai import RunContext
from pydantic_ai.exceptions import UserError
from pydantic_ai.messages import InstructionPart
from pydantic_ai.toolsets import AbstractToolset, ToolsetTool

from agentguard.enforcement import Enforcer
from agentguard.errors import ConfigError, UnguardedPath
from agentguard.integrations.pydantic_ai.deciding import Gate, Validation, told
from agentguard.integrations.pydantic_ai.served import speaks_mcp, taken
from agentguard.tools import DescribedTool, known_as

EXTERNAL = "external"

_LOG = logging.getLogger("agentguard")

# How many tools of how many were said to be undeclared already.
_TOLD: WeakKeyDictionary[Gate, set[tuple[int, int]]] = WeakKeyDictionary()


class GuardedCall:
    """What runs a tool that was guarded on its own; known by its type where tools are listed."""

    def __init__(self, gate: Gate, tool: str) -> None:
        self.gate = gate
        self.tool = tool


@dataclass(kw_only=True)
class GuardedToolsetTool(ToolsetTool[Any]):
    """A tool as a guarded set lists it.

    Attributes:
        gate: what takes its calls through the guard.
        described: the tool under the guard, None if it passes the guard by itself.
    """

    gate: Gate = field(repr=False)
    described: DescribedTool | None = field(repr=False)
    _plain: ToolsetTool[Any] = field(repr=False)

    def plain(self) -> ToolsetTool[Any]:
        """Return the original with what sets around the guarded one changed in its definition."""
        return replace(self._plain, tool_def=self.tool_def)


class GuardedToolset(AbstractToolset[Any]):
    """A set of tools under a guard."""

    def __init__(self, plain: AbstractToolset[Any], gate: Gate) -> None:
        self._plain = plain
        self._gate = gate

    @property
    def gate(self) -> Gate:
        """What takes the calls through the guard."""
        return self._gate

    @property
    def id(self) -> str | None:
        """The id of the original."""
        return self._plain.id

    @property
    def _explicit_id(self) -> str | None:
        """The id, if somebody chose it; two sets may derive the same one."""
        return self._plain._explicit_id  # noqa: SLF001 - the framework asks each set for it

    @property
    def label(self) -> str:
        """The name for messages of the framework."""
        return f"guarded {self._plain.label}"

    async def for_run(self, ctx: RunContext[Any]) -> AbstractToolset[Any]:
        """Return the guarded set for a run."""
        return self._around(await self._plain.for_run(ctx))

    async def for_run_step(self, ctx: RunContext[Any]) -> AbstractToolset[Any]:
        """Return the guarded set for a step of a run."""
        return self._around(await self._plain.for_run_step(ctx))

    def _around(self, plain: AbstractToolset[Any]) -> "GuardedToolset":
        return self if plain is self._plain else GuardedToolset(plain, self._gate)

    async def __aenter__(self) -> Self:
        await self._plain.__aenter__()
        return self

    async def __aexit__(self, *args: object) -> bool | None:
        return await self._plain.__aexit__(*args)

    async def get_instructions(
        self, ctx: RunContext[Any]
    ) -> str | InstructionPart | Sequence[str | InstructionPart] | None:
        """Return what the original tells the model of its tools; the guarded model decides it."""
        return await self._plain.get_instructions(ctx)

    async def get_tools(self, ctx: RunContext[Any]) -> dict[str, ToolsetTool[Any]]:
        """Return the tools that a model may be shown for whoever acts.

        Raises:
            ConfigError: one of them runs outside of the program, passes another guard, or is not
                the tool that the policy speaks of.
        """
        listed = (await self._plain.get_tools(ctx)).items()
        served = {name: tool for name, tool in listed if self._is_served(tool)}
        own = [passes_guard(t, self._gate.enforcer) or n for n, t in listed if n not in served]
        _tell_undeclared(own, self._gate)
        may = await taken(self._gate, [tool.tool_def for tool in served.values()])
        found = {
            name: self._listed(name, tool, may.get(tool.tool_def.name))
            for name, tool in listed
            if name not in served or tool.tool_def.name in may
        }
        return {name: tool for name, tool in found.items() if tool is not None}

    def _is_served(self, tool: ToolsetTool[Any]) -> bool:
        passes = passes_guard(tool, self._gate.enforcer)
        return passes is None and speaks_mcp(innermost(tool).toolset)

    def _listed(
        self, name: str, tool: ToolsetTool[Any], described: DescribedTool | None
    ) -> ToolsetTool[Any] | None:
        passes = passes_guard(tool, self._gate.enforcer)
        if not self._gate.offers(passes or name):
            return None
        if tool.tool_def.name != name:
            raise ConfigError(f"tool {name!r} is listed under another name than it is told by")
        if tool.tool_def.kind == EXTERNAL:
            raise ConfigError(
                f"tool {name!r} runs outside of the framework, where nothing can be decided: give"
                " the agent a function that runs it"
            )
        definition = tool.tool_def
        if passes is None:
            described = described or self._gate.described(definition, asynchronous=_is_async(tool))
            if definition.description:
                definition = replace(definition, description=described.text)
        return GuardedToolsetTool(
            toolset=self,
            tool_def=definition,
            max_retries=tool.max_retries,
            args_validator=tool.args_validator,
            args_validator_func=tool.args_validator_func,
            gate=self._gate,
            described=described,
            _plain=tool,
        )

    async def call_tool(
        self,
        name: str,
        tool_args: dict[str, Any],
        ctx: RunContext[Any],
        tool: ToolsetTool[Any],
    ) -> Any:
        """Take a call through the guard.

        Raises:
            UnguardedPath: the tool is not one that this set lists.
            AgentGuardError: outside of a run of an agent, what the guard says; within one the
                framework's exceptions, see ``deciding.told``.
        """
        if not isinstance(tool, GuardedToolsetTool) or tool.gate is not self._gate:
            raise UnguardedPath(
                "a tool was called that its guarded set does not list",
                remedy="take the tool from get_tools() of the guarded set",
            )
        plain = tool.plain()
        described = tool.described
        if described is None:
            with told(ctx, name, tool_args):
                return await self._plain.call_tool(name, tool_args, ctx, plain)
        if described.tool != name:
            raise UnguardedPath("a tool was called under another name than it was decided for")
        validation = Validation(validator=tool.args_validator, single=_single(plain))
        return await self._gate.call(
            described,
            tool_args,
            ctx,
            validation,
            lambda decided: self._plain.call_tool(name, decided, ctx, plain),
        )


def guarded_toolset(plain: AbstractToolset[Any], gate: Gate) -> AbstractToolset[Any]:
    """Return a set of tools under a guard.

    Raises:
        ConfigError: another guard has it.
    """
    if isinstance(plain, GuardedToolset):
        plain.gate.require_same(gate, "the set of tools")
        return plain
    return GuardedToolset(plain, gate)


def passes_guard(tool: ToolsetTool[Any], enforcer: Enforcer) -> str | None:
    """Return the name under which a listed tool passes this guard by itself, None if it does not.

    Raises:
        ConfigError: it passes another guard.
    """
    inner = innermost(tool)
    if isinstance(inner, GuardedToolsetTool):
        return _of_this(inner.gate, inner.tool_def.name, enforcer)
    run = getattr(inner, "call_func", None)
    if isinstance(run, GuardedCall):
        return _of_this(run.gate, run.tool, enforcer)
    function = getattr(getattr(run, "__self__", None), "function", None)
    return None if function is None else known_as(function, enforcer)


def innermost(tool: ToolsetTool[Any]) -> ToolsetTool[Any]:
    """Return the tool that sets of sets list as theirs."""
    inner: Any = tool
    while isinstance(source := getattr(inner, "source_tool", None), ToolsetTool):
        inner = source
    if not isinstance(inner, ToolsetTool):
        raise UserError("a set of tools lists what is no tool")
    return inner


def _tell_undeclared(names: Collection[str], gate: Gate) -> None:
    """Count the tools in the log that nobody can be shown, whose names may be a server's words."""
    known = gate.enforcer.core.policy.tools
    counts = sum(name not in known for name in names), len(names)
    told = _TOLD.setdefault(gate, set())
    if counts[0] and counts not in told:
        told.add(counts)
        _LOG.warning(
            "the policy does not declare %d of the %d tools of a set, which are hidden: each needs"
            " a [[tool]] table and a rule",
            *counts,
        )


def _of_this(gate: Gate, tool: str, enforcer: Enforcer) -> str:
    if gate.enforcer is not enforcer:
        raise ConfigError(f"tool {tool!r} is guarded by another guard already")
    return tool


def _is_async(tool: ToolsetTool[Any]) -> bool:
    """Say whether a tool can be ended; one that is no function is a request, which can."""
    return bool(getattr(innermost(tool), "is_async", True))


def _single(tool: ToolsetTool[Any]) -> str | None:
    schema = getattr(getattr(innermost(tool), "call_func", None), "__self__", None)
    found = getattr(schema, "single_arg_name", None)
    return found if isinstance(found, str) else None
