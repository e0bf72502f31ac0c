# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Another version of the policy comes into force whole or not at all."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agentguard import (
    AgentGuardError,
    ConfigError,
    DeniedByPolicy,
    Guard,
    GuardFailure,
    IdentityRequired,
)
from agentguard.audit import parse_entry
from agentguard.policy import signature_envelope
from agentguard.signing import new_key
from agentguard.stores import SqliteReader
from agentguard.testing.issuer import LoopbackIssuer
from agentguard.vocabulary import AuditEntry, EntryType
from agentguard.wiring import now

POLICY = """
version = 1
name = "reloaded"

[[identity]]
id = "agent:a"

[[tool]]
name = "pay"
impact = "reversible"

[[rule]]
id = "pay"
who = ["agent:a"]
tool = "pay"
args.amount = { int = [1, 100] }
then = "allow"
"""


ABOUT_POLICIES = frozenset({EntryType.POLICY_LOADED, EntryType.POLICY_REFUSED})


def entries(path: Path, kinds: frozenset[EntryType] = ABOUT_POLICIES) -> list[AuditEntry]:
    """Return what is written of some kinds, by default about policies."""
    reader = SqliteReader(path.parent / "agentguard.db")
    return [
        entry
        for stream in reader.streams()
        for row in reader.entries(stream.stream)
        if (entry := parse_entry(row.content).entry).type in kinds
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Write the first version."""
    path = tmp_path / "agentguard.toml"
    path.write_text(POLICY, encoding="utf-8")
    return path


@pytest.fixture
def guard(path: Path) -> Iterator[Guard]:
    """A guard of the first version."""
    with Guard.from_file(path) as made:
        yield made


@pytest.fixture
def pay(guard: Guard) -> Callable[..., int]:
    """A guarded tool."""

    @guard.tool
    def pay(amount: int) -> int:
        return amount

    return pay


def rewrite(path: Path, old: str, new: str) -> None:
    """Replace a part of the file in one step, as a careful operator does."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    beside = path.with_suffix(".new")
    beside.write_text(text.replace(old, new), encoding="utf-8")
    beside.replace(path)


def allows(guard: Guard, pay: Callable[..., int], amount: int) -> bool:
    """Say whether a payment is allowed."""
    with guard.identity("agent:a"):
        try:
            return pay(amount) == amount
        except DeniedByPolicy:
            return False


def test_a_new_version_decides_the_next_call(
    guard: Guard, path: Path, pay: Callable[..., int]
) -> None:
    """After a reload the next call is decided by the new rules, and the change is written down."""
    first = guard.policy_state.digest
    assert allows(guard, pay, 50)
    rewrite(path, "[1, 100]", "[1, 10]")
    assert allows(guard, pay, 50)
    state = guard.reload()
    assert not allows(guard, pay, 50)
    assert allows(guard, pay, 10)
    assert state.digest != first
    assert state.refused is None
    (entry,) = entries(path)
    assert (entry.type, entry.policy) == (EntryType.POLICY_LOADED, state.digest)
    assert entry.details == {"replaces": first}


BROKEN = {
    "no TOML": ("version = 1", "version = = 1"),
    "an unknown key": ('then = "allow"', 'then = "allow"\nwhen = "always"'),
    "a bound alone": ("[1, 100]", "[1]"),
    "an unknown tool": ('tool = "pay"', 'tool = "spend"'),
    "another store": ('name = "reloaded"', 'name = "reloaded"\ndeployment = { store = "b.db" }'),
    "a vault": ('name = "reloaded"', 'name = "reloaded"\nvault = { key_env = "K" }'),
    "a client library that is not there": (
        'name = "reloaded"',
        'name = "reloaded"\ncoverage = { require = ["nothing"] }',
    ),
    "objects that nobody names": (
        'impact = "reversible"',
        'impact = "reversible"\nresource = "account"',
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_version_changes_nothing(
    guard: Guard, path: Path, pay: Callable[..., int], name: str
) -> None:
    """A file that cannot be used is refused and reported, and the old rules stay in force."""
    before = guard.policy_state
    rewrite(path, *BROKEN[name])
    with pytest.raises(ConfigError):
        guard.reload()
    assert allows(guard, pay, 100)
    assert not allows(guard, pay, 101)
    state = guard.policy_state
    assert (state.digest, state.since) == (before.digest, before.since)
    assert state.refused
    assert state.refused_at is not None
    (entry,) = entries(path)
    assert (entry.type, entry.policy) == (EntryType.POLICY_REFUSED, before.digest)


def test_a_version_that_vanished_changes_nothing(
    guard: Guard, path: Path, pay: Callable[..., int]
) -> None:
    """Without a file the old rules stay in force, and the same refusal is written down once."""
    path.unlink()
    for _ in range(2):
        with pytest.raises(ConfigError, match="does not exist"):
            guard.reload()
    assert allows(guard, pay, 100)
    assert len(entries(path)) == 1


def test_after_a_broken_version_a_good_one_counts(
    guard: Guard, path: Path, pay: Callable[..., int]
) -> None:
    """A refusal is forgotten with the next version that can be used."""
    rewrite(path, "[1, 100]", "[1]")
    with pytest.raises(ConfigError):
        guard.reload()
    rewrite(path, "[1]", "[1, 5]")
    assert guard.reload().refused is None
    assert not allows(guard, pay, 6)


def test_an_unsigned_version_changes_nothing(path: Path, tmp_path: Path) -> None:
    """Where keys are trusted, a reload demands a signature like a start, and notes whose it is."""
    pem, key = new_key()
    signature = path.with_name("agentguard.toml.sig")
    digest = _digest(path)
    signature.write_text(signature_envelope("reloaded", digest, now(), pem))
    with Guard.from_file(path, trusted_keys=[key]) as guard:
        rewrite(path, "[1, 100]", "[1, 1000]")
        with pytest.raises(ConfigError, match="changed since it was signed"):
            guard.reload()
        assert guard.policy_state.digest == digest
        signature.write_text(signature_envelope("reloaded", _digest(path), now(), pem))
        assert guard.reload().digest == _digest(path)
    assert entries(path)[-1].details["signed_by"] == key


def test_signatures_are_asked_for_as_long_as_the_guard_lives(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that clears its environment does not load what nobody signed from then on."""
    pem, key = new_key()
    path.with_name("agentguard.toml.sig").write_text(
        signature_envelope("reloaded", _digest(path), now(), pem)
    )
    monkeypatch.setenv("AGENTGUARD_TRUSTED_KEYS", key)
    with Guard.from_file(path) as guard:
        monkeypatch.delenv("AGENTGUARD_TRUSTED_KEYS")
        rewrite(path, "[1, 100]", "[1, 1000]")
        with pytest.raises(ConfigError, match="changed since it was signed"):
            guard.reload()


ISSUER = """
[issuer.corp]
issuer = "https://login.test"
audience = ["agents"]
keys_url = "{url}"
"""


def test_who_rests_on_an_issuer_that_is_gone_is_refused(path: Path) -> None:
    """What runs under tokens of an issuer whose keys leaked ends when the policy drops it."""
    plain = path.read_text(encoding="utf-8").replace(
        'who = ["agent:a"]', 'who = ["agent:a"]\nfor = "user:*"'
    )
    with LoopbackIssuer() as issuer:
        path.write_text(plain + ISSUER.format(url=issuer.keys_url), encoding="utf-8")
        with Guard.from_file(path) as guard:

            @guard.tool
            def pay(amount: int) -> int:
                return amount

            alice = guard.verify(issuer.token()).subject
            with guard.identity("agent:a", on_behalf_of=alice):
                assert pay(1) == 1
                path.write_text(plain, encoding="utf-8")
                guard.reload()
                with pytest.raises(IdentityRequired, match="no such issuer"):
                    pay(2)


def _digest(path: Path) -> str:
    from agentguard.config import load_policy

    return load_policy(path)[0].digest


def test_a_change_that_cannot_be_written_down_is_none(
    guard: Guard, path: Path, pay: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a log that takes no entry the old rules stay in force."""
    rewrite(path, "[1, 100]", "[1, 1000]")
    before = guard.policy_state.digest
    guard._parts.journal.close()
    with pytest.raises(GuardFailure, match="audit log"):
        guard.reload()
    assert guard.policy_state.digest == before
    assert guard._parts.enforcer.core.policy.digest == before


def test_a_call_ends_under_the_policy_that_it_began_under(guard: Guard, path: Path) -> None:
    """A call that is under way is written down with the policy that allowed it."""

    @guard.tool
    def pay(amount: int) -> int:
        rewrite(path, "[1, 100]", "[1, 10]")
        guard.reload()
        return amount

    first = guard.policy_state.digest
    with guard.identity("agent:a"):
        assert pay(50) == 50
    written = entries(path, frozenset({EntryType.INTENT, EntryType.OUTCOME}))
    assert [each.policy for each in written] == [first, first]


def test_no_call_sees_half_a_policy(guard: Guard, path: Path) -> None:
    """While versions are exchanged, every call is decided by one of them and by nothing between."""
    # Each moves the bound and the only rule together: a mixture would allow what neither does.
    one = path.read_text(encoding="utf-8")
    other = one.replace("[1, 100]", "[201, 300]").replace('id = "pay"', 'id = "pay-more"')
    stop = threading.Event()
    wrong: list[object] = []

    @guard.tool
    def pay(amount: int) -> int:
        return amount

    def work() -> None:
        while not stop.is_set():
            with guard.identity("agent:a"):
                try:
                    pay(150)
                    wrong.append("allowed by neither")
                except DeniedByPolicy as denied:
                    if denied.nearest is None or "pay" not in denied.nearest:
                        wrong.append(denied)
                except AgentGuardError as error:
                    wrong.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for index in range(10):
        path.with_suffix(".new").write_text(other if index % 2 == 0 else one, encoding="utf-8")
        path.with_suffix(".new").replace(path)
        guard.reload()
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong


def eventually(condition: Callable[[], Any]) -> bool:
    """Wait until something holds."""
    for _ in range(500):
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_a_watched_file_is_reloaded(guard: Guard, path: Path, pay: Callable[..., int]) -> None:
    """A changed file comes into force by itself."""
    guard.reload_on_change(timedelta(milliseconds=50))
    rewrite(path, "[1, 100]", "[1, 10]")
    assert eventually(lambda: not allows(guard, pay, 50))


def test_a_watched_file_that_breaks_is_told(
    guard: Guard, path: Path, pay: Callable[..., int], caplog: pytest.LogCaptureFixture
) -> None:
    """A changed file that cannot be used stands in the log and in the state, and changes nothing."""
    caplog.set_level(logging.WARNING, logger="agentguard")
    guard.reload_on_change(timedelta(milliseconds=50))
    rewrite(path, "[1, 100]", "[1]")
    assert eventually(lambda: guard.policy_state.refused)
    assert eventually(lambda: "not in force" in caplog.text)
    assert allows(guard, pay, 100)


def test_a_file_that_is_being_written_is_not_read(
    guard: Guard, path: Path, pay: Callable[..., int]
) -> None:
    """A file that changes from look to look is left alone until it stands still."""
    # Half of a file can be a policy as well: one without the rules that deny at its end.
    guard.reload_on_change(timedelta(milliseconds=200))
    whole = path.read_text(encoding="utf-8").replace("[1, 100]", "[1, 10]")
    first = guard.policy_state.digest
    for _ in range(20):
        path.write_text(whole[: whole.index("[[rule]]")] + f"# {time.monotonic_ns()}\n")
        assert guard.policy_state.digest == first
        time.sleep(0.02)
    path.write_text(whole, encoding="utf-8")
    assert eventually(lambda: not allows(guard, pay, 50))
    assert allows(guard, pay, 10)


def test_nobody_watches_after_the_guard_is_closed(path: Path) -> None:
    """Closing a guard ends the thread that looks at the file."""
    guard = Guard.from_file(path)
    guard.reload_on_change(timedelta(milliseconds=50))
    guard.close()
    assert not any(each.name == "agentguard-policy" for each in threading.enumerate())


def test_looking_all_the_time_is_refused(guard: Guard) -> None:
    """An interval of nothing would be a busy loop."""
    with pytest.raises(ValueError, match="shortest interval"):
        guard.reload_on_change(timedelta())
