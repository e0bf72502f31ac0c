# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which tools of pydantic-ai does an MCP server describe, and which of them may be used?

What a server says of its tools can change from one step of a run to the next. The first definition
that is seen is trusted and kept, as for a session of MCP; another one hides the tool until a person
approves it.

INVARIANT: a tool of a server is shown and run under the trusted definition alone
(tests/attacks/frameworks/test_pydantic_ai_servers.py).
"""

from collections.abc import Iterable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from pydantic_ai.tools import ToolDefinition
from pydantic_ai.toolsets import AbstractToolset, WrapperToolset

from agentguard.integrations.pydantic_ai.deciding import SURFACE, Gate
from agentguard.tools import DescribedTool, Description, ServedTools

# By their modules, which need another package to be imported.
_SPEAK_MCP = frozenset({"pydantic_ai.mcp", "pydantic_ai.toolsets.fastmcp"})
_SERVED: WeakKeyDictionary[Gate, ServedTools] = WeakKeyDictionary()


def speaks_mcp(toolset: AbstractToolset[Any]) -> bool:
    """Say whether a set of tools, or the one that it wraps, has them from an MCP server."""
    inner = toolset
    while isinstance(inner, WrapperToolset):
        inner = inner.wrapped
    return any(kind.__module__ in _SPEAK_MCP for kind in type(inner).__mro__)


async def taken(gate: Gate, listed: Iterable[ToolDefinition]) -> Mapping[str, DescribedTool]:
    """Return the tools that may be used, of those that servers list.

    Args:
        gate: takes their calls through the guard.
        listed: what the servers say of each, under the names of the policy.

    Raises:
        GuardFailure: the store does not say which definitions are trusted.
    """
    described = [_description(each) for each in listed]
    if not described:
        return {}
    served = _SERVED.setdefault(gate, ServedTools(gate.enforcer, SURFACE))
    return await served.take_async(described)


def _description(definition: ToolDefinition) -> Description:
    annotations = (definition.metadata or {}).get("annotations")
    hints = annotations if isinstance(annotations, Mapping) else {}
    told = {
        "outputSchema": definition.return_schema,
        "annotations": {name: hint for name, hint in hints.items() if hint is not None},
    }
    return Description(
        tool=definition.name,
        text=definition.description or "",
        schema=definition.parameters_json_schema,
        surface=SURFACE,
        told={name: said for name, said in told.items() if said},
    )
