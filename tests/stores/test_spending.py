# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is what calls use up counted exactly, in the transaction that writes them down?"""

import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.stores import (
    Append,
    ChangeLost,
    Head,
    Journal,
    LimitPassed,
    SqliteStore,
    StoreFailure,
)
from agentguard.stores.schema import MIGRATIONS
from agentguard.vocabulary import (
    Account,
    ApprovalChange,
    ApprovalRequest,
    AuditEntry,
    EntryType,
    Position,
    Spending,
)

Entry = Callable[..., AuditEntry]
Question = Callable[..., ApprovalRequest]
OPENED = "2026-11-22T08:00:00.000000Z"
DAILY = Account(scope="session", key="limit:daily")
NOW = datetime(2026, 11, 22, tzinfo=UTC)
OTHER = Account(scope="session", key="limit:other")


def use(amount: str, most: str = "10", account: Account = DAILY) -> Spending:
    """Return what a call uses up."""
    return Spending(account=account, amount=Decimal(amount), most=Decimal(most))


def used(store: SqliteStore, account: Account = DAILY) -> Decimal:
    """Return what is used up of an account."""
    return store.spent([account])[account]


def test_charges_add_up_to_the_limit_and_no_further(
    journal: Journal, store: SqliteStore, entry: Entry
) -> None:
    """A call that fits exactly is written, the next one is not."""
    journal.append(entry("a"), durable=True, charges=(use("9.90"),))
    journal.append(entry("b"), durable=True, charges=(use("0.1"),))
    with pytest.raises(LimitPassed) as caught:
        journal.append(entry("c"), durable=True, charges=(use("0.01"),))
    assert caught.value.key == "limit:daily"
    assert used(store) == 10


def test_nothing_is_written_of_a_call_that_does_not_fit(
    store: SqliteStore, entry: Entry, question: Question
) -> None:
    """Neither the entry, nor its change, nor another of its charges is there."""
    change = ApprovalChange(before=None, after=question("r"))
    opened = Append.of(entry("x", EntryType.STREAM_OPENED))
    both = (use("1", account=OTHER), use("11"))
    over = Append.of(entry("a"), change=change, charges=both)
    _, written = store.commit(Head(stream="s"), [opened, over, Append.of(entry("b"))])
    assert written == (Position(stream="s", seq=0), DAILY, Position(stream="s", seq=1))
    assert store.approval("r") is None
    assert [used(store), used(store, OTHER)] == [Decimal(0), Decimal(0)]


def test_a_lost_change_charges_nothing(
    journal: Journal, store: SqliteStore, entry: Entry, question: Question
) -> None:
    """A call whose approval somebody else claimed is not counted."""
    change = ApprovalChange(before=None, after=question("r"))
    journal.append(entry("a"), durable=True, change=change, charges=(use("1"),))
    with pytest.raises(ChangeLost):
        journal.append(entry("b"), durable=True, change=change, charges=(use("1"),))
    assert used(store) == 1


def test_what_did_not_happen_is_given_back_once(
    journal: Journal, store: SqliteStore, entry: Entry
) -> None:
    """Giving back takes what the call was charged, and a second time takes nothing."""
    journal.append(entry("a"), durable=True, charges=(use("4"), use("2", account=OTHER)))
    journal.append(entry("b"), durable=True, charges=(use("5"),))
    for _ in range(2):
        journal.append(entry("a"), durable=True, gives_back=True)
    assert [used(store), used(store, OTHER)] == [Decimal(5), Decimal(0)]


def test_giving_back_what_was_never_charged_changes_nothing(
    journal: Journal, store: SqliteStore, entry: Entry
) -> None:
    """A call that was interrupted before it was charged makes no room for others."""
    journal.append(entry("a"), durable=True, charges=(use("4"),))
    journal.append(entry("b"), durable=True, gives_back=True)
    assert used(store) == 4


def test_sessions_have_accounts_of_their_own(
    journal: Journal, store: SqliteStore, entry: Entry
) -> None:
    """What one session used up is not missing in another."""
    there = Account(scope="another", key=DAILY.key)
    journal.append(entry("a"), durable=True, charges=(use("10"),))
    journal.append(entry("b"), durable=True, charges=(use("10", account=there),))
    assert [used(store), used(store, there)] == [Decimal(10), Decimal(10)]


def test_sums_are_exact(journal: Journal, store: SqliteStore, entry: Entry) -> None:
    """Amounts of very different size add up without rounding."""
    large, small = "9" * 40, "0." + "0" * 39 + "1"
    most = "1" + "0" * 41
    journal.append(entry("a"), durable=True, charges=(use(large, most),))
    journal.append(entry("b"), durable=True, charges=(use(small, most),))
    assert str(used(store)) == f"{large}.{'0' * 39}1"


@pytest.mark.parametrize("amount", ["-1", "NaN", "Infinity", "1E+5000", "1E-5000", "sNaN"])
def test_what_is_no_amount_is_refused_before_it_can_spoil_a_batch(
    journal: Journal, entry: Entry, amount: str
) -> None:
    """Such a charge fails alone; the next entry is written."""
    with pytest.raises(StoreFailure, match="not negative"):
        journal.append(entry("a"), durable=True, charges=(use(amount),))
    assert journal.append(entry("b"), durable=True) is not None


def test_a_call_is_charged_to_an_account_once(journal: Journal, entry: Entry) -> None:
    """Two charges of one account in one entry are refused."""
    with pytest.raises(StoreFailure, match="once"):
        journal.append(entry("a"), durable=True, charges=(use("1"), use("2")))


@pytest.mark.parametrize("held", ["", "much", "-5", "NaN", "1E+99999"])
def test_an_amount_that_cannot_be_read_counts_as_used_up(
    journal: Journal, store: SqliteStore, place: Path, entry: Entry, held: str
) -> None:
    """Somebody who spoils a row gets no call out of it, and others are written."""
    journal.append(entry("a"), durable=True, charges=(use("1"),))
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute("UPDATE spent SET amount = ?", (held,))
    with pytest.raises(LimitPassed):
        journal.append(entry("b"), durable=True, charges=(use("1"),))
    journal.append(entry("c"), durable=True, charges=(use("1", account=OTHER),))
    with pytest.raises(StoreFailure, match="cannot be read"):
        used(store)


def test_an_entry_with_a_charge_is_on_disk_when_it_is_acknowledged(
    journal: Journal, place: Path, entry: Entry
) -> None:
    """A charge makes its entry durable, whoever asks for it."""
    assert journal.append(entry("a"), durable=False, charges=(use("3"),)) is not None
    with closing(sqlite3.connect(place)) as connection:
        assert connection.execute("SELECT * FROM spent").fetchall() == [
            ("session", "limit:daily", "3")
        ]


AMOUNTS = st.decimals(min_value=0, max_value=7, places=2, allow_nan=False, allow_infinity=False)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(AMOUNTS, st.booleans()), max_size=12))
def test_an_account_holds_what_was_charged_and_not_given_back(
    calls: list[tuple[Decimal, bool]],
) -> None:
    """Whatever is charged and given back, the account is exact and never above the limit."""
    most = Decimal(10)
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "a.db")
        opened = Append.of(AuditEntry(type=EntryType.STREAM_OPENED, at=NOW))
        head, _ = store.commit(Head(stream="s"), [opened])
        expected = Decimal(0)
        for number, (amount, happens) in enumerate(calls):
            call = AuditEntry(type=EntryType.INTENT, at=NOW, call_id=str(number))
            spending = Spending(account=DAILY, amount=amount, most=most)
            head, (written,) = store.commit(head, [Append.of(call, charges=(spending,))])
            assert (written == DAILY) is (expected + amount > most)
            if written == DAILY:
                continue
            expected += amount
            if not happens:
                head, _ = store.commit(head, [Append.of(call, gives_back=True)])
                expected -= amount
            assert used(store) == expected
        store.close()


def test_a_database_from_before_limits_counts_from_now_on(place: Path, entry: Entry) -> None:
    """The first schema is brought up to date with its entries, and its calls are counted."""
    with closing(sqlite3.connect(place)) as connection, connection:
        for statement in MIGRATIONS[0]:
            connection.execute(statement)
        connection.execute("INSERT INTO audit_stream VALUES ('old', 'h', 1, ?, NULL)", (OPENED,))
        connection.execute("INSERT INTO audit_entry VALUES ('old', 0, 'hash', x'00')")
        connection.execute("PRAGMA user_version = 1")
    store = SqliteStore(place)
    opened = Append.of(entry("x", EntryType.STREAM_OPENED))
    counted = Append.of(entry("a"), charges=(use("3"),))
    store.commit(Head(stream="new"), [opened, counted])
    assert [stream.stream for stream in store.streams()] == ["old", "new"]
    assert [row.hash for row in store.entries("old")] == ["hash"]
    assert used(store) == 3
    store.close()
