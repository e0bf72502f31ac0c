# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which values inside a known value are secret by themselves?

The password of a URL or of a connection string, the key of a service account in JSON, the body of
a private key, the assignments of an ``.env`` file: each of them gives access without the rest, and
stands in texts without it.
It looks at values of the operator alone, and takes no word of a language for a secret.

INVARIANT: every part stands in the value, decoded or as it is
(tests/classification/test_composed.py).
"""

import json
import re
import urllib.parse
from collections.abc import Iterator

from agentguard.vocabulary import KnownValue

SHORTEST_PART = 8
# Deeper than any service account, and far from what the parser would not bear.
DEEPEST = 16
LONGEST_JSON = 1024 * 1024

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,31}://([^/?#\s]+)@[^@\s]*")
_ASSIGNED = re.compile(r"(?:^|[;&?\n])\s{0,8}([A-Za-z_][\w .-]{0,63}?)\s{0,8}=\s{0,8}([^;&\n]+)")
_SECRET_NAME = re.compile(r"(?i)key|secret|token|passw|pwd|auth|cred|sig$")
_KEY_BODY = re.compile(r"-----BEGIN [A-Z0-9 ]{1,40}-----\s+([A-Za-z0-9+/=\s]{64,}?)\s*-----END")
_BODY_LINE = re.compile(r"[A-Za-z0-9+/]{40,}={0,2}")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_QUOTES = "\"' \t"


def with_parts(known: KnownValue) -> Iterator[KnownValue]:
    """Yield a known value and those inside it that are secret by themselves."""
    yield known
    for part in dict.fromkeys(_parts(known.value.strip())):
        if len(part) >= SHORTEST_PART and part != known.value and not _WORD.fullmatch(part):
            yield KnownValue(value=part, data_class=known.data_class)


def _parts(value: str) -> Iterator[str]:
    if value[:1] in ("{", "["):
        yield from _of_json(value)
    for url in _URL.finditer(value):
        _, found, password = url[1].partition(":")
        if found:
            yield password
            yield urllib.parse.unquote(password)
    for assigned in _ASSIGNED.finditer(value):
        if _SECRET_NAME.search(assigned[1]):
            yield assigned[2].strip(_QUOTES)
            yield urllib.parse.unquote(assigned[2].strip(_QUOTES))
    for body in _KEY_BODY.finditer(value):
        yield "".join(body[1].split())
        yield from _BODY_LINE.findall(body[1])


def _of_json(value: str) -> Iterator[str]:
    if len(value) > LONGEST_JSON:
        return
    try:
        tree = json.loads(value)
    except (ValueError, RecursionError):
        # A value that is no JSON is known as a whole.
        return
    waiting = [("", tree, 0)]
    while waiting:
        name, node, depth = waiting.pop()
        if isinstance(node, str) and _SECRET_NAME.search(name):
            yield node
            yield from _parts(node) if node[:1] not in ("{", "[") else ()
        elif depth < DEEPEST and isinstance(node, dict):
            waiting += ((key, each, depth + 1) for key, each in node.items())
        elif depth < DEEPEST and isinstance(node, list):
            waiting += ((name, each, depth + 1) for each in node)
