# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Facts are sealed, and open only where they belong."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import pytest

from agentguard.canonical import freeze
from agentguard.review.fact_form import LARGEST
from agentguard.review.facts import DecidedCall, Ruling
from agentguard.stores import StoreFailure, VaultKey
from agentguard.stores.facts import SealedFacts
from agentguard.stores.facts_sealing import STEP, FactsKeeper
from agentguard.vocabulary import Chain, Effect, Principal, PrincipalKind, ToolCall

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
KEY, OTHER = VaultKey(bytes(range(32))), VaultKey(bytes(range(1, 33)))
CANARY = "canary-of-the-facts"


def decided(
    text: str = CANARY, *, session: str = "conv-1", tenant: str | None = None
) -> DecidedCall:
    """Return a call for alice."""
    arguments = MappingProxyType({"order": freeze(text)})
    return DecidedCall(
        call=ToolCall(
            id="call-1", tool="refund", definition="d", received=arguments, resolved=arguments
        ),
        chain=Chain(
            principals=(
                Principal(id="user:alice", kind=PrincipalKind.USER),
                Principal(id="agent:support", kind=PrincipalKind.AGENT),
            )
        ),
        session=session,
        tenant=tenant,
        at=NOW,
        ruling=Ruling(policy="p", effect=Effect.ALLOW),
    )


def test_facts_open_where_they_belong() -> None:
    """With the key, and for the call they belong to, facts are what was sealed."""
    sealed = FactsKeeper(KEY).sealed(decided())
    assert FactsKeeper(KEY).opened(sealed, "call-1") == decided()
    assert FactsKeeper(OTHER, [KEY]).opened(sealed, "call-1") == decided()


def test_nothing_is_in_clear() -> None:
    """Neither values nor names of people, sessions and tools can be read without the key."""
    sealed = FactsKeeper(KEY).sealed(decided())
    told = repr(sealed).encode() + sealed.sealed
    for word in (CANARY, "alice", "conv-1", "refund", "order", "support"):
        assert word.encode() not in told


def test_the_length_says_little() -> None:
    """Arguments that differ by a few letters cannot be told apart by length."""
    keeper = FactsKeeper(KEY)
    lengths = {len(keeper.sealed(decided("x" * size)).sealed) % STEP for size in range(400)}
    assert len(lengths) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda facts: replace(facts, session="00" * 32),
        lambda facts: replace(facts, person="00" * 32),
        lambda facts: replace(facts, at=facts.at + 1),
        lambda facts: replace(facts, key_id="0" * 16),
        lambda facts: replace(facts, key_id=OTHER.id),
        lambda facts: replace(facts, sealed=facts.sealed[:-1] + bytes([facts.sealed[-1] ^ 1])),
        lambda facts: replace(facts, sealed=b""),
    ],
    ids=["session", "person", "time", "unknown key", "other key", "bit", "empty"],
)
def test_changed_facts_do_not_open(change: Callable[[SealedFacts], SealedFacts]) -> None:
    """What was altered, or is said of another session, person or time, is refused."""
    keeper = FactsKeeper(KEY, [OTHER])
    with pytest.raises(StoreFailure) as caught:
        keeper.opened(change(keeper.sealed(decided())), "call-1")
    assert CANARY not in str(caught.value)


def test_facts_do_not_open_beside_another_entry() -> None:
    """Facts that were moved to the entry of another call are refused."""
    keeper = FactsKeeper(KEY)
    with pytest.raises(StoreFailure, match="not what was written"):
        keeper.opened(keeper.sealed(decided()), "call-2")


def test_facts_that_cannot_be_kept_are_told_without_a_value() -> None:
    """Facts that are too large even without arguments are no facts, and nothing of them is told."""
    person = Principal(id="user:alice", kind=PrincipalKind.USER, claims={"all": CANARY * LARGEST})
    large = replace(decided(), chain=Chain(principals=(person,)))
    with pytest.raises(StoreFailure, match="cannot be kept") as caught:
        FactsKeeper(KEY).sealed(large)
    assert CANARY not in str(caught.value)
    assert caught.value.__context__ is None


def test_the_same_session_of_two_tenants_is_two() -> None:
    """What is erased for a tenant's session is not another tenant's."""
    keeper = FactsKeeper(KEY)
    one, other = (keeper.sealed(decided(tenant=name)) for name in ("a", "b"))
    assert one.session != other.session
    assert keeper.selection(session="conv-1", tenant="a").sessions == (one.session,)


def test_old_keys_find_what_they_sealed() -> None:
    """After a key was replaced, what it sealed can still be erased by session and person."""
    sealed = FactsKeeper(OTHER).sealed(decided())
    selection = FactsKeeper(KEY, [OTHER]).selection(session="conv-1", person="user:alice")
    assert sealed.session in (selection.sessions or ())
    assert sealed.person in (selection.persons or ())


def test_expiry_is_counted_from_the_call() -> None:
    """With a time to live, whatever is older than that before a call has expired."""
    keeper = FactsKeeper(KEY, expire_after=timedelta(days=30))
    expired = keeper.sealed(decided()).expired
    assert expired == int((NOW - timedelta(days=30)).timestamp())
    assert FactsKeeper(KEY).sealed(decided()).expired is None
