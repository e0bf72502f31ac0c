# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where in a text does a set of patterns match, in time that grows with the text alone?

One automaton looks for the keywords of all rules; each rule's pattern then runs only on windows
around its own keywords, merged so that no byte is scanned twice by the same rule.
Rules without keywords run on the whole text.
It knows nothing of any format.

INVARIANT: a match that reaches the end of its window is read on to its own end, so that no token
is hidden by half (tests/classification/test_rules.py).
INVARIANT: every engine finds the same (tests/classification/test_engine_equivalence.py).
"""

import functools
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from agentguard.classification.engine.alarms import Alarms
from agentguard.classification.engine.keywords import stands, written
from agentguard.classification.engine.spans import character_start, to_characters
from agentguard.matching import (
    Engine,
    Find,
    Linear,
    Occurrences,
    Pattern,
    Spans,
    automaton,
    deferred,
    installed,
)
from agentguard.vocabulary import Finding, Profile

NOTHING: tuple[tuple[int, int], ...] = ()

Confirm = Callable[[bytes, int, int], Iterable[tuple[int, int]]]
_Windows = list[tuple[int, int]]

# A name may stand once in a pattern.
_NAMED = re.compile(r"\(\?P?<")
# So many patterns over the same windows are asked together first.
_TOGETHER = 3


def whole(_data: bytes, start: int, end: int) -> Iterable[tuple[int, int]]:
    """Confirm every match as it is."""
    return ((start, end),)


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


class _Foreign:
    """A pattern of ``re``, which every engine runs as it is."""

    __slots__ = ("_groups", "_pattern")

    def __init__(self, pattern: Pattern, groups: int) -> None:
        self._pattern = pattern
        self._groups = groups

    def find(self, data: bytes, pos: int, endpos: int, /) -> Spans | None:
        """Return the spans of the leftmost match between two offsets."""
        match = self._pattern.search(data, pos, endpos)
        if match is None:
            return None
        return [match.span(group) for group in range(self._groups + 1)]

    def within(self, _data: bytes, _start: int, _stop: int) -> Find:
        """Return the search itself, which reads nothing twice."""
        return self.find


_Runnable = Linear | _Foreign
_Place = tuple[Rule, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Member:
    """A rule and its number, with its pattern for the engine."""

    number: int
    rule: Rule
    pattern: _Runnable


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """Rules that look at the same windows."""

    members: tuple[_Member, ...]
    # All must match in a window for one of the rules to match there.
    tests: tuple[_Runnable, ...]
    numbers: frozenset[int]


# A group that looks where a word stands: how far before and after, and what it compares there.
_Owner = tuple[int, int, int, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tables:
    """Where rules look.

    Attributes:
        groups: rules that look behind words.
        ungated: those that look everywhere.
        places: of each rule's number the place of its group.
        owners: of each word the groups that look where it stands.
        find_words: finds the words.
    """

    groups: tuple[_Group, ...]
    ungated: _Group | None
    places: Mapping[int, int]
    owners: tuple[tuple[_Owner, ...], ...]
    find_words: Occurrences[bytes]


class RuleSet:
    """Finds the matches of many rules; threads may share it."""

    name = "rules"
    __slots__ = ("_alarms", "_engine", "_tables")

    def __init__(self, rules: Iterable[Rule], *, engine: Engine | None = None) -> None:
        """Sort the rules by where they look.

        Args:
            rules: patterns of the dialect of RE2 run in the engine, those of ``re`` as they are.
            engine: the one that is installed, unless a test names another.
        """
        self._engine = engine or installed()
        self._tables = _tables(tuple(rules), self._engine)
        self._alarms: Alarms | None = None
        if self._engine is Engine.FAST:
            self.accelerate()

    def __repr__(self) -> str:
        return f"RuleSet({len(self._members())} rules, {self.engine})"

    @property
    def engine(self) -> Engine:
        """Which engine runs now."""
        return self._engine

    def accelerate(self) -> None:
        """Compile the database of the fast engine, and use it from then on.

        It takes about a second and may be called in another thread than those that search: what
        is found stays the same.

        Raises:
            ImportError: the extra ``fast`` is not installed.
        """
        self._alarms = Alarms(
            (member.rule.pattern, member.rule.keywords, member.rule.any_case)
            for member in self._members()
        )
        if self._engine is Engine.DEFAULT:
            self._engine = Engine.FAST

    def _members(self) -> list[_Member]:
        ungated = self._tables.ungated
        groups = (*self._tables.groups, *((ungated,) if ungated else ()))
        members = [member for group in groups for member in group.members]
        return sorted(members, key=lambda member: member.number)

    def detect(self, text: str) -> list[Finding]:
        """Return the findings in *text*, unsorted."""
        data = text.encode("utf-8")
        size, tables = len(data), self._tables
        wanted: Collection[int] | None = None
        if self._alarms is not None:
            wanted = self._alarms.raised(data)
            if not wanted:
                return []
        found: list[_Place] = []
        if tables.ungated is not None and size:
            _search(tables.ungated, data, [(0, size)], wanted, found)
        hits = tables.find_words(data)
        if hits:
            for place, windows in self._windows(hits, data, wanted).items():
                _search(tables.groups[place], data, windows, wanted, found)
        return _findings(found, data, ascii_only=size == len(text)) if found else []

    def _windows(
        self, hits: Iterable[tuple[int, int, int]], data: bytes, wanted: Collection[int] | None
    ) -> dict[int, _Windows]:
        """Return where each group looks, without those of which no rule is wanted."""
        windows: dict[int, _Windows] = {}
        owners, size = self._tables.owners, len(data)
        places = None if wanted is None else {self._tables.places.get(each) for each in wanted}
        for word, begin, _ in hits:
            for place, before, width, keyword in owners[word]:
                if places is not None and place not in places:
                    continue
                if keyword is not None and not stands(keyword, data, begin):
                    continue
                start = begin - before if begin > before else 0
                end = min(size, begin + width)
                spans = windows.get(place)
                if spans is None:
                    windows[place] = [(start, end)]
                elif start <= spans[-1][1]:
                    first, last = spans[-1]
                    spans[-1] = (min(first, start), max(last, end))
                else:
                    spans.append((start, end))
        return windows


@functools.lru_cache(maxsize=8)
def _tables(rules: tuple[Rule, ...], engine: Engine) -> _Tables:
    """Sort rules once for all sets with the same; nothing of a rule is a secret."""
    grouped: dict[tuple[object, ...], list[_Member]] = {}
    for number, rule in enumerate(rules):
        pattern = _runnable(rule.pattern, rule.group, engine)
        where = (rule.keywords, rule.any_case, rule.before, rule.width, rule.requires)
        member = _Member(number=number, rule=rule, pattern=pattern)
        grouped.setdefault(where if rule.keywords else (), []).append(member)
    ungated = grouped.pop((), [])
    groups = tuple(_group(members, engine) for members in grouped.values())
    words: dict[bytes, list[_Owner]] = {}
    for place, group in enumerate(groups):
        rule = group.members[0].rule
        for word, rest in dict.fromkeys(_words(rule)):
            words.setdefault(word, []).append((place, rule.before, rule.width, rest))
    return _Tables(
        groups=groups,
        ungated=_group(ungated, engine) if ungated else None,
        places={number: place for place, group in enumerate(groups) for number in group.numbers},
        owners=tuple(map(tuple, words.values())),
        find_words=_searching(tuple(words), engine),
    )


@functools.lru_cache(maxsize=4)
def _searching(words: tuple[bytes, ...], engine: Engine) -> Occurrences[bytes]:
    """Compile words once for all sets with the same."""
    return automaton(words, engine=engine)


def _runnable(pattern: Pattern, groups: int, engine: Engine) -> _Runnable:
    return pattern.on(engine) if isinstance(pattern, Linear) else _Foreign(pattern, groups)


def _group(members: list[_Member], engine: Engine) -> _Group:
    first = members[0].rule
    tests = [] if first.requires is None else [_runnable(first.requires, 0, engine)]
    together = _together([member.pattern for member in members], engine)
    return _Group(
        members=tuple(members),
        tests=(*tests, *together),
        numbers=frozenset(member.number for member in members),
    )


def _together(patterns: list[_Runnable], engine: Engine) -> Iterator[Linear]:
    """Yield one pattern for all of them, where asking it is cheaper than asking each."""
    if len(patterns) < _TOGETHER or engine is Engine.PORTABLE:
        return
    sources = [
        f"(?{'i' if pattern.any_case else ''}:{pattern.source})"
        for pattern in patterns
        if isinstance(pattern, Linear) and not _NAMED.search(pattern.source)
    ]
    if len(sources) == len(patterns):
        yield deferred("|".join(sources), engine=engine)


def _words(rule: Rule) -> Iterator[tuple[bytes, str | None]]:
    """Yield what the automaton looks for."""
    for keyword in rule.keywords:
        yield from written(keyword, any_case=rule.any_case)


def _search(
    group: _Group,
    data: bytes,
    windows: _Windows,
    wanted: Collection[int] | None,
    found: list[_Place],
) -> None:
    for test in group.tests:
        windows = [span for span in windows if test.find(data, *span) is not None]
    if windows:
        for member in group.members:
            if member.rule.shortest <= len(data) and (wanted is None or member.number in wanted):
                _in_windows(member, data, windows, found)


def _in_windows(member: _Member, data: bytes, windows: _Windows, found: list[_Place]) -> None:
    rule, pattern = member.rule, member.pattern
    floor = 0
    for first, stop in windows:
        start = max(first, floor)
        spans = pattern.find(data, start, stop) if start < stop else None
        if spans is None:
            continue
        find = pattern.within(data, start, stop)
        while spans is not None:
            if spans[0][1] == stop < len(data):
                spans = _read_on(pattern.find, data, spans[0][0], stop)
            if spans is None or spans[0][0] >= stop:
                break
            begin, end = spans[rule.group]
            if begin < end:
                found.extend((rule, *span) for span in rule.confirm(data, begin, end))
            start = floor = max(spans[0][1], start + 1)
            spans = find(data, start, stop) if start < stop else None


def _read_on(find: Find, data: bytes, start: int, stop: int) -> Spans | None:
    """Widen the window until the match ends inside it; doubling keeps the work linear.

    The end of a window looks like the end of the text, so what matched there may be no match.
    """
    width = max(stop - start, 64)
    while True:
        width *= 2
        stop = min(len(data), start + width)
        spans = find(data, start, stop)
        if spans is None or spans[0][1] < stop or stop == len(data):
            return spans


def _findings(found: list[_Place], data: bytes, *, ascii_only: bool) -> list[Finding]:
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
