# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Who is calling, and can a block or an object ever widen that?"""

import ast
import asyncio
import threading
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import agentguard.identity
from agentguard.errors import IdentityRequired
from agentguard.identity import Identities, principal
from agentguard.vocabulary import Assurance, Caller, Chain, Principal, PrincipalKind

AGENTS = st.sampled_from(["agent:a", "agent:b", "agent:c", "service:d"])


def identities() -> Identities:
    """Return identities with numbered sessions."""
    numbers = count()
    return Identities(lambda: f"session-{next(numbers)}")


@pytest.mark.parametrize(
    "malformed",
    ["", "bob", "agent:", "agent", "group:x", "agent:a b", "agent:a\n", "user:" + "x" * 200, "a:b"],
)
def test_a_malformed_id_is_refused(malformed: str) -> None:
    """An id that names no kind, or holds other characters, is no principal."""
    with pytest.raises(IdentityRequired) as caught:
        principal(malformed)
    assert not malformed or malformed not in str(caught.value.args)


def test_an_id_says_its_kind() -> None:
    """The part before the colon is the principal's kind."""
    assert principal("user:alice").kind is PrincipalKind.USER
    assert principal("agent:x").kind is PrincipalKind.AGENT


def test_nobody_is_the_default() -> None:
    """Outside every block there is no caller."""
    assert identities().ambient() is None
    assert identities().presented(None) is None


def test_each_outermost_identity_starts_a_session() -> None:
    """Without an id, two blocks are two sessions; with one, they are the same."""
    scope = identities()
    first, second = scope.narrowed("agent:a"), scope.narrowed("agent:a")
    assert first.session_key != second.session_key
    named = [scope.narrowed("agent:a", session="s") for _ in range(2)]
    assert named[0].session_key == named[1].session_key


def test_a_session_belongs_to_its_chain() -> None:
    """The same session id under another chain is another session."""
    scope = identities()
    one = scope.narrowed("agent:a", session="s")
    other = scope.narrowed("agent:a", on_behalf_of="user:alice", session="s")
    assert one.session_key != other.session_key


@given(st.lists(AGENTS, min_size=1, max_size=5))
def test_nesting_only_extends_the_chain(actors: list[str]) -> None:
    """Every block keeps the whole chain of the block around it, and its session."""
    scope = identities()
    with scope.block("agent:start", on_behalf_of="user:alice") as outer:
        before = outer
        for actor in actors:
            inner = scope.narrowed(actor)
            assert inner.chain.ids[: len(before.chain.ids)] == before.chain.ids
            assert inner.session == outer.session
            assert inner.chain.person == outer.chain.person
            with scope.block(actor):
                again = scope.narrowed(actor)
                assert again.chain.ids == inner.chain.ids


def test_a_nested_identity_cannot_change_the_person() -> None:
    """A block inside another cannot act for somebody else, or for somebody at all."""
    scope = identities()
    with (
        scope.block("agent:a", on_behalf_of="user:alice"),
        pytest.raises(IdentityRequired),
    ):
        scope.narrowed("agent:b", on_behalf_of="user:bob")
    with scope.block("agent:a"), pytest.raises(IdentityRequired):
        scope.narrowed("agent:b", on_behalf_of="user:alice")


def test_only_a_person_can_be_acted_for() -> None:
    """An agent is not somebody on whose behalf a call is made."""
    with pytest.raises(IdentityRequired):
        identities().narrowed("agent:a", on_behalf_of="agent:b")


def test_a_person_alone_is_the_actor() -> None:
    """A person who calls alone acts, and nobody stands behind the call."""
    chain = identities().narrowed("user:alice").chain
    assert (chain.actor.id, chain.person) == ("user:alice", None)
    assert [each.id for each in chain.agents] == ["user:alice"]


def test_the_block_and_the_object_must_agree() -> None:
    """An object that is bound to one agent cannot be used in the block of another."""
    scope = identities()
    carried = scope.narrowed("agent:a")
    with scope.block("agent:b"), pytest.raises(IdentityRequired):
        scope.presented(carried)
    with scope.block("agent:a", on_behalf_of="user:alice") as block:
        assert scope.presented(carried) is block
    assert scope.presented(carried) is carried


def test_a_block_ends_with_its_identity() -> None:
    """After a block, also one that raised, the code is what it was before."""
    scope = identities()
    with pytest.raises(LookupError), scope.block("agent:a"):
        raise LookupError
    assert scope.ambient() is None


def test_threads_and_tasks_do_not_share_an_identity() -> None:
    """A thread starts with nobody; a task keeps what it was started with."""
    scope = identities()
    seen: list[object] = []

    async def task() -> None:
        seen.append(scope.ambient())

    async def main() -> None:
        with scope.block("agent:a"):
            started = asyncio.create_task(task())
        await started
        await asyncio.create_task(task())

    asyncio.run(main())
    assert seen[0] is not None
    assert seen[1] is None
    with scope.block("agent:a"):
        thread = threading.Thread(target=lambda: seen.append(scope.ambient()))
        thread.start()
        thread.join()
    assert seen[2] is None


def test_two_guards_know_nothing_of_each_other() -> None:
    """An identity that one guard bound is nobody to another."""
    one, other = identities(), identities()
    with one.block("agent:a"):
        assert other.ambient() is None


@pytest.mark.parametrize("malformed", ["", " ", "a b", "x" * 257, "\ud800", "caf\u00e9", "a\n"])
def test_a_malformed_session_is_refused(malformed: str) -> None:
    """A session's id is printable ASCII, and a refusal does not repeat it."""
    with pytest.raises(IdentityRequired) as caught:
        identities().narrowed("agent:a", session=malformed)
    assert len(malformed.strip()) < 2 or malformed not in str(caught.value.args)


def test_a_tenant_stays_what_it_is() -> None:
    """Neither a nested block nor an object that is used in a block changes the tenant."""
    scope = identities()
    carried = scope.narrowed("agent:a", tenant="acme")
    with scope.block("agent:a", tenant="other"):
        assert scope.narrowed("agent:b").tenant == "other"
        assert scope.narrowed("agent:b", tenant="other").tenant == "other"
        with pytest.raises(IdentityRequired, match="another tenant"):
            scope.narrowed("agent:b", tenant="acme")
        with pytest.raises(IdentityRequired, match="different tenants"):
            scope.presented(carried)


def test_a_block_that_was_not_entered_is_not_left() -> None:
    """Leaving it is an error, and the code stays who it is."""
    scope = identities()
    with scope.block("agent:a") as caller:
        with pytest.raises(RuntimeError, match="never entered"):
            scope.block("agent:b").__exit__(None, None, None)
        assert scope.ambient() is caller


def test_every_refusal_of_an_identity_says_what_to_do() -> None:
    """Whatever is wrong with who calls, the message names a remedy."""
    package = Path(agentguard.identity.__file__).parent
    raised = [
        node
        for path in package.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == IdentityRequired.__name__
    ]
    assert raised
    assert [ast.unparse(each) for each in raised if not _has_remedy(each)] == []


def _has_remedy(call: ast.Call) -> bool:
    return any(keyword.arg == "remedy" for keyword in call.keywords)


def test_the_same_id_from_another_issuer_is_another_session() -> None:
    """Who brings a token of another issuer does not meet the session of the other's person."""

    def session_key(issuer: str) -> str:
        alice = Principal(
            id="user:alice",
            kind=PrincipalKind.USER,
            assurance=Assurance.TOKEN if issuer else Assurance.DECLARED,
            source=issuer,
        )
        agent = Principal(id="agent:a", kind=PrincipalKind.AGENT)
        return Caller(chain=Chain(principals=(alice, agent)), session="conv-17").session_key

    assert len({session_key("corp"), session_key("partner"), session_key("")}) == 3
    assert session_key("corp") == session_key("corp")
