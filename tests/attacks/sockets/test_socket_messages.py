# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a message leave on a websocket that the guard did not decide?

The story: once a websocket is open, there are many ways to put a frame on it.
"""

import asyncio
import base64
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest

from agentguard import CallRefused, ContentRefused, Guard
from agentguard.testing import Hangup, LoopbackSocket
from agentguard.testing.socket_scripts import Sent, SocketFrame

pytestmark = pytest.mark.skipif(
    int(openai.__version__.partition(".")[0]) < 3,
    reason="older versions do not say where they would connect to; see test_sockets.py",
)

CANARY = "jane.doe@customers.example"
TEXT = f"please write to {CANARY} today"

SOCKETS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "responses": ("WS /responses", "responses", {}),
    "beta responses": ("WS /responses", "beta.responses", {}),
    "realtime": ("WS /realtime", "realtime", {"model": "m"}),
    "translations": ("WS /realtime/translations", "realtime.translations", {"model": "m"}),
    "live": ("WS /live/sessions", "live", {}),
    "fork": ("WS /live/sessions/{}/fork", "live.forks", {"session_id": "sess_1"}),
    "sideband": ("WS /live/sessions/{}/attach", "live.sideband", {"session_id": "sess_1"}),
}

PART = {"type": "input_text", "text": TEXT}
FUNCTION = {
    "type": "function",
    "name": "lookup_order",
    "description": TEXT,
    "parameters": {TEXT: 1},
}
ITEM = {"type": "message", "role": "user", "content": [PART]}
CREATE: dict[str, Any] = {"type": "response.create", "model": "m", "input": TEXT}
MESSAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "text": ("responses", CREATE),
    "instructions": ("responses", {**CREATE, "instructions": TEXT}),
    "items": ("responses", {**CREATE, "input": [ITEM]}),
    "metadata": ("responses", {**CREATE, "metadata": {"k": TEXT, TEXT: "v"}}),
    "function": ("responses", {**CREATE, "tools": [FUNCTION]}),
    "user": ("responses", {**CREATE, "user": CANARY}),
    "id of a stream": ("responses", {**CREATE, "stream_id": CANARY}),
    "id of an event": ("responses", {**CREATE, "event_id": CANARY}),
    "beta": ("beta responses", CREATE),
    "session": ("realtime", {"type": "session.update", "session": {"instructions": TEXT}}),
    "session's function": (
        "realtime",
        {"type": "session.update", "session": {"type": "realtime", "tools": [FUNCTION]}},
    ),
    "session's words": (
        "realtime",
        {
            "type": "session.update",
            "session": {"audio": {"input": {"transcription": {"prompt": TEXT, "model": "w"}}}},
        },
    ),
    "item": ("realtime", {"type": "conversation.item.create", "item": ITEM}),
    "function's result": (
        "realtime",
        {
            "type": "conversation.item.create",
            "item": {"type": "function_call_output", "call_id": "c", "output": TEXT},
        },
    ),
    "deleted item": ("realtime", {"type": "conversation.item.delete", "item_id": CANARY}),
    "response": (
        "realtime",
        {"type": "response.create", "response": {"instructions": TEXT, "metadata": {"k": TEXT}}},
    ),
    "response's items": ("realtime", {"type": "response.create", "response": {"input": [ITEM]}}),
    "translation": (
        "translations",
        {"type": "session.update", "session": {"audio": {"output": {"language": CANARY}}}},
    ),
    "live session": (
        "live",
        {"type": "session.start", "session": {"model": "m", "instructions": TEXT, "input": [ITEM]}},
    ),
    "live delegation": (
        "live",
        {
            "type": "session.update",
            "session": {
                "delegation": {
                    "type": "responses",
                    "responses": {"model": "n", "instructions": TEXT, "tools": [FUNCTION]},
                }
            },
        },
    ),
    "live thinking": ("live", {"type": "session.thinking.append", "content": TEXT}),
    "live commentary": ("live", {"type": "session.commentary.append", "content": TEXT}),
    "live item": ("live", {"type": "response.item.create", "item": ITEM}),
    "live decision": ("live", {"type": "decision.item.create", "item": ITEM}),
}


@pytest.mark.parametrize(("socket", "message"), MESSAGES.values(), ids=MESSAGES)
def test_no_message_carries_what_must_be_hidden(
    socket: str, message: dict[str, Any], talk: Any, sockets: Guard, silent: LoopbackSocket
) -> None:
    """A message arrives once, as one JSON object, with a placeholder wherever the address stood."""
    _, where, options = SOCKETS[socket]

    async def story() -> None:
        async with talk.entered(
            talk.connect(sockets.wrap(talk.client(silent)), where, **options)
        ) as c:
            await c.send(message)

    talk.run(sockets, story)
    (frame,) = silent.wait_for(1)
    assert frame.json["type"] == message["type"]
    assert "[[EMAIL:" in str(frame.content)
    assert silent.saw(CANARY) == ()


SAMPLES = "AAECAwQF" * 40
IMAGE = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
REFUSED: dict[str, tuple[str, Any]] = {
    "samples": ("realtime", {"type": "input_audio_buffer.append", "audio": SAMPLES}),
    "samples to translate": (
        "translations",
        {"type": "session.input_audio_buffer.append", "audio": SAMPLES},
    ),
    "live samples": ("live", {"type": "session.input_audio.append", "audio": SAMPLES}),
    "image": (
        "realtime",
        {
            "type": "conversation.item.create",
            "item": {**ITEM, "content": [{"type": "input_image", "image_url": IMAGE}]},
        },
    ),
    "address to fetch": (
        "realtime",
        {
            "type": "conversation.item.create",
            "item": {
                **ITEM,
                "content": [{"type": "input_image", "image_url": "https://x.example"}],
            },
        },
    ),
    "connector": (
        "realtime",
        {
            "type": "session.update",
            "session": {"tools": [{"type": "mcp", "server_label": "s", "server_url": "https://x"}]},
        },
    ),
    "connector of a response": (
        "realtime",
        {
            "type": "response.create",
            "response": {
                "tools": [{"type": "mcp", "server_label": "s", "server_url": "https://x"}]
            },
        },
    ),
    "approval of a connector": (
        "realtime",
        {
            "type": "conversation.item.create",
            "item": {
                "type": "mcp_approval_response",
                "id": "1",
                "approval_request_id": "2",
                "approve": True,
            },
        },
    ),
    "live web search": (
        "live",
        {
            "type": "session.update",
            "session": {
                "delegation": {
                    "type": "responses",
                    "responses": {"tools": [{"type": "web_search"}]},
                }
            },
        },
    ),
    "traces": ("realtime", {"type": "session.update", "session": {"tracing": "auto"}}),
    "stored prompt": ("realtime", {"type": "session.update", "session": {"prompt": {"id": "p"}}}),
    "another conversation": (
        "realtime",
        {"type": "response.create", "response": {"conversation": "conv_1"}},
    ),
    "stored session": ("live", {"type": "session.start", "session": {"model": "m", "store": True}}),
    "web search": ("responses", {**CREATE, "tools": [{"type": "web_search"}]}),
    "earlier response": ("responses", {**CREATE, "previous_response_id": "resp_1"}),
    "stored response": ("responses", {**CREATE, "store": True}),
    "steering": (
        "responses",
        {"type": "response.steer", "input": "x", "previous_response_id": "resp_1"},
    ),
    "unknown type": ("realtime", {"type": f"session.{CANARY}"}),
    "unknown type of response": ("responses", {"type": "response.delete"}),
    "unknown member": ("realtime", {"type": "input_audio_buffer.clear", "note": TEXT}),
    "unknown member of a session": ("realtime", {"type": "session.update", "session": {"note": 1}}),
    "no type": ("realtime", {"session": {}}),
    "type of another websocket": ("live", {"type": "session.update", "session": {"voice": "v"}}),
}


@pytest.mark.parametrize(("socket", "message"), REFUSED.values(), ids=REFUSED)
def test_a_message_that_nobody_allowed_is_refused(
    socket: str, message: Any, talk: Any, sockets: Guard, silent: LoopbackSocket
) -> None:
    """Media, hosted tools, references and what no table knows stay here; the connection stays."""
    _, where, options = SOCKETS[socket]

    async def story() -> Any:
        async with talk.entered(
            talk.connect(sockets.wrap(talk.client(silent)), where, **options)
        ) as c:
            with pytest.raises(CallRefused) as caught:
                await c.send(message)
            after = "session.close" if socket == "translations" else "response.create"
            await c.send({"type": after, "event_id": "after"})
            return caught.value

    refusal = talk.run(sockets, story)
    (frame,) = silent.wait_for(1)
    assert frame.json["event_id"] == "after"
    assert not refusal.dispatched
    assert CANARY not in repr(refusal) + str(refusal)


UNREADABLE: dict[str, Callable[[Any], Any]] = {
    "bytes": lambda c: c.send_raw(json.dumps(CREATE).encode()),
    "no JSON": lambda c: c.send_raw(TEXT),
    "a list": lambda c: c.send_raw(json.dumps([CREATE])),
    "two members of one name": lambda c: c.send_raw('{"type": "response.create", "type": "x"}'),
    "two objects": lambda c: c.send_raw(json.dumps(CREATE) * 2),
    "no number": lambda c: c.send_raw('{"type": "response.create", "temperature": NaN}'),
    "fragments": lambda c: c._connection.send([TEXT, TEXT]),
    "a mapping": lambda c: c._connection.send(CREATE),
    "text as bytes": lambda c: c._connection.send(json.dumps(CREATE).encode(), text=True),
    "bytes from text": lambda c: c._connection.send(json.dumps(CREATE), text=False),
    "ping": lambda c: c._connection.ping(CANARY),
    "pong": lambda c: c._connection.pong(CANARY),
}


@pytest.mark.parametrize("way", UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_single_json_text_is_refused(
    way: Callable[[Any], Any], talk: Any, sockets: Guard, server: LoopbackSocket
) -> None:
    """Binary messages, fragments and control frames with content never leave."""

    async def story() -> Any:
        async with talk.entered(sockets.wrap(talk.client(server)).responses.connect()) as c:
            with pytest.raises(ContentRefused) as caught:
                await way(c)
            await c.send(CREATE)
            await talk.until(c, "response.completed")
            return caught.value

    refusal = talk.run(sockets, story)
    (frame,) = server.frames
    assert frame.json["type"] == "response.create"
    assert server.saw(CANARY) == ()
    assert CANARY not in repr(refusal) + str(refusal)


WAYS: dict[str, Callable[[Any], Any]] = {
    "send": lambda c: c.send(CREATE),
    "raw": lambda c: c.send_raw(json.dumps(CREATE)),
    "connection": lambda c: c._connection.send(json.dumps(CREATE)),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_every_way_of_sending_is_guarded(
    way: Callable[[Any], Any], talk: Any, sockets: Guard, server: LoopbackSocket
) -> None:
    """Whichever way it is sent, the address is hidden, is not kept there, and comes back."""

    async def story() -> Any:
        async with talk.entered(sockets.wrap(talk.client(server)).responses.connect()) as c:
            await way(c)
            return talk.texts(await talk.until(c, "response.completed"))

    assert talk.run(sockets, story) == TEXT
    (frame,) = server.frames
    assert frame.json["store"] is False
    assert server.saw(CANARY) == ()


def test_a_frame_put_below_the_connection_does_not_leave(
    talk: Any, sockets: Guard, server: LoopbackSocket
) -> None:
    """The library's protocol is sealed: a frame that no call admitted ends the connection."""

    async def story() -> None:
        async with talk.entered(sockets.wrap(talk.client(server)).responses.connect()) as c:
            plain = getattr(c, "plain", c)._connection
            for put in (plain.protocol.send_text, plain.protocol.send_binary):
                with pytest.raises(CallRefused):
                    put(TEXT.encode())
            with pytest.raises(CallRefused):
                plain.protocol.send_ping(CANARY.encode())

    talk.run(sockets, story)
    assert server.frames == ()
    assert server.saw(CANARY) == ()


def test_the_reason_of_a_close_is_not_sent(
    talk: Any, sockets: Guard, server: LoopbackSocket
) -> None:
    """A close frame has room for a text; it goes without."""

    async def story() -> None:
        manager = sockets.wrap(talk.client(server)).responses.connect()
        async with talk.entered(manager) as c:
            await c.close(code=1000, reason=CANARY)

    talk.run(sockets, story)
    assert server.saw(CANARY) == ()


def test_what_was_queued_before_it_opened_is_guarded(
    talk: Any, sockets: Guard, server: LoopbackSocket
) -> None:
    """A message put into the manager's queue is decided when it leaves."""

    async def story() -> Any:
        manager = sockets.wrap(talk.client(server)).responses.connect()
        manager.send(CREATE)
        async with talk.entered(manager) as c:
            return talk.texts(await talk.until(c, "response.completed"))

    assert talk.run(sockets, story) == TEXT
    assert server.saw(CANARY) == ()


def hang_up_once(frame: SocketFrame) -> Iterator[Sent]:
    """Hang up on the first connection, and answer on the second."""
    if frame.connection == 0:
        yield Hangup()
    else:
        yield {"type": "session.updated", "event_id": "e", "session": {"type": "realtime"}}


def test_a_connection_that_is_opened_again_is_guarded(talk: Any, sockets: Guard) -> None:
    """What is sent after the provider hung up goes through the guard like what was sent before."""
    again = threading.Event()

    def greet(_: str) -> Iterator[Sent]:
        if len(server.handshakes) > 1:
            again.set()
        return iter(())

    async def story(server: LoopbackSocket) -> None:
        client = sockets.wrap(talk.client(server))
        manager = client.responses.connect(on_reconnecting=lambda _: None, initial_delay=0.01)
        async with talk.entered(manager) as c:
            await c.send({**CREATE, "user": "first"})
            plain = getattr(c, "plain", c)
            events = plain.__aiter__() if hasattr(plain, "__aiter__") else iter(plain)
            waiting = asyncio.ensure_future(_next(events))
            await asyncio.to_thread(again.wait, 10)
            await c.send({**CREATE, "user": "second"})
            await waiting

    with LoopbackSocket(hang_up_once, greeting=greet) as server:
        talk.run(sockets, lambda: story(server))
        assert [frame.connection for frame in server.frames] == [0, 1]
        assert server.saw(CANARY) == ()


async def _next(events: Any) -> Any:
    if hasattr(events, "__anext__"):
        return await anext(events)
    return await asyncio.to_thread(next, events)


def test_recordings_pass_where_the_policy_says_so(
    make_guard: Callable[..., Guard], talk: Any, server: LoopbackSocket
) -> None:
    """Sound that the policy labels is sent as it was; other bytes in its place are refused."""
    guard = make_guard(more='\n[[class]]\nname = "audio"\naction = "label"\n')
    image = IMAGE.partition(",")[2]

    async def story() -> None:
        async with talk.entered(guard.wrap(talk.client(server)).realtime.connect(model="m")) as c:
            with pytest.raises(ContentRefused):
                await c.send({"type": "input_audio_buffer.append", "audio": image})
            with pytest.raises(ContentRefused):
                await c.send({"type": "input_audio_buffer.append", "audio": f"{TEXT}!"})
            await c.send({"type": "input_audio_buffer.append", "audio": SAMPLES})
            hidden = base64.b64encode(CANARY.encode()).decode()
            await c.send({"type": "input_audio_buffer.append", "audio": hidden})

    talk.run(guard, story)
    sound, text = server.wait_for(2)
    assert sound.json["audio"] == SAMPLES
    assert b"[[EMAIL:" in base64.b64decode(text.json["audio"])
    assert server.saw(CANARY) == ()
