# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What do detectors see in a text and in what it says once it is decoded?

Asks every detector about the text and about each of its views, and puts what they found back to
where it stands in the text.
It merges nothing and remembers nothing.

INVARIANT: what a detector finds in a view is covered in the text, and a detector that points
outside of what it was asked about is an error (tests/classification/test_classifier.py).
"""

from collections.abc import Iterable, Iterator
from typing import Protocol

from agentguard.classification.broken_tokens import BrokenTokens
from agentguard.classification.classes import Detector
from agentguard.classification.engine import Engine, RuleSet, installed
from agentguard.classification.recognised import NOTHING_SEEN, Seen
from agentguard.classification.views import views_of
from agentguard.vocabulary import Finding


class Copied(Protocol):
    """A copy of a text and the way back."""

    @property
    def text(self) -> str:
        """The copy."""

    def places(self, start: int, end: int) -> list[tuple[int, int]]:
        """Return the places of the text that a place of the copy stands for."""


class Looking:
    """Looks at texts with detectors whose answers depend on the text alone."""

    __slots__ = ("_broken", "_detectors")

    def __init__(self, detectors: Iterable[Detector], broken: BrokenTokens | None = None) -> None:
        self._detectors = tuple(detectors)
        self._broken = broken

    def __repr__(self) -> str:
        return ", ".join(detector.name for detector in self._detectors)

    @property
    def engine(self) -> Engine:
        """The engine that searches for patterns now."""
        return next((rules.engine for rules in self._rule_sets()), installed())

    def accelerate(self) -> None:
        """Compile what the fast engine needs, and use it from then on."""
        for rules in self._rule_sets():
            rules.accelerate()

    def _rule_sets(self) -> Iterator[RuleSet]:
        return (detector for detector in self._detectors if isinstance(detector, RuleSet))

    def look(self, text: str) -> Seen:
        """Return what is seen in a text without lone surrogates.

        Raises:
            ValueError: a detector pointed outside the text.
        """
        views = views_of(text)
        found = self._detected(text)
        for view in views.plain:
            found.extend(put_back(view, self._detected(view.text)))
        further: list[Finding] = []
        if views.over_blanks is not views.plain:
            for view in views.over_blanks:
                further.extend(_decoded(view, self._detected(view.text)))
        if self._broken is not None:
            backwards, over_blanks = self._broken.spotted(text)
            found += backwards
            further += over_blanks
            for view in views.over_blanks:
                for spotted in self._broken.spotted(view.text):
                    further.extend(put_back(view, spotted))
        if not found and not further and not views.over_blanks:
            return NOTHING_SEEN
        return Seen(tuple(found), tuple(further), decodes=bool(views.over_blanks))

    def _detected(self, text: str) -> list[Finding]:
        found: list[Finding] = []
        for detector in self._detectors:
            found.extend(detector.detect(text))
        for finding in found:
            if not 0 <= finding.start < finding.end <= len(text):
                raise ValueError(f"detector {finding.detector!r} pointed outside the text")
        return found


def _decoded(copied: Copied, found: Iterable[Finding]) -> Iterator[Finding]:
    """Yield where what was found stands, without what stands in the text as in its copy."""
    for finding in found:
        size = finding.end - finding.start
        for there in put_back(copied, (finding,)):
            if there.end - there.start != size:
                yield there


def put_back(copied: Copied, found: Iterable[Finding]) -> Iterator[Finding]:
    """Yield what was found in a copy of a text where it stands in the text."""
    for finding in found:
        for start, end in copied.places(finding.start, finding.end):
            yield Finding(
                start=start, end=end, data_class=finding.data_class, detector=finding.detector
            )
