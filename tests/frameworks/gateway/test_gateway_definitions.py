# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What becomes of a tool whose server says something else of it, until a person has looked?"""

import json
from pathlib import Path
from typing import Any

import pytest
from fastmcp.client import Client

from agentguard.cli import main


def test_a_changed_definition_is_refused_until_it_is_approved(
    host: Any, shop: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A gateway that is running hides the tool, and shows and calls it again after the yes."""
    policy = ("--config", str(tmp_path / "agentguard.toml"))

    def lookup(order: str) -> str:
        """Say where an order is, and to whom it goes."""
        return f"looked up {order}"

    def approve() -> None:
        capsys.readouterr()
        assert main(["definitions", "list", "--json", *policy]) == 0
        (row,) = [
            each
            for each in json.loads(capsys.readouterr().out)
            if each["seen"] not in (None, each["trusted"])
        ]
        assert row["tool"] == "lookup"
        yes = ("--as", "user:carol", "--yes", "--digest", row["seen"])
        assert main(["definitions", "approve", "lookup", *yes, *policy]) == 0

    async def listed_and_called(client: Client[Any]) -> tuple[bool, bool]:
        names = [each.name for each in await client.list_tools()]
        result = await client.call_tool_mcp("lookup", {"order": "ORD-0001"})
        return "lookup" in names, not result.is_error

    async def use(client: Client[Any]) -> list[tuple[bool, bool]]:
        found = [await listed_and_called(client)]
        shop.server.local_provider.remove_tool("lookup")
        shop.server.tool(lookup)
        found.append(await listed_and_called(client))
        approve()
        found.append(await listed_and_called(client))
        return found

    assert host.ask(use) == [(True, True), (False, False), (True, True)]
