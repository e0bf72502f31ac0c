# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which tools does a request offer to the model, and which does it make the model use?

A tool without a type is called by the caller's own process, so that it is offered by name. Every
other type, MCP servers and skills go to the policy with their whole definition: they run at the
provider, or they act on a computer in a way that the provider laid down.

INVARIANT: an item of a list of tools is offered, hosted or refused
(tests/integrations/test_anthropic_tools.py).
Source: the Messages API reference, and ``anthropic`` 2.12's request types.
"""

import re
from collections.abc import Mapping

from agentguard.canonical import Frozen
from agentguard.clients.generic import flattened
from agentguard.clients.shapes import (
    At,
    Reading,
    anything,
    by_type,
    each,
    members,
    plain,
    refers,
    refusal,
)
from agentguard.vocabulary import HostedTool, OfferedTool, Reference

CUSTOM = "custom"
MCP_SERVER = "mcp_server"
MCP_TOOLSET = "mcp_toolset"
SKILL = "skill"

CACHE = by_type({"ephemeral": members({"ttl": plain, "type": plain})})

_offered = members(
    {
        "allowed_callers": plain,
        "cache_control": CACHE,
        "defer_loading": plain,
        "description": plain,
        "eager_input_streaming": plain,
        "input_examples": anything,
        "input_schema": anything,
        "name": plain,
        "strict": plain,
        "type": plain,
    }
)

# The names that a type fixes say nothing beyond the type; another one goes to the policy.
NAMES = {
    "advisor": ("advisor",),
    "bash": ("bash",),
    "code_execution": ("code_execution",),
    "computer": ("computer",),
    "memory": ("memory",),
    "text_editor": ("str_replace_based_edit_tool", "str_replace_editor"),
    "tool_search_tool_bm25": ("tool_search_tool_bm25",),
    "tool_search_tool_regex": ("tool_search_tool_regex",),
    "web_fetch": ("web_fetch",),
    "web_search": ("web_search",),
}
_DATED = re.compile(r"_20[0-9]{6}")


def definition(reading: Reading, value: Frozen, at: At) -> None:
    """Read one tool, which would be taken out at *at*."""
    if not isinstance(value, Mapping):
        raise refusal(at, "is no object")
    kind = value.get("type")
    if kind is None or kind == CUSTOM:
        _offered(reading, value, at)
        name = value.get("name")
        if not isinstance(name, str):
            raise refusal(at, "is a tool without a name")
        reading.offered.append(OfferedTool(name=name, pointer=at.pointer))
    elif isinstance(kind, str):
        _host(reading, kind, value, at)
    else:
        raise refusal(at, "is a tool whose type is no text")


def _host(reading: Reading, kind: str, value: Mapping[str, Frozen], at: At) -> None:
    arguments = dict(flattened({name: value[name] for name in value if name != "cache_control"}))
    if value.get("cache_control") is not None:
        CACHE(reading, value["cache_control"], at.below("cache_control"))
    if arguments.get("name") in named_by(kind):
        del arguments["name"]
    reading.hosted.append(
        HostedTool(type=kind, arguments=arguments, pointer=at.pointer, removable=True)
    )


def named_by(kind: str) -> tuple[str, ...]:
    """Return the names by which a type's tools are called; empty if the type fixes none."""
    return NAMES.get(_DATED.sub("", kind), ())


def server(reading: Reading, value: Frozen, at: At) -> None:
    """Read one MCP server that the provider would call."""
    if not isinstance(value, Mapping) or value.get("type") not in (None, "url"):
        raise refusal(at, "is no MCP server that the guard knows")
    reading.hosted.append(
        HostedTool(type=MCP_SERVER, arguments=flattened(value), pointer=at.pointer, removable=True)
    )


def skill(reading: Reading, value: Frozen, at: At) -> None:
    """Read one skill, whose programs would run in a container at the provider."""
    if not isinstance(value, Mapping):
        raise refusal(at, "is no object")
    source = {"type": value["type"]} if "type" in value else {}
    arguments = {**flattened(value), **source}
    reading.hosted.append(
        HostedTool(type=SKILL, arguments=arguments, pointer=at.pointer, removable=True)
    )


container = members({"id": refers(Reference.CONTAINER), "skills": each(skill)})


def container_or_id(reading: Reading, value: Frozen, at: At) -> None:
    """Read the container in which programs would run: one that is there, or a new one."""
    (refers(Reference.CONTAINER) if isinstance(value, str) else container)(reading, value, at)


def _chosen(reading: Reading, value: Frozen, at: At) -> None:
    if not isinstance(value, str):
        raise refusal(at, "is no text")
    reading.forced = value


_parallel = {"disable_parallel_tool_use": plain, "type": plain}
choice = by_type(
    {
        "any": members(_parallel),
        "auto": members(_parallel),
        "none": members(_parallel),
        "tool": members({**_parallel, "name": _chosen}),
    }
)


def forced_function(reading: Reading) -> str | None:
    """Return the function tool that a choice names, None if it names one that is hosted."""
    functions = {tool.name for tool in reading.offered}
    hosted = {name for tool in reading.hosted for name in named_by(tool.type)}
    if reading.forced not in hosted or reading.forced in functions:
        return reading.forced
    reading.keep({tool.type for tool in reading.hosted if reading.forced in named_by(tool.type)})
    return None
