# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which rules can apply to this identity and this target?

Lays the rules out once, at load, as rows that are found by identity and then by tool or provider.
Rows stand strictest first, so that the first row that applies decides.

INVARIANT: the order of the rules in the file decides nothing (tests/policy/test_table.py).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from agentguard.policy.document import (
    EVERY_CLASS,
    TEXT_FAMILIES,
    PolicyDocument,
    RuleSpec,
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


def build_table(document: PolicyDocument, rules: tuple[CompiledRule, ...], digest: str) -> Table:
    """Return the table of rules that were compiled from *document*."""
    rows = _rows(document, rules, digest)
    by_who: dict[frozenset[str], list[int]] = {}
    for index, rule in enumerate(rules):
        by_who.setdefault(rule.who, []).append(index)
    named: dict[str, list[frozenset[str]]] = {identity.id: [] for identity in document.identities}
    for who in by_who:
        for identity in who & named.keys():
            named[identity].append(who)
    shared: dict[tuple[frozenset[str], ...], Reach] = {}
    reach: dict[str, Reach] = {}
    for identity, sets in named.items():
        key = tuple(sets)
        if key not in shared:
            shared[key] = _reach(rules, rows, sorted(i for who in sets for i in by_who[who]))
        reach[identity] = shared[key]
    candidates = sorted(
        (rule for rule in rules if rule.spec.effect is not Effect.DENY),
        key=lambda rule: rule.spec.id,
        reverse=True,
    )
    return Table(
        reach=reach,
        by_tool={name: rule for rule in candidates for name in rule.spec.tools},
        by_provider={name: rule for rule in candidates for name in rule.spec.providers},
    )


def _reach(
    rules: tuple[CompiledRule, ...], rows: Mapping[tuple[int, str], Row], indices: Iterable[int]
) -> Reach:
    tools: dict[str, list[Row]] = {}
    providers: dict[str, list[Row]] = {}
    for index in indices:
        spec = rules[index].spec
        for name in dict.fromkeys(spec.tools):
            tools.setdefault(name, []).append(rows[index, name])
        for name in dict.fromkeys(spec.providers):
            providers.setdefault(name, []).append(rows[index, name])
    return Reach(
        tools={name: tuple(found) for name, found in tools.items()},
        providers={name: tuple(found) for name, found in providers.items()},
    )


def _rows(
    document: PolicyDocument, rules: tuple[CompiledRule, ...], digest: str
) -> dict[tuple[int, str], Row]:
    duties = {tool.name: _duties(tool, document) for tool in document.tools}
    rows: dict[tuple[int, str], Row] = {}
    for index, rule in enumerate(rules):
        plain = _decision(rule.spec, digest)
        for name in (*rule.spec.tools, *rule.spec.providers):
            decision = plain
            if rule.spec.effect is not Effect.DENY:
                decision = replace(plain, obligations=(*duties.get(name, ()), *plain.obligations))
            rows[index, name] = Row(
                rule=rule,
                order=rule.order,
                denies=rule.spec.effect is Effect.DENY,
                decision=decision,
            )
    return rows


def _duties(tool: ToolSpec, document: PolicyDocument) -> tuple[Obligation, ...]:
    receive = ReceiveOnly(classes=received_by(tool, document))
    if tool.impact is Impact.READ_ONLY:
        return (receive,)
    return (receive, RecordBeforeDispatch())


def _decision(spec: RuleSpec, digest: str) -> Decision:
    match spec.effect:
        case Effect.ALLOW:
            return Decision(effect=Effect.ALLOW, policy=digest, rule=spec.id)
        case Effect.APPROVE:
            return Decision(
                effect=Effect.APPROVE,
                policy=digest,
                rule=spec.id,
                reason=Reason.APPROVAL_PENDING,
                obligations=(AskApproval(profile=spec.approval or ""),),
            )
        case Effect.DENY:
            return Decision(
                effect=Effect.DENY, policy=digest, rule=spec.id, reason=Reason.DENIED_BY_RULE
            )
