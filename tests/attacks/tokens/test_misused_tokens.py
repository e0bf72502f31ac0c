# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Somebody uses tokens that are rightly signed where, when or for whom they were not meant.

Each row is one token, refused with a message of its own.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agentguard import TokenRefused
from agentguard.issuers import Issuers, TokenProblem
from agentguard.vocabulary import Assurance

ISSUER = "https://login.test"
AT = 1_795_348_800
NOW = datetime.fromtimestamp(AT, UTC)
CANARY = "Xq7canary"
Make = Callable[[Any], str]
P = TokenProblem

# What it is, the token, what is told of it, in which words.
ROWS: list[tuple[str, Make, TokenProblem, str]] = [
    ("never expires", lambda w: w.token(exp=None), P.NO_EXPIRY, "never expires"),
    ("expires as text", lambda w: w.token(exp=str(AT + 9)), P.BAD_TIME, "is not a number of"),
    ("expires as true", lambda w: w.token(exp=True), P.BAD_TIME, "is not a number of seconds"),
    (
        "expires at infinity",
        lambda w: w.raw(b'{"iss":"https://login.test","aud":"agents","exp":1e999,"iat":1}'),
        P.BAD_TIME,
        "is not a number of seconds",
    ),
    ("expires after time", lambda w: w.token(exp=10**30), P.BAD_TIME, "is not a number of"),
    ("before time", lambda w: w.token(iat=-1), P.BAD_TIME, "is not a number of seconds"),
    ("expired", lambda w: w.token(exp=AT), P.EXPIRED, "has expired"),
    ("not issued", lambda w: w.token(iat=None), P.NO_ISSUE_TIME, "does not say when it was"),
    ("issued later", lambda w: w.token(iat=AT + 60), P.FROM_THE_FUTURE, "issued in the future"),
    ("not yet", lambda w: w.token(nbf=AT + 60), P.NOT_YET_VALID, "is not valid yet"),
    ("not before as text", lambda w: w.token(nbf="now"), P.BAD_TIME, "is not a number of"),
    (
        "valid for years",
        lambda w: w.token(iat=AT - 3600, exp=AT + 10**8),
        P.TOO_OLD,
        "longer ago than 'token_max_age', whatever it says",
    ),
    (
        "other issuer",
        lambda w: w.token(iss="https://evil.test"),
        P.UNKNOWN_ISSUER,
        "the policy does not name",
    ),
    ("no issuer", lambda w: w.token(iss=None), P.UNKNOWN_ISSUER, "the policy does not name"),
    ("issuer in a list", lambda w: w.token(iss=[ISSUER]), P.UNKNOWN_ISSUER, "does not name"),
    ("issuer with a slash", lambda w: w.token(iss=ISSUER + "/"), P.UNKNOWN_ISSUER, "does not name"),
    (
        "two that could be",
        lambda w: w.token(iss="https://shared.test", aud="first"),
        P.SEVERAL_ISSUERS,
        "several issuers of the policy",
    ),
    (
        "of an issuer and of a mesh",
        lambda w: w.token(sub="spiffe://corp.example/agent/support"),
        P.SEVERAL_ISSUERS,
        "several issuers of the policy",
    ),
    ("other audience", lambda w: w.token(aud="billing"), P.WRONG_AUDIENCE, "another audience"),
    ("audience around", lambda w: w.token(aud="agents "), P.WRONG_AUDIENCE, "another audience"),
    ("audience in capitals", lambda w: w.token(aud=["AGENTS"]), P.WRONG_AUDIENCE, "another aud"),
    ("no audience", lambda w: w.token(aud=None), P.NO_AUDIENCE, "for no audience"),
    ("empty audience", lambda w: w.token(aud=[]), P.NO_AUDIENCE, "for no audience"),
    ("audience as object", lambda w: w.token(aud={"agents": 1}), P.NO_AUDIENCE, "for no audience"),
    ("audience with a number", lambda w: w.token(aud=["agents", 1]), P.NO_AUDIENCE, "for no aud"),
    ("nobody", lambda w: w.token(sub=None), P.NO_SUBJECT, "names no subject"),
    ("nobody at all", lambda w: w.token(sub=""), P.NO_SUBJECT, "names no subject"),
    ("subject is a number", lambda w: w.token(sub=7), P.BAD_SUBJECT, "cannot be the name"),
    ("subject of a kind", lambda w: w.token(sub="user:boss"), P.BAD_SUBJECT, "cannot be the name"),
    ("subject with a break", lambda w: w.token(sub="boss\n"), P.BAD_SUBJECT, "cannot be the name"),
    ("subject look-alike", lambda w: w.token(sub="b\u043ess"), P.BAD_SUBJECT, "cannot be the name"),
    ("subject is long", lambda w: w.token(sub="a" * 129), P.BAD_SUBJECT, "cannot be the name"),
    (
        "undeclared agent",
        lambda w: w.token(iss="https://bots.test", sub="rogue"),
        P.UNDECLARED_SUBJECT,
        "no identity that the policy declares",
    ),
    (
        "e-mail that nobody verified",
        lambda w: w.token(iss="https://mail.test", email="boss@corp.test"),
        P.UNVERIFIED_EMAIL,
        "the issuer has not verified",
    ),
    (
        "e-mail that is said to be verified",
        lambda w: w.token(iss="https://mail.test", email="b@corp.test", email_verified="true"),
        P.UNVERIFIED_EMAIL,
        "the issuer has not verified",
    ),
    (
        "actor that is not read",
        lambda w: w.token(iss="https://plain.test", act={"sub": "support"}),
        P.UNREAD_ACTOR,
        "which the policy does not read",
    ),
    ("actor without a name", lambda w: w.token(act={"iss": "x"}), P.BAD_ACTOR, "the actor of a"),
    ("actor is a list", lambda w: w.token(act=["support"]), P.BAD_ACTOR, "the actor of a token"),
    ("actor is empty", lambda w: w.token(act={"sub": ""}), P.BAD_ACTOR, "the actor of a token"),
    (
        "undeclared actor",
        lambda w: w.token(act={"sub": "rogue"}),
        P.UNDECLARED_ACTOR,
        "no agent or service that the policy declares",
    ),
    (
        "actor in the past alone",
        lambda w: w.token(act={"sub": "rogue", "act": {"sub": "support"}}),
        P.UNDECLARED_ACTOR,
        "no agent or service that the policy declares",
    ),
    (
        "actor who is a person",
        lambda w: w.token(act={"sub": "boss"}),
        P.UNDECLARED_ACTOR,
        "no agent or service that the policy declares",
    ),
    (
        "actor who could be two",
        lambda w: w.token(act={"sub": "both"}),
        P.UNDECLARED_ACTOR,
        "no agent or service that the policy declares, or several",
    ),
    (
        "stolen, bound to a key",
        lambda w: w.token(cnf={"jkt": "x"}),
        P.BOUND_TO_KEY,
        "proof of a key",
    ),
    ("notice", lambda w: w.token(events={"logout": {}}), P.NOTICE, "reports events"),
    (
        "claim too deep",
        lambda w: w.token(team=json.loads("[" * 70 + "]" * 70)),
        P.BAD_CLAIM,
        "cannot be read",
    ),
    ("claim too large", lambda w: w.token(team=2**60), P.BAD_CLAIM, "cannot be read"),
    (
        "workload nobody declared",
        lambda w: w.svid("spiffe://corp.example/agent/rogue"),
        P.UNDECLARED_SUBJECT,
        "no identity that the policy declares",
    ),
    (
        "workload below a declared one",
        lambda w: w.svid("spiffe://corp.example/agent/support/x"),
        P.UNDECLARED_SUBJECT,
        "no identity that the policy declares",
    ),
    (
        "workload in capitals",
        lambda w: w.svid("spiffe://corp.example/agent/Support"),
        P.UNDECLARED_SUBJECT,
        "no identity that the policy declares",
    ),
    (
        "trust domain that begins alike",
        lambda w: w.svid("spiffe://corp.example.evil/agent/support"),
        P.UNKNOWN_ISSUER,
        "the policy does not name",
    ),
]


@pytest.mark.parametrize(
    ("make", "problem", "words"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_a_token_that_does_not_count_here_and_now_is_refused(
    make: Make, problem: TokenProblem, words: str, world: Any, issuers: Issuers
) -> None:
    """Each way of using a token wrongly ends in a refusal that says what is wrong with it."""
    with pytest.raises(TokenRefused) as caught:
        issuers.verify(make(world))
    assert caught.value.problem == problem
    assert words in str(caught.value)


@pytest.mark.parametrize("make", [row[1] for row in ROWS], ids=[row[0] for row in ROWS])
def test_no_message_holds_anything_of_a_misused_token(
    make: Make, leaked_by: Callable[[str], list[str]], world: Any
) -> None:
    """Neither the message of a refusal nor anything behind it holds a part of the token."""
    assert leaked_by(make(world)) == []


def test_every_problem_of_claims_has_a_row(about_signatures: frozenset[TokenProblem]) -> None:
    """Each problem with what a token says has a row, apart from those of fetching and of choice."""
    elsewhere = {TokenProblem.KEYS_TOO_OLD, TokenProblem.WRONG_ISSUER}
    assert {row[2] for row in ROWS} == set(TokenProblem) - about_signatures - elsewhere


def test_a_token_for_one_issuer_does_not_count_for_another(world: Any, issuers: Issuers) -> None:
    """A host that says whose token it expects takes no other issuer's, also with the same keys."""
    with pytest.raises(
        TokenRefused, match="issuer 'plain': a token is of another issuer"
    ) as caught:
        issuers.verify(world.token(), issuer="plain")
    assert caught.value.problem == TokenProblem.WRONG_ISSUER


def test_the_tokens_that_count_do(world: Any, issuers: Issuers) -> None:
    """The rows fail for what they change: unchanged tokens of each kind count."""
    assert issuers.verify(world.token()).subject.id == "user:alice"
    assert issuers.verify(world.token("rsa")).subject.id == "user:alice"
    assert issuers.verify(world.token("ed")).subject.id == "user:alice"
    assert issuers.verify(world.token(header={"typ": "at+jwt"})).assurance is Assurance.TOKEN
    both = world.token(iss="https://shared.test", aud="first")
    assert issuers.verify(both, issuer="first").issuer == "first"
    workload = issuers.verify(world.svid("spiffe://corp.example/agent/support"))
    assert (workload.subject.id, workload.assurance) == ("agent:support", Assurance.ATTESTED)


def test_who_acted_before_the_current_actor_gives_nothing(world: Any, issuers: Issuers) -> None:
    """Of nested actors the outermost counts; those before it are history (RFC 8693, 4.1)."""
    nested = {"sub": "support", "act": {"sub": "both", "act": {"sub": "root"}}}
    verified = issuers.verify(world.token(act=nested, may_act={"sub": "root"}))
    assert verified.actor is not None
    assert verified.actor.id == "agent:support"
    assert verified.subject.claims == {}
    assert "root" not in repr(verified)


def test_only_kept_claims_are_kept(world: Any, issuers: Issuers) -> None:
    """What the issuer's table does not list does not come along, and nothing shows in a repr."""
    verified = issuers.verify(world.token(team=[CANARY], phone=CANARY))
    assert dict(verified.subject.claims) == {"team": (CANARY,)}
    assert CANARY not in repr(verified)


def test_a_token_counts_no_longer_than_its_issuer_s_table_lets_it(
    world: Any, issuers: Issuers
) -> None:
    """The earlier end counts: that of the token, or an hour after it was issued."""
    long, short = world.token(exp=AT + 10**7), world.token(exp=AT + 60)
    assert issuers.verify(long).expires_at == NOW + timedelta(seconds=3595)
    assert issuers.verify(short).expires_at == NOW + timedelta(seconds=60)
