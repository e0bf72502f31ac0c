# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How do bytes on a loopback socket become requests and replies?

A threaded HTTP/1.1 server on 127.0.0.1 that records what it reads, hands each request to one
function and writes what that returns.
It knows nothing of models or of what a request means.

INVARIANT: what a client sent is recorded even when it is no HTTP, or more than was asked for
(tests/testing/test_http_server.py).
INVARIANT: a stream is written until its end or until the client has closed
(tests/testing/test_streams.py).
"""

import io
import re
import select
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from agentguard.testing.answers import StreamEnd
from agentguard.testing.received import Journal, Received, RecordedSocket
from agentguard.testing.replies import EventStream, Reply

_ACCEPT_POLL_SECONDS = 0.02
_DRAIN_SECONDS = 0.5
_JOIN_SECONDS = 5.0
_STALL_POLL_SECONDS = 0.01
_LONGEST_LINE = 65536
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,8}")
_LENGTH = re.compile(r"[0-9]{1,12}")


class LoopbackServer(ThreadingHTTPServer):
    """Listens on a free port of 127.0.0.1 from its construction; replies between start and stop.

    Args:
        journal: keeps every byte and every request.
        reply_to: gives the reply; called from many threads.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, journal: Journal, reply_to: Callable[[Received], Reply]) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.journal = journal
        self.reply_to = reply_to
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._open: dict[socket.socket, threading.Thread] = {}
        self._accepting = threading.Thread(
            target=self.serve_forever,
            kwargs={"poll_interval": _ACCEPT_POLL_SECONDS},
            name="agentguard-loopback",
            daemon=True,
        )

    def start(self) -> None:
        """Begin to accept connections in a thread of its own."""
        self._accepting.start()

    def stop(self) -> None:
        """Close every connection and wait for every thread."""
        self.stopping.set()
        # What waits for a connection wakes at once; where it does not, it looks again soon.
        _shut(self.socket)
        self.shutdown()
        self._accepting.join(_JOIN_SECONDS)
        with self._lock:
            still_open = dict(self._open)
        for connection, thread in still_open.items():
            _shut(connection)
            thread.join(_JOIN_SECONDS)
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection in a thread that ``stop`` knows of."""
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), daemon=True
        )
        with self._lock:
            self._open[request] = thread
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        """Close one connection."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that went away is no event, and nothing is printed."""


class _Connection(BaseHTTPRequestHandler):
    """One connection, with as many requests as the client sends over it."""

    protocol_version = "HTTP/1.1"
    server_version = "agentguard-loopback"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1
    server: LoopbackServer
    verbs: ClassVar[tuple[str, ...]] = (
        "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE",
    )  # fmt: skip

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        recorded = RecordedSocket(self.connection, self.server.journal)
        self.rfile = self.recorded = io.BufferedReader(recorded)

    def finish(self) -> None:
        self._drain()
        super().finish()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Print nothing."""

    def send_error(
        self,
        code: int,
        message: str | None = None,  # noqa: ARG002 - the base class gives it; it quotes the line
        explain: str | None = None,  # noqa: ARG002 - the base class gives it
    ) -> None:
        """Refuse what could not be read as a request, and read no further."""
        self.close_connection = True
        self.request_version = self.protocol_version  # else the reply would have no status line
        error = {"message": "not an HTTP request", "type": "invalid_request_error"}
        self._write(Reply(int(code), {"error": error}))

    def respond(self) -> None:
        """Read the body, record the request, and write the reply."""
        body = self._read_body()
        received = Received(
            method=self.command,
            path=self.requestline.split()[1],
            headers=tuple(self.headers.items()),
            body=body,
        )
        self.server.journal.add(received)
        early = True
        try:
            early = not self._write(self.server.reply_to(received))
        finally:
            received.reply_end.note(early=early and not self.server.stopping.is_set())

    def _read_body(self) -> bytes:
        self.wfile.flush()  # a client that expects "100 Continue" waits for it
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            return b"".join(iter(self._read_chunk, b""))
        length = self.headers.get("content-length", "0")
        if not _LENGTH.fullmatch(length):
            self.close_connection = True
            return b""
        return self.rfile.read(int(length))

    def _read_chunk(self) -> bytes:
        size = _CHUNK_SIZE.match(self.rfile.readline(_LONGEST_LINE))
        if size is None:
            self.close_connection = True
            return b""
        chunk = self.rfile.read(int(size[0], 16))
        if chunk:
            self.rfile.readline(_LONGEST_LINE)
            return chunk
        while self.rfile.readline(_LONGEST_LINE).strip():
            pass  # trailers, up to an empty line
        return b""

    def _write(self, reply: Reply) -> bool:
        """Write a reply and say whether the client stayed to its end."""
        if reply.drop:
            self.close_connection = True
            return True
        headers = {"content-type": reply.content_type}
        if reply.stream is None:
            headers["content-length"] = str(len(reply.content))
        else:
            headers |= {"transfer-encoding": "chunked", "cache-control": "no-cache"}
        if self.close_connection:
            headers["connection"] = "close"
        self.send_response(reply.status)
        for name, value in (headers | dict(reply.headers)).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD" and reply.stream is not None:
            return self._write_stream(reply.stream)
        if self.command != "HEAD":
            self.wfile.write(reply.content)
        self.wfile.flush()
        return True

    def _write_stream(self, stream: EventStream) -> bool:
        """Write a stream chunk by chunk and say whether the client stayed to its end."""
        self.wfile.flush()
        pause = stream.pause.total_seconds()
        for chunk in stream.chunks():
            if self._closed_within(pause):
                return False
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            self.wfile.flush()
        while stream.ending is StreamEnd.STALL:
            if self._closed_within(_STALL_POLL_SECONDS):
                return False
        if stream.ending is StreamEnd.BREAK:
            self.close_connection = True
            return True
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()
        return True

    def _closed_within(self, seconds: float) -> bool:
        """Wait, and say whether the client has closed or the server stops."""
        end = time.monotonic() + seconds
        while not self.server.stopping.is_set():
            left = max(0.0, end - time.monotonic())
            readable, _, _ = select.select([self.connection], [], [], left)
            if readable and not self.recorded.peek(1):
                self.close_connection = True
                return True
            if readable or left == 0.0:
                self.server.stopping.wait(left)
                return False
        self.close_connection = True
        return True

    def _drain(self) -> None:
        """Record what the client still sends after the last reply."""
        _shut(self.connection, socket.SHUT_WR)
        self.connection.settimeout(_DRAIN_SECONDS)
        end = time.monotonic() + _DRAIN_SECONDS
        try:
            while time.monotonic() < end and self.rfile.read1(65536):
                pass
        except OSError:
            return


def _shut(connection: socket.socket, how: int = socket.SHUT_RDWR) -> None:
    try:
        connection.shutdown(how)
    except OSError:
        return  # the peer was faster


for _verb in _Connection.verbs:
    setattr(_Connection, f"do_{_verb}", _Connection.respond)
