# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which long runs of letters of a text are another text in base64 or in hexadecimal?

What decodes to something that reads as text counts, also with other bytes before or behind it;
everything else stays a run of letters.

INVARIANT: the work grows with the text alone, whatever its runs hold
(tests/classification/test_views_runs.py).
"""

import binascii
import re
from collections.abc import Iterator, Sequence

from agentguard.classification.views.view import Site

SHORTEST_RUN = 16
# So many characters in a row that read as text stand in no random bytes.
SHORTEST_TEXT = 12
# Runs that are longer than this are judged by their beginning.
LONGEST_JUDGED = 4096
# Only runs so long are tried at other alignments than that of their beginning.
SHORTEST_SHIFTED = 32

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
_SHAPE = bytes(97 if code in _ALPHABET else 32 for code in range(256))
_LONG_ENOUGH = b"a" * SHORTEST_RUN
_STANDARD = str.maketrans("-_", "+/")
_READABLE = bytes(97 if code in b"\t\n\r" or 32 <= code < 127 else 32 for code in range(256))  # noqa: PLR2004 - ASCII
_READS = b"a" * SHORTEST_TEXT
_HEX = re.compile(r"(?:0[xX])?((?:[0-9a-fA-F]{2}){8,})")
_UNREADABLE = re.compile("[^\t\n\r -~\x85\xa0-\U0010ffff]")
_WIDE = re.compile(rb"(?:[\t\n\r -~]\x00){6}")


def run_sites(text: str, escapes: Sequence[Site] = ()) -> list[Site]:
    """Return the encoded runs of a text with what they hold, in order.

    Args:
        text: the text.
        escapes: in order; a run begins behind an escape whose end looks like a part of it.
    """
    sites: list[Site] = []
    passed = 0
    for first, end in runs(text):
        start = first
        while passed < len(escapes) and escapes[passed].end <= start:
            passed += 1
        if passed < len(escapes) and escapes[passed].start < start:
            start = escapes[passed].end
        decoded = run_text(text[start:end]) if end - start >= SHORTEST_RUN else None
        if decoded is not None:
            padding = len(text[end : end + 2]) - len(text[end : end + 2].lstrip("="))
            sites.append(Site(start, end + padding, decoded))
    return sites


def runs(text: str) -> Iterator[tuple[int, int]]:
    """Yield the runs of a text that are long enough to hold another, in order."""
    shape = text.encode("ascii", "replace").translate(_SHAPE)
    start = shape.find(_LONG_ENOUGH)
    while start >= 0:
        end = shape.find(b" ", start + SHORTEST_RUN)
        if end < 0:
            end = len(shape)
        yield start, end
        start = shape.find(_LONG_ENOUGH, end)


def run_text(run: str) -> str | None:
    """Return the text that a run holds, None when it holds none."""
    hexadecimal = _HEX.fullmatch(run)
    if hexadecimal is not None:
        decoded = _as_text(bytes.fromhex(hexadecimal[1]))
        if decoded is not None:
            return decoded
    if run.islower() or run.isupper() or run.isdigit():
        return None
    if "-" in run or "_" in run:
        run = run.translate(_STANDARD)
    for shift in range(4 if len(run) >= SHORTEST_SHIFTED else 1):
        decoded = _of_base64(run[shift:] if shift else run)
        if decoded is not None:
            return decoded
    return None


def _of_base64(run: str) -> str | None:
    head = run[: min(len(run), LONGEST_JUDGED) // 4 * 4]
    if _as_text(binascii.a2b_base64(head)) is None:
        return None
    # A last character alone stands for no byte.
    usable = len(run) - (len(run) % 4 == 1)
    return _as_text(binascii.a2b_base64(run[:usable] + "=" * (-usable % 4)))


def _as_text(data: bytes) -> str | None:
    """Return bytes as text if enough of them read as one."""
    if not (data.isascii() and b"\0" not in data):
        if _WIDE.search(data):
            # What is written in UTF-16 has a zero beside each letter.
            return data.replace(b"\0", b"").decode("utf-8", "replace")
        if data.translate(_READABLE).find(_READS) < 0:
            return None
    elif data.translate(_READABLE).find(_READS) < 0:
        return None
    return _UNREADABLE.sub("\n", data.decode("utf-8", "replace"))
