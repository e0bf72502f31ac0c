# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where did a value arrive?

Looks for a canary in everything that the provider received, as it stands there and in every
decoding that an eavesdropper would try.

INVARIANT: a canary is found however it was wrapped (tests/testing/test_sightings.py).
"""

import base64
import binascii
import gzip
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias
from urllib.parse import unquote_to_bytes

from agentguard.testing.received import Received

_DEEPEST = 6
_SHORTEST_RUN = 8
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{%d,}" % _SHORTEST_RUN)
_FOLDED = re.compile(rb"(?<=[A-Za-z0-9+/=])(?:\r?\n)+(?=[A-Za-z0-9+/=])")
_HEX = re.compile(rb"(?:[0-9A-Fa-f]{2}){%d,}" % _SHORTEST_RUN)
_URL = re.compile(rb"%[0-9A-Fa-f]{2}")
_ESCAPE = re.compile(r'(?:\\u[0-9A-Fa-f]{4})+|\\["\\/bfnrt]')
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")


Place: TypeAlias = tuple[str, bytes]
"""Where something arrived, and what arrived there."""


def sightings(canary: str | bytes, places: Iterable[Place], raw: bytes = b"") -> tuple[str, ...]:
    """Return where *canary* arrived.

    Args:
        canary: what is looked for; a text is looked for as UTF-8.
        places: where to look.
        raw: every byte that was received, in case that it stands in none of the places.

    Returns:
        The names of the places, in their order.

    Raises:
        ValueError: the canary is empty.
    """
    wanted = canary.encode() if isinstance(canary, str) else canary
    if not wanted:
        raise ValueError("a canary holds at least one byte")
    found = [name for name, content in places if holds(content, wanted)]
    if not found and wanted in raw:
        found.append("the raw bytes")
    return tuple(found)


def holds(content: bytes, wanted: bytes) -> bool:
    """Say whether *wanted* stands in *content*, as it is or decoded."""
    return any(wanted in decoded for decoded in _decoded(content, _DEEPEST, set()))


def request_places(requests: Iterable[Received]) -> Iterator[Place]:
    """Yield every place of the requests, such as ``request 0: header x-team``."""
    for number, request in enumerate(requests):
        for name, content in _places(request):
            yield f"request {number}: {name}", content


def _places(request: Received) -> Iterator[Place]:
    path, _, query = request.path.partition("?")
    yield "path", path.encode(errors="surrogateescape")
    yield "query", query.replace("+", " ").encode(errors="surrogateescape")
    for name, value in request.headers:
        yield f"header {name}", f"{name}: {value}".encode(errors="surrogateescape")
    yield "body", request.body
    for number, part in enumerate(request.parts):
        for name, value in part.headers.items():
            yield f"part {number}, header {name}", value.encode(errors="surrogateescape")
        yield f"part {number}", part.content


def _decoded(content: bytes, depth: int, seen: set[bytes]) -> Iterator[bytes]:
    """Yield *content* and everything that can be decoded from it."""
    if content in seen:
        return
    seen.add(content)
    yield content
    if depth == 0:
        return
    for inner in _one_decoding(content):
        yield from _decoded(inner, depth - 1, seen)


def _one_decoding(content: bytes) -> Iterator[bytes]:
    yield from _unpacked(content)
    if _URL.search(content):
        yield unquote_to_bytes(content)
    for line in {content, *content.splitlines()}:
        yield from (text.encode(errors="surrogatepass") for text in _json_texts(line))
    text = content.decode(errors="replace")
    if _ESCAPE.search(text):
        unescaped = _ESCAPE.sub(lambda found: str(json.loads(f'"{found[0]}"')), text)
        yield unescaped.encode(errors="surrogatepass")
    for run in _BASE64.findall(_FOLDED.sub(b"", content)):
        yield from _from_base64(run)
    for run in _HEX.findall(content):
        yield binascii.unhexlify(run)


def _unpacked(content: bytes) -> Iterator[bytes]:
    try:
        if content.startswith(b"\x1f\x8b"):
            yield gzip.decompress(content)
        elif content[:1] == b"\x78":
            yield zlib.decompress(content)
    except (OSError, EOFError, zlib.error):
        return


def _from_base64(run: bytes) -> Iterator[bytes]:
    """Yield what a run of base64 holds, whichever of its first characters belongs to it."""
    standard = run.translate(_TO_STANDARD)
    for skipped in range(4):
        whole = standard[skipped : skipped + (len(standard) - skipped) // 4 * 4]
        rest = standard[skipped + len(whole) :]
        if len(rest) > 1:
            whole += rest + b"=" * (4 - len(rest))
        try:
            yield base64.b64decode(whole)
        except binascii.Error:
            continue


def _json_texts(line: bytes) -> Iterator[str]:
    if line[:1] not in (b"{", b"[", b'"'):
        return
    try:
        yield from _texts(json.loads(line))
    except (ValueError, RecursionError):
        return


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
