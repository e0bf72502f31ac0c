# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What must stay is never covered."""

from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.redaction.spans import without


def spans(edges: list[int]) -> list[tuple[int, int, str]]:
    """Sorted spans that do not overlap, from sorted edges."""
    return [
        (start, end, "x")
        for start, end in zip(edges[::2], edges[1::2], strict=False)
        if start < end
    ]


EDGES = st.lists(st.integers(0, 30), max_size=10).map(sorted).map(spans)


def covered(found: list[tuple[int, int, str]]) -> set[int]:
    """The places that spans cover."""
    return {place for start, end, _ in found for place in range(start, end)}


@settings(deadline=None)
@given(EDGES, EDGES)
def test_what_stays_is_uncovered_and_nothing_else(
    found: list[tuple[int, int, str]], kept: list[tuple[int, int, str]]
) -> None:
    """Exactly the places that must stay are taken out of what is covered."""
    assert covered(without(found, kept)) == covered(found) - covered(kept)
