# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where are the servers behind the gateway, and how is the gateway itself served?

A process behind it gets an environment of what is named, and no more; its standard error is not
shown, for it holds what the process likes. No redirect leads a request to another place.

INVARIANT: no variable of the guard's own reaches a process behind the gateway
(tests/attacks/frameworks/test_gateway_processes.py).
"""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import httpx2
import uvicorn
from fastmcp.client.transports import StdioTransport, StreamableHttpTransport
from fastmcp.client.transports.base import ClientTransport
from mcp.shared._httpx_utils import McpHttpClientFactory

from agentguard.errors import ConfigError
from agentguard.integrations.mcp.gateway import Gateway

PATH = "/mcp"
_OURS = "AGENTGUARD_"
# What others of this process log may hold what passes through it.
_QUIET = (
    "asyncio",
    "docket",
    "fakeredis",
    "fastmcp",
    "FastMCP",
    "httpx",
    "httpx2",
    "mcp",
    "uvicorn",
)


def process(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    log: Path | None = None,
    folder: str | None = None,
) -> Callable[[], ClientTransport]:
    """Return what starts a server as a process that speaks on its standard streams.

    Args:
        command: the program and its arguments.
        environment: its variables, beside those that any program needs to start.
        log: where its standard error goes; nowhere if None.
        folder: its working directory; the gateway's own if None.

    Raises:
        ConfigError: a variable is the guard's own.
    """
    if any(name.startswith(_OURS) for name in environment):
        raise ConfigError(
            f"variables that begin with {_OURS} are the guard's own, and no server behind the"
            " gateway gets them"
        )
    program, *arguments = command
    return lambda: StdioTransport(
        program,
        arguments,
        env=dict(environment),
        cwd=folder,
        keep_alive=False,
        log_file=log or Path(os.devnull),
    )


def remote(url: str, *, headers: Mapping[str, str] | None = None) -> Callable[[], ClientTransport]:
    """Return what reaches a server over HTTP.

    Args:
        url: where it is.
        headers: sent with every request, such as what it demands for signing in.

    Raises:
        ConfigError: what is sent could be read on the way.
    """
    try:
        place = httpx2.URL(url)
    except httpx2.InvalidURL:
        place = httpx2.URL()
    local = place.host in ("127.0.0.1", "localhost", "::1")
    if place.scheme != "https" and not (place.scheme == "http" and local):
        raise ConfigError("a server behind the gateway is reached by https, or on this machine")
    given = dict(headers or {})
    made = cast("McpHttpClientFactory", _http_client)
    return lambda: StreamableHttpTransport(url, headers=given, httpx_client_factory=made)


def _http_client(**options: Any) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(**{**options, "follow_redirects": False})


def quiet() -> None:
    """Silence what others log in this process, for good; the guard's own log stays."""
    for name in _QUIET:
        logger = logging.getLogger(name)
        logger.handlers = [logging.NullHandler()]
        logger.propagate = False


async def served_on_stdio(gateway: Gateway) -> None:
    """Serve one host on the standard streams, until it closes them."""
    await gateway.server.run_stdio_async(show_banner=False)


def app_of(gateway: Gateway, host: str, allowed_hosts: Sequence[str] = ()) -> Any:
    """Return the gateway as an application for a web server.

    Requests that name another host, or come from a page of another site, are turned away.

    Args:
        gateway: the gateway.
        host: the address that it listens on.
        allowed_hosts: names that requests may give as their host, beside those of this machine.
    """
    return gateway.server.http_app(
        path=PATH,
        transport="http",
        host_origin_protection=True,
        allowed_hosts=[host, *allowed_hosts],
        allowed_origins=[],
        json_response=False,
        stateless_http=False,
    )


async def served_on_http(app: Any, listening: socket.socket) -> None:
    """Serve hosts over HTTP, until the process is told to end.

    Args:
        app: what ``app_of`` made.
        listening: where requests come in.
    """
    config = uvicorn.Config(
        app,
        lifespan="on",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    await uvicorn.Server(config).serve(sockets=[listening])


async def served_until_told(gateway: Gateway, serve: Callable[[], Awaitable[None]]) -> bool:
    """Serve until the hosts are gone or the process is told to end, and close what is behind.

    Returns:
        Whether the serving came to its end; if not, something of it may still wait for its host.
    """
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError):  # there are no such signals on Windows
            asyncio.get_running_loop().add_signal_handler(number, told.set)
    telling = asyncio.ensure_future(told.wait())
    try:
        await gateway.start()
        serving = asyncio.ensure_future(serve())
        await asyncio.wait({serving, telling}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        telling.cancel()
        await gateway.close()
    if serving.done():
        serving.result()
    return serving.done()
