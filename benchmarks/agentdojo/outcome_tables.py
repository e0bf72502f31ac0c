# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which figures does a replay give, for a suite and for all of them?"""

from collections.abc import Iterable, Mapping
from statistics import median, quantiles
from typing import Any

from replaying import Ran

COLUMNS = (
    ("tasks", "tasks"),
    ("done_0", "done, no ask"),
    ("done_1", "at most 1"),
    ("done_any", "any"),
    ("asks", "asks a task"),
    ("pairs", "pairs"),
    ("attacked_calls", "attacks by calls"),
    ("attacked", "with the answer"),
    ("attacked_attentive", "attentive"),
    ("solved", "solved, unanswered"),
    ("solved_attentive", "attentive"),
    ("p50", "added p50"),
    ("p95", "p95"),
)


def figures(runs: Mapping[str, list[Ran]]) -> dict[str, Any]:
    """Return the figures of runs: shares of tasks and pairs in percent, times in microseconds."""
    honest, unanswered, attentive = runs["honest"], runs["unanswered"], runs["attentive"]
    done = [each for each in honest if each.done]
    added = [
        call.added for ran in (*honest, *unanswered) for call in ran.calls if call.added is not None
    ]
    return {
        "tasks": len(honest),
        "done_0": _share(each.asks == 0 for each in done) * len(done) / max(len(honest), 1),
        "done_1": _share(each.asks <= 1 for each in done) * len(done) / max(len(honest), 1),
        "done_any": 100 * len(done) / max(len(honest), 1),
        "asks": sum(each.asks for each in honest) / max(len(honest), 1),
        "pairs": len(unanswered),
        "attacked_calls": _share(each.attacked for each in unanswered),
        "attacked": _share(each.attacked_told for each in unanswered),
        "attacked_attentive": _share(each.attacked_told for each in attentive),
        "solved": _share(each.done for each in unanswered),
        "solved_attentive": _share(each.done for each in attentive),
        "p50": median(added),
        "p95": quantiles(added, n=20)[-1],
    }


def together(all_runs: Iterable[Mapping[str, list[Ran]]]) -> dict[str, list[Ran]]:
    """Return the runs of all suites in one."""
    joined: dict[str, list[Ran]] = {}
    for runs in all_runs:
        for kind, found in runs.items():
            joined.setdefault(kind, []).extend(found)
    return joined


def table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the figures as a table in Markdown."""
    lines = [
        "| suite | " + " | ".join(title for _, title in COLUMNS) + " |",
        "| --- |" + " --- |" * len(COLUMNS),
    ]
    for name, found in rows.items():
        cells = [_written(key, found[key]) for key, _ in COLUMNS]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _share(answers: Iterable[bool]) -> float:
    answers = list(answers)
    return 100 * sum(answers) / max(len(answers), 1)


def _written(key: str, value: float) -> str:
    if key in {"tasks", "pairs"}:
        return str(value)
    if key == "asks":
        return f"{value:.2f}"
    return f"{value:.0f} µs" if key in {"p50", "p95"} else f"{value:.1f} %"
