# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Tokens in pieces and backwards are found by what they begin with, and words stay words."""

import re
from collections.abc import Iterator

import pytest

from agentguard.classification.broken_tokens import BrokenTokens
from agentguard.classification.engine import Rule, linear
from agentguard.vocabulary import Finding

BODY = "a1B2c3D4e5F6g7H8i9J0"
TOKEN = f"tok_{BODY}"
OPEN = f"open-{BODY}"


class Recording:
    """A detector of two formats that says how much it was made to read."""

    name = "recording"

    def __init__(self) -> None:
        self.read = 0

    def detect(self, text: str) -> Iterator[Finding]:
        """Find tokens of a fixed length and of any length."""
        self.read += len(text)
        for name, pattern in (
            ("fixed", r"\btok_[A-Za-z0-9]{20}\b"),
            ("open", r"open-[A-Za-z0-9]{16,}"),
            ("loose", r"[a-z]{40}"),
        ):
            for match in re.finditer(pattern, text):
                start, end = match.span()
                yield Finding(start=start, end=end, data_class="api_key", detector=name)


def rule(name: str, *keywords: str, data_class: str = "api_key", before: int = 0) -> Rule:
    """A rule of which only the keywords count."""
    return Rule(
        name=name,
        data_class=data_class,
        keywords=keywords,
        before=before,
        pattern=linear("x"),
    )


RULES = (
    rule("fixed", "tok_"),
    rule("open", "open-"),
    rule("loose", "word"),
    rule("far", "far_", before=99),
    rule("mail", "@@@", data_class="email"),
)


def spotted(text: str) -> tuple[list[str], list[str]]:
    """What is found backwards and over blanks."""
    found = BrokenTokens(RULES, Recording()).spotted(text)
    return (
        [text[one.start : one.end] for one in found.backwards],
        [text[one.start : one.end] for one in found.over_blanks],
    )


@pytest.mark.parametrize("place", range(1, len(TOKEN)))
@pytest.mark.parametrize("between", [" ", "\n", "\r\n", "\n    ", "\n> ", '" + "', "=\n"])
def test_a_token_in_two_pieces_is_found(place: int, between: str) -> None:
    """Wherever it is broken behind its beginning, all of it is found, and not what follows."""
    broken = TOKEN[:place] + between + TOKEN[place:]
    found = spotted(f"it is '{broken}' and more")[1]
    if place < len("tok_") and between not in (" ", "\n"):
        assert found == []
    else:
        # Three letters could be a word.
        assert found == [broken] or len(TOKEN) - place <= 3


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8])
def test_a_token_in_groups_is_found(size: int) -> None:
    """Groups of one length are one token, however many there are."""
    groups = " ".join(TOKEN[at : at + size] for at in range(0, len(TOKEN), size))
    if size >= 4:
        assert groups in spotted(f"({groups})")[1]


def test_a_token_backwards_is_found() -> None:
    """A token whose last letter stands first is found, with what it stands in."""
    text = f"mirror: {TOKEN[::-1]}, and {OPEN[::-1]}."
    assert spotted(text)[0] == [TOKEN[::-1], OPEN[::-1]]


@pytest.mark.parametrize(
    "text",
    [
        f"{TOKEN} and {OPEN}",
        "open- is what they begin with and many words follow it here",
        "tok_ followed by twenty letters",
        "word by word and letter by letter it goes on",
        "the kot_ and the -nepo",
    ],
)
def test_whole_tokens_and_words_are_left(text: str) -> None:
    """What stands together is found by others, and words behind a beginning are words."""
    assert spotted(text) == ([], [])


def test_a_word_behind_a_token_is_no_part_of_it() -> None:
    """A token over two lines ends where a word follows."""
    first, second = OPEN[:15], OPEN[15:]
    assert spotted(f"{first}\n{second} is mine")[1] == [f"{first}\n{second}"]


@pytest.mark.parametrize(
    "unit", ["tok_ ", "tok_", "tok_\n", "t ok_a1 ", "_kot", "_kot ", "open-a1b2 ", "a1b2 open- "]
)
def test_the_work_grows_with_the_text_alone(unit: str) -> None:
    """However often a beginning stands in a text, what is read stays a few times its length."""
    recording = Recording()
    broken = BrokenTokens(RULES, recording)
    text = unit * (40_000 // len(unit))
    broken.spotted(text)
    once = recording.read
    broken.spotted(text * 2)
    assert recording.read - once <= 2.2 * once + 4096
    assert once <= 20 * len(text)


def test_only_distinctive_beginnings_are_looked_for() -> None:
    """Words, other classes, and what stands far from its keyword are no beginnings."""
    broken = BrokenTokens(RULES, Recording())
    assert broken._names == {"fixed", "open"}
