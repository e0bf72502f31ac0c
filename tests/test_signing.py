# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Keys are made and read, and a signature counts for its own statement alone."""

import base64

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from agentguard.signing import new_key, public_key, raw_key, signed, statement, verifies


def test_a_signature_holds_for_its_key_its_kind_and_its_bytes() -> None:
    """Another key, another kind of statement or other bytes do not verify."""
    (pem, public), (_, other) = new_key(), new_key()
    signature = signed(statement("a", b"x"), pem)
    assert verifies(statement("a", b"x"), signature, public)
    assert not verifies(statement("a", b"x"), signature, other)
    assert not verifies(statement("b", b"x"), signature, public)
    assert not verifies(statement("a", b"y"), signature, public)


@pytest.mark.parametrize("signature", ["", "%%", "AAAA", "\u2603"])
def test_what_is_no_signature_does_not_verify(signature: str) -> None:
    """A signature that cannot be read is none, and raises nothing."""
    assert not verifies(statement("a", b"x"), signature, new_key()[1])


@pytest.mark.parametrize("key", ["", "ed25519:", "ed25519:%%", "rsa:AAAA", "ed25519:AAAA"])
def test_what_is_no_public_key_has_no_bytes(key: str) -> None:
    """A key of another scheme, another length or another alphabet is none."""
    assert raw_key(key) is None


def test_a_key_can_be_protected_by_a_passphrase() -> None:
    """A protected key signs with its passphrase and with nothing else."""
    pem, public = new_key(b"open sesame")
    assert b"ENCRYPTED" in pem
    assert public_key(pem, b"open sesame") == public
    for passphrase in (None, b"wrong"):
        with pytest.raises(ValueError, match="cannot be read"):
            signed(b"", pem, passphrase)


def test_a_key_in_clear_is_plain_pkcs8() -> None:
    """A key without passphrase is PEM that other tools read, and two are never the same."""
    (pem, public), (_, other) = new_key(), new_key()
    assert load_pem_private_key(pem, None) is not None
    assert public.startswith("ed25519:")
    assert len(base64.b64decode(public.removeprefix("ed25519:"))) == 32
    assert public != other


@pytest.mark.parametrize(
    "pem", [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_what_is_no_key_is_refused(pem: bytes) -> None:
    """Bytes that are no key are refused without being shown."""
    with pytest.raises(ValueError, match="cannot be read") as caught:
        public_key(pem)
    assert "AAAA" not in str(caught.value)
