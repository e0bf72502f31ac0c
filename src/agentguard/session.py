# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does the guard remember of one session?

The vault of what was hidden, and the detector that finds those values again in every later
request. It does not outlive the process.

INVARIANT: a session belongs to one chain of principals; nothing is turned back across chains.
"""

from collections.abc import Callable

from agentguard.classification import Classifier, KnownValues, with_answer_findings
from agentguard.redaction import Vault
from agentguard.vocabulary import Finding

# How many times larger a set of known values is than the next one.
GROWTH = 4

Find = Callable[[str], tuple[Finding, ...]]


class Session:
    """The state of one session. Safe to share between threads: the vault only grows."""

    def __init__(self, key: bytes) -> None:
        self.vault = Vault(key)
        self._known: tuple[int, tuple[KnownValues, ...]] = (0, ())

    def finder(self, classifier: Classifier) -> Find:
        """Return the function that finds classified text, values hidden before now included."""
        known = self._known_values()
        return lambda text: classifier.findings(text, *known)

    def answer_finder(self, classifier: Classifier) -> Find:
        """Return the function that finds what an answer must be looked at for."""
        known = self._known_values()
        return lambda text: with_answer_findings(text, classifier.findings(text, *known))

    def second_finder(self, classifier: Classifier) -> Callable[[], Find]:
        """Return what makes a finder that also knows what was hidden until it is made.

        Compiling the known values is too dear for every text of a payload: make one for a round.
        """
        return lambda: self.finder(classifier)

    def _known_values(self) -> tuple[KnownValues, ...]:
        """Return everything that was hidden; only what is new since the last time is compiled."""
        version = self.vault.version
        compiled_at, known = self._known
        if compiled_at < version:
            fresh = KnownValues(self.vault.known_values(compiled_at, version))
            known = _with(known, fresh)
            self._known = (version, known)
        return known


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
