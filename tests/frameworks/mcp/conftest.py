# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What do the tests of MCP stand on: a policy about one server, and a client of it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from agentguard import AgentGuardError, Guard
from agentguard.testing.mcp_server import ScriptedServer

POLICY = """
version = 1
name = "mcp"

[[identity]]
id = "agent:a"

[[identity]]
id = "agent:b"

[[tool]]
name = "gh_read"
impact = "read_only"

[[tool]]
name = "gh_send"
impact = "irreversible"
receives = ["email"]

[[tool]]
name = "gh_wipe"
impact = "irreversible"

[[tool]]
name = "gh_read_resource"
impact = "read_only"

[[tool]]
name = "gh_list_resources"
impact = "read_only"

[[tool]]
name = "gh_get_prompt"
impact = "read_only"

[[rule]]
id = "reading"
who = "agent:a"
tool = "gh_read"
args.path = { in = ["a.txt", "b.txt"] }
then = "allow"

[[rule]]
id = "sending"
who = "agent:a"
tool = "gh_send"
args.to = { any = true }
then = "allow"

[[rule]]
id = "resources"
who = "agent:a"
tool = "gh_read_resource"
args.uri = { match = "docs://[a-z]+" }
then = "allow"

[[rule]]
id = "listing"
who = "agent:a"
tool = "gh_list_resources"
then = "allow"

[[rule]]
id = "prompts"
who = "agent:a"
tool = "gh_get_prompt"
args.name = { in = ["review"] }
args.arguments = { any = true, optional = true }
then = "allow"

[[class]]
name = "email"
action = "tokenise"
in_results = "redact"

[[class]]
name = "project"
action = "redact"
in_results = "redact"
values = ["operation silver falcon"]
"""

Work = Callable[[Any], Awaitable[Any]]


@pytest.fixture(scope="module")
def mcp_policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy about the server ``gh``."""
    path = tmp_path_factory.mktemp("mcp") / "agentguard.toml"
    path.write_text(POLICY)
    return path


@pytest.fixture(scope="module")
def mcp_guard(mcp_policy: Path) -> Iterator[Guard]:
    """A guard of that policy."""
    with Guard.from_file(mcp_policy) as made:
        yield made


class Wire:
    """Clients of scripted servers, guarded as the server ``gh``."""

    def __init__(self, guard: Guard) -> None:
        self.guard = guard

    def use(
        self,
        server: ScriptedServer,
        work: Work,
        *,
        who: str | None = "agent:a",
        mode: str = "auto",
        **options: Any,
    ) -> Any:
        """Connect to a server, and do some work with the guarded client as somebody."""
        return asyncio.run(self._use(server, work, who, mode, options))

    async def _use(
        self,
        server: ScriptedServer,
        work: Work,
        who: str | None,
        mode: str,
        options: dict[str, Any],
    ) -> Any:
        plain = Client(server.server, mode=mode, **options)
        error: Exception | None = None
        async with self.guard.wrap(plain, server="gh") as client:
            try:
                if who is None:
                    return await work(client)
                with self.guard.identity(who):
                    return await work(client)
            except Exception as raised:  # noqa: BLE001 - a task group would dress it in a group
                error = raised
        assert error is not None
        raise error

    def refused(
        self, server: ScriptedServer, work: Work, kind: type[AgentGuardError], **options: Any
    ) -> AgentGuardError:
        """Do work that the guard refuses, and return the refusal."""
        with pytest.raises(kind) as caught:
            self.use(server, work, **options)
        return caught.value


@pytest.fixture
def wire(mcp_guard: Guard) -> Wire:
    """Clients under a guard."""
    return Wire(mcp_guard)
