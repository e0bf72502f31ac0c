# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is this rule about this call?

Expands the groups and globs of a rule once, at load, and answers for one rule at a time.
Which rules are asked says ``table``; which of them stand at this time says ``standing``, and which
of them decides ``matching``.

INVARIANT: what can only be allowed by its pair is allowed by no name, kind or missing word, and a
rule that denies is evaded by none of them (tests/policy/test_model_calls.py,
tests/policy/test_specification.py).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

from agentguard.canonical import Frozen
from agentguard.policy.conditions import Check, Conditions, Context, checks_of, conditions_of
from agentguard.policy.constraints import Anything
from agentguard.policy.document import (
    ANYBODY,
    EVERY_CLASS,
    GROUP,
    ArgumentSpec,
    LimitSpec,
    PolicyDocument,
    RuleSpec,
)
from agentguard.policy.globs import Glob, is_glob
from agentguard.policy.targets import finding_tools
from agentguard.vocabulary import Effect, Kind, ModelCall, Reference

Order: TypeAlias = tuple[int, int, str, int, int, str]

_STRICTNESS = {Effect.DENY: 0, Effect.APPROVE: 1, Effect.ALLOW: 2}

# What can only be allowed by naming the very pair, so that no name or kind lets it in unnoticed.
PAIR_ONLY = frozenset({Kind.SOCKET, Kind.CREDENTIAL, Kind.ADMIN})
# Where a provider may choose a model that the request does not name.
_RUNS_A_MODEL = frozenset({Kind.INFERENCE, Kind.REMOTE_RUN, Kind.SOCKET, Kind.CREDENTIAL})


class Asked(NamedTuple):
    """A model call in the words that rules use; made once for each decision.

    Attributes:
        names: what an allowing rule may call the operation by.
        every_name: what a denying rule may call it by.
        model: the model, empty where the call names none.
        runs_a_model: whether a model may run that the call does not name.
    """

    names: frozenset[str]
    every_name: frozenset[str]
    model: str
    runs_a_model: bool


def asked(call: ModelCall) -> Asked:
    """Return a model call in the words that rules use."""
    pair, kind = call.pair, call.kind
    every_name = frozenset((pair, kind, call.operation))
    names = frozenset((pair,)) if kind in PAIR_ONLY else every_name
    return Asked(names, every_name, call.model, kind in _RUNS_A_MODEL)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CompiledRule:
    """A rule whose groups and globs are expanded.

    Attributes:
        spec: the rule as written.
        effect: what it decides; that of ``spec``, but for one that asks instead of allowing.
        order: sorts the strictest rule first: deny, then approve with the larger need, then
            allow; ties by profile, by the more limits, by the fewer references, and by rule id.
        who: the declared identities it names.
        persons: the persons it names.
        anybody: whether it names every person.
        tools: the tools it is about.
        checks: for each argument its name, its two questions, and whether it may be missing.
        conditions: what it demands of caller and circumstances, None for nothing.
        limits: the limits that what it lets happen is counted under.
        operations: what it calls operations by; None is every operation.
        models: the models it names, globs apart.
        model_globs: the globs over models.
        references: what a call that it allows may make the provider use or keep.
        classes: the classes that arguments may hold, of those that the tool may receive; None
            for all of these.
    """

    spec: RuleSpec
    effect: Effect
    order: Order
    who: frozenset[str]
    persons: frozenset[str]
    anybody: bool
    tools: tuple[str, ...]
    checks: tuple[Check, ...]
    conditions: Conditions | None
    limits: tuple[LimitSpec, ...]
    operations: frozenset[str] | None
    models: frozenset[str]
    model_globs: tuple[Glob, ...]
    references: frozenset[Reference]
    classes: frozenset[str] | None

    def acts_for(self, person: str | None) -> bool:
        """Say whether the rule is about calls made for this person; None is an autonomous call."""
        if person is None:
            return not self.anybody and not self.persons
        return self.anybody or person in self.persons

    def covers_persons_of(self, other: "CompiledRule") -> bool:
        """Say whether every call that *other* is about, as to the person, is one of this rule."""
        if other.acts_for(None) or self.acts_for(None):
            return other.acts_for(None) and self.acts_for(None)
        return self.anybody or (not other.anybody and other.persons <= self.persons)

    @property
    def is_unconditional(self) -> bool:
        """Whether the rule lays no condition on the arguments, the model or anything else."""
        if self.conditions is not None:
            return False
        if self.spec.providers:
            return not self.spec.models or self.names_model("")
        return all(isinstance(each.constraint, Anything) for each in self.spec.arguments)

    def permits(self, arguments: Mapping[str, Frozen], context: Context) -> bool:
        """Say whether every argument is listed and satisfied, and none that is needed is missing."""
        checks = self.checks
        if self.conditions is not None:
            if not self.admits(context):
                return False
            checks = self.conditions.checks(context) or checks
        seen = 0
        for name, problem_with, _, optional in checks:
            if name not in arguments:
                if not optional:
                    return False
            elif problem_with(arguments[name]) is not None:
                return False
            else:
                seen += 1
        return seen == len(arguments) and (
            self.conditions is None or self.conditions.admits_origins(arguments, context)
        )

    def catches(self, arguments: Mapping[str, Frozen], context: Context) -> bool:
        """Say whether a deny rule applies: nothing about it is certainly unsatisfied.

        Every constraint is asked, so that one that cannot answer is not passed over.
        """
        checks = self.checks
        ruled_out = False
        if self.conditions is not None:
            checks = self.conditions.checks(context) or checks
            ruled_out = self.conditions.rules_out_resources(context)
            ruled_out = self.conditions.rules_out_origins(arguments, context) or ruled_out
        for name, _, rules_out, _ in checks:
            if name in arguments and rules_out(arguments[name]):
                ruled_out = True
        return not ruled_out

    def admits(self, context: Context) -> bool:
        """Say whether caller and circumstances are as the rule demands."""
        each = self.conditions
        return each is None or (each.is_sure_of(context.chain) and each.admits_resources(context))

    def is_about(self, call: Asked) -> bool:
        """Say whether a rule for model calls is about this operation and this model."""
        return self.names_operation(call) and self.covers_model(call)

    def names_operation(self, call: Asked) -> bool:
        """Say whether a rule for model calls is about this operation."""
        if self.operations is None:
            return True
        names = call.every_name if self.spec.effect is Effect.DENY else call.names
        return not self.operations.isdisjoint(names)

    def covers_model(self, call: Asked) -> bool:
        """Say whether a rule for model calls is about the model of a call, or about its lack.

        A rule that denies is also about a model that the call leaves to the provider.
        """
        if self.names_model(call.model):
            return True
        if self.spec.effect is Effect.DENY:
            return not self.spec.models or (not call.model and call.runs_a_model)
        return not self.spec.models and not call.model

    def names_model(self, model: str) -> bool:
        """Say whether a rule for model calls names this model; only ``*`` names none, too."""
        if model in self.models:
            return True
        for glob in self.model_globs:  # noqa: SIM110 - a generator costs each call more
            if glob.matches(model):
                return True
        return False


def expand(names: Iterable[str], document: PolicyDocument) -> frozenset[str]:
    """Return the ids behind ids, groups and globs over declared identities."""
    declared = [identity.id for identity in document.identities]
    found: set[str] = set()
    for name in names:
        if name.startswith(GROUP):
            found.update(document.groups.get(name.removeprefix(GROUP), ()))
        elif is_glob(name):
            found.update(filter(Glob(name).matches, declared))
        else:
            found.add(name)
    return frozenset(found)


def compile_rules(document: PolicyDocument) -> tuple[CompiledRule, ...]:
    """Return the rules of a document, expanded, strictest first."""
    tools_of = finding_tools(document)
    cache: dict[tuple[str, ...], frozenset[str]] = {}

    def expanded(names: tuple[str, ...]) -> frozenset[str]:
        if names not in cache:
            cache[names] = expand(names, document)
        return cache[names]

    order_of = _ordering(document)
    limits = {limit.name: limit for limit in document.limits}
    rules = [
        CompiledRule(
            spec=spec,
            effect=spec.effect,
            order=order_of(spec),
            who=expanded(spec.who),
            persons=expanded(tuple(name for name in spec.persons if name != ANYBODY)),
            anybody=ANYBODY in spec.persons,
            tools=tools_of(spec),
            checks=checks_of(spec.arguments),
            conditions=conditions_of(spec),
            limits=tuple(limits[name] for name in sorted(set(spec.limits)) if name in limits),
            operations=_operations(spec),
            models=frozenset(name for name in spec.models if not is_glob(name)),
            model_globs=tuple(Glob(name) for name in spec.models if is_glob(name)),
            references=frozenset(spec.references),
            classes=_classes(spec, document),
        )
        for spec in document.rules
    ]
    return tuple(sorted(rules, key=lambda rule: rule.order))


def with_doubtful(
    rules: Iterable[CompiledRule], document: PolicyDocument
) -> tuple[CompiledRule, ...]:
    """Return rules, and beside each that lets a call happen or else asks one that asks.

    That one is written in the same rule, and is about the calls of which an argument does not come
    from where the rule wants it from, though everything else fits.
    """
    order_of = _ordering(document)
    every = list(rules)
    for rule in tuple(every):
        spec = rule.spec
        if spec.effect is Effect.ALLOW and any(map(_asks_otherwise, spec.arguments)):
            asking = replace(spec, effect=Effect.APPROVE)
            every.append(
                replace(
                    rule,
                    effect=Effect.APPROVE,
                    order=order_of(asking),
                    conditions=conditions_of(asking, in_doubt=True),
                )
            )
    return tuple(sorted(every, key=lambda rule: rule.order))


def _asks_otherwise(argument: ArgumentSpec) -> bool:
    return argument.origins is not None and argument.otherwise is Effect.APPROVE


def _ordering(document: PolicyDocument) -> Callable[[RuleSpec], Order]:
    needs = {profile.name: profile.need for profile in document.profiles}

    def order_of(spec: RuleSpec) -> Order:
        return (
            _STRICTNESS[spec.effect],
            -needs.get(spec.approval or "", 0),
            spec.approval or "",
            -len(set(spec.limits)),
            len(set(spec.references)),
            spec.id,
        )

    return order_of


def _classes(spec: RuleSpec, document: PolicyDocument) -> frozenset[str] | None:
    if spec.classes is None:
        return None
    named = spec.classes
    return frozenset(
        each.name
        for each in document.classes
        if not named.isdisjoint({EVERY_CLASS, each.name, each.family})
    )


def _operations(spec: RuleSpec) -> frozenset[str] | None:
    operations = spec.effective_operations
    return None if operations is None else frozenset(operations)
