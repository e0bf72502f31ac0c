# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What a request for a response is read as, and which are refused unread."""

import math
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.responses.parsed_response import (
    ParsedResponseFunctionToolCall,
    ParsedResponseOutputText,
)
from openai.types.responses.response_output_item import ResponseOutputItem

from agentguard.canonical import thaw
from agentguard.errors import ContentRefused
from agentguard.integrations.openai.responses import BODIES, COMPACT, COUNT, PATH, model_call
from agentguard.integrations.openai.responses_items import ITEMS
from agentguard.vocabulary import HostedTool, ModelCall, OfferedTool, Reference

CANARY = "jane.doe@customers.example"


def read(body: Any, *, extra_fields: frozenset[str] = frozenset(), path: str = PATH) -> ModelCall:
    """Read a body as the guard does."""
    origin = "https://api.example:443"
    return model_call("c1", body, origin=origin, extra_fields=extra_fields, path=path)


def body(**fields: Any) -> dict[str, Any]:
    """Return a request with some fields set."""
    return {"model": "m", "input": "hi", **fields}


def items(*given_items: Any, **fields: Any) -> dict[str, Any]:
    """Return a request with some items of input."""
    return body(input=list(given_items), **fields)


def part(**fields: Any) -> dict[str, Any]:
    """Return a request with one message of one part."""
    return items({"role": "user", "content": [fields]})


def offered(*given_tools: Any, **fields: Any) -> dict[str, Any]:
    """Return a request with some tools."""
    return body(tools=list(given_tools), **fields)


def test_a_request_is_read_whole() -> None:
    """The call names the model, the tools, where the model wrote and where its answer stands."""
    given_body = items(
        {"role": "developer", "content": "be kind"},
        {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        {"role": "assistant", "content": "hello"},
        {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "1"},
        {"type": "function_call_output", "call_id": "1", "output": "4"},
        {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "so"}]},
        {"type": "mcp_call", "arguments": "{}", "output": "x", "name": "n"},
        instructions="be brief",
        tools=[{"type": "function", "name": "f", "parameters": {}}],
        tool_choice={"type": "function", "name": "f"},
        stream=True,
    )
    call = read(given_body)
    assert (call.operation, call.pair, call.model) == ("chat", "POST /responses", "m")
    assert call.model_authored == ("/input/2", "/input/3", "/input/5", "/input/6/arguments")
    assert call.function_tools == (OfferedTool(name="f", pointer="/tools/0"),)
    assert (call.forced_tool, call.streams, call.keeps) == ("f", True, "store")
    assert thaw(call.payload) == given_body
    assert "/output/*/content/*/text" in call.answers


def test_counting_and_compacting_read_the_same_input() -> None:
    """What only counts or compacts is another operation, keeps nothing, and is read alike."""
    given_body = items({"role": "assistant", "content": "hello"}, {"id": "msg_1"})
    for path in (COUNT, COMPACT):
        call = read(given_body, path=path)
        assert (call.operation, call.path, call.keeps) == (f"POST {path}", path, None)
        assert call.model_authored == ("/input/0",)
        assert call.references == {Reference.STORED_RESPONSE}
    assert read(given_body, path=COUNT).answers == ()


def test_a_stored_prompt_may_choose_the_model() -> None:
    """Without a model the call names none, so that only a rule for any model allows it."""
    assert read({"prompt": {"id": "pmpt_1"}}).model == ""


REFUSED: dict[str, Any] = {
    "no object": [],
    "a model that is no name": body(model=f"m {CANARY}"),
    "an unknown field": body(note=CANARY),
    "streamed by a number": body(stream=1),
    "stored by a text": body(store="true"),
    "in the background by a number": body(background=1),
    "input that is a number": body(input=4),
    "input that is an object": body(input={"role": "user", "content": "hi"}),
    "an item that is text": items("hi"),
    "an item of an unknown type": items({"type": "hologram", "text": CANARY}),
    "an item whose type is a list": items({"type": ["message"]}),
    "a message without a role": items({"type": "message", "content": "hi"}),
    "a message of an unknown role": items({"role": "tool", "content": "hi"}),
    "a message whose content is an object": items({"role": "user", "content": {"text": "hi"}}),
    "an unknown field of a message": items({"role": "user", "content": "hi", "images": []}),
    "an item without a type that says more": items({"id": "msg_1", "text": CANARY}),
    "an unknown part": part(type="hologram"),
    "a part without type": part(text="hi"),
    "an unknown field of a part": part(type="input_text", text="x", file_id="f"),
    "a part that is text": items({"role": "user", "content": ["hi"]}),
    "an image whose address is a list": part(type="input_image", image_url=["https://x"]),
    "an output of a tool of an unknown part": items(
        {"type": "function_call_output", "call_id": "1", "output": [{"type": "mcp"}]}
    ),
    "a prompt that is text": body(prompt="pmpt_1"),
    "an unknown field of a prompt": body(prompt={"id": "p", "tools": []}),
    "a variable of an unknown type": body(prompt={"id": "p", "variables": {CANARY: {"a": 1}}}),
    "tools that are an object": body(tools={}),
    "a tool that is text": offered("f"),
    "a tool without a type": offered({"name": "f"}),
    "a function without a name": offered({"type": "function"}),
    "a function in the form of chats": offered({"type": "function", "function": {"name": "f"}}),
    "an unknown field of a function": offered({"type": "function", "name": "f", "url": "x"}),
    "a namespace with an unknown field": offered({"type": "namespace", "tools": [], "url": "x"}),
    "a namespace that holds no tool": offered({"type": "namespace", "tools": ["f"]}),
    "an unknown choice": body(tool_choice="always"),
    "a choice without a name": body(tool_choice={"type": "function"}),
    "a choice of a tool that is not offered": body(tool_choice={"type": "web_search_preview"}),
    "a choice among tools of one not offered": body(
        tool_choice={"type": "allowed_tools", "tools": [{"type": "mcp", "server_label": "x"}]}
    ),
    "an unknown field of a choice": body(tool_choice={"type": "function", "name": "f", "x": 1}),
    "not a number": body(temperature=math.nan),
    "bytes inside": body(input=b"hi"),
}


@pytest.mark.parametrize("given_body", REFUSED.values(), ids=REFUSED)
def test_what_is_not_known_or_not_readable_is_refused(given_body: Any) -> None:
    """The body is refused, and the refusal holds none of its text."""
    with pytest.raises(ContentRefused) as caught:
        read(given_body)
    assert CANARY not in repr(caught.value) + str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("kind", sorted(ITEMS))
def test_an_unknown_member_of_any_item_is_refused(kind: str) -> None:
    """Every type of item has its members listed; another is refused unless the policy lists it."""
    role = {"role": "user"} if kind == "message" else {}
    given_body = items({"type": kind, **role, "top_k": 4})
    with pytest.raises(ContentRefused, match="does not know"):
        read(given_body)
    assert thaw(read(given_body, extra_fields=frozenset({"top_k"})).payload) == given_body


def names_of(kind: Any) -> list[str]:
    """Return the names under which the SDK sends the members of one of its types."""
    return [field.alias or name for name, field in kind.model_fields.items()]


def test_whatever_the_model_puts_out_may_be_sent_back() -> None:
    """Every member of every output item of the SDK is known among the input items."""
    kinds = get_args(get_args(ResponseOutputItem)[0])
    for kind in kinds:
        name = get_args(kind.model_fields["type"].annotation)[0]
        empty = dict.fromkeys(names_of(kind))
        item = {**empty, "type": name, **({"role": "assistant"} if name == "message" else {})}
        assert thaw(read(items(item)).payload) == items(item)
    assert len(kinds) >= 20


def test_what_the_sdk_parsed_may_be_sent_back() -> None:
    """The members that the SDK's own parsing adds to an output are known."""
    text = {**dict.fromkeys(names_of(ParsedResponseOutputText)), "type": "output_text"}
    call = {**dict.fromkeys(names_of(ParsedResponseFunctionToolCall)), "type": "function_call"}
    read(items({"role": "assistant", "content": [text]}, call))


OFFERED: dict[str, tuple[Any, set[tuple[str, str]]]] = {
    "a function": (offered({"type": "function", "name": "f"}), {("f", "/tools/0")}),
    "a custom tool": (offered({"type": "custom", "name": "f"}), {("f", "/tools/0")}),
    "in a namespace": (
        offered({"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "f"}]}),
        {("f", "/tools/0/tools/0")},
    ),
    "found by a search": (
        items({"type": "tool_search_output", "tools": [{"type": "function", "name": "f"}]}),
        {("f", "/input/0/tools/0")},
    ),
    "additional": (
        items({"type": "additional_tools", "tools": [{"type": "custom", "name": "f"}]}),
        {("f", "/input/0/tools/0")},
    ),
    "among those to choose from": (
        body(tool_choice={"type": "allowed_tools", "tools": [{"type": "function", "name": "f"}]}),
        {("f", "/tool_choice/tools/0")},
    ),
}


@pytest.mark.parametrize(("given_body", "tools"), OFFERED.values(), ids=OFFERED)
def test_a_function_is_offered_wherever_it_stands(
    given_body: Any, tools: set[tuple[str, str]]
) -> None:
    """Function and custom tools are seen in every place that can hold one."""
    call = read(given_body)
    assert {(each.name, each.pointer) for each in call.function_tools} == tools
    assert call.hosted_tools == ()


def test_a_hosted_tool_carries_its_definition_flat() -> None:
    """Members of members are joined by dots, lists stay lists, an empty object stays."""
    definition = {
        "type": "mcp",
        "server_label": "x",
        "require_approval": {"never": {"tool_names": ["a"]}},
        "headers": {},
        "allowed_tools": ["a"],
    }
    assert read(offered(definition)).hosted_tools == (
        HostedTool(
            type="mcp",
            arguments={
                "server_label": "x",
                "require_approval.never.tool_names": ("a",),
                "headers": {},
                "allowed_tools": ("a",),
            },
            pointer="/tools/0",
            removable=True,
        ),
    )


CHOSEN: dict[str, Any] = {
    "by its type": ("web_search_preview", {"type": "web_search_preview"}),
    "by another name": ("computer_use_preview", {"type": "computer_use"}),
    "a server": ("mcp", {"type": "mcp", "server_label": "x", "name": "n"}),
    "among several": ("mcp", {"type": "allowed_tools", "tools": [{"type": "mcp"}]}),
}


@pytest.mark.parametrize(("kind", "choice"), CHOSEN.values(), ids=CHOSEN)
def test_a_hosted_tool_on_offer_may_be_chosen(kind: str, choice: Any) -> None:
    """A choice may name what the request offers, and forces no function."""
    call = read(offered({"type": kind}, tool_choice=choice))
    assert ([each.type for each in call.hosted_tools], call.forced_tool) == ([kind], None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(field=st.sampled_from(sorted(BODIES[PATH])), value=JSON)
def test_any_value_is_read_whole_or_refused(field: str, value: Any) -> None:
    """Whatever stands in a known field, the call holds exactly that, or there is no call."""
    given_body = body(**{field: value})
    try:
        call = read(given_body)
    except ContentRefused:
        return
    assert thaw(call.payload) == given_body


KINDS = st.sampled_from([*sorted(ITEMS), "hologram"])
MEMBERS = st.sampled_from(
    ["id", "content", "output", "tools", "role", "text", "arguments", "action", "environment"]
)


@settings(max_examples=200, deadline=None)
@given(kind=KINDS, fields=st.dictionaries(MEMBERS, JSON, max_size=4))
def test_any_item_is_read_whole_or_refused(kind: str, fields: dict[str, Any]) -> None:
    """Whatever an item holds, the call holds exactly that, or there is no call."""
    given_body = items({**fields, "type": kind})
    try:
        call = read(given_body)
    except ContentRefused:
        return
    assert thaw(call.payload) == given_body
