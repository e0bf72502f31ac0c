# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Do an observer and the caller read one stream, each its own events and both to the end?"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest

from agentguard import GuardFailure
from agentguard.clients.relayed import Relay, relayed_response
from agentguard.redaction import Event, Released

SENT = b'data: {"n":1}\n\ndata: {"n":2}\n\ndata: [DONE]\n\n'


class Call:
    """A call that shows the caller what an observer does not see."""

    def __init__(self) -> None:
        self.ended = 0

    def send(self, event: Event | None) -> tuple[Released, ...]:
        """Release the event in two forms."""
        if event is None:
            return ()
        shown = Event(event.name, {**event.content, "shown": True})
        return (Released(crossed=event, shown=shown),)

    async def send_async(self, event: Event | None) -> tuple[Released, ...]:
        """Release the event in two forms."""
        return self.send(event)

    def close(self) -> None:
        """Note that the call has ended."""
        self.ended += 1

    abandon = close

    async def close_async(self) -> None:
        """Note that the call has ended."""
        self.ended += 1


class Bytes(httpx2.SyncByteStream):
    """What the provider sends, one event at a time."""

    def __init__(self) -> None:
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        yield from SENT.splitlines(keepends=True)

    def close(self) -> None:
        """Note that the connection was given back."""
        self.closed += 1


class AsyncBytes(httpx2.AsyncByteStream):
    """The same for an asynchronous client."""

    def __init__(self) -> None:
        self.closed = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for line in SENT.splitlines(keepends=True):
            yield line

    async def aclose(self) -> None:
        """Note that the connection was given back."""
        self.closed += 1


class Observed:
    """An observer's wrapper around the lines of a stream."""

    def __init__(self, response: Any) -> None:
        self._response = response
        self._lines = response.iter_lines()
        self.seen: list[str] = []
        self.left = 0

    def __iter__(self) -> "Observed":
        return self

    def __next__(self) -> str:
        self.seen.append(next(self._lines))
        return self.seen[-1]

    def __exit__(self, *_: object) -> None:
        self.left += 1
        self._response.close()


class AsyncObserved(Observed):
    """The same for an asynchronous client."""

    def __init__(self, response: Any) -> None:
        self._response = response
        self._lines = response.aiter_lines()
        self.seen = []
        self.left = 0

    def __aiter__(self) -> "AsyncObserved":
        return self

    async def __anext__(self) -> str:
        self.seen.append(await anext(self._lines))
        return self.seen[-1]

    async def __aexit__(self, *_: object) -> None:
        self.left += 1
        await self._response.aclose()


def response_of(stream: Any) -> httpx2.Response:
    """Return a provider's response."""
    return httpx2.Response(200, stream=stream, request=httpx2.Request("POST", "http://x/"))


def opened(stream: Any, kind: Any = Observed) -> tuple[Any, Any, Call]:
    """Return the caller's response, what observes it, and the call."""
    source = response_of(stream)
    relay = Relay(source)
    observer = kind(relay.response)
    relay.call = call = Call()
    return relayed_response(source, relay, observer), observer, call


def test_each_reader_gets_its_own_events() -> None:
    """The caller's hold what was turned back, the observer's what crossed."""
    response, observer, _ = opened(Bytes())
    told = response.read().decode()
    assert told.count('"shown":true') == 2
    assert told.endswith("data: [DONE]\n\n")
    assert "shown" not in "".join(observer.seen)
    assert '{"n":2}' in "".join(observer.seen)


def test_each_reader_gets_its_own_events_in_asynchronous_code() -> None:
    """The caller's hold what was turned back, the observer's what crossed."""

    async def run() -> tuple[str, str]:
        response, observer, _ = opened(AsyncBytes(), AsyncObserved)
        return (await response.aread()).decode(), "".join(observer.seen)

    told, seen = asyncio.run(run())
    assert told.count('"shown":true') == 2
    assert "shown" not in seen
    assert '{"n":2}' in seen


def test_the_observer_is_left_when_the_caller_leaves() -> None:
    """Closing early ends the observer's stream, the call and the connection."""
    stream = Bytes()
    response, observer, call = opened(stream)
    assert b"shown" in next(response.iter_raw())
    response.close()
    assert observer.left == 1
    assert call.ended >= 1
    assert stream.closed == 1


def test_the_observer_is_left_when_the_caller_leaves_in_asynchronous_code() -> None:
    """Closing early ends the observer's stream, the call and the connection."""

    async def run() -> tuple[Any, Call, AsyncBytes]:
        stream = AsyncBytes()
        response, observer, call = opened(stream, AsyncObserved)
        pieces = response.aiter_raw()
        assert b"shown" in await anext(pieces)
        await response.aclose()
        await pieces.aclose()
        return observer, call, stream

    observer, call, stream = asyncio.run(run())
    assert observer.left == 1
    assert call.ended >= 1
    assert stream.closed == 1


def test_nothing_is_read_before_the_call_has_come_through_the_guard() -> None:
    """An observer that reads at once, and not when the caller does, gets nothing."""
    relay = Relay(response_of(Bytes()))
    with pytest.raises(GuardFailure, match="before it was checked"):
        relay.response.read()
