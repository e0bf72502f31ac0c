# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where do texts stand in the events of a streamed message, and which of them grow together?

Text is the answer to the user. Thinking is sealed by a signature over what the model wrote: it is
held until its block is complete and keeps its placeholders, so that it can be sent back as it
came. So do the inputs of tools. What no table knows is taken for a text that grows, and held, so
that nothing unknown passes in pieces. It checks nothing itself.

INVARIANT: every type of event, delta and block that the SDK knows is in a table, and what the SDK
adds up is in a growing slot (tests/integrations/test_anthropic_stream.py).
Source: the Messages API's streaming reference, and ``anthropic`` 2.12's types.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from agentguard.canonical import escape
from agentguard.redaction.streams import Event, Slot

MESSAGE = "message_start"
START = "content_block_start"
DELTA = "content_block_delta"
STOP = "content_block_stop"
# After these no block grows; what they hold comes whole.
LAST = frozenset({"message_delta", "message_stop", "error"})
EVENTS = frozenset({MESSAGE, START, DELTA, STOP, "ping", *LAST})


class Part(NamedTuple):
    """A text of a block that grows: which deltas carry it, in which member, and for whom."""

    delta: str
    member: str
    answer: bool


TEXT = Part("text_delta", "text", answer=True)
THINKING = Part("thinking_delta", "thinking", answer=False)
INPUT = Part("input_json_delta", "partial_json", answer=False)
GROWING = {part.delta: part for part in (TEXT, THINKING, INPUT)}
# The SDK puts what these hold in the place of what was there.
WHOLE = frozenset({"citations_delta", "compaction_delta", "signature_delta"})
SIGNATURE = "signature"
BLOCKS = {"text": TEXT, "thinking": THINKING}


class _Carrier(NamedTuple):
    """An event without its text, and where the text belongs."""

    event: Mapping[str, Any]
    path: tuple[str, ...]


class MessagesForm:
    """The form of one streamed message, stable or beta."""

    def __init__(self) -> None:
        self._carriers: dict[str, _Carrier] = {}
        self._open: dict[str, list[str]] = {}
        self._ended: set[str] = set()
        self._over = False

    def slots(self, event: Event) -> Sequence[Slot]:
        """Return the texts of an event; see ``StreamForm``.

        Raises:
            ValueError: a text goes on after its end, or cannot be followed.
        """
        if not isinstance(event.content.get("type"), str):
            raise ValueError("the stream holds an event without a type")  # noqa: TRY004 - what a provider sends is a value
        return tuple(self._slots(event.content))

    def ended(self, event: Event) -> Sequence[str]:
        """Return the channels that an event ends; see ``StreamForm``."""
        kind = event.content.get("type")
        if kind in LAST:
            self._over = True
            return ("*",)
        if kind != STOP:
            return ()
        block = _name(event.content)
        self._ended.add(block)
        return self._open.pop(block, [])

    def carrying(self, channel: str, text: str, last: Event) -> Event:  # noqa: ARG002 - see ``StreamForm``; the event is made anew
        """Return an event that adds a text to a channel; see ``StreamForm``."""
        carrier = self._carriers[channel]
        return Event(carrier.event["type"], _along(carrier.event, carrier.path, text))

    def _slots(self, content: Mapping[str, Any]) -> Iterator[Slot]:
        kind = content.get("type")
        if kind == DELTA:
            yield from self._of_delta(content)
        elif kind == START:
            block = content.get("content_block")
            for part, text in _texts(block, BLOCKS):
                # A block must have started before anything else can be said of it.
                if text or part.answer:
                    yield self._grow(content, part, f"/content_block/{part.member}", text)
            yield from _cited(block, "/content_block", _name(content))
        elif kind == MESSAGE:
            yield from _whole(content.get("message"))
        elif kind not in EVENTS:
            yield from self._unknown(content, content, (), f"{kind}")

    def _of_delta(self, content: Mapping[str, Any]) -> Iterator[Slot]:
        delta = content.get("delta")
        kind = delta.get("type") if isinstance(delta, dict) else None
        known = kind if isinstance(kind, str) else ""
        if isinstance(delta, dict) and known in WHOLE:
            yield from _citation(delta.get("citation"), "/delta/citation", _name(content))
            if isinstance(delta.get(SIGNATURE), str):
                # It belongs behind the thinking that it signs, which is held.
                channel = f"{_name(content)} {THINKING.member}"
                yield Slot(channel, f"/delta/{SIGNATURE}", growing=False, answer=False)
        elif known in GROWING:
            for part, text in _texts(delta, GROWING):
                yield self._grow(content, part, f"/delta/{part.member}", text)
            own = GROWING[known].member
            beside = {name: value for name, value in content["delta"].items() if name != own}
            yield from self._unknown(content, {"delta": beside}, (), _name(content))
        else:
            yield from self._unknown(content, content, (), f"{_name(content)} {kind}")

    def _grow(self, content: Mapping[str, Any], part: Part, pointer: str, text: str) -> Slot:
        skeleton = {"type": DELTA, "index": content.get("index"), "delta": {"type": part.delta}}
        channel = f"{_name(content)} {part.member}"
        self._open_channel(channel, _name(content), text)
        self._carriers[channel] = _Carrier(skeleton, ("delta", part.member))
        return Slot(channel, pointer, growing=True, answer=part.answer)

    def _unknown(
        self, event: Mapping[str, Any], within: Mapping[str, Any], path: tuple[str, ...], name: str
    ) -> Iterator[Slot]:
        """Yield every string of an event or delta that no table knows, as a text that grows."""
        for member, value in within.items():
            here = (*path, member)
            if member == "type":
                continue
            if isinstance(value, str):
                channel = f"{name} {' '.join(here)}"
                self._open_channel(channel, _name(event), value)
                self._carriers[channel] = _Carrier(_bare(event), here)
                pointer = "".join(f"/{escape(step)}" for step in here)
                yield Slot(channel, pointer, growing=True, answer=False)
            elif isinstance(value, dict):
                yield from self._unknown(event, value, here, name)
            elif isinstance(value, list) and value:
                raise ValueError("the stream holds an event that cannot be followed")

    def _open_channel(self, channel: str, block: str, text: str) -> None:
        if text and (self._over or block in self._ended):
            raise ValueError("a text of the stream goes on after its end")
        channels = self._open.setdefault(block, [])
        if channel not in channels:
            channels.append(channel)


def _name(content: Mapping[str, Any]) -> str:
    return f"block {content.get('index')}"


def _texts(holder: object, parts: Mapping[str, Part]) -> Iterator[tuple[Part, str]]:
    """Yield the text of a block or a delta, if it is one that has a text."""
    kind = holder.get("type") if isinstance(holder, dict) else None
    part = parts.get(kind) if isinstance(kind, str) else None
    if isinstance(holder, dict) and part is not None and isinstance(holder.get(part.member), str):
        yield part, holder[part.member]


def _whole(message: object) -> Iterator[Slot]:
    """Yield the texts of the blocks that a message starts with."""
    blocks = message.get("content") if isinstance(message, dict) else None
    for index, block in enumerate(blocks if isinstance(blocks, list) else ()):
        place, name = f"/message/content/{index}", f"start {index}"
        for part, _ in _texts(block, BLOCKS):
            channel = f"{name} {part.member}"
            yield Slot(channel, f"{place}/{part.member}", growing=False, answer=part.answer)
        yield from _cited(block, place, name)


def _cited(block: object, pointer: str, name: str) -> Iterator[Slot]:
    citations = block.get("citations") if isinstance(block, dict) else None
    for index, citation in enumerate(citations if isinstance(citations, list) else ()):
        yield from _citation(citation, f"{pointer}/citations/{index}", name)


def _citation(citation: object, pointer: str, name: str) -> Iterator[Slot]:
    if isinstance(citation, dict) and isinstance(citation.get("cited_text"), str):
        yield Slot(f"{name} citation", f"{pointer}/cited_text", growing=False, answer=True)


def _bare(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event without its strings, but with what says what it is."""
    bare: dict[str, Any] = {}
    for name, value in event.items():
        if isinstance(value, dict):
            bare[name] = _bare(value)
        elif name in {"type", "index"}:
            bare[name] = value
    return bare


def _along(event: Mapping[str, Any], path: tuple[str, ...], text: str) -> dict[str, Any]:
    head, rest = path[0], path[1:]
    return {**event, head: _along(event.get(head, {}), rest, text) if rest else text}
