# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where does a token stand that was taken apart or turned round?

A token over two lines, in groups with blanks between them, put together from strings of a program,
or written backwards. Only formats are looked for that begin with something distinctive, and words
of a language are never taken for the rest of a token.

INVARIANT: the work grows with the text alone, however often a beginning stands in it
(tests/classification/test_broken_tokens.py).
"""

import functools
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from agentguard.classification.classes import API_KEY, CREDENTIAL, JWT, Detector
from agentguard.classification.engine import Rule, automaton
from agentguard.classification.views.view import Copy
from agentguard.matching import Occurrences
from agentguard.vocabulary import Finding

LONGEST_TOKEN = 1024
MOST_GROUPS = 256
# Of how many first groups a token may end behind each.
MOST_ENDS = 8
SHORTEST_BACKWARDS, LONGEST_BACKWARDS = 16, 256
SHORTEST_BEGINNING = 3
# What may stand before the beginning, such as an escape, is no part of the token.
FARTHEST_BEGINNING = 8
_CLASSES = frozenset((API_KEY, CREDENTIAL, JWT))

_BLANKS = ("\n", " ")
_GROUP = re.compile(r"[A-Za-z0-9_+/=.~|:$!-]{1,1024}")
_BREAK = re.compile(
    r"[ \t]{1,2}|[ \t]{0,2}=?\r?\n[ \t>|*#]{0,16}|[\"'`][ \t]{0,4}[+.&]?[ \t]{0,4}\n?[ \t]{0,16}[\"'`]"
)
_MAY_BREAK = re.compile(r"[ \t\r\n\"'`]")
_WORD = re.compile(r"[A-Z]?[a-z]+[.,:-]?|[A-Za-z]{1,3}|[^A-Za-z0-9]+|[0-9]{1,3}[.,:]?")


class Spotted(NamedTuple):
    """What was found: backwards, and over blanks."""

    backwards: tuple[Finding, ...]
    over_blanks: tuple[Finding, ...]


NOTHING_SPOTTED = Spotted((), ())


class BrokenTokens:
    """Finds tokens that were taken apart or turned round; threads may share it."""

    def __init__(self, rules: Iterable[Rule], detector: Detector) -> None:
        """Choose the rules whose keywords are a distinctive beginning of a token.

        Args:
            rules: all that there are.
            detector: finds what they describe.
        """
        chosen = [rule for rule in rules if _is_told_by_its_beginning(rule)]
        self._names = frozenset(rule.name for rule in chosen)
        self._keywords = tuple(dict.fromkeys(word for rule in chosen for word in rule.keywords))
        self._detector = detector

    @functools.cached_property
    def _beginnings(self) -> tuple[Occurrences[bytes], int]:
        """What finds beginnings, and how many of its words are written forwards."""
        return _searching(self._keywords)

    def spotted(self, text: str) -> Spotted:
        """Return what is found in a text."""
        if len(text) < SHORTEST_BACKWARDS and _MAY_BREAK.search(text) is None:
            return NOTHING_SPOTTED
        find, forwards = self._beginnings
        # In bytes the search is three times as fast; keywords are ASCII.
        hits = find(text.encode("ascii", "replace"))
        if not hits:
            return NOTHING_SPOTTED
        starts = {start for number, start, _ in hits if number < forwards}
        ends = {end for number, _, end in hits if number >= forwards}
        return Spotted(
            tuple(self._backwards(text, sorted(ends))),
            tuple(self._over_blanks(text, sorted(starts))),
        )

    def _detected(self, text: str) -> list[Finding]:
        found = self._detector.detect(text) if text else ()
        return [finding for finding in found if finding.detector in self._names]

    def _over_blanks(self, text: str, starts: list[int]) -> Iterator[Finding]:
        copy = Copy(text)
        beginnings = frozenset(starts)
        done = 0
        for start in starts:
            if start < done:
                continue
            groups = _groups(text, start, beginnings)
            if len(groups) > 1:
                _put_together(copy, groups)
                done = groups[0][1]
        view = copy.view()
        for finding in self._detected(view.text):
            places = view.places(finding.start, finding.end)
            if len(places) == 1 and places[0][1] - places[0][0] > finding.end - finding.start:
                yield _finding(finding, *places[0])

    def _backwards(self, text: str, ends: list[int]) -> Iterator[Finding]:
        """Find tokens whose last character stands first."""
        parts: list[str] = []
        behind: list[int] = []
        size = 0
        last = -SHORTEST_BACKWARDS
        for end in ends:
            if text[end : end + 1].isalnum() or end - last < SHORTEST_BACKWARDS:
                continue
            run = _GROUP.match(text[max(0, end - LONGEST_BACKWARDS) : end][::-1])
            last = end
            if run is not None and run.end() >= SHORTEST_BACKWARDS:
                parts.append(run.group())
                behind.append(size + end)
                size += run.end() + 1
        yield from self._turned(parts, behind)

    def _turned(self, parts: list[str], behind: list[int]) -> Iterator[Finding]:
        edges: list[tuple[int, int]] = []
        size = 0
        for part in parts:
            edges.append((size, size + len(part)))
            size += len(part) + 1
        found = sorted(self._detected("\n".join(parts)), key=_start)
        number = 0
        for finding in found:
            while finding.start >= edges[number][1]:
                number += 1
            if finding.end <= edges[number][1]:
                last = behind[number]
                yield _finding(finding, last - finding.end, last - finding.start)


@functools.lru_cache(maxsize=4)
def _searching(keywords: tuple[str, ...]) -> tuple[Occurrences[bytes], int]:
    """Compile the beginnings once for all that look for the same; none of them is a secret."""
    forwards = dict.fromkeys(form for word in keywords for form in _written(word))
    backwards = dict.fromkeys(word[::-1] for word in keywords)
    words = [*forwards, *(word for word in backwards if word not in forwards)]
    return automaton(map(str.encode, words)), len(forwards)


def _is_told_by_its_beginning(rule: Rule) -> bool:
    """Say whether tokens of a rule begin with its keywords, and nothing else begins so."""
    return (
        rule.data_class in _CLASSES
        and not rule.any_case
        and rule.before <= FARTHEST_BEGINNING
        and rule.keywords != ()
        and all(map(_is_distinctive, rule.keywords))
    )


@functools.cache
def _is_distinctive(word: str) -> bool:
    # Addresses begin like one another, and their signs stand in no group.
    if not word.isascii() or not any(map(str.isalnum, word)):
        return False
    if not word.isalpha():
        return len(word) >= SHORTEST_BEGINNING
    if word.islower():
        return False
    return len(word) >= SHORTEST_BEGINNING + word.isupper()


def _start(finding: Finding) -> int:
    return finding.start


def _finding(finding: Finding, start: int, end: int) -> Finding:
    return Finding(start=start, end=end, data_class=finding.data_class, detector=finding.detector)


def _written(word: str) -> Iterator[str]:
    """Yield a beginning as it is and broken at each place."""
    yield word
    for blank in _BLANKS:
        for place in range(1, len(word)):
            yield f"{word[:place]}{blank}{word[place:]}"


def _groups(text: str, start: int, beginnings: frozenset[int]) -> list[tuple[int, int]]:
    """Return the places of the groups that may be one token, which begins at *start*."""
    first = _group_at(text, start)
    groups = [] if first is None else [first]
    size = first[1] - start if first is not None else 0
    even = -1
    while groups and size < LONGEST_TOKEN and len(groups) < MOST_GROUPS:
        between = _BREAK.match(text, groups[-1][1])
        group = _group_at(text, between.end()) if between else None
        if group is None or group[0] in beginnings:
            break
        length = group[1] - group[0]
        if len(groups) == 1 and length == size:
            even = length
        is_even = len(groups) > 1 and length <= even
        if not (length == even or is_even) and _WORD.fullmatch(text, *group):
            break
        groups.append(group)
        size += length
        if length < even:
            break
    return groups


def _group_at(text: str, place: int) -> tuple[int, int] | None:
    group = _GROUP.match(text, place)
    if group is None:
        return None
    start, end = group.span()
    # The soft break of quoted-printable is no part of what it breaks.
    is_soft = end - start > 1 and text[end - 1] == "=" and text[end : end + 1] in ("\n", "\r")
    return start, end - 1 if is_soft else end


def _put_together(copy: Copy, groups: list[tuple[int, int]]) -> None:
    """Put the first groups together, for each number of them with which a token may end."""
    counts = {*range(2, min(len(groups), MOST_ENDS) + 1), len(groups), len(groups) - 1} - {1}
    for count in sorted(counts):
        copy.part()
        for start, end in groups[:count]:
            copy.keep(start, end)
