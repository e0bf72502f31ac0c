# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What the failures of a store give away: nothing."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from agentguard.stores import ChangeLost, Journal, StoreFailure
from agentguard.vocabulary import ApprovalChange, ApprovalRequest, ApprovalState, AuditEntry

Entry = Callable[..., AuditEntry]
Question = Callable[..., ApprovalRequest]
CANARY = "canary-8841"


def _everything(error: BaseException | None) -> str:
    told = ""
    while error is not None:
        told += f"{error!r} {error.args} {vars(error)}"
        error = error.__cause__ or error.__context__
    return told


def test_a_lost_change_gives_nothing_away(
    journal: Journal, entry: Entry, question: Question
) -> None:
    """A lost change quotes neither the request nor the entry."""
    asked = question("r", shown=CANARY)
    change = ApprovalChange(before=None, after=asked)
    journal.append(entry(CANARY), durable=True, change=change)
    with pytest.raises(ChangeLost) as caught:
        journal.append(entry(CANARY), durable=True, change=change)
    assert CANARY not in _everything(caught.value)


def test_a_failed_write_gives_nothing_away(
    journal: Journal, entry: Entry, question: Question, place: Path
) -> None:
    """A failed write quotes nothing of the row, through the whole chain of errors."""
    journal.append(entry("a"), durable=True)
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute("DROP TABLE approval_vote")
        connection.execute("ALTER TABLE approval RENAME TO gone")
    change = ApprovalChange(before=None, after=question("r", shown=CANARY))
    with pytest.raises(StoreFailure) as caught:
        journal.append(entry(CANARY), durable=True, change=change)
    assert CANARY not in _everything(caught.value)


def test_an_entry_that_cannot_be_written_gives_nothing_away(journal: Journal, entry: Entry) -> None:
    """An entry without canonical form is refused by the name of the field."""
    with pytest.raises(StoreFailure, match="/target") as caught:
        journal.append(replace(entry(CANARY), target=CANARY + "\ud800"), durable=True)
    assert CANARY not in _everything(caught.value)


def test_a_change_lost_is_no_failure(question: Question) -> None:
    """A lost change is told apart from a store that fails."""
    assert not issubclass(ChangeLost, StoreFailure)
    assert not issubclass(StoreFailure, ChangeLost)
    assert question("r").state is ApprovalState.PENDING
