# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where in a request to Cedar does an argument stand?

Names the attributes that hold the views of an argument, and takes down which of them are read and
which facts are asked for, so that schema and requests hold just these.

INVARIANT: two views of arguments never share an attribute (tests/review/test_cedar_views.py).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from agentguard.canonical import Frozen, canonical_bytes
from agentguard.policy.constraints import Constraint
from agentguard.review.cedar import syntax
from agentguard.review.cedar.views import View
from agentguard.vocabulary import Chain, Circumstances

# What Cedar sees as JSON does; with one of these alone the attribute has the argument's own name.
_AS_THEY_ARE = frozenset({View.TEXT, View.INTEGER, View.BOOLEAN})
_FACTS = "context.facts"


@dataclass(frozen=True, slots=True, eq=False)
class Fact:
    """Something about an argument that Cedar cannot find out, so that whoever asks must.

    Attributes:
        text: how it is called in a request.
        constraint: what it is about.
        ruled_out: whether it says that the value certainly fails, or that it fits.
        of_each: whether the value is several, of which each must.
    """

    text: str
    constraint: Constraint
    ruled_out: bool
    of_each: bool = False

    def holds(self, value: Frozen, chain: Chain, circumstances: Circumstances) -> bool:
        """Say whether it is true of a value."""
        here = self.constraint.in_context(chain, circumstances)
        values = value if self.of_each and isinstance(value, tuple) else (value,)
        if self.ruled_out:
            return bool(values) and all(map(here.rules_out, values))
        return bool(values) and all(here.problem_with(each) is None for each in values)


@dataclass(slots=True, eq=False)
class Place:
    """An argument, where policies read it.

    Attributes:
        name: of the argument.
        record: the record whose attributes hold its views.
        views: those that any policy reads, as far as that is known already.
        holds_several: whether it stands for several values, of which each is meant.
        read: those that were read through this place.
        facts: those that were asked for through this place, by text.
        claims: those that it was compared with.
    """

    name: str
    record: str
    views: frozenset[View] = frozenset()
    holds_several: bool = False
    read: set[View] = field(default_factory=set)
    facts: dict[str, Fact] = field(default_factory=dict)
    claims: set[str] = field(default_factory=set)

    def reading(self, *views: View, holds: Callable[..., str]) -> str:
        """Return a condition on some views, which fails where one of them is not there."""
        self.read.update(views)
        names = [attribute(self.name, view, self.views) for view in views]
        there = [syntax.has(self.record, name) for name in names]
        return syntax.all_of([*there, holds(*(syntax.member(self.record, name) for name in names))])

    def fact(self, constraint: Constraint, *, ruled_out: bool) -> str:
        """Return the condition that a fact is among those that are told."""
        says = "is ruled out by" if ruled_out else "satisfies"
        form = canonical_bytes(constraint.form()).decode("utf-8")
        said = f"{self.name} {says} {form}"
        self.facts[said] = Fact(said, constraint, ruled_out, self.holds_several)
        return f"{_FACTS}.contains({syntax.text(said)})"


def attribute(name: str, view: View, views: frozenset[View]) -> str:
    """Return the name of the attribute that holds a view of an argument.

    Args:
        name: of the argument.
        view: the view.
        views: all views of an argument of this name that any policy reads.
    """
    # A name with a bracket at its end could be that of a view of another argument.
    if view in _AS_THEY_ARE and not name.endswith(")") and len(views & _PRIMARY) == 1:
        return name
    return f"{name} ({view.value})"


_PRIMARY = _AS_THEY_ARE | {View.FRACTION, View.FLOOR, View.ITEMS}
