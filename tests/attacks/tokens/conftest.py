# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a forger of tokens have to do with, and what do they run against?"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agentguard import TokenRefused
from agentguard.issuers import Issuers, TokenProblem, open_issuers
from agentguard.policy import IdentitySpec, IssuerKind, IssuerSpec
from agentguard.testing.issuer import (
    encoded,
    new_private_key,
    public_jwk,
    sign,
    sign_bytes,
)
from agentguard.vocabulary import PrincipalKind

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
AT = int(NOW.timestamp())
ISSUER = "https://login.test"
# What tokens hold here that no message may.
VALUES = ("alice", "boss", "rogue", "corp.test", "evil.test", "billing", "stranger", "dev/null")

ALGORITHMS = {
    "ec": "ES256",
    "rsa": "RS256",
    "ed": "EdDSA",
    "wide": "ES384",
    "stranger": "ES256",
    "leaked": "ES256",
    "sealing": "ES256",
    "signing": "ES256",
    "twin": "ES256",
    "other-twin": "ES256",
    "attesting": "ES256",
    "undeclared-use": "ES256",
}


@pytest.fixture(scope="session")
def private() -> dict[str, Any]:
    """Private keys by name; the stranger's is in no key set."""
    keys = {name: new_private_key(algorithm) for name, algorithm in ALGORITHMS.items()}
    return {**keys, "weak": new_private_key("RS256", bits=1024)}


def key_sets(private: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """What each file of keys holds."""

    def jwk(name: str, **members: object) -> dict[str, Any]:
        return public_jwk(private[name], ALGORITHMS.get(name, "RS256"), kid=name, **members)

    return {
        "keys.json": [
            *(jwk(name, use="sig") for name in ("ec", "rsa", "ed", "weak")),
            jwk("wide", alg="ES384"),
            {**jwk("leaked"), "d": "c2VjcmV0"},
            jwk("sealing", use="enc"),
            jwk("signing", key_ops=["sign"]),
            jwk("twin"),
            {**jwk("other-twin"), "kid": "twin"},
            {"kty": "oct", "kid": "secret", "k": "c2VjcmV0"},
            {"kty": "EC", "kid": "broken", "crv": "P-256", "x": "AA", "y": "AA"},
        ],
        "bundle.json": [jwk("attesting", use="jwt-svid"), jwk("undeclared-use")],
    }


@dataclass(frozen=True, slots=True)
class World:
    """What a forger has to do with: the keys that were stolen, and the public ones."""

    private: dict[str, Any]

    def token(
        self, key: str = "ec", header: Mapping[str, object] | None = None, **claims: object
    ) -> str:
        """A token that would count, with these changes."""
        usual = {"iss": ISSUER, "aud": "agents", "sub": "alice", "iat": AT - 5, "exp": AT + 300}
        kid = {"kid": key, **(header or {})}
        algorithm = ALGORITHMS.get(key, "RS256")
        return sign({**usual, **claims}, self.private[key], algorithm, kid)

    def raw(self, payload: bytes, header: bytes | None = None) -> str:
        """A token over bytes, rightly signed."""
        if header is None:
            return sign_bytes(payload, self.private["ec"], "ES256", {"kid": "ec"})
        first = sign_bytes(payload, self.private["ec"], "ES256", {})
        return ".".join((encoded(header).decode(), *first.split(".")[1:]))

    def pem(self, name: str) -> bytes:
        """A public key as text."""
        public = self.private[name].public_key()
        return bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    def shared(self, secret: bytes, algorithm: str = "HS256") -> str:
        """A token signed with a secret."""
        top = json.dumps({"alg": algorithm, "kid": "rsa"}).encode()
        claims = {"iss": ISSUER, "aud": "agents", "sub": "alice", "iat": AT, "exp": AT + 300}
        signed = b".".join((encoded(top), encoded(json.dumps(claims).encode())))
        signature = hmac.new(secret, signed, hashlib.sha256).digest()
        return (signed + b"." + encoded(signature)).decode()

    def svid(
        self,
        sub: str,
        key: str = "attesting",
        header: Mapping[str, object] | None = None,
        **claims: object,
    ) -> str:
        """A JWT-SVID."""
        return self.token(key, header, iss=None, sub=sub, **claims)

    def tampered(self) -> str:
        """What somebody else would say, with the signature of a token that counts."""
        top, _, signature = self.token().split(".")
        claims = {"iss": ISSUER, "aud": "agents", "sub": "boss", "iat": AT, "exp": AT + 300}
        return ".".join((top, encoded(json.dumps(claims).encode()).decode(), signature))

    def written_otherwise(self) -> str:
        """The same signature in other letters: the last one has bits to spare."""
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        token = self.token()
        return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]

    def in_der(self) -> str:
        """A token with its signature in the other usual form."""
        *signed, signature = self.token().split(".")
        raw = base64.urlsafe_b64decode(signature + "==")
        half = len(raw) // 2
        numbers = (int.from_bytes(part, "big") for part in (raw[:half], raw[half:]))
        return ".".join((*signed, encoded(encode_dss_signature(*numbers)).decode()))

    def unsigned(self, algorithm: str) -> str:
        """A token that says it needs no signature."""
        top = encoded(json.dumps({"alg": algorithm}).encode()).decode()
        return f"{top}.{self.token().split('.')[1]}.AA"


SPECS = (
    IssuerSpec(
        name="corp",
        issuer=ISSUER,
        audiences=("agents", "tools"),
        algorithms=("ES256", "RS256", "EdDSA"),
        keys_file="keys.json",
        actor="act.sub",
        claims=("team",),
    ),
    IssuerSpec(
        name="plain",
        issuer="https://plain.test",
        audiences=("agents",),
        algorithms=("ES256",),
        keys_file="keys.json",
    ),
    IssuerSpec(
        name="bots",
        issuer="https://bots.test",
        audiences=("agents",),
        algorithms=("ES256",),
        keys_file="keys.json",
        subject_kind=PrincipalKind.AGENT,
    ),
    IssuerSpec(
        name="mail",
        issuer="https://mail.test",
        audiences=("agents",),
        algorithms=("ES256",),
        keys_file="keys.json",
        subject="email",
    ),
    *(
        IssuerSpec(
            name=name,
            issuer="https://shared.test",
            audiences=(name,),
            algorithms=("ES256",),
            keys_file="keys.json",
        )
        for name in ("first", "second")
    ),
    IssuerSpec(
        name="mesh",
        kind=IssuerKind.SPIFFE,
        issuer="corp.example",
        audiences=("agents",),
        algorithms=("ES256",),
        keys_file="bundle.json",
    ),
    *(
        IssuerSpec(
            name=name,
            issuer=f"https://{name}.test",
            audiences=("agents",),
            algorithms=("ES256",),
            keys_file=f"{name}.json",
        )
        for name in ("gone", "garbled", "huge")
    ),
)
IDENTITIES = (
    IdentitySpec(id="agent:support", spiffe="spiffe://corp.example/agent/support"),
    IdentitySpec(id="agent:both"),
    IdentitySpec(id="service:both"),
    IdentitySpec(id="user:boss"),
)


@pytest.fixture
def world(private: dict[str, Any]) -> World:
    """The keys."""
    return World(private)


@pytest.fixture
def issuers(private: dict[str, Any], tmp_path: Path) -> Issuers:
    """The issuers of the policy, at noon."""
    for name, keys in key_sets(private).items():
        (tmp_path / name).write_text(json.dumps({"keys": keys}))
    (tmp_path / "garbled.json").write_text('{"keys": [')
    (tmp_path / "huge.json").write_text('{"keys": [' + " " * 600_000 + "]}")
    return open_issuers(SPECS, IDENTITIES, tmp_path, lambda: NOW)


def everything_told(error: BaseException) -> str:
    """Tell all that an error carries, and those behind it."""
    told: list[str] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is not None:
            told += [str(each), repr(each), repr(each.args), repr(vars(each))]
            waiting += [each.__cause__, each.__context__]
    return "\n".join(told)


@pytest.fixture
def leaked_by(issuers: Issuers) -> Callable[[str], list[str]]:
    """Give the function that verifies a token and returns what its refusal tells of it."""

    def leaked(token: str) -> list[str]:
        with pytest.raises(TokenRefused) as caught:
            issuers.verify(token)
        told = everything_told(caught.value)
        parts = [part for part in token.split(".") if len(part) > 8]
        return [part for part in (*parts, *VALUES) if part in told]

    return leaked


@pytest.fixture
def about_signatures() -> frozenset[TokenProblem]:
    """The problems of form, signature and keys; the others are about what a token says."""
    return frozenset(
        TokenProblem(name)
        for name in (
            *("malformed", "too_long", "duplicate_member", "encrypted", "unsigned"),
            *("shared_secret", "wrong_algorithm", "critical_header", "wrong_type"),
            *("no_key_id", "unknown_key", "ambiguous_key", "unfit_key", "weak_key"),
            *("private_key", "forged", "keys_unreachable", "keys_unreadable"),
        )
    )
