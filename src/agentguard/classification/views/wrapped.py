# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which encoded runs of a text are broken into lines or groups?

Base64 in lines, bytes in hexadecimal with blanks, colons or commas between them, and lines that end
in the soft break of quoted-printable.

INVARIANT: the work grows with the text alone (tests/classification/test_views_runs.py).
"""

import re
from collections.abc import Iterator

from agentguard.classification.views.runs import (
    SHORTEST_TEXT,
    Runs,
    decoded_base64,
    padding_at,
    readable,
)
from agentguard.classification.views.view import Site

# Lines of base64 have the same length; shorter ones are seldom made.
SHORTEST_LINE = 20
LONGEST_LINE = 128
LONGEST_BREAK = 24

_BREAK = re.compile(r"[ \t]*(?:\r\n?|\n)[ \t>]{0,16}")
_LAST_LINE = re.compile(r"[A-Za-z0-9+/_-]{1,128}(?![A-Za-z0-9+/_-])")
_STANDARD = str.maketrans("-_", "+/")
_BYTES = bytes(104 if code in b"0123456789abcdefABCDEF" else 32 for code in range(256))
_BETWEEN = b" :,;-\n\txX"
_GATE = b"h" * 2 * SHORTEST_TEXT
_SPACED = re.compile(
    rf"(?<![0-9A-Za-z])(?:0[xX])?[0-9a-fA-F]{{2}}(?:[ :,;\n\t-]{{1,4}}(?:0[xX])?[0-9a-fA-F]{{2}}){{{SHORTEST_TEXT - 1},}}(?![0-9A-Za-z])"
)
_PAIR = re.compile(r"[0-9a-fA-F]{2}(?![xX])")
_QUOTED_PRINTABLE = re.compile(r"=(?:3D|20|09|2E|[89A-F][0-9A-F])")
_SOFT_BREAK = re.compile(r"(?<=[!-~])=\r?\n(?=[!-~])")


def wrapped_sites(text: str, runs: Runs) -> list[Site]:
    """Return what stands in a text in lines or groups, decoded; not sorted.

    Args:
        text: the text.
        runs: of the text.
    """
    sites = list(_spaced(text))
    if runs:
        sites += _lines(text, runs)
    # Padding at the end of a line looks the same.
    if ("=\n" in text or "=\r" in text) and _QUOTED_PRINTABLE.search(text):
        sites += (Site(*match.span(), "") for match in _SOFT_BREAK.finditer(text))
    return sites


def _lines(text: str, runs: Runs) -> Iterator[Site]:
    block: list[tuple[int, int]] = []
    longest = 0
    for start, end in runs:
        if block:
            behind = block[-1][1]
            if (
                start - behind > LONGEST_BREAK
                or end - start > longest
                or _BREAK.fullmatch(text, behind, start) is None
            ):
                yield from _block(text, block)
                block = []
        if block:
            block.append((start, end))
        elif SHORTEST_LINE <= end - start <= LONGEST_LINE:
            block, longest = [(start, end)], end - start
    yield from _block(text, block)


def _block(text: str, block: list[tuple[int, int]]) -> Iterator[Site]:
    if not block or text[block[-1][1] : block[-1][1] + 1] not in "\r\n \t=":
        return
    between = _BREAK.match(text, block[-1][1])
    last = _LAST_LINE.match(text, between.end()) if between else None
    if last is not None and last.end() - last.start() <= block[0][1] - block[0][0]:
        block = [*block, last.span()]
    if len(block) < 2:  # noqa: PLR2004 - a line alone is not wrapped
        return
    run = "".join(text[start:end] for start, end in block).translate(_STANDARD)
    part = readable(decoded_base64(run))
    if part is not None:
        end = block[-1][1]
        yield Site(block[0][0], end + padding_at(text, end), part.text)


def _spaced(text: str) -> Iterator[Site]:
    if _GATE not in text.encode("ascii", "replace").translate(_BYTES, _BETWEEN):
        return
    for match in _SPACED.finditer(text):
        part = readable(bytes.fromhex("".join(_PAIR.findall(match.group()))))
        if part is not None:
            yield Site(*match.span(), part.text)
