# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The page on the tools for a policy says what they take, print and exit with."""

import argparse
import re
import shlex
from pathlib import Path

import pytest

from agentguard.cli import main
from agentguard.cli.main import parser
from agentguard.config import starter
from agentguard.config.cases import load_cases
from agentguard.signing import new_key

PAGE = (Path(__file__).parents[2] / "docs" / "policy-tools.md").read_text(encoding="utf-8")
DIGEST = re.compile(r"sha256:\S+")
ELSEWHERE = {"replay", "learn", "sign", "verify"}


def below(command: argparse.ArgumentParser, word: str) -> argparse.ArgumentParser:
    """Return one of the commands of a command."""
    return verbs(command)[word]


def verbs(command: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return all commands of a command, by name."""
    found = (each for each in command._actions if isinstance(each, argparse._SubParsersAction))
    return dict(next(found).choices)


VERBS = verbs(below(parser(), "policy"))


def block(language: str, holding: str) -> str:
    """Return the block in a language that holds a text."""
    found = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(next(each for each in found if holding in each))


@pytest.fixture(autouse=True)
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The starter policy in the working folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "agentguard.toml"
    path.write_text(starter(new_key()[1]), encoding="utf-8")
    return path


@pytest.mark.parametrize("verb", VERBS)
def test_every_question_stands_on_the_page_with_its_exit_codes(verb: str) -> None:
    """The table has each command, with the exit codes that its own help names."""
    row = next(line for line in PAGE.splitlines() if f"| `agentguard policy {verb}" in line)
    told = set(re.findall(r"\b([0-9]) ", row.strip(" |").split(" | ")[-1]))
    helped = set(re.findall(r"\b([0-9]) ", VERBS[verb].epilog or ""))
    assert told | {"2"} == helped


@pytest.mark.parametrize("verb", VERBS.keys() - ELSEWHERE)
def test_every_option_stands_on_the_page(verb: str) -> None:
    """What a command takes is told, but where another page has the command."""
    options = {each for action in VERBS[verb]._actions for each in action.option_strings}
    told = set(re.findall(r"(?<![a-z-])--[a-z-]+", PAGE))
    assert options - {"-h", "--help"} <= told


def test_the_explanation_is_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """The call on the page is explained for the starter policy as the page shows."""
    command = shlex.split(block("sh", "policy explain").replace("\\\n", ""))
    assert main(command[1:]) == 1
    printed = DIGEST.sub("sha256:...", capsys.readouterr().out)
    assert printed == block("text", "rules about it")


def test_the_difference_is_what_is_printed(
    policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A larger bound is told with the call that the page shows."""
    wider = policy.read_text(encoding="utf-8").replace("[101, 1000]", "[101, 2000]")
    policy.with_name("candidate.toml").write_text(wider, encoding="utf-8")
    command = shlex.split(block("sh", "policy diff"))
    assert main(command[1:]) == 1
    assert capsys.readouterr().out == block("text", "newly asked about")


def test_the_case_can_be_read(policy: Path) -> None:
    """The case on the page is one."""
    path = policy.with_name("cases.toml")
    path.write_text(block("toml", "[[case]]"), encoding="utf-8")
    assert [each.name for each in load_cases(path).expectations] == [
        "a large refund is asked about"
    ]
