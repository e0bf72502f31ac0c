# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does an MCP server say of its tools, and what of that is a model shown?

Names are those of the policy: with a name of the server, ``SERVER_TOOL``. What a definition holds
beyond the protocol's own words, such as icons and ``_meta``, is not shown and not pinned.

INVARIANT: a model is shown what was checked, and nothing of a tool that it may not use
(tests/frameworks/mcp/test_mcp_definitions.py).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from agentguard.tools import DescribedTool, Description

SURFACE = "mcp"

# What is told of a tool beside its name, its description and the schema of its arguments.
_TOLD = ("title", "outputSchema", "annotations")


def name_in_policy(name: str, server: str | None) -> str:
    """Return the name that a policy has for what a server calls by a name."""
    return name if server is None else f"{server}_{name}"


def description_of(tool: Mapping[str, Any], server: str | None) -> Description | None:
    """Return what a server says of a tool, None where that is no definition.

    Args:
        tool: the definition as it came.
        server: the server's name in the policy, if it has one.
    """
    name, text, schema = tool.get("name"), tool.get("description"), tool.get("inputSchema")
    if not isinstance(name, str) or not isinstance(schema, Mapping):
        return None
    if text is not None and not isinstance(text, str):
        return None
    return Description(
        tool=name_in_policy(name, server),
        text=text or "",
        schema=schema,
        surface=SURFACE,
        told={key: tool[key] for key in _TOLD if tool.get(key) is not None},
    )


def shown(tool: Mapping[str, Any], taken: DescribedTool) -> dict[str, Any]:
    """Return the definition of a tool as a model may read it."""
    kept = {key: tool[key] for key in ("inputSchema", *_TOLD) if tool.get(key) is not None}
    return {"name": taken.tool, "description": taken.text, **kept}


def tools_in(listing: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the definitions in the answer to ``tools/list``."""
    found = listing.get("tools")
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []
