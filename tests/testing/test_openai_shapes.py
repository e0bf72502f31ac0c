# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The shapes of OpenAI's API on the loopback provider, read by the real clients."""

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AzureOpenAI, OpenAI
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter

from agentguard.testing import Answer, LoopbackProvider, StreamEnd, ToolRequest, echo, failure

FULL = Answer(
    "hello you",
    (ToolRequest("look_up", {"order": 1}), ToolRequest("send", {})),
    reasoning="thinking it over",
    refusal="not that",
)
# The SDK warns of methods that it will drop; they reach the API all the same.
DEPRECATED = pytest.mark.filterwarnings("ignore::DeprecationWarning")
# What the API sends and one of the supported versions of the SDK has no field for.
OF_ANOTHER_VERSION = {"name", "store"}
EVENTS = [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.reasoning_summary_part.added",
    "response.reasoning_summary_text.delta",
    "response.reasoning_summary_text.done",
    "response.reasoning_summary_part.done",
    "response.output_item.done",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.content_part.added",
    "response.refusal.delta",
    "response.refusal.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.output_item.added",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.output_item.done",
    "response.output_item.added",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.output_item.done",
    "response.completed",
]


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


def test_a_response_parses_as_the_sdk_expects(provider: LoopbackProvider, client: OpenAI) -> None:
    """Every field of a response passes the SDK's own strict model."""
    provider.script([FULL])
    raw = client.responses.with_raw_response.create(
        model="m", input="hi", instructions="brief", metadata={"a": "b"}
    )
    body = json.loads(raw.text)
    response = Response.model_validate(body)
    assert set(response.model_extra or {}) <= OF_ANOTHER_VERSION
    assert response.output_text == "hello you"
    assert response.instructions == "brief"
    assert [item.type for item in response.output] == [
        "reasoning",
        "message",
        "function_call",
        "function_call",
    ]


def test_a_streamed_response_has_the_events_of_the_api_in_order(
    provider: LoopbackProvider, client: OpenAI
) -> None:
    """Reasoning, text, refusal and tool calls come in the API's events, numbered from zero."""
    provider.script([FULL])
    events = list(client.responses.create(model="m", input="hi", stream=True))
    kinds = [event.type for event in events]
    shortened = [kind for at, kind in enumerate(kinds) if kinds[at - 1 : at] != [kind]]
    assert shortened == EVENTS
    assert [event.sequence_number for event in events] == list(range(len(events)))
    completed = events[-1]
    assert completed.type == "response.completed"
    assert completed.response.output_text == "hello you"


def test_every_event_of_a_response_is_one_that_the_sdk_knows(
    provider: LoopbackProvider, client: OpenAI
) -> None:
    """Every field of every event passes the SDK's own model, and its name is its type."""
    provider.script([FULL])
    adapter: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
    raw = client.responses.with_raw_response.create(model="m", input="hi", stream=True)
    lines = [line for line in raw.http_response.iter_lines() if line]
    for name, content in zip(lines[::2], lines[1::2], strict=True):
        event = adapter.validate_json(content.removeprefix("data: "))
        assert event.type == name.removeprefix("event: ")
        assert set(event.model_extra) <= OF_ANOTHER_VERSION


def test_any_event_can_be_scripted(provider: LoopbackProvider, client: OpenAI) -> None:
    """Events of a test are sent in place of the response's own, named by their type."""
    scripted = (
        {"type": "response.mcp_call_arguments.delta", "delta": "x", "sequence_number": 0},
        {"type": "response.of_tomorrow", "text": "x", "sequence_number": 1},
    )
    provider.script([Answer(events=scripted)])
    events = client.responses.create(model="m", input="hi", stream=True)
    assert [event.to_dict() for event in events] == list(scripted)


def test_an_error_in_a_streamed_response_is_an_event(
    provider: LoopbackProvider, client: OpenAI
) -> None:
    """A failing response ends with the API's error event."""
    provider.script([Answer("hello", ending=StreamEnd.ERROR)])
    events = list(client.responses.create(model="m", input="hi", stream=True))
    assert events[-1].type == "error"


def test_the_sdk_s_own_helpers_understand_a_response(
    provider: LoopbackProvider, client: OpenAI
) -> None:
    """The SDK parses a structured response, and its stream gives the final response."""

    class Order(BaseModel):
        number: str

    provider.script([Answer('{"number": "ORD-1"}')] * 2)
    parsed = client.responses.parse(model="m", input="hi", text_format=Order)
    assert parsed.output_parsed == Order(number="ORD-1")
    with client.responses.stream(model="m", input="hi", text_format=Order) as stream:
        assert stream.get_final_response().output_parsed == Order(number="ORD-1")


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"input": 1}, "input"),
        ({"input": ["x"]}, "input[0]"),
        ({"tools": []}, "tools"),
        ({"tools": [{}]}, "tools[0].type"),
        ({"unknown": 1}, None),
    ],
)
def test_a_malformed_response_request_is_refused(
    client: OpenAI, wrong: dict[str, Any], param: str | None
) -> None:
    """A request that the API would not take is a 400 that names the field."""
    with pytest.raises(openai.BadRequestError) as caught:
        client.post("/responses", cast_to=object, body={"model": "m", "input": "x", **wrong})
    assert caught.value.param == param


@pytest.mark.parametrize("given", ["one", ["one", "two"], [1, 2], [[1, 2], [3]]])
@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_embeddings_come_in_both_encodings(client: OpenAI, given: Any, encoding: Any) -> None:
    """There is one vector for each input, the same in either encoding."""
    made = client.embeddings.create(model="m", input=given, encoding_format=encoding)
    usual = client.embeddings.create(model="m", input=given)
    count = 2 if given in (["one", "two"], [[1, 2], [3]]) else 1
    assert len(made.data) == len(usual.data) == count
    vectors = [vector_of(embedding.embedding) for embedding in made.data]
    assert vectors == [embedding.embedding for embedding in usual.data]


def vector_of(embedding: Any) -> list[float]:
    """Return the numbers of an embedding in either encoding."""
    if isinstance(embedding, str):
        return list(memoryview(base64.b64decode(embedding)).cast("f"))
    return list(embedding)


def test_embeddings_have_the_wanted_dimensions(client: OpenAI) -> None:
    """A vector has as many numbers as were asked for, and depends on the text alone."""
    first, second, again = (
        client.embeddings.create(model="m", input=text, dimensions=3).data[0].embedding
        for text in ("one", "two", "one")
    )
    assert len(first) == 3
    assert first == again != second


def test_moderations_flag_nothing(client: OpenAI) -> None:
    """There is one result for each text, and none is flagged."""
    made = client.moderations.create(input=["a", "b"])
    assert [result.flagged for result in made.results] == [False, False]
    assert made.results[0].categories.self_harm is False


def test_a_file_is_kept_and_read_back(provider: LoopbackProvider, client: OpenAI) -> None:
    """An upload is listed, described, read back byte for byte, and gone once it was deleted."""
    content = b"\x00\xff secret \r\n--boundary"
    made = client.files.create(file=("report.bin", content), purpose="user_data")
    part = provider.journal[0].parts[-1]
    assert (part.name, part.filename, part.content) == ("file", "report.bin", content)
    assert [listed.id for listed in client.files.list()] == [made.id]
    assert client.files.retrieve(made.id).filename == "report.bin"
    assert client.files.content(made.id).read() == content
    assert client.files.wait_for_processing(made.id).status == "processed"
    client.files.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        client.files.content(made.id)


def test_a_file_of_the_provider_can_be_read(provider: LoopbackProvider, client: OpenAI) -> None:
    """A file that a test laid down is there as if it had been uploaded."""
    file_id = provider.put_file(b"planted", filename="a.jsonl", purpose="batch_output")
    assert client.files.retrieve(file_id).purpose == "batch_output"
    assert client.files.content(file_id).read() == b"planted"


@pytest.mark.parametrize(("name", "body"), [("file", {}), ("other", {"purpose": "batch"})])
def test_an_upload_without_its_fields_is_refused(
    client: OpenAI, name: str, body: dict[str, str]
) -> None:
    """An upload needs a file and a purpose."""
    form = {"Content-Type": "multipart/form-data"}
    with pytest.raises(openai.BadRequestError):
        client.post(
            "/files",
            cast_to=object,
            body=body,
            files=[(name, ("a.txt", b"x"))],
            options={"headers": form},
        )


def test_a_batch_is_run_line_by_line(provider: LoopbackProvider, client: OpenAI) -> None:
    """Each line of a batch is answered as its request alone would be, errors included."""

    def respond(request: Any) -> Answer:
        said = echo(request)
        return failure(500, "as told") if said.content == "fail" else said

    lines = [
        {"custom_id": "a", "url": "/v1/chat/completions", "body": chat("one")},
        {"custom_id": "b", "url": "/v1/chat/completions", "body": chat("fail")},
        {"custom_id": "c", "url": "/v1/responses", "body": {"model": "m", "input": "three"}},
    ]
    with (
        LoopbackProvider(respond) as runner,
        OpenAI(base_url=runner.base_url, api_key="test", max_retries=0) as made,
    ):
        jsonl = "no json\n" + "".join(json.dumps(line) + "\n" for line in lines)
        given = made.files.create(file=("in.jsonl", jsonl.encode()), purpose="batch")
        batch = made.batches.create(
            input_file_id=given.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        assert batch.status == "completed"
        assert batch.output_file_id is not None
        content = made.files.content(batch.output_file_id).text
    first, second, third = map(json.loads, content.splitlines())
    assert first["response"]["body"]["choices"][0]["message"]["content"] == "one"
    assert (second["custom_id"], second["response"]["status_code"]) == ("b", 500)
    assert third["response"]["body"]["output"][0]["content"][0]["text"] == "three"


def chat(text: str) -> dict[str, Any]:
    """Return the body of a chat request."""
    return {"model": "m", "messages": [{"role": "user", "content": text}]}


@pytest.mark.parametrize("kind", ["json", "text", "srt", "verbose_json"])
def test_a_transcription_says_the_answer(
    provider: LoopbackProvider, client: OpenAI, kind: Any
) -> None:
    """A transcription comes as JSON or as plain text, as it was asked for."""
    provider.script([Answer("spoken words")])
    made = client.audio.transcriptions.create(
        model="m", file=("a.wav", b"RIFF"), response_format=kind
    )
    text = made if isinstance(made, str) else made.text
    assert text.strip() == "spoken words"


def test_a_transcription_streams(provider: LoopbackProvider, client: OpenAI) -> None:
    """A streamed transcription comes in deltas and once as a whole."""
    provider.script([Answer("spoken words")])
    stream = client.audio.transcriptions.create(model="m", file=("a.wav", b"RIFF"), stream=True)
    events = list(stream)
    deltas = [event.delta for event in events if event.type == "transcript.text.delta"]
    assert "".join(deltas) == "spoken words"
    assert events[-1].type == "transcript.text.done"


@DEPRECATED
def test_a_translation_says_the_prompt(client: OpenAI) -> None:
    """The echo of a translation is its prompt."""
    made = client.audio.translations.create(model="m", file=("a.wav", b"RIFF"), prompt="words")
    assert made.text == "words"


def test_speech_is_bytes(client: OpenAI, tmp_path: Path) -> None:
    """Speech comes as bytes that the SDK writes to a file, or as events."""
    made = client.audio.speech.create(model="m", voice="alloy", input="hi")
    made.write_to_file(tmp_path / "a.wav")
    assert (tmp_path / "a.wav").read_bytes().startswith(b"RIFF")
    with client.audio.speech.with_streaming_response.create(
        model="m", voice="alloy", input="hi", stream_format="sse"
    ) as events:
        assert b"event: speech.audio.done" in events.read()


@DEPRECATED
def test_images_are_drawn(provider: LoopbackProvider, client: OpenAI) -> None:
    """An image is generated, edited, varied and streamed."""
    picture = ("a.png", b"\x89PNG")
    made = [
        client.images.generate(prompt="a cat"),
        client.images.edit(prompt="a dog", image=picture),
        client.images.create_variation(image=picture),
    ]
    pictures = [image.b64_json for images in made for image in images.data or ()]
    assert [base64.b64decode(each or "")[1:4] for each in pictures] == [b"PNG"] * 3
    generated = client.images.generate(prompt="a cat", stream=True)
    edited = client.images.edit(prompt="a cat", image=picture, stream=True)
    assert [event.type for event in (*generated, *edited)] == [
        "image_generation.partial_image",
        "image_generation.completed",
        "image_edit.partial_image",
        "image_edit.completed",
    ]


def test_models_are_listed(client: OpenAI) -> None:
    """The provider has a model, and any other is there when it is asked for."""
    assert [model.id for model in client.models.list()] == ["loopback-model"]
    assert client.models.retrieve("ft:m:a/b").id == "ft:m:a/b"


@DEPRECATED
def test_a_thread_s_run_streams(client: OpenAI) -> None:
    """A stream of an endpoint without a shape has an event that the SDK knows."""
    stream = client.beta.threads.runs.create(
        thread_id="thread_1", assistant_id="asst_1", stream=True
    )
    assert [event.event for event in stream] == ["thread.run.completed"]


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.chat.completions.create(**chat("hi")).choices[0].message.content,
        lambda client: client.completions.create(model="m", prompt="hi").choices[0].text,
        lambda client: client.responses.create(model="m", input="hi").output_text,
        lambda client: "hi" if client.embeddings.create(model="m", input="hi").data else "",
    ],
    ids=["chat", "completions", "responses", "embeddings"],
)
def test_azure_answers_as_the_plain_api(
    provider: LoopbackProvider, call: Callable[[Any], str]
) -> None:
    """The deployments of Azure answer under their own paths, with a key in their own header."""
    endpoint = provider.base_url.removesuffix("/v1")
    with AzureOpenAI(
        azure_endpoint=endpoint, api_key="test", api_version="2025-03-01", max_retries=0
    ) as client:
        assert call(client) == "hi"
    received = provider.journal[0]
    assert received.url_path.startswith("/openai/")
    assert received.query == (("api-version", "2025-03-01"),)
    assert received.header("api-key") == "test"


@pytest.mark.parametrize("base", ["", "/v1", "/openai/v1", "/api/gateway", "/a/v1/tenants/b/v1"])
def test_what_stands_before_the_api_does_not_matter(provider: LoopbackProvider, base: str) -> None:
    """A server behind another base path answers the same."""
    origin = provider.base_url.removesuffix("/v1")
    with OpenAI(base_url=origin + base, api_key="test", max_retries=0) as client:
        assert client.responses.create(model="m", input="hi").output_text == "hi"
