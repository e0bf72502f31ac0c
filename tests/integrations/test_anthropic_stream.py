# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where do texts stand in the events of a message that Anthropic streams?"""

from collections.abc import Iterable
from typing import Annotated, Any, get_args, get_origin

import pytest
from anthropic.lib.streaming._beta_messages import accumulate_event
from anthropic.types import ContentBlock, RawContentBlockDelta, RawMessageStreamEvent
from anthropic.types.beta import (
    BetaContentBlock,
    BetaRawContentBlockDelta,
    BetaRawMessageStreamEvent,
)
from httpx2 import Headers
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.integrations.anthropic.stream_messages import (
    BLOCKS,
    EVENTS,
    GROWING,
    WHOLE,
    MessagesForm,
)
from agentguard.redaction.streams import Event, Slot


def kinds(*unions: Any) -> dict[str, Any]:
    """Return the types in some unions of the SDK by their word on the wire."""
    found: dict[str, Any] = {}
    for union in unions:
        while get_origin(union) is Annotated:
            union = get_args(union)[0]  # noqa: PLW2901 - what only annotates is taken off
        for kind in get_args(union):
            (word,) = get_args(kind.model_fields["type"].annotation)
            found[word] = kind
    return found


def event(kind: str, **members: Any) -> Event:
    """Return an event as the provider sends it."""
    return Event(kind, {"type": kind, **members})


def delta(index: int, kind: str, **members: Any) -> Event:
    """Return a delta of a block."""
    return event("content_block_delta", index=index, delta={"type": kind, **members})


def start(index: int, **block: Any) -> Event:
    """Return the start of a block."""
    return event("content_block_start", index=index, content_block=block)


def stop(index: int) -> Event:
    """Return the end of a block."""
    return event("content_block_stop", index=index)


def after(form: MessagesForm, events: Iterable[Event]) -> MessagesForm:
    """Return a form that has seen some events."""
    for each in events:
        form.slots(each)
        form.ended(each)
    return form


def test_every_event_of_the_sdk_is_known() -> None:
    """No event that the SDK can receive is taken for an unknown one."""
    assert set(kinds(RawMessageStreamEvent, BetaRawMessageStreamEvent)) <= EVENTS


def test_every_delta_of_the_sdk_is_known() -> None:
    """Each delta that the SDK can receive is one that grows or one that comes whole."""
    found = kinds(RawContentBlockDelta, BetaRawContentBlockDelta)
    assert set(found) == {*GROWING, *WHOLE}
    for kind, part in GROWING.items():
        texts = {
            name for name, field in found[kind].model_fields.items() if field.annotation is str
        }
        assert texts == {part.member}


def test_every_block_of_the_sdk_that_deltas_add_to_is_known() -> None:
    """A block whose text deltas grow says so when it starts."""
    found = kinds(ContentBlock, BetaContentBlock)
    grown = {part.member for part in GROWING.values()}
    assert {kind for kind in found if grown & set(found[kind].model_fields)} == set(BLOCKS)


def test_a_text_grows_from_the_start_of_its_block_on() -> None:
    """The text of a block and its deltas are one text, for the user."""
    form = MessagesForm()
    channel = "block 2 text"
    assert form.slots(start(2, type="text", text="He")) == (
        Slot(channel, "/content_block/text", growing=True, answer=True),
    )
    assert form.slots(delta(2, "text_delta", text="llo")) == (
        Slot(channel, "/delta/text", growing=True, answer=True),
    )
    assert list(form.ended(stop(2))) == [channel]


@pytest.mark.parametrize(
    ("kind", "member"),
    [("thinking_delta", "thinking"), ("input_json_delta", "partial_json")],
)
def test_thinking_and_inputs_keep_their_placeholders(kind: str, member: str) -> None:
    """What must be sent back as it came, or goes to a tool, is held until it is complete."""
    (slot,) = MessagesForm().slots(delta(0, kind, **{member: "x"}))
    assert slot == Slot(f"block 0 {member}", f"/delta/{member}", growing=True, answer=False)


def test_what_comes_whole_is_no_growing_text() -> None:
    """Signatures, compactions and citations come in one piece; a quotation is for the user."""
    form = MessagesForm()
    assert form.slots(delta(0, "signature_delta", signature="c2lnbmF0dXJl")) == (
        Slot("block 0 thinking", "/delta/signature", growing=False, answer=False),
    )
    assert form.slots(delta(0, "compaction_delta", content="So far.")) == ()
    citation = {"type": "char_location", "cited_text": "Hello", "document_title": "A"}
    assert form.slots(delta(0, "citations_delta", citation=citation)) == (
        Slot("block 0 citation", "/delta/citation/cited_text", growing=False, answer=True),
    )
    assert form.slots(start(1, type="text", text="", citations=[citation]))[1:] == (
        Slot(
            "block 1 citation",
            "/content_block/citations/0/cited_text",
            growing=False,
            answer=True,
        ),
    )


def test_a_message_that_starts_with_text_holds_whole_texts() -> None:
    """What stands in the first event already is complete."""
    content = [{"type": "text", "text": "Hi"}, {"type": "tool_use", "id": "t", "input": {}}]
    assert MessagesForm().slots(event("message_start", message={"content": content})) == (
        Slot("start 0 text", "/message/content/0/text", growing=False, answer=True),
    )


def test_two_blocks_do_not_share_a_text() -> None:
    """Blocks that grow side by side have a text each, and end each on its own."""
    form = after(
        MessagesForm(), [delta(0, "text_delta", text="a"), delta(1, "text_delta", text="b")]
    )
    assert list(form.ended(stop(0))) == ["block 0 text"]
    assert list(form.ended(stop(1))) == ["block 1 text"]


@pytest.mark.parametrize("kind", ["message_delta", "message_stop", "error"])
def test_the_end_of_a_message_ends_every_text(kind: str) -> None:
    """Nothing grows after the message has ended, also when a block has not been closed."""
    form = after(MessagesForm(), [delta(0, "text_delta", text="a")])
    assert list(form.ended(event(kind))) == ["*"]
    with pytest.raises(ValueError, match="after its end"):
        form.slots(delta(0, "text_delta", text="b"))


def test_a_block_that_ended_does_not_grow_again() -> None:
    """A text that goes on after its end was not checked with its beginning: it is refused."""
    form = after(MessagesForm(), [delta(0, "text_delta", text="a"), stop(0)])
    with pytest.raises(ValueError, match="after its end"):
        form.slots(delta(0, "text_delta", text="b"))
    with pytest.raises(ValueError, match="after its end"):
        form.slots(start(0, type="text", text="b"))


def test_pings_hold_no_text_and_end_nothing() -> None:
    """An event that only keeps the connection alive changes nothing."""
    form = MessagesForm()
    assert (form.slots(event("ping")), form.ended(event("ping"))) == ((), ())


def test_an_unknown_delta_is_held_as_a_text_that_grows() -> None:
    """What a newer provider adds up is not released in pieces."""
    form = MessagesForm()
    unknown = delta(3, "poem_delta", verse="Roses", notes={"rhyme": "red"}, length=5)
    assert form.slots(unknown) == (
        Slot("block 3 poem_delta delta verse", "/delta/verse", growing=True, answer=False),
        Slot(
            "block 3 poem_delta delta notes rhyme", "/delta/notes/rhyme", growing=True, answer=False
        ),
    )
    carried = form.carrying("block 3 poem_delta delta notes rhyme", "blue", unknown)
    assert carried.content["delta"] == {"type": "poem_delta", "notes": {"rhyme": "blue"}}
    assert len(form.ended(stop(3))) == 2


def test_an_unknown_text_beside_a_known_one_is_held() -> None:
    """A member that a newer provider adds to a known delta is not released in pieces."""
    form = MessagesForm()
    assert form.slots(delta(0, "text_delta", text="Roses", gloss="red"))[1:] == (
        Slot("block 0 delta gloss", "/delta/gloss", growing=True, answer=False),
    )
    assert list(form.ended(stop(0))) == ["block 0 text", "block 0 delta gloss"]


def test_an_event_without_a_type_is_refused() -> None:
    """Where it cannot be said what an event is, the stream is refused."""
    with pytest.raises(ValueError, match="without a type"):
        MessagesForm().slots(Event("ping", {"text": "Roses"}))


def test_an_unknown_event_is_held_as_texts_that_grow() -> None:
    """An event that no table knows passes nothing in pieces."""
    form = MessagesForm()
    unknown = event("poem", verse="Roses")
    assert form.slots(unknown) == (Slot("poem verse", "/verse", growing=True, answer=False),)
    assert form.carrying("poem verse", "are red", unknown).content == {
        "type": "poem",
        "verse": "are red",
    }


def test_a_list_in_an_unknown_delta_is_refused() -> None:
    """Where it cannot be said which text grows, the stream is refused."""
    with pytest.raises(ValueError, match="cannot be followed"):
        MessagesForm().slots(delta(0, "poem_delta", verses=["Roses"]))


def accumulated(events: Iterable[Event]) -> Any:
    """Return the message that the SDK adds up from events."""
    usage = {"input_tokens": 1, "output_tokens": 1}
    opening = {"id": "m", "type": "message", "role": "assistant", "model": "c", "content": []}
    first = event("message_start", message={**opening, "usage": usage})
    message: Any = None
    for each in (first, *events):
        message = accumulate_event(
            event=each.content,  # type: ignore[arg-type]  # the SDK reads plain events too
            current_snapshot=message,
            json_bufs={},
            request_headers=Headers(),
        )
    return message


@pytest.mark.parametrize(
    ("opening", "grown", "member"),
    [
        (start(0, type="text", text=""), delta(0, "text_delta", text=""), "text"),
        (
            start(0, type="thinking", thinking="", signature=""),
            delta(0, "thinking_delta", thinking=""),
            "thinking",
        ),
    ],
)
@pytest.mark.parametrize("last", ["start", "delta"])
def test_the_sdk_adds_up_what_a_carrying_event_brings(
    opening: Event, grown: Event, member: str, last: str
) -> None:
    """What was held back and is sent in an event of its own reaches the message."""
    form = MessagesForm()
    form.slots(opening)
    (slot,) = form.slots(grown)
    carried = form.carrying(slot.channel, "held", opening if last == "start" else grown)
    assert carried.name == "content_block_delta"
    message = accumulated([opening, grown, carried, stop(0)])
    assert getattr(message.content[0], member) == "held"


WORDS = st.sampled_from(["", "word", "text", "text_delta", "poem_delta", "citations_delta"])
VALUES = st.recursive(
    st.none() | st.integers(-1, 3) | WORDS,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["type", "text", "thinking", "citation", "citations", "cited_text", "a/b~c"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
ODD_EVENTS = st.fixed_dictionaries(
    {"type": st.sampled_from([*sorted(EVENTS), "poem"]) | VALUES},
    optional={
        "index": VALUES,
        "delta": VALUES,
        "content_block": VALUES,
        "message": st.fixed_dictionaries({"content": st.lists(VALUES, max_size=3)}) | VALUES,
    },
)


@settings(deadline=None, max_examples=150)
@given(st.lists(ODD_EVENTS, max_size=5))
def test_every_slot_leads_to_a_text(contents: list[dict[str, Any]]) -> None:
    """Whatever a provider sends, a slot names a text of its event, or the stream is refused."""
    form = MessagesForm()
    for content in contents:
        odd = Event(None, content)
        try:
            slots = form.slots(odd)
        except ValueError:
            return
        for slot in slots:
            assert isinstance(at_pointer(content, slot.pointer), str)
            if slot.growing:
                carried = form.carrying(slot.channel, "held", odd).content
                assert "held" in strings(carried)
        form.ended(odd)


def at_pointer(value: Any, pointer: str) -> Any:
    """Return what stands at a pointer."""
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        value = value[int(name) if isinstance(value, list) else name]
    return value


def strings(value: Any) -> list[str]:
    """Return every string of a value."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return [value] if isinstance(value, str) else []
