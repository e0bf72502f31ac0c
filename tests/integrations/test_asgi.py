# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a web application act for whoever sent the request, and for nobody without a token?"""

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from agentguard import DeniedByPolicy, Guard, IdentityRequired
from agentguard.integrations.asgi import IdentityMiddleware
from agentguard.testing.issuer import LoopbackIssuer

TABLE = """
[[identity]]
id = "agent:triage"

[issuer.corp]
issuer = "https://login.test"
audience = "agents"
keys_url = "{url}"
actor = "act.sub"
"""


@pytest.fixture
def believing(guard_of: Callable[[str], Guard], issuer: LoopbackIssuer) -> Guard:
    """A guard that believes the issuer."""
    return guard_of(TABLE.format(url=issuer.keys_url))


def who(guard: Guard) -> list[str]:
    """The ids behind the running code, none where it is bound to nobody."""
    caller = guard._parts.identities.ambient()
    return [] if caller is None else list(caller.chain.ids)


def lookup_order(order: str) -> str:
    """Say where an order is."""
    return f"{order} is on its way"


class Application:
    """An application that says whom it acts for, in every way that a framework can."""

    def __init__(self, guard: Guard) -> None:
        self.guard = guard
        self.after: list[list[str]] = []
        routes = [
            Route("/me", self.me),
            Route("/thread", self.thread),
            Route("/stream", self.stream),
            Route("/later", self.later),
            Route("/order", self.order),
            Route("/health", self.health),
            WebSocketRoute("/ws", self.websocket),
        ]
        self.app = Starlette(routes=routes)
        self.lookup = guard.tool(lookup_order)

    async def me(self, request: Request) -> JSONResponse:
        """Answer at once."""
        await asyncio.sleep(0)
        return JSONResponse(who(self.guard))

    def thread(self, request: Request) -> JSONResponse:
        """Answer from a thread of the pool."""
        return JSONResponse(who(self.guard))

    async def stream(self, request: Request) -> StreamingResponse:
        """Answer bit by bit."""

        async def lines() -> AsyncIterator[str]:
            for _ in range(3):
                await asyncio.sleep(0.01)
                yield json.dumps(who(self.guard)) + "\n"

        return StreamingResponse(lines())

    async def later(self, request: Request) -> PlainTextResponse:
        """Answer first and work afterwards."""

        async def work() -> None:
            self.after.append(who(self.guard))

        return PlainTextResponse("soon", background=BackgroundTask(work))

    async def order(self, request: Request) -> PlainTextResponse:
        """Call a guarded tool."""
        try:
            return PlainTextResponse(self.lookup(order="ORD-00000001"))
        except (DeniedByPolicy, IdentityRequired) as refusal:
            return PlainTextResponse(type(refusal).__name__, status_code=409)

    async def health(self, request: Request) -> JSONResponse:
        """Answer anybody."""
        return JSONResponse(who(self.guard))

    async def websocket(self, socket: WebSocket) -> None:
        """Say whom each message is handled for."""
        await socket.accept()
        while await socket.receive_text() != "bye":
            await socket.send_json(who(self.guard))
        await socket.close()


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """A real server on this machine."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, ws="websockets-sansio", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.005)
    try:
        yield f"127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@pytest.fixture
def application(believing: Guard) -> Application:
    """The application."""
    return Application(believing)


@pytest.fixture
def refusals() -> list[IdentityRequired]:
    """What the middleware told, in order."""
    return []


@pytest.fixture
def host(
    application: Application, believing: Guard, refusals: list[IdentityRequired]
) -> Iterator[str]:
    """Where the application is served to those with a token."""
    guarded = IdentityMiddleware(
        application.app,
        believing,
        actor="agent:support",
        exempt=("/health",),
        refused=refusals.append,
    )
    with serving(guarded) as place:
        yield place


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("path", ["/me", "/thread"])
def test_a_request_runs_under_whom_its_token_names(
    path: str, host: str, issuer: LoopbackIssuer
) -> None:
    """The person of the token stands behind the agent that the host declared."""
    answer = httpx.get(f"http://{host}{path}", headers=bearer(issuer.token()))
    assert answer.json() == ["user:alice", "agent:support"]


def test_who_acts_in_the_token_stands_before_who_acts_here(
    host: str, issuer: LoopbackIssuer
) -> None:
    """The actor of a token is one more principal that must be permitted."""
    token = issuer.token({"act": {"sub": "triage"}})
    answer = httpx.get(f"http://{host}/me", headers=bearer(token))
    assert answer.json() == ["user:alice", "agent:triage", "agent:support"]


def test_an_answer_is_streamed_under_the_identity_of_its_request(
    host: str, issuer: LoopbackIssuer
) -> None:
    """What is worked out while the answer goes out is done for the same person."""
    answer = httpx.get(f"http://{host}/stream", headers=bearer(issuer.token()))
    assert [json.loads(line) for line in answer.text.splitlines()] == [
        ["user:alice", "agent:support"]
    ] * 3


def test_what_is_done_after_the_answer_is_done_for_the_same_person(
    host: str, issuer: LoopbackIssuer, application: Application
) -> None:
    """Background work of a request keeps its identity, and the next request has its own."""
    with httpx.Client(base_url=f"http://{host}") as client:
        client.get("/later", headers=bearer(issuer.token()))
        client.get("/later", headers=bearer(issuer.token({"sub": "bob"})))
        assert client.get("/health").json() == []
    assert application.after == [["user:alice", "agent:support"], ["user:bob", "agent:support"]]


def test_a_guarded_tool_is_allowed_for_the_person_of_the_token(
    host: str, issuer: LoopbackIssuer
) -> None:
    """The rules are asked for whoever sent the request."""
    told = [
        httpx.get(f"http://{host}/order", headers=bearer(issuer.token({"sub": name}))).text
        for name in ("alice", "mallory")
    ]
    assert told == ["ORD-00000001 is on its way", "DeniedByPolicy"]


def test_two_hundred_requests_at_once_stay_apart(host: str, issuer: LoopbackIssuer) -> None:
    """No request sees the identity of another one, on the same connections."""
    names = [f"u{number}" for number in range(200)]

    async def everybody() -> list[list[str]]:
        limits = httpx.Limits(max_connections=20)
        async with httpx.AsyncClient(
            base_url=f"http://{host}", limits=limits, timeout=60
        ) as client:

            async def ask(name: str) -> list[str]:
                answer = await client.get("/me", headers=bearer(issuer.token({"sub": name})))
                return list(answer.json())

            return await asyncio.gather(*map(ask, names))

    assert asyncio.run(everybody()) == [[f"user:{name}", "agent:support"] for name in names]


@pytest.mark.parametrize(
    "values",
    [
        [],
        [""],
        ["Bearer"],
        ["Basic YWxpY2U6c2VjcmV0"],
        ["{token}"],
        ["Bearer {token} {token}"],
        ["Bearer {token},Bearer {token}"],
        ["Bearer {token}", "Bearer {token}"],
        ["Bearer {token}", "Basic YWxpY2U6c2VjcmV0"],
        ["Bearer\t{token}"],
        ["DPoP {token}"],
    ],
)
def test_without_exactly_one_token_nobody_is_let_in(
    values: list[str], host: str, issuer: LoopbackIssuer
) -> None:
    """No header, two headers or another scheme is an answer without a token."""
    token = issuer.token()
    headers = [("Authorization", value.format(token=token)) for value in values]
    answer = httpx.get(f"http://{host}/me", headers=headers)
    assert (answer.status_code, answer.text) == (401, '{"error":"unauthorized"}')
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_token_in_the_address_is_none(host: str, issuer: LoopbackIssuer) -> None:
    """Addresses are logged everywhere, so a token in one does not count."""
    answer = httpx.get(f"http://{host}/me", params={"access_token": issuer.token()})
    assert answer.status_code == 401


def test_the_answer_does_not_say_why_and_the_host_is_told(
    host: str, issuer: LoopbackIssuer, refusals: list[IdentityRequired]
) -> None:
    """Different faults give the same answer; the reason goes to the host alone."""
    tokens = (
        issuer.token({"aud": "billing"}),
        issuer.token({"exp": 1}),
        issuer.token()[:-2],
        issuer.token({"iss": "https://evil.test"}),
    )
    answers = [httpx.get(f"http://{host}/me", headers=bearer(token)) for token in tokens]
    assert {(each.status_code, each.text) for each in answers} == {
        (401, '{"error":"unauthorized"}')
    }
    assert {each.headers["www-authenticate"] for each in answers} == {
        'Bearer error="invalid_token"'
    }
    assert [getattr(each, "problem", None) for each in refusals] == [
        "wrong_audience",
        "expired",
        "forged",
        "unknown_issuer",
    ]


def test_keys_that_cannot_be_had_are_no_fault_of_the_token(
    host: str, issuer: LoopbackIssuer
) -> None:
    """While the issuer is not reached, callers are told to come back, and nobody is let in."""
    issuer.status = 500
    answer = httpx.get(f"http://{host}/me", headers=bearer(issuer.token()))
    assert (answer.status_code, answer.text) == (503, '{"error":"unavailable"}')


def test_whom_the_policy_does_not_let_act_is_forbidden(
    application: Application, believing: Guard, issuer: LoopbackIssuer
) -> None:
    """A token that counts, in a place that the policy does not have, is an answer of its own."""
    guarded = IdentityMiddleware(
        application.app, believing, actor="agent:support", environment="production"
    )
    with serving(guarded) as place:
        answer = httpx.get(f"http://{place}/me", headers=bearer(issuer.token()))
    assert (answer.status_code, answer.text) == (403, '{"error":"forbidden"}')


def test_exempt_paths_are_served_and_bound_to_nobody(host: str, issuer: LoopbackIssuer) -> None:
    """What needs no token gets none, also when one comes; only the exact path is exempt."""
    answers = [
        httpx.get(f"http://{host}{path}", headers=headers)
        for path in ("/health", "/health/", "/health/../me", "/HEALTH")
        for headers in ({}, bearer("x"))
    ]
    assert [each.status_code for each in answers] == [200, 200, *[401] * 6]
    assert answers[0].json() == answers[1].json() == []


@pytest.mark.parametrize("exempt", ["/health", ("health",), ("",)])
def test_what_is_exempt_are_whole_paths(
    application: Application, believing: Guard, exempt: str | tuple[str, ...]
) -> None:
    """One path that is not in a list is not taken for the letters that it is made of."""
    with pytest.raises(ValueError, match="whole paths"):
        IdentityMiddleware(application.app, believing, exempt=exempt)


def test_a_websocket_runs_under_whom_its_token_names(host: str, issuer: LoopbackIssuer) -> None:
    """Each message of a connection is handled for the person that opened it."""
    with connect(f"ws://{host}/ws", additional_headers=bearer(issuer.token())) as talking:
        for _ in range(2):
            talking.send("hello")
            assert json.loads(talking.recv()) == ["user:alice", "agent:support"]
        talking.send("bye")


@pytest.mark.parametrize("header", [None, "Bearer nothing"])
def test_a_websocket_without_a_token_is_not_opened(host: str, header: str | None) -> None:
    """A connection that nobody proves is refused before it is accepted."""
    headers = None if header is None else {"Authorization": header}
    with (
        pytest.raises(InvalidStatus) as caught,
        connect(f"ws://{host}/ws", additional_headers=headers),
    ):
        pass
    assert caught.value.response.status_code == 401


def call(app: Any, scope: dict[str, Any]) -> list[dict[str, Any]]:
    """Call an application without a server and return what it sent."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    asyncio.run(app(scope, receive, send))
    return sent


def test_a_server_that_cannot_refuse_with_an_answer_closes(
    application: Application, believing: Guard
) -> None:
    """Without the extension for answers a WebSocket is closed before it is accepted."""
    guarded = IdentityMiddleware(application.app, believing)
    scope = {"type": "websocket", "path": "/ws", "headers": []}
    assert call(guarded, scope) == [{"type": "websocket.close", "code": 1008}]


def test_a_kind_of_connection_that_is_not_known_is_refused(
    application: Application, believing: Guard
) -> None:
    """A new kind of connection does not pass by the guard."""
    with pytest.raises(ValueError, match="of this kind is not known"):
        call(
            IdentityMiddleware(application.app, believing), {"type": "webtransport", "headers": []}
        )


def test_an_error_of_the_application_is_its_own(
    believing: Guard, issuer: LoopbackIssuer, refusals: list[IdentityRequired]
) -> None:
    """A refusal inside the application is not taken for a token that does not count."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise IdentityRequired("inside")

    guarded = IdentityMiddleware(app, believing, actor="agent:support", refused=refusals.append)
    header = (b"authorization", f"Bearer {issuer.token()}".encode())
    with pytest.raises(IdentityRequired, match="inside"):
        call(guarded, {"type": "http", "path": "/", "headers": [header]})
    assert refusals == []


def test_a_host_names_sessions_by_the_request(believing: Guard, issuer: LoopbackIssuer) -> None:
    """Requests that name the same session share it, and only with the same principals."""
    keys: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        caller = believing._parts.identities.ambient()
        assert caller is not None
        keys.append(caller.session_key)

    def session(scope: Any) -> str:
        return str(dict(scope["headers"])[b"x-session"].decode())

    guarded = IdentityMiddleware(app, believing, actor="agent:support", session=session)
    requests: list[tuple[str, str]] = [
        ("alice", "one"),
        ("alice", "one"),
        ("alice", "two"),
        ("bob", "one"),
    ]
    for name, wanted in requests:
        token = issuer.token({"sub": name})
        headers = [(b"authorization", f"bearer {token}".encode()), (b"x-session", wanted.encode())]
        call(guarded, {"type": "http", "path": "/", "headers": headers})
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
