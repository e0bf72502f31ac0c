# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What stands around every run of a guarded agent, whatever the run is given?

Two capabilities of the framework. The inner one puts the guard between the agent's tools, wherever
they come from, and everything that other capabilities put around them. The outer one looks at what
came of it all: tools that did not pass the inner one, and models that are not guarded, are refused.

INVARIANT: the inner one is inside, and the outer one outside, of every other capability
(tests/attacks/frameworks/test_pydantic_ai_agents.py).
"""

from dataclasses import dataclass
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.capabilities import AbstractCapability, CapabilityOrdering
from pydantic_ai.models import Model
from pydantic_ai.toolsets import AbstractToolset, ToolsetTool, WrapperToolset

from agentguard.enforcement import Enforcer
from agentguard.errors import UnguardedPath
from agentguard.integrations.pydantic_ai.deciding import Gate
from agentguard.integrations.pydantic_ai.models import require_guarded
from agentguard.integrations.pydantic_ai.observers import check_tracing
from agentguard.integrations.pydantic_ai.toolsets import (
    GuardedToolsetTool,
    guarded_toolset,
    innermost,
)

# Tools by which the framework itself shows more of the agent's tools; they run none.
_OWN = frozenset(
    {
        "pydantic_ai.toolsets._tool_search",
        "pydantic_ai.toolsets._deferred_capability_loader",
    }
)


class Inside(AbstractCapability[Any]):
    """Takes the calls of all tools of a run through the guard."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate

    def get_ordering(self) -> CapabilityOrdering:
        """Stand nearest to the tools."""
        return CapabilityOrdering(position="innermost", wrapped_by=(AbstractCapability,))

    def get_wrapper_toolset(self, toolset: AbstractToolset[Any]) -> AbstractToolset[Any]:
        """Guard the run's tools."""
        return guarded_toolset(toolset, self.gate)


class Outside(AbstractCapability[Any]):
    """Refuses a run, or a step of one, to which something came that is not guarded."""

    def __init__(self, enforcer: Enforcer) -> None:
        self.enforcer = enforcer

    def get_ordering(self) -> CapabilityOrdering:
        """Stand farthest from the tools and from the model."""
        return CapabilityOrdering(position="outermost", wraps=(AbstractCapability,))

    async def for_run(self, ctx: RunContext[Any]) -> "Outside":
        """Look at what the run begins with."""
        require_guarded(ctx.model, self.enforcer)
        check_tracing(ctx, self.enforcer)
        return self

    async def before_run(self, ctx: RunContext[Any]) -> None:
        """Look at what other capabilities made of it, and at what they ask by themselves."""
        check_tracing(ctx, self.enforcer)
        if ctx.root_capability is not None:
            ctx.root_capability.apply(self._require_guarded_parts)

    def _require_guarded_parts(self, capability: AbstractCapability[Any]) -> None:
        """Refuse a capability with a model of its own that is not guarded."""
        for name, value in vars(capability).items():
            for each in value if isinstance(value, list | tuple) else (value,):
                if isinstance(each, Model):
                    require_guarded(each, self.enforcer)
                elif isinstance(each, str) and name.endswith("model"):
                    raise UnguardedPath(
                        f"{type(capability).__name__} would ask a model by its name, which"
                        " nobody guards",
                        remedy="give it guard.wrap(model)",
                    )

    def get_wrapper_model(self, model: Model[Any]) -> None:
        """Look at the model that an attempt is about to be sent with."""
        require_guarded(model, self.enforcer)

    def get_wrapper_toolset(self, toolset: AbstractToolset[Any]) -> AbstractToolset[Any]:
        """Look at the tools that a model is about to be shown."""
        return _Checked(toolset, self.enforcer)


@dataclass
class _Checked(WrapperToolset[Any]):
    """Refuses tools that other capabilities put around the guard."""

    enforcer: Enforcer

    async def get_tools(self, ctx: RunContext[Any]) -> dict[str, ToolsetTool[Any]]:
        """Return the tools of the run.

        Raises:
            UnguardedPath: one of them did not pass the guard.
        """
        tools = await self.wrapped.get_tools(ctx)
        for tool in tools.values():
            self._require_guarded(tool)
        return tools

    async def call_tool(
        self,
        name: str,
        tool_args: dict[str, Any],
        ctx: RunContext[Any],
        tool: ToolsetTool[Any],
    ) -> Any:
        """Call a tool that passes the guard further in.

        Raises:
            UnguardedPath: it does not.
        """
        self._require_guarded(tool)
        return await self.wrapped.call_tool(name, tool_args, ctx, tool)

    def _require_guarded(self, tool: ToolsetTool[Any]) -> None:
        inner = innermost(tool)
        guarded = isinstance(inner, GuardedToolsetTool) and inner.gate.enforcer is self.enforcer
        if not guarded and type(inner.toolset).__module__ not in _OWN:
            raise UnguardedPath(
                "a capability gives the agent a tool around the guard",
                remedy="give the tool to the agent itself, or in a set of tools",
            )
