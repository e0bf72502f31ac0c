# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The loopback provider, driven by the real OpenAI clients."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from pydantic import BaseModel

from agentguard.testing import (
    Answer,
    LoopbackProvider,
    ToolRequest,
    dropped,
    echo,
    failure,
    redirect,
)

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello"}]
LOOK_UP: ChatCompletionToolParam = {
    "type": "function",
    "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}},
}


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


def say(client: OpenAI, text: str = "hello") -> str | None:
    """Send one user message and return what the model says."""
    completion = client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": text}]
    )
    return completion.choices[0].message.content


def test_a_scripted_answer_comes_before_the_responder(
    provider: LoopbackProvider, client: OpenAI
) -> None:
    """Scripted answers are given in order, then the responder is asked."""
    provider.script([Answer("first"), Answer("second")])
    assert [say(client), say(client), say(client)] == ["first", "second", "hello"]


def test_a_completion_parses_as_the_sdk_expects(client: OpenAI) -> None:
    """Every field of a completion passes the SDK's own strict model."""
    raw = client.chat.completions.with_raw_response.create(model="m", messages=HELLO)
    body = json.loads(raw.text)
    completion = openai.types.chat.ChatCompletion.model_validate(body, strict=True)
    assert completion.model_extra == {}
    assert completion.object == "chat.completion"
    assert completion.model == "m"
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage is not None
    assert completion.usage.total_tokens == (
        completion.usage.prompt_tokens + completion.usage.completion_tokens
    )


def test_raw_responses_carry_headers_and_a_request_id(
    provider: LoopbackProvider, client: OpenAI
) -> None:
    """A raw response gives the headers of the answer and a request id of its own."""
    provider.script([Answer("a", headers={"x-extra": "1"}), Answer("b")])
    first = client.chat.completions.with_raw_response.create(model="m", messages=HELLO)
    second = client.chat.completions.with_raw_response.create(model="m", messages=HELLO)
    assert first.headers["x-extra"] == "1"
    assert first.request_id != second.request_id
    assert first.parse().choices[0].message.content == "a"


def test_a_tool_round_trip_is_accepted(provider: LoopbackProvider, client: OpenAI) -> None:
    """Tool calls come with ids that the next request may answer."""
    asked = ToolRequest("look_up", {"order": "ORD-1"})
    provider.script([Answer(tool_calls=(asked, asked)), Answer("done")])
    first = client.chat.completions.create(model="m", messages=HELLO, tools=[LOOK_UP])
    message = first.choices[0].message
    assert first.choices[0].finish_reason == "tool_calls"
    assert message.tool_calls is not None
    turn: list[Any] = [*HELLO, message.model_dump(exclude_none=True)]
    for call in message.tool_calls:
        assert call.type == "function"
        assert json.loads(call.function.arguments) == {"order": "ORD-1"}
        turn.append({"role": "tool", "tool_call_id": call.id, "content": "sent"})
    second = client.chat.completions.create(model="m", messages=turn, tools=[LOOK_UP])
    assert second.choices[0].message.content == "done"


def test_tool_call_ids_are_never_repeated(provider: LoopbackProvider, client: OpenAI) -> None:
    """No two tool calls of one provider share an id."""
    provider.script([Answer(tool_calls=(ToolRequest("look_up"), ToolRequest("look_up")))] * 3)
    ids = [
        call.id
        for _ in range(3)
        for call in client.chat.completions.create(model="m", messages=HELLO, tools=[LOOK_UP])
        .choices[0]
        .message.tool_calls
        or ()
    ]
    assert len(ids) == len(set(ids)) == 6


def test_parse_gives_the_model(provider: LoopbackProvider, client: OpenAI) -> None:
    """A structured answer comes back as the pydantic model that was asked for."""

    class Order(BaseModel):
        number: str

    provider.script([Answer('{"number": "ORD-1"}')])
    completion = client.chat.completions.parse(model="m", messages=HELLO, response_format=Order)
    assert completion.choices[0].message.parsed == Order(number="ORD-1")
    assert json.loads(provider.journal[0].body)["response_format"]["type"] == "json_schema"


def test_the_async_client_works_the_same() -> None:
    """AsyncOpenAI chats, calls tools, parses, and sends the same bytes of body."""

    async def run(provider: LoopbackProvider) -> None:
        async with AsyncOpenAI(base_url=provider.base_url, api_key="test") as client:
            answers = await asyncio.gather(
                *(
                    client.chat.completions.create(
                        model="m", messages=[{"role": "user", "content": str(number)}]
                    )
                    for number in range(8)
                )
            )
        said = [answer.choices[0].message.content for answer in answers]
        assert said == [str(number) for number in range(8)]

    with LoopbackProvider(respond=echo) as provider:
        asyncio.run(run(provider))
        assert len(provider.journal) == 8


def test_the_sdk_retries_an_injected_429(provider: LoopbackProvider) -> None:
    """Two injected 429 answers are retried by the SDK and every attempt is journalled."""
    provider.script([failure(429, retry_after_ms="1")] * 2)
    with OpenAI(base_url=provider.base_url, api_key="test", max_retries=2) as client:
        assert say(client) == "hello"
    bodies = {received.body for received in provider.journal}
    assert len(provider.journal) == 3
    assert len(bodies) == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (400, openai.BadRequestError),
    ],
)
def test_an_injected_failure_is_the_sdk_s_own_error(
    provider: LoopbackProvider, client: OpenAI, status: int, error: type[openai.APIStatusError]
) -> None:
    """An injected status raises the SDK's error for it, with the message given."""
    provider.script([failure(status, "as told")])
    with pytest.raises(error, match="as told") as caught:
        say(client)
    assert caught.value.status_code == status


def test_a_dropped_connection_is_a_connection_error(
    provider: LoopbackProvider, client: OpenAI
) -> None:
    """A dropped request raises APIConnectionError and still stands in the journal."""
    provider.script([dropped()])
    with pytest.raises(openai.APIConnectionError):
        say(client)
    assert len(provider.journal) == 1
    assert say(client) == "hello"


def test_a_redirect_carries_the_body_on(client: OpenAI, provider: LoopbackProvider) -> None:
    """An unguarded client follows a 307 and sends the body, without its key, to that origin."""
    with LoopbackProvider(respond=echo) as other:
        provider.script([redirect(f"{other.base_url}/chat/completions")])
        with pytest.raises(openai.AuthenticationError):
            say(client)
        assert other.journal[0].body == provider.journal[0].body
        assert other.journal[0].header("authorization") is None


def test_a_redirect_has_no_body(client: OpenAI, provider: LoopbackProvider) -> None:
    """A redirect is a location and nothing else."""
    provider.script([redirect("http://127.0.0.1:1/elsewhere")])
    headers = {"authorization": "Bearer test"}
    body = {"model": "m", "messages": HELLO}
    answer = client._client.post(
        f"{provider.base_url}/chat/completions",
        json=body,
        headers=headers,
        follow_redirects=False,
    )
    assert (answer.status_code, answer.content) == (307, b"")
    assert answer.headers["location"] == "http://127.0.0.1:1/elsewhere"


def test_a_delay_holds_the_answer_back(provider: LoopbackProvider, client: OpenAI) -> None:
    """A delayed answer comes after the client's timeout, and closing does not wait for it."""
    provider.script([Answer("late", delay=timedelta(minutes=5))])
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.05).chat.completions.create(model="m", messages=HELLO)
    began = time.monotonic()
    provider.close()
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    "reach",
    [
        lambda client: client.vector_stores.create(name="canary"),
        lambda client: client.responses.retrieve("canary"),
        lambda client: client.conversations.delete("canary"),
        lambda client: client.chat.completions.list(metadata={"x": "canary"}),
        lambda client: client.get("/chat/completions", cast_to=object),
        lambda client: client.post("/anything", cast_to=object, body={"x": "canary"}),
    ],
    ids=["vector_stores", "stored_response", "delete", "list", "get", "unknown"],
)
def test_an_endpoint_without_a_shape_answers_with_something(
    provider: LoopbackProvider, client: OpenAI, reach: Callable[[OpenAI], object]
) -> None:
    """Every endpoint answers, is kept, and takes no answer that was scripted for a model."""
    provider.script([Answer("kept")])
    reach(client)
    assert len(provider.journal) == 1
    assert say(client) == "kept"


def test_an_answer_is_scripted_for_one_endpoint(provider: LoopbackProvider, client: OpenAI) -> None:
    """An answer for one endpoint is given there, once, and before any other."""
    provider.script([failure(500, "as told")], at="POST /embeddings")
    provider.script([Answer(body={"id": "mine"})], at="GET /vector_stores/vs_1")
    assert say(client) == "hello"
    with pytest.raises(openai.InternalServerError, match="as told"):
        client.embeddings.create(model="m", input="a")
    assert client.embeddings.create(model="m", input="a").data
    assert client.vector_stores.retrieve("vs_1").id == "mine"


def test_a_websocket_is_refused(provider: LoopbackProvider, client: OpenAI) -> None:
    """A request for a websocket is journalled and refused with the server that has them."""
    upgrade = {"upgrade": "websocket", "connection": "upgrade"}
    with pytest.raises(openai.APIStatusError, match="LoopbackSocket") as caught:
        client.get("/realtime", cast_to=object, options={"headers": upgrade})
    assert caught.value.status_code == 426
    assert provider.journal[0].url_path == "/v1/realtime"


def test_a_canary_is_seen_wherever_it_came(provider: LoopbackProvider, client: OpenAI) -> None:
    """A value is seen in the request that carried it and in the bytes of none."""
    client.files.create(file=("canary-1.txt", b"canary-2"), purpose="batch")
    client.models.retrieve("canary-3")
    assert provider.saw("canary-1") == (
        "request 0: body",
        "request 0: part 1, header content-disposition",
    )
    assert provider.saw("canary-2") == ("request 0: body", "request 0: part 1")
    assert provider.saw("canary-3") == ("request 1: path",)
    assert provider.saw("canary-4") == ()


def test_a_missing_key_is_refused(provider: LoopbackProvider, client: OpenAI) -> None:
    """A request without a bearer token is a 401 and takes no scripted answer."""
    provider.script([Answer("kept")])
    with pytest.raises(openai.AuthenticationError):
        client.with_options(default_headers={"Authorization": "Basic x"}).chat.completions.create(
            model="m", messages=HELLO
        )
    assert say(client) == "kept"


def test_an_unknown_field_needs_the_extra_fields() -> None:
    """A field that is not documented is a 400 unless the provider was made to take it."""
    for extra, fails in (((), True), (("top_k",), False)):
        with (
            LoopbackProvider(respond=echo, extra_fields=extra) as provider,
            OpenAI(base_url=provider.base_url, api_key="test", max_retries=0) as client,
        ):
            create = client.chat.completions.create
            if fails:
                with pytest.raises(openai.BadRequestError) as caught:
                    create(model="m", messages=HELLO, extra_body={"top_k": 3})
                assert caught.value.code == "unknown_parameter"
            else:
                create(model="m", messages=HELLO, extra_body={"top_k": 3})
                assert json.loads(provider.journal[0].body)["top_k"] == 3


def test_no_answer_left_is_an_error_that_is_not_retried() -> None:
    """Without script and responder a request fails at once, also for a client that retries."""
    with (
        LoopbackProvider() as provider,
        OpenAI(base_url=provider.base_url, api_key="test", max_retries=5) as client,
    ):
        with pytest.raises(openai.InternalServerError, match="no answer is left"):
            say(client)
        assert len(provider.journal) == 1


def test_a_responder_that_raises_is_named_without_its_text() -> None:
    """A responder's error reaches the client as its class name only."""

    def broken(request: object) -> Answer:
        raise LookupError("canary-4711")

    with (
        LoopbackProvider(respond=broken) as provider,
        OpenAI(base_url=provider.base_url, api_key="test", max_retries=0) as client,
    ):
        with pytest.raises(openai.InternalServerError, match="LookupError") as caught:
            say(client)
        assert "canary-4711" not in str(caught.value.body)


def test_connections_are_kept_alive_and_counted(provider: LoopbackProvider, client: OpenAI) -> None:
    """Five requests of one client go over one connection; a second client opens another."""
    for _ in range(5):
        say(client)
    assert provider.connections == 1
    with OpenAI(base_url=provider.base_url, api_key="test") as second:
        say(second)
    assert provider.connections == 2


def test_every_byte_of_a_request_is_kept(provider: LoopbackProvider, client: OpenAI) -> None:
    """Path, query, headers and body all stand in the raw bytes and in the journal."""
    client.chat.completions.create(
        model="m",
        messages=[{"role": "user", "content": "in-the-body"}],
        extra_headers={"x-team": "in-a-header"},
        extra_query={"q": "in-the-query"},
    )
    received = provider.journal[0]
    assert received.method == "POST"
    assert received.path == "/v1/chat/completions?q=in-the-query"
    assert received.header("X-Team") == "in-a-header"
    assert b'"content":"in-the-body"}]' in received.body
    raw = provider.received_bytes()
    assert raw.startswith(b"POST /v1/chat/completions?q=in-the-query HTTP/1.1\r\n")
    assert b"in-a-header" in raw
    assert raw.endswith(received.body)


def test_threads_do_not_mix_their_answers(provider: LoopbackProvider) -> None:
    """Sixteen threads with a client each get their own text back, and all are journalled."""
    wrong: list[str] = []

    def run(number: int) -> None:
        with OpenAI(base_url=provider.base_url, api_key="test") as client:
            wrong.extend(
                text
                for text in (f"{number}-{turn}" for turn in range(3))
                if say(client, text) != text
            )

    threads = [threading.Thread(target=run, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(provider.wait_for(48)) == 48


def test_waiting_ends_when_a_request_arrives(provider: LoopbackProvider) -> None:
    """A waiter is woken by a request that another thread makes."""

    def later() -> None:
        with OpenAI(base_url=provider.base_url, api_key="test") as client:
            say(client, "later")

    thread = threading.Thread(target=later)
    thread.start()
    assert b"later" in provider.wait_for(1)[0].body
    thread.join()


def test_waiting_has_an_end(provider: LoopbackProvider) -> None:
    """A wait for a request that never comes raises TimeoutError with the counts."""
    with pytest.raises(TimeoutError, match="0 of 1"):
        provider.wait_for(1, timeout=timedelta(milliseconds=10))


def test_the_journal_outlives_the_server(provider: LoopbackProvider, client: OpenAI) -> None:
    """After closing, nothing is answered, and what was received can still be read."""
    say(client)
    provider.close()
    provider.close()
    with pytest.raises(openai.APIConnectionError):
        say(client)
    assert len(provider.journal) == 1


def test_a_provider_starts_once_and_has_no_address_before() -> None:
    """The address is known from the start on, and a second start raises."""
    provider = LoopbackProvider()
    with pytest.raises(RuntimeError):
        _ = provider.base_url
    provider.close()
    with LoopbackProvider() as started, pytest.raises(RuntimeError):
        started.start()


def test_closing_leaves_no_thread(client: OpenAI, provider: LoopbackProvider) -> None:
    """Closing ends the server's threads although a client keeps its connection open."""
    say(client)
    during = threading.active_count()
    provider.close()
    assert threading.active_count() <= during - 2


def test_reprs_show_counts_only(provider: LoopbackProvider, client: OpenAI) -> None:
    """No repr of the provider, its journal, its answers or its requests holds content."""
    canary = "canary-4711"
    provider.script([Answer(canary, (ToolRequest("t", {canary: canary}),), headers={"x": canary})])
    provider.script([Answer(canary)])
    client.chat.completions.create(
        model="m",
        messages=[{"role": "user", "content": canary}],
        extra_headers={"x": canary},
        extra_query={"q": canary},
    )
    shown = [repr(provider), repr(provider.journal), repr(provider._journal)]
    shown.append(repr(provider._script))
    assert not any(canary in text for text in shown)
    assert "1 requests" in shown[0]
    assert "1 scripted answers left" in shown[0]


def test_nothing_is_printed(
    provider: LoopbackProvider, client: OpenAI, capfd: pytest.CaptureFixture[str]
) -> None:
    """Answers, failures and dropped connections print nothing."""
    provider.script([Answer("a"), failure(500), dropped()])
    for _ in range(3):
        try:
            say(client)
        except openai.OpenAIError:
            continue
    provider.close()
    assert capfd.readouterr() == ("", "")
