# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The loopback websocket server, driven by the real OpenAI clients."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from openai import AsyncOpenAI, OpenAI
from websockets.exceptions import ConnectionClosedError

from agentguard.testing import Answer, Hangup, LoopbackSocket, SocketFrame, ToolRequest, speaking
from agentguard.testing.socket_scripts import Sent


@pytest.fixture
def server() -> Iterator[LoopbackSocket]:
    """Give a started server that echoes."""
    with LoopbackSocket() as started:
        yield started


def client_of(server: LoopbackSocket) -> OpenAI:
    """Return a real client of the server that does not reconnect."""
    return OpenAI(base_url=server.base_url, api_key="test", max_retries=0)


def until(connection: Any, last: str) -> list[Any]:
    """Receive events up to the first of a type."""
    events = [connection.recv()]
    while events[-1].type != last:
        events.append(connection.recv())
    return events


def test_a_response_comes_back_in_its_events(server: LoopbackSocket) -> None:
    """A response asked for over the socket comes in the events of a stream, numbered."""
    with client_of(server).responses.connect() as connection:
        connection.response.create(model="m", input="hello you")
        events = until(connection, "response.completed")
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == "hello you"
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[-1].response.output_text == "hello you"


def test_a_realtime_session_opens_changes_and_speaks(server: LoopbackSocket) -> None:
    """A realtime session is greeted, confirmed, and answered with text and tool calls."""
    said = Answer("hi", (ToolRequest("look_up", {"order": 1}),))
    with (
        LoopbackSocket(speaking(lambda request: said)) as speaker,
        client_of(speaker).realtime.connect(model="m") as connection,
    ):
        assert connection.recv().type == "session.created"
        connection.session.update(session={"type": "realtime", "instructions": "be brief"})
        assert connection.recv().type == "session.updated"
        connection.response.create()
        events = until(connection, "response.done")
    texts = [event.text for event in events if event.type == "response.output_text.done"]
    arguments = [
        event.arguments for event in events if event.type == "response.function_call_arguments.done"
    ]
    assert (texts, arguments) == (["hi"], ['{"order": 1}'])


def test_a_live_session_starts(server: LoopbackSocket) -> None:
    """A live session is confirmed."""
    if not hasattr(OpenAI, "live"):
        pytest.skip("this version of the SDK has no live sessions")
    with client_of(server).live.connect() as connection:
        connection.send({"type": "session.start", "session": {"model": "m"}})
        assert connection.recv().type == "session.started"
    assert server.handshakes[0].url_path == "/v1/live/sessions"


def test_handshake_and_frames_are_kept(server: LoopbackSocket) -> None:
    """Path, query and headers of the handshake are kept, and each frame as it was sent."""
    client = client_of(server)
    with client.realtime.connect(
        model="in-the-query", extra_headers={"x-team": "in-a-header"}
    ) as connection:
        connection.send_raw("no json")
        connection.send_raw(b"\x00binary")
        frames = server.wait_for(2)
    handshake = server.handshakes[0]
    assert handshake.url_path == "/v1/realtime"
    assert handshake.query == (("model", "in-the-query"),)
    assert handshake.header("x-team") == "in-a-header"
    assert [frame.content for frame in frames] == ["no json", b"\x00binary"]
    assert [frame.json for frame in frames] == [None, None]
    assert server.connections == 1
    assert b"GET /v1/realtime?model=in-the-query HTTP/1.1" in server.received_bytes()


def test_a_canary_is_seen_wherever_it_came(server: LoopbackSocket) -> None:
    """A value in the handshake or in a frame is seen, and another is not."""
    client = client_of(server)
    with client.realtime.connect(model="canary-1", extra_headers={"x": "canary-2"}) as connection:
        connection.session.update(session={"type": "realtime", "instructions": "\u00e4 canary-3"})
        server.wait_for(1)
    assert server.saw("canary-1") == ("request 0: query",)
    assert server.saw("canary-2") == ("request 0: header x",)
    assert server.saw("\u00e4 canary-3") == ("frame 1",)
    assert server.saw("canary-4") == ()


def test_the_async_client_works_the_same(server: LoopbackSocket) -> None:
    """Two async connections at once each get their own text back."""

    async def say(client: AsyncOpenAI, text: str) -> str:
        async with client.responses.connect() as connection:
            await connection.response.create(model="m", input=text)
            async for event in connection:
                if event.type == "response.completed":
                    return event.response.output_text
        return ""

    async def run() -> list[str]:
        async with AsyncOpenAI(base_url=server.base_url, api_key="test") as client:
            return list(await asyncio.gather(say(client, "one"), say(client, "two")))

    assert asyncio.run(run()) == ["one", "two"]
    assert {frame.connection for frame in server.frames} == {0, 1}


def test_a_script_may_hang_up() -> None:
    """A script that hangs up closes the connection with its code."""

    def script(frame: SocketFrame) -> Iterable[Sent]:
        return ["last words", Hangup(code=4000)]

    with LoopbackSocket(script) as server:
        connection = client_of(server).responses.connect().enter()
        connection.send_raw("x")
        assert connection.recv_bytes() == b"last words"
        with pytest.raises(ConnectionClosedError) as caught:
            connection.recv_bytes()
        connection.close()
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 4000


def test_a_script_that_raises_closes_the_connection_in_silence(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """An error of a script closes the connection, prints nothing and tells nothing."""

    def script(frame: SocketFrame) -> Iterable[Sent]:
        raise LookupError("canary")

    with LoopbackSocket(script) as server:
        connection = client_of(server).responses.connect().enter()
        connection.send_raw("x")
        with pytest.raises(ConnectionClosedError) as caught:
            connection.recv_bytes()
        connection.close()
    assert caught.value.rcvd is not None
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1011, "")
    assert capfd.readouterr() == ("", "")


def test_a_connection_without_handshake_is_counted_in_silence(
    server: LoopbackSocket, capfd: pytest.CaptureFixture[str]
) -> None:
    """Bytes that are no handshake open a connection, are kept, and print nothing."""
    with socket.create_connection(("127.0.0.1", server._port), timeout=10) as connection:
        connection.sendall(b"\x16\x03\x01 no handshake\r\n\r\n")
        connection.recv(1024)
    assert server.connections == 1
    assert server.handshakes == ()
    assert server.received_bytes().startswith(b"\x16\x03\x01 no handshake")
    assert capfd.readouterr() == ("", "")


def test_closing_leaves_no_thread_and_the_frames() -> None:
    """Closing ends every thread although a client stays, and what came can still be read."""
    before = threading.active_count()
    server = LoopbackSocket().start()
    client = client_of(server)
    with client.responses.connect() as connection:
        connection.send_raw("x")
        server.wait_for(1)
        server.close()
        server.close()
    # Only now do the threads of the client end too, each in its own time.
    deadline = time.monotonic() + 30
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before
    assert [frame.content for frame in server.frames] == ["x"]


def test_a_server_starts_once_and_has_no_address_before() -> None:
    """The address is known from the start on, and a second start raises."""
    server = LoopbackSocket()
    with pytest.raises(RuntimeError):
        _ = server.url
    server.close()
    with LoopbackSocket() as started, pytest.raises(RuntimeError):
        started.start()
    assert started.url.startswith("ws://127.0.0.1:")


def test_waiting_for_a_frame_has_an_end(server: LoopbackSocket) -> None:
    """A wait for a frame that never comes raises TimeoutError with the counts."""
    with pytest.raises(TimeoutError, match="0 of 1"):
        server.wait_for(1, timeout=timedelta(milliseconds=10))


def test_reprs_show_counts_only(server: LoopbackSocket) -> None:
    """No repr of the server, its frames or its handshakes holds content."""
    with client_of(server).realtime.connect(model="canary") as connection:
        connection.send_raw("canary")
        frames = server.wait_for(1)
    assert "canary" not in repr((server, frames, server.handshakes))
    assert "1 frames" in repr(server)
