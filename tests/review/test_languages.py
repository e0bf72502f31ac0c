# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Expressions hold exactly the texts that the constraints admit."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.policy.constraints import Length, Match, Prefix
from agentguard.review.difference import languages
from agentguard.review.difference.languages import (
    NOTHING,
    Expression,
    after,
    may_be_empty,
    text_kinds,
)
from agentguard.review.difference.patterns import (
    expression_of,
    glob_expression,
    pattern_expression,
)

PIECES = st.sampled_from(
    ["a", "b", "[ab]", "[^a]", ".", r"\d", r"\w", "a{2,3}", "b*", "(a|bc)", "(?i)A", "(?s).", "é?"]
)
PATTERNS = st.lists(PIECES, min_size=1, max_size=4).map("".join) | st.lists(
    PIECES, min_size=2, max_size=3
).map("|".join)
TEXTS = st.text(alphabet="abcABé1\n-", max_size=6)


def holds(expression: Expression, text: str) -> bool:
    """Read a text letter by letter."""
    for each in text:
        expression = after(expression, ord(each))
    return may_be_empty(expression)


@settings(deadline=None)
@given(pattern=PATTERNS, text=TEXTS)
def test_an_expression_holds_what_the_pattern_matches(pattern: str, text: str) -> None:
    """The expression of a pattern holds a text exactly if the constraint is satisfied by it."""
    expression = pattern_expression(pattern)
    assert expression is not None
    assert holds(expression, text) is (Match(pattern=pattern).problem_with(text) is None)


@settings(deadline=None)
@given(text=TEXTS)
def test_prefixes_and_lengths_are_expressions(text: str) -> None:
    """A prefix and a length hold the texts that satisfy them."""
    for constraint in (Prefix(text="ab"), Length(least=1, most=3)):
        expression = expression_of(constraint)
        assert expression is not None
        assert holds(expression, text) is (constraint.problem_with(text) is None)


@settings(deadline=None)
@given(patterns=st.lists(PATTERNS, min_size=1, max_size=3), text=TEXTS)
def test_every_text_is_of_a_kind_that_is_returned(patterns: list[str], text: str) -> None:
    """Which patterns match a text is what they say of some text that is returned."""
    expressions = [pattern_expression(each) for each in patterns]
    kinds = text_kinds(tuple(each for each in expressions if each is not None))
    assert kinds is not None
    member = tuple(Match(pattern=each).problem_with(text) is None for each in patterns)
    found = {kind.member: kind for kind in kinds}
    assert member in found
    if not text.isascii():
        assert found[member].foreign
    for kind in kinds:
        for each in kind.texts:
            assert kind.member == tuple(
                Match(pattern=pattern).problem_with(each) is None for pattern in patterns
            )


@pytest.mark.parametrize("pattern", [r"a\bb", r"\Ba", "a$b^"])
def test_what_looks_around_has_no_expression(pattern: str) -> None:
    """A pattern that looks at the places between characters is not guessed at."""
    assert pattern_expression(pattern) is None


def test_too_many_steps_are_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patterns with very many states together give no answer instead of a wrong one."""
    monkeypatch.setattr(languages, "MOST_STEPS", 50_000)
    patterns = (pattern_expression(f"(a|b)*{each}(a|b){{14}}") for each in "ab")
    assert text_kinds(tuple(each for each in patterns if each is not None)) is None


def test_a_glob_is_an_expression() -> None:
    """A glob holds the names that fit it."""
    assert holds(glob_expression("gpt-*-mini"), "gpt-4o-mini")
    assert not holds(glob_expression("gpt-*-mini"), "gpt-4o")
    assert after(glob_expression("x"), ord("y")) == NOTHING
