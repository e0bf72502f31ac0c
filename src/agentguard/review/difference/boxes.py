# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is there a point in this box that lies in none of those?

A rule is a box: for each argument a set of kinds of values, written as the bits of an integer.
What rules leave over is found by cutting boxes; a cut gives at most one box for each argument.

INVARIANT: what is found lies in the box and in none of the others, and nothing is found only
where nothing is there (tests/review/test_boxes.py).
"""

from collections.abc import Sequence
from typing import TypeAlias

Box: TypeAlias = tuple[int, ...]

MOST_CUTS = 20_000


class TooManyCuts(Exception):
    """What is left could not be found out within bounds."""


def meet(one: Box, other: Box) -> Box | None:
    """Return what two boxes share, None for nothing."""
    shared = tuple(a & b for a, b in zip(one, other, strict=True))
    return shared if all(shared) else None


def left_over(box: Box, without: Sequence[Box], most: int = MOST_CUTS) -> Box | None:
    """Return a part of a box that lies in none of the others, None if there is none.

    Args:
        box: the box; none of its sides is empty.
        without: the others.
        most: how many cuts may be made.

    Raises:
        TooManyCuts: these were not enough.
    """
    waiting: list[tuple[Box, int]] = [(box, 0)]
    cuts = 0
    while waiting:
        part, index = waiting.pop()
        while index < len(without) and meet(part, without[index]) is None:
            index += 1
        if index == len(without):
            return part
        cuts += 1
        if cuts > most:
            raise TooManyCuts
        waiting.extend((piece, index + 1) for piece in _cut(part, without[index]))
    return None


def _cut(box: Box, other: Box) -> list[Box]:
    """Return what a box keeps when another is taken out, in pieces that do not overlap."""
    pieces: list[Box] = []
    inner = list(box)
    for place, side in enumerate(other):
        outside = inner[place] & ~side
        if outside:
            piece = list(inner)
            piece[place] = outside
            pieces.append(tuple(piece))
        inner[place] &= side
    return pieces
