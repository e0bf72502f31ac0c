# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which servers does ``agentguard mcp-gateway`` put the policy before?"""

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from agentguard.cli.gateway_servers import Server, servers_of
from agentguard.cli.output import CommandFailed


def options(**given: Any) -> argparse.Namespace:
    """Return the options of a command line."""
    nothing: dict[str, Any] = dict.fromkeys(("url", "servers", "name"))
    nothing |= {"command": [], "env": []}
    return argparse.Namespace(**{**nothing, "bearer_env": None, **given})


def test_a_program_gets_the_variables_that_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands behind -- is the program, with the variables of --env."""
    monkeypatch.setenv("NAMED", "1")
    found = servers_of(options(command=["npx", "-y", "server"], env=["NAMED"], name="files"))
    assert found == (
        Server(name="files", command=("npx", "-y", "server"), environment={"NAMED": "1"}),
    )
    with pytest.raises(CommandFailed, match="no variable 'MISSING'"):
        servers_of(options(command=["npx"], env=["MISSING"]))


def test_an_address_gets_a_token_from_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The token of a server stands on no command line, and in no text of the server."""
    monkeypatch.setenv("TOKEN", "canary-1")
    found = servers_of(options(url="https://mcp.example", bearer_env="TOKEN"))
    assert found[0].headers == {"Authorization": "Bearer canary-1"}
    assert "canary" not in repr(found)


def test_a_list_of_a_host_is_read(tmp_path: Path) -> None:
    """Programs and addresses of ``mcpServers`` are taken with all that is said of them."""
    path = tmp_path / "mcp.json"
    servers = {
        "files": {"command": "npx", "args": ["-y", "files"], "env": {"A": "1"}, "cwd": "/tmp"},  # noqa: S108 - a folder that is not used
        "web": {"type": "http", "url": "https://mcp.example", "headers": {"X": "1"}},
    }
    path.write_text(json.dumps({"mcpServers": servers}))
    files, web = servers_of(options(servers=str(path)))
    assert files.command == ("npx", "-y", "files")
    assert (files.name, files.environment, files.folder) == ("files", {"A": "1"}, "/tmp")  # noqa: S108 - as above
    assert (web.name, web.url, web.headers) == ("web", "https://mcp.example", {"X": "1"})


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"command": ["a"], "url": "https://b"},
        {"url": "https://b", "env": ["HOME"]},
        {"command": ["a"], "bearer_env": "HOME"},
        {"command": ["a"], "name": "a b"},
        {"command": ["a"], "name": ""},
    ],
)
def test_what_does_not_fit_together_is_refused(given: dict[str, Any]) -> None:
    """The command line names one way to one server, or a list."""
    with pytest.raises(CommandFailed):
        servers_of(options(**given))


@pytest.mark.parametrize(
    "text",
    [
        "canary-1",
        "[]",
        "{}",
        '{"mcpServers": {}}',
        '{"mcpServers": {"a": {}}, "inputs": []}',
        '{"mcpServers": {"a": []}}',
        '{"mcpServers": {"a": {"command": 1}}}',
        '{"mcpServers": {"a": {"command": "x", "args": "y"}}}',
        '{"mcpServers": {"a": {"command": "x", "args": [1]}}}',
        '{"mcpServers": {"a": {"command": "x", "env": ["A"]}}}',
        '{"mcpServers": {"a": {"command": "x", "url": "https://b"}}}',
        '{"mcpServers": {"a": {"command": "x", "autoApprove": ["*"]}}}',
        '{"mcpServers": {"a": {"type": "http"}}}',
        '{"mcpServers": {"a/b": {"command": "x"}}}',
    ],
)
def test_a_list_with_anything_unknown_is_refused(tmp_path: Path, text: str) -> None:
    """A key that means something to a host, and nothing here, is not passed over."""
    path = tmp_path / "mcp.json"
    path.write_text(text)
    with pytest.raises(CommandFailed) as caught:
        servers_of(options(servers=str(path)))
    assert "canary" not in str(caught.value)


def test_a_list_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A file that cannot be read stops the command."""
    with pytest.raises(CommandFailed, match="No such file"):
        servers_of(options(servers=str(tmp_path / "none.json")))
