# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What can one agent hand to another, and who can take it up where?"""

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentguard.errors import IdentityRequired
from agentguard.identity import Declarations, Identities
from agentguard.vocabulary import Assurance, Covers, Grant, Principal, PrincipalKind

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def everything(*_: object) -> None:
    """Cover all arguments."""


def covers(*names: str) -> dict[str, Covers]:
    """Return tools of which everything is covered."""
    return dict.fromkeys(names, everything)


class Clock:
    """A time that a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        """Tell it."""
        return self.now


def identities(clock: Clock | None = None) -> Identities:
    """Return identities with numbered sessions and grants, in two environments."""
    numbers = count()
    return Identities(
        lambda: f"id-{next(numbers)}",
        declarations=Declarations(environments=frozenset({"production", "codegen"})),
        environment=None,
        now=clock or Clock(),
    )


def as_triage(scope: Identities, **changes: Any) -> Any:
    """Return the block of the agent that hands out."""
    usual = {"on_behalf_of": "user:alice", "environment": "production"}
    return scope.block("agent:triage", **{**usual, **changes})


def handed(scope: Identities, holder: str = "agent:helper", **changes: Any) -> Grant:
    """Return a grant of the running identity."""
    usual: dict[str, Any] = {"tools": covers("search"), "within": HOUR}
    return scope.granted(holder, **{**usual, **changes})


def test_a_grant_comes_from_the_running_identity() -> None:
    """It names who hands it out, and nobody hands out anything outside a block."""
    scope = identities()
    with pytest.raises(IdentityRequired, match="nobody hands out") as caught:
        handed(scope)
    assert "guard.identity" in (caught.value.remedy or "")
    with as_triage(scope):
        grant = handed(scope, calls=3, depth=1)
    assert (grant.holder, grant.chain) == ("agent:helper", ("user:alice", "agent:triage"))
    assert (grant.calls, grant.depth, grant.expires_at) == (3, 1, NOW + HOUR)


def test_a_grant_is_taken_up_behind_those_who_handed_it_out() -> None:
    """The holder stands behind the whole chain and keeps within the grant."""
    scope = identities()
    with as_triage(scope) as outer:
        grant = handed(scope)
        with scope.block("agent:helper", grant=grant) as inner:
            assert inner.chain.ids == (*outer.chain.ids, "agent:helper")
            assert inner.grants == (grant,)
            assert (inner.session, inner.environment) == (outer.session, "production")


def test_a_person_hands_out_as_well() -> None:
    """What a person hands to an agent is taken up behind that person."""
    scope = identities()
    with scope.block("user:alice", environment="production"):
        grant = handed(scope)
        inner = scope.narrowed("agent:helper", on_behalf_of="user:alice", grant=grant)
    assert inner.chain.ids == ("user:alice", "agent:helper")
    assert inner.grants == (grant,)


def test_a_grant_is_not_taken_up_elsewhere() -> None:
    """Outside its chain, for another person, by nobody, or in another environment it is refused."""
    scope = identities()
    with as_triage(scope):
        grant = handed(scope)
    with pytest.raises(IdentityRequired, match="outside the identity") as caught:
        scope.narrowed("agent:helper", grant=grant, environment="production")
    assert "copy_context" in (caught.value.remedy or "")
    for around in (
        as_triage(scope, on_behalf_of="user:bob"),
        as_triage(scope, on_behalf_of=None),
        as_triage(scope, environment="codegen"),
        as_triage(scope, tenant="another"),
        scope.block("agent:helper", on_behalf_of="user:alice", environment="production"),
    ):
        with around, pytest.raises(IdentityRequired, match="outside the identity"):
            scope.narrowed("agent:helper", grant=grant)
    with as_triage(scope):
        assert scope.narrowed("agent:helper", grant=grant).grants == (grant,)


def test_a_grant_stays_with_the_person_of_one_issuer() -> None:
    """The same id from another issuer is somebody else, who takes up nothing of the first one."""
    scope = identities()

    def alice(issuer: str) -> Principal:
        kind, known = PrincipalKind.USER, Assurance.TOKEN
        return Principal(id="user:alice", kind=kind, assurance=known, source=issuer)

    with as_triage(scope, on_behalf_of=alice("corp")):
        grant = handed(scope)
        assert scope.narrowed("agent:helper", grant=grant).grants == (grant,)
    for other in (alice("partner"), "user:alice"):
        with (
            as_triage(scope, on_behalf_of=other),
            pytest.raises(IdentityRequired, match="outside the identity"),
        ):
            scope.narrowed("agent:helper", grant=grant)


def test_a_grant_that_nobody_handed_out_is_refused() -> None:
    """A grant that was put together, or made by another guard, hands over nothing."""
    scope = identities()
    made = Grant(id="g", holder="agent:helper", tools=covers("search"), expires_at=NOW + HOUR)
    another = identities()
    with as_triage(another):
        foreign = handed(another)
    for grant in (made, foreign):
        with as_triage(scope), pytest.raises(IdentityRequired, match="not made by this guard"):
            scope.narrowed("agent:helper", grant=grant)


def test_a_grant_is_for_its_holder_alone() -> None:
    """Another agent cannot take it up, nor can it be for a person or for who hands it out."""
    scope = identities()
    with as_triage(scope):
        grant = handed(scope)
        with pytest.raises(IdentityRequired, match="grant is for 'agent:helper'"):
            scope.narrowed("agent:other", grant=grant)
        for holder in ("user:bob", "agent:triage"):
            with pytest.raises(IdentityRequired, match="for another agent or service"):
                handed(scope, holder)
        with pytest.raises(IdentityRequired, match="malformed"):
            handed(scope, "helper")


def test_a_grant_ends() -> None:
    """From its last moment on it is not taken up."""
    clock = Clock()
    scope = identities(clock)
    with as_triage(scope):
        grant = handed(scope)
        clock.now = NOW + HOUR - timedelta(microseconds=1)
        scope.narrowed("agent:helper", grant=grant)
        clock.now = NOW + HOUR
        with pytest.raises(IdentityRequired, match="has ended"):
            scope.narrowed("agent:helper", grant=grant)


def test_without_depth_the_holder_puts_nobody_behind_itself() -> None:
    """A further agent needs depth, and says so; the holder naming itself again is none."""
    scope = identities()
    with as_triage(scope):
        grant = handed(scope)
        with scope.block("agent:helper", grant=grant):
            assert scope.narrowed("agent:helper").grants == (grant,)
            with pytest.raises(IdentityRequired, match="0 further agents") as caught:
                scope.narrowed("agent:deeper")
            assert "depth=" in (caught.value.remedy or "")


def test_each_further_agent_takes_one_of_depth() -> None:
    """Going back to an agent that came before is a further agent, too."""
    scope = identities()
    with as_triage(scope), ExitStack() as blocks:
        blocks.enter_context(scope.block("agent:helper", grant=handed(scope, depth=2)))
        blocks.enter_context(scope.block("agent:deeper"))
        blocks.enter_context(scope.block("agent:helper"))
        with pytest.raises(IdentityRequired, match="2 further agents"):
            scope.narrowed("agent:deepest")


def test_a_further_agent_keeps_within_the_grant() -> None:
    """Whoever stands behind the holder keeps within what the holder was granted."""
    scope = identities()
    with as_triage(scope):
        grant = handed(scope, depth=1)
        with scope.block("agent:helper", grant=grant), scope.block("agent:deeper") as inner:
            assert inner.grants == (grant,)


@pytest.mark.parametrize(
    ("wider", "what"),
    [
        ({"tools": covers("search", "pay")}, "more tools"),
        ({"tools": covers("pay")}, "more tools"),
        ({"calls": 4}, "more calls"),
        ({"sums": {"amount": Decimal(101)}}, "a larger sum"),
        ({"depth": 1}, "more depth"),
    ],
)
def test_nobody_hands_on_more_than_was_granted(wider: dict[str, Any], what: str) -> None:
    """More tools, calls, sums or depth are refused when the grant is made."""
    scope = identities()
    with as_triage(scope):
        grant = handed(scope, calls=3, sums={"amount": Decimal(100)}, depth=1)
        with (
            scope.block("agent:helper", grant=grant),
            pytest.raises(IdentityRequired, match=f"hand on {what}"),
        ):
            handed(scope, "agent:deeper", **wider)


def test_what_is_handed_on_ends_with_what_it_comes_from() -> None:
    """A longer time is cut, and both grants hold where it is taken up."""
    scope = identities()
    with as_triage(scope):
        first = handed(scope, depth=1)
        with scope.block("agent:helper", grant=first):
            second = handed(scope, "agent:deeper", within=2 * HOUR)
            with scope.block("agent:deeper", grant=second) as inner:
                assert inner.grants == (first, second)
    assert second.expires_at == first.expires_at


def test_what_was_handed_on_holds_without_the_grant_that_it_comes_from() -> None:
    """Taken up behind the same chain that now is under no grant, it brings that grant along."""
    scope = identities()
    with as_triage(scope):
        first = handed(scope, depth=1)
        with scope.block("agent:helper", grant=first):
            second = handed(scope, "agent:deeper")
        with scope.block("agent:helper"), scope.block("agent:deeper", grant=second) as inner:
            assert inner.grants == (first, second)


@pytest.mark.parametrize(
    "senseless",
    [
        {"within": timedelta(0)},
        {"within": timedelta(seconds=-1)},
        {"calls": 0},
        {"calls": -1},
        {"depth": -1},
        {"sums": {"amount": Decimal(-1)}},
        {"tools": {}},
    ],
)
def test_a_grant_that_makes_no_sense_is_refused(senseless: dict[str, Any]) -> None:
    """Nothing, less than nothing and no time are no grant."""
    scope = identities()
    with as_triage(scope), pytest.raises(ValueError, match=r"grant|begin"):
        handed(scope, **senseless)


def test_the_grants_of_an_object_hold_in_the_block_of_others() -> None:
    """A client that is bound under a grant keeps within it wherever it is used."""
    scope = identities()
    with as_triage(scope):
        grant = handed(scope)
        carried = scope.narrowed("agent:helper", grant=grant)
        with scope.block("agent:helper") as free:
            assert free.grants == ()
            presented = scope.presented(carried)
            assert presented is not None
            assert presented.grants == (grant,)
            assert presented.session_key == free.session_key
    alone = scope.presented(carried)
    assert alone is not None
    assert alone.grants == (grant,)


def test_an_object_does_not_free_its_block_of_grants() -> None:
    """A client that is bound without a grant keeps within those of the block."""
    scope = identities()
    with as_triage(scope):
        carried = scope.narrowed("agent:helper")
        grant = handed(scope)
        with scope.block("agent:helper", grant=grant):
            presented = scope.presented(carried)
            assert presented is not None
            assert presented.grants == (grant,)


def test_no_representation_of_a_grant_holds_what_it_demands() -> None:
    """Tools and amounts may be data of the program."""
    scope = identities()
    with as_triage(scope):
        grant = handed(scope, tools=covers("canary"), sums={"canary": Decimal(4711)})
    assert "canary" not in repr(grant)
    assert "4711" not in repr(grant)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["agent:b", "agent:c", "agent:d"]),
            st.sets(st.sampled_from(["search", "pay", "read"]), min_size=1),
            st.none() | st.integers(1, 5),
            st.integers(0, 3),
            st.booleans(),
        ),
        max_size=5,
    )
)
def test_whatever_is_nested_only_narrows(steps: list[tuple[Any, ...]]) -> None:
    """However blocks and grants are nested, chain and grants grow and no grant is wider."""
    scope = identities()
    with as_triage(scope) as outer, ExitStack() as blocks:
        before = outer
        for holder, tools, calls, depth, by_grant in steps:
            try:
                grant = None
                if by_grant:
                    grant = handed(scope, holder, tools=covers(*tools), calls=calls, depth=depth)
                inner = blocks.enter_context(scope.block(holder, grant=grant))
            except IdentityRequired:
                continue
            assert inner.chain.ids[: len(before.chain.ids)] == before.chain.ids
            assert inner.grants[: len(before.grants)] == before.grants
            for wide, narrow in zip(inner.grants, inner.grants[1:], strict=False):
                assert narrow.tools.keys() <= wide.tools.keys()
                assert narrow.expires_at <= wide.expires_at
                assert narrow.depth < wide.depth
                assert narrow.calls is None or wide.calls is None or narrow.calls <= wide.calls
            before = inner
