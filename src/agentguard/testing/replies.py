# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does the loopback server write back?

A reply as it goes onto the wire: status, headers and a body, or a stream of events.
It knows neither an API nor how sockets are written.

INVARIANT: the chunks of a stream, put together, are its frames
(tests/testing/test_streams.py).
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from agentguard.testing.answers import Answer, StreamEnd


@dataclass(frozen=True, slots=True, kw_only=True)
class EventStream:
    """The body of a reply that is sent event by event.

    Attributes:
        frames: the events as bytes.
        chunk_bytes: how the bytes are cut into chunks; None for one chunk a frame.
        ending: what happens after the last frame.
        pause: how long to wait before each chunk.
    """

    frames: tuple[bytes, ...] = field(repr=False)
    chunk_bytes: int | None = None
    ending: StreamEnd = StreamEnd.COMPLETE
    pause: timedelta = timedelta(0)

    def chunks(self) -> Iterator[bytes]:
        """Yield what is written at once, without end for a stream that has none."""
        if self.chunk_bytes is None:
            yield from self.frames
        else:
            joined = b"".join(self.frames)
            size = self.chunk_bytes
            yield from (joined[at : at + size] for at in range(0, len(joined), size))
        while self.ending is StreamEnd.ENDLESS and self.frames:
            yield self.frames[-1]


@dataclass(frozen=True, slots=True)
class Reply:
    """What is written back.

    Attributes:
        status: the HTTP status.
        body: sent as it is if it is bytes, else as JSON; None for no body.
        headers: further headers.
        drop: close the connection instead of replying.
        stream: sent in place of the body.
    """

    status: int
    body: Any = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    drop: bool = False
    stream: EventStream | None = None

    @property
    def content(self) -> bytes:
        """The bytes of a body that is no stream."""
        if self.body is None or isinstance(self.body, bytes):
            return self.body or b""
        return json.dumps(self.body).encode()

    @property
    def content_type(self) -> str:
        """The media type of what is sent."""
        if self.stream is not None:
            return "text/event-stream; charset=utf-8"
        return "application/octet-stream" if isinstance(self.body, bytes) else "application/json"


def sse(content: Mapping[str, Any] | str, event: str | None = None) -> bytes:
    """Return one server-sent event; an object is sent as JSON, in UTF-8 and unescaped."""
    name = "" if event is None else f"event: {event}\n"
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    # A text of a test may hold half of a surrogate pair, which JSON can only escape.
    try:
        return f"{name}data: {text}\n\n".encode()
    except UnicodeEncodeError:
        return f"{name}data: {json.dumps(content)}\n\n".encode()


def typed(content: Mapping[str, Any]) -> bytes:
    """Return an event whose name is its type."""
    kind = content.get("type")
    return sse(content, kind if isinstance(kind, str) else None)


def stream_of(
    answer: Answer,
    frames: Iterable[bytes],
    *,
    failure: Mapping[str, Any],
    named: bool,
    last: bytes = b"",
) -> Reply:
    """Return the reply that streams an answer, its own events or the scripted ones.

    Args:
        answer: says how the stream is cut and how it ends.
        frames: the events of the answer.
        failure: the event that says that the stream failed.
        named: whether an event carries its type as its name.
        last: what a complete stream ends with.
    """
    make = typed if named else sse
    said = [event if isinstance(event, bytes) else make(event) for event in answer.events]
    said = said or list(frames)
    if answer.ending is not StreamEnd.COMPLETE:
        said = said[: len(said) // 2 if answer.end_after is None else answer.end_after]
    if answer.ending is StreamEnd.ERROR:
        said.append(make(failure))
    if answer.ending is StreamEnd.COMPLETE and last:
        said.append(last)
    return Reply(
        answer.status,
        stream=EventStream(
            frames=tuple(said),
            chunk_bytes=answer.chunk_bytes,
            ending=answer.ending,
            pause=answer.pause,
        ),
    )
