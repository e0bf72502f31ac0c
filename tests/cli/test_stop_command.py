# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The commands that stop agents and let them go on."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from agentguard.cli import main
from agentguard.vocabulary import AuditEntry, EntryType

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(policy_file: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command and return its exit code and what it printed."""

    def one(*arguments: str) -> tuple[int, str, str]:
        code = main([*arguments, "--config", str(policy_file)])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return one


def test_what_is_stopped_is_shown_until_it_is_resumed(run: Run, entries: list[AuditEntry]) -> None:
    """Each command does what it says, and both changes are written into the audit log."""
    assert run("stops")[1] == "nothing is stopped\n"
    assert run("stop", "--tool", "refund", "--reason", "odd", "--by", "user:olga")[0] == 0
    assert "already" in run("stop", "--tool", "refund", "--reason", "again")[1]
    (row,) = json.loads(run("stops", "--json")[1])
    assert (row["scope"], row["subject"], row["by"], row["why"]) == (
        *("tool", "refund", "user:olga", "odd"),
    )
    assert run("resume", "--tool", "refund", "--by", "user:olga")[0] == 0
    assert run("resume", "--tool", "refund")[0] == 1
    assert json.loads(run("stops", "--json")[1]) == []
    told = [(each.type, each.details["subject"]) for each in entries if "subject" in each.details]
    assert told == [(EntryType.GUARD_STOPPED, "refund"), (EntryType.GUARD_RESUMED, "refund")]


@pytest.mark.parametrize(
    "arguments",
    [("--who", ""), ("--tool", " refund"), ("--all", "--by", " "), ("--all", "--by", "a\nb")],
)
def test_a_stop_of_nobody_is_refused(run: Run, arguments: tuple[str, ...]) -> None:
    """Empty names and empty reasons stop nothing."""
    assert run("stop", *arguments, "--reason", "odd")[0] == 2
    assert run("stop", "--all", "--reason", " ")[0] == 2
    assert run("stops")[1] == "nothing is stopped\n"


def test_a_mistake_in_the_policy_keeps_nobody_from_stopping(run: Run, policy_file: Path) -> None:
    """A file with another mistake still says where the ledger is; a wrong place does not."""
    text = policy_file.read_text()
    policy_file.write_text(text + '\n[budget.b]\nscope = "galaxy"\n')
    assert run("stop", "--all", "--reason", "odd")[0] == 0
    policy_file.write_text(text + '\n[ledger]\nstore = "paper"\n')
    code, _, told = run("stop", "--all", "--reason", "odd")
    assert code == 2
    assert "ledger" in told


def test_what_is_stopped_stays_so_when_it_cannot_be_written_down(
    run: Run, policy_file: Path
) -> None:
    """Without an audit log the stop is in force, and the operator is told what is missing."""
    policy_file.with_name("agentguard.db").write_text("no database at all, but some text in it")
    code, _, told = run("stop", "--all", "--reason", "odd")
    assert code == 2
    assert "stopped, but not written" in told
    assert len(json.loads(run("stops", "--json")[1])) == 1
