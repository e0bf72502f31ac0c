# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A process that is killed in the middle of its work."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agentguard.audit import VerdictState, parse_entry, verify
from agentguard.stores import SqliteReader
from agentguard.vocabulary import ApprovalState

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends SIGKILL")

# Each line that the victim prints was acknowledged as durable before it was printed.
APPENDING = """
import sys, os, threading
from datetime import UTC, datetime
from agentguard.stores import Journal, SqliteStore
from agentguard.vocabulary import AuditEntry, EntryType

journal = Journal(SqliteStore(sys.argv[1]), lambda: datetime.now(UTC))

def work(thread):
    n = 0
    while True:
        entry = AuditEntry(type=EntryType.REFUSED, at=datetime.now(UTC), call_id=f"{thread}-{n}")
        position = journal.append(entry, durable=True)
        journal.append(entry, durable=False)
        os.write(1, f"{position.stream} {position.seq} {thread}-{n}\\n".encode())
        n += 1

for thread in range(4):
    threading.Thread(target=work, args=(thread,)).start()
"""

# Resumers race for every approved request, and print before they run what they claimed.
CLAIMING = """
import sys, os
from dataclasses import replace
from datetime import UTC, datetime
from agentguard.stores import ChangeLost, Journal, SqliteStore
from agentguard.vocabulary import ApprovalChange, ApprovalState, AuditEntry, EntryType

store = SqliteStore(sys.argv[1])
journal = Journal(store, lambda: datetime.now(UTC))

def append(type, request, state):
    after = replace(request, state=state, version=request.version + 1, claimed_by=journal.stream)
    entry = AuditEntry(type=type, at=datetime.now(UTC), call_id=request.id)
    journal.append(entry, durable=True, change=ApprovalChange(before=request, after=after))
    return after

os.write(1, b"ready\\n")
sys.stdin.readline()
for request in store.approvals([ApprovalState.APPROVED]):
    try:
        taken = append(EntryType.INTENT, request, ApprovalState.EXECUTING)
    except ChangeLost:
        continue
    os.write(1, f"ran {request.id}\\n".encode())
    append(EntryType.OUTCOME, taken, ApprovalState.DONE)
"""


def _start(program: str, place: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", program, str(place)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _kill(process: "subprocess.Popen[str]") -> str:
    process.send_signal(signal.SIGKILL)
    return process.communicate(timeout=60)[0]


def test_nothing_that_was_acknowledged_is_lost(place: Path) -> None:
    """After a kill every entry acknowledged as durable is there, and the chains hold."""
    acknowledged: list[list[str]] = []
    for _ in range(3):
        victim = _start(APPENDING, place)
        assert victim.stdout is not None
        first = victim.stdout.readline()
        time.sleep(random.uniform(0.02, 0.2))  # noqa: S311 - the moment of the kill
        printed = first + _kill(victim)
        acknowledged += [line.split() for line in printed.splitlines(keepends=True) if "\n" in line]
    reader = SqliteReader(place)
    stored = {
        (one.stream, str(row.seq)): parse_entry(row.content).entry.call_id
        for one in reader.streams()
        for row in reader.entries(one.stream)
    }
    assert len(acknowledged) > 3
    for stream, seq, call_id in acknowledged:
        assert stored[stream, seq] == call_id
    found = verify(reader.logs())
    assert found.integrity.state is VerdictState.HOLDS
    assert found.completeness.state is VerdictState.INCOMPLETE
    assert found.streams == 3
    assert len(found.completeness.ranges) == 3


def test_nothing_that_was_approved_runs_twice(place: Path, asked_and_approved: list[str]) -> None:
    """Resumers that race and are killed at random run each request at most once."""
    ran: list[str] = []
    for _ in range(2):
        racers = [_start(CLAIMING, place) for _ in range(3)]
        for racer in racers:
            assert racer.stdout is not None
            assert racer.stdout.readline() == "ready\n"
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write("go\n")
            racer.stdin.flush()
        time.sleep(random.uniform(0.0, 0.03))  # noqa: S311 - the moment of the kill
        ran += [line for racer in racers for line in _kill(racer).splitlines()]
    assert len(ran) == len(set(ran))
    reader = SqliteReader(place)
    claimed = {one.id for one in reader.approvals() if one.state is not ApprovalState.APPROVED}
    assert {line.removeprefix("ran ") for line in ran} <= claimed <= set(asked_and_approved)
    assert verify(reader.logs()).integrity.state is VerdictState.HOLDS
