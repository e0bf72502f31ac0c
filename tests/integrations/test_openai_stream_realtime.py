# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The texts in what comes back on realtime and live websockets, checked event by event."""

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentguard.integrations.openai.stream_realtime import LiveForm, RealtimeForm
from agentguard.redaction import Event, StreamCheck, Vault
from agentguard.vocabulary import Action, DataClass, Finding

SECRET = "hunter2hunter2"
CLASSES = {
    "word": DataClass(name="word", family="secret", action=Action.REDACT, in_answers=Action.REDACT)
}
PLACE = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}


def find(text: str) -> tuple[Finding, ...]:
    """Find the one secret word."""
    at = text.find(SECRET)
    if at < 0:
        return ()
    return (Finding(start=at, end=at + len(SECRET), data_class="word", detector="test"),)


def checked(form: Any, events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what is shown of events."""
    check = StreamCheck(form, find=find, classes=CLASSES, vault=Vault(b"k" * 32))
    released = [each for event in events for each in check.feed(Event(None, event))]
    return [each.shown.content for each in (*released, *check.finish())]


def cut_at(text: str, places: Sequence[int]) -> list[str]:
    """Cut a text in pieces."""
    edges = [0, *sorted({place % (len(text) + 1) for place in places}), len(text)]
    return [text[start:end] for start, end in itertools.pairwise(edges)]


KINDS = [
    "response.output_text", "response.text", "response.output_audio_transcript",
    "response.function_call_arguments", "response.mcp_call_arguments",
    "conversation.item.input_audio_transcription", "response.something_new",
]  # fmt: skip


@pytest.mark.parametrize("stem", KINDS)
@given(places=st.lists(st.integers(min_value=0, max_value=100), max_size=6))
def test_no_cut_hides_a_secret(stem: str, places: list[int]) -> None:
    """However a text is cut into deltas, the word in it is hidden and the rest comes."""
    pieces = cut_at(f"say {SECRET} to them", places)
    events = [{"type": f"{stem}.delta", **PLACE, "delta": piece} for piece in pieces]
    shown = checked(RealtimeForm(), [*events, {"type": f"{stem}.done", **PLACE}])
    said = "".join(each.get("delta", "") for each in shown)
    assert SECRET not in said
    assert said.startswith("say [[")
    assert said.endswith(" to them")


def test_parallel_responses_stay_apart() -> None:
    """Two responses that come in turns are two texts, and neither ends the other."""
    other = {**PLACE, "response_id": "s", "item_id": "j"}
    events: list[dict[str, Any]] = [
        {"type": "response.output_text.delta", **PLACE, "delta": "one hunter2"},
        {"type": "response.output_text.delta", **other, "delta": "two hunter2"},
        {"type": "response.done", "response": {"id": "s", "output": []}},
        {"type": "response.output_text.delta", **PLACE, "delta": "hunter2 end"},
        {"type": "response.done", "response": {"id": "r", "output": []}},
    ]
    shown = checked(RealtimeForm(), events)
    first = "".join(each["delta"] for each in shown if each.get("response_id") == "r")
    second = "".join(each["delta"] for each in shown if each.get("response_id") == "s")
    assert first.startswith("one [[")
    assert first.endswith(" end")
    assert second == "two hunter2"


def test_whole_texts_are_found_in_items_and_responses() -> None:
    """A text that is repeated whole, in a part, an item or a response, is checked there as well."""
    part = {"type": "output_audio", "transcript": f"say {SECRET}"}
    item = {"id": "i", "type": "message", "role": "assistant", "content": [part]}
    events: list[dict[str, Any]] = [
        {"type": "response.content_part.done", **PLACE, "part": part},
        {"type": "conversation.item.done", "item": item},
        {"type": "response.done", "response": {"id": "r", "output": [item]}},
    ]
    assert SECRET not in repr(checked(RealtimeForm(), events))


def test_sound_is_not_held_back() -> None:
    """A recording goes on at once, event by event."""
    check = StreamCheck(RealtimeForm(), find=find, classes=CLASSES, vault=Vault(b"k" * 32))
    event = {"type": "response.output_audio.delta", **PLACE, "delta": "AAECAwQF" * 8}
    (released,) = check.feed(Event(None, event))
    assert released.shown.content == event


@given(places=st.lists(st.integers(min_value=0, max_value=100), max_size=6))
def test_responses_inside_live_events_are_checked(places: list[int]) -> None:
    """The events of a response that a live event carries are put together like others."""
    place = {"output_index": 0, "content_index": 0, "item_id": "i"}
    inner = [
        {"type": "response.output_text.delta", **place, "delta": piece}
        for piece in cut_at(f"say {SECRET} to them", places)
    ]
    inner.append({"type": "response.output_text.done", **place, "text": f"say {SECRET} to them"})
    events = [{"type": "response.event", "delegation_id": "d", "event": each} for each in inner]
    shown = [each["event"] for each in checked(LiveForm(), events)]
    said = "".join(each.get("delta", "") for each in shown)
    assert SECRET not in repr(shown)
    assert said.startswith("say [[")
    assert said.endswith(" to them")
