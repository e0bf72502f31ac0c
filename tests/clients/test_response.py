# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is an answer read as what its caller will read, or withheld, and is its response rebuilt whole?"""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from types import ModuleType
from typing import Any

import httpx
import httpx2
import pytest

from agentguard.clients.response import is_stream, rebuilt, response_of, with_content
from agentguard.clients.surface import Surface
from agentguard.errors import GuardFailure
from agentguard.integrations.anthropic import SURFACE as ANTHROPIC
from agentguard.integrations.openai import SURFACE
from agentguard.vocabulary import ModelCall

CANARY = "jane.doe@customers.example"
JSON, EVENTS = "application/json", "text/event-stream"
CALL = ModelCall(
    id="c1",
    operation="chat",
    verb="POST",
    path="/chat/completions",
    origin="http://127.0.0.1:80",
    model="m",
    payload={"model": "m"},
    answers=("/choices/*/message/content",),
)
# What answers with no text of a model: a file, a list, a deletion.
READ = replace(CALL, operation="read", verb="GET", path="/files/{}/content", answers=())

LIBRARIES: Iterable[ModuleType] = (httpx, httpx2)
EITHER = pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.__name__)


def answer(
    content: Any, media_type: str | None = JSON, *, library: Any = httpx, **options: Any
) -> Any:
    """Return a response of a provider."""
    headers = [*options.pop("headers", []), *([("content-type", media_type)] if media_type else [])]
    return library.Response(
        200,
        content=content if isinstance(content, bytes) else json.dumps(content).encode(),
        request=library.Request("POST", "http://127.0.0.1:1/v1/chat/completions"),
        headers=headers,
        **options,
    )


def read(response: Any, call: ModelCall = CALL, surface: Surface = SURFACE) -> Any:
    """Return the content of a response as the guard checks it."""
    return response_of(response, call, surface).content


def test_what_a_span_says_of_an_answer() -> None:
    """Identifiers, counts and known reasons are told; everything else stays untold."""
    said = {
        "id": "c-1",
        "model": "m-1",
        "usage": {"prompt_tokens": 3, "completion_tokens": 4},
        "choices": [{"finish_reason": "stop"}],
    }
    told = response_of(answer(said), CALL, SURFACE).attributes
    assert set(told.values()) == {"c-1", "m-1", 3, 4, ("stop",)}
    odd = {"id": f"to {CANARY}", "model": 4, "usage": {"prompt_tokens": CANARY}}
    odd |= {"choices": [{"finish_reason": CANARY}]}
    assert response_of(answer(odd), CALL, SURFACE).attributes == {}


UNREADABLE = [b"x", b'"x"', b"\xff", b"[" * 100_000, b"9" * 5000, b"", b"[]", b"null"]


@EITHER
@pytest.mark.parametrize("media_type", [JSON, None, "application/octet-stream", "audio/mpeg"])
@pytest.mark.parametrize("content", UNREADABLE)
def test_an_unreadable_answer_is_withheld(library: Any, media_type: str, content: bytes) -> None:
    """The failure says that the call happened, and keeps nothing of the answer."""
    with pytest.raises(GuardFailure) as caught:
        read(answer(content, media_type, library=library))
    assert caught.value.dispatched
    assert caught.value.call_id == "c1"
    assert caught.value.__context__ is None


STREAMS = replace(CALL, streams=True)
UNLIKE: dict[str, tuple[Any, ModelCall]] = {
    "events that nobody asked for": (answer(b"data: {}\n\n", EVENTS), CALL),
    "events for what is read": (answer(b"data: {}\n\n", f"{EVENTS}; charset=utf-8"), READ),
    "no events though asked for": (answer({"choices": []}), STREAMS),
    "text though events were asked for": (answer(b"data: {}\n\n", "text/plain"), STREAMS),
    "no type though events were asked for": (answer(b"data: {}\n\n", None), STREAMS),
    "events in a form that nobody knows": (
        answer(b"data: {}\n\n", EVENTS),
        replace(READ, streams=True, path="/threads/{}/runs"),
    ),
}


@pytest.mark.parametrize(("response", "call"), UNLIKE.values(), ids=UNLIKE)
def test_another_kind_of_answer_than_asked_for_is_withheld(response: Any, call: ModelCall) -> None:
    """What the SDK would read in another way than the guard checks it does not come back."""
    with pytest.raises(GuardFailure):
        read(response, call)


@pytest.mark.parametrize("surface", [SURFACE, ANTHROPIC])
def test_a_stream_that_was_asked_for_has_a_form(surface: Surface) -> None:
    """The events that were asked for are not read here; how they are checked is said."""
    path = "/v1/messages" if surface is ANTHROPIC else "/chat/completions"
    response = answer(b"", f"{EVENTS.upper()}; charset=utf-8")
    assert is_stream(response)
    found = response_of(response, replace(STREAMS, path=path), surface)
    assert found.content is None
    assert found.form is not None


TEXTS = {
    "plain": (b"hello", "text/plain", "hello"),
    "subtitles": (b"WEBVTT\n\nhello", "text/vtt; charset=utf-8", "WEBVTT\n\nhello"),
    "results in a file": (b'{"a": 1}\n{"a": 2}\n', "application/octet-stream", '{"a": 1}\n{"a": 2}\n'),
    "text that is called sound": (b"hello", "audio/mpeg", "hello"),
    "letters": ("ü".encode(), "text/plain", "ü"),
    "sound": (b"ID3\xff\xfb\x90", "audio/mpeg", None),
    "nothing": (b"", "text/plain", None),
    "lines": (b'{"a": 1}\n\n{"a": 2}\n', "application/x-jsonl", [{"a": 1}, {"a": 2}]),
    "a list": (b'[{"a": 1}]', JSON, [{"a": 1}]),
}  # fmt: skip


@EITHER
@pytest.mark.parametrize(("body", "media_type", "expected"), TEXTS.values(), ids=TEXTS)
def test_what_can_be_read_as_text_is_checked_as_text(
    library: Any, body: bytes, media_type: str, expected: Any
) -> None:
    """Whatever its type says; only what is no text at all passes unread."""
    assert read(answer(body, media_type, library=library), READ) == expected


@EITHER
@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"\xff\xfe", "text/plain"),
        (b"+AHM-k-1", "text/plain; charset=utf-7"),
        (b"hello", "text/plain; charset=utf-16"),
        (b"hello", "text/plain; charset=unheard-of"),
        (b"{}\nx\n", "application/jsonl"),
        (b"x", "application/problem+json"),
    ],
)
def test_text_that_would_be_read_otherwise_is_withheld(
    library: Any, body: bytes, media_type: str
) -> None:
    """The detectors and the caller must read the same words."""
    with pytest.raises(GuardFailure):
        read(answer(body, media_type, library=library), READ)


@EITHER
def test_a_rebuilt_response_is_equal_but_for_its_body(library: Any) -> None:
    """Status, headers, request, history and timing stay; lengths and codings are made anew."""
    first = answer({"a": 1}, headers=[("x-a", "1"), ("x-a", "2")], library=library)
    first.elapsed = timedelta(seconds=3)
    first.history = [answer({"b": 2}, headers=[("x-b", "1")], library=library)]
    made = with_content(first, {"a": "ü \ud800"})
    assert type(made) is type(first)
    assert made.status_code == 200
    assert made.headers.get_list("x-a") == ["1", "2"]
    assert made.request is first.request
    assert [(each.headers["x-b"], each.content) for each in made.history] == [("1", b"")]
    assert made.elapsed == first.elapsed
    assert made.json() == {"a": "ü \ud800"}
    assert int(made.headers["content-length"]) == len(made.content)


@EITHER
def test_the_encoding_of_the_body_goes_with_the_old_body(library: Any) -> None:
    """A rebuilt response says nothing of how the provider's bytes were coded."""
    coded = [("content-encoding", "identity"), ("Transfer-Encoding", "chunked")]
    made = rebuilt(answer({"a": 1}, headers=coded, library=library), content=b"other")
    assert made.content == b"other"
    assert "content-encoding" not in made.headers
    assert "transfer-encoding" not in made.headers


@pytest.mark.parametrize("content", [{"a": [1, None, True, 1.5, "x"]}, [], {"a": "ü"}])
def test_what_needed_no_change_stays_the_providers_response(content: Any) -> None:
    """Nothing is written anew where nothing was changed."""
    response = answer(content)
    assert with_content(response, json.loads(response.content)) is response
    assert with_content(response, None) is response


def test_a_text_that_needed_no_change_stays_the_providers_response() -> None:
    """So for text."""
    response = answer(b"hello", "text/plain")
    assert with_content(response, "hello") is response
    assert with_content(response, "other").text == "other"


TWICE = b'{"a": "%s", "a": "x", "b": [{"c": "%s", "c": 1}]}' % ((CANARY.encode(),) * 2)


def test_what_a_parser_passes_over_does_not_come_back() -> None:
    """Of a key that stands twice only one value is checked, so only that one comes back."""
    response = answer(TWICE)
    made = with_content(response, read(response))
    assert CANARY not in made.text
    assert made.json() == {"a": "x", "b": [{"c": 1}]}


@pytest.mark.parametrize("content", [None, {"a": 1}])
def test_what_came_with_a_redirect_does_not_come_back(content: Any) -> None:
    """The responses before the last are kept without their bodies, which nobody checked."""
    response = answer({"a": 1})
    response.history = [answer({"secret": CANARY})]
    made = with_content(response, content)
    assert made.json() == {"a": 1}
    assert [each.content for each in made.history] == [b""]


def test_lines_come_back_as_lines() -> None:
    """A file of results stays one, with what was changed."""
    response = answer(b'{"a": 1}\n{"a": 2}\n', "application/x-jsonl")
    made = with_content(response, [{"a": 1}, {"a": "[[X]]"}])
    assert [json.loads(line) for line in made.text.splitlines()] == [{"a": 1}, {"a": "[[X]]"}]
