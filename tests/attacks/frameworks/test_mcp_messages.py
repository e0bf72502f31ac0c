# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Nothing leaves with a message of MCP beside the arguments of a call that was decided."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from mcp import Client
from mcp.client._memory import InMemoryTransport
from mcp.client.session import ClientSession
from mcp.shared.exceptions import MCPError
from mcp.types import EmptyResult, Implementation, Request, RequestParams
from opentelemetry import baggage, context

from agentguard import AgentGuardError, Guard, UnguardedPath
from agentguard.integrations.mcp import outbound
from agentguard.testing.mcp_server import ScriptedServer, tool
from agentguard.vocabulary import AuditEntry, EntryType

SECRET = "operation silver falcon"
POLICY = """
version = 1
name = "mcp"

[[identity]]
id = "agent:a"

[[tool]]
name = "read"
impact = "read_only"

[[tool]]
name = "sign"
impact = "read_only"

[[rule]]
id = "reading"
who = "agent:a"
tool = ["read", "sign"]
args.path = { any = true }
then = "allow"
"""
Work = Callable[[Client], Awaitable[Any]]


@pytest.fixture(scope="module")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    """A guard of one tool that takes anything."""
    path = tmp_path_factory.mktemp("messages") / "agentguard.toml"
    path.write_text(POLICY)
    with Guard.from_file(path) as made:
        yield made


@pytest.fixture
def server() -> ScriptedServer:
    """A server with that tool."""
    return ScriptedServer(tool("read", path="string"))


def use(
    guard: Guard, server: ScriptedServer, work: Work, mode: str = "auto", **options: Any
) -> Any:
    """Do some work with a guarded client of the server."""

    async def act() -> Any:
        error: Exception | None = None
        async with guard.wrap(Client(server.server, mode=mode, **options)) as client:
            try:
                with guard.identity("agent:a"):
                    return await work(client)
            except Exception as raised:  # noqa: BLE001 - a task group would dress it in a group
                error = raised
        assert error is not None
        raise error

    return asyncio.run(act())


def raw(client: Client, method: str, params: Any, opts: Any = None) -> Awaitable[Any]:
    """Send a request past the methods of the session."""
    return client.session._dispatcher.send_raw_request(method, params, opts)


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tasks/get", {"taskId": SECRET}),
        ("tasks/list", {}),
        ("x/vendor", {"any": SECRET}),
        ("", {}),
        ("notifications/message", {"data": SECRET}),
        ("tools/call", {"name": "read", "arguments": {}, "task": {"ttl": 1}}),
        ("tools/call", {"name": "read", "arguments": {}, "inputResponses": {"a": SECRET}}),
        ("tools/call", {"name": "read", "arguments": {}, "requestState": SECRET}),
        ("tools/call", {"name": "read", "arguments": {}, "_meta": {"x": SECRET}}),
        ("tools/call", {"name": "read", "arguments": {}, "_meta": SECRET}),
        ("tools/list", {"filter": SECRET}),
        ("tools/list", {"cursor": SECRET}),
        ("resources/read", {"uri": "a", "extra": SECRET}),
        ("ping", {"extra": SECRET}),
        ("ping", {"_meta": {"io.modelcontextprotocol/logLevel": SECRET}}),
        ("ping", {"_meta": {"io.modelcontextprotocol/protocolVersion": SECRET}}),
        ("logging/setLevel", {"level": SECRET}),
        ("initialize", {"protocolVersion": SECRET, "capabilities": {}, "clientInfo": {}}),
        ("initialize", {"protocolVersion": "2025-11-25", "more": SECRET}),
    ],
)
def test_what_is_not_listed_is_not_sent(
    guard: Guard, server: ScriptedServer, method: str, params: Any
) -> None:
    """An unknown method, parameter or ``_meta`` is refused, whoever builds the message."""
    # The story: a host's own code, or a model that drives it, hides text beside the arguments.
    with pytest.raises(UnguardedPath) as caught:
        use(guard, server, lambda client: raw(client, method, params))
    assert SECRET not in str(server.received) + str(caught.value)


def test_a_refused_message_is_written_down(
    guard: Guard, server: ScriptedServer, entries: list[AuditEntry]
) -> None:
    """The audit log has an entry of a message that is not guarded, without its text."""
    with pytest.raises(UnguardedPath):
        use(guard, server, lambda client: raw(client, SECRET, {}))
    (entry,) = [each for each in entries if each.type is EntryType.REFUSED]
    assert entry.target == "undeclared"


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("notifications/progress", {"progressToken": SECRET, "progress": 1}),
        ("notifications/cancelled", {"requestId": 1, "reason": SECRET}),
        ("notifications/message", {"data": SECRET}),
        ("notifications/x", {"any": SECRET}),
        ("notifications/initialized", {"any": SECRET}),
        ("notifications/initialized", {"_meta": {"x": SECRET}}),
        ("tools/call", {"name": "read"}),
    ],
)
def test_a_notification_is_no_channel(
    guard: Guard, server: ScriptedServer, method: str, params: Any
) -> None:
    """A notification that carries words of the client's is refused."""
    with pytest.raises(UnguardedPath):
        use(guard, server, lambda c: c.session._dispatcher.notify(method, params), mode="legacy")
    assert SECRET not in str(server.received)


def test_a_method_of_ones_own_is_refused(guard: Guard, server: ScriptedServer) -> None:
    """A request class with another method takes the same way."""

    class Vendor(Request[RequestParams, str]):
        method: str = "x/vendor"
        params: RequestParams = RequestParams()

    with pytest.raises(UnguardedPath, match="x/vendor"):
        use(guard, server, lambda c: c.session.send_request(Vendor(), EmptyResult))
    assert not server.sent("x/vendor")


def test_listening_is_refused_and_the_session_lives(guard: Guard, server: ScriptedServer) -> None:
    """A stream of changes, whose filter holds addresses, is not opened; the session goes on."""

    async def work(client: Client) -> str:
        with pytest.raises(MCPError, match="not guarded"):
            async with client.listen(resource_subscriptions=[SECRET]):
                raise AssertionError
        answer: Any = await client.call_tool("read", {"path": "a"})
        return str(answer.content[0].text)

    assert use(guard, server, work) == "read ran"
    assert SECRET not in str(server.received)


def test_baggage_is_not_sent(guard: Guard, server: ScriptedServer) -> None:
    """What an instrumentation keeps with the trace stays here."""
    # The story: the SDK sends the context of the trace in ``_meta``, and with it all baggage.

    async def work(client: Client) -> None:
        token = context.attach(baggage.set_baggage("user", SECRET))
        try:
            await client.call_tool("read", {"path": "a"})
        finally:
            context.detach(token)

    for mode in ("auto", "legacy"):
        use(guard, server, work, mode=mode)
    assert server.calls
    assert "falcon" not in str(server.received)


def test_what_a_client_says_of_itself_is_listed(guard: Guard, server: ScriptedServer) -> None:
    """Of the client's own description its name and version are sent, and nothing more."""
    info = Implementation(name="desk", version="1", description=SECRET, website_url=SECRET)
    for mode in ("auto", "legacy"):
        use(guard, server, lambda c: c.list_tools(), mode=mode, client_info=info)
    assert "desk" in str(server.received)
    assert SECRET not in str(server.received)


def test_how_a_message_is_sent_holds_no_words(guard: Guard, server: ScriptedServer) -> None:
    """Ids, headers and tokens that a caller chooses are not passed on."""
    options = {
        "request_id": SECRET,
        "headers": {"mcp-protocol-version": SECRET, "x-more": SECRET},
        "resumption_token": SECRET,
    }
    seen: list[Any] = []

    async def work(client: Client) -> None:
        bare = outbound._BARE[client.session._dispatcher]  # type: ignore[index]  # it is ours
        plain = bare.send_raw_request

        async def watched(method: str, params: Any, opts: Any = None) -> Any:
            seen.append(opts)
            return await plain(method, params, opts)

        bare.send_raw_request = watched  # type: ignore[method-assign]  # a look at the wire
        await raw(client, "tools/call", {"name": "read", "arguments": {"path": "a"}}, options)

    use(guard, server, work)
    assert seen
    assert SECRET not in str(seen)


def test_a_server_sees_no_argument_in_a_header_that_was_not_decided(
    guard: Guard, server: ScriptedServer
) -> None:
    """Headers that repeat arguments are made of the decided ones."""
    # The story: a tool's schema may ask for an argument in a header. The SDK computes it from
    # what the model wrote, before anything is hidden or turned back.
    definition = tool("sign", path="string")
    definition["inputSchema"]["properties"]["path"]["x-mcp-header"] = "Path"
    server.tools = [definition]
    seen: list[Any] = []

    async def work(client: Client) -> None:
        bare = outbound._BARE[client.session._dispatcher]  # type: ignore[index]  # it is ours
        plain = bare.send_raw_request

        async def watched(method: str, params: Any, opts: Any = None) -> Any:
            seen.append((method, dict(opts or {}).get("headers")))
            return await plain(method, params, opts)

        bare.send_raw_request = watched  # type: ignore[method-assign]  # a look at the wire
        await client.list_tools()
        forged = {"Mcp-Param-Path": SECRET, "mcp-protocol-version": "2026-07-28"}
        params = {"name": "sign", "arguments": {"path": "decided"}}
        await raw(client, "tools/call", params, {"headers": forged})

    use(guard, server, work)
    (headers,) = [each for method, each in seen if method == "tools/call"]
    assert headers["Mcp-Param-Path"] == "decided"
    assert headers["mcp-name"] == "sign"


def test_no_attribute_leads_past_the_guard(guard: Guard, server: ScriptedServer) -> None:
    """Whatever hangs on a guarded client and its session, none of it is the bare dispatcher."""

    async def work(client: Client) -> None:
        guarded: Any = client.session._dispatcher
        bare = outbound._BARE[guarded]
        for holder in (client, client.session, guarded):
            for name in dir(holder):
                value = getattr(holder, name, None)
                assert value is not bare
                assert getattr(value, "__self__", None) is not bare

    use(guard, server, work)


def test_a_session_made_by_hand_is_guarded_before_it_is_entered(
    guard: Guard, server: ScriptedServer
) -> None:
    """A session over streams is guarded from its first message on."""

    async def act() -> list[str]:
        async with InMemoryTransport(server.server) as (read, write):
            plain = ClientSession(read, write)
            async with guard.wrap(plain) as session:
                await session.initialize()
                with guard.identity("agent:a"):
                    return [each.name for each in (await session.list_tools()).tools]

    assert asyncio.run(act()) == ["read"]
    assert server.received[0][0] == "initialize"


def test_errors_say_nothing_of_what_was_to_be_sent(guard: Guard, server: ScriptedServer) -> None:
    """No refusal of a call holds its arguments or its name."""
    for name, arguments in ((SECRET, {}), ("read", {"path": {1: SECRET}}), ("read", {SECRET: 1})):
        params = {"name": name, "arguments": arguments}

        async def work(client: Client, params: Any = params) -> None:
            await raw(client, "tools/call", params)

        with pytest.raises(AgentGuardError) as caught:
            use(guard, server, work)
        assert SECRET not in str(caught.value)
