# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A pattern of RE2 means the same when ``re`` runs it, or it is refused."""

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.matching import Engine, linear
from agentguard.matching.characters import folded, one, unicode_class
from agentguard.matching.patterns import Spans
from agentguard.matching.unicode_ranges import RANGES

EVERYTHING = "".join(chr(place) for place in range(sys.maxunicode + 1) if chr(place).isprintable())

ATOMS = st.sampled_from(
    [
        *(
            "a",
            "b",
            "k",
            "S",
            "é",
            "ß",
            "日",
            "0",
            "-",
            r"\.",
            r"\d",
            r"\w",
            r"\s",
            r"\D",
            r"\W",
            r"\S",
        ),
        *(".", "[ab]", "[^ab]", "[a-k0-9]", r"[\w.-]", r"[^\s\d]", "[^é]", "[à-ü]", "[]a]", "[a-]"),
        *(
            r"\pL",
            r"\PL",
            r"\p{Latin}",
            r"[\pN-]",
            r"[^\pL]",
            r"\P{Greek}",
            "[[:alpha:]]",
            "[[:^digit:]_]",
        ),
        *(
            r"\x41",
            r"\x{e9}",
            r"\n",
            r"\t",
            r"\Qa.\E",
            r"\101",
            "(?s:.)",
            "(?i:k)",
            "(?i:[^s])",
            "(?i:É)",
        ),
        *("^", "$", r"\b", r"\B", r"\A", r"\z", "(?m:^)", "(?m:$)"),
    ]
)
COUNTS = st.sampled_from(["", "", "", "?", "{2}", "{1,3}", "??", "{0,2}?"])
MANY = st.sampled_from(["*", "+", "+?", "*?", "{2,}"])
FLAT = st.lists(st.tuples(ATOMS, COUNTS | MANY).map("".join), min_size=1, max_size=4).map("".join)
BRACKETS = st.sampled_from(["({})", "(?:{})", "(?i:{})", "(?P<{name}>{})", "(?i)({})", "(?U:{})"])
TEXTS = st.text(
    st.sampled_from("aabkKSs\u212a\u017féÉßẞ日0٣-._ \n\t\u03b1\u03a9\u0345😀"), max_size=24
)


@st.composite
def patterns(draw: st.DrawFn) -> str:
    """A pattern of nested groups, alternatives and repetitions."""
    parts = []
    for number in range(draw(st.integers(1, 3))):
        part = "|".join(draw(st.lists(FLAT, min_size=1, max_size=3)))
        bracket = draw(st.none() | BRACKETS)
        if bracket is not None:
            part = bracket.replace("{name}", f"n{number}").replace("{}", part) + draw(COUNTS)
        parts.append(part)
    return "".join(parts)


def spans(pattern: str, engine: Engine, text: str, start: int, stop: int) -> Spans | str | None:
    """What an engine finds, or that it refuses."""
    try:
        compiled = linear(pattern, engine=engine)
    except ValueError:
        return "refused"
    found = compiled.find(text.encode("utf-8"), start, stop)
    return None if found is None else [tuple(span) for span in found]  # type: ignore[misc]  # pairs stay pairs


@given(patterns(), TEXTS, st.integers(0, 30), st.integers(0, 60))
@settings(deadline=None, max_examples=150)
def test_both_find_the_same(pattern: str, text: str, start: int, length: int) -> None:
    """The portable engine finds what google-re2 finds, group by group, in every piece of a text."""
    stop = min(start + length, len(text.encode("utf-8")))
    portable = spans(pattern, Engine.PORTABLE, text, min(start, stop), stop)
    if portable != "refused":
        assert portable == spans(pattern, Engine.DEFAULT, text, min(start, stop), stop)


@pytest.mark.parametrize("name", RANGES)
def test_a_class_of_unicode_holds_the_same_characters(name: str) -> None:
    """The table of a class is the one of google-re2; benchmarks/write_unicode_ranges.py makes it."""
    import re2

    found = re2.findall(rf"\p{{{name}}}", EVERYTHING)
    table = unicode_class(name)
    held = {chr(place) for first, last in table for place in range(first, last + 1)}
    assert set(found) == held.intersection(EVERYTHING)


def test_every_letter_has_the_same_cases() -> None:
    """A letter in any case matches the letters that google-re2 folds to it."""
    import re2

    cased = [each for each in EVERYTHING if each.lower() != each or each.upper() != each]
    for letter in cased:
        known = "".join(
            chr(place)
            for first, last in folded(one(ord(letter)))
            for place in range(first, last + 1)
        )
        assert re2.fullmatch(f"(?i)(?:{letter})+", known), letter
