# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can the gateway be started so that anybody acts as somebody?"""

from pathlib import Path

import pytest

from agentguard.cli import main
from agentguard.integrations.mcp import gateway_serving

POLICY = """
version = 1
name = "gateway"

[[identity]]
id = "agent:a"
"""


@pytest.fixture(autouse=True)
def loud(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the loggers of this process as they are."""
    monkeypatch.setattr(gateway_serving, "quiet", lambda: None)


@pytest.fixture
def policy(tmp_path: Path) -> str:
    """A policy that allows nothing and believes no issuer of tokens."""
    path = tmp_path / "agentguard.toml"
    path.write_text(POLICY)
    return str(path)


def refusal(capsys: pytest.CaptureFixture[str], policy: str, *options: str) -> str:
    """Return what a command that does not start says, which is nothing on standard output."""
    capsys.readouterr()
    code = main(["mcp-gateway", "--config", policy, *options, "--", "/no/such/program"])
    said = capsys.readouterr()
    assert code == 2
    assert said.out == ""
    return said.err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "say who acts with --as"),
        (("--as", "nobody"), "malformed"),
        (("--as", "agent:b"), "does not declare 'agent:b'"),
        (("--as", "agent:a", "--http", "0.0.0.0:0"), "listens on this machine alone"),
        (("--as", "agent:a", "--http", "192.0.2.1:80"), "listens on this machine alone"),
        (("--as", "agent:a", "--http", "example.com:80"), "listens on this machine alone"),
        (("--as", "agent:a", "--http", "[::]:80"), "listens on this machine alone"),
        (("--http", "127.0.0.1:0"), "say who acts with --as"),
        (("--http", "127.0.0.1"), "--http takes HOST:PORT"),
        (("--http", ":8080"), "--http takes HOST:PORT"),
        (("--http", "127.0.0.1:99999"), "--http takes HOST:PORT"),
        (("--as", "agent:a", "--tokens"), "--tokens goes with --http"),
        (("--tokens", "--http", "127.0.0.1:0", "--for", "user:a"), "--tokens goes with --http"),
        (("--tokens", "--http", "127.0.0.1:0"), "needs an [issuer.NAME] table"),
        (
            ("--as", "agent:a", "--http", "127.0.0.1:0", "--allow-host", "*"),
            "--allow-host takes a whole name",
        ),
        (("--as", "agent:a"), "ended, or cannot be reached"),
        (("--as", "agent:a", "--environment", "none"), "environment"),
    ],
)
def test_what_would_let_anybody_in_does_not_start(
    capsys: pytest.CaptureFixture[str], policy: str, options: tuple[str, ...], told: str
) -> None:
    """The command says what is wrong on standard error, and exits with 2."""
    assert told in refusal(capsys, policy, *options)


def test_a_policy_that_cannot_be_used_starts_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Without a policy there is no gateway."""
    assert "does not exist" in refusal(capsys, str(tmp_path / "none.toml"), "--as", "agent:a")
