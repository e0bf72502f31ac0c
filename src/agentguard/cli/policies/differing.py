# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does another version of the policy newly allow, and what does it newly deny?"""

import argparse
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from agentguard.canonical import thaw
from agentguard.cli.output import CommandFailed, print_json, shortened, visible
from agentguard.config import load_document
from agentguard.config.durations import EXPECTED_TIME, point_in_time
from agentguard.review.questions import written


def add_command(verbs: Any, shared: argparse.ArgumentParser) -> None:
    """Add ``policy diff``."""
    command = verbs.add_parser(
        "diff",
        parents=[shared],
        help="say what a second version of a policy decides differently, with a call for each",
        epilog="exit codes: 0 nothing is or may be newly allowed, 1 something is, 2 a file is wrong",
    )
    command.add_argument(
        "before", nargs="?", metavar="A", help="the first version (default: --config)"
    )
    command.add_argument("after", metavar="B", help="the second version")
    command.add_argument(
        "--now", metavar="TIME", help="compare from then on (default: the time it is)"
    )
    command.set_defaults(run=_diff)


def _diff(options: argparse.Namespace) -> int:
    # Deferred: comparing needs the tables of every SDK.
    from agentguard.review.difference import difference

    found = difference(
        load_document(options.before or options.config),
        load_document(options.after),
        _time(options.now),
    )
    if options.json:
        print_json(_plain(found))
    else:
        for line in _lines(found):
            print(visible(line))
    return 1 if found.widens else 0


def _time(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    at = point_in_time(text)
    if at is None:
        raise CommandFailed(f"--now {EXPECTED_TIME}")
    return at


_HEADINGS = {
    "newly_allows": "newly allowed",
    "newly_asks": "newly asked about instead of denied",
    "allows_instead_of_asking": "newly allowed instead of asked about",
    "asks_or_counts_otherwise": "asks others, or counts otherwise",
    "asks_instead_of_allowing": "newly asked about instead of allowed",
    "newly_denies": "newly denied",
}


def _lines(found: Any) -> Iterator[str]:
    for (identities, target), group in groupby(
        found.changes, key=lambda each: (each.identities, each.target)
    ):
        yield f"{shortened(identities)}  {target}"
        for each in group:
            if each.witness is None:
                yield f"  may be {_HEADINGS[each.kind]} (not decided): {each.note}"
                continue
            yield f"  {_HEADINGS[each.kind]}, by rule {each.rule!r}, such as"
            yield f"    {json.dumps(thaw(written(each.witness)), sort_keys=True, ensure_ascii=False)}"
    for each in found.tables:
        where = ".".join(filter(None, (each.table, each.name, each.key)))
        yield f"{each.direction.value}: {where} {each.note}"
    widening = sum(each.kind.widens for each in found.changes)
    yield (
        f"rules: {widening} wider, {len(found.changes) - widening} tighter;"
        f" outside of them: {len(found.tables)} changed"
    )


def _plain(found: Any) -> dict[str, Any]:
    return {
        "before": found.before,
        "after": found.after,
        "widens": found.widens,
        "changes": [
            {
                "kind": each.kind.value,
                "widens": each.kind.widens,
                "identities": list(each.identities),
                "target": each.target,
                "rule": each.rule,
                "decided": each.witness is not None,
                "witness": None if each.witness is None else thaw(written(each.witness)),
                "note": each.note or None,
            }
            for each in found.changes
        ],
        "tables": [
            {
                "table": each.table,
                "name": each.name or None,
                "key": each.key or None,
                "direction": each.direction.value,
                "note": each.note,
            }
            for each in found.tables
        ],
    }
