# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What do the instrumentations that others install in the SDK get to see?

The story: OpenLLMetry and the official instrumentation replace ``create`` on the SDK's classes and
copy its arguments into a span before they call it; OpenInference replaces ``OpenAI.request``.
With a guard below them the wire was clean and their spans held the prompt. Each runs here for
real, installed before the wrap and after it, with a canary in every position.
"""

import gc
import inspect
import json
from collections.abc import Callable
from typing import Any

import pytest
from openai import AsyncOpenAI
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import BaseModel, Field

from agentguard.testing import Answer, LoopbackProvider

CANARY = "jane.doe@customers.example"
DOMAIN = "@customers.example"
OBSERVERS = ("official", "openinference", "openllmetry")
Observer = Any

pytestmark = [
    pytest.mark.usefixtures("as_support"),
    # OpenInference does not await it, guarded or not.
    pytest.mark.filterwarnings("ignore:coroutine 'AsyncAPIResponse.parse':RuntimeWarning"),
]


class Note(BaseModel):
    """A note to her@customers.example, nobody else."""

    text: str = Field(description="as her@customers.example writes")


TOOL = {
    "name": "lookup_order",
    "description": "asks to@customers.example",
    "parameters": {},
    "strict": True,
}
CHAT: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "you serve s@customers.example"},
        {
            "role": "assistant",
            "content": "I wrote to a@customers.example",
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {
                        "name": "lookup_order",
                        "arguments": '{"order": "o@customers.example"}',
                    },
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "from t@customers.example"},
        {"role": "user", "content": f"write to {CANARY}"},
    ],
    "tools": [{"type": "function", "function": TOOL}],
    "user": "u@customers.example",
    "metadata": {"m@customers.example": "v@customers.example"},
}
RESPONSE: dict[str, Any] = {
    "model": "m",
    "instructions": "you serve s@customers.example",
    "input": [{"role": "user", "content": f"write to {CANARY}"}],
    "tools": [{"type": "function", **TOOL}],
    "metadata": {"m@customers.example": "v@customers.example"},
}

Way = Callable[[Any], Any]


async def gathered(stream: Any) -> list[Any]:
    """Read an asynchronous stream to its end."""
    return [event async for event in await stream]


def read(stream: Any) -> Any:
    """Read a stream of either kind to its end."""
    return gathered(stream) if inspect.isawaitable(stream) else list(stream)


def read_raw(raw: Any) -> Any:
    """Read the stream of a raw response of either kind to its end."""

    async def later() -> list[Any]:
        return [event async for event in (await raw).parse()]

    return later() if inspect.isawaitable(raw) else list(raw.parse())


def read_lines(raw: Any) -> Any:
    """Read the lines of a raw response without parsing it."""

    async def later() -> list[str]:
        return [line async for line in (await raw).http_response.aiter_lines()]

    if inspect.isawaitable(raw):
        return later()
    return list(raw.http_response.iter_lines())


def entered(manager: Any) -> Any:
    """Enter a manager of streams and read what it gives."""

    async def later() -> list[Any]:
        async with manager as stream:
            return [event async for event in stream]

    if hasattr(manager, "__aenter__"):
        return later()
    with manager as stream:
        return list(stream)


def parsed_within(manager: Any) -> Any:
    """Enter a streaming response and parse it."""

    async def later() -> Any:
        async with manager as response:
            return await response.parse()

    if hasattr(manager, "__aenter__"):
        return later()
    with manager as response:
        return response.parse()


def created(client: Any, **options: Any) -> Any:
    """Call ``chat.completions.create`` with everything."""
    return client.chat.completions.create(**CHAT, **options)


EXTRA = {"extra_body": {"safety_identifier": "x@customers.example"}}

CHATS: dict[str, Way] = {
    "create": created,
    "extra_body": lambda c: created(c, **EXTRA),
    "generator": lambda c: c.chat.completions.create(
        model="m", messages=(each for each in CHAT["messages"])
    ),
    "raw": lambda c: c.chat.completions.with_raw_response.create(**CHAT),
    "client raw": lambda c: c.with_raw_response.chat.completions.create(**CHAT),
    "streaming response": lambda c: parsed_within(
        c.chat.completions.with_streaming_response.create(**CHAT)
    ),
    "stream": lambda c: read(created(c, stream=True)),
    "stream with usage": lambda c: read(
        created(c, stream=True, stream_options={"include_usage": True})
    ),
    "raw stream": lambda c: read_raw(
        c.chat.completions.with_raw_response.create(**CHAT, stream=True)
    ),
    "raw lines": lambda c: read_lines(
        c.chat.completions.with_raw_response.create(**CHAT, stream=True)
    ),
    "stream manager": lambda c: entered(c.chat.completions.stream(**CHAT)),
    "with_options": lambda c: created(c.with_options(timeout=9)),
    "copy": lambda c: created(c.copy()),
    "copied twice": lambda c: created(c.copy().with_options(max_retries=1)),
}
RESPONSES: dict[str, Way] = {
    "responses": lambda c: c.responses.create(**RESPONSE),
    "responses raw": lambda c: c.responses.with_raw_response.create(**RESPONSE),
    "responses stream": lambda c: read(c.responses.create(**RESPONSE, stream=True)),
    "responses raw stream": lambda c: read_raw(
        c.responses.with_raw_response.create(**RESPONSE, stream=True)
    ),
    "responses stream manager": lambda c: entered(c.responses.stream(**RESPONSE)),
    "responses copy": lambda c: c.with_options(timeout=9).responses.create(**RESPONSE),
}
# What an instrumentation makes no span of, guarded or not.
SILENT = {("openllmetry", "responses raw stream"), ("openllmetry events", "responses raw stream")}


def text_of(result: Any) -> str:
    """Return all that a result says to the user."""
    if isinstance(result, list):
        return "".join(map(text_of, result))
    if hasattr(result, "http_response"):
        return text_of(result.parse())
    if isinstance(result, str):
        return text_of_line(result)
    kind = getattr(result, "type", None)
    if kind in ("response.output_text.delta", "chunk"):
        return str(result.delta) if kind != "chunk" else text_of(result.chunk)
    choices = getattr(result, "choices", None) or ()
    said = (getattr(each, "message", None) or each.delta for each in choices)
    return "".join(each.content or "" for each in said) or str(getattr(result, "output_text", ""))


def text_of_line(line: str) -> str:
    """Return what a line of a stream of events says to the user."""
    held = json.loads(line[6:]) if line.startswith("data: {") else {}
    choices = held.get("choices") or [{"delta": {}}]
    return choices[0]["delta"].get("content") or ""


def each_way(client: Any, ways: dict[str, Way], check: Callable[[str, Any], None]) -> Any:
    """Take a client on every way, one after the other, and check each result."""

    async def later() -> None:
        for name, way in ways.items():
            result = way(client)
            check(name, await result if inspect.isawaitable(result) else result)

    if isinstance(client, AsyncOpenAI):
        return later()
    for name, way in ways.items():
        check(name, way(client))
    return None


@pytest.mark.parametrize("observer", [*OBSERVERS, "openllmetry events"], indirect=True)
@pytest.mark.parametrize("ways", [CHATS, RESPONSES], ids=["chat", "responses"])
def test_an_observer_gets_placeholders_and_the_caller_the_values(
    ways: dict[str, Way], twin: Any, wrap: Any, observer: Observer, provider: LoopbackProvider
) -> None:
    """No span, event or record holds a value; the observer's hold its placeholder."""

    def check(way: str, result: Any) -> None:
        assert CANARY in text_of(result), way
        assert DOMAIN not in observer.told(), way
        if (observer.name, way) not in SILENT:
            assert "[[EMAIL:" in observer.content(), way
            assert [span.status.is_ok for span in observer.spans()] == [True], way
        observer.clear()

    twin.take(lambda plain: each_way(wrap(plain), ways, check))
    gc.collect()  # finds what OpenInference never awaited, while its warning is expected
    assert DOMAIN.encode() not in provider.received_bytes()
    assert len(provider.journal) == len(ways)


@pytest.mark.parametrize("text", [f"write to {CANARY}", [f"write to {CANARY}", "nothing"]])
def test_what_an_observer_keeps_of_an_embedding_is_redacted(
    text: Any, twin: Any, wrap: Any, observer: Observer, provider: LoopbackProvider
) -> None:
    """The vectors come back as ever, and the input does not stand in a span."""
    result = twin.take(lambda plain: wrap(plain).embeddings.create(model="m", input=text))
    assert all(isinstance(number, float) for number in result.data[0].embedding)
    assert DOMAIN not in observer.told()
    assert len(observer.spans()) == 1
    assert DOMAIN.encode() not in provider.received_bytes()


@pytest.mark.parametrize("how", ["parse", "stream"])
def test_a_parsed_model_is_the_callers_own(
    how: str, twin: Any, wrap: Any, observer: Observer, provider: LoopbackProvider
) -> None:
    """``parse`` gives the caller's class with the value in it, the observer a placeholder."""

    def way(plain: Any) -> Any:
        client = wrap(plain)
        if how == "stream":
            return entered(client.chat.completions.stream(**CHAT, response_format=Note))
        return client.chat.completions.parse(**CHAT, response_format=Note)

    provider_says(provider)
    result = twin.take(way)
    last = result[-1].parsed if how == "stream" else result.choices[0].message.parsed
    assert isinstance(last, Note)
    assert last.text == f"to {CANARY}"
    assert DOMAIN not in observer.told()
    assert observer.spans()


def provider_says(provider: LoopbackProvider) -> None:
    """Let the provider answer with what the user said last, as the object that was asked for."""

    def respond(request: Any) -> Answer:
        messages = request.get("messages") or request["input"]
        said = messages[-1]["content"] if isinstance(messages, list) else messages
        return Answer(content=json.dumps({"text": said.removeprefix("write ")}))

    provider._respond = respond


def test_a_parsed_response_is_the_callers_own(
    twin: Any, wrap: Any, observer: Observer, provider: LoopbackProvider
) -> None:
    """``responses.parse`` gives the caller's class with the value in it."""
    provider_says(provider)
    result = twin.take(lambda plain: wrap(plain).responses.parse(**RESPONSE, text_format=Note))
    assert result.output_parsed == Note(text=f"to {CANARY}")
    assert DOMAIN not in observer.told()
    assert len(observer.spans()) == 1


def test_a_parser_that_placeholders_fail_does_not_break_the_call(
    twin: Any, wrap: Any, observer: Observer, provider: LoopbackProvider
) -> None:
    """A class that takes nothing but an address is made from the address."""

    class Addressed(BaseModel):
        text: str = Field(pattern=r"to [a-z.]+@[a-z.]+")

    provider_says(provider)
    result = twin.take(lambda plain: wrap(plain).responses.parse(**RESPONSE, text_format=Addressed))
    assert result.output_parsed.text == f"to {CANARY}"
    assert DOMAIN not in observer.told()


def test_a_stream_that_is_left_early_ends_the_span(
    twin: Any, wrap: Any, observer: Observer, spans: InMemorySpanExporter
) -> None:
    """Closing the caller's stream closes the observer's, and the guard's span ends, too."""

    def way(plain: Any) -> Any:
        client = wrap(plain)
        return leave(created(client, stream=True))

    twin.take(way)
    assert len(observer.spans()) == 1
    assert DOMAIN not in observer.told()
    assert any(span.name.startswith("guard ") for span in spans.get_finished_spans())


def leave(stream: Any) -> Any:
    """Read one event of a stream and close it."""

    async def later() -> None:
        async with await stream as events:
            await anext(aiter(events))

    if inspect.isawaitable(stream):
        return later()
    with stream as events:
        return next(iter(events))


@pytest.mark.parametrize("way", ["create", "stream"])
def test_with_an_observer_the_operation_has_one_span(
    way: str, twin: Any, wrap: Any, observer: Observer, spans: InMemorySpanExporter
) -> None:
    """The guard leaves the span of the operation to the observer."""
    twin.take(lambda plain: CHATS[way](wrap(plain)))
    assert len(observer.spans()) == 1
    assert len(spans.get_finished_spans()) == 2
