# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How much does ``import agentguard`` add to the start of an interpreter?

python benchmarks/import_time.py    # medians of alternating runs
"""

import subprocess
import sys
import time
from statistics import median

RUNS = 15


def milliseconds(code: str) -> float:
    """Time one fresh interpreter."""
    started = time.perf_counter_ns()
    subprocess.run([sys.executable, "-c", code], check=True)
    return (time.perf_counter_ns() - started) / 1e6


def main() -> None:
    """Measure and print."""
    codes = ("pass", "import agentguard")
    times: dict[str, list[float]] = {code: [] for code in codes}
    for number in range(RUNS + 1):
        for code in codes:
            taken = milliseconds(code)
            if number:  # the first round warms the file cache
                times[code].append(taken)
    bare, importing = (median(times[code]) for code in codes)
    print(
        f"bare {bare:.0f} ms, with agentguard {importing:.0f} ms, added {importing - bare:.0f} ms"
    )


if __name__ == "__main__":
    main()
