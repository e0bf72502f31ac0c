# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a stream go through the guard, both ways, however it is asked for and read?

The story: peers check a finished answer, or every hundredth delta, so that what they would have
stopped was already shown; raw wrappers and helpers went round them; a stream that nobody read to
its end was never written down.
"""

import asyncio
import gc
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest
from openai import APIError
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentguard import Guard, IdentityRequired
from agentguard.testing import Answer, LoopbackProvider, StreamEnd, echo
from agentguard.vocabulary import AuditEntry, EntryType, Outcome

CANARY = "jane.doe@customers.example"
TEXT = f"please write to {CANARY} today"
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": TEXT}]}
ASKED: dict[str, Any] = {"model": "m", "input": TEXT}


async def drained(stream: Any) -> list[Any]:
    """Return the items of a stream of either kind."""
    if hasattr(stream, "__aiter__"):
        return [item async for item in stream]
    return list(stream)


async def done(result: Any) -> Any:
    """Await what is awaitable."""
    return await result if isinstance(result, Awaitable) else result


async def entered(manager: Any, read: Callable[[Any], Any]) -> Any:
    """Enter a context manager of either kind and read from what it gives."""
    if hasattr(manager, "__aenter__"):
        async with manager as inside:
            return await read(inside)
    with manager as inside:
        return await read(inside)


def chat_text(chunks: list[Any]) -> str:
    """Put the deltas of chat chunks together."""
    return "".join(
        choice.delta.content or "" for chunk in chunks for choice in getattr(chunk, "choices", [])
    )


def response_text(events: list[Any]) -> str:
    """Put the deltas of response events together."""
    return "".join(e.delta for e in events if e.type == "response.output_text.delta")


async def chat_plain(client: Any) -> str:
    """Iterate over a stream."""
    return chat_text(await drained(await done(client.chat.completions.create(**CHAT, stream=True))))


async def chat_raw(client: Any) -> str:
    """Parse the stream of a raw response."""
    raw = await done(client.chat.completions.with_raw_response.create(**CHAT, stream=True))
    return chat_text(await drained(raw.parse()))


async def chat_block(client: Any) -> str:
    """Iterate inside a ``with`` block."""
    stream = await done(client.chat.completions.create(**CHAT, stream=True))
    return chat_text(await entered(stream, drained))


async def chat_helper(client: Any) -> str:
    """Let the SDK's helper put the answer together."""

    async def final(stream: Any) -> str:
        found = await done(stream.get_final_completion())
        return str(found.choices[0].message.content)

    return str(await entered(client.chat.completions.stream(**CHAT), final))


async def chat_lines(client: Any) -> str:
    """Read the lines of the body, past the SDK's own decoder."""

    async def lines(response: Any) -> str:
        found = await drained(response.iter_lines())
        return "\n".join(found)

    manager = client.chat.completions.with_streaming_response.create(**CHAT, stream=True)
    return str(await entered(manager, lines))


async def answer_plain(client: Any) -> str:
    """Iterate over the events of a response."""
    return response_text(await drained(await done(client.responses.create(**ASKED, stream=True))))


async def answer_helper(client: Any) -> str:
    """Let the SDK's helper put the response together."""

    async def final(stream: Any) -> str:
        return str((await done(stream.get_final_response())).output_text)

    return str(await entered(client.responses.stream(**ASKED), final))


async def completion(client: Any) -> str:
    """Iterate over the chunks of a completion."""
    stream = await done(client.completions.create(model="m", prompt=TEXT, stream=True))
    return "".join(chunk.choices[0].text for chunk in await drained(stream) if chunk.choices)


WAYS = [
    chat_plain, chat_raw, chat_block, chat_helper, answer_plain, answer_helper, completion,
]  # fmt: skip
EVERY_WAY = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)

pytestmark = pytest.mark.usefixtures("as_open_support")


def run(twin: Any, guard: Guard, way: Callable[[Any], Any]) -> Any:
    """Read a stream of a newly wrapped client in one way."""

    async def main() -> Any:
        client = guard.wrap(twin.make())
        try:
            return await way(client)
        finally:
            await done(client.close())

    return asyncio.run(main())


@pytest.fixture(params=[(1, None), (4, 7), (1000, None)], ids=["letters", "bytes", "whole"])
def provider(request: pytest.FixtureRequest) -> Iterator[LoopbackProvider]:
    """A provider that repeats what it is told, in pieces that end anywhere."""
    cut, chunk_bytes = request.param
    with LoopbackProvider(
        lambda body: Answer(echo(body).content, cut=cut, chunk_bytes=chunk_bytes)
    ) as running:
        yield running


@EVERY_WAY
def test_a_stream_hides_and_turns_back(
    twin: Any, open_guard: Guard, provider: LoopbackProvider, way: Callable[[Any], Any]
) -> None:
    """The address never leaves, and stands in the answer again, wherever deltas are cut."""
    assert TEXT in run(twin, open_guard, way)
    assert len(provider.journal) == 1
    assert provider.saw(CANARY) == ()


def test_the_lines_of_a_raw_stream_are_checked_too(
    twin: Any, open_guard: Guard, provider: LoopbackProvider
) -> None:
    """Whoever reads the body past the SDK's decoder reads the same checked events."""
    read = run(twin, open_guard, chat_lines)
    assert "[[EMAIL" not in read
    assert "customers" in read
    assert provider.saw(CANARY) == ()


async def first_only(client: Any) -> str:
    """Read one chunk and close."""
    stream = await done(client.chat.completions.create(**CHAT, stream=True))
    item = await anext(aiter(stream)) if hasattr(stream, "__aiter__") else next(iter(stream))
    await done(stream.close())
    return str(item.object)


async def dropped(client: Any) -> str:
    """Read one chunk and forget the stream."""
    stream = await done(client.chat.completions.create(**CHAT, stream=True))
    item = await anext(aiter(stream)) if hasattr(stream, "__aiter__") else next(iter(stream))
    del stream
    gc.collect()
    return str(item.object)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("way", [first_only, dropped], ids=lambda way: way.__name__)
def test_a_stream_that_nobody_reads_on_is_written_down(
    twin: Any, open_guard: Guard, way: Callable[[Any], Any], entries: list[AuditEntry]
) -> None:
    """Closed early or dropped: there is one outcome, and it says that the call was given up."""
    run(twin, open_guard, way)
    gc.collect()
    for thread in threading.enumerate():
        if thread.name == "agentguard-dropped-stream":
            thread.join()
    assert [entry.type for entry in entries] == [EntryType.INTENT, EntryType.OUTCOME]
    assert entries[-1].outcome is Outcome.CANCELLED


@EVERY_WAY
def test_a_stream_ends_its_call_once(
    twin: Any,
    open_guard: Guard,
    way: Callable[[Any], Any],
    entries: list[AuditEntry],
    spans: InMemorySpanExporter,
) -> None:
    """One intent and one outcome, and one ended guard span, once the stream has been read."""
    run(twin, open_guard, way)
    assert [entry.type for entry in entries] == [EntryType.INTENT, EntryType.OUTCOME]
    assert entries[-1].outcome is Outcome.COMPLETED
    guarded = [span for span in spans.get_finished_spans() if span.name.startswith("guard ")]
    assert len(guarded) == 1


def broken(ending: StreamEnd) -> LoopbackProvider:
    """Return a provider whose streams end badly."""
    return LoopbackProvider(lambda body: Answer(echo(body).content, ending=ending, end_after=3))


@pytest.mark.parametrize("ending", [StreamEnd.BREAK, StreamEnd.ERROR])
def test_a_stream_that_breaks_off_is_written_down(
    twin: Any, open_guard: Guard, ending: StreamEnd, entries: list[AuditEntry]
) -> None:
    """The SDK raises its own error, or before openai 3 the HTTP library's; the outcome tells."""
    with broken(ending) as provider:
        twin.base_url = provider.base_url
        with pytest.raises((APIError, httpx.RemoteProtocolError)):
            run(twin, open_guard, chat_plain)
    gc.collect()
    assert [entry.type for entry in entries] == [EntryType.INTENT, EntryType.OUTCOME]
    assert entries[-1].outcome is not Outcome.COMPLETED


def test_a_stream_is_opened_for_somebody_known(
    twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """Without an identity nothing connects, streamed or not."""
    with pytest.raises(IdentityRequired):
        run(twin, guard, chat_plain)
    assert provider.connections == 0
