# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Sentences are told from what programs write."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.classification.prose import LONGEST_PART, is_prose, prose_parts

LETTER = "Dear Anna,\nthank you for your letter. We'll meet in Turin on Tuesday.\n"


@pytest.mark.parametrize(
    "text",
    [
        "My name is Rubija",
        "Bitte ruf Herrn Müller zurück, er wartet.",
        "She said (and I agree): it isn't Paul's.",
        "Θα συναντήσουμε την Άννα αύριο το πρωί.",
        LETTER,
    ],
)
def test_sentences_are_prose(text: str) -> None:
    """Words with ordinary punctuation are prose, in any language with blanks."""
    assert is_prose(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Rubija",
        "def add(self, one: int) -> int: return self.total + one",
        '{"name": "Anna", "city": "Turin", "tags": ["a", "b"]}',
        "2026-11-22 08:54:44 INFO worker started by scheduler today",
        "INFO the worker has been started again",
        "lodash@4.17.21 sha512-v2kDEe57lecTulaDIuNTPy3Ry4gLGJ6Z1O3vE1krgXZNrsQ",
        "<p class='x'><b>Anna</b> lives <i>here</i></p>",
        "| Name | City |\n| --- | --- |\n| Anna | Turin |",
        "a = b; c = d; e = f",
    ],
)
def test_what_programs_write_is_not(text: str) -> None:
    """Code, JSON, logs, lock files, markup and tables are no prose."""
    assert not is_prose(text)


def test_paragraphs_are_told_apart() -> None:
    """Only the sentences of a mixed text are parts."""
    text = f"{LETTER}\n\nx = {{'a': 1}}\n\nSee you there, and greet Paul."
    assert [text[first:last] for first, last in prose_parts(text)] == [
        LETTER.rstrip("\n"),
        "See you there, and greet Paul.",
    ]


@given(st.text(st.sampled_from("Anna sees. \n{}=x!?ü"), max_size=200))
@settings(deadline=None)
def test_parts_lie_in_the_text(text: str) -> None:
    """Parts are sorted, apart from each other and inside the text."""
    ends = [0]
    for first, last in prose_parts(text):
        assert ends[-1] <= first < last <= len(text)
        ends.append(last)


def test_long_paragraphs_are_cut_between_sentences() -> None:
    """No part is much longer than allowed, and together they are the whole."""
    text = "Anna went home with Paul. " * 1000
    parts = list(prose_parts(text))
    assert max(last - first for first, last in parts) <= LONGEST_PART + 30
    assert "".join(text[first:last] for first, last in parts) == text


@pytest.mark.parametrize("text", ["Anna went home and " * 40_000, "Anna went " + "a" * 90_000])
def test_a_sentence_without_an_end_is_cut_all_the_same(text: str) -> None:
    """No model gets more than it can take: neither words without a stop nor a word without an end."""
    parts = list(prose_parts(text))
    assert max(last - first for first, last in parts) <= 2 * LONGEST_PART
    assert "".join(text[first:last] for first, last in parts) == text


def test_blank_lines_of_any_kind_cost_no_more_than_their_length() -> None:
    """Lines of blanks that are no ASCII are gone over once, not once for each of them."""
    assert is_prose("Anna went home" + "\n\u00a0" * 200_000)
