# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is left over of a box is what trying every point finds."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentguard.review.difference.boxes import Box, TooManyCuts, left_over, meet

SIDE = st.integers(1, 15)
BOXES = st.tuples(SIDE, SIDE, SIDE)


def points(box: Box) -> set[tuple[int, ...]]:
    """Every point of a box."""
    return set(product(*([bit for bit in range(4) if side >> bit & 1] for side in box)))


@given(box=BOXES, without=st.lists(BOXES, max_size=6))
def test_what_is_left_over_lies_in_the_box_and_in_no_other(box: Box, without: list[Box]) -> None:
    """Something is found exactly if some point lies in none of the others, and it lies there."""
    left = points(box).difference(*map(points, without))
    found = left_over(box, without)
    assert (found is None) is (not left)
    if found is not None:
        assert points(found) <= left


@given(one=BOXES, other=BOXES)
def test_boxes_meet_in_their_common_points(one: Box, other: Box) -> None:
    """What two boxes share is the box of their common points."""
    shared = meet(one, other)
    assert (set() if shared is None else points(shared)) == points(one) & points(other)


def test_too_many_cuts_are_no_answer() -> None:
    """Where the cuts are too many it is said so, instead of that nothing is left."""
    sides = [15] * 8
    others: list[Box] = [
        tuple(7 if other == place else 15 for other in range(8)) for place in range(8)
    ]
    with pytest.raises(TooManyCuts):
        left_over(tuple(sides), others, most=3)
