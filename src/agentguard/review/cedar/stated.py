# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a rule say in Cedar?

Cedar knows yes and no, so each call is asked about twice, as ``call_unattended`` and then as
``call_with_approval``. A rule that allows permits both. One that asks permits the second and
forbids the first. One that denies forbids both.

INVARIANT: a deny rule forbids where an argument is missing or has another type
(tests/review/test_cedar_export.py).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from agentguard.policy import LimitSpec, PolicyDocument, RuleSpec
from agentguard.review.cedar import syntax
from agentguard.review.cedar.conditions import ruled_out, satisfied
from agentguard.review.cedar.flowing import certainly_elsewhere, origin_conditions
from agentguard.review.cedar.places import Place
from agentguard.review.cedar.selecting import (
    ASKED,
    HOSTED,
    MODEL,
    UNATTENDED,
    action_for,
    callers,
    in_force,
    model_selection,
    sorted_out,
    tool_selection,
)
from agentguard.review.cedar.views import View
from agentguard.vocabulary import Effect

INPUT = "context.input"
RESOURCE = "context.resource"
IDS = "ids"
_SCALE = (Effect.DENY, Effect.APPROVE, Effect.ALLOW)


@dataclass(slots=True, eq=False)
class Places:
    """Where the arguments of one rule stand.

    Attributes:
        arguments: a place for each.
        ids: the place of the ids of objects.
        hosted: the tools that run at a provider.
    """

    arguments: Mapping[str, Place]
    ids: Place
    hosted: frozenset[str]


def places_of(
    rule: RuleSpec, views: Mapping[str, frozenset[View]], hosted: frozenset[str]
) -> Places:
    """Return the places of a rule's arguments.

    Args:
        rule: the rule.
        views: for each name of an argument the views that any policy reads.
        hosted: the tools that run at a provider.
    """
    return Places(
        arguments={
            each.name: Place(each.name, INPUT, views.get(each.name, frozenset()))
            for each in rule.arguments
        },
        ids=Place(IDS, RESOURCE, holds_several=True),
        hosted=hosted,
    )


def permitting(rule: RuleSpec, places: Places) -> list[str] | None:
    """Return the conditions under which a rule lets a call happen; None where it never does."""
    time = in_force(rule, tightens=False)
    return None if time is None else [*time, *_fitting(rule, places)]


def tightening(rule: RuleSpec, places: Places) -> list[str] | None:
    """Return the conditions under which a rule keeps a call from happening unattended."""
    time = in_force(rule, tightens=True)
    return None if time is None else [*time, *_fitting(rule, places)]


def _fitting(rule: RuleSpec, places: Places) -> list[str]:
    """Return the conditions that a rule is about a call and that everything in it fits."""
    if rule.providers:
        return [*callers(rule), *model_selection(rule)]
    conditions = [*callers(rule), *tool_selection(rule)]
    conditions.append(syntax.within((each.name for each in rule.arguments), "context.names"))
    for each in rule.arguments:
        named = f"context.names.contains({syntax.text(each.name)})"
        fits = satisfied(places.arguments[each.name], each.constraint)
        if each.optional:
            conditions.append(syntax.any_of([f"!{named}", fits]))
        else:
            conditions += [named, fits]
    conditions += origin_conditions(rule)
    if rule.resource is not None:
        conditions.append(some_ids(places.ids))
        conditions.append(satisfied(places.ids, rule.resource))
    return [condition for condition in conditions if condition != "true"]


def denying(rule: RuleSpec, places: Places) -> list[str] | None:
    """Return the conditions under which a rule denies: nothing certainly fails."""
    time = in_force(rule, tightens=True)
    if time is None:
        return None
    if rule.providers:
        return [*time, *callers(rule), *model_selection(rule)]
    failing = [ruled_out(places.arguments[each.name], each.constraint) for each in rule.arguments]
    failing += certainly_elsewhere(rule)
    if rule.resource is not None:
        failing.append(ruled_out(places.ids, rule.resource))
    not_failing = [syntax.negated(each) for each in failing if each != "false"]
    return [*time, *callers(rule), *tool_selection(rule), *not_failing]


def some_ids(place: Place) -> str:
    """Return the condition that a call is about some objects."""
    return place.reading(View.COUNT, holds=lambda count: f"0 < {count}")


def statements(rule: RuleSpec, places: Places) -> list[str]:
    """Return the policies that a rule becomes, limits apart."""
    notes = {"rule": rule.id, "then": rule.effect.value}
    if rule.approval is not None:
        notes["approval"] = rule.approval
    made: list[tuple[str, Sequence[str], list[str] | None]]
    match rule.effect:
        case Effect.ALLOW:
            made = [("permit", (UNATTENDED, ASKED, HOSTED), permitting(rule, places))]
        case Effect.APPROVE:
            made = [
                ("permit", (ASKED,), permitting(rule, places)),
                ("forbid", (UNATTENDED,), tightening(rule, places)),
            ]
        case Effect.DENY:
            made = [("forbid", (UNATTENDED, ASKED, HOSTED), denying(rule, places))]
    return [
        syntax.statement(verdict, head, conditions, notes)
        for verdict, actions, conditions in made
        if conditions is not None and (head := _head(rule, actions, places.hosted)) is not None
    ]


def _head(
    rule: RuleSpec, actions: Sequence[str], hosted: frozenset[str]
) -> tuple[str, str, str] | None:
    """Return what a policy is about, None where there is no such action."""
    if rule.providers:
        return "principal", f"action == {syntax.entity('Action', MODEL)}", "resource"
    named = list(actions)
    if names_only(rule):
        # By tool where that can be said: Cedar validates a policy for each action it is about.
        named = [
            action_for(action, tool)
            for action in actions
            for tool in sorted(set(rule.tools))
            if (action == HOSTED) == (tool in hosted)
        ]
    if not named:
        return None
    every = syntax.set_of(syntax.entity("Action", action) for action in named)
    return "principal", f"action in {every}", "resource"


def limiting(rule: RuleSpec, document: PolicyDocument, places: Mapping[str, Places]) -> list[str]:
    """Return the policies that keep a rule within its limits.

    What a rule lets happen is counted where the rule decides, so every rule that would decide
    instead is excluded by its own conditions.
    """
    if not rule.limits or rule.effect is Effect.DENY:
        return []
    limits = {limit.name: limit for limit in document.limits}
    full = syntax.any_of(_is_full(limits[name]) for name in sorted(set(rule.limits)))
    before = [
        each
        for each in document.rules
        if _decides_before(each, rule, document) and each.id != rule.id
    ]
    kinds = (tightening, permitting) if _has_shadow((rule, *before)) else (permitting,)
    made = []
    for conditions_of in kinds:
        own = conditions_of(rule, places[rule.id])
        if own is None:
            continue
        instead = [conditions_of(each, places[each.id]) for each in before]
        others = [syntax.negated(syntax.all_of(each)) for each in instead if each is not None]
        notes = {"rule": rule.id, "limits": ", ".join(sorted(set(rule.limits)))}
        head = _head(rule, (UNATTENDED, ASKED), places[rule.id].hosted)
        if head is not None:
            made.append(syntax.statement("forbid", head, [*own, *others, full], notes))
    return made


def _has_shadow(rules: Iterable[RuleSpec]) -> bool:
    return any(rule.shadow_until is not None for rule in rules)


def _is_full(limit: LimitSpec) -> str:
    """Return the condition that a limit has no room for one more call."""
    if limit.calls is None:
        return f"!context.facts.contains({syntax.text(has_room(limit))})"
    spent = syntax.member("context.spent", limit.name)
    return f"!({syntax.has('context.spent', limit.name)} && {spent} < {limit.calls})"


def has_room(limit: LimitSpec) -> str:
    """Return the fact that a limit of a sum has room for a call; Cedar cannot add decimals."""
    return f"limit {limit.name} has room"


def _decides_before(one: RuleSpec, other: RuleSpec, document: PolicyDocument) -> bool:
    """Say whether a rule that does not deny would decide instead of another, if both fit."""
    if one.effect is Effect.DENY or bool(one.providers) != bool(other.providers):
        return False
    needs = {profile.name: profile.need for profile in document.profiles}

    def order(rule: RuleSpec) -> tuple[int, int, str, int, int, str]:
        return (
            _SCALE.index(rule.effect),
            -needs.get(rule.approval or "", 0),
            rule.approval or "",
            -len(set(rule.limits)),
            len(set(rule.references)),
            rule.id,
        )

    return order(one) < order(other)


def names_only(rule: RuleSpec) -> bool:
    """Say whether a rule names its tools one by one."""
    _, groups, globs = sorted_out(rule.tools)
    return bool(rule.tools) and not groups and not globs and not rule.impacts
