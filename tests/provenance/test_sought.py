# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""As what is a value looked for?"""

import pytest

from agentguard.provenance.sought import elements_of, sought

LISTS = [
    ("a@x.com, b@y.com", ("a@x.com", "b@y.com"), "commas"),
    ("a@x.com;b@y.com", ("a@x.com", "b@y.com"), "semicolons"),
    ("Ann <a@x.com>", ("a@x.com", "Ann"), "the name beside an address is a value, too"),
    ("Ann <a@x.com>, b@y.com", ("a@x.com", "Ann", "b@y.com"), "both"),
    ("Write to a@x.com", ("Write to a@x.com",), "a sentence is no list"),
    ("a@x.com, thanks", ("a@x.com, thanks",), "neither is this one"),
    ("a@x.com,\nb@y.com", ("a@x.com", "b@y.com"), "lines that end with commas"),
    ("a, b", ("a, b",), "words stay together"),
]


@pytest.mark.parametrize(("text", "elements", "why"), LISTS)
def test_a_text_that_lists_addresses_is_several_values(
    text: str, elements: tuple[str, ...], why: str
) -> None:
    """Each address in a list is a value of its own, and so is what stands beside it."""
    assert elements_of(text) == elements, why


@pytest.mark.parametrize("hidden", ["\u200b", "\U000e0041", "\ufe01", "\u00ad"])
def test_a_value_with_hidden_characters_is_looked_for_nowhere(hidden: str) -> None:
    """What nobody sees can carry anything out, so nobody has said it."""
    assert sought(f"gene{hidden}ral").lost


def test_a_text_without_tokens_was_said_by_nobody() -> None:
    """Signs alone are not looked for."""
    assert sought("!!!").lost
    assert not sought("  ").lost


def test_the_first_digit_makes_no_number() -> None:
    """An identifier of digits that no number is written as is looked for as a word."""
    assert sought("007").groups == ()
    assert sought("13").bare
    assert not sought("1300").bare
