# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What was a decision made on?

A ``DecidedCall`` holds everything that deciding asks about, so that another policy can be asked
the same: not what a request said to a model, and nothing that came back.
It is written and read elsewhere.

INVARIANT: nothing of an argument, a claim or a path stands in a repr
(tests/review/test_decided_calls.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType

from agentguard.canonical import Frozen, texts_in
from agentguard.vocabulary import (
    AskApproval,
    Caller,
    Chain,
    Circumstances,
    Decision,
    Effect,
    Grant,
    ModelCall,
    Origins,
    PrincipalKind,
    Reason,
    Shadow,
    ToolCall,
)

LONGEST_ADDRESS = 2048
"""Of what is longer, such as an image in a URL, only the beginning is kept."""

NO_ARGUMENTS: Mapping[str, Frozen] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What a policy made of a call.

    Attributes:
        policy: the digest of the policy.
        effect: what it said.
        rule: the rule that decided, None on default deny.
        reason: why the call was not simply allowed.
        profile: the approval profile that is asked, if one is.
        shadow: what rules in shadow would have made of it, None where they change nothing.
    """

    policy: str
    effect: Effect
    rule: str | None = None
    reason: Reason | None = None
    profile: str | None = None
    shadow: Shadow | None = None

    @classmethod
    def of(cls, decision: Decision) -> "Ruling":
        """Return what a decision comes to."""
        asked = (each.profile for each in decision.obligations if isinstance(each, AskApproval))
        return cls(
            policy=decision.policy,
            effect=decision.effect,
            rule=decision.rule,
            reason=decision.reason,
            profile=next(asked, None),
            shadow=decision.shadow,
        )

    def refused(self, reason: Reason | None) -> "Ruling":
        """Return the ruling on a call that broke an obligation which the policy laid on it."""
        return Ruling(policy=self.policy, effect=Effect.DENY, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldGrant:
    """A grant that the call had to keep within, and how far it covered this call.

    What a grant says of other calls is code of the host's, and is not kept.

    Attributes:
        id, holder, calls, sums, depth, expires_at, chain, tenant, environment: see ``Grant``.
        tools: the tools that may be called.
        problem: the first argument of this call that is not covered, and what is demanded of it.
    """

    id: str
    holder: str
    tools: tuple[str, ...]
    problem: tuple[str, str] | None = field(default=None, repr=False)
    calls: int | None = None
    sums: Mapping[str, Decimal] = field(default_factory=dict, repr=False)
    depth: int = 0
    expires_at: datetime
    chain: tuple[str, ...] = ()
    tenant: str | None = None
    environment: str | None = None

    @classmethod
    def of(
        cls, grant: Grant, call: ToolCall | ModelCall, chain: Chain, circumstances: Circumstances
    ) -> "HeldGrant":
        """Return what is kept of a grant that a call had to keep within."""
        problem = None
        if isinstance(call, ToolCall) and call.tool in grant.tools:
            covers = grant.tools[call.tool]
            problem = covers(call.resolved, chain, circumstances.paths)
        return cls(
            id=grant.id,
            holder=grant.holder,
            tools=tuple(sorted(grant.tools)),
            problem=problem,
            calls=grant.calls,
            sums=dict(grant.sums),
            depth=grant.depth,
            expires_at=grant.expires_at,
            chain=grant.chain,
            tenant=grant.tenant,
            environment=grant.environment,
        )

    def again(self) -> Grant:
        """Return a grant that says of the call what the grant said."""
        problem = self.problem
        return Grant(
            id=self.id,
            holder=self.holder,
            tools=dict.fromkeys(self.tools, lambda *_: problem),
            calls=self.calls,
            sums=self.sums,
            depth=self.depth,
            expires_at=self.expires_at,
            chain=self.chain,
            tenant=self.tenant,
            environment=self.environment,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedCall:
    """A call with what its decision was made on, and the decision.

    Attributes:
        call: the call as it was decided on; a model call is without its content.
        chain: who made it, with their claims.
        session: the session's id.
        tenant: whose the session is, None where nobody said so.
        at: when it was decided.
        environment: the environment that it was made in.
        grants: what it had to keep within.
        paths, resources, spent, origins, conversation: see ``Circumstances``.
        counts: how many findings of each class it held; None where nobody looked.
        in_address, empty: see ``Facts``.
        marked: the arguments in which a placeholder stood, with the types of what stood there.
        ruling: what the policy said.
        stopped: why the call was not let happen, whoever stopped it; None if it was.
        omitted: whether the arguments were too large to be kept.
    """

    call: ToolCall | ModelCall = field(repr=False)
    chain: Chain
    session: str
    tenant: str | None = None
    at: datetime
    environment: str | None = None
    grants: tuple[HeldGrant, ...] = ()
    paths: Mapping[str, str | None] = field(default_factory=dict, repr=False)
    resources: tuple[str, ...] | None = field(default=None, repr=False)
    spent: Mapping[str, Decimal] = field(default_factory=dict)
    origins: Mapping[str, tuple[Origins, ...]] = field(default_factory=dict, repr=False)
    conversation: frozenset[str] | None = None
    counts: Mapping[str, int] | None = None
    in_address: frozenset[str] = frozenset()
    empty: bool = False
    marked: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ruling: Ruling
    stopped: Reason | None = None
    omitted: bool = False

    @property
    def session_key(self) -> str:
        """The session, as audit entries name it."""
        return self._caller.session_key

    @property
    def account_key(self) -> str:
        """What is used up of limits together."""
        return self._caller.account_key

    @property
    def _caller(self) -> Caller:
        return Caller(
            chain=self.chain,
            session=self.session,
            tenant=self.tenant,
            environment=self.environment,
        )

    @property
    def person(self) -> str | None:
        """The id of the person behind the call, also of one who calls alone."""
        first = self.chain.principals[0]
        return first.id if first.kind is PrincipalKind.USER else None

    @property
    def circumstances(self) -> Circumstances:
        """What else the decision was made on."""
        return Circumstances(
            now=self.at,
            environment=self.environment,
            grants=tuple(each.again() for each in self.grants),
            paths=self.paths,
            resources=self.resources,
            spent=self.spent,
            origins=self.origins,
            conversation=self.conversation,
        )

    def without_arguments(self) -> "DecidedCall":
        """Return the same without what may be large."""
        call = self.call
        if isinstance(call, ToolCall):
            call = replace(call, received=NO_ARGUMENTS, resolved=NO_ARGUMENTS)
        else:
            call = replace(call, payload=None, function_tools=(), hosted_tools=(), inner=())
        return replace(
            self, call=call, paths={}, resources=None, origins={}, marked={}, omitted=True
        )


def stripped(call: ToolCall | ModelCall, *, addresses: bool = False) -> ToolCall | ModelCall:
    """Return a call with no more than deciding asks about.

    Args:
        call: the call.
        addresses: whether of the content of a model call the texts are kept that are an address
            and nothing else, which a policy with places of secrets asks about.
    """
    if isinstance(call, ToolCall):
        return replace(call, received=call.resolved)
    return ModelCall(
        id=call.id,
        operation=call.operation,
        kind=call.kind,
        verb=call.verb,
        path=call.path,
        origin=call.origin,
        model=call.model,
        payload=_addresses(call.payload) if addresses else None,
        function_tools=call.function_tools,
        forced_tool=call.forced_tool,
        hosted_tools=call.hosted_tools,
        references=call.references,
        credential=call.credential,
        inner=tuple(each for inner in call.inner if isinstance(each := stripped(inner), ModelCall)),
    )


def _addresses(payload: Frozen) -> tuple[str, ...]:
    words = (text.strip()[:LONGEST_ADDRESS] for text in texts_in(payload))
    return tuple(sorted({word for word in words if ":" in word and len(word.split()) == 1}))
