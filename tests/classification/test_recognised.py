# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Texts that come again: the same findings, without looking twice, and without end."""

import random
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.classification.engine.rules import RuleSet
from agentguard.classification.formats import TOKEN_FORMATS
from agentguard.classification.formats.detect_secrets_patterns import borrowed_rules
from agentguard.classification.recognised import LONGEST_KEPT, Recognised
from agentguard.vocabulary import Finding

RULES = RuleSet((*(row.rule() for row in TOKEN_FORMATS), *borrowed_rules()))
TOKEN = "gh" + "p_" + "0aB" * 12
PARTS = ("jane.doe@customers.example", TOKEN, "user", "key", "\u00e9", "x" * LONGEST_KEPT, " ")
TEXTS = st.lists(st.sampled_from(PARTS), max_size=5).map("".join)


class Asked:
    """A detector that finds every text as a whole when it says so, and counts questions."""

    name = "asked"

    def __init__(self) -> None:
        self.texts: list[str] = []

    def detect(self, text: str) -> Iterator[Finding]:
        """Find a text that is asked about, unless it is plain."""
        self.texts.append(text)
        if "plain" not in text:
            yield Finding(start=0, end=len(text), data_class="own", detector=self.name)


@settings(deadline=None, max_examples=200)
@given(texts=st.lists(TEXTS, max_size=12), most=st.integers(1, 4))
def test_what_was_asked_before_changes_no_finding(texts: list[str], most: int) -> None:
    """The findings are those of the rules, in whichever order texts come and are forgotten."""
    recognised = Recognised(RULES, most=most)
    for text in texts:
        assert list(recognised.detect(text)) == RULES.detect(text)


def test_a_text_that_comes_again_is_not_looked_at_again() -> None:
    """A short harmless text, a long harmless one and a long one with a finding are remembered."""
    asked = Asked()
    recognised = Recognised(asked)
    texts = ["plain", "plain " * 100, "sensitive " * 100]
    first = [recognised.detect(text) for text in texts]
    assert [recognised.detect(text) for text in texts] == first
    assert asked.texts == texts


def test_a_text_with_one_character_more_is_looked_at() -> None:
    """Only the very same text is recognised, however much of it is the same."""
    asked = Asked()
    recognised = Recognised(asked)
    for text in ("plain " * 100, "plain " * 100 + "x", "plai" + "n" * 100, "plai" + "n" * 101):
        recognised.detect(text)
    assert len(asked.texts) == 4


def test_no_text_with_a_finding_is_kept() -> None:
    """What was found is not in the memory, and neither is any long text."""
    asked = Asked()
    recognised = Recognised(asked)
    short, long = "a value of 20 letters", "plain " * 100
    recognised.detect(short)
    recognised.detect(long)
    kept = {*recognised._younger, *recognised._older}
    assert short not in kept
    assert long not in kept


def test_the_memory_does_not_grow_without_end() -> None:
    """However many texts come, two generations are kept."""
    recognised = Recognised(Asked(), most=100)
    source = random.Random(5)  # noqa: S311 - the same texts in every run
    for _ in range(1_000):
        recognised.detect("plain" + source.randbytes(40).hex())
    assert len(recognised._younger) + len(recognised._older) <= 200
