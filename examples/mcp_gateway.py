# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A host reaches an MCP server through the gateway.

python examples/mcp_gateway.py
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from fastmcp import FastMCP
from fastmcp.client import Client
from fastmcp.client.transports import StdioTransport

POLICY = """
version = 1
name = "notes"
identity = [{ id = "agent:coder" }]
tool = [{ name = "read_note", impact = "read_only" }]
class = [{ name = "email", action = "tokenise", in_results = "redact" }]

[[rule]]
id = "reading"
who = "agent:coder"
tool = "read_note"
args.name = { in = ["todo"] }
then = "allow"
"""


def server() -> None:
    """Be the server behind the gateway, which knows nothing of it."""
    notes: FastMCP[None] = FastMCP("notes")
    notes.tool(lambda name: f"{name}: write to jane.doe@example.com", name="read_note")
    notes.tool(lambda name: f"{name} is gone", name="delete_note")
    notes.run(show_banner=False)


async def host(folder: Path) -> None:
    """Be a host, in whose configuration the gateway stands in place of the server."""
    policy = folder / "agentguard.toml"
    policy.write_text(POLICY)
    command = ["-m", "agentguard.cli", "mcp-gateway", "--config", str(policy), "--as"]
    behind = ["agent:coder", "--", sys.executable, __file__, "--server"]
    async with Client(StdioTransport(sys.executable, [*command, *behind])) as client:
        print("listed:", [tool.name for tool in await client.list_tools()])
        for tool, name in (("read_note", "todo"), ("read_note", "diary"), ("delete_note", "todo")):
            result = await client.call_tool_mcp(tool, {"name": name})
            print(f"{tool}({name}):", *(getattr(part, "text", "") for part in result.content))


if __name__ == "__main__":
    if "--server" in sys.argv:
        server()
    else:
        with tempfile.TemporaryDirectory() as place:
            asyncio.run(host(Path(place)))
