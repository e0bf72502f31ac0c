# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Somebody makes tokens that nobody signed, or that another key signed.

Each row is one token that has worked somewhere, refused with a message of its own.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agentguard import Guard, IdentityRequired, TokenRefused
from agentguard.issuers import Issuers, TokenProblem
from agentguard.testing.issuer import LoopbackIssuer, public_jwk, sign

ISSUER = "https://login.test"
AT = 1_795_348_800
Make = Callable[[Any], str]
P = TokenProblem

# What it is, the token, what is told of it, in which words.
ROWS: list[tuple[str, Make, TokenProblem, str]] = [
    ("empty", lambda w: "", P.MALFORMED, "is not a signed JSON Web Token"),
    ("words", lambda w: f"Bearer {w.token()}", P.MALFORMED, "is not a signed JSON Web Token"),
    ("two parts", lambda w: w.token().rpartition(".")[0], P.MALFORMED, "is not a signed JSON"),
    ("four parts", lambda w: w.token() + ".AAAA", P.MALFORMED, "is not a signed JSON Web Token"),
    ("line break", lambda w: w.token() + "\n", P.MALFORMED, "is not a signed JSON Web Token"),
    ("padding", lambda w: w.token() + "==", P.MALFORMED, "is not a signed JSON Web Token"),
    ("look-alikes", lambda w: w.token().replace(".", "\u2024"), P.MALFORMED, "is not a signed"),
    ("standard base64", lambda w: w.token()[:-1] + "+", P.MALFORMED, "is not a signed JSON"),
    ("written otherwise", lambda w: w.written_otherwise(), P.MALFORMED, "is not a signed JSON"),
    ("no object", lambda w: w.raw(b"[1]"), P.MALFORMED, "is not a signed JSON Web Token"),
    ("UTF-16", lambda w: w.raw("{}".encode("utf-16")), P.MALFORMED, "is not a signed JSON Web"),
    ("NaN", lambda w: w.raw(b'{"exp": NaN}'), P.MALFORMED, "is not a signed JSON Web Token"),
    ("deep", lambda w: w.raw(b'{"a":' + b"[" * 5000), P.MALFORMED, "is not a signed JSON Web"),
    ("long", lambda w: w.token(pad="x" * 20_000), P.TOO_LONG, "is longer than 16 KiB"),
    (
        "two subjects",
        lambda w: w.raw(
            f'{{"iss":"{ISSUER}","aud":"agents","sub":"alice","sub":"boss",'
            f'"iat":{AT},"exp":{AT + 300}}}'.encode()
        ),
        P.DUPLICATE_MEMBER,
        "holds a member twice",
    ),
    (
        "two actors in a member",
        lambda w: w.raw(b'{"act": {"sub": "support", "sub": "root"}}'),
        P.DUPLICATE_MEMBER,
        "holds a member twice",
    ),
    (
        "two algorithms",
        lambda w: w.raw(b"{}", b'{"alg":"ES256","alg":"none"}'),
        P.DUPLICATE_MEMBER,
        "holds a member twice",
    ),
    ("encrypted", lambda w: "eyJ.a.b.c.d", P.ENCRYPTED, "is encrypted"),
    ("no signature", lambda w: w.token().rpartition(".")[0] + ".", P.UNSIGNED, "is not signed"),
    ("none", lambda w: w.unsigned("none"), P.UNSIGNED, "is not signed"),
    ("nOnE", lambda w: w.unsigned("nOnE"), P.UNSIGNED, "is not signed"),
    ("public key as secret", lambda w: w.shared(w.pem("rsa")), P.SHARED_SECRET, "shared secret"),
    ("published secret", lambda w: w.shared(b"secret"), P.SHARED_SECRET, "shared secret"),
    ("hs512", lambda w: w.shared(b"x", "hs512"), P.SHARED_SECRET, "shared secret"),
    (
        "an algorithm that the library knows",
        lambda w: w.token("wide"),
        P.WRONG_ALGORITHM,
        "an algorithm that the policy does not take",
    ),
    ("no algorithm", lambda w: w.token(header={"alg": None}), P.MALFORMED, "is not a signed JSON"),
    (
        "a list of algorithms",
        lambda w: w.token(header={"alg": ["ES256"]}),
        P.MALFORMED,
        "is not a signed JSON Web Token",
    ),
    (
        "unknown extension",
        lambda w: w.token(header={"crit": ["exp"]}),
        P.CRITICAL_HEADER,
        "demands an extension",
    ),
    (
        "payload not encoded",
        lambda w: w.token(header={"b64": False}),
        P.CRITICAL_HEADER,
        "demands an extension",
    ),
    (
        "logout token",
        lambda w: w.token(header={"typ": "logout+jwt"}),
        P.WRONG_TYPE,
        "another type than an access token",
    ),
    ("proof of a key", lambda w: w.token(header={"typ": "dpop+jwt"}), P.WRONG_TYPE, "another type"),
    ("key id is no text", lambda w: w.token(header={"kid": 1}), P.NO_KEY_ID, "names no key"),
    (
        "unknown key",
        lambda w: w.token("stranger"),
        P.UNKNOWN_KEY,
        "names a key that the issuer does not publish",
    ),
    (
        "key id as a path",
        lambda w: w.token(header={"kid": "../../dev/null"}),
        P.UNKNOWN_KEY,
        "names a key that the issuer does not publish",
    ),
    (
        "key brought along",
        lambda w: w.token(
            "stranger",
            header={"kid": None, "jwk": public_jwk(w.private["stranger"], "ES256")},
        ),
        P.AMBIGUOUS_KEY,
        "several keys of the issuer would fit",
    ),
    (
        "key brought along under a known name",
        lambda w: w.token(
            "stranger",
            header={"kid": "ec", "jwk": public_jwk(w.private["stranger"], "ES256")},
        ),
        P.FORGED,
        "is not the issuer's",
    ),
    (
        "address of keys brought along",
        lambda w: w.token(
            "stranger",
            header={"kid": "ec", "jku": "http://127.0.0.1:9/k", "x5u": "http://127.0.0.1:9/c"},
        ),
        P.FORGED,
        "is not the issuer's",
    ),
    ("two keys of a name", lambda w: w.token("twin"), P.AMBIGUOUS_KEY, "several keys of the"),
    (
        "key of another kind",
        lambda w: sign({"iss": ISSUER}, w.private["ec"], "ES256", {"kid": "rsa"}),
        P.UNFIT_KEY,
        "not meant for its algorithm",
    ),
    ("key for sealing", lambda w: w.token("sealing"), P.UNFIT_KEY, "not meant for its algorithm"),
    ("key to sign with", lambda w: w.token("signing"), P.UNFIT_KEY, "not meant for its algorithm"),
    (
        "secret among the keys",
        lambda w: w.token(header={"kid": "secret"}),
        P.UNFIT_KEY,
        "not meant for its algorithm",
    ),
    (
        "a key off its curve",
        lambda w: w.token(header={"kid": "broken"}),
        P.UNFIT_KEY,
        "not meant for its algorithm",
    ),
    ("short key", lambda w: w.token("weak"), P.WEAK_KEY, "is too short"),
    ("leaked key", lambda w: w.token("leaked"), P.PRIVATE_KEY, "publishes the private half"),
    ("other's signature", lambda w: w.tampered(), P.FORGED, "is not the issuer's"),
    ("signature cut", lambda w: w.token()[:-2], P.FORGED, "is not the issuer's"),
    ("signature of zeros", lambda w: w.token()[:-86] + "A" * 86, P.FORGED, "is not the issuer's"),
    ("signature in DER", lambda w: w.in_der(), P.FORGED, "is not the issuer's"),
    (
        "workload without a key's name",
        lambda w: w.svid("spiffe://corp.example/agent/support", header={"kid": None}),
        P.NO_KEY_ID,
        "names no key",
    ),
    (
        "key of a bundle for something else",
        lambda w: w.svid("spiffe://corp.example/agent/support", "undeclared-use"),
        P.UNFIT_KEY,
        "not meant for its algorithm",
    ),
    (
        "workload token for another type",
        lambda w: w.svid("spiffe://corp.example/agent/support", header={"typ": "at+jwt"}),
        P.WRONG_TYPE,
        "another type",
    ),
    (
        "issuer's key for a workload",
        lambda w: w.svid("spiffe://corp.example/agent/support", "ec"),
        P.UNKNOWN_KEY,
        "does not publish",
    ),
    (
        "keys gone",
        lambda w: w.token(iss="https://gone.test"),
        P.KEYS_UNREACHABLE,
        "cannot be reached",
    ),
    (
        "keys garbled",
        lambda w: w.token(iss="https://garbled.test"),
        P.KEYS_UNREADABLE,
        "are not a JSON Web Key Set",
    ),
    ("keys huge", lambda w: w.token(iss="https://huge.test"), P.KEYS_UNREADABLE, "are not a JSON"),
]


@pytest.mark.parametrize(
    ("make", "problem", "words"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_a_token_that_its_issuer_did_not_sign_is_refused(
    make: Make, problem: TokenProblem, words: str, world: Any, issuers: Issuers
) -> None:
    """Each way of forging a token ends in a refusal that says what is wrong with it."""
    with pytest.raises(TokenRefused) as caught:
        issuers.verify(make(world))
    assert caught.value.problem == problem
    assert words in str(caught.value)


@pytest.mark.parametrize("make", [row[1] for row in ROWS], ids=[row[0] for row in ROWS])
def test_no_message_holds_anything_of_a_forged_token(
    make: Make, leaked_by: Callable[[str], list[str]], world: Any
) -> None:
    """Neither the message of a refusal nor anything behind it holds a part of the token."""
    assert leaked_by(make(world)) == []


def test_every_problem_of_signatures_has_a_row(about_signatures: frozenset[TokenProblem]) -> None:
    """Each problem of form, signature and keys that is told has a token that shows it."""
    assert {row[2] for row in ROWS} == about_signatures


@pytest.fixture
def caught_requests() -> Iterator[LoopbackIssuer]:
    """Somebody else's server of keys, which counts who asks."""
    with LoopbackIssuer() as evil:
        yield evil


def test_no_address_in_a_token_is_ever_asked(
    world: Any, issuers: Issuers, caught_requests: LoopbackIssuer
) -> None:
    """A token cannot make the guard send a request: 'jku' and 'x5u' are not followed."""
    header = {"jku": caught_requests.keys_url, "x5u": caught_requests.keys_url}
    with pytest.raises(TokenRefused):
        issuers.verify(world.token("stranger", header={**header, "kid": "key-1"}))
    assert issuers.verify(world.token(header=header)).subject.id == "user:alice"
    assert caught_requests.requests == 0


def test_a_guard_without_issuers_believes_no_token(guard: Guard, world: Any) -> None:
    """Where the policy names no issuer, the best token is refused."""
    with pytest.raises(IdentityRequired, match="an issuer that the policy does not name"):
        guard.verify(world.token())
