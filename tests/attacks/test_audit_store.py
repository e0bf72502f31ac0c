# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does anything happen that the audit log does not hold?

The story: a log that cannot be written is a switched-off control that nobody notices. The rule
is that no writable log means no call, and that the intent of a change is on disk first.
"""

import sqlite3
import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from openai import OpenAI

from agentguard import ConfigError, Guard, GuardFailure
from agentguard.audit import VerdictState, parse_entry, verify
from agentguard.config import starter
from agentguard.stores import SqliteReader
from agentguard.testing import LoopbackProvider
from agentguard.vocabulary import AuditEntry, EntryType, Outcome

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


def entries(folder: Path) -> list[AuditEntry]:
    """Return every entry in the store, stream by stream."""
    reader = SqliteReader(folder / "agentguard.db")
    return [
        parse_entry(row.content).entry
        for record in reader.streams()
        for row in reader.entries(record.stream)
    ]


def test_a_read_only_database_is_refused_at_start(
    shared_folder: Path,
    unprivileged: Callable[[], AbstractContextManager[None]],
    approver_key: tuple[bytes, str],
) -> None:
    """A guard does not start on a store that it cannot write."""
    policy = shared_folder / "agentguard.toml"
    policy.write_text(starter(approver_key[1]), encoding="utf-8")
    with unprivileged():
        Guard.from_file(policy).close()
        (shared_folder / "agentguard.db").chmod(stat.S_IRUSR)
        with pytest.raises(ConfigError, match="store cannot be opened"):
            Guard.from_file(policy)


def test_calls_are_refused_once_the_database_is_only_readable(
    guard: Guard, client: OpenAI, provider: LoopbackProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When commits begin to fail nothing more leaves, and no tool runs."""
    store = guard._parts.store
    ran: list[str] = []

    @guard.tool
    def lookup_order(order: str) -> str:
        ran.append(order)
        return order

    @guard.tool
    def refund(order: str, amount: int, to: str) -> str:
        ran.append(order)
        return order

    with guard.identity("agent:support", on_behalf_of="user:alice"):
        client.chat.completions.create(**CHAT)  # type: ignore[call-overload]  # shared arguments
        only_readable(store, monkeypatch)
        sent = len(provider.journal)
        with pytest.raises(GuardFailure):
            refund("ORD-00012345", 40, "jane@customers.example")
        with pytest.raises(GuardFailure):
            lookup_order("ORD-00012345")
        with pytest.raises(GuardFailure):
            client.chat.completions.create(**CHAT)  # type: ignore[call-overload]  # as above
    assert len(provider.journal) == sent
    assert ran == []
    monkeypatch.undo()
    set_query_only(store, "OFF")
    with guard.identity("agent:support", on_behalf_of="user:alice"):
        assert lookup_order("ORD-00012345") == "ORD-00012345"


def test_a_guard_that_cannot_write_its_last_entries_says_so(
    policy_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closing raises when something that was accepted is not in the log."""
    guard = Guard.from_file(policy_file)

    @guard.tool
    def lookup_order(order: str) -> str:
        return order

    with guard.identity("agent:support", on_behalf_of="user:alice"):
        lookup_order("ORD-00012345")
    only_readable(guard._parts.store, monkeypatch)
    with pytest.raises(GuardFailure) as caught:
        guard.close()
    assert caught.value.dispatched is True


def only_readable(store: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every new and every open connection of the store read-only, as SQLite enforces it."""
    connect = sqlite3.connect

    def read_only(*args: object, **kwargs: object) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **kwargs)  # type: ignore[call-overload]  # passed on
        connection.execute("PRAGMA query_only = ON")
        return connection

    monkeypatch.setattr(sqlite3, "connect", read_only)
    set_query_only(store, "ON")


def set_query_only(store: object, to: str) -> None:
    """Switch the store's open connections."""
    for name in dir(store):
        held = getattr(store, name, None)
        if isinstance(held, sqlite3.Connection):
            held.execute(f"PRAGMA query_only = {to}")


def test_the_intent_of_a_change_is_on_disk_before_the_tool_runs(
    guard: Guard, tmp_path: Path
) -> None:
    """Another reader of the file sees the intent while the tool is still running."""
    seen: list[list[EntryType]] = []

    @guard.tool
    def refund(order: str, amount: int, to: str) -> str:
        seen.append([entry.type for entry in entries(tmp_path)])
        return order

    with guard.identity("agent:support", on_behalf_of="user:alice"):
        refund("ORD-00012345", 40, "jane@customers.example")
    assert seen == [[EntryType.STREAM_OPENED, EntryType.INTENT]]
    assert [entry.type for entry in entries(tmp_path)][-1] is EntryType.OUTCOME


def test_a_killed_execution_leaves_its_intent(policy_file: Path) -> None:
    """After ``kill -9`` in a tool the log holds an intent without an outcome, and says so."""
    script = f"""
        import os, signal
        from agentguard import Guard
        guard = Guard.from_file({str(policy_file)!r})
        @guard.tool
        def refund(order: str, amount: int, to: str) -> str:
            os.kill(os.getpid(), signal.SIGKILL)
        with guard.identity("agent:support", on_behalf_of="user:alice"):
            refund("ORD-00012345", 40, "jane@customers.example")
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    assert killed.returncode == -9
    found = entries(policy_file.parent)
    assert [entry.type for entry in found] == [EntryType.STREAM_OPENED, EntryType.INTENT]
    verification = verify(SqliteReader(policy_file.parent / "agentguard.db").logs())
    assert verification.integrity.state is VerdictState.HOLDS
    assert verification.completeness.state is VerdictState.INCOMPLETE


def test_every_call_is_written_with_its_span_and_without_payload(
    guard: Guard, client: OpenAI, tmp_path: Path, spans: object
) -> None:
    """Intent and outcome carry the id of the guard span and a commitment, not the content."""
    with guard.identity("agent:support", on_behalf_of="user:alice", session="conv-1"):
        client.chat.completions.create(**CHAT)  # type: ignore[call-overload]  # shared arguments
    guard.close()
    finished = {span.name: span for span in spans.get_finished_spans()}  # type: ignore[attr-defined]  # in memory
    context = finished["guard chat m"].context
    intent, outcome = (e for e in entries(tmp_path) if e.call_id is not None)
    assert (intent.type, outcome.type) == (EntryType.INTENT, EntryType.OUTCOME)
    assert intent.trace_id == outcome.trace_id == f"{context.trace_id:032x}"
    assert intent.span_id == f"{context.span_id:016x}"
    assert intent.commitment is not None
    assert intent.chain == ("user:alice", "agent:support")
    assert (intent.provider, intent.target, intent.rule) == ("loopback", "m", "chat")
    assert outcome.outcome is Outcome.COMPLETED


def test_a_forked_worker_writes_a_stream_of_its_own(policy_file: Path) -> None:
    """A pre-fork server's children each open their own stream, and every chain verifies."""
    script = f"""
        import os, warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        from agentguard import Guard
        guard = Guard.from_file({str(policy_file)!r})
        @guard.tool
        def refund(order: str, amount: int, to: str) -> str:
            return order
        def work():
            with guard.identity("agent:support", on_behalf_of="user:alice"):
                for _ in range(3):
                    refund("ORD-00012345", 40, "jane@customers.example")
        work()
        children = []
        for _ in range(3):
            child = os.fork()
            if child == 0:
                work()
                guard.close()
                os._exit(0)
            children.append(child)
        work()
        assert all(os.waitpid(child, 0)[1] == 0 for child in children)
        guard.close()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    reader = SqliteReader(policy_file.parent / "agentguard.db")
    streams = reader.streams()
    assert len(streams) == 4
    assert len({record.pid for record in streams}) == 4
    verification = verify(reader.logs())
    assert verification.integrity.state is VerdictState.HOLDS
    assert verification.completeness.state is VerdictState.HOLDS
    calls = [e for e in entries(policy_file.parent) if e.type is EntryType.INTENT]
    assert len(calls) == 3 * (2 + 3)
