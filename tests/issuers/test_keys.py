# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is a key used for what it is meant for, and for nothing else?"""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard import TokenRefused
from agentguard.issuers.keys import MOST_KEYS, KeySet, keys_of, read_keys
from agentguard.policy import IssuerKind
from agentguard.policy.issuer_flaws import ALGORITHMS
from agentguard.testing.issuer import new_private_key, public_jwk

KINDS = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "EdDSA": "okp"}


@pytest.fixture(scope="session")
def private() -> dict[str, Any]:
    """A private key for each kind of algorithms."""
    return {name: new_private_key(name) for name in (*KINDS, "RS256")}


def serving(keys: KeySet, key_id: str | None = "k") -> set[str]:
    """The algorithms that a key may verify."""
    fit = set()
    for algorithm in (*ALGORITHMS, "none", "HS256", "ES256K"):
        try:
            keys.find(key_id, algorithm)
        except TokenRefused:
            continue
        fit.add(algorithm)
    return fit


def read(*jwks: dict[str, Any], kind: IssuerKind = IssuerKind.JWT) -> KeySet:
    """The keys of a set."""
    return read_keys(json.dumps({"keys": jwks}).encode(), kind)


@pytest.mark.parametrize("algorithm", [*KINDS, "RS256"])
def test_a_key_serves_the_algorithms_of_its_kind(algorithm: str, private: dict[str, Any]) -> None:
    """A curve serves its own algorithm; RSA serves those of both paddings."""
    expected = (
        {algorithm}
        if algorithm in KINDS
        else {n for n in ALGORITHMS if n[1] == "S" and n[0] in "RP"}
    )
    jwk = public_jwk(private[algorithm], algorithm, kid="k")
    assert serving(read(jwk)) == expected
    assert serving(read({**jwk, "alg": algorithm})) == {algorithm}
    assert serving(keys_of([("k", private[algorithm].public_key())])) == expected


@pytest.mark.parametrize(
    "change",
    [
        {"use": "enc"},
        {"use": 1},
        {"key_ops": ["sign"]},
        {"key_ops": "verify"},
        {"kty": "oct"},
        {"kty": "RSA"},
        {"kty": None},
        {"alg": "ES384"},
        {"alg": "none"},
        {"d": "AA"},
        {"x": "AA"},
        {"crv": "secp256k1"},
        {"kid": 1},
    ],
    ids=str,
)
def test_a_key_that_is_not_meant_for_it_verifies_nothing(
    change: dict[str, object], private: dict[str, Any]
) -> None:
    """A key with another use, kind, algorithm or shape is of no use."""
    jwk = {**public_jwk(private["ES256"], "ES256", kid="k"), **change}
    assert serving(read(jwk)) == set()


def test_a_bundle_says_what_its_keys_are_for(private: dict[str, Any]) -> None:
    """In a SPIFFE bundle only keys for JWT-SVIDs count; elsewhere such keys do not."""
    jwk = public_jwk(private["ES256"], "ES256", kid="k")
    uses = ("jwt-svid", "x509-svid", "sig", None)
    counting = [use for use in uses if serving(read({**jwk, "use": use}, kind=IssuerKind.SPIFFE))]
    assert counting == ["jwt-svid"]
    assert serving(read({**jwk, "use": "jwt-svid"})) == set()


def test_without_a_name_the_only_key_that_fits_is_meant(private: dict[str, Any]) -> None:
    """A token without a key's name counts where one key could be meant, and not where two could."""
    one = public_jwk(private["ES256"], "ES256", kid="one")
    other = public_jwk(private["ES384"], "ES384", kid="other")
    assert read(one, other).find(None, "ES256").id == "one"
    with pytest.raises(TokenRefused, match="several keys"):
        read(one, {**public_jwk(new_private_key("ES256"), "ES256"), "kid": "two"}).find(
            None, "ES256"
        )
    assert read(one, {**one, "kid": "again"}).find(None, "ES256").fingerprint


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys": {}}',
        b'{"keys": [1]}',
        b'{"keys": [], "keys": []}',
        b'{"keys": [' + b"{}," * MOST_KEYS + b"{}]}",
        '{"keys": []}'.encode("utf-16"),
    ],
)
def test_what_is_no_key_set_is_none(content: bytes) -> None:
    """A set that can be read in two ways, or is too long, is not read at all."""
    with pytest.raises(ValueError, match=r".*"):
        read_keys(content, IssuerKind.JWT)


@settings(deadline=None, max_examples=200)
@given(content=st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode()))
def test_reading_keys_ends_in_keys_or_in_one_error(content: bytes) -> None:
    """Whatever stands in a file, reading it gives keys or says that there are none."""
    with suppress(ValueError):
        read_keys(b'{"keys": [' + content + b"]}", IssuerKind.JWT)
