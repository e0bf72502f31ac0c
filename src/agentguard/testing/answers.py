# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does the loopback provider answer?

The answers that a test can ask for, whatever the API in which they are said.
How an answer stands on the wire is written per API in ``openai_api`` and ``anthropic_api``.

INVARIANT: a repr holds no content (tests/testing/test_answers.py).
INVARIANT: the deltas of a text, put together, are the text (tests/testing/test_answers.py).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, TypeAlias


class StreamEnd(StrEnum):
    """How a stream ends.

    All but the first end it after ``Answer.end_after`` events.
    """

    COMPLETE = "complete"
    BREAK = "break"
    """The connection is closed in the middle of the body."""
    ERROR = "error"
    """An error event is sent, in the shape of the API, and the stream is over."""
    ENDLESS = "endless"
    """The last event is sent again and again until the client closes."""
    STALL = "stall"
    """Nothing more is sent, and the connection stays open until the client closes."""


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
        refusal: what the model says instead, where the API has a place for refusals.
        reasoning: the summary of its reasoning, where the API has a place for it.
        body: sent as it is in place of what the API would say; an object is sent as JSON.
        pieces: the deltas of the content in a stream; without ``content`` they are the content.
        cut: how many characters a delta has where no pieces are given.
        events: sent in a stream in place of the answer's own; bytes are sent as they are.
        chunk_bytes: the body of a stream goes out in chunks of so many bytes, wherever events
            and characters begin; None for one chunk an event.
        ending: how a stream ends.
        end_after: after how many events it ends, if it does not end complete; None for half.
        pause: how long the provider waits before each chunk of a stream.
    """

    content: str | None = field(default=None, repr=False)
    tool_calls: tuple[ToolRequest, ...] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    delay: timedelta = timedelta(0)
    drop: bool = False
    refusal: str | None = field(default=None, repr=False, kw_only=True)
    reasoning: str | None = field(default=None, repr=False, kw_only=True)
    body: Any = field(default=None, repr=False, kw_only=True)
    pieces: tuple[str, ...] = field(default=(), repr=False, kw_only=True)
    cut: int = field(default=4, kw_only=True)
    events: tuple[Mapping[str, Any] | bytes, ...] = field(default=(), repr=False, kw_only=True)
    chunk_bytes: int | None = field(default=None, kw_only=True)
    ending: StreamEnd = field(default=StreamEnd.COMPLETE, kw_only=True)
    end_after: int | None = field(default=None, kw_only=True)
    pause: timedelta = field(default=timedelta(0), kw_only=True)

    def __post_init__(self) -> None:
        if self.cut < 1 or (self.chunk_bytes is not None and self.chunk_bytes < 1):
            raise ValueError("a delta and a chunk hold at least one character or byte")
        if self.pieces and self.content not in (None, "".join(self.pieces)):
            raise ValueError("the pieces must be the content")

    @property
    def text(self) -> str | None:
        """What the model says, in one piece."""
        return "".join(self.pieces) if self.pieces else self.content

    def text_deltas(self) -> tuple[str, ...]:
        """Return the deltas of what the model says."""
        return self.pieces or self.deltas(self.content or "")

    def deltas(self, text: str) -> tuple[str, ...]:
        """Return *text* cut into deltas."""
        return tuple(text[at : at + self.cut] for at in range(0, len(text), self.cut))


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
    """Answer with the last text of the user, in whichever API the request is made.

    That is the last user message of ``messages`` or of ``input``, or the ``prompt``.
    """
    turns = request.get("messages") or request.get("input") or request.get("prompt") or ""
    if isinstance(turns, str):
        return Answer(content=turns)
    for turn in reversed(turns):
        if isinstance(turn, str):
            return Answer(content=turn)
        if isinstance(turn, Mapping) and turn.get("role") == "user":
            return Answer(content=message_text(turn))
    return Answer(content="")


def message_text(message: Mapping[str, Any]) -> str:
    """Return the text of a message, its text parts joined."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content or ())
