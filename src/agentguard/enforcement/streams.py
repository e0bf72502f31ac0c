# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a call go on whose answer comes in pieces?

The flow of such a call waits for events after its dispatch. Whoever reads the stream drives it
on: each event that arrived is sent in, and what may be released comes out. It ends with the
stream, whichever way that ends.

INVARIANT: every stream that was opened is written down as ended, also one that is closed early or
dropped (tests/enforcement/test_open_streams.py).
"""

import inspect
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from agentguard.enforcement.performing import Performer
from agentguard.errors import AgentGuardError, GuardFailure
from agentguard.pipeline import Emit, Flow, Pull, Step, StreamClosed
from agentguard.redaction import Event, Released
from agentguard.telemetry import GuardSpan, OperationSpan

Attributes = Mapping[str, str | int | tuple[str, ...]]


class OpenStream:
    """One call that waits for the next event of its answer.

    One reader at a time drives it; anybody may close it at any time, from any thread or task. If
    it is being driven just then, whoever drives it ends it before it waits again.
    """

    def __init__(
        self,
        flow: Flow[Any],
        performer: Performer,
        span: GuardSpan,
        operation: OperationSpan | None,
    ) -> None:
        self._flow = flow
        self._performer = performer
        self._span = span
        self._operation = operation
        self.ended = False
        self._unwanted = False
        # Only ever tried, never waited for: a finalizer or a signal may come in the middle.
        self._driven = threading.Lock()
        span.keep()
        # When a reader drops its stream, the collector would end the flow with it, unwritten.
        performer.open_streams.add(self)

    def describe(self, attributes: Attributes) -> None:
        """Add what an event says to the operation's span."""
        if self._operation is not None:
            self._operation.describe(attributes)

    def send(self, event: Event | None) -> tuple[Released, ...]:
        """Take in the next event, None for the end of the stream; return what is released.

        Raises:
            CallRefused: the event holds what may not be released.
            GuardFailure: a part failed, or the call has ended; nothing more is released.
        """
        self._begin()
        try:
            return self._advance(event, None)
        finally:
            self._driven.release()
            self._end_if_unwanted()

    async def send_async(self, event: Event | None) -> tuple[Released, ...]:
        """Like ``send``; blocking steps run in worker threads."""
        self._begin()
        try:
            return await self._advance_async(event, None)
        finally:
            self._driven.release()
            await self._end_if_unwanted_async()

    def fail(self, failure: BaseException) -> None:
        """Let the flow know that no further event can be had, and raise what it says to that."""
        if self.ended:
            return
        self._begin()
        try:
            self._advance(None, failure)
        finally:
            self._driven.release()
            self._end_if_unwanted()

    async def fail_async(self, failure: BaseException) -> None:
        """Like ``fail``; blocking steps run in worker threads."""
        if self.ended:
            return
        self._begin()
        try:
            await self._advance_async(None, failure)
        finally:
            self._driven.release()
            await self._end_if_unwanted_async()

    def close(self) -> None:
        """End a stream that nobody reads on; one that has ended stays as it is."""
        self._unwanted = True
        self._end_if_unwanted()

    async def close_async(self) -> None:
        """Like ``close``; blocking steps run in worker threads."""
        self._unwanted = True
        await self._end_if_unwanted_async()

    def abandon(self) -> None:
        """End a stream that was dropped unread; safe in a finalizer.

        A finalizer runs in whichever thread the interpreter chose, also in the one that writes
        the audit log, so that it must not write itself.
        """
        if not self.ended:
            threading.Thread(target=self._close_untold, name="agentguard-dropped-stream").start()

    def _close_untold(self) -> None:
        # Nobody is left to be told; a log that cannot be written refuses every later call.
        with suppress(AgentGuardError):
            self.close()

    def _begin(self) -> None:
        """Take the turn, so that nobody else drives the flow."""
        if not self._driven.acquire(blocking=False):
            raise GuardFailure(
                "a stream is read by one reader at a time", part="result", dispatched=True
            )
        if self.ended or self._unwanted:
            self._driven.release()
            raise GuardFailure(
                "the stream was closed before its end", part="result", dispatched=True
            )

    def _end_if_unwanted(self) -> None:
        while self._unwanted and not self.ended and self._driven.acquire(blocking=False):
            try:
                with suppress(StreamClosed):
                    self._advance(None, StreamClosed())
            finally:
                self._driven.release()

    async def _end_if_unwanted_async(self) -> None:
        while self._unwanted and not self.ended and self._driven.acquire(blocking=False):
            try:
                with suppress(StreamClosed):
                    await self._advance_async(None, StreamClosed())
            finally:
                self._driven.release()

    def _advance(self, result: Any, failure: BaseException | None) -> tuple[Released, ...]:
        released: list[Released] = []
        try:
            step = self._resume(result, failure)
            while not isinstance(step, Pull):
                result, failure = None, None
                try:
                    if isinstance(step, Emit):
                        released += step.released
                    else:
                        result = self._performer.perform(step, self._span)
                except BaseException as error:  # noqa: BLE001 - the flow writes it down
                    failure = error
                step = self._resume(result, failure)
        except StopIteration:
            self._end(None)
        except BaseException as error:
            self._interrupted(error)
            raise
        return tuple(released)

    async def _advance_async(
        self, result: Any, failure: BaseException | None
    ) -> tuple[Released, ...]:
        released: list[Released] = []
        try:
            step = self._resume(result, failure)
            while not isinstance(step, Pull):
                result, failure = None, None
                try:
                    if isinstance(step, Emit):
                        released += step.released
                    else:
                        result = await self._performer.perform_async(step, self._span)
                except BaseException as error:  # noqa: BLE001 - the flow writes it down
                    failure = error
                step = self._resume(result, failure)
        except StopIteration:
            self._end(None)
        except BaseException as error:
            self._interrupted(error)
            raise
        return tuple(released)

    def _resume(self, result: Any, failure: BaseException | None) -> Step[Any]:
        return self._flow.send(result) if failure is None else self._flow.throw(failure)

    def _interrupted(self, error: BaseException) -> None:
        """End with what the flow raised; what came between two of its steps ends it later."""
        if inspect.getgeneratorstate(self._flow) == inspect.GEN_CLOSED:
            self._end(error)
        else:
            self._unwanted = True

    def _end(self, error: BaseException | None) -> None:
        self.ended = True
        self._performer.open_streams.discard(self)
        if self._operation is not None:
            if error is not None and not isinstance(error, StreamClosed):
                self._operation.fail(error)
            self._operation.end()
        self._span.end()
