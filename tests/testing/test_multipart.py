# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The parts of multipart bodies."""

from hypothesis import given
from hypothesis import strategies as st

from agentguard.testing.multipart import parse_parts

BOUNDARY = "4f2a"
TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def body_of(*contents: bytes) -> bytes:
    """Return a form with one file for each content."""
    heads = (
        f'Content-Disposition: form-data; name="f{number}"; filename="n{number}.bin"\r\n'
        "Content-Type: application/x-test\r\n\r\n"
        for number in range(len(contents))
    )
    parts = (
        b"--" + BOUNDARY.encode() + b"\r\n" + head.encode() + content + b"\r\n"
        for head, content in zip(heads, contents, strict=True)
    )
    return b"".join(parts) + b"--" + BOUNDARY.encode() + b"--\r\n"


@given(st.lists(st.binary(max_size=200).filter(lambda content: b"--4f2a" not in content)))
def test_contents_come_back_byte_for_byte(contents: list[bytes]) -> None:
    """Each part comes back with its names, its type and exactly its bytes."""
    parts = parse_parts(TYPE, body_of(*contents))
    assert [part.content for part in parts] == contents
    assert [(part.name, part.filename, part.content_type) for part in parts] == [
        (f"f{number}", f"n{number}.bin", "application/x-test") for number in range(len(contents))
    ]


@given(st.binary(max_size=300))
def test_damaged_bodies_are_read_as_far_as_they_go(body: bytes) -> None:
    """Whatever stands in a body, reading it raises nothing."""
    parse_parts(TYPE, b"--4f2a\r\n" + body)


def test_a_field_has_no_file_name() -> None:
    """A field of a form has a name and content and no file name."""
    body = b'--4f2a\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--4f2a--'
    (part,) = parse_parts('multipart/form-data; boundary="4f2a"', body)
    assert (part.name, part.filename, part.content) == ("purpose", None, b"batch")


def test_a_quoted_name_that_is_encoded_is_kept_as_it_came() -> None:
    """The encoded form of a file name is given as it stands."""
    body = b"--4f2a\r\nContent-Disposition: form-data; filename*=UTF-8''a%20b\r\n\r\nx\r\n--4f2a--"
    (part,) = parse_parts(TYPE, body)
    assert (part.name, part.filename) == ("", "UTF-8''a%20b")


def test_other_bodies_have_no_parts() -> None:
    """A body of another type, or without a boundary, has no parts."""
    assert parse_parts("application/json", body_of(b"x")) == ()
    assert parse_parts("multipart/form-data", body_of(b"x")) == ()


def test_a_repr_shows_counts_only() -> None:
    """A part shows neither names nor content."""
    (part,) = parse_parts(TYPE, body_of(b"canary"))
    assert repr(part) == "Part(2 headers, 6 bytes)"
