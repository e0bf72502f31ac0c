# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Eight processes at once use up what there is and nothing beyond, and the dead hold nothing.

Checking first and writing down afterwards lets through what comes in between: with eight processes
a budget of a hundred calls was passed by hundreds. So what a call may use is taken before.
"""

import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from agentguard.stores import LedgerStore, PotsFull, SqliteLedger
from agentguard.stores.ledger_postgres import PostgresLedger
from agentguard.vocabulary import Hold, Line, Measure, Pot

pytestmark = pytest.mark.timeout(300)

PROCESSES, THREADS, CALLS, MONEY = 8, 4, 60, 1000
HELD, USED = 7, 11
NOW, LEASE = 1_000_000, 900

POT = Pot(budget="b", scope="tenant", owner="acme")
OTHER = Pot(budget="c", scope="person", owner="user:alice")

SPENDING = f"""
import os, sys, threading
from agentguard.stores import PotsFull, SqliteLedger
from agentguard.vocabulary import Hold, Line, Measure, Pot

kind, place, me = sys.argv[1:4]
if kind == "sqlite":
    ledger = SqliteLedger(place)
else:
    from agentguard.stores.ledger_postgres import PostgresLedger
    ledger = PostgresLedger(place)
pots = [{POT!r}, {OTHER!r}]

def hold(name):
    # In an order of its own, as if the budgets of different callers had been found so.
    lines = [
        Line(pot=pots[0], measure=Measure.CALLS, cap={CALLS}, amount=1),
        Line(pot=pots[1], measure=Measure.MONEY, cap={MONEY}, amount={HELD}),
    ]
    return Hold(id=name, lines=tuple(lines[:: 1 if me < "4" else -1]), at={NOW}, lease_until={NOW + LEASE})

def spend(thread):
    for number in range(1000):
        name = f"{{me}}-{{thread}}-{{number}}"
        try:
            ledger.reserve(hold(name))
        except PotsFull:
            return
        os.write(1, b"called\\n")
        ledger.settle(name, {{"money": {USED}}})

os.write(1, b"ready\\n")
sys.stdin.readline()
workers = [threading.Thread(target=spend, args=(each,)) for each in range({THREADS})]
for each in workers:
    each.start()
for each in workers:
    each.join()
"""

HOLDING = f"""
import os, sys, time
from agentguard.stores import SqliteLedger
from agentguard.vocabulary import Hold, Line, Measure, Pot

kind, place, me = sys.argv[1:4]
if kind == "sqlite":
    ledger = SqliteLedger(place)
else:
    from agentguard.stores.ledger_postgres import PostgresLedger
    ledger = PostgresLedger(place)
os.write(1, b"ready\\n")
sys.stdin.readline()
line = Line(pot={POT!r}, measure=Measure.CALLS, cap={CALLS}, amount=1)
for number in range({CALLS} // {PROCESSES}):
    ledger.reserve(Hold(id=f"{{me}}-{{number}}", lines=(line,), at={NOW}, lease_until={NOW + LEASE}))
os.write(1, b"held\\n")
time.sleep(60)
"""


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """A ledger with nothing in it: its kind, and where it is."""
    if request.param == "sqlite":
        return "sqlite", str(tmp_path / "ledger.db")
    server = str(request.getfixturevalue("server"))
    PostgresLedger(server).close()
    with psycopg.connect(server, autocommit=True) as connection:
        for table in (b"settled", b"hold", b"member"):
            connection.execute(b"DELETE FROM agentguard_" + table)
    return "postgres", server


def opened(place: tuple[str, str]) -> LedgerStore:
    """Open a ledger in this process."""
    kind, address = place
    return SqliteLedger(address) if kind == "sqlite" else PostgresLedger(address)


def started(program: str, place: tuple[str, str]) -> list["subprocess.Popen[str]"]:
    """Start every process, and let them all begin at once."""
    found = [
        subprocess.Popen(
            [sys.executable, "-c", program, *place, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    for each in found:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in found:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    return found


def test_processes_at_once_use_up_what_there_is_and_nothing_beyond(place: tuple[str, str]) -> None:
    """Of calls the cap happens exactly; of money what was held fits, whatever was used beyond."""
    ended = [each.communicate() for each in started(SPENDING, place)]
    called = sum(out.count("called") for out, _ in ended)
    ledger = opened(place)
    used = {each.key: each for each in ledger.used(NOW)}
    ledger.close()
    assert called == CALLS
    assert (used["calls"].settled, used["calls"].held) == (CALLS, 0)
    assert (used["money"].settled, used["money"].held) == (CALLS * USED, 0)


def test_money_goes_beyond_its_cap_by_what_calls_used_beyond_their_holds(
    place: tuple[str, str],
) -> None:
    """Where money ends first, the last calls under way overshoot by what they did not hold."""
    program = SPENDING.replace(f"cap={MONEY}", "cap=300")
    ended = [each.communicate() for each in started(program, place)]
    called = sum(out.count("called") for out, _ in ended)
    ledger = opened(place)
    used = {each.key: each for each in ledger.used(NOW)}
    ledger.close()
    assert used["money"].settled == called * USED
    under_way = PROCESSES * THREADS
    assert 300 - HELD < used["money"].settled <= 300 + under_way * (USED - HELD)


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGKILL")
def test_what_the_dead_held_is_there_again_after_their_lease(place: tuple[str, str]) -> None:
    """Processes that are killed in the middle of calls hold what they held until the lease ends."""
    workers = started(HOLDING, place)
    for each in workers:
        assert each.stdout is not None
        assert each.stdout.readline() == "held\n"
        each.send_signal(signal.SIGKILL)
        each.communicate()
    ledger = opened(place)
    held = CALLS // PROCESSES * PROCESSES

    def wanted(at: int) -> Hold:
        line = Line(pot=POT, measure=Measure.CALLS, cap=CALLS, amount=CALLS - held + 1)
        return Hold(id=f"alive-{at}", lines=(line,), at=at, lease_until=at + LEASE)

    assert [each.held for each in ledger.used(NOW + LEASE - 1)] == [held]
    with pytest.raises(PotsFull):
        ledger.reserve(wanted(NOW + LEASE - 1))
    ledger.reserve(wanted(NOW + LEASE))
    ledger.close()
