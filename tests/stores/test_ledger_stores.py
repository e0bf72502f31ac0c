# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Every store of a ledger does the same: in a file and on a server."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from agentguard.stores import LedgerStore, PotsFull, SqliteLedger
from agentguard.stores.ledger_postgres import PostgresLedger
from agentguard.stores.ledger_rows import KEPT
from agentguard.vocabulary import LARGEST_AMOUNT, Hold, Line, Measure, Pot

NOW, LEASE, DAY = 1_000_000, 900, 86_400
POT = Pot(budget="daily", scope="agent", owner="agent:a")
OTHER = Pot(budget="monthly", scope="person", owner="user:alice")
Open = Callable[[], LedgerStore]

TABLES = (b"agentguard_settled", b"agentguard_hold", b"agentguard_member")


def line(amount: int | None = 1, cap: int = 10, **more: object) -> Line:
    """What a call takes of one pot."""
    told: dict[str, object] = {"pot": POT, "measure": Measure.TOKENS, **more}
    return Line(cap=cap, amount=amount, **told)  # type: ignore[arg-type]  # what each test says


def hold(name: str, *lines: Line, at: int = NOW) -> Hold:
    """What a call takes at a time."""
    return Hold(id=name, lines=lines or (line(),), at=at, lease_until=at + LEASE)


def amounts(store: LedgerStore, at: int = NOW) -> dict[str, tuple[int, int]]:
    """What is used up and held, by budget and measure."""
    return {f"{each.pot.budget} {each.key}": (each.settled, each.held) for each in store.used(at)}


def cleared(server: str) -> None:
    """Leave nothing in the tables on the server."""
    PostgresLedger(server).close()
    with psycopg.connect(server, autocommit=True) as connection:
        for table in TABLES:
            connection.execute(b"DELETE FROM " + table)


@pytest.fixture(params=["sqlite", "postgres"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Open the same ledger again and again, as processes do."""
    made: list[LedgerStore] = []

    def one() -> LedgerStore:
        if request.param == "sqlite":
            made.append(SqliteLedger(tmp_path / "ledger.db"))
        else:
            made.append(PostgresLedger(request.getfixturevalue("server")))
        return made[-1]

    if request.param == "postgres":
        cleared(request.getfixturevalue("server"))
    yield one
    for store in made:
        store.close()


def test_what_is_held_is_there_for_nobody_else(opened: Open) -> None:
    """What one process holds another cannot take, and what fits beside it it can."""
    first, second = opened(), opened()
    first.reserve(hold("c1", line(6)))
    with pytest.raises(PotsFull) as full:
        second.reserve(hold("c2", line(5)))
    assert full.value.lines == (line(5),)
    second.reserve(hold("c3", line(4)))
    assert amounts(first) == {"daily tokens": (0, 10)}


def test_a_call_counts_as_what_it_used(opened: Open) -> None:
    """After a call its hold is gone, and what it used up is counted instead."""
    store = opened()
    store.reserve(hold("c1", line(6)))
    store.settle("c1", {"tokens": 2})
    assert amounts(store) == {"daily tokens": (2, 0)}
    store.reserve(hold("c2", line(8)))


def test_what_is_not_known_counts_as_held(opened: Open) -> None:
    """What is not said of a call's use counts as what it held of it."""
    store = opened()
    store.reserve(hold("c1", line(6), line(1, measure=Measure.CALLS)))
    store.settle("c1", {"money": 4})
    assert amounts(store) == {"daily tokens": (6, 0), "daily calls": (1, 0)}


def test_a_call_that_did_not_happen_gives_back_what_it_held(opened: Open) -> None:
    """Released is as if it had never been held."""
    store = opened()
    store.reserve(hold("c1", line(10)))
    store.release("c1")
    assert amounts(store) == {}
    store.reserve(hold("c2", line(10)))


def test_all_of_it_or_nothing(opened: Open) -> None:
    """Where one of several budgets has too little, nothing is taken of the others."""
    store = opened()
    both = (line(1, pot=OTHER, measure=Measure.CALLS), line(11))
    with pytest.raises(PotsFull) as full:
        store.reserve(hold("c1", *both))
    assert [each.pot.budget for each in full.value.lines] == ["daily"]
    assert amounts(store) == {}


def test_everything_that_is_left_can_be_taken(opened: Open) -> None:
    """A call without a bound takes all that is left, and nothing where there is too little."""
    store = opened()
    store.reserve(hold("c1", line(7)))
    store.reserve(hold("c2", line(None, least=1)))
    assert amounts(store) == {"daily tokens": (0, 10)}
    with pytest.raises(PotsFull):
        store.reserve(hold("c3", line(None, least=1)))
    store.settle("c2", {"tokens": 40})
    assert amounts(store) == {"daily tokens": (40, 7)}


def test_a_hold_is_settled_once(opened: Open) -> None:
    """Settling again, or after it was released, changes nothing."""
    store, again = opened(), opened()
    store.reserve(hold("c1", line(6)))
    store.reserve(hold("c2", line(1)))
    store.release("c2")
    for each in (store, again, store):
        each.settle("c1", {"tokens": 6})
        each.settle("c2", {"tokens": 1})
        each.settle("never", {"tokens": 1})
    assert amounts(store) == {"daily tokens": (6, 0)}


def test_a_hold_ends_with_its_lease(opened: Open) -> None:
    """What a process that died held is there for others once its lease is over, not before."""
    store = opened()
    store.reserve(hold("dead", line(10)))
    with pytest.raises(PotsFull):
        store.reserve(hold("c1", line(10), at=NOW + LEASE - 1))
    store.reserve(hold("c2", line(10), at=NOW + LEASE))


def test_a_call_that_outlasts_its_lease_still_counts(opened: Open) -> None:
    """What it used up is counted when it ends, though others took its place meanwhile."""
    store = opened()
    store.reserve(hold("long", line(10)))
    store.reserve(hold("c1", line(10), at=NOW + LEASE))
    store.settle("long", {"tokens": 9})
    store.settle("c1", {"tokens": 10})
    assert amounts(store) == {"daily tokens": (19, 0)}


def test_holds_of_the_dead_are_cleared_away_in_the_end(opened: Open) -> None:
    """Long after its lease a hold is forgotten, so that a ledger does not grow with crashes."""
    store = opened()
    store.reserve(hold("dead", line(10)))
    store.reserve(hold("c1", line(1), at=NOW + LEASE + KEPT + 1))
    store.settle("dead", {"tokens": 10})
    assert amounts(store, NOW + LEASE + KEPT + 1) == {"daily tokens": (0, 1)}


def test_each_time_begins_with_nothing_used(opened: Open) -> None:
    """A pot of the next time is empty, and one whose time is over is told no more."""
    store = opened()
    days = [
        Pot(budget="daily", scope="agent", owner="agent:a", starts=at, ends=at + DAY)
        for at in (0, DAY)
    ]
    store.reserve(hold("c1", line(10, pot=days[0]), at=10))
    store.settle("c1", {})
    store.reserve(hold("c2", line(10, pot=days[1]), at=DAY + 10))
    assert [each.pot for each in store.used(DAY + 10)] == [days[1]]


def test_only_so_many_calls_are_under_way_at_once(opened: Open) -> None:
    """A place is free again when a call has ended, and nothing is counted of it."""
    store = opened()
    place = line(1, cap=2, measure=Measure.CONCURRENT)
    store.reserve(hold("c1", place))
    store.reserve(hold("c2", place))
    with pytest.raises(PotsFull):
        store.reserve(hold("c3", place))
    store.settle("c1", {})
    store.reserve(hold("c3", place))
    assert amounts(store) == {"daily concurrent": (0, 2)}


def test_only_so_many_agents_may_act(opened: Open) -> None:
    """The same agent counts once, and one too many takes nothing."""
    store = opened()

    def acting(member: str) -> Line:
        return line(0, cap=2, measure=Measure.FAN_OUT, member=member)

    for number, member in enumerate(["a", "b", "a", "b"]):
        store.reserve(hold(f"c{number}", acting(member)))
    with pytest.raises(PotsFull):
        store.reserve(hold("c9", acting("c"), line(1)))
    assert amounts(store) == {"daily fan_out": (2, 0)}


def test_only_so_long_after_the_first_call_there_is_another(opened: Open) -> None:
    """The first call that was taken begins the time; one that was refused does not."""
    store = opened()

    def within(at: int, name: str, *more: Line) -> Hold:
        return hold(name, line(0, cap=60, measure=Measure.WALL), *more, at=at)

    with pytest.raises(PotsFull):
        store.reserve(within(NOW - 50, "c0", line(11)))
    store.reserve(within(NOW, "c1"))
    store.reserve(within(NOW + 60, "c2"))
    with pytest.raises(PotsFull):
        store.reserve(within(NOW + 61, "c3"))


def test_owners_and_environments_are_kept_apart(opened: Open) -> None:
    """A pot is one of its scope, its owner, who vouches for it, and its environment."""
    store = opened()
    pots = [
        Pot(budget="daily", scope=scope, owner=owner, issuer=issuer, environment=environment)
        for scope, owner, issuer, environment in itertools.product(
            ("agent", "run"), ("a", "b"), ("", "login"), ("", "production")
        )
    ]
    for number, pot in enumerate(pots):
        store.reserve(hold(f"c{number}", line(10, pot=pot)))
    assert [each.held for each in store.used(NOW)] == [10] * len(pots)


def test_large_amounts_are_kept_exactly(opened: Open) -> None:
    """Four billion units of money are no rounder than one."""
    store = opened()
    most = 4 * 10**18
    store.reserve(hold("c1", line(most - 1, cap=most, measure=Measure.MONEY)))
    store.settle("c1", {"money": most - 1})
    store.reserve(hold("c2", line(1, cap=most, measure=Measure.MONEY)))
    with pytest.raises(PotsFull):
        store.reserve(hold("c3", line(1, cap=most, measure=Measure.MONEY)))
    assert amounts(store) == {"daily money": (most - 1, 1)}


def test_no_use_is_too_much_to_be_kept(opened: Open) -> None:
    """Whatever a provider says was used, the pot is full then, and stays a number."""
    store = opened()
    for name in ("c1", "c2"):
        store.reserve(hold(name, line(0, cap=10)))
    for name in ("c1", "c2"):
        store.settle(name, {"tokens": 10**30})
    assert amounts(store) == {"daily tokens": (LARGEST_AMOUNT, 0)}
    with pytest.raises(PotsFull):
        store.reserve(hold("c3", line(0, cap=LARGEST_AMOUNT - 1)))


class Ledger(RuleBasedStateMachine):
    """A ledger beside a plain model of it; calls use up to twice what they hold."""

    store: LedgerStore
    cap = 20

    @initialize()
    def begin(self) -> None:
        """Begin at some time with nothing."""
        self.at = NOW
        self.settled: dict[int, int] = {}
        self.holds: dict[str, tuple[int, int, int]] = {}
        self.beyond: dict[int, int] = {}
        self.names = itertools.count()
        self.owner = f"agent:{next(OWNERS)}"

    def _pot(self) -> Pot:
        starts = self.at // 3600 * 3600
        return Pot(budget="b", scope="agent", owner=self.owner, starts=starts, ends=starts + 3600)

    def _left(self, starts: int) -> int:
        held = sum(
            amount
            for begun, amount, until in self.holds.values()
            if begun == starts and until > self.at
        )
        return self.cap - self.settled.get(starts, 0) - held

    @rule(amount=st.integers(0, 12))
    def reserve(self, amount: int) -> None:
        """A call takes something exactly when it is there."""
        name, pot = f"{self.owner} {next(self.names)}", self._pot()
        wanted = Hold(
            id=name,
            lines=(Line(pot=pot, measure=Measure.TOKENS, cap=self.cap, amount=amount),),
            at=self.at,
            lease_until=self.at + LEASE,
        )
        fits = amount <= self._left(pot.starts)
        try:
            self.store.reserve(wanted)
        except PotsFull:
            assert not fits
        else:
            assert fits
            self.holds[name] = (pot.starts, amount, self.at + LEASE)

    @rule(used=st.integers(0, 24), data=st.data())
    def settle(self, used: int, data: st.DataObject) -> None:
        """A call ends, in time or late, having used more or less than it held."""
        if not self.holds:
            return
        name = data.draw(st.sampled_from(sorted(self.holds)))
        starts, amount, until = self.holds.pop(name)
        used = min(used, 2 * amount)
        self.store.settle(name, {"tokens": used})
        self.settled[starts] = self.settled.get(starts, 0) + used
        lapsed = used if until <= self.at else max(0, used - amount)
        self.beyond[starts] = self.beyond.get(starts, 0) + lapsed

    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        """A call does not happen."""
        if self.holds:
            name = data.draw(st.sampled_from(sorted(self.holds)))
            del self.holds[name]
            self.store.release(name)

    @rule(seconds=st.sampled_from([1, 60, LEASE, 3600]))
    def wait(self, seconds: int) -> None:
        """Time goes on, leases end, and budgets begin anew."""
        self.at += seconds

    @invariant()
    def nothing_is_beyond_the_bound(self) -> None:
        """What is used and held is the cap at most, but for what was used beyond holds."""
        if not hasattr(self, "at"):
            return
        starts = self._pot().starts
        found = [each for each in self.store.used(self.at) if each.pot == self._pot()]
        assert len(found) <= 1
        settled, held = (found[0].settled, found[0].held) if found else (0, 0)
        assert settled == self.settled.get(starts, 0)
        assert held == self.cap - settled - self._left(starts)
        assert settled >= 0
        assert held >= 0
        assert settled + held <= self.cap + self.beyond.get(starts, 0)


OWNERS = itertools.count()


def test_a_ledger_does_as_its_model(opened: Open) -> None:
    """Whatever is taken, settled, released and left behind, sums are as they should be."""
    Ledger.store = opened()
    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
