# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Why did no rule allow this call?

Finds the rule that came closest and the first thing that failed in it.
Runs only after a default deny, and looks at a bounded number of rules.

INVARIANT: says what the rule demands, never what the call held (tests/policy/test_nearest.py).
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import islice

from agentguard.canonical import Frozen
from agentguard.policy.conditions import Context
from agentguard.policy.doubting import in_words
from agentguard.policy.flaws import key_of
from agentguard.policy.rules import PAIR_ONLY, Asked, CompiledRule
from agentguard.policy.table import Rows
from agentguard.vocabulary import ModelCall, Nearest

MOST_RULES_COMPARED = 100
ORIGIN = "from"
_MOST_NAMES_SHOWN = 8
_LONGEST_NAME_SHOWN = 64
# More than any number of arguments: a rule whose arguments are all satisfied is nearer.
_ALL_BUT_RESOURCE = 1_000_000
_ALL_BUT_ASSURANCE = 1_000_001
_ALL_BUT_ORIGINS = 1_000_002

Failure = tuple[int, str, str]


def _looks_like_a_name(name: str) -> bool:
    return name.isidentifier() and len(name) <= _LONGEST_NAME_SHOWN


def nearest_for_tool(
    rows: Rows,
    fallback: CompiledRule | None,
    arguments: Mapping[str, Frozen],
    context: Context,
    *,
    pinned: bool = True,
    repeats: Callable[[str], bool] = _looks_like_a_name,
) -> Nearest | None:
    """Return the rule that came closest to letting a tool run.

    Args:
        rows: the rows of the actor for the tool.
        fallback: some rule that lets somebody run the tool.
        arguments: the arguments of the call that was denied.
        context: who made it, and in what circumstances.
        pinned: whether the tool's definition is the one that the policy pins, if it pins one.
        repeats: which names of unlisted arguments may be repeated.
    """

    def failure(rule: CompiledRule) -> Failure:
        if not rule.acts_for(context.person):
            return 0, "for", _persons_demanded(rule)
        if not pinned:
            return 1, "definition", "must be the one that the policy pins"
        found = _argument_failure(rule, arguments, context, repeats)
        return found or _condition_failure(rule, arguments, context)

    return _closest(rows, fallback, failure)


def nearest_for_model(
    rows: Rows, fallback: CompiledRule | None, call: Asked, context: Context
) -> Nearest | None:
    """Return the rule that came closest to letting a model be called; see nearest_for_tool."""

    def failure(rule: CompiledRule) -> Failure:
        if not rule.acts_for(context.person):
            return 0, "for", _persons_demanded(rule)
        if not rule.names_operation(call):
            return 1, "operation", _one_of(rule.spec.effective_operations or ())
        if not rule.covers_model(call):
            return 2, "model", _model_demanded(rule)
        return _condition_failure(rule, {}, context)

    return _closest(rows, fallback, failure)


def nearest_dormant(rules: Iterable[CompiledRule], context: Context) -> Nearest | None:
    """Return a rule that would name the actor, but does not stand here and now."""
    actor, here = context.chain.actor.id, context.circumstances.environment
    for rule in islice(rules, MOST_RULES_COMPARED):
        if actor not in rule.who:
            continue
        if rule.spec.environments and here not in rule.spec.environments:
            demand = _one_of(sorted(rule.spec.environments))
            return Nearest(rule=rule.spec.id, constraint="environments", problem=demand)
        if rule.spec.shadow_until is not None:
            demand = "must be taken out: until then the rule is recorded, not carried out"
            return Nearest(rule=rule.spec.id, constraint="shadow_until", problem=demand)
    return None


def remedy_for_model(provider: str, call: ModelCall, near: Nearest | None) -> str | None:
    """Return the line of the policy that would allow an operation, None if that is not it.

    Verb, path template and operation come from a table that is shipped, not from the call.
    """
    name = call.pair if call.kind in PAIR_ONLY else call.operation
    if near is None:
        return f"allow it in a rule with provider = {provider!r} and operation = [{name!r}]"
    if near.constraint == "operation":
        return f"add {name!r} to the operation of rule {near.rule!r}"
    return None


def is_about_origin(near: Nearest) -> bool:
    """Say whether the nearest rule does not apply because of where an argument comes from."""
    # The key is a rule's: what else there is of an argument called "from" ends in no second one.
    key = near.constraint
    return key.startswith("args.") and key.endswith(f".{ORIGIN}") and key != f"args.{ORIGIN}"


def remedy_for_origin(near: Nearest) -> str:
    """Return the line of the policy under which people would be asked about such a call."""
    argument = near.constraint.removesuffix(f".{ORIGIN}")
    return (
        f"let it be asked about: add else = 'approve' to {argument} of rule {near.rule!r},"
        " and an 'approval' profile"
    )


def _closest(
    rows: Rows, fallback: CompiledRule | None, failure: Callable[[CompiledRule], Failure]
) -> Nearest | None:
    best: tuple[int, Nearest] | None = None
    for row in islice((row for row in rows if not row.denies), MOST_RULES_COMPARED):
        try:
            satisfied, constraint, problem = failure(row.rule)
        except Exception:  # noqa: BLE001 - what cannot be evaluated allows nothing, and explains so
            satisfied, constraint, problem = 0, "args", "could not be evaluated"
        if best is None or satisfied > best[0]:
            near = Nearest(rule=row.rule.spec.id, constraint=constraint, problem=problem)
            best = (satisfied, near)
    if best is not None:
        return best[1]
    if fallback is None:
        return None
    return Nearest(rule=fallback.spec.id, constraint="who", problem=_one_of(fallback.spec.who))


def _argument_failure(
    rule: CompiledRule,
    arguments: Mapping[str, Frozen],
    context: Context,
    repeats: Callable[[str], bool],
) -> Failure | None:
    satisfied = 2
    for each in rule.spec.arguments:
        constraint = each.constraint.in_context(context.chain, context.circumstances)
        if each.name not in arguments:
            if not each.optional:
                problem = f"is missing and {constraint.demand}"
                return satisfied, key_of(("args", each.name)), problem
        elif (problem_found := constraint.problem_with(arguments[each.name])) is not None:
            return satisfied, key_of(("args", each.name)), problem_found
        satisfied += 1
    unlisted = sorted(arguments.keys() - {each.name for each in rule.spec.arguments})
    if not unlisted:
        return None
    # Names of arguments can come from a model or a caller; text in their place is not repeated.
    place = key_of(("args", unlisted[0])) if repeats(unlisted[0]) else "args"
    return satisfied, place, "is not listed in the rule and must be absent"


def _condition_failure(
    rule: CompiledRule, arguments: Mapping[str, Frozen], context: Context
) -> Failure:
    """Return which condition failed of a rule whose arguments are satisfied."""
    conditions = rule.conditions
    if conditions is not None and not conditions.is_sure_of(context.chain):
        demand = f"must be {conditions.assurance!s} or surer, for everybody in the chain"
        return _ALL_BUT_ASSURANCE, "assurance", demand
    if conditions is not None and not conditions.admits_resources(context):
        if not context.circumstances.resources or conditions.resource is None:
            return _ALL_BUT_RESOURCE, "resource", "must be known: no hook named what it is about"
        resource = conditions.resource.in_context(context.chain, context.circumstances)
        return _ALL_BUT_RESOURCE, "resource", resource.demand
    if conditions is not None:
        for unmet in conditions.unmet(conditions.demands, arguments, context):
            place = key_of(("args", unmet.argument, ORIGIN))
            return _ALL_BUT_ORIGINS, place, f"must come from {in_words(unmet.accepted)}"
    return 0, "args", "could not be evaluated"


def _persons_demanded(rule: CompiledRule) -> str:
    if rule.acts_for(None):
        return "must be nobody: the rule is about autonomous calls only"
    return _one_of(rule.spec.persons)


def _model_demanded(rule: CompiledRule) -> str:
    if rule.spec.models:
        return _one_of(rule.spec.models)
    return "must be absent: the rule names no model"


def _one_of(names: Iterable[str]) -> str:
    every = tuple(names)
    shown = ", ".join(map(repr, every[:_MOST_NAMES_SHOWN]))
    more = len(every) - _MOST_NAMES_SHOWN
    return f"must be one of {shown}" + (f" and {more} more" if more > 0 else "")
