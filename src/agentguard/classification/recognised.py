# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What did these rules find in this text the last time?

A conversation sends its whole history with every turn, and an answer repeats its keys and words.
Rules find the same in the same text, so a text that comes again is recognised by its digest, and
the cost of a conversation grows with its content instead of with its turns.
Only rules are remembered: what a session learns, and what other detectors say, may change.

It keeps digests, offsets and the names of classes, and short texts in which nothing was found;
of the others no text.

INVARIANT: it finds what the rules find, whatever was asked before
(tests/classification/test_recognised.py).
"""

import hashlib

from agentguard.classification.classes import Detector
from agentguard.vocabulary import Finding

# A shorter text is its own digest.
LONGEST_KEPT = 32
# Of each of two generations; when the younger is full, the older is forgotten.
MOST_REMEMBERED = 16_384

_NOTHING: tuple[Finding, ...] = ()


class Recognised:
    """A detector that remembers what another one found, which must depend on the text alone.

    Threads may share it: what they remember at the same time is the same.
    """

    __slots__ = ("_detector", "_most", "_older", "_younger", "name")

    def __init__(self, detector: Detector, *, most: int = MOST_REMEMBERED) -> None:
        """Remember nothing yet.

        Args:
            detector: what is asked about new texts.
            most: how many texts make a generation.
        """
        self.name = detector.name
        self._detector = detector
        self._most = most
        self._younger: dict[str | bytes, tuple[Finding, ...]] = {}
        self._older: dict[str | bytes, tuple[Finding, ...]] = {}

    def detect(self, text: str) -> tuple[Finding, ...]:
        """Return the findings in *text*, unsorted."""
        key: str | bytes = text
        if len(text) > LONGEST_KEPT:
            key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        known = self._younger.get(key)
        if known is not None:
            return known
        found = self._older.get(key)
        if found is None:
            found = tuple(self._detector.detect(text)) or _NOTHING
        if key is not text or not found:
            self._remember(key, found)
        return found

    def _remember(self, key: str | bytes, found: tuple[Finding, ...]) -> None:
        younger = self._younger
        if len(younger) >= self._most:
            self._older, younger = younger, {}
            self._younger = younger
        younger[key] = found
