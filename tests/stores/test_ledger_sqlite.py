# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A ledger's file is its own, for its owner only, and survives a fork."""

import os
import sqlite3
from pathlib import Path

import pytest

from agentguard.stores import LazyLedger, SqliteLedger, StoreFailure
from agentguard.stores.ledger_rows import VERSION
from agentguard.vocabulary import Hold, Line, Measure, Pot

LINE = Line(
    pot=Pot(budget="b", scope="agent", owner="agent:a"), measure=Measure.CALLS, cap=10, amount=1
)


def hold(name: str) -> Hold:
    """A call that takes one of ten."""
    return Hold(id=name, lines=(LINE,), at=1, lease_until=2)


def test_a_ledger_is_for_its_owner_only(tmp_path: Path) -> None:
    """The file is made so that nobody else reads or writes it."""
    SqliteLedger(tmp_path / "ledger.db").close()
    assert (tmp_path / "ledger.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("application", [0, 7])
def test_the_file_of_another_program_is_refused(tmp_path: Path, application: int) -> None:
    """A database that is no ledger is left as it is."""
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
        connection.execute(f"PRAGMA application_id = {application}")
    connection.close()
    with pytest.raises(StoreFailure, match="another program"):
        SqliteLedger(path)


def test_a_ledger_of_a_later_version_is_refused(tmp_path: Path) -> None:
    """What a later version wrote is not used by this one."""
    path = tmp_path / "ledger.db"
    SqliteLedger(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    with pytest.raises(StoreFailure, match=f"schema {VERSION + 1}"):
        SqliteLedger(path)


def test_a_ledger_that_was_moved_is_not_written(tmp_path: Path) -> None:
    """Who has the file open does not go on counting in a file that nobody reads."""
    path = tmp_path / "ledger.db"
    ledger = SqliteLedger(path)
    path.rename(tmp_path / "moved.db")
    with pytest.raises(StoreFailure, match="moved"):
        ledger.reserve(hold("c1"))
    ledger.close()


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Without a folder there is no ledger."""
    with pytest.raises(StoreFailure, match="there can be no database"):
        SqliteLedger(tmp_path / "nowhere" / "ledger.db")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_and_its_parent_count_together(tmp_path: Path) -> None:
    """A ledger that was open at a fork is used by both, and what each writes is there."""
    ledger = SqliteLedger(tmp_path / "ledger.db")
    ledger.reserve(hold("before"))
    child = os.fork()
    if not child:
        code = 1
        try:
            ledger.reserve(hold("child"))
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    ledger.reserve(hold("parent"))
    assert [each.held for each in ledger.used(1)] == [3]
    ledger.close()


def test_a_ledger_that_nobody_needs_is_not_opened(tmp_path: Path) -> None:
    """It is opened when it is first asked for, once."""
    path = tmp_path / "ledger.db"
    lazy = LazyLedger(lambda: SqliteLedger(path))
    assert not path.exists()
    assert lazy.opened() is lazy.opened()
    assert path.exists()
    lazy.close()


def test_a_ledger_that_was_closed_is_not_opened_again(tmp_path: Path) -> None:
    """A call that comes after the end of its guard finds no ledger."""
    path = tmp_path / "ledger.db"
    lazy = LazyLedger(lambda: SqliteLedger(path))
    lazy.close()
    with pytest.raises(StoreFailure, match="closed"):
        lazy.opened()
    assert not path.exists()
