# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What of the words that a server says of itself is a client told?

Instructions and names are texts for models and people, and checked like definitions. The rest of a
handshake is versions and switches.

INVARIANT: no text of a handshake is returned that was not checked
(tests/attacks/frameworks/test_mcp_definitions_evaded.py).
"""

from collections.abc import Mapping
from typing import Any

from mcp.types import SERVER_INFO_META_KEY
from mcp_types.version import KNOWN_PROTOCOL_VERSIONS

from agentguard.enforcement import Enforcer
from agentguard.errors import ConfigError
from agentguard.integrations.mcp.definitions import name_in_policy
from agentguard.integrations.mcp.results import kept_for_nobody
from agentguard.pipeline import definition_checked

_CAPABILITIES = ("completions", "logging", "prompts", "resources", "tools")
_NAMES = ("name", "title", "version")


def greeting_checked(
    enforcer: Enforcer, server: str | None, raw: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the answer to a message without content, with nothing in it but a handshake's words.

    Args:
        enforcer: its policy says what may not be read.
        server: the server's name in the policy, if it has one.
        raw: the answer.
    """
    found = kept_for_nobody(raw)
    if raw.get("protocolVersion") in KNOWN_PROTOCOL_VERSIONS:
        found["protocolVersion"] = raw["protocolVersion"]
    versions = raw.get("supportedVersions")
    if isinstance(versions, list):
        found["supportedVersions"] = [each for each in versions if each in KNOWN_PROTOCOL_VERSIONS]
    if "capabilities" in raw:
        found["capabilities"] = _switches(raw["capabilities"])

    def checked(text: object) -> str | None:
        return _text(enforcer, name_in_policy("instructions", server), text)

    if checked(raw.get("instructions")) is not None:
        found["instructions"] = checked(raw["instructions"])
    info, meta = raw.get("serverInfo"), raw.get("_meta")
    if isinstance(info, Mapping):
        found["serverInfo"] = {name: checked(info.get(name)) or "" for name in _NAMES}
    stamp = meta.get(SERVER_INFO_META_KEY) if isinstance(meta, Mapping) else None
    if isinstance(stamp, Mapping):
        named = {name: checked(stamp.get(name)) or "" for name in _NAMES}
        found["_meta"] = {SERVER_INFO_META_KEY: named}
    return found


def _switches(capabilities: object) -> dict[str, dict[str, bool]]:
    given = capabilities if isinstance(capabilities, Mapping) else {}
    return {
        name: {key: on for key, on in given[name].items() if isinstance(on, bool)}
        for name in _CAPABILITIES
        if isinstance(given.get(name), Mapping)
    }


def _text(enforcer: Enforcer, name: str, text: object) -> str | None:
    if not isinstance(text, str):
        return None
    try:
        return definition_checked(enforcer.core, name, (text, ""))
    except ConfigError:
        return None
