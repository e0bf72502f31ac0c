# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where do texts stand in the events of a streamed message, and which of them grow together?

Each content block has a text of its own. Text is the answer to the user. Thinking and compaction
must be sent back as they came, so that they are held until they are complete, and placeholders
stay in them; so are the inputs of tools. It checks nothing itself.

INVARIANT: every type of event, delta and block that the SDK knows is in a table
(tests/integrations/test_anthropic_stream.py).
Source: the Messages API's streaming reference, and ``anthropic`` 2.12's types.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from agentguard.redaction.streams import Event, Slot

START = "content_block_start"
DELTA = "content_block_delta"
STOP = "content_block_stop"
# After these no block grows.
LAST = frozenset({"message_delta", "message_stop", "error"})
EVENTS = frozenset({"message_start", START, DELTA, STOP, "ping", *LAST})


class Part(NamedTuple):
    """A text of a block that grows: its name, the member that holds a piece, and for whom."""

    name: str
    member: str
    answer: bool


TEXT = Part("text", "text", answer=True)
THINKING = Part("thinking", "thinking", answer=False)
INPUT = Part("input", "partial_json", answer=False)
COMPACTION = Part("compaction", "content", answer=False)

# What arrives in one piece has no part of its own: its strings are whole texts.
DELTAS = {
    "citations_delta": None,
    "compaction_delta": COMPACTION,
    "input_json_delta": INPUT,
    "signature_delta": None,
    "text_delta": TEXT,
    "thinking_delta": THINKING,
}
BLOCKS = {"compaction": COMPACTION, "text": TEXT, "thinking": THINKING}
PARTS = {part.name: (kind, part) for kind, part in DELTAS.items() if part is not None}


class MessagesForm:
    """The form of the streams of messages, stable and beta; it keeps no state."""

    def slots(self, event: Event) -> Sequence[Slot]:
        """Return the texts of an event; see ``StreamForm``."""
        kind = event.content.get("type")
        if kind == DELTA:
            return tuple(_of_delta(event.content))
        if kind == START:
            block = event.content.get("content_block")
            return tuple(_of_block(block, "/content_block", event.content, growing=True))
        if kind == "message_start":
            return tuple(_of_message(event.content))
        return ()

    def ended(self, event: Event) -> Sequence[str]:
        """Return the channels that an event ends; see ``StreamForm``."""
        kind = event.content.get("type")
        if kind in LAST:
            return ("*",)
        if kind == STOP:
            return tuple(_channel(event.content, part) for _, part in PARTS.values())
        return ()

    def carrying(self, channel: str, text: str, last: Event) -> Event:
        """Return an event that adds a text to a channel; see ``StreamForm``."""
        kind, part = PARTS[channel.rpartition(" ")[2]]
        delta = {"type": kind, part.member: text}
        return Event(DELTA, {"type": DELTA, "index": last.content.get("index"), "delta": delta})


def _channel(content: dict[str, Any], part: Part) -> str:
    return f"block {content.get('index')} {part.name}"


def _of_delta(content: dict[str, Any]) -> Iterator[Slot]:
    delta = content.get("delta")
    if not isinstance(delta, dict):
        return
    kind = delta.get("type")
    part = DELTAS.get(kind) if isinstance(kind, str) else None
    if part is not None and isinstance(delta.get(part.member), str):
        channel = _channel(content, part)
        yield Slot(channel, f"/delta/{part.member}", growing=True, answer=part.answer)
    citation = delta.get("citation")
    if isinstance(citation, dict) and isinstance(citation.get("cited_text"), str):
        channel = f"block {content.get('index')} citation"
        yield Slot(channel, "/delta/citation/cited_text", growing=False, answer=True)


def _of_block(
    block: object, pointer: str, content: dict[str, Any], *, growing: bool
) -> Iterator[Slot]:
    kind = block.get("type") if isinstance(block, dict) else None
    part = BLOCKS.get(kind) if isinstance(kind, str) else None
    if not isinstance(block, dict) or part is None:
        return
    if isinstance(block.get(part.member), str):
        channel = _channel(content, part)
        yield Slot(channel, f"{pointer}/{part.member}", growing=growing, answer=part.answer)
    citations = block.get("citations")
    for index, citation in enumerate(citations if isinstance(citations, list) else ()):
        if isinstance(citation, dict) and isinstance(citation.get("cited_text"), str):
            place = f"{pointer}/citations/{index}/cited_text"
            channel = f"block {content.get('index')} citation"
            yield Slot(channel, place, growing=False, answer=True)


def _of_message(content: dict[str, Any]) -> Iterator[Slot]:
    message = content.get("message")
    blocks = message.get("content") if isinstance(message, dict) else None
    for index, block in enumerate(blocks if isinstance(blocks, list) else ()):
        place = f"/message/content/{index}"
        yield from _of_block(block, place, {"index": index}, growing=False)
