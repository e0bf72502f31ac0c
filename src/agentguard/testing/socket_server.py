# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a provider's websocket run inside a test?

A real websocket server on 127.0.0.1, in threads of its own, that keeps every handshake and every
frame and answers by a script. It needs the package ``websockets``.
It accepts every path and asks for no key.

INVARIANT: a frame is kept before it is answered (tests/testing/test_socket_server.py).
INVARIANT: a repr shows counts only (tests/testing/test_socket_server.py).
"""

import json
import logging
import socket
import threading
from collections.abc import Iterable, Mapping
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from agentguard.testing.answers import echo
from agentguard.testing.received import Journal, Received
from agentguard.testing.sightings import Place, request_places, sightings
from agentguard.testing.socket_scripts import (
    Greeting,
    Hangup,
    Sent,
    SocketFrame,
    SocketScript,
    greet,
    speaking,
)

if TYPE_CHECKING:
    from websockets.http11 import Request
    from websockets.sync.server import Server, ServerConnection

ECHO = speaking(echo)

_BACKLOG = 16
_JOIN_SECONDS = 5.0
_HANDSHAKE_SECONDS = 2.0
_GOING_AWAY = 1001
_PATIENCE = timedelta(seconds=5)


class LoopbackSocket:
    """A websocket server on loopback that keeps every frame it received.

        with LoopbackSocket() as server:
            client = OpenAI(base_url=server.base_url, api_key="test")
            with client.responses.connect() as connection: ...

    Args:
        script: gives what is sent back to each frame; called from many threads.
        greeting: gives what is sent to a connection before its first frame.
    """

    def __init__(self, script: SocketScript = ECHO, *, greeting: Greeting = greet) -> None:
        self._script = script
        self._greeting = greeting
        self._journal = Journal()
        self._arrived = threading.Condition()
        self._frames: list[SocketFrame] = []
        self._numbers: dict[UUID, int] = {}
        self._open: dict[threading.Thread, ServerConnection] = {}
        self._server: Server | None = None
        self._port = 0
        self._thread: threading.Thread | None = None

    def start(self) -> Self:
        """Listen on a free port of 127.0.0.1.

        Raises:
            RuntimeError: the server was started before.
        """
        from websockets.sync.server import serve

        if self._server is not None:
            raise RuntimeError("a server starts once")
        listening = _Listening(self._journal)
        self._port = listening.getsockname()[1]
        name = "agentguard-loopback-socket"
        silent = logging.Logger(name, logging.CRITICAL + 1)  # noqa: LOG001 - nobody configures it
        self._server = serve(
            self._serve,
            sock=listening,
            process_request=self._keep_handshake,
            compression=None,
            max_size=None,
            ping_interval=None,
            open_timeout=_HANDSHAKE_SECONDS,
            close_timeout=_HANDSHAKE_SECONDS,
            logger=silent,
        )
        self._thread = threading.Thread(target=self._server.serve_forever, name=name, daemon=True)
        self._thread.start()
        return self

    def close(self) -> None:
        """Close every connection and stop; what was received stays readable. Idempotent."""
        if self._server is None or self._thread is None or not self._thread.is_alive():
            return
        self._server.shutdown()
        self._thread.join(_JOIN_SECONDS)
        with self._arrived:
            still_open = dict(self._open)
        for connection in still_open.values():
            connection.close(_GOING_AWAY)
        for thread in still_open:
            thread.join(_JOIN_SECONDS)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """What a client takes as its base URL for websockets.

        Raises:
            RuntimeError: the server was not started.
        """
        return f"ws://{self._host}/v1"

    @property
    def base_url(self) -> str:
        """What a client takes as its base URL; the SDKs derive the websocket's from it.

        Raises:
            RuntimeError: the server was not started.
        """
        return f"http://{self._host}/v1"

    @property
    def connections(self) -> int:
        """How many connections were opened so far, with those that made no handshake."""
        return self._journal.connections()

    @property
    def handshakes(self) -> tuple[Received, ...]:
        """The requests that asked for a websocket so far, in order."""
        return self._journal.requests()

    @property
    def frames(self) -> tuple[SocketFrame, ...]:
        """The frames so far, in the order of arrival."""
        with self._arrived:
            return tuple(self._frames)

    def wait_for(self, count: int, timeout: timedelta = _PATIENCE) -> tuple[SocketFrame, ...]:
        """Wait until *count* frames have arrived and return the frames so far.

        Raises:
            TimeoutError: fewer came in time.
        """
        with self._arrived:
            came = self._arrived.wait_for(
                lambda: len(self._frames) >= count, timeout.total_seconds()
            )
            if not came:
                raise TimeoutError(f"{len(self._frames)} of {count} frames arrived in time")
            return tuple(self._frames)

    def received_bytes(self) -> bytes:
        """Return every byte that arrived so far, raw; frames of clients are masked in it."""
        return self._journal.received_bytes()

    def saw(self, canary: str | bytes) -> tuple[str, ...]:
        """Return where *canary* arrived, in the clear or decoded; nothing if it never did."""
        places = (*request_places(self.handshakes), *map(_place, self.frames))
        return sightings(canary, places, self.received_bytes())

    def __repr__(self) -> str:
        return f"LoopbackSocket({self._journal!r}, {len(self.frames)} frames)"

    @property
    def _host(self) -> str:
        if self._server is None:
            raise RuntimeError("the server is not started")
        return f"127.0.0.1:{self._port}"

    def _keep_handshake(self, connection: "ServerConnection", request: "Request") -> None:
        headers = tuple(request.headers.raw_items())
        with self._arrived:
            self._numbers[connection.id] = len(self._numbers)
        self._journal.add(Received(method="GET", path=request.path, headers=headers, body=b""))

    def _serve(self, connection: "ServerConnection") -> None:
        from websockets.exceptions import ConnectionClosed

        path = "" if connection.request is None else connection.request.path
        with self._arrived:
            self._open[threading.current_thread()] = connection
        try:
            stays = _send(connection, self._greeting(path))
            while stays:
                frame = self._keep(connection.id, path, connection.recv())
                stays = _send(connection, self._script(frame))
        except ConnectionClosed:
            return
        finally:
            with self._arrived:
                del self._open[threading.current_thread()]

    def _keep(self, connection: UUID, path: str, content: str | bytes) -> SocketFrame:
        with self._arrived:
            frame = SocketFrame(
                connection=self._numbers[connection],
                path=path,
                content=content,
                number=len(self._frames) + 1,
            )
            self._frames.append(frame)
            self._arrived.notify_all()
            return frame


def _send(connection: "ServerConnection", script: Iterable[Sent]) -> bool:
    """Send what a script says, and say whether the connection stays."""
    for sent in script:
        if isinstance(sent, Hangup):
            connection.close(sent.code)
            return False
        connection.send(json.dumps(sent) if isinstance(sent, Mapping) else sent)
    return True


def _place(frame: SocketFrame) -> Place:
    content = frame.content
    return f"frame {frame.number}", content.encode() if isinstance(content, str) else content


class _Listening(socket.socket):
    """A listening socket whose connections keep what they read."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(socket.AF_INET, socket.SOCK_STREAM)
        self._journal = journal
        self.bind(("127.0.0.1", 0))
        self.listen(_BACKLOG)

    def accept(self) -> tuple[socket.socket, Any]:
        accepted, address = super().accept()
        return _Recording(accepted, self._journal), address


class _Recording(socket.socket):
    """The server's end of a connection; what it reads goes into the journal first."""

    def __init__(self, accepted: socket.socket, journal: Journal) -> None:
        super().__init__(fileno=accepted.detach())
        self._journal = journal
        self._number = journal.open_connection()

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        received = super().recv(bufsize, flags)
        self._journal.keep(self._number, received)
        return received
