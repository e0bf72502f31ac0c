# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What a chat request is read as, and which are refused unread."""

import math
from typing import Any, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import completion_create_params

from agentguard.canonical import thaw
from agentguard.clients.shapes import named_model
from agentguard.errors import ContentRefused
from agentguard.integrations.openai.chat import (
    KNOWN_FIELDS,
    REFUSED_FIELDS,
    model_call,
)
from agentguard.vocabulary import HostedTool, ModelCall, OfferedTool, Reference

CANARY = "jane.doe@customers.example"


def read(body: Any, *, extra_fields: frozenset[str] = frozenset()) -> ModelCall:
    """Read a body as the guard does."""
    return model_call("c1", body, origin="https://api.example:443", extra_fields=extra_fields)


def body(**fields: Any) -> dict[str, Any]:
    """Return a chat with some fields set."""
    return {"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}


def message(**fields: Any) -> dict[str, Any]:
    """Return a chat with one message that has some fields set."""
    return body(messages=[{"role": "user", "content": "hi", **fields}])


def part(**fields: Any) -> dict[str, Any]:
    """Return a chat with one message of one part."""
    return message(content=[fields])


def tool(**fields: Any) -> dict[str, Any]:
    """Return a chat with one function tool that has some fields set."""
    return body(tools=[{"type": "function", "function": {"name": "f"}, **fields}])


def called(**fields: Any) -> dict[str, Any]:
    """Return a chat in which the model has called a tool."""
    function = {"name": "f", "arguments": "{}"}
    call = {"id": "1", "type": "function", "function": function, **fields}
    return message(role="assistant", tool_calls=[call])


def test_a_chat_is_read_whole() -> None:
    """The call names the model, the tools, where the model wrote and where its answer stands."""
    given_body = body(
        messages=[
            {"role": "system", "content": "be kind"},
            {"role": "user", "content": [{"type": "text", "text": "hi"}]},
            {"role": "assistant", "content": None, "refusal": "no"},
            {"role": "tool", "content": "4", "tool_call_id": "1"},
            {"role": "developer", "content": "x", "name": "n"},
        ],
        tools=[{"type": "function", "function": {"name": "f"}}],
        tool_choice={"type": "function", "function": {"name": "f"}},
    )
    call = read(given_body)
    assert (call.operation, call.verb, call.path) == ("chat", "POST", "/chat/completions")
    assert (call.model, call.origin) == ("m", "https://api.example:443")
    assert call.model_authored == ("/messages/2",)
    assert call.function_tools == (OfferedTool(name="f", pointer="/tools/0"),)
    assert call.forced_tool == "f"
    assert thaw(call.payload) == given_body
    assert "/choices/*/message/content" in call.answers


def test_the_payload_is_a_copy() -> None:
    """What the caller changes after the reading is not in the call."""
    given_body = body()
    call = read(given_body)
    given_body["messages"][0]["content"] = CANARY
    assert thaw(call.payload) == body()


REFUSED: dict[str, Any] = {
    "no object": [],
    "text": "hi",
    "bytes": b"{}",
    "no messages": {"model": "m"},
    "empty messages": body(messages=[]),
    "messages that are text": body(messages="hi"),
    "a message that is text": body(messages=["hi"]),
    "unknown role": message(role="tester"),
    "no role": body(messages=[{"content": "hi"}]),
    "no model": {"messages": [{"role": "user", "content": "hi"}]},
    "a model that is no name": body(model=f"m {CANARY}"),
    "unknown field": body(note=CANARY),
    "audio": body(audio={"voice": "alloy"}),
    "audio modality": body(modalities=["text", "audio"]),
    "streamed by a number": body(stream=1),
    "stored by a number": body(store=1),
    "an old function that is text": body(functions=["f"]),
    "an old function without a name": body(functions=[{"description": "d"}]),
    "an unknown field of an old function": body(functions=[{"name": "f", "url": "x"}]),
    "an old choice without a name": body(function_call={}),
    "an image that is text": part(type="image_url", image_url="https://x.example/a.png"),
    "an image whose address is no text": part(type="image_url", image_url={"url": 4}),
    "an unknown field of an image": part(type="image_url", image_url={"uri": "x"}),
    "a file by its address": part(type="file", file={"file_url": "https://x.example/a.pdf"}),
    "a call of an unknown type": called(type="mcp"),
    "a custom call and a function": called(type="custom", custom={"name": "f"}),
    "a custom tool without a name": body(tools=[{"type": "custom", "custom": {}}]),
    "a tool without a type": body(tools=[{"function": {"name": "f"}}]),
    "a tool with two names": tool(custom={"name": "g"}),
    "a choice among tools that are text": body(
        tool_choice={"type": "allowed_tools", "allowed_tools": {"tools": ["f"]}}
    ),
    "a choice of a tool that is not offered": body(
        tool_choice={"type": "allowed_tools", "allowed_tools": {"tools": [{"type": "mcp"}]}}
    ),
    "web search that is text": body(web_search_options="yes"),
    "a dot in a member of a hosted tool": body(tools=[{"type": "web_search", "a.b": 1}]),
    "an unknown part": part(type="hologram"),
    "a part without type": part(text="hi"),
    "a part that is text": message(content=["hi"]),
    "a text part that refers elsewhere": part(type="text", text="x", file_id="f-1"),
    "content that is a number": message(content=4),
    "content that is an object": message(content={"text": "hi"}),
    "an unknown field of a message": message(images=["AAAA"]),
    "earlier audio": message(role="assistant", audio={"id": "a-1"}),
    "an unknown field of a call": called(approval="yes"),
    "calls that are an object": message(role="assistant", tool_calls={}),
    "a call that is text": message(role="assistant", tool_calls=["f"]),
    "tools that are an object": body(tools={}),
    "a tool that is text": body(tools=["f"]),
    "a tool without a function": body(tools=[{"type": "function"}]),
    "a tool without a name": body(tools=[{"type": "function", "function": {}}]),
    "an unknown field of a tool": tool(allowed_callers=["programmatic"]),
    "an unknown field of a function": tool(function={"name": "f", "server_url": "x"}),
    "a choice that is a hosted tool": body(tool_choice={"type": "web_search"}),
    "a choice without a name": body(tool_choice={"type": "function"}),
    "an unknown choice": body(tool_choice="always"),
    "a predicted image": body(
        prediction={"type": "content", "content": [{"type": "image_url", "image_url": {}}]}
    ),
    "an unknown prediction": body(prediction={"type": "file", "file_id": "f-1"}),
    "not a number": body(temperature=math.nan),
    "a number too large": body(seed=2**53),
    "a lone surrogate": message(content="\ud800"),
    "an unknown object": body(user=object()),
    "an iterator": message(content=iter(["hi"])),
    "bytes inside": message(content=b"hi"),
    "a key that is no text": body(metadata={1: "x"}),
}


@pytest.mark.parametrize("given_body", REFUSED.values(), ids=REFUSED)
def test_what_is_not_guarded_or_not_readable_is_refused(given_body: Any) -> None:
    """The body is refused, and the refusal holds none of its text."""
    with pytest.raises(ContentRefused) as caught:
        read(given_body)
    assert CANARY not in repr(caught.value) + str(caught.value)
    assert caught.value.__cause__ is None


LISTED: dict[str, Any] = {
    "of the body": body(top_k=4),
    "of a message": message(top_k=4),
    "of a part": part(type="text", text="x", top_k=4),
    "of a tool": tool(top_k=4),
    "of a function": tool(function={"name": "f", "top_k": 4}),
    "of a call": called(top_k=4),
}


@pytest.mark.parametrize("given_body", LISTED.values(), ids=LISTED)
def test_a_listed_extra_field_passes(given_body: Any) -> None:
    """A field that the policy lists for the provider passes at every depth."""
    with pytest.raises(ContentRefused):
        read(given_body)
    assert thaw(read(given_body, extra_fields=frozenset({"top_k"})).payload) == given_body


SEARCHING = ["gpt-4o-search-preview", "gpt-4o-mini-search-preview-2025-03-11", "gpt-5-search-api"]


@pytest.mark.parametrize("model", SEARCHING)
def test_a_model_that_searches_is_a_tool_at_the_provider(model: str) -> None:
    """Such a model goes to the policy as a hosted tool that cannot be taken out."""
    assert read(body(model=model)).hosted_tools == (
        HostedTool(type="search_model", arguments={}, pointer="/model", removable=False),
    )


def test_what_runs_at_the_provider_goes_to_the_policy_whole() -> None:
    """A hosted tool carries its definition flattened; the web search options are one, too."""
    location = {"type": "approximate", "approximate": {"city": "Rome"}}
    call = read(
        body(
            tools=[{"type": "web_search", "filters": {"allowed_domains": ["a.example"]}}],
            web_search_options={"search_context_size": "low", "user_location": location},
        )
    )
    tool, options = sorted(call.hosted_tools, key=lambda each: each.type)
    assert (tool.type, tool.pointer, tool.removable) == ("web_search", "/tools/0", True)
    assert tool.arguments == {"filters.allowed_domains": ("a.example",)}
    assert (options.type, options.pointer) == ("web_search_options", "/web_search_options")
    assert not options.removable
    assert options.arguments == {
        "search_context_size": "low",
        "user_location.type": "approximate",
        "user_location.approximate.city": "Rome",
    }


def test_every_form_of_a_function_is_offered_by_its_name() -> None:
    """Functions, custom tools, the old form and a choice among tools name tools of the caller."""
    named = [{"type": "function", "function": {"name": "f"}}]
    call = read(
        body(
            tools=[*named, {"type": "custom", "custom": {"name": "c", "format": {"type": "text"}}}],
            functions=[{"name": "o", "parameters": {}}],
            tool_choice={
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": named},
            },
        )
    )
    assert {(each.name, each.pointer) for each in call.function_tools} == {
        ("f", "/tools/0"),
        ("c", "/tools/1"),
        ("o", "/functions/0"),
        ("f", "/tool_choice/allowed_tools/tools/0"),
    }
    assert call.hosted_tools == ()


FORCED: dict[str, Any] = {
    "a function": {"tool_choice": {"type": "function", "function": {"name": "f"}}},
    "a custom tool": {"tool_choice": {"type": "custom", "custom": {"name": "f"}}},
    "an old function": {"function_call": {"name": "f"}},
}


@pytest.mark.parametrize("choice", FORCED.values(), ids=FORCED)
def test_a_choice_that_forces_a_tool_is_noted(choice: Any) -> None:
    """Whichever form forces a tool, the call says which."""
    assert read(body(**choice)).forced_tool == "f"


REACHING: dict[str, tuple[Any, set[Reference]]] = {
    "kept": (body(store=True), {Reference.STORE}),
    "not kept": (body(store=False), set()),
    "fetched": (part(type="image_url", image_url={"url": "https://x.example"}), {Reference.URL}),
    "fetched otherwise": (part(type="image_url", image_url={"url": "gs://x/y"}), {Reference.URL}),
    "carried": (part(type="image_url", image_url={"url": "data:image/png;base64,AA=="}), set()),
    "a recording": (part(type="input_audio", input_audio={"data": "AA==", "format": "wav"}), set()),
    "a file kept": (part(type="file", file={"file_id": "file-1"}), {Reference.FILE}),
    "a file carried": (part(type="file", file={"file_data": "AA==", "filename": "a"}), set()),
}


@pytest.mark.parametrize(("given_body", "references"), REACHING.values(), ids=REACHING)
def test_what_reaches_beyond_the_request_is_noted(
    given_body: Any, references: set[Reference]
) -> None:
    """Whatever the provider would keep, fetch or take from elsewhere is a reference."""
    call = read(given_body)
    assert call.references == references
    assert thaw(call.payload) == given_body
    assert call.keeps is None


@pytest.mark.parametrize("stream", [True, False, None])
def test_a_stream_is_noted(stream: bool | None) -> None:  # noqa: FBT001 - a value of the field
    """The call says whether events are asked for."""
    assert read(body(stream=stream)).streams is (stream is True)


def test_a_call_of_a_custom_tool_and_an_old_call_may_be_sent_back() -> None:
    """What the model called earlier is part of the history, in every form."""
    calls = [{"id": "1", "type": "custom", "custom": {"name": "c", "input": "x"}}]
    said = [
        {"role": "assistant", "tool_calls": calls},
        {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "4"},
    ]
    assert read(body(messages=said)).model_authored == ("/messages/0", "/messages/1")


@pytest.mark.parametrize("field", sorted(REFUSED_FIELDS))
def test_listing_does_not_open_a_refused_field(field: str) -> None:
    """What the guard refuses by name stays refused when the policy lists it."""
    with pytest.raises(ContentRefused):
        read(body(**{field: {}}), extra_fields=frozenset({field}))


def test_a_message_of_the_sdk_may_be_sent_back() -> None:
    """Everything that the SDK's own message dumps to is known."""
    from openai.types.chat import ChatCompletionMessage

    said = ChatCompletionMessage.model_validate(
        {
            "role": "assistant",
            "content": "hi",
            "refusal": None,
            "annotations": [],
            "audio": None,
            "function_call": None,
            "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            ],
        }
    )
    assert set(said.model_dump()) == set(ChatCompletionMessage.model_fields)
    assert read(body(messages=[said.model_dump()])).model_authored == ("/messages/0",)


def test_every_field_of_the_sdk_is_known_or_refused_by_name() -> None:
    """A field that a new SDK adds is seen here before a user meets the refusal."""
    fields = set(get_type_hints(completion_create_params.CompletionCreateParamsNonStreaming))
    assert fields - KNOWN_FIELDS - set(REFUSED_FIELDS) == set()
    assert not KNOWN_FIELDS & set(REFUSED_FIELDS)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(field=st.sampled_from(sorted(KNOWN_FIELDS)), value=JSON)
def test_any_value_is_read_whole_or_refused(field: str, value: Any) -> None:
    """Whatever stands in a known field, the call holds exactly that, or there is no call."""
    given_body = body(**{field: value})
    try:
        call = read(given_body)
    except ContentRefused:
        return
    assert thaw(call.payload) == given_body


@pytest.mark.parametrize(
    ("given_body", "name"),
    [
        ({"model": "gpt-4o-mini"}, "gpt-4o-mini"),
        ({"model": f"to {CANARY}"}, ""),
        ({"model": "x" * 200}, ""),
        ({"model": 4}, ""),
        ({}, ""),
        (None, ""),
        (b"{}", ""),
    ],
)
def test_a_name_for_the_span_reads_like_a_name(given_body: Any, name: str) -> None:
    """Only what reads like a model's name is shown before the request was inspected."""
    assert named_model(given_body) == name
