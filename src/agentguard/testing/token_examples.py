# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What could a credential of a documented format look like?

Makes random examples of any row from what the row says of its tokens, the same for the same seed,
so that tests and benchmarks need no list of real ones.
Checksums are right, signed tokens decode, and whole keys have their lines.

INVARIANT: every example of every row is found by the engine, whole
(tests/classification/test_token_examples.py).
"""

import base64
import json
import random
import re
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from re import _constants as kind  # type: ignore[attr-defined]  # has no stubs
from re import _parser as grammar  # type: ignore[attr-defined]  # has no stubs
from types import MappingProxyType
from typing import Any

from agentguard.classification.formats import TokenFormat

# More than the least of an open repetition, so that two examples differ in length.
_SPREAD = 12
# A run of so many random characters without a digit is rare, and some rows ask for one.
_LONG = 10
_COMPOSED = frozenset({kind.MAX_REPEAT, kind.MIN_REPEAT, kind.SUBPATTERN, kind.BRANCH, kind.AT})
_PRINTABLE = frozenset(map(ord, string.ascii_letters + string.digits + string.punctuation + " "))
_DIGITS = frozenset(map(ord, string.digits))
_WORDS = frozenset(map(ord, string.ascii_letters + string.digits))


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenExample:
    """A text that holds a token, and where.

    Attributes:
        text: the token, with what must stand before it for anybody to know it as one.
        start: where the token begins.
        end: one past its last character.
    """

    text: str = field(repr=False)
    start: int
    end: int

    @property
    def token(self) -> str:
        """The token alone."""
        return self.text[self.start : self.end]


def examples(row: TokenFormat, count: int, seed: int) -> list[str]:
    """Return texts in each of which a token of this format stands."""
    return [example.text for example in token_examples(row, count, seed)]


def token_examples(row: TokenFormat, count: int, seed: int) -> list[TokenExample]:
    """Return texts in each of which a token of this format stands, and say where.

    Args:
        row: one of ``TOKEN_FORMATS``.
        count: how many.
        seed: the same examples for the same seed, row by row.
    """
    chance = random.Random(f"{row.name} {seed}")  # noqa: S311 - examples, nothing is protected
    return [_example(row, chance) for _ in range(count)]


def _example(row: TokenFormat, chance: random.Random) -> TokenExample:
    if row.name in _WHOLE:
        token = _WHOLE[row.name](chance)
        return TokenExample(text=token, start=0, end=len(token))
    writer = _Writer(chance)
    if row.example:
        writer.write(grammar.parse(row.example), group=1)
    else:
        writer.write(_sensitive(grammar.parse(_dialect(row.pattern)), row.group), group=0)
    text, (start, end) = "".join(writer.written), writer.span
    if row.checksum is None:
        return TokenExample(text=text, start=start, end=end)
    token = row.checksum(text[start:end].encode()).decode()
    return TokenExample(text=text[:start] + token + text[end:], start=start, end=end)


def _dialect(pattern: str) -> str:
    """Put the flags at the front, where ``re`` wants them."""
    return pattern.replace("(?i)", "")


def _sensitive(parsed: Any, group: int) -> Any:
    """Return the part of a pattern that is the token."""
    if group == 0:
        return parsed
    for op, argument in parsed:
        if op is kind.SUBPATTERN:
            number, _, _, inside = argument
            found = inside if number == group else _sensitive(inside, group)
            if found is not None:
                return found
    return None


class _Writer:
    """Writes a random text that a parsed pattern matches, and notes where a group of it stands."""

    def __init__(self, chance: random.Random) -> None:
        self.written: list[str] = []  # one character each
        self._chance = chance
        self._span: tuple[int, int] | None = None

    @property
    def span(self) -> tuple[int, int]:
        """Where the group stands, or else everything."""
        return self._span or (0, len(self.written))

    def write(self, parsed: Any, group: int) -> None:
        """Write what the pattern matches."""
        for op, argument in parsed:
            self._write_one(op, argument, group)

    def _write_one(self, op: Any, argument: Any, group: int) -> None:
        if op in (kind.MAX_REPEAT, kind.MIN_REPEAT):
            self._repeat(argument, group, shortest=op is kind.MIN_REPEAT)
        elif op is kind.SUBPATTERN:
            self._group(argument, group)
        elif op is kind.BRANCH:
            self.write(self._chance.choice(argument[1]), group)
        elif op is not kind.AT:
            self.written.append(self._chance.choice(_characters(op, argument)))

    def _group(self, argument: Any, group: int) -> None:
        number, _, _, inside = argument
        before = len(self.written)
        self.write(inside, group)
        if group and number == group:
            self._span = (before, len(self.written))

    def _repeat(self, argument: Any, group: int, *, shortest: bool) -> None:
        least, most, inside = argument
        times = least if shortest else self._chance.randint(least, min(most, least + _SPREAD))
        if len(inside) > 1 or inside[0][0] in _COMPOSED:
            for _ in range(times):
                self.write(inside, group)
            return
        characters = _characters(*inside[0])
        run = self._chance.choices(characters, k=times)
        digits = [each for each in characters if each in string.digits]
        if times >= _LONG and digits:
            run[times // 2] = self._chance.choice(digits)
        self.written.extend(run)


def _characters(op: Any, argument: Any) -> Sequence[str]:
    if op is kind.LITERAL:
        return (chr(argument),)
    if op is kind.NOT_LITERAL:
        return _as_text(_PRINTABLE - {argument})
    if op is kind.ANY:
        return " "
    negated = argument[0][0] is kind.NEGATE
    named = set[int]().union(*(_members(*item) for item in argument[negated:]))
    return _as_text(_PRINTABLE - named if negated else named)


def _members(op: Any, argument: Any) -> set[int]:
    if op is kind.RANGE:
        return set(range(argument[0], argument[1] + 1))
    if op is kind.LITERAL:
        return {argument}
    if argument is kind.CATEGORY_DIGIT:
        return set(_DIGITS)
    return {ord(" ")} if argument is kind.CATEGORY_SPACE else set(_WORDS)


def _as_text(characters: frozenset[int] | set[int]) -> str:
    return "".join(map(chr, sorted(characters)))


def _alphanumeric(chance: random.Random, length: int) -> str:
    return "".join(chance.choices(string.ascii_letters + string.digits, k=length))


def _lines(chance: random.Random, count: int) -> str:
    material = base64.b64encode(chance.randbytes(48 * count)).decode()
    return "\n".join(re.findall(".{64}", material))


def _jwt(chance: random.Random) -> str:
    def part(content: Mapping[str, object]) -> str:
        written = json.dumps(content, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(written).decode().rstrip("=")

    algorithm = chance.choice(["HS256", "RS256", "ES256"])
    header = part({"alg": algorithm, "typ": "JWT"})
    payload = part({"sub": _alphanumeric(chance, 12), "iat": chance.randrange(10**9, 2 * 10**9)})
    return f"{header}.{payload}.{_alphanumeric(chance, 43)}"


def _pem(chance: random.Random) -> str:
    label = chance.choice(["RSA ", "EC ", "OPENSSH ", "ENCRYPTED ", ""]) + "PRIVATE KEY"
    return f"-----BEGIN {label}-----\n{_lines(chance, 6)}\n-----END {label}-----"


def _putty(chance: random.Random) -> str:
    head = "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: example"
    public, private = _lines(chance, 2), _lines(chance, 1)
    mac = chance.randbytes(32).hex()
    return f"{head}\nPublic-Lines: 2\n{public}\nPrivate-Lines: 1\n{private}\nPrivate-MAC: {mac}"


def _encoded_pem(chance: random.Random) -> str:
    return base64.b64encode(_pem(chance).encode()).decode()


_WHOLE: Mapping[str, Callable[[random.Random], str]] = MappingProxyType(
    {
        "json_web_token": _jwt,
        "private_key_header": _pem,
        "putty_private_key": _putty,
        "encoded_private_key": _encoded_pem,
    }
)
