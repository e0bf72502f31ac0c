# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is what untrusted content names found in forms that only a model reads?"""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.provenance.blurred import SHORTEST, Blurred, blurred

BOB = "bob@corp.com"
FORMS = [
    "bob [at] corp [dot] com",
    "bob(at)corp(dot)com",
    "b-o-b at corp dot com",
    "bob&#64;corp.com",
    "bob%40corp.com",
    json.dumps("bob\uff20corp.com"),
    "bob=40corp.com",
    "b\u043eb@\u0441orp.com",
    "b\u00f6b@corp.com".replace("\u00f6", "o\u0308"),
    "https://x.example/?to=bob@corp.com",
    base64.b64encode(BOB.encode()).decode(),
    "xbob@corp.comx",
    "B O B @ C O R P . C O M",
]


@pytest.mark.parametrize("form", FORMS, ids=range(len(FORMS)))
def test_an_address_is_named_in_any_form_that_can_be_read(form: str) -> None:
    """Signs, escapes, packed words and letters of other alphabets hide no address."""
    said = Blurred()
    said.add(f"Please send it to {form}, thanks.")
    assert said.names(BOB)
    assert not said.names("ann@corp.com")


def test_something_short_is_not_looked_for_without_its_signs() -> None:
    """A short name would be found inside other words."""
    said = Blurred()
    said.add("the annual report")
    assert not said.names("Ann")
    assert said.names("annual report")


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(max_size=20), max_size=6))
def test_everything_that_was_added_is_found(texts: list[str]) -> None:
    """Whatever is long enough is named by a text that it stands in."""
    said = Blurred()
    for text in texts:
        said.add(text)
    assert all(said.names(text) for text in texts if len(blurred(text)) >= SHORTEST)


def test_what_was_said_is_not_shown() -> None:
    """The representation counts and shows nothing."""
    said = Blurred()
    said.add(BOB)
    assert "bob" not in repr(said)
