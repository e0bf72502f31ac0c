# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Who signed these bytes?

Ed25519 keys as they are written in files and policies, and signatures over the pre-authentication
encoding of DSSE, so that a signature of one kind of statement is none of another.
What a statement means is not known here.

INVARIANT: no error holds a key (tests/test_signing.py).
"""

import base64
import binascii
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SCHEME = "ed25519:"
KEY_BYTES = 32


def new_key(passphrase: bytes | None = None) -> tuple[bytes, str]:
    """Make a key.

    Args:
        passphrase: protects the private key; without one it is written in clear.

    Returns:
        The private key as PEM, and the public key as policies list it.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    protection = (
        serialization.BestAvailableEncryption(passphrase)
        if passphrase
        else serialization.NoEncryption()
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection
    )
    return pem, _written(key)


def public_key(private_key: bytes, passphrase: bytes | None = None) -> str:
    """Return the public key of a private one, as policies list it.

    Raises:
        ValueError: the private key cannot be read.
    """
    return _written(_private(private_key, passphrase))


def statement(payload_type: str, body: bytes) -> bytes:
    """Return the bytes that are signed: the DSSE pre-authentication encoding."""
    kind = payload_type.encode("ascii")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(body), body)


def signed(statement: bytes, private_key: bytes, passphrase: bytes | None = None) -> str:
    """Return the base64 of a signature over a statement.

    Raises:
        ValueError: the private key cannot be read.
    """
    signature = _private(private_key, passphrase).sign(statement)
    return base64.b64encode(signature).decode("ascii")


def verifies(statement: bytes, signature: str, key: str) -> bool:
    """Say whether the holder of a public key, as policies list it, signed a statement."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    raw = raw_key(key)
    if raw is None:
        return False
    try:
        public = Ed25519PublicKey.from_public_bytes(raw)
        public.verify(base64.b64decode(signature, validate=True), statement)
    except (ValueError, binascii.Error, InvalidSignature):
        return False
    return True


def raw_key(key: str) -> bytes | None:
    """Return the bytes of a public key as policies list it, None for what is no such key."""
    if not key.startswith(SCHEME):
        return None
    try:
        raw = base64.b64decode(key.removeprefix(SCHEME), validate=True)
    except (ValueError, binascii.Error):
        return None
    return raw if len(raw) == KEY_BYTES else None


def _written(key: "Ed25519PrivateKey") -> str:
    return SCHEME + base64.b64encode(key.public_key().public_bytes_raw()).decode("ascii")


def _private(private_key: bytes, passphrase: bytes | None) -> "Ed25519PrivateKey":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(private_key, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        message = "the key cannot be read: no Ed25519 key in PEM, or another passphrase"
        raise ValueError(message)  # noqa: TRY004 - what is wrong is the file, not a type
    return key
