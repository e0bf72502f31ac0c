# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How much time does the guard add to a call?

A guarded chat call against the bare client, and guarded tool calls against the bare function, in
alternating rounds of one run, so that both see the same machine. Model: the loopback provider in
a process of its own. No telemetry SDK, audit with group commit.

python benchmarks/guarded_call.py               # prints medians, the ratio and what was added
python benchmarks/guarded_call.py --profile     # and where the added time goes
"""

import argparse
import asyncio
import cProfile
import itertools
import multiprocessing
import pstats
import random
import string
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from openai import AsyncOpenAI, OpenAI

from agentguard import Guard
from agentguard.approvals import new_approver_key
from agentguard.config import starter
from agentguard.testing import Answer, LoopbackProvider

ORDER, CUSTOMER = "ORD-00012345", "jane.doe@customers.example"
NEW_CHARACTERS = 1024
THINKING = timedelta(milliseconds=10)


def serve(pipe: Connection, delay: timedelta) -> None:
    """Answer chat calls until the parent closes its end."""
    answer = Answer(content="It is done.", delay=delay)
    with LoopbackProvider(lambda _: answer) as provider:
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


def texts() -> Iterator[str]:
    """Give texts of 1 KB that are new each time: prose with one address and one number in it."""
    source = random.Random(7)  # noqa: S311 - the same texts in every run
    words = ["".join(source.choices(string.ascii_lowercase, k=k)) for k in range(2, 9)] * 20
    for number in itertools.count():
        source.shuffle(words)
        yield f"{CUSTOMER} asks about {ORDER} {number} {' '.join(words)}"[:NEW_CHARACTERS]


def alternating(
    bare: Callable[[], object], guarded: Callable[[], object], *, rounds: int, warm_up: int
) -> tuple[list[float], list[float]]:
    """Time both by turns and return the microseconds of each."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(warm_up + rounds):
        for call, kept in zip((bare, guarded), times, strict=True):
            started = time.perf_counter_ns()
            call()
            if number >= warm_up:
                kept.append((time.perf_counter_ns() - started) / 1000)
    return times


def report(name: str, bare: list[float], guarded: list[float]) -> None:
    """Print one line: both medians, the ratio, and the median of what was added."""
    added = median(each - other for each, other in zip(guarded, bare, strict=True))
    low, _, high = quantiles(guarded, n=4)
    print(
        f"{name:<34} bare {median(bare):8.1f}  guarded {median(guarded):8.1f}"
        f" (quartiles {low:.0f} to {high:.0f})"
        f"  ratio {median(guarded) / median(bare):8.2f}  added {added:8.1f} µs"
    )


def chat(client: OpenAI, content: Iterator[str]) -> Callable[[], object]:
    """Return a function that makes one chat call with new content."""
    return lambda: client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": next(content)}]
    )


def lookup_order(order: str) -> str:
    """Look an order up."""
    return order


def refund(order: str, amount: int, to: str) -> str:
    """Refund an amount."""
    return f"{order} {amount} {to}"


def measure_chat(
    guard: Guard, base_url: str, name: str, *, rounds: int, profile: bool = False
) -> None:
    """Measure one model call with new content, bare and guarded."""
    content = texts()
    with (
        OpenAI(base_url=base_url, api_key="none") as bare,
        OpenAI(base_url=base_url, api_key="none") as plain,
    ):
        guarded = guard.bind(plain, "agent:support", on_behalf_of="user:alice")
        call = chat(guarded, content)
        report(
            name,
            *alternating(chat(bare, content), call, rounds=rounds, warm_up=rounds // 5),
        )
        if profile:
            profiled(call, rounds)


def measure_chat_async(guard: Guard, base_url: str, *, rounds: int) -> None:
    """Measure the same call in asynchronous code."""
    content = texts()

    async def timed(call: Callable[[], Awaitable[Any]]) -> float:
        started = time.perf_counter_ns()
        await call()
        return (time.perf_counter_ns() - started) / 1000

    async def measured() -> tuple[list[float], list[float]]:
        times: tuple[list[float], list[float]] = ([], [])
        async with (
            AsyncOpenAI(base_url=base_url, api_key="none") as bare,
            AsyncOpenAI(base_url=base_url, api_key="none") as plain,
        ):
            guarded = guard.bind(plain, "agent:support", on_behalf_of="user:alice")
            for number in range(rounds + rounds // 5):
                for client, kept in zip((bare, guarded), times, strict=True):
                    text = next(content)

                    def call(client: AsyncOpenAI = client, text: str = text) -> Awaitable[Any]:
                        return client.chat.completions.create(
                            model="gpt-4o-mini", messages=[{"role": "user", "content": text}]
                        )

                    taken = await timed(call)
                    if number >= rounds // 5:
                        kept.append(taken)
        return times

    report("chat, the same in async code", *asyncio.run(measured()))


def measure_tools(guard: Guard, *, rounds: int) -> None:
    """Measure a tool that only reads, and one whose intent is durable before it runs."""
    look_up, pay = guard.tool(lookup_order), guard.tool(refund)
    # One session for each call would measure the making of sessions; a worker has one.
    with guard.identity("agent:support", on_behalf_of="user:alice"):
        for name, bare, guarded in (
            ("read_only tool", lambda: lookup_order(ORDER), lambda: look_up(ORDER)),
            (
                "irreversible tool, durable intent",
                lambda: refund(ORDER, 40, CUSTOMER),
                lambda: pay(ORDER, 40, CUSTOMER),
            ),
        ):
            report(name, *alternating(bare, guarded, rounds=rounds, warm_up=rounds // 5))


def profiled(call: Callable[[], object], rounds: int) -> None:
    """Print where the time of guarded calls goes; profiling itself costs, so compare shares."""
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(rounds):
        call()
    profile.disable()
    pstats.Stats(profile).sort_stats("cumulative").print_stats("agentguard", 45)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        policy = folder / "agentguard.toml"
        policy.write_text(starter(new_approver_key()[1]), encoding="utf-8")
        base_url = stack.enter_context(provider())
        thinking = stack.enter_context(provider(THINKING))
        guard = stack.enter_context(Guard.from_file(policy))
        # A model takes its time; with an answer at once, the journal's thread is measured, too.
        measure_chat(guard, thinking, "chat, 1 KB, answer in 10 ms", rounds=options.rounds // 2)
        measure_chat(
            guard,
            base_url,
            "chat, 1 KB, answer at once",
            rounds=options.rounds,
            profile=options.profile,
        )
        measure_chat_async(guard, base_url, rounds=options.rounds)
        measure_tools(guard, rounds=options.rounds)


if __name__ == "__main__":
    main()
