# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What may those who call an MCP server of ours see and do?"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from mcp import Client
from mcp.server.context import ServerRequestContext
from mcp.server.mcpserver import MCPServer
from mcp.shared.exceptions import MCPError

from agentguard import Guard
from agentguard.integrations.mcp import ServerGuard
from agentguard.signing import new_key
from agentguard.testing.mcp_server import ScriptedServer, tool
from agentguard.vocabulary import AuditEntry, EntryType

POLICY = """
version = 1
name = "server"

[[identity]]
id = "agent:a"

[[identity]]
id = "agent:b"

[[tool]]
name = "lookup"
impact = "read_only"

[[tool]]
name = "fail"
impact = "read_only"

[[tool]]
name = "pay"
impact = "irreversible"

[[tool]]
name = "read_resource"
impact = "read_only"

[[rule]]
id = "lookups"
who = "agent:a"
tool = ["lookup", "fail"]
args.order = { match = "ORD-[0-9]+" }
then = "allow"

[[rule]]
id = "payments"
who = "agent:a"
tool = "pay"
args.order = { any = true }
then = "approve"
approval = "leads"

[[rule]]
id = "resources"
who = "agent:a"
tool = "read_resource"
args.uri = { in = ["docs://open"] }
then = "allow"

[approval.leads]
approvers = [{ id = "user:carol", key = "KEY" }]
need = 1
decide_within = "4h"
execute_within = "10m"
wait = "0s"

[[class]]
name = "project"
action = "redact"
in_results = "redact"
values = ["operation silver falcon"]
"""
Work = Callable[[Client], Awaitable[Any]]


@pytest.fixture(scope="module")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    """A guard of a server's own tools."""
    path = tmp_path_factory.mktemp("server") / "agentguard.toml"
    path.write_text(POLICY.replace("KEY", new_key()[1]))
    with Guard.from_file(path) as made:
        yield made


class Served:
    """A server with tools of its own, and what they did."""

    def __init__(self, guard: Guard) -> None:
        self.ran: list[str] = []
        self.guard = guard
        self.server = MCPServer("own", middleware=[self._acting, ServerGuard(guard)])
        self.who: str | None = "agent:a"

        @self.server.tool()
        def lookup(order: str) -> str:
            """Look an order up."""
            self.ran.append(order)
            return f"{order} belongs to operation silver falcon"

        @self.server.tool()
        def fail(order: str) -> str:
            """Fail."""
            self.ran.append(order)
            raise ValueError("operation silver falcon")

        @self.server.tool()
        def pay(order: str) -> str:
            """Pay."""
            self.ran.append(order)
            return "paid"

        @self.server.tool()
        def secret(order: str) -> str:
            """Stand in no policy."""
            self.ran.append(order)
            return order

        @self.server.resource("docs://open")
        def docs() -> str:
            """Read what is open."""
            return "operation silver falcon"

        @self.server.resource("docs://closed")
        def closed() -> str:
            """Read what is closed."""
            self.ran.append("closed")
            return "closed"

    async def _acting(self, ctx: ServerRequestContext[Any, Any], call_next: Any) -> Any:
        with nullcontext() if self.who is None else self.guard.identity(self.who, session="s"):
            return await call_next(ctx)

    def use(self, work: Work, who: str | None = "agent:a", mode: str = "auto") -> Any:
        """Do some work with a client of the server."""
        self.who = who

        async def act() -> Any:
            error: Exception | None = None
            async with Client(self.server, mode=mode) as client:
                try:
                    return await work(client)
                except MCPError as raised:
                    error = raised
            raise error

        return asyncio.run(act())


@pytest.fixture
def served(guard: Guard) -> Served:
    """A server under the guard."""
    return Served(guard)


@pytest.fixture(params=["auto", "legacy"])
def mode(request: pytest.FixtureRequest) -> str:
    """Both eras of the protocol; a test with it runs for each."""
    return str(request.param)


async def names(client: Client) -> list[str]:
    """List the names of the tools."""
    return sorted(each.name for each in (await client.list_tools()).tools)


def calling(name: str, order: str = "ORD-1") -> Work:
    """Return work that calls a tool."""
    return lambda client: client.call_tool(name, {"order": order})


def said(result: Any) -> str:
    """Return what a tool said."""
    return str(result.content[0].text)


def test_tools_are_listed_for_whoever_may_use_them(served: Served, mode: str) -> None:
    """A caller is shown what a rule names them for, and nobody is shown anything."""
    assert served.use(names, mode=mode) == ["fail", "lookup", "pay"]
    assert served.use(names, "agent:b", mode) == []
    assert served.use(names, None, mode) == []


def test_an_allowed_call_runs_and_its_answer_is_checked(served: Served, mode: str) -> None:
    """A tool gets what was decided, and its caller what may be shown."""
    result = served.use(calling("lookup"), mode=mode)
    assert not result.is_error
    assert said(result).startswith("ORD-1 belongs to ")
    assert "falcon" not in result.model_dump_json()
    assert served.ran == ["ORD-1"]


@pytest.mark.parametrize(
    ("name", "order", "who"),
    [
        ("lookup", "all", "agent:a"),
        ("lookup", "ORD-1", "agent:b"),
        ("secret", "ORD-1", "agent:a"),
        ("unknown", "ORD-1", "agent:a"),
    ],
)
def test_a_refused_call_runs_nothing(
    served: Served, mode: str, name: str, order: str, who: str
) -> None:
    """A caller is told by an answer marked as an error that a call is not permitted."""
    result = served.use(calling(name, order), who, mode)
    assert result.is_error
    assert said(result) == "this call is not permitted"
    assert served.ran == []


def test_a_call_of_nobody_is_an_error_of_the_protocol(served: Served, mode: str) -> None:
    """Without an identity there is no answer at all."""
    with pytest.raises(MCPError):
        served.use(calling("lookup"), None, mode)
    assert served.ran == []


def test_a_call_that_waits_says_for_what(served: Served) -> None:
    """A caller is told the id of the request, and the tool has not run."""
    result = served.use(calling("pay"))
    assert result.is_error
    assert said(result).startswith("this call waits for a person's approval: ")
    assert served.ran == []
    assert said(served.use(calling("pay"))) == said(result)


def test_a_tool_that_fails_says_nothing_unchecked(served: Served) -> None:
    """The text of a tool's error is checked like its answer."""
    result = served.use(calling("fail"))
    assert result.is_error
    assert "falcon" not in said(result)


def test_a_resource_is_read_as_a_tool(served: Served, mode: str) -> None:
    """A resource is read where a rule says so, and its text is checked."""
    result: Any = served.use(lambda c: c.read_resource("docs://open"), mode=mode)
    assert "falcon" not in result.contents[0].text
    with pytest.raises(MCPError):
        served.use(lambda c: c.read_resource("docs://closed"), mode=mode)
    with pytest.raises(MCPError):
        served.use(lambda c: c.read_resource("docs://open"), "agent:b", mode)
    assert served.ran == []


@pytest.mark.parametrize("method", ["list_resources", "list_prompts", "list_resource_templates"])
def test_what_the_policy_declares_no_tool_for_is_refused(served: Served, method: str) -> None:
    """A list that no tool of the policy stands for is not answered."""
    with pytest.raises(MCPError):
        served.use(lambda client: getattr(client, method)())


def test_an_unknown_message_reaches_no_handler(guard: Guard, entries: list[AuditEntry]) -> None:
    """A method that is not known is refused, and a notification of that kind is dropped."""
    script = ScriptedServer(tool("lookup", order="string"))
    script.server.middleware.insert(1, ServerGuard(guard))

    async def act() -> None:
        async with Client(script.server, mode="legacy") as client:
            dispatcher = client.session._dispatcher
            with pytest.raises(MCPError):
                await dispatcher.send_raw_request("x/vendor", {"a": 1})
            await dispatcher.notify("notifications/x", {"a": 1})
            await client.session.send_ping()

    asyncio.run(act())
    assert {method for method, _ in script.received} == {
        "initialize",
        "notifications/initialized",
        "ping",
    }
    assert not [each for each in entries if each.type is EntryType.INTENT]


def test_a_handler_that_fails_tells_its_code_alone(guard: Guard) -> None:
    """The text of an exception of a handler is not told to the caller."""
    script = ScriptedServer(tool("lookup", order="string"))
    script.server.middleware.insert(1, ServerGuard(guard))
    told: list[str] = []

    async def act(error: Exception) -> None:
        script.answers["tools/call"] = error
        with guard.identity("agent:a"):
            async with Client(script.server, mode="legacy") as client:
                with pytest.raises(MCPError) as caught:
                    await client.call_tool("lookup", {"order": "ORD-1"})
        told.append(caught.value.error.model_dump_json())

    for error in (MCPError(code=-1, message="falcon", data="falcon"), ValueError("falcon")):
        asyncio.run(act(error))
    assert "falcon" not in str(told)


def test_a_tool_that_asks_its_caller_is_refused(guard: Guard) -> None:
    """An answer that asks for more is not passed on."""
    script = ScriptedServer(tool("lookup", order="string"))
    script.server.middleware.insert(1, ServerGuard(guard))
    script.answers["tools/call"] = {"resultType": "input_required", "requestState": "s"}

    async def act() -> None:
        with guard.identity("agent:a"):
            async with Client(script.server) as client:
                with pytest.raises(MCPError):
                    await client.call_tool("lookup", {"order": "ORD-1"})

    asyncio.run(act())
