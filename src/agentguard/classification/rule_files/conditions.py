# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What must a match satisfy beside its pattern?

Entropy, kinds of characters, and what an allow list lets pass.
"""

import math
from collections import Counter

from agentguard.classification.engine import Pattern
from agentguard.classification.rule_files.loading import Condition

_SPECIAL = frozenset(b"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")


def entropy(value: bytes) -> float:
    """Return the Shannon entropy of the bytes of a value, in bits a byte."""
    size = len(value)
    return -sum(n / size * math.log2(n / size) for n in Counter(value).values()) if size else 0.0


def entropy_above(least: float) -> Condition:
    """Demand more entropy than *least* bits a byte; 0 demands nothing."""
    return lambda data, start, end: not least or entropy(data[start:end]) > least


def characters(*, digits: int, upper: int, lower: int, special: int) -> Condition:
    """Demand so many characters of each kind."""

    def enough(data: bytes, start: int, end: int) -> bool:
        value = data[start:end]
        return (
            sum(48 <= byte <= 57 for byte in value) >= digits  # noqa: PLR2004 - ASCII
            and sum(65 <= byte <= 90 for byte in value) >= upper  # noqa: PLR2004 - ASCII
            and sum(97 <= byte <= 122 for byte in value) >= lower  # noqa: PLR2004 - ASCII
            and sum(byte in _SPECIAL for byte in value) >= special
        )

    return enough


def without_words(words: tuple[str, ...]) -> Condition:
    """Demand that a value holds none of these words, in any case."""
    wanted = tuple(word.lower().encode("utf-8") for word in words if word)

    def clean(data: bytes, start: int, end: int) -> bool:
        value = data[start:end].lower()
        return not any(word in value for word in wanted)

    return clean


def value_matches(pattern: Pattern) -> Condition:
    """Demand a match somewhere in the value."""

    def matched(data: bytes, start: int, end: int) -> bool:
        return _matches_in(pattern, data, start, end)

    return matched


def line_matches(pattern: Pattern) -> Condition:
    """Demand a match somewhere in the line of the value."""

    def matched(data: bytes, start: int, end: int) -> bool:
        first, last = line_around(data, start, end)
        return _matches_in(pattern, data, first, last)

    return matched


def whole_match_matches(rule: Pattern, pattern: Pattern) -> Condition:
    """Demand a match somewhere in what the rule's own pattern matched around the value."""

    def matched(data: bytes, start: int, end: int) -> bool:
        first, last = line_around(data, start, end)
        while first < last:
            whole = rule.search(data, first, len(data))
            if whole is None or whole.span()[0] > start:
                return False
            begin, stop = whole.span()
            if stop >= end:
                return _matches_in(pattern, data, begin, stop)
            first = max(stop, begin + 1)
        return False

    return matched


def line_around(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Return where the line of a span begins and ends."""
    last = data.find(b"\n", end)
    return data.rfind(b"\n", 0, start) + 1, len(data) if last < 0 else last


def _matches_in(pattern: Pattern, data: bytes, start: int, end: int) -> bool:
    # A part of its own, so that anchors hold at its ends.
    part = data[start:end]
    return pattern.search(part, 0, len(part)) is not None


def any_of(conditions: tuple[Condition, ...]) -> Condition:
    """Demand one of them."""
    return lambda data, start, end: any(one(data, start, end) for one in conditions)


def all_of(conditions: tuple[Condition, ...]) -> Condition:
    """Demand every one of them."""
    return lambda data, start, end: all(one(data, start, end) for one in conditions)


def none_of(conditions: tuple[Condition, ...]) -> Condition:
    """Demand that none of them holds."""
    return lambda data, start, end: not any(one(data, start, end) for one in conditions)
