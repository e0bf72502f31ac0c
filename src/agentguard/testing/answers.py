# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does the loopback provider answer?

The answers that a test can ask for, and the JSON bodies that stand for them on the wire.
It neither listens nor decides which answer comes next.

INVARIANT: a repr holds no content (tests/testing/test_answers.py).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Any, TypeAlias

CHARACTERS_A_TOKEN = 4


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """A call of a function tool that the answer asks for.

    Attributes:
        name: the tool's name.
        arguments: an object, or the raw text that stands in its place, valid JSON or not.
    """

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict, repr=False)

    @property
    def text(self) -> str:
        """The arguments as they stand on the wire."""
        if isinstance(self.arguments, str):
            return self.arguments
        return json.dumps(dict(self.arguments))


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the provider.

    Attributes:
        content: what the model says; for a failure, the message of the error.
        tool_calls: the tools that the model asks for.
        status: the HTTP status; from 400 on the body is an error, from 300 on it is empty.
        headers: further response headers, such as ``location`` and ``retry-after``.
        delay: how long the provider waits before it answers.
        drop: close the connection instead of answering.
    """

    content: str | None = field(default=None, repr=False)
    tool_calls: tuple[ToolRequest, ...] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    delay: timedelta = timedelta(0)
    drop: bool = False


Responder: TypeAlias = Callable[[Mapping[str, Any]], Answer]
"""Gives the answer to the parsed body of one valid request."""


def failure(status: int, message: str = "", **headers: str) -> Answer:
    """Return an error answer.

    Args:
        status: the HTTP status, such as 429 or 500.
        message: what the error says.
        headers: response headers with underscores for hyphens, such as ``retry_after="0"``.
    """
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(content=message or None, status=status, headers=named)


def redirect(url: str, status: int = 307) -> Answer:
    """Return an answer that sends the client to *url* with the same verb and body."""
    return Answer(status=status, headers={"location": url})


def dropped() -> Answer:
    """Return an answer that closes the connection without a byte."""
    return Answer(drop=True)


def echo(request: Mapping[str, Any]) -> Answer:
    """Answer with the text of the last user message."""
    for message in reversed(request["messages"]):
        if message["role"] == "user":
            return Answer(content=message_text(message))
    return Answer(content="")


def message_text(message: Mapping[str, Any]) -> str:
    """Return the text of a chat message, its text parts joined."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content or ())


def answer_body(
    answer: Answer, request: Mapping[str, Any], *, number: int, created: int
) -> dict[str, Any] | None:
    """Return the JSON body of *answer*, None where the status has no body.

    Args:
        answer: what is said.
        request: the request that it answers.
        number: counts the answers of one provider; the ids in the body are made of it.
        created: the time of the answer, seconds since the epoch.
    """
    if answer.status >= HTTPStatus.BAD_REQUEST:
        return error_body(answer.status, answer.content or "the provider was told to fail")
    if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
        return None
    choice = {
        "index": 0,
        "message": _message(answer, number),
        "logprobs": None,
        "finish_reason": "tool_calls" if answer.tool_calls else "stop",
    }
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": created,
        "model": request["model"],
        "choices": [choice],
        "usage": _usage(answer, request),
        "service_tier": "default",
        "system_fingerprint": None,
    }


def _message(answer: Answer, number: int) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": answer.content,
        "refusal": None,
        "annotations": [],
    }
    if answer.tool_calls:
        message["tool_calls"] = [
            {
                "id": f"call_{number}_{index}",
                "type": "function",
                "function": {"name": tool.name, "arguments": tool.text},
            }
            for index, tool in enumerate(answer.tool_calls)
        ]
    return message


def _usage(answer: Answer, request: Mapping[str, Any]) -> dict[str, int]:
    """Return a count of tokens that grows with the text; no tokeniser stands behind it."""
    said = len(answer.content or "") + sum(len(tool.text) for tool in answer.tool_calls)
    completion = 1 + said // CHARACTERS_A_TOKEN
    prompt = 1 + len(json.dumps(request["messages"])) // CHARACTERS_A_TOKEN
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def error_body(
    status: int, message: str, *, param: str | None = None, code: str | None = None
) -> dict[str, Any]:
    """Return an error as OpenAI's API shapes it."""
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        kind = "rate_limit_error"
    elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        kind = "server_error"
    else:
        kind = "invalid_request_error"
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
