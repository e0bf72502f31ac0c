# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Draw what the benchmark of detection measured.

python detection_plots.py DIR < figures.json    # needs matplotlib
"""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

OURS, OTHERS = "#1a6b4f", "#7a7a7a"
_PERCENT = (0, 1, 2, 5, 10, 20, 50, 100)


def plots(figures: dict[str, Any], folder: Path) -> None:
    """Write each plot as PNG and as SVG."""
    library = importlib.import_module("matplotlib")
    library.use("Agg")
    library.rcParams["svg.fonttype"] = "none"
    library.rcParams["svg.hashsalt"] = "agentguard"
    drawing = importlib.import_module("matplotlib.pyplot")
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in (("secrets", _noise), ("pii", _precision), ("speed", _speed)):
        figure, axes = drawing.subplots(figsize=(8, 5))
        draw(axes, figures)
        figure.tight_layout()
        for form in ("png", "svg"):
            told = {"Date": None} if form == "svg" else {}
            path = folder / f"detection-{name}.{form}"
            figure.savefig(path, metadata=told, bbox_inches="tight")
        drawing.close(figure)


def _colour(name: str) -> str:
    return OURS if name.startswith("agentguard") else OTHERS


def _point(axes: Any, name: str, across: float, up: float) -> None:
    axes.scatter([across], [up], color=_colour(name), s=40)
    # By turns above and below, so that the names of neighbours do not cover one another.
    height = 5 if len(axes.texts) % 2 else -11
    axes.annotate(name, (across, up), xytext=(5, height), textcoords="offset points", fontsize=8)


def _noise(axes: Any, figures: dict[str, Any]) -> None:
    for name, told in figures["secrets"].items():
        if "all" in told["sources"] and "strict" in told["benign"]:
            flagged, covered = (
                told["benign"]["strict"]["flagged"],
                told["sources"]["all"]["covered"],
            )
            _point(axes, name, flagged * 100, covered * 100)
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xlim(0, 300)
    axes.set_xticks(_PERCENT, labels=[str(percent) for percent in _PERCENT])
    axes.set_ylim(0, 100)
    axes.set_xlabel("benign documents flagged, %")
    axes.set_ylabel("secrets covered, %")


def _precision(axes: Any, figures: dict[str, Any]) -> None:
    for name, told in figures["pii"].items():
        if "structured" in told["types"]:
            across, up = told["precision"], told["types"]["structured"]["covered"]
            _point(axes, name, across * 100, up * 100)
    axes.set_xlabel("precision, %")
    axes.set_ylabel("structured personal data covered, %")


def _speed(axes: Any, figures: dict[str, Any]) -> None:
    paces = {
        f"{name} ({purpose})": told["mb_per_cpu_s"]
        for purpose in ("secrets", "pii")
        for name, told in figures[purpose].items()
        if "mb_per_cpu_s" in told
    }
    ordered = sorted(paces, key=lambda name: paces[name])
    axes.barh(ordered, [paces[name] for name in ordered], color=[_colour(n) for n in ordered])
    axes.set_xscale("log")
    axes.set_xlabel("MB per second of processor time, all documents of the run")
    axes.tick_params(axis="y", labelsize=8)


if __name__ == "__main__":
    plots(json.load(sys.stdin), Path(sys.argv[1]))
