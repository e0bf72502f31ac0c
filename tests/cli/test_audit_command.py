# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does ``agentguard audit`` show what was written, and say when it is not what was written?"""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agentguard import Guard

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

Look = Callable[[], None]
TYPES = ["stream.opened", "intent", "outcome", "stream.closed"]


def database(shell: "Shell") -> Path:
    """The file that the starter policy keeps its log in."""
    return shell.policy.parent / "agentguard.db"


def change(shell: "Shell", statement: str, *values: object) -> None:
    """Change the database behind the guard's back, its triggers out of the way."""
    with closing(sqlite3.connect(database(shell))) as connection, connection:
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("PRAGMA foreign_keys = OFF")
        assert connection.execute(statement, values).rowcount == 1


def test_tail_prints_one_line_for_each_entry(shell: "Shell", look_up: Look) -> None:
    """The entries of a call are printed in their order, with what was called, by whom and why."""
    look_up()
    ran = shell("audit", "tail")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert [line.split()[1] for line in lines] == TYPES
    assert "execute_tool lookup_order  user:alice > agent:support" in lines[1]
    assert "effect=allow  rule=lookup-order  outcome=completed" in lines[2]


def test_tail_gives_one_json_object_on_each_line(shell: "Shell", look_up: Look) -> None:
    """With --json every line is an object with the stream, the number and the entry's fields."""
    look_up()
    entries = [json.loads(line) for line in shell("audit", "tail", "--json").out.splitlines()]
    assert [entry["seq"] for entry in entries] == [0, 1, 2, 3]
    assert len({entry["stream"] for entry in entries}) == 1
    assert entries[1]["target"] == "lookup_order"
    assert all(entry["hash"] for entry in entries)


@pytest.mark.parametrize(("count", "types"), [("0", []), ("-3", []), ("2", TYPES[-2:])])
def test_tail_prints_as_many_as_were_asked_for(
    shell: "Shell", look_up: Look, count: str, types: list[str]
) -> None:
    """With -n only the newest entries are printed, none for 0 or less."""
    look_up()
    lines = shell("audit", "tail", f"--lines={count}", "--json").out.splitlines()
    assert [json.loads(line)["type"] for line in lines] == types


def test_tail_follows_a_live_writer(shell: "Shell", look_up: Look) -> None:
    """With --follow the entries of a guard that opens later are printed as they come."""
    look_up()
    command = [sys.executable, "-m", "agentguard.cli", "audit", "tail", "--follow", "--json"]
    with subprocess.Popen(
        [*command, "--config", str(shell.policy)],
        stdout=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
    ) as following:
        assert following.stdout is not None
        try:
            for _ in range(2):
                entries = [json.loads(following.stdout.readline()) for _ in TYPES]
                assert [entry["type"] for entry in entries] == TYPES
                look_up()
        finally:
            following.terminate()


def test_a_whole_log_verifies(shell: "Shell", look_up: Look) -> None:
    """A log that nobody touched exits with 0, and each of the four verdicts has a line."""
    look_up()
    ran = shell("audit", "verify")
    assert ran.code == 0
    assert ran.out.splitlines()[0] == "1 streams, 4 entries"
    verdicts = dict(line.split()[:2] for line in ran.out.splitlines()[1:])
    assert verdicts == {
        "integrity": "holds",
        "completeness": "holds",
        "authenticity": "none",
        "anchoring": "none",
    }


def test_the_verdicts_are_given_as_json(shell: "Shell", look_up: Look) -> None:
    """With --json the four verdicts are fields, each with its state and its sentence."""
    look_up()
    told = shell("audit", "verify", "--json").json
    assert (told["streams"], told["entries"]) == (1, 4)
    assert told["integrity"]["state"] == "holds"
    assert told["completeness"]["sentence"]


@pytest.mark.parametrize("as_json", [False, True])
def test_an_edited_entry_breaks_the_log(shell: "Shell", look_up: Look, *, as_json: bool) -> None:
    """One changed byte in one row exits with 1 and names the entry."""
    look_up()
    edited = "UPDATE audit_entry SET content = replace(content, 'lookup', 'delete') WHERE seq = 1"
    change(shell, edited)
    ran = shell("audit", "verify", *(["--json"] if as_json else []))
    assert ran.code == 1
    if as_json:
        assert ran.json["integrity"]["state"] == "broken"
    else:
        assert "integrity     broken" in ran.out


def test_tail_goes_on_past_a_row_that_is_no_entry(shell: "Shell", look_up: Look) -> None:
    """A row that cannot be read as an entry is left out by tail, and breaks the log for verify."""
    look_up()
    change(shell, "UPDATE audit_entry SET content = x'7b' WHERE seq = 1")
    assert len(shell("audit", "tail").out.splitlines()) == 3
    assert shell("audit", "verify").code == 1


def test_an_intent_without_outcome_is_a_gap(shell: "Shell", policy_file: Path) -> None:
    """A process that dies within a call leaves a log that holds together and exits with 3."""
    died = """
import os, sys
from agentguard import Guard
guard = Guard.from_file(sys.argv[1])
@guard.tool
def refund(order: str, amount: int, to: str) -> str:
    os._exit(9)
with guard.identity("agent:support", on_behalf_of="user:alice"):
    refund("ORD-00012345", 40, "jane@customers.example")
"""
    done = subprocess.run([sys.executable, "-c", died, str(policy_file)], check=False)
    assert done.returncode == 9
    ran = shell("audit", "verify", "--json")
    assert ran.code == 3
    assert ran.json["integrity"]["state"] == "holds"
    assert ran.json["completeness"]["state"] == "incomplete"


@pytest.mark.parametrize("verb", ["tail", "verify"])
def test_no_database_is_said_clearly(shell: "Shell", verb: str) -> None:
    """Without a database a command exits with 2, names the place, and makes no file."""
    ran = shell("audit", verb)
    assert ran.code == 2
    assert ran.err == f"agentguard: there is no database at '{database(shell)}'\n"
    assert not database(shell).exists()


def test_a_file_that_is_no_database_is_said_clearly(shell: "Shell") -> None:
    """A store that is another kind of file exits with 2 and without a traceback."""
    database(shell).write_text("not a database, but long enough to be looked at" * 20)
    ran = shell("audit", "verify")
    assert ran.code == 2
    assert ran.err.startswith("agentguard: ")
    assert len(ran.err.splitlines()) == 1


def test_the_log_is_read_while_it_is_written(shell: "Shell", guard: Guard) -> None:
    """A live writer is no obstacle: its entries are shown, and its open stream is no break."""

    @guard.tool
    def lookup_order(order: str) -> str:
        assert shell("audit", "tail", "-n", "1", "--json").json["type"] in {
            "stream.opened",
            "intent",
        }
        return order

    with guard.identity("agent:support", on_behalf_of="user:alice"):
        lookup_order("ORD-00012345")
    ran = shell("audit", "verify", "--json")
    assert ran.json["integrity"]["state"] == "holds"
    assert ran.code == 0


def test_a_new_version_of_the_policy_is_told_with_its_digest(
    shell: "Shell", guard: Guard, policy_file: Path
) -> None:
    """An entry about the policy says which version came into force and which one it replaced."""
    before = guard.policy_state.digest
    text = policy_file.read_text(encoding="utf-8").replace("[1, 100]", "[1, 99]")
    policy_file.write_text(text, encoding="utf-8")
    after = guard.reload().digest
    line = next(each for each in shell("audit", "tail").out.splitlines() if "policy.loaded" in each)
    assert f"replaces={before[:19]}" in line
    assert f"policy={after[:19]}" in line
