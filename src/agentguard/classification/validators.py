# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is this match really what its pattern says?

Functions that confirm a rule's match: they get the text and the span, and return the spans that
are findings.
They look at the text alone; nothing is asked of anybody.

INVARIANT: an error in a validator is never a "no"; it leaves here and refuses the call
(tests/classification/test_classifier.py).
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator

NOTHING: tuple[tuple[int, int], ...] = ()

SHORTEST_CARD = 12
LONGEST_CARD = 19

# First and last prefix, written with the same number of digits, and the lengths of the scheme
# (ISO/IEC 7812 ranges as the schemes publish them).
_CARD_RANGES: tuple[tuple[str, str, frozenset[int]], ...] = (
    ("4", "4", frozenset({13, 16, 19})),  # Visa
    ("51", "55", frozenset({16})),  # Mastercard
    ("2221", "2720", frozenset({16})),  # Mastercard
    ("34", "34", frozenset({15})),  # American Express
    ("37", "37", frozenset({15})),  # American Express
    ("6011", "6011", frozenset({16, 17, 18, 19})),  # Discover
    ("644", "659", frozenset({16, 17, 18, 19})),  # Discover
    ("300", "305", frozenset({14})),  # Diners Club
    ("36", "36", frozenset({14, 16})),  # Diners Club
    ("38", "39", frozenset({14, 16})),  # Diners Club
    ("3528", "3589", frozenset({16, 17, 18, 19})),  # JCB
    ("62", "62", frozenset({16, 17, 18, 19})),  # UnionPay
    ("5018", "5018", frozenset(range(12, 20))),  # Maestro
    ("5020", "5020", frozenset(range(12, 20))),  # Maestro
    ("5038", "5038", frozenset(range(12, 20))),  # Maestro
    ("5893", "5893", frozenset(range(12, 20))),  # Maestro
    ("6304", "6304", frozenset(range(12, 20))),  # Maestro
    ("6759", "6763", frozenset(range(12, 20))),  # Maestro
)

_FILE_SUFFIXES = frozenset(
    b"png jpg jpeg gif svg webp avif ico css js mjs cjs ts tsx jsx json html htm map txt md "
    b"py pyc rst toml yaml yml xml pdf zip gz tgz tar whl lock".split()
)


# The name of a file has only numbers before its suffix: ``icon@2x.png``, ``pkg@4.17.21.tgz``.
_NUMBERED = re.compile(rb"[0-9]+x?(?:\.[0-9]+x?)*")
_REPOSITORY = re.compile(rb"(?::[\w.~-]*)?/[\w.~-]")
_VARIABLE = re.compile(rb"\$(?:[A-Z_][A-Z0-9_]*|\{[^}]*\})")
# A letter or digit that ends one of these belongs to the escape, not to what follows.
_ESCAPE = re.compile(rb"(?:\\[bfnrt]|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|%[0-9A-Fa-f]{2})\Z")
_JWT_PARTS = 5
_JWT_STARTS = 32
_LONGEST_JWT_HEADER = 8192
_JWT_START = re.compile(rb"ey[AJ]|ew[0o]")

# What a doubled digit adds to the sum, for digits that are bytes 48 to 57.
_DOUBLED = bytes.maketrans(b"0123456789", bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))
_SINGLE = bytes.maketrans(b"0123456789", bytes(range(10)))


def luhn(digits: bytes) -> bool:
    """Say whether a run of ASCII digits carries a right check digit (ISO/IEC 7812-1, annex B)."""
    single = sum(digits[-1::-2].translate(_SINGLE))
    return (single + sum(digits[-2::-2].translate(_DOUBLED))) % 10 == 0


def _card_lengths(digits: bytes) -> frozenset[int]:
    """The lengths that a card may have whose number begins with these four digits."""
    start = digits.decode("ascii")
    fitting = (lengths for low, high, lengths in _CARD_RANGES if low <= start[: len(low)] <= high)
    return frozenset().union(*fitting)


def cards(data: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Confirm the payment cards in a run of digits, spaces and hyphens.

    A card begins and ends at a group of digits, so that an expiry date behind it does not hide
    it, and four digits out of a longer number do not make one.
    """
    groups = _free_groups(data, start, end)
    if data[start - 1 : start] == b"%" and not _any_card(data, groups):
        groups = _free_groups(data, start + 2, end)  # the two digits of a URL escape
    first = 0
    while first < len(groups):
        last = _card_from(data, groups, first)
        if last is None:
            first += 1
        else:
            yield groups[first][0], groups[last][1]
            first = last + 1


def _any_card(data: bytes, groups: list[tuple[int, int]]) -> bool:
    return any(_card_from(data, groups, first) is not None for first in range(len(groups)))


def _free_groups(data: bytes, start: int, end: int) -> list[tuple[int, int]]:
    """Return the groups of digits without those that a word or a fraction takes along."""
    groups = _digit_groups(data, start, end)
    if data[end : end + 1].isalnum():
        groups = groups[:-1]
    before = data[max(0, start - 2) : start]
    in_word = before[-1:].isalnum() and not _ESCAPE.search(data, max(0, start - 6), start)
    if in_word or (before[-1:] == b"." and before[:1].isdigit()):
        groups = groups[1:]
    return groups


def _digit_groups(data: bytes, start: int, end: int) -> list[tuple[int, int]]:
    groups: list[tuple[int, int]] = []
    begin = start
    for place in range(start, end):
        if not 48 <= data[place] <= 57:  # noqa: PLR2004 - the ASCII digits
            groups.append((begin, place))
            begin = place + 1
    groups.append((begin, end))
    return groups


def _card_from(data: bytes, groups: list[tuple[int, int]], first: int) -> int | None:
    if data[groups[first][0]] not in b"23456":
        return None
    digits = b""
    lengths: frozenset[int] = frozenset()
    longest = None
    for last in range(first, min(len(groups), first + LONGEST_CARD)):
        digits += data[slice(*groups[last])]
        if len(digits) > LONGEST_CARD:
            break
        if len(digits) >= SHORTEST_CARD:
            lengths = lengths or _card_lengths(digits[:4])
            if not lengths:
                break
            if len(digits) in lengths and luhn(digits):
                longest = last
    return longest


def email(data: bytes, start: int, end: int) -> Iterable[tuple[int, int]]:
    """Confirm an e-mail address: not a file such as ``icon@2x.png``, not a repository's login."""
    local, _, domain = data[start:end].rpartition(b"@")
    name, _, suffix = domain.rpartition(b".")
    is_file = suffix.lower() in _FILE_SUFFIXES and _NUMBERED.fullmatch(name)
    if is_file or (local == b"git" and _REPOSITORY.match(data, end)):
        return NOTHING
    return ((start, end),)


def jwt(data: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Confirm the JSON Web Tokens in parts joined by dots: a first part that holds a JSON object.

    What only begins like a token does not hide the one behind it.
    """
    parts = data[start:end].split(b".")
    place = start
    covered = start
    for index, part in enumerate(parts[:-1]):
        begin = _jwt_header(part) if place >= covered else None
        if begin is not None:
            covered = place + sum(map(len, parts[index : index + _JWT_PARTS]))
            covered += min(_JWT_PARTS, len(parts) - index) - 1
            yield place + begin, covered
        place += len(part) + 1


def _jwt_header(part: bytes) -> int | None:
    """Return where a part begins to be the base64 of a JSON object."""
    # Tried from the end, a few times: a text that is nothing but beginnings stays cheap.
    starts = [match.start() for match in _JWT_START.finditer(part)][-_JWT_STARTS:]
    return next((begin for begin in starts if _is_object(part[begin:])), None)


def _is_object(encoded: bytes) -> bool:
    if len(encoded) > _LONGEST_JWT_HEADER:
        return False
    try:
        decoded = base64.urlsafe_b64decode(encoded.rstrip(b"=") + b"==")
        return isinstance(json.loads(decoded), dict)
    except (ValueError, RecursionError):  # not base64, not UTF-8, not JSON
        return False


def has_digit(data: bytes, start: int, end: int) -> Iterable[tuple[int, int]]:
    """Confirm a token that holds a digit; words joined by hyphens hold none."""
    return ((start, end),) if any(48 <= byte <= 57 for byte in data[start:end]) else NOTHING  # noqa: PLR2004 - the ASCII digits


def not_templated(data: bytes, start: int, end: int) -> Iterable[tuple[int, int]]:
    """Confirm a password that is not the name of one: ``{password}``, ``<password>``, ``$NAME``."""
    value = data[start:end]
    named = _VARIABLE.fullmatch(value) or (value[:1] in (b"{", b"<") and value[-1:] in (b"}", b">"))
    return NOTHING if named or value.strip(b"*") == b"" else ((start, end),)
