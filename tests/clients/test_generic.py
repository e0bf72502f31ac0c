# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a request of an operation hold that has no reader of its own?"""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from agentguard.clients.generic import flattened, model_call
from agentguard.clients.multipart import read_form
from agentguard.errors import ContentRefused
from agentguard.operations import Operation, table_of
from agentguard.vocabulary import Kind, ModelCall, Reference

ORIGIN = "https://provider.example:443"


def operation(pair: str) -> Operation:
    """Return an operation of the table."""
    found = table_of("openai").of_pair(pair)
    assert found is not None
    return found


EVERYTHING = Operation(verb="POST", path="/anything", kind=Kind.STATE, body="json")


def call(body: Any, pair: str | None = None, **more: Any) -> ModelCall:
    """Return the call of a request; without a pair, every member of the body is documented."""
    what = EVERYTHING if pair is None else operation(pair)
    extra = frozenset(body) if pair is None and isinstance(body, Mapping) else frozenset()
    return model_call("c", what, body, origin=ORIGIN, extra_fields=extra, **more)


def form_call(files: Any, fields: Any, pair: str) -> ModelCall:
    """Return the call of a request with files."""
    form = read_form(files, fields, lambda verb, path, body: call(body))
    return model_call("c", operation(pair), None, origin=ORIGIN, form=form)


def test_a_call_says_what_the_table_says() -> None:
    """Operation, kind, verb and path come from the table, the model from the body."""
    made = call({"model": "tts-1", "input": "hello", "voice": "alloy"}, "POST /audio/speech")
    assert (made.kind, made.pair, made.model) == (Kind.INFERENCE, "POST /audio/speech", "tts-1")
    assert made.payload == {"model": "tts-1", "input": "hello", "voice": "alloy"}
    assert made.operation == "POST /audio/speech"


def test_a_request_without_a_body_has_no_payload() -> None:
    """A read carries nothing but its address."""
    made = call(None, "GET /files", address=("canary",))
    assert made.payload is None
    assert made.address == ("canary",)
    assert "canary" not in repr(made)


def test_an_undocumented_member_is_refused_by_rule_not_by_name() -> None:
    """The refusal names the operation and the policy line, never the caller's word."""
    with pytest.raises(ContentRefused) as refused:
        call({"canary": 1}, "POST /audio/speech")
    assert "POST /audio/speech" in str(refused.value)
    assert "extra_fields" in str(refused.value)
    assert "canary" not in str(refused.value)


FUNCTION = {"type": "function", "function": {"name": "look", "parameters": {"tools": [{}]}}}
HOSTED = {"type": "web_search", "filters": {"allowed_domains": ["a.example"]}}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"tools": [FUNCTION]}, "/tools/0"),
        (
            {"session": {"tools": [HOSTED, {"type": "function", "name": "look"}]}},
            "/session/tools/1",
        ),
        ({"data_source": {"sampling_params": {"tools": [FUNCTION]}}}, None),
        ({"tools": [{"name": "look", "input_schema": {}}]}, "/tools/0"),
        ({"functions": [{"name": "look", "parameters": {}}]}, "/functions/0"),
        ({"tools": [{"type": "namespace", "name": "n", "tools": [FUNCTION]}]}, "/tools/0/tools/0"),
        ({"a/b": {"tools": [FUNCTION]}}, "/a~1b/tools/0"),
    ],
)
def test_function_tools_are_offered_wherever_they_stand(body: Any, pointer: str | None) -> None:
    """Functions are found at any depth, with where they stand."""
    offered = call(body).function_tools
    assert [each.name for each in offered] == ["look"]
    assert pointer is None or offered[0].pointer == pointer


@pytest.mark.parametrize(
    ("body", "kind", "removable"),
    [
        ({"tools": [HOSTED]}, "web_search", True),
        ({"agent": {"tools": [HOSTED]}}, "web_search", True),
        ({"input": [{"type": "tool_search_output", "tools": [HOSTED]}]}, "web_search", True),
        ({"runs": [{"params": {"tools": [HOSTED]}}]}, "web_search", True),
        ({"web_search_options": {"user_location": {}}}, "web_search_options", False),
        ({"tool_resources": {"file_search": {}}}, "tool_resources", False),
        ({"mcp_servers": [{"type": "url", "url": "https://m.example"}]}, "mcp_server", True),
        (
            {"input": [{"type": "mcp_approval_response", "approve": True}]},
            "mcp_approval_response",
            False,
        ),
    ],
)
def test_hosted_tools_are_found_wherever_they_stand(
    body: Any, kind: str, *, removable: bool
) -> None:
    """What would run or act at the provider goes to the policy with its definition."""
    hosted = call(body).hosted_tools
    assert [(each.type, each.removable) for each in hosted] == [(kind, removable)]
    assert "type" not in hosted[0].arguments


@pytest.mark.parametrize("tools", ["web_search", {"web_search": {}}, ["web_search"], [{"type": 1}]])
def test_a_list_of_tools_in_another_form_is_refused(tools: Any) -> None:
    """An item of a list of tools that is no tool could be one for the provider."""
    with pytest.raises(ContentRefused):
        call({"tools": tools})


@pytest.mark.parametrize(
    ("body", "reference"),
    [
        ({"previous_response_id": "r"}, Reference.STORED_RESPONSE),
        ({"input": [{"type": "item_reference", "id": "x"}]}, Reference.STORED_RESPONSE),
        ({"data_source": {"source": {"type": "stored_completions"}}}, Reference.STORED_RESPONSE),
        ({"conversation": "c"}, Reference.CONVERSATION),
        ({"conversation": {"id": "c"}}, Reference.CONVERSATION),
        ({"thread_id": "t"}, Reference.CONVERSATION),
        ({"prompt": {"id": "p"}}, Reference.PROMPT),
        ({"training_file": "f"}, Reference.FILE),
        ({"input_file_id": "f"}, Reference.FILE),
        ({"messages": [{"attachments": [{"file_id": "f"}]}]}, Reference.FILE),
        ({"file_ids": ["f"]}, Reference.FILE),
        ({"source": {"type": "file_id", "id": "f"}}, Reference.FILE),
        ({"vector_store_ids": ["v"]}, Reference.VECTOR_STORE),
        ({"tool_resources": {"file_search": {"vector_store_ids": ["v"]}}}, Reference.VECTOR_STORE),
        ({"tools": [{"type": "code_interpreter", "container": "x"}]}, Reference.CONTAINER),
        ({"assistant_id": "a"}, Reference.ASSISTANT),
        ({"agent_id": "a"}, Reference.ASSISTANT),
        ({"environment_id": "a"}, Reference.ASSISTANT),
        ({"input": [{"image_url": "https://x.example/a.png"}]}, Reference.URL),
        ({"content": [{"image_url": {"url": "HTTP://x.example"}}]}, Reference.URL),
        ({"image": "gs://bucket/x"}, Reference.URL),
        ({"url": "https://hooks.example"}, Reference.URL),
        ({"store": True}, Reference.STORE),
        ({"background": True}, Reference.BACKGROUND),
    ],
)
def test_references_are_found_by_their_members(body: Any, reference: Reference) -> None:
    """What makes the provider use or keep more than the content is noted."""
    assert call(body).references == {reference}


@pytest.mark.parametrize(
    "body",
    [
        {"metadata": {"file_id": "mine", "url": "https://x.example", "tools": "hammer"}},
        {"image_url": "data:image/png;base64,//uQxAAA"},
        {"audio": "//uQxAAAAAA="},
        {"prompt": "a text"},
        {"background": "transparent"},
        {"store": False},
        {"previous_response_id": None},
        {"item": {"file_id": "data", "model": "T"}},
        {
            "messages": [
                {"content": [{"annotations": [{"type": "url_citation", "url": "https://x"}]}]}
            ]
        },
    ],
)
def test_data_of_the_caller_refers_to_nothing(body: Any) -> None:
    """Metadata, schemas, citations and plain values are no references."""
    made = call(body)
    assert made.references == frozenset()
    assert made.hosted_tools == ()


def test_the_address_of_a_hosted_tool_is_among_its_arguments() -> None:
    """A rule constrains where a tool is reached; it is no further reference."""
    made = call(
        {"tools": [{"type": "mcp", "server_url": "https://m.example", "headers": {"a": "b"}}]}
    )
    assert made.references == frozenset()
    assert made.hosted_tools[0].arguments == {
        "server_url": "https://m.example",
        "headers.a": "b",
    }


def test_a_definition_is_flattened_without_ambiguity() -> None:
    """Members of members are joined by dots, and no name can pretend to be such a path."""
    definition: dict[str, Any] = {"type": "x", "a": {"b": {"c": 1}, "d": ()}, "e": {}, "f": None}
    assert flattened(definition) == {"a.b.c": 1, "a.d": (), "e": {}}
    forgeries: list[dict[str, Any]] = [{"filters.allowed_domains": ()}, {"filters": {"a.b": 1}}]
    for forged in forgeries:
        with pytest.raises(ContentRefused):
            flattened(forged)


def test_what_the_model_wrote_is_known() -> None:
    """Turns of the assistant and its calls of tools are the model's, other turns are not."""
    made = call(
        {
            "messages": [{"role": "user"}, {"role": "assistant"}],
            "items": [{"type": "function_call"}, {"type": "message", "role": "user"}],
            "other": [{"role": "assistant"}],
        }
    )
    assert made.model_authored == ("/messages/1", "/items/0")


@pytest.mark.parametrize(
    ("body", "model"),
    [
        ({"session": {"model": "gpt-realtime"}}, "gpt-realtime"),
        ({"model": {"id": "claude-x", "speed": "fast"}}, "claude-x"),
        ({"model": "a", "nested": {"model": "a"}}, "a"),
        ({"item": {"model": "b"}, "messages": [{"model": "c"}]}, ""),
    ],
)
def test_the_model_may_stand_deeper(body: Any, model: str) -> None:
    """The one model of a request is found outside of what is talked about."""
    assert call(body).model == model


@pytest.mark.parametrize(
    "body",
    [
        {"model": "a", "grader": {"model": "b"}},
        {"model": 5},
        {"model": {"speed": "fast"}},
        {"model": "no name"},
        {
            "tool_choice": {"type": "function", "name": "a"},
            "x": {"tool_choice": {"type": "function", "name": "b"}},
        },
        {"tools": [{"type": "function", "name": "a", "function": {"name": "b"}}]},
    ],
)
def test_two_meanings_are_refused(body: Any) -> None:
    """More than one model, forced tool or name, or a model that is no name, is refused."""
    with pytest.raises(ContentRefused):
        call(body)


def test_a_forced_function_is_known() -> None:
    """The function that a request makes the model use is named."""
    body = {"tool_choice": {"type": "function", "function": {"name": "look"}}}
    assert call(body).forced_tool == "look"
    assert call({"tool_choice": "auto"}).forced_tool is None


def test_a_batch_is_not_uploaded_in_parts() -> None:
    """Lines that arrive in pieces cannot be read, so the upload is refused at its start."""
    body = {"purpose": "batch", "filename": "a.jsonl", "bytes": 5, "mime_type": "text/jsonl"}
    with pytest.raises(ContentRefused, match=r"files\.create"):
        call(body, "POST /uploads")
    assert call({**body, "purpose": "user_data"}, "POST /uploads").references == frozenset()


def test_a_file_has_a_documented_field() -> None:
    """A file in a field that the operation does not know is refused."""
    files = [("image[]", ("a.png", b"\x89PNG\r\n\x1a\n\x00"))]
    made = form_call(files, {"model": "gpt-image-1", "prompt": "x"}, "POST /images/edits")
    assert [each.data_class for each in made.attachments] == ["image"]
    assert made.model == "gpt-image-1"
    with pytest.raises(ContentRefused):
        form_call([("other", b"x")], {"model": "m", "prompt": "x"}, "POST /images/edits")


def test_a_call_over_the_web_shows_the_tools_of_its_session() -> None:
    """The JSON part that a session is sent in is read, and no other form of it is taken."""
    session = {"type": "realtime", "model": "gpt-realtime", "tools": [HOSTED]}
    part = (None, json.dumps(session).encode(), "application/json")
    files = [("sdp", (None, b"v=0", "application/sdp")), ("session", part)]
    made = form_call(files, None, "POST /realtime/calls")
    assert [each.type for each in made.hosted_tools] == ["web_search"]
    assert made.hosted_tools[0].pointer == "/files/1/content/tools/0"
    assert made.model == "gpt-realtime"
    for forged in (("s.json", part[1], "application/json"), (None, part[1], "text/plain")):
        with pytest.raises(ContentRefused):
            form_call([("session", forged)], None, "POST /realtime/calls")
    with pytest.raises(ContentRefused):
        form_call(None, {"session": json.dumps(session)}, "POST /realtime/calls")


def test_a_field_of_a_form_hides_no_tools() -> None:
    """Tools and references that a field holds as JSON in a text are refused."""
    with pytest.raises(ContentRefused):
        form_call(None, {"prompt": json.dumps({"tools": [HOSTED]})}, "POST /images/edits")
    assert form_call(None, {"prompt": '{"a": 1}'}, "POST /images/edits").hosted_tools == ()


def test_a_batch_file_shows_what_its_lines_do() -> None:
    """Tools, references and the model of a batch file's lines are those of the upload."""
    line = {
        "custom_id": "1",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "gpt-5", "tools": [HOSTED], "store": True},
    }
    content = json.dumps(line).encode()
    made = form_call({"file": ("a.jsonl", content)}, {"purpose": "batch"}, "POST /files")
    assert made.model == "gpt-5"
    assert made.references == {Reference.STORE}
    assert [each.pointer for each in made.hosted_tools] == ["/files/0/content/0/body/tools/0"]


def test_examples_refer_but_offer_nothing() -> None:
    """A file for fine-tuning may make the provider fetch; the tools in it are examples."""
    example = {"messages": [{"content": [{"image_url": {"url": "https://x.example"}}]}]}
    content = json.dumps({**example, "tools": [FUNCTION], "model": "x"}).encode()
    made = form_call({"file": content}, {"purpose": "fine-tune"}, "POST /files")
    assert made.references == {Reference.URL}
    assert made.function_tools == ()
    assert made.model == ""


@pytest.mark.parametrize("sdk", ["openai", "anthropic"])
def test_every_operation_can_be_read(sdk: str) -> None:
    """Each operation of the tables makes a call, with an empty body and without one."""
    for one in table_of(sdk):
        assert model_call("c", one, None, origin=ORIGIN).pair == one.pair
        assert model_call("c", one, {}, origin=ORIGIN).pair == one.pair
