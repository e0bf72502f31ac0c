# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The commands about facts count and erase, and show no value."""

import base64
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from agentguard import Guard
from agentguard.cli import main
from agentguard.errors import AgentGuardError

CANARY = "ORD-00099999"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def recorded(policy_file: Path) -> Path:
    """A policy under which support refunded something for alice and for bob."""
    key = policy_file.parent / "facts.key"
    key.write_text(base64.b64encode(bytes(range(32))).decode(), encoding="ascii")
    key.chmod(0o600)
    text = policy_file.read_text(encoding="utf-8")
    policy_file.write_text(f'{text}\n[facts]\nkey_file = "facts.key"\n', encoding="utf-8")
    with Guard.from_file(policy_file) as guard:

        @guard.tool
        def refund(order: str, amount: int, to: str) -> str:
            return f"refunded {amount}"

        for person, session in (("alice", "conv-1"), ("alice", "conv-2"), ("bob", "conv-3")):
            with (
                guard.identity("agent:support", on_behalf_of=f"user:{person}", session=session),
                suppress(AgentGuardError),
            ):
                refund(CANARY, 20, "a@customers.example")
    return policy_file


@pytest.fixture
def run(recorded: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command on facts and return its exit code and what it printed."""

    def one(*arguments: str) -> tuple[int, str, str]:
        code = main(["facts", *arguments, "--config", str(recorded)])
        shown = capsys.readouterr()
        assert CANARY not in shown.out + shown.err
        return code, shown.out, shown.err

    return one


def kept(run: Run) -> int:
    """Return of how many calls facts are kept."""
    return sum(row["calls"] for row in json.loads(run("list", "--json")[1])["kept"])


def entries(recorded: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what the audit log says."""
    assert main(["audit", "tail", "--json", "--config", str(recorded)]) == 0
    return capsys.readouterr().out


def test_a_list_counts_who_called_what(run: Run) -> None:
    """How many calls of which tool by whom, and since when, and nothing else."""
    code, out, _ = run("list")
    assert code == 0
    (line,) = out.splitlines()
    assert line.split()[:3] == ["agent:support", "refund", "3"]
    assert "conv" not in out


@pytest.mark.parametrize(
    ("chosen", "left"),
    [
        (("--session", "conv-1"), 2),
        (("--person", "user:alice"), 1),
        (("--person", "user:alice", "--session", "conv-3"), 3),
        (("--before", "1d"), 3),
        (("--before", "2199-01-01"), 0),
        (("--session", "conv-1", "--tenant", "acme"), 3),
        (("--all",), 0),
    ],
)
def test_what_is_chosen_is_erased(
    recorded: Path,
    run: Run,
    capsys: pytest.CaptureFixture[str],
    chosen: tuple[str, ...],
    left: int,
) -> None:
    """Facts go by session, person and age; the erasure is counted and stands in the log."""
    code, out, _ = run("erase", *chosen, "--json")
    assert code == 0
    assert json.loads(out) == {"erased": 3 - left}
    assert kept(run) == left
    assert main(["audit", "verify", "--config", str(recorded)]) == 0
    capsys.readouterr()
    told = [line for line in entries(recorded, capsys).splitlines() if "facts.erased" in line]
    (entry,) = map(json.loads, told)
    assert entry["details"]["calls"] == str(3 - left)
    assert "conv" not in told[0]
    assert "alice" not in told[0]


@pytest.mark.parametrize(
    "chosen",
    [
        (),
        ("--session", ""),
        ("--person", ""),
        ("--all", "--person", "user:alice"),
        ("--tenant", "acme"),
        ("--person", "user:alice", "--tenant", "acme"),
        ("--before", "soon"),
    ],
)
def test_an_unclear_choice_erases_nothing(run: Run, chosen: tuple[str, ...]) -> None:
    """Without a choice, with an empty id or with a contradiction nothing is erased."""
    assert run("erase", *chosen)[0] == 2
    assert kept(run) == 3


def test_after_an_erasure_the_entries_are_left(run: Run) -> None:
    """That calls were made stays known when what they were decided on is gone."""
    run("erase", "--all")
    assert run("list")[1] == "nothing is kept\nof 3 further calls only the audit entry is left\n"


def test_a_guard_that_runs_goes_on(recorded: Path, run: Run) -> None:
    """An erasure beside a running guard takes what is there, and new facts are kept."""
    with Guard.from_file(recorded) as guard:

        @guard.tool
        def refund(order: str, amount: int, to: str) -> str:
            return f"refunded {amount}"

        def call() -> None:
            with guard.identity("agent:support", on_behalf_of="user:alice"):
                refund(CANARY, 20, "a@customers.example")

        call()
        assert run("erase", "--all")[0] in {0, 2}
        call()
        assert kept(run) == 1
