# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What stands at which place of a result, and which places may be relied on?

A text that is JSON is read as what it holds.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from agentguard.canonical import Frozen, NotCanonical, freeze, is_object

_MOST_READ = 2_000_000

Places: TypeAlias = tuple[tuple[str, ...], ...]
_WORDS_OF_A_NAME = 8


@dataclass(frozen=True, slots=True)
class Leaf:
    """A text or a number in a value.

    Attributes:
        value: what it is.
        steps: the way to it.
        key: whether it is the name of a member itself.
        item: the number, from one, of the item of the outermost list that it stands in.
        record: the way to what holds it together with the values that belong to it.
    """

    value: str | int | float = field(repr=False)
    steps: tuple[str, ...] = field(default=(), repr=False)
    key: bool = False
    item: int | None = None
    record: tuple[str, ...] = field(default=(), repr=False)

    @property
    def slot(self) -> str:
        """Under which name or number it stands in its record."""
        return self.steps[len(self.record)] if len(self.steps) > len(self.record) else ""


def leaves_of(
    value: Frozen, *, unfold: bool = False, through: Places | None = None
) -> Iterator[Leaf]:
    """Yield every text and number in a value, names of members included.

    Args:
        value: a frozen value.
        unfold: whether every text that is JSON is read.
        through: trusted places; a text that is JSON is read where one of them leads into it. A
            text that is trusted itself stays a text: what it holds may be somebody else's.
    """
    yield from _leaves(value, Leaf(0), _Reading(unfold, through))


@dataclass(frozen=True, slots=True)
class _Reading:
    """Which texts are read as JSON."""

    all: bool
    through: Places | None

    def reads(self, leaf: Leaf) -> bool:
        if self.all or self.through is None:
            return self.all
        steps = leaf.steps
        if () in self.through or not steps:
            return () not in self.through
        return any(len(place) > len(steps) and _spells(place, steps) for place in self.through)


def _leaves(value: Frozen, at: Leaf, reading: _Reading) -> Iterator[Leaf]:
    if isinstance(value, str):
        inside = read_json(value) if reading.reads(at) else None
        if inside is not None:
            yield from _leaves(inside, at, reading)
        elif value:
            yield replace(at, value=value)
    elif is_object(value):
        for name, member in value.items():
            inner = replace(at, steps=(*at.steps, name), record=at.steps)
            yield replace(inner, value=name, key=True)
            yield from _leaves(member, inner, reading)
    elif isinstance(value, tuple):
        yield from _items(value, at, reading)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield replace(at, value=value)


def _items(value: tuple[Frozen, ...], at: Leaf, reading: _Reading) -> Iterator[Leaf]:
    for number, member in enumerate(value):
        item = number + 1 if at.item is None and len(value) > 1 else at.item
        row = isinstance(member, tuple)
        steps = (*at.steps, str(number))
        inner = replace(at, steps=steps, item=item, record=steps if row else at.record)
        yield from _leaves(member, inner, reading)


def read_json(text: str) -> Frozen:
    """Return the list or object that a text holds in JSON, None for every other text."""
    text = text.strip()
    if not text or text[0] not in "[{" or text[-1] not in "]}" or len(text) > _MOST_READ:
        return None
    try:
        return freeze(json.loads(text))
    except (ValueError, RecursionError, NotCanonical):
        return None


def trusted_places(pointers: Sequence[str]) -> Places:
    """Return the steps of JSON pointers; ``*`` stays for any one step."""
    return tuple(
        tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])
        for pointer in pointers
    )


def is_trusted(leaf: Leaf, places: Places) -> bool:
    """Say whether a leaf is at or below one of the places.

    The name of a member is trusted where what holds the member is, or where a place spells it.
    """
    steps = leaf.steps
    if leaf.key and any(_spells(place, steps) for place in places):
        return True
    steps = steps[:-1] if leaf.key else steps
    return any(len(place) <= len(steps) and _fits(place, steps) for place in places)


def is_prose(leaf: Leaf) -> bool:
    """Say whether a field holds so many words that it may say more than what it is trusted for."""
    value = leaf.value
    return isinstance(value, str) and (
        "\n" in value.strip() or len(value.split()) > _WORDS_OF_A_NAME
    )


def _spells(place: tuple[str, ...], steps: tuple[str, ...]) -> bool:
    return len(place) >= len(steps) and place[len(steps) - 1] == steps[-1] and _fits(place, steps)


def _fits(place: tuple[str, ...], steps: tuple[str, ...]) -> bool:
    return all(wanted in ("*", step) for wanted, step in zip(place, steps, strict=False))
