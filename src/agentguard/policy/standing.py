# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which rules stand, in this environment and at this time?

Rules that are tied to environments or in shadow stand in some tables and not in others. Each table
is laid out when it is first needed; a policy without such rules has one, laid out at load.

A rule in shadow is recorded until its day is over, by the calendar of UTC. Then one that denies or
asks is in force, and one that allows still is not.

INVARIANT: without a time a rule in shadow only tightens (tests/policy/test_specification.py).
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import NamedTuple

from agentguard.policy.document import PolicyDocument
from agentguard.policy.flows import Flows
from agentguard.policy.hosted import HostedTools, hosted_tools
from agentguard.policy.table import Reach, Row, RuleRows, Table, build_table
from agentguard.vocabulary import Effect

_VIEWS_REMEMBERED = 64
_OFFERS_REMEMBERED = 4096
_TIME_UNKNOWN = -1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class View:
    """The rules that stand, laid out.

    Attributes:
        reach: what they say about each declared identity.
        table: all that they say.
        hosted: what they say about tools that run at a provider.
        offers: the tools that they might let an identity run for a person.
    """

    reach: Mapping[str, Reach]
    table: Table
    hosted: HostedTools
    offers: Callable[[str, str | None], frozenset[str]]


class Standing(NamedTuple):
    """The tables that decide.

    Attributes:
        view: of the rules in force.
        tightened_by: a second table that must allow the call as well, None for none.
        would_be: of the rules in force and those in shadow; None where none is in shadow.
    """

    view: View
    tightened_by: View | None = None
    would_be: View | None = None


def finding_standing(
    document: PolicyDocument, rows: tuple[RuleRows, ...], flows: Flows
) -> Callable[[str | None, datetime | None], Standing]:
    """Return what finds the tables for an environment and a time."""
    ends = sorted({each.shadow_until for each in document.rules if each.shadow_until is not None})

    @lru_cache(maxsize=_VIEWS_REMEMBERED)
    def lay_out(environment: str | None, days_over: int) -> Standing:
        view = _laying_out(document, flows, environment)
        here = [each for each in rows if _is_here(each, environment)]
        if not ends:
            return Standing(view(here))
        over = frozenset(ends if days_over == _TIME_UNKNOWN else ends[:days_over])
        force = [each for each in here if _is_in_force(each, over)]
        if days_over == _TIME_UNKNOWN:
            # One that asks may be in shadow or not: it may tighten, but it lets nothing happen.
            certain = [each for each in force if not _is_dated(each) or _denies(each)]
            return Standing(view(force), tightened_by=view(certain))
        if days_over == len(ends):
            return Standing(view(force))
        would = [each for each in here if _is_in_force(each, over) or _is_in_shadow(each, over)]
        return Standing(view(force), would_be=view(would) if len(would) > len(force) else None)

    only = None if document.environments or ends else lay_out(None, _TIME_UNKNOWN)

    def find(environment: str | None, now: datetime | None) -> Standing:
        if only is not None:
            return only
        here = environment if document.environments else None
        if not ends or now is None or now.utcoffset() is None:
            return lay_out(here, _TIME_UNKNOWN)
        return lay_out(here, bisect_left(ends, now.astimezone(UTC).date()))

    return find


def _is_here(each: RuleRows, environment: str | None) -> bool:
    environments = each.rule.spec.environments
    return not environments or environment in environments


def _is_dated(each: RuleRows) -> bool:
    return each.rule.spec.shadow_until is not None


def _is_in_shadow(each: RuleRows, over: frozenset[date]) -> bool:
    return _is_dated(each) and each.rule.spec.shadow_until not in over


def _is_in_force(each: RuleRows, over: frozenset[date]) -> bool:
    until = each.rule.spec.shadow_until
    return until is None or (until in over and each.rule.spec.effect is not Effect.ALLOW)


def _denies(each: RuleRows) -> bool:
    return each.rule.spec.effect is Effect.DENY


def _laying_out(
    document: PolicyDocument, flows: Flows, environment: str | None
) -> Callable[[Iterable[RuleRows]], View]:
    elsewhere = frozenset(
        tool.name
        for tool in document.tools
        if tool.hosted or (tool.environments and environment not in tool.environments)
    )

    def lay_out(rows: Iterable[RuleRows]) -> View:
        table = build_table(document, rows)
        return View(
            reach=table.reach,
            table=table,
            hosted=hosted_tools(document, table, flows, environment),
            offers=_offers(table, elsewhere),
        )

    return lay_out


def _offers(table: Table, elsewhere: frozenset[str]) -> Callable[[str, str | None], frozenset[str]]:
    @lru_cache(maxsize=_OFFERS_REMEMBERED)
    def offers(identity: str, person: str | None) -> frozenset[str]:
        reach = table.reach.get(identity)
        if reach is None:
            return frozenset()
        return frozenset(
            name
            for name, rows in reach.tools.items()
            if name not in elsewhere and _is_open(rows, person)
        )

    return offers


def _is_open(rows: tuple[Row, ...], person: str | None) -> bool:
    about = [row for row in rows if row.rule.acts_for(person)]
    if any(row.denies and row.rule.is_unconditional for row in about):
        return False
    return any(not row.denies for row in about)
