# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which numbers, and which single values, may an argument be?

Types are strict: ``True`` is not 1, 1 is not 1.0, and ranges have both ends. A decimal number is
text in plain notation, compared exactly.

INVARIANT: no answer holds the value it is about, only what is demanded
(tests/policy/test_constraints.py).
"""

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeGuard

from agentguard.canonical import LARGEST_INTEGER, Frozen, tagged
from agentguard.policy.constraints.grounds import (
    Plain,
    Scalar,
    composed,
    derive,
    is_comparable,
    listed,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class IntBetween(Plain):
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
        derive(self, demand=f"must be an integer from {self.low} to {self.high}")

    def problem_with(self, value: Frozen) -> str | None:
        """Return what is demanded if *value* does not satisfy it, else None."""
        if type(value) is int and self.low <= value <= self.high:
            return None
        return self.demand

    def rules_out(self, value: Frozen) -> bool:
        """Say whether *value* has the right type and certainly does not satisfy this."""
        return type(value) is int and is_comparable(value) and not self.low <= value <= self.high

    def form(self) -> dict[str, Frozen]:
        """Return the constraint as it enters the policy's digest."""
        return {"int": (self.low, self.high)}


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberBetween(Plain):
    """An integer or a fractional number from *low* to *high*, both included."""

    low: int | float
    high: int | float
    demand: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse bounds that admit nothing or have no canonical form.

        Raises:
            ValueError: the bounds cannot be used; the message says why.
        """
        if not (_is_number(self.low) and _is_number(self.high)):
            raise ValueError("a bound is no number, is not finite or lies beyond 2^53-1")
        if self.low > self.high:
            raise ValueError(f"the lower bound {self.low} lies above the upper bound {self.high}")
        derive(self, demand=f"must be a number from {self.low} to {self.high}")

    def problem_with(self, value: Frozen) -> str | None:
        """Return what is demanded if *value* does not satisfy it, else None."""
        return None if _is_number(value) and self._admits(value) else self.demand

    def rules_out(self, value: Frozen) -> bool:
        """Say whether *value* has the right type and certainly does not satisfy this."""
        return _is_number(value) and not self._admits(value)

    def _admits(self, number: float) -> bool:
        return self.low <= number <= self.high

    def form(self) -> dict[str, Frozen]:
        """Return the constraint as it enters the policy's digest."""
        return {"number": (tagged(self.low), tagged(self.high))}


def _is_number(value: object) -> TypeGuard[int | float]:
    """Say whether a value is a finite number that is the same everywhere."""
    return type(value) in (int, float) and abs(value) <= LARGEST_INTEGER  # type: ignore[arg-type]  # a number, as just seen


# No sign of rounding, grouping or another base: what is written is the number, to every reader.
_PLAIN = re.compile(r"[+-]?(?:0|[1-9][0-9]*)(?:\.([0-9]+))?", re.ASCII)
_LONGEST_NUMBER = 100


def plain_decimal(value: object) -> Decimal | None:
    """Return the number that a text in plain notation says, None for everything else."""
    if type(value) is not str or len(value) > _LONGEST_NUMBER or not _PLAIN.fullmatch(value):
        return None
    return Decimal(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecimalBetween(Plain):
    """Text that is a decimal number from *low* to *high* with at most *places* decimals.

    For a deny rule only the number counts, not how many decimals it is written with.
    """

    low: Decimal
    high: Decimal
    places: int | None = None
    demand: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse bounds that admit nothing.

        Raises:
            ValueError: the bounds or the decimals cannot be used; the message says why.
        """
        if not (self.low.is_finite() and self.high.is_finite()):
            raise ValueError("a bound is not finite")
        if max(len(f"{self.low:f}"), len(f"{self.high:f}")) > _LONGEST_NUMBER:
            raise ValueError(f"a bound is longer than {_LONGEST_NUMBER} characters")
        if self.low > self.high:
            raise ValueError(
                f"the lower bound {self.low:f} lies above the upper bound {self.high:f}"
            )
        if self.places is not None and not 0 <= self.places <= _LONGEST_NUMBER:
            raise ValueError(f"places must be from 0 to {_LONGEST_NUMBER}")
        places = "" if self.places is None else f" with at most {self.places} decimals"
        derive(
            self,
            demand="must be text with a decimal number in plain notation"
            f" from {self.low:f} to {self.high:f}{places}",
        )

    def problem_with(self, value: Frozen) -> str | None:
        """Return what is demanded if *value* does not satisfy it, else None."""
        number = plain_decimal(value)
        if number is None or not self.low <= number <= self.high:
            return self.demand
        return self.demand if self.places is not None and _places(number) > self.places else None

    def rules_out(self, value: Frozen) -> bool:
        """Say whether *value* is a plain decimal number that lies outside."""
        number = plain_decimal(value)
        return number is not None and not self.low <= number <= self.high

    def form(self) -> dict[str, Frozen]:
        """Return the constraint as it enters the policy's digest."""
        return {"decimal": (_written(self.low), _written(self.high)), "places": self.places}


def _written(number: Decimal) -> str:
    """Return a number in one notation; normalising it would round it."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _places(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf(Plain):
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
        if not all(map(is_comparable, self.options)):
            raise ValueError("a number is not finite or lies beyond 2^53-1")
        derive(
            self,
            demand=f"must be one of {listed(self.options)}",
            _kinds=frozenset(map(type, self.options)),
            _admitted=frozenset((type(option), option) for option in self.options),
            _admitted_composed=frozenset(
                (type(option), composed(option)) for option in self.options
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
            and is_comparable(value)
            and (kind, value) not in self._admitted
            and (kind, composed(value)) not in self._admitted_composed
        )

    def form(self) -> dict[str, Frozen]:
        """Return the constraint as it enters the policy's digest."""
        return {"in": tuple(tagged(option) for option in self.options)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Const(Plain):
    """Exactly *value*, equal in type and value."""

    value: Scalar
    demand: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse a number that has no canonical form.

        Raises:
            ValueError: the number is not finite or too large.
        """
        if not is_comparable(self.value):
            raise ValueError("a number is not finite or lies beyond 2^53-1")
        derive(self, demand=f"must be {self.value!r}")

    def problem_with(self, value: Frozen) -> str | None:
        """Return what is demanded if *value* does not satisfy it, else None."""
        if type(value) is type(self.value) and value == self.value:
            return None
        return self.demand

    def rules_out(self, value: Frozen) -> bool:
        """Say whether *value* has the right type and certainly does not satisfy this."""
        return (
            type(value) is type(self.value)
            and is_comparable(value)
            and value != self.value
            and composed(value) != composed(self.value)
        )

    def form(self) -> dict[str, Frozen]:
        """Return the constraint as it enters the policy's digest."""
        return {"const": tagged(self.value)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Anything(Plain):
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Forbidden(Plain):
    """No value at all: what this is about must be absent."""

    @property
    def demand(self) -> str:
        """What is demanded."""
        return "must be absent"

    def problem_with(self, value: Frozen) -> str | None:  # noqa: ARG002 - no value will do
        """Return what is demanded: no value satisfies this."""
        return self.demand

    def rules_out(self, value: Frozen) -> bool:
        """Say whether something is there for certain; null may stand for what is left out."""
        return value is not None

    def form(self) -> dict[str, Frozen]:
        """Return the constraint as it enters the policy's digest."""
        return {"forbidden": True}
