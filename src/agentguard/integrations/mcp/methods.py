# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which messages may a client send to an MCP server, and what may stand in them?

A method that is not listed here is not sent. What brings in content or sends it out, beside the
server's tools, is a call of a tool that the policy declares by the name that stands here: with a
name of the server, ``SERVER_read_resource``.

INVARIANT: nothing but what is listed is sent beside the arguments of a call that was decided
(tests/attacks/frameworks/test_mcp_messages.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mcp.types import (
    CLIENT_CAPABILITIES_META_KEY,
    CLIENT_INFO_META_KEY,
    LATEST_PROTOCOL_VERSION,
    LOG_LEVEL_META_KEY,
    PROTOCOL_VERSION_META_KEY,
)
from mcp_types.version import KNOWN_PROTOCOL_VERSIONS

from agentguard.errors import UnguardedPath

_TEXT = {"type": "string"}
_TEXTS = {"type": "object", "additionalProperties": _TEXT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A method that is a call of a tool of the policy.

    Attributes:
        tool: the tool's name, without that of the server.
        text: what it does.
        arguments: the JSON Schemas of its arguments, which are parameters of the method.
        required: those that must be there.
        params: the parameters of the method, where they are not the arguments.
    """

    tool: str
    text: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    params: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the method's parameters."""
        return self.params or tuple(self.arguments)

    @property
    def schema(self) -> Mapping[str, Any]:
        """The JSON Schema of the arguments."""
        return {
            "type": "object",
            "properties": dict(self.arguments),
            "required": list(self.required),
            "additionalProperties": False,
        }


ASKED: Mapping[str, Asked] = {
    "resources/list": Asked(tool="list_resources", text="List what can be read."),
    "resources/templates/list": Asked(
        tool="list_resource_templates", text="List forms of addresses of what can be read."
    ),
    "resources/read": Asked(
        tool="read_resource",
        text="Read a resource.",
        arguments={"uri": _TEXT},
        required=("uri",),
    ),
    "resources/subscribe": Asked(
        tool="subscribe_resource",
        text="Be told when a resource changes.",
        arguments={"uri": _TEXT},
        required=("uri",),
    ),
    "resources/unsubscribe": Asked(
        tool="unsubscribe_resource",
        text="Be told no more when a resource changes.",
        arguments={"uri": _TEXT},
        required=("uri",),
    ),
    "prompts/list": Asked(tool="list_prompts", text="List prompts."),
    "prompts/get": Asked(
        tool="get_prompt",
        text="Get a prompt.",
        arguments={"name": _TEXT, "arguments": _TEXTS},
        required=("name",),
    ),
    "completion/complete": Asked(
        tool="complete",
        text="Get completions of an argument.",
        arguments={
            "kind": _TEXT,
            "of": _TEXT,
            "argument": _TEXT,
            "value": _TEXT,
            "others": _TEXTS,
        },
        required=("kind", "of", "argument", "value"),
        params=("ref", "argument", "context"),
    ),
}
"""The methods that are calls of tools of the policy."""

ANSWERED = ("answer_sampling", "answer_elicitation", "answer_roots")
"""The tools that answers to a server are calls of; see ``callbacks``."""

RESERVED = frozenset({*(each.tool for each in ASKED.values()), *ANSWERED})
"""The names that no tool of a server has, without that of the server."""

PAGED = frozenset({"tools/list", "resources/list", "resources/templates/list", "prompts/list"})
"""The methods whose answers come in pages."""

# What may be sent beside: methods with the parameters that may stand in them.
_PLAIN: Mapping[str, tuple[str, ...]] = {
    "initialize": ("protocolVersion", "capabilities", "clientInfo"),
    "ping": (),
    "server/discover": (),
    "logging/setLevel": ("level",),
    "notifications/initialized": (),
    "notifications/roots/list_changed": (),
}
_META = (
    PROTOCOL_VERSION_META_KEY,
    CLIENT_INFO_META_KEY,
    CLIENT_CAPABILITIES_META_KEY,
    LOG_LEVEL_META_KEY,
)
# The progress token has two names: on the wire, and in what the SDK makes of it.
_OWN_META = (*_META, "progressToken", "progress_token")
_LEVELS = frozenset(
    {"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"}
)
_CLIENT = ("name", "version", "title")
_CAPABILITIES = ("sampling", "elicitation", "roots")


_REFERENCES: Mapping[str, str] = {"ref/prompt": "name", "ref/resource": "uri"}


def arguments_of(method: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of the tool that a method is a call of.

    Raises:
        UnguardedPath: a parameter is not what the protocol says.
    """
    asked = ASKED[method]
    if not asked.params:
        return {name: params[name] for name in asked.arguments if name in params}
    ref = _kept(params.get("ref"), ("type", *_REFERENCES.values()))
    argument = _kept(params.get("argument"), ("name", "value"))
    context = _kept(params.get("context"), ("arguments",))
    named = _REFERENCES.get(str(ref.get("type")))
    if named is None:
        raise unguarded(method)
    return {
        "kind": ref["type"],
        "of": ref.get(named),
        "argument": argument.get("name"),
        "value": argument.get("value"),
        **({"others": context["arguments"]} if context.get("arguments") else {}),
    }


def params_of(method: str, decided: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters that are sent for decided arguments."""
    if not ASKED[method].params:
        return decided
    kind, others = decided["kind"], decided.get("others")
    return {
        "ref": {"type": kind, _REFERENCES[kind]: decided["of"]},
        "argument": {"name": decided["argument"], "value": decided["value"]},
        **({"context": {"arguments": others}} if others else {}),
    }


def unguarded(method: str) -> UnguardedPath:
    """Return the refusal of a method."""
    return UnguardedPath(
        f"the MCP method {method!r} is not guarded, so it is not sent",
        remedy="docs/mcp.md lists the methods that are",
    )


def plain_params(method: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what may stand in a message that holds no content.

    Args:
        method: what it asks or tells.
        params: its parameters, ``_meta`` among them.

    Raises:
        UnguardedPath: there is no such message, or something in it is not listed.
    """
    names = _PLAIN.get(method)
    if names is None:
        raise unguarded(method)
    found = {name: value for name, value in params.items() if name != "_meta"}
    only(method, found, names)
    if found.get("level", "info") not in _LEVELS:
        raise unguarded(method)
    if found.get("protocolVersion", LATEST_PROTOCOL_VERSION) not in KNOWN_PROTOCOL_VERSIONS:
        raise unguarded(method)
    if "clientInfo" in found:
        found["clientInfo"] = _kept(found["clientInfo"], _CLIENT)
    if "capabilities" in found:
        found["capabilities"] = _kept(found["capabilities"], _CAPABILITIES)
    return found


def only(method: str, params: Mapping[str, Any], names: tuple[str, ...]) -> None:
    """Refuse a parameter that is not listed.

    Raises:
        UnguardedPath: there is one; its name is not told, since the caller chose it.
    """
    if not params.keys() <= set(names):
        raise UnguardedPath(
            f"a parameter of the MCP method {method!r} is not guarded, so it is not sent",
            remedy="docs/mcp.md lists the parameters that are",
        )


def meta_of(method: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is sent beside the parameters: what the protocol itself asks for.

    Raises:
        UnguardedPath: something else stands there.
    """
    meta = params.get("_meta")
    if meta is None:
        return {}
    if not isinstance(meta, Mapping):
        raise unguarded(method)
    found = {name: value for name, value in meta.items() if name != "progressToken"}
    if not found.keys() <= set(_META):
        raise UnguardedPath(
            f"'_meta' of the MCP method {method!r} is not guarded, so it is not sent",
            remedy="pass what the tool needs as an argument",
        )
    if found.get(LOG_LEVEL_META_KEY, "info") not in _LEVELS:
        raise unguarded(method)
    version = found.get(PROTOCOL_VERSION_META_KEY, LATEST_PROTOCOL_VERSION)
    if version not in KNOWN_PROTOCOL_VERSIONS:
        raise unguarded(method)
    if CLIENT_INFO_META_KEY in found:
        found[CLIENT_INFO_META_KEY] = _kept(found[CLIENT_INFO_META_KEY], _CLIENT)
    if CLIENT_CAPABILITIES_META_KEY in found:
        kept = _kept(found[CLIENT_CAPABILITIES_META_KEY], _CAPABILITIES)
        found[CLIENT_CAPABILITIES_META_KEY] = kept
    return {"_meta": found}


def own_meta(meta: object) -> dict[str, Any]:
    """Return what of a caller's ``_meta`` is the protocol's own."""
    return _kept(meta, _OWN_META)


def _kept(value: object, names: tuple[str, ...]) -> dict[str, Any]:
    given = value if isinstance(value, Mapping) else {}
    return {name: given[name] for name in names if name in given}
