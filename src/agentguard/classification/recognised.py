# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What was seen in this text the last time?

A conversation sends its whole history with every turn, and an answer repeats its keys and words.
Detectors see the same in the same text, so a text that comes again is recognised by its digest,
and the cost of a conversation grows with its content instead of with its turns.
What a session learns is not remembered here: it changes.

It keeps digests, offsets and the names of classes, and short texts in which nothing was seen;
of the others no text.

INVARIANT: it says what the detectors say, whatever was asked before
(tests/classification/test_recognised.py).
"""

import hashlib
from collections.abc import Callable
from typing import NamedTuple

from agentguard.vocabulary import Finding

# A shorter text is its own digest.
LONGEST_KEPT = 32
# Of each of two generations; when the younger is full, the older is forgotten.
MOST_REMEMBERED = 16_384


class Seen(NamedTuple):
    """What depends on a text alone.

    ``findings`` lie inside it, unsorted; ``over_blanks`` are those that only somebody sees who
    leaves blanks out; ``decodes`` says whether it has views.
    """

    findings: tuple[Finding, ...]
    over_blanks: tuple[Finding, ...]
    decodes: bool


NOTHING_SEEN = Seen((), (), decodes=False)


class Recognised:
    """Remembers what was seen in texts.

    Threads may share it: what they remember at the same time is the same.
    """

    __slots__ = ("_look", "_most", "_older", "_younger")

    def __init__(self, look: Callable[[str], Seen], *, most: int = MOST_REMEMBERED) -> None:
        """Remember nothing yet.

        Args:
            look: what is asked about new texts; its answer depends on the text alone.
            most: how many texts make a generation.
        """
        self._look = look
        self._most = most
        self._younger: dict[str | bytes, Seen] = {}
        self._older: dict[str | bytes, Seen] = {}

    def seen(self, text: str) -> Seen:
        """Return what is seen in *text*."""
        key: str | bytes = text
        if len(text) > LONGEST_KEPT:
            key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        known = self._younger.get(key)
        if known is not None:
            return known
        seen = self._older.get(key)
        if seen is None:
            seen = self._look(text)
            if seen == NOTHING_SEEN:
                seen = NOTHING_SEEN
        if key is not text or seen is NOTHING_SEEN:
            self._remember(key, seen)
        return seen

    def _remember(self, key: str | bytes, seen: Seen) -> None:
        younger = self._younger
        if len(younger) >= self._most:
            self._older, younger = younger, {}
            self._younger = younger
        younger[key] = seen
