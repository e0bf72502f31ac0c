# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which views does a text have?

One for how it reads, and then one for each time that something in it can be decoded, each made of
the one before. Whatever can be decoded at the same time is decoded in one view.

INVARIANT: there are no more views than ``DEEPEST`` and one, each about as long as the text, and
what one of them finds covers its whole place in the text (tests/classification/test_views.py).
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from agentguard.classification.views.escapes import escape_sites
from agentguard.classification.views.folding import folded_sites
from agentguard.classification.views.runs import (
    SHORTEST_RUN,
    Runs,
    holds_controls,
    run_sites,
    runs_of,
    shape_of,
)
from agentguard.classification.views.view import Site, View
from agentguard.classification.views.windows import view_around
from agentguard.classification.views.wrapped import SHORTEST_SPACED, wrapped_sites

# How many encodings inside one another are taken off.
DEEPEST = 3
# In a text without bytes apart from one another, what may be decoded, and runs.
_TELLING = re.compile(r"[^ -$'-<>-\[\]-~]")
_RUN = re.compile(rf"[A-Za-z0-9+/_-]{{{SHORTEST_RUN}}}")


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


class Views(NamedTuple):
    """The views of a text.

    ``plain`` are made of what stands together, ``over_blanks`` also of what blanks take apart; they
    are the same where nothing does.
    """

    plain: list[Chained]
    over_blanks: list[Chained]


def views_of(text: str) -> Views:
    """Return the views of a text, those with the fewest changes first; most texts have none."""
    if len(text) < SHORTEST_SPACED and not _TELLING.search(text) and not _RUN.search(text):
        return Views([], [])
    over_blanks, wraps = _chain(text, over_blanks=True)
    plain = _chain(text, over_blanks=False)[0] if wraps else over_blanks
    return Views(plain, over_blanks)


def _chain(text: str, *, over_blanks: bool) -> tuple[list[Chained], bool]:
    views: list[Chained] = []
    wraps = False
    before: Chained | None = None
    for depth in range(DEEPEST + 1):
        shape = shape_of(text)
        if not text.isascii() or holds_controls(shape):
            read = _next(text, folded_sites(text), before)
            if read is not None:
                # What only reads otherwise than the view before stands for that view.
                views[-1:] = [read]
                before, text = read, read.text
                shape = shape_of(text)
        if depth == DEEPEST:
            break
        runs = runs_of(shape)
        wrapped = wrapped_sites(text, shape, runs) if over_blanks else []
        wraps = wraps or bool(wrapped)
        decoded = _next(text, _decoded_sites(text, runs, wrapped), before)
        if decoded is None:
            break
        views.append(decoded)
        before, text = decoded, decoded.text
    return views, wraps


def _next(text: str, sites: Iterable[Site], before: Chained | None) -> Chained | None:
    view = view_around(text, sites)
    return None if view is None else Chained(view, before)


def _decoded_sites(text: str, runs: Runs, wrapped: list[Site]) -> list[Site]:
    """Return all that can be decoded in a text, in order; nothing overlaps."""
    escapes = escape_sites(text)
    encoded = run_sites(text, runs, escapes)
    if not wrapped and not (encoded and escapes):
        return encoded or escapes
    return list(_without_overlaps(sorted((*wrapped, *escapes, *encoded), key=_longest_first)))


def _longest_first(site: Site) -> tuple[int, int]:
    return site.start, -site.end


def _without_overlaps(sites: Iterable[Site]) -> Iterator[Site]:
    stop = 0
    for site in sites:
        if site.start >= stop:
            yield site
            stop = site.end
