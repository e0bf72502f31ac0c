# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How much of a text that still grows can no longer change its meaning?

A text is cut only at a blank, or between two letters of a script that has none; and not where
something is open that reaches over blanks: digits in groups, a private key, a connection string,
an image, the beginning of a value that was hidden before.
It does not look for anything sensitive. To hold more than needed is never wrong, only slow.

INVARIANT: what may change with the rest of the text lies behind the place where it may be cut
(tests/redaction/test_stream_check.py, for every way of cutting).
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from agentguard.redaction.vault import Vault

# Says where, from a place on, something is open; the end of the text if nothing is.
Opening: TypeAlias = Callable[[str, int], int]

# As far as a key is followed that has a beginning and no end.
LONGEST_KEY = 128 * 1024
# As far as a tag is followed.
LONGEST_TAG = 2048
# Digits behind which no payment card goes on, and where to look for the last ones.
MOST_DIGITS = 20
DIGITS_SEEN = 128
# As far as a word may stand behind the tag that names it.
LONGEST_INDENT = 18
# A line that begins or ends a key is shorter.
LONGEST_KEY_LINE = 128

_BLANKS = " \t\n\r\f"
# Of the forms in full width only what ends a clause: letters may be those of a token.
_WIDE = (
    "\u3001-\u303f\u3041-\u30ff\u3105-\u312f\u3400-\u9fff\uac00-\ud7a3"
    "\uff01\uff08\uff09\uff0c\uff1b\uff1f\U00020000-\U0003ffff"
)
_CUT = re.compile(rf"(?<=[ \t\n\r\f])|(?<=[{_WIDE}])(?=[{_WIDE}])")
_BETWEEN_WIDE = re.compile(rf"(?<=[{_WIDE}])(?=[{_WIDE}])")
# Around wide letters only this may belong together over one of them.
_JOINS_WIDE = re.compile(r"(?i)@|://|passw|pwd")
_DIGITS = re.compile(r"[0-9](?:[ -]?[0-9])*[ -]?\Z")
_GROUP = re.compile(r"(?<= )[0-9]")
_PASSWORD = re.compile(r"(?i)password|pwd")
_OPEN_PASSWORD = re.compile(
    r"(?i)(?:password|pwd)\s{0,4}(?:=\s{0,4}(?:[^;\s\"'<>\\]+(?:;\s{0,4}[a-z ]{0,31})?)?)?\Z"
)
_KEY = re.compile(r"(?:-{2,5} ?)?BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY|PuTTY-User-Key-File-[0-9]")
_KEY_END = re.compile(r"END [A-Z0-9 ]{0,40}PRIVATE KEY|Private-(?:MAC|Hash):")
_OPEN_KEY_END = re.compile(
    r"(?:END [A-Z0-9 ]{0,64}-{0,5}|Private-(?:MAC|Hash):\s{0,4}[0-9a-fA-F]{0,128})\Z"
)
_OPEN_KEY_LINE = re.compile(r"(?:-{2,5} ?)?(?:BEGIN [A-Z0-9 ]{0,64}-{0,5})?\Z")
_IMAGE = re.compile(r"!\[")
_BRACKET = re.compile(r"\\[!-/:-@\[-`{-~]|\[|\]|\n[ \t]*\n")
_SETTLED_IMAGE = re.compile(
    r"[^(]|\(\s*(?:<[^<>\n]*[<>\n]"
    r"|(?!<)[^\s()]*(?:\([^\s()]*\)[^\s()]*)*(?:[\s)]|\([^\s()]*[\s(]))"
)
_TAG = re.compile(
    r"(?i)<(?:img|image|feimage|picture|source|input|video|audio|embed|iframe|object)[\s/]"
)
_QUOTE_OR_END = re.compile(r"[\"'>]")


def cut_places(text: str, start: int) -> Iterator[int]:
    """Yield the places at which a text may be cut, from *start* on, in order."""
    return (place.start() for place in _CUT.finditer(text, start))


def cut_before(text: str, place: int, base: int) -> int:
    """Return the last place up to *place* at which a text may be cut, *base* if there is none."""
    blank = max(text.rfind(each, base, place) for each in _BLANKS) + 1
    start = max(blank, base)
    rest = text[start:place]
    if rest.isascii():
        return start
    joined = _JOINS_WIDE.search(rest)
    seen = text[start : place + 1] if joined is None else rest[: joined.start()]
    between = [match.start() for match in _BETWEEN_WIDE.finditer(seen)]
    return start + between[-1] if between else start


class Holding:
    """Says how much of a growing text may be released."""

    def __init__(self, vault: Vault, ahead: int = 0, openings: Sequence[Opening] = ()) -> None:
        """Prepare.

        Args:
            vault: whose values, where they hold blanks, are not released by half.
            ahead: how many characters are held in any case, for detectors that look further.
            openings: further rules, for what detectors find that holds blanks.
        """
        self._ahead = ahead
        self._rules = (*_RULES, *openings)
        self._known = _Beginnings(vault)

    def free(self, text: str, base: int) -> int:
        """Return up to where a text may be released of which the part up to *base* was."""
        place = cut_before(text, max(len(text) - self._ahead, base), base)
        if place <= base:
            return base
        for rule in self._rules:
            place = min(place, rule(text, base))
        return cut_before(text, min(place, self._known.open_at(text, base)), base)


def _open_digits(text: str, base: int) -> int:
    if not text[-1:].isdigit() and not text[-2:-1].isdigit():
        return len(text)
    first = max(base, len(text) - DIGITS_SEEN)
    run = _DIGITS.search(text, first)
    if run is None:
        return len(text)
    if run.start() > first or first == base:
        return run.start()
    groups = [group.start() for group in _GROUP.finditer(text, first)]
    enough = [at for at in groups if sum(map(str.isdigit, text[at:])) >= MOST_DIGITS]
    return enough[-1] if enough else base


def _open_password(text: str, base: int) -> int:
    for word in _PASSWORD.finditer(text, base):
        if _OPEN_PASSWORD.match(text, word.start()):
            return word.start()
    return len(text)


def _open_key(text: str, base: int) -> int:
    for key in _KEY.finditer(text, base):
        end = _KEY_END.search(text, key.end())
        if end is None:
            if len(text) - key.end() <= LONGEST_KEY:
                return key.start()
        elif _OPEN_KEY_END.match(text, end.start()):
            return key.start()
    line = _OPEN_KEY_LINE.search(text, max(base, len(text) - LONGEST_KEY_LINE))
    return len(text) if line is None else line.start()


def _open_image(text: str, base: int) -> int:
    for image in _IMAGE.finditer(text, base):
        if not _is_settled(text, image.end()):
            return image.start()
    return len(text)


def _is_settled(text: str, start: int) -> bool:
    """Say whether it is known what comes of an image whose alternative text begins here."""
    depth = 1
    for token in _BRACKET.finditer(text, start):
        kind = token.group()
        if kind[0] == "\n":
            return True
        depth += (kind == "[") - (kind == "]")
        if depth == 0:
            return _SETTLED_IMAGE.match(text, token.end()) is not None
    return False


def _open_element(text: str, base: int) -> int:
    """Hold the one word behind a tag: it is a value if the end of an element comes."""
    end = len(text.rstrip("<").rstrip())
    start = max(base, 1 + max(text.rfind(each, base, end) for each in _BLANKS))
    before = text[max(0, start - LONGEST_INDENT) : start].rstrip()
    return start if ">" in text[start:end] or before.endswith(">") else len(text)


def _open_tag(text: str, base: int) -> int:
    for tag in _TAG.finditer(text, base):
        stop = tag.end() + LONGEST_TAG
        if len(text) <= stop and not _closes(text, tag.end(), stop):
            return tag.start()
    return len(text)


def _closes(text: str, start: int, stop: int) -> bool:
    quote = ""
    for mark in _QUOTE_OR_END.finditer(text, start, stop):
        if not quote:
            if mark.group() == ">":
                return True
            quote = mark.group()
        elif mark.group() == quote:
            quote = ""
    return False


_RULES: tuple[Opening, ...] = (
    _open_digits,
    _open_password,
    _open_key,
    _open_image,
    _open_tag,
    _open_element,
)

# By how many characters before a cut the values are told apart.
_LONGEST_TELL = 3


class _Beginnings:
    """The values of a vault that could be cut, by what stands before their first cut."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._version = 0
        self._values: dict[str, list[tuple[int, str]]] = {}

    def open_at(self, text: str, base: int) -> int:
        """Return where a value begins of which the text holds only the beginning."""
        self._learn()
        if not self._values:
            return len(text)
        starts = [len(text)]
        for place in cut_places(text, base):
            for tell in range(1, _LONGEST_TELL + 1):
                for length, value in self._values.get(text[place - tell : place], ()):
                    start = place - length
                    rest = text[start:]
                    if start >= base and len(rest) < len(value) and value.startswith(rest):
                        starts.append(start)
        return min(starts)

    def _learn(self) -> None:
        version = self._vault.version
        if version == self._version:
            return
        for known in self._vault.known_values(self._version, version):
            value = known.value.strip()
            for written in {
                value,
                json.dumps(value)[1:-1],
                json.dumps(value, ensure_ascii=False)[1:-1],
            }:
                first = next(iter(cut_places(written, 1)), 0)
                if 0 < first < len(written):
                    tell = written[max(0, first - _LONGEST_TELL) : first]
                    self._values.setdefault(tell, []).append((first, written))
        self._version = version
