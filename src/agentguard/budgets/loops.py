# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is a run going round in circles?

Remembers digests of the calls of tools in a run and of what they gave, and nothing else of them.
Three things are a circle: the same call that gives the same result, two calls in turn that give
what they gave before, and one failure after another. What is done about it is not decided here.

INVARIANT: the same result of different calls is no circle (tests/budgets/test_circles.py).
INVARIANT: however long a run is, no more than ``MOST_REMEMBERED`` calls are remembered (same file).
"""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

MOST_REMEMBERED = 512


class Loop(StrEnum):
    """What kind of circle it is."""

    SAME = "same"
    TURNS = "turns"
    FAILURES = "failures"


@dataclass(frozen=True, slots=True, kw_only=True)
class Circle:
    """A circle that one more call would go on with.

    Attributes:
        loop: its kind.
        count: how many times it went round.
        reached: whether that is as often as is allowed; else one more time would be.
    """

    loop: Loop
    count: int
    reached: bool


class Rounds:
    """What is remembered of one run. Threads may share it: a call at the same moment may go unseen."""

    def __init__(self) -> None:
        self._ended: deque[tuple[bytes, bytes]] = deque(maxlen=MOST_REMEMBERED)
        self._failures = 0
        self.refusals = 0

    def __repr__(self) -> str:
        return f"Rounds({len(self._ended)} calls)"

    def circle(
        self, call: bytes, *, same: int, turns: int, failures: int, polls: bool
    ) -> Circle | None:
        """Return the circle that a call would go on with, None for none.

        Args:
            call: the digest of the call.
            same: how often it may give the same result.
            turns: how often two calls may take turns.
            failures: how many calls in a row may fail.
            polls: whether the call may give the same result as often as it likes.
        """
        found = [(Loop.FAILURES, self._failures, failures)]
        if not polls:
            ended = tuple(self._ended)
            found.insert(0, (Loop.TURNS, _turns(ended, call), 2 * turns))
            found.insert(0, (Loop.SAME, _same(ended, call), same))
        for loop, count, most in found:
            if count >= most:
                rounds = count // 2 if loop is Loop.TURNS else count
                return Circle(loop=loop, count=rounds, reached=True)
        for loop, count, most in found:
            if count == most - 1 and count > 0:
                rounds = count // 2 if loop is Loop.TURNS else count
                return Circle(loop=loop, count=rounds, reached=False)
        return None

    def returned(self, call: bytes, result: bytes, *, polls: bool) -> None:
        """Remember what a call gave. What was never given before ends every count."""
        self._failures = 0
        if polls:
            return
        if (call, result) not in tuple(self._ended):
            self.refusals = 0
        self._ended.append((call, result))

    def failed(self) -> None:
        """Remember that a call failed or was refused."""
        self._failures += 1

    def refused(self) -> int:
        """Remember that a call was refused for a circle; return how many were in a row.

        After failures another call may be tried; where it fails, too, the next one is refused.
        """
        self._failures = max(0, self._failures - 1)
        self.refusals += 1
        return self.refusals

    def forget(self) -> None:
        """Begin anew."""
        self._ended.clear()
        self._failures = self.refusals = 0


def _same(ended: tuple[tuple[bytes, bytes], ...], call: bytes) -> int:
    """Return how often a call gave its last result without giving another one in between."""
    results = [result for other, result in reversed(ended) if other == call]
    return next((n for n, each in enumerate(results) if each != results[0]), len(results))


def _turns(ended: tuple[tuple[bytes, bytes], ...], call: bytes) -> int:
    """Return how many calls in a row two calls took turns in, with the call being next."""
    last = ended[:-3:-1]
    if [other == call for other, _ in last] != [False, True]:
        return 0
    backwards = enumerate(reversed(ended))
    return next((n for n, each in backwards if each != last[n % 2]), len(ended))
