# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How fast does the engine read, and can a text be written that makes it slow?

Prints the time to build the engine, the throughput on prose and base64, and for each hostile text
the time for it and for four times as much of it: a ratio near 4 is linear, 16 is quadratic.

python benchmarks/hostile_texts.py
"""

import base64
import random
import string
import time
from collections.abc import Callable, Iterator
from statistics import median

from agentguard.classification import build_classifier

SOURCE = random.Random(3)  # noqa: S311 - the same texts in every run
ROUNDS = 7


def prose(size: int) -> str:
    """Words of small letters."""
    words = ["".join(SOURCE.choices(string.ascii_lowercase, k=k)) for k in range(2, 9)] * 20
    return " ".join(SOURCE.choices(words, k=size // 4))[:size]


def noise(size: int) -> str:
    """Base64 of random bytes."""
    return base64.b64encode(SOURCE.randbytes(size)).decode()[:size]


def hostile() -> Iterator[tuple[str, str]]:
    """Give texts that make patterns start, fail or match as often as they can."""
    yield "base64", noise(40_000)
    yield "blanks behind a keyword", ("key" + " " * 250) * 150
    yield "at signs", "a@" * 20_000
    yield "dots", "a.b@c." * 8_000
    yield "digits", "4 " * 10_000
    yield "urls", "://a:b@" * 5_000
    yield "web token starts", "eyJ" * 10_000
    yield "web token decoys", "eyJAAAAAAAAA." * 3_000
    yield "long token", "sk-" + "a1" * 20_000
    yield "npm", "//a/:_authToken=" * 2_000
    yield "key ids", ("AKI" + "A" * 17 + " ") * 2_000
    yield "private key headers", "-----BEGIN PRIVATE KEY-----" * 2_000
    yield "PuTTY headers", "PuTTY-User-Key-File-2: x\n" * 2_000


def seconds(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Return the median time of several runs."""
    taken = []
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begin)
    return median(taken)


def main() -> None:
    """Measure and print."""
    print(f"engine built in {seconds(build_classifier, 1) * 1000:.0f} ms, with its imports")
    engine = build_classifier()
    for name, text, rounds in (
        ("prose, 1 KB", prose(1_024), 500),
        ("prose, 10 KB", prose(10_240), 100),
        ("base64, 1 MB", noise(1_000_000), 5),
    ):
        taken = seconds(lambda text=text: engine.findings(text), rounds)  # type: ignore[misc]  # a default binds the loop's text
        print(f"{name:26} {taken * 1e6:10.1f} us {len(text) / taken / 1e6:8.1f} MB/s")
    print(f"\n{'hostile text':26} {'1x':>10} {'4x':>10} {'ratio':>7}")
    for name, text in hostile():
        once = seconds(lambda text=text: engine.findings(text))  # type: ignore[misc]  # as above
        four = seconds(lambda text=text: engine.findings(text * 4))  # type: ignore[misc]  # as above
        print(f"{name:26} {once * 1e3:7.2f} ms {four * 1e3:7.2f} ms {four / once:7.1f}")


if __name__ == "__main__":
    main()
