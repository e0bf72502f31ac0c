# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a change of one table do more than its own table says?

Groups, impacts and keys of providers are used by budgets, rates and flows as well, which are no
rules; and where more is asked than before, it may be somebody else who is asked. What is found is
told as changed, and may be wider.

INVARIANT: what lets a call happen that was denied, or was asked about, is not told as narrower, or
as told with the rules (tests/review/test_difference_reach.py).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agentguard.policy import PolicyDocument, RuleSpec
from agentguard.policy.document import GROUP
from agentguard.vocabulary import Effect

# What says which values may be relied on, or what flows are about.
_RELIED_ON = frozenset({("tool", "trusted"), ("provenance", "user_messages")})
_ABOUT_FLOWS = _RELIED_ON | {("tool", "verbs"), ("tool", "impact")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What two versions of a policy use outside of their rules.

    Attributes:
        groups: the groups of callers.
        tool_groups: the groups of tools.
        impacts: the impacts that flows of the first version are about.
        asks_otherwise: whether flows and others ask different people.
        wants_origins: whether a rule of the first version asks or denies by origins, and so does
            less for values of which less is known.
    """

    groups: frozenset[str]
    tool_groups: frozenset[str]
    impacts: frozenset[str]
    asks_otherwise: bool
    wants_origins: bool

    def goes_further(self, table: str, name: str, key: str, before: Any, after: Any) -> bool:
        """Say whether a change that seems to let no more happen may let more happen.

        Args:
            table: the table.
            name: which one of them.
            key: the key, empty where the whole entry came or went.
            before: what it was, None for nothing.
            after: what it is, None for nothing.
        """
        if table in {"groups", "tool_groups"}:
            used = self.groups if table == "groups" else self.tool_groups
            return before is not None and name in used
        if table == "provider" and not key:
            # No other provider took a key that this one listed.
            return isinstance(before, Mapping) and bool(before.get("keys"))
        if (table, key) == ("tool", "impact") and before in self.impacts:
            return True
        if (table, key) in _RELIED_ON and self.wants_origins:
            return True
        return self.asks_otherwise and _asks_more(table, key, after)


def _asks_more(table: str, key: str, after: Any) -> bool:
    """Say whether a flow may ask about more than before."""
    if table == "flow" and not key:
        return isinstance(after, Mapping) and after["then"] == Effect.APPROVE.value
    return (table, key) in _ABOUT_FLOWS or (table == "flow" and key != "then")


def reach_of(before: PolicyDocument, after: PolicyDocument) -> Reach:
    """Look up what two versions use outside of their rules."""
    both = (before, after)
    return Reach(
        groups=_groups(name for each in both for name in _callers(each)),
        tool_groups=_groups(name for each in both for name in _tools(each)),
        impacts=frozenset(impact.value for flow in before.flows for impact in flow.impacts),
        asks_otherwise=_asks_otherwise(after),
        wants_origins=any(map(_wants_origins, before.rules)),
    )


def _groups(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.removeprefix(GROUP) for name in names if name.startswith(GROUP))


def _callers(document: PolicyDocument) -> Iterator[str]:
    for budget in document.budgets:
        yield from budget.who
    for rate in document.rates:
        yield from rate.who
    for flow in document.flows:
        yield from flow.who
    for provider in document.providers:
        for key in provider.keys:
            yield from key.who


def _tools(document: PolicyDocument) -> Iterator[str]:
    for budget in document.budgets:
        yield from budget.tools
    for rate in document.rates:
        yield from rate.tools
    for price in document.prices:
        yield from price.tools
    for flow in document.flows:
        yield from flow.tools


def _asks_otherwise(document: PolicyDocument) -> bool:
    asked = {each.approval for each in document.flows} - {None}
    others = {each.approval for each in document.rules}
    others |= {each.approval for each in document.deciders}
    return bool(asked) and len(asked | (others - {None})) > 1


def _wants_origins(rule: RuleSpec) -> bool:
    asked = [each for each in rule.arguments if each.origins is not None]
    asks = rule.effect is not Effect.ALLOW or any(e.otherwise is Effect.APPROVE for e in asked)
    return asks and any(each.otherwise is Effect.DENY for each in asked)
