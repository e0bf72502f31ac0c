# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which rules can apply to this identity and this target?

Expands groups and globs once, at load, into rows that are found by identity and then by tool or
provider.
Rows stand strictest first, so that the first row that applies decides.

INVARIANT: the order of the rules in the file decides nothing (tests/policy/test_table.py).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from agentguard.canonical import Frozen
from agentguard.policy.constraints import Anything
from agentguard.policy.document import (
    ANYBODY,
    EVERY_CLASS,
    GROUP,
    PolicyDocument,
    RuleSpec,
    ToolSpec,
)
from agentguard.policy.globs import Glob, is_glob
from agentguard.vocabulary import (
    AskApproval,
    Decision,
    Effect,
    Impact,
    Obligation,
    Reason,
    ReceiveOnly,
    RecordBeforeDispatch,
)

Check: TypeAlias = tuple[str, Callable[[Frozen], str | None], Callable[[Frozen], bool], bool]
Order: TypeAlias = tuple[int, int, str, str]

_STRICTNESS = {Effect.DENY: 0, Effect.APPROVE: 1, Effect.ALLOW: 2}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CompiledRule:
    """A rule whose groups and globs are expanded.

    Attributes:
        spec: the rule as written.
        order: sorts the strictest rule first: deny, then approve with the larger need, then
            allow; ties by profile and rule id.
        who: the declared identities it names.
        persons: the persons it names.
        anybody: whether it names every person.
        checks: for each argument its name, its two questions, and whether it may be missing.
        models: the models it names, globs apart.
        model_globs: the globs over models.
    """

    spec: RuleSpec
    order: Order
    who: frozenset[str]
    persons: frozenset[str]
    anybody: bool
    checks: tuple[Check, ...]
    models: frozenset[str]
    model_globs: tuple[Glob, ...]

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
        """Whether the rule lays no condition on the arguments or the model."""
        if self.spec.providers:
            return any(glob.pattern.strip("*") == "" for glob in self.model_globs)
        return all(isinstance(each.constraint, Anything) for each in self.spec.arguments)

    def permits(self, arguments: Mapping[str, Frozen]) -> bool:
        """Say whether every argument is listed and satisfied, and none that is needed is missing."""
        seen = 0
        for name, problem_with, _, optional in self.checks:
            if name not in arguments:
                if not optional:
                    return False
            elif problem_with(arguments[name]) is not None:
                return False
            else:
                seen += 1
        return seen == len(arguments)

    def catches(self, arguments: Mapping[str, Frozen]) -> bool:
        """Say whether a deny rule applies: no constraint is certainly unsatisfied."""
        for name, _, rules_out, _ in self.checks:
            if name in arguments and rules_out(arguments[name]):
                return False
        return True

    def is_about(self, operation: str, model: str) -> bool:
        """Say whether a rule for model calls is about this operation and this model."""
        return operation in self.spec.operations and self.names_model(model)

    def names_model(self, model: str) -> bool:
        """Say whether a rule for model calls names this model."""
        return model in self.models or any(glob.matches(model) for glob in self.model_globs)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Row:
    """A rule at its place in the table, with the decision it leads to."""

    rule: CompiledRule
    order: Order
    denies: bool
    decision: Decision


Rows: TypeAlias = tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reach:
    """What the rules say about one identity, by tool and by provider."""

    tools: Mapping[str, Rows]
    providers: Mapping[str, Rows]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """The whole table.

    Attributes:
        reach: by declared identity; identities that the same rules name share one value.
        by_tool: for each tool one rule that could let somebody run it, for explanations.
        by_provider: the same for each provider.
    """

    reach: Mapping[str, Reach]
    by_tool: Mapping[str, CompiledRule]
    by_provider: Mapping[str, CompiledRule]


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


def received_by(tool: ToolSpec, document: PolicyDocument) -> frozenset[str]:
    """Return the names of the classes that a tool may receive."""
    return frozenset(
        each.name
        for each in document.classes
        if not tool.receives.isdisjoint({EVERY_CLASS, each.name, each.family})
    )


def compile_rules(document: PolicyDocument) -> tuple[CompiledRule, ...]:
    """Return the rules of a document, expanded, strictest first."""
    needs = {profile.name: profile.need for profile in document.profiles}
    cache: dict[tuple[str, ...], frozenset[str]] = {}

    def expanded(names: tuple[str, ...]) -> frozenset[str]:
        if names not in cache:
            cache[names] = expand(names, document)
        return cache[names]

    rules = [
        CompiledRule(
            spec=spec,
            order=(
                _STRICTNESS[spec.effect],
                -needs.get(spec.approval or "", 0),
                spec.approval or "",
                spec.id,
            ),
            who=expanded(spec.who),
            persons=expanded(tuple(name for name in spec.persons if name != ANYBODY)),
            anybody=ANYBODY in spec.persons,
            checks=tuple(
                (each.name, each.constraint.problem_with, each.constraint.rules_out, each.optional)
                for each in spec.arguments
            ),
            models=frozenset(name for name in spec.models if not is_glob(name)),
            model_globs=tuple(Glob(name) for name in spec.models if is_glob(name)),
        )
        for spec in document.rules
    ]
    return tuple(sorted(rules, key=lambda rule: rule.order))


def build_table(document: PolicyDocument, rules: tuple[CompiledRule, ...], digest: str) -> Table:
    """Return the table of rules that were compiled from *document*."""
    rows = _rows(document, rules, digest)
    by_who: dict[frozenset[str], list[int]] = {}
    for index, rule in enumerate(rules):
        by_who.setdefault(rule.who, []).append(index)
    named: dict[str, list[frozenset[str]]] = {identity.id: [] for identity in document.identities}
    for who in by_who:
        for identity in who & named.keys():
            named[identity].append(who)
    shared: dict[tuple[frozenset[str], ...], Reach] = {}
    reach: dict[str, Reach] = {}
    for identity, sets in named.items():
        key = tuple(sets)
        if key not in shared:
            shared[key] = _reach(rules, rows, sorted(i for who in sets for i in by_who[who]))
        reach[identity] = shared[key]
    candidates = sorted(
        (rule for rule in rules if rule.spec.effect is not Effect.DENY),
        key=lambda rule: rule.spec.id,
        reverse=True,
    )
    return Table(
        reach=reach,
        by_tool={name: rule for rule in candidates for name in rule.spec.tools},
        by_provider={name: rule for rule in candidates for name in rule.spec.providers},
    )


def _reach(
    rules: tuple[CompiledRule, ...], rows: Mapping[tuple[int, str], Row], indices: Iterable[int]
) -> Reach:
    tools: dict[str, list[Row]] = {}
    providers: dict[str, list[Row]] = {}
    for index in indices:
        spec = rules[index].spec
        for name in dict.fromkeys(spec.tools):
            tools.setdefault(name, []).append(rows[index, name])
        for name in dict.fromkeys(spec.providers):
            providers.setdefault(name, []).append(rows[index, name])
    return Reach(
        tools={name: tuple(found) for name, found in tools.items()},
        providers={name: tuple(found) for name, found in providers.items()},
    )


def _rows(
    document: PolicyDocument, rules: tuple[CompiledRule, ...], digest: str
) -> dict[tuple[int, str], Row]:
    duties = {tool.name: _duties(tool, document) for tool in document.tools}
    rows: dict[tuple[int, str], Row] = {}
    for index, rule in enumerate(rules):
        plain = _decision(rule.spec, digest)
        for name in (*rule.spec.tools, *rule.spec.providers):
            decision = plain
            if rule.spec.effect is not Effect.DENY:
                decision = replace(plain, obligations=(*duties.get(name, ()), *plain.obligations))
            rows[index, name] = Row(
                rule=rule,
                order=rule.order,
                denies=rule.spec.effect is Effect.DENY,
                decision=decision,
            )
    return rows


def _duties(tool: ToolSpec, document: PolicyDocument) -> tuple[Obligation, ...]:
    receive = ReceiveOnly(classes=received_by(tool, document))
    if tool.impact is Impact.READ_ONLY:
        return (receive,)
    return (receive, RecordBeforeDispatch())


def _decision(spec: RuleSpec, digest: str) -> Decision:
    match spec.effect:
        case Effect.ALLOW:
            return Decision(effect=Effect.ALLOW, policy=digest, rule=spec.id)
        case Effect.APPROVE:
            return Decision(
                effect=Effect.APPROVE,
                policy=digest,
                rule=spec.id,
                reason=Reason.APPROVAL_PENDING,
                obligations=(AskApproval(profile=spec.approval or ""),),
            )
        case Effect.DENY:
            return Decision(
                effect=Effect.DENY, policy=digest, rule=spec.id, reason=Reason.DENIED_BY_RULE
            )
