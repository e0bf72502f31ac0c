# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The streams of the loopback provider, driven by the real OpenAI clients."""

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

from agentguard.testing import Answer, LoopbackProvider, StreamEnd, ToolRequest, echo
from agentguard.testing.received import ReplyEnd
from agentguard.testing.replies import EventStream, Reply, sse, stream_of

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello"}]
USAGE = {"include_usage": True}
SAID = "Gr\u00fc\u00dfe \u2014 [[EMAIL:7KQ2M4XA]] \U0001f600 done"


@pytest.fixture
def provider() -> Iterator[LoopbackProvider]:
    """Give a started provider that echoes."""
    with LoopbackProvider(respond=echo) as started:
        yield started


@pytest.fixture
def client(provider: LoopbackProvider) -> Iterator[OpenAI]:
    """Give a real client of the provider that does not retry."""
    with OpenAI(base_url=provider.base_url, api_key="test", max_retries=0) as made:
        yield made


def streamed(client: OpenAI, **options: Any) -> Any:
    """Ask for a streamed completion."""
    return client.chat.completions.create(model="m", messages=HELLO, stream=True, **options)


def texts(chunks: Any) -> list[str]:
    """Return the deltas of text in chunks that have a choice."""
    return [
        chunk.choices[0].delta.content
        for chunk in chunks
        if chunk.choices and chunk.choices[0].delta.content
    ]


def test_a_stream_has_the_chunks_of_the_api_in_order(
    provider: LoopbackProvider, client: OpenAI
) -> None:
    """A role, the text, each tool call's name and arguments, a reason, the usage."""
    asked = (ToolRequest("a", {"x": 1}), ToolRequest("b", "{}"))
    provider.script([Answer("hello you", asked, cut=5)])
    chunks = list(streamed(client, stream_options=USAGE))
    deltas = [chunk.choices[0].delta for chunk in chunks[:-1]]
    assert deltas[0].role == "assistant"
    assert [delta.content for delta in deltas[:3]] == ["", "hello", " you"]
    calls = [call for delta in deltas for call in delta.tool_calls or ()]
    assert [(call.index, call.function and call.function.name) for call in calls if call.id] == [
        (0, "a"),
        (1, "b"),
    ]
    joined = ["", ""]
    for call in calls:
        assert call.function is not None
        joined[call.index] += call.function.arguments or ""
    assert joined == ['{"x": 1}', "{}"]
    assert chunks[-2].choices[0].finish_reason == "tool_calls"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_every_chunk_parses_as_the_sdk_expects(client: OpenAI) -> None:
    """Every field of every chunk passes the SDK's own strict model."""
    raw = client.chat.completions.with_raw_response.create(
        model="m", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    lines = [line for line in raw.http_response.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"
    for line in lines[:-1]:
        content = json.loads(line.removeprefix("data: "))
        assert ChatCompletionChunk.model_validate(content, strict=True).model_extra == {}


def test_the_deltas_may_be_given(provider: LoopbackProvider, client: OpenAI) -> None:
    """An answer in pieces is streamed in these pieces, a placeholder cut wherever wanted."""
    pieces = ("to [", "[EMA", "IL:7KQ2M4XA]", "] ok")
    provider.script([Answer(pieces=pieces)])
    assert texts(streamed(client)) == list(pieces)


def test_choices_take_turns(provider: LoopbackProvider, client: OpenAI) -> None:
    """The choices of a stream come interleaved, each complete and each with its reason."""
    provider.script([Answer("abcd", cut=2)])
    chunks = list(streamed(client, n=2))
    order = [chunk.choices[0].index for chunk in chunks]
    assert order == [0, 1, 0, 1, 0, 1, 0, 1]
    assert [chunk.choices[0].finish_reason for chunk in chunks[-2:]] == ["stop", "stop"]


@pytest.mark.parametrize("chunk_bytes", [1, 2, 3, 7, 64, 4096])
def test_a_stream_is_the_same_however_its_bytes_are_cut(
    provider: LoopbackProvider, client: OpenAI, chunk_bytes: int
) -> None:
    """Events and characters cut anywhere between chunks give the same text."""
    provider.script([Answer(SAID, cut=1, chunk_bytes=chunk_bytes)])
    assert "".join(texts(streamed(client))) == SAID


def test_the_body_arrives_in_chunks_of_the_wanted_size(
    provider: LoopbackProvider, client: OpenAI
) -> None:
    """The chunks of the body have the wanted size, so that a reader meets every cut."""
    provider.script([Answer(SAID, chunk_bytes=5)])
    with client.chat.completions.with_streaming_response.create(
        model="m", messages=HELLO, stream=True
    ) as response:
        sizes = [len(chunk) for chunk in response.iter_bytes()]
    assert set(sizes[:-1]) == {5}


@given(
    st.lists(st.binary(min_size=1, max_size=20), max_size=8),
    st.none() | st.integers(min_value=1, max_value=30),
)
def test_chunks_are_the_frames(frames: list[bytes], size: int | None) -> None:
    """The chunks of a stream, put together, are its frames."""
    stream = EventStream(frames=tuple(frames), chunk_bytes=size)
    assert b"".join(stream.chunks()) == b"".join(frames)


def test_a_scripted_event_is_sent_as_it_is(provider: LoopbackProvider, client: OpenAI) -> None:
    """Events of a test are sent in place of the answer's own, raw bytes unchanged."""
    event = {"id": "x", "choices": [{"index": 0, "delta": {"content": "mine"}}]}
    raw = b": a comment\r\ndata: " + json.dumps(event).encode() + b"\r\n\r\n"
    provider.script([Answer(events=(event, raw))])
    assert texts(streamed(client)) == ["mine", "mine"]


def test_a_text_that_utf_8_cannot_hold_is_escaped() -> None:
    """Half of a surrogate pair goes out as JSON's escape."""
    assert sse({"a": "\ud83d"}) == b'data: {"a": "\\ud83d"}\n\n'


def test_a_broken_stream_is_a_connection_error(provider: LoopbackProvider, client: OpenAI) -> None:
    """A stream that breaks off gives the events before and then a connection error."""
    provider.script([Answer("abcdefgh", cut=1, ending=StreamEnd.BREAK, end_after=4)])
    came: list[str] = []
    # The SDK before 3.0 lets the error of its HTTP library through.
    broken = "peer closed|Connection error"
    with pytest.raises(Exception, match=broken):  # noqa: PT012 - the stream is read inside
        for chunk in streamed(client):
            came += texts([chunk])
    assert came == ["a", "b", "c"]
    assert provider.journal[0].closed_early() is False


def test_an_error_in_a_stream_is_the_sdk_s_error(
    provider: LoopbackProvider, client: OpenAI
) -> None:
    """An error event inside a stream raises the SDK's error after the events before."""
    provider.script([Answer("abcdefgh", ending=StreamEnd.ERROR)])
    with pytest.raises(openai.APIError, match="told to fail in the stream"):
        list(streamed(client))


@pytest.mark.parametrize("ending", [StreamEnd.ENDLESS, StreamEnd.STALL])
def test_an_early_close_is_noticed(
    provider: LoopbackProvider, client: OpenAI, ending: StreamEnd
) -> None:
    """A stream without end goes on until the client closes, and the provider knows that it did."""
    provider.script([Answer("abcd", cut=1, ending=ending, end_after=3)])
    stream = streamed(client)
    came = [next(stream).choices[0].delta.content for _ in range(3)]
    assert came == ["", "a", "b"]
    with pytest.raises(TimeoutError):
        provider.journal[0].closed_early(timedelta(milliseconds=1))
    stream.close()
    assert provider.journal[0].closed_early() is True


def test_an_endless_stream_goes_on(provider: LoopbackProvider, client: OpenAI) -> None:
    """The last event of an endless stream comes again and again."""
    provider.script([Answer("abcd", cut=1, ending=StreamEnd.ENDLESS, end_after=3)])
    with streamed(client) as stream:
        came = [next(stream).choices[0].delta.content for _ in range(50)]
    assert came[2:] == ["b"] * 48


def test_a_client_that_leaves_during_a_pause_is_noticed(
    provider: LoopbackProvider, client: OpenAI
) -> None:
    """A client that closes while the provider waits before a chunk has closed early."""
    provider.script([Answer("abcd", pause=timedelta(milliseconds=50))])
    with streamed(client) as stream:
        next(stream)
    assert provider.journal[0].closed_early() is True


def test_a_stream_read_to_its_end_was_not_closed_early(
    provider: LoopbackProvider, client: OpenAI
) -> None:
    """A stream that was written to its end ended in order, and its connection is used again."""
    for number in range(2):
        list(client.responses.create(model="m", input="hello", stream=True))
        assert provider.journal[number].closed_early() is False
    assert provider.connections == 1


def test_closing_the_provider_ends_an_endless_stream() -> None:
    """Closing the provider stops a stream without end and does not blame the client."""
    with (
        LoopbackProvider(lambda _: Answer("a", ending=StreamEnd.STALL)) as provider,
        OpenAI(base_url=provider.base_url, api_key="test", max_retries=0) as client,
    ):
        stream = streamed(client)
        next(stream)
        provider.close()
        assert provider.journal[0].closed_early() is False
        stream.close()


def test_the_async_client_streams_the_same(provider: LoopbackProvider) -> None:
    """AsyncOpenAI gets the same deltas, and its early close is noticed too."""
    provider.script([Answer("abcd", cut=2), Answer("ab", ending=StreamEnd.STALL, end_after=1)])

    async def run() -> list[str | None]:
        async with AsyncOpenAI(base_url=provider.base_url, api_key="test") as client:
            create = client.chat.completions.create
            came = [
                chunk.choices[0].delta.content
                async for chunk in await create(model="m", messages=HELLO, stream=True)
            ]
            stream = await create(model="m", messages=HELLO, stream=True)
            await anext(stream)
            await stream.close()
        return came

    assert asyncio.run(run()) == ["", "ab", "cd", None]
    assert provider.journal[1].closed_early() is True


def test_an_older_completion_streams(provider: LoopbackProvider, client: OpenAI) -> None:
    """Completions of the older kind come plain and in chunks, once for each prompt."""
    plain = client.completions.create(model="m", prompt=["one", "two"])
    assert [choice.text for choice in plain.choices] == ["two", "two"]
    chunks = client.completions.create(
        model="m", prompt="one two", stream=True, stream_options={"include_usage": True}
    )
    came = list(chunks)
    assert "".join(choice.text for chunk in came for choice in chunk.choices) == "one two"
    assert came[-2].choices[0].finish_reason == "stop"
    assert came[-1].usage is not None


def test_the_sdk_s_own_stream_helper_understands(
    provider: LoopbackProvider, client: OpenAI
) -> None:
    """The SDK's accumulating stream gives the whole completion at the end."""
    provider.script([Answer("hello you", (ToolRequest("look_up", {"x": 1}),))])
    with client.chat.completions.stream(
        model="m",
        messages=HELLO,
        tools=[{"type": "function", "function": {"name": "look_up", "parameters": {}}}],
    ) as stream:
        message = stream.get_final_completion().choices[0].message
    assert message.content == "hello you"
    assert message.tool_calls is not None
    assert message.tool_calls[0].function.arguments == '{"x": 1}'


def test_reprs_of_replies_hold_no_content() -> None:
    """Neither a reply nor its stream shows what is sent."""
    stream = stream_of(Answer(), [b"canary"], failure={}, named=False)
    assert "canary" not in repr(stream)
    assert "canary" not in repr(Reply(200, {"canary": "canary"}))


def test_the_end_of_a_reply_is_waited_for() -> None:
    """A reply that has not ended has no answer yet."""
    end = ReplyEnd()
    with pytest.raises(TimeoutError):
        end.closed_early(timedelta(0))
    end.note(early=True)
    assert end.closed_early(timedelta(0)) is True
