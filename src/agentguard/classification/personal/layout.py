# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is a layout of a personal number?

The form of a row: how the number is written, what confirms it, and which words must stand near.
It looks at no text.
"""

import functools
import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from agentguard.classification.personal.context import Topic
from agentguard.vocabulary import Profile

Valid = Callable[[str], bool]

# A digit becomes 9 and a letter A; everything else stays.
_OUTLINE = bytes.maketrans(
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    b"9" * 10 + b"A" * 52,
)

_SEPARATORS = str.maketrans("", "", " .-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How numbers of one kind are written.

    Attributes:
        name: stands in the findings as the detector.
        data_class: what such a number is.
        shapes: outlines: 9 is a digit, A a letter, X either; anything else stands for itself.
        topics: what a word near it must speak of where it does not stand alone.
        alone: the quietest profile that takes it without such a word; None if none does.
        near: the quietest profile that takes it with such a word.
        valid: says of the number as written whether it can be one.
        documentation: the page that the row was written from.
    """

    name: str
    data_class: str
    shapes: tuple[str, ...]
    topics: frozenset[Topic]
    valid: Valid
    documentation: str
    alone: Profile | None = None
    near: Profile = Profile.STRICT


def outline(written: bytes) -> bytes:
    """Return the shape of a number as it is written."""
    return written.translate(_OUTLINE)


def variants(shape: str) -> list[str]:
    """Return the outlines that a shape stands for, without any X."""
    found = [""]
    for each in shape:
        found = [start + one for start in found for one in ("9A" if each == "X" else each)]
    return found


def by_outline(rows: Iterable[Layout], profile: Profile) -> dict[bytes, tuple[Layout, ...]]:
    """Return the rows that a profile looks for, by the outlines that they are written in."""
    found: dict[bytes, list[Layout]] = {}
    for row in rows:
        for shape in row.shapes:
            for written in variants(shape):
                found.setdefault(written.encode("ascii"), []).append(row)
    return {written: _wanted(listed, profile) for written, listed in found.items()}


def _wanted(rows: list[Layout], profile: Profile) -> tuple[Layout, ...]:
    """Return the rows without those whose check makes no difference."""
    unchecked: set[Topic] = set()
    for row in rows:
        if row.valid is anything and profile.includes(row.near):
            unchecked |= row.topics
    return tuple(
        row
        for row in rows
        if row.valid is anything
        or (row.alone is not None and profile.includes(row.alone))
        or not row.topics <= unchecked
    )


def anything(_written: str) -> bool:
    """Take every number of the shape: only the words near it tell."""
    return True


def standard(*modules: str) -> Valid:
    """Return what takes a number that one of these modules of ``python-stdnum`` takes.

    The modules are imported when the first number of such a shape is seen.
    """

    def valid(written: str) -> bool:
        bare = written.translate(_SEPARATORS)
        return any(
            _checker(module)(form) for module in modules for form in {written: None, bare: None}
        )

    return valid


@functools.lru_cache(maxsize=256)
def _checker(module: str) -> Valid:
    checker: Valid = importlib.import_module(f"stdnum.{module}").is_valid
    return checker


def digits_of(written: str) -> str:
    """Return the digits alone."""
    return "".join(filter(str.isdigit, written))
