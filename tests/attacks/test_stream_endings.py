# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What if a stream ends in a way that nobody planned: closed elsewhere, out of time, in the middle?

The story: the outcome of a streamed call is written when its stream ends, so that every odd ending
is a way to leave a call without one, or with two. A stream that is cut off must not look complete,
and whoever closes it must not have to wait for its reader.
"""

import asyncio
import gc
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from anthropic import Anthropic, AsyncAnthropic
from openai import AsyncOpenAI, OpenAI
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentguard import Guard, GuardFailure
from agentguard.testing import Answer, LoopbackProvider, StreamEnd, failure
from agentguard.vocabulary import AuditEntry, EntryType, Outcome

HI: list[Any] = [{"role": "user", "content": "hi"}]
TEXT = "one two three four five six seven eight nine ten"

pytestmark = pytest.mark.usefixtures("as_open_support")

Make = Callable[[Any], Any]


def chat(client: Any) -> Any:
    """Ask for a chat as a stream."""
    return client.chat.completions.create(model="m", messages=HI, stream=True)


def response(client: Any) -> Any:
    """Ask for a response as a stream."""
    return client.responses.create(model="m", input="hi", stream=True)


def message(client: Any) -> Any:
    """Ask for a message as a stream."""
    return client.messages.create(model="m", max_tokens=9, messages=HI, stream=True)


class Room:
    """A client of one kind, and a stream that never ends."""

    def __init__(self, kind: Any, make: Make, provider: LoopbackProvider, guard: Guard) -> None:
        self.kind, self.make, self.provider, self.guard = kind, make, provider, guard

    @property
    def asynchronous(self) -> bool:
        """Whether the client is."""
        return str(self.kind.__name__).startswith("Async")

    def client(self) -> Any:
        """Return a guarded client."""
        url = self.provider.base_url
        if "Anthropic" in self.kind.__name__:
            url = url.removesuffix("/v1")
        plain = self.kind(base_url=url, api_key="not-a-key", max_retries=0, timeout=20)
        return self.guard.wrap(plain)

    def run(self, use: Callable[[Any], Awaitable[Any]]) -> Any:
        """Open a stream, and let *use* do with it what it does."""

        async def main() -> Any:
            client = self.client()
            try:
                return await use(await done(self.make(client)))
            finally:
                await done(client.close())

        return asyncio.run(main())


async def done(found: Any) -> Any:
    """Await what is awaitable."""
    return await found if isinstance(found, Awaitable) else found


async def following(items: Any) -> Any:
    """Return the next item of an iterator of either kind."""
    return await anext(items) if hasattr(items, "__anext__") else next(items)


async def drained(items: Any) -> list[Any]:
    """Return the items of a stream of either kind."""
    if hasattr(items, "__aiter__"):
        return [item async for item in items]
    return list(items)


def quietly(stream: Any) -> None:
    """Read a stream to its end or to the error that stops it, the HTTP library's or the guard's."""
    with suppress(Exception):
        list(stream)


def iterator(stream: Any) -> Any:
    """Return the iterator of a stream of either kind."""
    return aiter(stream) if hasattr(stream, "__aiter__") else iter(stream)


@pytest.fixture
def provider() -> Iterator[LoopbackProvider]:
    """A provider that says a little and then neither goes on nor ends."""
    stalled = Answer(TEXT, ending=StreamEnd.STALL, end_after=6)
    with LoopbackProvider(lambda _: stalled) as running:
        yield running


SYNC: list[tuple[Any, Make]] = [(OpenAI, chat), (OpenAI, response), (Anthropic, message)]
ASYNC: list[tuple[Any, Make]] = [
    (AsyncOpenAI, chat), (AsyncOpenAI, response), (AsyncAnthropic, message)
]  # fmt: skip


def named(kind_and_make: tuple[Any, Make]) -> str:
    """Return what a test is called by."""
    return f"{kind_and_make[0].__name__} {kind_and_make[1].__name__}"


EVERYWHERE = pytest.mark.parametrize("room", [*SYNC, *ASYNC], ids=named, indirect=True)
IN_TASKS = pytest.mark.parametrize("room", ASYNC, ids=named, indirect=True)


@pytest.fixture
def room(request: pytest.FixtureRequest, provider: LoopbackProvider, open_guard: Guard) -> Room:
    """A client of one kind before a provider that stalls."""
    kind, make = request.param
    return Room(kind, make, provider, open_guard)


@pytest.fixture
def ended(
    room: Room, entries: list[AuditEntry], spans: InMemorySpanExporter
) -> Callable[[Outcome], None]:
    """Say that the one call ended once, how, with its span, and that no stream is open."""

    def check(how: Outcome) -> None:
        for thread in threading.enumerate():
            if thread.name == "agentguard-dropped-stream":
                thread.join()
        assert [entry.type for entry in entries] == [EntryType.INTENT, EntryType.OUTCOME]
        assert entries[-1].outcome is how
        guarded = [span for span in spans.get_finished_spans() if span.name.startswith("guard ")]
        assert len(guarded) == 1
        assert room.guard._parts.enforcer.open_streams == 0

    return check


Ended = Callable[[Outcome], None]


@EVERYWHERE
def test_a_stream_is_closed_while_another_waits_for_it(room: Room, ended: Ended) -> None:
    """Closed from elsewhere while its reader waits for the provider: both go on, one outcome."""

    async def use(stream: Any) -> None:
        items = iterator(stream)
        await following(items)
        if room.asynchronous:
            task = asyncio.create_task(drained(stream))
            await asyncio.sleep(0.05)
            await stream.close()
            task.cancel()
            await asyncio.wait([task], timeout=30)
            assert task.done()
            return
        thread = threading.Thread(target=quietly, args=(stream,))
        thread.start()
        stream.close()
        room.provider.close()  # a thread that waits for a closed socket waits for the other side
        thread.join(30)
        assert not thread.is_alive()

    room.run(use)
    ended(Outcome.CANCELLED)


@EVERYWHERE
def test_a_guard_that_closes_ends_what_is_being_read(room: Room, ended: Ended) -> None:
    """Its outcome is in the log before that is closed, and the reader is not told of an end."""

    async def use(stream: Any) -> None:
        items = iterator(stream)
        await following(items)
        room.guard.close()
        with pytest.raises(GuardFailure):
            await drained(items)

    room.run(use)
    ended(Outcome.CANCELLED)


@IN_TASKS
def test_time_runs_out(room: Room, ended: Ended) -> None:
    """A timeout around the reading of a stream ends its call, and comes out as what it is."""

    async def use(stream: Any) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(drained(stream), 0.2)

    room.run(use)
    ended(Outcome.CANCELLED)


@IN_TASKS
def test_a_task_is_cancelled_and_its_stream_forgotten(room: Room, ended: Ended) -> None:
    """Nobody closes a stream whose task was cancelled; the call has ended all the same."""

    async def use(stream: Any) -> None:
        task = asyncio.create_task(drained(stream))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    room.run(use)
    ended(Outcome.CANCELLED)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A process that an interruption reaches: what a shell starts behind itself ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
@pytest.mark.parametrize("room", SYNC, ids=named, indirect=True)
@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_comes_while_a_stream_is_read(room: Room, ended: Ended) -> None:
    """The interruption goes on to the caller, and the call has its outcome."""
    with room.client() as client:
        items = iter(room.make(client))
        next(items)
        timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            list(items)
        timer.join()
    ended(Outcome.CANCELLED)


@EVERYWHERE
def test_an_error_of_the_readers_own_ends_its_stream(room: Room, ended: Ended) -> None:
    """What a reader raises inside its ``with`` block comes out, and the call was given up."""

    async def fail(stream: Any) -> None:
        if room.asynchronous:
            async with stream:
                await following(iterator(stream))
                raise ZeroDivisionError
        with stream:
            await following(iterator(stream))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        room.run(fail)
    ended(Outcome.CANCELLED)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_streams_that_are_dropped_leave_nothing_behind(
    twin: Any, open_guard: Guard, entries: list[AuditEntry]
) -> None:
    """Many streams that nobody reads to their end: each has an outcome, none is kept open."""

    async def main() -> None:
        client = open_guard.wrap(twin.make())
        for _ in range(20):
            stream = await done(chat(client))
            await following(iterator(stream))
            del stream
        await done(client.close())

    asyncio.run(main())
    gc.collect()
    for thread in threading.enumerate():
        if thread.name == "agentguard-dropped-stream":
            thread.join()
    assert open_guard._parts.enforcer.open_streams == 0
    assert [entry.type for entry in entries].count(EntryType.OUTCOME) == 20


def test_a_stream_is_tried_again_before_it_begins(
    twin: Any, open_guard: Guard, provider: LoopbackProvider, entries: list[AuditEntry]
) -> None:
    """Retries are one call: one decision, one outcome, and the same body each time."""
    provider.script(
        [failure(500, retry_after="0"), failure(429, retry_after="0"), Answer("one two")]
    )

    async def main() -> str:
        client = open_guard.wrap(twin.make(max_retries=2))
        chunks = await drained(await done(chat(client)))
        await done(client.close())
        return "".join(each.delta.content or "" for chunk in chunks for each in chunk.choices)

    assert asyncio.run(main()) == "one two"
    assert len({received.body for received in provider.journal}) == 1
    assert len(provider.journal) == 3
    assert [entry.type for entry in entries] == [EntryType.INTENT, EntryType.OUTCOME]
    assert entries[-1].outcome is Outcome.COMPLETED


def test_a_slow_stream_is_read_while_others_are_asked(
    twin: Any, open_guard: Guard, provider: LoopbackProvider
) -> None:
    """An open stream holds no lock of the guard: other calls and other streams go on."""
    whole = Answer("fine")
    slow = Answer(TEXT, pause=timedelta(milliseconds=5))
    provider.script([slow, whole, slow, whole])

    async def main() -> list[str]:
        client = open_guard.wrap(twin.make())
        said: list[str] = []
        streams = []
        for _ in range(2):
            stream = await done(chat(client))
            items = iterator(stream)
            await following(items)
            streams.append((stream, items))
            found = await done(client.chat.completions.create(model="m", messages=HI))
            said.append(found.choices[0].message.content)
        for stream, _ in streams:
            await done(stream.close())
        await done(client.close())
        return said

    assert asyncio.run(main()) == ["fine", "fine"]
