# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Texts that come again: the same findings, without looking twice, and without end."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.classification.engine.rules import RuleSet
from agentguard.classification.formats import TOKEN_FORMATS
from agentguard.classification.looking import Looking
from agentguard.classification.recognised import LONGEST_KEPT, NOTHING_SEEN, Recognised, Seen
from agentguard.vocabulary import Finding

LOOKING = Looking([RuleSet(row.rule() for row in TOKEN_FORMATS)])
TOKEN = "gh" + "p_" + "0aB" * 12
PARTS = (TOKEN, TOKEN.encode().hex(), "user", "%41", "\u00e9", "x" * LONGEST_KEPT, " ")
TEXTS = st.lists(st.sampled_from(PARTS), max_size=5).map("".join)


class Asked:
    """Sees every text as a whole unless it is plain, and counts questions."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def look(self, text: str) -> Seen:
        """Find a text that is asked about, unless it is plain."""
        self.texts.append(text)
        if "plain" in text:
            return Seen((), (), decodes="coded" in text)
        found = Finding(start=0, end=len(text), data_class="own", detector="asked")
        return Seen((found,), (), decodes=False)


@settings(deadline=None, max_examples=100)
@given(texts=st.lists(TEXTS, max_size=12), most=st.integers(1, 4))
def test_what_was_asked_before_changes_no_finding(texts: list[str], most: int) -> None:
    """The same is seen in whichever order texts come and are forgotten."""
    recognised = Recognised(LOOKING.look, most=most)
    for text in texts:
        assert recognised.seen(text) == LOOKING.look(text)


def test_a_text_that_comes_again_is_not_looked_at_again() -> None:
    """A short harmless text, a long harmless one and a long one with a finding are remembered."""
    asked = Asked()
    recognised = Recognised(asked.look)
    texts = ["plain", "plain " * 100, "sensitive " * 100, "plain and coded " * 9]
    first = [recognised.seen(text) for text in texts]
    assert [recognised.seen(text) for text in texts] == first
    assert asked.texts == texts
    assert first[3].decodes


def test_a_text_with_one_character_more_is_looked_at() -> None:
    """Only the very same text is recognised, however much of it is the same."""
    asked = Asked()
    recognised = Recognised(asked.look)
    for text in ("plain " * 100, "plain " * 100 + "x", "plai" + "n" * 100, "plai" + "n" * 101):
        recognised.seen(text)
    assert len(asked.texts) == 4


def test_no_text_with_a_finding_is_kept() -> None:
    """What was found is not in the memory, and neither is any long text."""
    asked = Asked()
    recognised = Recognised(asked.look)
    short, long = "a value of 20 letters", "plain " * 100
    recognised.seen(short)
    recognised.seen(long)
    kept = {*recognised._younger, *recognised._older}
    assert short not in kept
    assert long not in kept


def test_the_memory_does_not_grow_without_end() -> None:
    """However many texts come, two generations are kept, and nothing seen is kept once."""
    recognised = Recognised(Asked().look, most=100)
    source = random.Random(5)  # noqa: S311 - the same texts in every run
    for _ in range(1_000):
        assert recognised.seen("plain" + source.randbytes(40).hex()) is NOTHING_SEEN
    assert len(recognised._younger) + len(recognised._older) <= 200
