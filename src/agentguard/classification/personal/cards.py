# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where in a run of digits do payment cards stand?

The issuers' ranges and the check digit.

INVARIANT: of the ten digits that may stand last, one is right (tests/classification/test_validators.py).
"""

import re
from collections.abc import Iterator

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

# A letter or digit that ends one of these belongs to the escape, not to what follows.
_ESCAPE = re.compile(rb"(?:\\[bfnrt]|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|%[0-9A-Fa-f]{2})\Z")

_PAIR = 2
_BYTE_BEFORE = re.compile(rb"(?<![0-9A-Za-z])[0-9a-f]{2} {1,2}\Z")

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


def confirmed(data: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
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
        if last is not None and _is_dump(data, groups[first : last + 1]):
            last = None
        if last is None:
            first += 1
        else:
            yield groups[first][0], groups[last][1]
            first = last + 1


def _is_dump(data: bytes, groups: list[tuple[int, int]]) -> bool:
    """Say whether digits in pairs stand behind another pair, as bytes in hexadecimal do."""
    pairs = all(last - first == _PAIR for first, last in groups)
    start = groups[0][0]
    return pairs and _BYTE_BEFORE.search(data, max(0, start - 5), start) is not None


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
