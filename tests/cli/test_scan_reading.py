# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is the text of a file read whatever its encoding is?"""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentguard.cli.scanning import reading
from agentguard.cli.scanning.reading import NotText, pieces

TEXT = "Grüße, 世界: password\nsecond line\n"


class Slow(io.BytesIO):
    """Gives a few bytes at a time."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Return seven bytes whatever was asked for."""
        return super().read(7)


def read(content: bytes) -> str:
    """Read bytes as a scan does."""
    return "".join(pieces(io.BytesIO(content)))


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be"]
)
def test_unicode_is_read(encoding: str) -> None:
    """UTF-8 is read, UTF-16 and UTF-32 with their mark, and UTF-16 without it."""
    text = TEXT if encoding.startswith("utf-8") or encoding in ("utf-16", "utf-32") else "key=1\n"
    assert read(text.encode(encoding)) == text


@given(st.sampled_from([b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\0\0"]), st.binary(max_size=40))
def test_broken_unicode_ends_no_reading(mark: bytes, content: bytes) -> None:
    """A text that says it is UTF-16 or UTF-32 and is not is read as far as it is, in any pieces."""
    # One half of a character at the end of a file ended the whole scan.
    whole = mark + content
    assert "".join(pieces(Slow(whole))) == read(whole)
    assert "key=1" in read(b"\xff\xfe" + "key=1\n".encode("utf-16-le") + b"A")


def test_what_is_no_utf_8_is_read_byte_by_byte() -> None:
    """A text in Latin-1 is read as such, also where it is UTF-8 before."""
    assert read("Grüße".encode("latin-1")) == "Grüße"
    assert read("Grüße ".encode() + "Maß".encode("latin-1")) == "Grüße Maß"


@pytest.mark.parametrize(
    "content",
    [b"\x7fELF\x02\x01\x01\0\0", b"a\0b" * 20, b"%PDF-1.7\nstream", bytes(200)],
)
def test_binary_files_are_no_text(content: bytes) -> None:
    """Bytes with zeros that are no UTF-16, and PDF files, are no text."""
    with pytest.raises(NotText):
        read(content)


def test_nothing_is_an_empty_text() -> None:
    """An empty file is a text, an empty one."""
    assert read(b"") == ""


@given(st.binary(max_size=60).map(lambda some: some.replace(b"\0", b"")))
def test_the_cut_changes_nothing(content: bytes) -> None:
    """A text is the same whether its bytes come at once or a few at a time."""
    content = b"plain text first" + content
    assert "".join(pieces(Slow(content))) == read(content)


def test_bytes_are_counted() -> None:
    """The bytes of each piece are told, and come to the bytes of the file."""
    told: list[int] = []
    content = b"x" * (reading.PIECE + 1)
    assert len("".join(pieces(io.BytesIO(content), told.append))) == sum(told)
    assert told == [reading.PIECE, 1]
