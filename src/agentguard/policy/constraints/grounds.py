# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What do all kinds of constraints build on?

What a constraint is asked, and how texts and numbers are compared.

INVARIANT: no answer holds the value it is about, only what is demanded
(tests/policy/test_constraints.py).
"""

import math
import unicodedata
from typing import Protocol, Self, TypeAlias, TypeGuard, TypeVar

from agentguard.canonical import LARGEST_INTEGER, Frozen
from agentguard.vocabulary import Chain, Circumstances

Scalar: TypeAlias = bool | int | float | str
T = TypeVar("T")

DEEPEST_CONSTRAINT = 8
_MOST_SHOWN = 8


class Constraint(Protocol):
    """What every kind of constraint answers."""

    @property
    def demand(self) -> str:
        """What is demanded."""

    @property
    def contextual(self) -> bool:
        """Whether the answers depend on who calls and in what circumstances."""

    @property
    def depth(self) -> int:
        """How many constraints stand in one another, this one included."""

    def in_context(self, chain: Chain, circumstances: Circumstances) -> "Constraint":
        """Return the constraint as it is for this chain in these circumstances."""

    def problem_with(self, value: Frozen) -> str | None:
        """Return what is demanded if *value* does not satisfy it, else None."""

    def rules_out(self, value: Frozen) -> bool:
        """Say whether *value* has the right type and certainly does not satisfy this."""

    def form(self) -> dict[str, Frozen]:
        """Return the constraint as it enters the policy's digest."""


def derive(constraint: object, **derived: object) -> None:
    """Set fields that follow from the others, in a frozen constraint."""
    for name, value in derived.items():
        object.__setattr__(constraint, name, value)


def varied(constraint: T, **fields: object) -> T:
    """Return a copy with other fields, of which none was checked when it was made.

    Calls are decided with such copies: making one anew would check all of it again.
    """
    copy = object.__new__(type(constraint))
    for name in type(constraint).__slots__:  # type: ignore[attr-defined]  # constraints have slots
        object.__setattr__(copy, name, getattr(constraint, name))
    derive(copy, **fields)
    return copy


class Plain:
    """A constraint that is the same for everybody, at any time."""

    __slots__ = ()

    @property
    def contextual(self) -> bool:
        """Whether the answers depend on who calls and in what circumstances."""
        return False

    @property
    def depth(self) -> int:
        """How many constraints stand in one another, this one included."""
        return 1

    def in_context(self, chain: Chain, circumstances: Circumstances) -> Self:  # noqa: ARG002 - nothing depends on them
        """Return the constraint itself."""
        return self


def composed(value: object) -> object:
    """Return the value with text in the form NFC, so that no deny rule is evaded by spelling."""
    return unicodedata.normalize("NFC", value) if type(value) is str else value


def spellings(text: str) -> tuple[str, str, str]:
    """Return a text as it is, composed and decomposed."""
    return text, unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)


def is_comparable(value: object) -> bool:
    """Say whether a number has one value everywhere; what has not is treated as mistyped."""
    if type(value) is int:
        return abs(value) <= LARGEST_INTEGER
    return type(value) is not float or math.isfinite(value)


def utf8(value: object) -> bytes | None:
    """Return the bytes of a text, None for what is no text; the error would quote the value."""
    if type(value) is not str:
        return None
    try:
        return value.encode("utf-8")
    except UnicodeEncodeError:
        return None


def is_text(value: object) -> TypeGuard[str]:
    """Say whether a value is text that can be encoded."""
    return utf8(value) is not None


def listed(options: tuple[Scalar, ...]) -> str:
    """Return options as a demand shows them: the first few, and how many more."""
    shown = ", ".join(map(repr, options[:_MOST_SHOWN]))
    more = len(options) - _MOST_SHOWN
    return shown + (f" and {more} more" if more > 0 else "")


def refuse_depth(depth: int) -> None:
    """Refuse constraints that stand too deep in one another.

    Raises:
        ValueError: they do.
    """
    if depth > DEEPEST_CONSTRAINT:
        raise ValueError(
            f"constraints stand in one another deeper than {DEEPEST_CONSTRAINT} levels"
        )


def counted(least: int, most: int) -> str:
    """Return a number of items as a demand shows it."""
    count = "1 item" if most == 1 else f"{most} items"
    return f"{least} to {count}" if least < most else count


def refuse_counts(least: int, most: int) -> None:
    """Refuse numbers of items that admit nothing.

    Raises:
        ValueError: they do, or cannot be used.
    """
    if not 0 <= least <= most <= LARGEST_INTEGER or not most:
        raise ValueError(f"a list cannot hold from {least} to {most} items")
