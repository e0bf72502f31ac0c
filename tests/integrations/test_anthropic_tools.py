# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which tools does a request to Anthropic offer, and which would run at the provider?"""

from typing import Any

import pytest

from agentguard.errors import ContentRefused
from agentguard.integrations.anthropic.messages import model_call
from agentguard.pipeline.tools import removed
from agentguard.vocabulary import ModelCall

SEARCH = {"type": "web_search_20260318", "name": "web_search", "allowed_domains": ["a.example"]}
LOOK = {"name": "look", "input_schema": {"type": "object"}}


def read(content: list[Any] | str = "Hi", role: str = "user", **members: Any) -> ModelCall:
    """Return the call that a request with these members means."""
    messages = [{"role": "user", "content": "Hi"}, {"role": role, "content": content}]
    body = {"model": "claude-opus-5", "messages": messages, **members}
    return model_call("c-1", body, origin="https://a:443", extra_fields=frozenset())


def hosted(call: ModelCall) -> list[tuple[str, dict[str, Any], str]]:
    """Return type, definition and place of the tools at the provider."""
    assert all(tool.removable for tool in call.hosted_tools)
    return [(tool.type, dict(tool.arguments), tool.pointer) for tool in call.hosted_tools]


def test_functions_and_hosted_tools_are_told_apart() -> None:
    """A tool without a type, or of type custom, is offered by name; another goes to the policy."""
    call = read(tools=[LOOK, SEARCH, {**LOOK, "name": "see", "type": "custom"}])
    assert [(tool.name, tool.pointer) for tool in call.function_tools] == [
        ("look", "/tools/0"),
        ("see", "/tools/2"),
    ]
    assert hosted(call) == [
        ("web_search_20260318", {"allowed_domains": ("a.example",)}, "/tools/1")
    ]


def test_members_of_members_are_joined_by_dots() -> None:
    """A policy can constrain every member of a definition, however deep it stands."""
    tool = {
        **SEARCH,
        "user_location": {"type": "approximate", "city": "Ulm"},
        "cache_control": {"type": "ephemeral"},
        "name": "finder",
    }
    assert hosted(read(tools=[tool]))[0][1] == {
        "allowed_domains": ("a.example",),
        "user_location.type": "approximate",
        "user_location.city": "Ulm",
        "name": "finder",
    }


def test_mcp_servers_are_decided_as_tools_at_the_provider() -> None:
    """An MCP server goes to the policy with its address and its token, its toolset too."""
    server = {
        "type": "url",
        "name": "docs",
        "url": "https://mcp.example",
        "authorization_token": "t",
    }
    toolset = {
        "type": "mcp_toolset",
        "mcp_server_name": "docs",
        "configs": {"rm": {"enabled": True}},
    }
    assert hosted(read(mcp_servers=[server], tools=[toolset])) == [
        (
            "mcp_server",
            {"name": "docs", "url": "https://mcp.example", "authorization_token": "t"},
            "/mcp_servers/0",
        ),
        ("mcp_toolset", {"mcp_server_name": "docs", "configs.rm.enabled": True}, "/tools/0"),
    ]


def test_skills_are_decided_as_tools_at_the_provider() -> None:
    """A skill goes to the policy: its programs would run in a container at the provider."""
    skill = {"type": "anthropic", "skill_id": "pptx", "version": "latest"}
    assert hosted(read(container={"skills": [skill]})) == [
        (
            "skill",
            {"skill_id": "pptx", "version": "latest", "type": "anthropic"},
            "/container/skills/0",
        )
    ]


@pytest.mark.parametrize("role", ["user", "assistant", "system"])
def test_a_tool_that_comes_in_the_middle_of_a_conversation_is_seen(role: str) -> None:
    """A tool that a block defines is offered or decided like one in the list of tools."""
    blocks = [
        {"type": "text", "text": "More tools:"},
        {"type": "tool_addition", "tool": {"type": "tool_definition", "definition": LOOK}},
        {"type": "tool_addition", "tool": {"type": "tool_definition", "definition": SEARCH}},
        {"type": "tool_removal", "tool": {"type": "tool_reference", "name": "look"}},
    ]
    call = read(blocks, role)
    assert [tool.pointer for tool in call.function_tools] == ["/messages/1/content/1"]
    assert [pointer for _, _, pointer in hosted(call)] == ["/messages/1/content/2"]
    left: Any = removed(call, frozenset({"/messages/1/content/1"}))
    assert [block["type"] for block in left.payload["messages"][1]["content"]] == [
        "text",
        "tool_addition",
        "tool_removal",
    ]
    assert [tool.pointer for tool in left.hosted_tools] == ["/messages/1/content/1"]


def test_a_tool_that_a_compaction_carries_is_seen() -> None:
    """A tool that stands in the changes of a compacted range is decided too."""
    change = {"type": "tool_addition", "tool": {"type": "tool_definition", "definition": SEARCH}}
    block = {"type": "compaction", "content": "So far.", "tool_changes": [change]}
    place = "/messages/1/content/0/tool_changes/0"
    assert [pointer for _, _, pointer in hosted(read([block], "assistant"))] == [place]


@pytest.mark.parametrize(
    ("tools", "name", "forced"),
    [
        ([LOOK], "look", "look"),
        ([], "look", "look"),
        ([SEARCH], "web_search", None),
        ([SEARCH, {**LOOK, "name": "web_search"}], "web_search", "web_search"),
    ],
)
def test_a_choice_names_a_function_or_a_tool_that_was_decided(
    tools: list[Any], name: str, forced: str | None
) -> None:
    """A choice is held against the functions, unless it names a tool at the provider."""
    assert read(tools=tools, tool_choice={"type": "tool", "name": name}).forced_tool == forced


@pytest.mark.parametrize("kind", ["auto", "any", "none"])
def test_a_choice_without_a_name_forces_no_tool(kind: str) -> None:
    """Whether tools are used at all is left to the caller."""
    assert read(tools=[LOOK], tool_choice={"type": kind}).forced_tool is None


@pytest.mark.parametrize(
    "members",
    [
        {"tools": {"name": "look"}},
        {"tools": ["look"]},
        {"tools": [{"input_schema": {}}]},
        {"tools": [{"name": ["look"], "input_schema": {}}]},
        {"tools": [{"type": ["custom"], "name": "look"}]},
        {"tools": [{**LOOK, "server_url": "https://a.example"}]},
        {"tools": [{**SEARCH, "user_location.city": "Ulm"}]},
        {"tools": [{**SEARCH, "cache_control": {"type": "ephemeral", "note": "x"}}]},
        {"tool_choice": "look"},
        {"tool_choice": {"type": "tool", "name": ["look"]}},
        {"tool_choice": {"type": "first"}},
        {"mcp_servers": [{"type": "stdio", "name": "docs"}]},
        {"mcp_servers": {"name": "docs"}},
        {"container": {"skills": ["pptx"]}},
        {"container": {"image": "debian"}},
    ],
)
def test_what_is_no_tool_is_refused(members: dict[str, Any]) -> None:
    """A tool, choice, server or skill of another form than the documented one is refused."""
    with pytest.raises(ContentRefused):
        read(**members)
