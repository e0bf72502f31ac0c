# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How much time does openai-guardrails add to a chat call, with one keyword check?

Runs in an environment of its own, where that package and its SDK are, and imports nothing of
agentguard; ``guarded_call.py`` starts it in the same run. Beside its own bare client.

python benchmarks/guardrails_peer.py BASE_URL ROUNDS
"""

import itertools
import sys
import time
from importlib.metadata import version
from statistics import median, quantiles

CHECK = {"name": "Keyword Filter", "config": {"keywords": ["aurora"]}}
CONFIG = {"version": 1, "pre_flight": {"version": 1, "guardrails": [CHECK]}}
PROSE = "the order went to the customer on monday and will arrive there soon " * 20


def main() -> None:
    """Measure and print one line."""
    base_url, rounds = sys.argv[1], int(sys.argv[2])
    from guardrails import GuardrailsOpenAI  # type: ignore[import-not-found]  # the peer's own environment has it
    from openai import OpenAI

    bare = OpenAI(base_url=base_url, api_key="none")
    guarded = GuardrailsOpenAI(config=CONFIG, base_url=base_url, api_key="none")
    times: tuple[list[float], list[float]] = ([], [])
    numbers = itertools.count()
    for number in range(rounds + rounds // 5):
        for client, kept in zip((bare, guarded), times, strict=True):
            text = f"{next(numbers)} {PROSE}"[:1024]
            started = time.perf_counter_ns()
            client.chat.completions.create(
                model="gpt-4o-mini", messages=[{"role": "user", "content": text}]
            )
            if number >= rounds // 5:
                kept.append((time.perf_counter_ns() - started) / 1000)
    without, with_check = map(median, times)
    fastest, fastest_checked = (quantiles(each, n=10)[0] for each in times)
    print(
        f"openai-guardrails {version('openai-guardrails')}, one keyword check, with openai"
        f" {version('openai')}: bare {without:.1f}  guarded {with_check:.1f}"
        f"  ratio {with_check / without:.2f}  added {with_check - without:.1f} µs,"
        f" in the fastest tenth {fastest_checked - fastest:.1f} µs"
    )


if __name__ == "__main__":
    main()
