# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is what a large file holds found as in the whole text, and where it stands?"""

import re
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from agentguard.cli.scanning.places import Place, places, windows
from agentguard.vocabulary import Finding

SIZE, OVERLAP = 60, 24
MARKED = re.compile(r"<\w{3,8}>")


def find(text: str) -> list[Finding]:
    """Find words in angle brackets."""
    return [
        Finding(start=hit.start(), end=hit.end(), data_class="word", detector="brackets")
        for hit in MARKED.finditer(text)
    ]


def found(text: str, size: int = SIZE, cut: int = 7) -> list[Place]:
    """Return the places of a text that comes in small pieces, in windows of a size."""
    pieces = (text[at : at + cut] for at in range(0, len(text), cut))
    return list(places(windows(pieces, size=size, overlap=OVERLAP), find))


def by_hand(text: str) -> Iterator[tuple[int, int, str]]:
    """Return line, column and text of each word, counted over the whole text."""
    for hit in MARKED.finditer(text):
        before = text[: hit.start()]
        yield before.count("\n") + 1, hit.start() - (before.rfind("\n") + 1) + 1, hit[0]


@given(
    st.lists(st.sampled_from(["<secret>", "<abc>", "x", "\n", " ", "plain words ", "é"])),
    st.integers(1, 40),
)
def test_windows_change_nothing(parts: list[str], cut: int) -> None:
    """What is found in windows is what is found in the whole text, at the same places."""
    text = "".join(parts) * 4
    expected = [
        (line, column, at.start(), at.end())
        for (line, column, _), at in zip(by_hand(text), MARKED.finditer(text), strict=True)
    ]
    told = [(place.line, place.column, place.start, place.end) for place in found(text, cut=cut)]
    assert told == expected


def test_a_word_over_every_edge_is_found() -> None:
    """A word is found once, wherever it stands in respect of the edges of windows."""
    for before in range(3 * SIZE):
        text = "." * before + "<secret>" + "." * 2 * SIZE
        [place] = found(text)
        assert (place.start, place.end, place.column) == (before, before + 8, before + 1)


def test_what_is_longer_than_the_overlap_is_one_place() -> None:
    """What reaches from one window into the next is told once, from its start to its end."""

    def run(text: str) -> list[Finding]:
        return [
            Finding(start=hit.start(), end=hit.end(), data_class="run", detector="run")
            for hit in re.finditer("#+", text)
        ]

    text = "ab\n" + "#" * 5 * SIZE + "\ncd"
    pieces = windows([text], size=SIZE, overlap=OVERLAP)
    [place] = places(pieces, run)
    assert (place.start, place.end, place.line, place.end_line) == (3, 3 + 5 * SIZE, 2, 2)
    assert place.length == 5 * SIZE
    assert place.end_column == 5 * SIZE + 1


def test_no_window_is_larger_than_it_may_be() -> None:
    """However a text comes, memory is bounded by the size of a window and of a piece."""
    cuts = list(windows(["x" * 1000, "\n" * 1000, "y" * 7], size=SIZE, overlap=OVERLAP))
    assert max(len(window.text) for window in cuts) == SIZE
    assert cuts[-1].start + len(cuts[-1].text) == 2007
