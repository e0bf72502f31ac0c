# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Who said which part of a request, at every API that knows roles?

Every text of the requests here begins with who says it by the API's reference: U the user, S the
program's system prompt, M the model, T a tool, or T with its name, N nobody.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from agentguard.canonical import Frozen, freeze
from agentguard.clients import generic
from agentguard.clients.several import placed, together
from agentguard.integrations.anthropic import batches, messages
from agentguard.integrations.openai import chat, responses, simple, socket_realtime
from agentguard.integrations.openai import socket_responses as response_socket
from agentguard.operations import Operation
from agentguard.pipeline.hearing import said_in
from agentguard.vocabulary import EncodedText, Kind, ModelCall, Speaker

ORIGIN = "https://api.example.com:443"
SPEAKERS = {
    "U": Speaker.USER,
    "S": Speaker.SYSTEM,
    "M": Speaker.MODEL,
    "T": Speaker.TOOL,
    "N": None,
}

CHAT = {
    "model": "m",
    "user": "N: a name",
    "metadata": {"N: key": "N: value"},
    "response_format": {"type": "json_schema", "json_schema": {"description": "N: a form"}},
    "tools": [
        {"type": "function", "function": {"name": "read", "description": "N: reads a mail"}},
    ],
    "prediction": {"type": "content", "content": "T: what may come"},
    "messages": [
        {"role": "system", "content": "S: be brief"},
        {"role": "developer", "content": [{"type": "text", "text": "S: be kind"}]},
        {"role": "user", "content": "U: hello", "name": "N: alice"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "U: see the file"},
                {"type": "file", "file": {"file_data": "T: inside", "filename": "T: name"}},
                {"type": "image_url", "image_url": {"url": "T: https://pictures.example/1"}},
            ],
        },
        {
            "role": "assistant",
            "content": "M: I look",
            "refusal": "M: or not",
            "annotations": [{"type": "url_citation", "url_citation": {"title": "T: found"}}],
            "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "read", "arguments": "M: {}"}},
                {"id": "2", "type": "custom", "custom": {"name": "grep", "input": "M: x"}},
            ],
        },
        {"role": "tool", "tool_call_id": "1", "content": "T(read): a mail"},
        {
            "role": "tool",
            "tool_call_id": "2",
            "content": [{"type": "text", "text": "T(grep): a line"}],
        },
        {"role": "tool", "tool_call_id": "3", "content": "T: of no call"},
        {"role": "assistant", "content": [{"type": "text", "text": "M: so"}]},
        {"role": "assistant", "function_call": {"name": "old", "arguments": "M: {}"}},
        {"role": "function", "name": "old", "content": "T(old): returned"},
    ],
}

RESPONSES = {
    "model": "m",
    "instructions": "S: be brief",
    "metadata": {"a": "N: b"},
    "user": "N: alice",
    "prompt": {"id": "p", "variables": {"topic": "T: filled in"}},
    "text": {"format": {"type": "json_schema", "description": "N: a form"}},
    "tools": [{"type": "function", "name": "read", "description": "N: reads", "parameters": {}}],
    "input": [
        {"role": "system", "content": "S: be kind"},
        {"role": "developer", "content": [{"type": "input_text", "text": "S: be quick"}]},
        {"role": "user", "content": "U: hello"},
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "U: see the file"},
                {"type": "input_file", "file_data": "T: inside", "filename": "T: name"},
                {"type": "input_image", "image_url": "T: https://pictures.example/1"},
            ],
        },
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "M: hm"}]},
        {
            "role": "assistant",
            "content": [
                {
                    "type": "output_text",
                    "text": "M: I look",
                    "annotations": [{"type": "url_citation", "title": "T: found"}],
                },
                {"type": "refusal", "refusal": "M: or not"},
            ],
        },
        {"type": "function_call", "call_id": "1", "name": "read", "arguments": "M: {}"},
        {"type": "function_call_output", "call_id": "1", "output": "T(read): a mail"},
        {"type": "custom_tool_call", "call_id": "2", "name": "grep", "input": "M: x"},
        {
            "type": "custom_tool_call_output",
            "call_id": "2",
            "output": [{"type": "input_text", "text": "T(grep): a line"}],
        },
        {"type": "file_search_call", "queries": ["M: q"], "results": [{"text": "T: a file"}]},
        {"type": "web_search_call", "action": {"type": "search", "query": "M: q"}},
        {
            "type": "code_interpreter_call",
            "code": "M: print()",
            "container_id": "c",
            "outputs": [{"type": "logs", "logs": "T: printed"}],
        },
        {"type": "image_generation_call", "revised_prompt": "M: a cat", "result": "T: bytes"},
        {"type": "computer_call_output", "output": {"image_url": "T: shot"}},
        {"type": "local_shell_call", "action": {"command": ["M: ls"]}},
        {"type": "local_shell_call_output", "output": "T: files"},
        {"type": "shell_call_output", "output": [{"stdout": "T: files"}]},
        {"type": "apply_patch_call", "operation": {"diff": "M: -+"}},
        {"type": "apply_patch_call_output", "output": "T: done"},
        {"type": "mcp_list_tools", "server_label": "s", "tools": [{"description": "T: a tool"}]},
        {
            "type": "mcp_call",
            "arguments": "M: {}",
            "name": "look",
            "output": "T: looked",
            "server_label": "s",
        },
        {"type": "compaction", "encrypted_content": "T: sealed"},
        {"type": "program", "code": "M: x = 1"},
        {"type": "program_output", "result": "T: 1"},
    ],
}

TEXT = {"type": "text", "text": "T(read): a mail"}
MESSAGES = {
    "model": "m",
    "max_tokens": 9,
    "metadata": {"user_id": "N: alice"},
    "system": [{"type": "text", "text": "S: be brief"}],
    "tools": [{"name": "read", "description": "N: reads", "input_schema": {"type": "object"}}],
    "messages": [
        {"role": "user", "content": "U: hello"},
        {"role": "system", "content": "S: be kind"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "U: see the file"},
                {
                    "type": "document",
                    "title": "T: a title",
                    "context": "T: of",
                    "source": {"type": "text", "media_type": "text/plain", "data": "T: inside"},
                },
                {
                    "type": "search_result",
                    "source": "T: where",
                    "title": "T: a title",
                    "content": [{"type": "text", "text": "T: found"}],
                },
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "M: hm", "signature": "M: s"},
                {
                    "type": "text",
                    "text": "M: I look",
                    "citations": [
                        {"type": "web_search_result_location", "cited_text": "T: found"},
                    ],
                },
                {"type": "tool_use", "id": "1", "name": "read", "input": {"a": "M: b"}},
                {
                    "type": "server_tool_use",
                    "id": "2",
                    "name": "web_search",
                    "input": {"query": "M: q"},
                },
                {
                    "type": "web_search_tool_result",
                    "tool_use_id": "2",
                    "content": [{"type": "web_search_result", "title": "T(web_search): page"}],
                },
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "1", "content": [TEXT]},
                {"type": "tool_result", "tool_use_id": "9", "content": "T: of no call"},
            ],
        },
        {"role": "assistant", "content": "M: so"},
        {"role": "assistant", "content": [{"type": "compaction", "content": "M: so far"}]},
    ],
}


def in_line(body: Mapping[str, Any], read: Any = chat.model_call) -> ModelCall:
    """Return the call that a body means."""
    call: ModelCall = read("c", body, origin=ORIGIN, extra_fields=frozenset())
    return call


def of_batch() -> ModelCall:
    """Return a batch of one request for a message."""
    body = {"requests": [{"custom_id": "N: 1", "params": MESSAGES}]}
    return in_line(body, batches.model_call)


def in_a_file() -> ModelCall:
    """Return a call that carries another one, as a line of a file."""
    inner = in_line(CHAT)
    whole = ModelCall(
        id="c",
        operation="POST /files",
        verb="POST",
        path="/files",
        origin=ORIGIN,
        model="",
        payload=freeze({"lines": [{"body": CHAT, "custom_id": "N: 1"}]}),
    )
    return together(whole, [placed(inner, "/lines/0/body")])


def realtime(event: Mapping[str, Any]) -> ModelCall:
    """Return the call that a message on a realtime websocket means."""
    return socket_realtime.CONVERSATION.read(
        "c", freeze(event), origin=ORIGIN, extra_fields=frozenset()
    )


def item(**members: Any) -> ModelCall:
    """Return the call that puts an item into a realtime conversation."""
    return realtime({"type": "conversation.item.create", "item": members})


REQUESTS: dict[str, ModelCall] = {
    "chat": in_line(CHAT),
    "responses": in_line(RESPONSES, responses.model_call),
    "a response to a text": in_line({"model": "m", "input": "U: hi"}, responses.model_call),
    "messages": in_line(MESSAGES, messages.model_call),
    "a message with a text as system": in_line(
        {**MESSAGES, "system": "S: be brief"}, messages.model_call
    ),
    "batch of messages": of_batch(),
    "a line of a file": in_a_file(),
    "a response on a websocket": response_socket.model_call(
        "c",
        freeze({"type": "response.create", "event_id": "N: e", **RESPONSES}),
        origin=ORIGIN,
        extra_fields=frozenset(),
    ),
    "a user on a realtime websocket": item(
        type="message",
        role="user",
        content=[
            {"type": "input_text", "text": "U: hi"},
            {"type": "input_audio", "audio": "T: sound", "transcript": "T: heard"},
        ],
    ),
    "a model on a realtime websocket": item(
        type="message",
        role="assistant",
        content=[{"type": "output_audio", "transcript": "M: spoken"}],
    ),
    "a system on a realtime websocket": item(
        type="message", role="system", content=[{"type": "input_text", "text": "S: hi"}]
    ),
    "nobody on a realtime websocket": item(
        type="message", content=[{"type": "input_text", "text": "T: hi"}]
    ),
    "a result on a realtime websocket": item(
        type="function_call_output", call_id="1", output="T: a mail"
    ),
    "a session on a realtime websocket": realtime(
        {"type": "session.update", "session": {"instructions": "S: be brief"}}
    ),
    "sound on a realtime websocket": realtime(
        {"type": "input_audio_buffer.append", "audio": "T: sound"}
    ),
    "a completion": simple.model_call(
        "c",
        {"model": "m", "prompt": ["T: once", "T: upon"], "suffix": "T: a time", "user": "N: a"},
        origin=ORIGIN,
        extra_fields=frozenset(),
        path=simple.COMPLETIONS,
    ),
    "an embedding": simple.model_call(
        "c",
        {"model": "m", "input": "N: text"},
        origin=ORIGIN,
        extra_fields=frozenset(),
        path=simple.EMBEDDINGS,
    ),
}


def texts(value: Frozen) -> Iterator[str]:
    """Yield the texts of a value that say who says them."""
    if isinstance(value, str) and value.partition(":")[0].partition("(")[0] in SPEAKERS:
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from texts(each)
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from texts(key)
            yield from texts(each)


def meant(text: str) -> tuple[Speaker | None, str | None]:
    """Return who says a text, and the tool that it names."""
    who, _, tool = text.partition(":")[0].partition("(")
    return SPEAKERS[who], tool.rstrip(")") or None


@pytest.mark.parametrize("name", REQUESTS)
def test_every_text_of_a_request_is_said_by_whom_the_api_says(name: str) -> None:
    """Each part of a request belongs to one speaker, and what nobody says to none."""
    call = REQUESTS[name]
    heard: dict[str, list[tuple[Speaker | None, str | None]]] = {}
    for speaker, tool, value in said_in(call):
        for text in texts(value):
            heard.setdefault(text, []).append((speaker, tool))
    expected = list(texts(call.payload))
    assert expected
    for text in expected:
        who, tool = meant(text)
        said = heard.get(text, [(None, None)])
        assert {each for each, _ in said} == {who}, text
        if who is Speaker.TOOL:
            assert {each for _, each in said} == {tool}, text
        assert len(said) == max(1, expected.count(text) * (who is not None)), text


def test_content_in_a_field_that_no_table_knows_is_nobodys_word() -> None:
    """What the policy lets through beyond the tables came from outside, unless it is a setting."""
    more = {"top_k": 4, "format": "parsed", "thinking": {"type": "on"}, "docs": ["T: a document"]}
    call = chat.model_call("c", {**CHAT, **more}, origin=ORIGIN, extra_fields=frozenset(more))
    said = [(who, value) for who, _, value in said_in(call)]
    assert (Speaker.TOOL, ("T: a document",)) in said
    assert not [value for _, value in said if value in (4, "parsed", {"type": "on"})]


def test_where_no_role_is_known_everything_came_from_outside() -> None:
    """A request that nothing but the generic reader knows is nobody's word to rely on."""
    operation = Operation(verb="POST", path="/anything", kind=Kind.STATE, body="json")
    call = generic.model_call(
        "c", operation, {"prompt": "a cat"}, origin=ORIGIN, extra_fields=frozenset({"prompt"})
    )
    assert [(speaker, tool) for speaker, tool, _ in said_in(call)] == [(Speaker.TOOL, None)]


def test_what_was_base64_in_the_words_of_a_user_is_not_the_users() -> None:
    """A text that is decoded out of a message came from elsewhere, whoever sent the message."""
    body = {"model": "m", "messages": [{"role": "user", "content": ["U: see", "T: inside"]}]}
    plain = in_line({**body, "messages": [{"role": "user", "content": "U: see"}]})
    decoded = ModelCall(
        id="c",
        operation="chat",
        verb="POST",
        path=chat.PATH,
        origin=ORIGIN,
        model="m",
        payload=freeze(body),
        utterances=plain.utterances,
        encoded=(EncodedText(pointer="/messages/0/content/1", prefix=""),),
    )
    said = [(speaker, value) for speaker, _, value in said_in(decoded)]
    assert said == [(Speaker.USER, "U: see"), (Speaker.TOOL, "T: inside")]
