# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does the guard remember of one session?

The vault of what was hidden, and the detector that finds those values again in every later
request. Whether it outlives the process is not decided here.

INVARIANT: a session belongs to one chain of principals; nothing is turned back across chains.
INVARIANT: what a finder remembers changes none of its answers (tests/test_session.py).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from agentguard.classification import Classifier, KnownValues, with_answer_findings
from agentguard.redaction import Recalled, RecallingFind, Vault
from agentguard.vocabulary import Finding

# How many times larger a set of known values is than the next one.
GROWTH = 4
# Keys, roles, types and ids come again and again.
LONGEST_REMEMBERED = 64
MOST_REMEMBERED = 2048

Find = Callable[[str], tuple[Finding, ...]]


@dataclass(frozen=True, slots=True)
class _Known:
    """What was hidden until the vault had one version, and the short texts without any of it.

    Attributes:
        version: the vault's.
        sets: everything that was hidden.
        classifier: what else was asked about the texts.
        harmless: texts in which nothing was found.
        recalled: what became of the texts of requests.
        harmless_answers: the same as ``harmless`` for the strings of answers; ``redaction`` adds to it.
    """

    version: int
    sets: tuple[KnownValues, ...] = ()
    classifier: Classifier | None = None
    harmless: set[str] = field(default_factory=set, repr=False)
    recalled: Recalled = field(default_factory=Recalled, repr=False)
    harmless_answers: set[str] = field(default_factory=set, repr=False)


class Session:
    """The state of one session. Safe to share between threads: the vault only grows."""

    def __init__(self, key: bytes, *, durable: bool = False) -> None:
        self.vault = Vault(key, durable=durable)
        self._known = _Known(0)

    def finder(self, classifier: Classifier) -> Find:
        """Return the function that finds classified text, values hidden before now included."""
        known = self._known_by(classifier)
        find = _remembering(lambda text: classifier.findings(text, *known.sets), known.harmless)
        return RecallingFind(find, known.recalled)

    def answer_finder(self, classifier: Classifier) -> Find:
        """Return the function that finds what an answer must be looked at for.

        An answer may come in pieces that end at blanks, so nothing is put together over them.
        """
        sets = self._known_by(classifier).sets

        def found(text: str) -> tuple[Finding, ...]:
            findings = classifier.findings(text, *sets, over_blanks=False)
            return with_answer_findings(text, findings)

        return found

    def harmless_answers(self, classifier: Classifier) -> set[str]:
        """Return what is known to be harmless in answers, for the finder that is made next."""
        return self._known_by(classifier).harmless_answers

    def second_finder(self, classifier: Classifier) -> Callable[[], Find]:
        """Return what makes a finder that also knows what was hidden until it is made.

        Compiling the known values is too dear for every text of a payload: make one for a round.
        """
        return lambda: self.finder(classifier)

    def _known_by(self, classifier: Classifier) -> _Known:
        """Return everything that was hidden; only what is new since the last time is compiled.

        What was remembered is forgotten as soon as there is more to find.
        """
        version, known = self.vault.version, self._known
        if known.version < version:
            fresh = KnownValues(self.vault.known_values(known.version, version))
            self._known = known = _Known(version, _with(known.sets, fresh), classifier)
        elif known.classifier is not classifier:
            self._known = known = _Known(known.version, known.sets, classifier)
        return known


def _remembering(find: Find, harmless: set[str]) -> Find:
    """Return a function that finds the same and asks once about a short text without findings."""

    def found(text: str) -> tuple[Finding, ...]:
        if text in harmless:
            return ()
        findings = find(text)
        if not findings and len(text) <= LONGEST_REMEMBERED:
            if len(harmless) >= MOST_REMEMBERED:
                harmless.clear()
            harmless.add(text)
        return findings

    return found


def _with(known: tuple[KnownValues, ...], fresh: KnownValues) -> tuple[KnownValues, ...]:
    """Add a set, and join the last sets until each has several times what follows it.

    So there are few sets to search, and a value is compiled again only a few times however many
    there are.
    """
    if not fresh:
        return known
    *kept, last = (*known, fresh)
    while kept and len(kept[-1]) < GROWTH * len(last):
        last = kept.pop().joined(last)
    return (*kept, last)
