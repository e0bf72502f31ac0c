# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What if the answer is another kind of thing than the guard was told to expect?

The story: a guard checks what it knows, and the SDK reads whatever came. Events where an object was
asked for, an object where events were, text that is called sound, a key that stands twice, an error
page that repeats the prompt: each was a way for bytes to come back past the check.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

import openai
import pytest
from openai import AsyncStream, BaseModel, Stream

from agentguard import Guard, GuardFailure
from agentguard.testing import Answer, LoopbackProvider, failure, redirect
from agentguard.vocabulary import AuditEntry, EntryType, Outcome

CANARY = "jane.doe@customers.example"
TOKEN = "gh" + "p_" + "0aB" * 12
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": f"to {CANARY}"}]}
EVENT = b'data: {"choices": [{"index": 0, "delta": {"content": "%s"}}]}\n\n' % TOKEN.encode()

pytestmark = pytest.mark.usefixtures("as_open_support")

Way = Callable[[Any], Any]


def answering(body: bytes | dict[str, Any], media_type: str, **more: Any) -> Answer:
    """Return an answer with this body and type."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(body=raw, headers={"content-type": media_type}, **more)


def completion(text: str) -> dict[str, Any]:
    """Return the body of a completion."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    return {
        "id": "c-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [choice],
    }


def plain(client: Any) -> Any:
    """Ask for an object."""
    return client.chat.completions.create(**CHAT)


def raw(client: Any) -> Any:
    """Ask for the raw response."""
    return client.chat.completions.with_raw_response.create(**CHAT)


def unread(client: Any) -> Any:
    """Ask for the response before it is read."""
    return client.chat.completions.with_streaming_response.create(**CHAT)


def streamed(client: Any) -> Any:
    """Ask for events."""
    return client.chat.completions.create(**CHAT, stream=True)


def streamed_unread(client: Any) -> Any:
    """Ask for events, before they are read."""
    return client.chat.completions.with_streaming_response.create(**CHAT, stream=True)


def low(client: Any) -> Any:
    """Ask past the resources, for the bytes."""
    return client.post("/chat/completions", body=CHAT, cast_to=bytes)


WHOLE = {way.__name__: way for way in (plain, raw, unread, low)}
EVENTS = {way.__name__: way for way in (streamed, streamed_unread)}


def told(error: BaseException | None) -> str:
    """Return all that an error and those behind it say."""
    found = ""
    while error is not None:
        found += f"{error!r} {error.args} {vars(error)}"
        error = error.__cause__ or error.__context__
    return found


def withheld(
    twin: Any, guard: Guard, way: Way, entries: list[AuditEntry], **options: Any
) -> GuardFailure:
    """Ask in a way; what comes back is withheld, and written down so."""
    with pytest.raises(GuardFailure) as caught:
        twin.take(lambda client: way(guard.wrap(client)), **options)
    assert caught.value.dispatched
    assert caught.value.call_id
    assert TOKEN not in told(caught.value)
    assert CANARY not in told(caught.value)
    assert [entry.type for entry in entries] == [EntryType.INTENT, EntryType.OUTCOME]
    assert entries[-1].outcome is Outcome.WITHHELD
    return caught.value


@pytest.mark.parametrize("way", WHOLE.values(), ids=WHOLE)
@pytest.mark.parametrize("media_type", ["text/event-stream", "Text/Event-Stream; charset=utf-8"])
def test_events_that_nobody_asked_for_are_withheld(
    twin: Any, open_guard: Guard, provider: LoopbackProvider, way: Way, media_type: str,
    entries: list[AuditEntry],
) -> None:  # fmt: skip
    """A stream is not read as one where the SDK would take its bytes for an object."""
    provider.script([answering(EVENT, media_type)])
    withheld(twin, open_guard, way, entries)


@pytest.mark.parametrize("way", EVENTS.values(), ids=EVENTS)
@pytest.mark.parametrize(
    "media_type", ["application/json", "text/plain", "application/octet-stream", ""]
)
def test_an_object_where_events_were_asked_for_is_withheld(
    twin: Any, open_guard: Guard, provider: LoopbackProvider, way: Way, media_type: str,
    entries: list[AuditEntry],
) -> None:  # fmt: skip
    """The SDK reads events out of whatever came; the guard lets only events through."""
    provider.script([answering(EVENT, media_type)])
    withheld(twin, open_guard, way, entries)


async def drained(stream: Any) -> list[Any]:
    """Return the items of a stream of either kind."""
    if hasattr(stream, "__aiter__"):
        return [item async for item in stream]
    return list(stream)


async def awaited(found: Any) -> Any:
    """Await what is awaitable."""
    return await found if hasattr(found, "__await__") else found


def with_one_connection(twin: Any) -> Any:
    """Return an HTTP client of the SDK's library that opens one connection at most."""
    kind: Any = openai.DefaultHttpxClient
    if twin.kind is openai.AsyncOpenAI:
        kind = openai.DefaultAsyncHttpxClient
    library: Any = sys.modules[kind.__mro__[1].__module__.partition(".")[0]]
    return kind(limits=library.Limits(max_connections=1))


def test_a_withheld_stream_gives_its_connection_back(
    twin: Any, open_guard: Guard, provider: LoopbackProvider
) -> None:
    """A provider that streams when nobody asked does not use up the connections."""
    wanted = answering(EVENT * 3, "text/event-stream")
    provider.script([wanted, wanted, answering(completion("fine"), "application/json")])

    async def main() -> str:
        connections = with_one_connection(twin)
        client = open_guard.wrap(twin.make(http_client=connections, timeout=5))
        for _ in range(2):
            manager = unread(client)
            enter = getattr(manager, "__aenter__", None) or manager.__enter__
            with pytest.raises(GuardFailure):
                await awaited(enter())
        found = await awaited(plain(client))
        await awaited(
            (connections.aclose if hasattr(connections, "aclose") else connections.close)()
        )
        return str(found.choices[0].message.content)

    assert asyncio.run(main()) == "fine"


READERS: dict[str, Callable[[Any], Any]] = {
    "read": lambda response: response.read(),
    "text": lambda response: response.text(),
    "json": lambda response: response.json(),
    "bytes": lambda response: response.iter_bytes(),
    "words": lambda response: response.iter_text(),
    "lines": lambda response: response.iter_lines(),
    "parse": lambda response: response.parse(),
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_an_object_that_is_read_piece_by_piece_was_checked_whole(
    twin: Any, open_guard: Guard, provider: LoopbackProvider, read: Callable[[Any], Any]
) -> None:
    """Whichever way a response is read that was not read before, it is the checked one."""
    provider.script([answering(completion(f"it is {TOKEN} ."), "application/json")])

    async def main() -> str:
        client = open_guard.wrap(twin.make())
        manager = unread(client)
        if hasattr(manager, "__aenter__"):
            async with manager as response:
                found = await awaited(read(response))
                found = await drained(found) if hasattr(found, "__aiter__") else found
        else:
            with manager as response:
                found = read(response)
                found = list(found) if hasattr(found, "__next__") else found
        await awaited(client.close())
        return str(found)

    said = asyncio.run(main())
    assert TOKEN not in said
    assert "it is [[" in said


TWICE = (
    b'{"id": "c-1", "choices": [{"message": {"content": "%s", "content": "fine"}}],'
    b' "note": "%s", "note": 1}' % ((TOKEN.encode(),) * 2)
)


@pytest.mark.parametrize("way", [raw, low], ids=lambda way: way.__name__)
def test_a_key_that_stands_twice_hides_nothing(
    twin: Any, open_guard: Guard, provider: LoopbackProvider, way: Way
) -> None:
    """A parser keeps the last of two, so that the first is in the bytes alone."""
    provider.script([answering(TWICE, "application/json")])
    found = twin.take(lambda client: way(open_guard.wrap(client)))
    said = found if isinstance(found, bytes) else found.http_response.content
    assert TOKEN.encode() not in said
    assert b"fine" in said


def test_a_key_that_stands_twice_in_an_event_hides_nothing(
    twin: Any, open_guard: Guard, provider: LoopbackProvider
) -> None:
    """So in the lines of a stream."""
    event = TWICE.replace(b'"message"', b'"delta"')
    provider.script([answering(b"data: " + event + b"\n\n", "text/event-stream")])

    async def main() -> str:
        client = open_guard.wrap(twin.make())
        manager = streamed_unread(client)
        if hasattr(manager, "__aenter__"):
            async with manager as response:
                found = await drained(response.iter_lines())
        else:
            with manager as response:
                found = list(response.iter_lines())
        await awaited(client.close())
        return "\n".join(found)

    said = asyncio.run(main())
    assert TOKEN not in said
    assert "fine" in said


class Piece(BaseModel):
    """What a caller reads an event as."""

    choices: list[Any]


def test_a_stream_asked_for_past_the_resources_is_checked(
    twin: Any, open_guard: Guard, provider: LoopbackProvider
) -> None:
    """The client's own ``post`` gives the same checked events."""
    provider.script([Answer(f"it is {TOKEN} .")])

    async def main() -> str:
        client = open_guard.wrap(twin.make())
        kind = Stream if isinstance(client, openai.OpenAI) else AsyncStream
        options = {"body": {**CHAT, "stream": True}, "cast_to": Piece}
        way = client.post("/chat/completions", **options, stream=True, stream_cls=kind[Piece])
        found = await drained(await awaited(way))
        await awaited(client.close())
        return "".join(c["delta"].get("content") or "" for each in found for c in each.choices)

    said = asyncio.run(main())
    assert said.startswith("it is [[")
    assert TOKEN not in said


ERRORS: dict[str, Callable[[str], Answer]] = {
    "an error": lambda sent: failure(400, f"cannot read {sent}"),
    "a page": lambda sent: Answer(
        status=404, body=f"<html>{sent}".encode(), headers={"content-type": "text/html"}
    ),
    "events": lambda sent: Answer(
        status=422, body=f"data: {sent}\n\n".encode(), headers={"content-type": "text/event-stream"}
    ),
}
EVERY = WHOLE | EVENTS


@pytest.mark.parametrize("way", EVERY.values(), ids=EVERY)
@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_an_error_repeats_what_was_sent_and_no_more(
    twin: Any, open_guard: Guard, provider: LoopbackProvider, way: Way,
    error: Callable[[str], Answer],
) -> None:  # fmt: skip
    """The provider's error, its body and its request hold placeholders, streamed or not."""
    provider.script([Answer("first")])
    twin.take(lambda client: plain(open_guard.wrap(client)))
    provider.script([error(provider.journal[0].body.decode())])
    with pytest.raises(openai.APIStatusError) as caught:
        twin.take(lambda client: way(open_guard.wrap(client)))
    found = caught.value
    said = f"{told(found)} {found.body} {found.response.text} {found.request.content!r}"
    assert "[[EMAIL:" in said
    assert CANARY not in said


def test_the_responses_before_a_redirect_hold_no_more_than_was_sent(
    twin: Any, open_guard: Guard, provider: LoopbackProvider
) -> None:
    """A redirect at the same origin is followed once more with the same checked body."""
    provider.script(
        [
            redirect(f"{provider.base_url}/chat/completions"),
            answering(completion("fine"), "application/json"),
        ]
    )
    found = twin.take(lambda client: raw(open_guard.wrap(client)))
    assert found.parse().choices[0].message.content == "fine"
    assert provider.saw(CANARY) == ()


def test_sound_comes_through_as_it_is_and_text_that_is_called_sound_is_checked(
    twin: Any, open_guard: Guard, provider: LoopbackProvider
) -> None:
    """What no detector can read passes; what can be read is read, whatever it is called."""
    sound = b"ID3\x04\x00\xff\xfb\x90" + bytes(range(256))

    def speak(client: Any) -> Any:
        return open_guard.wrap(client).audio.speech.create(input="hello", model="m", voice="alloy")

    answers = [answering(sound, "audio/mpeg"), answering(f"it is {TOKEN}".encode(), "audio/mpeg")]
    provider.script(answers, at="POST /audio/speech")
    assert twin.take(speak).content == sound
    assert TOKEN.encode() not in twin.take(speak).content


def test_a_file_of_results_is_checked(
    twin: Any, open_guard: Guard, provider: LoopbackProvider
) -> None:
    """The results of a batch come as bytes of no type; a secret in them is hidden."""
    line = {"custom_id": "1", "response": {"body": completion(f"it is {TOKEN} .")}}
    stored = provider.put_file(json.dumps(line).encode() + b"\n")

    def read(client: Any) -> Any:
        return open_guard.wrap(client).files.content(stored)

    content = twin.take(read).content
    assert TOKEN.encode() not in content
    (said,) = (json.loads(each) for each in content.splitlines())
    assert said["response"]["body"]["choices"][0]["message"]["content"].startswith("it is [[")


def test_an_answer_without_a_body_is_none(
    twin: Any, open_guard: Guard, provider: LoopbackProvider
) -> None:
    """A deletion that is answered with nothing is no failure of the guard."""
    provider.script([Answer(status=204, body=b"")], at="DELETE /files/{file_id}")
    twin.take(lambda client: open_guard.wrap(client).files.delete("file-1"))
    assert provider.journal[-1].method == "DELETE"
