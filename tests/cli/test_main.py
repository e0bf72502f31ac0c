# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does the command line say what it can do, and end as a shell expects?"""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from agentguard.cli import main
from agentguard.cli.main import parser as main_parser

if TYPE_CHECKING:
    from tests.cli.conftest import Shell


def commands(
    parser: argparse.ArgumentParser, words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser]]:
    """Yield every command below a parser, itself included."""
    yield words, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, below in action.choices.items():
                yield from commands(below, (*words, word))


COMMANDS = dict(commands(main_parser()))


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


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_everything_that_a_command_takes_is_explained(command: tuple[str, ...]) -> None:
    """No option and no argument stands in a help text without a word about it."""
    bare = [
        action.dest
        for action in COMMANDS[command]._actions
        if not action.help and not isinstance(action, argparse._SubParsersAction)
    ]
    assert bare == []


@pytest.mark.parametrize(
    "verb", [words[1] for words in COMMANDS if len(words) == 2 and words[0] == "policy"]
)
def test_every_question_about_a_policy_names_its_exit_codes(verb: str) -> None:
    """What a pipeline may build on stands in the help text of the command itself."""
    assert (COMMANDS["policy", verb].epilog or "").startswith("exit codes: 0 ")


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
