# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How much do agentguard and its peers find, at how much noise and at what speed?

python benchmarks/detection.py                            # on a set that is generated
python benchmarks/detection.py --data DIR --peers P1 P2   # on a folder, with peers beside us
python benchmarks/detection.py --json FILE --plots DIR    # keep the figures, and draw them

A folder holds secrets.jsonl, benign.jsonl and pii.jsonl, one document a line: {"text", "source",
"spans": [{"start", "end", "type"}]}. Each of --peers is the interpreter of an environment; what it
has is run. All engines look at the same texts in one run, each in a process of its own.
"""

import argparse
import json
import os
import platform
import random
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from detection_evasion import evasion_scores, trials
from detection_generated import generated, speed_texts
from detection_peers import ENGINES, PII, SECRETS
from detection_report import report
from detection_runs import Run, engines_of, run_engine
from detection_scores import Document, Looked, Pace, pii_scores, secret_scores

SETS = ("secrets", "benign", "pii")
Sets = dict[str, list[Document]]


def read_sets(folder: Path) -> Sets:
    """Read the three sets of a folder; a missing one is empty."""
    return {name: _read_set(folder / f"{name}.jsonl") for name in SETS}


def _read_set(path: Path) -> list[Document]:
    if not path.exists():
        return []
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    documents = [
        Document(
            row["text"],
            tuple((span["start"], span["end"], span["type"]) for span in row["spans"]),
            row["source"],
        )
        for row in rows
    ]
    # So that a run that is broken off has seen something of every source.
    random.Random(5).shuffle(documents)  # noqa: S311 - the same order in every run
    return documents


def measured(python: str, name: str, purpose: str, sets: Sets, limit: float) -> dict[str, Any]:
    """Run one engine for one purpose and score it."""
    positives, benign = sets[SECRETS if purpose == SECRETS else "pii"], sets["benign"]
    tried = [each for trial in trials(positives) for each in trial.documents]
    parts = {
        "positives": positives,
        "benign": benign,
        "evasion": tried if purpose == SECRETS else [],
        "speed": speed_texts(),
    }
    order = [(part, document) for part in ("positives", "benign") for document in parts[part]]
    random.Random(7).shuffle(order)  # noqa: S311 - the same order in every run
    order += [(part, document) for part in ("evasion", "speed") for document in parts[part]]
    run = run_engine(python, name, purpose, [document for _, document in order], limit)
    looked: dict[str, list[tuple[Document, Looked]]] = {part: [] for part in parts}
    for (part, _), pair in zip(order, run.looked, strict=False):
        looked[part].append(pair)
    score = secret_scores if purpose == SECRETS else pii_scores
    told: dict[str, Any] = score(looked["positives"], looked["benign"])
    if looked["evasion"]:
        told["evasion"] = evasion_scores(looked["evasion"])
    return told | _how(run, len(order)) | {"speed": _speed(looked["speed"])}


def _how(run: Run, asked: int) -> dict[str, Any]:
    return {
        "version": run.version,
        "start_up_ms": round(run.ready_seconds * 1e3, 1),
        "start_up_cpu_ms": round(run.ready_worked * 1e3, 1),
        "looked_at": len(run.looked),
        "asked": asked,
        "ended": run.ended,
    }


def _speed(looked: list[tuple[Document, Looked]]) -> dict[str, dict[str, float]]:
    paces: dict[str, Pace] = {}
    for document, found in looked:
        paces.setdefault(document.source, Pace()).add(document, found)
    return {name: pace.told() for name, pace in paces.items()}


def machine() -> dict[str, Any]:
    """Say where and when this was measured."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
    }


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, metavar="DIR", help="the labelled documents")
    parser.add_argument("--peers", nargs="*", default=[], metavar="PYTHON")
    parser.add_argument("--engines", nargs="*", metavar="NAME", help="only these")
    parser.add_argument("--limit", type=float, default=180.0, metavar="SECONDS")
    parser.add_argument(
        "--hold-out-source", action="append", default=[], metavar="NAME", help="set it apart"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="draw what was measured")
    parser.add_argument("--plots-python", default=sys.executable, metavar="PYTHON")
    return parser.parse_args()


def main() -> None:
    """Measure, and print tables."""
    options = arguments()
    sets = read_sets(options.data) if options.data else generated()
    ours = [name for name, engine in ENGINES.items() if engine.package == "agentguard"]
    # A path of modules in the environment may show the library to interpreters without its needs.
    here = engines_of(options.peers) | dict.fromkeys(ours, sys.executable)
    wanted = options.engines or list(ENGINES)
    figures: dict[str, Any] = {
        "machine": machine(),
        "documents": {name: len(documents) for name, documents in sets.items()},
        "held_out": options.hold_out_source,
        "missing": [name for name in wanted if name not in here],
        SECRETS: {},
        PII: {},
    }
    for name in wanted:
        for purpose in ENGINES[name].purposes if name in here else ():
            print(f"{name}: {purpose}", file=sys.stderr)
            told = measured(here[name], name, purpose, sets, options.limit)
            figures[purpose][name] = told
    print(report(figures))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    if options.plots:
        draw(figures, options)


def draw(figures: dict[str, Any], options: argparse.Namespace) -> None:
    """Draw the figures, in an environment that can."""
    script = Path(__file__).with_name("detection_plots.py")
    subprocess.run(
        [options.plots_python, str(script), str(options.plots)],
        input=json.dumps(figures),
        text=True,
        check=True,
    )


if __name__ == "__main__":
    main()
