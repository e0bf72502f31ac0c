# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does an operator put a policy before an MCP server?

Reads which server, for whom and where, and serves the gateway until its host is gone. On standard
output there is the protocol alone; what cannot be done is told on standard error.

INVARIANT: whoever can reach the gateway over the network shows a token
(tests/attacks/frameworks/test_gateway_command.py).
"""

import argparse
import asyncio
import os
import socket
import sys
from collections.abc import Coroutine, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from agentguard.cli.gateway_servers import Server, servers_of
from agentguard.cli.output import CommandFailed, print_json, visible
from agentguard.errors import AgentGuardError
from agentguard.guard import Guard

if TYPE_CHECKING:
    from agentguard.integrations.mcp.fastmcp_callers import Binding
    from agentguard.integrations.mcp.gateway_backends import Target
    from agentguard.tools import Description

T = TypeVar("T")

_TIMEOUT = 120.0
_LAST_PORT = 65535


def add_commands(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add ``mcp-gateway``."""
    command = commands.add_parser(
        "mcp-gateway",
        parents=[shared],
        help="put the policy before an MCP server",
        description="Serves an MCP server under the policy: to one host on standard input and"
        " output, or to hosts over HTTP.",
        epilog="exit codes: 0 the host is gone or the process was told to end, 2 called wrongly,"
        " the policy cannot be used or a server cannot be reached",
    )
    _add_servers(command)
    _add_callers(command)
    command.add_argument(
        "--print-policy",
        action="store_true",
        help="print tables for the server's tools, to be reviewed, and end",
    )
    command.set_defaults(run=_gateway)


def _add_servers(command: argparse.ArgumentParser) -> None:
    command.add_argument("command", nargs="*", help="after --, the program of the server")
    command.add_argument("--url", help="the address of the server instead")
    command.add_argument("--servers", metavar="FILE", help="several, as in a host's mcpServers")
    command.add_argument("--name", help="the server's name: its tools are then NAME_TOOL")
    command.add_argument(
        "--env", action="append", default=[], metavar="NAME", help="pass this variable to it"
    )
    command.add_argument(
        "--bearer-env", metavar="NAME", help="the variable with the token that --url demands"
    )
    command.add_argument("--server-log", metavar="FILE", help="keep its standard error here")
    command.add_argument("--timeout", type=float, default=_TIMEOUT, help="seconds for one request")


def _add_callers(command: argparse.ArgumentParser) -> None:
    command.add_argument("--as", dest="actor", metavar="ID", help="who acts, such as agent:coder")
    command.add_argument("--for", dest="person", metavar="ID", help="for whom, such as user:alice")
    command.add_argument("--session", metavar="NAME", help="what memory and approvals hang on")
    command.add_argument("--environment", metavar="NAME", help="the environment of the policy")
    command.add_argument("--http", metavar="HOST:PORT", help="serve over HTTP at /mcp instead")
    command.add_argument(
        "--tokens", action="store_true", help="each request names its caller by a token"
    )
    command.add_argument(
        "--allow-host", action="append", default=[], metavar="HOST", help="a name it is reached by"
    )


def _gateway(options: argparse.Namespace) -> int:
    servers = servers_of(options)
    if not _installed():
        raise CommandFailed("the gateway needs fastmcp: install agentguard[gateway]")
    if options.print_policy:
        return _print_policy(options, servers)
    place = None if options.http is None else _place(options.http)
    _check_callers(options, place)
    with Guard.from_file(options.config) as guard:
        ended = _run(_serving(options, guard, servers, place))
    if not ended:
        # A thread still reads standard input, and nothing can wake it.
        os._exit(0)
    return 0


def _installed() -> bool:
    try:
        from agentguard.integrations.mcp import gateway_serving
    except ImportError:
        return False
    gateway_serving.quiet()
    return True


def _place(text: str) -> tuple[str, int]:
    """Return the address and the port of HOST:PORT."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or int(port) > _LAST_PORT:
        raise CommandFailed(f"--http takes HOST:PORT, such as 127.0.0.1:8931, not {text!r}")
    return host, int(port)


def _check_callers(options: argparse.Namespace, place: tuple[str, int] | None) -> None:
    """Refuse to serve whoever comes as somebody."""
    if any("*" in each for each in options.allow_host):
        raise CommandFailed("--allow-host takes a whole name")
    if options.tokens:
        if place is None or options.person is not None:
            raise CommandFailed("--tokens goes with --http, and each token says for whom it is")
        return
    if options.actor is None:
        raise CommandFailed("say who acts with --as, or let tokens say it: --http and --tokens")
    if place is not None and not _is_loopback(place[0]):
        raise CommandFailed(
            "without --tokens the gateway acts as the same agent for whoever reaches it, so it"
            " listens on this machine alone, such as on 127.0.0.1"
        )


def _check_declared(guard: Guard, actor: str | None) -> None:
    """Refuse to act as an agent to which no rule can give anything."""
    if actor is None or actor.startswith("user:"):
        return
    if actor not in guard.enforcer.core.policy.identities:
        raise CommandFailed(f"the policy does not declare {actor!r}: add an [[identity]] table")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _serving(
    options: argparse.Namespace,
    guard: Guard,
    servers: Sequence[Server],
    place: tuple[str, int] | None,
) -> bool:
    """Serve until the end; return whether there is nothing left that waits."""
    from agentguard.integrations.mcp.fastmcp_callers import FromToken, GuardTokens, Named
    from agentguard.integrations.mcp.gateway import Gateway
    from agentguard.integrations.mcp.gateway_backends import Backend
    from agentguard.integrations.mcp.gateway_serving import (
        PATH,
        app_of,
        served_on_http,
        served_on_stdio,
        served_until_told,
    )

    said = {"session": options.session, "environment": options.environment}
    binding: Binding
    if options.tokens:
        if not guard.enforcer.core.policy.document.issuers:
            raise CommandFailed("--tokens needs an [issuer.NAME] table in the policy")
        binding = FromToken(guard, actor=options.actor, **said)
    else:
        binding = named = Named(guard, options.actor, on_behalf_of=options.person, **said)
        named.check()
    _check_declared(guard, options.actor)
    gateway = Gateway(
        [
            Backend(_target(each, options), guard.enforcer, name=each.name, timeout=options.timeout)
            for each in servers
        ],
        binding,
        auth=GuardTokens(guard) if options.tokens else None,
    )
    if place is None:
        return await served_until_told(gateway, lambda: served_on_stdio(gateway))
    host, port = place
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as listening:
        port = listening.getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        print(f"agentguard: serving at http://{shown}:{port}{PATH}", file=sys.stderr, flush=True)
        app = app_of(gateway, host, options.allow_host)
        return await served_until_told(gateway, lambda: served_on_http(app, listening))


def _target(server: Server, options: argparse.Namespace) -> "Target":
    from agentguard.integrations.mcp.gateway_serving import process, remote

    if server.url is not None:
        return remote(server.url, headers=server.headers)
    log = None if options.server_log is None else Path(options.server_log)
    return process(server.command, server.environment, log=log, folder=server.folder)


def _print_policy(options: argparse.Namespace, servers: Sequence[Server]) -> int:
    from agentguard.integrations.mcp.gateway_proposals import as_json, as_policy, described

    async def asked() -> "list[Description]":
        return [
            tool
            for each in servers
            for tool in await described(
                _target(each, options), name=each.name, timeout=options.timeout
            )
        ]

    descriptions = _run(asked())
    if options.json:
        print_json([as_json(each) for each in descriptions])
    else:
        print(as_policy(descriptions, options.actor or "agent:NAME", visible))
    return 0


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run work, and tell nothing of what a server said where it fails."""
    from mcp import MCPError

    try:
        return asyncio.run(work)
    except (AgentGuardError, CommandFailed):
        raise
    except MCPError as error:
        problem = error.error.message
    except OSError as error:  # the address is taken, or may not be listened on
        problem = f"the gateway cannot be served: {error.strerror or 'no such address'}"
    except Exception as error:  # noqa: BLE001 - its text may hold what passed through
        problem = f"the gateway failed: {type(error).__name__}"
    raise CommandFailed(problem)
