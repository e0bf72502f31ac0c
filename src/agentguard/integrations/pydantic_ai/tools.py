# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is one tool of pydantic-ai guarded, whatever agent or set it is given to?

INVARIANT: the guarded tool holds no public attribute that leads to the original's function
(tests/attacks/frameworks/test_pydantic_ai_tools.py).
"""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NoReturn

from pydantic_ai import RunContext, Tool
from pydantic_ai.tools import ToolDefinition

from agentguard.errors import ConfigError, UnguardedPath
from agentguard.integrations.pydantic_ai.deciding import Gate, Validation, told
from agentguard.integrations.pydantic_ai.toolsets import GuardedCall
from agentguard.tools import DescribedTool, known_as


def guarded_tool(plain: Tool[Any], gate: Gate) -> Tool[Any]:
    """Return a tool under a guard.

    Raises:
        ConfigError: another guard has it, or the policy does not know it or knows it otherwise.
    """
    run: Any = plain.function_schema.call
    if isinstance(run, GuardedCall):
        run.gate.require_same(gate, f"tool {plain.name!r}")
        return plain
    passes = known_as(plain.function, gate.enforcer)
    described = None
    if passes is None:
        described = gate.described(plain.tool_def, asynchronous=plain.function_schema.is_async)
    schema: Any = copy.copy(plain.function_schema)
    schema.call = _Call(gate, passes or plain.name, described, plain.function_schema)
    guarded = copy.copy(plain)
    guarded.function_schema = schema
    guarded.prepare = _Hiding(gate, passes or plain.name, plain, described)
    guarded.function = schema.function = _sealed(plain)
    return guarded


class _Call(GuardedCall):
    """Runs a tool's function with what was decided."""

    def __init__(self, gate: Gate, tool: str, described: DescribedTool | None, schema: Any) -> None:
        super().__init__(gate, tool)
        self._described = described
        self._validation = Validation(validator=schema.validator, single=schema.single_arg_name)
        self._run = schema.call

    async def __call__(self, arguments: dict[str, Any], ctx: RunContext[Any]) -> Any:
        """Take a call through the guard, which for a guarded function stands further in."""
        if self._described is None:
            with told(ctx, self.tool, arguments):
                return await self._run(arguments, ctx)
        return await self.gate.call(
            self._described,
            arguments,
            ctx,
            self._validation,
            lambda decided: self._run(decided, ctx),
        )


class _Hiding:
    """Shows a tool to those who may be shown it."""

    def __init__(
        self, gate: Gate, name: str, plain: Tool[Any], described: DescribedTool | None
    ) -> None:
        self._gate = gate
        self._name = name
        self._described = described
        self._asynchronous = plain.function_schema.is_async
        self._prepare = plain.prepare_tool_def

    async def __call__(self, ctx: RunContext[Any], told: ToolDefinition) -> ToolDefinition | None:
        """Return what the tool's own preparation makes of its definition, None to hide it."""
        prepared = await self._prepare(ctx) if self._gate.offers(self._name) else None
        if prepared is None or self._described is None:
            return prepared
        if prepared.name != told.name:
            raise ConfigError(
                f"tool {told.name!r} is given another name when it is prepared: guard the set of"
                " tools that holds it"
            )
        checked = self._gate.described(prepared, asynchronous=self._asynchronous)
        return replace(prepared, description=checked.text) if prepared.description else prepared


def _sealed(plain: Tool[Any]) -> Callable[..., NoReturn]:
    """Return what stands where the original's function stood."""
    name = plain.name

    def function(*args: object, **kwargs: object) -> NoReturn:
        del args, kwargs
        raise UnguardedPath(
            f"the function of tool {name!r} cannot be had from the guarded tool",
            remedy="let an agent or a set of tools run the tool",
        )

    return function
