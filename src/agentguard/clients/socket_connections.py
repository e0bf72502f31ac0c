# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a connection of the websocket library pass nothing that was not decided?

Subclasses of the library's two connections, which the SDK is given to make. Below them the
protocol itself is sealed, so that a way of sending that is not overridden here sends nothing.
What a message means is read in ``socket_frames``.

INVARIANT: a data frame leaves only while a call admits exactly these bytes
(tests/clients/test_sockets.py).
INVARIANT: nothing is received that was not checked, and nothing after a refusal (same file).
"""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from functools import lru_cache
from time import monotonic
from typing import Any

from websockets.asyncio.client import ClientConnection as AsyncConnection
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK
from websockets.frames import Frame, Opcode
from websockets.sync.client import ClientConnection as SyncConnection

from agentguard.clients.socket_address import Pass, current, refuse_deviations
from agentguard.clients.socket_frames import Line, texts_of
from agentguard.clients.state import State
from agentguard.enforcement import OpenStream
from agentguard.errors import ContentRefused, GuardFailure, UnguardedPath
from agentguard.pipeline import Response
from agentguard.vocabulary import Call

LONGEST_PING = 4
CONTROL = frozenset({Opcode.CLOSE, Opcode.PING, Opcode.PONG})


class _Sealed:
    """A protocol that sends data only while it is admitted; mixed into the library's own."""

    agentguard_line: Line | None = None

    def send_frame(self, frame: Frame) -> None:
        line = self.agentguard_line
        admitted = (
            line is not None
            and frame.opcode is Opcode.TEXT
            and frame.fin
            and line.is_admitted(bytes(frame.data))
        )
        if not admitted and frame.opcode not in CONTROL:
            raise UnguardedPath("a frame that the guard did not decide was refused")
        super().send_frame(frame)  # type: ignore[misc]  # the library's, mixed in

    def send_ping(self, data: bytes) -> None:
        _refuse_content(data if len(data) > LONGEST_PING else b"")
        super().send_ping(data)  # type: ignore[misc]  # the library's, mixed in

    def send_pong(self, data: bytes) -> None:
        _refuse_content(data)
        super().send_pong(data)  # type: ignore[misc]  # the library's, mixed in


def _refuse_content(data: object) -> None:
    if data:
        raise ContentRefused("a control frame of a websocket carries content that is not inspected")


@lru_cache(maxsize=4)
def _sealed(kind: Any) -> Any:
    return type(kind.__name__, (_Sealed, kind), {})


class _Guarded:
    """What both kinds of connection share."""

    protocol: Any

    def _begin(self, protocol: Any) -> None:
        given = current()
        if given is None or given.line is None:
            raise UnguardedPath("a websocket is opened past the guard, so it is refused")
        self._pass: Pass = given
        self._ready: deque[str] = deque()
        self.line: Line = given.line
        self._state: State = given.line.state
        protocol.agentguard_line = given.line
        kind: Any = type(protocol)
        protocol.__class__ = _sealed(kind)
        given.made = self

    def _check_handshake(self, headers: Any, user_agent: str | None) -> None:
        refuse_deviations(self._pass, self._state, self.protocol.uri, headers, user_agent)

    @property
    def _stream(self) -> OpenStream:
        if self.line.stream is None:
            raise UnguardedPath("a websocket is used before the guard has opened it")
        return self.line.stream


def _decoded(text: str, decode: bool | None) -> str | bytes:  # noqa: FBT001 - the library's argument
    return text.encode("utf-8", "surrogatepass") if decode is False else text


class GuardedConnection(_Guarded, SyncConnection):
    """A synchronous connection through the guard."""

    def __init__(self, socket: Any, protocol: ClientProtocol, **options: Any) -> None:
        self._begin(protocol)
        self._checking = threading.RLock()
        super().__init__(socket, protocol, **options)

    def handshake(
        self, additional_headers: Any = None, user_agent_header: str | None = None, *rest: Any
    ) -> None:
        """Ask for the websocket, with nothing beside what was admitted."""
        self._check_handshake(additional_headers, user_agent_header)
        super().handshake(additional_headers, user_agent_header, *rest)

    def send(self, message: Any, text: bool | None = None) -> None:  # noqa: FBT001 - the library's argument
        """Send one message as a call of its own."""

        def dispatch(call: Call) -> Response:
            with self.line.admitting(call) as admitted:
                super(GuardedConnection, self).send(admitted)
            return Response(content=None)

        self._state.enforcer.call(self.line.crossing(message, text=text), dispatch)

    def recv(self, timeout: float | None = None, decode: bool | None = None) -> Any:  # noqa: FBT001 - the library's argument
        """Return the next message that may be released."""
        deadline = None if timeout is None else monotonic() + timeout
        while not self._ready:
            left = None if deadline is None else deadline - monotonic()
            try:
                message = super().recv(left)
            except ConnectionClosed as closed:
                self._end(closed)
                if not self._ready:
                    raise
            else:
                self._take(message)
        return _decoded(self._ready.popleft(), decode)

    def recv_streaming(self, decode: bool | None = None) -> Iterator[Any]:  # noqa: FBT001 - the library's argument
        """Yield the next message in one piece; a part of one could not be checked."""
        yield self.recv(decode=decode)

    def _take(self, message: object) -> None:
        with self._checking:
            if self._stream.ended:
                return  # it came before the connection was cut
            event = self.line.event(message)
            try:
                if isinstance(event, GuardFailure):
                    self._stream.fail(event)
                else:
                    self._ready.extend(texts_of(self._stream.send(event)))
            except BaseException:
                self._ready.clear()
                self.close_socket()
                raise

    def _end(self, closed: ConnectionClosed) -> None:
        """Release what was held back for more to come, if the provider has closed in order."""
        with self._checking:
            if self._stream.ended:
                return
            if isinstance(closed, ConnectionClosedOK):
                self._ready.extend(texts_of(self._stream.send(None)))
                return
            try:
                self._stream.fail(closed)
            except ConnectionClosed:
                return

    def ping(self, data: Any = None, *rest: Any, **options: Any) -> Any:
        """Send a ping that carries nothing."""
        _refuse_content(data)
        return super().ping(data, *rest, **options)

    def pong(self, data: Any = b"") -> None:
        """Send a pong that carries nothing."""
        _refuse_content(data)
        super().pong(data)

    def close(self, code: int = 1000, reason: str = "") -> None:  # noqa: ARG002 - it is not sent
        """Close the connection; a reason is content that nobody decided, and is not sent."""
        try:
            super().close(code)
        finally:
            if self.line.stream is not None:
                self.line.stream.close()


class AsyncGuardedConnection(_Guarded, AsyncConnection):
    """An asynchronous connection through the guard."""

    def __init__(self, protocol: ClientProtocol, **options: Any) -> None:
        self._begin(protocol)
        self._checking = asyncio.Lock()
        super().__init__(protocol, **options)

    async def handshake(
        self, additional_headers: Any = None, user_agent_header: str | None = None
    ) -> None:
        """Ask for the websocket, with nothing beside what was admitted."""
        self._check_handshake(additional_headers, user_agent_header)
        await super().handshake(additional_headers, user_agent_header)

    async def send(self, message: Any, text: bool | None = None) -> None:  # noqa: FBT001 - the library's argument
        """Send one message as a call of its own."""

        async def dispatch(call: Call) -> Response:
            with self.line.admitting(call) as admitted:
                await super(AsyncGuardedConnection, self).send(admitted)
            return Response(content=None)

        crossing = self.line.crossing(message, text=text)
        await self._state.enforcer.call_async(crossing, dispatch)

    async def recv(self, decode: bool | None = None) -> Any:  # noqa: FBT001 - the library's argument
        """Return the next message that may be released."""
        while not self._ready:
            try:
                message = await super().recv()
            except ConnectionClosed as closed:
                await self._end(closed)
                if not self._ready:
                    raise
            else:
                await self._take(message)
        return _decoded(self._ready.popleft(), decode)

    async def recv_streaming(self, decode: bool | None = None) -> AsyncIterator[Any]:  # noqa: FBT001 - the library's argument
        """Yield the next message in one piece; a part of one could not be checked."""
        yield await self.recv(decode=decode)

    async def _take(self, message: object) -> None:
        async with self._checking:
            if self._stream.ended:
                return  # it came before the connection was cut
            event = self.line.event(message)
            try:
                if isinstance(event, GuardFailure):
                    await self._stream.fail_async(event)
                else:
                    self._ready.extend(texts_of(await self._stream.send_async(event)))
            except BaseException:
                self._ready.clear()
                self.transport.abort()
                raise

    async def _end(self, closed: ConnectionClosed) -> None:
        """Release what was held back for more to come, if the provider has closed in order."""
        async with self._checking:
            if self._stream.ended:
                return
            if isinstance(closed, ConnectionClosedOK):
                self._ready.extend(texts_of(await self._stream.send_async(None)))
                return
            try:
                await self._stream.fail_async(closed)
            except ConnectionClosed:
                return

    async def ping(self, data: Any = None, **options: Any) -> Any:
        """Send a ping that carries nothing."""
        _refuse_content(data)
        return await super().ping(data, **options)

    async def pong(self, data: Any = b"") -> None:
        """Send a pong that carries nothing."""
        _refuse_content(data)
        await super().pong(data)

    async def close(self, code: int = 1000, reason: str = "") -> None:  # noqa: ARG002 - it is not sent
        """Close the connection; a reason is content that nobody decided, and is not sent."""
        try:
            await super().close(code)
        finally:
            if self.line.stream is not None:
                await self.line.stream.close_async()
