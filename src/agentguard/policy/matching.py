# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which row of the table decides about a chain of agents?

For each agent the first row that applies, and of these the strictest. What a decision says beyond
its row, and why nothing was found, is said elsewhere.

INVARIANT: a chain may make a provider use or keep only what each of its agents may
(tests/policy/test_model_calls.py).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from agentguard.canonical import Frozen
from agentguard.policy.rules import Asked
from agentguard.policy.table import Reach, Row, Rows
from agentguard.vocabulary import Reference


class Found(NamedTuple):
    """What the table holds for a chain.

    Attributes:
        strictest: the strictest of the rows that apply to its agents.
        unmatched: the first agent that no row applies to.
        references: for a model call, what every row that applies allows.
    """

    strictest: Row | None
    unmatched: Reach | None
    references: frozenset[Reference] = frozenset()

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
    person: str | None,
    *,
    pinned: bool = True,
) -> Found:
    """Find the row for a tool.

    Args:
        reach: what the rules say about each agent of the chain.
        tool: the tool.
        arguments: its arguments.
        person: the person it is called for.
        pinned: whether its definition is the one that the policy pins, if it pins one.
    """
    strictest: Row | None = None
    unmatched: Reach | None = None
    for each in reach:
        for row in each.tools.get(tool, ()):
            rule = row.rule
            if rule.acts_for(person) and (
                rule.catches(arguments) if row.denies else pinned and rule.permits(arguments)
            ):
                strictest = _stricter(strictest, row)
                break
        else:
            unmatched = unmatched or each
    return Found(strictest, unmatched)


def match_model(
    reach: Sequence[Reach],
    provider: str,
    call: Asked,
    references: frozenset[Reference],
    person: str | None,
) -> Found:
    """Find the row for a model call.

    Args:
        reach: what the rules say about each agent of the chain.
        provider: the provider.
        call: the call in the words of rules.
        references: what it would make the provider use or keep.
        person: the person it is made for.
    """
    strictest: Row | None = None
    unmatched: Reach | None = None
    shared: frozenset[Reference] | None = None
    for each in reach:
        row = _row_for(each.providers.get(provider, ()), call, references, person)
        if row is None:
            unmatched = unmatched or each
            continue
        strictest = _stricter(strictest, row)
        shared = row.rule.references if shared is None else shared & row.rule.references
    return Found(strictest, unmatched, shared or frozenset())


def _row_for(
    rows: Rows, call: Asked, references: frozenset[Reference], person: str | None
) -> Row | None:
    """Return the first row that allows everything, or else the first that allows the call.

    References are asked of one rule, not gathered from several: each grant stands on its own.
    """
    first: Row | None = None
    for row in rows:
        if row.rule.acts_for(person) and row.rule.is_about(call):
            if row.denies or references <= row.rule.references:
                return row
            first = first or row
    return first


def _stricter(left: Row | None, right: Row) -> Row:
    return right if left is None or right.order < left.order else left
