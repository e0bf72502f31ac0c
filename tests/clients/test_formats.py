# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What are these bytes: text, or which kind of media?"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.clients.formats import seen

MEDIA = {
    "png": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "image"),
    "jpeg": (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", "image"),
    "gif": (b"GIF89a\x01\x00\x01\x00\x80\xff", "image"),
    "webp": (b"RIFF\x24\x00\x00\x00WEBPVP8 \xff", "image"),
    "bmp": (b"BM\x46\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00\xff", "image"),
    "tiff": (b"II*\x00\x08\x00\x00\x00", "image"),
    "heic": (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00", "image"),
    "avif": (b"\x00\x00\x00\x18ftypavif\x00\x00\x00\x00", "image"),
    "wav": (b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00", "audio"),
    "mp3 with tags": (b"ID3\x04\x00\x00\x00\x00\x00\x23", "audio"),
    "mp3": ((b"\xff\xfb\x90\x64" + bytes(413)) * 2, "audio"),
    "low mp3": ((b"\xff\xf3\x42\xc4" + bytes(101)) * 2, "audio"),
    "aac": ((b"\xff\xf1\x50\x80\x04\x1f\xfc" + bytes(25)) * 2, "audio"),
    "one mp3 frame": (b"\xff\xfb\x90\x64\x00\x0f\xf0\x00", "binary"),
    "reserved rate": (b"\xff\xfb\x9c\x64" * 200, "binary"),
    "ogg": (b"OggS\x00\x02\x00\x00\x01vorbis", "audio"),
    "ogg video": (b"OggS\x00\x02\x00\x00\x80theora", "video"),
    "flac": (b"fLaC\x00\x00\x00\x22", "audio"),
    "m4a": (b"\x00\x00\x00\x20ftypM4A \x00\x00", "audio"),
    "webm audio": (b"\x1aE\xdf\xa3\x9fwebm\x00\x86A_OPUS", "audio"),
    "webm": (b"\x1aE\xdf\xa3\x9fwebm\x00\x86V_VP9\x00A_OPUS", "video"),
    "mp4": (b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00", "video"),
    "mov": (b"\x00\x00\x00\x14ftypqt  \x00\x00", "video"),
    "avi": (b"RIFF\x24\x00\x00\x00AVI LIST\xff", "video"),
    "aiff": (b"FORM\x00\x00\x00\x2aAIFFCOMM", "audio"),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "pdf"),
    "docx": (b"PK\x03\x04\x14\x00\x06\x00", "binary"),
    "gzip": (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", "binary"),
    "unknown": (b"\x00\x01\x02\x03\xfe\xfd", "binary"),
}


@pytest.mark.parametrize("name", MEDIA)
def test_media_are_told_by_their_bytes(name: str) -> None:
    """Each kind of media is known by how it begins."""
    content, data_class = MEDIA[name]
    assert seen(content).data_class == data_class


@settings(deadline=None)
@given(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
)
def test_text_comes_back_byte_for_byte(text: str, codec: str) -> None:
    """What is taken for text encodes to the very bytes that it was read from."""
    content = text.encode(codec)
    what = seen(content)
    if not what.data_class:
        assert what.text.encode(what.codec) == content


@settings(deadline=None)
@given(st.binary(max_size=64))
def test_any_bytes_are_text_or_media(content: bytes) -> None:
    """Bytes are a text that encodes to them, or they have a class."""
    what = seen(content)
    assert what.data_class or what.text.encode(what.codec) == content


@pytest.mark.parametrize("text", ["<svg><text>x</text></svg>", "a,b\n1,2", '{"a": 1}', "GIF89a hi"])
def test_what_can_be_read_is_text(text: str) -> None:
    """Formats of text are text, also one that begins like an image."""
    assert seen(text.encode()).text == text


def test_a_pdf_header_makes_a_pdf_of_a_text() -> None:
    """A text with a PDF header in its first bytes is a PDF, whose readers decode more of it."""
    assert seen(b"GIF89a ordinary text\n%PDF-1.4\nmore").data_class == "pdf"


def test_zeros_between_letters_are_no_text() -> None:
    """UTF-16 without its mark is not read as UTF-8, where no word would be found."""
    assert seen("a secret word".encode("utf-16-le")).data_class == "binary"


def test_a_mark_makes_no_utf_16_of_plain_letters() -> None:
    """A byte order mark before plain letters hides them from nobody."""
    assert seen(b"\xff\xfe" + b"my password is hunter2 and more.").data_class == "binary"
    assert seen("我的密码是这个请不要告诉别人".encode("utf-16")).data_class == ""


def test_reprs_hold_no_text() -> None:
    """What was seen does not print what it read."""
    assert "canary" not in repr(seen(b"canary"))
