# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The answers of the loopback provider."""

from typing import Any

import pytest

from agentguard.testing.answers import (
    Answer,
    ToolRequest,
    answer_body,
    echo,
    failure,
    redirect,
)


def body(answer: Answer) -> dict[str, Any] | None:
    """Return the JSON body that stands for an answer."""
    request = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    return answer_body(answer, request, number=7, created=1)


def test_arguments_may_be_raw_text() -> None:
    """Raw text stands on the wire as it is, so that a test can send broken JSON."""
    made = body(Answer(tool_calls=(ToolRequest("t", '{"broken'), ToolRequest("t", {"a": 1}))))
    assert made is not None
    calls = made["choices"][0]["message"]["tool_calls"]
    assert [call["function"]["arguments"] for call in calls] == ['{"broken', '{"a": 1}']


def test_an_answer_without_tool_calls_has_no_such_field() -> None:
    """A plain answer has content, the reason ``stop`` and no tool_calls."""
    made = body(Answer("hello"))
    assert made is not None
    choice = made["choices"][0]
    assert choice["finish_reason"] == "stop"
    assert "tool_calls" not in choice["message"]


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "invalid_request_error"), (429, "rate_limit_error"), (503, "server_error")],
)
def test_a_failure_has_the_shape_of_an_api_error(status: int, kind: str) -> None:
    """A failure's body holds message, type, param and code, as the API's errors do."""
    made = body(failure(status, "told so"))
    assert made == {"error": {"message": "told so", "type": kind, "param": None, "code": None}}


def test_failure_headers_are_named_in_python() -> None:
    """Underscores in header names become hyphens."""
    assert failure(429, retry_after_ms="1").headers == {"retry-after-ms": "1"}


def test_a_redirect_has_no_body() -> None:
    """A redirect is a location and nothing else."""
    assert body(redirect("http://127.0.0.1:1/")) is None


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


def test_reprs_hold_no_content() -> None:
    """An answer shows neither what is said nor arguments nor headers."""
    answer = Answer("canary", (ToolRequest("t", {"canary": "canary"}),), headers={"x": "canary"})
    assert "canary" not in repr(answer)
