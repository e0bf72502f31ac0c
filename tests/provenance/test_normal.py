# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Are two writings of one text the same, and two that only look alike different?"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.provenance.normal import folded, hides, normalise


@settings(deadline=None)
@given(st.text())
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    """A normalised text stays as it is."""
    once = normalise(text)
    assert normalise(once) == once


@settings(deadline=None)
@given(st.text())
def test_folding_twice_changes_nothing_more(text: str) -> None:
    """A folded text stays as it is."""
    once = folded(normalise(text))
    assert folded(once) == once


SAME = [
    ("alice\u200b@corp.com", "alice@corp.com", "zero-width characters are not seen"),
    ("\uff41lice", "alice", "full-width letters are letters"),
    ("May 1\u20135", "May 1-5", "dashes are dashes"),
    ("\u201cgeneral\u201d", '"general"', "quotes are quotes"),
    ("e\u0301", "\u00e9", "an accent may be a character of its own"),
]


@pytest.mark.parametrize(("written", "meant", "why"), SAME)
def test_what_reads_the_same_is_the_same(written: str, meant: str, why: str) -> None:
    """Differences that no reader sees do not count."""
    assert normalise(written) == normalise(meant), why


DIFFERENT = [
    ("\u0430lice@corp.com", "alice@corp.com", "a Cyrillic letter leads to another mailbox"),
    ("Z\u00fcrich", "Zurich", "accents are kept"),
    ("paypa1.com", "paypal.com", "a digit is no letter"),
]


@pytest.mark.parametrize(("written", "meant", "why"), DIFFERENT)
def test_what_only_looks_alike_stays_different(written: str, meant: str, why: str) -> None:
    """Look-alikes are different texts."""
    assert folded(normalise(written)) != folded(normalise(meant)), why


@pytest.mark.parametrize("hidden", ["\u200b", "\u2060", "\ufeff", "\U000e0061", "\ufe0f", "\u202e"])
def test_hidden_characters_are_told(hidden: str) -> None:
    """A text with a character that nobody sees is known as such."""
    assert hides(f"a{hidden}b")
    assert not hides("ab")
