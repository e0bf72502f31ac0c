# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""May this call be made, by this chain of principals?

Default deny; deny before approve before allow; every agent of the chain must be permitted on its
own, for the same person.
Among rules that ask, the profile with the larger ``need`` is asked, ties by profile name.
It never performs anything, and an exception here means that the caller refuses.

INVARIANT: no rule, no call; settling only tightens (tests/policy/test_decision.py,
tests/policy/test_specification.py).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from agentguard.canonical import Frozen
from agentguard.policy.conditions import Context, context_of
from agentguard.policy.document import (
    MEDIA,
    ClassSource,
    DetectionSpec,
    IdentitySpec,
    LabelsSpec,
    PolicyDocument,
    ProviderSpec,
    RuleSpec,
    ToolSpec,
)
from agentguard.policy.doubting import doubt_about, telling
from agentguard.policy.duties import both, charged, charges_in, narrowed
from agentguard.policy.flows import Flows
from agentguard.policy.grants import charges_of, covered_tools, grant_problem
from agentguard.policy.inquiries import Inquiries
from agentguard.policy.limits import Exceeded, charges_for, together
from agentguard.policy.matching import Found, match_model, match_tool
from agentguard.policy.nearest import (
    is_about_origin,
    nearest_dormant,
    nearest_for_model,
    nearest_for_tool,
    remedy_for_model,
    remedy_for_origin,
)
from agentguard.policy.provider_gate import ProviderGate
from agentguard.policy.provider_keys import Misused
from agentguard.policy.rules import CompiledRule, asked
from agentguard.policy.secret_stores import SecretStores
from agentguard.policy.standing import Standing, View
from agentguard.vocabulary import (
    Action,
    ApprovalProfile,
    Call,
    Chain,
    Circumstances,
    DataClass,
    Decision,
    Doubt,
    Effect,
    Facts,
    HideClasses,
    Kind,
    ModelCall,
    Nearest,
    Obligation,
    OfferOnly,
    Reason,
    ReceiveOnly,
    RecordBeforeDispatch,
    ReferOnly,
    Shadow,
    ToolCall,
    WithoutTools,
)

NOTHING_KNOWN = Circumstances()
# Everything else has its intent on disk before it is sent.
_CHANGES_NOTHING = frozenset({Kind.INFERENCE, Kind.READ, Kind.LOCAL})
_SCALE = {Effect.ALLOW: 0, Effect.APPROVE: 1, Effect.DENY: 2}
# What failed in the nearest rule tells why nothing was allowed; usually it is that no rule is.
_NO_RULE = Reason.NOT_ALLOWLISTED
_TOLD_BY = {
    "assurance": Reason.ASSURANCE_TOO_LOW,
    "resource": Reason.RESOURCE_DENIED,
    "environments": Reason.WRONG_ENVIRONMENT,
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Policy:
    """A compiled policy; immutable, and safe to share between threads.

    Attributes:
        name: the policy's id.
        digest: of the policy tables, the same whatever the order of the tables is.
        tools: the declared tools by name.
        classes: the data classes by name, the built-in ones included.
        class_sources: how classes are recognised beyond what is built in.
        profiles: the approval profiles by name.
        providers: the model providers by id.
        owners: who owns an identity, by the identity's id.
        identities: the ids of the declared identities.
        declared: the declared identities by id.
        environments: the names of the environments; none where the policy has none.
        rules: the rules as written.
        required_surfaces: the client libraries that must be guarded for the guard to start.
        detection: how sensitive data is looked for.
        labels: what labels from outside mean.
        document: the policy as written.
        gate: what stands between an allowed call and its provider.
        relied_on: the fields of tools' results that are trusted, by tool and pointer.
    """

    name: str
    digest: str
    tools: Mapping[str, ToolSpec]
    classes: Mapping[str, DataClass]
    class_sources: tuple[ClassSource, ...]
    profiles: Mapping[str, ApprovalProfile]
    providers: Mapping[str, ProviderSpec]
    owners: Mapping[str, str]
    identities: frozenset[str]
    declared: Mapping[str, IdentitySpec]
    environments: frozenset[str]
    rules: tuple[RuleSpec, ...]
    required_surfaces: frozenset[str]
    detection: DetectionSpec
    labels: LabelsSpec
    document: PolicyDocument
    _compiled: tuple[CompiledRule, ...]
    _standing: Callable[[str | None, datetime | None], Standing]
    _tied: Mapping[str, frozenset[str]]
    _dormant: Mapping[str, tuple[CompiledRule, ...]]
    _hosted_types: Mapping[str, ToolSpec]
    _received: Mapping[str, frozenset[str]]
    _hide: Mapping[str, HideClasses]
    _serving: Callable[[str], ProviderSpec | None]
    _secrets: SecretStores
    gate: ProviderGate
    relied_on: frozenset[tuple[str, str]]
    _flows: Flows
    _inquiries: Inquiries

    def __repr__(self) -> str:
        return f"Policy(name={self.name!r}, digest={self.digest!r}, rules={len(self.rules)})"

    def decide(
        self, call: Call, chain: Chain, circumstances: Circumstances = NOTHING_KNOWN
    ) -> Decision:
        """Say whether *call* may be made; a tool call is judged by its resolved arguments.

        Args:
            call: the call.
            chain: who makes it, and for whom.
            circumstances: what else it depends on; what is left out is read strictly.
        """
        context = context_of(chain, circumstances)
        refusal = self._refusal(context)
        if refusal is not None:
            return refusal
        if self._secrets and self._secrets.reached_by(call, circumstances.paths) is not None:
            return self._deny(Reason.SECRET_STORE)
        standing = self._standing(circumstances.environment, circumstances.now)
        decision = self._decide_in(standing.view, call, context)
        if standing.tightened_by is not None:
            other = self._decide_in(standing.tightened_by, call, context)
            decision = max(other, decision, key=_severity)
        if standing.would_be is not None:
            would = self._decide_in(standing.would_be, call, context)
            if (would.effect, would.rule) != (decision.effect, decision.rule):
                shadow = Shadow(effect=would.effect, rule=would.rule)
                decision = replace(decision, shadow=shadow)
        return decision

    def settle(
        self, decision: Decision, facts: Facts, circumstances: Circumstances = NOTHING_KNOWN
    ) -> Decision:
        """Return *decision* in the light of what classification found; it only tightens."""
        if decision.effect is Effect.DENY:
            return decision
        hide = [each.classes for each in decision.obligations if isinstance(each, HideClasses)]
        classes = hide[0] if hide else self.classes
        receive = [each.classes for each in decision.obligations if isinstance(each, ReceiveOnly)]
        here = circumstances.environment
        for name in sorted(name for name, count in facts.counts.items() if count):
            data_class = classes.get(name)
            if (
                data_class is None
                or data_class.action is Action.BLOCK
                or (data_class.environments and here not in data_class.environments)
                or any(name not in classes for classes in receive)
            ):
                return self._deny(
                    Reason.CLASS_BLOCKED,
                    Nearest(
                        rule=decision.rule or "",
                        constraint="content",
                        problem=f"must hold nothing of class {name!r}",
                    ),
                    _letting_pass(data_class, here),
                )
        unmet = self.gate.unmet(decision, facts, classes, circumstances.now)
        if unmet is not None:
            return self._deny(Reason.PROVIDER_TIER, unmet.nearest, unmet.hint)
        return decision

    def offered_tools(
        self, chain: Chain, circumstances: Circumstances = NOTHING_KNOWN
    ) -> frozenset[str]:
        """Return the tools that every agent of the chain might be let run."""
        context = context_of(chain, circumstances)
        if self._refusal(context) is not None:
            return frozenset()
        standing = self._standing(circumstances.environment, circumstances.now)
        view = standing.tightened_by or standing.view
        return self._offered(view, context)

    @property
    def asks_provenance(self) -> bool:
        """Whether any decision depends on what was said before in a conversation."""
        return bool(self._inquiries)

    def asks_origins(self, call: ToolCall) -> frozenset[str]:
        """Return the arguments of a call of which it must be known where they come from."""
        return self._inquiries.origins(call)

    def accepts_computed(self, call: ToolCall) -> bool:
        """Say whether it must be known which values of a call stand nowhere."""
        return call.tool in self._inquiries.computed

    def asks_conversation(self, call: Call) -> bool:
        """Say whether it must be known what has happened in the conversation before a call."""
        return self._inquiries.asks_conversation(call)

    def may_receive(self, tool: str, data_class: str) -> bool:
        """Say whether a tool may receive values of a class."""
        return data_class in self._received.get(tool, frozenset())

    def classes_at(self, provider: str) -> Mapping[str, DataClass]:
        """Return the classes as they are treated before they go to a declared provider."""
        return self._hide[provider].classes

    def provider_of(self, origin: str) -> ProviderSpec | None:
        """Return the provider that is reached at an origin, None if no provider is."""
        return self._serving(origin)

    def requesters(self, chain: Chain) -> tuple[str, ...]:
        """Return everybody who counts as requester: the chain and the owners of its agents."""
        owners = (self.owners[each] for each in chain.ids if each in self.owners)
        return tuple(sorted({*chain.ids, *owners}))

    def _refusal(self, context: Context) -> Decision | None:
        """Return what refuses everything to a chain: who is in it, where, or when."""
        here, now = context.circumstances.environment, context.circumstances.now
        if self.environments and here not in self.environments:
            return self._elsewhere("the policy", self.environments)
        for agent in context.agents:
            if agent.id not in self.declared:
                return self._deny(Reason.UNKNOWN_IDENTITY)
        for principal in context.chain.principals:
            if principal.id in self._tied and here not in self._tied[principal.id]:
                return self._elsewhere(principal.id, self._tied[principal.id])
            expires_at = principal.expires_at
            if expires_at is not None and (
                now is None or now.utcoffset() is None or now >= expires_at
            ):
                return self._deny(Reason.IDENTITY_EXPIRED)
        return None

    def _decide_in(self, view: View, call: Call, context: Context) -> Decision:
        """Decide by the rules of one view."""
        if isinstance(call, ToolCall):
            decision = self._decide_tool(view, call, context)
            decision = self._flows.tightened(decision, call, self.tools, context)
        else:
            decision = self._decide_models(view, call, context)
        if decision.effect is Effect.DENY or not context.circumstances.grants:
            return decision
        return self._granted(decision, call, context)

    def _granted(self, decision: Decision, call: Call, context: Context) -> Decision:
        circumstances = context.circumstances
        near = grant_problem(call, context.chain, circumstances, self._hosted_types)
        if near is not None:
            return self._deny(Reason.GRANT_EXCEEDED, near)
        return charged(decision, charges_of(circumstances.grants, call))

    def _decide_tool(self, view: View, call: ToolCall, context: Context) -> Decision:
        tool = self.tools.get(call.tool)
        if tool is None or tool.hosted:
            return self._deny(Reason.NOT_ALLOWLISTED)
        if tool.environments and context.circumstances.environment not in tool.environments:
            return self._elsewhere(f"tool {tool.name}", tool.environments)
        pinned = tool.definition is None or tool.definition == call.definition
        reach = [view.reach[agent.id] for agent in context.agents]
        found = match_tool(reach, call.tool, call.resolved, context, pinned=pinned)
        row = found.deciding
        if row is None:
            return self._undecided_tool(view, call, found, context, pinned=pinned)
        if row.denies:
            return row.decision
        if tool.resource is not None and not context.circumstances.resources:
            near = _resources_demanded(row.rule.spec.id, tool.resource)
            return self._deny(Reason.RESOURCE_DENIED, near)
        decision = telling(narrowed(row.decision, found.classes), _doubts(found, call, context))
        return self._counted(decision, found, call.resolved, context)

    def _undecided_tool(
        self, view: View, call: ToolCall, found: Found, context: Context, *, pinned: bool
    ) -> Decision:
        rows = () if found.unmatched is None else found.unmatched.tools.get(call.tool, ())
        near = None if rows else nearest_dormant(self._dormant.get(call.tool, ()), context)
        if near is None:
            fallback = view.table.by_tool.get(call.tool)
            near = nearest_for_tool(rows, fallback, call.resolved, context, pinned=pinned)
        hint = remedy_for_origin(near) if near is not None and is_about_origin(near) else None
        return self._deny(_reason_of(near), near, hint)

    def _counted(
        self,
        decision: Decision,
        found: Found,
        arguments: Mapping[str, Frozen],
        context: Context,
    ) -> Decision:
        """Return a decision with what the call uses up, or a denial where that is too much."""
        if not found.limits:
            return decision
        charges = charges_for(found.limits, arguments, context.circumstances.spent)
        if isinstance(charges, Exceeded):
            return self._exceeded(decision, charges)
        return charged(decision, charges)

    def _exceeded(self, decision: Decision, why: Exceeded) -> Decision:
        near = Nearest(rule=decision.rule or "", constraint=why.place, problem=why.problem)
        return self._deny(Reason.LIMIT_REACHED, near)

    def _decide_models(self, view: View, call: ModelCall, context: Context) -> Decision:
        """Decide a request, and each request that the provider would make of it."""
        decision = self._gated(self._decide_model(view, call, context), call, context)
        for inner in call.inner:
            if decision.effect is Effect.DENY:
                break
            # What one of them refers to is asked of the rules of all, so that one rule must do.
            asked_whole = replace(inner, references=call.references)
            of_inner = self._decide_model(view, asked_whole, context)
            if of_inner.effect is Effect.DENY:
                return of_inner
            charges = together(
                charges_in(decision), charges_in(of_inner), context.circumstances.spent
            )
            if isinstance(charges, Exceeded):
                return self._exceeded(of_inner, charges)
            decision = charged(both(decision, of_inner), charges)
        return decision

    def _gated(self, decision: Decision, call: ModelCall, context: Context) -> Decision:
        """Return a decision with what the register of providers lays on the call."""
        provider = self._serving(call.origin)
        if decision.effect is Effect.DENY or provider is None:
            return decision
        duties = self.gate.duties(provider.id, call, context.chain.actor.id)
        if isinstance(duties, Misused):
            return self._deny(Reason.WRONG_KEY, duties.nearest, duties.hint)
        return (
            replace(decision, obligations=(*decision.obligations, *duties)) if duties else decision
        )

    def _decide_model(self, view: View, call: ModelCall, context: Context) -> Decision:
        provider = self._serving(call.origin)
        if provider is None:
            return self._deny(
                Reason.UNKNOWN_PROVIDER, hint="list the host under hosts of a [[provider]]"
            )
        if provider.environments and context.circumstances.environment not in provider.environments:
            return self._elsewhere(f"provider {provider.id}", provider.environments)
        wanted = asked(call)
        reach = [view.reach[agent.id] for agent in context.agents]
        found = match_model(reach, provider.id, wanted, call.references, context)
        row = found.deciding
        if row is None:
            return self._undecided_model(view, provider, call, found, context)
        if row.denies:
            return row.decision
        verdict = view.hosted.judge(call.hosted_tools, reach, context)
        if verdict.refusal is not None:
            return verdict.refusal
        duties: list[Obligation] = [
            self._hide[provider.id],
            OfferOnly(tools=self._offered(view, context)),
            ReferOnly(references=found.references),
        ]
        if verdict.removed:
            duties.append(WithoutTools(pointers=verdict.removed))
        if verdict.writes or call.kind not in _CHANGES_NOTHING:
            duties.append(RecordBeforeDispatch())
        decision = Decision(
            effect=Effect.ALLOW,
            policy=self.digest,
            rule=row.rule.spec.id,
            obligations=tuple(duties),
        )
        return self._counted(decision, found, {}, context)

    def _undecided_model(
        self, view: View, provider: ProviderSpec, call: ModelCall, found: Found, context: Context
    ) -> Decision:
        rows = () if found.unmatched is None else found.unmatched.providers.get(provider.id, ())
        near = None if rows else nearest_dormant(self._dormant.get(provider.id, ()), context)
        if near is None:
            fallback = view.table.by_provider.get(provider.id)
            near = nearest_for_model(rows, fallback, asked(call), context)
        return self._deny(_reason_of(near), near, remedy_for_model(provider.id, call, near))

    def _offered(self, view: View, context: Context) -> frozenset[str]:
        offers = [view.offers(each.id, context.person) for each in context.agents]
        offered = offers[0] if len(offers) == 1 else frozenset.intersection(*offers)
        grants = context.circumstances.grants
        return covered_tools(grants, offered) if grants else offered

    def _elsewhere(self, what: str, environments: Iterable[str]) -> Decision:
        demand = f"must be one of {', '.join(map(repr, sorted(environments)))}"
        near = Nearest(rule=what, constraint="environments", problem=demand)
        return self._deny(Reason.WRONG_ENVIRONMENT, near)

    def _deny(
        self, reason: Reason, nearest: Nearest | None = None, hint: str | None = None
    ) -> Decision:
        return Decision(
            effect=Effect.DENY, policy=self.digest, reason=reason, nearest=nearest, hint=hint
        )


def _severity(decision: Decision) -> int:
    return _SCALE[decision.effect]


def _doubts(found: Found, call: ToolCall, context: Context) -> list[Doubt]:
    origins = context.circumstances.origins
    return [
        doubt_about(unmet.argument, origins.get(unmet.argument, ()), unmet.accepted)
        for rule in found.doubtful
        if rule.conditions is not None
        for unmet in rule.conditions.unmet(rule.conditions.asked_about, call.resolved, context)
    ]


def _reason_of(near: Nearest | None) -> Reason:
    if near is not None and is_about_origin(near):
        return Reason.ORIGIN_DENIED
    return Reason.NOT_ALLOWLISTED if near is None else _TOLD_BY.get(near.constraint, _NO_RULE)


def _resources_demanded(rule: str, kind: str) -> Nearest:
    problem = f"must be known: no hook said which {kind!r} the call is about"
    return Nearest(rule=rule, constraint="resource", problem=problem)


def _letting_pass(data_class: DataClass | None, environment: str | None) -> str | None:
    if data_class is None:
        return None
    if data_class.environments and environment not in data_class.environments:
        return f"add the environment of the call to those of [[class]] name = {data_class.name!r}"
    if data_class.family != MEDIA:
        return None
    return f"let it pass, counted: [[class]] name = {data_class.name!r}, action = 'label'"
