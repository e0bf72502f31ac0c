# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Nothing that a caller says beside its arguments reaches a tool of a server of ours."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.server.context import ServerRequestContext
from mcp.types import PROTOCOL_VERSION_META_KEY

from agentguard import Guard
from agentguard.integrations.mcp import ServerGuard
from agentguard.testing.mcp_server import ScriptedServer, tool

POLICY = """
version = 1
name = "server"

[[identity]]
id = "agent:a"

[[tool]]
name = "lookup"
impact = "read_only"

[[rule]]
id = "lookups"
who = "agent:a"
tool = "lookup"
args.order = { match = "ORD-[0-9]+" }
then = "allow"
"""


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_what_stands_beside_the_arguments_reaches_no_tool(tmp_path: Path, mode: str) -> None:
    """A tool finds in ``_meta`` what the protocol itself asks for, and nothing of its caller's."""
    # The story: a tool reads from ``_meta`` for which tenant it looks up; no rule speaks of that, so
    # a caller who may look up orders of its own names another tenant there.
    path = tmp_path / "agentguard.toml"
    path.write_text(POLICY)
    script = ScriptedServer(tool("lookup", order="string"))
    aside: Any = {"tenant": "other", "progressToken": 7}
    seen: list[Any] = []

    async def look(ctx: ServerRequestContext[Any, Any], call_next: Any) -> Any:
        seen.append((ctx.params or {}).get("_meta"))
        seen.append(ctx.meta)
        return await call_next(ctx)

    async def act(guard: Guard) -> None:
        script.server.middleware[:0] = [ServerGuard(guard), look]
        async with Client(script.server, mode=mode) as client:
            with guard.identity("agent:a"):
                await client.call_tool("lookup", {"order": "ORD-1"}, meta=aside)

    with Guard.from_file(path) as guard:
        asyncio.run(act(guard))
    assert script.calls == [{"name": "lookup", "arguments": {"order": "ORD-1"}}]
    assert "tenant" not in str(seen)
    assert "7" in str(seen)
    if mode == "auto":
        assert PROTOCOL_VERSION_META_KEY in str(seen)
