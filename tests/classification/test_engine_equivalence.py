# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Three engines find the same in the same text."""

import functools
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.classification.engine import Engine, Rule, RuleSet, linear
from agentguard.classification.formats import TOKEN_FORMATS, borrowed_rules
from agentguard.classification.formats.form import TokenFormat
from agentguard.classification.personal import PERSONAL_FORMATS
from agentguard.testing.token_examples import examples

DOCUMENTED: tuple[TokenFormat, ...] = (*TOKEN_FORMATS, *PERSONAL_FORMATS)
OTHERS = tuple(engine for engine in Engine if engine is not Engine.DEFAULT)
KEYWORDS = sorted({word for row in DOCUMENTED for word in row.keywords})
SEPARATORS = (
    *"\n\t :=,;'\"<>&?/\\@|-_.é日\u200b\u212a\u017f😀",
    "\r\n",
    " = ",
    '": "',
    "\\n",
    "%20",
)
NUMBERS = (
    "4111 1111 1111 1111",
    "jane.doe@example.com",
    "+44 20 7946 0958",
    "DE89 3704 0044 0532 0130 00",
)


@pytest.fixture(scope="module")
def engines() -> dict[Engine, RuleSet]:
    """All rules that come with the library, in each engine."""
    rules = (*(row.rule() for row in DOCUMENTED), *borrowed_rules())
    return {engine: RuleSet(rules, engine=engine) for engine in Engine}


def found(rules: RuleSet, text: str) -> list[tuple[int, int, str, str]]:
    """What an engine finds, sorted."""
    findings = rules.detect(text)
    return sorted((one.start, one.end, one.data_class, one.detector) for one in findings)


def tokens_of(row: TokenFormat, seed: int) -> str:
    """A token of a format, or one of its keywords where no token can be made."""
    if row in TOKEN_FORMATS:
        return examples(row, 1, seed)[0]
    return random.Random(seed).choice((*row.keywords, *NUMBERS))  # noqa: S311 - a test's text


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Tokens, whole, cut and glued to others, between words and signs."""
    parts = []
    for _ in range(draw(st.integers(1, 8))):
        kind = draw(st.integers(0, 5))
        if kind <= 1:
            token = tokens_of(draw(st.sampled_from(DOCUMENTED)), draw(st.integers(0, 10**6)))
            parts.append(token[: draw(st.integers(1, len(token)))] if kind else token)
        elif kind == 2:
            word = draw(st.sampled_from(KEYWORDS))
            parts.append(draw(st.sampled_from((word, word.upper(), word.title()))))
        elif kind == 3:
            parts.append(draw(st.text(max_size=20)))
        elif kind == 4:
            parts.append(draw(st.sampled_from("aA0/-")) * draw(st.integers(1, 300)))
        parts.append("".join(draw(st.lists(st.sampled_from(SEPARATORS), max_size=3))))
    return "".join(parts).encode("utf-8", "replace").decode("utf-8")


@given(text=texts())
@settings(deadline=None, max_examples=150)
def test_engines_find_the_same_in_any_text(engines: dict[Engine, RuleSet], text: str) -> None:
    """The portable and the fast engine find what the default one finds, place by place."""
    expected = found(engines[Engine.DEFAULT], text)
    assert {engine: found(engines[engine], text) for engine in OTHERS} == dict.fromkeys(
        OTHERS, expected
    )


@pytest.mark.parametrize("seed", range(3))
def test_engines_find_every_format(engines: dict[Engine, RuleSet], seed: int) -> None:
    """An example of each format is found alike by every engine, alone and in a long text."""
    examples_of_all = [tokens_of(row, seed) for row in DOCUMENTED]
    for text in (*examples_of_all, "\n".join(examples_of_all), " é ".join(examples_of_all)):
        expected = found(engines[Engine.DEFAULT], text)
        for engine in OTHERS:
            assert found(engines[engine], text) == expected, engine


def rule(pattern: str, *keywords: str, **fields: Any) -> Rule:
    """A rule of a test."""
    return Rule(
        name=pattern, data_class="token", pattern=linear(pattern), keywords=keywords, **fields
    )


@functools.cache
def edges(engine: Engine) -> RuleSet:
    """The rules whose matches windows cut, in an engine."""
    return RuleSet(EDGES, engine=engine)


PIECES = ("tok_", "tok", "key", "KeY", "SecretWORD", *"aabxyz \n.:é\u03b1Ω日K0123\u212a")
EDGES = (
    rule(r"tok_[a-z]+\b", "tok_", width=12),
    rule(r"tok_[a-z]{4,}$", "tok_", width=12),
    rule(r"(?m)^tok_[a-z]+$", "tok_", width=12),
    rule(r"tok_([a-z]+)(?:[^a-z]|$)", "tok_", width=12, group=1),
    rule(r"\btok_[a-z]+?(?:x|\z)", "tok_", before=4, width=12),
    rule(r"(?i)key[^\pL]{1,4}\pL+", "key", any_case=True, before=2, width=9),
    rule(r"(?i)seCRetword\W+(\w+)", "secretword", any_case=True, width=20, group=1),
    rule(r"[\p{Greek}é]+"),
    rule(r"\d{3,}", shortest=5),
)


@given(st.lists(st.sampled_from(PIECES), max_size=24).map("".join))
@settings(deadline=None, max_examples=200)
def test_engines_agree_at_the_edges_of_windows(text: str) -> None:
    """A match that a window cuts, or that only a window's end makes, is told alike by all."""
    first, *others = (found(edges(engine), text) for engine in Engine)
    assert others == [first, first]
