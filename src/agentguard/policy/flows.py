# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""May a call go on that the rules let happen, given what its conversation has seen?

Flows are asked after rules, and only tighten: of all that apply the strictest holds, and only if
it is stricter than what was decided before.

INVARIANT: no decision is milder with a flow than without it (tests/policy/test_flows.py).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from agentguard.canonical import Frozen
from agentguard.policy.conditions import Context
from agentguard.policy.document import FlowSpec, PolicyDocument, ToolSpec
from agentguard.policy.doubting import (
    doubt_about,
    doubt_about_addresses,
    doubt_about_asking,
    doubt_about_unknown,
    in_words,
    telling,
)
from agentguard.policy.rules import expand
from agentguard.policy.sourcing import carries_nothing, comes_from, is_known
from agentguard.policy.targets import tools_named
from agentguard.vocabulary import (
    AskApproval,
    Decision,
    Doubt,
    Effect,
    Nearest,
    OriginWord,
    Reason,
    Remember,
    ToolCall,
)

ASKED = "asked:"
# deny before approve; of two that ask the one whose profile needs more, ties by its name.
Strictness: TypeAlias = tuple[int, int, str]

_SCALE = {Effect.DENY: 0, Effect.APPROVE: 1, Effect.ALLOW: 2}


class Unmet(NamedTuple):
    """A condition of a flow that a call does not meet.

    Attributes:
        key: the key of the flow, empty for a flow without conditions.
        demand: what the key demands.
        doubts: what people are told.
    """

    key: str
    demand: str
    doubts: tuple[Doubt, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CompiledFlow:
    """A flow whose groups and globs are expanded.

    Attributes:
        spec: the flow as written.
        order: sorts the strictest flow first.
        who: the declared identities that it is about; None for everybody.
        after: what must all have happened.
        targets: the origins that targets may have, and so on; None for no such condition.
    """

    spec: FlowSpec
    order: tuple[Strictness, str]
    who: frozenset[str] | None
    after: frozenset[str]
    targets: frozenset[OriginWord] | None
    addresses: frozenset[OriginWord] | None
    arguments: frozenset[OriginWord] | None

    @property
    def asks_origins(self) -> bool:
        """Whether it asks where arguments come from."""
        return not (self.targets is None and self.addresses is None and self.arguments is None)

    def unmet(
        self, tool: ToolSpec, arguments: Mapping[str, Frozen] | None, context: Context
    ) -> tuple[Unmet, ...]:
        """Return why the flow applies to a call; empty if it does not.

        Args:
            tool: the tool.
            arguments: its arguments; None where nobody knows what they will be.
            context: who calls it, and in what circumstances.
        """
        conversation = context.circumstances.conversation
        if self.who is not None and all(each.id not in self.who for each in context.agents):
            return ()
        if conversation is not None and not self.after <= conversation:
            return ()
        if not self.asks_origins and not self.spec.unless_asked:
            return (self._always(tool, arguments, context),)
        found = list(self._unmet_origins(tool, arguments, context))
        if self.spec.unless_asked and f"{ASKED}{tool.name}" not in (conversation or ()):
            demand = "must be met: the user's words must call for the tool, by its 'verbs'"
            found.append(Unmet("unless_asked", demand, (doubt_about_asking(),)))
        return tuple(found)

    def _always(
        self, tool: ToolSpec, arguments: Mapping[str, Frozen] | None, context: Context
    ) -> Unmet:
        """Say that a flow without conditions applies, and what may be in doubt then."""
        after = " and ".join(map(repr, sorted(self.after)))
        demand = f"must not all have happened: {after}" if after else "is not let happen"
        names = [each for each in tool.targets or arguments or () if each in (arguments or ())]
        origins = context.circumstances.origins
        doubts = tuple(
            doubt_about_unknown(each, origins.get(each, ()))
            for each in names
            if not is_known(each, arguments or {}, origins)
        )
        return Unmet("after" if after else "then", demand, doubts)

    def _unmet_origins(
        self, tool: ToolSpec, arguments: Mapping[str, Frozen] | None, context: Context
    ) -> Iterator[Unmet]:
        given = arguments or {}
        origins = context.circumstances.origins
        if self.targets is not None:
            doubts = _doubts(tool.targets, self.targets, given, context)
            # Of a tool without targets nobody said where its effects land.
            if doubts or arguments is None or not tool.targets:
                yield Unmet("targets_from", _demand("targets", self.targets), doubts)
        if self.addresses is not None:
            others = [each for each in given if each not in tool.targets]
            doubts = tuple(
                doubt_about_addresses(each, origins.get(each, ()), self.addresses)
                for each in others
                if not carries_nothing(self.addresses, each, given, origins)
            )
            if doubts or arguments is None:
                yield Unmet("addresses_from", _demand("addresses", self.addresses), doubts)
        if self.arguments is not None:
            doubts = _doubts(given, self.arguments, given, context)
            if doubts or arguments is None:
                yield Unmet("arguments_from", _demand("arguments", self.arguments), doubts)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Flows:
    """The flows of a policy, by the tool that they are about, strictest first.

    ``needs`` holds how many people a profile needs.
    """

    by_tool: Mapping[str, tuple[CompiledFlow, ...]]
    needs: Mapping[str, int]
    digest: str

    def tightened(
        self,
        decision: Decision,
        call: ToolCall,
        tools: Mapping[str, ToolSpec],
        context: Context,
    ) -> Decision:
        """Return a decision on a call as flows tighten it."""
        if decision.effect is Effect.DENY or call.tool not in self.by_tool:
            return decision
        applying = list(self._applying(tools[call.tool], call.resolved, context))
        if not applying:
            return decision
        strictest, unmet = applying[0]
        if strictest.spec.effect is Effect.DENY:
            return self._denied(strictest.spec, unmet[0])
        if strictest.order[0] < self._strictness(decision):
            decision = _asking(decision, strictest.spec)
        doubts = [each for _, found in applying for one in found for each in one.doubts]
        remember = min((flow.spec.remember for flow, _ in applying), key=list(Remember).index)
        return telling(decision, doubts, remember)

    def refusal(self, tool: ToolSpec, context: Context) -> Decision | None:
        """Return the refusal of a tool that runs at the provider, where nobody can be asked.

        Its arguments are not known either: the model chooses them there.
        """
        for flow, unmet in self._applying(tool, None, context):
            return self._denied(flow.spec, unmet[0])
        return None

    def _applying(
        self, tool: ToolSpec, arguments: Mapping[str, Frozen] | None, context: Context
    ) -> Iterator[tuple[CompiledFlow, tuple[Unmet, ...]]]:
        for flow in self.by_tool.get(tool.name, ()):
            unmet = flow.unmet(tool, arguments, context)
            if unmet:
                yield flow, unmet

    def _strictness(self, decision: Decision) -> Strictness:
        asked = [each.profile for each in decision.obligations if isinstance(each, AskApproval)]
        profile = asked[0] if asked else ""
        return _SCALE[decision.effect], -self.needs.get(profile, 0), profile

    def _denied(self, spec: FlowSpec, unmet: Unmet) -> Decision:
        near = Nearest(rule=spec.id, constraint=unmet.key, problem=unmet.demand)
        return Decision(
            effect=Effect.DENY,
            policy=self.digest,
            rule=spec.id,
            reason=Reason.FLOW_DENIED,
            nearest=near,
            hint=f"let people be asked: then = 'approve' and an 'approval' profile in [[flow]] id = {spec.id!r}",
        )


def compile_flows(document: PolicyDocument, digest: str) -> Flows:
    """Return the flows of a document, expanded."""
    needs = {profile.name: profile.need for profile in document.profiles}
    by_tool: dict[str, list[CompiledFlow]] = {}
    flows = sorted((_compiled(each, needs, document) for each in document.flows), key=_order)
    for flow in flows:
        for name in tools_of_flow(flow.spec, document):
            by_tool.setdefault(name, []).append(flow)
    return Flows(
        by_tool=MappingProxyType({name: tuple(found) for name, found in by_tool.items()}),
        needs=needs,
        digest=digest,
    )


def tools_of_flow(spec: FlowSpec, document: PolicyDocument) -> tuple[str, ...]:
    """Return the declared tools that a flow is about, in the document's order."""
    named = tools_named(spec.tools, document) if spec.tools else None
    return tuple(
        tool.name
        for tool in document.tools
        if (named is None or tool.name in named)
        and (not spec.impacts or tool.impact in spec.impacts)
        and (not spec.outward or tool.outward)
    )


def _compiled(spec: FlowSpec, needs: Mapping[str, int], document: PolicyDocument) -> CompiledFlow:
    strictness = _SCALE[spec.effect], -needs.get(spec.approval or "", 0), spec.approval or ""
    return CompiledFlow(
        spec=spec,
        order=(strictness, spec.id),
        who=expand(spec.who, document) if spec.who else None,
        after=frozenset(spec.after),
        targets=_maybe(spec.targets_from),
        addresses=_maybe(spec.addresses_from),
        arguments=_maybe(spec.arguments_from),
    )


def _maybe(words: tuple[str, ...] | None) -> frozenset[OriginWord] | None:
    return None if words is None else frozenset(words)


def _order(flow: CompiledFlow) -> tuple[Strictness, str]:
    return flow.order


def _asking(decision: Decision, spec: FlowSpec) -> Decision:
    """Return a decision under which the people are asked whom a flow names."""
    kept = tuple(each for each in decision.obligations if not isinstance(each, AskApproval))
    return replace(
        decision,
        effect=Effect.APPROVE,
        rule=spec.id,
        reason=Reason.APPROVAL_PENDING,
        obligations=(*kept, AskApproval(profile=spec.approval or "")),
    )


def _doubts(
    names: Iterable[str],
    accepted: frozenset[OriginWord],
    arguments: Mapping[str, Frozen],
    context: Context,
) -> tuple[Doubt, ...]:
    origins = context.circumstances.origins
    return tuple(
        doubt_about(each, origins.get(each, ()), accepted)
        for each in names
        if not comes_from(accepted, each, arguments, origins)
    )


def _demand(what: str, accepted: frozenset[OriginWord]) -> str:
    return f"must be met: {what} must come from {in_words(accepted)}"
