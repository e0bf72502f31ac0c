# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A server that cannot be used is a failure without an address or a row in it."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from agentguard import BudgetExceeded, Guard
from agentguard.stores import PotsFull, StoreFailure
from agentguard.stores.ledger_postgres import PostgresLedger
from agentguard.vocabulary import Hold, Line, Measure, Pot

LINE = Line(
    pot=Pot(budget="b", scope="person", owner="user:pa55word"),
    measure=Measure.CALLS,
    cap=10,
    amount=1,
)

ON_A_SERVER = """
[ledger]
store = "postgres"
dsn_env = "LEDGER"

[budget.few]
scope = "person"
calls = 3
"""


def cleared(server: str) -> None:
    """Leave nothing in the tables on the server."""
    PostgresLedger(server).close()
    with psycopg.connect(server, autocommit=True) as connection:
        for table in (b"settled", b"hold", b"member"):
            connection.execute(b"DELETE FROM agentguard_" + table)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://someone:pa55word@127.0.0.1:1/ledger",
        "postgresql://someone:pa55word@/ledger?host=/nowhere",
        "pa55word no address",
    ],
)
def test_a_server_that_is_not_there_is_told_without_its_address(address: str) -> None:
    """Neither host nor password stands in the failure, its cause or its context."""
    with pytest.raises(StoreFailure) as caught:
        PostgresLedger(address)
    assert str(caught.value).startswith("the ledger's server could not do its work: ")
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert "pa55word" not in str(caught.value)


def test_a_connection_that_broke_is_opened_again(server: str) -> None:
    """A server that was started anew is used again, and what was written is written once."""
    cleared(server)
    ledger = PostgresLedger(server)
    for number, used in enumerate((1, 2)):
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'agentguard'"
            )
        ledger.reserve(Hold(id=f"again-{number}", lines=(LINE,), at=1, lease_until=2))
        ledger.settle(f"again-{number}", {})
        found = [each.settled for each in ledger.used(1) if each.pot == LINE.pot]
        assert found == [used]
    ledger.close()


@pytest.mark.parametrize("isolation", [b"repeatable read", b"serializable"])
def test_nothing_is_overdrawn_whatever_the_isolation_of_the_server(
    server: str, isolation: bytes
) -> None:
    """Calls made at once keep to a cap on a server whose transactions see the past."""
    # They waited for one another, and then read what had been there before they waited.
    cleared(server)
    with psycopg.connect(server, autocommit=True) as connection:
        setting = b"ALTER ROLE CURRENT_USER SET default_transaction_isolation = "
        connection.execute(setting + b"'" + isolation + b"'")
        try:
            ledgers = [PostgresLedger(server) for _ in range(4)]
            with ThreadPoolExecutor(len(ledgers)) as threads:
                outcomes = list(threads.map(_taken, ledgers))
            settled = [each.held for each in ledgers[0].used(1) if each.pot == LINE.pot]
            for each in ledgers:
                each.close()
        finally:
            connection.execute(b"ALTER ROLE CURRENT_USER RESET default_transaction_isolation")
    assert settled == [LINE.cap]
    assert sum(outcomes) == LINE.cap


def _taken(ledger: PostgresLedger) -> int:
    """Return how many calls of many were let through."""
    taken = 0
    for _ in range(LINE.cap):
        try:
            ledger.reserve(Hold(id=uuid.uuid4().hex, lines=(LINE,), at=1, lease_until=9))
        except PotsFull:
            continue
        taken += 1
    return taken


def test_a_row_that_is_refused_is_told_without_it(server: str) -> None:
    """A call that is there twice is refused by its number, not by its content."""
    cleared(server)
    ledger = PostgresLedger(server)
    hold = Hold(id="pa55word", lines=(LINE,), at=1, lease_until=2)
    ledger.reserve(hold)
    with pytest.raises(StoreFailure, match="23505") as caught:
        ledger.reserve(hold)
    assert "pa55word" not in str(caught.value)
    assert caught.value.__context__ is None
    ledger.close()


def test_tables_of_a_later_version_are_refused(server: str) -> None:
    """What a later version wrote is not used by this one."""
    PostgresLedger(server).close()
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("UPDATE agentguard_ledger SET version = version + 1")
        try:
            with pytest.raises(StoreFailure, match="newer"):
                PostgresLedger(server)
        finally:
            connection.execute("UPDATE agentguard_ledger SET version = version - 1")


def test_guards_of_one_policy_count_on_one_server(
    server: str, policy_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one guard lets through another one no longer does, and no file is made beside them."""
    cleared(server)
    monkeypatch.setenv("LEDGER", server)
    policy_file.write_text(policy_file.read_text() + ON_A_SERVER)
    with Guard.from_file(policy_file) as first, Guard.from_file(policy_file) as second:
        tools = []
        for guard in (first, second):

            @guard.tool
            def lookup_order(order: str) -> str:
                return order

            tools.append((guard, lookup_order))
        for guard, look in (*tools, tools[0]):
            with guard.identity("agent:support", on_behalf_of="user:alice"):
                look(order="ORD-00012345")
        for guard, look in tools:
            with (
                guard.identity("agent:support", on_behalf_of="user:alice"),
                pytest.raises(BudgetExceeded, match="budget 'few' of this person"),
            ):
                look(order="ORD-00012345")
    assert not list(policy_file.parent.glob("agentguard-ledger*"))
