# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Runs of base64 and hexadecimal are read when they hold a text, whole, broken, or among others."""

import base64
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.classification.views.runs import run_sites, runs_of, shape_of
from agentguard.classification.views.view import Site
from agentguard.classification.views.wrapped import wrapped_sites

TEXT = "the password is swordfish-77"
NOISE = random.Random(9).randbytes(120)  # noqa: S311 - the same in every run


def b64(content: bytes | str) -> str:
    """Base64 of text or bytes."""
    return base64.b64encode(content.encode() if isinstance(content, str) else content).decode()


def url_safe(content: str) -> str:
    """Base64 in the alphabet for URLs, without padding."""
    return b64(content).translate(str.maketrans("+/", "-_")).rstrip("=")


def read(text: str) -> list[tuple[str, str]]:
    """The encoded runs of a text, and what they hold."""
    sites = run_sites(text, runs_of(shape_of(text)))
    return [(text[site.start : site.end], site.instead) for site in sites if site.instead.strip()]


def read_over_blanks(text: str) -> list[tuple[str, str]]:
    """What is broken in a text, and what it holds."""
    shape = shape_of(text)
    sites = wrapped_sites(text, shape, runs_of(shape))
    return [(text[site.start : site.end], site.instead) for site in sites]


@settings(deadline=None, max_examples=200)
@given(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=12, max_size=60),
    st.sampled_from(("", "=", ": ", '"', "(", "k=")),
    st.sampled_from((b64, url_safe)),
)
def test_a_run_that_holds_text_is_read(
    text: str, before: str, encode: Callable[[str], str]
) -> None:
    """Any text in base64, padded or not, in either alphabet, and in hexadecimal."""
    encoded = encode(text)
    if not (encoded.islower() or encoded.isupper()):
        assert (encoded, text) in read(f"{before}{encoded} and")
    written = text.encode().hex()
    assert read(f"{before}{written} and") == [(written, text)]
    assert read(f"{before}0x{written.upper()} and") == [(f"0x{written.upper()}", text)]


def test_bytes_beside_a_text_are_parted_from_it() -> None:
    """What no text can be read from looks like no token beside the text that was read."""
    run = b64(NOISE[:27] + b"\x80" * 3 + TEXT.encode() + b"\x80" * 3 + NOISE[30:57])
    text = f"<{run}>"
    sites = run_sites(text, runs_of(shape_of(text)))
    assert [site.instead for site in sites] == ["\n", TEXT, "\n"]
    assert "".join(text[site.start : site.end] for site in sites) == run.rstrip("=")


def test_two_texts_in_one_run_are_both_read() -> None:
    """A second text in base64, joined to another one, is read beside it."""
    text = f"{b64(TEXT).rstrip('=')}_{b64(TEXT * 2)}"
    first, second = (held for _, held in read(text))
    assert first == TEXT
    assert second.endswith(f"swordfish-77{TEXT}")


@pytest.mark.parametrize("before", [0, 1, 2, 3, 8])
@pytest.mark.parametrize("behind", [0, 1, 5])
def test_a_text_among_other_bytes_is_read(before: int, behind: int) -> None:
    """What reads as text among bytes that do not is read, and its characters are known."""
    content = NOISE[:before] + TEXT.encode() + NOISE[:behind]
    ((run, held),) = read(b64(content))
    assert TEXT in held
    assert TEXT in base64.b64decode(f"{run.rstrip('=')}===").decode("latin-1")


@pytest.mark.parametrize("glued", ["path/", "a/", "ab-", "x", "Q"])
def test_what_is_glued_to_a_run_hides_nothing(glued: str) -> None:
    """A run is read at whichever of its characters the encoding begins."""
    ((_, held),) = read(f"{glued}{b64(TEXT)}")
    assert TEXT in held


@pytest.mark.parametrize(
    "text",
    [
        b64(NOISE),
        NOISE.hex(),
        "d41d8cd98f00b204e9800998ecf8427e",
        "0123456789012345678901234567890123456789",
        "someVeryLongIdentifierInCamelCaseThatGoesOn",
        "/usr/lib/python3/dist-packages/Some_Module/sub",
        "x" * 500,
        "SGVsbG8=",
    ],
)
def test_other_runs_are_left(text: str) -> None:
    """Random bytes, hashes, numbers, names and paths are no text."""
    assert read(text) == []
    assert read_over_blanks(text) == []


def test_texts_in_other_letters_are_read() -> None:
    """Texts that are not ASCII are read, and those in two bytes a letter."""
    other = "\u043f\u0430\u0440\u043e\u043b\u044c \u0438 \u0441\u043b\u043e\u0432\u043e"
    assert read(b64(other)) == [(b64(other), other)]
    assert read(b64(TEXT.encode("utf-16-le"))) == [(b64(TEXT.encode("utf-16-le")), TEXT)]


def test_an_escape_in_front_of_a_run_is_no_part_of_it() -> None:
    """The digits of a URL escape are not the first of the run behind it."""
    sites = run_sites(text := f"%2F{b64(TEXT)}", runs_of(shape_of(text)), [Site(0, 3, "/")])
    assert [site.instead for site in sites] == [TEXT]
    assert sites[0].start == 3


@pytest.mark.parametrize("width", [20, 60, 76])
@pytest.mark.parametrize("between", ["\n", "\r\n", "\n    ", "\n> "])
def test_base64_in_lines_is_read(width: int, between: str) -> None:
    """Lines of base64 are one run, to the last line, however short it is."""
    encoded = b64(TEXT * 9)
    lines = between.join(encoded[at : at + width] for at in range(0, len(encoded), width))
    assert read_over_blanks(f"see:\n{lines}\nand more") == [(lines, TEXT * 9)]


@pytest.mark.parametrize(
    "written",
    [
        TEXT.encode().hex(" "),
        TEXT.encode().hex(":").upper(),
        TEXT.encode().hex("-"),
        ", ".join(f"0x{byte:02x}" for byte in TEXT.encode()),
        ",".join(f"0X{byte:02X}" for byte in TEXT.encode()),
        TEXT.encode().hex(" ", 1).replace(" ", "\n", 1),
    ],
)
def test_bytes_with_something_between_are_read(written: str) -> None:
    """Bytes in hexadecimal with blanks, colons, hyphens or commas between them are read."""
    assert read_over_blanks(f"bytes {{{written}}};") == [(written, TEXT)]


def test_numbers_in_columns_are_left() -> None:
    """Dates, times and tables of numbers are no text."""
    for text in ("2024-11-22 10:23:45, 12 34 56 78 90 12 34 56 78 90 12 34 56", "10 20 30 " * 20):
        assert read_over_blanks(text) == []


def test_a_soft_break_goes_where_text_is_quoted_printable() -> None:
    """The break at the end of a line goes; padding that looks the same stays."""
    assert read_over_blanks("a=3Dswordf=\nish") == [("=\n", "")]
    assert read_over_blanks("hash Q/e+OJ2C=\nand") == []


@pytest.mark.parametrize(
    "text",
    [
        "the words in front of a1b2c3d4e5f6\na7b8c9d0e1f2",
        "the key is a1b2c3d4e5f6\nand the rest is prose",
        "the key is known to them\na7b8c9d0e1f2",
        "token id 4711ab77cd\n2024-11-22T10:23:45 next",
    ],
)
def test_lines_of_prose_and_logs_are_not_put_together(text: str) -> None:
    """Without a name, and beside words and times, nothing random continues."""
    assert read_over_blanks(text) == []


def test_halves_of_a_token_are_put_together() -> None:
    """Behind a name both halves of something random are one."""
    assert read_over_blanks("api_token = a1b2c3d4e5f6\na7b8c9d0e1f2") == [("\n", "")]
