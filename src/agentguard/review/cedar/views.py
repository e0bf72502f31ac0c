# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does Cedar see a value that an argument has?

Cedar has text, whole numbers of 64 bits, booleans, decimals with four places, sets and records. A
value has one view for each type that rules compare it by, and none of the others, so that a rule
can ask whether an argument has the type that it is about. Fractional numbers are seen as their
place in the order of all of them, which keeps every comparison exact.

INVARIANT: two values are equal, and one is smaller, in a view exactly when they are so themselves
(tests/review/test_cedar_views.py).
"""

import struct
import unicodedata
from collections.abc import Callable, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from enum import StrEnum
from typing import Any, Literal, TypeAlias

from agentguard.canonical import LARGEST_INTEGER, Frozen
from agentguard.policy.constraints.scalars import plain_decimal

Seen: TypeAlias = Any

_STEP = Decimal("0.0001")
# Of the module's own: the host may have set another precision for its threads.
_EXACT = Context(prec=60)
LARGEST_DECIMAL = Decimal("922337203685477.5807")
_SIGN = 1 << 63


class View(StrEnum):
    """As what a value is seen; the word stands in the names of attributes."""

    TEXT = "text"
    COMPOSED = "composed text"
    DECOMPOSED = "decomposed text"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    FRACTION = "fraction"
    FLOOR = "decimal, rounded down"
    CEILING = "decimal, rounded up"
    PLACES = "decimals"
    LENGTH = "characters"
    COMPOSED_LENGTH = "composed characters"
    DECOMPOSED_LENGTH = "decomposed characters"
    ITEMS = "items"
    COMPOSED_ITEMS = "composed items"
    KINDS = "kinds of items"
    COUNT = "number of items"
    KIND = "kind"
    TOKEN = "value"  # noqa: S105 - the name of a view
    COMPOSED_TOKEN = "composed value"  # noqa: S105 - the name of a view


TYPES = {
    View.TEXT: "String",
    View.COMPOSED: "String",
    View.DECOMPOSED: "String",
    View.INTEGER: "Long",
    View.BOOLEAN: "Bool",
    View.FRACTION: "Long",
    View.FLOOR: "decimal",
    View.CEILING: "decimal",
    View.PLACES: "Long",
    View.LENGTH: "Long",
    View.COMPOSED_LENGTH: "Long",
    View.DECOMPOSED_LENGTH: "Long",
    View.ITEMS: "Set<String>",
    View.COMPOSED_ITEMS: "Set<String>",
    View.KINDS: "Set<String>",
    View.COUNT: "Long",
    View.KIND: "String",
    View.TOKEN: "String",
    View.COMPOSED_TOKEN: "String",
}


def seen(view: View, value: Frozen) -> Seen | None:
    """Return a value as Cedar's JSON holds it in a view; None where it is not of that type."""
    return _WAYS[view](value)


def token(value: object) -> str:
    """Return a scalar as text that says its type; equal for equal values only."""
    kind = kind_of(value)
    if value is None:
        return "null"
    if kind == "text":
        return f"text {value}"
    if kind == "integer":
        return f"integer {value}"
    if kind == "fraction":
        return f"fraction {place_of(value)}"  # type: ignore[arg-type]  # a number, as just seen
    return f"boolean {str(value).lower()}" if kind == "boolean" else "other"


def composed_token(value: object) -> str:
    """Return the token of a value with text in the form NFC."""
    return token(composed(value) if type(value) is str else value)


def composed(text: object) -> str:
    """Return a text in the form NFC."""
    return unicodedata.normalize("NFC", str(text))


def spellings(text: str) -> tuple[str, str, str]:
    """Return a text as it is, composed and decomposed."""
    return text, composed(text), unicodedata.normalize("NFD", text)


def kind_of(value: object) -> str:
    """Return what a scalar is; what has no one value everywhere is something else."""
    if type(value) is str:
        return "text"
    if type(value) is bool:
        return "boolean"
    if type(value) is int:
        return "integer" if abs(value) <= LARGEST_INTEGER else "other"
    return "fraction" if type(value) is float and abs(value) < float("inf") else "other"


def place_of(number: float) -> int:
    """Return the place of a number among all fractional numbers, in their order."""
    bits = int(struct.unpack(">Q", struct.pack(">d", number))[0])
    return -(bits ^ _SIGN) if bits & _SIGN else bits


def _text(value: Frozen) -> Seen | None:
    return value if type(value) is str else None


def _normal(form: Literal["NFC", "NFD"]) -> Callable[[Frozen], Seen | None]:
    return lambda value: unicodedata.normalize(form, value) if type(value) is str else None


def _normal_length(form: Literal["NFC", "NFD"]) -> Callable[[Frozen], Seen | None]:
    return lambda value: len(unicodedata.normalize(form, value)) if type(value) is str else None


def _of_kind(kind: str) -> Callable[[Frozen], Seen | None]:
    return lambda value: value if kind_of(value) == kind else None


def _fraction(value: Frozen) -> Seen | None:
    return place_of(value) if kind_of(value) == "fraction" else None  # type: ignore[arg-type]  # a number, as just seen


def _rounded(rounding: str) -> Callable[[Frozen], Seen | None]:
    def decimal(value: Frozen) -> Seen | None:
        number = plain_decimal(value)
        if number is None:
            return None
        near = min(max(number, -LARGEST_DECIMAL), LARGEST_DECIMAL)
        rounded = near.quantize(_STEP, rounding=rounding, context=_EXACT)
        return {"__extn": {"fn": "decimal", "arg": f"{rounded:f}"}}

    return decimal


def _places(value: Frozen) -> Seen | None:
    number = plain_decimal(value)
    return None if number is None else -int(number.as_tuple().exponent)


def _length(value: Frozen) -> Seen | None:
    return len(value) if type(value) is str else None


def _each(of_item: Callable[[object], str]) -> Callable[[Frozen], Seen | None]:
    return lambda value: sorted(set(map(of_item, value))) if isinstance(value, tuple) else None


def _count(value: Frozen) -> Seen | None:
    return len(value) if isinstance(value, tuple) else None


_WAYS: Mapping[View, Callable[[Frozen], Seen | None]] = {
    View.TEXT: _text,
    View.COMPOSED: _normal("NFC"),
    View.DECOMPOSED: _normal("NFD"),
    View.INTEGER: _of_kind("integer"),
    View.BOOLEAN: _of_kind("boolean"),
    View.FRACTION: _fraction,
    View.FLOOR: _rounded(ROUND_FLOOR),
    View.CEILING: _rounded(ROUND_CEILING),
    View.PLACES: _places,
    View.LENGTH: _length,
    View.COMPOSED_LENGTH: _normal_length("NFC"),
    View.DECOMPOSED_LENGTH: _normal_length("NFD"),
    View.ITEMS: _each(token),
    View.COMPOSED_ITEMS: _each(composed_token),
    View.KINDS: _each(kind_of),
    View.COUNT: _count,
    View.KIND: kind_of,
    View.TOKEN: token,
    View.COMPOSED_TOKEN: composed_token,
}
