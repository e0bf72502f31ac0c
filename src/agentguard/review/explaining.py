# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Why does a policy say this about a call, rule by rule?

Gives the decision of the compiled policy and, for every rule that names the identity and the
tool or provider, whether it applies and what first keeps it from applying. What a rule demands is
read from the rule as it is written, so that a rule which does not do what its text says is seen.

INVARIANT: the strictest of the rules that are said to apply is the one that decided, unless a flow
tightens what it let happen, and nothing told holds a value of the call (tests/review/test_explaining_rules.py).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date

from agentguard.canonical import Frozen
from agentguard.policy import ArgumentSpec, PolicyDocument, RuleSpec, compile_policy, key_of
from agentguard.policy.decision import Policy
from agentguard.policy.document import ANYBODY, GROUP, ToolSpec
from agentguard.policy.doubting import in_words
from agentguard.policy.flow_specification import flow_is_about, meets
from agentguard.policy.flows import tools_of_flow
from agentguard.policy.globs import Glob
from agentguard.policy.rules import PAIR_ONLY
from agentguard.policy.sourcing import comes_from, is_elsewhere
from agentguard.policy.specified import Situation
from agentguard.review.questions import Question
from agentguard.vocabulary import (
    Call,
    Chain,
    Circumstances,
    Decision,
    Effect,
    HostedTool,
    Kind,
    ModelCall,
    ReferOnly,
    ToolCall,
)

IN_SHADOW = "shadow_until"
_CHOOSES_A_MODEL = frozenset({Kind.INFERENCE, Kind.REMOTE_RUN, Kind.SOCKET, Kind.CREDENTIAL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a rule stands to a call of one agent.

    Attributes:
        rule: the rule's id.
        effect: what it says.
        agent: the agent of the chain that it names.
        target: the tool or the provider that it is about.
        applies: whether it applies.
        in_shadow: whether it is recorded instead of carried out.
        constraint: the first key of the rule that keeps it from applying; empty if none does.
        problem: what that key demands, never what the call held.
    """

    rule: str
    effect: Effect
    agent: str
    target: str
    applies: bool
    in_shadow: bool = False
    constraint: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What a policy says about a call, and why.

    Attributes:
        question: the call.
        decision: what is decided.
        standings: every rule that names an agent of the chain and the tool or provider, and every
            flow that names the tool.
    """

    question: Question
    decision: Decision
    standings: tuple[Standing, ...]

    @property
    def unlisted(self) -> tuple[str, ...]:
        """What the call refers to and no rule that allows it lists: the guard refuses that."""
        allowed = [
            each.references for each in self.decision.obligations if isinstance(each, ReferOnly)
        ]
        if not allowed:
            return ()
        return tuple(sorted(set(self.question.references) - frozenset.intersection(*allowed)))

    @property
    def effect(self) -> Effect:
        """What becomes of the call: what was decided, or a refusal by what it refers to."""
        return Effect.DENY if self.unlisted else self.decision.effect

    @property
    def exercised(self) -> frozenset[str]:
        """The rules that this call shows at work: those that decided, in shadow or not."""
        decided = {self.decision.rule}
        if self.decision.shadow is not None:
            decided.add(self.decision.shadow.rule)
        # A decision names the rule for the model; those for tools at the provider decided as well.
        if self.decision.effect is not Effect.DENY:
            decided |= {
                next((each.rule for each in self.standings if _decides(each, target)), None)
                for target in {each.target for each in self.standings}
                if self.question.provider not in (None, target)
            }
        return frozenset(rule for rule in decided if rule is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failure:
    constraint: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What a rule is held against.

    Attributes:
        target: the tool or the provider.
        arguments: the arguments of a tool; None for a model call.
        call: the call as a whole.
        pinned: whether the definition is the one that the policy pins, if it pins one.
    """

    target: str
    arguments: Mapping[str, Frozen] | None
    call: Call
    pinned: bool


def explain(
    document: PolicyDocument,
    question: Question,
    policy: Policy | None = None,
    *,
    rules: bool = True,
) -> Explanation:
    """Decide a call and say how every rule about it stands to it.

    Args:
        document: the policy as it is written.
        question: the call.
        policy: the same policy, compiled; compiled anew if None.
        rules: whether the standing of each rule is wanted.

    Raises:
        NotAQuestion: what is asked is no call.
    """
    call, chain = question.call(document), question.chain()
    circumstances = question.circumstances(document)
    policy = compile_policy(document) if policy is None else policy
    decision = policy.decide(call, chain, circumstances)
    if not rules:
        return Explanation(question=question, decision=decision, standings=())
    standings = [
        _standing(document, rule, asked, chain, agent.id, circumstances)
        for asked in _asked(document, call)
        for agent in dict.fromkeys(chain.agents)
        for rule in document.rules
        if _names_target(document, rule, asked.target)
        and any(_stands_for(document, name, agent.id) for name in rule.who)
    ]
    strictness = list(Effect)
    standings += [
        standing
        for asked in _asked(document, call)
        for standing in _flow_standings(
            document, asked, Situation(document, call, chain, circumstances)
        )
    ]
    standings.sort(key=lambda each: (not each.applies, -strictness.index(each.effect), each.rule))
    return Explanation(question=question, decision=decision, standings=tuple(standings))


def _decides(standing: Standing, target: str) -> bool:
    return standing.applies and not standing.in_shadow and standing.target == target


def _asked(document: PolicyDocument, call: Call) -> Iterator[_Asked]:
    if isinstance(call, ToolCall):
        tool = _tool(document, call.tool)
        pinned = tool is None or tool.definition in (None, call.definition)
        yield _Asked(target=call.tool, arguments=call.resolved, call=call, pinned=pinned)
        return
    provider = next((each.id for each in document.providers if each.serves(call.origin)), "")
    yield _Asked(target=provider, arguments=None, call=call, pinned=True)
    for hosted in call.hosted_tools:
        name = _name_of_hosted(document, hosted)
        yield _Asked(target=name, arguments=hosted.arguments, call=call, pinned=True)


def _tool(document: PolicyDocument, name: str) -> ToolSpec | None:
    return next((each for each in document.tools if each.name == name), None)


def _name_of_hosted(document: PolicyDocument, hosted: HostedTool) -> str:
    return next((each.name for each in document.tools if hosted.type in each.hosted), "")


def _stands_for(document: PolicyDocument, name: str, one: str) -> bool:
    if name.startswith(GROUP):
        return one in document.groups.get(name.removeprefix(GROUP), ())
    return Glob(name).matches(one)


def _names_target(document: PolicyDocument, rule: RuleSpec, target: str) -> bool:
    if rule.providers:
        return target in rule.providers
    tool = _tool(document, target)
    if tool is None or (rule.impacts and tool.impact not in rule.impacts):
        return False
    return not rule.tools or any(
        target in document.tool_groups.get(name.removeprefix(GROUP), ())
        if name.startswith(GROUP)
        else Glob(name).matches(target)
        for name in rule.tools
    )


def _standing(
    document: PolicyDocument,
    rule: RuleSpec,
    asked: _Asked,
    chain: Chain,
    agent: str,
    circumstances: Circumstances,
) -> Standing:
    failure = next(_failures(document, rule, asked, chain, circumstances), None)
    in_shadow, over = _shadow(rule, circumstances)
    if failure is None and over is not None:
        failure = over
    standing = Standing(
        rule=rule.id,
        effect=Effect.APPROVE if _is_in_doubt(rule, asked, circumstances) else rule.effect,
        agent=agent,
        target=asked.target,
        applies=failure is None,
        in_shadow=in_shadow,
    )
    if failure is None:
        return standing
    return replace(standing, constraint=failure.constraint, problem=failure.problem)


def _is_in_doubt(rule: RuleSpec, asked: _Asked, circumstances: Circumstances) -> bool:
    """Say whether a rule that allows asks about this call, for where an argument comes from."""
    return rule.effect is Effect.ALLOW and any(
        each.otherwise is Effect.APPROVE
        and not _comes_from(each, asked.arguments or {}, circumstances)
        for each in rule.arguments
    )


def _comes_from(
    argument: ArgumentSpec, arguments: Mapping[str, Frozen], circumstances: Circumstances
) -> bool:
    accepted, origins = argument.origins, circumstances.origins
    return accepted is None or comes_from(accepted, argument.name, arguments, origins)


def _flow_standings(document: PolicyDocument, asked: _Asked, now: Situation) -> Iterator[Standing]:
    """Yield how each flow stands to a call of a tool that it names; rules come before it."""
    tool = _tool(document, asked.target)
    if tool is None or asked.arguments is None:
        return
    for flow in document.flows:
        if tool.name not in tools_of_flow(flow, document):
            continue
        constraint, problem = "", ""
        if not flow_is_about(flow, now, tool):
            words = " and ".join(map(repr, flow.after)) or "somebody else calls"
            constraint, problem = "after", f"must all have happened: {words}"
        elif meets(flow, now, tool, None if tool.hosted else asked.arguments):
            constraint, problem = "then", "every condition is met"
        yield Standing(
            rule=flow.id,
            effect=flow.effect,
            agent=now.chain.actor.id,
            target=asked.target,
            applies=not constraint,
            constraint=constraint,
            problem=problem,
        )


def _failures(
    document: PolicyDocument,
    rule: RuleSpec,
    asked: _Asked,
    chain: Chain,
    circumstances: Circumstances,
) -> Iterator[_Failure]:
    yield from _caller_failures(document, rule, chain, circumstances)
    if asked.arguments is None:
        if isinstance(asked.call, ModelCall):
            yield from _model_failures(rule, asked.call)
        return
    if rule.effect is not Effect.DENY and not asked.pinned:
        yield _Failure(constraint="definition", problem="must be the one that the policy pins")
    here = replace(
        rule,
        arguments=tuple(
            replace(each, constraint=each.constraint.in_context(chain, circumstances))
            for each in rule.arguments
        ),
        resource=rule.resource and rule.resource.in_context(chain, circumstances),
    )
    if rule.effect is Effect.DENY:
        yield from _certain_failures(here, asked.arguments, circumstances)
    else:
        yield from _argument_failures(here, asked.arguments, circumstances)


def _caller_failures(
    document: PolicyDocument, rule: RuleSpec, chain: Chain, circumstances: Circumstances
) -> Iterator[_Failure]:
    person = chain.person
    if person is None and rule.persons:
        yield _Failure(constraint="for", problem=_one_of(rule.persons))
    elif person is not None and not any(
        name == ANYBODY or _stands_for(document, name, person.id) for name in rule.persons
    ):
        problem = _one_of(rule.persons) if rule.persons else "must be nobody"
        yield _Failure(constraint="for", problem=problem)
    if rule.environments and circumstances.environment not in rule.environments:
        yield _Failure(constraint="environments", problem=_one_of(sorted(rule.environments)))
    least = rule.assurance
    if least is not None and not all(
        each.assurance.is_at_least(least) for each in chain.principals
    ):
        problem = f"everybody in the chain must be known by {least.value!r} or more surely"
        yield _Failure(constraint="assurance", problem=problem)


def _argument_failures(
    rule: RuleSpec, arguments: Mapping[str, Frozen], circumstances: Circumstances
) -> Iterator[_Failure]:
    """Find what keeps a rule that allows or asks from applying."""
    for each in rule.arguments:
        key = key_of(("args", each.name))
        if each.name not in arguments:
            if not each.optional:
                yield _Failure(constraint=key, problem=f"is missing and {each.constraint.demand}")
            continue
        problem = each.constraint.problem_with(arguments[each.name])
        if problem is not None:
            yield _Failure(constraint=key, problem=problem)
    if arguments.keys() - {each.name for each in rule.arguments}:
        yield _Failure(constraint="args", problem="must hold nothing that the rule does not list")
    for each in rule.arguments:
        if each.otherwise is Effect.DENY and not _comes_from(each, arguments, circumstances):
            problem = f"must come from {in_words(each.origins or ())}"
            yield _Failure(constraint=key_of(("args", each.name, "from")), problem=problem)
    yield from _resource_failures(rule, circumstances.resources)


def _resource_failures(rule: RuleSpec, resources: tuple[str, ...] | None) -> Iterator[_Failure]:
    if rule.resource is not None:
        if not resources:
            yield _Failure(constraint="resource", problem="must be said by the program's hook")
        elif any(rule.resource.problem_with(each) is not None for each in resources):
            yield _Failure(constraint="resource", problem=rule.resource.demand)


def _certain_failures(
    rule: RuleSpec, arguments: Mapping[str, Frozen], circumstances: Circumstances
) -> Iterator[_Failure]:
    """Find what keeps a rule that denies from applying: something that certainly is not meant."""
    for each in rule.arguments:
        if each.name in arguments and each.constraint.rules_out(arguments[each.name]):
            key = key_of(("args", each.name))
            yield _Failure(
                constraint=key, problem=f"certainly is not meant: {each.constraint.demand}"
            )
    for each in rule.arguments:
        wanted, origins = each.origins, circumstances.origins
        if wanted is not None and is_elsewhere(wanted, each.name, arguments, origins):
            problem = f"certainly is not meant: must come from {in_words(wanted)}"
            yield _Failure(constraint=key_of(("args", each.name, "from")), problem=problem)
    resources = circumstances.resources
    if rule.resource is not None and resources and all(map(rule.resource.rules_out, resources)):
        problem = f"certainly is not meant: {rule.resource.demand}"
        yield _Failure(constraint="resource", problem=problem)


def _model_failures(rule: RuleSpec, call: ModelCall) -> Iterator[_Failure]:
    denies = rule.effect is Effect.DENY
    operations = rule.effective_operations
    if operations is not None:
        names = {call.pair}
        if denies or call.kind not in PAIR_ONLY:
            names |= {call.operation, call.kind.value}
        if names.isdisjoint(operations):
            yield _Failure(constraint="operation", problem=_one_of(operations))
    named = any(Glob(name).matches(call.model) for name in rule.models)
    if denies:
        named = named or not rule.models or (not call.model and call.kind in _CHOOSES_A_MODEL)
    else:
        named = named or (not rule.models and not call.model)
    if not named:
        problem = _one_of(rule.models) if rule.models else "must be absent"
        yield _Failure(constraint="model", problem=problem)
    if not denies and not call.references <= set(rule.references):
        listed = (
            _one_of(each.value for each in rule.references) if rule.references else "must be none"
        )
        yield _Failure(constraint="references", problem=listed)


def _shadow(rule: RuleSpec, circumstances: Circumstances) -> tuple[bool, _Failure | None]:
    """Say whether a rule is in shadow, and what keeps one whose time is over from applying."""
    until = rule.shadow_until
    if until is None:
        return False, None
    today = _day(circumstances)
    if today is not None and today <= until:
        return True, None
    if rule.effect is Effect.ALLOW:
        problem = "is never in force while it stands in the rule"
        return False, _Failure(constraint=IN_SHADOW, problem=problem)
    return False, None


def _day(circumstances: Circumstances) -> date | None:
    now = circumstances.now
    return None if now is None else now.astimezone(UTC).date()


def _one_of(names: Iterable[str]) -> str:
    return f"must be one of {', '.join(map(repr, names))}"
