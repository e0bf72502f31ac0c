# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which tokens of a text look drawn, and what stands before them?

Reads every long run of letters, digits and the signs of base64. It asks what stands before a
token and never what stands behind it, so that a text that still grows is read the same.
It does not say whether the token is a secret.

INVARIANT: a token is taken whole, with its prefix (tests/classification/test_contextual_tokens.py).
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agentguard.classification.contextual import harmless
from agentguard.classification.contextual.limits import Limits
from agentguard.classification.contextual.randomness import surprise
from agentguard.classification.engine import Pattern

# In the dialect of RE2.
RUN = r"[A-Za-z0-9_+/=~.%-]{16,}"
SHORTEST, LONGEST = 16, 256
SHORTEST_BODY = 12
FEWEST_KINDS = 8
# How far before a token a name counts, and how far the line before it is read.
NEAR, LINE = 80, 96

_HEXADECIMAL = re.compile(rb"(?:0x)?(?:[0-9a-f-]+|[0-9A-F-]+)\Z")
_DIGIT = re.compile(rb"[0-9]")
_LONG = re.compile(rb"[A-Za-z0-9]{10}")
_PREFIX = re.compile(rb"(?:[A-Za-z]{2,24}[-_.=:]){1,4}")
# A name that is written together with its value.
_OWN_NAME = re.compile(
    rb"(?i)(?:token|key|secret|access|private|auth|passw(?:or)?d|pwd|credential)[-_.=:]{1,2}(?=[A-Za-z0-9]{8})"
)
_MARKED = re.compile(rb"[a-z]{2,12}(?:_[a-z]{2,8})?_[0-9a-fA-F]{32,128}\Z")
_NAME = re.compile(rb"[\w.-]{2,64}=(?=[^=])")
_FINGERPRINT = re.compile(
    rb"(?i)(?:sha-?\d*|md5|integrity|checksum|digest|commit|hash|etag|\bh1|rev|revision|fingerprint"
    rb"|thumbprint|u?uid|guid|ids?|trace|span|request|cursor|build|nonce|resolved|ssh-\w+"
    rb"|merge|parent|tree|object|blob|index|image|from|to)"
    rb"[\"'\]\s:=@>,(-]{0,6}(?:\"[^\"]{0,3})?\Z"
)
_URL = re.compile(rb"://[^\s\"'<>?=&]*\Z")
_LINE_BEFORE = re.compile(rb"(?:(?:\A|\n)[ \t]*[A-Za-z0-9+/=]{40,80}|-----)\r?\n[ \t]*\Z")
# The widths at which programs wrap base64.
_WRAPPED = frozenset((60, 64, 70, 72, 73, 76))


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A token and its surroundings.

    Attributes:
        start: of the token, in bytes.
        end: one past its last byte.
        bits: of surprise.
        hexadecimal: whether it holds hexadecimal digits alone.
        near: whether a name that promises something stands before it.
        alone: whether it begins behind a blank, a quote or a sign.
        whole: whether there is no other text; such a member of a document is an identifier, unless
            its name, which is read in front of it, says otherwise.
    """

    start: int
    end: int
    bits: float
    hexadecimal: bool
    near: bool
    alone: bool
    whole: bool


def drawn(data: bytes, names: Sequence[int], pattern: Pattern) -> Iterator[Drawn]:
    """Yield the tokens of a text that may have been drawn.

    Args:
        data: the text.
        names: where names begin, sorted.
        pattern: ``RUN``, compiled.
    """
    start, size = 0, len(data)
    while (match := pattern.search(data, start, size)) is not None:
        first, start = match.span()
        if start - first <= 2 * LONGEST:
            token = _token(data, first, start, names)
            if token is not None:
                yield token


def is_secret(token: Drawn, limits: Limits) -> bool:
    """Say whether a token is a secret where it stands."""
    if token.near:
        return token.bits >= (limits.near_hexadecimal if token.hexadecimal else limits.near)
    if token.whole:
        return token.bits >= limits.whole
    if token.hexadecimal:
        return token.bits >= limits.hexadecimal
    return token.bits >= (limits.alone if token.alone else limits.inside)


def _token(data: bytes, first: int, last: int, names: Sequence[int]) -> Drawn | None:
    while last > first and data[last - 1] in b".-_/":
        last -= 1
    name = _NAME.match(data, first, last)
    if name is not None:
        first = name.end()
    token = data[first:last]
    if not SHORTEST <= len(token) <= LONGEST or not _DIGIT.search(token):
        return None
    body = _body(data, first, last)
    place = bisect_left(names, body)
    near = place > 0 and body - names[place - 1] <= NEAR
    hexadecimal = _HEXADECIMAL.match(data, body, last) is not None and not _MARKED.match(token)
    if _is_harmless(data, first, token, data[body:last]):
        return None
    return Drawn(
        start=first,
        end=last,
        bits=surprise(data[body:last]),
        hexadecimal=hexadecimal,
        near=near,
        whole=last - first == len(data),
        alone=data[first - 1 : first] in b"\n\"'`=: ",
    )


def _body(data: bytes, first: int, last: int) -> int:
    """Return where the part of a token begins that may have been drawn."""
    stop = last - SHORTEST_BODY + 1
    for own in _OWN_NAME.finditer(data, first, stop):
        first = own.end()
    prefix = _PREFIX.match(data, first, stop)
    return first if prefix is None else prefix.end()


def _is_harmless(data: bytes, first: int, token: bytes, body: bytes) -> bool:
    before = data[max(0, first - NEAR) : first]
    return (
        harmless.is_address(token)
        or harmless.is_file(token)
        or harmless.is_version(body)
        or not _LONG.search(body)
        or len(set(body)) < FEWEST_KINDS
        or _FINGERPRINT.search(before) is not None
        or _URL.search(before) is not None
        or (len(token) in _WRAPPED and before[-1:] in b"\n")
        or _LINE_BEFORE.search(data[max(0, first - LINE) : first]) is not None
    )
