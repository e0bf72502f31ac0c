# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The loopback server, driven by plain sockets."""

import contextlib
import socket
import struct
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentguard.testing.http_server import LoopbackServer
from agentguard.testing.received import Journal, Received
from agentguard.testing.replies import Reply


@contextlib.contextmanager
def serving(
    reply_to: Callable[[Received], Reply] = lambda _: Reply(200, {}),
) -> Iterator[LoopbackServer]:
    """Run a server that records, and stop it afterwards."""
    server = LoopbackServer(Journal(), reply_to)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def send(server: LoopbackServer, *parts: bytes, half_close: bool = True) -> bytes:
    """Send bytes as they are and return everything that comes back."""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as connection:
        for part in parts:
            connection.sendall(part)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def keep_sending(connection: socket.socket) -> None:
    """Send a little now and then, until the other side has closed or five seconds are over."""
    for _ in range(10):
        time.sleep(0.5)
        connection.sendall(b"still here")


def test_bytes_that_are_no_http_are_kept() -> None:
    """Garbage is answered with an error and stands in the raw bytes."""
    with serving() as server:
        assert b" 400 " in send(server, b"\x16\x03\x01 not http at all\r\n\r\n")
    assert server.journal.received_bytes() == b"\x16\x03\x01 not http at all\r\n\r\n"
    assert server.journal.requests() == ()


def test_bytes_after_the_last_request_are_kept() -> None:
    """What follows a request that closes the connection is recorded all the same."""
    request = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    with serving() as server:
        send(server, request, b"hidden afterwards")
    assert server.journal.received_bytes() == request + b"hidden afterwards"
    assert len(server.journal.requests()) == 1


def test_a_body_with_an_unreadable_length_is_kept() -> None:
    """A body behind a broken content-length is recorded, and the connection ends."""
    request = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -5\r\n\r\nhidden"
    with serving() as server:
        assert b"connection: close" in send(server, request)
    assert server.journal.received_bytes() == request
    assert server.journal.requests()[0].body == b""


def test_a_chunked_body_is_joined() -> None:
    """A chunked body is journalled without its framing, and the next request is read."""
    chunked = (
        b"POST /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
        b"4\r\nabcd\r\n3;ext=1\r\nefg\r\n0\r\ntrailer: 1\r\n\r\n"
    )
    with serving() as server:
        send(server, chunked, b"GET /b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    first, second = server.journal.requests()
    assert first.body == b"abcdefg"
    assert second.path == "/b"


def test_broken_chunks_end_the_connection() -> None:
    """A chunk without a size ends the connection after the bytes were kept."""
    broken = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhidden"
    with serving() as server:
        send(server, broken)
    assert server.journal.received_bytes() == broken


def test_a_short_body_is_journalled_as_far_as_it_came() -> None:
    """A body that ends early stands in the journal as far as it came."""
    with serving() as server:
        send(server, b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf")
    assert server.journal.requests()[0].body == b"half"


def test_two_requests_in_one_packet_are_two() -> None:
    """Pipelined requests are answered one after the other over one connection."""
    one = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nab"
    with serving() as server:
        replies = send(server, one + one)
    assert replies.count(b"HTTP/1.1 200") == 2
    assert server.journal.connections() == 1


def test_a_client_that_expects_continue_is_told_to() -> None:
    """A client may wait for 100 Continue before it sends its body."""
    head = b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n"
    with (
        serving() as server,
        socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as connection,
    ):
        connection.sendall(head)
        assert connection.recv(1024).startswith(b"HTTP/1.1 100")
        connection.sendall(b"ab")
        assert connection.recv(1024).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("verb", ["CONNECT", "DELETE", "GET", "OPTIONS", "PATCH", "PUT", "TRACE"])
def test_every_verb_is_journalled(verb: str) -> None:
    """Each verb of HTTP reaches the journal and the function that replies."""
    with serving(lambda received: Reply(200, {"verb": received.method})) as server:
        request = f"{verb} /x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode()
        assert f'"verb": "{verb}"'.encode() in send(server, request)
    assert server.journal.requests()[0].method == verb


def test_a_head_request_gets_no_body() -> None:
    """The reply to HEAD has headers only, so that the connection stays in step."""
    with serving(lambda _: Reply(200, {"a": 1})) as server:
        reply = send(server, b"HEAD / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    assert reply.endswith(b"\r\n\r\n")


def test_the_path_is_kept_as_it_came() -> None:
    """A path with two leading slashes is not tidied before it is journalled."""
    with serving() as server:
        send(server, b"GET //a/../b?q=1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    assert server.journal.requests()[0].path == "//a/../b?q=1"


def test_a_reset_connection_harms_nobody(capfd: pytest.CaptureFixture[str]) -> None:
    """A client that resets its connection prints nothing, and the next one is served."""
    with serving() as server:
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf")
        request = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        assert send(server, request).startswith(b"HTTP/1.1 200")
    assert capfd.readouterr() == ("", "")


def test_a_client_that_stays_after_an_error_is_let_go() -> None:
    """A client that keeps its connection after a broken request is disconnected all the same."""
    with (
        serving() as server,
        socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as connection,
    ):
        connection.sendall(b"no http\r\n\r\n")
        assert b"".join(iter(lambda: connection.recv(65536), b""))
        with pytest.raises(ConnectionError):
            keep_sending(connection)


def test_it_listens_on_loopback_only() -> None:
    """The server's address is 127.0.0.1."""
    with serving() as server:
        assert server.server_address[0] == "127.0.0.1"


@given(st.lists(st.binary(max_size=300), max_size=4))
def test_whatever_is_sent_is_kept(parts: list[bytes]) -> None:
    """The recorded bytes equal the bytes sent, whatever they are."""
    with serving() as server:
        with contextlib.suppress(OSError):
            send(server, *parts)
        sent = b"".join(parts)
    assert server.journal.received_bytes() == sent
