# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What in a policy is probably not meant?

Finds doubts, not flaws: a policy with doubts is in force as written.
Looks at rules that overlap, that can never apply, or that are wider than they need to be.
"""

from collections.abc import Iterator
from itertools import combinations

from agentguard.policy.constraints import are_disjoint
from agentguard.policy.document import TEXT_FAMILIES, PolicyDocument, RuleSpec
from agentguard.policy.flaws import Flaw
from agentguard.policy.globs import is_glob
from agentguard.policy.hosted_types import KNOWN_TYPES
from agentguard.policy.issuer_flaws import issuer_doubts
from agentguard.policy.rules import CompiledRule, compile_rules
from agentguard.policy.tool_schemas import argument_doubts
from agentguard.vocabulary import Action, Effect, Impact, Profile


def doubts_about(document: PolicyDocument) -> tuple[Flaw, ...]:
    """Return the doubts about a document that has no flaws."""
    places = {spec.id: index for index, spec in enumerate(document.rules)}
    rules = sorted(compile_rules(document), key=lambda rule: places[rule.spec.id])
    impacts = {tool.name: tool.impact for tool in document.tools}
    doubts: list[Flaw] = []
    for index, rule in enumerate(rules):
        doubts += (
            Flaw(("rule", index, key), message)
            for key, message in (
                *_wide_who(rule.spec, impacts),
                *_unasked(rule.spec, impacts),
                *_deny_for_nobody(rule.spec),
                *_shadowed(rule, rules),
            )
        )
    doubts += argument_doubts(document)
    doubts += _unknown_types(document)
    doubts += _quiet_detection(document)
    doubts += _passing_classes(document)
    doubts += issuer_doubts(document)
    doubts += _overlaps(rules, places)
    return tuple(doubts)


def _wide_who(rule: RuleSpec, impacts: dict[str, Impact]) -> Iterator[tuple[str, str]]:
    if rule.effect is Effect.DENY or not any(map(is_glob, rule.who)):
        return
    for name in rule.tools:
        if impacts[name] is not Impact.READ_ONLY:
            yield "who", f"a wildcard lets every identity that fits it run {name!r}, which writes"


def _unasked(rule: RuleSpec, impacts: dict[str, Impact]) -> Iterator[tuple[str, str]]:
    if rule.effect is not Effect.ALLOW:
        return
    if any(each.constraint.form() != {"any": True} for each in rule.arguments):
        return
    for name in rule.tools:
        if impacts[name] is Impact.IRREVERSIBLE:
            yield "then", f"allows {name!r}, which is irreversible, unconstrained and unapproved"


def _deny_for_nobody(rule: RuleSpec) -> Iterator[tuple[str, str]]:
    if rule.effect is Effect.DENY and not rule.persons:
        yield "then", "denies autonomous calls only; add for = ['user:*'] in a rule for the others"


def _unknown_types(document: PolicyDocument) -> Iterator[Flaw]:
    for index, tool in enumerate(document.tools):
        for name in sorted(tool.hosted - KNOWN_TYPES):
            message = f"{name!r} is no type of hosted tool that agentguard knows; is it misspelt?"
            yield Flaw(("tool", index, "hosted"), message)


def _quiet_detection(document: PolicyDocument) -> Iterator[Flaw]:
    if document.detection.profile is Profile.STRICT:
        message = "'strict' misses more than 'balanced' does, for fewer false findings"
        yield Flaw(("detection", "profile"), message)


def _passing_classes(document: PolicyDocument) -> Iterator[Flaw]:
    classes = {each.name: each for each in document.classes}
    for index, source in enumerate(document.class_sources):
        data_class = classes[source.name]
        if data_class.family in TEXT_FAMILIES and data_class.action is Action.LABEL:
            message = f"{source.name!r} leaves as it is, to every provider that 'at' does not name"
            yield Flaw(("class", index, "action"), message)


def _shadowed(rule: CompiledRule, rules: list[CompiledRule]) -> Iterator[tuple[str, str]]:
    if rule.spec.effect is Effect.DENY:
        return
    denies = [
        other
        for other in rules
        if other.spec.effect is Effect.DENY
        and other.is_unconditional
        and other.covers_persons_of(rule)
        and _covers_operations(other, rule)
    ]
    targets = (*rule.spec.tools, *rule.spec.providers)
    shadows: set[str] = set()
    for target in targets:
        here = [deny for deny in denies if target in (*deny.spec.tools, *deny.spec.providers)]
        if not rule.who <= frozenset().union(*(deny.who for deny in here)):
            return
        shadows.update(deny.spec.id for deny in here)
    if shadows:
        names = ", ".join(map(repr, sorted(shadows)))
        yield "then", f"the rule can never apply: it is always denied by {names}"


def _covers_operations(deny: CompiledRule, rule: CompiledRule) -> bool:
    if deny.operations is None:
        return True
    return rule.operations is not None and deny.operations >= rule.operations


def _overlaps(rules: list[CompiledRule], places: dict[str, int]) -> Iterator[Flaw]:
    by_tool: dict[str, list[CompiledRule]] = {}
    for rule in rules:
        if rule.spec.effect is not Effect.DENY:
            for name in dict.fromkeys(rule.spec.tools):
                by_tool.setdefault(name, []).append(rule)
    for name, here in by_tool.items():
        for first, second in combinations(here, 2):
            if _can_both_apply(first, second):
                yield Flaw(
                    ("rule", places[second.spec.id]),
                    f"overlaps with rule {first.spec.id!r} on tool {name!r}; {_winner(first, second)}",
                )


def _winner(first: CompiledRule, second: CompiledRule) -> str:
    strictest = min(first, second, key=lambda rule: rule.order)
    return f"where both apply, {strictest.spec.id!r} decides"


def _can_both_apply(first: CompiledRule, second: CompiledRule) -> bool:
    if first.who.isdisjoint(second.who) or not _share_persons(first, second):
        return False
    return not _have_disjoint_arguments(first.spec, second.spec)


def _share_persons(first: CompiledRule, second: CompiledRule) -> bool:
    if first.acts_for(None) or second.acts_for(None):
        return first.acts_for(None) and second.acts_for(None)
    return first.anybody or second.anybody or not first.persons.isdisjoint(second.persons)


def _have_disjoint_arguments(first: RuleSpec, second: RuleSpec) -> bool:
    left = {each.name: each for each in first.arguments}
    right = {each.name: each for each in second.arguments}
    for name in left.keys() | right.keys():
        one, other = left.get(name), right.get(name)
        if one is None or other is None:
            listed = one or other
            if listed is not None and not listed.optional:
                return True  # one rule needs what the other does not list
        elif not (one.optional and other.optional) and are_disjoint(
            one.constraint, other.constraint
        ):
            return True
    return False
