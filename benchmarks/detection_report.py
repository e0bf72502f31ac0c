# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How do the figures of all engines look side by side?

Markdown tables; what was not run whole, or not at all, is told below them.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Figures = Mapping[str, Any]
NONE = "-"
PACE = ("MB/s", "MB/s of CPU", "p50 ms", "p99 ms", "start-up ms of CPU")
PII_TYPES = ("EMAIL", "PHONE", "CREDIT_CARD", "IBAN", "US_SSN", "IP", "URL")


def report(figures: Figures) -> str:
    """Return all tables."""
    secrets, pii = figures["secrets"], figures["pii"]
    parts = [
        _about(figures),
        *(("## Secrets", _secrets(secrets), _sources(secrets)) if secrets else ()),
        *(("## Secrets written otherwise", _evasion(secrets)) if secrets else ()),
        *(("## Personal data", _pii(pii)) if pii else ()),
        *(("## Speed", _speed(pii | secrets)),),
        *((_held_out(figures),) if figures["held_out"] else ()),
        _endings(figures),
    ]
    return "\n\n".join(part for group in parts for part in _flat(group) if part)


def _flat(group: str | Iterable[str]) -> Iterable[str]:
    return (group,) if isinstance(group, str) else group


def _about(figures: Figures) -> str:
    counts = ", ".join(f"{number} {name}" for name, number in figures["documents"].items())
    machine = ", ".join(f"{key} {value}" for key, value in figures["machine"].items())
    return f"Documents: {counts}. Measured: {machine}."


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    titles = list(head)
    lines = [titles, ["---"] * len(titles), *([str(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _share(told: Figures | None, key: str = "covered") -> str:
    return NONE if told is None else f"{told[key]:.3f}"


def _secrets(engines: Figures) -> str:
    head = ("engine", "covered", "touched", "types", "flagged", "per MB", "precision")
    return _table(
        (*head, *PACE),
        (
            (
                name,
                _share(told["sources"].get("all")),
                _share(told["sources"].get("all"), "touched"),
                "{} of {}".format(*told["types_met"]),
                _share(told["benign"].get("strict"), "flagged"),
                told["benign"].get("strict", {}).get("per_mb", NONE),
                _share(told, "precision"),
                *_pace(told),
            )
            for name, told in engines.items()
        ),
    )


def _pace(told: Figures) -> tuple[object, ...]:
    keys = ("mb_per_s", "mb_per_cpu_s", "p50_ms", "p99_ms", "start_up_cpu_ms")
    return tuple(told.get(key, NONE) for key in keys)


def _sources(engines: Figures) -> str:
    found = _names(told["sources"] for told in engines.values())
    quiet = _names(told["benign"] for told in engines.values())
    covered = _table(
        ("covered, by source", *found),
        (
            (name, *(_share(told["sources"].get(source)) for source in found))
            for name, told in engines.items()
        ),
    )
    flagged = _table(
        ("flagged, by source", *quiet),
        (
            (name, *(_share(told["benign"].get(source), "flagged") for source in quiet))
            for name, told in engines.items()
        ),
    )
    return f"{covered}\n\n{flagged}"


def _names(tables: Iterable[Figures]) -> list[str]:
    return sorted({name for table in tables for name in table})


def _evasion(engines: Figures) -> str:
    shown = {name: told["evasion"] for name, told in engines.items() if "evasion" in told}
    changes = list(next(iter(shown.values()), {}))
    rows: list[tuple[object, ...]] = [
        ("tokens found as they are", *(each["plain"]["tokens"] for each in shown.values()))
    ]
    rows.extend(
        (change, *(_share(each[change]) for each in shown.values())) for change in changes[1:]
    )
    return _table(("change", *shown), rows)


def _pii(engines: Figures) -> str:
    head = ("engine", "structured", *(name.lower() for name in PII_TYPES), "all")
    return _table(
        (*head, "precision", "negatives", "flagged but for addresses", *PACE),
        (
            (
                name,
                *(_share(told["types"].get(kind)) for kind in ("structured", *PII_TYPES, "all")),
                _share(told, "precision"),
                _share(told["negatives"], "flagged"),
                _share(told["benign"].get("strict"), "flagged"),
                *_pace(told),
            )
            for name, told in engines.items()
        ),
    )


def _speed(engines: Figures) -> str:
    texts = list(dict.fromkeys(text for told in engines.values() for text in told["speed"]))
    return _table(
        (
            "engine",
            *(f"{text}, {unit}" for text in texts for unit in ("p50 ms", "MB/s of CPU")),
        ),
        (
            (
                name,
                *(
                    told["speed"].get(text, {}).get(key, NONE)
                    for text in texts
                    for key in ("p50_ms", "mb_per_cpu_s")
                ),
            )
            for name, told in engines.items()
        ),
    )


def _held_out(figures: Figures) -> str:
    apart = figures["held_out"]
    rows = []
    for name, told in figures["secrets"].items():
        sources = told["sources"]
        rest = [each for source, each in sources.items() if source not in (*apart, "all")]
        spans = sum(each["spans"] for each in rest)
        covered = sum(each["spans"] * each["covered"] for each in rest) / max(1, spans)
        rows.append((name, *(_share(sources.get(source)) for source in apart), f"{covered:.3f}"))
    return _table(("set apart", *apart, "all others"), rows)


def _endings(figures: Figures) -> str:
    lines = list(_told(figures))
    lines.extend(f"- {name}: not run, in no environment of --peers" for name in figures["missing"])
    return "\n".join(lines)


def _told(figures: Figures) -> Iterator[str]:
    for purpose in ("secrets", "pii"):
        for name, told in figures[purpose].items():
            if told["ended"]:
                part = f"{told['looked_at']} of {told['asked']} texts"
                yield f"- {name} ({purpose}): {told['ended']}; {part}"
