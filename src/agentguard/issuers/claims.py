# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a verified token say, and does that count here and now?

Reads times, audience, subject and actor of a token whose signature was verified. Only the subject
and the current actor count; actors before it are history and give nothing (RFC 8693, 4.1).

INVARIANT: a time that is missing or no number, an audience that is missing, and a name that is no
name refuse (tests/attacks/tokens/test_misused_tokens.py).
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from agentguard.canonical import Frozen, NotCanonical, freeze
from agentguard.issuers.refusing import TokenProblem, refused
from agentguard.policy import IdentitySpec, IssuerKind, IssuerSpec
from agentguard.vocabulary import Assurance, Principal, PrincipalKind

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@/+-]{0,127}")
_SPIFFE = "spiffe://"
_LATEST = datetime.max.replace(tzinfo=UTC).timestamp() - 1
# What binds a token to a key, and what makes a signed object a notice (OpenID logout, RFC 8417).
_BINDING = "cnf"
_EVENTS = "events"
_ACTOR = "act"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Who a token speaks for.

    Attributes:
        subject: the person, agent or service that it was issued for.
        actor: who acts for the subject, None where the token names nobody.
        issuer: the issuer's name in the policy.
        audience: the audience of the policy that it is meant for.
        expires_at: when it counts no more: when it says so, or when it is too old, whichever is
            earlier.
    """

    subject: Principal
    actor: Principal | None
    issuer: str
    audience: str
    expires_at: datetime

    @property
    def assurance(self) -> Assurance:
        """How sure the subject is."""
        return self.subject.assurance


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """From when until when a token counts."""

    begins: datetime
    ends: datetime


class Declared:
    """The identities that the policy declares, as tokens call them."""

    def __init__(self, identities: Iterable[IdentitySpec]) -> None:
        self._by_id = {each.id: each for each in identities}
        self._by_spiffe = {
            each.spiffe: each for each in self._by_id.values() if each.spiffe is not None
        }

    def named(self, id: str) -> IdentitySpec | None:  # noqa: A002 - the field's word for it
        """Return the identity with this id."""
        return self._by_id.get(id)

    def attested(self, spiffe: str) -> IdentitySpec | None:
        """Return the identity with this SPIFFE id."""
        return self._by_spiffe.get(spiffe)

    def acting(self, name: str) -> IdentitySpec | None:
        """Return the one agent or service that a token calls so."""
        if name.startswith(_SPIFFE):
            found = [self.attested(name)]
        else:
            kinds = (PrincipalKind.AGENT, PrincipalKind.SERVICE)
            found = [self.named(f"{kind}:{name}") for kind in kinds]
        known = [each for each in found if each is not None]
        return known[0] if len(known) == 1 else None


def window_of(claims: Mapping[str, Any], spec: IssuerSpec, now: datetime) -> Window:
    """Return when a token counts; *now* lies in it.

    Clocks may differ by the leeway where a token is not valid yet; none is given at its end.

    Raises:
        TokenRefused: it counts no more, or not yet, or does not say so.
    """
    expires = _time(claims, "exp", TokenProblem.NO_EXPIRY)
    issued = _time(claims, "iat", TokenProblem.NO_ISSUE_TIME)
    begins = issued if "nbf" not in claims else _time(claims, "nbf", TokenProblem.BAD_TIME)
    if now + spec.leeway < issued:
        raise refused(TokenProblem.FROM_THE_FUTURE)
    if now + spec.leeway < begins:
        raise refused(TokenProblem.NOT_YET_VALID)
    if now >= expires:
        raise refused(TokenProblem.EXPIRED)
    stale = _later(issued, spec.token_max_age)
    if now >= stale:
        raise refused(TokenProblem.TOO_OLD)
    return Window(begins=max(issued, begins) - spec.leeway, ends=min(expires, stale))


def _later(time: datetime, span: timedelta) -> datetime:
    latest = datetime.max.replace(tzinfo=UTC)
    return latest if latest - time < span else time + span


def _time(claims: Mapping[str, Any], name: str, missing: TokenProblem) -> datetime:
    value = claims.get(name)
    if value is None:
        raise refused(missing)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refused(TokenProblem.BAD_TIME)
    # Years before 1970 would need the leeway to be taken from the first year.
    if (isinstance(value, float) and not math.isfinite(value)) or not 0 <= value <= _LATEST:
        raise refused(TokenProblem.BAD_TIME)
    return datetime.fromtimestamp(value, UTC)


def audience_of(claims: Mapping[str, Any], spec: IssuerSpec) -> str:
    """Return which audience a token of an issuer is meant for.

    Raises:
        TokenRefused: another issuer or audience, or none; or it is more or less than a token
            that whoever holds it may use.
    """
    if spec.kind is IssuerKind.JWT and claims.get("iss") != spec.issuer:
        raise refused(TokenProblem.WRONG_ISSUER)
    audience = claims.get("aud")
    named = [audience] if isinstance(audience, str) else audience
    if not isinstance(named, list) or not named or not all(isinstance(each, str) for each in named):
        raise refused(TokenProblem.NO_AUDIENCE)
    meant = [each for each in spec.audiences if each in named]
    if not meant:
        raise refused(TokenProblem.WRONG_AUDIENCE)
    if _BINDING in claims:
        raise refused(TokenProblem.BOUND_TO_KEY)
    if _EVENTS in claims:
        raise refused(TokenProblem.NOTICE)
    return meant[0]


def verified(
    claims: Mapping[str, Any],
    spec: IssuerSpec,
    declared: Declared,
    *,
    audience: str,
    expires_at: datetime,
) -> Verified:
    """Return who a token speaks for.

    Raises:
        TokenRefused: it names nobody, or somebody who is not declared but must be.
    """
    return Verified(
        subject=_subject(claims, spec, declared, expires_at),
        actor=_actor(claims, spec, declared, expires_at),
        issuer=spec.name,
        audience=audience,
        expires_at=expires_at,
    )


def _subject(
    claims: Mapping[str, Any], spec: IssuerSpec, declared: Declared, expires_at: datetime
) -> Principal:
    name = claims.get(spec.subject)
    if name is None or name == "":
        raise refused(TokenProblem.NO_SUBJECT)
    kept = _kept(claims, spec.claims)
    if spec.kind is IssuerKind.SPIFFE:
        identity = declared.attested(name) if isinstance(name, str) else None
        if identity is None:
            raise refused(TokenProblem.UNDECLARED_SUBJECT)
        return _principal(identity.id, kept, spec, expires_at)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise refused(TokenProblem.BAD_SUBJECT)
    if spec.subject == "email" and claims.get("email_verified") is not True:
        raise refused(TokenProblem.UNVERIFIED_EMAIL)
    known = declared.named(f"{spec.subject_kind}:{name}")
    # Persons need no declaration: rules name them, or groups of them.
    if known is None and spec.subject_kind is not PrincipalKind.USER:
        raise refused(TokenProblem.UNDECLARED_SUBJECT)
    return _principal(f"{spec.subject_kind}:{name}", kept, spec, expires_at)


def _actor(
    claims: Mapping[str, Any], spec: IssuerSpec, declared: Declared, expires_at: datetime
) -> Principal | None:
    if spec.actor is None:
        if _ACTOR in claims:
            raise refused(TokenProblem.UNREAD_ACTOR)
        return None
    found, name = _member(claims, spec.actor)
    if not found:
        if _ACTOR in claims:
            raise refused(TokenProblem.BAD_ACTOR)
        return None
    if not isinstance(name, str) or not name:
        raise refused(TokenProblem.BAD_ACTOR)
    identity = declared.acting(name)
    if identity is None:
        raise refused(TokenProblem.UNDECLARED_ACTOR)
    return _principal(identity.id, {}, spec, expires_at)


def _member(claims: Mapping[str, Any], path: str) -> tuple[bool, object]:
    """Return whether there is a member at a path with dots, and what it is."""
    value: object = claims
    for name in path.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return False, None
        value = value[name]
    return True, value


def _principal(
    id: str,  # noqa: A002 - the field's word for it
    kept: Mapping[str, Frozen],
    spec: IssuerSpec,
    expires_at: datetime,
) -> Principal:
    attested = spec.kind is IssuerKind.SPIFFE
    return Principal(
        id=id,
        kind=PrincipalKind(id.partition(":")[0]),
        assurance=Assurance.ATTESTED if attested else Assurance.TOKEN,
        claims=kept,
        expires_at=expires_at,
        source=spec.name,
    )


def _kept(claims: Mapping[str, Any], names: tuple[str, ...]) -> Mapping[str, Frozen]:
    kept: dict[str, Frozen] = {}
    for name in names:
        if name not in claims:
            continue
        try:
            kept[name] = freeze(claims[name])
        except NotCanonical:
            continue
    if len(kept) < sum(name in claims for name in names):
        raise refused(TokenProblem.BAD_CLAIM)
    return kept
