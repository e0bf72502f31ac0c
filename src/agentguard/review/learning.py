# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which rules would have let through what was recorded, and little else?

Proposes, for each agent and tool, a rule with the narrowest constraints that the calls satisfy
which were let happen. It says how many calls stand behind each, proposes nothing from few, and
applies nothing: what was usual is not yet what is right.

INVARIANT: what is proposed lets through every call that it was learned from
(tests/review/test_learning.py).
INVARIANT: nothing is learned from a session in which something was refused (same file).
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from agentguard.canonical import Frozen
from agentguard.policy import (
    ArgumentSpec,
    EqualsClaim,
    Holder,
    HostedDenial,
    Policy,
    PolicyDocument,
    RuleSpec,
    ToolSpec,
    compile_policy,
)
from agentguard.policy.document import ANYBODY
from agentguard.review.facts import DecidedCall
from agentguard.review.learning_values import Classes, Learned, learned
from agentguard.review.lessons import Lessons, Proof, Proposal, Subject, Support, Use
from agentguard.review.replaying import Needs, Replay
from agentguard.vocabulary import (
    Assurance,
    Chain,
    Effect,
    Impact,
    ModelCall,
    Principal,
    Reference,
    ToolCall,
)

LEAST_SUPPORT = 20
ADVISED_SUPPORT = 1000
MOST_PERSONS = 8


Uses: TypeAlias = dict[Subject, list[Use]]


class Learner:
    """Learns from recorded calls, one after the other.

    Args:
        document: the policy in force.
        marked: the keys of sessions in which something was refused.
        classes: what may not be told.
        agent: learn about this one only; None for every agent.
        least: from fewer calls nothing is proposed.
    """

    def __init__(
        self,
        document: PolicyDocument,
        *,
        marked: Collection[str],
        classes: Classes,
        agent: str | None = None,
        least: int = LEAST_SUPPORT,
    ) -> None:
        self._document = document
        self._marked = marked
        self._classes = classes
        self._agent = agent
        self._least = least
        self._tools = {tool.name: tool for tool in document.tools}
        self._rules = {rule.id: rule for rule in document.rules}
        self._profiles = {each.name for each in document.profiles}
        self._agents = {each.id for each in document.identities}
        self._uses: Uses = {}
        self._left_out: dict[str, int] = {}

    def take(self, decided: DecidedCall | None) -> None:
        """Take a call; None for one of which no facts are kept."""
        why = self._objection(decided)
        if decided is None or why is not None:
            self._left_out[why or ""] = self._left_out.get(why or "", 0) + 1
            return
        for agent in decided.chain.agents:
            if self._agent in {None, agent.id}:
                for subject, use in self._of(agent, decided):
                    self._uses.setdefault(subject, []).append(use)

    def _objection(self, decided: DecidedCall | None) -> str | None:
        """Say why nothing is learned from a call."""
        if decided is None:
            return "no facts of them are kept"
        if decided.stopped is not None or decided.ruling.effect is Effect.DENY:
            return "they were refused"
        if decided.session_key in self._marked:
            return "something was refused in their session"
        if decided.omitted:
            return "their arguments were too large to be kept"
        return None if self._is_known(decided) else "the policy no longer has what they name"

    def _is_known(self, decided: DecidedCall) -> bool:
        """Say whether a rule of the policy can be about a call."""
        call, document = decided.call, self._document
        there = decided.environment is None or decided.environment in document.environments
        asked = decided.ruling.profile is None or decided.ruling.profile in self._profiles
        agents = all(agent.id in self._agents for agent in decided.chain.agents)
        if isinstance(call, ToolCall):
            target = call.tool in self._tools
        else:
            target = all(self._provider_of(each) is not None for each in (call, *call.inner))
        return there and asked and agents and target

    def _provider_of(self, call: ModelCall) -> str | None:
        serving = (each.id for each in self._document.providers if each.serves(call.origin))
        return next(serving, None)

    def _of(self, agent: Principal, decided: DecidedCall) -> Iterator[tuple[Subject, Use]]:
        call, ruling = decided.call, decided.ruling
        somebody = decided.chain.person is not None
        where = decided.environment or ""
        if isinstance(call, ToolCall):
            subject = Subject(
                agent=agent.id,
                tool=call.tool,
                environment=where,
                for_somebody=somebody,
                effect=ruling.effect.value,
                profile=ruling.profile or "",
            )
            marked = frozenset(decided.marked)
            yield subject, Use(decided=decided, arguments=call.resolved, marked=marked)
            return
        for each in (call, *call.inner):
            subject = Subject(
                agent=agent.id,
                provider=self._provider_of(each) or "",
                environment=where,
                for_somebody=somebody,
                names_model=bool(each.model),
            )
            words = {"model": each.model, "operation": each.pair}
            yield subject, Use(decided=decided, arguments=words)
            if self._document.hosted_denial is HostedDenial.REFUSE:
                yield from self._hosted(
                    replace(subject, provider="", names_model=False), each, decided
                )

    def _hosted(
        self, subject: Subject, call: ModelCall, decided: DecidedCall
    ) -> Iterator[tuple[Subject, Use]]:
        """Yield the uses of tools that ran at the provider; where one is removed, nobody knows."""
        for hosted in call.hosted_tools:
            for tool in self._tools.values():
                if hosted.type in tool.hosted:
                    about = replace(subject, tool=tool.name)
                    yield about, Use(decided=decided, arguments=hosted.arguments)

    def lessons(self) -> Lessons:
        """Return what was learned."""
        few = {s: len(uses) for s, uses in self._uses.items() if len(uses) < self._least}
        taken = set(self._rules)
        proposals = []
        for subject in sorted(self._uses.keys() - few.keys()):
            proposal = self._proposal(subject, self._uses[subject], taken)
            taken.add(proposal.rule.id)
            proposals.append(proposal)
        return Lessons(proposals=tuple(proposals), too_few=few, left_out=dict(self._left_out))

    def _proposal(self, subject: Subject, uses: Sequence[Use], taken: Collection[str]) -> Proposal:
        decided = tuple(use.decided for use in uses)
        people = sorted({person.id for each in decided if (person := each.chain.person)})
        persons, caution = self._persons(people)
        cautions = [] if caution is None else [caution]
        shared = {
            "id": _rule_id(subject, taken),
            "who": (subject.agent,),
            "persons": persons,
            "environments": frozenset(filter(None, [subject.environment])),
            "assurance": _assurance(decided),
            "limits": self._limits(decided),
        }
        if subject.tool:
            rule, support = self._tool_rule(subject, uses, shared)
        else:
            rule, support = _model_rule(subject, uses, shared)
        if len(uses) < ADVISED_SUPPORT:
            cautions.append(f"{len(uses)} calls are few: {ADVISED_SUPPORT} are advised")
        return Proposal(
            rule=rule,
            calls=len(uses),
            persons=len(people),
            sessions=len({each.session_key for each in decided}),
            days=_days(uses),
            support=support,
            cautions=tuple(cautions),
            learned_from=decided,
        )

    def _persons(self, people: Sequence[str]) -> tuple[tuple[str, ...], str | None]:
        """Return whom a rule is for: a group that holds all, a list, or everybody."""
        groups = [
            (len(members), name)
            for name, members in self._document.groups.items()
            if people and set(people) <= set(members)
        ]
        if groups:
            return (f"group:{min(groups)[1]}",), None
        if len(people) <= MOST_PERSONS:
            return tuple(people), None
        caution = f"{len(people)} persons are in no group of the policy together: name one"
        return (ANYBODY,), caution

    def _limits(self, decided: Iterable[DecidedCall]) -> tuple[str, ...]:
        """Return the limits of the rules that let the calls happen, so that none is lost."""
        deciding = {each.ruling.rule for each in decided}
        rules = (self._rules[name] for name in deciding if name is not None and name in self._rules)
        return tuple(sorted({limit for rule in rules for limit in rule.limits}))

    def _tool_rule(
        self, subject: Subject, uses: Sequence[Use], shared: Mapping[str, object]
    ) -> tuple[RuleSpec, tuple[Support, ...]]:
        tool = self._tools[subject.tool]
        arguments: list[ArgumentSpec] = []
        support: list[Support] = []
        for name in sorted({name for use in uses for name in use.arguments}):
            having = [use for use in uses if name in use.arguments]
            found = self._learned_argument(name, having, subject)
            optional = len(having) < len(uses)
            spec = ArgumentSpec(name=name, constraint=found.constraint, optional=optional)
            arguments.append(spec)
            values = [use.arguments[name] for use in having]
            support.append(_support(f"args.{name}", found, having, values, tool))
        resource, about = self._resource(subject, uses)
        rule = RuleSpec(
            **shared,  # type: ignore[arg-type]  # by key
            tools=(subject.tool,),
            arguments=tuple(arguments),
            resource=None if resource is None else resource.constraint,
            effect=Effect(subject.effect),
            approval=subject.profile or None,
        )
        return rule, (*support, *about)

    def _learned_argument(self, name: str, uses: Sequence[Use], subject: Subject) -> Learned:
        values = [use.arguments[name] for use in uses]
        chains = [use.decided.chain for use in uses]
        claim = _claim(values, chains, subject)
        if claim is not None:
            return claim
        hidden = any(name in use.marked for use in uses)
        classes = self._classes.under(name)
        return learned(values, replace(classes, everything=hidden or classes.everything))

    def _resource(
        self, subject: Subject, uses: Sequence[Use]
    ) -> tuple[Learned | None, tuple[Support, ...]]:
        """Return what the objects of the calls have in common, where all calls name some."""
        tool = self._tools[subject.tool]
        if tool.resource is None or any(not use.decided.resources for use in uses):
            return None, ()
        named = [(use, each) for use in uses for each in use.decided.resources or ()]
        ids = [each for _, each in named]
        found = _claim(ids, [use.decided.chain for use, _ in named], subject)
        found = found or learned(ids, self._classes)
        return found, (_support("resource", found, uses, ids, tool),)


def _claim(values: Sequence[Frozen], chains: Sequence[Chain], subject: Subject) -> Learned | None:
    """Return the claim that each value equals, if there is one, and it is not always the same."""
    if len(set(map(repr, values))) == 1:
        return None
    holders = [Holder.PERSON, Holder.ACTOR] if subject.for_somebody else [Holder.ACTOR]
    for holder in holders:
        known = [_claims(holder, chain) for chain in chains]
        for name in sorted(set.intersection(*map(set, known))):
            if all(
                _equals(claims[name], value) for claims, value in zip(known, values, strict=True)
            ):
                constraint = EqualsClaim(holder=holder, claim=name)
                return Learned(constraint=constraint, how="equal to a claim")
    return None


def _claims(holder: Holder, chain: Chain) -> Mapping[str, Frozen]:
    principal = chain.person if holder is Holder.PERSON else chain.actor
    return {} if principal is None else {"id": principal.id, **principal.claims}


def _equals(claim: Frozen, value: Frozen) -> bool:
    listed = claim if isinstance(claim, tuple) else (claim,)
    return any(type(each) is type(value) and each == value for each in listed)


def _support(
    name: str, found: Learned, uses: Sequence[Use], values: Sequence[Frozen], tool: ToolSpec
) -> Support:
    caution = found.caution
    if caution is not None and tool.impact is not Impact.READ_ONLY:
        caution = f"{caution}, in a tool that is {tool.impact.value}"
    if len(uses) < LEAST_SUPPORT:
        told = f"seen in {len(uses)} calls only"
        caution = told if caution is None else f"{told}; {caution}"
    return Support(
        name=name,
        how=found.how,
        calls=len(uses),
        values=len(set(map(repr, values))),
        persons=len({use.decided.person for use in uses} - {None}),
        days=_days(uses),
        caution=caution,
    )


def _days(uses: Iterable[Use]) -> int:
    return len({use.decided.at.date() for use in uses})


def _assurance(decided: Iterable[DecidedCall]) -> Assurance | None:
    """Return how surely everybody was known in every call, None where only by their word."""
    order = list(Assurance)
    known = {principal.assurance for each in decided for principal in each.chain.principals}
    least = min(known, key=order.index)
    return None if least is Assurance.DECLARED else least


def _model_rule(
    subject: Subject, uses: Sequence[Use], shared: Mapping[str, object]
) -> tuple[RuleSpec, tuple[Support, ...]]:
    references: set[Reference] = set()
    for use in uses:
        if isinstance(use.decided.call, ModelCall):
            references |= use.decided.call.references
    models = sorted({str(use.arguments["model"]) for use in uses} - {""})
    operations = sorted({str(use.arguments["operation"]) for use in uses})
    rule = RuleSpec(
        **shared,  # type: ignore[arg-type]  # by key
        effect=Effect.ALLOW,
        providers=(subject.provider,),
        models=tuple(models),
        operations=tuple(operations),
        references=tuple(sorted(references)),
    )
    counted = {"model": len(models), "operation": len(operations), "references": len(references)}
    support = (
        Support(
            name=name,
            how="few values",
            calls=len(uses),
            values=number,
            persons=len({use.decided.person for use in uses} - {None}),
            days=_days(uses),
        )
        for name, number in counted.items()
        if number
    )
    return rule, tuple(support)


def _rule_id(subject: Subject, taken: Collection[str]) -> str:
    """Return an id that says what the rule is about and that no other rule has."""
    agent = subject.agent.partition(":")[2]
    words = ["learned", agent, subject.tool or subject.provider, subject.environment]
    words += [] if subject.for_somebody else ["alone"]
    words += [] if subject.effect == Effect.ALLOW.value else [subject.effect]
    words += [] if subject.tool or subject.names_model else ["without-model"]
    plain = "-".join(filter(None, words))
    number, named = 1, plain
    while named in taken:
        number += 1
        named = f"{plain}-{number}"
    return named


def proven(document: PolicyDocument, lessons: Lessons, needs: Callable[[Policy], Needs]) -> Proof:
    """Put the calls that were learned from to a policy of the proposed rules alone.

    Args:
        document: the policy in force; its other tables stay.
        lessons: what was learned.
        needs: says what must be known to decide the calls of a policy.

    Raises:
        ConfigError: the rules cannot stand beside the other tables of the policy.
    """
    rules = tuple(proposal.rule for proposal in lessons.proposals)
    policy = compile_policy(replace(document, rules=rules))
    replay = Replay(policy, needs(policy))
    calls = {each.call.id: each for proposal in lessons.proposals for each in proposal.learned_from}
    replayed = [replay(each) for each in sorted(calls.values(), key=lambda each: each.at)]
    let = sum(each.now is not None and each.now.effect is not Effect.DENY for each in replayed)
    return Proof(calls=len(calls), let_happen=let)
