# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a stream of events reach its reader without what was not checked?

The SDK reads a response whose bytes are written here, from events that were checked; so does
whoever reads the raw response. The provider's own bytes are read nowhere else.

INVARIANT: bytes that are no checked event do not come out (tests/clients/test_checked_streams.py).
"""

import weakref
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Protocol

from agentguard.clients.response import attributes_of, library_of, rebuilt
from agentguard.clients.sse import BadStream, Frame, FrameDecoder, frame_of, written
from agentguard.enforcement import OpenStream
from agentguard.errors import GuardFailure
from agentguard.redaction import Event, Released

DONE = "[DONE]"
# Where an event carries what a whole answer would say of itself.
HOLDERS = ("response", "message")


def checked_response(http_response: Any, call: OpenStream) -> Any:
    """Return a response like *http_response* whose body is the checked stream of *call*."""
    try:
        twin = Asynchronous if is_asynchronous(http_response) else Synchronous
        return with_body(http_response, twin, http_response, Shown(call))
    except BaseException:
        call.abandon()  # nobody else holds it
        raise


def is_asynchronous(http_response: Any) -> bool:
    """Say whether an asynchronous client got this response."""
    return hasattr(getattr(http_response, "stream", None), "__aiter__")


def with_body(http_response: Any, body: type["Body"], *arguments: Any) -> Any:
    """Return a response like *http_response* with another body, a byte stream of its library."""
    library = library_of(http_response)
    asynchronous = is_asynchronous(http_response)
    base = library.AsyncByteStream if asynchronous else library.SyncByteStream
    kind: Any = type(body.__name__, (body, base), {})
    stream = kind(*arguments)
    made = rebuilt(http_response, stream=stream)
    stream.made = weakref.ref(made)
    return made


class Outlet(Protocol):
    """Where the checked events of a call go."""

    @property
    def call(self) -> OpenStream:
        """The call that is read."""

    def written(self, released: Sequence[Released], like: Frame) -> bytes:
        """Return the bytes that the reader of the provider's stream gets."""

    def done(self) -> bytes:
        """Return the bytes that end the stream where the provider ends it by a word."""


class Shown:
    """The caller reads the stream."""

    def __init__(self, call: OpenStream) -> None:
        self.call = call

    def written(self, released: Sequence[Released], like: Frame) -> bytes:
        """Return the events with placeholders turned back."""
        return bytes_of([each.shown for each in released], like)

    def done(self) -> bytes:
        """Return the last word."""
        return LAST_WORD


def _nothing() -> None:
    """Return nothing, as a reference to what is gone."""


class Body:
    """The body of a response that is read while it comes from another.

    Attributes:
        made: gives the response; a strong reference would keep a dropped one from being noticed.
    """

    def __init__(self, source: Any) -> None:
        self._source = source
        self.made: Callable[[], Any] = _nothing

    def _closed(self) -> None:
        """Tell the response how long the provider took, which is known only now."""
        made = self.made()
        with suppress(RuntimeError):
            if made is not None:
                made.elapsed = self._source.elapsed


class _Reading(Body):
    """What both twins share: from frames to checked bytes."""

    def __init__(self, http_response: Any, outlet: Outlet) -> None:
        super().__init__(http_response)
        self._outlet = outlet
        self._decoder = FrameDecoder()
        self._done = False

    def __del__(self) -> None:
        with suppress(RuntimeError):  # no thread can be started while the interpreter ends
            self._outlet.call.abandon()

    def _event(self, frame: Frame) -> Event:
        content = frame.content()
        holder = next((content[key] for key in HOLDERS if isinstance(content.get(key), dict)), None)
        if "usage" in content or holder is not None:
            self._outlet.call.describe(attributes_of(content if holder is None else holder))
        return Event(frame.name, content)

    def _withheld(self, error: BadStream) -> GuardFailure:
        return GuardFailure(f"{error}, so the rest is withheld", part="result", dispatched=True)


def bytes_of(events: Iterable[Event], like: Frame) -> bytes:
    """Return the bytes of events."""
    return b"".join(written(frame_of(each.name, each.content, like=like)) for each in events)


_LAST = Frame(name=None, data="")
LAST_WORD = written(Frame(name=None, data=DONE))


class Synchronous(_Reading):
    """The checked stream for a synchronous client."""

    def __iter__(self) -> Iterator[bytes]:
        pieces = self._source.iter_bytes()
        while True:
            frames, failure = self._pulled(pieces)
            if failure is not None and not self._done:
                self._failed(failure)
                raise failure
            if frames is None:
                break
            for frame in frames:
                if self._done:
                    continue
                yield self._checked(frame)
        if not self._done:
            yield self._outlet.written(self._sent(None), _LAST)

    def _pulled(self, pieces: Iterator[bytes]) -> tuple[list[Frame] | None, BaseException | None]:
        """Return the next frames, or None at the end, or what kept them from coming."""
        try:
            piece = next(pieces, None)
            if piece is not None:
                return self._decoder.feed(piece), None
            return self._decoder.finish() or None, None
        except BadStream as error:
            return None, self._withheld(error)
        except GeneratorExit:
            raise
        except BaseException as error:  # noqa: BLE001 - the flow writes it down
            return None, error

    def _checked(self, frame: Frame) -> bytes:
        if frame.data.startswith(DONE):
            self._done = True
            return self._outlet.written(self._sent(None), frame) + self._outlet.done()
        return self._outlet.written(self._sent(frame), frame)

    def _sent(self, frame: Frame | None) -> tuple[Released, ...]:
        try:
            return self._outlet.call.send(None if frame is None else self._event(frame))
        except BadStream as error:
            failure = self._withheld(error)
        except BaseException:
            with suppress(Exception):
                self._source.close()
            raise
        self._failed(failure)
        raise failure

    def _failed(self, failure: BaseException) -> None:
        try:
            with suppress(Exception):
                self._source.close()
        finally:
            self._outlet.call.fail(failure)

    def close(self) -> None:
        """End the call and close the provider's stream; a reader who waits for it is cut off."""
        try:
            self._outlet.call.close()
        finally:
            self._source.close()
            self._closed()


class Asynchronous(_Reading):
    """The checked stream for an asynchronous client."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = self._source.aiter_bytes()
        while True:
            frames, failure = await self._pulled(pieces)
            if failure is not None and not self._done:
                await self._failed(failure)
                raise failure
            if frames is None:
                break
            for frame in frames:
                if self._done:
                    continue
                yield await self._checked(frame)
        if not self._done:
            yield self._outlet.written(await self._sent(None), _LAST)

    async def _pulled(
        self, pieces: AsyncIterator[bytes]
    ) -> tuple[list[Frame] | None, BaseException | None]:
        """Return the next frames, or None at the end, or what kept them from coming."""
        try:
            piece = await anext(pieces, None)
            if piece is not None:
                return self._decoder.feed(piece), None
            return self._decoder.finish() or None, None
        except BadStream as error:
            return None, self._withheld(error)
        except GeneratorExit:
            raise
        except BaseException as error:  # noqa: BLE001 - the flow writes it down
            return None, error

    async def _checked(self, frame: Frame) -> bytes:
        if frame.data.startswith(DONE):
            self._done = True
            return self._outlet.written(await self._sent(None), frame) + self._outlet.done()
        return self._outlet.written(await self._sent(frame), frame)

    async def _sent(self, frame: Frame | None) -> tuple[Released, ...]:
        try:
            return await self._outlet.call.send_async(None if frame is None else self._event(frame))
        except BadStream as error:
            failure = self._withheld(error)
        except BaseException:
            with suppress(Exception):
                await self._source.aclose()
            raise
        await self._failed(failure)
        raise failure

    async def _failed(self, failure: BaseException) -> None:
        try:
            with suppress(Exception):
                await self._source.aclose()
        finally:
            await self._outlet.call.fail_async(failure)

    async def aclose(self) -> None:
        """End the call and close the provider's stream; a reader who waits for it is cut off."""
        try:
            await self._outlet.call.close_async()
        finally:
            await self._source.aclose()
            self._closed()
