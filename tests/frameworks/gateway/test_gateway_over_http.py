# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is a server guarded that stands behind the gateway on the network, as a host there before it?"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from fastmcp.client import Client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from agentguard.integrations.mcp.gateway import Gateway
from agentguard.integrations.mcp.gateway_backends import Backend, BackendFailed
from agentguard.integrations.mcp.gateway_serving import app_of, remote, served_on_http

ADDRESS = "jane.doe@customers.example"


def listening() -> tuple[socket.socket, str]:
    """Return a place of this machine that takes requests, and its address."""
    made = socket.create_server(("127.0.0.1", 0))
    return made, f"http://127.0.0.1:{made.getsockname()[1]}"


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """Serve an application, and give its address."""
    taken, place = listening()
    running = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none", lifespan="on"))
    task = asyncio.create_task(running.serve([taken]))
    try:
        yield place
    finally:
        while not running.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0)
        running.should_exit = True
        await task
        taken.close()


@asynccontextmanager
async def behind(host: Any, url: str, **headers: str) -> AsyncIterator[Client[Any]]:
    """Give a client of a gateway on the network that stands before a server there."""
    target = remote(url, headers=headers)
    gateway = Gateway([Backend(target, host.guard.enforcer, timeout=30)], host.binding)
    await gateway.start()
    taken, place = listening()
    task = asyncio.create_task(served_on_http(app_of(gateway, "127.0.0.1"), taken))
    try:
        async with Client(f"{place}/mcp") as client:
            yield client
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await gateway.close()
        taken.close()


def test_a_server_on_the_network_is_guarded_for_a_host_there(host: Any, shop: Any) -> None:
    """What a rule allows reaches it with the token that it demands, and its answer is checked."""
    shop.reply = f"on its way to {ADDRESS}"
    tokens: list[str | None] = []

    async def act() -> tuple[list[str], Any, Any]:
        app = shop.server.http_app(path="/mcp")

        async def demanding(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                tokens.append(Request(scope).headers.get("authorization"))
            await app(scope, receive, send)

        async with serving(demanding) as place:
            signed_in = {"Authorization": "Bearer not-a-token"}
            async with behind(host, f"{place}/mcp", **signed_in) as client:
                names = [each.name for each in await client.list_tools()]
                denied = await client.call_tool_mcp("wipe", {})
                return names, denied, await client.call_tool_mcp("lookup", {"order": "ORD-0001"})

    names, denied, found = asyncio.run(act())
    assert names == ["lookup", "refund", "mail"]
    assert denied.is_error
    assert shop.done == [("lookup", "ORD-0001")]
    assert ADDRESS not in found.model_dump_json()
    assert "on its way" in found.content[0].text
    assert set(tokens) == {"Bearer not-a-token"}


def test_a_server_that_leads_elsewhere_is_not_followed(host: Any) -> None:
    """A redirect to another place takes no request, and no token, along."""
    heard: list[str] = []

    async def elsewhere(request: Request) -> Response:
        heard.append(str(request.headers))
        return Response(status_code=404)

    async def act() -> None:
        every = ["GET", "POST", "DELETE"]
        async with serving(Starlette(routes=[Route("/mcp", elsewhere, methods=every)])) as other:

            async def leading(_: Request) -> Response:
                return RedirectResponse(f"{other}/mcp", status_code=307)

            routes = [Route("/mcp", leading, methods=every)]
            async with serving(Starlette(routes=routes)) as place:
                signed_in = {"Authorization": "Bearer not-a-token"}
                target = remote(f"{place}/mcp", headers=signed_in)
                with pytest.raises(BackendFailed):
                    await Backend(target, host.guard.enforcer, timeout=30).start()

    asyncio.run(act())
    assert heard == []
