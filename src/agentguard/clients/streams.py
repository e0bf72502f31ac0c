# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a stream of events reach its reader without what was not checked?

The SDK reads a response whose bytes are written here, from events that were checked; so does
whoever reads the raw response. The provider's own bytes are read nowhere else.

INVARIANT: bytes that are no checked event do not come out (tests/clients/test_checked_streams.py).
"""

import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any

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
        reading = _twin_of(http_response)(http_response, call)
    except BaseException:
        call.abandon()  # nobody else holds it
        raise
    made = rebuilt(http_response, stream=reading)
    reading.made = weakref.ref(made)
    return made


def _twin_of(http_response: Any) -> Any:
    """Return the class of the stream, which is one of the HTTP library's own."""
    library = library_of(http_response)
    if hasattr(http_response.stream, "__aiter__"):
        return type(_Async.__name__, (_Async, library.AsyncByteStream), {})
    return type(_Sync.__name__, (_Sync, library.SyncByteStream), {})


def _nothing() -> None:
    """Return nothing, as a reference to what is gone."""


class _Reading:
    """What both twins share: from frames to checked bytes."""

    def __init__(self, http_response: Any, call: OpenStream) -> None:
        self._source = http_response
        self._call = call
        self._decoder = FrameDecoder()
        self._done = False
        # What its reader holds; a strong one would keep a dropped stream from being noticed.
        self.made: Callable[[], Any] = _nothing

    def __del__(self) -> None:
        with suppress(RuntimeError):  # no thread can be started while the interpreter ends
            self._call.abandon()

    def _event(self, frame: Frame) -> Event:
        content = frame.content()
        holder = next((content[key] for key in HOLDERS if isinstance(content.get(key), dict)), None)
        if "usage" in content or holder is not None:
            self._call.describe(attributes_of(content if holder is None else holder))
        return Event(frame.name, content)

    def _closed(self) -> None:
        """Tell the response how long the provider took, which is known only now."""
        made = self.made()
        with suppress(RuntimeError):
            if made is not None:
                made.elapsed = self._source.elapsed

    def _withheld(self, error: BadStream) -> GuardFailure:
        return GuardFailure(f"{error}, so the rest is withheld", part="result", dispatched=True)


def _bytes(released: tuple[Released, ...], frame: Frame) -> bytes:
    return b"".join(
        written(frame_of(each.shown.name, each.shown.content, like=frame)) for each in released
    )


_LAST = Frame(name=None, data="")


class _Sync(_Reading):
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
            yield _bytes(self._sent(None), _LAST)

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
            return _bytes(self._sent(None), frame) + written(Frame(name=None, data=DONE))
        return _bytes(self._sent(frame), frame)

    def _sent(self, frame: Frame | None) -> tuple[Released, ...]:
        try:
            return self._call.send(None if frame is None else self._event(frame))
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
            self._call.fail(failure)

    def close(self) -> None:
        """End the call and close the provider's stream; a reader who waits for it is cut off."""
        try:
            self._call.close()
        finally:
            self._source.close()
            self._closed()


class _Async(_Reading):
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
            yield _bytes(await self._sent(None), _LAST)

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
            return _bytes(await self._sent(None), frame) + written(Frame(name=None, data=DONE))
        return _bytes(await self._sent(frame), frame)

    async def _sent(self, frame: Frame | None) -> tuple[Released, ...]:
        try:
            return await self._call.send_async(None if frame is None else self._event(frame))
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
            await self._call.fail_async(failure)

    async def aclose(self) -> None:
        """End the call and close the provider's stream; a reader who waits for it is cut off."""
        try:
            await self._call.close_async()
        finally:
            await self._source.aclose()
            self._closed()
