# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How much of AgentDojo gets done, and how many of its attacks succeed, under four policies?

No model runs. The package's correct calls of its 97 user tasks, and those of its injections where
an agent obeys each of them at once (629 pairs), pass the real guard on the suites' real functions.

python benchmarks/agentdojo/replay.py                  # a table for each suite and for all
python benchmarks/agentdojo/replay.py --json out.json  # and the figures as JSON
python benchmarks/agentdojo/replay.py --suite slack    # one suite
python benchmarks/agentdojo/replay.py --explain        # and each call that was asked about or refused
"""

import argparse
import json
from pathlib import Path

from dojo_suites import load_suites
from outcome_tables import figures, table, together
from replaying import replay, say


def main() -> None:
    """Replay the suites and print the figures."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    options.add_argument("--suite", action="append", help="only this one; may be repeated")
    options.add_argument("--attack", default="important_instructions", help="the package's wording")
    options.add_argument("--json", type=Path, help="where the figures go as well")
    options.add_argument("--explain", action="store_true", help="every call that did not just run")
    chosen = options.parse_args()
    runs = {
        suite.name: replay(suite, say if chosen.explain else None)
        for suite in load_suites(chosen.attack)
        if not chosen.suite or suite.name in chosen.suite
    }
    rows = {name: figures(found) for name, found in runs.items()}
    rows["all"] = figures(together(runs.values()))
    print(table(rows))
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
