# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Are keys fetched when they are needed, seldom otherwise, and never used when too old?"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agentguard import TokenRefused
from agentguard.issuers import TokenProblem, sources
from agentguard.issuers.keys import Key, KeySet, read_keys
from agentguard.issuers.refusing import MustWait
from agentguard.issuers.sources import FetchedKeys, FileKeys
from agentguard.policy import IssuerKind
from agentguard.testing.issuer import LoopbackIssuer

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MAX_AGE = timedelta(hours=1)


class Unreachable(Exception):
    """Nobody answers."""


class Issuer:
    """Somebody who publishes keys, and two clocks."""

    def __init__(self) -> None:
        self.now = NOON
        self.ticks = 1000.0
        self.names = ["one"]
        self.fetches = 0
        self.problem: Exception | None = None
        self.gate: threading.Event | None = None
        self.began = threading.Event()

    def fetch(self) -> KeySet:
        """Publish the keys, after the gate is open."""
        self.fetches += 1
        self.began.set()
        if self.gate is not None:
            self.gate.wait(30)
        if self.problem is not None:
            raise self.problem
        keys = [
            Key(id=name, algorithms=frozenset({"ES256"}), fingerprint=b"f") for name in self.names
        ]
        return KeySet(keys=tuple(keys))

    def keys(self) -> FetchedKeys:
        """A new source of these keys."""
        return FetchedKeys(self.fetch, MAX_AGE, lambda: self.now, lambda: self.ticks)

    def later(self, span: timedelta) -> None:
        """Let time pass."""
        self.now += span
        self.ticks += span.total_seconds()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """Somebody who publishes one key, at noon."""
    made = Issuer()
    yield made
    if made.gate is not None:
        made.gate.set()


def problem_of(found: Callable[[], Key]) -> str | None:
    """What is told when there is no key, None where there is one."""
    try:
        found()
    except TokenRefused as refusal:
        return refusal.problem
    return None


def settled(keys: FetchedKeys) -> None:
    """Wait until no fetch is under way."""
    last = keys._last
    assert last is not None
    last.done.result(10)


def test_keys_are_fetched_once_for_many_tokens(issuer: Issuer) -> None:
    """Nothing is fetched before the first token, and once for all that follow."""
    keys = issuer.keys()
    assert issuer.fetches == 0
    for _ in range(100):
        assert keys.find("one", "ES256", wait=True).id == "one"
    assert issuer.fetches == 1


def test_keys_are_renewed_before_they_are_too_old(issuer: Issuer) -> None:
    """After half of their age, keys are fetched anew while the old ones go on serving."""
    keys = issuer.keys()
    keys.find("one", "ES256", wait=True)
    issuer.later(MAX_AGE / 2 + timedelta(seconds=1))
    issuer.gate, issuer.names = threading.Event(), ["one", "two"]
    assert keys.find("one", "ES256", wait=False).id == "one"
    issuer.gate.set()
    settled(keys)
    assert keys.find("two", "ES256", wait=False).id == "two"
    assert issuer.fetches == 2


def test_a_key_that_was_taken_back_counts_no_more_after_the_renewal(issuer: Issuer) -> None:
    """What the issuer does not publish any more is forgotten."""
    keys = issuer.keys()
    keys.find("one", "ES256", wait=True)
    issuer.names = ["two"]
    issuer.later(MAX_AGE / 2 + timedelta(seconds=1))
    keys.find("one", "ES256", wait=True)
    settled(keys)
    assert problem_of(lambda: keys.find("one", "ES256", wait=True)) == "unknown_key"


def test_keys_serve_until_their_hard_maximum_age_and_not_longer(issuer: Issuer) -> None:
    """An issuer that is not reached holds nobody up for an hour, and everybody after it."""
    keys = issuer.keys()
    keys.find("one", "ES256", wait=True)
    issuer.problem = Unreachable()
    issuer.later(MAX_AGE)
    assert keys.find("one", "ES256", wait=True).id == "one"
    settled(keys)
    issuer.later(timedelta(seconds=11))
    told = problem_of(lambda: keys.find("one", "ES256", wait=True))
    assert told == TokenProblem.KEYS_TOO_OLD
    issuer.problem = None
    issuer.later(timedelta(seconds=11))
    assert keys.find("one", "ES256", wait=True).id == "one"


def test_a_clock_that_is_set_back_makes_no_key_younger(issuer: Issuer) -> None:
    """Keys from the future are fetched anew, or do not count."""
    keys = issuer.keys()
    keys.find("one", "ES256", wait=True)
    issuer.now -= timedelta(days=365)
    issuer.problem = Unreachable()
    issuer.ticks += 11
    told = problem_of(lambda: keys.find("one", "ES256", wait=True))
    assert told == TokenProblem.KEYS_TOO_OLD
    issuer.problem = None
    issuer.ticks += 11
    assert keys.find("one", "ES256", wait=True).id == "one"


def test_forged_key_ids_do_not_become_requests(issuer: Issuer) -> None:
    """A thousand tokens with keys that are not there cost one fetch, and known keys go on."""
    keys = issuer.keys()
    keys.find("one", "ES256", wait=True)
    issuer.ticks += 11
    for number in range(1000):
        told = problem_of(lambda: keys.find(f"no-{number}", "ES256", wait=True))  # noqa: B023 - called at once
        assert told == TokenProblem.UNKNOWN_KEY
    assert issuer.fetches == 2
    assert keys.find("one", "ES256", wait=True).id == "one"


def test_a_new_key_counts_as_soon_as_a_token_names_it(issuer: Issuer) -> None:
    """A key that the issuer has just begun to use is fetched for the token that names it."""
    keys = issuer.keys()
    keys.find("one", "ES256", wait=True)
    issuer.names = ["one", "two"]
    issuer.later(timedelta(seconds=11))
    assert keys.find("two", "ES256", wait=True).id == "two"


def test_an_issuer_that_is_not_reached_is_not_asked_for_every_token(issuer: Issuer) -> None:
    """Without keys every token is refused, and one fetch in a while is tried."""
    keys, issuer.problem = issuer.keys(), Unreachable()
    told = {problem_of(lambda: keys.find("one", "ES256", wait=True)) for _ in range(50)}
    assert told == {TokenProblem.KEYS_UNREACHABLE}
    assert issuer.fetches == 1
    issuer.ticks += 11
    issuer.problem = ValueError("not keys")
    told = {problem_of(lambda: keys.find("one", "ES256", wait=True)) for _ in range(50)}
    assert told == {TokenProblem.KEYS_UNREADABLE}
    assert issuer.fetches == 2


def test_who_will_not_wait_is_told_so(issuer: Issuer) -> None:
    """Whoever has no time for a fetch is not held up by one, and finds its keys afterwards."""
    keys, issuer.gate = issuer.keys(), threading.Event()
    with pytest.raises(MustWait):
        keys.find("one", "ES256", wait=False)
    issuer.gate.set()
    settled(keys)
    assert keys.find("one", "ES256", wait=False).id == "one"
    assert issuer.fetches == 1


def test_a_fetch_that_hangs_holds_up_nobody_who_has_keys(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Known keys serve while a renewal and a search for another key hang."""
    monkeypatch.setattr(sources, "PATIENCE_FOR_ANOTHER", 30.0)
    keys = issuer.keys()
    keys.find("one", "ES256", wait=True)
    issuer.later(MAX_AGE / 2 + timedelta(seconds=1))
    issuer.gate = threading.Event()
    issuer.began.clear()
    with ThreadPoolExecutor(4) as pool:
        seeking = [pool.submit(keys.find, "two", "ES256", wait=True) for _ in range(3)]
        assert issuer.began.wait(10)
        for _ in range(100):
            assert keys.find("one", "ES256", wait=True).id == "one"
        assert not any(each.done() for each in seeking)
        issuer.gate.set()
        assert {problem_of(each.result) for each in seeking} == {TokenProblem.UNKNOWN_KEY}
    assert issuer.fetches == 2


def test_a_key_that_anybody_can_name_is_not_waited_for_long(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While an issuer hangs, forged tokens do not tie up those who verify them."""
    monkeypatch.setattr(sources, "PATIENCE_FOR_ANOTHER", 0.05)
    keys = issuer.keys()
    keys.find("one", "ES256", wait=True)
    issuer.later(timedelta(seconds=11))
    issuer.gate = threading.Event()
    told = problem_of(lambda: keys.find("forged", "ES256", wait=True))
    assert told == TokenProblem.UNKNOWN_KEY
    last = keys._last
    assert last is not None
    assert not last.done.done()


def test_nobody_waits_for_a_fetch_for_ever(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fetch that never ends is given up, and another one is tried later."""
    monkeypatch.setattr(sources, "PATIENCE", 0.05)
    keys, first = issuer.keys(), threading.Event()
    issuer.gate = first
    told = problem_of(lambda: keys.find("one", "ES256", wait=True))
    assert told == TokenProblem.KEYS_UNREACHABLE
    issuer.gate, issuer.names = None, ["new"]
    issuer.ticks += 11
    monkeypatch.setattr(sources, "PATIENCE", 10.0)
    assert keys.find("new", "ES256", wait=True).id == "new"
    last = keys._last
    issuer.names = ["old"]
    first.set()
    assert keys._last is last
    assert keys.find("new", "ES256", wait=True).id == "new"


def test_many_threads_without_keys_make_one_fetch(issuer: Issuer) -> None:
    """Threads that need the same keys at once share one fetch."""
    keys, issuer.gate = issuer.keys(), threading.Event()
    with ThreadPoolExecutor(32) as pool:
        found = [pool.submit(keys.find, "one", "ES256", wait=True) for _ in range(32)]
        assert issuer.began.wait(10)
        issuer.gate.set()
        assert {each.result().id for each in found} == {"one"}
    assert issuer.fetches == 1


def test_a_process_that_forked_in_the_middle_of_a_fetch_has_keys_all_the_same(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fetch of the parent does not go on in the child, so the child makes its own."""
    keys, issuer.gate = issuer.keys(), threading.Event()
    with pytest.raises(MustWait):
        keys.find("one", "ES256", wait=False)
    assert keys._lock.acquire(timeout=1)
    monkeypatch.setattr("os.getpid", lambda: -1)
    issuer.gate.set()
    assert keys.find("one", "ES256", wait=True).id == "one"


def test_a_file_is_read_as_it_is_now(tmp_path: Path) -> None:
    """Keys come into force and go out of it with the file that holds them."""
    place = tmp_path / "keys.json"
    keys = FileKeys(place, lambda content: read_keys(content, IssuerKind.JWT))

    def told() -> str | None:
        return problem_of(lambda: keys.find("key-1", "ES256", wait=False))

    assert told() == TokenProblem.KEYS_UNREACHABLE
    with LoopbackIssuer() as issuer:
        place.write_bytes(issuer.key_set())
    assert told() is None
    place.write_text("{")
    assert told() == TokenProblem.KEYS_UNREADABLE
    place.write_text('{"keys": []}')
    assert told() == TokenProblem.UNKNOWN_KEY
