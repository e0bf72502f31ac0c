# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What stands at which place of a result, and which places may be relied on?

A text that is JSON is read as what it holds.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from agentguard.canonical import Frozen, NotCanonical, freeze, is_object

_MOST_READ = 2_000_000


@dataclass(frozen=True, slots=True)
class Leaf:
    """A text or a number in a value.

    Attributes:
        steps: the way to it.
        value: what it is.
        key: whether it is the name of a member.
        item: the number, from one, of the item of the outermost list that it stands in.
    """

    steps: tuple[str, ...] = field(repr=False)
    value: str | int | float = field(repr=False)
    key: bool = False
    item: int | None = None


def leaves_of(value: Frozen, *, unfold: bool = False) -> Iterator[Leaf]:
    """Yield every text and number in a value, names of members included.

    Args:
        value: a frozen value.
        unfold: whether texts that are JSON are read.
    """
    yield from _leaves(value, (), None, unfold=unfold)


def _leaves(
    value: Frozen, steps: tuple[str, ...], item: int | None, *, unfold: bool
) -> Iterator[Leaf]:
    if isinstance(value, str):
        inside = read_json(value) if unfold else None
        if inside is not None:
            yield from _leaves(inside, steps, item, unfold=True)
        elif value:
            yield Leaf(steps, value, item=item)
    elif is_object(value):
        for name, member in value.items():
            yield Leaf((*steps, name), name, key=True, item=item)
            yield from _leaves(member, (*steps, name), item, unfold=unfold)
    elif isinstance(value, tuple):
        for number, member in enumerate(value):
            inner = number + 1 if item is None and len(value) > 1 else item
            yield from _leaves(member, (*steps, str(number)), inner, unfold=unfold)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield Leaf(steps, value, item=item)


def read_json(text: str) -> Frozen:
    """Return the list or object that a text holds in JSON, None for every other text."""
    text = text.strip()
    if not text or text[0] not in "[{" or text[-1] not in "]}" or len(text) > _MOST_READ:
        return None
    try:
        return freeze(json.loads(text))
    except (ValueError, RecursionError, NotCanonical):
        return None


def trusted_places(pointers: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the steps of JSON pointers; ``*`` stays for any one step."""
    return tuple(
        tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])
        for pointer in pointers
    )


def is_trusted(leaf: Leaf, places: tuple[tuple[str, ...], ...]) -> bool:
    """Say whether a leaf is at or below one of the places.

    The name of a member is trusted where what holds the member is, or where a place spells it.
    """
    steps = leaf.steps
    if leaf.key and any(_spells(place, steps) for place in places):
        return True
    steps = steps[:-1] if leaf.key else steps
    return any(len(place) <= len(steps) and _fits(place, steps) for place in places)


def _spells(place: tuple[str, ...], steps: tuple[str, ...]) -> bool:
    return len(place) >= len(steps) and place[len(steps) - 1] == steps[-1] and _fits(place, steps)


def _fits(place: tuple[str, ...], steps: tuple[str, ...]) -> bool:
    return all(wanted in ("*", step) for wanted, step in zip(place, steps, strict=False))
