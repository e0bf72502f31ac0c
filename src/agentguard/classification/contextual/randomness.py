# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How much more likely was this token drawn by a generator than written by a person?

Answers in bits: what the token costs in a model of what people write (words, names, paths,
numbers; ``benchmarks/train_randomness.py``), less what it would cost if every character had been
drawn from its alphabet. Nothing else is known here: neither what stands around the token nor
whether it is a secret.

INVARIANT: words and names of programs are below zero, drawn tokens far above it
(tests/classification/test_contextual_randomness.py).
"""

import base64
import math
import operator
import re
import zlib

from agentguard.classification.contextual.letter_table import PACKED
from agentguard.classification.contextual.letters import (
    BREAK,
    DIGIT,
    STEPS_PER_BIT,
    SYMBOLS,
    folded,
)

_DIGIT_BITS = math.log2(10)
_LOWER = re.compile(rb"[a-z]")
_UPPER = re.compile(rb"[A-Z]")
_NUMERAL = re.compile(rb"[0-9]")
_BEYOND_HEX = re.compile(rb"[G-Zg-z]")
_HEX_BITS = 4.0
SHORTEST_TYPED = 14
_REPEATED = 6
# From one letter to the next, the same again, from 9 to 0, from z to a.
_STEPS = frozenset((1, 0, -9, -25))
_MIXED_HEX_BITS = math.log2(22)


def _rows(packed: bytes) -> tuple[tuple[bytes, ...], ...]:
    """Return the costs by the first symbol, the second, the third."""
    pairs = [packed[start : start + SYMBOLS] for start in range(0, len(packed), SYMBOLS)]
    return tuple(tuple(pairs[start : start + SYMBOLS]) for start in range(0, len(pairs), SYMBOLS))


_COSTS = _rows(zlib.decompress(base64.b85decode(PACKED)))


def surprise(token: bytes) -> float:
    """Return the bits by which a token looks drawn rather than written; may be negative."""
    symbols = folded(token)
    cost = 0
    for first, second, third in zip(symbols, symbols[1:], symbols[2:], strict=False):
        cost += _COSTS[first][second][third]
    digits = symbols.count(DIGIT)
    drawn = len(symbols) - symbols.count(BREAK)
    return cost / STEPS_PER_BIT + digits * _DIGIT_BITS - drawn * _alphabet(token)


def _alphabet(token: bytes) -> float:
    """Return the bits of one character of the smallest usual alphabet that holds the token."""
    lower, upper = _LOWER.search(token), _UPPER.search(token)
    if not _BEYOND_HEX.search(token):
        return _MIXED_HEX_BITS if lower and upper else _HEX_BITS
    size = 26 * (lower is not None) + 26 * (upper is not None)
    return math.log2(size + 10 * (_NUMERAL.search(token) is not None))


def looks_typed(value: bytes) -> bool:
    """Say whether a value runs along the alphabet or the digits, or repeats itself."""
    if len(value) < SHORTEST_TYPED:
        return False
    if value[:_REPEATED] * 2 == value[: 2 * _REPEATED]:
        return True
    steps = map(operator.sub, value[1:], value)
    return 2 * sum(map(_STEPS.__contains__, steps)) >= len(value)
