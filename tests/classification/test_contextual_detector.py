# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Secrets are found by their surroundings, and nothing in the text can switch that off."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.classification.classes import CREDENTIAL
from agentguard.classification.contextual import ContextualDetector
from agentguard.classification.engine import Engine
from agentguard.vocabulary import Profile

DETECTORS = {profile: ContextualDetector(profile) for profile in Profile}
PORTABLE = ContextualDetector(engine=Engine.PORTABLE)
SECRET = "kxq0jUYMcwpV2bOqcMwTVkyLNQ"

PIECES = st.sampled_from(
    [
        *("password", "api_key", "token", "key", "secret", "mot de passe", "id", "sha256", "the"),
        *(
            " ",
            " ",
            "\n",
            "=",
            " = ",
            ": ",
            '"',
            "'",
            "<",
            ">",
            "(",
            ")",
            "&",
            ",",
            ";",
            "://",
            "-",
        ),
        *(SECRET, "hunter2xk9", "5f4dcc3b5aa765d61d8327deb882cf99", "abcdefghijklmnop1234567890"),
        *(
            "\u043f\u0430\u0440\u043e\u043b\u044c",
            "\u00e9",
            "\U0001f511",
            "None",
            "${X}",
            "user.name",
        ),
    ]
)
TEXTS = st.lists(PIECES, max_size=24).map("".join)


def covered(profile: Profile, text: str) -> set[int]:
    """Return the characters that a profile covers."""
    spots = DETECTORS[profile].detect(text)
    return {place for spot in spots for place in range(spot.start, spot.end)}


@given(TEXTS)
@settings(deadline=None)
def test_a_louder_profile_covers_all_that_a_quieter_one_does(text: str) -> None:
    """Nothing is lost by choosing a louder profile."""
    for quiet, loud in pairwise(Profile):
        assert covered(quiet, text) <= covered(loud, text)


@given(TEXTS)
@settings(deadline=None)
def test_findings_lie_inside_the_text(text: str) -> None:
    """Offsets count characters, whatever stands before them, and never leave the text."""
    for spot in DETECTORS[Profile.PARANOID].detect(text):
        assert 0 <= spot.start < spot.end <= len(text)


@given(TEXTS)
@settings(deadline=None)
def test_the_portable_engine_finds_the_same(text: str) -> None:
    """Nothing depends on which engine is installed."""
    assert PORTABLE.detect(text) == DETECTORS[Profile.BALANCED].detect(text)


@given(TEXTS)
@settings(deadline=None)
def test_what_stands_far_before_changes_nothing(text: str) -> None:
    """A finding depends on nothing that a stream has forgotten."""
    near = " \n" + "x y " * 128 + "\n"
    far = f"password token {SECRET} = \n" + near
    found = [(spot.start - len(far), spot.end - len(far)) for spot in _behind(far, text)]
    assert found == [(spot.start - len(near), spot.end - len(near)) for spot in _behind(near, text)]


def _behind(before: str, text: str) -> list:  # type: ignore[type-arg]  # findings
    spots = DETECTORS[Profile.BALANCED].detect(before + text)
    return [spot for spot in spots if spot.end > len(before)]


@pytest.mark.parametrize("comment", ["pragma: allowlist secret", "gitleaks:allow", "nosec", "noqa"])
def test_a_comment_does_not_switch_it_off(comment: str) -> None:
    """What a tool returns cannot ask to be overlooked."""
    text = f'password = "{SECRET}"  # {comment}'
    spots = DETECTORS[Profile.STRICT].detect(text)
    assert {(text[spot.start : spot.end], spot.data_class) for spot in spots} == {
        (SECRET, CREDENTIAL)
    }
