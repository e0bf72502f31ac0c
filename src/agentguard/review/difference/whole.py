# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does the second version of a policy allow that the first does not, and the other way?

One agent at a time is enough. A chain is let through if every agent in it is, for the same person
and in the same circumstances. If the second version lets a chain through and the first does not,
the first stops one of its agents; the second does not stop that agent, so the two versions differ
about that agent alone. The rules of an agent in the middle may compare with claims of the last
one; those are taken to be anything here, so that this makes no difference either.

INVARIANT: where every kind of value could be told apart, what is not found is not there
(tests/review/test_difference.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from agentguard.policy import PolicyDocument
from agentguard.review.difference.changes import Change, Kind
from agentguard.review.difference.model_calls import model_changes
from agentguard.review.difference.tables import Direction, TableChange, table_changes
from agentguard.review.difference.tool_calls import tool_changes
from agentguard.review.difference.versions import Slice, Version, slices, version_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How two versions of a policy differ.

    Attributes:
        before: the digest of the first version.
        after: the digest of the second.
        changes: what is decided differently, by identity and target.
        tables: what else is said differently.
    """

    before: str
    after: str
    changes: tuple[Change, ...]
    tables: tuple[TableChange, ...]

    @property
    def widens(self) -> bool:
        """Whether the second version lets something happen that the first does not, or may."""
        return any(each.kind.widens for each in self.changes) or any(
            each.direction in {Direction.WIDER, Direction.CHANGED} for each in self.tables
        )


def difference(before: PolicyDocument, after: PolicyDocument, now: datetime) -> Difference:
    """Compare two versions of a policy.

    Args:
        before: the first version.
        after: the second.
        now: the time from which on they are compared.
    """
    one, other = version_of(before), version_of(after)
    timeless = not any(rule.shadow_until for rule in (*before.rules, *after.rules))
    changes = sorted(
        (_without_time(each) if timeless else each for each in _changes(one, other, now)),
        key=lambda each: (each.identities, each.target, list(Kind).index(each.kind)),
    )
    return Difference(
        before=one.policy.digest,
        after=other.policy.digest,
        changes=tuple(changes),
        tables=table_changes(before, after),
    )


def _without_time(change: Change) -> Change:
    """Return a change whose call may be made at any time."""
    if change.witness is None:
        return change
    return replace(change, witness=replace(change.witness, now=None))


def _changes(before: Version, after: Version, now: datetime) -> Iterator[Change]:
    for found in slices(before, after):
        is_model = _is_provider(before, found) or _is_provider(after, found)
        is_tool = found.target in {*before.tools, *after.tools}
        if is_tool:
            yield from tool_changes(before, after, _about(found, "tool"), now)
        if is_model:
            yield from model_changes(before, after, _about(found, "provider"), now)


def _is_provider(version: Version, found: Slice) -> bool:
    return found.target in version.providers


def _about(found: Slice, kind: str) -> Slice:
    """Return a slice with the rules of one kind; a tool may have the name of a provider."""
    if kind == "tool":
        ours = tuple(rule for rule in found.before if not rule.spec.providers)
        theirs = tuple(rule for rule in found.after if not rule.spec.providers)
    else:
        ours = tuple(rule for rule in found.before if rule.spec.providers)
        theirs = tuple(rule for rule in found.after if rule.spec.providers)
    return Slice(identities=found.identities, target=found.target, before=ours, after=theirs)
