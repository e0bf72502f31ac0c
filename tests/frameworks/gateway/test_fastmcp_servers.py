# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What may callers of a guarded fastmcp server see and do?"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fastmcp import FastMCP
from fastmcp.client import Client
from fastmcp.exceptions import ToolError
from mcp.shared.exceptions import MCPError

from agentguard import ConfigError, Guard
from agentguard.integrations.mcp.fastmcp_answers import REQUEST_ID

MORE = """
[[tool]]
name = "read_resource"
impact = "read_only"

[[tool]]
name = "list_resources"
impact = "read_only"

[[tool]]
name = "get_prompt"
impact = "read_only"

[[rule]]
id = "resources"
who = "agent:coder"
tool = "list_resources"
then = "allow"

[[rule]]
id = "reading"
who = "agent:coder"
tool = "read_resource"
args.uri = { in = ["shop://terms"] }
then = "allow"

[[rule]]
id = "prompts"
who = "agent:coder"
tool = "get_prompt"
args.name = { in = ["greet"] }
args.arguments = { any = true, optional = true }
then = "allow"
"""


@pytest.fixture
def guard(policy_of: Callable[[str], Guard]) -> Guard:
    """A guard whose policy knows resources and prompts, too."""
    return policy_of(MORE)


@pytest.fixture
def ask(guard: Guard, shop: Any) -> Callable[..., Any]:
    """Give the function that asks the guarded shop something as an agent."""
    guard.wrap(shop.server)

    def asked(way: Callable[[Client[Any]], Awaitable[Any]], *, actor: str = "agent:coder") -> Any:
        async def run() -> Any:
            with guard.identity(actor, session="s"):
                async with Client(shop.server) as client:
                    return await way(client)

        return asyncio.run(run())

    return asked


def test_callers_see_the_tools_that_they_may_use(ask: Callable[..., Any]) -> None:
    """What nobody may call, and what the policy does not know, is not listed."""
    listed = ask(lambda client: client.list_tools())
    assert [each.name for each in listed] == ["lookup", "refund", "mail"]
    assert ask(lambda client: client.list_tools(), actor="agent:other") == []


@pytest.mark.parametrize("call", [("lookup", {"order": "all"}), ("wipe", {}), ("secret", {})])
def test_what_no_rule_allows_does_not_run(
    ask: Callable[..., Any], shop: Any, call: tuple[str, dict[str, Any]]
) -> None:
    """A refused call reaches no function, and its caller is told the safe message."""
    result = ask(lambda client: client.call_tool_mcp(*call))
    assert result.is_error
    assert result.content[0].text == "this call is not permitted"
    assert shop.done == []


def test_a_result_is_checked(ask: Callable[..., Any], shop: Any) -> None:
    """An address in a result stands as a placeholder, in the text and in the structure."""
    shop.reply = "ask jane.doe@customers.example"
    result = ask(lambda client: client.call_tool_mcp("lookup", {"order": "ORD-0001"}))
    assert shop.done == [("lookup", "ORD-0001")]
    assert "jane" not in result.model_dump_json()
    assert "[[EMAIL:" in result.content[0].text


def test_what_a_failing_tool_says_is_checked(ask: Callable[..., Any], shop: Any) -> None:
    """The text of an error is content like any other."""

    def fail(order: str) -> str:
        """Say where an order is."""
        raise ToolError(f"{order} is with jane.doe@customers.example")

    shop.server.local_provider.remove_tool("lookup")
    shop.server.tool(fail, name="lookup")
    result = ask(lambda client: client.call_tool_mcp("lookup", {"order": "ORD-0001"}))
    assert result.is_error
    assert "ORD-0001 is with [[EMAIL:" in result.content[0].text


def test_a_call_that_needs_a_person_waits(ask: Callable[..., Any], shop: Any) -> None:
    """The caller is told the id of the request, and the function does not run."""
    result = ask(lambda client: client.call_tool_mcp("refund", {"order": "ORD-1111", "amount": 9}))
    assert result.meta[REQUEST_ID] in result.content[0].text
    assert shop.done == []


def test_resources_and_prompts_are_calls(ask: Callable[..., Any], shop: Any) -> None:
    """What the rules of their tools allow is read, checked; anything else is refused."""
    shop.server.resource("shop://terms")(lambda: "write to jane.doe@customers.example")
    shop.server.resource("shop://other")(lambda: "other")
    shop.server.prompt(lambda: "write to jane.doe@customers.example", name="greet")
    read = ask(lambda client: client.read_resource("shop://terms"))
    assert "[[EMAIL:" in read[0].text
    got = ask(lambda client: client.get_prompt("greet"))
    assert "[[EMAIL:" in got.messages[0].content.text
    assert len(ask(lambda client: client.list_resources())) == 2
    for refused in (
        lambda client: client.read_resource("shop://other"),
        lambda client: client.list_prompts(),
    ):
        with pytest.raises(MCPError, match="this call is not permitted"):
            ask(refused)


def test_a_function_that_is_guarded_itself_is_decided_once(
    ask: Callable[..., Any], guard: Guard, shop: Any, entries: list[Any]
) -> None:
    """The inner layer decides, one intent is written, and its refusal is told safely."""
    shop.server.local_provider.remove_tool("lookup")

    def lookup(order: str) -> str:
        """Say where an order is."""
        return f"{order} left"

    shop.server.tool(guard.tool(lookup))
    before = len(entries)
    assert "left" in ask(lambda c: c.call_tool_mcp("lookup", {"order": "ORD-0001"})).content[0].text
    assert len([each for each in entries[before:] if each.type.value == "call.intent"]) <= 1
    refused = ask(lambda client: client.call_tool_mcp("lookup", {"order": "all"}))
    assert refused.content[0].text == "this call is not permitted"
    assert [each.name for each in ask(lambda client: client.list_tools())][-1] == "lookup"


def test_wrapping_twice_changes_nothing(guard: Guard, policy_of: Any, shop: Any) -> None:
    """A guard wraps a server once, and another guard is refused."""
    assert guard.wrap(shop.server) is shop.server
    before = list(shop.server.middleware)
    assert guard.wrap(shop.server) is shop.server
    assert shop.server.middleware == before
    with pytest.raises(ConfigError, match="another guard"):
        policy_of("").wrap(shop.server)


def test_a_client_of_fastmcp_is_refused_with_words(guard: Guard) -> None:
    """The session is what can be guarded, and the refusal says so."""
    with pytest.raises(TypeError, match=r"guard\.wrap\(client\.session\)"):
        guard.wrap(Client(FastMCP("empty")))
