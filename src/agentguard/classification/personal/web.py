# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where does the address of a page end, and is a name with dots one?

It is asked only where a policy names the class.

INVARIANT: what closes a sentence or a bracket does not belong to the address
(tests/classification/test_personal_web.py).
"""

import re
from collections.abc import Iterable

from agentguard.classification.engine import NOTHING

_TRAILING = b".,;:!?'\"*_~"
_MOST_TRAILING = 8
_PAIRS = {b")": b"(", b"]": b"[", b"}": b"{"}
_IN_NAME = re.compile(rb"[\w@.-]\Z")

# Endings under which most pages stand; any other ending needs a scheme in front.
_ENDINGS = (
    "com|org|net|edu|gov|mil|int|info|biz|io|ai|app|dev|co|me|tv|uk|de|fr|es|it|nl|be|ch|at|pl|pt|"
    "se|no|dk|fi|ie|gr|cz|hu|ro|bg|hr|si|sk|ua|ru|tr|il|in|cn|jp|kr|tw|hk|sg|au|nz|ca|mx|br|ar|cl|"
    "za|eu|us|xyz|online|site|shop|store|blog|cloud|tech"
)
KEYWORDS = (
    *("://", "www.", "Www.", "WWW."),
    *(f".{ending}" for ending in _ENDINGS.split("|")),
    *(f".{ending.upper()}" for ending in ("com", "org", "net")),
)
PATTERN = (
    r"""(?i)(?:\b(?:https?|ftp|wss?)://[^\s<>"'`|\\^]+"""
    r"""|\bwww\.[^\s<>"'`|\\^]+"""
    r"""|\b(?:[a-z0-9\x{C0}-\x{1FFF}\x{3041}-\x{D7FF}][a-z0-9\x{C0}-\x{1FFF}\x{3041}-\x{D7FF}-]*\.)+"""
    rf"""(?:{_ENDINGS})\b(?:[:/?#][^\s<>"'`|\\^]*)?)"""
)


def confirmed(data: bytes, start: int, end: int) -> Iterable[tuple[int, int]]:
    """Confirm the address of a page, without what only stands behind it."""
    if b"://" not in data[start:end] and _IN_NAME.search(data, max(0, start - 1), start):
        return NOTHING
    placeholder = data.find(b"[[", start, end)
    if placeholder > start:
        end = placeholder
    for _ in range(_MOST_TRAILING):
        last = data[end - 1 : end]
        opening = _PAIRS.get(last)
        if last in _TRAILING or (
            opening is not None and data.count(last, start, end) > data.count(opening, start, end)
        ):
            end -= 1
        else:
            break
    return ((start, end),)
