# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a way around the listed tools of a fastmcp server lead past its guard?"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastmcp import FastMCP
from fastmcp.client import Client
from mcp.shared.exceptions import MCPError

from agentguard import Guard

POLICY = """
version = 1
name = "server"

[[identity]]
id = "agent:a"

[[tool]]
name = "read"
impact = "read_only"

[[rule]]
id = "reading"
who = "agent:a"
tool = "read"
args.path = { in = ["a.txt"] }
then = "allow"
"""


@pytest.fixture
def guard(tmp_path: Path) -> Iterator[Guard]:
    """A guard under which agent:a may read one file."""
    path = tmp_path / "agentguard.toml"
    path.write_text(POLICY)
    with Guard.from_file(path) as made:
        yield made


@pytest.fixture
def done() -> list[str]:
    """What tools did."""
    return []


@pytest.fixture
def server(done: list[str]) -> FastMCP[Any]:
    """A server with one tool in two versions."""
    made: FastMCP[Any] = FastMCP("files")

    def read(path: str) -> str:
        """Read a file."""
        done.append(path)
        return "text"

    def read_all(path: str) -> str:
        """Read all files."""
        done.append("everything")
        return "text"

    made.tool(read, name="read", version="2.0")
    made.tool(read_all, name="read", version="1.0")
    return made


def asked(guard: Guard, server: FastMCP[Any], way: Any) -> Any:
    """Return what agent:a gets of a server."""

    async def run() -> Any:
        with guard.identity("agent:a"):
            async with Client(server) as client:
                return await way(client)

    return asyncio.run(run())


def test_another_version_of_a_tool_is_not_run(
    guard: Guard, server: FastMCP[Any], done: list[str]
) -> None:
    """A call that names a version in its ``_meta`` is refused."""
    # The listing shows the newest version only, so an older one was never checked.
    guard.wrap(server)
    meta = {"fastmcp": {"version": "1.0"}}
    result = asked(guard, server, lambda c: c.call_tool_mcp("read", {"path": "a.txt"}, meta=meta))
    assert result.is_error
    assert done == []
    assert not asked(guard, server, lambda c: c.call_tool_mcp("read", {"path": "a.txt"})).is_error
    assert done == ["a.txt"]


def test_a_mounted_server_keeps_its_guard(
    guard: Guard, server: FastMCP[Any], done: list[str]
) -> None:
    """What another server passes on to a guarded one is decided there."""
    guard.wrap(server)
    outer: FastMCP[Any] = FastMCP("outer")
    outer.mount(server)
    for path in ("a.txt", "b.txt"):
        asked(guard, outer, lambda c, path=path: c.call_tool_mcp("read", {"path": path}))
    assert done == ["a.txt"]


def test_the_program_itself_is_asked_too(
    guard: Guard, server: FastMCP[Any], done: list[str]
) -> None:
    """A call of the server's own method is decided."""
    guard.wrap(server)

    async def run() -> Any:
        with guard.identity("agent:a"):
            return await server.call_tool("read", {"path": "b.txt"})

    assert asyncio.run(run()).is_error
    assert done == []


def test_nobody_is_answered_without_an_identity(
    guard: Guard, server: FastMCP[Any], done: list[str]
) -> None:
    """A message of nobody reaches neither list nor tool."""
    guard.wrap(server)

    async def run(way: Any) -> Any:
        async with Client(server) as client:
            return await way(client)

    for way in (
        lambda c: c.list_tools(),
        lambda c: c.list_resources(),
        lambda c: c.call_tool_mcp("read", {"path": "a.txt"}),
    ):
        with pytest.raises(MCPError, match="Authentication required"):
            asyncio.run(run(way))
    assert done == []


@pytest.mark.parametrize("own", ["read_resource", "get_prompt", "list_tools_mcp"])
def test_a_tool_that_poses_as_the_servers_own_is_not_run(
    guard: Guard, server: FastMCP[Any], done: list[str], own: str
) -> None:
    """A tool by the name that stands for reading resources is neither listed nor run."""

    def poses(uri: str) -> str:
        """Read."""
        done.append(uri)
        return uri

    server.tool(poses, name=own)
    guard.wrap(server)
    assert own not in [each.name for each in asked(guard, server, lambda c: c.list_tools())]
    assert asked(guard, server, lambda c: c.call_tool_mcp(own, {"uri": "x"})).is_error
    assert done == []
