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
from dataclasses import dataclass
from typing import Any

from mcp.types import (
    CLIENT_CAPABILITIES_META_KEY,
    CLIENT_INFO_META_KEY,
    LATEST_PROTOCOL_VERSION,
    LOG_LEVEL_META_KEY,
    PROTOCOL_VERSION_META_KEY,
)
from mcp_types.version import KNOWN_PROTOCOL_VERSIONS

from agentguard.enforcement import Enforcer
from agentguard.errors import ConfigError, UnguardedPath
from agentguard.integrations.mcp.definitions import SURFACE, name_in_policy
from agentguard.tools import DescribedTool, asked_description

_COMPLETE = "completion/complete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A method that is a call of a tool of the policy.

    Attributes:
        tool: the tool's name, without that of the server; see ``tools.asking``.
        params: the names of the method's parameters.
    """

    tool: str
    params: tuple[str, ...] = ()


METHODS: Mapping[str, Method] = {
    "resources/list": Method(tool="list_resources"),
    "resources/templates/list": Method(tool="list_resource_templates"),
    "resources/read": Method(tool="read_resource", params=("uri",)),
    "resources/subscribe": Method(tool="subscribe_resource", params=("uri",)),
    "resources/unsubscribe": Method(tool="unsubscribe_resource", params=("uri",)),
    "prompts/list": Method(tool="list_prompts"),
    "prompts/get": Method(tool="get_prompt", params=("name", "arguments")),
    _COMPLETE: Method(tool="complete", params=("ref", "argument", "context")),
}
"""The methods that are calls of tools of the policy."""

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


def tool_of(method: str, enforcer: Enforcer, server: str | None = None) -> DescribedTool | None:
    """Return the tool that a method is a call of, None where the policy declares none that fits.

    Args:
        method: one of ``METHODS``.
        enforcer: takes calls through the guard.
        server: the server's name in the policy, if it has one.
    """
    tool = METHODS[method].tool
    named = name_in_policy(tool, server)
    description = asked_description(tool, named=named, surface=SURFACE)
    try:
        return DescribedTool(description, enforcer, asynchronous=True)
    except ConfigError:
        return None


def arguments_of(method: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of the tool that a method is a call of.

    Raises:
        UnguardedPath: a parameter is not what the protocol says.
    """
    if method != _COMPLETE:
        return {name: params[name] for name in METHODS[method].params if name in params}
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
    if method != _COMPLETE:
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
