# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Who does this token speak for?

Chooses the issuer, has its signature verified and its claims read. What was verified is
remembered by the token's digest, but counts only as long as the key that verified it is still
among the issuer's keys.

INVARIANT: nothing that a token says is followed: 'jku', 'x5u', 'jwk' and 'x5c' are not read
(tests/attacks/tokens/test_forged_tokens.py).
INVARIANT: a token counts for one issuer alone, verified with that issuer's keys
(tests/issuers/test_verifying.py).
"""

import asyncio
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from agentguard.errors import ConfigError, TokenRefused
from agentguard.issuers.claims import (
    Declared,
    Verified,
    Window,
    audience_of,
    verified,
    window_of,
)
from agentguard.issuers.parsing import Token, parse
from agentguard.issuers.refusing import MustWait, TokenProblem, refused
from agentguard.policy import IssuerKind, IssuerSpec

if TYPE_CHECKING:
    from agentguard.issuers.keys import Key
    from agentguard.issuers.sources import KeySource

REMEMBERED = 4096
# A fetch that is under way may lack the key, and one more may be begun for it.
MOST_WAITS = 3

# What each kind of token may call itself; other signed objects of an issuer let nobody in.
_TYPES = {
    IssuerKind.JWT: (None, "jwt", "application/jwt", "at+jwt", "application/at+jwt"),
    IssuerKind.SPIFFE: (None, "jwt", "jose"),
}
_SPIFFE = "spiffe://"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """An issuer with its keys."""

    spec: IssuerSpec
    keys: "KeySource"

    def claims(self, token: Token) -> bool:
        """Say whether a token, if it is to be believed, could be of this issuer."""
        if self.spec.kind is IssuerKind.JWT:
            return bool(token.claims.get("iss") == self.spec.issuer)
        subject = token.claims.get("sub")
        return isinstance(subject, str) and subject.startswith(f"{_SPIFFE}{self.spec.issuer}/")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Remembered:
    """A token that was verified: with which key, and when it counts."""

    issuer: Issuer
    key_id: str | None
    algorithm: str
    fingerprint: bytes
    window: Window
    verified: Verified


class Issuers:
    """Those whose tokens count for one guard; serves every thread."""

    def __init__(
        self, issuers: Iterable[Issuer], declared: Declared, now: Callable[[], datetime]
    ) -> None:
        """Begin without anything verified.

        Args:
            issuers: whose tokens count.
            declared: the identities of the policy.
            now: the time of day.
        """
        self._issuers = tuple(issuers)
        self._declared = declared
        self._now = now
        self._seen: OrderedDict[tuple[bytes, str | None], _Remembered] = OrderedDict()
        self._lock = threading.Lock()

    def verify(self, token: str, *, issuer: str | None = None, wait: bool = True) -> Verified:
        """Return who a token speaks for.

        Args:
            token: the compact form, without ``Bearer``.
            issuer: the one issuer of the policy that may have made it, None for any.
            wait: whether keys may be fetched while the caller waits.

        Raises:
            TokenRefused: it does not count; ``problem`` says why.
            ConfigError: the policy has no issuer of this name.
            MustWait: keys must be fetched first, and *wait* is false.
        """
        candidates = self._named(issuer)
        if not isinstance(token, str):
            raise refused(TokenProblem.MALFORMED)
        place = (hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest(), issuer)
        known = self._recalled(place, wait=wait)
        if known is not None:
            return known
        parsed = parse(token)
        chosen = _chosen(parsed, candidates, alone=issuer is not None)
        outcome: _Remembered | TokenRefused
        try:
            outcome = self._examined(parsed, chosen, wait=wait)
        except TokenRefused as refusal:
            outcome = refused(TokenProblem(refusal.problem), chosen.spec.name)
        if isinstance(outcome, TokenRefused):
            raise outcome
        self._remember(place, outcome)
        return outcome.verified

    async def verify_async(self, token: str, *, issuer: str | None = None) -> Verified:
        """Return who a token speaks for; a fetch is waited for without a thread of its own.

        Raises:
            TokenRefused: it does not count; ``problem`` says why.
            ConfigError: the policy has no issuer of this name.
        """
        for _ in range(MOST_WAITS):
            try:
                return self.verify(token, issuer=issuer, wait=False)
            except MustWait as waiting:
                fetch, patience = waiting.fetch, waiting.patience
            await asyncio.wait([asyncio.wrap_future(fetch)], timeout=patience)
        raise refused(TokenProblem.KEYS_UNREACHABLE)

    def _named(self, name: str | None) -> tuple[Issuer, ...]:
        if name is None:
            return self._issuers
        found = tuple(each for each in self._issuers if each.spec.name == name)
        if not found:
            raise ConfigError(f"the policy has no issuer {name!r}")
        return found

    def _examined(self, token: Token, issuer: Issuer, *, wait: bool) -> _Remembered:
        spec = issuer.spec
        algorithm = _algorithm(token.header, spec)
        key_id = _key_id(token.header, spec)
        key = issuer.keys.find(key_id, algorithm, wait=wait)
        if not _is_signed(token, key, algorithm):
            raise refused(TokenProblem.FORGED)
        audience = audience_of(token.claims, spec)
        # Read after the keys, which may have been waited for.
        window = window_of(token.claims, spec, self._now())
        return _Remembered(
            issuer=issuer,
            key_id=key_id,
            algorithm=algorithm,
            fingerprint=key.fingerprint,
            window=window,
            verified=verified(
                token.claims,
                spec,
                self._declared,
                audience=audience,
                expires_at=window.ends,
            ),
        )

    def _recalled(self, place: tuple[bytes, str | None], *, wait: bool) -> Verified | None:
        with self._lock:
            known = self._seen.get(place)
        if known is None:
            return None
        try:
            key = known.issuer.keys.find(known.key_id, known.algorithm, wait=wait)
        except TokenRefused:
            # What is wrong is found, and told, by verifying it anew.
            key = None
        counts = known.window.begins <= self._now() < known.window.ends
        if counts and key is not None and key.fingerprint == known.fingerprint:
            return known.verified
        with self._lock:
            self._seen.pop(place, None)
        return None

    def _remember(self, place: tuple[bytes, str | None], outcome: _Remembered) -> None:
        with self._lock:
            self._seen[place] = outcome
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)


def _chosen(token: Token, candidates: tuple[Issuer, ...], *, alone: bool) -> Issuer:
    """Return the issuer that a token is verified for, before anything of it is believed."""
    claiming = [each for each in candidates if each.claims(token)]
    if len(claiming) > 1:
        raise refused(TokenProblem.SEVERAL_ISSUERS)
    if claiming:
        return claiming[0]
    if alone:
        raise refused(TokenProblem.WRONG_ISSUER, candidates[0].spec.name)
    raise refused(TokenProblem.UNKNOWN_ISSUER)


def _algorithm(header: Mapping[str, Any], spec: IssuerSpec) -> str:
    algorithm = header.get("alg")
    if not isinstance(algorithm, str):
        raise refused(TokenProblem.MALFORMED)
    if algorithm.lower() == "none":
        raise refused(TokenProblem.UNSIGNED)
    if algorithm.upper().startswith("HS"):
        raise refused(TokenProblem.SHARED_SECRET)
    if algorithm not in spec.algorithms:
        raise refused(TokenProblem.WRONG_ALGORITHM)
    if "crit" in header or "b64" in header:
        raise refused(TokenProblem.CRITICAL_HEADER)
    kind = header.get("typ")
    if not (kind is None or isinstance(kind, str)):
        raise refused(TokenProblem.WRONG_TYPE)
    if (kind and kind.lower()) not in _TYPES[spec.kind]:
        raise refused(TokenProblem.WRONG_TYPE)
    return algorithm


def _key_id(header: Mapping[str, Any], spec: IssuerSpec) -> str | None:
    key_id = header.get("kid")
    if key_id is None and spec.kind is IssuerKind.JWT:
        return None
    if not isinstance(key_id, str):
        raise refused(TokenProblem.NO_KEY_ID)
    return key_id


def _is_signed(token: Token, key: "Key", algorithm: str) -> bool:
    try:
        return key.verifies(algorithm, token.signed, token.signature)
    except Exception:  # noqa: BLE001 - a signature that cannot be checked is none
        return False
