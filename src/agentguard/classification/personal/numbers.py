# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where does a text hold numbers that belong to a person?

One pattern finds what could be one: runs of digits with separators, and tokens of the outlines
that are known. What it found is split at blanks, looked up by its outline, and confirmed by check
digits or by the words near it.

INVARIANT: a number is found whatever stands next to it, as long as it stands apart
(tests/classification/test_personal_numbers.py).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from agentguard.classification.classes import (
    BANK_ACCOUNT,
    DRIVING_LICENCE,
    IP_ADDRESS,
    MAC_ADDRESS,
    MEDICAL_ID,
    NATIONAL_ID,
    PASSPORT,
    PAYMENT_CARD,
    PHONE,
    TAX_ID,
)
from agentguard.classification.engine import linear, to_characters
from agentguard.classification.personal import networks, phones
from agentguard.classification.personal.context import BEHIND, Topic, topics_before, topics_behind
from agentguard.classification.personal.ibans import iban_end
from agentguard.classification.personal.identities import IDENTITY_LAYOUTS
from agentguard.classification.personal.layout import Layout, outline, variants
from agentguard.classification.personal.registrations import REGISTRATION_LAYOUTS
from agentguard.vocabulary import Finding, Profile

LAYOUTS: tuple[Layout, ...] = (*IDENTITY_LAYOUTS, *REGISTRATION_LAYOUTS)

# No number is longer, none has more parts, and none fewer or more digits.
LONGEST = 40
MOST_PARTS = 8
FEWEST_DIGITS = 6
MOST_DIGITS = 20

_HEX = "[0-9A-Fa-f]"
_IPV6 = (
    rf"(?:{_HEX}{{1,4}}:){{7}}{_HEX}{{1,4}}"
    rf"|(?:{_HEX}{{1,4}}(?::{_HEX}{{1,4}})*)?::(?:{_HEX}{{1,4}}:)*"
    rf"(?:[0-9]{{1,3}}(?:\.[0-9]{{1,3}}){{3}}|{_HEX}{{1,4}})?"
)
_IPV6_WHOLE = rf"(?:{_IPV6})(?:%[0-9A-Za-z]{{1,15}})?(?:/[0-9]{{1,3}})?"
_CARD = rf"{_HEX}{{2}}(?:[:-]{_HEX}{{2}}){{5}}|{_HEX}{{4}}\.{_HEX}{{4}}\.{_HEX}{{4}}"
_IBAN = r"[A-Za-z]{2}[0-9]{2}(?:[ -]?[A-Za-z0-9]{4}){2,7}(?:[ -]?[A-Za-z0-9]{1,4})?"
# Numbers of papers, which only a word near them tells from others.
_PAPER = (
    r"[A-Za-z]{1,8}-?[0-9]{5,16}[A-Za-z]{0,3}|[0-9]{4,12}-?[A-Za-z]{1,3}"
    r"|[A-Za-z][0-9]{2,4}(?:-[0-9]{2,5}){2,4}"
)
_RUN = r"[+(]?[0-9][0-9 ().\-/]{4,}[0-9]"

_PART = re.compile(rb"[^ ]+")
_LETTER = re.compile(rb"[A-Za-z]")
_QUAD = re.compile(rb"(?<![0-9.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?:/[0-9]{1,2})?(?![0-9.])")
_CARD_WHOLE = re.compile(_CARD.encode())
_PAPER_WHOLE = re.compile(_PAPER.encode())
_FIRST_WORD = re.compile(rb"[^A-Za-z0-9]*[A-Za-z0-9]+")
_IN_WORD = re.compile(rb"(?:[A-Za-z0-9]|[A-Za-z0-9][./]|[0-9]-)\Z")
_ESCAPE = re.compile(rb"(?:\\[bfnrt]|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2})\Z")
_GOES_ON = re.compile(rb"[A-Za-z0-9]|[.,][0-9]|%")

_NO_WORD = 99
# How far a number may reach over blanks, with the word behind it that names it.
REACH = LONGEST + BEHIND
PERSONAL_REACH: Mapping[str, int] = MappingProxyType(
    dict.fromkeys((BANK_ACCOUNT, NATIONAL_ID, PAYMENT_CARD, PHONE, TAX_ID, MEDICAL_ID), REACH)
    | dict.fromkeys((DRIVING_LICENCE, PASSPORT), REACH)
)
_OF_PAPERS = {
    Topic.PASSPORT: (PASSPORT, "passport_number"),
    Topic.LICENCE: (DRIVING_LICENCE, "driving_licence_number"),
    Topic.HEALTH: (MEDICAL_ID, "patient_number"),
    Topic.ACCOUNT: (BANK_ACCOUNT, "bank_account_number"),
    Topic.IDENTITY: (NATIONAL_ID, "identity_number"),
    Topic.TAX: (TAX_ID, "taxpayer_number"),
}

_Found = tuple[int, int, str, str]


class PersonalNumbers:
    """A detector for personal numbers; immutable, so that threads may share it."""

    name = "personal"
    __slots__ = ("_candidate", "_layouts", "_profile")

    def __init__(self, profile: Profile = Profile.BALANCED) -> None:
        """Compile what this profile looks for.

        Args:
            profile: how much is taken for a personal number.
        """
        self._profile = profile
        self._layouts: dict[bytes, tuple[Layout, ...]] = {}
        for row in LAYOUTS:
            for shape in row.shapes:
                for written in variants(shape):
                    key = written.encode("ascii")
                    self._layouts[key] = (*self._layouts.get(key, ()), row)
        self._candidate = linear(_pattern(self._layouts))

    def detect(self, text: str) -> list[Finding]:
        """Return the findings in *text*, in order."""
        data = text.encode("utf-8")
        size = len(data)
        found: list[_Found] = []
        place = 0
        while (match := self._candidate.search(data, place, size)) is not None:
            start, end = match.span()
            if data.find(b":", start, end) >= 0 or _CARD_WHOLE.fullmatch(data, start, end):
                found.extend(_machines(data, start, end))
                place = end
            elif _LETTER.search(data, start, end):
                one = self._token(data, start, end)
                if one is not None:
                    found.append(one)
                    place = one[1]
                else:
                    place = _first_word_end(data, start, end)
            else:
                found.extend(self._run(data, start, end))
                place = end
        return _findings(found, data, ascii_only=size == len(text)) if found else []

    def _token(self, data: bytes, start: int, end: int) -> _Found | None:
        """Return the number at the beginning of a token with letters."""
        if not _stands_apart(data, start, start):
            return None
        account = iban_end(data, start, end)
        if account is not None:
            return (start, account, BANK_ACCOUNT, "iban")
        context = _Context(data, start, end)
        for last in {end: None, _first_word_end(data, start, end): None}:
            if _GOES_ON.match(data, last):
                continue
            if len(chosen := self._listed(data, start, last, context)):
                return chosen[0]
            if self._profile.includes(Profile.BALANCED) and _PAPER_WHOLE.fullmatch(
                data, start, last
            ):
                topic = context.nearest(_OF_PAPERS)
                if topic is not None:
                    return (start, last, *_OF_PAPERS[topic])
        return None

    def _listed(self, data: bytes, start: int, end: int, context: "_Context") -> list[_Found]:
        rows = self._layouts.get(outline(data[start:end]))
        if not rows:
            return []
        written = data[start:end].decode("ascii")
        best: tuple[int, _Found] | None = None
        for row in rows:
            far = context.distance(row.topics)
            if far == _NO_WORD:
                wanted = row.alone is not None and self._profile.includes(row.alone)
            else:
                wanted = self._profile.includes(row.near)
            if wanted and (best is None or far < best[0]) and row.valid(written):
                best = (far, (start, end, row.data_class, row.name))
        return [] if best is None else [best[1]]

    def _run(self, data: bytes, start: int, end: int) -> Iterator[_Found]:
        """Yield the numbers in a run of digits and separators."""
        context = _Context(data, start, end)
        quads = list(_QUAD.finditer(data, start, end))
        for quad in quads:
            named = context.distance(frozenset({Topic.NETWORK})) != _NO_WORD
            if _stands_apart(data, *quad.span()) and networks.is_ipv4(
                data, *quad.span(), named=named
            ):
                yield (*quad.span(), IP_ADDRESS, "ip_address")
        if quads:
            return
        parts = [part.span() for part in _PART.finditer(data, start, end)]
        counts = [sum(map(_is_digit, data[first:last])) for first, last in parts]
        first = 0
        while first < len(parts):
            one = self._from_part(data, parts, counts, first, context)
            if one is None:
                first += 1
            else:
                yield one[0]
                first = one[1]

    def _from_part(
        self,
        data: bytes,
        parts: list[tuple[int, int]],
        counts: list[int],
        first: int,
        context: "_Context",
    ) -> tuple[_Found, int] | None:
        for stop in range(min(len(parts), first + MOST_PARTS), first, -1):
            digits = sum(counts[first:stop])
            if digits < FEWEST_DIGITS:
                return None
            start, end = parts[first][0], parts[stop - 1][1]
            if digits > MOST_DIGITS or end - start > LONGEST:
                continue
            one = self._number(data, start, end, context)
            if one is not None:
                return one, stop
        return None

    def _number(self, data: bytes, start: int, end: int, context: "_Context") -> _Found | None:
        if _stands_apart(data, start, end):
            listed = self._listed(data, start, end, context)
            if listed:
                return listed[0]
        extended = phones.extension_end(data, end)
        if extended == end and _GOES_ON.match(data, end):
            return None
        if not _stands_apart(data, start, start):
            return None
        if self._is_phone(data[start:end].decode("ascii"), context, extended=extended > end):
            return (start, extended, PHONE, "phone_number")
        return None

    def _is_phone(self, written: str, context: "_Context", *, extended: bool) -> bool:
        if written[0] in "+0" and phones.is_international(written):
            return True
        if not self._profile.includes(Profile.BALANCED):
            return False
        if phones.is_laid_out(written) or (extended and phones.could_be(written)):
            return True
        if self._profile.includes(Profile.PARANOID) and phones.is_looser(written):
            return True
        return phones.could_be(written) and phones.is_named(written, context.topics)


class _Context:
    """The words around a candidate, read when they are first asked for."""

    __slots__ = ("_data", "_end", "_start", "_topics")

    def __init__(self, data: bytes, start: int, end: int) -> None:
        self._data = data
        self._start = start
        self._end = end
        self._topics: dict[Topic, int] | None = None

    @property
    def topics(self) -> dict[Topic, int]:
        if self._topics is None:
            behind = topics_behind(self._data, self._end)
            self._topics = behind | topics_before(self._data, self._start)
        return self._topics

    def distance(self, topics: Iterable[Topic]) -> int:
        return min((self.topics.get(topic, _NO_WORD) for topic in topics), default=_NO_WORD)

    def nearest(self, topics: Iterable[Topic]) -> Topic | None:
        near = [topic for topic in topics if topic in self.topics]
        return min(near, key=lambda topic: self.topics[topic], default=None)


def _machines(data: bytes, start: int, end: int) -> Iterator[_Found]:
    if _CARD_WHOLE.fullmatch(data, start, end):
        if networks.is_network_card(data, start, end):
            yield (start, end, MAC_ADDRESS, "mac_address")
    elif networks.is_ipv6(data, start, end):
        yield (start, end, IP_ADDRESS, "ip_address")


def _pattern(outlines: Iterable[bytes]) -> str:
    """Return the pattern of everything that could be a number, the longest outline first."""
    with_letters = [each.decode("ascii") for each in outlines if b"A" in each]
    shapes = sorted(map(_expression, with_letters), key=len, reverse=True)
    tokens = "|".join((_CARD, _IBAN, *shapes, _PAPER))
    return rf"{_IPV6_WHOLE}|\b(?:{tokens})\b|{_RUN}"


def _expression(shape: str) -> str:
    pieces = {"9": "[0-9]", "A": "[A-Za-z]"}
    return "".join(pieces.get(each) or re.escape(each) for each in shape)


def _first_word_end(data: bytes, start: int, end: int) -> int:
    word = _FIRST_WORD.match(data, start, end)
    return end if word is None else word.end()


def _stands_apart(data: bytes, start: int, end: int) -> bool:
    before = data[max(0, start - 6) : start]
    if before[-1:] == b":" and data[end : end + 2] == b"]]":
        return False  # a placeholder
    if _IN_WORD.search(before) and not _ESCAPE.search(before):
        return False
    return start == end or not _GOES_ON.match(data, end)


def _is_digit(byte: int) -> bool:
    return 48 <= byte <= 57  # noqa: PLR2004 - the ASCII digits


def _findings(found: list[_Found], data: bytes, *, ascii_only: bool) -> list[Finding]:
    if ascii_only:
        return [
            Finding(start=start, end=end, data_class=data_class, detector=name)
            for start, end, data_class, name in found
        ]
    characters = to_characters(data, (edge for start, end, *_ in found for edge in (start, end)))
    return [
        Finding(start=characters[start], end=characters[end], data_class=data_class, detector=name)
        for start, end, data_class, name in found
    ]
