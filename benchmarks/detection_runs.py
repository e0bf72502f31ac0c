# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is an engine made to look at the same documents as all the others?

Each runs in a process of its own, in the environment that has it, with a limit of time. What it
did until it stopped, broke or was stopped is kept, and how it ended is told.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from detection_scores import Document, Looked

SCRIPT = Path(__file__).with_name("detection_peers.py")
# Beyond its limit an engine may still finish the text that it is at.
GRACE_SECONDS = 60.0


@dataclass(slots=True)
class Run:
    """What an engine did.

    Attributes:
        looked: the documents that it looked at, in order, with what it found.
        version: of the package.
        ready_seconds: what building it took, with its imports.
        ready_worked: the same of the processor's time.
        ended: how it ended, when that is not by the end of the documents.
    """

    looked: list[tuple[Document, Looked]] = field(default_factory=list)
    version: str = ""
    ready_seconds: float = 0.0
    ready_worked: float = 0.0
    ended: str = ""


def engines_of(pythons: Iterable[str]) -> dict[str, str]:
    """Return for each engine the first interpreter that has it."""
    found: dict[str, str] = {}
    for python in pythons:
        done = subprocess.run(
            [python, str(SCRIPT), "list"], capture_output=True, text=True, check=False
        )
        if done.returncode:
            print(f"{python} cannot be asked: {_last_line(done.stderr)}", file=sys.stderr)
            continue
        for name in json.loads(done.stdout)["here"]:
            found.setdefault(name, python)
    return found


def run_engine(
    python: str, name: str, purpose: str, documents: Sequence[Document], limit: float
) -> Run:
    """Let an engine look at documents."""
    run = Run()
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as texts,
        tempfile.TemporaryFile("w+", encoding="utf-8") as said,
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors,
    ):
        texts.writelines(json.dumps(document.text) + "\n" for document in documents)
        texts.seek(0)
        command = [python, str(SCRIPT), "run", name, purpose, str(limit)]
        with subprocess.Popen(command, stdin=texts, stdout=said, stderr=errors) as process:
            try:
                process.wait(limit + GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                run.ended = f"stopped at one text after {limit:.0f} s"
        if process.returncode and not run.ended:
            errors.seek(0)
            run.ended = f"broke: {_last_line(errors.read())}"
        said.seek(0)
        _read(run, said, documents)
    return run


def _read(run: Run, said: IO[str], documents: Sequence[Document]) -> None:
    for told in _lines(said):
        if "ready" in told:
            run.version = told["version"]
            run.ready_seconds, run.ready_worked = told["ready"], told["worked"]
        elif told.get("stopped"):
            run.ended = run.ended or "stopped at its limit of time"
        else:
            spans = [(start, end, kind) for start, end, kind in told["spans"]]
            run.looked.append(
                (documents[told["n"]], Looked(spans, told["seconds"], told["worked"]))
            )
    if len(run.looked) == len(documents) and run.ended.startswith("stopped at its limit"):
        run.ended = ""


def _lines(said: IO[str]) -> Iterator[dict[str, Any]]:
    for line in said:
        # The last one may have been cut off.
        if line.endswith("}\n"):
            yield json.loads(line)


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:200] if lines else "it said nothing"
