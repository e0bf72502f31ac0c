# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where in a text of any size is something sensitive?

The text is looked at in windows that overlap, so that memory is bounded and what stands over the
edge of a window is seen whole in the next one.
A place says where and what, never which value.

INVARIANT: what lies within half an overlap is found as in the whole text, wherever the windows
are cut (tests/cli/test_scan_places.py).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from agentguard.vocabulary import Finding

WINDOW = 1 << 20
OVERLAP = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where something was found.

    Attributes:
        line, column: of its first character, counted from 1.
        end_line, end_column: of the character behind it.
        start, end: the same, counted from 0 over the whole text.
        data_class: what it is.
        detector: what found it.
        mark: what a baseline knows it by, empty without one.
    """

    line: int
    column: int
    end_line: int
    end_column: int
    start: int
    end: int
    data_class: str
    detector: str
    mark: str = ""

    @property
    def length(self) -> int:
        """How many characters it has."""
        return self.end - self.start


Find = Callable[[str], Sequence[Finding]]
Mark = Callable[[str, str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A part of a text; findings that begin behind ``owned`` are the next window's."""

    text: str = field(repr=False)
    start: int
    owned: int
    line: int
    column: int


class _Ruler:
    """Turns positions of a window, asked for in rising order, into lines and columns."""

    def __init__(self, window: Window) -> None:
        self._text = window.text
        self._at = 0
        self._line, self._column = window.line, window.column

    def at(self, position: int) -> tuple[int, int]:
        ends = self._text.count("\n", self._at, position)
        if ends:
            self._line += ends
            self._column = position - self._text.rindex("\n", self._at, position)
        else:
            self._column += position - self._at
        self._at = position
        return self._line, self._column


def windows(
    pieces: Iterable[str], *, size: int = WINDOW, overlap: int = OVERLAP
) -> Iterator[Window]:
    """Cut a text into windows that overlap; the next one begins behind an end of line if it can."""
    text, start, line, column = "", 0, 1, 1
    for piece in pieces:
        text += piece
        while len(text) > size:
            window = Window(
                text=text[:size],
                start=start,
                owned=start + size - overlap // 2,
                line=line,
                column=column,
            )
            yield window
            cut = _cut(text, size - overlap, size - overlap // 2)
            line, column = _Ruler(window).at(cut)
            text, start = text[cut:], start + cut
    yield Window(text=text, start=start, owned=start + len(text), line=line, column=column)


def _cut(text: str, first: int, last: int) -> int:
    newline = text.find("\n", first, last)
    return first if newline < 0 else newline + 1


def places(
    cuts: Iterable[Window], find: Find, mark: Mark = lambda _class, _value: ""
) -> Iterator[Place]:
    """Return the places in a text, in order.

    Args:
        cuts: the windows of the text.
        find: what finds, sorted and without overlaps.
        mark: gives what a baseline knows a finding by, from its class and its value.
    """
    reported = 0
    held: Place | None = None
    for window in cuts:
        for place in _in_window(window, find, mark):
            # The window before this one has told it, or looked there with more around it.
            if place.end <= reported or place.start >= window.owned:
                continue
            if held is not None:
                if place.start < held.end:
                    held = _joined(held, place)
                    continue
                yield held
            held = place
        reported = window.owned
    if held is not None:
        yield held


def _in_window(window: Window, find: Find, mark: Mark) -> Iterator[Place]:
    ruler = _Ruler(window)
    for finding in find(window.text):
        line, column = ruler.at(finding.start)
        end_line, end_column = ruler.at(finding.end)
        yield Place(
            line=line,
            column=column,
            end_line=end_line,
            end_column=end_column,
            start=window.start + finding.start,
            end=window.start + finding.end,
            data_class=finding.data_class,
            detector=finding.detector,
            mark=mark(finding.data_class, window.text[finding.start : finding.end]),
        )


def _joined(first: Place, second: Place) -> Place:
    if second.end <= first.end:
        return first
    return replace(first, end=second.end, end_line=second.end_line, end_column=second.end_column)
