# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What of the gateway's process reaches the server behind it, and what of the server the host?"""

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastmcp.client import Client

from agentguard import ConfigError, Guard
from agentguard.cli import main
from agentguard.integrations.mcp import gateway_serving
from agentguard.integrations.mcp.gateway_backends import Backend, BackendFailed
from agentguard.integrations.mcp.gateway_serving import process, remote

CANARY = "canary-7713"
POLICY = """
version = 1
name = "gateway"

[[identity]]
id = "agent:a"

[[tool]]
name = "environment"
impact = "irreversible"

[[rule]]
id = "asking"
who = "agent:a"
tool = "environment"
then = "allow"
"""
# Speaks as much of the protocol as is needed, and says more on standard error than it should.
SERVER = """
import json, os, sys
print("canary-7713", file=sys.stderr, flush=True)
tool = {"name": "environment", "description": "Say.", "inputSchema": {"type": "object"}}
for line in sys.stdin:
    asked = json.loads(line)
    if "id" not in asked:
        continue
    answer = {"id": asked["id"], "jsonrpc": "2.0"}
    if asked["method"] == "initialize":
        answer["result"] = {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "s", "version": "1"},
        }
    elif asked["method"] == "tools/list":
        answer["result"] = {"tools": [tool]}
    elif asked["method"] == "tools/call":
        text = " ".join(sorted(os.environ))
        answer["result"] = {"content": [{"type": "text", "text": text}]}
    else:
        answer["error"] = {"code": -32601, "message": "canary-7713"}
    print(json.dumps(answer), flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a policy and a server."""
    (tmp_path / "agentguard.toml").write_text(POLICY)
    (tmp_path / "server.py").write_text(SERVER)
    return tmp_path


class Host:
    """A host that starts the gateway as its configuration says, and speaks lines with it."""

    def __init__(self, folder: Path, *options: str) -> None:
        command = [sys.executable, "-m", "agentguard.cli", "mcp-gateway", "--as", "agent:a"]
        config = ["--config", str(folder / "agentguard.toml"), *options]
        server = ["--", sys.executable, str(folder / "server.py")]
        self.process = subprocess.Popen(
            [*command, *config, *server],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "AGENTGUARD_SECRET": "1", "NAMED": "1", "UNNAMED": "1"},
            text=True,
        )

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a request and return the message that comes back."""
        self.tell({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        assert self.process.stdout is not None
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def tell(self, message: dict[str, Any]) -> None:
        """Send a message."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def greet(self) -> dict[str, Any]:
        """Begin a session."""
        said = self.ask(
            "initialize",
            protocolVersion="2025-06-18",
            capabilities={},
            clientInfo={"name": "host", "version": "1"},
        )
        self.tell({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return said


@pytest.fixture
def host(folder: Path) -> Iterator[Host]:
    """A host whose gateway passes one variable on."""
    started = Host(folder, "--env", "NAMED")
    yield started
    started.process.kill()
    started.process.communicate()


def test_a_host_speaks_with_a_program_through_the_gateway(
    host: Host, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The host gets the protocol alone, the server what was named alone, and the log is closed."""
    assert "result" in host.greet()
    assert [each["name"] for each in host.ask("tools/list")["result"]["tools"]] == ["environment"]
    result = host.ask("tools/call", name="environment", arguments={})["result"]
    names = result["content"][0]["text"].split()
    assert "NAMED" in names
    assert not [name for name in names if name == "UNNAMED" or name.startswith("AGENTGUARD")]
    assert host.ask("tools/call", name=CANARY, arguments={})["result"]["isError"]
    assert "error" in host.ask("resources/read", uri="a://b")
    # It is told to end while its host is still there.
    host.process.send_signal(signal.SIGTERM)
    rest, errors = host.process.communicate()
    assert host.process.returncode == 0
    assert rest == ""
    assert CANARY not in errors
    policy = str(folder / "agentguard.toml")
    assert main(["audit", "verify", "--config", policy]) == 0
    capsys.readouterr()
    assert main(["coverage", "--json", "--config", policy]) == 0
    assert [each["closed"] for each in json.loads(capsys.readouterr().out)["writers"]] == [True]


@pytest.mark.nightly
def test_hosts_speak_with_a_program_over_http(folder: Path) -> None:
    """A gateway that listens says where, serves whoever comes there, and ends when it is told."""
    started = Host(folder, "--http", "127.0.0.1:0")
    try:
        assert started.process.stderr is not None
        place = started.process.stderr.readline().split()[-1]
        assert place.startswith("http://127.0.0.1:")

        async def ask() -> tuple[list[str], bool]:
            async with Client(place) as client:
                names = [each.name for each in await client.list_tools()]
                return names, (await client.call_tool_mcp(CANARY, {})).is_error

        assert asyncio.run(ask()) == (["environment"], True)
        started.process.send_signal(signal.SIGTERM)
        rest, errors = started.process.communicate()
        assert (started.process.returncode, rest, CANARY in errors) == (0, "", False)
    finally:
        started.process.kill()
        started.process.communicate()


def test_a_gateway_ends_with_its_host(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A host that is gone leaves no gateway behind, and a whole log."""
    monkeypatch.setattr(gateway_serving, "quiet", lambda: None)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    policy = str(folder / "agentguard.toml")
    server = ["--", sys.executable, str(folder / "server.py")]
    assert main(["mcp-gateway", "--as", "agent:a", "--config", policy, *server]) == 0
    assert main(["audit", "verify", "--config", policy]) == 0
    assert CANARY not in capsys.readouterr().err


@pytest.mark.parametrize(
    "program",
    [
        "import sys; sys.exit(3)",
        "print('canary-7713', flush=True)",
        "import sys\nfor line in sys.stdin: print('canary-7713 {', flush=True)",
    ],
    ids=["gone", "says something and goes", "speaks something else"],
)
def test_a_program_that_does_not_speak_the_protocol_is_refused(
    folder: Path, program: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Such a server is not reached, and nothing of what it says is told."""
    with Guard.from_file(folder / "agentguard.toml") as guard:
        target = process([sys.executable, "-c", program], {})
        backend = Backend(target, guard.enforcer, timeout=1)
        with pytest.raises(BackendFailed) as caught:
            asyncio.run(backend.start())
    assert CANARY not in f"{caught.value!r} {caught.value.__cause__} {caught.value.__context__}"
    ours = [each.getMessage() for each in caplog.records if each.name.startswith("agentguard")]
    assert CANARY not in "".join(ours)


def test_a_variable_of_the_guards_own_is_not_passed_on() -> None:
    """Asking for it is refused before anything is started."""
    with pytest.raises(ConfigError, match="the guard's own"):
        process(["server"], {"AGENTGUARD_VAULT_KEY": "secret"})


@pytest.mark.parametrize("url", ["http://example.com/mcp", "ftp://127.0.0.1/", "nothing", ""])
def test_a_server_is_not_reached_in_the_clear(url: str) -> None:
    """Beyond this machine, nothing goes to a server that somebody could read on the way."""
    with pytest.raises(ConfigError, match="https"):
        remote(url)


def test_a_redirect_leads_to_no_other_place() -> None:
    """The client that speaks to a server follows no redirect."""
    transport: Any = remote("https://mcp.example/mcp")()

    async def follows() -> bool:
        client = transport.httpx_client_factory(follow_redirects=True)
        async with client:
            return bool(client.follow_redirects)

    assert not asyncio.run(follows())


def test_a_program_that_ends_during_a_call_is_started_anew(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The call is refused without a word of the program, and the next one finds it again."""
    dying = 'if asked["method"] == "tools/call" and not os.path.exists("died"):\n'
    dying += '        open("died", "w").close(); print("canary-7713"); sys.exit(1)\n    '
    text = SERVER.replace('answer = {"id"', dying + 'answer = {"id"')
    (folder / "server.py").write_text(text)
    with Guard.from_file(folder / "agentguard.toml") as guard:
        target = process([sys.executable, "server.py"], {}, folder=str(folder))
        backend = Backend(target, guard.enforcer, timeout=30)

        async def ask(client: Any) -> Any:
            return await client.call_tool_mcp("environment", {})

        async def twice() -> Any:
            with guard.identity("agent:a"):
                with pytest.raises(BackendFailed) as caught:
                    await backend.ask(ask)
                assert CANARY not in f"{caught.value!r} {caught.value.__context__}"
                found = await backend.ask(ask)
            await backend.close()
            return found

        assert not asyncio.run(twice()).is_error
    ours = [each.getMessage() for each in caplog.records if each.name.startswith("agentguard")]
    assert CANARY not in "".join(ours)
