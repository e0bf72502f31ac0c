# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How much of AgentDojo gets done, and how many of its attacks succeed, under four policies?

No model runs. The package's correct calls of its 97 user tasks, and those of its injections where
an agent obeys each of them at once (629 pairs), pass the real guard on the suites' real functions.

python benchmarks/agentdojo/replay.py                  # a table for each suite and for all
python benchmarks/agentdojo/replay.py --json out.json  # and the figures as JSON
python benchmarks/agentdojo/replay.py --suite slack    # one suite
python benchmarks/agentdojo/replay.py --unseen         # a suite and attacks that are not AgentDojo's
python benchmarks/agentdojo/replay.py --explain        # and each call that was asked about or refused
"""

import argparse
import json
from pathlib import Path
from typing import Any

from outcome_tables import figures, table, together
from replaying import replay, say
from unseen_suite import UnseenSuite


def suites(chosen: argparse.Namespace) -> list[Any]:
    """Return the suites that were asked for; the unseen one needs no AgentDojo."""
    if chosen.unseen:
        return [UnseenSuite()]
    from dojo_suites import load_suites

    return list(load_suites(chosen.attack))


def main() -> None:
    """Replay the suites and print the figures."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    options.add_argument("--suite", action="append", help="only this one; may be repeated")
    options.add_argument("--attack", default="important_instructions", help="the package's wording")
    options.add_argument("--json", type=Path, help="where the figures go as well")
    options.add_argument("--explain", action="store_true", help="every call that did not just run")
    options.add_argument("--unseen", action="store_true", help="a suite that is not AgentDojo's")
    chosen = options.parse_args()
    runs = {
        suite.name: replay(suite, say if chosen.explain else None)
        for suite in suites(chosen)
        if not chosen.suite or suite.name in chosen.suite
    }
    rows = {name: figures(found) for name, found in runs.items()}
    rows["all"] = figures(together(runs.values()))
    print(table(rows))
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
