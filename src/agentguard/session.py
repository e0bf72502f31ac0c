# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does the guard remember of one session?

The vault of what was hidden, the detector that finds those values again in every later
request, and what was said in the conversation. Whether it outlives the process is not decided
here.

INVARIANT: a session belongs to one chain of principals; nothing is turned back across chains.
INVARIANT: what a finder remembers changes none of its answers (tests/test_session.py).
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from agentguard.budgets import Rounds
from agentguard.classification import Classifier, KnownValues, with_answer_findings, with_parts
from agentguard.classification.names import NAME_CLASSES
from agentguard.provenance import Conversation
from agentguard.redaction import Recalled, RecallingFind, Vault, holds_requests_together
from agentguard.vocabulary import Finding, KnownValue, Plan, UserMessages

# How many times larger a set of known values is than the next one.
GROWTH = 4
# Keys, roles, types and ids come again and again.
LONGEST_REMEMBERED = 64
MOST_REMEMBERED = 2048

# More of them than any conversation has that is not flooded on purpose.
MOST_PASSAGES = 1024

Find = Callable[[str], tuple[Finding, ...]]


class Labels:
    """Values that the host program gave a class; threads may share it: it only grows."""

    def __init__(self) -> None:
        self._values: dict[KnownValue, None] = {}
        self._compiled: tuple[int, tuple[KnownValues, ...]] = (0, ())

    def __repr__(self) -> str:
        return f"Labels({len(self._values)} values)"

    @property
    def version(self) -> int:
        """Grows with each new value."""
        return len(self._values)

    def add(self, values: Iterable[KnownValue]) -> None:
        """Look for these values, too, from the next finder on.

        Raises:
            ValueError: a value is too short to be looked for; the message does not hold it.
        """
        values = tuple(values)
        KnownValues(values, encoded=False)
        self._values.update(dict.fromkeys(values))

    def sets(self) -> tuple[KnownValues, ...]:
        """Return the values, compiled; only what is new since the last time is."""
        version, (known, sets) = self.version, self._compiled
        if known < version:
            sets = _with(sets, KnownValues(tuple(self._values)[known:version]))
            self._compiled = (version, sets)
        return sets


@dataclass(frozen=True, slots=True)
class _Known:
    """What is to be found at one time, and the short texts without any of it.

    Attributes:
        version: of the vault, of the session's labels and of those of the process.
        hidden: everything that was hidden.
        sets: that, and everything that was given a class.
        classifier: what else was asked about the texts.
        harmless: texts in which nothing was found.
        recalled: what became of the texts of requests.
        harmless_again, recalled_again: the same for later looks, which find other things where
            models of language are asked in the first.
        harmless_answers: the same as ``harmless`` for the strings of answers; ``redaction`` adds to it.
    """

    version: tuple[int, ...]
    hidden: tuple[KnownValues, ...] = ()
    sets: tuple[KnownValues, ...] = ()
    classifier: Classifier | None = None
    harmless: set[str] = field(default_factory=set, repr=False)
    recalled: Recalled = field(default_factory=Recalled, repr=False)
    harmless_again: set[str] = field(default_factory=set, repr=False)
    recalled_again: Recalled = field(default_factory=Recalled, repr=False)
    harmless_answers: set[str] = field(default_factory=set, repr=False)


class Talk:
    """What was said in a session, as far as it was heard here; everybody of a chain shares it."""

    __slots__ = (
        "__weakref__",
        "_conversation",
        "_mode",
        "_relied_on",
        "answers",
        "complete",
        "passages",
        "rounds",
    )

    def __init__(self, *, complete: bool = True) -> None:
        """Begin without anything said.

        Args:
            complete: False where something was said before that was not heard here.
        """
        self.complete = complete
        # The ids of answers that a provider keeps, and whose requests were heard.
        self.answers: set[str] = set()
        # What calls of tools gave, as far as a loop shows in it.
        self.rounds = Rounds()
        # What spoke to the model in texts of tools, the oldest first.
        self.passages: tuple[str, ...] = ()
        self._mode = UserMessages.ALL
        self._relied_on: frozenset[tuple[str, str]] = frozenset()
        self._conversation: Conversation | None = None

    def __repr__(self) -> str:
        return f"Talk({self._conversation!r})"

    def forget(self) -> None:
        """Know nothing any more of what was said."""
        self.complete, self._conversation = False, None
        self.answers = set()
        self.passages = ()

    def spoken_to(self, passages: Iterable[str]) -> None:
        """Remember passages that speak to the model, as far as there is room for the newest."""
        fresh = [each for each in passages if each not in self.passages]
        if fresh:
            self.passages = (*self.passages, *fresh)[-MOST_PASSAGES:]

    def heard_by(
        self, mode: UserMessages, relied_on: frozenset[tuple[str, str]] = frozenset()
    ) -> Conversation:
        """Return what was heard; under a policy that relies on other things, nothing was.

        Args:
            mode: which messages count as the user's.
            relied_on: the fields of tools' results that are trusted. With one of them gone, what
                was heard as trusted is not known from the rest.
        """
        conversation = self._conversation
        if conversation is None or self._mode is not mode or self._relied_on - relied_on:
            self.complete = self.complete and conversation is None
            conversation = self._conversation = Conversation(mode)
            self._mode = mode
        self._relied_on = relied_on
        return conversation


class Session:
    """The state of one session. Safe to share between threads: vault and labels only grow."""

    def __init__(
        self,
        key: bytes,
        *,
        durable: bool = False,
        everywhere: Labels | None = None,
        talk: Talk | None = None,
    ) -> None:
        """Begin without anything hidden.

        Args:
            key: what makes the codes of the placeholders.
            durable: whether the vault is kept beyond the process.
            everywhere: the labels of the whole process.
            talk: what is shared with the other sessions of those who hand this one on.
        """
        self.talk = Talk() if talk is None else talk
        self.vault = Vault(key, durable=durable)
        self.labels = Labels()
        # Held by this process alone: whoever did not hear that people agreed asks them.
        self.plans: list[Plan] = []
        self._everywhere = Labels() if everywhere is None else everywhere
        self._known = _Known((0, 0, 0))

    def follow(self, plan: Plan, now: datetime) -> None:
        """Hold to a plan from now on, and forget those that have ended."""
        for each in tuple(self.plans):
            if each.expires_at <= now:
                # Another thread may have forgotten it meanwhile.
                with suppress(ValueError):
                    self.plans.remove(each)
        self.plans.append(plan)

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
            findings = classifier.findings(text, *sets, over_blanks=False, as_written=False)
            return with_answer_findings(text, findings)

        return found

    def harmless_answers(self, classifier: Classifier) -> set[str]:
        """Return what is known to be harmless in answers, for the finder that is made next."""
        return self._known_by(classifier).harmless_answers

    def second_finder(self, classifier: Classifier) -> Callable[[], Find]:
        """Return what makes a finder that also knows what was hidden until it is made.

        Compiling the known values is too dear for every text of a payload: make one for a round.
        Models of language are not asked again: they would see other names where some were hidden.
        """
        if not classifier.reads:
            return lambda: self.finder(classifier)

        def again() -> Find:
            known = self._known_by(classifier)

            def look(text: str) -> tuple[Finding, ...]:
                return classifier.findings(text, *known.sets, as_written=False)

            find = _remembering(look, known.harmless_again)
            return RecallingFind(find, known.recalled_again)

        return again

    def _known_by(self, classifier: Classifier) -> _Known:
        """Return everything to be found; only what is new since the last time is compiled.

        What was remembered is forgotten as soon as there is more to find.
        """
        known = self._known
        versions = (self.vault.version, self.labels.version, self._everywhere.version)
        version = tuple(map(max, known.version, versions))
        if known.version != version:
            fresh = KnownValues(_parts(self.vault.known_values(known.version[0], version[0])))
            hidden = _with(known.hidden, fresh)
            sets = (*hidden, *self.labels.sets(), *self._everywhere.sets())
            self._known = known = _Known(version, hidden, sets, classifier)
        elif known.classifier is not classifier:
            self._known = known = _Known(version, known.hidden, known.sets, classifier)
        return known


def _parts(values: Iterable[KnownValue]) -> Iterator[KnownValue]:
    """Yield each value and what is secret inside it by itself, such as the password of an address.

    A part with blanks is left out: a stream waits for the end of whole values alone. So is a word
    that requests cannot do without and that a model of language took for a name.
    """
    for value in values:
        if value.data_class in NAME_CLASSES and holds_requests_together(value.value.strip()):
            continue
        for part in with_parts(value):
            if part is value or not any(map(str.isspace, part.value)):
                yield part


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
