# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which parts of a text are prose?

So that a model of language is asked about sentences alone, and never about code, logs, tables or
lock files, where it sees names in everything.
It looks at the text alone, paragraph by paragraph, and knows no language.

INVARIANT: the parts lie inside the text, are sorted and do not overlap
(tests/classification/test_prose.py).
"""

import re
from collections.abc import Iterator

# A model of language takes time that grows with a part, and memory.
LONGEST_PART = 4000
FEWEST_WORDS = 3
_LEAST_WORDY = 0.75
_MOST_SYMBOLS = 0.04

_PARAGRAPH = re.compile(r"[^\n]+(?:\n(?![ \t]*\n)[^\n]+)*")
_WORD = re.compile(r"[^\W\d_]{2,}(?:['\u2019-][^\W\d_]+)*|\b[^\W\d_]\b")
# What programs, logs and tables are full of and sentences are not.
_SYMBOL = re.compile(r"[{}<>=\[\]|\\`~^*_#@$%+/]|\w\(|->|[a-z]\.[a-z_]")
_LOG_LINE = re.compile(
    r"(?m)^[^\S\n]*(?:\[?\d{2,4}[-/:]\d{2}[-/:]\d{2}|(?:DEBUG|INFO|WARN|ERROR)\b)"
)
_SENTENCE_BREAK = re.compile(r"(?<=[.!?])\s+")


def prose_parts(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of the parts of a text that read like sentences.

    A part has about ``LONGEST_PART`` characters at most; where a sentence has more, it is cut at a
    blank.
    """
    for paragraph in _PARAGRAPH.finditer(text):
        if is_prose(paragraph.group()):
            for start, end in _pieces(text, *paragraph.span()):
                yield from _bounded(text, start, end)


def is_prose(text: str) -> bool:
    """Say whether a paragraph consists of words, spaces and little else."""
    words = _WORD.findall(text)
    if len(words) < FEWEST_WORDS:
        return False
    size = sum(not character.isspace() for character in text)
    wordy = sum(map(len, words)) >= _LEAST_WORDY * size
    symbols = len(_SYMBOL.findall(text))
    return wordy and symbols <= 1 + _MOST_SYMBOLS * size and _LOG_LINE.search(text) is None


def _bounded(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut what is longer than two parts at blanks, or anywhere where there are none."""
    while end - start > 2 * LONGEST_PART:
        blank = text.rfind(" ", start + 1, start + LONGEST_PART)
        cut = start + LONGEST_PART if blank < 0 else blank + 1
        yield start, cut
        start = cut
    yield start, end


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut a paragraph between sentences where it is long."""
    first = start
    last = start
    for gap in _SENTENCE_BREAK.finditer(text, start, end):
        if gap.start() - first > LONGEST_PART and last > first:
            yield first, last
            first = last
        last = gap.end()
    if end - first > LONGEST_PART and last > first:
        yield first, last
        first = last
    yield first, end
