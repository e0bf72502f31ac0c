# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How are two ways to make the same call compared?

By turns in one run, so that both see the same machine, against a provider in a process of its
own. Gives the median of each and of what was added in each pair of rounds. On a machine that does
other work as well, the fastest tenth of the rounds says more: what lies between those of the two.
"""

import itertools
import multiprocessing
import random
import string
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection
from statistics import median, quantiles

from agentguard.testing import Answer, LoopbackProvider

ORDER, CUSTOMER = "ORD-00012345", "jane.doe@customers.example"
CHUNKS = 200
WORDS = ("the order went to the customer on monday and will arrive there soon " * CHUNKS).split()
SAID = "".join(f"{word} " for word in WORDS[:CHUNKS])


def serve(pipe: Connection, delay: timedelta) -> None:
    """Answer calls until the parent closes its end; streams say more, in many chunks."""
    short = Answer(content="It is done.", delay=delay)
    long = Answer(pieces=tuple(f"{word} " for word in WORDS[:CHUNKS]), delay=delay)

    def answer(request: object) -> Answer:
        streams = isinstance(request, dict) and request.get("stream") is True
        return long if streams else short

    with LoopbackProvider(answer) as provider:
        pipe.send(provider.base_url)
        with suppress(EOFError):
            pipe.recv()


@contextmanager
def provider(delay: timedelta = timedelta(0)) -> Iterator[str]:
    """A provider in a process of its own, so that it takes no time from the caller's."""
    fresh = multiprocessing.get_context("spawn")
    ours, theirs = fresh.Pipe()
    process = fresh.Process(target=serve, args=(theirs, delay), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours.recv()
    finally:
        # Closing is what the other side waits for, whatever ended this one.
        ours.close()
        process.join()


def texts(characters: int = 1024) -> Iterator[str]:
    """Give texts that are new each time: prose with one address and one number in it."""
    source = random.Random(7)  # noqa: S311 - the same texts in every run
    words = ["".join(source.choices(string.ascii_lowercase, k=k)) for k in range(2, 9)]
    words *= 20 * (characters // 1024)
    for number in itertools.count():
        source.shuffle(words)
        yield f"{CUSTOMER} asks about {ORDER} {number} {' '.join(words)}"[:characters]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """Microseconds of each round, bare and guarded by turns."""

    bare: list[float]
    guarded: list[float]

    @property
    def added(self) -> float:
        """The median of what was added in a pair of rounds."""
        return median(each - other for each, other in zip(self.guarded, self.bare, strict=True))

    @property
    def least(self) -> float:
        """What lies between the fastest tenths of both."""
        return quantiles(self.guarded, n=10)[0] - quantiles(self.bare, n=10)[0]

    def report(self, name: str, chunks: int = 1) -> None:
        """Print one line; with more than one chunk, what was added is that of each."""
        each = "" if chunks == 1 else " a chunk"
        print(
            f"{name:<36} bare {median(self.bare):8.1f}  guarded {median(self.guarded):8.1f}"
            f"  ratio {median(self.guarded) / median(self.bare):7.2f}"
            f"  added {self.added / chunks:7.1f} µs{each},"
            f" in the fastest tenth {self.least / chunks:7.1f} µs{each}"
        )


def alternating(bare: Callable[[], object], guarded: Callable[[], object], rounds: int) -> Rounds:
    """Time both by turns; a fifth of the rounds comes first and does not count."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + rounds // 5):
        for call, kept in zip((bare, guarded), times, strict=True):
            started = time.perf_counter_ns()
            call()
            if number >= rounds // 5:
                kept.append((time.perf_counter_ns() - started) / 1000)
    return Rounds(bare=times[0], guarded=times[1])
