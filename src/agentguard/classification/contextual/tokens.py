# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which tokens of a text look drawn where they stand?

Reads every long run of letters, digits and the signs of base64, and asks what stands before it:
a name that promises a secret, or one that says what else it is, such as a digest or an address.
It never asks what stands behind a token, so that a text that still grows is read the same.

INVARIANT: a token is taken whole, with its prefix (tests/classification/test_contextual_tokens.py).
"""

import math
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agentguard.classification.contextual import harmless
from agentguard.classification.contextual.limits import Limits
from agentguard.classification.contextual.randomness import looks_typed, surprise
from agentguard.matching import Linear

# Runs of at least 16 characters, one of them a digit; in the dialect of RE2.
_ANY, _NO_DIGIT = r"[A-Za-z0-9_+/=~.%-]", r"[A-Za-z_+/=~.%-]"
RUN = "|".join(
    (
        f"{_NO_DIGIT}{{0,4}}[0-9]{_ANY}{{11,}}",
        f"{_NO_DIGIT}{{5,9}}[0-9]{_ANY}{{6,}}",
        f"{_NO_DIGIT}{{10,14}}[0-9]{_ANY}+",
        f"{_NO_DIGIT}{{15,}}[0-9]{_ANY}*",
    )
)
SHORTEST, LONGEST = 16, 256
SHORTEST_BODY = 12
SHORTEST_TYPED = 20
FEWEST_KINDS = 8
# Letters beside digits: fewer are a word and its number.
FEWEST_MIXED = 2
UUID = 36
# So much of a token says what all of it does.
MOST_READ = 64
# How far before a token a name counts, and how far the line before it is read.
NEAR, LINE = 80, 96

_HEXADECIMAL = re.compile(rb"(?:0x)?(?:[0-9a-f-]+|[0-9A-F-]+)\Z")
_LETTER_BY_DIGIT = re.compile(rb"[A-Za-z][0-9]|[0-9][A-Za-z]")
_LONG = re.compile(rb"[A-Za-z0-9]{10}")
_PREFIX = re.compile(rb"(?:[A-Za-z]{2,24}[-_.=:]){1,4}")
# A name that is written together with its value.
_OWN_NAME = re.compile(
    rb"(?:[Tt]oken|TOKEN|[Kk]ey|KEY|[Ss]ecret|SECRET|[Aa]ccess|ACCESS|[Pp]rivate|PRIVATE|[Aa]uth"
    rb"|AUTH|[Pp]assw(?:or)?d|PASSW(?:OR)?D|[Pp]wd|PWD|[Cc]redential|CREDENTIAL)"
    rb"[-_.=:]{1,2}(?=[A-Za-z0-9]{8})"
)
_MARKED = re.compile(rb"[a-z]{2,12}(?:_[a-z]{2,8})?_[0-9a-fA-F]{32,128}\Z")
# Identifiers that the providers of models give, and what Kubernetes calls the pods of a workload.
_GIVEN = re.compile(
    rb"(?:(?:asst|batch|call|checksum|digest|hash|chatcmpl|cmpl|conv|file|fc|fp|item|mcp|msg|msgbatch|req|resp|rs|run"
    rb"|srvtoolu|step|thread|toolu|vs|ws)[-_][A-Za-z0-9]{6,64}"
    rb"|[a-z][a-z0-9]*(?:-[a-z0-9]{1,20}){0,6}-[bcdf0-9]{6,10}-[bcdfghjklmnpqrstvwxz2456789]{5})\Z"
)
_NAME = re.compile(rb"[\w.-]{2,64}=(?=[^=])")
_WORD_BACKWARDS = re.compile(rb"[\w.-]{1,48}")
_URL = re.compile(rb"://[^\s\"'<>?=&]*\Z")
_WRAPPED_LINE = re.compile(rb"[A-Za-z0-9+/]{48,80}\Z")
# A rule under a heading is made of fewer.
_FEWEST_IN_LINE = 16
_SHORTEST_LINE = 48
_OPENING_LINE = re.compile(rb"-----BEGIN [A-Z0-9 ]{1,60}-----\Z")
_LAST_WORD = re.compile(rb"[\s\"'(]")
# The widths at which programs wrap base64.
_WIDTHS = frozenset((60, 64, 70, 72, 73, 76))
_SIGNS = b" \t\r\n\"'`:=@>,([{-\\"
# In the strings of programs and in JSON; the letter is no part of what follows.
_ESCAPED_BLANK = re.compile(rb"\\[nrt]")
_ESCAPED_LINE = re.compile(rb"(?:\\+r)?\\+n")
_ASSIGNS = frozenset((b"=", b":", b":=", b"=>"))
_ASSIGNS_OR_BLANK = _ASSIGNS | {b""}
_BEFORE_FIELD = frozenset((b"", b"-", b"*", b"export"))
# What a token is when such a name stands before it.
_FINGERPRINTS = (
    *(b"md5", b"sha", b"sha1", b"sha224", b"sha256", b"sha384", b"sha512", b"integrity", b"hash"),
    *(b"checksum", b"digest", b"commit", b"etag", b"h1", b"rev", b"revision", b"fingerprint"),
    *(b"thumbprint", b"id", b"ids", b"trace", b"span", b"request", b"cursor", b"build", b"nonce"),
    *(b"resolved", b"rsa", b"dss", b"ed25519", b"nistp256", b"merge", b"parent", b"tree", b"crc"),
    *(b"object", b"blob", b"index", b"image", b"version", b"sum", b"head", b"base", b"ref"),
    *(b"refs", b"tag", b"hashes", b"jti"),
    # Where the next page begins.
    *(b"page_token", b"pagetoken", b"page-token", b"next_token", b"nexttoken", b"sync_token"),
    *(b"synctoken", b"continuation_token", b"continuationtoken", b"resume_token", b"marker"),
)
_SHORT_FINGERPRINTS = frozenset((b"to", b"from", b"at", b"by"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A token that looks drawn.

    Attributes:
        start: of the token, in bytes.
        end: one past its last byte.
        near: whether a name that promises something stands before it.
    """

    start: int
    end: int
    near: bool


def drawn(data: bytes, names: Sequence[int], pattern: Linear, limits: Limits) -> Iterator[Drawn]:
    """Yield the tokens of a text that look drawn where they stand.

    Args:
        data: the text.
        names: where names begin, sorted.
        pattern: ``RUN``, compiled.
        limits: from how many bits on.
    """
    start, size = 0, len(data)
    find = pattern.within(data, start, size)
    while (spans := find(data, start, size)) is not None:
        first, start = spans[0]
        if start - first <= 2 * LONGEST:
            token = _token(data, first, start, names, limits)
            if token is not None:
                yield token


def _token(
    data: bytes, first: int, last: int, names: Sequence[int], limits: Limits
) -> Drawn | None:
    while last > first and data[last - 1] in b".-_/":
        last -= 1
    if first and _ESCAPED_BLANK.match(data, first - 1):
        first += 1
    name = _NAME.match(data, first, last)
    if name is not None:
        first = name.end()
    if not SHORTEST <= last - first <= LONGEST:
        return None
    place = bisect_left(names, last)
    named = place > 0 and names[place - 1] >= first - NEAR
    if not named and _is_plain(data, first, last):
        return None
    start = _body(data, first, last, named=named)
    body = data[start:last]
    near = named and names[bisect_left(names, start) - 1] in range(start - NEAR, start)
    least = _least(data, first, last, body, near=near, limits=limits)
    if not _looks_drawn(data, first, body, least, near=near, limits=limits):
        return None
    if _is_harmless(data, first, last, body) or (
        not near and (harmless.is_alphabet(body) or harmless.is_drawing(data[first:last]))
    ):
        return None
    return Drawn(start=first, end=last, near=near)


def _looks_drawn(
    data: bytes, first: int, body: bytes, least: float, *, near: bool, limits: Limits
) -> bool:
    """Say whether a token shows so many bits, or what somebody types near a name."""
    # The measure is dear, and digests, of which none shows enough, are many.
    if math.isinf(least) and not _is_typed(data, first, body, near=near):
        return False
    bits = surprise(body[:MOST_READ])
    return bits >= least or (limits.typed < bits and _is_typed(data, first, body, near=near))


def _is_plain(data: bytes, first: int, last: int) -> bool:
    """Say, before anything dear is asked, whether a token is a line, a path, a UUID or words."""
    return (
        (last - first in _WIDTHS and (not first or data[first - 1] in b"\r\n"))
        or data[first] in b"/"
        or (last - first == UUID and data[first + 8] == data[first + 23] == ord("-"))
        or len(_LETTER_BY_DIGIT.findall(data, first, last)) < FEWEST_MIXED
    )


def _least(data: bytes, first: int, last: int, body: bytes, *, near: bool, limits: Limits) -> float:
    """Return from how many bits on a token is a secret where it stands."""
    hexadecimal = _HEXADECIMAL.match(body) is not None and not _MARKED.match(data, first, last)
    if near:
        return limits.near_hexadecimal if hexadecimal else limits.near
    if last - first == len(data):
        return limits.whole
    if hexadecimal:
        return limits.field if _is_field(data, first, _ASSIGNS) else limits.hexadecimal
    return limits.alone if data[first - 1 : first] in b"\n\"'`=: " else limits.inside


def _is_typed(data: bytes, first: int, body: bytes, *, near: bool) -> bool:
    """Say whether a token runs along the alphabet, and stands near a name or in a field."""
    return (
        len(body) >= SHORTEST_TYPED
        and looks_typed(body)
        and (near or _is_field(data, first, _ASSIGNS_OR_BLANK))
    )


def _body(data: bytes, first: int, last: int, *, named: bool) -> int:
    """Return where the part of a token begins that may have been drawn."""
    stop = last - SHORTEST_BODY + 1
    for own in _OWN_NAME.finditer(data, first, stop) if named else ():
        first = own.end()
    prefix = _PREFIX.match(data, first, stop)
    return first if prefix is None else prefix.end()


def _before(data: bytes, first: int) -> tuple[bytes, bytes, bytes]:
    """Return what stands before a token: the rest of its line, a word, and signs."""
    head = data[max(0, first - NEAR) : first]
    stripped = head.rstrip(_SIGNS)
    match = _WORD_BACKWARDS.match(stripped[::-1])
    word = stripped[len(stripped) - (match.end() if match else 0) :]
    line = stripped[: len(stripped) - len(word)]
    line = _ESCAPED_LINE.sub(b"\n", line)
    return line[line.rfind(b"\n") + 1 :], word, head[len(stripped) :]


def _is_field(data: bytes, first: int, between: frozenset[bytes]) -> bool:
    """Say whether the line of a token holds one name before it, a sign and nothing else."""
    line, word, signs = _before(data, first)
    return bool(word) and line.strip() in _BEFORE_FIELD and signs.strip(b" \t\"'") in between


def _is_harmless(data: bytes, first: int, last: int, body: bytes) -> bool:
    token = data[first:last]
    return (
        _GIVEN.match(token) is not None
        or harmless.is_address(token)
        or harmless.is_file(token)
        or harmless.is_public_key(token)
        or harmless.is_identifier(token)
        or harmless.is_version(body)
        or not _LONG.search(body)
        or len(set(body)) < FEWEST_KINDS
        or _is_fingerprint(data, first)
        or _is_part(data, first)
    )


def _is_fingerprint(data: bytes, first: int) -> bool:
    """Say whether what stands before a token says that it is a digest or an identifier."""
    _, word, _ = _before(data, first)
    word = word.lower()
    return (
        word.endswith(_FINGERPRINTS)
        or word.rstrip(b"-_.0123456789").endswith(_FINGERPRINTS)
        or word in _SHORT_FINGERPRINTS
    )


def _is_part(data: bytes, first: int) -> bool:
    """Say whether a token is a part of an address, or a line of something longer."""
    head = data[max(0, first - LINE) : first]
    head = _ESCAPED_LINE.sub(b"\n", head)
    if head.endswith(b";base64,") or (b"://" in head and _URL.search(head)):
        return True
    lines = head.rstrip(b" \t")
    if not lines.endswith(b"\n"):
        return False
    line = lines.rstrip(b"\r\n")
    before = line[line.rfind(b"\n") + 1 :].strip()
    word = _LAST_WORD.split(before)[-1]
    if _OPENING_LINE.search(before) or (
        len(word) >= _SHORTEST_LINE and harmless.is_public_key(word)
    ):
        return True
    return _WRAPPED_LINE.match(before) is not None and len(set(before)) >= _FEWEST_IN_LINE
