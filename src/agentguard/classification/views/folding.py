# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a text read to somebody who sees letters and not code points?

Leaves out what nobody sees, turns full-width, mathematical, circled and other forms of a letter
into the letter, look-alikes of other scripts into what they look like, and takes accents off.
Only words are looked at that mix such characters with ASCII; a text in its own script stays.

INVARIANT: however a letter of a word is written, the word reads the same
(tests/classification/test_views_folding.py).
"""

import re
import unicodedata
from collections.abc import Iterator

from agentguard.classification.views.lookalikes import LOOK_ALIKES
from agentguard.classification.views.view import Site
from agentguard.matching import deferred

_UNSEEN = (
    r"\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    r"\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    r"\U000e0000-\U000e0fff\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"
)
_MARKS = (
    r"\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f\u0591-\u05bd"
    r"\u064b-\u065f\u0670"
)
_COMPATIBLE = (
    r"\uff01-\uff5e\U0001d400-\U0001d7ff\u2070-\u209c\u2100-\u214f\u2160-\u217f\u2460-\u24ff"
    r"\u2776-\u2793\U0001f100-\U0001f189\U0001f1e6-\U0001f1ff\U0001fbf0-\U0001fbf9\u1d2c-\u1d6a\u02b0-\u02b8"
)
_ALIKE = re.escape(
    "".join(other for plain, others in LOOK_ALIKES.items() if plain.isalnum() for other in others)
)
_DASHES = re.escape(LOOK_ALIKES["-"])
_ACCENTED = r"\xc0-\u024f\u1e00-\u1eff"
# Punctuation in full width is how Chinese and Japanese are written.
_COMPATIBLE_WORD = _COMPATIBLE.replace(
    r"\uff01-\uff5e", r"\uff10-\uff19\uff21-\uff3a\uff3f\uff41-\uff5a"
)

# Digits of other scripts.
_DIGITS = (
    r"\u0660-\u0669\u06f0-\u06f9\u07c0-\u07c9\u0966-\u096f\u09e6-\u09ef\u0a66-\u0a6f\u0ae6-\u0aef"
    r"\u0b66-\u0b6f\u0be6-\u0bef\u0c66-\u0c6f\u0ce6-\u0cef\u0d66-\u0d6f\u0e50-\u0e59\u0ed0-\u0ed9"
    r"\u0f20-\u0f29\u1040-\u1049\u17e0-\u17e9\u1810-\u1819"
)
# Blanks with which typesetters and web pages group the digits of a number.
_BLANKS = r"\xa0\u2000-\u200a\u202f\u205f\u3000"

_TELLING = re.compile(
    f"[ -~{_COMPATIBLE}{_ALIKE}][{_UNSEEN}{_MARKS}]+[ -~{_COMPATIBLE}{_ALIKE}]"
    f"|[0-9A-Za-z_][{_ALIKE}{_MARKS}]"
    f"|[{_ALIKE}][0-9A-Za-z_]"
    f"|[{_COMPATIBLE_WORD}]"
    f"|[0-9_][{_ACCENTED}]|[{_ACCENTED}][0-9_]"
    f"|[{_ALIKE}]{{12,}}"
    f"|[A-Za-z][{_DASHES}](?=[A-Za-z]{{0,16}}[0-9])|[0-9][{_DASHES}\uff0d][0-9A-Za-z]"
    f"|[0-9A-Za-z_][{_DIGITS}]|[{_DIGITS}](?:[0-9A-Za-z_]|(?:[ ()/.{_DASHES}-]{{0,2}}[{_DIGITS}]){{5}})"
    f"|[0-9A-Z)][{_BLANKS}][(0-9A-Z]"
    r"|[0-9A-Za-z][\uff20\ufe6b\uff0e][0-9A-Za-z]|\uff0b[0-9]"
    "|[\U000e0020-\U000e007e]{8,}"
)
# The same in the dialect of RE2, which says in a tenth of the time that a text holds none.
_GATE = deferred(
    re.sub(
        r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8}))",
        lambda code: rf"\x{{{int(code[1] or code[2] or code[3], 16):x}}}",
        _TELLING.pattern.replace("(?=", "(?:"),
    )
)
_UNSEEN_HERE = re.compile(f"[{_UNSEEN}{_MARKS}]")
_SEEN = re.compile(f"[^{_UNSEEN}{_MARKS}]+")
_TAGS = re.compile("[\U000e0020-\U000e007e]{8,}")
_TAG = 0xE0000

_LOOKS_LIKE = {other: plain for plain, alike in LOOK_ALIKES.items() for other in alike}
# Letters in boxes and circles that have no compatibility form: where the A of each row stands.
_BOXED = (0x1F130, 0x1F150, 0x1F170, 0x1F1E6)
_LETTERS = 26
FARTHEST = 64
MOST_REMEMBERED = 8192


def folded_sites(text: str) -> list[Site]:
    """Return what reads otherwise than it is written near words that mix scripts, in order."""
    sites: list[Site] = []
    stop = 0
    data = text.encode("utf-8", "replace")
    if _GATE.find(data, 0, len(data)) is None:
        return sites
    telling = _TELLING.search(text)
    while telling is not None:
        start = max(stop, telling.start() - FARTHEST)
        end = min(len(text), telling.end() + FARTHEST)
        if start < end:
            sites.extend(_read(text, start, end))
            stop = end
        # What tells and reaches over the end of what was read begins a little before it.
        telling = _TELLING.search(text, max(telling.end(), stop - 1))
    return sites


def _read(text: str, start: int, end: int) -> Iterator[Site]:
    """Yield how a part of a text reads, letters that nobody sees and a model reads among it."""
    for tags in _TAGS.finditer(text, start, end):
        first, last = tags.span()
        yield from _folded(text, start, first)
        yield Site(first, last, "".join(chr(ord(tag) - _TAG) for tag in tags.group()), 1)
        start = last
    yield from _folded(text, start, end)


def _folded(text: str, start: int, end: int) -> Iterator[Site]:
    part = text[start:end]
    if _UNSEEN_HERE.search(part):
        offsets = [
            place for run in _SEEN.finditer(text, start, end) for place in range(*run.span())
        ]
        part = "".join(_SEEN.findall(part))
    else:
        offsets = []
    letters = part.translate(_READS_AS)
    if len(letters) == len(part):
        yield Site(start, end, letters, 0 if offsets else 1, tuple(offsets))
        return
    places = offsets or range(start, end)
    behind = start
    for place, letter in zip(places, part, strict=True):
        if behind < place:
            yield Site(behind, place, "")
        yield Site(place, place + 1, _READS_AS[ord(letter)])
        behind = place + 1
    if behind < end:
        yield Site(behind, end, "")


def folded(character: str) -> str:
    """Return how one character reads that is seen."""
    if character < "\x80":
        return character
    plain = _LOOKS_LIKE.get(character)
    if plain is not None:
        return plain
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    code = ord(character)
    for first in _BOXED:
        if first <= code < first + _LETTERS:
            return chr(ord("A") + code - first)
    parts = unicodedata.normalize("NFKD", character)
    kept = (part for part in parts if not unicodedata.combining(part))
    return "".join(_LOOKS_LIKE.get(part, part) for part in kept) or character


class _ReadsAs(dict[int, str]):
    """How characters read that were asked about, up to as many as a few scripts have."""

    def __missing__(self, code: int) -> str:
        letter = folded(chr(code))
        if len(self) < MOST_REMEMBERED:
            self[code] = letter
        return letter


# Threads may share it: what they write at the same time is the same.
_READS_AS = _ReadsAs()
