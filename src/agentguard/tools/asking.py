# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What may an MCP server be asked beside its tools?

Each is a call of a tool that the policy declares by the name that stands here: with a name of the
server, ``SERVER_read_resource``. Which message of the protocol it is, an integration knows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from agentguard.tools.described import Description


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One thing that a server may be asked.

    Attributes:
        text: what it does.
        arguments: the JSON Schemas of its arguments.
        required: those that must be there.
    """

    text: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    required: tuple[str, ...] = ()


_TEXT: Mapping[str, Any] = MappingProxyType({"type": "string"})
_TEXTS = MappingProxyType({"type": "object", "additionalProperties": _TEXT})
_URI = MappingProxyType({"uri": _TEXT})

ASKED: Mapping[str, Asked] = MappingProxyType(
    {
        "list_resources": Asked(text="List what can be read."),
        "list_resource_templates": Asked(text="List forms of addresses of what can be read."),
        "read_resource": Asked(text="Read a resource.", arguments=_URI, required=("uri",)),
        "subscribe_resource": Asked(
            text="Be told when a resource changes.", arguments=_URI, required=("uri",)
        ),
        "unsubscribe_resource": Asked(
            text="Be told no more when a resource changes.", arguments=_URI, required=("uri",)
        ),
        "list_prompts": Asked(text="List prompts."),
        "get_prompt": Asked(
            text="Get a prompt.", arguments={"name": _TEXT, "arguments": _TEXTS}, required=("name",)
        ),
        "complete": Asked(
            text="Get completions of an argument.",
            arguments={
                "kind": _TEXT,
                "of": _TEXT,
                "argument": _TEXT,
                "value": _TEXT,
                "others": _TEXTS,
            },
            required=("kind", "of", "argument", "value"),
        ),
    }
)
"""By the name of the tool, without that of the server."""

ANSWERED = ("answer_sampling", "answer_elicitation", "answer_roots")
"""The tools that answers to a server are calls of."""

RESERVED = frozenset({*ASKED, *ANSWERED})
"""The names that no tool of a server has, without that of the server."""


def asked_description(tool: str, *, named: str, surface: str) -> Description:
    """Return the description of what a server is asked.

    Args:
        tool: one of ``ASKED``.
        named: its name in the policy.
        surface: what the server is spoken to by, such as ``mcp``.
    """
    asked = ASKED[tool]
    schema = {
        "type": "object",
        "properties": dict(asked.arguments),
        "required": list(asked.required),
        "additionalProperties": False,
    }
    return Description(tool=named, text=asked.text, schema=schema, surface=surface)
