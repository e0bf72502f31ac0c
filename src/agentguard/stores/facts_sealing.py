# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How are the facts of decisions sealed with the key that the operator holds?

From one key of 32 bytes a key for each session's facts is derived, and digests of the names that
facts are erased by.

INVARIANT: facts that were changed, or moved to another entry, session or time, do not open
(tests/stores/test_facts_sealing.py).
"""

import functools
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from agentguard.review.fact_form import NotFacts, facts_bytes, parse_facts
from agentguard.review.facts import DecidedCall
from agentguard.stores.facts import FactsSelection, SealedFacts
from agentguard.stores.failures import StoreFailure
from agentguard.stores.vault_sealing import VaultKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12
# The length of facts is told in steps of this many bytes only.
STEP = 256

_ABOUT = "agentguard facts 1"
_NOT_KEPT = "the facts of a decision cannot be kept"


@dataclass(frozen=True, slots=True)
class FactsKeeper:
    """Seals facts and opens them again.

    Attributes:
        current: the key that seals.
        old: keys that still open.
        expire_after: how long facts are kept, None for as long as nobody erases them.
    """

    current: VaultKey
    old: Sequence[VaultKey] = ()
    expire_after: timedelta | None = None

    def sealed(self, decided: DecidedCall) -> SealedFacts:
        """Return the facts of a call, encrypted.

        Raises:
            StoreFailure: they are too large, or have no form.
        """
        try:
            plain = facts_bytes(decided)
        except (ValueError, TypeError, RecursionError):
            plain = b""
        if not plain:
            raise StoreFailure(_NOT_KEPT)
        plain += b" " * (-len(plain) % STEP)
        at = _seconds(decided.at)
        session, person = self._names(self.current, decided)
        nonce = os.urandom(NONCE_BYTES)
        key_id = self.current.id
        about = _surroundings(decided.call.id, session, person, at, key_id)
        cipher = _cipher(self.current.derived(_ABOUT, session))
        return SealedFacts(
            session=session,
            person=person,
            at=at,
            key_id=key_id,
            sealed=nonce + cipher.encrypt(nonce, plain, about),
            expired=self.expired(decided.at),
        )

    def opened(self, facts: SealedFacts, call_id: str | None) -> DecidedCall:
        """Return the facts that belong to the entry about a call.

        Raises:
            StoreFailure: the key is not here, or they are not what was written.
        """
        key = next((each for each in (self.current, *self.old) if each.id == facts.key_id), None)
        if key is None:
            raise StoreFailure(f"facts were sealed with key {facts.key_id}, which is not here")
        about = _surroundings(call_id, facts.session, facts.person, facts.at, facts.key_id)
        plain = _decrypted(_cipher(key.derived(_ABOUT, facts.session)), facts.sealed, about)
        decided = None if plain is None else _parsed(plain)
        if decided is None:
            raise StoreFailure("facts are not what was written, or the key is another")
        return decided

    def expired(self, now: datetime) -> int | None:
        """Return the moment before which everything has expired, None if nothing does."""
        return None if self.expire_after is None else _seconds(now - self.expire_after)

    def selection(
        self,
        *,
        session: str | None = None,
        tenant: str | None = None,
        person: str | None = None,
        before: datetime | None = None,
    ) -> FactsSelection:
        """Return which facts are meant: those to which all of these apply.

        Args:
            session: the session's id, of this tenant or of none.
            tenant: the tenant's id.
            person: the id of the person who was behind the call.
            before: decided before this time.
        """
        keys = (self.current, *self.old)
        sessions = None
        if session is not None:
            sessions = tuple(_session(key, session, tenant) for key in keys)
        persons = None if person is None else tuple(_person(key, person) for key in keys)
        return FactsSelection(
            sessions=sessions, persons=persons, before=None if before is None else _seconds(before)
        )

    @staticmethod
    def _names(key: VaultKey, decided: DecidedCall) -> tuple[str, str]:
        person = decided.person
        return (
            _session(key, decided.session, decided.tenant),
            "" if person is None else _person(key, person),
        )


def _session(key: VaultKey, session: str, tenant: str | None) -> str:
    return key.digest("session of facts", session, tenant)


def _person(key: VaultKey, person: str) -> str:
    return key.digest("person of facts", person)


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


@functools.lru_cache(maxsize=1024)
def _cipher(key: bytes) -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def _decrypted(cipher: "AESGCM", sealed: bytes, about: bytes) -> bytes | None:
    from cryptography.exceptions import InvalidTag

    try:
        return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], about)
    except (InvalidTag, ValueError):
        return None


def _parsed(plain: bytes) -> DecidedCall | None:
    try:
        return parse_facts(plain)
    except NotFacts:
        return None


def _surroundings(call_id: str | None, *about: str | int) -> bytes:
    """Return what facts are bound to, so that none can stand for others."""
    return json.dumps((_ABOUT, call_id, *about)).encode("ascii")
