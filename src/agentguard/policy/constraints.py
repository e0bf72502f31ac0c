# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What may an argument of a tool call be?

One class for each kind of constraint. Types are strict: ``True`` is not 1, 1 is not 1.0, and
numbers have both ends.
A constraint is asked two questions that are not each other's negation: does this value positively
satisfy it (for allow and approve), and is it certain that it does not (for deny).

INVARIANT: no answer holds the value it is about, only what is demanded
(tests/policy/test_constraints.py).
"""

import math
import unicodedata
from dataclasses import dataclass, field
from typing import TypeAlias

from agentguard.canonical import LARGEST_INTEGER, Frozen, tagged
from agentguard.matching import Find, deferred

Scalar: TypeAlias = bool | int | float | str

_MOST_OPTIONS_SHOWN = 8


def _set(constraint: object, **derived: object) -> None:
    for name, value in derived.items():
        object.__setattr__(constraint, name, value)


def _composed(value: object) -> object:
    """Return the value with text in the form NFC, so that no deny rule is evaded by spelling."""
    return unicodedata.normalize("NFC", value) if type(value) is str else value


def _decomposed(value: object) -> object:
    return unicodedata.normalize("NFD", value) if type(value) is str else value


def _is_comparable(value: object) -> bool:
    """Say whether a number has one value everywhere; what has not is treated as mistyped."""
    if type(value) is int:
        return abs(value) <= LARGEST_INTEGER
    return type(value) is not float or math.isfinite(value)


def _utf8(value: object) -> bytes | None:
    """Return the bytes of a text, None for what is no text; the error would quote the value."""
    if type(value) is not str:
        return None
    try:
        return value.encode("utf-8")
    except UnicodeEncodeError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class IntBetween:
    """An integer from *low* to *high*, both included."""

    low: int
    high: int
    demand: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse bounds that admit nothing or have no canonical form.

        Raises:
            ValueError: the bounds cannot be used; the message says why.
        """
        if self.low > self.high:
            raise ValueError(f"the lower bound {self.low} lies above the upper bound {self.high}")
        if abs(self.low) > LARGEST_INTEGER or abs(self.high) > LARGEST_INTEGER:
            raise ValueError("a bound lies beyond 2^53-1")
        _set(self, demand=f"must be an integer from {self.low} to {self.high}")

    def problem_with(self, value: Frozen) -> str | None:
        """Return what is demanded if *value* does not satisfy it, else None."""
        if type(value) is int and self.low <= value <= self.high:
            return None
        return self.demand

    def rules_out(self, value: Frozen) -> bool:
        """Say whether *value* has the right type and certainly does not satisfy this."""
        return type(value) is int and _is_comparable(value) and not self.low <= value <= self.high

    def form(self) -> dict[str, Frozen]:
        """Return the constraint as it enters the policy's digest."""
        return {"int": (self.low, self.high)}


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf:
    """One of the *options*, equal in type and value."""

    options: tuple[Scalar, ...]
    demand: str = field(init=False, repr=False, compare=False)
    _kinds: frozenset[type] = field(init=False, repr=False, compare=False)
    _admitted: frozenset[tuple[type, Scalar]] = field(init=False, repr=False, compare=False)
    _admitted_composed: frozenset[tuple[type, object]] = field(
        init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        """Refuse an empty list.

        Raises:
            ValueError: there is no option, or one that has no canonical form.
        """
        if not self.options:
            raise ValueError("at least one option is needed")
        if not all(map(_is_comparable, self.options)):
            raise ValueError("a number is not finite or lies beyond 2^53-1")
        shown = ", ".join(map(repr, self.options[:_MOST_OPTIONS_SHOWN]))
        more = len(self.options) - _MOST_OPTIONS_SHOWN
        _set(
            self,
            demand=f"must be one of {shown}" + (f" and {more} more" if more > 0 else ""),
            _kinds=frozenset(map(type, self.options)),
            _admitted=frozenset((type(option), option) for option in self.options),
            _admitted_composed=frozenset(
                (type(option), _composed(option)) for option in self.options
            ),
        )

    def problem_with(self, value: Frozen) -> str | None:
        """Return what is demanded if *value* does not satisfy it, else None."""
        kind = type(value)
        if kind in self._kinds and (kind, value) in self._admitted:
            return None
        return self.demand

    def rules_out(self, value: Frozen) -> bool:
        """Say whether *value* has the right type and certainly does not satisfy this."""
        kind = type(value)
        return (
            kind in self._kinds
            and _is_comparable(value)
            and (kind, value) not in self._admitted
            and (kind, _composed(value)) not in self._admitted_composed
        )

    def form(self) -> dict[str, Frozen]:
        """Return the constraint as it enters the policy's digest."""
        return {"in": tuple(tagged(option) for option in self.options)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Const:
    """Exactly *value*, equal in type and value."""

    value: Scalar
    demand: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse a number that has no canonical form.

        Raises:
            ValueError: the number is not finite or too large.
        """
        if not _is_comparable(self.value):
            raise ValueError("a number is not finite or lies beyond 2^53-1")
        _set(self, demand=f"must be {self.value!r}")

    def problem_with(self, value: Frozen) -> str | None:
        """Return what is demanded if *value* does not satisfy it, else None."""
        if type(value) is type(self.value) and value == self.value:
            return None
        return self.demand

    def rules_out(self, value: Frozen) -> bool:
        """Say whether *value* has the right type and certainly does not satisfy this."""
        return (
            type(value) is type(self.value)
            and _is_comparable(value)
            and value != self.value
            and _composed(value) != _composed(self.value)
        )

    def form(self) -> dict[str, Frozen]:
        """Return the constraint as it enters the policy's digest."""
        return {"const": tagged(self.value)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Text that *pattern* matches from the first character to the last, in linear time."""

    pattern: str
    demand: str = field(init=False, repr=False, compare=False)
    _whole: Find = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compile the pattern.

        Raises:
            ValueError: the pattern is not in the form NFC, or re2 refuses it; the message says
                which and why.
        """
        if _composed(self.pattern) != self.pattern:
            raise ValueError(
                "the pattern holds decomposed characters, which text seldom does: write it in the"
                " Unicode form NFC"
            )
        try:
            # By itself first: what brackets and anchors complete is no pattern.
            deferred(self.pattern).compile()
            whole = deferred(rf"\A(?:{self.pattern})\z").compile()
        except UnicodeEncodeError:
            raise ValueError("the pattern is not one that re2 takes: not valid Unicode") from None
        except ValueError as error:
            raise ValueError(f"the pattern is not one that re2 takes: {error}") from None
        _set(self, demand=f"must match {self.pattern!r} in full", _whole=whole)

    def problem_with(self, value: Frozen) -> str | None:
        """Return what is demanded if *value* does not satisfy it, else None."""
        text = _utf8(value)
        return None if text is not None and self._matches(text) else self.demand

    def rules_out(self, value: Frozen) -> bool:
        """Say whether *value* has the right type and certainly does not satisfy this."""
        # Decomposed as well, for a pattern that names a combining character by its number.
        spellings = value, _composed(value), _decomposed(value)
        return all(text is not None and not self._matches(text) for text in map(_utf8, spellings))

    def _matches(self, text: bytes) -> bool:
        return self._whole(text, 0, len(text)) is not None

    def form(self) -> dict[str, Frozen]:
        """Return the constraint as it enters the policy's digest."""
        return {"match": self.pattern}


@dataclass(frozen=True, slots=True, kw_only=True)
class Each:
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
        if not 0 <= self.least <= self.most <= LARGEST_INTEGER or not self.most:
            raise ValueError(f"a list cannot hold from {self.least} to {self.most} items")
        count = _counted(self.most)
        if self.least < self.most:
            count = f"{self.least} to {count}"
        shown = item.demand.removeprefix("must be one of ")
        _set(self, demand=f"must be a list of {count} of {shown}", _item=item)

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

    def shares_a_value_with(self, other: "Each") -> bool:
        """Say whether some list satisfies both."""
        if max(self.least, other.least) > min(self.most, other.most):
            return False
        if not self.least and not other.least:
            return True
        theirs = OneOf(options=other.options)
        return any(theirs.problem_with(option) is None for option in self.options)


def _counted(number: int) -> str:
    return "1 item" if number == 1 else f"{number} items"


@dataclass(frozen=True, slots=True, kw_only=True)
class Anything:
    """Any JSON value."""

    @property
    def demand(self) -> str:
        """What is demanded."""
        return "may be any value"

    def problem_with(self, value: Frozen) -> str | None:  # noqa: ARG002 - any value will do
        """Return None: every value satisfies this."""
        return None

    def rules_out(self, value: Frozen) -> bool:  # noqa: ARG002 - any value will do
        """Return False: no value fails to satisfy this."""
        return False

    def form(self) -> dict[str, Frozen]:
        """Return the constraint as it enters the policy's digest."""
        return {"any": True}


Constraint: TypeAlias = IntBetween | OneOf | Const | Match | Each | Anything


def are_disjoint(left: Constraint, right: Constraint) -> bool:
    """Say whether certainly no value satisfies both constraints; False when it is not known."""
    if isinstance(left, Anything) or isinstance(right, Anything):
        return False
    for one, other in ((left, right), (right, left)):
        values = _values(one)
        if values is not None:
            return all(other.problem_with(value) is not None for value in values)
    if isinstance(left, IntBetween) and isinstance(right, IntBetween):
        return left.high < right.low or right.high < left.low
    if isinstance(left, Each) and isinstance(right, Each):
        return not left.shares_a_value_with(right)
    return type(left) is not type(right)


def _values(constraint: Constraint) -> tuple[Scalar, ...] | None:
    if isinstance(constraint, OneOf):
        return constraint.options
    return (constraint.value,) if isinstance(constraint, Const) else None
