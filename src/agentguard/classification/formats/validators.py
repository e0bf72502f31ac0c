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
import zlib
from collections.abc import Iterable, Iterator

from agentguard.classification.engine import NOTHING, Confirm

_VARIABLE = re.compile(rb"\$(?:[A-Z_][A-Z0-9_]*|\{[^}]*\}|\([^)]*\))")
# What was hidden before is no password any more.
_HIDDEN = re.compile(rb"\[\[[A-Z][A-Z0-9_.-]{0,63}[:#][A-Z2-7]{8}\]\]")
_STANDS_FOR_ONE = re.compile(
    rb"(?i)(?:(?:your|my|the|db|user|replace_with)[_-]?)*(?:pass(?:word|wd)?|pwd)"
)
_JWT_PARTS = 5
_JWT_STARTS = 32
_LONGEST_JWT_HEADER = 8192
_JWT_START = re.compile(rb"ey[AJ]|ew[0o]")
_BASE62 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECKSUM = 6
_TAIL = re.compile(rb"[A-Za-z0-9]+\Z")
_CHANGE = re.compile(rb"[a-z](?=[A-Z0-9])|[A-Z](?=[0-9])|[0-9](?=[A-Za-z])")
_PER_CHANGE = 4
_FILLINGS = (b"x", b"X", b"*", b".", b"0", b"-", b"_", b"#")
# How far before a value the name of its provider may stand, and what stands between.
NEAR = 96
_ASSIGNED = re.compile(
    rb"(?i:key|token|secret|passw|pwd|auth|bearer|cred|access|private|license|sid)"
    rb"[A-Za-z0-9_.]{0,20}[\s\"'()\[\]{}:=>,|\\-]{1,12}\Z"
)


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
    """Confirm a password that is not the name of one: ``{password}``, ``<password>``, ``$NAME``, ``YOUR_PASSWORD``.

    Nor a part of a pattern: ``[^@]+``. What closes the text around it does not make it one.
    """
    value = data[start:end]
    stands = _stands_for_one(value) or _stands_for_one(value.rstrip(b"\"'`),;"))
    return NOTHING if stands or not value.strip(b"*#xX.-") else ((start, end),)


def _stands_for_one(value: bytes) -> bool:
    named = _VARIABLE.fullmatch(value) or _STANDS_FOR_ONE.fullmatch(value)
    braced = value[:1] in (b"{", b"<", b"%") and value[-1:] in (b"}", b">", b"%")
    return bool(named or braced or _HIDDEN.fullmatch(value) or b"[^" in value)


def connection(data: bytes, start: int, end: int) -> Iterable[tuple[int, int]]:
    """Confirm the address of a database with a password in it that is one."""
    opening = data.index(b"://", start, end) + 3
    password = data.index(b":", opening, end) + 1
    confirmed = not_templated(data, password, data.rindex(b"@", password, end))
    return ((start, end),) if confirmed else NOTHING


def random_tail(data: bytes, start: int, end: int) -> Iterable[tuple[int, int]]:
    """Confirm a token whose last part changes between letters and digits as chance does.

    A name in camel case does so more seldom.
    """
    tail = _TAIL.search(data, start, end)
    part = tail.group() if tail is not None else b""
    changes = sum(1 for _ in _CHANGE.finditer(part))
    return has_digit(data, start, end) if changes * _PER_CHANGE >= len(part) else NOTHING


def behind(names: Iterable[str]) -> Confirm:
    """Confirm a value that holds a digit, is assigned to a key or a token, and has a name near.

    Before the value stands a word such as key or token, with the rest of a variable's name and
    what assigns; near before the value stands one of *names*.
    """
    written = tuple({name.lower().encode() for name in names})

    def confirm(data: bytes, start: int, end: int) -> Iterable[tuple[int, int]]:
        before = data[max(0, start - NEAR) : start]
        if _ASSIGNED.search(before) is None:
            return NOTHING
        before = before.lower()
        if not any(name in before for name in written):
            return NOTHING
        return has_digit(data, start, end) and not_a_sample(data, start, end)

    return confirm


def not_a_sample(data: bytes, start: int, end: int) -> Iterable[tuple[int, int]]:
    """Confirm a token unless a filling makes up the greater part of it, as in ``ghp_xxxxxx``."""
    value = data[start:end]
    most = max(map(value.count, _FILLINGS))
    return ((start, end),) if most * 2 <= len(value) else NOTHING


def github_token(data: bytes, start: int, end: int) -> Iterable[tuple[int, int]]:
    """Confirm a token of GitHub or npm: its checksum holds, or it does not look like a sample.

    A wrong checksum says little: tokens of servers carry none.
    """
    value = data[start:end]
    right = crc32_in_base62(value) == value
    return ((start, end),) if right else not_a_sample(data, start, end)


def crc32_in_base62(token: bytes) -> bytes:
    """Return a token of GitHub or npm with the checksum that its last six characters are."""
    prefix, _, random = token[:-_CHECKSUM].rpartition(b"_")
    number = zlib.crc32(random)
    digits = bytearray()
    for _place in range(_CHECKSUM):
        number, digit = divmod(number, len(_BASE62))
        digits.append(_BASE62[digit])
    return prefix + b"_" + random + bytes(reversed(digits))


def crc32_in_hex(token: bytes) -> bytes:
    """Return a token of Grafana with the checksum that its last eight characters are."""
    checked, mark, _ = token.rpartition(b"_")
    return checked + mark + zlib.crc32(checked).to_bytes(4, "little").hex().encode()
