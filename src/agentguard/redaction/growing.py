# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What may be released of a text for the user while it still grows?

Keeps what is held, and a little of what was released, so that what only its surroundings give
away is found. It does not read events.

INVARIANT: what is released, put together, is what the whole text gives, for every way of cutting
it into pieces (tests/redaction/test_stream_check.py). Where a pattern reaches further back than is
kept, or further ahead than ``holding`` knows, the part that is not yet released is hidden.
"""

from agentguard.redaction.answer_text import AnswerText, AnswerUncheckable, paired
from agentguard.redaction.holding import LONGEST_KEY, Holding, cut_before, cut_places
from agentguard.redaction.json_position import JsonPosition
from agentguard.redaction.pieces import Span

# Detectors look back this far at most, known formats less.
LOOK_BEHIND = 512
LONGEST_WORD = 64 * 1024
LONGEST_HELD = LONGEST_KEY + LONGEST_WORD

NOTHING = ("", "")


class GrowingText:
    """One text for the user, released piece by piece."""

    def __init__(self, check: AnswerText, holding: Holding) -> None:
        self._check = check
        self._holding = holding
        self._position = JsonPosition()
        self._text = ""
        self._base = 0
        self._worth = 0

    def add(self, piece: str) -> tuple[str, str]:
        """Return what may be released now: with placeholders, and turned back.

        Raises:
            AnswerBlocked: it holds a class that is blocked in answers.
            AnswerUncheckable: too much would have to be held.
        """
        self._text = paired(self._text + piece)
        if len(self._text) < self._worth:
            return NOTHING
        free = self._holding.free(self._text, self._base)
        spans: list[Span] = []
        if free > self._base:
            spans = self._check.spans(self._text, answer=True)
            free = _outside(spans, self._text, free, self._base)
        if free > self._base:
            return self._release(spans, free)
        self._hold()
        return NOTHING

    def end(self) -> tuple[str, str]:
        """Return what is left; the text does not grow any more.

        Raises:
            AnswerBlocked: as above.
        """
        if self._base == len(self._text):
            return NOTHING
        return self._release(self._check.spans(self._text, answer=True), len(self._text))

    def _release(self, spans: list[Span], free: int) -> tuple[str, str]:
        released = self._check.released(self._text, spans, self._base, free, self._position)
        start = _looked_back(spans, self._text, free)
        self._text = self._text[start:]
        self._base = free - start
        self._wait()
        return released

    def _hold(self) -> None:
        held = len(self._text) - self._base
        if held > LONGEST_WORD:
            word = len(self._text) - cut_before(self._text, len(self._text), self._base)
            if word > LONGEST_WORD or held > LONGEST_HELD:
                raise AnswerUncheckable("a text of the answer goes on too long without a break")
        self._wait()

    def _wait(self) -> None:
        """Look at what is long already only when it has grown by some of itself."""
        self._worth = len(self._text) + (len(self._text) - self._base) // 8


def _outside(spans: list[Span], text: str, free: int, base: int) -> int:
    """Return the last place up to *free* where a text may be cut without cutting a finding."""
    cut = next((start for start, end, _ in reversed(spans) if start < free <= end), None)
    while cut is not None and free > base:
        free = cut_before(text, max(cut, base), base)
        cut = next((start for start, end, _ in reversed(spans) if start < free <= end), None)
    return free


def _looked_back(spans: list[Span], text: str, free: int) -> int:
    """Return where the part begins that is kept of a text released up to *free*."""
    if free <= LOOK_BEHIND:
        return 0
    for place in cut_places(text, free - LOOK_BEHIND):
        # One more character says that the text did not begin here.
        start = place - 1
        if place > free:
            break
        if not any(first < start < last for first, last, _ in spans):
            return start
    return free - 1
