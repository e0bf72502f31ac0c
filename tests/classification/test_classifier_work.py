# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""All detectors together stay linear on hostile texts, and serve many threads."""

import random
import string
import sys
import threading
from types import FrameType

import pytest

from agentguard.classification import build_classifier, classifier
from agentguard.vocabulary import Finding

RANDOM = random.Random(5)  # noqa: S311 - the same texts in every run
BASE64 = "".join(RANDOM.choices(string.ascii_letters + string.digits + "+/", k=997))
HOSTILE = {
    "base64": BASE64,
    "one word": "a",
    "words in one line": "lorem ipsum dolor sit amet ",
    "assignments": "password=",
    "given values": "password=hunter2 ",
    "groups of digits": "4111 1111 1111 1112 ",
    "numbers": "1-2 ",
    "addresses": "://a:b@",
    "percent escapes": "%41",
    "escapes": "\\u0041",
    "entities": "&#65;",
    "zero width": "a\u200b",
    "other scripts": "\u0430b",
    "brackets": '{"[',
    "keys": "-----BEGIN PRIVATE KEY-----\n",
}


def calls(text: str) -> int:
    """How many functions are called to search a text, those of C included."""
    classifier = build_classifier()
    classifier.findings(text[:100])
    count = 0

    def counted(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        classifier.findings(text)
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("kind", HOSTILE)
def test_twice_the_text_is_twice_the_work(kind: str) -> None:
    """What is called for a hostile text grows with its length alone."""
    piece = HOSTILE[kind]
    once = piece * (16_384 // len(piece))
    assert calls(once * 2) <= 2.5 * calls(once) + 2000


def test_threads_find_what_one_finds() -> None:
    """Eight threads with one classifier find in each text what a thread alone finds."""
    texts = [f"{index} {kind} {piece * 40}" for index, (kind, piece) in enumerate(HOSTILE.items())]
    # Patterns that nobody has compiled yet, so that the threads compile them at once.
    classifier._documented.cache_clear()
    classifier._built_in.cache_clear()
    shared, start = build_classifier(), threading.Barrier(8)
    found: list[list[tuple[Finding, ...]]] = []

    def search(shift: int) -> None:
        start.wait(30)
        order = [*range(shift, len(texts)), *range(shift)]
        mine = {index: shared.findings(texts[index]) for index in order}
        found.append([mine[index] for index in range(len(texts))])

    threads = [threading.Thread(target=search, args=(shift,)) for shift in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[build_classifier().findings(text) for text in texts]] * 8


@pytest.mark.parametrize("kind", ["base64", "words in one line"])
def test_a_megabyte_without_anything_is_searched(kind: str) -> None:
    """A megabyte in one line, of base64 or of words, holds nothing before and after."""
    piece = HOSTILE[kind]
    text = piece * (1_000_000 // len(piece))
    token = "gh" + "p_" + "".join(RANDOM.choices(string.ascii_letters + string.digits, k=36))
    found = build_classifier().findings(f"{text} {token}")
    assert [(one.start, one.end) for one in found] == [(len(text) + 1, len(text) + 1 + len(token))]
