# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Sessions that are kept on disk follow what others write, and forget what is gone."""

import gc
import itertools
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agentguard import GuardFailure
from agentguard.enforcement import Sessions
from agentguard.enforcement import sessions as sessions_module
from agentguard.identity import Identities
from agentguard.redaction import Issued, Vault, VaultScope
from agentguard.session import Labels, Session
from agentguard.stores import KeyRing, SqliteVaultStore, VaultKeeper, VaultKey
from agentguard.vocabulary import Action, Caller, DataClass, KnownValue

EMAIL = DataClass(name="email", family="pii", action=Action.TOKENISE)
MAIL = "jane.doe@customers.example"
START = datetime(2026, 11, 22, tzinfo=UTC)


class World:
    """Processes that share a vault, and the time."""

    def __init__(self, path: Path) -> None:
        self.now = START
        self.identities = Identities(map(str, itertools.count()).__next__)
        self.keepers: list[VaultKeeper] = []
        self._path = path

    def process(
        self, scope: VaultScope = VaultScope.SESSION, expire_after: timedelta | None = None
    ) -> Sessions:
        """Return the sessions of another process."""
        keeper = VaultKeeper(
            SqliteVaultStore(self._path),
            KeyRing(VaultKey(bytes(range(32)))),
            scope=scope,
            expire_after=expire_after,
            now=lambda: self.now,
        )
        self.keepers.append(keeper)
        return Sessions(os.urandom, keeper=keeper, now=lambda: self.now)

    def who(self, session: str | None = "s", tenant: str | None = None) -> Caller:
        """Return a caller."""
        return self.identities.narrowed("agent:a", session=session, tenant=tenant)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A world without a process yet."""
    made = World(tmp_path / "vault.db")
    yield made
    for keeper in made.keepers:
        keeper.close()


def hide(session: Session, value: str = MAIL, *, reversible: bool = True) -> str:
    """Hide a value in a session."""
    return session.vault.issue(data_class=EMAIL, value=value, reversible=reversible, source="/a")


def hide_and_keep(sessions: Sessions, caller: Caller, value: str = MAIL) -> str:
    """Hide a value in a caller's session, and keep it."""
    session = sessions.of(caller)
    mark = hide(session, value)
    sessions.keep(caller, session)
    assert not session.vault.has_unkept
    return mark


def test_a_session_follows_what_others_write(world: World) -> None:
    """Two processes take turns in one session, and each knows what the other hid."""
    first, second = world.process(), world.process()
    here = second.of(world.who())
    for number in range(3):
        mark = hide_and_keep(first, world.who(), f"value-{number}")
        assert second.of(world.who()) is here
        issued = here.vault.issued(mark)
        assert issued is not None
        assert issued.value == f"value-{number}"
        assert here.vault.version == number + 1
        assert hide(here, f"value-{number}") == mark
        assert not here.vault.has_unkept


def test_what_was_not_kept_is_unknown_elsewhere(world: World) -> None:
    """A process that ends before it kept a value leaves nothing of it."""
    first, second = world.process(), world.process()
    mark = hide(first.of(world.who()))
    assert second.of(world.who()).vault.issued(mark) is None


def test_erased_and_expired_values_are_unknown_from_the_next_call_on(world: World) -> None:
    """Nothing that is gone is turned back, and what is left is as it was."""
    sessions = world.process(expire_after=timedelta(days=30))
    old = hide_and_keep(sessions, world.who("a"))
    world.now += timedelta(days=1)
    young = hide_and_keep(sessions, world.who("a"), "young")
    other = hide_and_keep(sessions, world.who("b"))
    under_way = sessions.of(world.who("a"))
    world.now += timedelta(days=29)
    assert sessions.of(world.who("a")) is not under_way
    assert sessions.of(world.who("a")).vault.issued(old) is None
    assert sessions.of(world.who("a")).vault.issued(young) is not None
    assert under_way.vault.issued(old) is not None
    world.keepers[0].erase(session="a")
    assert sessions.of(world.who("a")).vault.issued(young) is None
    assert sessions.of(world.who("b")).vault.issued(other) is not None


def test_an_erasure_between_two_first_readings_is_not_lost(world: World) -> None:
    """What one thread read before somebody erased is not known after another read it later."""
    # Both opened the session for the first time, and the one that had read first was the last
    # to tell the session, which took what was erased for what had been there all along.
    old = hide_and_keep(world.process(), world.who("a"))
    sessions = world.process()
    restore, waiting = Vault.restore, [True]

    def slowly(vault: Vault, kept: Iterable[Issued], *, own: bool) -> None:
        if waiting:
            waiting.clear()
            world.keepers[-1].erase(session="a")
            assert sessions.of(world.who("a")).vault.issued(old) is None
        restore(vault, kept, own=own)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Vault, "restore", slowly)
        assert sessions.of(world.who("a")).vault.issued(old) is None
    assert sessions.of(world.who("a")).vault.issued(old) is None


@pytest.mark.parametrize("others_write", [False, True])
def test_what_a_session_hid_and_never_read_again_expires(
    world: World, *, others_write: bool
) -> None:
    """A value that only the process that hid it knows expires there as it does on disk."""
    # A process hid a value and had no further call until it had expired: the row was passed
    # over when the session was read, or was gone, so the session went on knowing the value.
    sessions = world.process(expire_after=timedelta(days=30))
    old = hide_and_keep(sessions, world.who("a"))
    world.now += timedelta(days=31)
    if others_write:
        hide_and_keep(world.process(expire_after=timedelta(days=30)), world.who("b"))
    again = sessions.of(world.who("a"))
    assert again.vault.issued(old) is None
    assert hide(again) == old
    assert again.vault.has_unkept


def test_a_collision_refuses_and_what_is_on_disk_holds(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two values with one code the first on disk stays, and the session goes on."""
    first, second, third = world.process(), world.process(), world.process()
    monkeypatch.setattr("agentguard.redaction.vault.Vault._code", lambda *_: "AAAAAAAA")
    here, there = second.of(world.who()), third.of(world.who())
    mark = hide_and_keep(first, world.who(), "first-value")
    assert hide(here, "second-value") == hide(there, "second-value") == mark
    with pytest.raises(GuardFailure) as caught:
        second.keep(world.who(), here)
    assert caught.value.part == "vault"
    assert "second-value" not in str(caught.value)
    with pytest.raises(GuardFailure, match="share a placeholder"):
        third.of(world.who())
    assert third.of(world.who()) is not there
    again = second.of(world.who())
    issued = again.vault.issued(mark)
    assert issued is not None
    assert issued.value == "first-value"
    with pytest.raises(ValueError, match="share a placeholder"):
        hide(again, "second-value")


def test_one_way_travels(world: World) -> None:
    """A value that one process made one-way is so in the others from their next call on."""
    first, second = world.process(), world.process()
    mark = hide_and_keep(first, world.who())
    here = second.of(world.who())
    hide(here, reversible=False)
    second.keep(world.who(), here)
    there = first.of(world.who()).vault.issued(mark)
    assert there is not None
    assert not there.reversible


def test_labels_outlive_what_was_erased(world: World) -> None:
    """What the host labelled in a session is looked for also when the session is read anew."""
    sessions = world.process()
    hide_and_keep(sessions, world.who())
    label = KnownValue(value="labelled-value", data_class="email")
    sessions.label(world.who(), [label])
    before = sessions.of(world.who())
    world.keepers[0].erase(session="s")
    after = sessions.of(world.who())
    assert after is not before
    assert after.labels.version == 1


def test_a_label_is_not_lost_when_the_session_is_replaced(world: World) -> None:
    """A value that is labelled while others erase is known to the session that follows."""
    sessions = world.process()
    hide_and_keep(sessions, world.who("a"))
    add, waiting = Labels.add, [True]

    def slowly(labels: Labels, values: Iterable[KnownValue]) -> None:
        if waiting:
            waiting.clear()
            world.keepers[-1].erase(session="a")
            sessions.of(world.who("a"))
        add(labels, values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Labels, "add", slowly)
        sessions.label(world.who("a"), [KnownValue(value="labelled", data_class="email")])
    assert sessions.of(world.who("a")).labels.version == 1


def test_many_threads_keep_everything(world: World) -> None:
    """Whichever thread issued a value, whoever returns from keeping has it on disk."""
    sessions, reader = world.process(), world.process()
    lost: list[str] = []

    def work(number: int) -> None:
        for turn in range(6):
            session = sessions.of(world.who())
            mark = hide(session, f"value-{(turn + number) % 8}")
            sessions.keep(world.who(), session)
            if reader.of(world.who()).vault.issued(mark) is None:
                lost.append(mark)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lost == []
    assert reader.of(world.who()).vault.version == 8


def test_a_full_process_forgets_what_is_on_disk(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session that is kept can be forgotten by the process, and is there when it is met again."""
    monkeypatch.setattr(sessions_module, "MOST_NAMED_SESSIONS", 3)
    sessions = world.process()
    marks = [hide_and_keep(sessions, world.who(f"s{number}")) for number in range(6)]
    gc.collect()
    assert len(sessions._named) == len(sessions._living) == 3
    for number, mark in enumerate(marks):
        assert sessions.of(world.who(f"s{number}")).vault.issued(mark) is not None


def test_nameless_sessions_wait_for_no_disk(world: World) -> None:
    """Whether a caller's session is kept says whether an event loop may perform its steps."""
    sessions = world.process()
    nameless = world.who(None)
    assert not sessions.may_wait(nameless)
    assert sessions.may_wait(world.who())
    session = sessions.of(nameless)
    hide(session)
    sessions.keep(nameless, session)
    assert session.vault.has_unkept
    assert world.process(VaultScope.TENANT).may_wait(world.who(None, "acme"))


def test_without_a_tenant_nobody_has_a_shared_session(world: World) -> None:
    """A caller without a tenant is refused where values are shared by tenant."""
    sessions = world.process(VaultScope.TENANT)
    for use in (sessions.of, lambda caller: sessions.label(caller, [])):
        with pytest.raises(GuardFailure, match="tenant") as caught:
            use(world.who())
        assert caught.value.part == "vault"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_forked_child_reads_and_keeps(world: World) -> None:
    """A child goes on with the parent's sessions, over connections of its own."""
    sessions = world.process()
    mark = hide_and_keep(sessions, world.who())

    def child() -> bool:
        known = sessions.of(world.who()).vault.issued(mark) is not None
        hide_and_keep(sessions, world.who(), "from-the-child")
        return known

    assert _in_child(child)
    values = {each.value for each in sessions.of(world.who()).vault.known_values()}
    assert values == {MAIL, "from-the-child"}


def _in_child(work: Callable[[], bool]) -> bool:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if work() else 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
