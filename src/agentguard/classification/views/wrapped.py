# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which encoded runs of a text are broken into lines or groups?

Base64 in lines, bytes in hexadecimal with blanks, colons or commas between them, and lines that end
in the soft break of quoted-printable; also tokens that are written letter by letter.

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
from agentguard.matching import deferred

# Lines of base64 have the same length; shorter ones are seldom made.
SHORTEST_LINE = 20
LONGEST_LINE = 128
LONGEST_BREAK = 24
# Two digits for each byte, and something between.
SHORTEST_SPACED = 3 * SHORTEST_TEXT - 1
LONGEST_HALF = 256
SHORTEST_HALVES = 12
FARTHEST_NAME = 64

_BREAK = re.compile(r"[ \t]*(?:\r\n?|\n)[ \t>]{0,16}")
_LAST_LINE = re.compile(r"[A-Za-z0-9+/_-]{1,128}(?=={0,2}[ \t]{0,8}(?:[\r\n\"'`<,;)\]}]|\Z))")
_STANDARD = str.maketrans("-_", "+/")
_HEX = b"0123456789abcdefABCDEF"
_BETWEEN = b" :,;-\n\txX"
# Bytes in hexadecimal take three characters each, so every third one tells where there are none.
_EVERY = 3
_SPACED_BYTES = bytes(115 if code in _HEX + _BETWEEN else 32 for code in range(256))
_SPACED_SAMPLE = b"s" * (SHORTEST_TEXT - 1)
_FURTHER = r"(?:[ :,;\n\t-]{1,4}(?:0[xX])?[0-9a-fA-F]{2})"
_SPACED = re.compile(
    rf"(?<![0-9A-Za-z])(?:0[xX])?[0-9a-fA-F]{{2}}{_FURTHER}{{{SHORTEST_TEXT - 1},}}(?![0-9A-Za-z])"
)
_SPACED_GATE = deferred(rf"[0-9a-fA-F]{{2}}{_FURTHER}{{{SHORTEST_TEXT - 1}}}")
_PAIR = re.compile(r"[0-9a-fA-F]{2}(?![xX])")
_QUOTED_PRINTABLE = re.compile(r"=(?:3D|20|09|2E|[89A-F][0-9A-F])")
_PIECE = re.compile(r"[A-Za-z0-9_+/.~-]{3,256}")
# Without a name before it a random token that was broken means nothing to anybody.
_NAME = re.compile(r"(?i)key|token|secret|passw|pwd|auth|cred|bearer")
# Most random tokens hold letters and digits beside one another, and few words and numbers do.
_MIXED = re.compile(r"[0-9][A-Za-z]|[A-Za-z][0-9]")
_PLAIN = re.compile(
    r"[.-]*(?:[A-Z]?[a-z]{1,15}|[A-Z]{1,9}|[0-9]{1,4}|[a-z]+(?:[_.-][a-z]+)+)[.-]*|[A-Z]+-----"
    # What Kubernetes calls a pod.
    r"|[a-z]+(?:-[a-z0-9]+){1,6}-[bcdfghjklmnpqrstvwxz2456789]{5}"
)
_TIME = re.compile(r"[0-9]{1,4}[-/:.]|[0-9]{1,2}[A-Z][a-z]{2}|[0-9]{2}T[0-9]")
_SOFT_BREAK = re.compile(r"(?<=[!-~])=\r?\n(?=[!-~])")
_SOFT = re.compile(r"=[\r\n]")
# Letter by letter, always with the same between them.
_SPELLED = re.compile(r"(?<![A-Za-z0-9])[!-~](\s|\.)(?:[!-~]\1){14,}[!-~](?![A-Za-z0-9])")
_SPELLED_GATES = (b"a a a a a a", b"nananananana")
# A line break before what a run may hold, in a shape.
_BROKEN = re.compile(rb"na")


def wrapped_sites(text: str, shape: bytes, runs: Runs) -> list[Site]:
    """Return what stands in a text in lines or groups, decoded; not sorted.

    Args:
        text: the text.
        shape: of the text.
        runs: of the text.
    """
    sites = [*_spaced(text), *_halves(text, shape), *_spelled(text, shape)]
    if runs:
        sites += _lines(text, runs)
    # Padding at the end of a line looks the same.
    if _SOFT.search(text) and _QUOTED_PRINTABLE.search(text):
        sites += (Site(*match.span(), "") for match in _SOFT_BREAK.finditer(text))
    return sites


def _spelled(text: str, shape: bytes) -> Iterator[Site]:
    """Yield what stands between the letters of a token that is written letter by letter."""
    if any(gate in shape for gate in _SPELLED_GATES):
        for match in _SPELLED.finditer(text):
            size = len(match[1])
            for place in range(match.start() + 1, match.end() - 1, size + 1):
                yield Site(place, place + size, "")


def _halves(text: str, shape: bytes) -> Iterator[Site]:
    """Yield the line breaks with a half of a random token on either side of them."""
    for broken in _BROKEN.finditer(shape):
        place, behind = broken.start(), broken.start() + 1
        if shape[place - 1 : place] != b"a":
            continue
        left = _PIECE.match(text[max(0, place - LONGEST_HALF) : place][::-1])
        right = _PIECE.match(text, behind)
        if (
            left is not None
            and right is not None
            and left.end() + right.end() - behind >= SHORTEST_HALVES
            and (_MIXED.search(left.group()) or _MIXED.search(right.group()))
            and not _PLAIN.fullmatch(left.group()[::-1])
            and not _PLAIN.fullmatch(right.group())
            and not _TIME.match(right.group())
            and _NAME.search(text, max(0, place - left.end() - FARTHEST_NAME), place)
        ):
            yield Site(place, behind, "")


def _lines(text: str, runs: Runs) -> Iterator[Site]:
    block: list[tuple[int, int]] = []
    for start, end in runs:
        if block and not _follows(text, block, start, end):
            yield from _block(text, block)
            block = []
        if block or SHORTEST_LINE <= end - start <= LONGEST_LINE:
            block.append((start, end))
    yield from _block(text, block)


def _follows(text: str, block: list[tuple[int, int]], start: int, end: int) -> bool:
    """Say whether a run is the next line of a block; one that is shorter is the last."""
    behind = block[-1][1]
    return (
        start - behind <= LONGEST_BREAK
        and end - start <= _size(block[0]) == _size(block[-1])
        and _BREAK.fullmatch(text, behind, start) is not None
    )


def _size(line: tuple[int, int]) -> int:
    return line[1] - line[0]


def _block(text: str, block: list[tuple[int, int]]) -> Iterator[Site]:
    if not block or text[block[-1][1] : block[-1][1] + 1] not in "\r\n \t=":
        return
    last = _last_line(text, block)
    lines = block if last is None else [*block, last]
    if len(lines) < 2:  # noqa: PLR2004 - a line alone is not wrapped
        return
    run = "".join(text[start:end] for start, end in lines).translate(_STANDARD)
    part = readable(decoded_base64(run))
    if part is not None:
        end = lines[-1][1]
        yield Site(lines[0][0], end + padding_at(text, end), part.text)


def _last_line(text: str, block: list[tuple[int, int]]) -> tuple[int, int] | None:
    """Return the last line where it is too short to be a run."""
    between = _BREAK.match(text, block[-1][1])
    if between is None or _size(block[-1]) < _size(block[0]):
        return None
    line = _LAST_LINE.match(text, between.end())
    return line.span() if line is not None and _size(line.span()) < _size(block[0]) else None


def _spaced(text: str) -> Iterator[Site]:
    if len(text) < SHORTEST_SPACED:
        return
    data = text.encode("ascii", "replace")
    if _SPACED_SAMPLE not in data[::_EVERY].translate(_SPACED_BYTES):
        return
    if _SPACED_GATE.find(data, 0, len(data)) is None:
        return
    for match in _SPACED.finditer(text):
        part = readable(bytes.fromhex("".join(_PAIR.findall(match.group()))))
        if part is not None:
            yield Site(*match.span(), part.text)
