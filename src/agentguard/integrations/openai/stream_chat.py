# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where do texts stand in the events of a streamed chat completion or completion?

What the API documents is named; every other text in a delta is taken for a piece of one that
grows, and is held until its choice ends, so that nothing unknown passes in pieces.
It checks nothing itself.

INVARIANT: every text of a delta that the SDK adds up is in a growing slot
(tests/integrations/test_openai_stream_chat.py).
Source: the streaming reference, and ``openai`` 3.54's chunk types.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agentguard.canonical import escape
from agentguard.integrations.openai.stream_channels import Channels
from agentguard.redaction.streams import Event, Slot

# What the user reads, thoughts of models behind compatible servers included.
ANSWERS = frozenset({"content", "refusal", "reasoning_content", "reasoning"})
# Members of a delta, at any depth, that come whole and are not added up.
WHOLE = frozenset({"annotations", "format", "id", "index", "name", "role", "type"})
CALLS = "tool_calls"
# What stays of an event that only carries on a text.
KEPT = ("id", "object", "created", "model", "system_fingerprint", "service_tier")


class ChatForm:
    """The form of one streamed chat completion."""

    def __init__(self) -> None:
        self._channels = Channels()
        self._ids: dict[str, str] = {}

    def slots(self, event: Event) -> Sequence[Slot]:
        """Return the texts of an event; see ``StreamForm``."""
        found: list[Slot] = []
        for channel, pointer, answer in self._texts(event.content):
            self._channels.grow(channel, pointer)
            found.append(Slot(channel, pointer, growing=True, answer=answer))
        return found

    def ended(self, event: Event) -> Sequence[str]:
        """Return the channels that end before or in an event; see ``StreamForm``."""
        ended: list[str] = []
        for place, choice in _items(event.content.get("choices")):
            name = _choice_name(choice, place)
            if choice.get("finish_reason") is not None:
                ended += self._channels.below(f"{name} ")
                continue
            called = [f"{name} {call} " for _, call, _ in self._calls(name, choice.get("delta"))]
            if called:
                calls = self._channels.below(f"{name} {CALLS} ")
                ended += (call for call in calls if not call.startswith(tuple(called)))
        return self._channels.end(ended)

    def carrying(self, channel: str, text: str, last: Event) -> Event:
        """Return an event like *last* that adds *text* to a channel; see ``StreamForm``."""
        return Event(last.name, _only(last.content, self._channels.pointers[channel], text))

    def _texts(self, content: Mapping[str, Any]) -> Iterator[tuple[str, str, bool]]:
        """Yield channel and pointer of every growing text, and whether the user reads it."""
        for place, choice in _items(content.get("choices")):
            name, delta = _choice_name(choice, place), choice.get("delta")
            if not isinstance(delta, dict):
                continue
            top = f"/choices/{place}/delta"
            for member, value in delta.items():
                if member in WHOLE or member == CALLS:
                    continue
                for path in _strings(value, f"/{escape(member)}"):
                    answer = member in ANSWERS and isinstance(value, str)
                    yield f"{name} {path[1:]}", f"{top}{path}", answer
            for index, call, value in self._calls(name, delta):
                for path in _strings(value, ""):
                    yield f"{name} {call} {path[1:]}", f"{top}/{CALLS}/{index}{path}", False

    def _calls(self, name: str, delta: object) -> Iterator[tuple[int, str, dict[str, Any]]]:
        """Yield place, name and content of every tool call in a delta.

        Some servers give every call the same index, so that a new id begins another call.
        """
        for place, call in _items(delta.get(CALLS) if isinstance(delta, dict) else None):
            key = f"{name} {call.get('index', place)}"
            if isinstance(call.get("id"), str) and call["id"]:
                self._ids[key] = call["id"]
            yield place, f"{CALLS} {call.get('index', place)} {self._ids.get(key, '')}", call


class CompletionForm:
    """The form of one streamed completion."""

    def __init__(self) -> None:
        self._channels = Channels()

    def slots(self, event: Event) -> Sequence[Slot]:
        """Return the texts of an event; see ``StreamForm``."""
        found = []
        for place, choice in _items(event.content.get("choices")):
            if isinstance(choice.get("text"), str):
                channel, pointer = f"{_choice_name(choice, place)} text", f"/choices/{place}/text"
                self._channels.grow(channel, pointer)
                found.append(Slot(channel, pointer, growing=True, answer=True))
        return found

    def ended(self, event: Event) -> Sequence[str]:
        """Return the channels that end before or in an event; see ``StreamForm``."""
        return self._channels.end(
            f"{_choice_name(choice, place)} text"
            for place, choice in _items(event.content.get("choices"))
            if choice.get("finish_reason") is not None
        )

    def carrying(self, channel: str, text: str, last: Event) -> Event:
        """Return an event like *last* that adds *text* to a channel; see ``StreamForm``."""
        return Event(last.name, _only(last.content, self._channels.pointers[channel], text))


def _items(value: object) -> Iterator[tuple[int, dict[str, Any]]]:
    for place, item in enumerate(value if isinstance(value, list) else ()):
        if isinstance(item, dict):
            yield place, item


def _choice_name(choice: Mapping[str, Any], place: int) -> str:
    return f"choice {choice.get('index', place)}"


def _strings(value: object, path: str) -> Iterator[str]:
    """Yield the path of every string that grows."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _strings(item, f"{path}/{index}")
    elif isinstance(value, dict):
        for name, item in value.items():
            if name not in WHOLE:
                yield from _strings(item, f"{path}/{escape(name)}")


def _only(content: Mapping[str, Any], pointer: str, text: str) -> dict[str, Any]:
    """Return an event that carries one text, at the place that *pointer* names, and no other."""
    _, _, place, *steps = pointer.split("/")
    choice = content["choices"][int(place)]
    kept = {name: content[name] for name in KEPT if name in content}
    path = [step.replace("~1", "/").replace("~0", "~") for step in steps]
    ending = {"finish_reason": None, "logprobs": None}
    return {**kept, "choices": [{**_along(choice, path, text), **ending}]}


def _along(value: Any, path: Sequence[str], text: str) -> Any:
    if not path:
        return text
    step, rest = path[0], path[1:]
    if isinstance(value, list):
        return [_along(value[int(step)], rest, text)]
    index = {"index": value["index"]} if "index" in value else {}
    return {**index, step: _along(value[step], rest, text)}
