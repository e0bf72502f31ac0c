# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Who acts, for whom, and in which session?"""

from dataclasses import dataclass, field
from enum import StrEnum

from agentguard.canonical import canonical_bytes, digest


class PrincipalKind(StrEnum):
    """What a principal is; the part of its id before the colon."""

    AGENT = "agent"
    USER = "user"
    SERVICE = "service"


class Assurance(StrEnum):
    """How a principal was established, weakest first."""

    DECLARED = "declared"
    LOCAL_KEY = "local_key"
    TOKEN = "token"  # noqa: S105 - the name of a kind of evidence
    ATTESTED = "attested"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who is responsible for a call: a person, an agent or a service."""

    id: str
    kind: PrincipalKind
    assurance: Assurance = Assurance.DECLARED


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The principals behind a call: the person first, if there is one, the current actor last."""

    principals: tuple[Principal, ...]

    @property
    def actor(self) -> Principal:
        """The principal that makes the call."""
        return self.principals[-1]

    @property
    def person(self) -> Principal | None:
        """The person that the call is made for, or None for an autonomous call.

        A person who calls alone is the actor, and nobody stands behind the call.
        """
        first = self.principals[0]
        return first if first.kind is PrincipalKind.USER and len(self.principals) > 1 else None

    @property
    def agents(self) -> tuple[Principal, ...]:
        """Every principal of the chain but the person; each must be permitted on its own."""
        return self.principals[1:] if self.person is not None else self.principals

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the principals, in the order of the chain."""
        return tuple(principal.id for principal in self.principals)


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False, kw_only=True)
class Lifetime:
    """As long as this lives, somebody can come back to a session that has no name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A chain in a session: what the vault, approvals and budgets hang on.

    Attributes:
        chain: the principals.
        session: the session's id.
        tenant: on whose behalf the host keeps what it keeps, None where it names no tenant.
        lifetime: shared by all callers of a session that the host gave no id, None for a
            session that has one.
        session_key: a digest of chain, session and tenant; another chain is another session.
    """

    chain: Chain
    session: str
    tenant: str | None = None
    lifetime: Lifetime | None = field(default=None, repr=False, compare=False)
    session_key: str = field(init=False)

    def __post_init__(self) -> None:
        named = (*self.chain.ids, self.session)
        key = digest(canonical_bytes(named if self.tenant is None else (named, self.tenant)))
        object.__setattr__(self, "session_key", key)
