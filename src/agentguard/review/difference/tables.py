# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What else does the second version of a policy say differently?

Everything that is no rule, table by table. Where more or less is comparable it is said which;
everything else has changed, and may be wider.

INVARIANT: whatever enters the digest of a policy and differs is told here, if it is no rule
(tests/review/test_difference_tables.py).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from agentguard.canonical import Frozen, canonical_bytes, is_object
from agentguard.policy import PolicyDocument
from agentguard.policy.document.flow_forms import egress_form, flow_form, provenance_form
from agentguard.policy.document.forms import (
    class_form,
    decider_form,
    destinations_form,
    detection_form,
    identity_form,
    issuer_form,
    labels_form,
    limit_form,
    names_form,
    profile_form,
    provider_form,
    secret_store_form,
    source_form,
    tool_form,
)
from agentguard.policy.document.surrounding import coverage_form
from agentguard.review.difference.budget_tables import (
    BUDGET_TABLES,
    budget_growth,
    budget_tables,
)
from agentguard.review.difference.reach import Reach, reach_of
from agentguard.vocabulary import Impact


class Direction(StrEnum):
    """Which way something went."""

    WIDER = "wider"
    NARROWER = "narrower"
    CHANGED = "changed"
    IN_RULES = "told with the rules"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableChange:
    """A part of a policy, other than a rule, that is not the same.

    Attributes:
        table: the table, such as ``tool``.
        name: which one of them; empty where there is one only.
        key: the key; empty where the whole entry came or went.
        direction: which way it went.
        note: what it was and what it is.
    """

    table: str
    name: str
    key: str
    direction: Direction
    note: str


# What a longer list, or a larger number, means for a key.
_MORE_IS_WIDER = {
    ("tool", "receives"),
    ("provider", "hosts"),
    ("provider", "extra_fields"),
    ("provider", "headers"),
    ("provider", "evidence"),
    ("coverage", "known_observers"),
    ("approval", "approvers"),
    ("approval", "decide_within"),
    ("approval", "execute_within"),
    ("identity", "keys"),
    ("issuer", "audiences"),
    ("issuer", "algorithms"),
    ("issuer", "keys_max_age"),
    ("issuer", "token_max_age"),
    ("issuer", "leeway"),
    ("limit", "calls"),
    ("tool", "trusted"),
    ("tool", "verbs"),
    ("flow", "after"),
}
_MORE_IS_NARROWER = {
    ("approval", "need"),
    ("secret_store", "hosts"),
    ("secret_store", "paths"),
    ("secret_store", "addresses"),
    ("decider", "tools"),
    ("coverage", "require"),
}
# Whether an entry that comes lets more happen by itself; what is missing here needs a rule.
_ENTRY_IS_WIDER = frozenset({"issuer"})
# What these do, they do through rules, which are compared with the groups expanded.
_ONLY_IN_RULES = frozenset({"groups", "tool_groups", "environments"})
_ENTRY_IN_RULES = _ONLY_IN_RULES | {"identity", "tool", "provider", "approval"}
_ENTRY_IS_NARROWER = BUDGET_TABLES | {"egress", "flow", "secret_store", "decider", "limit"}
_ACTIONS = (
    *("label", "format_preserving", "keep_last_four", "tokenise"),
    *("hash", "redact", "block"),
)
_DENIALS = ("remove", "refuse")
_NO_WIDER = frozenset({Direction.NARROWER, Direction.IN_RULES})


def table_changes(before: PolicyDocument, after: PolicyDocument) -> tuple[TableChange, ...]:
    """Return what two versions say differently outside of their rules."""
    ours, theirs = _tables(before), _tables(after)
    reach = reach_of(before, after)
    return tuple(
        change
        for table in ours
        for name in sorted({*ours[table], *theirs[table]})
        for change in _entry(table, name, ours[table].get(name), theirs[table].get(name), reach)
    )


def _tables(document: PolicyDocument) -> dict[str, Mapping[str, Frozen]]:
    """Return the tables of a policy, rules apart, as they enter its digest."""
    groups = {name: {"members": names_form(each)} for name, each in document.groups.items()}
    tool_groups = {
        name: {"members": names_form(each)} for name, each in document.tool_groups.items()
    }
    destinations = destinations_form(document.destinations)
    alone: dict[str, Mapping[str, Frozen]] = {
        "environments": {"": {"names": names_form(document.environments)}},
        "hosted_tools": {"": {"denied": document.hosted_denial.value}},
        "coverage": {"": coverage_form(document.coverage)},
        "detection": {"": detection_form(document.detection)},
        "labels": {"": labels_form(document.labels)},
        "at": {"": destinations},
        "egress": {} if document.egress is None else {"": egress_form(document.egress)},
    }
    return {
        "identity": {each.id: identity_form(each) for each in document.identities},
        "groups": groups,
        "issuer": {each.name: issuer_form(each) for each in document.issuers},
        "tool": {each.name: tool_form(each) for each in document.tools},
        "tool_groups": tool_groups,
        "limit": {each.name: limit_form(each) for each in document.limits},
        "secret_store": {each.name: secret_store_form(each) for each in document.secret_stores},
        "decider": {each.name: decider_form(each) for each in document.deciders},
        "approval": {each.name: profile_form(each) for each in document.profiles},
        "class": {each.name: class_form(each) for each in document.classes},
        "class source": {each.name: source_form(each) for each in document.class_sources},
        "provider": {each.id: provider_form(each) for each in document.providers},
        "flow": {each.id: flow_form(each) for each in document.flows},
        "provenance": {"": provenance_form(document.provenance)},
        **budget_tables(document),
        **alone,
    }


def _entry(
    table: str, name: str, before: Frozen, after: Frozen, reach: Reach
) -> Iterator[TableChange]:
    if before is None or after is None:
        came = before is None
        direction = Direction.CHANGED
        if table in _ENTRY_IS_WIDER:
            direction = Direction.WIDER if came else Direction.NARROWER
        elif table in _ENTRY_IS_NARROWER:
            direction = Direction.NARROWER if came else Direction.WIDER
        elif table in _ENTRY_IN_RULES:
            direction = Direction.IN_RULES
        if direction in _NO_WIDER and reach.goes_further(table, name, "", before, after):
            direction = Direction.CHANGED
        note = "is new" if came else "is gone"
        yield TableChange(table=table, name=name, key="", direction=direction, note=note)
        return
    if not (is_object(before) and is_object(after)):
        return
    for key in sorted({*before, *after}):
        one, other = before.get(key), after.get(key)
        if canonical_bytes(one) != canonical_bytes(other):
            in_rules = table in _ONLY_IN_RULES
            direction = Direction.IN_RULES if in_rules else _way(table, key, one, other)
            if direction in _NO_WIDER and reach.goes_further(table, name, key, one, other):
                direction = Direction.CHANGED
            note = f"was {_shown(one)}, is {_shown(other)}"
            yield TableChange(table=table, name=name, key=key, direction=direction, note=note)


def _way(table: str, key: str, before: Any, after: Any) -> Direction:
    if table in BUDGET_TABLES:
        return _GROWTH[budget_growth(table, key, before, after)]
    return _direction(table, key, before, after)


def _direction(table: str, key: str, before: Any, after: Any) -> Direction:
    words = table == "flow" and key.endswith("_from") and None not in (before, after)
    if words or (table, key) in _MORE_IS_WIDER:
        return _more(before, after)
    if (table, key) in _MORE_IS_NARROWER:
        return _turned(_more(before, after))
    if key == "environments" and table in {"identity", "tool", "provider", "class"}:
        # None named is every one.
        return _more(before, after) if before and after else _opened(before)
    ladder = _ACTIONS if table == "at" else _LADDERS.get((table, key), ())
    if before in ladder and after in ladder:
        return _more(-ladder.index(before), -ladder.index(after))
    if (table, key) == ("limit", "most") and before is not None and after is not None:
        return _more(float(before), float(after))
    pinned = key == "definition" and (before is None or after is None)
    # None listed is every key that no other provider lists.
    unlisted = (table, key) == ("provider", "keys") and not (before and after)
    return _opened(before) if pinned or unlisted else Direction.CHANGED


_GROWTH = {1: Direction.WIDER, -1: Direction.NARROWER, 0: Direction.CHANGED}
_LADDERS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("tool", "impact"): tuple(each.value for each in Impact),
    ("class", "action"): _ACTIONS,
    ("class", "in_answers"): ("label", "redact", "block"),
    ("class", "in_results"): ("label", "redact", "block"),
    ("class", "in_definitions"): ("label", "redact", "block"),
    ("hosted_tools", "denied"): _DENIALS,
    ("coverage", "partial"): ("warn", "refuse"),
    ("coverage", "observers"): ("warn", "refuse"),
    ("flow", "then"): ("approve", "deny"),
    ("flow", "remember"): ("source", "value", "nothing"),
    ("provenance", "user_messages"): ("all", "first", "told"),
}


def _opened(before: object) -> Direction:
    """Return which way something went that confined before or confines now."""
    return Direction.WIDER if before else Direction.NARROWER


def _more(before: Any, after: Any) -> Direction:
    if isinstance(before, tuple) and isinstance(after, tuple):
        return _subset(set(before) <= set(after), set(after) <= set(before))
    if is_object(before) and is_object(after):
        ours, theirs = before.items(), after.items()
        return _subset(ours <= theirs, theirs <= ours)
    if isinstance(before, int | float) and isinstance(after, int | float):
        return Direction.WIDER if after > before else Direction.NARROWER
    return Direction.CHANGED


def _subset(grew: bool, shrank: bool) -> Direction:  # noqa: FBT001 - two answers about sets
    if grew:
        return Direction.WIDER
    return Direction.NARROWER if shrank else Direction.CHANGED


def _turned(direction: Direction) -> Direction:
    turned = {Direction.WIDER: Direction.NARROWER, Direction.NARROWER: Direction.WIDER}
    return turned.get(direction, direction)


_LONGEST_SHOWN = 120


def _shown(value: Frozen) -> str:
    text = canonical_bytes(value).decode()
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
