# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where the texts in the events of a streamed response are found."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, get_args

import pytest
from openai import OpenAI
from openai.types.responses import ResponseCompletedEvent, ResponseOutputItemDoneEvent
from openai.types.responses.response_stream_event import ResponseStreamEvent
from openai.types.responses.responses_server_event import ResponsesServerEvent

from agentguard.integrations.openai.stream_responses import EVENTS, ResponsesForm
from agentguard.redaction.streams import Event, Slot
from agentguard.testing import Answer, LoopbackProvider, ToolRequest


def classes(union: Any) -> dict[str, Any]:
    """Return the SDK's class of every type of event."""
    found = {}
    for kind in get_args(get_args(union)[0]):
        (name,) = get_args(kind.model_fields["type"].annotation)
        found[name] = kind
    return found


CLASSES = classes(ResponseStreamEvent)
PLACE = {
    "name": "f", "item_id": "i", "output_index": 1, "content_index": 2, "summary_index": 3,
    "command_index": 4, "sequence_number": 5, "logprobs": [],
}  # fmt: skip


def made(name: str, **fields: Any) -> Event:
    """Return an event as the SDK's own class for it holds it."""
    kind = CLASSES[name]
    place = {key: value for key, value in PLACE.items() if key in kind.model_fields}
    content = kind.model_validate({"type": name, **place, **fields}).model_dump(mode="json")
    return Event(name, content)


def at(event: Event, slot: Slot) -> str:
    """Return the text of a slot."""
    value: Any = event.content
    for step in slot.pointer.split("/")[1:]:
        value = value[int(step)] if isinstance(value, list) else value[step]
    assert isinstance(value, str)
    return value


def slots(*events: Event) -> list[tuple[Slot, str]]:
    """Return the slots of the last event of a stream with their texts."""
    form = ResponsesForm()
    *before, last = events
    for event in before:
        form.slots(event)
        form.ended(event)
    return [(slot, at(last, slot)) for slot in form.slots(last)]


def test_every_type_of_event_of_the_sdk_is_listed() -> None:
    """A type of event that a new SDK adds is seen here before a user streams it."""
    assert set(CLASSES) - set(EVENTS) == set()
    sockets = {name for name in classes(ResponsesServerEvent) if ".steer." not in name}
    assert sockets - set(EVENTS) == set()


def test_every_delta_of_the_sdk_grows() -> None:
    """Each type of event with a delta has all texts of the delta in growing slots."""
    seen = 0
    for name, kind in CLASSES.items():
        if "delta" not in kind.model_fields:
            continue
        parts = kind.model_fields["delta"].annotation is not str
        delta = {"stdout": "out", "stderr": "err"} if parts else "text"
        found = slots(made(name, delta=delta))
        assert {slot.pointer for slot, _ in found} == (
            {"/delta/stdout", "/delta/stderr"} if parts else {"/delta"}
        )
        assert all(slot.growing for slot, _ in found)
        seen += 1
    assert seen >= 9


WHOLE: dict[str, tuple[str, str]] = {
    "response.output_text.done": ("response.output_text.delta", "text"),
    "response.refusal.done": ("response.refusal.delta", "refusal"),
    "response.reasoning_text.done": ("response.reasoning_text.delta", "text"),
    "response.reasoning_summary_text.done": ("response.reasoning_summary_text.delta", "text"),
    "response.function_call_arguments.done": ("response.function_call_arguments.delta", "arguments"),
    "response.mcp_call_arguments.done": ("response.mcp_call_arguments.delta", "arguments"),
    "response.custom_tool_call_input.done": ("response.custom_tool_call_input.delta", "input"),
    "response.code_interpreter_call_code.done": (
        "response.code_interpreter_call_code.delta", "code",
    ),
    "response.shell_call_command.done": ("response.shell_call_command.delta", "command"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("done", "delta", "member"), [(k, *v) for k, v in WHOLE.items() if k in CLASSES]
)
def test_a_done_event_repeats_its_channel_whole_and_ends_it(
    done: str, delta: str, member: str
) -> None:
    """The whole text has the name of the text that grew, is read alike, and ends it."""
    form = ResponsesForm()
    pieces = made(delta, delta="a")
    (piece,) = form.slots(pieces)
    assert form.ended(pieces) == []
    end = made(done, **{member: "ab"})
    (whole,) = form.slots(end)
    assert (whole.channel, whole.answer) == (piece.channel, piece.answer)
    assert (piece.growing, whole.growing, at(end, whole)) == (True, False, "ab")
    assert form.ended(end) == [piece.channel]


def test_only_what_the_user_reads_is_an_answer() -> None:
    """Placeholders are turned back in texts, refusals and thoughts, never in what a tool gets."""
    answers = set()
    for name, kind in CLASSES.items():
        if "delta" in kind.model_fields and kind.model_fields["delta"].annotation is str:
            answers |= {name for slot, _ in slots(made(name, delta="x")) if slot.answer}
    assert answers == {
        "response.output_text.delta", "response.refusal.delta", "response.reasoning_text.delta",
        "response.reasoning_summary_text.delta", "response.audio.transcript.delta",
    }  # fmt: skip


ITEMS: list[dict[str, Any]] = [
    {
        "type": "message", "id": "i", "role": "assistant", "status": "completed",
        "content": [
            {"type": "output_text", "text": "said", "annotations": []},
            {"type": "refusal", "refusal": "no"},
        ],
    },
    {"type": "reasoning", "id": "i", "summary": [{"type": "summary_text", "text": "so"}]},
    {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "c"},
    {"type": "custom_tool_call", "name": "f", "input": "x", "call_id": "c"},
    {
        "type": "shell_call", "id": "i", "call_id": "c", "status": "completed",
        "action": {"commands": ["ls", "pwd"]},
    },
]  # fmt: skip
FOUND = [
    ("content 0 text", "said", True),
    ("content 1 refusal", "no", True),
    ("summary 0 text", "so", True),
    ("arguments", "{}", False),
    ("input", "x", False),
    ("command 0", "ls", False),
    ("command 1", "pwd", False),
]


def test_a_finished_response_names_its_texts_as_they_grew() -> None:
    """Every text in a finished item, and in a finished response, is whole in its own channel."""
    response = {
        "id": "r", "created_at": 0, "model": "m", "object": "response", "output": ITEMS,
        "parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "status": "completed",
    }  # fmt: skip
    content = ResponseCompletedEvent.model_validate(
        {"type": "response.completed", "response": response, "sequence_number": 1}
    ).model_dump(mode="json")
    whole = slots(Event(None, content))
    assert [(slot.channel.partition(" ")[2][2:], text) for slot, text in whole] == [
        (name, text) for name, text, _ in FOUND
    ]
    in_items = []
    for index, item in enumerate(ITEMS):
        done = ResponseOutputItemDoneEvent.model_validate(
            {
                "type": "response.output_item.done", "output_index": index, "item": item,
                "sequence_number": 1,
            }
        )  # fmt: skip
        in_items += slots(Event(None, done.model_dump(mode="json")))
    assert [slot.channel for slot, _ in in_items] == [slot.channel for slot, _ in whole]
    assert [slot.answer for slot, _ in in_items] == [answer for _, _, answer in FOUND]
    assert not any(slot.growing for slot, _ in [*whole, *in_items])


def test_an_item_ends_all_that_grew_in_it_and_no_other() -> None:
    """With an item its texts end; texts of another item go on, also of one named alike."""
    form = ResponsesForm()
    for index in (1, 10):
        event = made("response.output_text.delta", delta="a", output_index=index)
        form.slots(event)
        form.ended(event)
    end = Event(None, {"type": "response.output_item.done", "output_index": 1, "item": {}})
    form.slots(end)
    assert form.ended(end) == ["output 1 content 2 text"]


@pytest.mark.parametrize("last", ["response.completed", "response.failed", "error"])
def test_the_end_of_a_response_ends_everything(last: str) -> None:
    """After the last event nothing is waited for."""
    assert ResponsesForm().ended(Event(None, {"type": last})) == ["*"]


def test_the_next_response_of_a_connection_begins_anew() -> None:
    """On a connection that lives on, the texts of the next response have names of their own."""
    form = ResponsesForm()
    names: list[str] = []
    begin = Event(None, {"type": "response.created"})
    for _ in range(3):
        form.slots(begin)
        assert form.ended(begin) == ([names[-1]] if names else [])
        delta = made("response.output_text.delta", delta="a")
        (slot,) = form.slots(delta)
        names.append(slot.channel)
        assert form.ended(delta) == []
    assert len(set(names)) == 3


def test_responses_on_one_connection_are_kept_apart() -> None:
    """Texts of two responses at once do not mix, and one's end does not end the other's."""
    form = ResponsesForm()
    channels = []
    for stream in ("a", "b"):
        event = made("response.output_text.delta", delta=stream)
        (slot,) = form.slots(Event(None, {**event.content, "stream_id": stream}))
        channels.append(slot.channel)
    assert channels[0] != channels[1]
    end = Event(None, {"type": "response.completed", "stream_id": "a"})
    form.slots(end)
    assert form.ended(end) == [channels[0]]


def test_a_delta_of_an_unknown_event_is_held() -> None:
    """What an SDK of tomorrow streams grows as one text, so that no value passes in pieces."""
    form = ResponsesForm()
    place = {"output_index": 0, "item_id": "i"}
    for delta in ("sk-", {"text": "sk-", "count": 4}):
        event = Event(None, {"type": "response.dream.delta", "delta": delta, **place})
        (slot,) = form.slots(event)
        assert (slot.growing, slot.answer, at(event, slot)) == (True, False, "sk-")
        assert not form.ended(event)
    end = Event(None, {"type": "response.dream.done", **place})
    assert not form.slots(end)
    assert len(form.ended(end)) == 2
    assert not form.ended(Event(None, {"type": "response.dream.begun", **place}))


@pytest.mark.parametrize("name", [name for name in CLASSES if name.endswith(".delta")])
def test_an_event_carries_on_a_text_and_says_nothing_else(name: str) -> None:
    """What was held back comes in an event like the last one, without what stood beside it."""
    form = ResponsesForm()
    parts = name == "response.shell_call_output_content.delta"
    last = made(name, delta={"stdout": "", "stderr": ""} if parts else "")
    last.content.update({"obfuscation": "xyz", "logprobs": [{"token": "sk-"}]})
    for slot in form.slots(last):
        carried = form.carrying(slot.channel, "held", last)
        (again,) = [each for each in form.slots(carried) if at(carried, each)]
        assert (again, at(carried, again)) == (slot, "held")
        assert "sk-" not in str(carried)
        assert carried.content["type"] == name
        CLASSES[name].model_validate({**PLACE, **carried.content})
    with pytest.raises(LookupError):
        form.carrying("another", "held", last)


def test_an_event_of_strange_content_has_no_texts() -> None:
    """Members of other types than the API's are no texts, and no reason to fail."""
    for content in (
        {},
        {"type": 4, "delta": 5},
        {"type": "response.output_text.delta", "delta": ["x"]},
        {"type": "response.completed", "response": "x"},
        {"type": "response.completed", "response": {"output": [4, {"content": "x"}]}},
        {"type": "response.output_item.done", "item": {"summary": [{"text": 4}]}},
    ):
        form = ResponsesForm()
        assert not form.slots(Event(None, content))
        form.ended(Event(None, content))


def grown(form: ResponsesForm, events: Iterable[Any]) -> tuple[dict[str, str], dict[str, set[str]]]:
    """Return what grew in each channel of a stream, and which whole texts it had."""
    texts: defaultdict[str, str] = defaultdict(str)
    wholes: defaultdict[str, set[str]] = defaultdict(set)
    for each in events:
        event = Event(each.type, each.to_dict(mode="json"))
        for slot in form.slots(event):
            if slot.growing:
                texts[slot.channel] += at(event, slot)
            else:
                wholes[slot.channel].add(at(event, slot))
        form.ended(event)
    return dict(texts), {name: found - {""} for name, found in wholes.items()}


@pytest.mark.parametrize(
    "answer",
    [
        Answer(content="[[EMAIL:7KQ2M4XA]] said hello", reasoning="to think is to be", cut=1),
        Answer(refusal="that I will not do", cut=5),
        Answer(tool_calls=(ToolRequest("f", {"a": "b" * 20}), ToolRequest("g", {})), cut=3),
    ],
    ids=["said", "refused", "called"],
)
def test_what_grew_is_what_is_repeated_whole(answer: Answer) -> None:
    """Over a real stream every channel's pieces make up the whole texts of the same name."""
    with (
        LoopbackProvider(lambda _: answer) as provider,
        OpenAI(base_url=provider.base_url, api_key="k", max_retries=0) as client,
        client.responses.create(model="m", input="hi", stream=True) as stream,
    ):
        texts, wholes = grown(ResponsesForm(), stream)
    assert len(texts) == (2 if answer.refusal is None else 1)
    assert {name: {text} for name, text in texts.items()} == wholes
