# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does the work grow with what is said, and with nothing else?"""

import pytest

from agentguard.provenance import Conversation, said
from agentguard.provenance.said import Said, Source
from agentguard.provenance.tokens import tokens_of, writing_of
from agentguard.vocabulary import Speaker

MANY = 100_000
# Texts that make a careless pattern read the rest of the text again at each place.
HOSTILE = {
    "signs": "!" * MANY,
    "slashes": "/" * MANY,
    "tildes": "~/" * (MANY // 2),
    "almost addresses": "a@" * (MANY // 2),
    "one long local part": "a" * MANY + "@",
    "points": "a." * (MANY // 2),
    "commas": "1," * (MANY // 2),
    "hosts": "www." * (MANY // 4),
    "schemes": "ab://" * (MANY // 5),
    "apostrophes": "'" * MANY,
    "hyphens": "a-" * (MANY // 2),
    "a long path": "/a" * (MANY // 2) + "/ ",
    "backslashes": "\\" * MANY,
    "digits": "1" * MANY,
    "groups of digits": "12 " * (MANY // 3),
    "groups of an account": "GB29 " + "ABCD " * (MANY // 5),
    "ordinals": "13th to " * (MANY // 8),
    "months": "June " * (MANY // 5),
    "quotes": '" ' * (MANY // 2),
    "one word": "x" * MANY,
    "unspaced letters": "\u4e00" * MANY,
    "braces": "[{" * (MANY // 2),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_text_is_heard_like_any_other(text: str) -> None:
    """No text takes time that grows faster than its length; the limit of the test run holds."""
    conversation = Conversation()
    conversation.returned("read", text)
    conversation.heard(Speaker.USER, text)
    conversation.origins("send", {"to": text, "cc": "ann@corp.com"}, verbs=("send",))


@pytest.mark.parametrize("passages", [100, 1000, 4000])
def test_passages_are_joined_a_few_times_each(
    passages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A passage is copied as often as the number of passages has digits, not once for each."""
    copied = 0
    plain = said._joined

    def counting(parts: list[said.Passage]) -> object:
        nonlocal copied
        copied += len(parts)
        return plain(parts)

    monkeypatch.setattr(said, "_joined", counting)
    voice = Said()
    for number in range(passages):
        voice.add([f"word{number}"], (), Source("test"))
        assert " word0 " in voice
    assert copied <= passages * (passages.bit_length() + 1)


def test_a_run_is_looked_for_in_few_blocks() -> None:
    """However many passages there are, they stand in a handful of texts."""
    voice = Said()
    for number in range(1000):
        voice.add([f"word{number}"], (), Source("test"))
        list(voice.places(" none "))
    assert len(voice._blocks()) <= 12


def test_what_was_heard_is_not_taken_apart_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A history that is sent again costs a look-up for each text."""
    conversation = Conversation()
    texts = [f"This is message {number} to ann@corp.com" for number in range(20)]
    for text in texts:
        conversation.heard(Speaker.USER, text)
    monkeypatch.setattr(Conversation, "_hear", None)
    for text in texts:
        conversation.heard(Speaker.USER, text)


@pytest.mark.parametrize("text", ["", " ", "word", "don't, stop. (now) #5 'a b'", "\u4e00\u4e8c a"])
def test_both_ways_of_reading_give_the_same_tokens(text: str) -> None:
    """The tokens with and without their writing are the same."""
    writing = writing_of(text)
    assert writing.tokens == tokens_of(text)
    assert len(writing.flags) == len(writing.tokens)
