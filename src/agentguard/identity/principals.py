# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is this a principal, and what does the policy declare of it?

It does not verify tokens and reads no key; it takes what the host vouches for and checks its form.

INVARIANT: nothing that the host says of a principal overrides what the policy declares
(tests/test_identity_principals.py).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import TypeAlias

from agentguard.canonical import Frozen, NotCanonical, canonical_bytes, freeze, is_object
from agentguard.errors import IdentityRequired
from agentguard.vocabulary import Assurance, Principal, PrincipalKind

# An id that stands for a principal that the host declares, or what was verified of one.
Party: TypeAlias = str | Principal

_ID = re.compile(r"(agent|user|service):[A-Za-z0-9][A-Za-z0-9._@/+-]{0,127}")
_WORD = re.compile(r"[!-~]{1,256}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What the policy declares of one identity.

    Attributes:
        environments: those that it may act in; empty for every one.
        claims: what is known of it.
        keys: the public keys of those who are it.
    """

    environments: frozenset[str] = frozenset()
    claims: Mapping[str, Frozen] = field(default_factory=dict, repr=False)
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Declarations:
    """What the policy declares of identities in all.

    Attributes:
        identities: by id.
        environments: the names of its environments; empty where it has none.
        issuers: the names of the issuers whose tokens it believes; None where that is not known.
    """

    identities: Mapping[str, Declaration] = field(default_factory=dict)
    environments: frozenset[str] = frozenset()
    issuers: frozenset[str] | None = None

    def of(self, id: str) -> Declaration:  # noqa: A002 - the field's word for it
        """Return what is declared of an identity, nothing where it is not declared."""
        return self.identities.get(id, _NOTHING)


_NOTHING = Declaration()


def principal(id: str) -> Principal:  # noqa: A002 - the field's word for it
    """Return the declared principal with this id, such as ``agent:support``.

    Raises:
        IdentityRequired: the id does not read ``agent:``, ``user:`` or ``service:`` and a name.
    """
    match = _ID.fullmatch(id)
    if match is None:
        raise IdentityRequired(
            "a principal's id is malformed", remedy="write it as 'agent:support' or 'user:alice'"
        )
    return Principal(id=id, kind=PrincipalKind(match[1]))


def established(party: Party, declarations: Declarations) -> Principal:
    """Return who *party* is, with what the policy declares of it.

    Raises:
        IdentityRequired: it is malformed, or claims something else than the policy declares.
    """
    given = party if isinstance(party, Principal) else principal(party)
    if principal(given.id).kind is not given.kind:
        raise IdentityRequired(
            "a principal is of another kind than its id says",
            remedy="give it the kind that its id begins with",
        )
    if given.expires_at is not None and given.expires_at.tzinfo is None:
        raise IdentityRequired(
            f"when {given.id!r} expires is told without a time zone",
            remedy="give a time with a time zone, such as one in UTC",
        )
    own = _frozen(given)
    declared = declarations.of(given.id).claims
    for name in own.keys() & declared.keys():
        if canonical_bytes(own[name]) != canonical_bytes(declared[name]):
            raise IdentityRequired(
                f"what {given.id!r} claims contradicts what the policy declares of it",
                remedy="claim what stands under claims of its [[identity]], or nothing of it",
            )
    return replace(given, claims=MappingProxyType({**declared, **own}))


def keyed(actor: Party, public_key: str, declarations: Declarations) -> Principal:
    """Return the principal that the holder of a key is.

    Raises:
        IdentityRequired: the policy does not list the key for it, or it is vouched for otherwise.
    """
    found = established(actor, declarations)
    if found.assurance is not Assurance.DECLARED:
        raise IdentityRequired(
            f"{found.id!r} is vouched for already", remedy="give either a token or a key file"
        )
    if public_key not in declarations.of(found.id).keys:
        raise IdentityRequired(
            f"the policy does not list this key for {found.id!r}",
            remedy="add its public key to keys of the [[identity]]",
        )
    return replace(found, assurance=Assurance.LOCAL_KEY, source=public_key)


def require_person(found: Principal) -> None:
    """Refuse to act on behalf of somebody who is no person.

    Raises:
        IdentityRequired: it is an agent or a service.
    """
    if found.kind is not PrincipalKind.USER:
        raise IdentityRequired(
            "a call is made on behalf of a person",
            remedy="name one by an id with 'user:'; an agent stands in the block around",
        )


def require_word(text: str | None, what: str) -> None:
    """Refuse a malformed id of a session or a tenant; None is no id.

    Raises:
        IdentityRequired: it is not printable ASCII, or too long.
    """
    if text is not None and _WORD.fullmatch(text) is None:
        raise IdentityRequired(
            f"a {what}'s id is malformed", remedy="give up to 256 printable ASCII characters"
        )


def require_same(named: Party, known: Principal, declarations: Declarations) -> None:
    """Refuse what says something else of a principal than the block around it says.

    Raises:
        IdentityRequired: another assurance, other claims, or another issuer.
    """
    if not isinstance(named, Principal):
        return
    found = established(named, declarations)
    if (
        (found.assurance, found.source) != (known.assurance, known.source)
        or found.claims.keys() != known.claims.keys()
        or contradict(found, known)
    ):
        raise IdentityRequired(
            f"the block around knows {known.id!r} with other claims or other evidence",
            remedy="name it by its id alone to keep what the block says",
        )


def contradict(left: Principal, right: Principal) -> bool:
    """Say whether two say different things of one principal, or two issuers vouch for it."""
    if left.source and right.source and left.source != right.source:
        return True
    return any(
        canonical_bytes(left.claims[name]) != canonical_bytes(right.claims[name])
        for name in left.claims.keys() & right.claims.keys()
    )


def require_still_declared(principals: tuple[Principal, ...], declarations: Declarations) -> None:
    """Refuse principals of whom the policy has come to say something else.

    Raises:
        IdentityRequired: a claim that it declares is another one, a key is no longer listed, or
            an issuer is no longer believed.
    """
    believed = declarations.issuers
    for each in principals:
        if believed is not None and each.source and each.issuer and each.issuer not in believed:
            raise IdentityRequired(
                f"the policy has no such issuer as the one that vouches for {each.id!r}",
                remedy="enter a new block with a token of an issuer of the policy",
            )
        declared = declarations.of(each.id)
        revoked = each.assurance is Assurance.LOCAL_KEY and each.source not in declared.keys
        if revoked or (declared.claims and not _still_says(each, declared.claims)):
            raise IdentityRequired(
                f"the policy no longer says of {each.id!r} what it said",
                remedy="enter a new block, or bind the object anew",
            )


def _still_says(principal: Principal, declared: Mapping[str, Frozen]) -> bool:
    claims = principal.claims
    return all(
        name in claims
        and (claims[name] is value or canonical_bytes(claims[name]) == canonical_bytes(value))
        for name, value in declared.items()
    )


def require_current(principals: tuple[Principal, ...], now: datetime | None) -> None:
    """Refuse principals whose evidence has ended; without a time every evidence that ends has.

    Raises:
        IdentityRequired: one of them has expired.
    """
    for each in principals:
        if each.expires_at is not None and (now is None or each.expires_at <= now):
            raise IdentityRequired(
                f"what vouches for {each.id!r} has expired",
                remedy="verify a new token with guard.verify and enter a new block with it",
            )


def _frozen(given: Principal) -> Mapping[str, Frozen]:
    problem = False
    frozen: Frozen = None
    try:
        frozen = freeze(given.claims)
    except NotCanonical:
        problem = True
    if problem or not is_object(frozen):
        raise IdentityRequired(
            f"a claim of {given.id!r} has no plain form",
            remedy="claims hold text, numbers, true and false, and lists and mappings of them",
        )
    return frozen
