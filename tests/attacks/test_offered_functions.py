# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is a function offered to a model, or forced on it, that the identity may not use?

Each story is told with the real SDKs of OpenAI and Anthropic. A function that no rule lets the
identity use is not offered; one that the request forces refuses it. Anthropic's own tools are
decided like those of OpenAI.
"""

from collections.abc import Callable
from typing import Any

import pytest

from agentguard import DeniedByPolicy

HI: list[dict[str, Any]] = [{"role": "user", "content": "hi"}]
LOOKUP = {"type": "function", "name": "lookup_order", "parameters": {"type": "object"}}
DELETE = {**LOOKUP, "name": "delete_account"}

Way = Callable[[Any], Any]


def respond(**fields: Any) -> Way:
    """Return a way to ask for a response."""
    return lambda client: client.responses.create(**{"model": "m", "input": "hi", **fields})


def chat(**fields: Any) -> Way:
    """Return a way to chat."""
    return lambda client: client.chat.completions.create(**{"model": "m", "messages": HI, **fields})


REMOVE = '[hosted_tools]\ndenied = "remove"'
ALL = 'references = ["container"]'


def test_functions_are_filtered_by_identity(room: Any, twin: Any) -> None:
    """A function that the identity may not use is not offered, in either API and form."""
    guard = room.guard()
    room.ask(guard, twin, respond(tools=[DELETE, LOOKUP]))
    assert room.provider.journal[-1].json["tools"] == [LOOKUP]
    nested = [{"type": "function", "function": {"name": each["name"]}} for each in (LOOKUP, DELETE)]
    room.ask(guard, twin, chat(tools=nested, tool_choice="required"))
    sent = room.provider.journal[-1].json
    assert sent["tools"] == nested[:1]
    room.ask(guard, twin, chat(functions=[{"name": "delete_account"}], function_call="auto"))
    assert not {"functions", "function_call"} & room.provider.journal[-1].json.keys()
    assert not room.provider.saw("delete_account")


FORCING: dict[str, Way] = {
    "a response": respond(
        tools=[DELETE], tool_choice={"type": "function", "name": "delete_account"}
    ),
    "a chat": chat(
        tools=[{"type": "function", "function": {"name": "delete_account"}}],
        tool_choice={"type": "function", "function": {"name": "delete_account"}},
    ),
    "the old form": chat(
        functions=[{"name": "delete_account"}], function_call={"name": "delete_account"}
    ),
    "a function that is offered nowhere": respond(
        tools=[LOOKUP], tool_choice={"type": "function", "name": "delete_account"}
    ),
}


@pytest.mark.parametrize("way", FORCING.values(), ids=FORCING)
def test_a_function_that_may_not_be_used_is_not_forced(way: Way, room: Any, twin: Any) -> None:
    """Forcing it is refused, and the refusal does not repeat its name."""
    error = room.refused(room.guard(), twin, way, "delete_account")
    assert "tool_choice" in str(error)


def message(**fields: Any) -> Way:
    """Return a way to send a message to Anthropic."""
    said = {"model": "m", "max_tokens": 9, "messages": HI, **fields}
    return lambda client: client.messages.create(**said)


ANTHROPIC: dict[str, tuple[str, Way]] = {
    "a search": (
        "web_search_20250305",
        message(tools=[{"type": "web_search_20250305", "name": "web_search"}]),
    ),
    "code": (
        "code_execution_20250825",
        message(tools=[{"type": "code_execution_20250825", "name": "code_execution"}]),
    ),
    "a tool in extra_body": (
        "web_fetch_20250910",
        message(extra_body={"tools": [{"type": "web_fetch_20250910", "name": "web_fetch"}]}),
    ),
    "servers": (
        "mcp_server",
        lambda client: client.beta.messages.create(
            model="m",
            max_tokens=9,
            messages=HI,
            mcp_servers=[{"type": "url", "name": "s", "url": "https://x.example"}],
        ),
    ),
    "skills": (
        "skill",
        lambda client: client.beta.messages.create(
            model="m",
            max_tokens=9,
            messages=HI,
            container={"skills": [{"type": "anthropic", "skill_id": "x"}]},
        ),
    ),
}


@pytest.mark.parametrize(("kind", "way"), ANTHROPIC.values(), ids=ANTHROPIC)
def test_tools_of_anthropic_are_decided_by_the_same_code(
    kind: str, way: Way, room: Any, anthropic_twin: Any
) -> None:
    """A tool at Anthropic is refused until it is declared and a rule allows it."""
    error = room.refused(room.guard(rule=ALL), anthropic_twin, way)
    assert isinstance(error, DeniedByPolicy)
    assert f"hosted = ['{kind}']" in str(error)


def test_functions_of_anthropic_are_filtered(room: Any, anthropic_twin: Any) -> None:
    """A function that the identity may not use is not offered to Anthropic's models either."""
    tools = [
        {"name": name, "input_schema": {"type": "object"}}
        for name in ("delete_account", "lookup_order")
    ]
    room.ask(room.guard(), anthropic_twin, message(tools=tools))
    assert room.provider.journal[-1].json["tools"] == tools[1:]
    forced = {"type": "tool", "name": "delete_account"}
    room.refused(room.guard(), anthropic_twin, message(tools=tools, tool_choice=forced))
    offered = [*tools, {"type": "web_search_20250305", "name": "web_search"}]
    room.ask(room.guard(REMOVE), anthropic_twin, message(tools=offered))
    assert room.provider.journal[-1].json["tools"] == tools[1:]
    forced = {"type": "tool", "name": "web_search"}
    room.refused(room.guard(REMOVE), anthropic_twin, message(tools=offered, tool_choice=forced))
