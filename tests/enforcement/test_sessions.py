# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which session does a caller come back to?"""

import gc
import itertools
import os
import weakref

import pytest

from agentguard import GuardFailure
from agentguard.enforcement import Sessions
from agentguard.enforcement import sessions as sessions_module
from agentguard.identity import Identities


def made() -> tuple[Sessions, Identities]:
    """Return sessions, and identities whose nameless sessions are numbered."""
    return Sessions(os.urandom), Identities(map(str, itertools.count()).__next__)


def test_a_named_session_is_never_forgotten() -> None:
    """However many blocks without a session id come and go, a named session stays the same."""
    sessions, identities = made()
    named = sessions.of(identities.narrowed("agent:a", session="s"))
    for _ in range(12_000):
        sessions.of(identities.narrowed("agent:a"))
    assert sessions.of(identities.narrowed("agent:a", session="s")) is named
    assert (len(sessions._named), len(sessions._living)) == (1, 1)
    assert not sessions._nameless


def test_a_nameless_session_lives_as_long_as_anybody_can_come_back_to_it() -> None:
    """What a bound object or a nested block carries keeps the session of the block around."""
    sessions, identities = made()
    with identities.block("agent:a") as outer:
        first = sessions.of(outer)
        with identities.block("agent:b") as inner:
            nested = sessions.of(inner)
        del inner
        gc.collect()
        with identities.block("agent:b") as again:
            assert sessions.of(again) is nested
        del again
        carried = identities.narrowed("agent:a")
    del outer
    gc.collect()
    assert sessions.of(carried) is first
    assert first is not nested
    seen = weakref.ref(first)
    del carried, first, nested
    gc.collect()
    assert seen() is None


def test_a_nameless_session_is_met_again_by_its_id() -> None:
    """Who hands the id of a nameless session on comes back to that session, and it is kept."""
    sessions, identities = made()
    with identities.block("agent:a") as outer:
        first, id_ = sessions.of(outer), outer.session
    named = identities.narrowed("agent:a", session=id_)
    assert sessions.of(named) is first
    del outer
    gc.collect()
    assert sessions.of(named) is first


def test_named_sessions_beyond_the_bound_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full process refuses a new named session, and goes on with what it knows."""
    monkeypatch.setattr(sessions_module, "MOST_NAMED_SESSIONS", 3)
    sessions, identities = made()
    known = [identities.narrowed("agent:a", session=f"s{number}") for number in range(3)]
    kept = [sessions.of(caller) for caller in known]
    with pytest.raises(GuardFailure) as caught:
        sessions.of(identities.narrowed("agent:a", session="another"))
    assert caught.value.part == "sessions"
    assert [sessions.of(caller) for caller in known] == kept
    assert sessions.of(identities.narrowed("agent:a")) not in kept
