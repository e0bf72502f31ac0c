# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What becomes of images, sound and files in what a tool or a server returned?

They cannot be read, so they wait aside while the rest is checked. They pass where the policy labels
their class, in calls and in results; otherwise a text stands in their place.

INVARIANT: no bytes of a class that the policy does not label are returned
(tests/frameworks/openai_agents/test_openai_agents_outputs.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agentguard.policy import Policy
from agentguard.tools import WITHHELD, media_class, media_passes

Path = tuple[str | int, ...]

_LISTS = ("content", "contents", "messages")
_BESIDE = ("_meta", "icons")
_HOLDS = {"data", "blob", "image_url", "file_data", "file_url"}


@dataclass(slots=True)
class MediaAside:
    """One result while it is checked.

    Attributes:
        policy: says which media may pass.
        waiting: what waits, and where it stood.
    """

    policy: Policy
    waiting: dict[Path, str] = field(default_factory=dict, repr=False)

    def read(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer of an MCP server without what cannot be read."""
        found = {name: value for name, value in result.items() if name not in _BESIDE}
        for name in _LISTS:
            if isinstance(found.get(name), list):
                found[name] = self.walk(found[name], (name,))
        return found

    def walk(self, node: Any, path: Path = ()) -> Any:
        """Return plain JSON without what cannot be read."""
        if isinstance(node, list):
            return [self.walk(item, (*path, at)) for at, item in enumerate(node)]
        if not isinstance(node, Mapping):
            return node
        kept: dict[str, Any] = {}
        for name, value in node.items():
            if name in _BESIDE:
                continue
            if not _is_media(node, name, value):
                kept[name] = self.walk(value, (*path, name))
            elif media_passes(self.policy, _class_of(node)):
                self.waiting[(*path, name)] = value
            else:
                return _withheld(node)
        return kept

    def put_together(self, checked: Any) -> Any:
        """Return a checked result with its media.

        Raises:
            LookupError: it has another shape than what was read.
            TypeError: as above.
        """
        for path, media in self.waiting.items():
            place = checked
            for step in path[:-1]:
                place = place[step]
            place[path[-1]] = media
        return checked


def _is_media(node: Mapping[str, Any], name: str, value: object) -> bool:
    if name not in _HOLDS or not isinstance(value, str):
        return False
    if name in ("image_url", "file_url"):
        return value.strip().lower().startswith("data:")
    return name != "data" or node.get("type") in ("image", "audio")


def _class_of(node: Mapping[str, Any]) -> str:
    kind = node.get("type")
    return str(kind) if kind in ("image", "audio") else media_class(node.get("mimeType"))


def _withheld(node: Mapping[str, Any]) -> dict[str, Any]:
    if "blob" in node:
        kept = {name: node[name] for name in ("uri", "mimeType") if name in node}
        return {**kept, "text": WITHHELD}
    return {"type": "text", "text": WITHHELD}
