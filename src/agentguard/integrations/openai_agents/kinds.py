# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which kinds of tools does openai-agents have, and who decides about each?

A function tool is decided when it is called. A tool that runs at the provider stands in the request
alone, so the guarded client decides about it. What this process runs for the model in any other
way is refused, with what to use instead.
"""

from inspect import isroutine
from typing import Any

from agents import (
    CodeInterpreterTool,
    FileSearchTool,
    FunctionTool,
    HostedMCPTool,
    ImageGenerationTool,
    ProgrammaticToolCallingTool,
    ShellTool,
    ToolSearchTool,
    WebSearchTool,
)

from agentguard.enforcement import Enforcer
from agentguard.errors import UnguardedPath
from agentguard.integrations.openai_agents.parts import Acting, part_of
from agentguard.integrations.openai_agents.tools import guard_tool

_HOSTED = (
    CodeInterpreterTool,
    FileSearchTool,
    HostedMCPTool,
    ImageGenerationTool,
    ProgrammaticToolCallingTool,
    ToolSearchTool,
    WebSearchTool,
)


def guard_any_tool(tool: Any, acting: Acting) -> Any:
    """Return a tool that passes the guard, or that the guarded client decides about.

    Raises:
        TypeError: this process would run it past the guard.
        ConfigError: the policy does not know it, or knows it otherwise.
    """
    if isinstance(tool, FunctionTool):
        return guard_tool(tool, acting)
    if _is_hosted(tool):
        return tool
    if isroutine(tool):
        raise TypeError("a function is no tool by itself: put @function_tool above it")
    raise TypeError(
        f"{type(tool).__name__} runs in this process without naming what it does:"
        " give the model a function tool for each thing that it may do"
    )


def require_guarded_tool(tool: Any, enforcer: Enforcer) -> None:
    """Refuse a tool that does not pass the guard.

    Raises:
        UnguardedPath: it does not.
    """
    part = part_of(tool, enforcer)
    if _is_hosted(tool):
        return
    if part is not None and part.ask is not None and part.invoked is tool.on_invoke_tool:
        return
    raise UnguardedPath(
        "a tool was put into the guarded agent afterwards",
        remedy="put guard.wrap(tool) there",
    )


def _is_hosted(tool: Any) -> bool:
    if isinstance(tool, ShellTool):
        return tool.executor is None
    return isinstance(tool, _HOSTED)
