# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The shapes of Anthropic's API on the loopback provider, read by the real clients."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic, AnthropicVertex, AsyncAnthropic
from anthropic.types import Message, MessageParam, RawMessageStreamEvent
from pydantic import TypeAdapter

from agentguard.testing import Answer, LoopbackProvider, StreamEnd, ToolRequest, echo, failure

HELLO: list[MessageParam] = [{"role": "user", "content": "hello"}]
FULL = Answer(
    "hello you",
    (ToolRequest("look_up", {"order": 1}), ToolRequest("send", '{"broken')),
    reasoning="thinking it over",
)


@pytest.fixture
def provider() -> Iterator[LoopbackProvider]:
    """Give a started provider that echoes."""
    with LoopbackProvider(respond=echo) as started:
        yield started


@pytest.fixture
def client(provider: LoopbackProvider) -> Iterator[Anthropic]:
    """Give a real client of the provider that does not retry."""
    with Anthropic(base_url=origin_of(provider), api_key="test", max_retries=0) as made:
        yield made


def origin_of(provider: LoopbackProvider) -> str:
    """Return the base URL that Anthropic's clients take."""
    return provider.base_url.removesuffix("/v1")


def say(client: Anthropic, **options: Any) -> Any:
    """Ask for a message."""
    return client.messages.create(model="m", max_tokens=9, messages=HELLO, **options)


def test_a_message_parses_as_the_sdk_expects(provider: LoopbackProvider, client: Anthropic) -> None:
    """Every field of a message passes the SDK's own model."""
    provider.script([FULL])
    raw = client.messages.with_raw_response.create(model="m", max_tokens=9, messages=HELLO)
    message = Message.model_validate(raw.http_response.json())
    assert message.model_extra == {}
    assert [block.type for block in message.content] == [
        "thinking",
        "text",
        "tool_use",
        "tool_use",
    ]
    assert message.stop_reason == "tool_use"
    assert raw.headers["request-id"] == "req_1"


def test_a_streamed_message_has_the_events_of_the_api_in_order(
    provider: LoopbackProvider, client: Anthropic
) -> None:
    """Thinking, text and tool calls come in blocks that start, grow and stop."""
    provider.script([FULL])
    raw = client.messages.with_raw_response.create(
        model="m", max_tokens=9, messages=HELLO, stream=True
    )
    lines = [line for line in raw.http_response.iter_lines() if line]
    adapter: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
    kinds = [name.removeprefix("event: ") for name in lines[::2]]
    assert kinds[:3] == ["message_start", "ping", "content_block_start"]
    assert kinds[-2:] == ["message_delta", "message_stop"]
    for kind, line in zip(kinds, lines[1::2], strict=True):
        content = json.loads(line.removeprefix("data: "))
        assert content["type"] == kind
        if kind != "ping":
            assert adapter.validate_python(content).model_extra == {}
    deltas = [json.loads(line[6:]).get("delta", {}).get("type") for line in lines[1::2]]
    growing = list(dict.fromkeys(kind for kind in deltas if kind))
    assert growing == ["thinking_delta", "signature_delta", "text_delta", "input_json_delta"]


def test_the_sdk_s_own_stream_helper_understands(
    provider: LoopbackProvider, client: Anthropic
) -> None:
    """The SDK's accumulating stream gives text as it comes and the message at the end."""
    provider.script([Answer("hello you", (ToolRequest("look_up", {"order": 1}),), cut=3)])
    with client.messages.stream(model="m", max_tokens=9, messages=HELLO) as stream:
        assert list(stream.text_stream) == ["hel", "lo ", "you"]
        message = stream.get_final_message()
    called = message.content[1]
    assert called.type == "tool_use"
    assert called.input == {"order": 1}


def test_an_error_in_a_stream_is_the_sdk_s_error(
    provider: LoopbackProvider, client: Anthropic
) -> None:
    """An error event inside a stream raises the SDK's error."""
    provider.script([Answer("hello", ending=StreamEnd.ERROR)])
    with pytest.raises(anthropic.APIStatusError, match="told to fail in the stream"):
        list(say(client, stream=True))


def test_a_failure_is_the_sdk_s_own_error(provider: LoopbackProvider, client: Anthropic) -> None:
    """An injected status raises the SDK's error for it, with the message given."""
    provider.script([failure(429, "as told")])
    with pytest.raises(anthropic.RateLimitError, match="as told"):
        say(client)


def test_a_missing_key_is_refused(provider: LoopbackProvider, client: Anthropic) -> None:
    """A request without a key is a 401 in the shape of this API."""
    headers = {"anthropic-version": "2023-06-01"}
    answer = client._client.get(f"{provider.base_url}/models", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "authentication_error"


@pytest.mark.parametrize(
    "wrong", [{"messages": []}, {"messages": [{"role": "x"}]}, {"unknown": 1}, {"max_tokens": None}]
)
def test_a_malformed_request_is_refused(client: Anthropic, wrong: dict[str, Any]) -> None:
    """A request that the API would not take is a 400."""
    body = {"model": "m", "max_tokens": 9, "messages": HELLO, **wrong}
    body = {name: value for name, value in body.items() if value is not None}
    with pytest.raises(anthropic.BadRequestError):
        client.post("/v1/messages", cast_to=object, body=body)


def test_a_refusal_ends_the_message(provider: LoopbackProvider, client: Anthropic) -> None:
    """A refusal is said as text and is the reason why the message stops."""
    provider.script([Answer(refusal="not that")])
    message = say(client)
    assert (message.content[0].text, message.stop_reason) == ("not that", "refusal")


def test_tokens_are_counted(client: Anthropic) -> None:
    """A count of tokens grows with the text."""
    counts = [
        client.messages.count_tokens(
            model="m", messages=[{"role": "user", "content": text}]
        ).input_tokens
        for text in ("short", "long" * 20)
    ]
    assert 0 < counts[0] < counts[1]


def test_a_batch_is_answered(provider: LoopbackProvider, client: Anthropic) -> None:
    """Each request of a batch has its own result, read from where the batch says."""

    def respond(request: Any) -> Answer:
        said = echo(request)
        return failure(500, "as told") if said.content == "fail" else said

    with (
        LoopbackProvider(respond) as runner,
        Anthropic(base_url=origin_of(runner), api_key="test", max_retries=0) as made,
    ):
        batch = made.messages.batches.create(
            requests=[
                {
                    "custom_id": text,
                    "params": {
                        "model": "m",
                        "max_tokens": 9,
                        "messages": [{"role": "user", "content": text}],
                    },
                }
                for text in ("one", "fail")
            ]
        )
        assert made.messages.batches.retrieve(batch.id).request_counts.succeeded == 2
        results = list(made.messages.batches.results(batch.id))
    assert [result.result.type for result in results] == ["succeeded", "errored"]


def test_a_file_is_kept(provider: LoopbackProvider, client: Anthropic) -> None:
    """An upload is listed and read back."""
    made = client.beta.files.upload(file=("a.txt", b"secret", "text/plain"))
    assert (made.filename, made.mime_type, made.size_bytes) == ("a.txt", "text/plain", 6)
    assert [listed.id for listed in client.beta.files.list()] == [made.id]
    assert client.beta.files.download(made.id).read() == b"secret"
    assert provider.journal[0].parts[-1].content == b"secret"


def test_models_and_other_endpoints_answer(client: Anthropic) -> None:
    """The provider has a model, and an endpoint without a shape answers with something."""
    assert [model.id for model in client.models.list()] == ["loopback-model"]
    assert client.get("/v1/anything", cast_to=object)


def test_vertex_and_bedrock_answer_as_the_plain_api(provider: LoopbackProvider) -> None:
    """The same messages are answered under the paths of Vertex and of Bedrock."""
    with AnthropicVertex(
        region="eu", project_id="p", access_token="t", base_url=provider.base_url, max_retries=0
    ) as client:
        message = client.messages.create(model="m", max_tokens=9, messages=HELLO)
        assert message.content[0].type == "text"
        with client.messages.stream(model="m", max_tokens=9, messages=HELLO) as stream:
            assert stream.get_final_text() == "hello"
        answer = client._client.post(
            f"{origin_of(provider)}/model/anthropic.m/invoke",
            json={"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": HELLO},
            headers={"authorization": "AWS4-HMAC-SHA256 Credential=x, Signature=y"},
        )
    assert answer.json()["content"][0]["text"] == "hello"


def test_the_async_client_works_the_same(provider: LoopbackProvider) -> None:
    """AsyncAnthropic gets the same message, plain and streamed, and may close early."""
    provider.script([Answer("a"), Answer("b"), Answer("c", ending=StreamEnd.STALL, end_after=2)])

    async def run() -> list[str]:
        async with AsyncAnthropic(base_url=origin_of(provider), api_key="test") as client:
            plain = await client.messages.create(model="m", max_tokens=9, messages=HELLO)
            said = [block.text for block in plain.content if block.type == "text"]
            async with client.messages.stream(model="m", max_tokens=9, messages=HELLO) as stream:
                said += [text async for text in stream.text_stream]
            early = await client.messages.create(
                model="m", max_tokens=9, messages=HELLO, stream=True
            )
            await anext(early)
            await early.close()
        return said

    assert asyncio.run(run()) == ["a", "b"]
    assert provider.journal[2].closed_early() is True
