# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which long runs of letters of a text are another text in base64 or in hexadecimal?

What decodes to something that reads as text counts, also with other bytes before or behind it;
everything else stays a run of letters.

INVARIANT: the work grows with the text alone, whatever its runs hold
(tests/classification/test_views_runs.py).
"""

import binascii
import codecs
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

from agentguard.classification.views.view import PARTING, Site

SHORTEST_RUN = 16
# So many characters in a row that read as text seldom stand in random bytes, and so many never.
SHORTEST_TEXT = 12
SURE_TEXT = 20
# Runs that are longer than this are judged by their beginning.
LONGEST_JUDGED = 4096
# Only runs so long are tried at other alignments than that of their beginning.
SHORTEST_SHIFTED = 32
MOST_PADDING = 2
# How often what stays beside a text is read again; a run has no more alignments.
MOST_RESTS = 4

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
_CONTROLS = bytes(code for code in (*range(32), 127) if code not in b"\t\n\v\f\r")
# What stands for a character in a shape: of a run, a control, a line break, anything else.
_SHAPES = {**dict.fromkeys(_CONTROLS, "c"), **dict.fromkeys(_ALPHABET, "a"), ord("\n"): "n"}
_SHAPE = bytes(ord(_SHAPES.get(code, " ")) for code in range(256))
_END = re.compile(rb"[^a]")
_LONG_ENOUGH = b"a" * SHORTEST_RUN
_STANDARD = str.maketrans("-_", "+/")
# What the first of each four characters says of the byte that begins with it: it may be a
# character that reads (ASCII), a zero (half a character of UTF-16), or begin one of UTF-8.
_CODES = {
    **dict.fromkeys(b"CDIJKLMNOPQRSTUVWXYZabcdef", "r"),
    **dict.fromkeys(b"wxyz0123456789", "b"),
    ord("A"): "z",
}
_FIRSTS = bytes(ord(_CODES.get(code, " ")) for code in range(256))
_FIRSTS_OF_TEXT = b"r" * (SHORTEST_TEXT // 3)
_FIRSTS_OF_WIDE = b"rzr"
_READABLE = bytes(
    97 if code in b"\t\n\r" or 32 <= code < 127 else 32  # noqa: PLR2004 - ASCII
    for code in range(256)
)
_READS = b"a" * SHORTEST_TEXT
_READS_SURELY = b"a" * SURE_TEXT
_HEX = re.compile(r"(?:0[xX])?([0-9a-fA-F]{24,})")
_HEX_SHAPE = bytes(104 if code in b"0123456789abcdefABCDEF" else 32 for code in range(256))
_HEX_GATE = b"h" * 2 * SHORTEST_TEXT
_UNREADABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")
_LETTER = re.compile(rb"[\xc2-\xf4][\x80-\xbf]")
_WIDE = re.compile(rb"(?:[\t\n\r -~]\x00){6}")


Runs: TypeAlias = Sequence[tuple[int, int]]


class Held(NamedTuple):
    """What a part of a run holds; the offsets count from its beginning."""

    start: int
    end: int
    text: str

    def __repr__(self) -> str:
        return f"Held({self.start}, {self.end})"


def shape_of(text: str) -> bytes:
    """Return a byte for each character: whether a run may hold it, and whether it is a control."""
    return text.encode("ascii", "replace").translate(_SHAPE)


def holds_controls(shape: bytes) -> bool:
    """Say whether a text of this shape holds controls of ASCII."""
    return b"c" in shape


def run_sites(text: str, runs: Runs, escapes: Sequence[Site] = ()) -> list[Site]:
    """Return the encoded runs of a text with what they hold, in order.

    Args:
        text: the text.
        runs: of the text.
        escapes: in order; a run begins behind an escape whose end looks like a part of it.
    """
    sites: list[Site] = []
    passed = 0
    for first, end in runs:
        start = first
        while passed < len(escapes) and escapes[passed].end <= start:
            passed += 1
        if passed < len(escapes) and escapes[passed].start < start:
            start = escapes[passed].end
        sites += _sites_in(text, start, end, MOST_RESTS)
    return sites


def _sites_in(text: str, start: int, end: int, rests: int) -> Iterator[Site]:
    behind = start
    for held in held_in(text[start:end]):
        yield from _rest(text, behind, start + held.start, rests)
        behind = start + held.end
        if behind == end:
            behind += padding_at(text, end)
        yield Site(start + held.start, behind, held.text)
    if behind > start:
        yield from _rest(text, behind, end, rests)


def _rest(text: str, start: int, end: int, rests: int) -> Iterator[Site]:
    """Yield what of a run stays beside what it holds: what that holds, too, or else nothing of it.

    Otherwise the bytes beside a text would look like a token, with or without the letters of that
    text. The text before this view has them still.
    """
    if start < end:
        inside = list(_sites_in(text, start, end, rests - 1)) if rests else []
        yield from inside or (Site(start, end, PARTING),)


def padding_at(text: str, place: int) -> int:
    """Return how many characters of padding stand at a place."""
    behind = text[place : place + MOST_PADDING]
    return len(behind) - len(behind.lstrip("="))


def runs_of(shape: bytes) -> list[tuple[int, int]]:
    """Return the runs that are long enough to hold another text, in order."""
    found: list[tuple[int, int]] = []
    start = shape.find(_LONG_ENOUGH)
    while start >= 0:
        behind = _END.search(shape, start + SHORTEST_RUN)
        end = behind.start() if behind else len(shape)
        found.append((start, end))
        start = shape.find(_LONG_ENOUGH, end)
    return found


def held_in(run: str) -> Sequence[Held]:
    """Return the parts of a run that hold a text."""
    if len(run) >= len(_HEX_GATE) and _HEX_GATE in run.encode("ascii").translate(_HEX_SHAPE):
        held = tuple(_of_hex(run))
        if held:
            return held
    if len(run) < SHORTEST_RUN or run.islower() or run.isupper():
        return ()
    if "-" in run or "_" in run:
        run = run.translate(_STANDARD)
    head = run[: LONGEST_JUDGED + 4].encode("ascii").translate(_FIRSTS)
    for shift in range(4 if len(run) >= SHORTEST_SHIFTED else 1):
        if not _may_read(head[shift::4]):
            continue
        part = readable(decoded_base64(run[shift : shift + LONGEST_JUDGED]))
        if part is not None:
            return _of_base64(run, shift)
    return ()


def _may_read(firsts: bytes) -> bool:
    """Say, before anything is decoded, whether so many bytes in a row may be a text."""
    return _FIRSTS_OF_TEXT in firsts or firsts[:1] == b"b" or _FIRSTS_OF_WIDE in firsts


def _of_hex(run: str) -> Iterator[Held]:
    for match in _HEX.finditer(run):
        for shift in (0, 1):
            start, last = match.start(1) + shift, match.end()
            size = (last - start) // 2
            head = bytes.fromhex(run[start : start + 2 * min(size, LONGEST_JUDGED)])
            if readable(head) is None:
                continue
            part = readable(bytes.fromhex(run[start : start + 2 * size]))
            if part is not None:
                first = start + 2 * part.start
                whole = part.start == 0 and shift == 0
                yield Held(match.start() if whole else first, start + 2 * part.end, part.text)
                break


def _of_base64(run: str, shift: int) -> Sequence[Held]:
    part = readable(decoded_base64(run[shift:]))
    if part is None:
        return ()
    last = shift + -(-part.end // 3) * 4
    end = len(run) if last >= len(run) - 1 else last
    return (Held(shift + part.start // 3 * 4, end, part.text),)


def decoded_base64(run: str) -> bytes:
    """Return the bytes of base64 in the standard alphabet, with or without its padding."""
    # A last character alone stands for no byte, and further padding does not disturb.
    return binascii.a2b_base64((run[:-1] if len(run) % 4 == 1 else run) + "==")


def readable(data: bytes) -> Held | None:
    """Return the part of some bytes that reads as text, None when too little does."""
    shape = data.translate(_READABLE)
    if b" " not in shape:
        return Held(0, len(data), data.decode("ascii")) if len(data) >= SHORTEST_TEXT else None
    start = shape.find(_READS)
    if start < 0:
        return _of_other_letters(data)
    text = _utf8(data)
    if text is not None:
        return Held(0, len(data), _UNREADABLE.sub("\n", text))
    if 2 * shape.count(b"a") < len(shape):
        start = shape.find(_READS_SURELY)
        if start < 0:
            return None
    end = shape.rfind(_READS) + SHORTEST_TEXT
    return Held(start, end, _shown(data[start:end]))


def _of_other_letters(data: bytes) -> Held | None:
    """Return bytes as text that hold no row of ASCII characters."""
    if b"\0" in data and _WIDE.search(data):
        # What is written in UTF-16 has a zero beside each letter.
        return Held(0, len(data), _shown(data.replace(b"\0", b"")))
    if len(data) < SHORTEST_TEXT or not _LETTER.match(data):
        return None
    text = _utf8(data)
    return None if text is None or _UNREADABLE.search(text) else Held(0, len(data), text)


def _utf8(data: bytes) -> str | None:
    """Return bytes as text, None when they are none; a letter may be cut off at the end."""
    try:
        return codecs.utf_8_decode(data, "strict", False)[0]
    except UnicodeDecodeError:
        return None


def _shown(data: bytes) -> str:
    return _UNREADABLE.sub("\n", data.decode("utf-8", "replace"))
