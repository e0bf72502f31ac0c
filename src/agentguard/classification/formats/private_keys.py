# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where does a private key end that begins here?

Extends the header line of a PEM, OpenSSH, PGP, SSH2 or PuTTY key to the end of its body.
With an END line everything up to it is hidden; without one, everything that still looks like
encoded lines.
A key without header lines is told by how its encoding begins, and extended the same way.

INVARIANT: the work grows with the text alone, however many headers there are
(tests/classification/test_private_keys.py).
"""

import base64
import re
from collections.abc import Iterable

from agentguard.classification.engine import NOTHING, Confirm

LONGEST_KEY = 128 * 1024
_OPENING = 52  # characters of base64, which hold the longest header line

# Between two lines there may be a real line break, an escaped one, or any other blank.
_BREAK = rb"(?:\s|\\[nrt]|[\"'+,>|#*])"
_HEADER = rb"[A-Z][A-Za-z0-9-]{1,30}:[ \t][^\r\n\\]{0,200}"
_BODY = re.compile(
    rb"-{0,5}"
    rb"(?:" + _BREAK + rb"{1,40}" + _HEADER + rb"|" + _BREAK + rb"{0,40}[A-Za-z0-9+/=]{16,})*"
    rb"(?:" + _BREAK + rb"{1,40}[A-Za-z0-9+/]{1,75}={0,2}(?=\s|\\|[\"'-]|\Z))?"
)
_END_LINE = re.compile(rb"-{0,5} ?END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{0,5}")
# The lines of a key without header lines: nothing tells that they ended but that they did.
_LINES = re.compile(
    rb"[A-Za-z0-9+/]*={0,2}"
    rb"(?:(?:\r?\n|\\r\\n|\\n)[ \t>]{0,16}[A-Za-z0-9+/]{40,}={0,2})*"
    rb"(?:(?:\r?\n|\\r\\n|\\n)[ \t>]{0,16}[A-Za-z0-9+/]{1,39}={0,2}(?=[\r\n\"'\\]|\Z))?"
)
_PUTTY_END = re.compile(rb"Private-(?:MAC|Hash):\s{0,4}[0-9a-fA-F]{0,128}")


def body(data: bytes, start: int, end: int) -> Iterable[tuple[int, int]]:
    """Confirm a key's header line and extend it to the end of the key."""
    limit = min(len(data), end + LONGEST_KEY)
    header, ending = (
        (b"PuTTY-User-Key-File-", _PUTTY_END)
        if data.startswith(b"PuTTY", start)
        else (b"BEGIN ", _END_LINE)
    )
    following = data.find(header, end, limit)
    if following >= 0:
        limit = following
    closed = ending.search(data, end, limit)
    if closed is not None:
        return ((start, closed.end()),)
    unclosed = _BODY.match(data, end, limit)
    return ((start, unclosed.end() if unclosed is not None else end),)


def unframed(mark: bytes, reach: int = LONGEST_KEY) -> Confirm:
    """Confirm the beginning of a key without header lines, and extend it over its lines.

    Args:
        mark: what every such beginning holds; the next one begins another key.
        reach: how far the lines are read.
    """

    def confirm(data: bytes, start: int, end: int) -> Iterable[tuple[int, int]]:
        limit = min(len(data), end + reach)
        following = data.find(mark, end, limit)
        lines = _LINES.match(data, end, limit if following < 0 else following)
        return ((start, lines.end() if lines is not None else end),)

    return confirm


def encoded(data: bytes, start: int, end: int) -> Iterable[tuple[int, int]]:
    """Confirm a PEM block that is base64 once more, if it is that of a private key."""
    opening = base64.b64decode(data[start : start + _OPENING], validate=True)
    return _encoded_lines(data, start, end) if b"PRIVATE KEY" in opening else NOTHING


_encoded_lines = unframed(b"LS0tLS1CRUdJTi")
