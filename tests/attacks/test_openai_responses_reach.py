# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A request makes the provider act, fetch, use or keep something in a place that is overlooked.

Filters of tools that look at ``tools`` alone are passed by all of these. Each story is a request
whose reach must be in what the policy decides on, or which must not be read at all.
"""

from typing import Any

import pytest

from agentguard.errors import ContentRefused
from agentguard.integrations.openai import chat, responses
from agentguard.vocabulary import ModelCall, Reference


def read(**fields: Any) -> ModelCall:
    """Read a request for a response."""
    body = {"model": "m", "input": "hi", **fields}
    return responses.model_call("c1", body, origin="https://x:443", extra_fields=frozenset())


def item(**fields: Any) -> dict[str, Any]:
    """Return a request whose input is one item."""
    return {"input": [fields]}


def tool(**fields: Any) -> dict[str, Any]:
    """Return a request that offers one tool."""
    return {"tools": [fields]}


def said(**fields: Any) -> dict[str, Any]:
    """Return a request with one part of what the user said."""
    return item(role="user", content=[fields])


SEARCH = {"type": "web_search"}
HOSTED: dict[str, tuple[dict[str, Any], str, str, bool]] = {
    "a tool": (tool(**SEARCH), "web_search", "/tools/0", True),
    "a tool of an unknown type": (tool(type="teleport"), "teleport", "/tools/0", True),
    "a tool that a search found": (
        item(type="tool_search_output", tools=[SEARCH]), "web_search", "/input/0/tools/0", True,
    ),
    "an additional tool": (
        item(type="additional_tools", role="developer", tools=[SEARCH]),
        "web_search", "/input/0/tools/0", True,
    ),
    "a tool in a namespace": (
        tool(type="namespace", name="n", tools=[SEARCH]), "web_search", "/tools/0/tools/0", True,
    ),
    "a tool in a namespace in a namespace": (
        tool(type="namespace", name="n", tools=[{"type": "namespace", "tools": [SEARCH]}]),
        "web_search", "/tools/0/tools/0/tools/0", True,
    ),
    "a yes to a server": (
        item(type="mcp_approval_response", approval_request_id="1", approve=True),
        "mcp_approval_response", "/input/0", False,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "kind", "pointer", "removable"), HOSTED.values(), ids=HOSTED)
def test_a_tool_at_the_provider_hides_somewhere(
    fields: dict[str, Any],
    kind: str,
    pointer: str,
    removable: bool,  # noqa: FBT001 - expected
) -> None:
    """Wherever a tool at the provider stands, the policy is asked about exactly that place."""
    (found,) = read(**fields).hosted_tools
    assert (found.type, found.pointer, found.removable) == (kind, pointer, removable)


def test_a_yes_to_a_server_says_what_it_allows() -> None:
    """The approval is decided with its own members, so that a rule can demand a no."""
    (found,) = read(
        **item(type="mcp_approval_response", approval_request_id="1", approve=True)
    ).hosted_tools
    assert found.arguments == {"approval_request_id": "1", "approve": True}


DATA = "data:image/png;base64,AAAA"
REACHING: dict[str, tuple[dict[str, Any], set[Reference]]] = {
    "an earlier response": ({"previous_response_id": "r"}, {Reference.STORED_RESPONSE}),
    "an earlier item": (item(type="item_reference", id="m"), {Reference.STORED_RESPONSE}),
    "an earlier item that says no type": (item(id="m"), {Reference.STORED_RESPONSE}),
    "an earlier item whose type is null": (item(id="m", type=None), {Reference.STORED_RESPONSE}),
    "a cached response": (
        {"prompt_cache_options": {"comparison_response_id": "r"}}, {Reference.STORED_RESPONSE},
    ),
    "a conversation": ({"conversation": "c"}, {Reference.CONVERSATION}),
    "a conversation as an object": ({"conversation": {"id": "c"}}, {Reference.CONVERSATION}),
    "a stored prompt": ({"prompt": {"id": "p"}}, {Reference.PROMPT}),
    "a stored prompt without an id": ({"prompt": {"variables": {}}}, {Reference.PROMPT}),
    "a file in a prompt": (
        {"prompt": {"id": "p", "variables": {"v": {"type": "input_file", "file_id": "f"}}}},
        {Reference.PROMPT, Reference.FILE},
    ),
    "kept": ({"store": True}, {Reference.STORE}),
    "not kept": ({"store": False}, set()),
    "in the background": ({"background": True}, {Reference.BACKGROUND}),
    "an image by its address": (said(type="input_image", image_url="http://x"), {Reference.URL}),
    "an image by another scheme": (said(type="input_image", image_url="s3://x"), {Reference.URL}),
    "an image carried along": (said(type="input_image", image_url=DATA), set()),
    "an image carried in capitals": (said(type="input_image", image_url=DATA.upper()), set()),
    "an image kept": (said(type="input_image", file_id="f"), {Reference.FILE}),
    "a file by its address": (said(type="input_file", file_url="https://x"), {Reference.URL}),
    "a file kept": (said(type="input_file", file_id="f"), {Reference.FILE}),
    "a file carried along": (said(type="input_file", file_data=DATA), set()),
    "a file in what a tool returned": (
        item(type="function_call_output", output=[{"type": "input_file", "file_id": "f"}]),
        {Reference.FILE},
    ),
    "an image in what a custom tool returned": (
        item(type="custom_tool_call_output", output=[{"type": "input_image", "image_url": "a:b"}]),
        {Reference.URL},
    ),
    "a screenshot by its address": (
        item(type="computer_call_output", output={"type": "computer_screenshot", "image_url": "h"}),
        {Reference.URL},
    ),
    "an image that a program made": (
        item(type="code_interpreter_call", outputs=[{"type": "image", "url": "https://x"}]),
        {Reference.URL},
    ),
    "a container of an earlier program": (
        item(type="code_interpreter_call", container_id="c"), {Reference.CONTAINER},
    ),
    "a container of an earlier shell": (
        item(
            type="shell_call",
            environment={"type": "container_reference", "container_id": "c"},
        ),
        {Reference.CONTAINER},
    ),
    "a container for programs": (
        tool(type="code_interpreter", container="c"), {Reference.CONTAINER},
    ),
    "files for programs": (
        tool(type="code_interpreter", container={"type": "auto", "file_ids": ["f"]}),
        {Reference.FILE},
    ),
    "no files for programs": (
        tool(type="code_interpreter", container={"type": "auto", "file_ids": []}), set(),
    ),
    "a container for a shell": (
        tool(type="shell", environment={"type": "container_reference", "container_id": "c"}),
        {Reference.CONTAINER},
    ),
    "a skill for a shell": (
        tool(type="shell", environment={"skills": [{"type": "skill_reference", "skill_id": "s"}]}),
        {Reference.ASSISTANT},
    ),
    "files to search": (
        tool(type="file_search", vector_store_ids=["v"]), {Reference.VECTOR_STORE},
    ),
    "a mask by its address": (
        tool(type="image_generation", input_image_mask={"image_url": "https://x"}),
        {Reference.URL},
    ),
    "a mask kept": (
        tool(type="image_generation", input_image_mask={"file_id": "f"}), {Reference.FILE},
    ),
    "a file deep in a list of an unknown tool": (
        tool(type="teleport", stops=[{"cargo": [{"file_id": "f"}]}]), {Reference.FILE},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "references"), REACHING.values(), ids=REACHING)
def test_a_reference_hides_somewhere(fields: dict[str, Any], references: set[Reference]) -> None:
    """Whatever the provider would use, fetch or keep is in what the policy decides on."""
    assert read(**fields).references == references


def test_a_member_with_a_dot_passes_for_another() -> None:
    """A name with a dot could show the policy an allowed domain beside the one that counts."""
    definition = {
        "type": "web_search",
        "filters.allowed_domains": ["docs.example.com"],
        "filters": {"allowed_domains": ["evil.example"]},
    }
    for tools in ([definition], [{"type": "mcp", "a": {"b.c": 1, "b": {"c": 2}}}]):
        with pytest.raises(ContentRefused, match="dot"):
            read(tools=tools)


def test_a_program_at_the_provider_calls_a_function() -> None:
    """A function may be left to programs only where the policy decides the tool that runs them."""
    function = {"type": "function", "name": "f", "allowed_callers": ["direct", "programmatic"]}
    with pytest.raises(ContentRefused, match="does not offer"):
        read(tools=[function])
    call = read(tools=[function, {"type": "programmatic_tool_calling"}])
    assert [tool.type for tool in call.hosted_tools] == ["programmatic_tool_calling"]


def test_a_choice_brings_in_a_tool_that_a_stored_prompt_holds() -> None:
    """A choice may not name a tool that is not decided on, not even beside a stored prompt."""
    with pytest.raises(ContentRefused, match="does not offer"):
        read(prompt={"id": "p"}, tool_choice={"type": "code_interpreter"})


def test_a_chat_searches_with_what_it_is_told() -> None:
    """Options, models and tools that search are seen in a chat, too."""
    messages = [{"role": "user", "content": "hi"}]
    for fields in (
        {"model": "m", "web_search_options": {}},
        {"model": "gpt-4o-search-preview"},
        {"model": "m", "tools": [SEARCH]},
    ):
        body = {"messages": messages, **fields}
        call = chat.model_call("c1", body, origin="https://x:443", extra_fields=frozenset())
        assert len(call.hosted_tools) == 1
