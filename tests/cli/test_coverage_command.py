# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does ``agentguard coverage`` say what is guarded, what is refused and how calls went?"""

import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import openai
import pytest

from agentguard import CallRefused, Guard
from agentguard.operations.table import read_rows
from agentguard.testing import sdk_operations

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

CANARY = "canary-4711"


@pytest.fixture
def refused_once(policy_file: Path) -> Callable[[], None]:
    """Makes one call of a tool that no rule allows."""

    def refusing() -> None:
        with closing(Guard.from_file(policy_file)) as guard:

            @guard.tool
            def lookup_order(order: str) -> str:
                return order

            with (
                guard.identity("agent:support", on_behalf_of="user:alice"),
                pytest.raises(CallRefused),
            ):
                lookup_order(CANARY)

    return refusing


def test_both_sdks_are_shown_before_the_guard_ever_ran(shell: "Shell") -> None:
    """Without a log the command says what is installed and what the policy says of it."""
    ran = shell("coverage")
    assert ran.code == 0
    assert f"openai {openai.__version__}: covered" in ran.out
    assert "anthropic" in ran.out
    assert "allowed to somebody" in ran.out
    assert "written by process" not in ran.out
    assert not (shell.policy.parent / "agentguard.db").exists()


def test_every_writer_is_counted(
    shell: "Shell", look_up: Callable[[], None], refused_once: Callable[[], None]
) -> None:
    """Each process that wrote the log stands with what it let through and what it refused."""
    look_up()
    refused_once()
    told = shell("coverage", "--json").json
    first, second = told["writers"]
    assert first["calls"] == [
        {
            "surface": "tool",
            "operation": "execute_tool",
            "outcomes": {"completed": 1},
            "refused": {},
        }
    ]
    assert second["calls"][0]["refused"] == {"not_allowlisted": 1}
    assert (first["closed"], first["unfinished"], first["unreadable"]) == (True, 0, 0)
    assert first["opened_at"].endswith("Z")
    ran = shell("coverage")
    assert ran.out.count("written by process") == 2
    assert "not_allowlisted 1" in ran.out
    assert CANARY not in ran.out


def test_a_call_that_broke_off_is_unfinished(shell: "Shell", look_up: Callable[[], None]) -> None:
    """An intent without an outcome, and a row that is no entry, are told apart from calls."""
    look_up()
    with closing(sqlite3.connect(shell.policy.parent / "agentguard.db")) as connection, connection:
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("UPDATE audit_entry SET content = x'7b' WHERE seq = 2")
    [writer] = shell("coverage", "--json").json["writers"]
    assert (writer["unfinished"], writer["unreadable"], writer["calls"]) == (1, 1, [])
    out = shell("coverage").out
    assert "calls with an intent and no outcome: 1" in out
    assert "rows that are no entries: 1" in out


def test_the_operations_are_listed(shell: "Shell") -> None:
    """Each pair stands on a line with what the policy says of it."""
    lines = shell("coverage", "--operations").out.splitlines()
    assert "openai     allowed   POST /chat/completions" in lines
    assert "openai     refused   POST /files" in lines
    assert "openai     by_pair   WS /realtime" in lines
    assert "anthropic  refused   GET /v1/agents" in lines


def test_a_required_surface_that_is_not_covered_fails(
    shell: "Shell", monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the policy requires and is not covered exits with 1, and only then."""
    monkeypatch.setattr(openai, "__version__", "9.9.9")
    assert shell("coverage").code == 0
    text = shell.policy.read_text(encoding="utf-8")
    shell.policy.write_text(f'{text}\n[coverage]\nrequire = ["openai"]\n', encoding="utf-8")
    ran = shell("coverage")
    assert ran.code == 1
    assert "openai 9.9.9: NOT COVERED, required by the policy" in ran.out
    assert "version 9.9.9 is none" in ran.out
    assert shell("coverage", "--json").json["covered"] is False


def test_a_pair_that_no_table_lists_is_told(
    shell: "Shell", monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the installed SDK can send and no table lists is named, since it is refused."""
    rows = [row for row in read_rows("openai") if row["path"] != "/embeddings"]
    monkeypatch.setattr(
        "agentguard.operations.table.read_rows",
        lambda sdk: rows if sdk == "openai" else read_rows(sdk),
    )
    told = shell("coverage", "--json").json
    surface = next(each for each in told["surfaces"] if each["surface"] == "openai")
    assert surface["operations"]["unlisted"] == ["POST /embeddings"]
    assert "1 in no table" in shell("coverage").out


def test_an_sdk_whose_methods_are_not_all_seen_is_not_covered(
    shell: "Shell", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where not all that an SDK can send is seen, that is a gap."""
    monkeypatch.setattr(sdk_operations, "LOCAL", frozenset())
    out = shell("coverage").out
    assert "not all that it can send is known" in out
    assert "NOT COVERED" in out


def test_an_sdk_that_is_missing_is_no_error_unless_it_is_required(
    shell: "Shell", monkeypatch: pytest.MonkeyPatch
) -> None:
    """An SDK that cannot be imported is said to be so, and the command goes on."""
    monkeypatch.setitem(sys.modules, "anthropic", None)
    ran = shell("coverage")
    assert ran.code == 0
    assert "it cannot be imported" in ran.out
