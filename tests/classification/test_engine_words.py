# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Many words are found in one pass, by every engine in the same order."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.classification.engine.keywords import stands, written
from agentguard.matching import Engine, automaton

ENGINES = (Engine.PORTABLE, Engine.DEFAULT)
WORDS = st.lists(st.text("abcé", min_size=1, max_size=7), max_size=8, unique=True)
TEXTS = st.text("abcéd", max_size=40)


@given(WORDS, TEXTS)
@settings(deadline=None)
def test_every_occurrence_is_found_in_one_order(words: list[str], text: str) -> None:
    """Each engine finds every occurrence of every word, sorted by end and then by start."""
    every = sorted(
        (
            (number, start, start + len(word))
            for number, word in enumerate(words)
            for start in range(len(text))
            if text.startswith(word, start)
        ),
        key=lambda found: (found[2], found[1]),
    )
    for engine in ENGINES:
        assert automaton(words, engine=engine)(text) == every


@given(WORDS, TEXTS)
@settings(deadline=None)
def test_words_of_bytes_are_found_alike(words: list[str], text: str) -> None:
    """Each engine finds the same occurrences of bytes in bytes."""
    encoded = [word.encode() for word in words]
    first, second = (automaton(encoded, engine=engine)(text.encode()) for engine in ENGINES)
    assert first == second


@given(st.text("aBké-1", min_size=1, max_size=12), st.data())
@settings(deadline=None)
def test_a_keyword_in_any_case_is_written_so_that_it_is_found(
    keyword: str, data: st.DataObject
) -> None:
    """Every mixture of lower and upper case of a keyword begins with one of its spellings."""
    cased = (data.draw(st.sampled_from((letter.lower(), letter.upper()))) for letter in keyword)
    mixed = "".join(cased).encode()
    assert any(
        mixed.startswith(spelling) and (rest is None or stands(rest, mixed, 0))
        for spelling, rest in written(keyword, any_case=True)
    )


@pytest.mark.parametrize("keyword", ["authorization", "a" * 200, "client-secret"])
def test_a_long_keyword_makes_few_spellings(keyword: str) -> None:
    """However long a keyword is, it makes 32 entries at most."""
    assert len(list(written(keyword, any_case=True))) <= 32
