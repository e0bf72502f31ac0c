# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a ledger write into its tables?

The same statements for SQLite and PostgreSQL, run inside a transaction in which nobody else
changes the same pots.

INVARIANT: what does not fit leaves the tables as they were, since the transaction is undone
(tests/stores/test_ledger_stores.py).
INVARIANT: a hold is settled once (same file).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from agentguard.stores.failures import StoreFailure
from agentguard.stores.ledger import PotsFull
from agentguard.vocabulary import LARGEST_AMOUNT, Hold, Line, Measure, Pot, Stop, StopScope, Used

# A statement with ``?`` for each value, and the rows that it gives.
Run: TypeAlias = Callable[[str, Sequence[object]], list[tuple[Any, ...]]]

VERSION = 2

# How long a hold is kept beyond its lease, so that a call that outlasts it can still be settled,
# and a budget's time beyond its end, in seconds.
KEPT = 7 * 24 * 60 * 60

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS agentguard_settled (
        pot TEXT NOT NULL,
        measure TEXT NOT NULL,
        amount BIGINT NOT NULL,
        ends BIGINT NOT NULL,
        PRIMARY KEY (pot, measure)
    )""",
    """CREATE TABLE IF NOT EXISTS agentguard_hold (
        call_id TEXT NOT NULL,
        pot TEXT NOT NULL,
        measure TEXT NOT NULL,
        amount BIGINT NOT NULL,
        lease_until BIGINT NOT NULL,
        PRIMARY KEY (call_id, pot, measure)
    )""",
    """CREATE TABLE IF NOT EXISTS agentguard_member (
        pot TEXT NOT NULL,
        member TEXT NOT NULL,
        ends BIGINT NOT NULL,
        PRIMARY KEY (pot, member)
    )""",
    """CREATE TABLE IF NOT EXISTS agentguard_stop (
        scope TEXT NOT NULL,
        subject TEXT NOT NULL,
        set_by TEXT NOT NULL,
        since BIGINT NOT NULL,
        why TEXT NOT NULL,
        PRIMARY KEY (scope, subject)
    )""",
    "CREATE INDEX IF NOT EXISTS agentguard_hold_pot ON agentguard_hold (pot, measure, lease_until)",
    "CREATE INDEX IF NOT EXISTS agentguard_hold_lease ON agentguard_hold (lease_until)",
    "CREATE INDEX IF NOT EXISTS agentguard_settled_ends ON agentguard_settled (ends)",
    "CREATE INDEX IF NOT EXISTS agentguard_member_ends ON agentguard_member (ends)",
)

_SCOPES = {each.value: each for each in StopScope}
# The first second of the year 10000, which no date holds.
_NO_TIME = 253_402_300_800

_UNSWEPT = ("DELETE FROM agentguard_hold WHERE lease_until < ?",)
_OVER = (
    "DELETE FROM agentguard_settled WHERE ends > 0 AND ends < ?",
    "DELETE FROM agentguard_member WHERE ends > 0 AND ends < ?",
)


def name_of(pot: Pot) -> str:
    """Return a pot as it stands in the tables."""
    return json.dumps(
        [pot.budget, pot.scope, pot.owner, pot.issuer, pot.environment, pot.starts, pot.ends]
    )


def names_of(hold: Hold) -> tuple[str, ...]:
    """Return the pots of a hold, each once, in the order in which everybody takes them."""
    return tuple(sorted({name_of(line.pot) for line in hold.lines}))


def reserve(run: Run, hold: Hold) -> None:
    """Take what a call needs.

    Raises:
        PotsFull: there is not enough; whoever calls undoes what was written here.
    """
    for statement in (*_UNSWEPT, *_OVER):
        run(statement, (hold.at - KEPT,))
    lacking = tuple(line for line in hold.lines if not _taken(run, hold, line))
    if lacking:
        raise PotsFull(lacking)


def held_pots(run: Run, call_id: str) -> tuple[str, ...]:
    """Return the pots that a call holds something of, in the order in which they are taken."""
    rows = run("SELECT DISTINCT pot FROM agentguard_hold WHERE call_id = ?", (call_id,))
    return tuple(sorted(pot for (pot,) in rows))


def settle(run: Run, call_id: str, used: Mapping[str, int]) -> None:
    """Count what a call used up, and what it held where that is not known."""
    rows = run(
        "DELETE FROM agentguard_hold WHERE call_id = ? RETURNING pot, measure, amount", (call_id,)
    )
    for pot, measure, amount in sorted(rows):
        spent = used.get(measure, amount)
        if measure != Measure.CONCURRENT and spent:
            _add(run, pot, measure, spent)


def release(run: Run, call_id: str) -> None:
    """Give back what a call holds."""
    run("DELETE FROM agentguard_hold WHERE call_id = ?", (call_id,))


def used(run: Run, at: int) -> tuple[Used, ...]:
    """Return what is used up and held of every pot whose time has not ended."""
    settled: dict[tuple[str, str], int] = {}
    held: dict[tuple[str, str], int] = {}
    for pot, measure, amount in run("SELECT pot, measure, amount FROM agentguard_settled", ()):
        settled[pot, measure] = amount
    for pot, count in run("SELECT pot, count(*) FROM agentguard_member GROUP BY pot", ()):
        settled[pot, Measure.FAN_OUT.value] = count
    query = (
        "SELECT pot, measure, CAST(sum(amount) AS BIGINT) FROM agentguard_hold"
        " WHERE lease_until > ? GROUP BY pot, measure"
    )
    for pot, measure, amount in run(query, (at,)):
        held[pot, measure] = amount
    found = (
        Used(
            pot=_pot(name),
            key=key,
            settled=settled.get((name, key), 0),
            held=held.get((name, key), 0),
        )
        for name, key in sorted({*settled, *held})
    )
    return tuple(each for each in found if not each.pot.ends or each.pot.ends > at)


def stop(run: Run, stop: Stop) -> bool:
    """Stop something; return whether it was not stopped already."""
    rows = run(
        "INSERT INTO agentguard_stop VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING 1",
        (stop.scope.value, stop.key, stop.by, stop.since, stop.why),
    )
    return bool(rows)


def resume(run: Run, scope: StopScope, key: str) -> bool:
    """Let something go on; return whether it was stopped."""
    statement = "DELETE FROM agentguard_stop WHERE scope = ? AND subject = ? RETURNING 1"
    return bool(run(statement, (scope.value, key)))


def stops(run: Run) -> tuple[Stop, ...]:
    """Return everything that is stopped.

    Raises:
        StoreFailure: a row says what this version does not understand.
    """
    rows = run(
        "SELECT scope, subject, set_by, since, why FROM agentguard_stop ORDER BY scope, subject", ()
    )
    return tuple(map(_stop, rows))


def _stop(row: tuple[Any, ...]) -> Stop:
    scope, key, by, since, why = row
    texts = all(type(each) is str for each in (scope, key, by, why))
    if not texts or type(since) is not int or scope not in _SCOPES or not 0 <= since < _NO_TIME:
        raise StoreFailure("the ledger stops something that this version does not understand")
    return Stop(scope=_SCOPES[scope], key=key, by=by, since=since, why=why)


def _taken(run: Run, hold: Hold, line: Line) -> bool:
    """Take one line, and say whether it was there."""
    pot = name_of(line.pot)
    if line.measure is Measure.WALL:
        return _within(run, hold.at, line, pot)
    if line.measure is Measure.FAN_OUT:
        return _joined(run, line, pot)
    left = line.cap - _settled(run, pot, line.key, 0) - _held(run, hold, pot, line.key)
    amount = left if line.amount is None else line.amount
    if amount > left or left < line.least:
        return False
    run(
        "INSERT INTO agentguard_hold VALUES (?, ?, ?, ?, ?)",
        (hold.id, pot, line.key, amount, hold.lease_until),
    )
    return True


def _within(run: Run, at: int, line: Line, pot: str) -> bool:
    run(
        "INSERT INTO agentguard_settled VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (pot, line.key, at, line.pot.ends),
    )
    return at - _settled(run, pot, line.key, at) <= line.cap


def _joined(run: Run, line: Line, pot: str) -> bool:
    run(
        "INSERT INTO agentguard_member VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (pot, line.member, line.pot.ends),
    )
    ((count,),) = run("SELECT count(*) FROM agentguard_member WHERE pot = ?", (pot,))
    return bool(count <= line.cap)


def _settled(run: Run, pot: str, measure: str, otherwise: int) -> int:
    rows = run(
        "SELECT amount FROM agentguard_settled WHERE pot = ? AND measure = ?", (pot, measure)
    )
    return int(rows[0][0]) if rows else otherwise


def _held(run: Run, hold: Hold, pot: str, measure: str) -> int:
    query = (
        "SELECT CAST(coalesce(sum(amount), 0) AS BIGINT) FROM agentguard_hold"
        " WHERE pot = ? AND measure = ? AND lease_until > ?"
    )
    ((amount,),) = run(query, (pot, measure, hold.at))
    return int(amount)


def _add(run: Run, pot: str, measure: str, amount: int) -> None:
    # A number beyond the largest is no whole number any more in one store, and an error in another.
    total = min(LARGEST_AMOUNT, _settled(run, pot, measure, 0) + amount)
    run(
        "INSERT INTO agentguard_settled VALUES (?, ?, ?, ?)"
        " ON CONFLICT (pot, measure) DO UPDATE SET amount = excluded.amount",
        (pot, measure, total, _pot(pot).ends),
    )


def _pot(name: str) -> Pot:
    budget, scope, owner, issuer, environment, starts, ends = json.loads(name)
    return Pot(
        budget=budget,
        scope=scope,
        owner=owner,
        issuer=issuer,
        environment=environment,
        starts=starts,
        ends=ends,
    )
