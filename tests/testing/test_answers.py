# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The answers of the loopback provider."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentguard.testing.answers import Answer, ToolRequest, echo, failure
from agentguard.testing.error_bodies import anthropic_error, openai_error
from agentguard.testing.openai_api.chat import chat_body


def body(answer: Answer) -> dict[str, Any]:
    """Return the JSON body that stands for an answer of chat completions."""
    request = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    return chat_body(answer, request, number=7, created=1)


def test_arguments_may_be_raw_text() -> None:
    """Raw text stands on the wire as it is, so that a test can send broken JSON."""
    made = body(Answer(tool_calls=(ToolRequest("t", '{"broken'), ToolRequest("t", {"a": 1}))))
    calls = made["choices"][0]["message"]["tool_calls"]
    assert [call["function"]["arguments"] for call in calls] == ['{"broken', '{"a": 1}']


def test_an_answer_without_tool_calls_has_no_such_field() -> None:
    """A plain answer has content, the reason ``stop`` and no tool_calls."""
    choice = body(Answer("hello"))["choices"][0]
    assert choice["finish_reason"] == "stop"
    assert "tool_calls" not in choice["message"]


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "invalid_request_error"), (429, "rate_limit_error"), (503, "server_error")],
)
def test_an_error_of_openai_has_its_shape(status: int, kind: str) -> None:
    """An error's body holds message, type, param and code, as the API's errors do."""
    made = openai_error(status, "told so")
    assert made == {"error": {"message": "told so", "type": kind, "param": None, "code": None}}


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "invalid_request_error"), (529, "overloaded_error"), (500, "api_error")],
)
def test_an_error_of_anthropic_has_its_shape(status: int, kind: str) -> None:
    """An error's body says that it is one and holds type and message."""
    made = anthropic_error(status, "told so")
    assert made == {"type": "error", "error": {"type": kind, "message": "told so"}}


def test_failure_headers_are_named_in_python() -> None:
    """Underscores in header names become hyphens."""
    assert failure(429, retry_after_ms="1").headers == {"retry-after-ms": "1"}


def test_echo_gives_the_last_user_text() -> None:
    """The echo answers with the last user message, its text parts joined, or nothing."""
    parts = [{"type": "text", "text": "a"}, {"type": "image_url"}, {"type": "text", "text": "b"}]
    messages = [
        {"role": "user", "content": "first"},
        {"role": "user", "content": parts},
        {"role": "assistant", "content": "no"},
    ]
    assert echo({"messages": messages}).content == "ab"
    assert echo({"messages": [{"role": "system", "content": "s"}]}).content == ""


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"input": "a"}, "a"),
        ({"input": [{"role": "user", "content": [{"type": "input_text", "text": "a"}]}]}, "a"),
        ({"prompt": "a"}, "a"),
        ({"prompt": ["a", "b"]}, "b"),
        ({"prompt": [1, 2]}, ""),
        ({}, ""),
    ],
)
def test_echo_understands_every_api(request_: dict[str, Any], said: str) -> None:
    """The echo finds the user's text in the requests of every API."""
    assert echo(request_).content == said


@given(st.text(), st.integers(min_value=1, max_value=9))
def test_deltas_are_the_text(text: str, cut: int) -> None:
    """The deltas of a text are the text in pieces of the wanted size."""
    deltas = Answer(text, cut=cut).text_deltas()
    assert "".join(deltas) == text
    assert all(len(delta) == cut for delta in deltas[:-1])


def test_pieces_are_the_content() -> None:
    """An answer given in pieces says them in one where it is not streamed."""
    answer = Answer(pieces=("a", "", "b"))
    assert answer.text == "ab"
    assert answer.text_deltas() == ("a", "", "b")


@pytest.mark.parametrize(
    "wrong", [{"cut": 0}, {"chunk_bytes": 0}, {"pieces": ("a",), "content": "b"}]
)
def test_an_answer_that_cannot_be_said_is_refused(wrong: dict[str, Any]) -> None:
    """A cut into nothing, and pieces of another content, raise when the answer is made."""
    with pytest.raises(ValueError, match=r"at least one|must be the content"):
        Answer(**wrong)


def test_reprs_hold_no_content() -> None:
    """An answer shows neither what is said nor arguments nor headers."""
    answer = Answer(
        "canary",
        (ToolRequest("t", {"canary": "canary"}),),
        headers={"x": "canary"},
        refusal="canary",
        reasoning="canary",
        body={"canary": "canary"},
        pieces=("can", "ary"),
        events=({"type": "canary"},),
    )
    assert "canary" not in repr(answer)
