# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The journal of the loopback provider."""

import io
import socket

from agentguard.testing.received import Journal, Received, RecordedSocket


def received(body: bytes = b"", path: str = "/") -> Received:
    """Return a request as the journal keeps it."""
    return Received(method="GET", path=path, headers=(("A", "1"), ("a", "2")), body=body)


def test_a_byte_is_kept_before_anyone_reads_it() -> None:
    """Bytes that came off the socket are in the journal although nobody took them yet."""
    journal = Journal()
    near, far = socket.socketpair()
    with near, far, io.BufferedReader(RecordedSocket(near, journal)) as reader:
        far.sendall(b"abcdef")
        assert reader.read(1) == b"a"
        assert journal.received_bytes() == b"abcdef"


def test_connections_do_not_interleave() -> None:
    """The bytes of one connection stand together, in the order in which they were opened."""
    journal = Journal()
    first, second = journal.open_connection(), journal.open_connection()
    journal.keep(second, b"x")
    journal.keep(first, b"a")
    journal.keep(second, b"y")
    journal.keep(first, b"b")
    assert journal.received_bytes() == b"abxy"
    assert journal.connections() == 2


def test_a_header_is_found_whatever_its_case() -> None:
    """The first header of a name is returned, whatever its case; a missing one is None."""
    assert received().header("a") == "1"
    assert received().header("B") is None


def test_a_request_says_what_it_holds() -> None:
    """Path, query, JSON and the parts of a form are read from the request when asked for."""
    request = received(b'{"a": 1}', "/v1/x?a=1&b=%20&c")
    assert request.url_path == "/v1/x"
    assert request.query == (("a", "1"), ("b", " "), ("c", ""))
    assert request.json == {"a": 1}
    assert request.parts == ()
    assert received(b"no json").json is None


def test_reprs_show_counts_only() -> None:
    """Neither a request nor a journal shows what was received."""
    request = received(b"canary", "/canary")
    journal = Journal()
    journal.keep(journal.open_connection(), b"canary")
    journal.add(request)
    assert repr(request) == "Received(GET, 2 headers, 6 bytes)"
    assert repr(journal) == "Journal(1 connections, 1 requests, 6 bytes)"
