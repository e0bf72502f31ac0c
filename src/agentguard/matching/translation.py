# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
r"""How does ``re`` run a pattern that was written for RE2?

Rewrites the pattern: classes of Unicode become ranges, ``(?i)`` both cases, ``$`` and ``\z`` the
end, and refuses what RE2 refuses. It runs over the characters of a piece of the text and counts
in bytes.
``re`` does not run every pattern in linear time, so one that repeats a repetition without
anything fixed between is refused.

INVARIANT: what it finds is what RE2 finds (tests/classification/test_engine_translation.py).
"""

import functools
import re
from collections.abc import Callable, Sequence

from agentguard.matching.grammar import python_pattern

Spans = Sequence[tuple[int, int]]
_ABSENT = (-1, -1)


class Translated:
    """A pattern of RE2 that ``re`` runs."""

    __slots__ = ("_compiled",)

    def __init__(self, compiled: re.Pattern[str]) -> None:
        self._compiled = compiled

    def find(self, data: bytes, pos: int, endpos: int, /) -> Spans | None:
        """Return the spans of the leftmost match between two offsets."""
        return self.within(data, pos, endpos)(data, pos, endpos)

    def within(
        self, data: bytes, start: int, stop: int
    ) -> Callable[[bytes, int, int], Spans | None]:
        """Return a search of one piece, for starts that only grow and always the same stop."""
        # One byte more at the start, for what looks at the character before.
        origin = max(0, start - 1)
        piece = data[origin:stop]
        # A character that is cut becomes surrogates, which no pattern matches.
        text = piece.decode("utf-8", "surrogateescape")
        if len(text) == len(piece):
            return functools.partial(self._find_in_ascii, text, origin)
        return _Counted(self._compiled, text, origin).find

    def _find_in_ascii(
        self, text: str, origin: int, _data: bytes, pos: int, _endpos: int, /
    ) -> Spans | None:
        match = self._compiled.search(text, pos - origin)
        if match is None:
            return None
        return [
            _ABSENT if start < 0 else (start + origin, end + origin) for start, end in match.regs
        ]


class _Counted:
    """Searches a text that is not ASCII, and knows how far it has counted its bytes."""

    __slots__ = ("_compiled", "_offset", "_place", "_text")

    def __init__(self, compiled: re.Pattern[str], text: str, origin: int) -> None:
        self._compiled = compiled
        self._text = text
        # The same place, in characters and in bytes.
        self._place = 0
        self._offset = origin

    def find(self, _data: bytes, pos: int, _endpos: int, /) -> Spans | None:
        """Return the spans of the leftmost match from *pos* on, which only grows."""
        text, place, offset = self._text, self._place, self._offset
        while offset < pos and place < len(text):
            offset += _size(text[place])
            place += 1
        self._place, self._offset = place, offset
        match = self._compiled.search(text, place)
        if match is None:
            return None
        return [
            _ABSENT if start < 0 else (self._bytes(start), self._bytes(end))
            for start, end in match.regs
        ]

    def _bytes(self, place: int) -> int:
        passed = self._text[self._place : place]
        return self._offset + len(passed.encode("utf-8", "surrogateescape"))


def _size(character: str) -> int:
    return len(character.encode("utf-8", "surrogateescape"))


def translated(source: str, *, any_case: bool = False) -> re.Pattern[str]:
    """Compile a pattern of the dialect of RE2 for ``re``.

    Raises:
        ValueError: RE2 or this engine refuses it; the message says why.
    """
    try:
        return re.compile(python_pattern(source, any_case=any_case), re.ASCII)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{error}") from None
