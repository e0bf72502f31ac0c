# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which policy and calls is the time of a decision measured on?

One rule is: this identity may call this tool with an amount up to a bound and a path that begins
so. Plain values only, so that every engine can be given the same, and no import of agentguard: it
runs in the interpreter of the peers as well.
"""

import random
import statistics
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

SIZES = ((10, 1), (1_000, 1), (1_000, 1_000), (10_000, 1), (10_000, 1_000))
CALLS = 200
WARM_UP = 20
LONGEST = 3.0
LEAST_TIMED = 9


class Rule(NamedTuple):
    """What one identity may do with one tool."""

    identity: str
    tool: str
    most: int
    prefix: str


class Call(NamedTuple):
    """One call; whether its rule allows it."""

    identity: str
    tool: str
    amount: int
    path: str
    allowed: bool


def rules_of(rules: int, identities: int) -> list[Rule]:
    """Return rules, spread evenly over identities; no two are about the same pair."""
    return [
        Rule(
            f"agent:a{number % identities}",
            f"tool{number // identities}",
            100 + number % 7,
            f"data/{number % 10}/",
        )
        for number in range(rules)
    ]


def calls_of(rules: Sequence[Rule], *, allowed: bool) -> list[Call]:
    """Return calls that rules allow, or that they deny for the amount."""
    chance = random.Random(len(rules))  # noqa: S311 - chosen, not secret
    return [
        Call(
            rule.identity,
            rule.tool,
            chance.randint(1, 100) + (0 if allowed else 1_000),
            rule.prefix + "x",
            allowed,
        )
        for rule in chance.choices(rules, k=CALLS)
    ]


def median_of(decide: Callable[[Call], bool], calls: Sequence[Call]) -> float:
    """Return the median processor time of a decision in microseconds, after a warm-up.

    Of the processor, since what else runs on a machine would count with slow engines most.

    Raises:
        RuntimeError: a decision is wrong, so that its time says nothing.
    """
    for call in calls[:WARM_UP]:
        if decide(call) is not call.allowed:
            raise RuntimeError("the engine does not decide as the rule says")
    times: list[float] = []
    end = time.perf_counter() + LONGEST
    for call in list(calls) * 5:
        began = time.thread_time_ns()
        decide(call)
        times.append((time.thread_time_ns() - began) / 1_000)
        if time.perf_counter() > end and len(times) >= LEAST_TIMED:
            break
    return statistics.median(times)
