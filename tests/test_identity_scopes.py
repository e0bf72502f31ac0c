# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Whom does a scope bind, and can it be left behind?"""

import contextvars
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentguard.errors import IdentityRequired
from agentguard.identity import Identities
from agentguard.vocabulary import Caller, TaskScope

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def identities() -> Identities:
    """Return identities with numbered sessions, grants and scopes."""
    numbers = count()
    return Identities(lambda: f"id-{next(numbers)}", now=lambda: NOW)


def only(*tools: str) -> TaskScope:
    """Return a scope of these tools, without an id."""
    return TaskScope(id="", tools=dict.fromkeys(tools, lambda *_: None))


def tools_of(caller: Caller | None) -> list[frozenset[str]]:
    """Return the tools of each scope of a caller, the outermost first."""
    assert caller is not None
    return [frozenset(each.tools or ()) for each in caller.scopes]


def test_a_nested_identity_keeps_the_scopes_around() -> None:
    """Neither another agent, nor a session of its own, nor no scope leaves one behind."""
    known = identities()
    with known.block("agent:a", scope=only("x")):
        assert tools_of(known.narrowed("agent:b", session="other")) == [{"x"}]
        assert tools_of(known.narrowed("agent:b", scope=only("y", "z"))) == [{"x"}, {"y", "z"}]
        with known.block("agent:a"), known.narrowing(only("y")) as inner:
            assert tools_of(inner) == [{"x"}, {"y"}]
        assert tools_of(known.ambient()) == [{"x"}]
    assert known.ambient() is None


def test_narrowing_leaves_the_identity_as_it_is() -> None:
    """Chain, session, tenant and grants of a narrowed block are those around it."""
    known = identities()
    with (
        known.block("agent:a", on_behalf_of="user:u", tenant="t") as outer,
        known.narrowing(only("x")) as inner,
    ):
        assert inner == outer
        assert (inner.grants, inner.lifetime) == (outer.grants, outer.lifetime)


def test_nobody_is_narrowed_outside_an_identity() -> None:
    """A block that narrows binds nobody where no identity is."""
    with pytest.raises(IdentityRequired, match="could be narrowed"), identities().narrowing(only()):
        pass  # pragma: no cover - never entered


def test_each_block_counts_for_itself() -> None:
    """One scope that is given to two blocks is two scopes, each with an id of its own."""
    known, scope = identities(), only("x")
    with known.block("agent:a", scope=scope) as outer, known.narrowing(scope) as inner:
        assert len({each.id for each in inner.scopes}) == 2
        assert outer.scopes == inner.scopes[:1]


def test_the_scopes_of_object_and_block_both_hold() -> None:
    """An object keeps the scopes that it was bound within, and the block around adds its own."""
    known = identities()
    with known.block("agent:a", session="s", scope=only("x")):
        carried = known.narrowed("agent:a")
    assert tools_of(known.presented(carried)) == [{"x"}]
    with known.block("agent:a", session="s", scope=only("y")):
        assert tools_of(known.presented(carried)) == [{"y"}, {"x"}]
    with known.block("agent:a", session="s"):
        assert tools_of(known.presented(carried)) == [{"x"}]
        free = known.narrowed("agent:a")
        with known.narrowing(only("z")):
            assert tools_of(known.presented(free)) == [{"z"}]


def test_a_grant_takes_the_scopes_of_its_makers_along() -> None:
    """What was handed out within a scope stays within it, where the block has none."""
    known = identities()
    with known.block("agent:a", session="s", scope=only("x")):
        grant = known.granted(
            "agent:b", tools={"x": lambda *_: None}, within=timedelta(hours=1), depth=1
        )
    with known.block("agent:a", session="s"):
        assert tools_of(known.narrowed("agent:b", grant=grant)) == [{"x"}]
        with known.block("agent:b", grant=grant):
            deeper = known.granted(
                "agent:c", tools={"x": lambda *_: None}, within=timedelta(hours=1)
            )
            assert tools_of(known.narrowed("agent:c", grant=deeper)) == [{"x"}]


def test_a_scope_follows_a_copy_of_the_context_and_nothing_else() -> None:
    """Code in a copied context is narrowed; code in an empty one is nobody."""
    known = identities()
    with known.block("agent:a", scope=only("x")):
        assert tools_of(contextvars.copy_context().run(known.ambient)) == [{"x"}]
        assert contextvars.Context().run(known.ambient) is None


@given(st.lists(st.sampled_from(["scope", "identity", "bare"]), max_size=6))
def test_blocks_never_lose_a_scope(kinds: list[str]) -> None:
    """However blocks are nested, each has all the scopes of the one around, in order."""
    known = identities()

    def enter(left: list[str], around: tuple[TaskScope, ...]) -> None:
        if not left:
            return
        blocks = {
            "scope": lambda: known.narrowing(only("x")),
            "identity": lambda: known.block("agent:b", scope=only("y")),
            "bare": lambda: known.block("agent:c", session="other"),
        }
        with blocks[left[0]]() as caller:
            assert caller.scopes[: len(around)] == around
            assert len(caller.scopes) - len(around) == (left[0] != "bare")
            enter(left[1:], caller.scopes)

    with known.block("agent:a") as first:
        enter(kinds, first.scopes)
