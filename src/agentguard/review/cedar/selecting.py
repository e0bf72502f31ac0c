# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which callers and which targets is a rule about, in Cedar's words?

Groups stay groups and globs stay patterns: Cedar finds the members itself, so that it shows
whether agentguard found the same.

INVARIANT: a deny rule in shadow of which the time is not known denies, and one that asks lets
nothing happen (tests/review/test_cedar_export.py).
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta

from agentguard.policy import DEFAULT_OPERATIONS, RuleSpec, is_glob
from agentguard.review.cedar import syntax
from agentguard.vocabulary import Assurance, Effect, Kind

ANYBODY = "user:*"
GROUP = "group:"
UNATTENDED = "call_unattended"
ASKED = "call_with_approval"
HOSTED = "run_hosted"
MODEL = "call_model"
_BY_PAIR_ONLY = (Kind.SOCKET, Kind.CREDENTIAL, Kind.ADMIN)
_LEVELS = {assurance: level for level, assurance in enumerate(Assurance)}
_START = datetime(1970, 1, 1, tzinfo=UTC)
_CHOOSES_A_MODEL = (Kind.INFERENCE, Kind.REMOTE_RUN, Kind.SOCKET, Kind.CREDENTIAL)


def action_for(action: str, tool: str) -> str:
    """Return the id of an action on one tool."""
    return f"{action}:{tool}"


def level(assurance: Assurance) -> int:
    """Return an assurance as a number, the weakest first."""
    return _LEVELS[assurance]


def microseconds(at: datetime) -> int:
    """Return a point in time as requests say it: in microseconds since 1970."""
    return (at - _START) // timedelta(microseconds=1)


def day_end(day: date) -> int:
    """Return when a day is over, UTC, as requests say it."""
    return microseconds(datetime.combine(day + timedelta(days=1), time(), tzinfo=UTC))


def callers(rule: RuleSpec) -> list[str]:
    """Return the conditions on who calls and for whom, in what environment, how surely known."""
    conditions = [_named("principal", "Identity", rule.who)]
    if not rule.persons:
        conditions.append("!(context has person)")
    elif ANYBODY in rule.persons:
        conditions.append("context has person")
    else:
        conditions.append(
            "context has person && " + _named("context.person", "Person", rule.persons)
        )
    if rule.environments:
        conditions.append(within_environments(rule.environments))
    if rule.assurance is not None:
        conditions.append(f"{level(rule.assurance)} <= context.assurance")
    return conditions


def within_environments(names: Iterable[str]) -> str:
    """Return the condition that the call is made in one of some environments."""
    here = "context.environment"
    return f"context has environment && {syntax.texts(names)}.contains({here})"


def _named(who: str, kind: str, names: Iterable[str]) -> str:
    """Return the condition that somebody is among ids, groups and globs."""
    ids, groups, globs = sorted_out(names)
    conditions = []
    if ids:
        conditions.append(_among(who, kind, ids))
    if groups:
        conditions.append(_among(who, "Group", groups))
    conditions += [f"{who} has name && {who}.name like {syntax.pattern(glob)}" for glob in globs]
    return syntax.any_of(conditions)


def _among(who: str, kind: str, names: list[str]) -> str:
    entities = [syntax.entity(kind, name) for name in names]
    return f"{who} in {entities[0] if len(entities) == 1 else syntax.set_of(entities)}"


def sorted_out(names: Iterable[str]) -> tuple[list[str], list[str], list[str]]:
    """Return ids, the names of groups, and globs."""
    every = sorted(set(names))
    groups = [name.removeprefix(GROUP) for name in every if name.startswith(GROUP)]
    rest = [name for name in every if not name.startswith(GROUP)]
    return [n for n in rest if not is_glob(n)], groups, [n for n in rest if is_glob(n)]


def tool_selection(rule: RuleSpec) -> list[str]:
    """Return the conditions on the tool."""
    conditions = tools_named(rule.tools) if rule.tools else []
    if rule.impacts:
        conditions.append(f"{syntax.texts(rule.impacts)}.contains(resource.impact)")
    return conditions


def tools_named(tools: Iterable[str]) -> list[str]:
    """Return the condition that the tool is among names, groups and globs."""
    names, groups, globs = sorted_out(tools)
    chosen = []
    if names:
        chosen.append(_among("resource", "Tool", names))
    if groups:
        chosen.append(_among("resource", "ToolGroup", groups))
    chosen += [f"resource.name like {syntax.pattern(glob)}" for glob in globs]
    return [syntax.any_of(chosen)]


def model_selection(rule: RuleSpec) -> list[str]:
    """Return the conditions on provider, operation, model and references."""
    denies = rule.effect is Effect.DENY
    conditions = [_among("resource", "Provider", sorted(set(rule.providers)))]
    conditions += _operation(rule, denies=denies)
    conditions += _model(rule, denies=denies)
    if not denies:
        references = [reference.value for reference in rule.references]
        conditions.append(syntax.within(references, "context.references"))
    return conditions


def _operation(rule: RuleSpec, *, denies: bool) -> list[str]:
    if rule.operations is None and denies:
        return []
    named = syntax.texts(DEFAULT_OPERATIONS if rule.operations is None else rule.operations)
    anyhow = f"{named}.containsAny([context.pair, context.kind, context.operation])"
    if denies:
        return [anyhow]
    only = syntax.texts(kind.value for kind in _BY_PAIR_ONLY)
    return [f"(if {only}.contains(context.kind) then {named}.contains(context.pair) else {anyhow})"]


def _model(rule: RuleSpec, *, denies: bool) -> list[str]:
    if not rule.models:
        return [] if denies else ['context.model == ""']
    names, _, globs = sorted_out(rule.models)
    conditions = [f"{syntax.texts(names)}.contains(context.model)"] if names else []
    conditions += [f"context.model like {syntax.pattern(glob)}" for glob in globs]
    if denies:
        chosen = syntax.texts(kind.value for kind in _CHOOSES_A_MODEL)
        conditions.append(f'(context.model == "" && {chosen}.contains(context.kind))')
    return [syntax.any_of(conditions)]


def in_force(rule: RuleSpec, *, tightens: bool) -> list[str] | None:
    """Return the conditions on the time under which a rule counts, None where it never does.

    Args:
        rule: the rule.
        tightens: whether the rule is asked for what it forbids. What is not known does not keep
            it from forbidding, and lets it permit nothing.
    """
    if rule.shadow_until is None:
        return []
    if rule.effect is Effect.ALLOW:
        return None
    end = day_end(rule.shadow_until)
    if tightens:
        return [f"!(context has now && context.now < {end})"]
    return [f"context has now && {end} <= context.now"]
