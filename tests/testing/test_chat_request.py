# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The shape of a chat completion request."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import completion_create_params

from agentguard.testing.chat_request import FIELDS, parse_chat_request
from agentguard.testing.demands import RequestInvalid

USER = {"role": "user", "content": "hi"}
CALL = {"id": "c1", "type": "function", "function": {"name": "t", "arguments": "{}"}}
ASKS = {"role": "assistant", "content": None, "tool_calls": [CALL]}
ANSWERS = {"role": "tool", "tool_call_id": "c1", "content": "ok"}
TOOL = {"type": "function", "function": {"name": "t", "parameters": {}}}


def request(**fields: Any) -> bytes:
    """Return the body of a good request with some fields replaced."""
    return json.dumps({"model": "m", "messages": [USER], **fields}).encode()


@pytest.mark.parametrize(
    "body",
    [
        request(),
        request(messages=[USER, ASKS, ANSWERS]),
        request(messages=[USER, ASKS, ANSWERS, USER]),
        request(messages=[{"role": "developer", "content": [{"type": "text", "text": "x"}]}]),
        request(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]),
        request(messages=[{"role": "assistant", "content": None}]),
        request(tools=[TOOL], tool_choice="auto"),
        request(tools=[{"type": "custom", "custom": {"name": "t"}}]),
        request(tools=None, tool_choice="none"),
        request(metadata={"a": "b"}, user="u", stream=False, n=1),
        request(stream=True, stream_options={"include_usage": True}, n=2),
        request(response_format={"type": "json_object"}),
        request(response_format={"type": "json_schema", "json_schema": {"name": "x"}}),
    ],
)
def test_a_well_formed_request_is_taken(body: bytes) -> None:
    """Requests as the SDK makes them are taken as they are."""
    assert parse_chat_request(body) == json.loads(body)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"[]", None),
        (b'{"model": "m"', None),
        (json.dumps({"messages": [USER]}).encode(), "model"),
        (json.dumps({"model": "m"}).encode(), "messages"),
        (request(model=1), "model"),
        (request(model=""), "model"),
        (request(messages=[]), "messages"),
        (request(messages="hi"), "messages"),
        (request(messages=["hi"]), "messages[0]"),
        (request(messages=[{"role": "root", "content": "x"}]), "messages[0].role"),
        (request(messages=[{"role": "user"}]), "messages[0].content"),
        (request(messages=[{"role": "user", "content": 1}]), "messages[0].content"),
        (request(messages=[{"role": "user", "content": []}]), "messages[0].content"),
        (request(messages=[{"role": "user", "content": [{"type": "x"}]}]),
         "messages[0].content[0].type"),
        (request(messages=[{"role": "user", "content": [{"type": "text"}]}]),
         "messages[0].content[0].text"),
        (request(messages=[USER, ANSWERS]), "messages[1].tool_call_id"),
        (request(messages=[USER, ASKS]), "messages"),
        (request(messages=[USER, ASKS, USER]), "messages[2]"),
        (request(messages=[USER, ASKS, ANSWERS, ANSWERS]), "messages[3].tool_call_id"),
        (request(messages=[USER, ASKS, {**ANSWERS, "tool_call_id": None}]),
         "messages[2].tool_call_id"),
        (request(messages=[USER, {**ASKS, "tool_calls": []}]), "messages[1].tool_calls"),
        (request(messages=[USER, {**ASKS, "tool_calls": [CALL, CALL]}, ANSWERS]),
         "messages[1].tool_calls[1].id"),
        (request(messages=[USER, {**ASKS, "tool_calls": [{**CALL, "type": "x"}]}, ANSWERS]),
         "messages[1].tool_calls[0].type"),
        (request(tools=[]), "tools"),
        (request(tools=[{"type": "function"}]), "tools[0].function"),
        (request(tools=[{"type": "x"}]), "tools[0].type"),
        (request(tools=[{"type": "function", "function": {"name": "a b"}}]),
         "tools[0].function.name"),
        (request(tools=[{"type": "function", "function": {"name": "t", "parameters": 1}}]),
         "tools[0].function.parameters"),
        (request(tool_choice="auto"), "tool_choice"),
        (request(tool_choice={"type": "function", "function": {"name": "t"}}), "tool_choice"),
        (request(stream="yes"), "stream"),
        (request(n=9), "n"),
        (request(stream_options={}), "stream_options"),
        (request(metadata={"a": 1}), "metadata"),
        (request(metadata={str(key): "" for key in range(17)}), "metadata"),
        (request(response_format={"type": "xml"}), "response_format.type"),
        (request(response_format={"type": "json_schema"}), "response_format.json_schema"),
    ],
)  # fmt: skip
def test_a_malformed_request_is_refused_by_its_field(body: bytes, param: str | None) -> None:
    """Each malformed request is refused, and the error names the field that is wrong."""
    with pytest.raises(RequestInvalid) as caught:
        parse_chat_request(body)
    assert caught.value.param == param


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@given(st.sampled_from(sorted(FIELDS)), JSON)
def test_any_value_anywhere_is_taken_or_refused(name: str, value: object) -> None:
    """Whatever stands in a field, the request is taken or refused, and nothing else happens."""
    with contextlib.suppress(RequestInvalid):
        parse_chat_request(request(**{name: value}))


@pytest.mark.parametrize("part", ["role", "content", "tool_calls", "tool_call_id"])
@given(value=JSON)
def test_any_value_in_a_message_is_taken_or_refused(part: str, value: object) -> None:
    """Whatever stands in a message, the request is taken or refused, and nothing else happens."""
    for role in ("assistant", "tool", "user"):
        message = {"role": role, "content": "x", part: value}
        with contextlib.suppress(RequestInvalid):
            parse_chat_request(request(messages=[USER, ASKS, message]))


def test_no_message_holds_a_value() -> None:
    """The error for a wrong value names the field and never the value."""
    canary = "canary-4711"
    for body in (
        request(model=[canary]),
        request(messages=[{"role": canary, "content": canary}]),
        request(messages=[{"role": "user", "content": {"x": canary}}]),
        request(tools=[{"type": "function", "function": {"name": f" {canary}"}}]),
        b'{"model": "' + canary.encode(),
    ):
        with pytest.raises(RequestInvalid) as caught:
            parse_chat_request(body)
        assert canary not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None


def test_extra_fields_are_taken_when_named() -> None:
    """An undocumented field is refused unless it was named."""
    with pytest.raises(RequestInvalid) as caught:
        parse_chat_request(request(top_k=1))
    assert caught.value.code == "unknown_parameter"
    assert parse_chat_request(request(top_k=1), ["top_k"])["top_k"] == 1


def test_every_field_of_the_sdk_is_known() -> None:
    """The documented fields are those of the installed SDK; a newer SDK shows up here."""
    declared = completion_create_params.CompletionCreateParamsNonStreaming.__annotations__
    assert declared.keys() <= FIELDS
