# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Globs know one wildcard and do not backtrack."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.policy.globs import Glob


@settings(deadline=None, max_examples=300)
@given(
    pattern=st.text(alphabet="ab*?[.", max_size=6),
    name=st.text(alphabet="ab?[.", max_size=8),
)
def test_a_glob_means_what_its_regular_expression_means(pattern: str, name: str) -> None:
    """``*`` stands for any run of characters, and every other character for itself."""
    expression = ".*".join(map(re.escape, pattern.split("*")))
    assert Glob(pattern).matches(name) == (re.fullmatch(expression, name) is not None)


def test_a_glob_with_many_wildcards_is_quick() -> None:
    """A pattern that backtracking matchers take exponential time for is answered."""
    assert not Glob("*a" * 50 + "*b").matches("a" * 5_000)


def test_parts_must_stand_in_their_order() -> None:
    """The parts between wildcards are looked for one after the other."""
    assert Glob("a*b*c*d").matches("a-b-c-d")
    assert not Glob("a*b*c*d").matches("a-c-b-d")
