# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which part of a text belongs to a sentence that speaks to a model?

What such a sentence wants stands beside it: in the same lines, in the sentence before, in the lines
below, or between two of them. A line that is merely wrapped goes on; a text of a structure, such as
JSON or what Python prints, ends where its quotes do.
It finds no such sentence itself.

INVARIANT: a passage holds every place that it was made for, and what is in one text of a structure
takes nothing of the next but what a mere announcement announces
(tests/classification/test_passages.py).
"""

import ast
import json
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

Places = Iterable[tuple[int, int]]

LONGEST_PASSAGE = 2048
# What lies between two places is part of the same passage.
NEAR = 600
# How far a passage goes on behind its last place, and before its first.
BEHIND = 1024
BEFORE = 400
LONGEST_STRUCTURE = 1024 * 1024
DEEPEST = 32
# A place that is followed by fewer letters only announces what follows.
_ANNOUNCES = 24
# A line is wrapped only if it is so long.
_WRAPPED = 48
_LONGEST_TAG = 48

_LEADING = re.compile(r"[\s.!?:;,)\]]*")
_SENTENCE_END = re.compile(r"[.!?\u3002\uff01\uff1f](?=\s|$|[\"'\u201d)])|[\u3002\uff01\uff1f]")
_NEW_LINE = re.compile(r"\n|\\n")
_ENDED = re.compile(r"[.!?:;\u3002\uff01\uff1f][\"'\u201d)\]*_]{0,3}\s*\Z")
_ITEM = re.compile(r"\s*(?:[-*\u2022#>]|\d{1,3}[.)]\s|[\w -]{1,32}:(?:\s|$)|</?\w)")
_BLANK = re.compile(r"(?:\s|\\n)*")
# What ends a block that was opened before.
_CLOSES = re.compile(
    r"(?i)(?:</[\w:-]{1,40}>|\[/\w{1,24}\]|<\|\w{0,16}end\w{0,16}\|>|<</sys>>)\s*\Z"
)
_LETTERS = re.compile(r"[^\W_]")
_STRUCTURE = re.compile(r"\s*[\[{(]")


def passage_spans(text: str, places: Places) -> Iterator[tuple[int, int]]:
    """Yield where the passages of a text around places stand, in order; none overlap.

    Args:
        text: the text, no structure.
        places: where something speaks to a model, start and end, in any order.
    """
    behind = 0
    for start, end in _near(sorted((_worded(text, *place), place[1]) for place in places)):
        first, behind = max(behind, _begin(text, start)), max(end, _end(text, end))
        yield first, behind


def passages_of(text: str, find: Callable[[str], Places]) -> Iterator[str]:
    """Yield the passages of a text, or of the texts in a structure.

    Args:
        text: the text.
        find: says where a text speaks to a model.
    """
    for part in _joined(tuple(texts_in(text)), find):
        for start, end in passage_spans(part, find(part)):
            yield part[start:end].strip()


def texts_in(text: str) -> Iterator[str]:
    """Yield the texts of what is JSON or printed by Python, and any other text as it is."""
    structure = _parsed(text) if _STRUCTURE.match(text) else None
    if structure is None:
        yield text
    else:
        yield from _leaves(structure, 0)


def _parsed(text: str) -> Any:
    if len(text) > LONGEST_STRUCTURE:
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return value if isinstance(value, dict | list | tuple) else None
    return None


def _leaves(node: object, depth: int) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif depth < DEEPEST and isinstance(node, dict):
        for key, item in node.items():
            yield from _leaves(key, depth + 1)
            yield from _leaves(item, depth + 1)
    elif depth < DEEPEST and isinstance(node, list | tuple):
        for item in node:
            yield from _leaves(item, depth + 1)


def _joined(texts: tuple[str, ...], find: Callable[[str], Places]) -> Iterator[str]:
    """Yield texts; one that ends with a mere announcement together with those that follow."""
    for index, text in enumerate(texts):
        last = max((end for _, end in find(text)), default=None)
        if last is None or not _announces(text, last):
            yield text
            continue
        following = "\n".join(texts[index + 1 : index + 4])[:BEHIND]
        yield f"{text}\n{following}" if following else text


def _announces(text: str, end: int) -> bool:
    if _closes(text, end):
        return False
    return sum(1 for _ in islice(_LETTERS.finditer(text, end), _ANNOUNCES)) < _ANNOUNCES


def _closes(text: str, end: int) -> bool:
    return _CLOSES.search(text[max(0, end - _LONGEST_TAG) : end]) is not None


def _worded(text: str, start: int, end: int) -> int:
    """Return where the words of a place begin; what ends the sentence before is none of them."""
    leading = _LEADING.match(text, start, end)
    return start if leading is None or leading.end() >= end else leading.end()


def _near(places: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    if not places:
        return
    start, end = places[0]
    for first, last in places[1:]:
        if first - end > NEAR or last - start > LONGEST_PASSAGE:
            yield start, end
            start, end = first, last
        else:
            end = max(end, last)
    yield start, end


def _begin(text: str, start: int) -> int:
    """Return where the sentence before begins, no further back than the line does."""
    floor = max(0, start - BEFORE)
    line = floor
    for each in _NEW_LINE.finditer(text, floor, start):
        if not _is_wrapped(text, floor, each.span()):
            line = each.end()
    ends = [each.end() for each in _SENTENCE_END.finditer(text, line, start)]
    return ends[-2] if len(ends) > 1 else line


def _end(text: str, end: int) -> int:
    """Return where the lines end that a place stands in, and those right below."""
    if _closes(text, end):
        return end
    ceiling = min(len(text), end + BEHIND)
    stop = _line_end(text, end, ceiling)
    below = _BLANK.match(text, stop, ceiling)
    behind = _line_end(text, stop if below is None else below.end(), ceiling)
    if behind < ceiling or ceiling == len(text):
        return behind
    last = [each.end() for each in _SENTENCE_END.finditer(text, end, ceiling)]
    return last[-1] if last else ceiling


def _line_end(text: str, start: int, ceiling: int) -> int:
    for each in _NEW_LINE.finditer(text, start, ceiling):
        if not _is_wrapped(text, start, each.span()):
            return each.start()
    return ceiling


def _is_wrapped(text: str, floor: int, line_end: tuple[int, int]) -> bool:
    """Say whether a line merely goes on in the next one."""
    start, end = line_end
    begin = max(floor, text.rfind("\n", floor, start) + 1)
    line = text[begin:start]
    if start - text.rfind("\n", 0, start) <= _WRAPPED or _ENDED.search(line[-8:]):
        return False
    following = text[end : end + 48]
    return bool(following.strip()) and following[:1] != "\n" and not _ITEM.match(following)
