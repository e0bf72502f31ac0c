# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a call go on whose answer comes in pieces?

The flow of such a call waits for events after its dispatch. Whoever reads the stream drives it
on: each event that arrived is sent in, and what may be released comes out. It ends with the
stream, whichever way that ends.

INVARIANT: every stream that was opened is written down as ended, also one that is closed early or
dropped (tests/enforcement/test_open_streams.py).
"""

import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from agentguard.enforcement.performing import Performer
from agentguard.pipeline import Emit, Flow, Pull, Step, StreamClosed
from agentguard.redaction import Event, Released
from agentguard.telemetry import GuardSpan, OperationSpan

Attributes = Mapping[str, str | int | tuple[str, ...]]


class OpenStream:
    """One call that waits for the next event of its answer.

    One reader at a time drives it; the SDKs' streams have one.
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
        self._closing = threading.Lock()
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
            GuardFailure: a part failed; nothing more is released.
        """
        return self._advance(event, None)

    async def send_async(self, event: Event | None) -> tuple[Released, ...]:
        """Like ``send``; blocking steps run in worker threads."""
        return await self._advance_async(event, None)

    def fail(self, failure: BaseException) -> None:
        """Let the flow know that no further event can be had, and raise what it says to that."""
        self._advance(None, failure)

    async def fail_async(self, failure: BaseException) -> None:
        """Like ``fail``; blocking steps run in worker threads."""
        await self._advance_async(None, failure)

    def close(self) -> None:
        """End a stream that nobody reads on; one that has ended stays as it is."""
        with self._closing, suppress(StreamClosed):
            if not self.ended:
                self._advance(None, StreamClosed())

    def abandon(self) -> None:
        """End a stream that was dropped unread; safe in a finalizer.

        A finalizer runs in whichever thread the interpreter chose, also in the one that writes
        the audit log, so that it must not write itself.
        """
        if not self.ended:
            threading.Thread(target=self.close, name="agentguard-dropped-stream").start()

    async def close_async(self) -> None:
        """Like ``close``; blocking steps run in worker threads."""
        if self.ended:
            return
        with suppress(StreamClosed):
            await self._advance_async(None, StreamClosed())

    def _advance(self, result: Any, failure: BaseException | None) -> tuple[Released, ...]:
        released: list[Released] = []
        if self.ended:
            return ()
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
            self._end(error)
            raise
        return tuple(released)

    async def _advance_async(
        self, result: Any, failure: BaseException | None
    ) -> tuple[Released, ...]:
        released: list[Released] = []
        if self.ended:
            return ()
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
            self._end(error)
            raise
        return tuple(released)

    def _resume(self, result: Any, failure: BaseException | None) -> Step[Any]:
        return self._flow.send(result) if failure is None else self._flow.throw(failure)

    def _end(self, error: BaseException | None) -> None:
        self.ended = True
        self._performer.open_streams.discard(self)
        if self._operation is not None:
            if error is not None and not isinstance(error, StreamClosed):
                self._operation.fail(error)
            self._operation.end()
        self._span.end()
