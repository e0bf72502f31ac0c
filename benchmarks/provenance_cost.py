# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does it cost to know where values come from?

Beside a plain loop over the same texts with ``in``, which is what a check by substring costs, in
the same run and by turns. Prints the median time to ask about a call with four arguments, and to
hear a result, for conversations of several sizes.

    python benchmarks/provenance_cost.py [--rounds 50]
"""

import argparse
import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median

from agentguard.canonical import Frozen
from agentguard.provenance import Conversation
from agentguard.vocabulary import Speaker

SIZES = (5_000, 50_000, 200_000, 1_000_000)
MESSAGE = 5_000
PROSE = (
    "the minutes of our meeting on June 13 are in the shared folder please send them to everybody "
    "who was there and ask whether anything is missing from the list of tasks for next week thanks"
)
WORDS = PROSE.split()
SAID = "Send the minutes to alice@corp.example and Bob Hill, and post them in the general channel."
TO = ("alice@corp.example", "nobody@corp.example")
CALL: dict[str, Frozen] = {
    "to": TO,
    "subject": "minutes of the quarterly meeting",
    "body": "Dear all, please find the minutes below. See https://corp.example/minutes for more. "
    * 4,
    "number": 13,
}


def message(chance: random.Random, number: int) -> str:
    """Return a message of 5,000 characters, as mails are: words, addresses, numbers, links."""
    parts: list[str] = []
    length = 0
    while length < MESSAGE:
        word = chance.choice(WORDS)
        if chance.random() < 0.01:
            word = f"person{chance.randrange(1000)}@mail{number}.example"
        elif chance.random() < 0.02:
            word = str(chance.randrange(100_000))
        parts.append(word)
        length += len(word) + 1
    return " ".join(parts)


def seconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def by_substring(texts: Sequence[str]) -> Callable[[], object]:
    """Return a check of the same values by substring, one text after another."""
    values = [*TO, *(value for value in CALL.values() if isinstance(value, str))]
    return lambda: [any(value in text for text in texts) for value in values]


def measure(size: int, rounds: int) -> tuple[float, float, float, float]:
    """Return the medians: asking, the substring loop, hearing a message, hearing it again."""
    chance = random.Random(size)  # noqa: S311 - texts, no secrets
    conversation = Conversation()
    conversation.heard(Speaker.USER, SAID)
    texts = [message(chance, number) for number in range(max(1, size // MESSAGE))]
    hearing = [seconds(partial(conversation.returned, "read_mail", text)) for text in texts]
    ask: list[float] = []
    plain: list[float] = []
    again: list[float] = []
    loop = by_substring(texts)
    conversation.heard(Speaker.MODEL, texts[0])
    for _ in range(rounds):
        ask.append(seconds(lambda: conversation.origins("send_mail", CALL)))
        plain.append(seconds(loop))
        again.append(seconds(lambda: conversation.heard(Speaker.MODEL, texts[0])))
    return median(ask), median(plain), median(hearing), median(again)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    rounds = parser.parse_args().rounds
    print(
        f"{'conversation':>14} {'ask':>10} {'substring':>10} {'ratio':>7} {'hear 5 KB':>10} again"
    )
    for size in SIZES:
        ask, plain, hear, again = measure(size, rounds)
        print(
            f"{size // 1000:>11} KB {ask * 1e6:>7.0f} µs {plain * 1e6:>7.0f} µs {ask / plain:>7.1f}"
            f" {hear * 1e6:>7.0f} µs {again * 1e6:.0f} µs"
        )


if __name__ == "__main__":
    main()
