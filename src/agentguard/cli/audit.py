# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does the audit log say, and is it what was written?"""

import argparse
import heapq
import json
import sys
import time
from dataclasses import asdict
from typing import Any

from agentguard.audit import (
    NotAnEntry,
    StoredEntry,
    VerdictState,
    Verification,
    entry_fields,
    parse_entry,
    verify,
)
from agentguard.canonical import thaw
from agentguard.cli.output import print_json, visible
from agentguard.config import load_policy
from agentguard.stores import SqliteReader

POLL_SECONDS = 0.5
# The name of the hash and twelve digits.
_SHOWN_OF_A_DIGEST = len("sha256:") + 12
BROKEN, INCOMPLETE = 1, 3


def add_commands(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add ``audit tail | verify``."""
    group = commands.add_parser("audit", help="read and verify the audit log")
    verbs = group.add_subparsers(required=True, metavar="COMMAND")
    tail = verbs.add_parser("tail", parents=[shared], help="print the newest entries")
    tail.add_argument("-n", "--lines", type=int, default=20, help="how many (default: 20)")
    tail.add_argument("-f", "--follow", action="store_true", help="go on as entries come")
    tail.set_defaults(run=_tail)
    check = verbs.add_parser(
        "verify", parents=[shared], help="say whether the log is what was written"
    )
    check.set_defaults(run=_verify)


def _reader(options: argparse.Namespace) -> SqliteReader:
    _, deployment = load_policy(options.config)
    return SqliteReader(deployment.store)


def _tail(options: argparse.Namespace) -> int:
    reader = _reader(options)
    seen: dict[str, int] = {}
    entries = _new_entries(reader, seen)
    for stored in entries[-options.lines :] if options.lines > 0 else []:
        _print(stored, as_json=options.json)
    while options.follow:
        sys.stdout.flush()
        time.sleep(POLL_SECONDS)
        for stored in _new_entries(reader, seen):
            _print(stored, as_json=options.json)
    return 0


def _new_entries(reader: SqliteReader, seen: dict[str, int]) -> list[StoredEntry]:
    """Return what was not seen yet: each stream in its order, streams woven by time."""
    streams: list[list[StoredEntry]] = []
    for record in reader.streams():
        found: list[StoredEntry] = []
        for row in reader.entries(record.stream, seen.get(record.stream, 0)):
            seen[record.stream] = row.seq + 1
            try:
                found.append(parse_entry(row.content))
            except NotAnEntry:
                continue  # `audit verify` says where the log is broken
        streams.append(found)
    return list(heapq.merge(*streams, key=lambda stored: stored.entry.at))


def _print(stored: StoredEntry, *, as_json: bool) -> None:
    entry = stored.entry
    if as_json:
        plain = {"stream": stored.stream, "seq": stored.seq, "hash": stored.hash}
        fields = {name: thaw(value) for name, value in entry_fields(entry).items()}
        print(json.dumps({**plain, **fields}, sort_keys=True))
        return
    words = [entry.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), f"{entry.type.value:<18}"]
    words += [f"{entry.operation or ''} {entry.target or ''}".strip()]
    words += [" > ".join(entry.chain)] if entry.chain else []
    for name in ("effect", "rule", "reason", "outcome", "error", "approver"):
        value = getattr(entry, name)
        words += [f"{name}={value}"] if value is not None else []
    if entry.classes:
        words.append("classes=" + ",".join(f"{k}:{v}" for k, v in sorted(entry.classes.items())))
    words += [f"{name}={_short(value)}" for name, value in sorted(entry.details.items())]
    if entry.call_id is None and entry.policy is not None:
        words.append(f"policy={_short(entry.policy)}")
    if entry.approval_id is not None:
        words.append(f"approval={entry.approval_id[:8]}")
    if entry.trace_id is not None:
        words.append(f"trace={entry.trace_id[:8]}")
    print(visible("  ".join(words)))


def _short(text: str) -> str:
    """Return enough of a digest to tell it from others, and any other text whole."""
    return text[:_SHOWN_OF_A_DIGEST] if text.startswith("sha256:") else text


def _verify(options: argparse.Namespace) -> int:
    verification = verify(_reader(options).logs())
    if options.json:
        print_json(asdict(verification))
        return _exit_code(verification)
    print(f"{verification.streams} streams, {verification.entries} entries")
    for name in ("integrity", "completeness", "authenticity", "anchoring"):
        verdict = getattr(verification, name)
        print(f"{name:<13} {verdict.state.value:<11} {verdict.sentence}")
        for place in verdict.ranges:
            print(f"{'':<13} {visible(str(place))}")
    return _exit_code(verification)


def _exit_code(verification: Verification) -> int:
    if verification.integrity.state is VerdictState.BROKEN:
        return BROKEN
    if verification.completeness.state in (VerdictState.BROKEN, VerdictState.INCOMPLETE):
        return INCOMPLETE
    return 0
