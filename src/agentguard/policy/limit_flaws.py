# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can what a limit limits be counted?"""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from agentguard.canonical import LARGEST_INTEGER
from agentguard.policy.constraints import (
    AllOf,
    Const,
    Constraint,
    DecimalBetween,
    IntBetween,
    NumberBetween,
    OneOf,
)
from agentguard.policy.document import LimitSpec, PolicyDocument, RuleSpec, ToolSpec
from agentguard.policy.flaws import NAME, Flaw, Path, undeclared
from agentguard.policy.limits import BEYOND, PLACES, amount_of
from agentguard.vocabulary import Effect


def limit_flaws(document: PolicyDocument) -> Iterator[Flaw]:
    """Find the flaws of the limits that a document declares."""
    seen: set[str] = set()
    for limit in document.limits:
        path: Path = ("limit", limit.name)
        if not NAME.fullmatch(limit.name):
            yield Flaw(path, f"must be a name, not {limit.name!r}")
        if limit.name in seen:
            yield Flaw(path, f"{limit.name!r} is declared twice")
        seen.add(limit.name)
        yield from _measure(path, limit)


def _measure(path: Path, limit: LimitSpec) -> Iterator[Flaw]:
    if (limit.calls is None) == (limit.sum is None):
        problem = "neither" if limit.calls is None else "both"
        yield Flaw(path, f"must have either 'calls', or 'sum' with 'most', but has {problem}")
    if limit.calls is not None and not 1 <= limit.calls <= LARGEST_INTEGER:
        yield Flaw((*path, "calls"), "must be at least 1; what may never happen needs a deny rule")
    if limit.sum is not None and limit.most is None:
        yield Flaw((*path, "most"), "is needed with 'sum'")
    if limit.most is not None:
        if limit.sum is None:
            yield Flaw((*path, "most"), "belongs to 'sum'; calls are limited by 'calls' alone")
        if not _is_countable(Decimal(limit.most)):
            message = f"must be more than 0, below {BEYOND}, with at most {PLACES} decimal places"
            yield Flaw((*path, "most"), message)


def _is_countable(most: Decimal) -> bool:
    exponent = most.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -PLACES and 0 < most < BEYOND


def counting_flaws(
    path: Path, rule: RuleSpec, tools: tuple[ToolSpec, ...], limits: Mapping[str, LimitSpec]
) -> Iterator[Flaw]:
    """Find limits of a rule that cannot be counted under it.

    Args:
        path: where the rule stands.
        rule: the rule.
        tools: the tools it is about.
        limits: the declared limits.
    """
    here = (*path, "limits")
    if rule.limits and rule.effect is Effect.DENY:
        yield Flaw(here, "belong to 'allow' and 'approve': what is denied is not counted")
        return
    if rule.limits:
        for tool in tools:
            if tool.hosted:
                message = f"tool {tool.name!r} runs at the provider, where calls cannot be counted"
                yield Flaw(here, message)
    for name in dict.fromkeys(rule.limits):
        limit = limits.get(name)
        if limit is None:
            yield Flaw(here, undeclared("limit", name, "limit"), name)
        elif limit.sum is not None:
            yield from _summing(here, rule, limit.name, limit.sum)


def _summing(here: Path, rule: RuleSpec, name: str, argument: str) -> Iterator[Flaw]:
    if rule.providers:
        yield Flaw(here, f"limit {name!r} adds up an argument, and model calls have none")
        return
    listed = next((each for each in rule.arguments if each.name == argument), None)
    if listed is None:
        yield Flaw(here, f"limit {name!r} adds up {argument!r}, which the rule does not list")
    elif listed.optional:
        yield Flaw(here, f"limit {name!r} adds up {argument!r}, so that it cannot be optional")
    elif not _is_number(listed.constraint):
        message = f"limit {name!r} adds up {argument!r}, which must be a number from 0 upwards"
        yield Flaw(here, f"{message}: constrain it with 'int', 'number' or 'decimal'")


def _is_number(constraint: Constraint) -> bool:
    """Say whether only what can be counted satisfies a constraint."""
    match constraint:
        case IntBetween() | NumberBetween() | DecimalBetween():
            return constraint.low >= 0
        case Const():
            return amount_of(constraint.value) is not None
        case OneOf():
            return all(amount_of(option) is not None for option in constraint.options)
        case AllOf():
            return any(map(_is_number, constraint.parts))
    return False
