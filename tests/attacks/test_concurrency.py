# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Do threads, forks and a busy event loop find a way past the guard, or a way to hang it?

The story: a web server forks its workers while another request is inside a lock, and a process
that serves many conversations forgets what an old one had hidden.
"""

import asyncio
import json
import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from agentguard import ApprovalPending, Guard
from agentguard.stores import SqliteReader
from agentguard.testing import LoopbackProvider

SECRET = "wJalrXUtnFEMIK7MDENGbPxRfiCYzzQ1w9Er4tYu"
HUNG, FAILED = 9, 3


def ask(client: OpenAI, text: str) -> None:
    """Send one message."""
    client.chat.completions.create(model="any", messages=[{"role": "user", "content": text}])


def in_child(work: Callable[[], object]) -> int:
    """Fork, do the work in the child, and return how the child ended; 0 is good."""
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGALRM, lambda *_: os._exit(HUNG))
        signal.alarm(10)
        try:
            work()
        except BaseException:  # noqa: BLE001 - the child ends here, whatever it was
            os._exit(FAILED)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.fixture
def holding(guard: Guard) -> Iterator[None]:
    """Another thread is inside the lock of the sessions while the test runs."""
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with guard._parts.enforcer._performer._sessions._lock:
            inside.set()
            leave.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait()
    yield
    leave.set()
    thread.join()


@pytest.mark.usefixtures("holding")
def test_a_child_forked_while_a_thread_opens_a_session_is_served(
    guard: Guard, client: OpenAI
) -> None:
    """A lock that a thread of the parent holds at the fork does not hang the child."""

    def work() -> None:
        with guard.identity("agent:support", on_behalf_of="user:alice", session="s"):
            ask(client, "hi")

    assert in_child(work) == 0


def test_children_forked_under_load_are_served(guard: Guard) -> None:
    """Whatever the other threads of a busy process are doing, a child's call goes through."""
    stop = threading.Event()

    @guard.tool
    def lookup_order(order: str) -> str:
        return order

    def call() -> None:
        with guard.identity("agent:support", on_behalf_of="user:alice", session="s"):
            lookup_order("ORD-00012345")

    def busy() -> None:
        while not stop.is_set():
            call()

    threads = [threading.Thread(target=busy) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        endings = [in_child(call) for _ in range(8)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert endings == [0] * 8


def test_a_busy_store_does_not_stop_the_event_loop(guard: Guard, policy_file: Path) -> None:
    """While the database is locked, guarded calls wait and everything else in the loop goes on."""
    database = policy_file.with_name("agentguard.db")

    @guard.tool
    async def lookup_order(order: str) -> str:
        return order

    async def call() -> str:
        with guard.identity("agent:support", on_behalf_of="user:alice"):
            return await lookup_order("ORD-00012345")

    async def beat(beats: list[int]) -> None:
        while True:
            beats.append(1)
            await asyncio.sleep(0.01)

    async def main() -> tuple[int, list[str]]:
        await call()
        beats: list[int] = []
        beating = asyncio.create_task(beat(beats))
        with closing(sqlite3.connect(database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            calls = []
            for _ in range(4):
                calls.append(asyncio.create_task(call()))
                await asyncio.sleep(0.2)
            while_locked = len(beats)
            other.execute("ROLLBACK")
        results = await asyncio.gather(*calls)
        beating.cancel()
        return while_locked, results

    # A call that held the loop would wait until it gave up, for nobody else could let go the lock.
    beats, results = asyncio.run(main())
    assert results == ["ORD-00012345"] * 4
    assert beats >= 4


@pytest.mark.parametrize("processes", [1, 2])
def test_the_same_call_made_at_once_asks_people_once(policy_file: Path, processes: int) -> None:
    """However many threads and guards make one call in one session, there is one question."""
    asked: list[str] = []

    def call(guard: Guard, refund: Callable[..., str], order: str) -> None:
        with (
            guard.identity("agent:support", on_behalf_of="user:alice", session="s"),
            pytest.raises(ApprovalPending) as caught,
        ):
            refund(order, 400, "jane.doe@customers.example")
        asked.append(caught.value.request_id)

    with ExitStack() as open_guards:
        threads: list[threading.Thread] = []
        for _ in range(processes):
            guard = open_guards.enter_context(Guard.from_file(policy_file))

            @guard.tool
            def refund(order: str, amount: int, to: str) -> str:
                raise AssertionError((order, amount, to))

            threads += [
                threading.Thread(target=call, args=(guard, refund, order))
                for order in ["ORD-00000001", "ORD-00000002"] * 4
            ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(asked) == 8 * processes
    assert len(set(asked)) == len(SqliteReader(policy_file.with_name("agentguard.db")).approvals())
    assert len(set(asked)) == 2


def test_a_busy_process_does_not_forget_what_a_conversation_has_hidden(
    guard: Guard, client: OpenAI, provider: LoopbackProvider
) -> None:
    """A secret hidden early in a named session is hidden late, too, whoever called meanwhile."""

    def turn(text: str) -> Any:
        with guard.identity("agent:support", on_behalf_of="user:alice", session="conv-17"):
            ask(client, text)
        return json.loads(provider.journal[-1].body)["messages"][0]["content"]

    turn(json.dumps({"aws_secret_access_key": SECRET}))
    assert SECRET not in turn(f"again: {SECRET}")
    sessions = guard._parts.enforcer._performer._sessions
    for _ in range(12_000):
        with guard.identity("agent:support", on_behalf_of="user:alice") as caller:
            sessions.of(caller)
    assert SECRET not in turn(f"and again: {SECRET}")
