# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where in a text does a set of patterns match, in time that grows with the text alone?

One automaton looks for the keywords of all rules; each rule's pattern then runs only on windows
around its own keywords, merged so that no byte is scanned twice by the same rule.
Rules without keywords run on the whole text.
It knows nothing of any format.

INVARIANT: a match that reaches the end of its window is read on to its own end, so that no token
is hidden by half (tests/classification/test_rules.py).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, Protocol

from agentguard.classification.engine.spans import character_start, to_characters
from agentguard.vocabulary import Finding, Profile

NOTHING: tuple[tuple[int, int], ...] = ()

Confirm = Callable[[bytes, int, int], Iterable[tuple[int, int]]]


class Match(Protocol):
    """What a pattern found: the part of the interface that ``re`` and ``re2`` share."""

    def span(self, group: int = 0, /) -> tuple[int, int]:
        """Return start and end of a group, -1 and -1 when it took no part."""


class Pattern(Protocol):
    """A compiled pattern over bytes, of ``re`` or ``re2``."""

    def search(self, data: bytes, pos: int, endpos: int, /) -> Match | None:
        """Return the leftmost match between two offsets."""


def whole(_data: bytes, start: int, end: int) -> Iterable[tuple[int, int]]:
    """Confirm every match as it is."""
    return ((start, end),)


def linear(pattern: str, *, any_case: bool = False) -> Pattern:
    """Compile a pattern with re2, whose time grows with the text alone.

    Raises:
        ValueError: re2 refuses the pattern, or it matches the empty text.
    """
    import re2

    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = not any_case
    try:
        compiled: Pattern = re2.compile(pattern, options)
    except re2.error as error:
        problem = error.args[0]
        reason = problem.decode("utf-8", "replace") if isinstance(problem, bytes) else problem
        raise ValueError(f"{reason}") from None
    for sample in (b"", b"a", b"0", b" "):
        match = compiled.search(sample, 0, len(sample))
        if match is not None and match.span()[0] == match.span()[1]:
            raise ValueError("it matches the empty text")
    return compiled


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a pattern finds, and where to look for it.

    Attributes:
        name: stands in the findings as the detector.
        data_class: what a match is.
        keywords: without one of them there is no match; empty when there is no such word.
        any_case: whether the keywords count in every mixture of cases.
        before: how far before a keyword a match may begin.
        width: how far after the keyword's start the pattern is tried.
        group: the group of the match that is sensitive.
        shortest: no text with fewer bytes can match.
        confirm: gets the text and the span of the group, returns the spans that are findings:
            none, the same, or others. An error in it refuses the call.
        profile: the quietest profile that looks for it.
    """

    name: str
    data_class: str
    keywords: tuple[str, ...] = ()
    any_case: bool = False
    before: int = 0
    width: int = 256
    group: int = 0
    shortest: int = 0
    confirm: Confirm = whole
    profile: Profile = Profile.STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Scope):
    """One pattern and where to look for it.

    Attributes:
        pattern: compiled, over UTF-8 bytes.
        requires: a window in which this does not match is not looked at; a cheap test before a
            dear pattern.
    """

    pattern: Pattern
    requires: Pattern | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """Rules that look at the same windows."""

    rules: tuple[Rule, ...]
    before: int
    width: int
    requires: Pattern | None


class RuleSet:
    """Finds the matches of many rules; immutable, so that threads may share it."""

    name = "rules"
    __slots__ = ("_automaton", "_groups", "_ungated")

    def __init__(self, rules: Iterable[Rule]) -> None:
        grouped: dict[tuple[object, ...], list[Rule]] = {}
        ungated: list[Rule] = []
        owners: dict[bytes, list[_Group]] = {}
        for rule in rules:
            key = (rule.keywords, rule.any_case, rule.before, rule.width, rule.requires)
            (grouped.setdefault(key, []) if rule.keywords else ungated).append(rule)
        for members in grouped.values():
            group = _group(members)
            for keyword in _keywords(members[0]):
                owners.setdefault(keyword, []).append(group)
        self._ungated = tuple(ungated)
        self._groups = tuple(map(tuple, owners.values()))
        self._automaton = _automaton(owners)

    def detect(self, text: str) -> list[Finding]:
        """Return the findings in *text*, unsorted."""
        data = text.encode("utf-8")
        size = len(data)
        found: list[tuple[Rule, int, int]] = []
        for rule in self._ungated:
            if size >= rule.shortest:
                found.extend(_in_windows(rule, data, ((0, size),)))
        hits = self._automaton.find_matches_as_indexes(data, overlapping=True)
        if hits:
            for group, windows in self._windows(hits, size):
                if group.requires is not None:
                    windows = [span for span in windows if group.requires.search(data, *span)]  # noqa: PLW2901 - the same windows, fewer
                for rule in group.rules if windows else ():
                    found.extend(_in_windows(rule, data, windows))
        return _findings(found, data, ascii_only=size == len(text)) if found else []

    def _windows(
        self, hits: Iterable[tuple[int, int, int]], size: int
    ) -> Iterable[tuple[_Group, list[tuple[int, int]]]]:
        windows: dict[int, tuple[_Group, list[tuple[int, int]]]] = {}
        for keyword, begin, _ in hits:
            for group in self._groups[keyword]:
                start, end = max(0, begin - group.before), min(size, begin + group.width)
                spans = windows.setdefault(id(group), (group, []))[1]
                if spans and start <= spans[-1][1]:
                    first, last = spans[-1]
                    spans[-1] = (min(first, start), max(last, end))
                else:
                    spans.append((start, end))
        return windows.values()


def _group(members: list[Rule]) -> _Group:
    first = members[0]
    return _Group(
        rules=tuple(members), before=first.before, width=first.width, requires=first.requires
    )


def _automaton(keywords: Iterable[bytes]) -> Any:
    from ahocorasick_rs import BytesAhoCorasick, Implementation

    return BytesAhoCorasick(list(keywords), implementation=Implementation.DFA)


def _keywords(rule: Rule) -> Iterator[bytes]:
    for keyword in rule.keywords:
        for written in _cases(keyword) if rule.any_case else (keyword,):
            yield written.encode("utf-8")


def _cases(keyword: str) -> set[str]:
    """Every way to write a keyword; six letters make 64 entries, so keep such keywords short."""
    return {
        "".join(letters) for letters in product(*zip(keyword.lower(), keyword.upper(), strict=True))
    }


def _in_windows(
    rule: Rule, data: bytes, windows: Iterable[tuple[int, int]]
) -> Iterator[tuple[Rule, int, int]]:
    floor = 0
    for first, stop in windows:
        start = max(first, floor)
        while start < stop:
            match = rule.pattern.search(data, start, stop)
            if match is None:
                break
            if match.span()[1] == stop:
                match = _read_on(rule.pattern, data, match, stop)
            begin, end = match.span(rule.group)
            if begin < end:
                for span in rule.confirm(data, begin, end):
                    yield (rule, *span)
            start = floor = max(match.span()[1], start + 1)


def _read_on(pattern: Pattern, data: bytes, match: Match, stop: int) -> Match:
    """Widen the window until the match ends inside it; doubling keeps the work linear."""
    start, end = match.span()
    width = max(stop - start, 64)
    while end == stop < len(data):
        width *= 2
        stop = min(len(data), start + width)
        longer = pattern.search(data, start, stop)
        if longer is None or longer.span()[0] != start:
            break
        match = longer
        end = match.span()[1]
    return match


def _findings(
    found: list[tuple[Rule, int, int]], data: bytes, *, ascii_only: bool
) -> list[Finding]:
    if ascii_only:
        return [
            Finding(start=start, end=end, data_class=rule.data_class, detector=rule.name)
            for rule, start, end in found
        ]
    aligned = [(rule, character_start(data, start), end) for rule, start, end in found]
    characters = to_characters(data, (edge for _, *span in aligned for edge in span))
    return [
        Finding(
            start=characters[start],
            end=characters[end],
            data_class=rule.data_class,
            detector=rule.name,
        )
        for rule, start, end in aligned
    ]
