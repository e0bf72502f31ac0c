# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Do only checked events come out of a stream, in both HTTP libraries and both ways to read?"""

import asyncio
import gc
import gzip
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentguard import AgentGuardError, ContentRefused, Guard, GuardFailure
from agentguard.clients import sse
from agentguard.clients.streams import checked_response
from agentguard.enforcement import Crossing, OpenStream
from agentguard.integrations.openai import SURFACE
from agentguard.pipeline import Response
from agentguard.vocabulary import AuditEntry, Boundary, EntryType, ModelCall, Outcome

TOKEN = "gh" + "p_" + "0aB" * 12
CARD = "4111 1111 1111 1111"
BLOCKED = '[[class]]\nname = "payment_card"\nin_answers = "block"\n'
HEADERS = [("content-type", "text/event-stream"), ("x-request-id", "r-1")]


@pytest.fixture
def guard(policy_file: Path) -> Iterator[Guard]:
    """A guard of the starter policy, with cards blocked in answers."""
    text = policy_file.read_text()
    policy_file.write_text(text.replace('[[class]]\nname = "payment_card"\n', BLOCKED))
    with Guard.from_file(policy_file) as made:
        yield made


def described(call_id: str) -> ModelCall:
    """Return a streamed chat."""
    return ModelCall(
        id=call_id,
        operation="chat",
        verb="POST",
        path="/chat/completions",
        origin="http://127.0.0.1:80",
        model="m",
        payload={"model": "m", "messages": ({"role": "user", "content": "hello"},)},
        streams=True,
    )


def opened(guard: Guard) -> OpenStream:
    """Open the stream of a call."""
    crossing = Crossing(
        boundary=Boundary.MODEL,
        surface="openai",
        operation="chat",
        target="m",
        carried=None,
        describe=described,
    )
    response = Response(content=None, form=SURFACE.form(described("c")))
    with guard.identity("agent:support", on_behalf_of="user:alice"):
        found = guard._parts.enforcer.call(crossing, lambda _: response)
    assert isinstance(found, OpenStream)
    return found


class Source:
    """The provider's bytes, and whether they were closed."""

    def __init__(self, pieces: Sequence[bytes], then: BaseException | None = None) -> None:
        self.pieces, self.then = pieces, then
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        yield from self.pieces
        if self.then is not None:
            raise self.then

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece

    def close(self) -> None:
        """Close it."""
        self.closed = True

    async def aclose(self) -> None:
        """Close it."""
        self.closed = True


class Way:
    """A library and a way to read."""

    def __init__(self, library: Any, *, asynchronous: bool) -> None:
        self.library, self.asynchronous = library, asynchronous

    def response(self, source: Source, headers: Sequence[tuple[str, str]] = ()) -> Any:
        """Return the provider's response."""
        if self.asynchronous:
            base, hidden = self.library.AsyncByteStream, "__iter__"
        else:
            base, hidden = self.library.SyncByteStream, "__aiter__"
        own = {name: getattr(Source, name) for name in ("__iter__", "__aiter__", "close", "aclose")}
        reader = "__aiter__" if self.asynchronous else "__iter__"
        closer = "aclose" if self.asynchronous else "close"
        members = {reader: lambda _: own[reader](source), closer: lambda _: own[closer](source)}
        assert hidden not in members
        request = self.library.Request("POST", "http://127.0.0.1/v1/chat/completions")
        return self.library.Response(
            200,
            headers=[*HEADERS, *headers],
            stream=type("Bytes", (base,), members)(),
            request=request,
            extensions={"network_stream": source, "http_version": b"HTTP/1.1"},
        )

    def read(self, response: Any) -> bytes:
        """Read a response to its end."""
        if self.asynchronous:

            async def main() -> bytes:
                return bytes(await response.aread())

            return asyncio.run(main())
        return bytes(response.read())

    def run(self, sync: Callable[[], Any], later: Callable[[], Awaitable[Any]]) -> Any:
        """Run the one that fits."""
        if not self.asynchronous:
            return sync()

        async def main() -> Any:
            return await later()

        return asyncio.run(main())


WAYS = {
    f"{library.__name__} {'async' if asynchronous else 'sync'}": Way(
        library, asynchronous=asynchronous
    )
    for library in (httpx, httpx2)
    for asynchronous in (False, True)
}
EVERY_WAY = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def said(*texts: str) -> bytes:
    """Return the provider's bytes for these deltas."""
    events = [{"choices": [{"index": 0, "delta": {"content": text}}]} for text in texts]
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


def text_of(body: bytes) -> str:
    """Return the text in checked bytes, every one of which must be an event's."""
    found = []
    for block in body.decode().split("\n\n")[:-1]:
        assert block.startswith("data: ")
        if block != "data: [DONE]":
            content = json.loads(block.removeprefix("data: "))
            found += [choice["delta"].get("content") or "" for choice in content["choices"]]
    return "".join(found)


def outcomes(entries: list[AuditEntry]) -> list[Outcome | None]:
    """Return how the calls ended."""
    return [entry.outcome for entry in entries if entry.type is EntryType.OUTCOME]


@EVERY_WAY
def test_checked_events_come_out_and_nothing_else(
    way: Way, guard: Guard, entries: list[AuditEntry]
) -> None:
    """No comment, no field and no byte behind the end; the text is checked and the end is there."""
    body = b": hello jane\nretry: 5\nsecret: x\n" + said(f"it is {TOKEN} ", "and more")
    body += b"event: no_data\n\ndata: [DONE] and a word\n\n" + said("behind the end")
    source = Source([body])
    response = checked_response(way.response(source), opened(guard))
    read = way.read(response)
    assert text_of(read).startswith("it is [[")
    assert text_of(read).endswith(" and more")
    assert read.endswith(b"data: [DONE]\n\n")
    for word in (b"hello", b"retry", b"secret", TOKEN.encode(), b"behind", b"a word"):
        assert word not in read
    assert source.closed
    assert outcomes(entries) == [Outcome.COMPLETED]


@EVERY_WAY
def test_a_response_is_equal_but_for_its_stream(way: Way, guard: Guard) -> None:
    """Status, headers and request stay; the way to the connection does not."""
    first = way.response(Source([said("x")]), [("content-length", "3"), ("x-a", "1")])
    response = checked_response(first, opened(guard))
    assert type(response) is way.library.Response
    assert response.status_code == 200
    assert response.headers["x-request-id"] == "r-1"
    assert "content-length" not in response.headers
    assert response.request is first.request
    assert "network_stream" not in response.extensions
    assert response.extensions["http_version"] == b"HTTP/1.1"
    way.read(response)


@EVERY_WAY
def test_an_end_that_is_not_announced_releases_what_was_held(
    way: Way, guard: Guard, entries: list[AuditEntry]
) -> None:
    """A stream without a last event is over when its bytes are."""
    response = checked_response(way.response(Source([said("one ", "two")])), opened(guard))
    read = way.read(response)
    assert text_of(read) == "one two"
    assert b"[DONE]" not in read
    assert outcomes(entries) == [Outcome.COMPLETED]


BAD: dict[str, bytes] = {
    "no JSON": b"data: jane\n\n",
    "a list": b"data: [1]\n\n",
    "nothing": b"data:\n\n",
    "no UTF-8": b"data: \xff\n\n",
    "a name that is none": b"event: a key of jane\ndata: {}\n\n",
    "half an event": b'data: {"choices": [',
}


@EVERY_WAY
@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_what_is_no_event_ends_the_stream(
    way: Way, guard: Guard, bad: bytes, entries: list[AuditEntry]
) -> None:
    """The rest is withheld, the provider is told, and the failure holds nothing of it."""
    source = Source([said("one "), bad, said("behind it")])
    if bad == BAD["half an event"]:
        source.pieces = source.pieces[:-1]
    response = checked_response(way.response(source), opened(guard))
    with pytest.raises(GuardFailure) as caught:
        way.read(response)
    assert caught.value.dispatched
    assert caught.value.call_id
    assert caught.value.__context__ is None
    assert "jane" not in str(caught.value)
    assert source.closed
    assert outcomes(entries) == [Outcome.WITHHELD]


@EVERY_WAY
def test_an_event_that_is_too_long_ends_the_stream(
    way: Way, guard: Guard, entries: list[AuditEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event without an end is not waited for."""
    monkeypatch.setattr(sse, "LONGEST_FRAME", 1_000)
    source = Source([b"data: " + b"x" * 600] * 3)
    with pytest.raises(GuardFailure):
        way.read(checked_response(way.response(source), opened(guard)))
    assert source.closed
    assert outcomes(entries) == [Outcome.WITHHELD]


@EVERY_WAY
def test_a_blocked_answer_closes_the_providers_stream(
    way: Way, guard: Guard, entries: list[AuditEntry]
) -> None:
    """What may not come out is not read on either."""
    source = Source([said("it is "), said(f"{CARD} . "), said("more ")])
    response = checked_response(way.response(source), opened(guard))
    with pytest.raises(ContentRefused):
        way.read(response)
    assert source.closed
    assert outcomes(entries) == [Outcome.WITHHELD]


class Broken(Exception):
    """What a connection breaks off with."""


@EVERY_WAY
@pytest.mark.parametrize("error", [Broken("x"), KeyboardInterrupt()], ids=["error", "interruption"])
def test_what_breaks_the_stream_comes_out_as_it_is(
    way: Way, guard: Guard, error: BaseException, entries: list[AuditEntry]
) -> None:
    """The reader gets the very error, and the log says how the call ended."""
    source = Source([said("one ")], error)
    response = checked_response(way.response(source), opened(guard))
    with pytest.raises(type(error)) as caught:
        way.read(response)
    assert caught.value is error
    assert source.closed
    expected = Outcome.FAILED if isinstance(error, Exception) else Outcome.CANCELLED
    assert outcomes(entries) == [expected]


@EVERY_WAY
def test_an_error_behind_the_end_is_no_error(
    way: Way, guard: Guard, entries: list[AuditEntry]
) -> None:
    """When the last event was there, it does not matter how the connection ends."""
    source = Source([said("one "), b"data: [DONE]\n\n", b"data: x\n\n"], Broken("x"))
    read = way.read(checked_response(way.response(source), opened(guard)))
    assert text_of(read) == "one "
    assert outcomes(entries) == [Outcome.COMPLETED]


@EVERY_WAY
def test_an_early_close_closes_both(way: Way, guard: Guard, entries: list[AuditEntry]) -> None:
    """Closing the response closes the provider's and ends the call; closing again does nothing."""
    source = Source([said("one "), said("two ")])
    first = way.response(source)
    first.elapsed = timedelta(seconds=3)
    response = checked_response(first, opened(guard))

    def sync() -> bytes:
        first = next(response.iter_bytes())
        response.close()
        response.close()
        return bytes(first)

    async def later() -> bytes:
        first = await anext(response.aiter_bytes())
        await response.aclose()
        await response.aclose()
        return bytes(first)

    assert text_of(way.run(sync, later)) in ("", "one ")
    assert source.closed
    assert response.elapsed == timedelta(seconds=3)
    assert outcomes(entries) == [Outcome.CANCELLED]


@EVERY_WAY
def test_a_dropped_stream_is_written_down(
    way: Way, guard: Guard, entries: list[AuditEntry]
) -> None:
    """A response that nobody reads, and nobody closes, ends its call when it is collected."""
    response = checked_response(way.response(Source([said("one ")])), opened(guard))
    del response
    gc.collect()
    for thread in threading.enumerate():
        if thread.name == "agentguard-dropped-stream":
            thread.join()
    assert outcomes(entries) == [Outcome.CANCELLED]


@EVERY_WAY
def test_a_compressed_stream_is_read(way: Way, guard: Guard) -> None:
    """What is checked is what the provider meant, and comes out as it is."""
    packed = gzip.compress(said(f"it is {TOKEN} ", "and more"))
    source = Source([packed[at : at + 10] for at in range(0, len(packed), 10)])
    first = way.response(source, [("content-encoding", "gzip")])
    response = checked_response(first, opened(guard))
    read = way.read(response)
    assert "content-encoding" not in response.headers
    assert text_of(read).startswith("it is [[")
    assert TOKEN.encode() not in read


@EVERY_WAY
def test_a_response_of_a_class_of_somebody_elses_is_read_as_the_librarys(
    way: Way, guard: Guard
) -> None:
    """Another class may take other arguments; the library's own holds the checked stream."""
    first = way.response(Source([said("one ")]))
    first.__class__ = type("Theirs", (way.library.Response,), {"__init__": lambda self: None})
    response = checked_response(first, opened(guard))
    assert type(response) is way.library.Response
    assert text_of(way.read(response)) == "one "


def test_a_response_that_cannot_be_checked_ends_its_call(
    guard: Guard, entries: list[AuditEntry]
) -> None:
    """Where no checked stream can be made nothing comes back, and the call is written as ended."""
    with pytest.raises(TypeError):
        checked_response(object(), opened(guard))
    for thread in threading.enumerate():
        if thread.name == "agentguard-dropped-stream":
            thread.join()
    assert outcomes(entries) == [Outcome.CANCELLED]


BODY = (
    b": x\r\n" + said("it is ", TOKEN[:9], TOKEN[9:], " ü ", "and more") + b"data: [DONE]\r\n\r\n"
)


@settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.integers(0, len(BODY)), max_size=10))
def test_any_cut_of_the_bytes_gives_the_same_bytes(guard: Guard, cuts: list[int]) -> None:
    """The network cuts where it likes; what comes out is the same."""
    way = WAYS["httpx2 sync"]
    places = sorted({0, len(BODY), *cuts})
    pieces = [BODY[start:end] for start, end in pairwise(places)]
    whole, cut = (
        text_of(way.read(checked_response(way.response(Source(each)), opened(guard))))
        for each in ([BODY], pieces)
    )
    assert whole.partition("[[")[0] == cut.partition("[[")[0] == "it is "
    assert whole.partition("]]")[2] == cut.partition("]]")[2] == " ü and more"


EDITS = st.lists(
    st.tuples(
        st.integers(0, len(BODY)),
        st.integers(0, 4),
        st.binary(max_size=3)
        | st.sampled_from([b"\r", b"\n\n", b'"', b"}", b"\\u", b"data: {", b"event: e\n", b": "]),
    ),
    max_size=4,
)


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(EDITS)
def test_of_spoilt_bytes_comes_only_what_was_checked(
    guard: Guard, entries: list[AuditEntry], edits: list[tuple[int, int, bytes]]
) -> None:
    """Whatever a provider sends: the secret stays out, errors are the guard's, one outcome each."""
    body = BODY
    for place, length, instead in edits:
        body = body[:place] + instead + body[place + length :]
    way = WAYS["httpx2 sync"]
    before = len(outcomes(entries))
    response = checked_response(way.response(Source([body])), opened(guard))
    read: list[bytes] = []
    with suppress(AgentGuardError):
        read.extend(response.iter_bytes())
    raw = b"".join(read)
    assert TOKEN.encode() not in raw
    assert raw.isascii()
    assert len(outcomes(entries)) == before + 1
