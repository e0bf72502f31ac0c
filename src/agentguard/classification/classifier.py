# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What in this text is sensitive?

Asks the known values first, then every detector, about the text and about what it says once it is
decoded, and merges what they found. What depends on the text alone is remembered.
It hides nothing and decides nothing.

INVARIANT: an error in a detector leaves here and refuses the call; nothing is caught
(tests/classification/test_classifier.py).
"""

import functools
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from agentguard.classification.broken_tokens import BrokenTokens
from agentguard.classification.classes import (
    BUILT_IN_CLASSES,
    EMAIL,
    NAMED_ONLY,
    SAID,
    SECRET,
    Detector,
    OwnClass,
)
from agentguard.classification.composed import with_parts
from agentguard.classification.contextual import ContextualDetector
from agentguard.classification.engine import Engine, Rule, RuleSet, linear, merge
from agentguard.classification.formats import TOKEN_FORMATS, borrowed_rules
from agentguard.classification.known_values import KnownValues, inspectable
from agentguard.classification.looking import Looking, put_back
from agentguard.classification.personal import (
    PERSONAL_FORMATS,
    Opening,
    PersonalNumbers,
    openings,
)
from agentguard.classification.recognised import Recognised
from agentguard.classification.said import SaidByTools
from agentguard.classification.views import views_of
from agentguard.matching import Linear
from agentguard.vocabulary import Finding, KnownValue, Profile

# How far one of the organisation's own patterns may reach over blanks, and an address of mail
# that is written in words, which only one profile looks for.
OWN_REACH = 256
SPELLED_REACH = 128
_MAY_HOLD_BLANKS = re.compile(r"\s|\\[sWDnrtfvpPCx]|\.|\[\^|\[[^\]]*!-")

_SECRET_CLASSES = frozenset(known.name for known in BUILT_IN_CLASSES if known.family == SECRET)


class Classifier:
    """Finds sensitive places in texts; immutable, so that threads may share it.

    Build one with ``build_classifier``.
    """

    __slots__ = ("__weakref__", "_known", "_looking", "_reach", "_read", "_recognised", "_said")

    def __init__(
        self,
        *,
        known: Iterable[KnownValues],
        detectors: Iterable[Detector],
        broken: BrokenTokens | None = None,
        reach: Mapping[str, int] = MappingProxyType({}),
        readers: Iterable[Detector] = (),
    ) -> None:
        self._known = tuple(values for values in known if values)
        self._looking = Looking(detectors, broken)
        self._recognised = Recognised(self._looking.look)
        self._said = SaidByTools()
        self._reach = reach
        reading = tuple(readers)
        self._read = Recognised(Looking(reading).look) if reading else None

    def __repr__(self) -> str:
        return f"Classifier({self.engine} engine: {self._looking!r})"

    @property
    def engine(self) -> Engine:
        """The engine that searches for patterns now; what is found is the same with each."""
        return self._looking.engine

    @property
    def reads(self) -> bool:
        """Whether what is found depends on how sentences read: ``as_written`` matters."""
        return self._read is not None

    def accelerate(self) -> None:
        """Compile the database of the fast engine, and use it from then on.

        It takes a second and may run in a thread of its own while others search.

        Raises:
            ImportError: the extra ``fast`` is not installed.
        """
        self._looking.accelerate()

    def reach(self, classes: Container[str]) -> int:
        """Return how many characters a finding of these classes may span over blanks.

        Formats of providers hold no blanks; values and patterns of the organisation's own may.
        What personal data may span, ``openings`` say more closely.
        """
        return max((far for name, far in self._reach.items() if name in classes), default=0)

    def openings(self, classes: Container[str]) -> tuple[Opening, ...]:
        """Return what says where a text that still grows holds the beginning of a finding.

        Each takes a text and a place of it, and returns where something is open from there on,
        the end of the text if nothing is.

        Args:
            classes: those that something happens to.
        """
        return openings(classes)

    def findings(
        self,
        text: str,
        *known: KnownValues,
        over_blanks: bool = True,
        as_written: bool = True,
    ) -> tuple[Finding, ...]:
        """Return sorted findings that do not overlap.

        Where findings overlap they become one that covers them all; its class is the one of a
        secret if there is one, then of a known value, then of what has a format, then of the
        longest.

        Args:
            text: decoded text; offsets in the result count its characters.
            known: the session's own known values, in any number of sets.
            over_blanks: whether to find what only somebody sees who leaves blanks out. A text that
                still grows is cut at blanks, so it can be looked at only without.
            as_written: whether somebody wrote the text as it is, so that models of language may
                read it. They see other names where something was hidden or is missing.

        Raises:
            ValueError: a detector pointed outside the text.
        """
        text = inspectable(text)
        seen = self._recognised.seen(text)
        found = [each for each in seen.findings if each.data_class not in SAID]
        if over_blanks:
            found += (each for each in seen.over_blanks if each.data_class not in SAID)
        if as_written and self._read is not None:
            found += self._read.seen(text).findings
        sets = (*known, *self._known)
        for values in sets:
            found.extend(values.find(text, over_blanks=over_blanks))
        if sets and seen.decodes:
            views = views_of(text)
            for view in views.over_blanks if over_blanks else views.plain:
                for values in sets:
                    held = values.find(view.text, over_blanks=over_blanks)
                    found.extend(put_back(view, held))
        return merge(found, _rank, yields=_is_contextual) if found else ()

    def said(self, text: str, found: Sequence[Finding] = ()) -> tuple[Finding, ...]:
        """Return what only texts are searched for that a tool said, sorted.

        Findings of one class do not overlap.

        Args:
            text: decoded text.
            found: its ``findings``; a link that holds one of them carries it away.

        Raises:
            ValueError: a detector pointed outside the text.
        """
        text = inspectable(text)
        return self._said.findings(text, found, self._further(text))

    def passages(self, text: str) -> tuple[str, ...]:
        """Return the passages of what a tool said that speak to a model, as the model reads them.

        Raises:
            ValueError: a detector pointed outside the text.
        """
        text = inspectable(text)
        return self._said.passages(text, self._further(text))

    def _further(self, text: str) -> list[Finding]:
        """Return what other detectors found of what only tools' texts are searched for."""
        seen = self._recognised.seen(text)
        return [each for each in (*seen.findings, *seen.over_blanks) if each.data_class in SAID]


def _is_contextual(finding: Finding) -> bool:
    """Say whether only what stands around a place made it a secret."""
    return finding.detector.startswith("contextual:")


def _rank(finding: Finding) -> tuple[int, ...]:
    return (
        finding.data_class not in _SECRET_CLASSES,
        not finding.detector.startswith("known_value:"),
        _is_contextual(finding),
        finding.start - finding.end,
        finding.start,
    )


def build_classifier(
    *,
    own: Iterable[OwnClass] = (),
    known: Iterable[KnownValue] = (),
    detectors: Iterable[Detector] = (),
    profile: Profile = Profile.BALANCED,
    named: Container[str] = (),
    rules: Iterable[Rule] = (),
    readers: Iterable[Detector] = (),
) -> Classifier:
    """Build the engine: known values, documented formats, borrowed patterns, context, own classes.

    Args:
        own: the organisation's classes.
        known: values that are known beforehand, such as those of named environment variables.
        detectors: further detectors, asked last.
        profile: how much is taken for sensitive.
        named: the classes that are looked for although only a name asks for them.
        rules: further rules, such as those of other scanners.
        readers: detectors that read sentences, asked about texts as they were written alone.

    Raises:
        ValueError: a pattern or a value of an own class cannot be used; the message names the
            class and, for a pattern, its index from 0.
    """
    own, brought = tuple(own), tuple(rules)
    known = [part for value in known for part in with_parts(value)]
    listed = _listed(each for each in own if not each.any_case)
    any_case = _listed(each for each in own if each.any_case)
    unwanted = frozenset(name for name in NAMED_ONLY if name not in named)
    documented = _documented(profile, unwanted)
    together = RuleSet((*documented, *borrowed_rules(), *_own_rules(own), *brought))
    return Classifier(
        # A list may be long, and encoded forms are what secrets travel in.
        known=(
            KnownValues(known),
            KnownValues(listed, encoded=False),
            KnownValues(any_case, any_case=True),
        ),
        detectors=(together, *_built_in(profile), *detectors),
        broken=BrokenTokens(documented, together),
        reach=_reach(own, brought, (*known, *listed, *any_case), profile),
        readers=readers,
    )


# What depends on the product alone is made once, so that a second guard, or a new version of a
# policy, compiles none of it again.
@functools.lru_cache(maxsize=8)
def _documented(profile: Profile, unwanted: frozenset[str]) -> tuple[Rule, ...]:
    """Return the rules of the documented formats that a profile looks for."""
    return tuple(
        row.rule()
        for row in (*TOKEN_FORMATS, *PERSONAL_FORMATS)
        if profile.includes(row.profile) and row.data_class not in unwanted
    )


@functools.cache
def _built_in(profile: Profile) -> tuple[Detector, ...]:
    """Return the detectors of a profile that search without keywords of formats."""
    return ContextualDetector(profile), PersonalNumbers(profile)


def _listed(own: Iterable[OwnClass]) -> list[KnownValue]:
    return [KnownValue(value=value, data_class=each.name) for each in own for value in each.values]


def _reach(
    own: tuple[OwnClass, ...],
    rules: tuple[Rule, ...],
    values: Iterable[KnownValue],
    profile: Profile,
) -> Mapping[str, int]:
    """Return for each class how far what is looked for may reach over blanks."""
    reach: dict[str, int] = {EMAIL: SPELLED_REACH} if profile is Profile.PARANOID else {}
    for value in values:
        if any(character.isspace() for character in value.value):
            reach[value.data_class] = max(reach.get(value.data_class, 0), len(value.value))
    patterns = [(each.name, pattern) for each in own for pattern in each.patterns]
    patterns += [(rule.data_class, _source(rule)) for rule in rules]
    for name, pattern in patterns:
        if _MAY_HOLD_BLANKS.search(pattern):
            reach[name] = max(reach.get(name, 0), OWN_REACH)
    return MappingProxyType(reach)


def _source(rule: Rule) -> str:
    """Return how a pattern is written; one of ``re`` may match anything."""
    return rule.pattern.source if isinstance(rule.pattern, Linear) else "."


def _own_rules(own: Iterable[OwnClass]) -> Iterator[Rule]:
    for own_class in own:
        for index, pattern in enumerate(own_class.patterns):
            try:
                yield _own_rule(own_class.name, pattern)
            except ValueError as error:
                place = f"pattern {index} of class {own_class.name!r}"
                raise ValueError(f"{place} cannot be used: {error}") from None


@functools.lru_cache(maxsize=64)
def _own_rule(name: str, pattern: str) -> Rule:
    return Rule(name=name, data_class=name, pattern=linear(pattern))
