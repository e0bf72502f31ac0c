# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a request of httpx come through the guard, and its answer back?

Each request that a client sends gets here, each hop of a redirect and each step of signing in
included. What is decided on is read off the request as it is, body and all; what is sent is made
of what was decided.

INVARIANT: what the library sends is what was decided (tests/attacks/outbound/test_outbound_redirects.py).
"""

import threading
from collections.abc import AsyncIterator, Iterator
from functools import lru_cache
from typing import Any, Self

from agentguard.clients.outbound import First, Outbound, Outgoing, Passage, Resolver
from agentguard.clients.outbound.answers import MOST_HEARD, heard, is_heard
from agentguard.clients.outbound.requests import MOST_SENT, bounded, too_long
from agentguard.egress import outbound_url
from agentguard.errors import CallRefused, UnguardedPath
from agentguard.integrations.httpx_clients.connections import (
    AsyncBackend,
    Backend,
    SyncBackend,
    connecting,
)
from agentguard.pipeline import Response
from agentguard.vocabulary import Call

FIRST = "agentguard_first"
# What else a request can carry would change where it goes, or hand out the connection.
_KNOWN_EXTENSIONS = frozenset({"timeout", "trace", FIRST})


class _Transport:
    """What the transports of both kinds of client share."""

    def __init__(self, outbound: Outbound, plain: Any, library: Any, resolve: Resolver) -> None:
        self._outbound = outbound
        self._plain = plain
        self._library = library
        self._resolve = resolve
        self._lock = threading.Lock()
        # One for each tool and its private hosts, so that no tool uses a connection of another's.
        self._inner: dict[tuple[str, frozenset[str]], Any] = {}

    def is_like(self, outbound: Outbound) -> bool:
        """Say whether it is made of the same guard, tools and caller."""
        return self._outbound.is_like(outbound)

    def __repr__(self) -> str:
        return f"<guarded transport for {len(self._outbound.tools)} tools>"

    def _connecting(self, passage: Passage, backend: type[Backend]) -> Any:
        """Return the library's transport, with a pool that connects to checked addresses."""
        key = passage.tool, passage.private
        with self._lock:
            if key not in self._inner:
                self._inner[key] = connecting(
                    self._plain, self._library, backend, self._resolve, passage
                )
            return self._inner[key]

    def _outgoing(self, request: Any, body: bytes, objection: CallRefused | None) -> Outgoing:
        url = request.url
        return Outgoing(
            method=request.method,
            scheme=url.scheme,
            host=url.raw_host.decode("ascii"),
            port=url.port,
            target=url.raw_path.decode("ascii"),
            headers=tuple(
                (name.lower().decode("latin-1"), value.decode("latin-1"))
                for name, value in request.headers.raw
            ),
            body=body,
            objection=objection or _objection(request),
        )

    def _request(self, request: Any, passage: Passage, call: Call) -> Any:
        """Return the request that is sent, as it was decided."""
        sending = passage.sending(call)
        extensions = {"timeout": request.extensions.get("timeout", {})}
        trace = request.extensions.get("trace")
        if trace is not None:
            extensions["trace"] = _told_names(trace)
        url = self._library.URL(sending.url)
        if _read(url) != sending.url:
            raise UnguardedPath("the address of a request can be written in two ways")
        return self._library.Request(
            sending.method,
            url,
            headers=[
                (name.encode("latin-1"), value.encode("latin-1")) for name, value in sending.headers
            ],
            stream=self._library.ByteStream(sending.body),
            extensions=extensions,
        )

    def _response(self, plain: Any, stream: Any) -> Any:
        """Return what the client gets; not the connection itself."""
        self._outbound.note_cookies(plain.headers.get_list("set-cookie"))
        extensions = {
            name: each for name, each in plain.extensions.items() if name != "network_stream"
        }
        return self._library.Response(
            status_code=plain.status_code,
            headers=plain.headers,
            stream=stream,
            extensions=extensions,
        )

    def _heard(self, response: Any, content: bytes | None) -> Response:
        if content is None:
            return Response(content=None)
        headers = response.headers
        kind, coding = headers.get("content-type", ""), headers.get("content-encoding", "")
        return Response(content=heard(content, kind, coding))


def _objection(request: Any) -> CallRefused | None:
    """Return why a request cannot be sent, whatever the policy says of it."""
    if request.url.userinfo:
        return UnguardedPath(
            "a user stands in the address of a request, which can be read in two ways",
            remedy="use auth=, and name authorization in http_headers of the [[tool]]",
        )
    if not _KNOWN_EXTENSIONS.issuperset(request.extensions):
        return UnguardedPath("a request has an extension that could change where it goes")
    return None


def _read(url: Any) -> str:
    """Return the text of an address as it is sent."""
    host, target = url.raw_host.decode("ascii"), url.raw_path.decode("ascii")
    return outbound_url(url.scheme, host, url.port, target).text


def _told_names(trace: Any) -> Any:
    """Return what tells a trace how far a request is, without the request and its connection.

    It could change the one after it was decided, and write to the other.
    """
    return lambda name, _of_connection: trace(name, {})


def _first_of(request: Any) -> First:
    """Return what was noted with the first of several hops; redirects copy the extensions."""
    known = request.extensions.get(FIRST)
    if not isinstance(known, First):
        known = request.extensions[FIRST] = First()
    return known


def _is_heard(response: Any) -> bool:
    headers = response.headers
    return is_heard(headers.get("content-type", ""), headers.get("content-length"))


class SyncTransport(_Transport):
    """Takes each request of a ``Client`` through the guard."""

    def handle_request(self, request: Any) -> Any:
        """Take one request through the guard and return its answer."""
        first = _first_of(request)
        body, objection = bounded(request.stream)
        passage = self._outbound.passage(self._outgoing(request, body, objection), first)
        landed: list[Any] = []

        def dispatch(call: Call) -> Response:
            sending = self._request(request, passage, call)
            with passage.reaching(call):
                plain = self._connecting(passage, SyncBackend).handle_request(sending)
            landed.append(plain)
            stream, content = plain.stream, None
            if _is_heard(plain):
                content, stream = _read_whole(plain.stream, self._library)
            landed[0] = self._response(plain, stream)
            return self._heard(plain, content)

        try:
            self._outbound.enforcer.call(passage.crossing, dispatch)
        except BaseException:
            for each in landed:
                each.close()
            raise
        return landed[0]

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            inner = [self._plain, *self._inner.values()]
        for each in inner:
            each.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _read_whole(stream: Any, library: Any) -> tuple[bytes | None, Any]:
    """Return the whole of an answer, and a stream of it; what is too long is not listened to."""
    chunks, total = list[bytes](), 0
    pieces = iter(stream)
    for chunk in pieces:
        chunks.append(chunk)
        total += len(chunk)
        if total > MOST_HEARD:
            return None, _rest_class(library)(chunks, pieces, stream)
    stream.close()
    content = b"".join(chunks)
    return content, library.ByteStream(content)


@lru_cache(maxsize=8)
def _rest_class(library: Any) -> Any:
    """Return the class of a stream whose beginning was read already."""

    class Rest(library.SyncByteStream):  # type: ignore[misc]  # the library's, known when it runs
        def __init__(self, begun: list[bytes], pieces: Iterator[bytes], whole: Any) -> None:
            self._begun, self._pieces, self._whole = begun, pieces, whole

        def __iter__(self) -> Iterator[bytes]:
            yield from self._begun
            yield from self._pieces

        def close(self) -> None:
            self._whole.close()

    return Rest


class AsyncTransport(_Transport):
    """Takes each request of an ``AsyncClient`` through the guard."""

    async def handle_async_request(self, request: Any) -> Any:
        """Take one request through the guard and return its answer."""
        first = _first_of(request)
        body, objection = await _bounded(request.stream)
        passage = self._outbound.passage(self._outgoing(request, body, objection), first)
        landed: list[Any] = []

        async def dispatch(call: Call) -> Response:
            sending = self._request(request, passage, call)
            with passage.reaching(call):
                connecting = self._connecting(passage, AsyncBackend)
                plain = await connecting.handle_async_request(sending)
            landed.append(plain)
            stream, content = plain.stream, None
            if _is_heard(plain):
                content, stream = await _read_async(plain.stream, self._library)
            landed[0] = self._response(plain, stream)
            return self._heard(plain, content)

        try:
            await self._outbound.enforcer.call_async(passage.crossing, dispatch)
        except BaseException:
            for each in landed:
                await each.aclose()
            raise
        return landed[0]

    async def aclose(self) -> None:
        """Close every connection."""
        with self._lock:
            inner = [self._plain, *self._inner.values()]
        for each in inner:
            await each.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


async def _bounded(chunks: Any) -> tuple[bytes, CallRefused | None]:
    parts, total = list[bytes](), 0
    async for chunk in chunks:
        total += len(chunk)
        if total > MOST_SENT:
            return b"", too_long()
        parts.append(chunk)
    return b"".join(parts), None


async def _read_async(stream: Any, library: Any) -> tuple[bytes | None, Any]:
    chunks, total = list[bytes](), 0
    pieces = aiter(stream)
    async for chunk in pieces:
        chunks.append(chunk)
        total += len(chunk)
        if total > MOST_HEARD:
            return None, _async_rest_class(library)(chunks, pieces, stream)
    await stream.aclose()
    content = b"".join(chunks)
    return content, library.ByteStream(content)


@lru_cache(maxsize=8)
def _async_rest_class(library: Any) -> Any:
    """Return the class of an asynchronous stream whose beginning was read already."""

    class Rest(library.AsyncByteStream):  # type: ignore[misc]  # the library's, known when it runs
        def __init__(self, begun: list[bytes], pieces: AsyncIterator[bytes], whole: Any) -> None:
            self._begun, self._pieces, self._whole = begun, pieces, whole

        async def __aiter__(self) -> AsyncIterator[bytes]:
            for chunk in self._begun:
                yield chunk
            async for chunk in self._pieces:
                yield chunk

        async def aclose(self) -> None:
            await self._whole.aclose()

    return Rest
