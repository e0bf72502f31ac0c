# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is a session guarded alike over every transport: a process, and HTTP?"""

import asyncio
import json
import socket
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from mcp import Client, StdioServerParameters
from mcp.shared.exceptions import MCPError
from mcp.types import REQUEST_TIMEOUT

from agentguard import DeniedByPolicy, Guard, IdentityRequired
from agentguard.testing.mcp_server import ScriptedServer, texts, tool

READ = tool("read", "Reads a file.", path="string")
SERVER = """
from mcp.server.mcpserver import MCPServer

server = MCPServer("files")

@server.tool()
def read(path: str) -> str:
    "Reads a file."
    return path + " holds operation silver falcon"

@server.tool()
def other() -> str:
    "Stands in no policy."
    return "other"

server.run()
"""


async def used(guard: Guard, client: Client) -> str:
    """Use a server in every way that matters, and return what an allowed call brought."""
    error: Exception | None = None
    async with guard.wrap(client, server="gh"):
        try:
            with pytest.raises(IdentityRequired):
                await client.call_tool("gh_read", {"path": "a.txt"})
            with guard.identity("agent:a"):
                assert [each.name for each in (await client.list_tools()).tools] == ["gh_read"]
                for name, path in (("gh_read", "c.txt"), ("gh_other", "a.txt"), ("read", "a.txt")):
                    with pytest.raises(DeniedByPolicy):
                        await client.call_tool(name, {"path": path})
                result: Any = await client.call_tool("gh_read", {"path": "a.txt"})
                return str(result.content[0].text)
        except Exception as raised:  # noqa: BLE001 - a task group would dress it in a group
            error = raised
    assert error is not None
    raise error


def test_a_server_in_a_process_of_its_own(mcp_policy: Path, tmp_path: Path) -> None:
    """Over stdio a call is decided, its answer checked, and nothing else is listed."""
    place, policy = tmp_path / "server.py", tmp_path / "agentguard.toml"
    place.write_text(SERVER)
    policy.write_text(mcp_policy.read_text())
    command = StdioServerParameters(command=sys.executable, args=[str(place)])
    with Guard.from_file(policy) as guard:
        said = asyncio.run(used(guard, Client(command)))
    assert said.startswith("a.txt holds ")
    assert "falcon" not in said


def test_a_server_over_http(mcp_guard: Guard) -> None:
    """Over HTTP the same holds, and no header repeats what was not decided."""
    script = ScriptedServer(READ, tool("other"))
    script.answers["tools/call"] = lambda params: texts(params["arguments"]["path"] + " was read")
    headers: list[Any] = []

    async def act() -> list[str]:
        app = script.server.streamable_http_app()

        async def watched(scope: Any, receive: Any, send: Any) -> None:
            headers.append(scope.get("headers"))
            await app(scope, receive, send)

        listening = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(watched, log_config=None, ws="none", lifespan="on")
        running = uvicorn.Server(config)
        serving = asyncio.create_task(running.serve([listening]))
        place = f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
        async with AsyncExitStack() as ending:
            ending.callback(listening.close)
            while not running.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0)
            said = [await used(mcp_guard, Client(place, mode=mode)) for mode in ("auto", "legacy")]
            running.should_exit = True
            await serving
            return said

    assert asyncio.run(act()) == ["a.txt was read", "a.txt was read"]
    assert {json.dumps(each) for each in script.calls} == {
        '{"name": "read", "arguments": {"path": "a.txt"}}'
    }
    assert "c.txt" not in str(headers)


def test_a_call_that_is_cancelled_or_late_is_told_as_such(mcp_guard: Guard) -> None:
    """A server that does not answer in time ends the call with the SDK's own error."""
    script = ScriptedServer(READ)

    async def slow(ctx: Any, call_next: Any) -> Any:
        if ctx.method == "tools/call":
            await asyncio.Event().wait()
        return await call_next(ctx)

    script.server.middleware.insert(0, slow)

    async def act(mode: str) -> int:
        async with mcp_guard.wrap(Client(script.server, mode=mode), server="gh") as client:
            with mcp_guard.identity("agent:a"):
                try:
                    await client.call_tool("gh_read", {"path": "a.txt"}, read_timeout_seconds=0.01)
                except MCPError as error:
                    return error.error.code
        return 0

    for mode in ("auto", "legacy"):
        assert asyncio.run(act(mode)) == REQUEST_TIMEOUT
