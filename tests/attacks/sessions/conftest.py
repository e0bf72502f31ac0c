# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A guard over a long time: what its calls do, how they are broken off, and how a process dies."""

import asyncio
import base64
import logging
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentguard import AgentGuardError, Guard, reloading, wiring
from agentguard.approvals import sign_vote, with_vote
from agentguard.audit import VerdictState, parse_entry, verify
from agentguard.config import load
from agentguard.pipeline import needs_of
from agentguard.policy import Policy
from agentguard.review.facts import DecidedCall
from agentguard.review.replaying import Replay
from agentguard.signing import new_key
from agentguard.stores import FactsKeeper, FactsStore, Journal, SqliteReader, SqliteStore, VaultKey
from agentguard.vocabulary import (
    Answer,
    ApprovalChange,
    ApprovalState,
    AuditEntry,
    EntryType,
)

CANARY = "canary.of.sessions"
POLICY = """
version = 1
name = "sessions"
environments = ["prod", "dev"]
identity = [{ id = "agent:a" }, { id = "agent:b" }, { id = "agent:helper" }]
tool = [
    { name = "pay", impact = "irreversible" },
    { name = "ask", impact = "irreversible" },
    { name = "look", impact = "read_only", resource = "order" },
    { name = "send", impact = "reversible", environments = ["prod"] },
]

[limit.few]
calls = FEW

[limit.money]
sum = "amount"
most = MOST

[[rule]]
id = "pay"
who = ["agent:*"]
for = ["user:*"]
tool = "pay"
args.amount = { int = [0, 40] }
args.memo = { any = true }
limits = ["few", "money"]
then = "allow"

[[rule]]
id = "ask"
who = ["agent:*"]
for = ["user:*"]
tool = "ask"
args.amount = { int = [0, 40] }
limits = ["money"]
then = "approve"
approval = "leads"

[[rule]]
id = "look"
who = ["agent:*"]
for = ["user:*"]
tool = "look"
args.key = { match = "k[0-9]" }
resource = { claim = "person.orders" }
limits = ["few"]
then = "allow"

[[rule]]
id = "send"
who = ["agent:*"]
for = ["user:*"]
tool = "send"
args.memo = { any = true }
then = "allow"

[[rule]]
id = "no-thirteen"
who = ["agent:*"]
for = ["user:*"]
tool = ["pay", "ask"]
args.amount = { const = 13 }
then = "deny"

[[rule]]
id = "no-seven"
who = ["agent:*"]
for = ["user:*"]
tool = "pay"
args.amount = { const = 7 }
then = "deny"
shadow_until = 2026-06-20
shadow_irreversible = true

[approval.leads]
approvers = [{ id = "user:carol", key = "KEY" }]
decide_within = "4h"
execute_within = "10m"

[facts]
key_env = "FACTS_KEY"
expire_after = "60d"
"""
BEGIN = datetime(2026, 6, 15, 9, 0, tzinfo=UTC)
KEY = bytes(range(32))
PRIVATE, PUBLIC = new_key()


class Stopped(Exception):
    """What a tool raises that fails."""


class Told(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.texts.append(self.format(record))


class World:
    """A guard and its files; calls are broken off, and the process dies, wherever it is said.

    ``on_call`` is told of each tool that runs; ``canary`` is a text that may be told nowhere.
    """

    canary = CANARY

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="agentguard-")
        self.patch = pytest.MonkeyPatch()
        self.patch.setenv("FACTS_KEY", base64.b64encode(KEY).decode())
        self.now = BEGIN
        for module in (wiring, reloading):
            self.patch.setattr(module, "now", lambda: self.now)
        self.on_call: Callable[[str], None] = lambda _: None
        self.at_intent: Callable[[Callable[[], Any]], Any] | None = None
        self.inside: Callable[[], object] = lambda: None
        self._listen_to_intents()
        self.told, self.spans = Told(), InMemorySpanExporter()
        logging.getLogger().addHandler(self.told)
        self.tracing = TracerProvider()
        self.tracing.add_span_processor(SimpleSpanProcessor(self.spans))
        self.keeper = FactsKeeper(VaultKey(KEY))
        self.few, self.most = 4, 60
        self.policies: dict[str, Policy] = {}
        self.worlds, self.crashes = 0, 0
        self.left: Path | None = None
        self.place = self._new_place()
        self.write_policy()
        self.open()

    def _listen_to_intents(self) -> None:
        append = Journal.append

        def appending(journal: Journal, entry: AuditEntry, **more: Any) -> Any:
            hook, self.at_intent = self.at_intent, None
            if entry.type is not EntryType.INTENT or hook is None:
                self.at_intent = hook
                return append(journal, entry, **more)
            return hook(lambda: append(journal, entry, **more))

        self.patch.setattr(Journal, "append", appending)

    def close(self) -> None:
        """Close the guard, and leave nothing behind."""
        self.guard.close()
        logging.getLogger().removeHandler(self.told)
        self.patch.undo()
        self.folder.cleanup()

    @property
    def database(self) -> Path:
        """The store of the guard that runs."""
        return self.place / "agentguard.db"

    def _new_place(self) -> Path:
        self.worlds += 1
        place = Path(self.folder.name) / f"world-{self.worlds}"
        place.mkdir()
        return place

    def write_policy(self, broken: str = "") -> None:
        """Write a policy with the caps as they are."""
        text = POLICY.replace("FEW", str(self.few)).replace("MOST", str(self.most))
        beside = self.place / "agentguard.new"
        beside.write_text(text.replace('= "KEY"', f'= "{PUBLIC}"') + broken)
        beside.replace(self.place / "agentguard.toml")

    def open(self) -> None:
        """Begin the program."""
        self.guard = Guard.from_file(self.place / "agentguard.toml", tracer_provider=self.tracing)
        self.remember_policy()

        @self.guard.tool
        def pay(amount: int, memo: str) -> str:
            return self._happened("pay", memo)

        @self.guard.tool(name="pay")
        async def pay_later(amount: int, memo: str) -> str:
            told = self._happened("pay", memo)
            await asyncio.sleep(0)
            return told

        @self.guard.tool
        def ask(amount: int) -> str:
            return self._happened("ask", "asked")

        @self.guard.tool(resource=lambda arguments: arguments["key"])
        def look(key: str) -> str:
            return self._happened("look", key)

        @self.guard.tool
        def send(memo: str) -> str:
            return self._happened("send", memo)

        self.pay, self.pay_later = pay, pay_later
        self.ask, self.look, self.send = ask, look, send

    def remember_policy(self) -> None:
        """Keep the policy in force, to ask it again."""
        digest = self.guard.policy_state.digest
        if digest not in self.policies:
            self.policies[digest] = load(self.place / "agentguard.toml").policy

    def _happened(self, tool: str, told: str) -> str:
        self.on_call(tool)
        self.inside()
        return told

    # --- calls, and how they end

    def attempt(self, tool: str, amount: int, ending: str) -> BaseException | None:
        """Make a call in one of the ways, and return what it raised."""
        raised: BaseException | None = None
        self._prepare(ending)
        try:
            if ending.startswith("cancelled"):
                asyncio.run(self._cancelled(amount, ending))
            elif tool == "pay":
                self.pay(amount, f"{CANARY} {amount}")
            else:
                self.ask(amount)
        except (AgentGuardError, Stopped, KeyboardInterrupt, asyncio.CancelledError) as error:
            raised = error
        self.at_intent, self.inside = None, lambda: None
        assert CANARY not in f"{raised!r} {raised}"
        return raised

    def _prepare(self, ending: str) -> None:
        def fail() -> None:
            raise Stopped

        def interrupt_after(write: Callable[[], Any]) -> Any:
            write()
            raise KeyboardInterrupt

        def interrupt_before(_: Callable[[], Any]) -> Any:
            raise KeyboardInterrupt

        def crash_after(write: Callable[[], Any]) -> Any:
            write()
            self.crash()
            raise KeyboardInterrupt

        inside = {"fails": fail, "crashes inside": self.crash}
        self.inside = inside.get(ending, lambda: None)
        self.at_intent = {
            "interrupted after the intent": interrupt_after,
            "interrupted before the intent": interrupt_before,
            "crashes at the intent": crash_after,
        }.get(ending)

    async def _cancelled(self, amount: int, ending: str) -> None:
        task = asyncio.ensure_future(self.pay_later(amount, f"{CANARY} {amount}"))
        loop = asyncio.get_running_loop()

        def cancel(write: Callable[[], Any]) -> Any:
            loop.call_soon_threadsafe(task.cancel)
            return write()

        if ending == "cancelled inside":
            self.inside = lambda: [task.cancel(), None][1]
        else:
            self.at_intent = cancel
        await task

    def crash(self) -> None:
        """Keep the files as a process leaves them that dies now."""
        self.crashes += 1
        self.left = self._new_place()
        with self.guard._parts.store._writing:
            for path in self.place.iterdir():
                if not path.name.endswith("-shm"):
                    shutil.copy(path, self.left)

    def go_on(self) -> bool:
        """Leave a process that died, and begin another one on its files; say whether one did."""
        if self.left is None:
            return False
        self.guard.close()
        self.place, self.left = self.left, None
        self.open()
        return True

    # --- what people and operators do

    def answer(self, name: str, *, agrees: bool) -> bool:
        """Answer a request if it is open, and say whether it was."""
        with closing(SqliteStore(self.database)) as store:
            request = store.approval(name)
            assert request is not None
            open_now = request.created_at <= self.now <= request.decide_by
            if request.state is not ApprovalState.PENDING or not open_now:
                return False
            answer = Answer.APPROVE if agrees else Answer.REJECT
            vote = sign_vote(
                request, approver="user:carol", answer=answer, at=self.now, private_key=PRIVATE
            )
            profile = self.policies[self.guard.policy_state.digest].profiles["leads"]
            after = with_vote(request, vote, profile, self.now)
            journal = Journal(store, lambda: self.now)
            entry = AuditEntry(type=EntryType.APPROVAL_VOTED, at=self.now)
            change = ApprovalChange(before=request, after=after, vote=vote)
            journal.append(entry, durable=True, change=change)
            journal.close()
        return True

    def spent(self) -> dict[tuple[str, str], Decimal]:
        """Return what the store says is used up."""
        with closing(sqlite3.connect(self.database)) as connection:
            rows = connection.execute("SELECT scope, key, amount FROM spent").fetchall()
        return {(scope, key): Decimal(amount) for scope, key, amount in rows if Decimal(amount)}

    def flush(self) -> None:
        """Have everything on disk that was accepted."""
        entry = AuditEntry(type=EntryType.APPROVAL_ENDED, at=self.now)
        self.guard._parts.journal.append(entry, durable=True)

    def kept(self) -> list[DecidedCall]:
        """Open the facts of every recorded call."""
        return [
            self.keeper.opened(each.facts, each.entry.call_id)
            for each in FactsStore(self.database).recorded()
            if each.facts is not None
        ]

    def replay(self) -> None:
        """Each recorded call is decided as it was, by the policy that decided it."""
        for decided in self.kept():
            policy = self.policies[decided.ruling.policy]
            replayed = Replay(policy, needs_of(policy))(decided)
            assert replayed.now == decided.ruling, (replayed, decided.circumstances)

    def intents(self) -> Counter[tuple[str, str]]:
        """Verify the log, and return how many calls of each tool and session it says were made."""
        found = verify(SqliteReader(self.database).logs())
        assert found.integrity.state is VerdictState.HOLDS, found.integrity
        if not self.crashes:
            assert found.completeness.state is VerdictState.HOLDS, found.completeness
        rows = [row for log in SqliteReader(self.database).logs() for row in log.rows]
        entries = [parse_entry(row.content).entry for row in rows]
        return Counter(
            (each.target or "", each.session_key or "")
            for each in entries
            if each.type is EntryType.INTENT
        )

    def assert_nothing_told(self) -> None:
        """No canary lies in a file of the store, a span or a line of the log."""
        files = b"".join(path.read_bytes() for path in self.place.glob("agentguard.db*"))
        told = "".join(self.told.texts)
        told += "".join(span.to_json() for span in self.spans.get_finished_spans())
        assert CANARY.encode() not in files
        assert CANARY not in told


@pytest.fixture
def new_world() -> type[World]:
    """Give what makes a guard and its files."""
    return World
