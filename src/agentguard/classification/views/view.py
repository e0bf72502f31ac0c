# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a text say once it is decoded, and where did each character come from?

A view is a copy of a text, or of parts of it, in which something was decoded, with a map back.
What a detector finds in the copy covers in the original everything between its first and its
last character: whole escapes, whole encoded runs, and what was left out between them.
It decodes nothing itself.

INVARIANT: a place of a view maps to a place of the original that gives every character of it
(tests/classification/test_views.py).
"""

from bisect import bisect_left, bisect_right
from typing import NamedTuple

# Between two parts of a copy that do not stand together in the original.
PARTING = "\n"


class Site(NamedTuple):
    """A place of a text and what stands there once it is decoded.

    ``stride`` says how many characters of the original make one of ``instead``; with 0 only all of
    them together make all of it. ``offsets`` says instead where each character of ``instead``
    stands in the original, where others between them were left out.
    """

    start: int
    end: int
    instead: str
    stride: int = 0
    offsets: tuple[int, ...] = ()

    def __repr__(self) -> str:
        return f"Site({self.start}, {self.end})"


_NOWHERE = Site(0, 0, PARTING)


class View:
    """A decoded copy of a text and the way back. Build one with ``Copy``."""

    __slots__ = ("_at", "_origins", "_partings", "text")

    def __init__(self, text: str, at: list[int], origins: list[Site], partings: list[int]) -> None:
        self.text = text
        self._at = at
        self._origins = origins
        self._partings = partings

    def __repr__(self) -> str:
        return f"View({len(self.text)} characters)"

    def places(self, start: int, end: int) -> list[tuple[int, int]]:
        """Return the places of the original that a place of the copy stands for.

        They are several where the copy leaves out what stands between them.
        """
        first = bisect_left(self._partings, start)
        last = bisect_left(self._partings, end)
        edges = [start]
        for parting in self._partings[first:last]:
            edges += (parting, parting + len(PARTING))
        edges.append(end)
        return [
            (self._begin(begin), self._end(stop - 1))
            for begin, stop in zip(edges[::2], edges[1::2], strict=True)
            if begin < stop
        ]

    def _begin(self, place: int) -> int:
        index = bisect_right(self._at, place) - 1
        site, step = self._origins[index], place - self._at[index]
        return site.offsets[step] if site.offsets else site.start + step * site.stride

    def _end(self, place: int) -> int:
        index = bisect_right(self._at, place) - 1
        site, step = self._origins[index], place - self._at[index]
        if site.offsets:
            return site.offsets[step] + 1
        return site.start + (step + 1) * site.stride if site.stride else site.end


class Copy:
    """Puts a view together, from the beginning of a text to its end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._parts: list[str] = []
        self._size = 0
        self._at: list[int] = []
        self._origins: list[Site] = []
        self._partings: list[int] = []

    def keep(self, start: int, end: int) -> None:
        """Take a part of the text as it is."""
        if start < end:
            self.put(Site(start, end, self._text[start:end], 1))

    def put(self, site: Site) -> None:
        """Take what was decoded; nothing of a place where nothing is to stand."""
        if site.instead:
            self._at.append(self._size)
            self._origins.append(site)
            self._parts.append(site.instead)
            self._size += len(site.instead)

    def part(self) -> None:
        """What follows does not stand beside what was taken last."""
        if self._size:
            self._at.append(self._size)
            self._origins.append(_NOWHERE)
            self._partings.append(self._size)
            self._parts.append(PARTING)
            self._size += len(PARTING)

    def view(self) -> View:
        """Return what was put together."""
        return View("".join(self._parts), self._at, self._origins, self._partings)
