# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What do the tests of the gateway share: a server behind it, a policy, and a host before it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fastmcp import FastMCP
from fastmcp.client import Client

from agentguard import Guard
from agentguard.integrations.mcp.fastmcp_callers import Binding, Named
from agentguard.integrations.mcp.gateway import Gateway
from agentguard.integrations.mcp.gateway_backends import Backend

POLICY = """
version = 1
name = "gateway"

[deployment]
store = "agentguard.db"

[[identity]]
id = "agent:coder"

[[identity]]
id = "agent:other"

[[tool]]
name = "lookup"
impact = "read_only"

[[tool]]
name = "refund"
impact = "irreversible"

[[tool]]
name = "mail"
impact = "irreversible"
receives = ["email"]

[[tool]]
name = "wipe"
impact = "irreversible"

[[rule]]
id = "lookup"
who = "agent:coder"
tool = "lookup"
args.order = { match = "ORD-[0-9]{4}" }
then = "allow"

[[rule]]
id = "refund"
who = "agent:coder"
tool = "refund"
args.order = { match = "ORD-[0-9]{4}" }
args.amount = { int = [1, 500] }
then = "approve"
approval = "leads"

[[rule]]
id = "mail"
who = "agent:coder"
tool = "mail"
args.to = { any = true }
args.text = { any = true }
then = "allow"

[approval.leads]
approvers = [{ id = "user:carol", key = "KEY" }]
need = 1
decide_within = "4h"
execute_within = "10m"
wait = "0s"

[[class]]
name = "email"
action = "tokenise"
in_results = "redact"

[[class]]
name = "instructions"
in_results = "redact"
"""


class Shop:
    """A server of tools, and what they did."""

    def __init__(self) -> None:
        self.done: list[Any] = []
        self.reply = "on its way"
        self.server: FastMCP[Any] = FastMCP("shop", instructions="Ask for orders by number.")
        for tool in (self.lookup, self.refund, self.mail, self.wipe, self.secret):
            self.server.tool(tool)

    def lookup(self, order: str) -> str:
        """Say where an order is."""
        self.done.append(("lookup", order))
        return self.reply

    def refund(self, order: str, amount: int) -> str:
        """Pay back."""
        self.done.append(("refund", order, amount))
        return f"refunded {amount}"

    def mail(self, to: str, text: str) -> str:
        """Send a letter."""
        self.done.append(("mail", to, text))
        return "sent"

    def wipe(self) -> str:
        """Delete everything."""
        self.done.append(("wipe",))
        return "gone"

    def secret(self) -> str:
        """Do what no policy knows."""
        self.done.append(("secret",))
        return "done"


@pytest.fixture
def shop() -> Shop:
    """A shop in which nothing was done yet."""
    return Shop()


@pytest.fixture
def policy_of(tmp_path: Path, approver_key: tuple[bytes, str]) -> Iterator[Callable[[str], Guard]]:
    """Give the function that makes a guard of the policy with more tables."""
    with ExitStack() as guards:

        def made(tables: str = "") -> Guard:
            path = tmp_path / "agentguard.toml"
            path.write_text(POLICY.replace("KEY", approver_key[1]) + tables)
            return guards.enter_context(Guard.from_file(path))

        yield made


class Host:
    """A program that reaches the shop through a gateway."""

    def __init__(self, guard: Guard, shop: Shop) -> None:
        self.guard = guard
        self.shop = shop
        self.binding: Binding = Named(guard, "agent:coder", session="s")

    def ask(self, way: Callable[[Client[Any]], Awaitable[Any]], **options: Any) -> Any:
        """Return what a client of the gateway gets."""

        async def run() -> Any:
            gateway = self.gateway()
            await gateway.start()
            try:
                async with Client(gateway.server, **options) as client:
                    return await way(client)
            finally:
                await gateway.close()

        return asyncio.run(run())

    def gateway(self) -> Gateway:
        """Return a gateway before the shop."""
        backend = Backend(lambda: self.shop.server, self.guard.enforcer)
        return Gateway([backend], self.binding)

    def call(self, tool: str, **arguments: Any) -> Any:
        """Return the whole result of a call."""
        return self.ask(lambda client: client.call_tool_mcp(tool, arguments))

    def names(self) -> list[str]:
        """Return the names of the tools that the host is shown."""
        return [each.name for each in self.ask(lambda client: client.list_tools())]


@pytest.fixture
def host(policy_of: Callable[..., Guard], shop: Shop) -> Host:
    """A host before the gateway of the policy."""
    return Host(policy_of(), shop)


@pytest.fixture
def host_of(policy_of: Callable[[str], Guard], shop: Shop) -> Callable[[str], Host]:
    """Give the function that makes a host before a gateway of the policy with more tables."""
    return lambda tables: Host(policy_of(tables), shop)
