# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does an MCP server act for whoever sent the message, on every transport and revision?"""

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx2
import pytest
import uvicorn
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer

from agentguard import Guard, TokenRefused
from agentguard.integrations.mcp import CallerMiddleware, GuardTokenVerifier, VerifiedToken
from agentguard.testing.issuer import LoopbackIssuer

AUDIENCE = "https://mcp.test/mcp"
TABLE = """
[[identity]]
id = "agent:triage"

[issuer.corp]
issuer = "https://login.test"
audience = ["https://mcp.test/mcp", "agents"]
keys_url = "{url}"
actor = "act.sub"
claims = ["scope"]
"""
REVISIONS = ("legacy", "auto", "2026-07-28")


@pytest.fixture
def believing(guard_of: Callable[[str], Guard], issuer: LoopbackIssuer) -> Guard:
    """A guard that believes the issuer."""
    return guard_of(TABLE.format(url=issuer.keys_url))


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """A real server on this machine."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none", lifespan="on"))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def lookup_order(order: str) -> str:
    """Say where an order is."""
    return f"{order} is on its way"


def made_server(guard: Guard, *, resource: bool = False, **options: Any) -> MCPServer[Any]:
    """A server with a tool that says whom it acts for, and a guarded one."""
    server: MCPServer[Any] = MCPServer(
        "orders",
        token_verifier=GuardTokenVerifier(guard, **options),
        auth=AuthSettings(
            issuer_url="https://login.test",  # type: ignore[arg-type]  # read by pydantic
            resource_server_url=AUDIENCE,  # type: ignore[arg-type]  # read by pydantic
            validate_token_resource=resource,
            required_scopes=["orders"] if resource else None,
        ),
        middleware=[CallerMiddleware(guard, actor="agent:support")],
    )

    def whoami() -> str:
        """Say whom the server acts for."""
        caller = guard._parts.identities.ambient()
        return "nobody" if caller is None else " ".join(caller.chain.ids)

    async def whoami_async() -> str:
        """Say whom the server acts for, a little later."""
        await asyncio.sleep(0.01)
        return whoami()

    server.tool()(whoami)
    server.tool()(whoami_async)
    server.tool()(guard.tool(lookup_order))
    return server


@pytest.fixture
def serve(believing: Guard) -> Iterator[Callable[..., str]]:
    """Give the function that serves the server and says where."""
    with ExitStack() as running:

        def start(*, stateless: bool = False, **options: Any) -> str:
            app = made_server(believing, **options).streamable_http_app(stateless_http=stateless)
            return running.enter_context(serving(app))

        yield start


def asked(place: str, token: str, mode: str, ask: Callable[[Client], Awaitable[Any]]) -> Any:
    """What a client of the SDK with this token gets."""

    async def run() -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=30) as http,
            Client(streamable_http_client(place, http_client=http), mode=mode) as client,
        ):
            return await ask(client)

    return asyncio.run(run())


def refusals(call: Callable[[], object]) -> set[str]:
    """What an MCP server told in place of an answer."""
    told: set[str] = set()
    try:
        call()
    except* MCPError as found:
        waiting: list[BaseException] = [found]
        while waiting:
            each = waiting.pop()
            if isinstance(each, BaseExceptionGroup):
                waiting += each.exceptions
            else:
                told.add(str(each))
    return told


def text(result: Any) -> str:
    """The text of a tool's answer."""
    return str(result.content[0].text)


@pytest.mark.parametrize("stateless", [False, True])
@pytest.mark.parametrize("mode", REVISIONS)
def test_a_tool_runs_under_whom_the_token_names(
    mode: str, *, stateless: bool, serve: Callable[..., str], issuer: LoopbackIssuer
) -> None:
    """Sync and async tools act for the person of the token, with and without sessions."""

    async def ask(client: Client) -> list[str]:
        return [text(await client.call_tool(name, {})) for name in ("whoami", "whoami_async")]

    place = serve(stateless=stateless)
    assert asked(place, issuer.token(), mode, ask) == ["user:alice agent:support"] * 2
    token = issuer.token({"sub": "bob", "act": {"sub": "triage"}})
    assert asked(place, token, mode, ask) == ["user:bob agent:triage agent:support"] * 2


@pytest.mark.parametrize("mode", REVISIONS)
def test_a_guarded_tool_is_asked_for_the_person_of_the_token(
    mode: str, serve: Callable[..., str], issuer: LoopbackIssuer
) -> None:
    """The rules allow the tool to whom they name, and to nobody else."""

    async def ask(client: Client) -> tuple[bool | None, str]:
        result = await client.call_tool("lookup_order", {"order": "ORD-00000001"})
        return result.is_error, text(result)

    place = serve()
    assert asked(place, issuer.token(), mode, ask) == (False, "ORD-00000001 is on its way")
    denied, told = asked(place, issuer.token({"sub": "mallory"}), mode, ask)
    assert denied
    assert "on its way" not in told


def test_clients_at_once_stay_apart(serve: Callable[..., str], issuer: LoopbackIssuer) -> None:
    """Many clients of one server each act for their own person."""
    place = serve()

    async def one(name: str) -> str:
        headers = {"Authorization": f"Bearer {issuer.token({'sub': name})}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=30) as http,
            Client(streamable_http_client(place, http_client=http)) as client,
        ):
            found = {text(await client.call_tool("whoami_async", {})) for _ in range(3)}
            return " ".join(sorted(found))

    async def everybody() -> list[str]:
        return await asyncio.gather(*(one(f"u{number}") for number in range(12)))

    assert asyncio.run(everybody()) == [f"user:u{number} agent:support" for number in range(12)]


@pytest.mark.parametrize(
    "header",
    [None, "Bearer nothing", "Basic YWxpY2U6c2VjcmV0"],
)
def test_without_a_token_that_counts_nothing_is_served(
    header: str | None, serve: Callable[..., str]
) -> None:
    """The SDK turns away what the guard did not verify, before any message is read."""
    headers = {} if header is None else {"Authorization": header}
    with httpx2.Client(headers=headers) as http:
        answer = http.post(serve(), json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    assert answer.status_code == 401


def test_the_host_is_told_why_and_the_caller_is_not(
    serve: Callable[..., str], issuer: LoopbackIssuer
) -> None:
    """The reason of a refusal reaches the host's function alone."""
    told: list[TokenRefused] = []
    place = serve(refused=told.append)
    with httpx2.Client() as http:
        answers = [
            http.post(place, headers={"Authorization": f"Bearer {issuer.token(claims)}"}, json={})
            for claims in ({"aud": "billing"}, {"exp": 1})
        ]
    assert {(each.status_code, each.text) for each in answers} == {(401, answers[0].text)}
    assert [each.problem for each in told] == ["wrong_audience", "expired"]


def test_the_sdk_checks_the_resource_and_the_scopes_of_a_token(
    serve: Callable[..., str], issuer: LoopbackIssuer
) -> None:
    """The audience and the kept scopes are what the SDK may compare with its own settings."""

    async def ask(client: Client) -> str:
        return text(await client.call_tool("whoami", {}))

    place = serve(resource=True)
    good = {"aud": [AUDIENCE, "agents"], "scope": "read orders"}
    assert asked(place, issuer.token(good), "auto", ask) == "user:alice agent:support"
    with httpx2.Client() as http:
        statuses = [
            http.post(
                place,
                headers={"Authorization": f"Bearer {issuer.token({**good, **change})}"},
                json={},
            ).status_code
            for change in ({"aud": "agents"}, {"scope": "read"})
        ]
    assert statuses == [401, 403]


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_a_transport_without_tokens_reaches_no_handler(mode: str, believing: Guard) -> None:
    """Within a process, where no token comes along, every message is refused."""

    async def ask() -> None:
        async with Client(made_server(believing), mode=mode) as client:
            await client.call_tool("whoami", {})

    assert refusals(lambda: asyncio.run(ask())) == {"Authentication required"}


def test_what_the_sdk_is_told_holds_no_token(believing: Guard, issuer: LoopbackIssuer) -> None:
    """The object that the SDK keeps has a digest in place of the token."""
    token = issuer.token({"scope": "read"})
    known = asyncio.run(GuardTokenVerifier(believing).verify_token(token))
    assert isinstance(known, VerifiedToken)
    assert known.token.startswith("sha256:")
    assert not [part for part in token.split(".") if part in repr(known)]
    assert not [part for part in token.split(".") if part in known.model_dump_json()]
    assert (known.subject, known.client_id, known.scopes) == ("user:alice", "user:alice", ["read"])
    assert get_access_token() is None


def test_a_token_that_somebody_else_verified_reaches_no_handler(believing: Guard) -> None:
    """A server is not served under names that another verifier gave."""

    class Trusting:
        """Believes every token."""

        async def verify_token(self, token: str) -> AccessToken | None:
            """Say that everybody is alice."""
            return AccessToken(token=token, client_id="user:alice", scopes=[])

    server: MCPServer[Any] = MCPServer(
        "orders",
        token_verifier=Trusting(),
        auth=AuthSettings(
            issuer_url="https://login.test",  # type: ignore[arg-type]  # read by pydantic
            resource_server_url=None,
        ),
        middleware=[CallerMiddleware(believing)],
    )

    async def ask(client: Client) -> Any:
        return await client.list_tools()

    with serving(server.streamable_http_app()) as place:
        told = refusals(lambda: asked(place, "anything", "legacy", ask))
    assert told == {"Authentication required"}
