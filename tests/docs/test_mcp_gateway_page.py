# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does the page about the gateway say what the command and the classes are?"""

import argparse
import json
import re
import runpy
from pathlib import Path

import pytest
from fastmcp import FastMCP

from agentguard.cli.main import parser
from agentguard.integrations.mcp.fastmcp_servers import GuardedServer

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "mcp-gateway.md").read_text()


def block(language: str) -> str:
    """Return the first block of a language."""
    return PAGE.split(f"```{language}\n", 1)[1].split("\n```", 1)[0]


def command() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    groups = [each for each in parser()._actions if isinstance(each, argparse._SubParsersAction)]
    found: argparse.ArgumentParser = groups[0].choices["mcp-gateway"]
    return found


def test_the_configuration_of_a_host_is_one_that_the_command_takes() -> None:
    """The arguments of the page are read, and the server's stay the server's."""
    said = json.loads(block("json"))["mcpServers"]["files"]
    options = parser().parse_args(said["args"])
    assert said["command"] == "agentguard"
    assert (options.actor, options.person) == ("agent:coder", "user:alice")
    assert options.command[:2] == ["npx", "-y"]


def test_every_option_of_the_command_stands_on_the_page() -> None:
    """No option is missing, and none is there that the command does not know."""
    known = {name for each in command()._actions for name in each.option_strings}
    told = set(re.findall(r"`(--[a-z-]+)", PAGE)) | {"--config", "--help", "--print-policy"}
    assert told == {name for name in known if name.startswith("--")}


def test_the_server_of_the_page_is_guarded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy_file: Path
) -> None:
    """The code runs as it stands beside a policy."""
    monkeypatch.chdir(policy_file.parent)
    script = tmp_path / "page.py"
    script.write_text(block("python"))
    found = runpy.run_path(str(script))
    server: FastMCP[object] = found["served"]
    assert isinstance(server.middleware[-1], GuardedServer)
    found["guard"].close()
