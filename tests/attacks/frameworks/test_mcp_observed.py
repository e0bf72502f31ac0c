# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The spans of the MCP SDK hold no text of a server, and the guard's own hold none either."""

import asyncio
from pathlib import Path

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentguard import Guard
from agentguard.integrations.mcp.spans import unrecorded
from agentguard.testing.mcp_server import ScriptedServer, tool

SECRET = "operation silver falcon"
POLICY = """
version = 1
name = "mcp"

[[identity]]
id = "agent:a"

[[tool]]
name = "read"
impact = "read_only"

[[rule]]
id = "reading"
who = "agent:a"
tool = "read"
args.path = { any = true }
then = "allow"
"""


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_an_error_of_a_server_stands_in_no_span(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """What a server says of an error, which the SDK writes into its span, is not recorded."""
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    # The SDK asks for its tracer when it is imported; this is what a global provider gives it.
    monkeypatch.setattr("mcp.shared._otel._tracer", provider.get_tracer("mcp"))
    path = tmp_path / "agentguard.toml"
    path.write_text(POLICY)
    server = ScriptedServer(tool("read", path="string"))
    server.answers["tools/call"] = MCPError(code=-32602, message=SECRET)

    async def act(guard: Guard) -> None:
        with provider.get_tracer("program").start_as_current_span("program"):
            async with guard.wrap(Client(server.server, mode=mode)) as client:
                with guard.identity("agent:a"), pytest.raises(MCPError):
                    await client.call_tool("read", {"path": SECRET})

    with Guard.from_file(path, tracer_provider=provider) as guard:
        asyncio.run(act(guard))
    told = "".join(span.to_json() for span in spans.get_finished_spans())
    assert "execute_tool" in told
    assert "falcon" not in told


def test_nothing_is_recorded_inside() -> None:
    """A span that is begun in the block is not recorded, and the one around goes on."""
    provider = TracerProvider()
    tracer = provider.get_tracer("program")
    with tracer.start_as_current_span("around") as around:
        with unrecorded():
            assert not tracer.start_span("inside").is_recording()
        assert trace.get_current_span() is around
        assert tracer.start_span("after").is_recording()
