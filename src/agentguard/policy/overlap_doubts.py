# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a rule stand in the way of another one, or say something about the same calls?

What is told of two rules is certain where constraints allow it; where they do not, two rules are
taken to meet, and neither to stand in the way of the other.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations

from agentguard.policy.constraints import (
    Anything,
    Constraint,
    IntBetween,
    NumberBetween,
    are_disjoint,
    values_of,
)
from agentguard.policy.document import RuleSpec
from agentguard.policy.flaws import Flaw
from agentguard.policy.rule_doubts import shown
from agentguard.policy.rules import CompiledRule
from agentguard.vocabulary import Effect

# Each two rules about the same are compared.
_MOST_COMPARED = 1000
_MOST_TOLD = 8


def overlap_doubts(rules: Sequence[CompiledRule]) -> Iterator[Flaw]:
    """Find rules that others leave nothing to decide, and pairs that decide about the same."""
    by_target: dict[str, list[int]] = {}
    for index, rule in enumerate(rules):
        for name in (*rule.tools, *rule.spec.providers):
            by_target.setdefault(name, []).append(index)
    for name in [name for name, indices in by_target.items() if len(indices) > _MOST_COMPARED]:
        message = (
            f"more than {_MOST_COMPARED} rules are about {name!r}: which of them stand in one"
            " another's way was not looked for"
        )
        yield Flaw(("rule", by_target.pop(name)[0]), message)
    hidden: set[int] = set()
    for index, rule in enumerate(rules):
        problem = _hidden(rule, rules, by_target)
        if problem is not None:
            hidden.add(index)
            yield Flaw(("rule", index, "then"), problem)
    yield from _overlaps(rules, by_target, hidden)


def _hidden(
    rule: CompiledRule, rules: Sequence[CompiledRule], by_target: dict[str, list[int]]
) -> str | None:
    """Return why a rule never decides: stricter ones always apply where it does."""
    targets = dict.fromkeys((*rule.tools, *rule.spec.providers))
    if rule.spec.effect is Effect.DENY or not targets or not targets.keys() <= by_target.keys():
        return None
    stricter: set[str] = set()
    always_denied = True
    for target in targets:
        here = [rules[index] for index in by_target[target] if _hides(rules[index], rule)]
        denying = [each for each in here if each.spec.effect is Effect.DENY]
        if not rule.who <= frozenset().union(*(each.who for each in denying)):
            always_denied = False
            denying = here
        if not rule.who <= frozenset().union(*(each.who for each in denying)):
            return None
        stricter.update(each.spec.id for each in denying)
    names = ", ".join(map(repr, sorted(stricter)))
    if always_denied:
        return f"the rule can never apply: it is always denied by {names}"
    return f"the rule never decides: {names} always does, and is stricter"


def _hides(other: CompiledRule, rule: CompiledRule) -> bool:
    """Say whether *other* is stricter and certainly applies wherever *rule* does, but for who."""
    one, spec = other.spec, rule.spec
    if other is rule or other.order > rule.order or one.effect is spec.effect:
        return False
    if one.shadow_until is not None or one.resource is not None or one.assurance is not None:
        return False
    if one.environments and not (spec.environments and spec.environments <= one.environments):
        return False
    if not other.covers_persons_of(rule):
        return False
    if one.effect is Effect.DENY:
        return _is_never_ruled_out(one, spec) and _covers_models(other, rule)
    return _is_always_satisfied(one, spec)


def _covers_models(deny: CompiledRule, rule: CompiledRule) -> bool:
    if not rule.spec.providers:
        return True
    if deny.operations is not None and not (
        rule.operations is not None and deny.operations >= rule.operations
    ):
        return False
    return deny.is_unconditional


def _is_never_ruled_out(deny: RuleSpec, rule: RuleSpec) -> bool:
    """Say whether no call that satisfies a rule certainly fails what a rule that denies is about."""
    theirs = {each.name: each.constraint for each in rule.arguments}
    return all(
        each.name not in theirs or _is_within(theirs[each.name], each.constraint)
        for each in deny.arguments
    )


def _is_always_satisfied(asking: RuleSpec, rule: RuleSpec) -> bool:
    """Say whether every call that satisfies a rule satisfies one that asks."""
    ours = {each.name: each for each in asking.arguments}
    theirs = {each.name: each for each in rule.arguments}
    if not theirs.keys() <= ours.keys():
        return False
    return all(
        _is_within(theirs[name].constraint, each.constraint)
        and (each.optional or not theirs[name].optional)
        if name in theirs
        else each.optional
        for name, each in ours.items()
    )


def _is_within(inner: Constraint, outer: Constraint) -> bool:
    """Say whether certainly every value that satisfies *inner* satisfies *outer*."""
    if isinstance(outer, Anything) or inner.form() == outer.form():
        return True
    values = values_of(inner)
    if values is not None and not outer.contextual:
        return all(outer.problem_with(value) is None for value in values)
    if isinstance(inner, IntBetween) and isinstance(outer, IntBetween | NumberBetween):
        return outer.low <= inner.low and inner.high <= outer.high
    if isinstance(inner, NumberBetween) and isinstance(outer, NumberBetween):
        return outer.low <= inner.low and inner.high <= outer.high
    return False


def _overlaps(
    rules: Sequence[CompiledRule], by_target: dict[str, list[int]], hidden: set[int]
) -> Iterator[Flaw]:
    met: dict[tuple[int, int], list[str]] = {}
    for target, indices in by_target.items():
        here = [
            index
            for index in indices
            if rules[index].tools
            and rules[index].spec.effect is not Effect.DENY
            and index not in hidden
        ]
        for first, second in combinations(here, 2):
            pair = (first, second)
            if pair in met or _can_both_apply(rules[first], rules[second]):
                met.setdefault(pair, []).append(target)
    told: Counter[int] = Counter()
    for (first, second), targets in sorted(met.items()):
        told[second] += 1
        if told[second] > _MOST_TOLD:
            continue
        strictest = min(rules[first], rules[second], key=lambda rule: rule.order).spec.id
        plural = "tools" if len(targets) > 1 else "tool"
        message = (
            f"overlaps with rule {rules[first].spec.id!r} on {plural} {shown(targets)};"
            f" where both apply, {strictest!r} decides"
        )
        yield Flaw(("rule", second), message)
    for index, count in told.items():
        if count > _MOST_TOLD:
            yield Flaw(("rule", index), f"overlaps with {count - _MOST_TOLD} more rules")


def _can_both_apply(first: CompiledRule, second: CompiledRule) -> bool:
    if first.who.isdisjoint(second.who) or not _share_persons(first, second):
        return False
    one, other = first.spec, second.spec
    if one.environments and other.environments and one.environments.isdisjoint(other.environments):
        return False
    mine, theirs = one.resource, other.resource
    if mine is not None and theirs is not None and are_disjoint(mine, theirs):
        return False
    return not _have_disjoint_arguments(one, other)


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
