# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which text stands in a file?

UTF-8, or UTF-16 and UTF-32 that say so or look like it. Bytes that are no UTF-8 are read one by
one as Latin-1, so that no text is passed over for its encoding.
It reads piece by piece, and never a whole file.

INVARIANT: the text does not depend on how the bytes are cut into pieces
(tests/cli/test_scan_reading.py).
"""

import codecs
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO

PIECE = 1 << 18
_HEAD = 8192
# Readers of PDF accept other bytes before the header.
_PDF_HEADER_WITHIN = 1024
_MARKED = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# How a byte that is no UTF-8 comes out of the decoder.
_STRAY = re.compile("[\udc80-\udcff]")
_STRAY_SHIFT = 0xDC00


class NotText(Exception):
    """What was opened holds no text."""


def pieces(stream: BinaryIO, count: Callable[[int], None] = lambda _: None) -> Iterator[str]:
    """Read a stream as text.

    Args:
        stream: what is read.
        count: told the number of bytes of each piece.

    Raises:
        NotText: it is binary; told before the first piece.
        OSError: it cannot be read.
    """
    head = stream.read(PIECE)
    codec = _codec(head[:_HEAD])
    # Only of UTF-8 a wrong byte can stand for itself; elsewhere it would end the reading.
    errors = "surrogateescape" if codec.startswith("utf-8") else "replace"
    decoder = codecs.getincrementaldecoder(codec)(errors)
    while head:
        count(len(head))
        # Latin-1 has no letters where UTF-8 has lone surrogates.
        yield _STRAY.sub(_as_latin_1, decoder.decode(head))
        head = stream.read(PIECE)
    yield _STRAY.sub(_as_latin_1, decoder.decode(b"", final=True))


def _as_latin_1(stray: re.Match[str]) -> str:
    return chr(ord(stray[0]) - _STRAY_SHIFT)


def _codec(head: bytes) -> str:
    for mark, codec in _MARKED:
        if head.startswith(mark):
            return codec
    if b"%PDF-" in head[:_PDF_HEADER_WITHIN]:
        raise NotText
    if b"\0" not in head:
        return "utf-8"
    # Most letters of a UTF-16 text have a zero beside them, always on the same side.
    for zeros, letters, codec in (
        (head[1::2], head[::2], "utf-16-le"),
        (head[::2], head[1::2], "utf-16-be"),
    ):
        if zeros.count(0) * 2 > len(zeros) and not letters.count(0):
            return codec
    raise NotText
