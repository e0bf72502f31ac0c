# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is left out for speed holds nothing: every gate lets through what is looked for behind it."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.classification.contextual import ContextualDetector
from agentguard.classification.personal import PersonalNumbers
from agentguard.classification.views import folding, runs, views_of
from agentguard.classification.views.escapes import escape_sites
from agentguard.classification.views.wrapped import SHORTEST_SPACED, wrapped_sites
from agentguard.vocabulary import Profile

READABLE = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), max_size=24)
BYTES = st.one_of(
    READABLE.map(str.encode),
    READABLE.map(lambda text: text.encode("utf-16-le")),
    READABLE.map(lambda text: text.encode("utf-16-be")),
    st.binary(max_size=40),
)
LETTERS = st.sampled_from(
    "aZ09_-. ()/@é\u00df\u0410\u0430\u03bf\u2013\u2019\u200b\u0301\u00a0\uff20\uff21\uff10\U0001d400"
    "\u0663\u4f60\U000e0041\u2161\u24b6"
)
ALWAYS = ("%41", "\\u0041", "&#65;", "=41=42", "\x00", "\uff21", "YWJjZGVmZ2hpamts")


@settings(deadline=None, max_examples=300)
@given(st.lists(BYTES, min_size=1, max_size=3).map(b"".join))
def test_a_run_that_reads_is_decoded(content: bytes) -> None:
    """What reads as text once it is decoded is never taken for a run that cannot."""
    run = base64.b64encode(content).decode().rstrip("=")
    if len(run) < runs.SHORTEST_RUN or run.islower() or run.isupper():
        return
    if runs.readable(runs.decoded_base64(run)) is not None:
        assert runs.held_in(run)


@settings(deadline=None, max_examples=300)
@given(st.text(LETTERS, max_size=12))
def test_what_reads_otherwise_passes_the_gate(text: str) -> None:
    """A text in which something reads otherwise than it is written is never left early."""
    reads_otherwise = folding._TELLING.search(text) is not None
    assert bool(folding.folded_sites(text)) == reads_otherwise


@settings(deadline=None, max_examples=300)
@given(
    st.lists(
        st.one_of(st.sampled_from(ALWAYS), st.text(st.characters(max_codepoint=126), max_size=8)),
        max_size=5,
    ).map("".join)
)
def test_short_texts_that_hold_something_are_decoded(text: str) -> None:
    """A short text has views whenever something in it can be decoded."""
    text = text[: SHORTEST_SPACED - 1]
    shape = runs.shape_of(text)
    found = runs.runs_of(shape)
    decodes = escape_sites(text) or runs.run_sites(text, found) or wrapped_sites(text, shape, found)
    views = views_of(text)
    assert bool(views.over_blanks) == bool(decodes or folding.folded_sites(text))


@pytest.mark.parametrize("text", ["pw=a8!kQ2z9", "pwd: a8!kQ2z9", "PW='a8!kQ2z9'", "pw a8!kQ2z9x1"])
def test_short_assignments_are_found(text: str) -> None:
    """A text that is shorter than any token may hold a name and its secret."""
    assert ContextualDetector(Profile.PARANOID).detect(text)


@pytest.mark.parametrize("text", ["abcd.abcd.abcd", "ab:cd:ef:ab:cd:ef", "2001:db8::1"])
def test_addresses_with_few_digits_are_found(text: str) -> None:
    """An address of a machine is found without a single digit, too."""
    assert PersonalNumbers().detect(text)
