# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Who shares what was said, and what is known of what was said elsewhere?"""

import gc
import itertools
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agentguard.enforcement import Sessions
from agentguard.enforcement import sessions as sessions_module
from agentguard.identity import Identities
from agentguard.redaction import VaultScope
from agentguard.stores import KeyRing, SqliteVaultStore, VaultKeeper, VaultKey
from agentguard.vocabulary import Action, DataClass, Speaker, UserMessages

EMAIL = DataClass(name="email", family="pii", action=Action.TOKENISE)
ALL = UserMessages.ALL


@pytest.fixture
def people() -> Identities:
    """Identities whose nameless sessions are numbered."""
    return Identities(map(str, itertools.count()).__next__)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Callable[[], Sessions]]:
    """Give what makes the sessions of another process on the same vault."""
    keepers: list[VaultKeeper] = []

    def made() -> Sessions:
        store = SqliteVaultStore(tmp_path / "vault.db")
        ring = KeyRing(VaultKey(bytes(range(32))))
        keepers.append(
            VaultKeeper(
                store,
                ring,
                scope=VaultScope.SESSION,
                expire_after=None,
                now=lambda: datetime(2026, 11, 22, tzinfo=UTC),
            )
        )
        return Sessions(os.urandom, keeper=keepers[-1])

    yield made
    for keeper in keepers:
        keeper.close()


@pytest.fixture
def erase(process: Callable[[], Sessions]) -> Callable[[], object]:
    """Give what erases everything of session s, in a process of its own."""
    keeper = process()._keeper
    assert keeper is not None
    return lambda: keeper.erase(session="s")


def hide(sessions: Sessions, caller: object, value: str) -> None:
    """Hide a value in a caller's session, and keep it."""
    session = sessions.of(caller)  # type: ignore[arg-type]  # a caller
    session.vault.issue(data_class=EMAIL, value=value, reversible=True, source="/a")
    sessions.keep(caller, session)  # type: ignore[arg-type]  # a caller


@pytest.mark.parametrize("name", [None, "s"])
def test_everybody_of_a_chain_shares_what_was_said(people: Identities, name: str | None) -> None:
    """An agent behind another has a session of its own and the same conversation."""
    sessions = Sessions(os.urandom)
    with people.block("agent:a", session=name) as first:
        with people.block("agent:b") as second, people.block("agent:c") as third:
            talk = sessions.of(third).talk
            assert sessions.of(first).talk is sessions.of(second).talk is talk
            assert sessions.of(first) is not sessions.of(second)
        assert sessions.talk(first) is talk


def test_who_begins_another_session_shares_nothing(people: Identities) -> None:
    """Two sessions, two people and two agents that begin a chain have conversations apart."""
    sessions = Sessions(os.urandom)
    callers = [
        people.narrowed("agent:a"),
        people.narrowed("agent:a"),
        people.narrowed("agent:a", session="s"),
        people.narrowed("agent:b", session="s"),
        people.narrowed("agent:a", on_behalf_of="user:alice", session="s"),
        people.narrowed("agent:a", on_behalf_of="user:bob", session="s"),
        people.narrowed("agent:a", session="s", tenant="acme"),
    ]
    talks = {id(sessions.talk(each)) for each in callers}
    assert len(talks) == len(callers)


def test_what_was_said_lives_as_long_as_somebody_can_come_back(people: Identities) -> None:
    """The conversation of a nameless session ends with it, that of a named one does not."""
    sessions = Sessions(os.urandom)
    with people.block("agent:a") as outer:
        with people.block("agent:b") as inner:
            said = sessions.talk(inner).heard_by(ALL)
            said.heard(Speaker.USER, "hello")
        del inner
        gc.collect()
        assert sessions.talk(outer).heard_by(ALL) is said
    sessions.talk(people.narrowed("agent:a", session="s")).heard_by(ALL)
    del outer, said
    gc.collect()
    assert len(sessions._talks) == 1


def test_other_words_of_the_user_are_another_conversation(people: Identities) -> None:
    """Where other messages come to count as the user's, what was said before is not known."""
    talk = Sessions(os.urandom).talk(people.narrowed("agent:a"))
    said = talk.heard_by(ALL)
    assert talk.heard_by(ALL) is said
    assert talk.complete
    assert talk.heard_by(UserMessages.TOLD) is not said
    assert not talk.complete
    assert "hello" not in repr(talk)


def test_fields_that_are_trusted_no_longer_are_another_conversation(people: Identities) -> None:
    """Where a field of a tool is not trusted any more, what was said before is not known."""
    talk = Sessions(os.urandom).talk(people.narrowed("agent:a"))
    names, more = ("contacts", "/name"), ("contacts", "/email")
    said = talk.heard_by(ALL, frozenset({names}))
    assert talk.heard_by(ALL, frozenset({names, more})) is said
    assert talk.complete
    assert talk.heard_by(ALL, frozenset({more})) is not said
    assert not talk.complete


def test_a_session_that_another_process_used_is_not_known_in_full(
    people: Identities, process: Callable[[], Sessions]
) -> None:
    """Once values of another process are met, not everything was heard; one's own are none."""
    here, there = process(), process()
    caller = people.narrowed("agent:a", session="s")
    hide(here, caller, "one@corp.example")
    assert here.of(caller).talk.complete
    assert not there.of(caller).talk.complete
    hide(there, caller, "two@corp.example")
    assert not here.of(caller).talk.complete


def test_a_session_that_was_left_is_not_known_in_full(
    people: Identities, process: Callable[[], Sessions], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session that was forgotten here to make room comes back as one that was not heard."""
    monkeypatch.setattr(sessions_module, "MOST_NAMED_SESSIONS", 1)
    sessions = process()
    first = people.narrowed("agent:a", session="one")
    assert sessions.of(first).talk.complete
    sessions.of(people.narrowed("agent:a", session="two"))
    gc.collect()
    assert not sessions.of(first).talk.complete


def test_what_was_erased_is_not_remembered_as_said(
    people: Identities, process: Callable[[], Sessions], erase: Callable[[], object]
) -> None:
    """Once something of a session was erased, nothing that was said in it is known any more."""
    sessions = process()
    caller = people.narrowed("agent:a", session="s")
    hide(sessions, caller, "one@corp.example")
    sessions.of(caller).talk.heard_by(ALL).user_said("one@corp.example")
    erase()
    talk = sessions.of(caller).talk
    assert not talk.complete
    origins = talk.heard_by(ALL).origins("send", {"to": "one@corp.example"})
    assert not origins["to"][0].words
