# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which static types does a user get?

mypy reads this file and nothing runs it: a type that is lost, or an ignored error that is no
error any more, fails the type check.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import assert_type

from openai import AsyncOpenAI, OpenAI

from agentguard import Coverage, Guard
from agentguard.vocabulary import Caller, Grant, Principal


def clients_keep_their_types(guard: Guard, client: OpenAI, asynchronous: AsyncOpenAI) -> None:
    """A guarded or bound client has the type of the client."""
    assert_type(guard.wrap(client), OpenAI)
    assert_type(guard.wrap(client, identity="agent:support"), OpenAI)
    assert_type(guard.wrap(asynchronous), AsyncOpenAI)
    assert_type(guard.bind(client, "agent:support"), OpenAI)
    assert_type(guard.bind(asynchronous, "agent:support", on_behalf_of="user:a"), AsyncOpenAI)
    alice = guard.person("user:alice", claims={"customer": "C-1"})
    assert_type(alice, Principal)
    assert_type(guard.wrap(client, identity=alice), OpenAI)
    assert_type(guard.bind(client, alice, environment="production"), OpenAI)


def lists_stay_lists(guard: Guard, tools: list[Callable[[str], str]]) -> None:
    """A list of tools stays a list of the same tools."""
    assert_type(guard.wrap(tools), list[Callable[[str], str]])


def guards_keep_their_class() -> None:
    """A guard is made from a file, and is a context manager of itself."""
    with Guard.from_file("agentguard.toml") as guard:
        assert_type(guard, Guard)
        assert_type(guard.coverage(), Coverage)
        with guard.identity("agent:support", session="s") as caller:
            assert_type(caller, Caller)
            grant = guard.grant("agent:helper", tools=["search"], within=timedelta(minutes=5))
            assert_type(grant, Grant)
            tables = {"pay": {"amount": {"int": [1, 5]}}, "search": None}
            guard.grant("agent:helper", tools=tables, within=timedelta(1), sums={"amount": 9})


def tools_keep_their_signatures(guard: Guard) -> None:
    """A guarded function takes and gives what the function does."""

    @guard.tool
    def refund(order: str, amount: int = 1) -> str:
        return f"{order} {amount}"

    @guard.tool(name="other", impact="read_only")
    def look_up(order: str) -> bytes:
        return order.encode()

    @guard.tool
    async def fetch(order: str) -> list[str]:
        return [order]

    assert_type(refund("ORD-1", amount=2), str)
    assert_type(look_up("ORD-1"), bytes)
    awaitable: Awaitable[list[str]] = fetch("ORD-1")
    assert_type(awaitable, Awaitable[list[str]])
    refund(1)  # type: ignore[arg-type]  # the order is text
    refund("ORD-1", 2, 3)  # type: ignore[call-arg]  # there is no third argument
    look_up()  # type: ignore[call-arg]  # the order is missing
    refund("ORD-1").decode()  # type: ignore[attr-defined]  # text has no such method


def wrong_uses_are_errors(guard: Guard) -> None:
    """What the guard would refuse while it runs, a type checker finds where it can."""
    guard.wrap()  # type: ignore[call-arg]  # nothing to wrap
    guard.identity("agent:support", "user:alice")  # type: ignore[call-arg]  # the person has a name
    guard.bind(OpenAI())  # type: ignore[call-arg]  # nobody to bind to
