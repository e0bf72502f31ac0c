# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a guard say who a token speaks for, as long as it may, for every thread and task?"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from agentguard import ConfigError, Guard, TokenRefused
from agentguard.issuers import Issuers, TokenProblem, Verified, open_issuers, sources, verifying
from agentguard.policy import IssuerSpec
from agentguard.testing.issuer import LoopbackIssuer

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Clock:
    """A time of day that the test sets."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        """Tell the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Noon."""
    return Clock()


@pytest.fixture
def opened(tmp_path: Path, clock: Clock) -> Callable[..., Issuers]:
    """Give the function that opens one issuer whose keys are in a file or at an address."""

    def made(**changes: object) -> Issuers:
        usual: dict[str, object] = {
            "name": "corp",
            "issuer": "https://login.test",
            "audiences": ("agents",),
            "algorithms": ("ES256",),
        }
        spec = IssuerSpec(**{**usual, **changes})  # type: ignore[arg-type]  # varied by key
        return open_issuers([spec], (), tmp_path, clock)

    return made


def outcome(issuers: Issuers, token: str) -> str:
    """The subject of a token, or what is wrong with it."""
    try:
        return issuers.verify(token).subject.id
    except TokenRefused as refusal:
        return refusal.problem


def test_a_guard_verifies_tokens_and_binds_whom_they_name(
    believing: Guard, issuer: LoopbackIssuer
) -> None:
    """What was verified stands in the chain, with its assurance, its claims and its end."""
    verified = believing.verify(issuer.token({"act": {"sub": "support"}, "customer": "c-1"}))
    assert verified.actor is not None
    with believing.identity(verified.actor, on_behalf_of=verified.subject) as caller:
        person = caller.chain.person
    assert caller.chain.ids == ("user:alice", "agent:support")
    assert person is not None
    assert (person.assurance, person.source) == ("token", "corp")
    assert person.claims == {"customer": "c-1"}
    assert person.expires_at == verified.expires_at


def test_keys_are_fetched_at_the_first_token(believing: Guard, issuer: LoopbackIssuer) -> None:
    """Making a guard asks nobody, and many tokens ask once."""
    assert issuer.requests == 0
    for number in range(20):
        believing.verify(issuer.token({"jti": str(number)}))
    assert issuer.requests == 1


def test_an_unknown_name_of_an_issuer_is_a_mistake_of_the_host(
    believing: Guard, issuer: LoopbackIssuer
) -> None:
    """A host that names an issuer the policy does not have is told so."""
    with pytest.raises(ConfigError, match="no issuer 'corpse'"):
        believing.verify(issuer.token(), issuer="corpse")
    assert believing.verify(issuer.token(), issuer="corp").issuer == "corp"


def test_an_issuer_that_is_not_there_refuses(
    guard_of: Callable[[str], Guard], issuer: LoopbackIssuer
) -> None:
    """Without keys no token counts, and the message names the issuer of the policy."""
    table = '[issuer.corp]\nissuer = "https://login.test"\naudience = "agents"\n'
    guard = guard_of(f'{table}keys_url = "http://127.0.0.1:1/keys"\n')
    with pytest.raises(TokenRefused, match="issuer 'corp': the issuer's keys cannot be reached"):
        guard.verify(issuer.token())


def test_a_token_is_remembered_no_longer_than_it_counts(
    opened: Callable[..., Issuers], issuer: LoopbackIssuer, clock: Clock, tmp_path: Path
) -> None:
    """What was verified is not believed beyond its end, before its beginning, without its key."""
    place = tmp_path / "keys.json"
    place.write_bytes(issuer.key_set())
    issuers = opened(keys_file="keys.json")
    token = issuer.token(now=NOON.timestamp())
    assert outcome(issuers, token) == "user:alice"
    clock.now = NOON + timedelta(seconds=300)
    assert outcome(issuers, token) == TokenProblem.EXPIRED
    clock.now = NOON - timedelta(seconds=60)
    assert outcome(issuers, token) == TokenProblem.FROM_THE_FUTURE
    clock.now = NOON
    assert outcome(issuers, token) == "user:alice"
    place.write_text('{"keys": []}')
    assert outcome(issuers, token) == TokenProblem.UNKNOWN_KEY
    issuer.add_key("key-1")
    place.write_bytes(issuer.key_set())
    assert outcome(issuers, token) == TokenProblem.FORGED


def test_a_remembered_token_does_not_count_with_keys_that_are_too_old(
    opened: Callable[..., Issuers], issuer: LoopbackIssuer, clock: Clock
) -> None:
    """The hard maximum age of keys holds for tokens that were verified before, too."""
    issuers = opened(keys_url=issuer.keys_url, keys_max_age=timedelta(minutes=2))
    token = issuer.token(now=NOON.timestamp())
    assert outcome(issuers, token) == "user:alice"
    issuer.status = 500
    clock.now = NOON + timedelta(seconds=121)
    assert outcome(issuers, token) == TokenProblem.KEYS_TOO_OLD


def test_what_is_remembered_is_bounded(
    opened: Callable[..., Issuers],
    issuer: LoopbackIssuer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Many tokens do not fill the memory."""
    monkeypatch.setattr(verifying, "REMEMBERED", 5)
    (tmp_path / "keys.json").write_bytes(issuer.key_set())
    issuers = opened(keys_file="keys.json")
    for number in range(20):
        issuers.verify(issuer.token({"jti": str(number)}, now=NOON.timestamp()))
    assert len(issuers._seen) == 5


def test_threads_go_on_verifying_while_keys_are_replaced(
    opened: Callable[..., Issuers],
    issuer: LoopbackIssuer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While an issuer brings in keys, every good token counts, and no forged one does."""
    monkeypatch.setattr(sources, "PAUSE", 0.0)
    issuers = opened(keys_url=issuer.keys_url)
    at, done = NOON.timestamp(), threading.Event()
    with LoopbackIssuer() as stranger:

        def verify(worker: int) -> tuple[set[str], set[str]]:
            good: set[str] = set()
            bad: set[str] = set()
            while not done.is_set():
                token = issuer.token({"sub": f"user-{worker}"}, now=at)
                key_id = "key-1"
                good.add(outcome(issuers, token))
                bad.add(outcome(issuers, stranger.token(key_id=key_id, now=at)))
            return good, bad

        with ThreadPoolExecutor(8) as pool:
            working = [pool.submit(verify, worker) for worker in range(8)]
            for number in range(2, 8):
                issuer.add_key(f"key-{number}")
                assert outcome(issuers, issuer.token(now=at)) == "user:alice"
            done.set()
            for worker, each in enumerate(working):
                assert each.result() == ({f"user:user-{worker}"}, {TokenProblem.FORGED})


def test_threads_that_begin_together_all_find_the_first_keys(
    issuer: LoopbackIssuer, tmp_path: Path
) -> None:
    """Keys that another thread fetched in the meantime are not taken for keys from the future."""
    ticking, lock = [0], threading.Lock()

    def later_each_time() -> datetime:
        with lock:
            ticking[0] += 1
            return NOON + timedelta(microseconds=ticking[0])

    spec = IssuerSpec(
        name="corp",
        issuer="https://login.test",
        audiences=("agents",),
        algorithms=("ES256",),
        keys_url=issuer.keys_url,
    )
    tokens = [issuer.token({"jti": str(n)}, now=NOON.timestamp()) for n in range(32)]
    for _ in range(5):
        issuers = open_issuers([spec], (), tmp_path, later_each_time)
        with ThreadPoolExecutor(32) as pool:
            found = set(pool.map(partial(outcome, issuers), tokens))
        assert found == {"user:alice"}


def test_the_event_loop_goes_on_while_keys_are_fetched(
    believing: Guard, issuer: LoopbackIssuer
) -> None:
    """An issuer that is slow holds up the token that needs it, and nothing else."""
    gate = threading.Event()
    issuer.before_answering = lambda: gate.wait(30)

    async def both() -> Verified:
        waiting = asyncio.create_task(believing.verify_async(issuer.token()))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not waiting.done()
        gate.set()
        return await waiting

    assert asyncio.run(both()).subject.id == "user:alice"


def test_a_task_that_is_cancelled_leaves_the_fetch_to_the_others(
    believing: Guard, issuer: LoopbackIssuer
) -> None:
    """Whoever does not wait any more takes the keys from nobody."""
    gate = threading.Event()
    issuer.before_answering = lambda: gate.wait(30)

    async def both() -> Verified:
        leaving, staying = (
            asyncio.create_task(believing.verify_async(issuer.token({"jti": name})))
            for name in ("leaving", "staying")
        )
        while issuer.requests == 0:  # noqa: ASYNC110 - a thread counts
            await asyncio.sleep(0.01)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        gate.set()
        return await staying

    assert asyncio.run(both()).subject.id == "user:alice"
    assert issuer.requests == 1


def test_waiting_for_keys_takes_no_threads(
    believing: Guard, issuer: LoopbackIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens whose keys an issuer does not give do not use up the threads of the event loop."""
    monkeypatch.setattr(sources, "PATIENCE", 0.2)
    gate = threading.Event()
    issuer.before_answering = lambda: gate.wait(30)

    async def everybody() -> tuple[set[str], int]:
        before = threading.active_count()
        waiting = [
            asyncio.create_task(believing.verify_async(issuer.token({"jti": str(number)})))
            for number in range(50)
        ]
        while issuer.requests == 0:  # noqa: ASYNC110 - a thread counts
            await asyncio.sleep(0.01)
        most = threading.active_count() - before
        refusals = await asyncio.gather(*waiting, return_exceptions=True)
        return {getattr(each, "problem", "none") for each in refusals}, most

    problems, threads = asyncio.run(everybody())
    gate.set()
    assert problems == {TokenProblem.KEYS_UNREACHABLE}
    assert threads <= 2  # the fetch, and the answer of the issuer in this process


def test_what_is_no_text_is_no_token(believing: Guard) -> None:
    """Bytes, numbers and nothing are refused like any other token that is none."""
    for thing in (b"a.b.c", 7, None):
        with pytest.raises(TokenRefused, match="is not a signed JSON Web Token"):
            believing.verify(thing)  # type: ignore[arg-type]  # what a host may do


def test_tasks_that_need_the_same_keys_share_one_fetch(
    believing: Guard, issuer: LoopbackIssuer
) -> None:
    """Many requests at once cost one request for keys, and each is told its own subject."""
    tokens = {f"user:u{number}": issuer.token({"sub": f"u{number}"}) for number in range(200)}

    async def everybody() -> list[Verified]:
        return await asyncio.gather(*map(believing.verify_async, tokens.values()))

    found = asyncio.run(everybody())
    assert [each.subject.id for each in found] == list(tokens)
    assert issuer.requests == 1
