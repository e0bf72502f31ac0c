# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which value of the same shape stands for a value in this session?

Digits become digits and letters letters of the same case; length and separators stay. A payment
card keeps a right check digit, an IBAN its country and right check digits, an e-mail address the
last part of its domain.
Nothing is turned back here or elsewhere: a surrogate looks like any other text, so a text that
arrives with one could ask for the value. What comes back with a surrogate keeps it.

INVARIANT: in a session a value has one surrogate, no surrogate stands for two values, and none is
a value that was given one (tests/redaction/test_surrogates.py).
"""

import hmac
import re
import string
from collections.abc import Callable, Iterator
from typing import TypeAlias

from agentguard.redaction.pieces import Span

PAYMENT_CARD = "payment_card"
# Of a shape with fewer values a real one would sooner or later be taken for a surrogate.
FEWEST_VALUES = 10**8
MOST_DRAWS = 16
LONGEST_VALUE = 512
# Surrogates are looked up by their first characters.
HEAD = 4
# What may stay: anything else could be the part that tells something.
SEPARATORS = frozenset(" -._/:@+()#,'")
_EMAIL = re.compile(r"([^@]+@[^@]*)(\.[^@.]+)")
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_CARD = re.compile(r"[0-9]{12,19}")
# Beginnings of numbers that networks use, by length; all others have the first.
_NETWORKS = {13: "4", 14: "36", 15: "37", 16: "4", 19: "4"}
_OTHER_NETWORK = "6304"

Draw: TypeAlias = Callable[[str], str]


class Surrogates:
    """The surrogates of one session.

    Threads may share it: every change is one operation on a dictionary.
    """

    __slots__ = ("_by_head", "_given", "_key", "_owners", "_real")

    def __init__(self, key: bytes) -> None:
        """Start without any.

        Args:
            key: random bytes of this session alone.
        """
        self._key = key
        self._given: dict[tuple[str, str], str] = {}
        self._owners: dict[str, tuple[str, str]] = {}
        self._by_head: dict[str, set[str]] = {}
        self._real: set[str] = set()

    def __repr__(self) -> str:
        return f"Surrogates({len(self._given)} values)"

    def of(self, data_class: str, value: str, is_real: Callable[[str], bool]) -> str | None:
        """Return the surrogate for a value, None where its shape has too few values.

        Args:
            data_class: the name of the value's class.
            value: what it stands for.
            is_real: says whether a text holds a value that is known to be real.
        """
        owner = (data_class, value)
        given = self._given.get(owner)
        if given is not None or not has_many_values(value):
            return given
        self._real.add(value)
        for attempt in range(MOST_DRAWS):
            drawn = _shaped(data_class, value, _drawing(self._key, data_class, value, attempt))
            if drawn in self._real or is_real(drawn):
                continue
            if self._owners.setdefault(drawn, owner) == owner:
                self._by_head.setdefault(drawn[:HEAD], set()).add(drawn)
                return self._given.setdefault(owner, drawn)
        return None

    def issued(self, text: str) -> bool:
        """Say whether a text is a surrogate of this session."""
        return text in self._owners

    def within(self, text: str, found: list[Span]) -> list[Span]:
        """Return where surrogates stand in or about what was found; sorted, without overlaps."""
        if not self._owners:
            return []
        kept: list[Span] = []
        end = 0
        for start, stop, _ in found:
            at, last = max(end, start - LONGEST_VALUE), stop
            while at < last:
                size = self._longest_at(text, at)
                if size and at + size > start:
                    kept.append((at, at + size, ""))
                    end = at + size
                at += size or 1
            end = max(end, start)
        return kept

    def _longest_at(self, text: str, at: int) -> int:
        candidates = self._by_head.get(text[at : at + HEAD])
        if not candidates:
            return 0
        fitting = (len(each) for each in tuple(candidates) if text.startswith(each, at))
        return max(fitting, default=0)


def has_many_values(value: str) -> bool:
    """Say whether there are enough values of the same shape for a surrogate to hide among."""
    if len(value) > LONGEST_VALUE:
        return False
    email = _EMAIL.fullmatch(value)
    values = 1
    for character in value if email is None else email[1]:
        if character.isdecimal():
            values *= 10
        elif character.isalpha():
            values *= 26
        elif character not in SEPARATORS:
            return False
    return values >= FEWEST_VALUES


def _shaped(data_class: str, value: str, draw: Draw) -> str:
    email = _EMAIL.fullmatch(value)
    if email is not None:
        return "".join(map(draw, email[1])) + email[2]
    compact = "".join(filter(str.isalnum, value))
    if _IBAN.fullmatch(compact) and _remainder(compact) == 1:
        account = "".join(map(draw, compact[4:]))
        check = 98 - _remainder(f"{compact[:2]}00{account}")
        return _placed(value, f"{compact[:2]}{check:02}{account}")
    if data_class == PAYMENT_CARD and _CARD.fullmatch(compact):
        network = _NETWORKS.get(len(compact), _OTHER_NETWORK)
        digits = network + "".join(map(draw, compact[len(network) : -1]))
        return _placed(value, digits + _check_digit(digits))
    return "".join(map(draw, value))


def _drawing(key: bytes, data_class: str, value: str, attempt: int) -> Draw:
    """Return what draws a character of the same kind, the same ones for the same arguments."""
    message = f"{data_class}\0{attempt}\0{value}".encode("utf-8", "surrogatepass")
    drawn = _random_bytes(key, message)

    def draw(character: str) -> str:
        if character in SEPARATORS:
            return character
        alphabet = string.digits
        if not character.isdecimal():
            alphabet = string.ascii_uppercase if character.isupper() else string.ascii_lowercase
        return alphabet[int.from_bytes((next(drawn), next(drawn))) % len(alphabet)]

    return draw


def _random_bytes(key: bytes, message: bytes) -> Iterator[int]:
    block = 0
    while True:
        yield from hmac.digest(key, block.to_bytes(4) + message, "sha256")
        block += 1


def _placed(value: str, characters: str) -> str:
    """Return *value* with its letters and digits replaced one by one."""
    following = iter(characters)
    return "".join(next(following) if each.isalnum() else each for each in value)


def _remainder(iban: str) -> int:
    """Return what ISO 7064 MOD 97-10 leaves of an account number, country and check first."""
    return int("".join(str(int(each, 36)) for each in iban[4:] + iban[:4])) % 97


def _check_digit(digits: str) -> str:
    doubled = [int(digit) * (1 + (place % 2 == 0)) for place, digit in enumerate(digits[::-1])]
    return str(-sum(number // 10 + number % 10 for number in doubled) % 10)
