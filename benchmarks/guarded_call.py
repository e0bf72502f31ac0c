# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How much time does the guard add to a call?

A guarded call against the bare one, in alternating rounds of one run, so that both see the same
machine. Model calls of each kind and size go to the loopback provider in a process of its own;
tools are plain functions. No telemetry SDK, audit with group commit.

python benchmarks/guarded_call.py               # prints medians, the ratio and what was added
python benchmarks/guarded_call.py --profile     # and where the added time goes
python benchmarks/guarded_call.py --peer PYTHON # and openai-guardrails, if that Python has it
"""

import argparse
import asyncio
import cProfile
import pstats
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from openai import AsyncOpenAI, OpenAI
from paired_rounds import CHUNKS, CUSTOMER, ORDER, Rounds, alternating, provider, texts

from agentguard import Guard
from agentguard.classification import build_classifier
from agentguard.config import starter
from agentguard.signing import new_key

THINKING = timedelta(milliseconds=10)
TURNS = 100
MODEL = "gpt-4o-mini"
MORE = """
[[rule]]
id = "benchmark"
who = ["agent:support"]
for = ["group:support-team"]
provider = ["loopback"]
model = ["*"]
operation = ["inference"]
then = "allow"
"""

Call = Callable[[OpenAI], object]


def chat(content: Iterator[str]) -> Call:
    """Return what makes one chat call with new content."""
    return lambda client: client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": next(content)}]
    )


def chat_stream(content: Iterator[str]) -> Call:
    """Return what makes one chat call and reads its stream to the end."""

    def call(client: OpenAI) -> object:
        stream = client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": next(content)}], stream=True
        )
        return sum(1 for _ in stream)

    return call


def responses(content: Iterator[str]) -> Call:
    """Return what makes one call of the Responses API with new content."""
    return lambda client: client.responses.create(model=MODEL, input=next(content), store=False)


def responses_stream(content: Iterator[str]) -> Call:
    """Return what makes one call of the Responses API and reads its stream to the end."""

    def call(client: OpenAI) -> object:
        stream = client.responses.create(model=MODEL, input=next(content), store=False, stream=True)
        return sum(1 for _ in stream)

    return call


def embeddings(content: Iterator[str]) -> Call:
    """Return what embeds one new text."""
    return lambda client: client.embeddings.create(
        model="text-embedding-3-small", input=next(content)
    )


def turn(content: Iterator[str]) -> Call:
    """Return what makes one chat call with a history of many turns and new content."""
    history: list[Any] = [
        {"role": role, "content": next(content)}
        for _ in range(TURNS)
        for role in ("user", "assistant")
    ]
    return lambda client: client.chat.completions.create(
        model=MODEL, messages=[*history, {"role": "user", "content": next(content)}]
    )


def lookup_order(order: str) -> str:
    """Look an order up."""
    return order


def refund(order: str, amount: int, to: str) -> str:
    """Refund an amount."""
    return f"{order} {amount} {to}"


def measure(guard: Guard, base_url: str, call: Call, rounds: int) -> Rounds:
    """Measure one kind of model call, bare and guarded."""
    with (
        OpenAI(base_url=base_url, api_key="none") as bare,
        OpenAI(base_url=base_url, api_key="none") as plain,
    ):
        guarded = guard.bind(plain, "agent:support", on_behalf_of="user:alice")
        return alternating(lambda: call(bare), lambda: call(guarded), rounds)


def measure_async(guard: Guard, base_url: str, rounds: int) -> Rounds:
    """Measure a chat call with 1 KB in asynchronous code."""
    content = texts()

    async def timed(call: Callable[[], Awaitable[Any]]) -> float:
        started = time.perf_counter_ns()
        await call()
        return (time.perf_counter_ns() - started) / 1000

    async def measured() -> Rounds:
        taken = Rounds(bare=[], guarded=[])
        async with (
            AsyncOpenAI(base_url=base_url, api_key="none") as bare,
            AsyncOpenAI(base_url=base_url, api_key="none") as plain,
        ):
            guarded = guard.bind(plain, "agent:support", on_behalf_of="user:alice")
            ways = ((bare, taken.bare), (guarded, taken.guarded))
            for number in range(rounds + rounds // 5):
                for client, kept in ways:

                    def call(client: AsyncOpenAI = client) -> Awaitable[Any]:
                        return client.chat.completions.create(
                            model=MODEL, messages=[{"role": "user", "content": next(content)}]
                        )

                    each = await timed(call)
                    if number >= rounds // 5:
                        kept.append(each)
        return taken

    return asyncio.run(measured())


def measure_conversation(guard: Guard, base_url: str) -> None:
    """Measure a conversation that grows turn by turn against scanning its text once."""
    content = texts()
    said: list[Any] = []
    added = alone = 0.0
    with (
        OpenAI(base_url=base_url, api_key="none") as bare,
        OpenAI(base_url=base_url, api_key="none") as plain,
    ):
        guarded = guard.bind(plain, "agent:support", on_behalf_of="user:alice")

        def create(client: OpenAI) -> object:
            return client.chat.completions.create(model=MODEL, messages=said)

        for _ in range(TURNS):
            said.append({"role": "user", "content": next(content)})
            rounds = alternating(lambda: create(bare), lambda: create(guarded), 3)
            added += min(rounds.guarded) - min(rounds.bare)
            alone += min(rounds.bare)
            said.append({"role": "assistant", "content": next(content)})
    scanner = build_classifier()
    scanned = 0.0
    for message in said:
        started = time.perf_counter_ns()
        scanner.findings(message["content"])
        scanned += (time.perf_counter_ns() - started) / 1000
    print(
        f"a conversation of {TURNS} turns, 1 KB a message: bare {alone / 1000:.1f} ms in all,"
        f" added {added / 1000:.1f} ms; scanning its text once {scanned / 1000:.1f} ms"
    )


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
            alternating(bare, guarded, rounds).report(name)


def profiled(call: Callable[[], object], rounds: int) -> None:
    """Print where the time of guarded calls goes; profiling itself costs, so compare shares."""
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(rounds):
        call()
    profile.disable()
    pstats.Stats(profile).sort_stats("cumulative").print_stats("agentguard", 45)


def measure_models(guard: Guard, base_url: str, rounds: int) -> None:
    """Measure every kind of model call with an answer at once."""
    for name, call, part, chunks in (
        ("chat, 1 KB", chat(texts()), 1, 1),
        ("chat, 10 KB", chat(texts(10 * 1024)), 2, 1),
        (f"chat, 1 KB and {TURNS} turns before", turn(texts()), 10, 1),
        (f"chat, 1 KB, stream of {CHUNKS}", chat_stream(texts()), 5, CHUNKS),
        ("Responses, 1 KB", responses(texts()), 1, 1),
        (f"Responses, 1 KB, stream of {CHUNKS}", responses_stream(texts()), 5, CHUNKS),
        ("embeddings, 1 KB", embeddings(texts()), 1, 1),
    ):
        measure(guard, base_url, call, max(rounds // part, 10)).report(name, chunks)
    measure_async(guard, base_url, rounds).report("chat, 1 KB, in async code")


def measure_peer(python: str | None, base_url: str, rounds: int) -> None:
    """Let openai-guardrails make the same calls beside its own bare client."""
    if python is None:
        print("openai-guardrails was not measured: give --peer a Python that has it installed")
        return
    script = Path(__file__).with_name("guardrails_peer.py")
    arguments = [python, str(script), base_url, str(rounds)]
    ended = subprocess.run(arguments, check=False, capture_output=True, text=True)
    print(ended.stdout.rstrip() or f"openai-guardrails could not be run: {ended.stderr[-300:]}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--peer", metavar="PYTHON")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        policy = folder / "agentguard.toml"
        policy.write_text(starter(new_key()[1]) + MORE, encoding="utf-8")
        base_url = stack.enter_context(provider())
        thinking = stack.enter_context(provider(THINKING))
        guard = stack.enter_context(Guard.from_file(policy))
        # A model takes its time; with an answer at once, the journal's thread is measured, too.
        slow = measure(guard, thinking, chat(texts()), options.rounds // 2)
        slow.report("chat, 1 KB, answer in 10 ms")
        measure_models(guard, base_url, options.rounds)
        measure_conversation(guard, base_url)
        measure_tools(guard, rounds=options.rounds)
        measure_peer(options.peer, base_url, options.rounds // 2)
        if options.profile:
            with OpenAI(base_url=base_url, api_key="none") as plain:
                guarded = guard.bind(plain, "agent:support", on_behalf_of="user:alice")
                call = chat(texts())
                profiled(lambda: call(guarded), options.rounds)


if __name__ == "__main__":
    main()
