# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does the loopback socket send back?

Scripts that answer the frames of a client with the events of the realtime, responses and live
sockets.
They send nothing themselves and keep nothing between frames.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from agentguard.testing.answers import Answer, Responder
from agentguard.testing.openai_api.response_objects import response_body
from agentguard.testing.openai_api.responses import response_events


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketFrame:
    """One frame that a client sent.

    Attributes:
        connection: the position of its handshake among all handshakes.
        path: the path of its connection, with the query.
        content: what it holds; bytes for a binary frame.
        number: counts the frames of the server from 1.
    """

    connection: int
    path: str = field(repr=False)
    content: str | bytes = field(repr=False)
    number: int

    @property
    def json(self) -> Any:
        """The content as JSON, None if it is none."""
        try:
            return json.loads(self.content)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hangup:
    """Close the connection instead of sending a frame.

    Attributes:
        code: the code that the client is given.
    """

    code: int = 1012


Sent: TypeAlias = Mapping[str, Any] | str | bytes | Hangup
"""What a script sends: an object as JSON, text or bytes as they are, or the end."""
SocketScript: TypeAlias = Callable[[SocketFrame], Iterable[Sent]]
"""Gives what is sent back to one frame."""
Greeting: TypeAlias = Callable[[str], Iterable[Sent]]
"""Gives what is sent first to a connection with this path."""


def greet(path: str) -> Iterator[Sent]:
    """Greet as the realtime API does: with the session, which other sockets do not send."""
    if "/realtime" in path:
        session = {"id": "sess_0", "type": "realtime", "object": "realtime.session"}
        yield {"type": "session.created", "event_id": "event_0", "session": session}


def speaking(respond: Responder) -> SocketScript:
    """Return the script that answers a ``response.create`` as *respond* says.

    What opens, changes or fills a session is confirmed; every other frame is not answered.
    """

    def script(frame: SocketFrame) -> Iterator[Sent]:
        event = frame.json
        kind = event.get("type") if isinstance(event, dict) else None
        if kind == "response.create":
            yield from _respond(frame, event, respond)
        elif kind in _CONFIRMED:
            confirmed = {name: event[name] for name in ("session", "item") if name in event}
            yield {"type": _CONFIRMED[kind], "event_id": f"event_{frame.number}", **confirmed}

    return script


_CONFIRMED = {
    "session.start": "session.started",
    "session.update": "session.updated",
    "session.close": "session.closed",
    "transcription_session.update": "transcription_session.updated",
    "conversation.item.create": "conversation.item.created",
}


def _respond(frame: SocketFrame, event: dict[str, Any], respond: Responder) -> Iterator[Sent]:
    inner = event.get("response")
    request = inner if isinstance(inner, dict) else event
    answer = respond(request)
    number = frame.number
    if "/responses" in frame.path:
        body = response_body(answer, request, number=number, created=int(time.time()))
        yield from response_events(answer, body, number)
        return
    for at, said in enumerate(_realtime_events(answer, f"resp_{number}")):
        yield {"event_id": f"event_{number}_{at}", **said}


def _realtime_events(answer: Answer, response_id: str) -> Iterator[dict[str, Any]]:
    response = {"id": response_id, "object": "realtime.response", "output": []}
    place = {
        "response_id": response_id,
        "item_id": f"item_{response_id}",
        "output_index": 0,
        "content_index": 0,
    }
    yield {"type": "response.created", "response": {**response, "status": "in_progress"}}
    for text in answer.text_deltas():
        yield {"type": "response.output_text.delta", **place, "delta": text}
    yield {"type": "response.output_text.done", **place, "text": answer.text or ""}
    for index, tool in enumerate(answer.tool_calls):
        called = {**place, "output_index": index + 1, "call_id": f"call_{response_id}_{index}"}
        for text in answer.deltas(tool.text):
            yield {"type": "response.function_call_arguments.delta", **called, "delta": text}
        done = {"name": tool.name, "arguments": tool.text}
        yield {"type": "response.function_call_arguments.done", **called, **done}
    part = {"type": "output_text", "text": answer.text or ""}
    item = {"id": place["item_id"], "type": "message", "role": "assistant", "content": [part]}
    yield {
        "type": "response.done",
        "response": {**response, "status": "completed", "output": [item]},
    }
