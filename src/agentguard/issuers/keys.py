# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which key verifies a signature, and is it fit to?

Reads JSON Web Key Sets and SPIFFE bundles. A key serves the algorithms of its own kind alone,
whatever a token says, so that no public key is ever taken for a shared secret.

INVARIANT: a key that is weak, private, meant for something else or not of the algorithm's kind
verifies nothing (tests/issuers/test_keys.py).
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from agentguard.issuers.parsing import strict_json
from agentguard.issuers.refusing import TokenProblem, refused
from agentguard.policy import IssuerKind

SHORTEST_RSA = 2048
LONGEST_RSA = 8192
MOST_KEYS = 200

# What a bundle says that a key is for; without it a key of SPIFFE is for nothing.
_USES = {IssuerKind.JWT: (None, "sig"), IssuerKind.SPIFFE: ("jwt-svid",)}
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_READERS: Mapping[str, Any] = {"RSA": RSAAlgorithm, "EC": ECAlgorithm, "OKP": OKPAlgorithm}
_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A public key of an issuer.

    Attributes:
        id: the name that tokens call it by, None where it has none.
        algorithms: what it may verify; empty where it is of no use.
        problem: why it is of no use.
        fingerprint: which key it is.
    """

    id: str | None
    algorithms: frozenset[str] = frozenset()
    problem: TokenProblem = TokenProblem.UNFIT_KEY
    fingerprint: bytes = b""
    public: Any = field(default=None, repr=False)

    def verifies(self, algorithm: str, signed: bytes, signature: bytes) -> bool:
        """Say whether a signature over bytes is of this key."""
        if algorithm not in self.algorithms:
            return False
        return bool(jwt.get_algorithm_by_name(algorithm).verify(signed, self.public, signature))


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySet:
    """The keys of one issuer."""

    keys: tuple[Key, ...]

    def knows(self, key_id: str | None) -> bool:
        """Say whether a key of this name is here; without a name, whether any is."""
        return any(key_id is None or key.id == key_id for key in self.keys)

    def find(self, key_id: str | None, algorithm: str) -> Key:
        """Return the one key that a token means.

        Raises:
            TokenRefused: there is none, none that is fit, or several.
        """
        named = [key for key in self.keys if key_id is None or key.id == key_id]
        if not named:
            raise refused(TokenProblem.UNKNOWN_KEY)
        fit = {key.fingerprint: key for key in named if algorithm in key.algorithms}
        if not fit:
            problems = {key.problem for key in named}
            raise refused(problems.pop() if len(problems) == 1 else TokenProblem.UNFIT_KEY)
        if len(fit) > 1:
            raise refused(TokenProblem.AMBIGUOUS_KEY)
        return next(iter(fit.values()))


def read_keys(content: bytes, kind: IssuerKind) -> KeySet:
    """Read a key set.

    Args:
        content: a JWKS or a SPIFFE bundle.
        kind: what its keys must be for.

    Raises:
        ValueError: it is no key set; the message holds nothing of it.
    """
    value = strict_json(content)
    keys = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(keys, list) or len(keys) > MOST_KEYS:
        raise ValueError("no key set")
    if not all(isinstance(each, dict) for each in keys):
        raise ValueError("no key set")
    return KeySet(keys=tuple(_read_key(each, kind) for each in keys))


def keys_of(public_keys: Iterable[tuple[str, Any]]) -> KeySet:
    """Return the key set of public keys with their names."""
    return KeySet(keys=tuple(_key(name, public) for name, public in public_keys))


def _read_key(jwk: Mapping[str, Any], kind: IssuerKind) -> Key:
    name = jwk.get("kid")
    key_id = name if isinstance(name, str) else None
    if not _PRIVATE.isdisjoint(jwk):
        secret = jwk.get("kty") == "oct"
        return Key(
            id=key_id, problem=TokenProblem.UNFIT_KEY if secret else TokenProblem.PRIVATE_KEY
        )
    reader = _READERS.get(str(jwk.get("kty")))
    if reader is None or not _is_for_signatures(jwk, kind):
        return Key(id=key_id)
    try:
        public = reader.from_jwk(dict(jwk))
    except Exception:  # noqa: BLE001 - other people's parsing of other people's keys
        return Key(id=key_id)
    key = _key(key_id, public)
    said = jwk.get("alg")
    if said is None:
        return key
    return Key(
        id=key_id,
        algorithms=key.algorithms & {str(said)},
        problem=key.problem,
        fingerprint=key.fingerprint,
        public=public,
    )


def _is_for_signatures(jwk: Mapping[str, Any], kind: IssuerKind) -> bool:
    operations = jwk.get("key_ops")
    verifies = operations is None or (isinstance(operations, list) and "verify" in operations)
    return verifies and jwk.get("use") in _USES[kind]


def _key(key_id: str | None, public: Any) -> Key:
    algorithms = _algorithms(public)
    if not algorithms:
        weak = isinstance(public, rsa.RSAPublicKey)
        return Key(id=key_id, problem=TokenProblem.WEAK_KEY if weak else TokenProblem.UNFIT_KEY)
    written = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    fingerprint = hashlib.sha256(written).digest()
    return Key(id=key_id, algorithms=algorithms, fingerprint=fingerprint, public=public)


def _algorithms(public: Any) -> frozenset[str]:
    if isinstance(public, rsa.RSAPublicKey):
        return _RSA if SHORTEST_RSA <= public.key_size <= LONGEST_RSA else frozenset()
    if isinstance(public, ec.EllipticCurvePublicKey):
        algorithm = _CURVES.get(public.curve.name)
        return frozenset() if algorithm is None else frozenset({algorithm})
    if isinstance(public, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return frozenset({"EdDSA"})
    return frozenset()
