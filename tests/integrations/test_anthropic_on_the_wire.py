# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Do the readers understand what the real SDK sends, and what the provider streams to it?"""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from anthropic import Anthropic, Stream
from anthropic.types import Message, MessageParam
from pydantic import BaseModel

from agentguard.clients.attachments import lifted
from agentguard.integrations.anthropic import batches, messages
from agentguard.integrations.anthropic.stream_messages import MessagesForm
from agentguard.redaction.streams import Event, Slot
from agentguard.testing import Answer, LoopbackProvider, ToolRequest
from agentguard.vocabulary import ModelCall

LOOK: Any = {"name": "look", "input_schema": {"type": "object"}}
HI: Any = {"role": "user", "content": "Hi"}
DONE = Answer("Done.")
PIXEL = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00"
    b":~\x9bU\x00\x00\x00\nIDATx\x9cc`\x00\x00\x00\x02\x00\x01H\xaf\xa4q\x00\x00\x00\x00IEND"
)


@pytest.fixture
def provider() -> Iterator[LoopbackProvider]:
    """A provider on this machine."""
    with LoopbackProvider() as running:
        yield running


@pytest.fixture
def client(provider: LoopbackProvider) -> Iterator[Anthropic]:
    """An unguarded client of that provider."""
    base = provider.base_url.removesuffix("/v1")
    with Anthropic(base_url=base, api_key="sk-test", max_retries=0) as running:
        yield running


def sent(provider: LoopbackProvider) -> ModelCall:
    """Return what the latest request to the provider is taken for."""
    received = provider.journal[-1]
    reader = batches.model_call if received.url_path.endswith("batches") else messages.model_call
    return reader(
        "c-1",
        received.json,
        origin="https://a:443",
        extra_fields=frozenset(),
        path=received.url_path,
    )


def ask(client: Anthropic, conversation: list[MessageParam], **members: Any) -> Message:
    """Return the answer to a conversation."""
    answer: Message = client.messages.create(
        model="claude-opus-5", max_tokens=64, messages=conversation, timeout=30, **members
    )
    return answer


def test_an_answer_goes_back_as_the_sdk_received_it(
    provider: LoopbackProvider, client: Anthropic
) -> None:
    """The objects of an answer, thinking and tool use included, are content of the next request."""
    calls = (ToolRequest("look", {"at": "it"}),)
    provider.script([Answer("Let me see.", tool_calls=calls, reasoning="Hm."), DONE])
    answer = ask(client, [HI], tools=[LOOK])
    result: Any = {"type": "tool_result", "tool_use_id": answer.content[-1].id, "content": "ok"}  # type: ignore[union-attr]  # the last block asks for a tool
    ask(
        client,
        [
            HI,
            {"role": "assistant", "content": answer.content},
            {"role": "user", "content": [result]},
        ],
    )
    call = sent(provider)
    assert call.model_authored == tuple(f"/messages/1/content/{at}" for at in range(3))
    assert (lifted(call.payload).attachments, call.references) == ((), frozenset())


class Pair(BaseModel):
    """What an answer is read into."""

    left: str
    right: int


def test_a_parsed_answer_goes_back_as_the_sdk_received_it(
    provider: LoopbackProvider, client: Anthropic
) -> None:
    """A structured answer, and the schema that asks for it, are content like any other."""
    provider.script([Answer('{"left": "a", "right": 1}'), DONE])
    parsed = client.messages.parse(
        model="claude-opus-5", max_tokens=64, messages=[HI], output_format=Pair, timeout=30
    )
    assert sent(provider).payload["output_config"]["format"]["type"] == "json_schema"  # type: ignore[call-overload, index]  # the body's form is known
    assert parsed.parsed_output == Pair(left="a", right=1)
    ask(client, [HI, {"role": "assistant", "content": parsed.content}, HI])
    assert sent(provider).model_authored == ("/messages/1/content/0",)


def test_a_file_of_the_caller_is_content_by_then(
    provider: LoopbackProvider, client: Anthropic, tmp_path: Path
) -> None:
    """A picture that the SDK reads from a path stands in the request, where it is taken out."""
    picture = tmp_path / "pixel.png"
    picture.write_bytes(PIXEL)
    provider.script([DONE])
    source: Any = {"type": "base64", "media_type": "image/png", "data": picture}
    ask(client, [{"role": "user", "content": [{"type": "image", "source": source}]}])
    (attachment,) = lifted(sent(provider).payload).attachments
    assert attachment.data_class == "image"
    assert attachment.content == base64.b64encode(PIXEL).decode()


def test_the_beta_form_is_read_by_the_same_table(
    provider: LoopbackProvider, client: Anthropic
) -> None:
    """The beta methods send the same request to the same path, without a query."""
    provider.script([DONE])
    client.beta.messages.create(
        model="claude-opus-5",
        max_tokens=64,
        messages=[HI],
        betas=["mcp-client-2025-11-20"],
        mcp_servers=[{"type": "url", "name": "docs", "url": "https://mcp.example"}],
        timeout=30,
    )
    assert provider.journal[-1].query == ()
    assert [tool.type for tool in sent(provider).hosted_tools] == ["mcp_server"]


def test_counts_and_batches_are_read(provider: LoopbackProvider, client: Anthropic) -> None:
    """What is counted and what is put into a batch is the same content."""
    client.messages.count_tokens(model="claude-opus-5", messages=[HI], tools=[LOOK])
    assert [tool.name for tool in sent(provider).function_tools] == ["look"]
    params: Any = {"model": "claude-opus-5", "max_tokens": 8, "messages": [HI], "tools": [LOOK]}
    client.messages.batches.create(requests=[{"custom_id": "r-1", "params": params}])
    assert [tool.pointer for tool in sent(provider).function_tools] == [
        "/requests/0/params/tools/0"
    ]


def at_pointer(event: Event, slot: Slot) -> str:
    """Return the text at a slot."""
    value: Any = event.content
    for step in slot.pointer.split("/")[1:]:
        value = value[int(step) if isinstance(value, list) else step]
    assert isinstance(value, str)
    return value


def test_the_slots_of_a_stream_hold_what_the_model_said(
    provider: LoopbackProvider, client: Anthropic
) -> None:
    """The texts of a real stream are the answer, the thinking and the input of the tool."""
    calls = (ToolRequest("look", {"at": "it"}),)
    provider.script([Answer("Let me see.", tool_calls=calls, reasoning="Hm.", cut=3)])
    raw = client.messages.with_streaming_response.create(
        model="claude-opus-5", max_tokens=64, messages=[HI], stream=True
    )
    form, texts, ended = MessagesForm(), dict[tuple[str, bool], str](), list[str]()
    with raw as response:
        for sse in Stream.raw_events(response.http_response):
            event = Event(sse.event, json.loads(sse.data))
            for slot in filter(lambda slot: slot.growing, form.slots(event)):
                key = (slot.channel, slot.answer)
                texts[key] = texts.get(key, "") + at_pointer(event, slot)
            ended += form.ended(event)
    assert {text for (_, answer), text in texts.items() if answer} == {"Let me see."}
    assert {text for (_, answer), text in texts.items() if not answer} == {"Hm.", '{"at": "it"}'}
    assert {channel for channel, _ in texts} == set(ended) - {"*"}
    assert ended[-1] == "*"
