# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Who acts, for whom, in which session, and how far was that narrowed?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from agentguard.canonical import Frozen, canonical_bytes, digest


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

    def is_at_least(self, other: "Assurance") -> bool:
        """Say whether this is as sure as *other* or surer."""
        return _SURENESS[self] >= _SURENESS[other]


_SURENESS: Mapping[Assurance, int] = MappingProxyType(
    {each: place for place, each in enumerate(Assurance)}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who is responsible for a call: a person, an agent or a service.

    Attributes:
        id: such as ``agent:support``.
        kind: what it is.
        assurance: how it was established.
        claims: what the same evidence says about it.
        expires_at: when the evidence ends, None where it does not.
        source: what vouched for it: the name of an issuer, a public key, or empty.
    """

    id: str
    kind: PrincipalKind
    assurance: Assurance = Assurance.DECLARED
    claims: Mapping[str, Frozen] = field(default_factory=dict, repr=False, compare=False)
    expires_at: datetime | None = field(default=None, compare=False)
    source: str = field(default="", compare=False)

    @property
    def issuer(self) -> str:
        """The name of the issuer whose token vouches for it, empty where none does."""
        return self.source if self.assurance.is_at_least(Assurance.TOKEN) else ""


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
    def assurance(self) -> Assurance:
        """How surely everybody in the chain is known, at least."""
        return min((each.assurance for each in self.principals), key=_SURENESS.__getitem__)

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the principals, in the order of the chain."""
        return tuple(principal.id for principal in self.principals)

    @property
    def issuers(self) -> tuple[str, ...]:
        """The issuers whose tokens vouch for the principals, in the same order."""
        return tuple(principal.issuer for principal in self.principals)


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False, kw_only=True)
class Lifetime:
    """As long as this lives, somebody can come back to a session that has no name."""


# Asked with the arguments, the chain, and where texts among the arguments lead (see
# ``Circumstances.paths``): the place that is not covered and what is wrong there, in words that
# hold nothing of the call or the grant; None where all is covered.
Covers: TypeAlias = Callable[
    [Mapping[str, Frozen], Chain, Mapping[str, str | None]], tuple[str, str] | None
]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TaskScope:
    """What the program narrowed a run to; rules and grants must allow each call as well.

    Attributes:
        id: unique.
        tools: the tools that may be called, each with what tells whether its arguments are
            covered; None for those that the targets leave.
        targets: the values that effects may land on, as the bytes of their canonical forms with
            types; None for any.
        reads_free: whether tools that only read and send nothing out stay as the rules say.
        calls: how many calls of tools in all, None for as many as may be.
        sums: what an argument, over all calls, may add up to.
    """

    id: str
    tools: Mapping[str, Covers] | None = field(default=None, repr=False)
    targets: frozenset[bytes] | None = field(default=None, repr=False)
    reads_free: bool = True
    calls: int | None = None
    sums: Mapping[str, Decimal] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grant:
    """What an agent hands to another one, at most; a rule must allow each call as well.

    Attributes:
        id: unique.
        holder: the id of the principal that it is for.
        tools: the tools that may be called, each with what tells whether its arguments are
            covered.
        calls: how many calls of tools in all, None for as many as may be.
        sums: what an argument, over all calls, may add up to.
        depth: how many further agents the holder may put behind itself.
        expires_at: when it ends.
        chain: the ids of those who hand it out; the holder enters it behind them.
        issuers: the issuers whose tokens vouch for them.
        tenant: the tenant that it was made for.
        environment: the environment that it was made in.
        under: the grants that those who hand it out keep within themselves.
        scopes: what the program narrowed those who hand it out to.
        origin: what made it, and alone counts what it is used for.
    """

    id: str
    holder: str
    tools: Mapping[str, Covers] = field(repr=False)
    calls: int | None = None
    sums: Mapping[str, Decimal] = field(default_factory=dict, repr=False)
    depth: int = 0
    expires_at: datetime
    chain: tuple[str, ...] = ()
    issuers: tuple[str, ...] = ()
    tenant: str | None = None
    environment: str | None = None
    under: tuple["Grant", ...] = field(default=(), repr=False)
    scopes: tuple[TaskScope, ...] = field(default=(), repr=False)
    origin: object = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A chain in a session: what the vault, approvals and budgets hang on.

    Attributes:
        chain: the principals.
        session: the session's id.
        tenant: on whose behalf the host keeps what it keeps, None where it names no tenant.
        environment: the environment of the policy that the call is made in, None where the
            policy has none.
        grants: what the call must keep within, the first one handed out first.
        scopes: what the program narrowed the call to, the outermost first.
        lifetime: shared by all callers of a session that the host gave no id, None for a
            session that has one.
        session_key: a digest of chain, session, tenant and environment, and of the issuers whose
            tokens vouch for the chain; another chain is another session, and so is the same id
            from another issuer.
    """

    chain: Chain
    session: str
    tenant: str | None = None
    environment: str | None = None
    grants: tuple[Grant, ...] = field(default=(), compare=False)
    scopes: tuple[TaskScope, ...] = field(default=(), compare=False)
    lifetime: Lifetime | None = field(default=None, repr=False, compare=False)
    session_key: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "session_key", self._key(self.chain.principals))

    @property
    def account_key(self) -> str:
        """The same as ``session_key`` of whoever began the chain, and of nobody behind.

        What is used up of a limit is counted by it, however the session is handed on.
        """
        return self._key(self.chain.principals[:1])

    @property
    def keys_handed_on(self) -> frozenset[str]:
        """The ``session_key`` of everybody who handed the session on, and the caller's own."""
        principals = self.chain.principals
        return frozenset(self._key(principals[: place + 1]) for place in range(len(principals)))

    def _key(self, principals: tuple[Principal, ...]) -> str:
        named: Frozen = (*(each.id for each in principals), self.session)
        if self.tenant is not None:
            named = (named, self.tenant)
        if self.environment is not None:
            named = {"environment": self.environment, "session": named}
        issuers = tuple(each.issuer for each in principals)
        if any(issuers):
            named = {"issuers": issuers, "session": named}
        return digest(canonical_bytes(named))
