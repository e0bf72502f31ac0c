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
import binascii
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
    if _touches_word(data, start, end):
        return
    groups = _digit_groups(data, start, end)
    first = 0
    while first < len(groups):
        last = _card_from(data, groups, first)
        if last is None:
            first += 1
        else:
            yield groups[first][0], groups[last][1]
            first = last + 1


def _touches_word(data: bytes, start: int, end: int) -> bool:
    before, after = data[max(0, start - 2) : start], data[end : end + 1]
    return (
        before[-1:].isalnum()
        or after.isalnum()
        or (before[-1:] == b"." and before[:1].isdigit())  # the fraction of a number
    )


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
    local, _, domain = data[start:end].partition(b"@")
    suffix = domain.rpartition(b".")[2].lower()
    if suffix in _FILE_SUFFIXES or (local == b"git" and data[end : end + 1] in (b":", b"/")):
        return NOTHING
    return ((start, end),)


def jwt(data: bytes, start: int, end: int) -> Iterable[tuple[int, int]]:
    """Confirm a JSON Web Token: its first part decodes to a JSON object."""
    header = data[start:end].partition(b".")[0]
    try:
        decoded = base64.urlsafe_b64decode(header + b"=" * (-len(header) % 4))
    except binascii.Error:
        return NOTHING
    return ((start, end),) if b'":' in decoded and decoded.rstrip().endswith(b"}") else NOTHING


def has_digit(data: bytes, start: int, end: int) -> Iterable[tuple[int, int]]:
    """Confirm a token that holds a digit; words joined by hyphens hold none."""
    return ((start, end),) if any(48 <= byte <= 57 for byte in data[start:end]) else NOTHING  # noqa: PLR2004 - the ASCII digits


def not_templated(data: bytes, start: int, end: int) -> Iterable[tuple[int, int]]:
    """Confirm a password that is not the name of one: ``{password}``, ``<password>``, ``$NAME``."""
    value = data[start:end]
    named = value[:1] == b"$" or (value[:1] in (b"{", b"<") and value[-1:] in (b"}", b">"))
    return NOTHING if named or value.strip(b"*") == b"" else ((start, end),)
