# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where the texts in the events of a streamed chat completion and completion are found."""

from collections import defaultdict
from typing import Any

import pytest
from openai import OpenAI
from openai.types import Completion
from openai.types.chat import ChatCompletionChunk
from openai.types.chat.chat_completion_chunk import (
    ChoiceDelta,
    ChoiceDeltaFunctionCall,
    ChoiceDeltaToolCall,
    ChoiceDeltaToolCallFunction,
)

from agentguard.integrations.openai.stream_chat import ChatForm, CompletionForm
from agentguard.redaction.streams import Event, Slot
from agentguard.testing import Answer, LoopbackProvider, ToolRequest

SECRET = "sk-proj-abc"


def chunk(*choices: dict[str, Any], **fields: Any) -> Event:
    """Return an event of a chat."""
    content = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m"}
    return Event(None, {**content, "choices": list(choices), **fields})


def choice(index: int = 0, finish_reason: str | None = None, **delta: Any) -> dict[str, Any]:
    """Return a choice of an event."""
    return {"index": index, "delta": delta, "finish_reason": finish_reason}


def calling(index: int, arguments: str, **fields: Any) -> dict[str, Any]:
    """Return a choice in which a tool is called."""
    call = {"index": index, "function": {"arguments": arguments}, **fields}
    return choice(tool_calls=[call])


def at(event: Event, slot: Slot) -> str:
    """Return the text of a slot."""
    value: Any = event.content
    for step in slot.pointer.split("/")[1:]:
        value = value[int(step)] if isinstance(value, list) else value[step]
    assert isinstance(value, str)
    return value


def run(form: ChatForm | CompletionForm, *events: Event) -> list[tuple[dict[str, str], list[str]]]:
    """Return the texts by channel, and what ended, of every event."""
    steps = []
    for event in events:
        texts = {slot.channel: at(event, slot) for slot in form.slots(event)}
        steps.append((texts, list(form.ended(event))))
    return steps


def test_every_text_of_a_choice_grows_on_its_own() -> None:
    """Choices, contents, refusals and thoughts are channels; the user reads all of them."""
    form = ChatForm()
    event = chunk(
        choice(0, role="assistant", content="a", refusal="b"),
        choice(1, content="c", reasoning_content="d"),
    )
    slots = form.slots(event)
    assert {slot.channel: at(event, slot) for slot in slots} == {
        "choice 0 content": "a",
        "choice 0 refusal": "b",
        "choice 1 content": "c",
        "choice 1 reasoning_content": "d",
    }
    assert all(slot.growing and slot.answer for slot in slots)


def test_the_arguments_of_a_call_are_no_answer() -> None:
    """What tools get keeps its placeholders, in every form of a call."""
    custom = {"index": 1, "id": "2", "type": "custom", "custom": {"name": "c", "input": "x"}}
    function = {"index": 0, "id": "1", "function": {"name": "f", "arguments": "{}"}}
    form = ChatForm()
    event = chunk(
        choice(tool_calls=[function, custom], function_call={"name": "f", "arguments": "[]"})
    )
    slots = form.slots(event)
    assert {slot.channel: at(event, slot) for slot in slots} == {
        "choice 0 function_call/arguments": "[]",
        "choice 0 tool_calls 0 1 function/arguments": "{}",
        "choice 0 tool_calls 1 2 custom/input": "x",
    }
    assert all(slot.growing and not slot.answer for slot in slots)


def test_every_member_that_the_sdk_adds_up_is_known() -> None:
    """A text that a new SDK adds to a delta is seen here before a user streams it."""
    known = {"audio", "content", "function_call", "refusal", "role", "tool_calls"}
    assert set(ChoiceDelta.model_fields) <= known
    assert set(ChoiceDeltaToolCall.model_fields) <= {"function", "id", "index", "type"}
    for kind in (ChoiceDeltaFunctionCall, ChoiceDeltaToolCallFunction):
        assert set(kind.model_fields) <= {"arguments", "name"}


def test_an_unknown_text_of_a_delta_is_held() -> None:
    """What a server adds to the API grows as one text, so that no value passes in pieces."""
    form = ChatForm()
    for half in (SECRET[:5], SECRET[5:]):
        event = chunk(choice(dream=half, details=[{"type": "t", "text": half}], odd={"a/b": half}))
        slots = form.slots(event)
        assert [slot.channel for slot in slots] == [
            "choice 0 dream", "choice 0 details/0/text", "choice 0 odd/a~1b",
        ]  # fmt: skip
        assert not any(slot.answer for slot in slots)


def test_a_choice_ends_with_its_reason() -> None:
    """The event with the reason ends the texts of its choice, those in it included."""
    steps = run(
        ChatForm(),
        chunk(choice(0, content="a"), choice(1, content="b"), choice(10, content="c")),
        chunk(choice(1, "stop", refusal="d")),
        chunk(choice(1, content=""), usage={"total_tokens": 4}),
        chunk(usage={"total_tokens": 4}),
    )
    assert [ended for _, ended in steps] == [[], ["choice 1 content", "choice 1 refusal"], [], []]


def test_a_call_ends_where_the_next_begins() -> None:
    """The arguments of a call are complete when another call begins, or with the choice."""
    steps = run(
        ChatForm(),
        chunk(calling(0, "", id="1", type="function")),
        chunk(calling(0, "{")),
        chunk(calling(0, "}")),
        chunk(calling(1, "", id="2", type="function")),
        chunk(calling(1, "{}")),
        chunk(choice(0, "tool_calls")),
    )
    first, second = (f"choice 0 tool_calls {call} function/arguments" for call in ("0 1", "1 2"))
    assert [ended for _, ended in steps] == [[], [], [], [first], [], [second]]
    assert [list(texts) for texts, _ in steps][:5] == [[first]] * 3 + [[second]] * 2


def test_calls_with_one_index_are_told_apart_by_their_ids() -> None:
    """Servers that number no calls do not make two calls into one."""
    steps = run(
        ChatForm(),
        chunk(calling(0, '{"a":1}', id="1")),
        chunk(calling(0, '{"b":2}', id="2")),
        chunk(
            {"index": 0, "delta": {"tool_calls": [{"id": "3", "function": {"arguments": "{}"}}]}}
        ),
    )
    channels = [channel for texts, _ in steps for channel in texts]
    assert len(set(channels)) == 3


def test_an_event_carries_on_a_text_and_says_nothing_else() -> None:
    """What was held back comes in an event of the SDK, without what stood beside it."""
    form = ChatForm()
    last = chunk(
        {**choice(0, content="x"), "index": 0},
        {
            "index": 3,
            "delta": {
                "role": "assistant",
                "content": "",
                "tool_calls": [
                    {"index": 0, "id": "1", "type": "function", "function": {"arguments": ""}},
                    {"index": 4, "id": "2", "function": {"name": "f", "arguments": ""}},
                ],
            },
            "finish_reason": "stop",
            "logprobs": {"content": [{"token": SECRET}]},
        },
        usage={"total_tokens": 4},
        obfuscation="xyz",
    )
    slots = {slot.channel: slot for slot in form.slots(last)}
    content = form.carrying("choice 3 content", "held", last)
    assert content.content["choices"] == [
        {"index": 3, "delta": {"content": "held"}, "finish_reason": None, "logprobs": None}
    ]
    (arguments,) = [name for name in slots if " 4 2 " in name]
    carried = form.carrying(arguments, "held", last)
    assert carried.content["choices"][0]["delta"] == {
        "tool_calls": [{"index": 4, "function": {"arguments": "held"}}]
    }
    for event in (content, carried):
        assert set(event.content) == {"id", "object", "created", "model", "choices"}
        ChatCompletionChunk.model_validate(event.content)
    with pytest.raises(LookupError):
        form.carrying("another", "held", last)


def test_a_text_is_carried_on_after_later_calls() -> None:
    """The end of an early call may be written when a later call with its index has begun."""
    form = ChatForm()
    early = chunk(calling(0, "", id="1"))
    (slot,) = form.slots(early)
    form.slots(chunk(calling(0, "", id="2")))
    carried = form.carrying(slot.channel, "{}", early)
    assert carried.content["choices"][0]["delta"]["tool_calls"][0]["function"] == {
        "arguments": "{}"
    }


STRANGE: list[dict[str, Any]] = [
    {},
    {"choices": None},
    {"choices": [4, {"delta": None}, {"delta": "x"}, {"delta": {"tool_calls": ["f"]}}]},
    {"error": {"message": "no"}},
]


@pytest.mark.parametrize("form", [ChatForm, CompletionForm])
@pytest.mark.parametrize("content", STRANGE)
def test_an_event_of_strange_content_has_no_texts(content: dict[str, Any], form: Any) -> None:
    """Members of other types than the API's are no texts, and no reason to fail."""
    assert run(form(), Event(None, content)) == [({}, [])]


def test_a_completion_grows_by_choice() -> None:
    """Each choice of a completion is one text for the user that ends with its reason."""
    form = CompletionForm()
    event = Event(
        None,
        {
            "id": "c", "object": "text_completion", "created": 0, "model": "m",
            "choices": [
                {"index": 0, "text": "a", "finish_reason": None, "logprobs": {"tokens": ["a"]}},
                {"index": 1, "text": "b", "finish_reason": "stop"},
            ],
        },
    )  # fmt: skip
    slots = form.slots(event)
    assert [(slot.channel, slot.growing, slot.answer) for slot in slots] == [
        ("choice 0 text", True, True),
        ("choice 1 text", True, True),
    ]
    assert form.ended(event) == ["choice 1 text"]
    carried = form.carrying("choice 0 text", "held", event)
    assert carried.content["choices"] == [
        {"index": 0, "text": "held", "finish_reason": None, "logprobs": None}
    ]
    Completion.model_validate({**carried.content, "choices": []})
    with pytest.raises(LookupError):
        form.carrying("choice 2 text", "held", event)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(content="[[EMAIL:7KQ2M4XA]] hi", cut=1), ["[[EMAIL:7KQ2M4XA]] hi"]),
        (Answer(refusal="no, never", cut=2), ["no, never"]),
        (
            Answer(tool_calls=(ToolRequest("f", {"a": "b"}), ToolRequest("g", {})), cut=2),
            ['{"a": "b"}', "{}"],
        ),
    ],
    ids=["said", "refused", "called"],
)
def test_a_real_stream_grows_and_ends_whole(answer: Answer, expected: list[str]) -> None:
    """Over a real stream the pieces of each text make up the whole, and each text ends once."""
    form = ChatForm()
    texts: defaultdict[str, str] = defaultdict(str)
    ended: list[str] = []
    with (
        LoopbackProvider(lambda _: answer) as provider,
        OpenAI(base_url=provider.base_url, api_key="k", max_retries=0) as client,
    ):
        messages: Any = [{"role": "user", "content": "hi"}]
        for each in client.chat.completions.create(model="m", messages=messages, stream=True):
            event = Event(None, each.to_dict(mode="json"))
            for slot in form.slots(event):
                texts[slot.channel] += at(event, slot)
            ended += form.ended(event)
    assert [text.replace(" ", "") for text in texts.values() if text] == [
        text.replace(" ", "") for text in expected
    ]
    assert sorted(ended) == sorted(texts)


def test_a_real_completion_grows_and_ends_whole() -> None:
    """Over a real stream of a completion the pieces make up the whole text."""
    form, text = CompletionForm(), ""
    ended: list[str] = []
    with (
        LoopbackProvider(lambda _: Answer(content="once upon a time", cut=3)) as provider,
        OpenAI(base_url=provider.base_url, api_key="k", max_retries=0) as client,
    ):
        for each in client.completions.create(model="m", prompt="tell", stream=True):
            event = Event(None, each.to_dict(mode="json"))
            text += "".join(at(event, slot) for slot in form.slots(event))
            ended += form.ended(event)
    assert (text, ended) == ("once upon a time", ["choice 0 text"])
