# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is a request to Anthropic for a message taken for?"""

import base64
import hashlib
from typing import Any

import pytest
from anthropic.types import Message

from agentguard.canonical import thaw
from agentguard.classification import BUILT_IN_CLASSES, build_classifier
from agentguard.clients.attachments import lifted
from agentguard.errors import ContentRefused
from agentguard.integrations.anthropic.messages import COUNT, PATH, model_call
from agentguard.redaction import Vault, redact_payload
from agentguard.vocabulary import Kind, ModelCall, Reference

QUESTION = {"role": "user", "content": "Hi"}
# What a provider seals looks like noise.
SEALED = base64.b64encode(b"".join(hashlib.sha256(bytes([n])).digest() for n in range(80))).decode()


def read(messages: list[Any] | None = None, *, path: str = PATH, **members: Any) -> ModelCall:
    """Return the call that a request with these members means."""
    body = {"model": "claude-opus-5", "messages": messages or [QUESTION], **members}
    return model_call(
        "c-1", body, origin="https://api.anthropic.com:443", extra_fields=frozenset(), path=path
    )


def with_source(source: dict[str, Any], kind: str = "image") -> list[Any]:
    """Return a conversation whose question holds an image or a document."""
    return [{"role": "user", "content": [{"type": kind, "source": source}]}]


def test_a_message_is_a_chat() -> None:
    """A request for a message is a call of the operation chat, with its model and its answers."""
    call = read(max_tokens=8)
    assert (call.operation, call.kind, call.pair) == ("chat", Kind.INFERENCE, f"POST {PATH}")
    assert (call.model, call.streams, call.keeps) == ("claude-opus-5", False, None)
    assert call.answers == ("/content/*/text", "/content/*/citations/*/cited_text")
    assert call.references == frozenset()


def test_a_stream_is_told_from_the_body() -> None:
    """A request that asks for a stream says so, and what is neither yes nor no is refused."""
    assert read(stream=True).streams
    with pytest.raises(ContentRefused, match="neither true nor false"):
        read(stream="yes")


def test_counting_tokens_gives_no_answer() -> None:
    """Counting tokens sends the whole conversation, and nothing in its answer is for the user."""
    call = read(path=COUNT, system="Be brief.")
    assert (call.operation, call.answers) == (f"POST {COUNT}", ())
    with pytest.raises(ContentRefused, match="does not know"):
        read(path=COUNT, max_tokens=8)


@pytest.mark.parametrize(
    ("members", "references"),
    [
        ({"container": "container_01"}, {Reference.CONTAINER}),
        ({"container": {"id": "container_01"}}, {Reference.CONTAINER}),
        ({"container": {"id": None, "skills": None}}, set()),
        ({"thread": {"type": "create"}}, {Reference.STORE}),
        (
            {"thread": {"type": "continue", "previous_message_id": "msg_01"}},
            {Reference.STORE, Reference.STORED_RESPONSE},
        ),
        ({"diagnostics": {"previous_message_id": "msg_01"}}, {Reference.STORED_RESPONSE}),
        ({"diagnostics": {"previous_message_id": None}}, set()),
        (
            {"messages": with_source({"type": "url", "url": "https://pictures.example/a.png"})},
            {Reference.URL},
        ),
        (
            {
                "messages": with_source(
                    {"type": "url", "url": "https://files.example/a.pdf"}, "document"
                )
            },
            {Reference.URL},
        ),
        ({"messages": with_source({"type": "file", "file_id": "file_01"})}, {Reference.FILE}),
        (
            {"messages": with_source({"type": "file", "file_id": "file_01"}, "document")},
            {Reference.FILE},
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "container_upload", "file_id": "file_01"}],
                    }
                ]
            },
            {Reference.FILE},
        ),
    ],
)
def test_what_the_provider_would_use_or_keep_is_noted(
    members: dict[str, Any], references: set[Reference]
) -> None:
    """Containers, threads, files and addresses are references that the policy must allow."""
    assert read(**members).references == references


def test_a_picture_inside_a_tool_result_is_noted() -> None:
    """A reference counts wherever it stands, also inside what a tool returned."""
    picture = {"type": "image", "source": {"type": "url", "url": "https://pictures.example/a"}}
    result = {"type": "tool_result", "tool_use_id": "t-1", "content": [picture]}
    assert read([{"role": "user", "content": [result]}]).references == {Reference.URL}


@pytest.mark.parametrize("field", ["fallbacks", "fallback_credit_token"])
def test_another_model_than_the_one_decided_is_refused(field: str) -> None:
    """What lets another model answer is refused, also when the policy lists the field."""
    body = {"model": "claude-opus-5", "messages": [QUESTION], field: "default"}
    with pytest.raises(ContentRefused, match="another model"):
        model_call("c-1", body, origin="https://a:443", extra_fields=frozenset({field}))


@pytest.mark.parametrize("messages", [None, [], "Hi", [{"role": "tool", "content": "Hi"}], ["Hi"]])
def test_what_is_no_conversation_is_refused(messages: Any) -> None:
    """A request without messages of known roles is refused."""
    body = {"model": "claude-opus-5", "messages": messages}
    with pytest.raises(ContentRefused):
        model_call("c-1", body, origin="https://a:443", extra_fields=frozenset())


@pytest.mark.parametrize("model", [None, "", "claude opus", {"id": "claude-opus-5"}])
def test_a_model_without_a_name_is_refused(model: Any) -> None:
    """A request whose model is no name is refused."""
    with pytest.raises(ContentRefused, match="model"):
        read(model=model)


def test_only_what_the_model_wrote_counts_as_written_by_it() -> None:
    """Placeholders may stand in the assistant's own blocks, but not in what tools returned there."""
    said = [
        {"type": "thinking", "thinking": "Hm.", "signature": SEALED},
        {"type": "text", "text": "Let me see."},
        {"type": "server_tool_use", "id": "s-1", "name": "web_search", "input": {"query": "x"}},
        {
            "type": "web_search_tool_result",
            "tool_use_id": "s-1",
            "content": [
                {
                    "type": "web_search_result",
                    "url": "https://a.example",
                    "title": "A",
                    "encrypted_content": SEALED,
                }
            ],
        },
        {"type": "tool_use", "id": "t-1", "name": "look", "input": {"at": "it"}},
    ]
    call = read(
        [
            QUESTION,
            {"role": "assistant", "content": said},
            {"role": "user", "content": [{"type": "text", "text": "Go on."}]},
            {"role": "assistant", "content": "Well,"},
        ]
    )
    assert call.model_authored == (
        "/messages/1/content/0",
        "/messages/1/content/1",
        "/messages/1/content/2",
        "/messages/1/content/4",
        "/messages/3/content",
    )


def test_what_the_sdk_received_may_be_sent_back() -> None:
    """An answer as the SDK parsed it is a message of the next request."""
    answer = Message.model_validate(
        {
            "id": "msg_01",
            "type": "message",
            "role": "assistant",
            "model": "claude-opus-5",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": SEALED},
                {"type": "text", "text": "Hello", "citations": None},
                {"type": "tool_use", "id": "t-1", "name": "look", "input": {}},
            ],
            "stop_reason": "tool_use",
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }
    )
    content = [block.model_dump(mode="json") for block in answer.content]
    call = read([QUESTION, {"role": "assistant", "content": content}])
    assert len(call.model_authored) == 3


def test_what_the_provider_sealed_stays_as_it_was() -> None:
    """Signatures and sealed thinking pass classification and lifting unchanged."""
    blocks = [
        {"type": "thinking", "thinking": "Hm.", "signature": SEALED},
        {"type": "redacted_thinking", "data": SEALED},
        {"type": "compaction", "content": "So far.", "encrypted_content": SEALED},
    ]
    call = read([QUESTION, {"role": "assistant", "content": blocks}])
    found = lifted(call.payload)
    assert (found.attachments, found.encoded) == ((), ())
    hidden = redact_payload(
        found.payload,
        find=build_classifier().findings,
        actions={each.name: each for each in BUILT_IN_CLASSES},
        vault=Vault(b"k" * 32),
        model_authored=call.model_authored,
    )
    assert thaw(hidden.payload) == thaw(call.payload)


def test_what_cannot_be_inspected_is_refused() -> None:
    """An object that is no JSON is refused, and the refusal does not hold it."""
    with pytest.raises(ContentRefused, match="'messages' cannot be inspected") as caught:
        read([{"role": "user", "content": {"secret plans"}}])
    assert "secret plans" not in str(caught.value)


@pytest.mark.parametrize(
    "system",
    [{"type": "text", "text": "Be brief."}, [{"type": "image", "source": {}}], [["Be brief."]]],
)
def test_instructions_are_text(system: Any) -> None:
    """The system prompt is a text or blocks of text; anything else is refused."""
    with pytest.raises(ContentRefused, match="'system"):
        read(system=system)
