# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which bytes does a text stand for, in base64 or in a data URI?"""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.clients.encodings import (
    Encoded,
    decoded,
    encoded_like,
    from_base64,
    whole_data_uri,
)

PREFIXES = ["", "data:text/plain;base64,", "data:text/plain,", "data:,"]


@settings(deadline=None)
@given(st.binary(max_size=40), st.booleans(), st.booleans())
def test_both_alphabets_are_read(content: bytes, url_safe: bool, padded: bool) -> None:  # noqa: FBT001 - drawn
    """Either alphabet gives the bytes back, with padding or without."""
    encode = base64.urlsafe_b64encode if url_safe else base64.b64encode
    body = encode(content).decode()
    assert from_base64(body if padded else body.rstrip("=")) == content


@pytest.mark.parametrize(
    "body", ["ab=c", "a", "ab-c+d==", "ab!c", "abc===", "ab cd é", "=", "abc=d"]
)
def test_what_readers_differ_on_is_not_read(body: str) -> None:
    """Garbage, mixed alphabets and wrong padding have no bytes."""
    assert from_base64(body) is None


@pytest.mark.parametrize(
    "body", ["aGVs\nbG8=", " aGVs bG8=", "aGVsbG8%3D", "aGVsbG8\\u003d", "aGVsbG8\\u003D"]
)
def test_white_space_and_escapes_are_read(body: str) -> None:
    """Lines, percent escapes and the escapes of JSON change nothing."""
    assert from_base64(body) == b"hello"


def test_an_escaped_slash_is_a_slash() -> None:
    """A JSON text may write every slash with a backslash before it."""
    body = base64.b64encode(b"\xff\xff\xff").decode()
    assert from_base64(body.replace("/", "\\/")) == b"\xff\xff\xff"


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=40), st.binary(max_size=40), st.sampled_from(PREFIXES))
def test_changed_content_keeps_its_form(before: bytes, after: bytes, prefix: str) -> None:
    """What is encoded like another text reads back as what was encoded."""
    like = Encoded(prefix, base64.b64encode(before).decode())
    text = encoded_like(after, like)
    assert text.startswith(prefix)
    assert decoded(Encoded(prefix, text.removeprefix(prefix))) == after


def test_a_data_uri_has_two_parts() -> None:
    """The prefix ends with the comma; other texts have no parts."""
    assert whole_data_uri("data:text/plain;base64,aGk=") == ("data:text/plain;base64,", "aGk=")
    assert whole_data_uri("DATA:,x") == ("DATA:,", "x")
    assert whole_data_uri("data: one, two") is None


@pytest.mark.parametrize(
    ("prefix", "plain"),
    [
        ("data:text/plain;charset=utf-8;base64,", True),
        ("data:text/plain;base64,", True),
        ("data:text/plain;charset=utf-7;base64,", False),
        ("data:text/plain;charset=iso-2022-jp,", False),
    ],
)
def test_a_charset_may_make_another_text(prefix: str, *, plain: bool) -> None:
    """Charsets in which the same bytes say something else are known as such."""
    assert Encoded(prefix, "").has_plain_charset is plain


def test_what_is_encoded_is_not_in_its_repr() -> None:
    """The repr of a text in two parts holds neither."""
    assert "c2VjcmV0" not in repr(Encoded("data:text/plain;base64,", "c2VjcmV0"))
