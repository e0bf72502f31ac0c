# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which lists and objects may an argument be, and what satisfies several constraints at once?

For a deny rule one item that may be meant is enough, and so is an empty list, since leaving a list
of names empty often means every name; how many items there are leads out of no deny rule.

INVARIANT: no answer holds the value it is about (tests/policy/test_constraints.py).
"""

from dataclasses import dataclass, field, replace
from typing import Self

from agentguard.canonical import Frozen, canonical_bytes, is_object, tagged
from agentguard.policy.constraints.grounds import (
    Constraint,
    Plain,
    Scalar,
    counted,
    derive,
    listed,
    refuse_counts,
    refuse_depth,
)
from agentguard.policy.constraints.scalars import OneOf
from agentguard.vocabulary import Chain, Circumstances


@dataclass(frozen=True, slots=True, kw_only=True)
class Each(Plain):
    """A list of *least* to *most* items, both included, each of them one of the *options*.

    For a deny rule one item that may be an option is enough, and so is an empty list, since
    leaving a list of names empty often means every name.
    """

    options: tuple[Scalar, ...]
    most: int
    least: int = 1
    demand: str = field(init=False, repr=False, compare=False)
    _item: OneOf = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse counts that admit nothing.

        Raises:
            ValueError: there is no option, one that has no canonical form, or a count that
                cannot be used.
        """
        item = OneOf(options=self.options)
        refuse_counts(self.least, self.most)
        count = counted(self.least, self.most)
        derive(self, demand=f"must be a list of {count} of {listed(self.options)}", _item=item)

    def problem_with(self, value: Frozen) -> str | None:
        """Return what is demanded if *value* does not satisfy it, else None."""
        if (
            type(value) is tuple
            and self.least <= len(value) <= self.most
            and all(self._item.problem_with(item) is None for item in value)
        ):
            return None
        return self.demand

    def rules_out(self, value: Frozen) -> bool:
        """Say whether *value* is a list that certainly holds none of the options."""
        return type(value) is tuple and bool(value) and all(map(self._item.rules_out, value))

    def form(self) -> dict[str, Frozen]:
        """Return the constraint as it enters the policy's digest."""
        options = tuple(tagged(option) for option in self.options)
        return {"each": options, "least": self.least, "most": self.most}


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """A list of *least* to *most* items, both included, each of which satisfies *item*.

    Attributes:
        item: what each item must be.
        most: how many there may be.
        least: how many there must be.
        unique: whether no two may be equal; 1 and 1.0 are.
    """

    item: Constraint
    most: int
    least: int = 1
    unique: bool = False
    demand: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse counts that admit nothing, and constraints that stand too deep.

        Raises:
            ValueError: the counts or the depth cannot be used.
        """
        refuse_counts(self.least, self.most)
        refuse_depth(self.depth)
        unique = "different " if self.unique else ""
        count = counted(self.least, self.most)
        derive(self, demand=f"must be a list of {unique}{count}, each of which {self.item.demand}")

    @property
    def contextual(self) -> bool:
        """Whether the answers depend on who calls and in what circumstances."""
        return self.item.contextual

    @property
    def depth(self) -> int:
        """How many constraints stand in one another, this one included."""
        return 1 + self.item.depth

    def in_context(self, chain: Chain, circumstances: Circumstances) -> Self:
        """Return the constraint as it is for this chain in these circumstances."""
        if not self.contextual:
            return self
        return replace(self, item=self.item.in_context(chain, circumstances))

    def problem_with(self, value: Frozen) -> str | None:
        """Return what is demanded if *value* does not satisfy it, else None."""
        if (
            type(value) is tuple
            and self.least <= len(value) <= self.most
            and all(self.item.problem_with(each) is None for each in value)
            and not (self.unique and _has_equals(value))
        ):
            return None
        return self.demand

    def rules_out(self, value: Frozen) -> bool:
        """Say whether *value* is a list of which certainly no item satisfies the constraint."""
        return type(value) is tuple and bool(value) and all(map(self.item.rules_out, value))

    def form(self) -> dict[str, Frozen]:
        """Return the constraint as it enters the policy's digest."""
        return {
            "items": self.item.form(),
            "least": self.least,
            "most": self.most,
            "unique": self.unique,
        }


def _has_equals(values: tuple[Frozen, ...]) -> bool:
    """Say whether two values are equal in JSON; what has no canonical form equals everything."""
    try:
        return len(set(map(canonical_bytes, values))) < len(values)
    except ValueError:
        return True


Member = tuple[str, Constraint, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """An object with the listed members and no others.

    Attributes:
        members: for each its name, what it must be, and whether it may be missing.
    """

    members: tuple[Member, ...]
    demand: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse members that are listed twice, and constraints that stand too deep.

        Raises:
            ValueError: there is no member, one is named twice, or the depth cannot be used.
        """
        names = tuple(name for name, _, _ in self.members)
        if not names:
            raise ValueError("at least one member is needed")
        if len(set(names)) < len(names):
            raise ValueError("a member is named twice")
        refuse_depth(self.depth)
        shown = "; ".join(
            f"{name!r} {'may be missing and ' if optional else ''}{constraint.demand}"
            for name, constraint, optional in self.members[:_MOST_MEMBERS_SHOWN]
        )
        more = len(names) - _MOST_MEMBERS_SHOWN
        rest = f"; and {more} more" if more > 0 else ""
        derive(self, demand=f"must be an object with these members only: {shown}{rest}")

    @property
    def contextual(self) -> bool:
        """Whether the answers depend on who calls and in what circumstances."""
        return any(constraint.contextual for _, constraint, _ in self.members)

    @property
    def depth(self) -> int:
        """How many constraints stand in one another, this one included."""
        return 1 + max(constraint.depth for _, constraint, _ in self.members)

    def in_context(self, chain: Chain, circumstances: Circumstances) -> Self:
        """Return the constraint as it is for this chain in these circumstances."""
        if not self.contextual:
            return self
        return replace(
            self,
            members=tuple(
                (name, constraint.in_context(chain, circumstances), optional)
                for name, constraint, optional in self.members
            ),
        )

    def problem_with(self, value: Frozen) -> str | None:
        """Return what is demanded if *value* does not satisfy it, else None."""
        if not is_object(value):
            return self.demand
        seen = 0
        for name, constraint, optional in self.members:
            if name not in value:
                if not optional:
                    return self.demand
            elif constraint.problem_with(value[name]) is not None:
                return self.demand
            else:
                seen += 1
        return None if seen == len(value) else self.demand

    def rules_out(self, value: Frozen) -> bool:
        """Say whether *value* is an object with a member that certainly is not as listed."""
        return is_object(value) and any(
            name in value and constraint.rules_out(value[name])
            for name, constraint, _ in self.members
        )

    def form(self) -> dict[str, Frozen]:
        """Return the constraint as it enters the policy's digest."""
        return {
            "members": {
                name: {**constraint.form(), "optional": optional}
                for name, constraint, optional in self.members
            }
        }


_MOST_MEMBERS_SHOWN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOf:
    """What satisfies every one of the *parts*."""

    parts: tuple[Constraint, ...]
    demand: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse too few parts, and constraints that stand too deep.

        Raises:
            ValueError: there are fewer than two parts, or the depth cannot be used.
        """
        if len(self.parts) < 2:  # noqa: PLR2004 - one part stands for itself
            raise ValueError("at least two constraints are needed")
        refuse_depth(self.depth)
        derive(self, demand=" and ".join(part.demand for part in self.parts))

    @property
    def contextual(self) -> bool:
        """Whether the answers depend on who calls and in what circumstances."""
        return any(part.contextual for part in self.parts)

    @property
    def depth(self) -> int:
        """How many constraints stand in one another, this one included."""
        return 1 + max(part.depth for part in self.parts)

    def in_context(self, chain: Chain, circumstances: Circumstances) -> Self:
        """Return the constraint as it is for this chain in these circumstances."""
        if not self.contextual:
            return self
        return replace(
            self, parts=tuple(part.in_context(chain, circumstances) for part in self.parts)
        )

    def problem_with(self, value: Frozen) -> str | None:
        """Return what is demanded if *value* does not satisfy it, else None."""
        for part in self.parts:
            if (problem := part.problem_with(value)) is not None:
                return problem
        return None

    def rules_out(self, value: Frozen) -> bool:
        """Say whether *value* certainly does not satisfy one of the parts."""
        return any(part.rules_out(value) for part in self.parts)

    def form(self) -> dict[str, Frozen]:
        """Return the constraint as it enters the policy's digest."""
        return {"all": tuple(part.form() for part in self.parts)}
