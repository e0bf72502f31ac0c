# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a message that Anthropic streams come out of the check as the SDK must add it up?"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from anthropic.lib.streaming._beta_messages import accumulate_event
from httpx2 import Headers
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.classification import BUILT_IN_CLASSES, build_classifier
from agentguard.integrations.anthropic.stream_messages import MessagesForm
from agentguard.redaction import Vault, redact_payload
from agentguard.redaction.streams import Event, StreamCheck

FIND = build_classifier().findings
CLASSES = {each.name: each for each in BUILT_IN_CLASSES}
ADDRESS = "jo@example.com"
KEY = "sk-ant-api03-" + "A1b2" * 23 + "-AAAAAAAA"
SIGNATURE = "EqQBCgIYAhIM" * 12


def event(kind: str, **members: Any) -> Event:
    """Return an event as the provider sends it."""
    return Event(kind, {"type": kind, **members})


def cut(text: str, cuts: list[int]) -> list[str]:
    """Return a text in pieces."""
    at = sorted({0, len(text), *(each % (len(text) + 1) for each in cuts)})
    return [text[start:end] for start, end in pairwise(at)]


def block(index: int, opening: dict[str, Any], kind: str, member: str, pieces: list[str]) -> Any:
    """Yield the events of one block."""
    yield event("content_block_start", index=index, content_block=opening)
    for piece in pieces:
        yield event("content_block_delta", index=index, delta={"type": kind, member: piece})
    if kind == "thinking_delta":
        signed = {"type": "signature_delta", "signature": SIGNATURE}
        yield event("content_block_delta", index=index, delta=signed)
    yield event("content_block_stop", index=index)


def message(placeholder: str, cuts: list[int]) -> Iterator[Event]:
    """Yield the events of a message with thinking, text and a tool's input."""
    usage = {"input_tokens": 1, "output_tokens": 1}
    opening = {"id": "m", "type": "message", "role": "assistant", "model": "c", "content": []}
    yield event("message_start", message={**opening, "usage": usage})
    thinking = {"type": "thinking", "thinking": "", "signature": ""}
    thought = cut(f"They are {placeholder}.", cuts)
    yield from block(0, thinking, "thinking_delta", "thinking", thought)
    said = cut(f"Mail {placeholder}, never {KEY} please", cuts)
    yield from block(1, {"type": "text", "text": ""}, "text_delta", "text", said)
    tool = {"type": "tool_use", "id": "t", "name": "mail", "input": {}}
    given_input = cut(f'{{"to": "{placeholder}", "key": "{KEY}"}}', cuts)
    yield from block(2, tool, "input_json_delta", "partial_json", given_input)
    yield event("message_delta", delta={"stop_reason": "tool_use"}, usage={"output_tokens": 3})
    yield event("message_stop")


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 200), max_size=12))
def test_a_message_cut_anywhere_is_added_up_to_the_same(cuts: list[int]) -> None:
    """The user's text is turned back and holds no secret; thinking and inputs keep placeholders."""
    vault = Vault(b"k" * 32)
    hidden = redact_payload(ADDRESS, find=FIND, actions=CLASSES, vault=vault).payload
    assert isinstance(hidden, str)
    check = StreamCheck(MessagesForm(), find=FIND, classes=CLASSES, vault=vault)
    released = [each for sent in message(hidden, cuts) for each in check.feed(sent)]
    released += check.finish()
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    for each in released:
        snapshot = accumulate_event(
            event=each.shown.content,  # type: ignore[arg-type]  # the SDK reads plain events too
            current_snapshot=snapshot,
            json_bufs=buffers,
            request_headers=Headers(),
        )
    thought, said, tool = snapshot.content
    assert (thought.thinking, thought.signature) == (f"They are {hidden}.", SIGNATURE)
    assert said.text.startswith(f"Mail {ADDRESS}, never [[API_KEY:")
    assert said.text.endswith(" please")
    assert tool.input["to"] == hidden
    assert KEY not in str([each.shown for each in released])
    assert ADDRESS not in str([each.crossed for each in released])
    assert snapshot.stop_reason == "tool_use"
