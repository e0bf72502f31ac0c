# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What of the answer of an MCP server can be read, and what is it put together from again?

The answer about a tool, a resource or a prompt is taken apart into plain JSON, which the guard
checks whole, and put together anew from what was checked. Images, sound and other files pass where
the policy labels their class; otherwise a text stands in their place. ``_meta`` and icons are left
out.

INVARIANT: no part of an answer is returned that was not checked, or let pass by a class of media
(tests/frameworks/mcp/test_mcp_results.py).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agentguard.errors import GuardFailure
from agentguard.policy import Policy
from agentguard.tools import WITHHELD, made_of_checked, media_class, media_passes

MOST = 8_000_000
"""How many characters an answer has at most; more than any model is given."""

Path = tuple[str, ...]

_TEXT = ("type", "text", "annotations")
_LINK = ("type", "name", "title", "uri", "description", "mimeType", "size", "annotations")
_CONTENTS = ("uri", "mimeType", "text")
_LISTED = ("name", "title", "uri", "uriTemplate", "description", "mimeType", "size", "arguments")
_COMPLETION = ("values", "total", "hasMore")
_BESIDE = ("structuredContent", "isError", "description")


@dataclass(slots=True)
class Reading:
    """One answer while it is checked; its media wait aside.

    Attributes:
        policy: says which media may pass.
        media: what waits, and where in which item it stood.
    """

    policy: Policy
    media: dict[int, tuple[Path, str]] = field(default_factory=dict, repr=False)
    _items: str = ""

    def read(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """Return an answer as the guard can read it, without what is of no known kind.

        Raises:
            GuardFailure: it holds more than is checked at once.
        """
        require_bounded(raw)
        found = _picked(raw, _BESIDE)
        completion = raw.get("completion")
        if isinstance(completion, Mapping):
            found["completion"] = _picked(completion, _COMPLETION)
        for name, reader in _ITEMS.items():
            listed = raw.get(name)
            if isinstance(listed, list) and not self._items:
                self._items = name
                items = [each if isinstance(each, Mapping) else {} for each in listed]
                found[name] = [reader(self, at, each) for at, each in enumerate(items)]
        return found

    def put_together(self, checked: Mapping[str, Any]) -> dict[str, Any]:
        """Return a checked answer with its media.

        Raises:
            LookupError: it has another shape than what was read.
        """
        whole = dict(checked)
        if self.media:
            items = [dict(each) for each in whole[self._items]]
            for number, (path, data) in self.media.items():
                inside = items[number]
                for name in path[:-1]:
                    inside[name] = inside = dict(inside[name])
                inside[path[-1]] = data
            whole[self._items] = items
        return whole

    def part(self, number: int, part: Mapping[str, Any], above: Path = ()) -> dict[str, Any]:
        """Read a part of what a tool or a prompt said."""
        kind = part.get("type")
        if kind == "text":
            return _picked(part, _TEXT)
        if kind == "resource_link":
            return _picked(part, _LINK)
        if kind == "resource" and isinstance(part.get("resource"), Mapping):
            inside = self.contents(number, part["resource"], (*above, "resource"))
            return {"type": kind, "resource": inside}
        data = part.get("data")
        if (
            kind in ("image", "audio")
            and isinstance(data, str)
            and media_passes(self.policy, str(kind))
        ):
            self.media[number] = (*above, "data"), data
            return _picked(part, ("type", "mimeType"))
        return {"type": "text", "text": WITHHELD}

    def contents(self, number: int, found: Mapping[str, Any], above: Path = ()) -> dict[str, Any]:
        """Read what a resource holds."""
        told, data = _picked(found, _CONTENTS), found.get("blob")
        if "text" in told:
            return told
        if isinstance(data, str) and self._passes(told.get("mimeType")):
            self.media[number] = (*above, "blob"), data
            return told
        return {**told, "text": WITHHELD}

    def message(self, number: int, found: Mapping[str, Any]) -> dict[str, Any]:
        """Read a message of a prompt."""
        content = found.get("content")
        part = content if isinstance(content, Mapping) else {}
        return {"role": found.get("role"), "content": self.part(number, part, ("content",))}

    def listed(self, _: int, found: Mapping[str, Any]) -> dict[str, Any]:
        """Read what a server lists."""
        return _picked(found, _LISTED)

    def _passes(self, mime: object) -> bool:
        return media_passes(self.policy, media_class(mime))


_ITEMS: Mapping[str, Callable[[Reading, int, Mapping[str, Any]], dict[str, Any]]] = {
    "content": Reading.part,
    "contents": Reading.contents,
    "messages": Reading.message,
    "resources": Reading.listed,
    "resourceTemplates": Reading.listed,
    "prompts": Reading.listed,
}


def whole_answer(tool: str, reading: Reading, checked: Any) -> dict[str, Any]:
    """Return a checked answer as the protocol has it.

    Args:
        tool: the tool's name in the policy.
        reading: took the answer apart.
        checked: what the guard made of it.

    Raises:
        GuardFailure: that has another shape than what was read.
    """
    return made_of_checked(tool, lambda: reading.put_together(checked))


def require_complete(tool: str, raw: Mapping[str, Any]) -> None:
    """Refuse an answer that asks for something first.

    Raises:
        GuardFailure: it does.
    """
    if raw.get("resultType", "complete") != "complete":
        raise GuardFailure(
            f"tool {tool!r} asks something before it answers, which is not guarded",
            part="dispatch",
            dispatched=True,
        )


def require_bounded(raw: Mapping[str, Any]) -> None:
    """Refuse to read more than is checked at once.

    Raises:
        GuardFailure: it is more.
    """
    left, waiting = MOST, [raw]
    while waiting and left > 0:
        each: Any = waiting.pop()
        left -= len(each) + 1 if isinstance(each, str) else 1
        if isinstance(each, Mapping):
            waiting.extend((*each.keys(), *each.values()))
        elif isinstance(each, list):
            waiting.extend(each)
    if left <= 0:
        raise GuardFailure(
            "what an MCP server says is withheld: it is more than is checked at once",
            part="classification",
            dispatched=True,
        )


def kept_for_nobody(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return what says how an answer may be kept: what one caller gets, another may not see."""
    kind = {"resultType": "complete"} if "resultType" in raw else {}
    return kind | ({"ttlMs": 0, "cacheScope": "private"} if "ttlMs" in raw else {})


def _picked(found: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: found[name] for name in names if found.get(name) is not None}
