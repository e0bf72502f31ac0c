# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Who is a principal that the host vouches for, and what overrides what?"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agentguard.canonical import Frozen
from agentguard.errors import IdentityRequired
from agentguard.identity import Declaration, Declarations, Identities, principal
from agentguard.vocabulary import Assurance, Principal, PrincipalKind

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
KEY = "ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
OTHER_KEY = "ed25519:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="

DECLARED = Declarations(
    identities={
        "agent:support": Declaration(claims={"region": "eu", "level": 1}, keys=(KEY,)),
        "user:alice": Declaration(claims={"customers": ("C-1", "C-2")}),
    }
)


def identities(now: datetime | None = NOW) -> Identities:
    """Return identities that the policy declares something of."""
    return Identities(
        lambda: "session", declarations=DECLARED, now=None if now is None else lambda: now
    )


def vouched(id: str = "user:alice", **changes: Any) -> Principal:  # noqa: A002 - as in Principal
    """Return a principal that a token vouches for."""
    return replace(principal(id), assurance=Assurance.TOKEN, source="idp", **changes)


def test_a_declared_identity_has_the_claims_of_the_policy() -> None:
    """Whoever is named by its id has what the policy declares of it, and nothing else."""
    caller = identities().narrowed("agent:support", on_behalf_of="user:alice")
    person = caller.chain.person
    assert person is not None
    assert dict(caller.chain.actor.claims) == {"region": "eu", "level": 1}
    assert dict(person.claims) == {"customers": ("C-1", "C-2")}
    assert dict(identities().narrowed("agent:unknown").chain.actor.claims) == {}


def test_a_verified_principal_keeps_what_vouches_for_it() -> None:
    """Assurance, source, expiry and claims of a token stay, beside what the policy declares."""
    ends = NOW + timedelta(minutes=5)
    given = vouched("agent:support", claims={"scope": ["read"]}, expires_at=ends)
    actor = identities().narrowed(given).chain.actor
    assert (actor.assurance, actor.source, actor.expires_at) == (Assurance.TOKEN, "idp", ends)
    assert dict(actor.claims) == {"scope": ("read",), "region": "eu", "level": 1}


@pytest.mark.parametrize("value", ["us", "EU", ["eu"], None, True, 1])
def test_a_claim_cannot_override_the_policy(value: object) -> None:
    """A claim that says something else than the policy refuses, whatever vouches for it."""
    for claims in ({"region": value}, {"region": "eu", "level": str(value)}):
        with pytest.raises(IdentityRequired, match="contradicts what the policy declares"):
            identities().narrowed(vouched("agent:support", claims=claims))


def test_a_claim_that_agrees_with_the_policy_is_no_contradiction() -> None:
    """The same claim from a token is the claim of the policy; numbers agree by their value."""
    for claims in ({"region": "eu"}, {"level": 1}, {"level": 1.0}, {}):
        actor = identities().narrowed(vouched("agent:support", claims=claims)).chain.actor
        assert actor.claims == {"region": "eu", "level": 1}
    with pytest.raises(IdentityRequired):
        identities().narrowed(vouched("agent:support", claims={"level": True}))


def test_a_verified_id_is_checked_like_any_other() -> None:
    """A principal with a malformed id, or of another kind than its id says, is refused."""
    for malformed in ("alice", "user:", "user:a b", "group:x", "user:alice\n"):
        with pytest.raises(IdentityRequired, match="malformed") as caught:
            identities().narrowed(Principal(id=malformed, kind=PrincipalKind.USER))
        assert malformed not in str(caught.value.args)
    with pytest.raises(IdentityRequired, match="another kind"):
        identities().narrowed(Principal(id="user:alice", kind=PrincipalKind.AGENT))


def test_a_claim_without_a_plain_form_is_refused() -> None:
    """What cannot be compared is no claim, and the refusal does not hold it."""
    for value in (object(), float("nan"), {1: "canary"}, "canary\ud800", 2**60):
        with pytest.raises(IdentityRequired, match="no plain form") as caught:
            identities().person("user:alice", {"customer": value})
        assert "canary" not in str(caught.value)
        assert caught.value.__context__ is None


def test_claims_are_what_they_were_when_they_were_given() -> None:
    """Changing a list afterwards changes no principal."""
    customers = ["C-7"]
    person = identities().person("user:bob", {"customers": customers})
    customers.append("C-8")
    caller = identities().narrowed("agent:support", on_behalf_of=person)
    assert caller.chain.principals[0].claims["customers"] == ("C-7",)


def test_only_persons_are_persons() -> None:
    """Neither an agent nor a service is somebody that a call is made for."""
    with pytest.raises(IdentityRequired, match="on behalf of a person"):
        identities().person("agent:support", {})
    with pytest.raises(IdentityRequired, match="on behalf of a person"):
        identities().narrowed("agent:support", on_behalf_of=vouched("service:s"))


@pytest.mark.parametrize("seconds", [0, -1, -3600])
def test_expired_evidence_enters_nothing(seconds: int) -> None:
    """A principal whose evidence has ended, to the second, is no principal."""
    given = vouched(expires_at=NOW + timedelta(seconds=seconds))
    with pytest.raises(IdentityRequired, match="expired") as caught:
        identities().narrowed("agent:support", on_behalf_of=given)
    assert "guard.verify" in (caught.value.remedy or "")
    with pytest.raises(IdentityRequired, match="expired"):
        identities().narrowed(vouched("agent:support", expires_at=given.expires_at))


def test_evidence_that_ends_counts_only_by_a_clock() -> None:
    """Without a time, and without a time zone, it has ended."""
    given = vouched(expires_at=NOW + timedelta(days=1))
    with pytest.raises(IdentityRequired, match="expired"):
        identities(None).narrowed(given)
    naive = vouched(expires_at=datetime(2027, 1, 1))  # noqa: DTZ001 - what is refused
    with pytest.raises(IdentityRequired, match="time zone"):
        identities().narrowed(naive)


def test_expired_evidence_enters_no_nested_block() -> None:
    """A block inside one whose evidence has ended meanwhile is not entered."""
    clock = [NOW]
    scope = Identities(lambda: "s", declarations=DECLARED, now=lambda: clock[0])
    given = vouched(expires_at=NOW + timedelta(minutes=1))
    with scope.block("agent:support", on_behalf_of=given):
        scope.narrowed("agent:helper")
        clock[0] = NOW + timedelta(minutes=1)
        with pytest.raises(IdentityRequired, match="'user:alice' has expired"):
            scope.narrowed("agent:helper")


def test_inside_a_block_an_id_is_who_it_is_there() -> None:
    """Naming somebody of the chain by id keeps what vouched for it and what it claims."""
    scope = identities()
    alice = vouched(claims={"tenant": "t-1"})
    with scope.block(vouched("agent:support"), on_behalf_of=alice) as outer:
        inner = scope.narrowed("agent:support", on_behalf_of="user:alice")
    assert inner.chain is outer.chain


@pytest.mark.parametrize(
    "other",
    [
        vouched(claims={"tenant": "t-2"}),
        vouched(claims={"tenant": "t-1", "admin": True}),
        vouched(),
        principal("user:alice"),
        replace(vouched(claims={"tenant": "t-1"}), assurance=Assurance.ATTESTED),
        replace(vouched(claims={"tenant": "t-1"}), source="another"),
    ],
)
def test_a_nested_block_cannot_say_something_else_of_somebody(other: Principal) -> None:
    """Other claims, another assurance or another issuer than around are refused."""
    scope = identities()
    with (
        scope.block("agent:support", on_behalf_of=vouched(claims={"tenant": "t-1"})),
        pytest.raises(IdentityRequired, match="other claims or other evidence"),
    ):
        scope.narrowed("agent:helper", on_behalf_of=other)


def test_a_nested_block_cannot_raise_the_assurance_of_its_actor() -> None:
    """The same agent with more evidence is refused inside its own declared block."""
    scope = identities()
    with (
        scope.block("agent:support"),
        pytest.raises(IdentityRequired, match="other evidence"),
    ):
        scope.narrowed(vouched("agent:support"))


def test_an_agent_inside_the_block_of_a_person_acts_for_that_person() -> None:
    """Naming the person again agrees; naming another one does not."""
    scope = identities()
    with scope.block(vouched()):
        assert scope.narrowed("agent:support", on_behalf_of="user:alice").chain.person is not None
        with pytest.raises(IdentityRequired, match="another person"):
            scope.narrowed("agent:support", on_behalf_of="user:bob")


def test_an_object_cannot_claim_something_else_than_the_block() -> None:
    """A client that is bound for one customer is not used in the block of another."""
    scope = identities()
    carried = scope.narrowed("agent:support", on_behalf_of=vouched(claims={"customer": "C-1"}))
    with scope.block("agent:support", on_behalf_of=vouched(claims={"customer": "C-1"})) as same:
        assert scope.presented(carried) is not None
        assert scope.presented(carried) is same
    with (
        scope.block("agent:support", on_behalf_of=vouched(claims={"customer": "C-2"})),
        pytest.raises(IdentityRequired, match="claim different things"),
    ):
        scope.presented(carried)


def test_an_object_and_a_block_of_two_issuers_are_two_persons() -> None:
    """The same id from another issuer is somebody else; from the program it is the same."""
    scope = identities()
    carried = scope.narrowed("agent:support", on_behalf_of=vouched())
    other = replace(vouched(), source="another")
    with (
        scope.block("agent:support", on_behalf_of=other),
        pytest.raises(IdentityRequired, match="claim different things"),
    ):
        scope.presented(carried)
    with scope.block("agent:support", on_behalf_of="user:alice") as block:
        assert scope.presented(carried) is block


def test_a_key_that_the_policy_lists_makes_it_a_local_key() -> None:
    """The holder of a listed key is the identity; the id alone stays declared."""
    scope = identities()
    proven = scope.keyed("agent:support", KEY)
    assert scope.narrowed(proven).chain.actor.assurance is Assurance.LOCAL_KEY
    assert scope.narrowed("agent:support").chain.actor.assurance is Assurance.DECLARED


def test_a_key_proves_only_whom_the_policy_lists_it_for() -> None:
    """Another key, or the key for another identity, is refused, and so is a key beside a token."""
    scope = identities()
    for actor, key in (("agent:support", OTHER_KEY), ("agent:other", KEY)):
        with pytest.raises(IdentityRequired, match="does not list this key") as caught:
            scope.keyed(actor, key)
        assert KEY not in str(caught.value)
        assert OTHER_KEY not in str(caught.value)
    with pytest.raises(IdentityRequired, match="vouched for already"):
        scope.keyed(vouched("agent:support"), KEY)


@pytest.mark.parametrize(
    "then",
    [
        Declaration(claims={"region": "us", "level": 1}, keys=(KEY,)),
        Declaration(claims={"region": "eu", "level": True}, keys=(KEY,)),
        Declaration(claims={"region": "eu", "level": 1, "more": 1}, keys=(KEY,)),
        Declaration(claims={"region": "eu", "level": 1}, keys=(OTHER_KEY,)),
        Declaration(claims={"region": "eu", "level": 1}),
    ],
)
def test_a_policy_that_says_something_else_ends_who_somebody_was(then: Declaration) -> None:
    """A revoked key and a changed claim count in blocks and objects that there are already."""
    scope = identities()
    proven = scope.keyed("agent:support", KEY)
    carried = scope.narrowed(proven)
    with scope.block(proven):
        assert scope.presented(None) is not None
        scope.declarations = Declarations(identities={"agent:support": then})
        for each in (None, carried):
            with pytest.raises(IdentityRequired, match="no longer says"):
                scope.presented(each)
    with pytest.raises(IdentityRequired, match="no longer says"):
        scope.presented(carried)


def test_a_policy_that_says_the_same_changes_nobody() -> None:
    """Reading it again, or declaring less of somebody, ends no block."""
    scope = identities()
    with scope.block(scope.keyed("agent:support", KEY)) as caller:
        said: list[dict[str, Frozen]] = [{"region": "eu", "level": 1.0}, {"region": "eu"}, {}]
        for claims in said:
            again = Declaration(claims=claims, keys=(OTHER_KEY, KEY))
            scope.declarations = Declarations(identities={"agent:support": again})
            assert scope.presented(None) is caller


def test_no_representation_holds_a_claim() -> None:
    """What is claimed of somebody is data, and is not printed with the caller."""
    person = identities().person("user:alice", {"customer": "canary-7"})
    assert "canary" not in repr(identities().narrowed("agent:support", on_behalf_of=person))
    assert "eu" not in repr(DECLARED)
