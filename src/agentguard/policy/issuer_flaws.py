# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can the tokens of an issuer be verified as its table says, and nothing else?

INVARIANT: no table lets a signature count that whoever verifies it could have made
(tests/policy/test_issuer_flaws.py).
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import SplitResult, urlsplit

from agentguard.policy.document import IssuerKind, IssuerSpec, PolicyDocument
from agentguard.policy.flaws import NAME, Flaw, Path
from agentguard.policy.origins import LOOPBACK_NAMES
from agentguard.vocabulary import PrincipalKind

ALGORITHMS = (
    *("ES256", "ES384", "ES512", "RS256", "RS384", "RS512"),
    *("PS256", "PS384", "PS512", "EdDSA"),
)
SHORTEST_KEYS = timedelta(minutes=1)
LONGEST_LEEWAY = timedelta(minutes=5)

# What constraints call the ids themselves.
_ID_CLAIM = "id"
_DOMAIN = re.compile(r"[a-z0-9._-]{1,255}")
_SPIFFE = re.compile(r"spiffe://[a-z0-9._-]{1,255}(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._-]+)+")
_LONGEST_SPIFFE = 2048


def issuer_flaws(document: PolicyDocument) -> Iterator[Flaw]:
    """Find what is wrong with the issuers of a document, and with SPIFFE ids of identities."""
    for spec in document.issuers:
        path: Path = ("issuer", spec.name)
        if not NAME.fullmatch(spec.name):
            yield Flaw(path, f"must be a name, not {spec.name!r}")
        if not spec.audiences:
            yield Flaw((*path, "audience"), "must name an audience")
        yield from _algorithms(path, spec)
        yield from _keys(path, spec)
        yield from _times(path, spec)
        yield from _claims(path, spec)
        if spec.kind is IssuerKind.SPIFFE:
            yield from _attesting(path, spec)
    yield from _spiffe_ids(document)


def issuer_doubts(document: PolicyDocument) -> Iterator[Flaw]:
    """Find issuers that stand in each other's way."""
    persons: dict[str, str] = {}
    made: dict[str, str] = {}
    for spec in document.issuers:
        if spec.kind is IssuerKind.SPIFFE:
            continue
        path: Path = ("issuer", spec.name)
        other = made.setdefault(spec.issuer, spec.name)
        if other != spec.name:
            yield Flaw(
                (*path, "issuer"),
                f"is that of issuer {other!r}, too: a token counts only where issuer= says which",
            )
        elif spec.subject_kind is PrincipalKind.USER:
            rival = persons.setdefault("user", spec.name)
            if rival != spec.name:
                yield Flaw(
                    (*path, "subject_kind"),
                    f"persons of the same name are one person here and at issuer {rival!r}",
                )
    domains = {each.issuer for each in document.issuers if each.kind is IssuerKind.SPIFFE}
    for index, identity in enumerate(document.identities):
        if identity.spiffe is None or not _SPIFFE.fullmatch(identity.spiffe):
            continue
        if identity.spiffe.split("/")[2] not in domains:
            yield Flaw(("identity", index, "spiffe"), "is of a trust domain that is no issuer")


def _algorithms(path: Path, spec: IssuerSpec) -> Iterator[Flaw]:
    if not spec.algorithms:
        yield Flaw((*path, "algorithms"), "must name an algorithm")
    for name in spec.algorithms:
        if name.upper().startswith("HS") or name.lower() == "none":
            message = f"{name!r} lets whoever can verify a token forge one: use 'ES256'"
            yield Flaw((*path, "algorithms"), message, name)
        elif name not in ALGORITHMS:
            expected = ", ".join(map(repr, ALGORITHMS))
            yield Flaw((*path, "algorithms"), f"{name!r} is not one of {expected}", name)


def _keys(path: Path, spec: IssuerSpec) -> Iterator[Flaw]:
    given = [each for each in (spec.keys_url, spec.keys_file) if each is not None]
    if len(given) > 1:
        yield Flaw((*path, "keys_file"), "goes without 'keys_url': keys come from one place")
    if not given and spec.kind is IssuerKind.JWT:
        yield Flaw(path, "needs 'keys_url' or 'keys_file'")
    if spec.keys_url is not None and not _is_safe(spec.keys_url):
        yield Flaw(
            (*path, "keys_url"),
            "must be an https address without a user and a fragment; http is for loopback names",
        )


def _is_safe(address: str) -> bool:
    try:
        parts = urlsplit(address)
        name, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not name or "@" in parts.netloc or parts.fragment or not address.isascii():
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts))


def _is_loopback(parts: SplitResult) -> bool:
    return parts.hostname in {each.strip("[]") for each in LOOPBACK_NAMES}


def _times(path: Path, spec: IssuerSpec) -> Iterator[Flaw]:
    if spec.keys_max_age < SHORTEST_KEYS:
        yield Flaw((*path, "keys_max_age"), "must be at least '1m', so that keys can be renewed")
    if not spec.token_max_age:
        yield Flaw((*path, "token_max_age"), "must be longer than nothing")
    if spec.leeway > LONGEST_LEEWAY:
        yield Flaw((*path, "leeway"), "must be at most '5m'")


def _claims(path: Path, spec: IssuerSpec) -> Iterator[Flaw]:
    seen: set[str] = set()
    for index, name in enumerate(spec.claims):
        if name == _ID_CLAIM:
            yield Flaw((*path, "claims", index), "'id' is the principal's id, not a claim")
        elif name in seen:
            yield Flaw((*path, "claims", index), f"{name!r} is named twice")
        seen.add(name)
    if spec.actor is not None and not all(spec.actor.split(".")):
        yield Flaw((*path, "actor"), "must be a claim, with dots for members, such as 'act.sub'")


def _attesting(path: Path, spec: IssuerSpec) -> Iterator[Flaw]:
    if not _DOMAIN.fullmatch(spec.issuer):
        yield Flaw((*path, "issuer"), "must be a trust domain, such as 'corp.example'")
    if spec.subject != "sub":
        yield Flaw((*path, "subject"), "is always 'sub' for SPIFFE")
    if spec.subject_kind is not PrincipalKind.USER:
        yield Flaw((*path, "subject_kind"), "is that of the identity whose 'spiffe' the subject is")


def _spiffe_ids(document: PolicyDocument) -> Iterator[Flaw]:
    taken: dict[str, str] = {}
    for index, identity in enumerate(document.identities):
        if identity.spiffe is None:
            continue
        path: Path = ("identity", index, "spiffe")
        if len(identity.spiffe) > _LONGEST_SPIFFE or not _SPIFFE.fullmatch(identity.spiffe):
            yield Flaw(path, "must be a SPIFFE id, such as 'spiffe://corp.example/agent/support'")
        owner = taken.setdefault(identity.spiffe, identity.id)
        if owner != identity.id:
            yield Flaw(path, f"is that of {owner!r}, too")
