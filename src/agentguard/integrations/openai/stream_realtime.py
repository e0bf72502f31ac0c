# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where do texts stand in the events of realtime and live websockets?

Whatever is called a delta grows, also in types of events that came later; texts that a user reads
or hears go on word by word, the rest is held until it ends. Recordings are not texts and pass.
A live websocket carries the events of responses inside its own.
It checks nothing itself.

INVARIANT: however a text is cut into events, it is named alike
(tests/integrations/test_openai_stream_realtime.py).
Source: ``openai`` 3.54's types of server events.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agentguard.integrations.openai.stream_channels import Channels
from agentguard.integrations.openai.stream_responses import ResponsesForm
from agentguard.redaction import Event, Slot

DELTA, DONE, COMPLETED = ".delta", ".done", ".completed"
# Spoken sound, in base64.
SOUNDS = frozenset({"response.audio", "response.output_audio", "session.output_audio"})
# What a user reads, or reads along; everything else that grows is held until it is complete.
ANSWERS = frozenset(
    {
        "conversation.item.input_audio_transcription", "response.audio_transcript",
        "response.output_audio_transcript", "response.output_text", "response.text",
        "session.input_transcript", "session.output_transcript",
    }
)  # fmt: skip
WHOLE = ("text", "transcript", "arguments")
PLACES = ("response_id", "item_id", "content_index")


class RealtimeForm:
    """The form of everything that comes back on one realtime connection."""

    def __init__(self) -> None:
        self._channels = Channels()

    def slots(self, event: Event) -> Sequence[Slot]:
        """Return the texts of an event; see ``StreamForm``."""
        found = tuple(_slots(event.content))
        for slot in found:
            if slot.growing:
                self._channels.grow(slot.channel, slot.pointer)
        return found

    def ended(self, event: Event) -> Sequence[str]:
        """Return the channels that end in an event; see ``StreamForm``."""
        content = event.content
        kind = _type_of(content)
        if kind == "response.done":
            response = content.get("response")
            name = response.get("id") if isinstance(response, dict) else None
            return self._channels.end(self._channels.below(f"{name} "))
        if kind == "response.output_item.done":
            item = content.get("item")
            name = item.get("id") if isinstance(item, dict) else None
            top = f"{content.get('response_id')} {name} "
            return self._channels.end(self._channels.below(top))
        if not kind.endswith((DONE, COMPLETED)):
            return []
        return self._channels.end([_channel(content, _stem(kind))])

    def carrying(self, channel: str, text: str, last: Event) -> Event:  # noqa: ARG002 - as all forms
        """Return an event like *last* that adds *text* to a channel; see ``StreamForm``."""
        content = {**last.content, "delta": text}
        if "logprobs" in content:
            content["logprobs"] = []
        return Event(last.name, content)


class LiveForm(RealtimeForm):
    """The form of everything that comes back on one live connection."""

    def __init__(self) -> None:
        super().__init__()
        self._inner: dict[str, ResponsesForm] = {}

    def slots(self, event: Event) -> Sequence[Slot]:
        """Return the texts of an event; see ``StreamForm``."""
        inner = _inner(event)
        if inner is None:
            return super().slots(event)
        form, top = self._form_of(event), _top(event)
        return tuple(
            slot._replace(channel=top + slot.channel, pointer=f"/event{slot.pointer}")
            for slot in form.slots(inner)
        )

    def ended(self, event: Event) -> Sequence[str]:
        """Return the channels that end in an event; see ``StreamForm``."""
        inner = _inner(event)
        if inner is None:
            return super().ended(event)
        top = _top(event)
        return [top + name for name in self._form_of(event).ended(inner)]

    def carrying(self, channel: str, text: str, last: Event) -> Event:
        """Return an event like *last* that adds *text* to a channel; see ``StreamForm``."""
        inner = _inner(last)
        if inner is None:
            return super().carrying(channel, text, last)
        name = channel.removeprefix(_top(last))
        carried = self._form_of(last).carrying(name, text, inner)
        return Event(last.name, {**last.content, "event": carried.content})

    def _form_of(self, event: Event) -> ResponsesForm:
        return self._inner.setdefault(_top(event), ResponsesForm())


def _inner(event: Event) -> Event | None:
    """Return the event of a response that an event of a live connection carries, if it does."""
    inner = event.content.get("event")
    return Event(None, inner) if isinstance(inner, dict) else None


def _top(event: Event) -> str:
    return f"delegation {event.content.get('delegation_id')} "


def _slots(content: Mapping[str, Any]) -> Iterator[Slot]:
    kind = _type_of(content)
    stem = _stem(kind)
    if stem in SOUNDS:
        return
    answer = stem in ANSWERS
    if isinstance(content.get("delta"), str):
        yield Slot(_channel(content, stem), "/delta", growing=True, answer=answer)
    elif stem != kind:
        for name in WHOLE:
            if isinstance(content.get(name), str):
                channel = _channel(content, stem)
                yield Slot(channel, f"/{name}", growing=False, answer=answer)
    yield from _held(content)


def _held(content: Mapping[str, Any]) -> Iterator[Slot]:
    """Yield the whole texts of a part, an item or a response."""
    part = content.get("part")
    if isinstance(part, dict):
        yield from _in_part(part, "/part", _place(content))
    item = content.get("item")
    if isinstance(item, dict):
        yield from _in_item(item, "/item", f"{content.get('response_id')}")
    response = content.get("response")
    output = response.get("output") if isinstance(response, dict) else None
    for index, each in enumerate(output if isinstance(output, list) else ()):
        if isinstance(each, dict) and isinstance(response, dict):
            yield from _in_item(each, f"/response/output/{index}", f"{response.get('id')}")


def _in_item(item: dict[str, Any], pointer: str, response: str) -> Iterator[Slot]:
    top = f"{response} {item.get('id')}"
    parts = item.get("content")
    for index, part in enumerate(parts if isinstance(parts, list) else ()):
        if isinstance(part, dict):
            yield from _in_part(part, f"{pointer}/content/{index}", f"{top} {index}")
    if isinstance(item.get("arguments"), str):
        channel = f"{top} None response.function_call_arguments"
        yield Slot(channel, f"{pointer}/arguments", growing=False, answer=False)


def _in_part(part: dict[str, Any], pointer: str, place: str) -> Iterator[Slot]:
    for name, stem in (
        ("text", "response.output_text"),
        ("transcript", "response.output_audio_transcript"),
    ):
        if isinstance(part.get(name), str):
            yield Slot(f"{place} {stem}", f"{pointer}/{name}", growing=False, answer=True)


def _channel(content: Mapping[str, Any], stem: str) -> str:
    return f"{_place(content)} {stem}"


def _place(content: Mapping[str, Any]) -> str:
    return " ".join(str(content.get(name)) for name in PLACES)


def _stem(kind: str) -> str:
    """Return what the events that make one text grow and end have in common."""
    for ending in (DELTA, DONE, COMPLETED):
        if kind.endswith(ending):
            return kind.removesuffix(ending)
    return kind


def _type_of(content: Mapping[str, Any]) -> str:
    kind = content.get("type")
    return kind if isinstance(kind, str) else ""
