# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where does a text hold one of many words?

Exact search for thousands of words in one pass, in text or in bytes.
It knows no upper and lower case, and no ends of words.

INVARIANT: every occurrence is found, also inside another one, in the same order by every engine
(tests/classification/test_engine_words.py).
"""

import functools
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from agentguard.matching.engines import Engine, installed

Content = TypeVar("Content", str, bytes)

Occurrence = tuple[int, int, int]
Occurrences = Callable[[Content], list[Occurrence]]

# How much of a word the portable search compares at every place of a text.
_HEAD = 4


def automaton(words: Iterable[Content], *, engine: Engine | None = None) -> Occurrences[Content]:
    """Compile words for a search; none of them empty, no two the same.

    Args:
        words: all of them text, or all of them bytes.
        engine: the one that is installed, unless a test names another.

    Returns:
        A function from a text to the occurrences in it: the word's number, start and end,
        sorted by end, then by start.
    """
    listed = list(words)
    if (engine or installed()) is Engine.PORTABLE or not listed:
        return functools.partial(_occurrences, _heads(listed))
    from ahocorasick_rs import AhoCorasick, BytesAhoCorasick, Implementation

    compiled: Any
    if isinstance(listed[0], bytes):
        compiled = BytesAhoCorasick(listed, implementation=Implementation.DFA)
    else:
        compiled = AhoCorasick(listed)
    return functools.partial(compiled.find_matches_as_indexes, overlapping=True)


_Heads = dict[int, dict[Content, list[tuple[int, Content]]]]


def _heads(words: Iterable[Content]) -> _Heads[Content]:
    """Sort words by how many characters their head has, and by the head."""
    heads: _Heads[Content] = {}
    for number, word in enumerate(words):
        length = min(len(word), _HEAD)
        heads.setdefault(length, {}).setdefault(word[:length], []).append((number, word))
    return heads


def _occurrences(heads: _Heads[Content], text: Content) -> list[Occurrence]:
    found = [
        (number, start, start + len(word))
        for length, starting in heads.items()
        for start in range(len(text) - length + 1)
        if text[start : start + length] in starting
        for number, word in starting[text[start : start + length]]
        if text.startswith(word, start)
    ]
    found.sort(key=_by_end)
    return found


def _by_end(occurrence: Occurrence) -> tuple[int, int]:
    _, start, end = occurrence
    return end, start
