# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where does a text hold a value that is known to be sensitive?

Exact search for many values at once, as they are and in the encodings in which they travel:
base64 at its three alignments, hexadecimal, URL, JSON and HTML escapes, and backwards; also where
a line breaks inside a value, or other blanks stand between its words.
It does not look for anything that resembles a value.

INVARIANT: every occurrence is found, also where one value lies inside another
(tests/classification/test_known_values.py).
"""

import base64
import html
import json
import re
import unicodedata
import urllib.parse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from agentguard.classification.engine import automaton
from agentguard.vocabulary import Finding, KnownValue

SHORTEST_VALUE = 4
# Below this length a value is only found as a word of its own, so that LIVE does not cut DELIVERY.
# A value this long stands nowhere by chance.
SHORTEST_INSIDE_WORD = 16
SHORTEST_ENCODED = 8
# What is shorter and has no words is not looked for over blanks.
SHORTEST_OVER_BLANKS = 12
# Of a longer value the beginning is looked for and the rest compared, so that a long key does not
# make a large automaton. The beginning alone is hidden too.
LONGEST_SEARCHED = 256

# Forms in which a short value could be a part of a word.
_AS_WORDS = ("plain", "reversed", "joined")
_SURROGATE = re.compile("[\ud800-\udfff]")
_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=")
_BLANKS = bytes(code for code in range(128) if chr(code).isspace())
# The characters at both ends of a base64 core share bits with what stands beside the value.
_SHARED = 2


def inspectable(text: str) -> str:
    """Return a text of the same length that every engine can read: no lone surrogates."""
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        pass
    else:
        return text
    return _SURROGATE.sub("\ufffd", text)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """One way in which a value may stand in a text."""

    text: str = field(repr=False)
    data_class: str
    encoding: str
    word: bool = False


class KnownValues:
    """A compiled set of known values; immutable, so that threads may share it."""

    __slots__ = ("_any_case", "_count", "_find", "_shortest", "_written")

    def __init__(
        self, values: Iterable[KnownValue], *, encoded: bool = True, any_case: bool = False
    ) -> None:
        """Compile *values*; surrounding blanks are no part of a value.

        Args:
            values: at least four characters each.
            encoded: whether to look for the encoded forms as well; they make about ten
                patterns of each value.
            any_case: whether upper and lower case count the same; in encoded forms they never do.

        Raises:
            ValueError: a value is too short or cannot be encoded; the message names its class.
        """
        known = tuple(values)
        self._any_case = any_case
        self._hold(len(known), _all_written(known, encoded=encoded and not any_case))

    def _hold(self, count: int, written: Iterable[_Written]) -> None:
        self._count = count
        # One entry for each text and class; a text may belong to several.
        entries = {
            (self._cased(each.text), each.data_class): each for each in reversed(tuple(written))
        }
        heads: dict[str, list[tuple[str, _Written]]] = {}
        for (text, _), entry in entries.items():
            heads.setdefault(text[:LONGEST_SEARCHED], []).append((text, entry))
        self._written = tuple(map(tuple, heads.values()))
        self._shortest = min(map(len, heads), default=0)
        self._find = automaton(heads)

    def _cased(self, text: str) -> str:
        return _lower(text) if self._any_case else text

    def joined(self, other: "KnownValues") -> "KnownValues":
        """Return one set for both, without writing any value in its encodings again.

        Raises:
            ValueError: upper and lower case count the same in one of them alone.
        """
        if self._any_case != other._any_case:  # noqa: SLF001 - a set of this class
            raise ValueError("sets of known values that treat cases differently are not joined")
        both = KnownValues((), any_case=self._any_case)
        entries = (*self._entries(), *other._entries())  # noqa: SLF001 - a set of this class
        both._hold(len(self) + len(other), entries)
        return both

    def _entries(self) -> Iterator[_Written]:
        return (entry for entries in self._written for _, entry in entries)

    def __repr__(self) -> str:
        return f"KnownValues({self._count} values)"

    def __len__(self) -> int:
        return self._count

    def find(self, text: str, *, over_blanks: bool = True) -> tuple[Finding, ...]:
        """Return the places where a known value stands, unmerged; they may overlap.

        Args:
            text: where to look.
            over_blanks: whether blanks may stand in a value that are none of its own.
        """
        if not self._written or len(text) < self._shortest:
            return ()
        text = self._cased(inspectable(text))
        hits = self._find(text)
        found = tuple(self._found(text, hits)) if hits else ()
        if not over_blanks:
            return found
        joined = _joined(text)
        if len(joined) in range(self._shortest, len(text)) and (hits := self._find(joined)):
            known = {(each.start, each.end) for each in found}
            broken = self._over_blanks(text, joined, hits)
            return (*found, *(each for each in broken if (each.start, each.end) not in known))
        return found

    def _over_blanks(
        self, text: str, joined: str, hits: Iterable[tuple[int, int, int]]
    ) -> Iterator[Finding]:
        places = [place for place, character in enumerate(text) if not character.isspace()]
        for number, start, end in hits:
            for whole, entry in self._written[number]:
                long = len(whole) > LONGEST_SEARCHED and joined.startswith(whole, start)
                stop = start + len(whole) if long else end
                begin = start
                if entry.encoding == "base64":
                    begin, stop = _with_shared_bits(joined, begin, stop)
                first, last = places[begin], places[stop - 1] + 1
                if last - first == stop - begin or (
                    entry.encoding != "joined" and end - start < SHORTEST_OVER_BLANKS
                ):
                    continue
                if end - start < SHORTEST_INSIDE_WORD and _inside_word(text, first, last):
                    continue
                yield Finding(
                    start=first,
                    end=last,
                    data_class=entry.data_class,
                    detector=f"known_value:{entry.encoding}",
                )

    def _found(self, text: str, hits: Iterable[tuple[int, int, int]]) -> Iterator[Finding]:
        for number, start, end in hits:
            for whole, entry in self._written[number]:
                if entry.word and _inside_word(text, start, end):
                    continue
                first, last = start, end
                if len(whole) > LONGEST_SEARCHED and text.startswith(whole, start):
                    last = start + len(whole)
                if entry.encoding == "base64":
                    first, last = _with_shared_bits(text, first, last)
                yield Finding(
                    start=first,
                    end=last,
                    data_class=entry.data_class,
                    detector=f"known_value:{entry.encoding}",
                )


def _lower(text: str) -> str:
    """Return a text of the same length in lower case."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(each.lower() if len(each.lower()) == 1 else each for each in text)


def _inside_word(text: str, start: int, end: int) -> bool:
    return (text[start].isalnum() and text[start - 1 : start].isalnum()) or (
        text[end - 1].isalnum() and text[end : end + 1].isalnum()
    )


def _with_shared_bits(text: str, start: int, end: int) -> tuple[int, int]:
    first, last = start, end
    while first > max(0, start - _SHARED) and text[first - 1] in _BASE64:
        first -= 1
    while last < min(len(text), end + _SHARED) and text[last] in _BASE64:
        last += 1
    return first, last


def _all_written(known: Iterable[KnownValue], *, encoded: bool) -> Iterator[_Written]:
    for entry in known:
        value = entry.value.strip()
        if len(value) < SHORTEST_VALUE:
            raise ValueError(
                f"a value of class {entry.data_class!r} is shorter than {SHORTEST_VALUE} characters"
            )
        if inspectable(value) != value:
            raise ValueError(f"a value of class {entry.data_class!r} holds a lone surrogate")
        forms = [("plain", value)]
        joined = _joined(value)
        if len(joined) in range(SHORTEST_VALUE, len(value)):
            forms.append(("joined", joined))
        forms.extend(("plain", form) for form in _composed(value))
        if encoded and len(value) >= SHORTEST_ENCODED:
            forms.extend(_encodings(value))
        for encoding, text in forms:
            word = encoding in _AS_WORDS and len(value) < SHORTEST_INSIDE_WORD
            yield _Written(text=text, data_class=entry.data_class, encoding=encoding, word=word)


def _joined(text: str) -> str:
    """Return a text without its blanks."""
    if text.isascii():
        return text.encode("ascii").translate(None, _BLANKS).decode("ascii")
    return "".join(text.split())


def _composed(value: str) -> Iterator[str]:
    """Yield the other ways to write letters with accents, as one character and as several."""
    if not value.isascii():
        forms = {unicodedata.normalize(form, value) for form in ("NFC", "NFD")}
        yield from sorted(forms - {value})


def _encodings(value: str) -> Iterator[tuple[str, str]]:
    raw = value.encode("utf-8")
    for shift in range(3):
        core = _base64_core(raw, shift)
        yield "base64", core
        yield "base64", core.replace("+", "-").replace("/", "_")
    yield "hex", raw.hex()
    yield "hex", raw.hex().upper()
    yield "url", urllib.parse.quote(value, safe="")
    yield "url", urllib.parse.quote_plus(value)
    yield "html", html.escape(value)
    yield "reversed", value[::-1]
    yield "json", json.dumps(value)[1:-1]
    yield "json", json.dumps(value, ensure_ascii=False)[1:-1]


def _base64_core(raw: bytes, shift: int) -> str:
    """The characters of the base64 of *raw* that do not depend on what stands beside it."""
    text = base64.b64encode(b"\0" * shift + raw).decode("ascii")
    first = (0, 2, 3)[shift]
    return text[first : (shift + len(raw)) * 8 // 6]
