# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which rules can apply to this identity and this target?

Lays the rules out once, at load, as rows that are found by identity and then by tool or provider.
Rows stand strictest first, so that the first row that applies decides.

INVARIANT: the order of the rules in the file decides nothing (tests/policy/test_specification.py).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from agentguard.policy.document import (
    EVERY_CLASS,
    TEXT_FAMILIES,
    PolicyDocument,
    ToolSpec,
)
from agentguard.policy.rules import CompiledRule, Order
from agentguard.vocabulary import (
    AskApproval,
    Decision,
    Effect,
    Impact,
    Obligation,
    Reason,
    ReceiveOnly,
    RecordBeforeDispatch,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Row:
    """A rule at its place in the table, with the decision it leads to."""

    rule: CompiledRule
    order: Order
    denies: bool
    decision: Decision


Rows: TypeAlias = tuple[Row, ...]


class RuleRows(NamedTuple):
    """A rule with its row for each tool and provider that it is about."""

    rule: CompiledRule
    rows: Mapping[str, Row]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reach:
    """What the rules say about one identity, by tool and by provider."""

    tools: Mapping[str, Rows]
    providers: Mapping[str, Rows]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """The whole table.

    Attributes:
        reach: by declared identity; identities that the same rules name share one value.
        by_tool: for each tool one rule that could let somebody run it, for explanations.
        by_provider: the same for each provider.
    """

    reach: Mapping[str, Reach]
    by_tool: Mapping[str, CompiledRule]
    by_provider: Mapping[str, CompiledRule]


def received_by(tool: ToolSpec, document: PolicyDocument) -> frozenset[str]:
    """Return the names of the classes that a tool may receive: never media, for instance."""
    return frozenset(
        each.name
        for each in document.classes
        if each.family in TEXT_FAMILIES
        and not tool.receives.isdisjoint({EVERY_CLASS, each.name, each.family})
    )


def build_table(document: PolicyDocument, rows: Iterable[RuleRows]) -> Table:
    """Return the table of those rules of a document that stand, as rows, strictest first."""
    standing = tuple(rows)
    by_who: dict[frozenset[str], list[int]] = {}
    for index, each in enumerate(standing):
        by_who.setdefault(each.rule.who, []).append(index)
    named: dict[str, list[frozenset[str]]] = {identity.id: [] for identity in document.identities}
    for who in by_who:
        for identity in who & named.keys():
            named[identity].append(who)
    shared: dict[tuple[frozenset[str], ...], Reach] = {}
    reach: dict[str, Reach] = {}
    for identity, sets in named.items():
        key = tuple(sets)
        if key not in shared:
            shared[key] = _reach(standing, sorted(i for who in sets for i in by_who[who]))
        reach[identity] = shared[key]
    candidates = sorted(
        (each.rule for each in standing if each.rule.spec.effect is not Effect.DENY),
        key=lambda rule: rule.spec.id,
        reverse=True,
    )
    return Table(
        reach=reach,
        by_tool={name: rule for rule in candidates for name in rule.tools},
        by_provider={name: rule for rule in candidates for name in rule.spec.providers},
    )


def rows_of(
    document: PolicyDocument, rules: Iterable[CompiledRule], digest: str
) -> tuple[RuleRows, ...]:
    """Return the rows of rules that were compiled from *document*, in the same order."""
    duties = {tool.name: _duties(tool, document) for tool in document.tools}
    found: list[RuleRows] = []
    for rule in rules:
        denies = rule.spec.effect is Effect.DENY
        shared: dict[tuple[Obligation, ...], Row] = {}
        rows: dict[str, Row] = {}
        for name in dict.fromkeys((*rule.tools, *rule.spec.providers)):
            more = () if denies else duties.get(name, ())
            if more not in shared:
                decision = _decision(rule, digest, more)
                shared[more] = Row(rule=rule, order=rule.order, denies=denies, decision=decision)
            rows[name] = shared[more]
        found.append(RuleRows(rule, rows))
    return tuple(found)


def _reach(standing: Sequence[RuleRows], indices: Iterable[int]) -> Reach:
    tools: dict[str, list[Row]] = {}
    providers: dict[str, list[Row]] = {}
    for index in indices:
        rule, rows = standing[index]
        for name in rule.tools:
            tools.setdefault(name, []).append(rows[name])
        for name in dict.fromkeys(rule.spec.providers):
            providers.setdefault(name, []).append(rows[name])
    return Reach(
        tools={name: tuple(found) for name, found in tools.items()},
        providers={name: tuple(found) for name, found in providers.items()},
    )


def _duties(tool: ToolSpec, document: PolicyDocument) -> tuple[Obligation, ...]:
    receive = ReceiveOnly(classes=received_by(tool, document))
    if tool.impact is Impact.READ_ONLY:
        return (receive,)
    return (receive, RecordBeforeDispatch())


def _decision(rule: CompiledRule, digest: str, duties: tuple[Obligation, ...]) -> Decision:
    spec = rule.spec
    match rule.effect:
        case Effect.ALLOW:
            return Decision(effect=Effect.ALLOW, policy=digest, rule=spec.id, obligations=duties)
        case Effect.APPROVE:
            return Decision(
                effect=Effect.APPROVE,
                policy=digest,
                rule=spec.id,
                reason=Reason.APPROVAL_PENDING,
                obligations=(*duties, AskApproval(profile=spec.approval or "")),
            )
        case Effect.DENY:
            return Decision(
                effect=Effect.DENY, policy=digest, rule=spec.id, reason=Reason.DENIED_BY_RULE
            )
