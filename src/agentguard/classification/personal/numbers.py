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
from collections.abc import Callable, Iterable, Iterator, Mapping

from agentguard.classification.classes import (
    BANK_ACCOUNT,
    CRYPTO_WALLET,
    DRIVING_LICENCE,
    IP_ADDRESS,
    MAC_ADDRESS,
    MEDICAL_ID,
    NATIONAL_ID,
    PASSPORT,
    PHONE,
    TAX_ID,
)
from agentguard.classification.engine import to_characters
from agentguard.classification.personal import networks, phones, wallets
from agentguard.classification.personal.context import (
    Topic,
    speaks_of_personal_data,
    topics_near,
    windows,
)
from agentguard.classification.personal.ibans import iban_end
from agentguard.classification.personal.identities import IDENTITY_LAYOUTS
from agentguard.classification.personal.layout import Layout, by_outline, outline
from agentguard.classification.personal.outlines import LONGEST, Outlines, Stretch
from agentguard.classification.personal.registrations import REGISTRATION_LAYOUTS
from agentguard.matching import Linear, deferred
from agentguard.vocabulary import Finding, Profile

LAYOUTS: tuple[Layout, ...] = (*IDENTITY_LAYOUTS, *REGISTRATION_LAYOUTS)

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
_AREA_CODE = r"\([+0-9][0-9]{0,6}\)[0-9 ().\-/]{3,}[0-9]"
_RUN = rf"{_AREA_CODE}|\+?[0-9][0-9 ().\-/]{{4,}}[0-9]"

# The same without those that have no separator, but for lengths that carry a check.
_SEPARATED = (
    rf"{_AREA_CODE}|\+[0-9][0-9 ().\-/]{{4,}}[0-9]|[0-9]{{1,8}}[ ().\-/][0-9 ().\-/]{{3,}}[0-9]"
    r"|\b[0-9]{15}\b|\b[0-9]{18}\b|\b0[1-9][0-9]{8,9}\b"
)
# No number that words name has fewer; without any, only addresses of machines are written.
_FEWEST_DIGITS = 4
_SHORTEST_WITHOUT_DIGITS = 14
_BACKSLASH = 92

_DIGITS = b"0123456789"
# In an outline.
_LETTER, _COLON = b"A", b":"
_WORD = re.compile(rb"[A-Za-z\x80-\xff]{2}")
_CARD_WHOLE = re.compile(_CARD.encode())
_PAPER_WHOLE = re.compile(_PAPER.encode())
_FIRST_WORD = re.compile(rb"[^A-Za-z0-9]*[A-Za-z0-9]+")
_IN_WORD = re.compile(rb"(?:[A-Za-z0-9]|[A-Za-z0-9][./]|[0-9]-)\Z")
_ESCAPE = re.compile(rb"(?:\\[bfnrt]|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2})\Z")
_PLACEHOLDER = re.compile(rb"[A-Z0-9]+\]\]")
_MEASURE = re.compile(rb"[0-9]+(?:m?s|m|h|d|px|pt|em|rem|k|[kmg]i?b|b|hz|bps)")
_GOES_ON = re.compile(rb"[A-Za-z0-9]|[.,][0-9]|[%@]|\+[A-Za-z0-9]")

_NO_WORD = 99
_OF_PAPERS = {
    Topic.PASSPORT: (PASSPORT, "passport_number"),
    Topic.LICENCE: (DRIVING_LICENCE, "driving_licence_number"),
    Topic.HEALTH: (MEDICAL_ID, "patient_number"),
    Topic.ACCOUNT: (BANK_ACCOUNT, "bank_account_number"),
    Topic.IDENTITY: (NATIONAL_ID, "identity_number"),
    Topic.TAX: (TAX_ID, "taxpayer_number"),
}
_RECORD = re.compile(rb"[A-Za-z]{2,8}-[0-9]+")
# Most numbers of persons have more digits.
_LONGEST_RECORD = 8
_WITH_PREFIX = (Topic.PASSPORT, Topic.LICENCE)

_Found = tuple[int, int, str, str]
_Topics = Callable[[bytes, int, int], dict[Topic, int]]


class PersonalNumbers:
    """A detector for personal numbers; threads may share it."""

    name = "personal"
    __slots__ = ("_alone", "_balanced", "_layouts", "_near", "_outlines", "_profile")

    def __init__(self, profile: Profile = Profile.BALANCED) -> None:
        """Compile what this profile looks for.

        Args:
            profile: how much is taken for a personal number.
        """
        self._profile = profile
        self._balanced = profile.includes(Profile.BALANCED)
        self._layouts = by_outline(LAYOUTS, profile)
        self._outlines = Outlines(self._layouts, profile)
        self._near = deferred(_pattern(self._layouts, _PAPER, _RUN))
        lonely = [shape for shape, rows in self._layouts.items() if self._outlines.lonely(rows)]
        run = _RUN if profile is Profile.PARANOID else _SEPARATED
        self._alone = deferred(_pattern(lonely, run))

    def detect(self, text: str) -> list[Finding]:
        """Return the findings in *text*."""
        data = text.encode("utf-8")
        digits = _digits(data)
        if not digits and len(data) < _SHORTEST_WITHOUT_DIGITS:
            return []
        found: list[_Found] = []
        if digits >= _FEWEST_DIGITS and _WORD.search(data):
            found += self._near_words(data)
        found += self._found(self._alone, data, (0, len(data)), None)
        if not found:
            return []
        return _findings(list(dict.fromkeys(found)), data, ascii_only=len(data) == len(text))

    def _near_words(self, data: bytes) -> Iterator[_Found]:
        for start, stop in windows(data, LONGEST):
            if _digits(data[start:stop]) >= _FEWEST_DIGITS:
                yield from self._found(self._near, data, (start, stop), topics_near)

    def _found(
        self,
        pattern: Linear,
        data: bytes,
        window: tuple[int, int],
        topics: _Topics | None,
    ) -> Iterator[_Found]:
        place, stop = window
        around = _Around(data, topics)
        find = pattern.within(data, place, stop)
        while (spans := find(data, place, stop)) is not None:
            start, end = spans[0]
            if data[start] == _BACKSLASH:
                start += 2
            shape = outline(data[start:end])
            place = end
            if _COLON not in shape and _LETTER not in shape:
                yield from self._in_run(data, start, shape, around)
            elif _COLON in shape or _CARD_WHOLE.fullmatch(data, start, end):
                yield from _machines(data, start, end)
            else:
                one = self._token(data, start, end, around)
                place = _behind(data, start, end) if one is None else one[1]
                if one is not None:
                    yield one

    def _token(self, data: bytes, start: int, end: int, around: "_Around") -> _Found | None:
        """Return the number at the beginning of a token with letters."""
        if not _stands_apart(data, start):
            return None
        account = iban_end(data, start, end)
        if account is not None:
            return (start, account, BANK_ACCOUNT, "iban")
        if self._is_wallet(data, start, end, around):
            return (start, end, CRYPTO_WALLET, "wallet_address")
        for last in {end: None, _first_word_end(data, start, end): None}:
            if not _GOES_ON.match(data, last):
                one = self._named(data, start, last, around)
                if one is not None:
                    return one
        return None

    def _named(self, data: bytes, start: int, end: int, around: "_Around") -> _Found | None:
        written = data[start:end]
        rows = self._layouts.get(outline(written), ())
        paper = self._balanced and around.tells and _is_paper(written)
        if not rows and not paper:
            return None
        near = around.near(start, end)
        one = self._listed(rows, written, start, near)
        if one is None and near and paper:
            named = [topic for topic in _may_be(written) if topic in near]
            if named:
                return (
                    start,
                    end,
                    *_OF_PAPERS[min(named, key=lambda topic: near[topic])],
                )
        return one

    def _is_wallet(self, data: bytes, start: int, end: int, around: "_Around") -> bool:
        written = data[start:end]
        if not wallets.looks_like_wallet(written) or _GOES_ON.match(data, end):
            return False
        if wallets.is_checked(written):
            return True
        return (
            self._balanced
            and wallets.is_unchecked(written)
            and (wallets.is_capitalised(written) or Topic.WALLET in around.near(start, end))
        )

    def _listed(
        self,
        rows: Iterable[Layout],
        written: bytes,
        start: int,
        near: Mapping[Topic, int],
    ) -> _Found | None:
        """Return what a number of these layouts is: what the nearest word says, if one does."""
        best: tuple[int, Layout] | None = None
        for row in rows:
            far = min((near[topic] for topic in row.topics if topic in near), default=_NO_WORD)
            quietest = row.alone if far == _NO_WORD else row.near
            wanted = quietest is not None and self._profile.includes(quietest)
            if wanted and (best is None or far < best[0]) and row.valid(written.decode("ascii")):
                best = (far, row)
        if best is None:
            return None
        return (start, start + len(written), best[1].data_class, best[1].name)

    def _in_run(self, data: bytes, start: int, shape: bytes, around: "_Around") -> Iterator[_Found]:
        """Yield the numbers in a run of digits and separators of this outline."""
        near: Mapping[Topic, int] | None = None
        free = start
        for stretch in self._outlines.stretches(shape, alone=not around.tells):
            first, last = start + stretch.start, start + stretch.end
            if first < free:
                continue
            if near is None:
                near = around.near(start, start + len(shape))
            if not stretch.alone and not near:
                continue
            one = self._in_stretch(data, first, last, stretch, near)
            if one is not None:
                free = one[1]
                yield one

    def _in_stretch(
        self,
        data: bytes,
        start: int,
        end: int,
        stretch: Stretch,
        near: Mapping[Topic, int],
    ) -> _Found | None:
        if not _stands_apart(data, start):
            return None
        goes_on = _GOES_ON.match(data, end) is not None
        if stretch.quad:
            named = Topic.NETWORK in near
            is_machine = networks.is_ipv4(data, start, end, named=named)
            return (start, end, IP_ADDRESS, "ip_address") if is_machine else None
        written = data[start:end]
        one = (
            None
            if goes_on
            else self._listed(stretch.rows if near else stretch.lonely, written, start, near)
        )
        if one is None and stretch.phone and (Topic.PHONE in near or not _is_negative(data, start)):
            extended = phones.extension_end(data, end)
            if extended > end or not goes_on:
                one = self._phone(written, stretch, near, (start, end, extended))
        return one

    def _phone(
        self,
        written: bytes,
        stretch: Stretch,
        near: Mapping[Topic, int],
        place: tuple[int, int, int],
    ) -> _Found | None:
        start, end, extended = place
        number = written.decode("ascii")
        if not self._balanced:
            is_phone = number[0] in "+0" and phones.is_international(number)
        elif phones.is_named(number, near) or (stretch.laid_out and extended > end):
            is_phone = True
        else:
            shape = outline(written)
            is_phone = (
                (stretch.laid_out and phones.is_written(number, shape))
                or phones.is_mobile(number)
                or (self._profile is Profile.PARANOID and phones.could_be(number, shape))
            )
        return (start, extended, PHONE, "phone_number") if is_phone else None


class _Around:
    """The words around the candidates at one place, or none where nobody asks for words."""

    __slots__ = ("_data", "_topics")

    def __init__(self, data: bytes, topics: _Topics | None) -> None:
        self._data = data
        self._topics = topics

    @property
    def tells(self) -> bool:
        return self._topics is not None

    def near(self, start: int, end: int) -> Mapping[Topic, int]:
        return {} if self._topics is None else self._topics(self._data, start, end)


def _digits(data: bytes) -> int:
    return len(data) - len(data.translate(None, _DIGITS))


def _behind(data: bytes, start: int, end: int) -> int:
    """Return where to look on behind a token that is no number itself.

    The few digits of a record are not those of a person, unless the word before them says so.
    """
    prefix, _, digits = data[start:end].partition(b"-")
    is_record = prefix.isalpha() and digits.isdigit() and len(digits) <= _LONGEST_RECORD
    if is_record and not speaks_of_personal_data(prefix.decode("ascii", "replace")):
        return end
    return _first_word_end(data, start, end)


def _may_be(written: bytes) -> Iterable[Topic]:
    """Return of which papers a token may be the number: ``ORD-00012345`` is that of a record."""
    return _WITH_PREFIX if _RECORD.fullmatch(written) else _OF_PAPERS


def _is_paper(written: bytes) -> bool:
    """Say whether a token has the outline of a paper's number, and is no measure with its unit."""
    return _PAPER_WHOLE.fullmatch(written) is not None and not _MEASURE.fullmatch(written)


def _is_negative(data: bytes, start: int) -> bool:
    """Say whether a sign stands before a number, and nothing before that: a coordinate."""
    return data[start - 1 : start] == b"-" and data[start - 2 : start - 1] in b" \t\r\n,;="


def _machines(data: bytes, start: int, end: int) -> Iterator[_Found]:
    if _CARD_WHOLE.fullmatch(data, start, end):
        if networks.is_network_card(data, start, end):
            yield (start, end, MAC_ADDRESS, "mac_address")
    elif networks.is_ipv6(data, start, end):
        yield (start, end, IP_ADDRESS, "ip_address")


def _pattern(outlines: Iterable[bytes], *further: str) -> str:
    """Return the pattern of what could be a number, the longest outline first.

    Args:
        outlines: those with letters are looked for as they are.
        further: patterns of other numbers, of which the last is the one of runs.
    """
    with_letters = [each.decode("ascii") for each in outlines if b"A" in each]
    shapes = sorted(map(_expression, with_letters), key=len, reverse=True)
    tokens = "|".join((_CARD, wallets.PATTERN, _IBAN, *shapes, *further[:-1]))
    return rf"{_IPV6_WHOLE}|(?:\b|\\[bfnrt])(?:{tokens})\b|{further[-1]}"


def _expression(shape: str) -> str:
    pieces = {"9": "[0-9]", "A": "[A-Za-z]"}
    return "".join(pieces.get(each) or re.escape(each) for each in shape)


def _first_word_end(data: bytes, start: int, end: int) -> int:
    word = _FIRST_WORD.match(data, start, end)
    return end if word is None else word.end()


def _stands_apart(data: bytes, start: int) -> bool:
    """Say whether no word goes on at a place, and no placeholder is open there."""
    before = data[max(0, start - 6) : start]
    if before[-1:] == b":" and _PLACEHOLDER.match(data, start):
        return False
    return not _IN_WORD.search(before) or _ESCAPE.search(before) is not None


def _findings(found: list[_Found], data: bytes, *, ascii_only: bool) -> list[Finding]:
    if ascii_only:
        return [
            Finding(start=start, end=end, data_class=data_class, detector=name)
            for start, end, data_class, name in found
        ]
    characters = to_characters(data, (edge for start, end, *_ in found for edge in (start, end)))
    return [
        Finding(
            start=characters[start],
            end=characters[end],
            data_class=data_class,
            detector=name,
        )
        for start, end, data_class, name in found
    ]
