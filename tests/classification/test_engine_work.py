# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What an engine does for a text grows with the text alone, and threads may share one."""

import base64
import gc
import random
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable

import pytest

from agentguard import wiring
from agentguard.classification import build_classifier
from agentguard.classification.engine import Engine, Match, RuleSet, deferred, linear
from agentguard.classification.engine.rules import Rule
from agentguard.classification.formats import TOKEN_FORMATS, borrowed_rules
from agentguard.classification.personal import PERSONAL_FORMATS
from agentguard.testing.token_examples import examples

KEYWORDS = sorted({word for row in (*TOKEN_FORMATS, *PERSONAL_FORMATS) for word in row.keywords})
TOKEN = "gh" + "p_" + "0aB" * 12


@pytest.fixture(scope="module", params=list(Engine))
def rules(request: pytest.FixtureRequest) -> RuleSet:
    """All rules that come with the library, in one engine."""
    documented = (row.rule() for row in (*TOKEN_FORMATS, *PERSONAL_FORMATS))
    return RuleSet((*documented, *borrowed_rules()), engine=request.param)


@pytest.mark.parametrize("offset", range(4))
def test_a_keyword_repeated_is_linear_work(bytes_read: Callable[[str], int], offset: int) -> None:
    """Four times as much of a keyword is no more than about four times the work."""
    for keyword in KEYWORDS[offset::16]:
        short = (keyword + " ") * (2000 // len(keyword))
        assert bytes_read(short * 4) < 6 * bytes_read(short) + 4000, keyword


@pytest.mark.parametrize("kind", ["base64", "one line", "one word", "digits"])
def test_a_megabyte_is_linear_work(bytes_read: Callable[[str], int], kind: str) -> None:
    """A megabyte in one piece is read a bounded number of times, all patterns together."""
    chance = random.Random(3)  # noqa: S311 - the same text in every run
    text = {
        "base64": base64.b64encode(chance.randbytes(750_000)).decode(),
        "one line": "the quick brown fox jumps over the lazy dog, " * 22_222,
        "one word": "a" * 1_000_000,
        "digits": "0123456789" * 100_000,
    }[kind]
    assert bytes_read(text) < 12 * len(text)


def test_a_match_without_end_is_linear_work() -> None:
    """A match that reaches the end of each window is read on in doubling steps."""
    read = 0

    class Reading:
        """A pattern that counts what it is given."""

        def __init__(self) -> None:
            self._pattern = linear("tok_[a-z_]+")

        def search(self, data: bytes, pos: int, endpos: int, /) -> Match | None:
            nonlocal read
            read += endpos - pos
            return self._pattern.search(data, pos, endpos)

    counting = Rule(
        name="test", data_class="token", pattern=Reading(), keywords=("tok_",), width=16
    )
    text = "tok_" * 50_000
    (found,) = RuleSet([counting]).detect(text)
    assert (found.start, found.end) == (0, len(text))
    assert read < 6 * len(text)


def test_threads_find_what_one_finds(rules: RuleSet) -> None:
    """Eight threads that search at the same time find what one finds alone."""
    texts = [
        f"id {number} {examples(row, 1, number)[0]} end"
        for number, row in enumerate(TOKEN_FORMATS[::9])
    ]
    alone = [rules.detect(text) for text in texts]
    barrier = threading.Barrier(8)
    different: list[str] = []

    def search() -> None:
        barrier.wait()
        for _ in range(5):
            different.extend(
                text for text, one in zip(texts, alone, strict=True) if rules.detect(text) != one
            )

    threads = [threading.Thread(target=search) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert different == []


def test_the_engine_changes_while_others_search() -> None:
    """A set that becomes fast in the middle of its work goes on finding the same."""
    rules = RuleSet([row.rule() for row in TOKEN_FORMATS])
    expected = rules.detect(f"a {TOKEN} b")
    before = rules.engine
    faster = threading.Thread(target=rules.accelerate)
    faster.start()
    while faster.is_alive():
        assert rules.detect(f"a {TOKEN} b") == expected
    assert (before, rules.engine) == (Engine.DEFAULT, Engine.FAST)
    assert rules.detect(f"a {TOKEN} b") == expected
    assert rules.detect("nothing here") == []


def test_the_engine_is_visible() -> None:
    """A classifier tells in its repr which engine runs, before and after it becomes fast."""
    classifier = build_classifier()
    assert repr(classifier).startswith("Classifier(default engine: rules")
    classifier.accelerate()
    assert classifier.engine is Engine.FAST
    assert repr(classifier).startswith("Classifier(fast engine: rules")


def test_a_guard_that_lives_becomes_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """A classifier that is kept gets the fast engine, and one that is dropped is not held."""
    monkeypatch.setattr(wiring, "ACCELERATED_AFTER", 0.0)
    kept = build_classifier()
    wiring.accelerate_later(kept)
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join()
    assert kept.engine is Engine.FAST
    monkeypatch.setattr(wiring, "ACCELERATED_AFTER", 60.0)
    before = set(threading.enumerate())
    dropped = build_classifier()
    wiring.accelerate_later(dropped)
    gone = weakref.ref(dropped)
    del dropped
    gc.collect()
    assert gone() is None
    for thread in set(threading.enumerate()) - before:
        assert isinstance(thread, threading.Timer)
        thread.cancel()


def test_a_deferred_pattern_that_cannot_be_used_refuses() -> None:
    """A pattern that is compiled late and cannot be is an error of the search, not a no."""
    broken = Rule(name="test", data_class="token", pattern=deferred("tok("), keywords=("tok",))
    with pytest.raises(ValueError, match="missing"):
        RuleSet([broken]).detect("a tok")


WITHOUT = """
import sys
for name in ("re2", "ahocorasick_rs", "hyperscan"):
    sys.modules[name] = None
from agentguard.classification import OwnClass, build_classifier
classifier = build_classifier(own=[OwnClass(name="order", patterns=(r"ORD-\\\\d{4}",), values=("Aurora",))])
text = "é key " + "gh" + "p_" + "0aB" * 12 + " ORD-1234 of Aurora for jane@example.com"
print(classifier.engine, *(text[one.start:one.end] for one in classifier.findings(text)))
"""


def test_it_works_without_any_wheel() -> None:
    """Where neither library can be imported, the portable engine finds the same."""
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT.replace("\\\\\\\\", "\\\\")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.split() == ["portable", TOKEN, "ORD-1234", "Aurora", "jane@example.com"]
