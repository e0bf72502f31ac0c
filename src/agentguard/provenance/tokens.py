# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Of which words does a text consist, and how are they written there?

A token is what is named or not named as a whole: an address, a link, a path, a number, a date in
digits, an identifier, a word. Nothing is found inside a token.

INVARIANT: the time is linear in the text (tests/provenance/test_cost.py).
"""

import re
from dataclasses import dataclass, field
from enum import IntFlag

_IN_LINK = r"[^\s<>\"'`{}|\\^()\[\]]"
_ENDS_LINK = r"[^\s<>\"'`{}|\\^()\[\].,;:!?*]"
# Scripts that are written without blanks between words.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\U00020000-\U0003ffff"
)
_LETTER = rf"[^\W{_UNSPACED}]"

TOKEN = re.compile(
    # Most tokens are words with a blank behind them; this only saves time.
    r"[A-Za-z]+(?=[\s,;!?)]|\Z)"
    rf"|(?:(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{{1,15}}://|(?<!\w)[wW]{{3}}\.)"
    rf"(?:\[[0-9a-fA-F:.]{{2,45}}\])?{_IN_LINK}*{_ENDS_LINK}"
    # An address of mail; the bounds keep a long run of signs from being read again and again.
    rf"|[^\s@<>()\[\],;:\"'`=\\{{}}|]{{1,64}}@[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{1,8}}"
    # A path from a root.
    r"|(?<![\w/.~\\])(?:~|\.{1,2}|[A-Za-z]:)?/(?:[\w.@%+~$-]*/)*[\w.@%+~$-]*[\w~$%-]"
    r"|(?<![\w\\])(?:[A-Za-z]:|\\)\\(?:[\w.@%+~$-]*\\)*[\w.@%+~$-]*[\w~$%-]"
    # A number with a sign or a share of a hundred.
    r"|(?<![^\s(=:])-\d+(?:[.,]\d+)*(?![\w-])"
    r"|\d+(?:[.,]\d+)*%"
    rf"|[{_UNSPACED}]"
    # Everything else.
    rf"|{_LETTER}+(?:(?:[-._+&/]|'(?!s\b)|(?<=\d)[:,](?=\d)){_LETTER}+)*"
)


class Written(IntFlag):
    """How a token is written in its text."""

    CAPITAL = 1
    BEGINS_CLAUSE = 2
    OPENS_QUOTE = 4
    CLOSES_QUOTE = 8
    MARKED = 16
    STARTS_LINE = 32
    ENDS_LINE = 64
    DATE = 128


@dataclass(frozen=True, slots=True)
class Writing:
    """The tokens of a text with how each of them is written."""

    tokens: list[str] = field(repr=False)
    flags: bytearray = field(repr=False)


_ENDS_CLAUSE = re.compile(r"[.,;:!?()\n\u2022\u3001\u3002]")
_QUOTES = frozenset("\"'`")
_MARKS = frozenset("#@$\u20ac\u00a3\u00a5\u20b9\u2116")


def tokens_of(text: str) -> list[str]:
    """Return the tokens of a normalised text."""
    return TOKEN.findall(text)


def writing_of(text: str) -> Writing:
    """Return the tokens of a normalised text, and how they are written."""
    matches = list(TOKEN.finditer(text))
    tokens = [match.group() for match in matches]
    flags = bytearray(len(tokens))
    shouts = text.isupper()
    end = 0
    for number, match in enumerate(matches):
        gap = text[end : match.start()]
        end = match.end()
        following = matches[number + 1].start() if number + 1 < len(matches) else len(text)
        flags[number] = _before(gap, first=number == 0) | _after(text, end, following)
        if tokens[number][0].isupper() and not shouts:
            flags[number] |= Written.CAPITAL
    return Writing(tokens, flags)


def _before(gap: str, *, first: bool) -> int:
    flags = 0
    if first or "\n" in gap:
        flags |= Written.STARTS_LINE | Written.BEGINS_CLAUSE
    elif _ENDS_CLAUSE.search(gap):
        flags |= Written.BEGINS_CLAUSE
    # What follows a colon to the end of a line is said as if it were quoted.
    if ":" in gap or (gap and gap[-1] in _QUOTES and (first or len(gap) > 1)):
        flags |= Written.OPENS_QUOTE
    if gap and gap[-1] in _MARKS:
        flags |= Written.MARKED
    return flags


def _after(text: str, end: int, following: int) -> int:
    gap = text[end:following]
    flags = 0
    if following == len(text) or "\n" in gap:
        flags |= Written.ENDS_LINE
    closing = gap.lstrip(".,!?")
    if closing and closing[0] in _QUOTES and (len(closing) > 1 or following == len(text)):
        flags |= Written.CLOSES_QUOTE
    if gap.lstrip(" ")[:1] in _MARKS and gap.strip() != "#":
        flags |= Written.MARKED
    return flags
