# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How are values sealed with the key that the operator holds?

From one key of 32 bytes everything else is derived: a key for each tenant's rows, a key for each
scope's placeholders, and digests of names. The key itself encrypts nothing.

INVARIANT: a row that was changed, or moved to another tenant, session or placeholder, does not
open (tests/stores/test_vault_sealing.py).
"""

import functools
import json
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from agentguard.canonical import Frozen, canonical_bytes
from agentguard.redaction import Issued
from agentguard.stores.failures import StoreFailure
from agentguard.stores.vault import SealedRow

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
# Lengths of values are told in steps of this many bytes only.
STEP = 64

_LENGTHS = struct.Struct(">II")
_ABOUT = "agentguard vault 1"


@dataclass(frozen=True, slots=True)
class VaultKey:
    """A key that the operator holds.

    Attributes:
        secret: 32 random bytes.
    """

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_BYTES:
            raise ValueError(f"a key of the vault has {KEY_BYTES} bytes")

    @property
    def id(self) -> str:
        """What names the key in rows and says nothing about it."""
        return self.derived("id").hex()[:16]

    def derived(self, purpose: str, *about: Frozen) -> bytes:
        """Return the 32 bytes that belong to a purpose, and to what it is about."""
        return _derived(self.secret, canonical_bytes((_ABOUT, purpose, *about)))

    def digest(self, kind: str, *about: Frozen) -> str:
        """Return a digest that nobody can make or check without the key."""
        return self.derived(f"digest of {kind}", *about).hex()


@functools.lru_cache(maxsize=4096)
def _derived(secret: bytes, about: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=about).derive(secret)


class KeyRing:
    """The key that seals, and older ones that still open."""

    def __init__(self, current: VaultKey, old: Sequence[VaultKey] = ()) -> None:
        self.current = current
        self.all = (current, *(key for key in old if key != current))
        self._by_id = {key.id: key for key in self.all}

    @property
    def ids(self) -> frozenset[str]:
        """The ids of all keys."""
        return frozenset(self._by_id)

    def digests(self, kind: str, *about: Frozen) -> tuple[str, ...]:
        """Return the digest by each key, that of the current one first."""
        return tuple(key.digest(kind, *about) for key in self.all)

    def sealed(self, row: SealedRow, issued: Issued) -> SealedRow:
        """Return the row with what *issued* holds, encrypted with the current key."""
        value = issued.value.encode("utf-8", "surrogatepass")
        source = issued.source.encode("utf-8", "surrogatepass")
        plain = _LENGTHS.pack(len(value), len(source)) + value + source
        plain += bytes(-len(plain) % STEP)
        nonce = os.urandom(NONCE_BYTES)
        row = replace(row, key_id=self.current.id)
        cipher = _cipher(self.current.derived("rows of", row.tenant))
        return replace(row, sealed=nonce + cipher.encrypt(nonce, plain, _surroundings(row)))

    def opened(self, row: SealedRow) -> Issued:
        """Return what a row holds.

        Raises:
            StoreFailure: the key is not here, or the row is not what was written.
        """
        key = self._by_id.get(row.key_id)
        if key is None:
            raise StoreFailure(f"a row was sealed with key {row.key_id}, which is not here")
        plain = _decrypted(_cipher(key.derived("rows of", row.tenant)), row)
        if plain is None:
            raise StoreFailure("a row is not what was written, or the key is another")
        sizes = _LENGTHS.unpack_from(plain)
        middle, end = _LENGTHS.size + sizes[0], _LENGTHS.size + sum(sizes)
        return Issued(
            placeholder=row.placeholder,
            value=plain[_LENGTHS.size : middle].decode("utf-8", "surrogatepass"),
            data_class=row.data_class,
            reversible=row.reversible,
            source=plain[middle:end].decode("utf-8", "surrogatepass"),
        )


@functools.lru_cache(maxsize=1024)
def _cipher(key: bytes) -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def _decrypted(cipher: "AESGCM", row: SealedRow) -> bytes | None:
    from cryptography.exceptions import InvalidTag

    nonce, sealed = row.sealed[:NONCE_BYTES], row.sealed[NONCE_BYTES:]
    try:
        return cipher.decrypt(nonce, sealed, _surroundings(row))
    except (InvalidTag, ValueError):
        return None


def _surroundings(row: SealedRow) -> bytes:
    """Return what a row's content is bound to, so that no row can stand for another."""
    # A list of texts and whole numbers has one form in JSON; the canonical one costs much more.
    about = (_ABOUT, row.tenant, row.space, row.session, row.placeholder, row.data_class)
    return json.dumps((*about, row.reversible, row.created_at, row.key_id)).encode("ascii")
