# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a text that a tool said hold that only such texts are searched for?

Results of tools and the definitions that describe them come from outside and are read by a model:
sentences that speak to it, links that carry something away, images that load by themselves,
characters that nobody sees. Also says which passages of a text speak to the model, in the words
that it would read, for whoever compares an answer with them.
It hides nothing and decides nothing.

INVARIANT: what stands encoded is found like what stands in clear
(tests/classification/test_said.py).
"""

import functools
import re
from collections.abc import Iterable, Sequence

from agentguard.classification.answer_patterns import answer_findings
from agentguard.classification.classes import INSTRUCTIONS
from agentguard.classification.data_links import data_links
from agentguard.classification.engine import RuleSet
from agentguard.classification.instructions import instruction_rules
from agentguard.classification.looking import Looking
from agentguard.classification.passages import passage_spans, passages_of
from agentguard.classification.recognised import Recognised, Seen
from agentguard.classification.views import views_of
from agentguard.vocabulary import Finding

# As in JSON that stands inside of another text.
_ESCAPED_LINE = re.compile(r"\\[nr]")


class SaidByTools:
    """Searches what tools say; immutable but for what it remembers, so threads may share it."""

    __slots__ = ("_recognised",)

    def __init__(self) -> None:
        self._recognised = Recognised(self._look)

    def findings(
        self, text: str, found: Sequence[Finding], further: Iterable[Finding]
    ) -> tuple[Finding, ...]:
        """Return sorted findings; those of one class do not overlap.

        Args:
            text: without lone surrogates.
            found: what every text is searched for, sorted; a link that holds it carries it away.
            further: what other detectors found of the same classes.
        """
        seen = self._recognised.seen(text)
        spots = [*seen.findings, *seen.over_blanks, *further]
        if found:
            spots += data_links(text, found)
        return _united(spots) if spots else ()

    def passages(self, text: str, further: Iterable[Finding]) -> tuple[str, ...]:
        """Return what speaks to a model, with what belongs to it, as the model reads it."""
        seen = self._recognised.seen(text)
        spots = [(each.start, each.end) for each in further if each.data_class == INSTRUCTIONS]
        here = (*seen.findings, *seen.over_blanks)
        if not spots and all(each.data_class != INSTRUCTIONS for each in here):
            return ()
        passages = dict.fromkeys(passages_of(text, self._places))
        for start, end in passage_spans(text, spots):
            passages[text[start:end].strip()] = None
        for view in views_of(_lined(text)).over_blanks:
            passages.update(dict.fromkeys(passages_of(view.text, self._places)))
        return tuple(passages)

    def _look(self, text: str) -> Seen:
        seen = Looking((_rules(),)).look(_lined(text))
        plain = (*answer_findings(text), *data_links(text))
        return seen._replace(findings=(*seen.findings, *plain)) if plain else seen

    def _places(self, text: str) -> list[tuple[int, int]]:
        return [(each.start, each.end) for each in _rules().detect(_lined(text))]


@functools.cache
def _rules() -> RuleSet:
    """Compile what no configuration changes once, and only where a tool says something."""
    return RuleSet(instruction_rules())


def _lined(text: str) -> str:
    """Return a text in which lines that end in an escape end, as long as it was."""
    return _ESCAPED_LINE.sub(" \n", text) if "\\" in text else text


def _united(spots: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return what was found, with findings of one class that overlap as one."""
    open_of: dict[str, Finding] = {}
    united: list[Finding] = []
    for spot in sorted(spots, key=lambda each: (each.start, -each.end)):
        last = open_of.get(spot.data_class)
        if last is not None and spot.start < last.end:
            if spot.end <= last.end:
                continue
            united.remove(last)
            spot = Finding(  # noqa: PLW2901 - the same place, grown
                start=last.start,
                end=spot.end,
                data_class=spot.data_class,
                detector=last.detector,
            )
        open_of[spot.data_class] = spot
        united.append(spot)
    return tuple(sorted(united, key=lambda each: (each.start, each.end)))
