# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The command about budgets shows what is used, by whom, and what is left."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agentguard import Guard
from agentguard.cli import main
from agentguard.stores import SqliteLedger
from agentguard.vocabulary import Hold, Line, Measure, Pot
from agentguard.wiring import now

BUDGETS = """
[budget.daily]
scope = "person"
per = "1d"
calls = 5
money = "2.50"

[budget.team]
scope = "tenant"
concurrent = 3
wall = "1h"
fan_out = 2
bytes_out = { pii = 100 }

[[price]]
tool = "lookup_order"
call = "0.125"
"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def config(policy_file: Path) -> Path:
    """The starter policy with budgets."""
    policy_file.write_text(policy_file.read_text() + BUDGETS)
    return policy_file


@pytest.fixture
def run(config: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command and return its exit code and what it printed."""

    def one(*arguments: str) -> tuple[int, str, str]:
        code = main(["budgets", *arguments, "--config", str(config)])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return one


@pytest.fixture
def used(config: Path) -> Path:
    """Use something up through a guard."""
    with Guard.from_file(config) as guard:

        @guard.tool
        def lookup_order(order: str) -> str:
            return order

        for person in ("user:alice", "user:alice"):
            with guard.identity("agent:support", on_behalf_of=person):
                lookup_order(order="ORD-00012345")
    return config


def rows(run: Run, *arguments: str) -> dict[tuple[str, str], Any]:
    """What is told as JSON, by budget and measure."""
    code, out, _ = run("--json", *arguments)
    assert code == 0
    return {(row["budget"], row["measure"]): row for row in json.loads(out)}


def test_nothing_is_told_where_nothing_was_used(run: Run, config: Path) -> None:
    """Without a ledger nothing is used up, and none is made."""
    assert run() == (0, "nothing is used up\n", "")
    assert rows(run) == {}
    assert not (config.parent / "agentguard-ledger.db").exists()


def test_what_is_used_is_told_with_what_is_left(run: Run, used: Path) -> None:
    """Each measure has what was used, by whom, what is left, and when it begins anew."""
    found = rows(run)
    assert set(found) == {
        ("daily", "calls"),
        ("daily", "money"),
        ("team", "fan_out"),
        ("team", "wall"),
    }
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    calls = found["daily", "calls"]
    assert (calls["used"], calls["held"], calls["left"], calls["most"]) == ("2", "0", "3", "5")
    assert (calls["scope"], calls["owner"]) == ("person", "user:alice")
    assert calls["begins_anew"] > today
    money = found["daily", "money"]
    assert (money["used"], money["left"], money["most"]) == ("0.25", "2.25", "2.5")
    assert found["team", "fan_out"]["left"] == "1"
    assert found["team", "wall"]["most"] == "3600"
    assert found["team", "wall"]["begins_anew"] is None


def test_what_is_used_is_told_in_lines(run: Run, used: Path) -> None:
    """A line names the budget, whose it is, what was used and what is left."""
    code, out, _ = run("--budget", "daily")
    assert code == 0
    calls, money = out.splitlines()
    assert calls.startswith("daily            person user:alice")
    assert "calls: 2 used, 3 left, anew " in calls
    assert "money: 0.25 used, 2.25 left" in money


def test_what_is_held_is_told(run: Run, config: Path) -> None:
    """What calls under way hold is not left for others."""
    at = int(now().timestamp())
    ledger = SqliteLedger(config.parent / "agentguard-ledger.db")
    line = Line(
        pot=Pot(budget="team", scope="tenant", owner=""),
        measure=Measure.BYTES_OUT,
        of="pii",
        cap=100,
        amount=30,
    )
    ledger.reserve(Hold(id="c", lines=(line,), at=at, lease_until=at + 900))
    ledger.close()
    assert "tenant nobody" in run()[1]
    assert "bytes_out:pii: 0 used, 30 held, 70 left" in run()[1]


def test_a_budget_that_is_gone_is_told_as_such(run: Run, used: Path) -> None:
    """What was used of a budget that the policy no longer has is still told."""
    used.write_text(used.read_text().replace("[budget.daily]", "[budget.weekly]"))
    assert rows(run)["daily", "calls"]["left"] is None
    assert "calls: 2 used, no longer in the policy" in run()[1]


def test_a_budget_that_the_policy_does_not_have_is_refused(run: Run, used: Path) -> None:
    """A name that is misspelt is no empty answer."""
    code, out, err = run("--budget", "dayly")
    assert (code, out) == (2, "")
    assert "no budget 'dayly'" in err


def test_looking_changes_nothing(run: Run, used: Path) -> None:
    """The ledger is the same before and after."""
    run()
    before = rows(run)
    run()
    after = rows(run)
    for each in (*before.values(), *after.values()):
        if each["measure"] == "wall":
            each["used"] = each["left"] = ""
    assert before == after


def test_names_from_outside_cannot_move_the_cursor(run: Run, config: Path) -> None:
    """An owner is shown with characters that nobody could see written out."""
    at = int(now().timestamp())
    ledger = SqliteLedger(config.parent / "agentguard-ledger.db")
    pot = Pot(budget="team", scope="tenant", owner="acme\x1b[2J\u202e")
    line = Line(pot=pot, measure=Measure.CONCURRENT, cap=3, amount=1)
    ledger.reserve(Hold(id="c", lines=(line,), at=at, lease_until=at + 900))
    ledger.close()
    out = run()[1]
    assert "acme\\u{001b}[2J\\u{202e}" in out
    assert "\x1b" not in out
