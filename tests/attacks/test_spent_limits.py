# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can calls use up more than a limit lets happen?

The story: budgets that are checked first and written down afterwards let as many calls through as
are made at once; a gateway's budget was passed so, and a limiter that was built was never asked.
Here many processes, threads and tasks spend one limit at the same moment, and calls are broken off
between being counted and happening.
"""

import asyncio
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from agentguard import ApprovalPending, BudgetExceeded, Guard
from agentguard.approvals import sign_vote, with_vote
from agentguard.audit import parse_entry
from agentguard.config import load
from agentguard.stores import Journal, SqliteReader, SqliteStore, StoreFailure
from agentguard.testing import LoopbackProvider
from agentguard.vocabulary import (
    Account,
    Answer,
    ApprovalChange,
    AuditEntry,
    EntryType,
    Reason,
)
from agentguard.wiring import now

LIMITED = """
[[identity]]
id = "agent:payer"

[[tool]]
name = "pay"
impact = "irreversible"

[[tool]]
name = "pay_later"
impact = "irreversible"

[limit.daily]
sum = "amount"
most = "10.00"

[limit.few]
calls = 7

[[rule]]
id = "pay"
who = "agent:payer"
tool = "pay"
args.amount = { decimal = ["0.00", "10.00"] }
limits = ["daily", "few"]
then = "allow"

[[rule]]
id = "pay-later"
who = "agent:payer"
tool = "pay_later"
args.amount = { decimal = ["0.00", "10.00"] }
limits = ["daily"]
then = "approve"
approval = "leads"
"""
SESSION = {"actor": "agent:payer", "session": "s"}


@pytest.fixture
def limited(policy_file: Path) -> Path:
    """The starter policy, with payments that are limited."""
    policy_file.write_text(policy_file.read_text(encoding="utf-8") + LIMITED, encoding="utf-8")
    return policy_file


@pytest.fixture
def payer(limited: Path) -> Iterator[Guard]:
    """A guard of that policy."""
    with Guard.from_file(limited) as made:
        yield made


def paying(guard: Guard, ran: list[str] | None = None) -> Callable[[str], str]:
    """Return the guarded tool that pays."""

    @guard.tool
    def pay(amount: str) -> str:
        if ran is not None:
            ran.append(amount)
        return amount

    return pay


def spent(path: Path, key: str = "limit:daily") -> Decimal:
    """Return what is used up of a limit, over all sessions of the test."""
    store = SqliteStore(path.parent / "agentguard.db")
    scopes = {entry.session_key for entry in entries(path) if entry.session_key is not None}
    accounts = [Account(scope=scope, key=key) for scope in scopes]
    total = sum(store.spent(accounts).values(), Decimal(0))
    store.close()
    return total


def entries(path: Path) -> list[AuditEntry]:
    """Return everything that was written down, stream by stream."""
    reader = SqliteReader(path.parent / "agentguard.db")
    return [
        parse_entry(row.content).entry
        for record in reader.streams()
        for row in reader.entries(record.stream)
    ]


def spend_all(path: Path, begin: Any, paid: Any) -> None:
    """Pay one at a time until the limit stops it; runs in a process of its own."""
    with Guard.from_file(path) as guard:
        pay = paying(guard)
        begin.wait(60)
        for _ in range(12):
            try:
                with guard.identity("agent:payer", session="s"):
                    paid.put(pay("1.00"))
            except BudgetExceeded:
                return


@pytest.mark.timeout(300)
def test_processes_at_once_do_not_pass_a_limit(limited: Path) -> None:
    """Of 48 payments by 4 processes exactly those happen that fit, and all of those."""
    context = multiprocessing.get_context("spawn")
    begin, paid = context.Event(), context.Queue()
    workers = [context.Process(target=spend_all, args=(limited, begin, paid)) for _ in range(4)]
    for worker in workers:
        worker.start()
    begin.set()
    for worker in workers:
        worker.join(240)
    assert [worker.exitcode for worker in workers] == [0] * 4
    found = [paid.get(timeout=10) for _ in range(7)]
    assert (found, paid.empty()) == (["1.00"] * 7, True)
    assert [spent(limited), spent(limited, "limit:few")] == [Decimal(7), Decimal(7)]


def test_many_threads_at_once_do_not_pass_a_limit(payer: Guard, limited: Path) -> None:
    """Threads that were all let through by the decision are stopped where they are counted."""
    ran: list[str] = []
    pay = paying(payer, ran)
    together = threading.Barrier(16)

    def once() -> bool:
        together.wait()
        try:
            with payer.identity("agent:payer", session="s"):
                return pay("2.50") == "2.50"
        except BudgetExceeded:
            return False

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: once(), range(16)))
    assert sum(found) == len(ran) == 4
    assert spent(limited) == 10


def test_many_tasks_at_once_do_not_pass_a_limit(payer: Guard, limited: Path) -> None:
    """Tasks of one event loop are counted as threads are, and the loop is not held up."""
    ran: list[str] = []

    @payer.tool
    async def pay(amount: str) -> str:
        ran.append(amount)
        return amount

    async def once() -> bool:
        try:
            return await pay("2.50") == "2.50"
        except BudgetExceeded:
            return False

    async def main() -> list[bool]:
        with payer.identity("agent:payer", session="s"):
            return await asyncio.gather(*(once() for _ in range(12)))

    assert sum(asyncio.run(main())) == len(ran) == 4
    assert spent(limited) == 10


def test_what_lost_a_race_is_told_and_written_as_a_limit(
    payer: Guard, limited: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that was decided before others used up the rest is refused with the same reason."""
    pay = paying(payer)
    stale = SqliteReader.spent

    def long_ago(self: SqliteReader, accounts: Any) -> Any:
        return dict.fromkeys(stale(self, accounts), Decimal(0))

    monkeypatch.setattr(SqliteReader, "spent", long_ago)
    with payer.identity("agent:payer", session="s"):
        pay("10.00")
        with pytest.raises(BudgetExceeded) as caught:
            pay("0.01")
    assert caught.value.limits == ("limit:daily",)
    assert caught.value.dispatched is False
    monkeypatch.undo()
    payer.close()
    refused = [entry for entry in entries(limited) if entry.type is EntryType.REFUSED]
    assert [entry.reason for entry in refused] == [Reason.LIMIT_REACHED]


@pytest.mark.parametrize("amount", ["-1.00", "1e1", "NaN", " 1", "1_0", "٣", ""])
def test_no_spelling_of_an_amount_makes_room(payer: Guard, limited: Path, amount: str) -> None:
    """What is no plain decimal number is refused, so that nothing is subtracted or skipped."""
    ran: list[str] = []
    pay = paying(payer, ran)
    with payer.identity("agent:payer", session="s"), pytest.raises(Exception, match="amount"):
        pay(amount)
    assert ran == []
    assert spent(limited) == 0


def test_a_call_cancelled_before_it_happened_is_given_back(
    payer: Guard, limited: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that is cancelled while it is being counted leaves the limit as it was."""
    append, begun = Journal.append, threading.Event()

    def slowly(self: Journal, entry: AuditEntry, **kwargs: Any) -> Any:
        if entry.type is EntryType.INTENT:
            begun.set()
            time.sleep(0.2)
        return append(self, entry, **kwargs)

    monkeypatch.setattr(Journal, "append", slowly)
    ran: list[str] = []

    @payer.tool
    async def pay(amount: str) -> str:
        ran.append(amount)
        return amount

    async def main() -> None:
        with payer.identity("agent:payer", session="s"):
            task = asyncio.create_task(pay("10.00"))
        await asyncio.to_thread(begun.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with payer.identity("agent:payer", session="s"):
            assert await pay("10.00") == "10.00"

    asyncio.run(main())
    assert ran == ["10.00"]
    assert spent(limited) == 10


def test_a_call_that_failed_stays_counted(payer: Guard, limited: Path) -> None:
    """A tool that raised may have done its work, so it is not given back."""

    @payer.tool
    def pay(amount: str) -> str:
        raise LookupError(amount)

    with payer.identity("agent:payer", session="s"), pytest.raises(LookupError):
        pay("4.00")
    assert spent(limited) == 4


def die_in_the_middle(path: Path) -> None:
    """Kill this process inside the tool, after the call was counted."""
    with Guard.from_file(path) as guard:

        @guard.tool
        def pay(amount: str) -> str:
            os.kill(os.getpid(), signal.SIGKILL)
            return amount

        with guard.identity("agent:payer", session="s"):
            pay("10.00")


@pytest.mark.timeout(300)
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_a_process_that_dies_leaves_its_call_counted(limited: Path) -> None:
    """After a crash nothing more may be spent than before it: the strict side."""
    worker = multiprocessing.get_context("spawn").Process(target=die_in_the_middle, args=(limited,))
    worker.start()
    worker.join(240)
    assert worker.exitcode == -signal.SIGKILL
    with Guard.from_file(limited) as guard:
        pay = paying(guard)
        with guard.identity("agent:payer", session="s"), pytest.raises(BudgetExceeded):
            pay("0.01")


def test_a_refused_or_waiting_call_is_not_counted(
    payer: Guard, limited: Path, approver_key: tuple[bytes, str]
) -> None:
    """A call is counted when it is about to happen: neither when it is asked nor when denied."""

    @payer.tool
    def pay_later(amount: str) -> str:
        return amount

    def call() -> str:
        with payer.identity("agent:payer", session="s"):
            return pay_later("6.00")

    with pytest.raises(ApprovalPending) as caught:
        call()
    assert spent(limited) == 0
    approve(limited, caught.value.request_id, approver_key[0])
    assert call() == "6.00"
    assert spent(limited) == 6


def test_an_approved_call_beyond_the_limit_is_refused_and_its_approval_kept(
    payer: Guard, limited: Path, approver_key: tuple[bytes, str]
) -> None:
    """An approval is no way around a limit, and a refused claim does not use it up."""
    ran: list[str] = []
    pay = paying(payer)

    @payer.tool
    def pay_later(amount: str) -> str:
        ran.append(amount)
        return amount

    with payer.identity("agent:payer", session="s"):
        with pytest.raises(ApprovalPending) as caught:
            pay_later("6.00")
        approve(limited, caught.value.request_id, approver_key[0])
        pay("5.00")
        with pytest.raises(BudgetExceeded):
            pay_later("6.00")
    assert ran == []
    store = SqliteStore(limited.parent / "agentguard.db")
    request = store.approval(caught.value.request_id)
    store.close()
    assert request is not None
    assert request.state.value == "approved"


def approve(path: Path, request_id: str, key: bytes) -> None:
    """Answer as an approver's process does."""
    store = SqliteStore(path.parent / "agentguard.db")
    request = store.approval(request_id)
    assert request is not None
    vote = sign_vote(
        request, approver="user:carol", answer=Answer.APPROVE, at=now(), private_key=key
    )
    after = with_vote(request, vote, load(path).policy.profiles["leads"], now())
    journal = Journal(store, now)
    change = ApprovalChange(before=request, after=after, vote=vote)
    journal.append(AuditEntry(type=EntryType.APPROVAL_VOTED, at=now()), durable=True, change=change)
    journal.close()
    store.close()


def test_what_is_used_up_cannot_be_read(
    payer: Guard, limited: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit whose account cannot be read refuses the call."""
    ran: list[str] = []
    pay = paying(payer, ran)

    def breaks(*_: object) -> Any:
        raise StoreFailure("the disk is gone")

    monkeypatch.setattr(SqliteReader, "spent", breaks)
    with payer.identity("agent:payer", session="s"), pytest.raises(Exception, match="limits"):
        pay("1.00")
    assert ran == []


def test_the_entry_names_the_limits_and_not_the_amount(payer: Guard, limited: Path) -> None:
    """What a call was counted under stands in its entry; how much is payload."""
    pay = paying(payer)
    with payer.identity("agent:payer", session="s"):
        pay("3.21")
    payer.close()
    (written,) = [entry for entry in entries(limited) if entry.type is EntryType.INTENT]
    assert written.details == {"limits": "limit:daily limit:few"}
    assert "3.21" not in repr(entries(limited))


MODEL = """
[[rule]]
id = "payer-chat"
who = "agent:payer"
provider = ["loopback"]
model = ["*"]
limits = ["few"]
then = "allow"
"""


def test_model_calls_are_counted_before_a_byte_is_sent(
    limited: Path, provider: LoopbackProvider
) -> None:
    """The call beyond the limit does not reach the provider."""
    text = limited.read_text(encoding="utf-8").replace("calls = 7", "calls = 2")
    limited.write_text(text + MODEL, encoding="utf-8")
    said: Any = [{"role": "user", "content": "hello"}]
    with (
        Guard.from_file(limited) as guard,
        OpenAI(base_url=provider.base_url, api_key="not-a-key", max_retries=0) as plain,
    ):
        client = guard.wrap(plain)
        with guard.identity("agent:payer", session="s"):
            for _ in range(2):
                client.chat.completions.create(model="m", messages=said)
            with pytest.raises(BudgetExceeded):
                client.chat.completions.create(model="m", messages=said)
    assert len(provider.journal) == 2
    assert spent(limited, "limit:few") == 2


def test_handing_a_session_on_renews_no_limit(tmp_path: Path) -> None:
    """Agents that one session is handed on to share what is left of its limits."""
    # A model that chooses who goes on could hand the work back and forth for ever.
    path = tmp_path / "agentguard.toml"
    path.write_text(
        """
version = 1
name = "handed-on"

[[identity]]
id = "agent:a"

[[identity]]
id = "agent:b"

[[tool]]
name = "pay"
impact = "reversible"

[limit.payments]
calls = 2

[[rule]]
id = "pay"
who = ["agent:*"]
for = ["user:*"]
tool = "pay"
limits = ["payments"]
then = "allow"
""",
        encoding="utf-8",
    )
    with Guard.from_file(path) as guard:

        @guard.tool
        def pay() -> None:
            return

        with guard.identity("agent:a", on_behalf_of="user:alice", session="s"):
            pay()
            with guard.identity("agent:b"):
                pay()
                with guard.identity("agent:a"), pytest.raises(BudgetExceeded):
                    pay()
            with pytest.raises(BudgetExceeded):
                pay()
        with guard.identity("agent:a", on_behalf_of="user:bob", session="s"):
            pay()
