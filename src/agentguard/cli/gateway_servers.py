# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which MCP servers were asked for, by the command line or by a host's list of them?

INVARIANT: a key of such a list that is not known stops the command, and none is passed over
(tests/cli/test_gateway_servers.py).
"""

import argparse
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentguard.cli.output import CommandFailed

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_PROGRAM = frozenset({"type", "command", "args", "env", "cwd"})
_REMOTE = frozenset({"type", "url", "headers"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One server behind the gateway.

    Attributes:
        name: its name in the policy, None where its tools have no prefix.
        command: the program and its arguments; nothing where it is reached over HTTP.
        environment: the variables of the program.
        folder: the program's working directory; the gateway's own if None.
        url: where it is reached over HTTP.
        headers: sent with each request.
    """

    name: str | None
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    folder: str | None = None
    url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def servers_of(options: argparse.Namespace) -> tuple[Server, ...]:
    """Return the servers that the command line asks for.

    Raises:
        CommandFailed: it asks for none, or for more than one in several ways.
    """
    if sum(map(bool, (options.command, options.url, options.servers))) != 1:
        raise CommandFailed("say one of: -- PROGRAM ARGUMENTS, --url ADDRESS, --servers FILE")
    if options.name is not None:
        _check_name(options.name)
    if options.servers:
        if options.name is not None or options.env or options.bearer_env:
            raise CommandFailed("--servers says names, variables and headers itself")
        return tuple(_listed(Path(options.servers)))
    if options.command:
        if options.bearer_env:
            raise CommandFailed("--bearer-env goes with --url")
        environment = {name: _variable(name) for name in options.env}
        return (Server(name=options.name, command=tuple(options.command), environment=environment),)
    if options.env:
        raise CommandFailed("--env goes with a program")
    token = None if options.bearer_env is None else _variable(options.bearer_env)
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return (Server(name=options.name, url=options.url, headers=headers),)


def _variable(name: str) -> str:
    value = os.environ.get(name)
    if value is None:
        raise CommandFailed(f"there is no variable {name!r} to pass on")
    return value


def _check_name(name: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise CommandFailed(f"{name!r} cannot name a server: use letters, digits, '-' and '_'")


def _listed(path: Path) -> Iterator[Server]:
    """Yield the servers of a list in the form that hosts have."""
    problem, document = None, None
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        problem = error.strerror or "it cannot be read"
    except ValueError:  # it holds the text
        problem = "it is no JSON"
    if problem is not None:
        raise CommandFailed(f"{path}: {problem}")
    if not isinstance(document, dict) or document.keys() != {"mcpServers"}:
        raise CommandFailed(f"{path}: it must hold 'mcpServers', and nothing else")
    servers = document["mcpServers"]
    if not isinstance(servers, dict) or not servers:
        raise CommandFailed(f"{path}: it names no server")
    for name, said in servers.items():
        _check_name(name)
        yield _server(path, name, said)


def _server(path: Path, name: str, said: Any) -> Server:
    known = _PROGRAM if isinstance(said, dict) and "command" in said else _REMOTE
    if not isinstance(said, dict) or not said.keys() <= known or not _fits(said):
        raise CommandFailed(
            f"{path}: server {name!r} must have 'command' with 'args', 'env' and 'cwd', or 'url'"
            " with 'headers', and nothing else"
        )
    if "command" in said:
        return Server(
            name=name,
            command=(said["command"], *said.get("args", ())),
            environment=said.get("env", {}),
            folder=said.get("cwd"),
        )
    return Server(name=name, url=said["url"], headers=said.get("headers", {}))


def _fits(said: Mapping[str, Any]) -> bool:
    """Say whether the values have the right types, and all of a kind is there."""
    texts = [said[key] for key in ("type", "command", "cwd", "url") if key in said]
    texts += said["args"] if isinstance(said.get("args"), list) else []
    for key in ("env", "headers"):
        if not isinstance(said.get(key, {}), dict):
            return False
        texts += said.get(key, {}).values()
    return (
        isinstance(said.get("args", []), list)
        and ("command" in said or "url" in said)
        and all(isinstance(each, str) for each in texts)
    )
