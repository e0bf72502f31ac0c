# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What became of this text the last time that it was redacted?

A conversation sends its whole history with every turn. As long as the same is looked for, in the
same session and by the same actions, the same becomes of a text, so its edits are recalled by its
digest. It keeps digests, offsets and what was put in; of the texts themselves nothing.

INVARIANT: what is redacted with a memory is what is redacted without one
(tests/redaction/test_recalled.py).
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

from agentguard.vocabulary import DataClass, Finding

MOST_RECALLED = 4096
# A text with more places to hide is redacted anew each time.
MOST_EDITS = 64

Edit: TypeAlias = tuple[int, int, str]


class Became(NamedTuple):
    """What was done to a text: which parts were replaced by what, for findings of which class."""

    edits: tuple[Edit, ...]
    classes: tuple[str, ...]


UNCHANGED = Became((), ())


class Recalled:
    """What became of the texts of one session, for as long as one finder is in use.

    Threads may share it: they would write the same.
    """

    __slots__ = ("_by", "_known")

    def __init__(self) -> None:
        self._known: dict[bytes, Became] = {}
        # The actions are held, so that no others can have their id.
        self._by: dict[int, tuple[Mapping[str, DataClass], Recalled]] = {}

    def by(self, actions: Mapping[str, DataClass]) -> "Recalled":
        """Return the memory of texts that were redacted by these actions."""
        return self._by.setdefault(id(actions), (actions, Recalled()))[1]

    def of(self, mark: bytes) -> Became | None:
        """Return what became of the text with this mark, None when that is not known."""
        return self._known.get(mark)

    def keep(self, mark: bytes, became: Became) -> None:
        """Remember what became of a text."""
        if len(became.edits) <= MOST_EDITS:
            if len(self._known) >= MOST_RECALLED:
                self._known.clear()
            self._known[mark] = became


class RecallingFind:
    """Finds sensitive places, always the same in the same text, and has a memory for the rest."""

    __slots__ = ("_find", "recalled")

    def __init__(self, find: Callable[[str], tuple[Finding, ...]], recalled: Recalled) -> None:
        """Prepare.

        Args:
            find: finds the same in the same text as long as it lives.
            recalled: what became of texts with it, or with an equal one of the same session.
        """
        self._find = find
        self.recalled = recalled

    def __call__(self, text: str) -> tuple[Finding, ...]:
        """Return sorted findings that do not overlap."""
        return self._find(text)


def mark_of(text: str, *, authored: bool) -> bytes:
    """Return the digest of a text, and of whether the model's placeholders may stand in it."""
    own = b"\1" if authored else b"\0"
    return hashlib.sha256(own + text.encode("utf-8", "surrogatepass")).digest()


def edited(text: str, edits: tuple[Edit, ...]) -> str:
    """Return a text with its edits made; they are sorted and do not overlap."""
    parts: list[str] = []
    behind = 0
    for start, end, instead in edits:
        parts += (text[behind:start], instead)
        behind = end
    return "".join((*parts, text[behind:]))
