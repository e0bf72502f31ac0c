# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What did one voice say, and where does something stand in it?

Texts are kept as tokens with blanks between them, joined to ever larger blocks, so that looking
for a run of tokens is one search for a substring, and adding a text costs what it is long.

INVARIANT: adding texts one after another costs a multiple of their length, however many there
are (tests/provenance/test_cost.py).
"""

import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from agentguard.provenance.normal import folded
from agentguard.provenance.sought import Sought

_QUOTES = "\"'`"
# Of a value that stands in many places only some are told, the first ones.
_MOST_SOURCES = 64


@dataclass(frozen=True, slots=True)
class Source:
    """Where a text came from.

    Attributes:
        told: for people, without payload.
    """

    told: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A text that somebody said.

    Attributes:
        joined: its tokens, folded, with blanks between and around them.
        source: where it came from.
        flags: how each token is written; empty where nobody asks.
        text: the text itself, where the flags are kept.
    """

    joined: str = field(repr=False)
    source: Source
    flags: bytes = field(default=b"", repr=False)
    text: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Place:
    """A run of tokens in a passage: the number of the first one, and where it begins in it."""

    passage: Passage
    first: int
    offset: int


@dataclass(frozen=True, slots=True)
class _Block:
    text: str = field(repr=False)
    starts: tuple[int, ...]
    passages: tuple[Passage, ...]


class Said:
    """What one voice said. Threads may share it: it only grows."""

    __slots__ = ("_built", "_keys", "_passages")

    def __init__(self) -> None:
        self._passages: list[Passage] = []
        self._keys: dict[str, list[Source]] = {}
        self._built: tuple[int, tuple[_Block, ...]] = (0, ())

    def __repr__(self) -> str:
        return f"Said({len(self._passages)} passages)"

    def __bool__(self) -> bool:
        return bool(self._passages)

    def add(
        self,
        tokens: Iterable[str],
        keys: Iterable[str],
        source: Source,
        *,
        flags: bytes = b"",
        text: str = "",
    ) -> None:
        """Remember a text: its tokens, and the forms in which its parts are looked for."""
        joined = f" {folded(' '.join(tokens))} "
        for key in dict.fromkeys(keys):
            sources = self._keys.setdefault(key, [])
            if len(sources) < _MOST_SOURCES:
                sources.append(source)
        self._passages.append(Passage(joined, source, flags, text))

    def passages(self) -> Sequence[Passage]:
        """Return everything that was said until now."""
        return tuple(self._passages)

    def of_kind(self, value: Sought) -> list[Source]:
        """Return where every part of a value of a kind was said; empty if one was not."""
        found: list[Source] = []
        for group in value.groups:
            sources = [source for key in group for source in self._keys.get(key, ())]
            if not sources:
                return []
            found.extend(sources)
        return found

    def holds(self, key: str) -> list[Source]:
        """Return where something was said that is remembered under a key."""
        return self._keys.get(key, [])

    def places(self, needle: str) -> Iterator[Place]:
        """Yield where a run of tokens, with blanks around it, stands."""
        for block in self._blocks():
            at = block.text.find(needle)
            while at >= 0:
                number = bisect.bisect_right(block.starts, at) - 1
                start, passage = block.starts[number], block.passages[number]
                first = block.text.count(" ", start, at) if passage.flags else 0
                yield Place(passage, first, at - start)
                at = block.text.find(needle, at + 1)

    def quotes(self, text: str) -> Source | None:
        """Return where a text stands sign by sign, between quotes or as a line of its own."""
        for passage in self._passages:
            if text in passage.text and (
                any(f"{sign}{text}{sign}" in passage.text for sign in _QUOTES)
                or text in passage.text.splitlines()
            ):
                return passage.source
        return None

    def __contains__(self, needle: str) -> bool:
        return any(needle in block.text for block in self._blocks())

    def _blocks(self) -> tuple[_Block, ...]:
        done, blocks = self._built
        passages = self._passages[done:]
        if not passages:
            return blocks
        new = _joined(passages)
        while blocks and len(blocks[-1].text) < 2 * len(new.text):
            new = _joined([*blocks[-1].passages, *new.passages])
            blocks = blocks[:-1]
        blocks = (*blocks, new)
        self._built = (done + len(passages), blocks)
        return blocks


def _joined(passages: list[Passage]) -> _Block:
    starts: list[int] = []
    at = 0
    for passage in passages:
        starts.append(at)
        at += len(passage.joined) + 1
    return _Block("\n".join(passage.joined for passage in passages), tuple(starts), tuple(passages))
