# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What did the loopback provider receive?

Keeps the bytes of every connection as they came off the socket, and beside them the requests
that were read from those bytes.
What is no HTTP at all is kept just the same, and a request is parsed only when it is asked for
what it holds.

INVARIANT: a byte is kept before anything looks at it (tests/testing/test_received.py).
INVARIANT: a repr shows counts only (tests/testing/test_received.py).
INVARIANT: how a reply ended is told once it has ended (tests/testing/test_streams.py).
"""

import io
import json
import socket
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

from agentguard.testing.multipart import Part, parse_parts

_PATIENCE = timedelta(seconds=5)


class ReplyEnd:
    """How the reply to one request ended, as soon as it has."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._early = False

    def note(self, *, early: bool) -> None:
        """Note that the reply ended, and whether the client closed before that."""
        self._early = early
        self._ended.set()

    def closed_early(self, timeout: timedelta) -> bool:
        """Wait for the end and say whether the client closed before it."""
        if not self._ended.wait(timeout.total_seconds()):
            raise TimeoutError("the reply has not ended in time")
        return self._early


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Received:
    """One request as it arrived.

    Attributes:
        method: the HTTP verb.
        path: the request target with its query.
        headers: names and values in the order of arrival; a name may occur twice.
        body: the bytes of the body, without the framing of chunks.
        reply_end: how the reply to it ended.
    """

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    reply_end: ReplyEnd = field(default_factory=ReplyEnd, compare=False)

    @property
    def url_path(self) -> str:
        """The path without the query, as it came."""
        return self.path.partition("?")[0]

    @property
    def query(self) -> tuple[tuple[str, str], ...]:
        """The names and values of the query, decoded."""
        return tuple(parse_qsl(self.path.partition("?")[2], keep_blank_values=True))

    @property
    def json(self) -> Any:
        """The body as JSON, None if it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of a multipart body, none if it is no such body."""
        return parse_parts(self.header("content-type") or "", self.body)

    def closed_early(self, timeout: timedelta = _PATIENCE) -> bool:
        """Wait until the reply has ended and say whether the client closed before its end.

        Only a reply that is still being written when the client closes ends early; what fits
        into the buffers of the connection was written before.

        Raises:
            TimeoutError: the reply is still being written.
        """
        return self.reply_end.closed_early(timeout)

    def header(self, name: str) -> str | None:
        """Return the first header called *name*, whatever its case, or None."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def __repr__(self) -> str:
        return f"Received({self.method}, {len(self.headers)} headers, {len(self.body)} bytes)"


class RecordedSocket(io.RawIOBase):
    """The reading end of a connection; copies what it reads into the journal first."""

    def __init__(self, connection: socket.socket, journal: "Journal") -> None:
        super().__init__()
        self._connection = connection
        self._journal = journal
        self._number = journal.open_connection()

    def readable(self) -> bool:
        """Say that this stream can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read from the socket into *buffer* and keep what came."""
        view = memoryview(buffer)
        count = self._connection.recv_into(view)
        self._journal.keep(self._number, bytes(view[:count]))
        return count


class Journal:
    """Every byte and every request that a provider received; safe to use from many threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._streams: list[bytearray] = []
        self._requests: list[Received] = []

    def open_connection(self) -> int:
        """Count a new connection and return its number."""
        with self._changed:
            self._streams.append(bytearray())
            return len(self._streams) - 1

    def keep(self, number: int, received: bytes) -> None:
        """Append bytes to what connection *number* has sent."""
        with self._changed:
            self._streams[number] += received

    def add(self, request: Received) -> None:
        """Append a request and wake whoever waits for it."""
        with self._changed:
            self._requests.append(request)
            self._changed.notify_all()

    def requests(self) -> tuple[Received, ...]:
        """Return the requests so far, in the order in which they were complete."""
        with self._changed:
            return tuple(self._requests)

    def received_bytes(self) -> bytes:
        """Return every byte so far, connection by connection."""
        with self._changed:
            return b"".join(self._streams)

    def connections(self) -> int:
        """Return how many connections were opened so far."""
        with self._changed:
            return len(self._streams)

    def wait_for(self, count: int, timeout: timedelta) -> tuple[Received, ...]:
        """Wait until *count* requests have arrived and return the requests so far.

        Raises:
            TimeoutError: fewer came in time.
        """
        with self._changed:
            arrived = self._changed.wait_for(
                lambda: len(self._requests) >= count, timeout.total_seconds()
            )
            if not arrived:
                raise TimeoutError(f"{len(self._requests)} of {count} requests arrived in time")
            return tuple(self._requests)

    def __repr__(self) -> str:
        with self._changed:
            size = sum(map(len, self._streams))
            return (
                f"Journal({len(self._streams)} connections, "
                f"{len(self._requests)} requests, {size} bytes)"
            )
