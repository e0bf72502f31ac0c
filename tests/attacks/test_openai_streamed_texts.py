# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A model streams a value so that no single event holds it.

The stories are of the forms: in which member of which event a value hides, and what the check of
the stream makes of it. Every stream goes through the SDK's own types or the loopback provider.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from openai import OpenAI

from agentguard.classification import BUILT_IN_CLASSES, build_classifier
from agentguard.integrations.openai.stream_chat import ChatForm, CompletionForm
from agentguard.integrations.openai.stream_responses import ResponsesForm
from agentguard.redaction import Vault
from agentguard.redaction.answer_text import AnswerWithheld
from agentguard.redaction.streams import Event, Released, StreamCheck
from agentguard.testing import Answer, LoopbackProvider, ToolRequest
from agentguard.vocabulary import Action, DataClass

SECRET = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
EMAIL = "jane.doe@customers.example"
MESSAGES: Any = [{"role": "user", "content": "hi"}]


class Checked:
    """A check of one stream, and all that it released."""

    def __init__(self, form: Any, **changed: DataClass) -> None:
        classes: Mapping[str, DataClass] = {each.name: each for each in BUILT_IN_CLASSES}
        self.vault = Vault(b"k" * 32)
        email = classes["email"]
        self.placeholder = self.vault.issue(
            data_class=email, value=EMAIL, reversible=True, source="t"
        )
        self.check = StreamCheck(
            form,
            find=build_classifier().findings,
            classes={**classes, **changed},
            vault=self.vault,
        )
        self.released: list[Released] = []

    def take(self, events: Iterable[Event]) -> "Checked":
        """Check a whole stream."""
        for event in events:
            self.released += self.check.feed(event)
        self.released += self.check.finish()
        return self

    @property
    def everything(self) -> str:
        """Every text that was released, in either view."""
        return json.dumps([[each.crossed.content, each.shown.content] for each in self.released])


def chat(*deltas: Mapping[str, Any]) -> list[Event]:
    """Return a stream of one choice."""
    return [
        Event(None, {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
        for delta, reason in [*((delta, None) for delta in deltas), ({}, "stop")]
    ]


def calls(*pieces: str, **fields: Any) -> list[dict[str, Any]]:
    """Return deltas of the arguments of one call."""
    return [
        {"tool_calls": [{"index": 0, **fields, "function": {"arguments": piece}}]}
        for piece in pieces
    ]


def response(*events: tuple[str, Mapping[str, Any]]) -> list[Event]:
    """Return a stream of events of one response, each of its first item."""
    place = {"output_index": 0, "item_id": "i", "content_index": 0}
    return [Event(kind, {"type": f"response.{kind}", **place, **each}) for kind, each in events]


CUTS = range(1, len(SECRET))


@pytest.mark.parametrize("cut", CUTS)
def test_a_secret_is_cut_in_two_anywhere(cut: int) -> None:
    """No half of a secret that stands in two events is released, in any form of stream."""
    halves = (SECRET[:cut], SECRET[cut:])
    completion = [
        Event(None, {"choices": [{"index": 0, "text": half, "finish_reason": None}]})
        for half in halves
    ]
    streams: list[tuple[Any, list[Event]]] = [
        (ChatForm(), chat(*({"content": half} for half in halves))),
        (ChatForm(), chat(*calls(*halves, id="1"))),
        (ChatForm(), chat(*({"thoughts": [{"text": half}]} for half in halves))),
        (CompletionForm(), completion),
        (ResponsesForm(), response(*(("output_text.delta", {"delta": half}) for half in halves))),
        (ResponsesForm(), response(*(("mcp_call_arguments.delta", {"delta": h}) for h in halves))),
        (ResponsesForm(), response(*(("dream.delta", {"delta": half}) for half in halves))),
        (
            ResponsesForm(),
            response(
                *(
                    ("shell_call_output_content.delta", {"delta": {"stdout": half}})
                    for half in halves
                )
            ),
        ),
    ]
    for form, events in streams:
        checked = Checked(form).take(events)
        assert SECRET not in checked.everything.replace('", "', "")
        assert SECRET[:8] not in checked.everything
        assert SECRET[-8:] not in checked.everything
        assert "[[" in checked.everything


def test_a_value_is_cut_by_the_end_of_its_text() -> None:
    """A text that goes on after its end would be checked in halves; the stream is withheld."""
    first, second = SECRET[:12], SECRET[12:]
    streams: list[tuple[Any, list[Event]]] = [
        (ChatForm(), [*chat({"content": first}), *chat({"content": second})]),
        (
            ChatForm(),
            chat(
                *calls(first, id="1"),
                {"tool_calls": [{"index": 1, "id": "2", "function": {"arguments": ""}}]},
                *calls(second, id="1"),
            ),
        ),
        (
            ResponsesForm(),
            response(
                ("output_text.delta", {"delta": first}),
                ("output_text.done", {"text": first}),
                ("output_text.delta", {"delta": second}),
            ),
        ),
        (
            ResponsesForm(),
            response(
                ("output_text.delta", {"delta": first}),
                ("completed", {"response": {}}),
                ("output_text.delta", {"delta": second}),
            ),
        ),
    ]
    for form, events in streams:
        checked = Checked(form)
        with pytest.raises(AnswerWithheld):
            checked.take(events)
        assert second not in checked.everything


def test_a_server_numbers_two_calls_alike() -> None:
    """The arguments of two calls that share an index stay those of two calls."""
    events = chat(*calls('{"a":1}', id="1"), *calls('{"b":2}', id="2"))
    checked = Checked(ChatForm()).take(events)
    shown = [
        call["function"]["arguments"]
        for each in checked.released
        for call in each.shown.content["choices"][0]["delta"].get("tool_calls", ())
    ]
    assert shown == ['{"a":1}', '{"b":2}']


def test_arguments_spell_a_secret_in_escapes() -> None:
    """A secret written in JSON escapes is found where the arguments are whole."""
    escaped = "".join(f"\\u{ord(character):04x}" for character in SECRET)
    for form, events in (
        (ChatForm(), chat(*calls('{"a":"', escaped, '"}', id="1"))),
        (
            ResponsesForm(),
            response(
                ("function_call_arguments.delta", {"delta": f'{{"a":"{escaped[:20]}'}),
                ("function_call_arguments.delta", {"delta": f'{escaped[20:]}"}}'}),
                ("function_call_arguments.done", {"arguments": f'{{"a":"{escaped}"}}'}),
            ),
        ),
    ):
        checked = Checked(form).take(events)
        assert escaped[6:] not in checked.everything.replace("\\\\", "\\")
        assert SECRET not in checked.everything
        assert "[[" in checked.everything


def test_a_blocked_class_stops_a_stream_before_its_event() -> None:
    """Nothing of a class that is blocked in answers is released, and nothing after it."""
    blocked = DataClass(
        name="api_key", family="secret", action=Action.BLOCK, in_answers=Action.BLOCK
    )
    for form, events in (
        (ChatForm(), chat({"content": "so: "}, {"content": SECRET}, {"content": " it is"})),
        (ResponsesForm(), response(("output_item.done", {"item": {"arguments": SECRET}}))),
    ):
        names = {each.data_class for each in build_classifier().findings(SECRET)}
        classes = {name: replace(blocked, name=name) for name in names}
        checked = Checked(form, **classes)
        with pytest.raises(AnswerWithheld):
            checked.take(events)
        assert SECRET not in checked.everything
        assert "it is" not in checked.everything


@pytest.mark.parametrize("cut", [1, 3, 7, 100])
def test_a_placeholder_is_cut_anywhere_on_the_way(cut: int) -> None:
    """Over real streams the user reads the value, an observer the placeholder, however cut."""
    with LoopbackProvider() as provider, OpenAI(base_url=provider.base_url, api_key="k") as client:
        starts: tuple[tuple[Any, Any], ...] = (
            (ChatForm(), client.chat.completions.create),
            (ResponsesForm(), client.responses.create),
        )
        for form, start in starts:
            checked = Checked(form)
            provider.script(
                [
                    Answer(
                        content=f"Write to {checked.placeholder} now.",
                        tool_calls=(ToolRequest("f", {"to": checked.placeholder}),),
                        cut=cut,
                    )
                ]
            )
            asked: Any = {"messages": MESSAGES} if isinstance(form, ChatForm) else {"input": "hi"}
            stream: Any = start(model="m", stream=True, **asked)
            checked.take(
                Event(getattr(each, "type", None), each.to_dict(mode="json")) for each in stream
            )
            texts = [
                ("".join(_answer_texts(each)), "".join(_arguments(each)))
                for each in (
                    [released.crossed for released in checked.released],
                    [released.shown for released in checked.released],
                )
            ]
            (crossed, crossed_arguments), (shown, shown_arguments) = texts
            assert crossed == f"Write to {checked.placeholder} now."
            assert shown == f"Write to {EMAIL} now."
            assert crossed_arguments == shown_arguments
            assert json.loads(shown_arguments) == {"to": checked.placeholder}


def _answer_texts(events: Iterable[Event]) -> Iterable[str]:
    for event in events:
        if event.content.get("type") == "response.output_text.delta":
            yield event.content["delta"]
        for choice in event.content.get("choices", ()):
            yield choice["delta"].get("content") or ""


def _arguments(events: Iterable[Event]) -> Iterable[str]:
    for event in events:
        if event.content.get("type") == "response.function_call_arguments.delta":
            yield event.content["delta"]
        for choice in event.content.get("choices", ()):
            for call in choice["delta"].get("tool_calls") or ():
                yield call["function"].get("arguments") or ""
