# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What are these bytes: text, or which kind of media?

Judges by the bytes alone; what a request declares them to be changes nothing. Text is what can be
read as text in full: UTF-8, or UTF-16 and UTF-32 that say so. SVG, HTML, CSV and JSON are text.
It does not look into media: what stands in an image, or in its metadata, is not inspected.

INVARIANT: what is taken for text is given back byte for byte (tests/clients/test_formats.py).
INVARIANT: a document that starts with a PDF header is a PDF, whatever else it is (same file).
"""

import codecs
import re
from dataclasses import dataclass, field

IMAGE = "image"
AUDIO = "audio"
VIDEO = "video"
PDF = "pdf"
BINARY = "binary"

# Readers of PDF accept other bytes before the header.
_PDF_HEADER_WITHIN = 1024
_CODECS_WITHIN = 4096
_MARKED = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Bytes that read as such a line of text are no UTF-16, whatever the mark before them says.
_PLAIN_LINE = re.compile(rb"[\t\r\n\x20-\x7e]{16}")

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", IMAGE),
    (b"\xff\xd8\xff", IMAGE),
    (b"GIF87a", IMAGE),
    (b"GIF89a", IMAGE),
    (b"II*\x00", IMAGE),
    (b"MM\x00*", IMAGE),
    (b"\x00\x00\x01\x00", IMAGE),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", IMAGE),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", IMAGE),
    (b"ID3", AUDIO),
    (b"fLaC", AUDIO),
    (b"\x00\x00\x01\xba", VIDEO),
    (b"\x00\x00\x01\xb3", VIDEO),
)
_RIFF = {b"WEBP": IMAGE, b"WAVE": AUDIO, b"AVI ": VIDEO}
_IMAGE_BRANDS = frozenset(
    {b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis"}
)
_AUDIO_BRANDS = frozenset({b"M4A ", b"M4B ", b"M4P ", b"F4A "})
_FRAME_HEADER = 6
_MPEG_1 = 3
_MP3_RATES = {
    _MPEG_1: (44100, 48000, 32000),
    2: (22050, 24000, 16000),
    0: (11025, 12000, 8000),
}
_MP3_BITRATES = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MP3_LOW_BITRATES = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_BMP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What some bytes are.

    Attributes:
        data_class: the class of media, empty for text.
        text: the text, when it is one.
        codec: how the text is encoded.
    """

    data_class: str
    text: str = field(default="", repr=False)
    codec: str = "utf-8"


def seen(content: bytes) -> Seen:
    """Say what *content* is, and read it when it is text."""
    if b"%PDF-" in content[:_PDF_HEADER_WITHIN]:
        return Seen(data_class=PDF)
    return _text(content) or Seen(data_class=_media(content))


def _text(content: bytes) -> Seen | None:
    codec = next((codec for mark, codec in _MARKED if content.startswith(mark)), "utf-8")
    if codec != "utf-8" and _PLAIN_LINE.search(content):
        return None
    try:
        text = content.decode(codec)
    except UnicodeDecodeError:
        return None
    # UTF-16 without its mark reads as UTF-8 with zeros between the letters.
    if "\0" in text:
        return None
    return Seen(data_class="", text=text, codec=codec)


def _media(content: bytes) -> str:
    for magic, data_class in _MAGIC:
        if content.startswith(magic):
            return data_class
    if content[:4] == b"RIFF":
        return _RIFF.get(content[8:12], BINARY)
    if content[4:8] == b"ftyp":
        return _by_brand(content[8:12])
    return _by_structure(content)


def _by_brand(brand: bytes) -> str:
    if brand in _IMAGE_BRANDS:
        return IMAGE
    return AUDIO if brand in _AUDIO_BRANDS else VIDEO


def _by_structure(content: bytes) -> str:
    head = content[:_CODECS_WITHIN]
    if head[:4] == b"\x1aE\xdf\xa3":
        return AUDIO if b"A_" in head and b"V_" not in head else VIDEO
    if head[:4] == b"OggS":
        return VIDEO if b"theora" in head else AUDIO
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return AUDIO
    if head[:2] == b"BM" and _is_bitmap(head):
        return IMAGE
    return AUDIO if _starts_with_frames(content) else BINARY


def _is_bitmap(head: bytes) -> bool:
    return head[6:10] == bytes(4) and int.from_bytes(head[14:18], "little") in _BMP_HEADERS


def _starts_with_frames(content: bytes) -> bool:
    """Say whether two frames of MPEG audio stand one behind the other at the start."""
    length = _frame_length(content)
    return 0 < length < len(content) and _frame_length(content[length:]) > 0


def _frame_length(content: bytes) -> int:
    """Return the length of the MP3 or AAC frame that starts here, 0 where none does."""
    if len(content) < _FRAME_HEADER or content[0] != 0xFF:  # noqa: PLR2004 - the sync bits
        return 0
    if content[1] & 0xF6 == 0xF0:  # noqa: PLR2004 - the sync bits and the layer of AAC
        return (content[3] & 3) << 11 | content[4] << 3 | content[5] >> 5
    version, bitrate = content[1] >> 3 & 3, content[2] >> 4
    rate = _MP3_RATES.get(version, ())[content[2] >> 2 & 3 :]
    if content[1] & 0xE6 != 0xE2 or not rate or bitrate in (0, 15):  # noqa: PLR2004 - layer III
        return 0
    scale, rates = (144, _MP3_BITRATES) if version == _MPEG_1 else (72, _MP3_LOW_BITRATES)
    return scale * rates[bitrate - 1] * 1000 // rate[0] + (content[2] >> 1 & 1)
