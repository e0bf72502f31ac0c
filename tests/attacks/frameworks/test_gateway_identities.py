# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does anybody get through the gateway as somebody else, or as nobody?"""

import asyncio
import re
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from fastmcp import FastMCP
from fastmcp.client import Client
from fastmcp.client.transports import StreamableHttpTransport
from mcp.shared.exceptions import MCPError

from agentguard import Guard
from agentguard.integrations.asgi import IdentityMiddleware
from agentguard.integrations.mcp.fastmcp_callers import (
    Ambient,
    Binding,
    FromToken,
    GuardTokens,
    Named,
)
from agentguard.integrations.mcp.gateway import Gateway
from agentguard.integrations.mcp.gateway_backends import Backend
from agentguard.integrations.mcp.gateway_serving import app_of
from agentguard.testing.issuer import LoopbackIssuer

POLICY = """
version = 1
name = "gateway"

[[identity]]
id = "agent:a"

[[tool]]
name = "read"
impact = "read_only"

[[tool]]
name = "write"
impact = "reversible"
receives = ["email"]

[[rule]]
id = "using"
who = "agent:a"
for = ["user:alice", "user:bob"]
tool = ["read", "write"]
args.text = {{ any = true }}
then = "allow"

[[class]]
name = "email"
action = "tokenise"
in_results = "redact"

[issuer.corp]
issuer = "https://login.test"
audience = ["https://mcp.test/mcp", "agents"]
keys_url = "{url}"
"""
MARK = r"\[\[EMAIL:[A-Z2-7]{8}\]\]"


@pytest.fixture
def guard(tmp_path: Path, issuer: LoopbackIssuer) -> Iterator[Guard]:
    """A guard under which agent:a may act for two people, and which believes an issuer."""
    path = tmp_path / "agentguard.toml"
    path.write_text(POLICY.format(url=issuer.keys_url))
    with Guard.from_file(path) as made:
        yield made


@pytest.fixture
def done() -> list[str]:
    """What the tools were told."""
    return []


@pytest.fixture
def server(done: list[str]) -> FastMCP[Any]:
    """A server of a mailbox."""
    made: FastMCP[Any] = FastMCP("mailbox")

    def read(text: str) -> str:
        """Read a letter."""
        return f"{text} from jane.doe@customers.example"

    def write(text: str) -> str:
        """Write a letter."""
        done.append(text)
        return "written"

    made.tool(read)
    made.tool(write)
    return made


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """A real server on this machine."""
    listening = socket.create_server(("127.0.0.1", 0))
    running = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none", lifespan="on"))
    thread = threading.Thread(target=running.run, args=([listening],), daemon=True)
    thread.start()
    while not running.started and thread.is_alive():
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
    finally:
        running.should_exit = True
        thread.join()
        listening.close()


@pytest.fixture
def place(guard: Guard, server: FastMCP[Any]) -> Iterator[str]:
    """Where a gateway is that lets tokens say for whom it acts."""
    gateway = Gateway(
        [Backend(lambda: server, guard.enforcer)],
        FromToken(guard, actor="agent:a"),
        auth=GuardTokens(guard),
    )
    with serving(app_of(gateway, "127.0.0.1")) as running:
        yield running


def ask(place: str, token: str | None, way: Callable[[Client[Any]], Awaitable[Any]]) -> Any:
    """Return what a host with a token gets over HTTP."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    async def run() -> Any:
        async with Client(StreamableHttpTransport(place, headers=headers)) as client:
            return await way(client)

    return asyncio.run(run())


def test_hosts_with_different_tokens_stay_apart(
    place: str, issuer: LoopbackIssuer, done: list[str]
) -> None:
    """A placeholder that one person's host was given is worth nothing to another's."""
    alice, bob = issuer.token({"sub": "alice"}), issuer.token({"sub": "bob"})

    async def read(client: Client[Any]) -> str:
        said = await client.call_tool_mcp("read", {"text": "letter"})
        return str(re.findall(MARK, said.content[0].text)[0])  # type: ignore[union-attr]  # a text

    mark = ask(place, alice, read)

    def write(client: Client[Any]) -> Any:
        return client.call_tool_mcp("write", {"text": mark})

    assert ask(place, bob, write).is_error
    assert done == []
    assert not ask(place, alice, write).is_error
    assert done == ["jane.doe@customers.example"]


def test_a_token_of_somebody_without_rights_gives_none(
    place: str, issuer: LoopbackIssuer, done: list[str]
) -> None:
    """Whom no rule names sees no tool and runs none."""
    token = issuer.token({"sub": "mallory"})
    assert ask(place, token, lambda client: client.list_tools()) == []
    assert ask(place, token, lambda client: client.call_tool_mcp("write", {"text": "x"})).is_error
    assert done == []


def test_hosts_at_once_stay_apart(place: str, issuer: LoopbackIssuer, done: list[str]) -> None:
    """While many hosts call, each call is decided for the person of its own token."""

    async def one(name: str) -> list[bool]:
        headers = {"Authorization": f"Bearer {issuer.token({'sub': name})}"}
        async with Client(StreamableHttpTransport(place, headers=headers)) as client:
            answers = [await client.call_tool_mcp("write", {"text": name}) for _ in range(3)]
        return [each.is_error for each in answers]

    async def everybody() -> list[list[bool]]:
        return await asyncio.gather(*map(one, ("alice", "mallory", "bob", "eve")))

    refused = asyncio.run(everybody())
    assert refused == [[False] * 3, [True] * 3, [False] * 3, [True] * 3]
    assert set(done) == {"alice", "bob"}


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer nothing"}, {"Authorization": "Basic YTpi"}],
    ids=["none", "no token", "another scheme"],
)
def test_without_a_token_no_message_is_read(place: str, headers: dict[str, str]) -> None:
    """A request that shows no token that counts gets a status, and no answer."""
    with httpx2.Client(headers=headers) as http:
        answer = http.post(place, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"Origin": "https://evil.example"}],
    ids=["host", "origin"],
)
def test_a_page_of_another_site_is_turned_away(
    guard: Guard, server: FastMCP[Any], headers: dict[str, str]
) -> None:
    """A browser that was led to this machine by a name of somebody else gets nothing."""
    gateway = Gateway([Backend(lambda: server, guard.enforcer)], Named(guard, "agent:a"))
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    with serving(app_of(gateway, "127.0.0.1")) as place, httpx2.Client() as http:
        accept = {"Accept": "application/json, text/event-stream"}
        answer = http.post(place, json=message, headers={**accept, **headers})
    assert answer.status_code in (403, 421)
    assert "tools" not in answer.text


@pytest.mark.parametrize("mode", ["legacy", "auto"])
@pytest.mark.parametrize("kind", ["ambient", "malformed", "token"])
def test_a_message_of_nobody_is_answered_by_nothing(
    guard: Guard, server: FastMCP[Any], done: list[str], mode: Any, kind: str
) -> None:
    """Without an identity a host is greeted, and every other request is refused."""
    bindings: dict[str, Binding] = {
        "ambient": Ambient(guard.enforcer),
        "malformed": Named(guard, "nobody"),
        "token": FromToken(guard),
    }
    gateway = Gateway([Backend(lambda: server, guard.enforcer)], bindings[kind])

    async def run(way: Any) -> Any:
        try:
            async with Client(gateway.server, mode=mode) as client:
                return await way(client)
        finally:
            await gateway.close()

    for way in (
        lambda c: c.list_tools(),
        lambda c: c.list_prompts(),
        lambda c: c.read_resource("a://b"),
        lambda c: c.call_tool_mcp("write", {"text": "x"}),
    ):
        with pytest.raises(MCPError, match="Authentication required"):
            asyncio.run(run(way))
    assert done == []


def test_the_session_of_a_transport_gives_no_rights(
    place: str, issuer: LoopbackIssuer, done: list[str]
) -> None:
    """Whoever knows the id of somebody's MCP session acts as themselves in it."""
    headers = {"Accept": "application/json, text/event-stream"}
    params = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "host", "version": "1"},
    }
    greeting = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    call = {
        "jsonrpc": "2.0",
        "id": 2,
        "method": "tools/call",
        "params": {"name": "write", "arguments": {"text": "x"}},
    }

    def sent(http: httpx2.Client, name: str, message: Any, session: str | None = None) -> Any:
        token = {"Authorization": f"Bearer {issuer.token({'sub': name})}"}
        known = {} if session is None else {"Mcp-Session-Id": session}
        return http.post(place, json=message, headers={**headers, **token, **known}, timeout=30)

    with httpx2.Client() as http:
        session = sent(http, "alice", greeting).headers["Mcp-Session-Id"]
        answer = sent(http, "mallory", call, session)
        assert answer.status_code != 200 or '"isError":true' in answer.text
        assert done == []
        assert '"isError":false' in sent(http, "alice", call, session).text
    assert done == ["x"]


def test_an_identity_that_a_web_application_binds_is_that_of_the_message(
    guard: Guard, server: FastMCP[Any], issuer: LoopbackIssuer, done: list[str]
) -> None:
    """Behind the middleware of web applications, each message is decided for its own request."""
    gateway = Gateway([Backend(lambda: server, guard.enforcer)], Ambient(guard.enforcer))
    app = IdentityMiddleware(app_of(gateway, "127.0.0.1"), guard, actor="agent:a")

    async def one(place: str, name: str) -> bool:
        headers = {"Authorization": f"Bearer {issuer.token({'sub': name})}"}
        async with Client(StreamableHttpTransport(place, headers=headers), mode="legacy") as client:
            answers = [await client.call_tool_mcp("write", {"text": name}) for _ in range(3)]
        return all(each.is_error for each in answers)

    async def everybody(place: str) -> list[bool]:
        return await asyncio.gather(*(one(place, name) for name in ("alice", "mallory", "bob")))

    with serving(app) as place:
        assert asyncio.run(everybody(place)) == [False, True, False]
    assert set(done) == {"alice", "bob"}
