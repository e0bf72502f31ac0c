# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which row of the table decides about a chain of agents?

For each agent the first row that applies, and of these the strictest. What a decision says beyond
its row, and why nothing was found, is said elsewhere.

INVARIANT: a chain may make a provider use or keep only what each of its agents may
(tests/policy/test_model_calls.py); a rule that cannot be evaluated denies or allows nothing
(tests/policy/test_specification.py).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from agentguard.canonical import Frozen
from agentguard.policy.conditions import Context
from agentguard.policy.document import LimitSpec
from agentguard.policy.rules import Asked, CompiledRule
from agentguard.policy.table import Reach, Row, Rows
from agentguard.vocabulary import Reference


class Found(NamedTuple):
    """What the table holds for a chain.

    Attributes:
        strictest: the strictest of the rows that apply to its agents.
        unmatched: the first agent that no row applies to.
        references: for a model call, what every row that applies allows.
        limits: the limits of the rows that apply.
        classes: for a tool, what each of the rows that apply lets its arguments hold, as far as
            it says so.
        doubtful: for a tool, those of these rows that ask where arguments come from.
    """

    strictest: Row | None
    unmatched: Reach | None
    references: frozenset[Reference] = frozenset()
    limits: tuple[LimitSpec, ...] = ()
    classes: tuple[frozenset[str], ...] = ()
    doubtful: tuple[CompiledRule, ...] = ()

    @property
    def deciding(self) -> Row | None:
        """The row that decides; None on default deny."""
        if self.strictest is None or (self.unmatched is not None and not self.strictest.denies):
            return None
        return self.strictest


def match_tool(
    reach: Sequence[Reach],
    tool: str,
    arguments: Mapping[str, Frozen],
    context: Context,
    *,
    pinned: bool = True,
) -> Found:
    """Find the row for a tool.

    Args:
        reach: what the rules say about each agent of the chain.
        tool: the tool.
        arguments: its arguments.
        context: who calls it, and in what circumstances.
        pinned: whether its definition is the one that the policy pins, if it pins one.
    """
    strictest: Row | None = None
    unmatched: Reach | None = None
    limits: tuple[LimitSpec, ...] = ()
    classes: tuple[frozenset[str], ...] = ()
    doubtful: tuple[CompiledRule, ...] = ()
    for each in reach:
        for row in each.tools.get(tool, ()):
            rule = row.rule
            if rule.acts_for(context.person) and _applies(row, arguments, context, pinned):
                strictest = _stricter(strictest, row)
                limits = _both(limits, rule.limits)
                if rule.classes is not None:
                    classes = (*classes, rule.classes)
                if rule.conditions is not None and rule.conditions.asked_about:
                    doubtful = (*doubtful, rule)
                break
        else:
            unmatched = unmatched or each
    return Found(strictest, unmatched, limits=limits, classes=classes, doubtful=doubtful)


def match_model(
    reach: Sequence[Reach],
    provider: str,
    call: Asked,
    references: frozenset[Reference],
    context: Context,
) -> Found:
    """Find the row for a model call.

    Args:
        reach: what the rules say about each agent of the chain.
        provider: the provider.
        call: the call in the words of rules.
        references: what it would make the provider use or keep.
        context: who makes it, and in what circumstances.
    """
    strictest: Row | None = None
    unmatched: Reach | None = None
    shared: frozenset[Reference] | None = None
    limits: tuple[LimitSpec, ...] = ()
    for each in reach:
        row = _row_for(each.providers.get(provider, ()), call, references, context)
        if row is None:
            unmatched = unmatched or each
            continue
        strictest = _stricter(strictest, row)
        limits = _both(limits, row.rule.limits)
        shared = row.rule.references if shared is None else shared & row.rule.references
    return Found(strictest, unmatched, shared or frozenset(), limits)


def _applies(
    row: Row,
    arguments: Mapping[str, Frozen],
    context: Context,
    pinned: bool,  # noqa: FBT001 - asked once for every row
) -> bool:
    try:
        if row.denies:
            return row.rule.catches(arguments, context)
        return pinned and row.rule.permits(arguments, context)
    except Exception:  # noqa: BLE001 - whatever went wrong, the answer is the strict one
        return row.denies


def _row_for(
    rows: Rows, call: Asked, references: frozenset[Reference], context: Context
) -> Row | None:
    """Return the first row that allows everything, or else the first that allows the call.

    References are asked of one rule, not gathered from several: each grant stands on its own.
    """
    first: Row | None = None
    for row in rows:
        rule = row.rule
        if rule.acts_for(context.person) and rule.is_about(call) and rule.admits(context):
            if row.denies or references <= rule.references:
                return row
            first = first or row
    return first


def _stricter(left: Row | None, right: Row) -> Row:
    return right if left is None or right.order < left.order else left


def _both(left: tuple[LimitSpec, ...], right: tuple[LimitSpec, ...]) -> tuple[LimitSpec, ...]:
    if not right or left == right:
        return left
    return (*left, *(each for each in right if each not in left))
