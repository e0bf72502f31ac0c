# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is every token read in one way, or not at all?"""

import base64
import json

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard import TokenRefused
from agentguard.issuers.parsing import LONGEST_TOKEN, parse
from agentguard.testing.issuer import encoded

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=8), JSON, max_size=4)


def compact(header: object, claims: object, signature: bytes) -> str:
    """A token over any values."""
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(encoded(part).decode() for part in parts)


@settings(deadline=None, max_examples=100)
@given(header=OBJECTS, claims=OBJECTS, signature=st.binary(min_size=1, max_size=70))
def test_a_token_is_read_as_it_was_written(
    header: dict[str, object], claims: dict[str, object], signature: bytes
) -> None:
    """Header, claims, signature and the bytes that are signed come back."""
    text = compact(header, claims, signature)
    token = parse(text)
    assert (token.header, token.claims, token.signature) == (header, claims, signature)
    assert token.signed.decode() == text.rpartition(".")[0]


@settings(deadline=None, max_examples=200)
@given(
    text=st.text(max_size=60) | st.text("AQgew=+/-_.\n", max_size=60),
)
def test_anything_else_is_refused(text: str) -> None:
    """No text ends in another error than a refusal."""
    try:
        token = parse(text)
    except TokenRefused:
        return
    assert text == f"{token.signed.decode()}.{encoded(token.signature).decode()}"


@settings(deadline=None, max_examples=100)
@given(claims=OBJECTS, place=st.integers(0, 200), letter=st.characters())
def test_a_changed_letter_changes_what_is_read(
    claims: dict[str, object], place: int, letter: str
) -> None:
    """Two texts are never the same token: whatever is changed, something else is read."""
    text = compact({"alg": "ES256"}, claims, b"signature")
    place %= len(text)
    changed = text[:place] + letter + text[place + 1 :]
    try:
        token = parse(changed)
    except TokenRefused:
        return
    before = parse(text)
    same = (token.signed, token.signature) == (before.signed, before.signature)
    assert same == (changed == text)


def test_what_another_library_makes_is_read() -> None:
    """A token that PyJWT signed is taken apart into what it said."""
    token = parse(jwt.encode({"sub": "alice"}, "s" * 32, algorithm="HS256"))
    assert token.claims == {"sub": "alice"}


def test_a_token_shows_nothing_of_itself() -> None:
    """The repr of a token holds neither claims nor signature."""
    shown = repr(parse(compact({"alg": "canary"}, {"sub": "canary"}, b"canary")))
    assert "canary" not in shown
    assert base64.b64encode(b"canary").decode() not in shown


@pytest.mark.parametrize("length", [LONGEST_TOKEN, LONGEST_TOKEN + 1])
def test_long_tokens_are_refused_before_they_are_read(length: int) -> None:
    """The limit is told apart from what is no token."""
    with pytest.raises(TokenRefused) as caught:
        parse("." * length)
    assert caught.value.problem == ("malformed" if length == LONGEST_TOKEN else "too_long")
