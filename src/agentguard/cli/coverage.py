# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What can be guarded here, what does the policy refuse, and how did the calls go so far?"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from agentguard.canonical import instant
from agentguard.cli.output import print_json, visible
from agentguard.config import load_policy
from agentguard.coverage import Coverage, SurfaceCoverage
from agentguard.coverage.values import calls_table, plain
from agentguard.stores import SqliteReader


def add_commands(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add ``coverage``."""
    command = commands.add_parser(
        "coverage",
        parents=[shared],
        help="what is guarded, what is refused, and how the calls went",
        description="Exits with 1 when a client library that the policy requires is not covered.",
    )
    command.add_argument(
        "--operations", action="store_true", help="list every operation with what the policy says"
    )
    command.set_defaults(run=_coverage)


def _coverage(options: argparse.Namespace) -> int:
    from agentguard.coverage.measuring import coverage_here
    from agentguard.coverage.writers import Writer, writers

    policy, deployment = load_policy(options.config)
    coverage = _with_unlisted(coverage_here(policy))
    wrote: list[Writer] = []
    # Before the guard first ran there is no log, and no call to count.
    if deployment.store.is_file():
        wrote = list(writers(SqliteReader(deployment.store)))
    if options.json:
        print_json(coverage.as_json() | {"writers": [_plain(each) for each in wrote]})
    else:
        print(visible_lines(str(coverage)))
        if options.operations:
            print("\n".join(_operations(coverage)))
        for each in wrote:
            print(visible_lines("\n".join(_wrote(each))))
    return 0 if coverage.covered else 1


def visible_lines(text: str) -> str:
    """Return lines of text that show every character but the ends of the lines."""
    return "\n".join(map(visible, text.split("\n")))


def _with_unlisted(coverage: Coverage) -> Coverage:
    return replace(coverage, surfaces=tuple(map(_asked_for_pairs, coverage.surfaces)))


def _asked_for_pairs(surface: SurfaceCoverage) -> SurfaceCoverage:
    """Add the pairs that the installed SDK can send and no table lists."""
    if not surface.loaded:
        return surface
    # What drives an SDK is no part of the guard; it is imported when it is asked for.
    from agentguard.operations.table import read_rows
    from agentguard.testing.sdk_operations import found_in

    listed = {(row["verb"], row["path"]) for row in read_rows(surface.surface)}
    try:
        found = set(found_in(surface.surface))
    except RuntimeError as silent:
        gap = f"not all that it can send is known, since {silent}"
        return replace(surface, gaps=(*surface.gaps, gap))
    unlisted = tuple(f"{verb} {path}" for verb, path in sorted(found - listed))
    return replace(surface, operations=replace(surface.operations, unlisted=unlisted))


def _operations(coverage: Coverage) -> Iterator[str]:
    for surface in coverage.surfaces:
        for said, pairs in plain(surface.operations).items():
            yield from (f"{surface.surface:<9}  {said:<8}  {pair}" for pair in pairs)


def _plain(writer: Any) -> dict[str, Any]:
    opened_at = None if writer.opened_at is None else instant(writer.opened_at)
    told: dict[str, Any] = plain(replace(writer, opened_at=None))
    return told | {"opened_at": opened_at}


def _wrote(writer: Any) -> Iterator[str]:
    opened_at = "" if writer.opened_at is None else f" since {instant(writer.opened_at)}"
    state = "closed" if writer.closed else "not closed"
    yield ""
    yield f"written by process {writer.pid} on {writer.host}{opened_at}, {state}: {writer.stream}"
    yield from calls_table(writer.calls)
    if writer.unfinished:
        yield f"calls with an intent and no outcome: {writer.unfinished}"
    if writer.unreadable:
        yield f"rows that are no entries: {writer.unreadable}; see 'agentguard audit verify'"
