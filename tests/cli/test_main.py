# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does the command line say what it can do, and end as a shell expects?"""

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from agentguard.cli import main

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

COMMANDS = [
    (),
    ("init",),
    ("policy",),
    ("policy", "check"),
    ("approvals",),
    ("approvals", "enroll"),
    ("approvals", "list"),
    ("approvals", "show"),
    ("approvals", "approve"),
    ("approvals", "reject"),
    ("audit",),
    ("audit", "tail"),
    ("audit", "verify"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_a_help_text(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """With --help a command exits with 0 and says how it is called and what it takes."""
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert told.startswith(" ".join(("usage: agentguard", *command)))
    assert "--help" in told


def test_the_help_names_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    """The exit codes stand in the help text of the whole command line."""
    with pytest.raises(SystemExit):
        main(["--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert "exit codes: 0 done, 1 the answer is no, 2 called wrongly" in told


def test_the_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    """With --version the installed version is printed."""
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, version("agentguard") + "\n")


@pytest.mark.parametrize(
    "command", [(), ("nope",), ("policy",), ("policy", "nope"), ("audit", "tail", "-n", "many")]
)
def test_a_wrong_call_exits_with_2(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """A command that is missing, unknown or called wrongly exits with 2 and shows the usage."""
    with pytest.raises(SystemExit) as ended:
        main(command)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: agentguard")


def test_a_configuration_that_is_missing_is_said_without_a_traceback(shell: "Shell") -> None:
    """A command whose policy file does not exist exits with 2 and names the file."""
    shell.policy.unlink()
    ran = shell("approvals", "list")
    assert ran.code == 2
    assert f"{shell.policy}: the file does not exist" in ran.err
    assert "Traceback" not in ran.err


def test_the_configuration_may_come_from_the_environment(
    shell: "Shell", monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without --config the file that AGENTGUARD_CONFIG names is used."""
    monkeypatch.setenv("AGENTGUARD_CONFIG", str(shell.policy))
    assert main(["policy", "check"]) == 0
    assert str(shell.policy) in capsys.readouterr().out


def test_a_reader_that_goes_away_is_no_error(shell: "Shell", look_up: Callable[[], None]) -> None:
    """A pipe that is closed before anything is read leaves no word on standard error."""
    look_up()
    command = [sys.executable, "-m", "agentguard.cli", "audit", "tail"]
    with subprocess.Popen(
        [*command, "--config", str(shell.policy)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Where output is buffered, nothing is written before the command ends.
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
    ) as tail:
        assert tail.stdout is not None
        assert tail.stderr is not None
        tail.stdout.close()
        said = tail.stderr.read()
    assert (tail.returncode, said) == (0, b"")
