# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Who is declared, and whose word counts for who somebody is?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from agentguard.canonical import Frozen
from agentguard.vocabulary import PrincipalKind


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentitySpec:
    """A declared identity.

    Attributes:
        id: ``agent:...``, ``service:...`` or ``user:...``.
        owner: the person who counts as requester of what it asks approval for.
        environments: those that it may act in; empty for every one.
        claims: what is known of it, for constraints that compare with a claim.
        keys: public keys, ``ed25519:`` and base64; who holds the private one is it.
        spiffe: its SPIFFE id, None for none.
    """

    id: str
    owner: str | None = None
    environments: frozenset[str] = frozenset()
    claims: Mapping[str, Frozen] = field(default_factory=dict)
    keys: tuple[str, ...] = ()
    spiffe: str | None = None


class IssuerKind(StrEnum):
    """What an issuer vouches with."""

    JWT = "jwt"
    SPIFFE = "spiffe"


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerSpec:
    """Somebody whose signed tokens say who is calling.

    Attributes:
        name: its name in the policy.
        kind: which tokens it issues.
        issuer: the ``iss`` that its tokens carry; for SPIFFE the trust domain.
        audiences: the audiences that a token may be meant for; one of them must be named.
        algorithms: the only algorithms that a signature may have.
        keys_url: where its keys are, None where they are in a file.
        keys_file: the file of its keys, relative to the policy file; None where they are fetched.
        keys_max_age: how old fetched keys may be, after which nothing is verified with them.
        token_max_age: how long after it was issued a token counts, whatever it says itself.
        leeway: how far clocks may differ.
        subject: the claim that names the subject.
        subject_kind: what the subject is.
        actor: the claim that names the current actor, with dots for members; None for none.
        claims: the claims that are kept for constraints.
    """

    name: str
    kind: IssuerKind = IssuerKind.JWT
    issuer: str
    audiences: tuple[str, ...]
    algorithms: tuple[str, ...]
    keys_url: str | None = None
    keys_file: str | None = None
    keys_max_age: timedelta = timedelta(hours=1)
    token_max_age: timedelta = timedelta(hours=1)
    leeway: timedelta = timedelta(seconds=30)
    subject: str = "sub"
    subject_kind: PrincipalKind = PrincipalKind.USER
    actor: str | None = None
    claims: tuple[str, ...] = ()
