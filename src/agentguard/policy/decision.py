# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""May this call be made, by this chain of principals?

Default deny; deny before approve before allow; every agent of the chain must be permitted on its
own, for the same person.
Among rules that ask, the profile with the larger ``need`` is asked, ties by profile name.
It never performs anything, and an exception here means that the caller refuses.

INVARIANT: no rule, no call; settling only tightens (tests/policy/test_decision.py,
tests/policy/test_table.py).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType

from agentguard.errors import ConfigError, Problem
from agentguard.policy.consistency import flaws_of
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
from agentguard.policy.flaws import key_of
from agentguard.policy.hosted import HostedTools, hosted_tools
from agentguard.policy.matching import match_model, match_tool
from agentguard.policy.nearest import nearest_for_model, nearest_for_tool, remedy_for_model
from agentguard.policy.rules import asked, compile_rules
from agentguard.policy.table import Reach, Row, Table, build_table, received_by
from agentguard.vocabulary import (
    Action,
    ApprovalProfile,
    Call,
    Chain,
    Circumstances,
    DataClass,
    Decision,
    Effect,
    Facts,
    HideClasses,
    Kind,
    ModelCall,
    Nearest,
    Obligation,
    OfferOnly,
    Principal,
    Reason,
    ReceiveOnly,
    RecordBeforeDispatch,
    ReferOnly,
    ToolCall,
    WithoutTools,
)

NOTHING_KNOWN = Circumstances()
_OFFERS_REMEMBERED = 4096
_ORIGINS_REMEMBERED = 256
# Everything else has its intent on disk before it is sent.
_CHANGES_NOTHING = frozenset({Kind.INFERENCE, Kind.READ, Kind.LOCAL})


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
        identities: the declared identities.
        declared: what is declared of each of them, by its id.
        environments: the names of the environments; none where the policy has none.
        rules: the rules as written.
        required_surfaces: the client libraries that must be guarded for the guard to start.
        detection: how sensitive data is looked for.
        labels: what labels from outside mean.
        document: the policy as written.
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
    _table: Table
    _hosted: HostedTools
    _received: Mapping[str, frozenset[str]]
    _hide: Mapping[str, HideClasses]
    _offers: Callable[[str, str | None], frozenset[str]]
    _serving: Callable[[str], ProviderSpec | None]

    def __repr__(self) -> str:
        return f"Policy(name={self.name!r}, digest={self.digest!r}, rules={len(self.rules)})"

    def decide(
        self,
        call: Call,
        chain: Chain,
        circumstances: Circumstances = NOTHING_KNOWN,  # noqa: ARG002 - asked in the next step
    ) -> Decision:
        """Say whether *call* may be made; a tool call is judged by its resolved arguments.

        Args:
            call: the call.
            chain: who makes it, and for whom.
            circumstances: what else it depends on; what is left out is read strictly.
        """
        person = chain.person
        person_id = None if person is None else person.id
        subjects = chain.agents
        reach: list[Reach] = []
        for principal in subjects:
            found = self._table.reach.get(principal.id)
            if found is None:
                return self._deny(Reason.UNKNOWN_IDENTITY)
            reach.append(found)
        if isinstance(call, ToolCall):
            return self._decide_tool(call, reach, person_id)
        decision = self._decide_model(call, reach, person_id, subjects)
        for inner in call.inner:
            if decision.effect is Effect.DENY:
                break
            # What one of them refers to is asked of the rules of all, so that one rule must do.
            asked_whole = replace(inner, references=call.references)
            of_inner = self._decide_model(asked_whole, reach, person_id, subjects)
            decision = of_inner if of_inner.effect is Effect.DENY else _both(decision, of_inner)
        return decision

    def settle(
        self,
        decision: Decision,
        facts: Facts,
        circumstances: Circumstances = NOTHING_KNOWN,  # noqa: ARG002 - asked in the next step
    ) -> Decision:
        """Return *decision* in the light of what classification found; it only tightens."""
        if decision.effect is Effect.DENY:
            return decision
        hide = [each.classes for each in decision.obligations if isinstance(each, HideClasses)]
        classes = hide[0] if hide else self.classes
        receive = [each.classes for each in decision.obligations if isinstance(each, ReceiveOnly)]
        for name in sorted(name for name, count in facts.counts.items() if count):
            data_class = classes.get(name)
            if (
                data_class is None
                or data_class.action is Action.BLOCK
                or any(name not in classes for classes in receive)
            ):
                return self._deny(
                    Reason.CLASS_BLOCKED,
                    Nearest(
                        rule=decision.rule or "",
                        constraint="content",
                        problem=f"must hold nothing of class {name!r}",
                    ),
                    _labelling(data_class),
                )
        return decision

    def offered_tools(
        self,
        chain: Chain,
        circumstances: Circumstances = NOTHING_KNOWN,  # noqa: ARG002 - asked in the next step
    ) -> frozenset[str]:
        """Return the tools that every agent of the chain might be let run."""
        person = chain.person
        return self._offered(chain.agents, None if person is None else person.id)

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

    def _decide_tool(self, call: ToolCall, reach: list[Reach], person: str | None) -> Decision:
        tool = self.tools.get(call.tool)
        if tool is None or tool.hosted:
            return self._deny(Reason.NOT_ALLOWLISTED)
        pinned = tool.definition is None or tool.definition == call.definition
        found = match_tool(reach, call.tool, call.resolved, person, pinned=pinned)
        row = found.deciding
        if row is not None:
            return row.decision
        rows = () if found.unmatched is None else found.unmatched.tools.get(call.tool, ())
        fallback = self._table.by_tool.get(call.tool)
        near = nearest_for_tool(rows, fallback, call.resolved, person, pinned=pinned)
        return self._deny(Reason.NOT_ALLOWLISTED, near)

    def _decide_model(
        self,
        call: ModelCall,
        reach: list[Reach],
        person: str | None,
        subjects: tuple[Principal, ...],
    ) -> Decision:
        provider = self._serving(call.origin)
        if provider is None:
            return self._deny(
                Reason.UNKNOWN_PROVIDER, hint="list the host under hosts of a [[provider]]"
            )
        wanted = asked(call)
        found = match_model(reach, provider.id, wanted, call.references, person)
        row = found.deciding
        if row is None:
            rows = () if found.unmatched is None else found.unmatched.providers.get(provider.id, ())
            fallback = self._table.by_provider.get(provider.id)
            near = nearest_for_model(rows, fallback, wanted, person)
            hint = remedy_for_model(provider.id, call, near)
            return self._deny(Reason.NOT_ALLOWLISTED, near, hint)
        if row.denies:
            return row.decision
        verdict = self._hosted.judge(call.hosted_tools, reach, person)
        if verdict.refusal is not None:
            return verdict.refusal
        duties: list[Obligation] = [
            self._hide[provider.id],
            OfferOnly(tools=self._offered(subjects, person)),
            ReferOnly(references=found.references),
        ]
        if verdict.removed:
            duties.append(WithoutTools(pointers=verdict.removed))
        if verdict.writes or call.kind not in _CHANGES_NOTHING:
            duties.append(RecordBeforeDispatch())
        return Decision(
            effect=Effect.ALLOW,
            policy=self.digest,
            rule=row.rule.spec.id,
            obligations=tuple(duties),
        )

    def _offered(self, subjects: Iterable[Principal], person: str | None) -> frozenset[str]:
        offers = [self._offers(principal.id, person) for principal in subjects]
        return offers[0] if len(offers) == 1 else frozenset.intersection(*offers)

    def _deny(
        self, reason: Reason, nearest: Nearest | None = None, hint: str | None = None
    ) -> Decision:
        return Decision(
            effect=Effect.DENY, policy=self.digest, reason=reason, nearest=nearest, hint=hint
        )


def _both(outer: Decision, inner: Decision) -> Decision:
    """Return the decision on a call with what another call inside it may refer to at most."""
    allowed = [
        each.references
        for each in (*outer.obligations, *inner.obligations)
        if isinstance(each, ReferOnly)
    ]
    kept = tuple(each for each in outer.obligations if not isinstance(each, ReferOnly))
    refer = ReferOnly(references=frozenset.intersection(*allowed))
    return replace(outer, obligations=(*kept, refer))


def _labelling(data_class: DataClass | None) -> str | None:
    if data_class is None or data_class.family != MEDIA:
        return None
    return f"let it pass, counted: [[class]] name = {data_class.name!r}, action = 'label'"


def compile_policy(document: PolicyDocument) -> Policy:
    """Check a document and compile it.

    Raises:
        ConfigError: the document contradicts itself; every flaw is listed with its key.
    """
    flaws = flaws_of(document)
    if flaws:
        raise ConfigError(
            Problem(file=document.name, key=key_of(flaw.path), line=None, message=flaw.message)
            for flaw in flaws
        )
    digest = document.digest
    table = build_table(document, compile_rules(document), digest)
    return Policy(
        name=document.name,
        digest=digest,
        tools=MappingProxyType({tool.name: tool for tool in document.tools}),
        classes=MappingProxyType({each.name: each for each in document.classes}),
        class_sources=document.class_sources,
        profiles=MappingProxyType({profile.name: profile for profile in document.profiles}),
        providers=MappingProxyType({provider.id: provider for provider in document.providers}),
        owners=MappingProxyType(
            {each.id: each.owner for each in document.identities if each.owner is not None}
        ),
        identities=frozenset(each.id for each in document.identities),
        declared=MappingProxyType({each.id: each for each in document.identities}),
        environments=frozenset(document.environments),
        rules=document.rules,
        required_surfaces=document.required_surfaces,
        detection=document.detection,
        labels=document.labels,
        document=document,
        _table=table,
        _hosted=hosted_tools(document, table, digest),
        _received=MappingProxyType(
            {tool.name: received_by(tool, document) for tool in document.tools}
        ),
        _hide=_hiding(document),
        _offers=_offers(table, frozenset(tool.name for tool in document.tools if tool.hosted)),
        _serving=_serving(document.providers),
    )


def _hiding(document: PolicyDocument) -> Mapping[str, HideClasses]:
    """Return for each provider what happens to each class; most share one value."""
    classes = {each.name: each for each in document.classes}
    usual = HideClasses(classes=MappingProxyType(classes))
    hiding = {provider.id: usual for provider in document.providers}
    for provider in {each.provider for each in document.destinations}:
        there = {
            each.data_class: replace(classes[each.data_class], action=each.action)
            for each in document.destinations
            if each.provider == provider
        }
        hiding[provider] = HideClasses(classes=MappingProxyType({**classes, **there}))
    return MappingProxyType(hiding)


def _serving(providers: tuple[ProviderSpec, ...]) -> Callable[[str], ProviderSpec | None]:
    @lru_cache(maxsize=_ORIGINS_REMEMBERED)
    def serving(origin: str) -> ProviderSpec | None:
        return next((provider for provider in providers if provider.serves(origin)), None)

    return serving


def _offers(table: Table, hosted: frozenset[str]) -> Callable[[str, str | None], frozenset[str]]:
    @lru_cache(maxsize=_OFFERS_REMEMBERED)
    def offers(identity: str, person: str | None) -> frozenset[str]:
        reach = table.reach.get(identity)
        if reach is None:
            return frozenset()
        return frozenset(
            name
            for name, rows in reach.tools.items()
            if name not in hosted and _is_open(rows, person)
        )

    return offers


def _is_open(rows: tuple[Row, ...], person: str | None) -> bool:
    about = [row for row in rows if row.rule.acts_for(person)]
    if any(row.denies and row.rule.is_unconditional for row in about):
        return False
    return any(not row.denies for row in about)
