# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How do an observer and the caller read one stream, each what it may see?

An instrumentation wraps the SDK's stream and makes its span from the events that it passes on.
It is given a stream of events with placeholders; whenever the caller reads, that stream is read
on, and what belongs to the caller has been left here.

INVARIANT: the observer's stream ends when the caller's does, however that is
(tests/clients/test_relayed.py).
"""

import inspect
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, NoReturn

from agentguard.clients.sse import Frame
from agentguard.clients.streams import (
    LAST_WORD,
    Asynchronous,
    Body,
    Synchronous,
    bytes_of,
    is_asynchronous,
    with_body,
)
from agentguard.errors import GuardFailure
from agentguard.redaction import Released


class Relay:
    """Leaves the caller's bytes while an observer reads its own.

    Attributes:
        call: the call that is read; set as soon as it has come through the guard.
        response: what the observer's stream is made from.
    """

    def __init__(self, http_response: Any) -> None:
        self.call: Any = _Unopened()
        self._waiting: list[bytes] = []
        body = Asynchronous if is_asynchronous(http_response) else Synchronous
        self.response = with_body(http_response, body, http_response, self)

    def written(self, released: Sequence[Released], like: Frame) -> bytes:
        """Return the events as they crossed, and leave them as the caller gets them."""
        self._waiting.append(bytes_of([each.shown for each in released], like))
        return bytes_of([each.crossed for each in released], like)

    def done(self) -> bytes:
        """Return the last word to both."""
        self._waiting.append(LAST_WORD)
        return LAST_WORD

    def taken(self) -> bytes:
        """Return what was left for the caller since the last time."""
        waiting, self._waiting = self._waiting, []
        return b"".join(waiting)


class _Unopened:
    """Stands for a call that has not come through the guard, so that nothing of it is read."""

    def send(self, _: object) -> NoReturn:
        raise GuardFailure(
            "an instrumentation read a stream before it was checked", part="result", dispatched=True
        )

    async def send_async(self, _: object) -> NoReturn:
        self.send(_)

    def close(self) -> None:
        """There is nothing to end."""

    def abandon(self) -> None:
        """There is nothing to end."""

    async def close_async(self) -> None:
        """There is nothing to end."""

    def describe(self, _: object) -> None:
        """There is no span to describe."""

    def fail(self, _: object) -> None:
        """There is no flow that must know."""

    async def fail_async(self, _: object) -> None:
        """There is no flow that must know."""


def relayed_response(http_response: Any, relay: Relay, returned: Any) -> Any:
    """Return the caller's response to a call whose observer has got *returned*."""
    body: type[Body] = _DrivenAsync if is_asynchronous(http_response) else _Driven
    try:
        return with_body(http_response, body, relay, returned)
    except BaseException:
        relay.call.abandon()  # nobody else holds it
        raise


class _Driven(Body):
    """Reads an observer's stream on, and passes on what that leaves."""

    def __init__(self, relay: Relay, returned: Any) -> None:
        super().__init__(relay.response)
        self._relay = relay
        self._stream = returned
        self._events: Iterator[Any] | None = None

    def __iter__(self) -> Iterator[bytes]:
        while self._stream is not None:
            failure: Exception | None = None
            try:
                if self._events is None:
                    self._stream = _parsed(self._stream)
                    self._events = iter(self._stream)
                next(self._events)
            except Exception as error:  # noqa: BLE001 - raised once the rest is passed on
                failure = error
            left = self._relay.taken()
            if left:
                yield left
            if isinstance(failure, StopIteration):
                return
            if failure is not None:
                raise failure

    def close(self) -> None:
        """Leave the observer's stream, and close the provider's."""
        # Some observers end their span when they are left, others when nobody holds them.
        stream, self._stream, self._events = self._stream, None, None
        try:
            if hasattr(stream, "__exit__"):
                stream.__exit__(None, None, None)
            elif hasattr(stream, "close"):
                stream.close()
        finally:
            self._source.close()
            self._closed()


class _DrivenAsync(Body):
    """Like ``_Driven``, for an asynchronous client."""

    def __init__(self, relay: Relay, returned: Any) -> None:
        super().__init__(relay.response)
        self._relay = relay
        self._stream = returned
        self._events: AsyncIterator[Any] | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self._stream is not None:
            failure: Exception | None = None
            try:
                if self._events is None:
                    parsed = _parsed(self._stream)
                    self._stream = await parsed if inspect.isawaitable(parsed) else parsed
                    self._events = aiter(self._stream)
                await anext(self._events)
            except Exception as error:  # noqa: BLE001 - raised once the rest is passed on
                failure = error
            left = self._relay.taken()
            if left:
                yield left
            if isinstance(failure, StopAsyncIteration):
                return
            if failure is not None:
                raise failure

    async def aclose(self) -> None:
        """Leave the observer's stream, and close the provider's."""
        # Some observers end their span when they are left, others when nobody holds them.
        stream, self._stream, self._events = self._stream, None, None
        try:
            if hasattr(stream, "__aexit__"):
                await stream.__aexit__(None, None, None)
            elif hasattr(stream, "aclose"):
                await stream.aclose()
        finally:
            await self._source.aclose()
            self._closed()


def _parsed(returned: Any) -> Any:
    """Return the stream of a raw response, or what is one already."""
    return returned.parse() if hasattr(returned, "parse") else returned
