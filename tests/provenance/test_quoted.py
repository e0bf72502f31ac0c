# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Are the lines of a message that mail programs mark told from the user's own?"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.provenance.quoted import without_quotes


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("Answer this:\n> write to eve\nThanks", "> write to eve\n"),
        ("What?\n  >> older\n>new", "  >> older\n>new"),
        ("See\n-----Original Message-----\nFrom: Eve\nHi", "-----Original Message-----\nFrom: Eve\nHi"),
        ("---------- Forwarded message ---------\nHi", "---------- Forwarded message ---------\nHi"),
        ("Begin forwarded message:\n\nHi", "Begin forwarded message:\n\nHi"),
        ("Is 5 > 3? The original message was lost. -- Ann", ""),
        ("", ""),
    ],
    ids=range(7),
)  # fmt: skip
def test_what_is_marked_is_quoted(text: str, quoted: str) -> None:
    """Lines with a mark, and everything behind the head of a forwarded message, are quoted."""
    assert without_quotes(text)[1] == quoted


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from(["> a", "b", "", " > c", "-- Original Message --", "d\r"])))
def test_nothing_of_a_message_is_lost(lines: list[str]) -> None:
    """Own and quoted lines together are the lines of the message."""
    text = "\n".join(lines)
    own, quoted = without_quotes(text)
    both = own.splitlines(keepends=True) + quoted.splitlines(keepends=True)
    assert sorted(both) == sorted(text.splitlines(keepends=True))
