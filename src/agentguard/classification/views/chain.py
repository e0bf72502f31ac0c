# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which views does a text have?

One for how it reads, and then one for each time that something in it can be decoded, each made of
the one before. Whatever can be decoded at the same time is decoded in one view.

INVARIANT: there are no more views than ``DEEPEST`` and one, each about as long as the text, and
what one of them finds covers its whole place in the text (tests/classification/test_views.py).
"""

from collections.abc import Iterable, Iterator

from agentguard.classification.views.escapes import escape_sites
from agentguard.classification.views.folding import folded_sites
from agentguard.classification.views.runs import run_sites
from agentguard.classification.views.view import Site, View
from agentguard.classification.views.windows import view_around

# How many encodings inside one another are taken off.
DEEPEST = 3


class Chained:
    """A view of a text, made of another view of it."""

    __slots__ = ("_before", "_view", "text")

    def __init__(self, view: View, before: "Chained | None") -> None:
        self.text = view.text
        self._view = view
        self._before = before

    def __repr__(self) -> str:
        return f"Chained({len(self.text)} characters)"

    def places(self, start: int, end: int) -> list[tuple[int, int]]:
        """Return the places of the text that a place of the view stands for."""
        places = self._view.places(start, end)
        if self._before is None:
            return places
        return [deeper for place in places for deeper in self._before.places(*place)]


def views_of(text: str) -> list[Chained]:
    """Return the views of a text, the one with the fewest changes first; most texts have none."""
    views: list[Chained] = []
    before: Chained | None = None
    if not text.isascii():
        before = _next(text, folded_sites(text), None, views)
        text = before.text if before else text
    for _ in range(DEEPEST):
        decoded = _next(text, decoded_sites(text), before, views)
        if decoded is None:
            break
        before, text = decoded, decoded.text
        if not text.isascii():
            read = _next(text, folded_sites(text), before, [])
            if read is not None:
                views[-1] = before = read
                text = read.text
    return views


def _next(
    text: str, sites: Iterable[Site], before: Chained | None, views: list[Chained]
) -> Chained | None:
    view = view_around(text, sites)
    if view is None:
        return None
    chained = Chained(view, before)
    views.append(chained)
    return chained


def decoded_sites(text: str) -> list[Site]:
    """Return all that can be decoded in a text, in order; nothing overlaps."""
    escapes = escape_sites(text)
    encoded = run_sites(text, escapes)
    if not encoded or not escapes:
        return encoded or escapes
    return list(_without_overlaps(sorted((*escapes, *encoded))))


def _without_overlaps(sites: Iterable[Site]) -> Iterator[Site]:
    stop = 0
    for site in sites:
        if site.start >= stop:
            yield site
            stop = site.end
