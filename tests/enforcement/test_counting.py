# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is every call counted, once, by how it ended?"""

import asyncio
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from openai import OpenAI

from agentguard import CallRefused, Guard, GuardFailure, IdentityRequired
from agentguard.enforcement.counting import Counts
from agentguard.pipeline import Report
from agentguard.testing import LoopbackProvider
from agentguard.vocabulary import CallCount, Effect, Outcome, Reason

ORDER = "ORD-00012345"
CANARY = "canary-4711"


def counted(guard: Guard, operation: str) -> CallCount:
    """Return what a guard counted of one operation."""
    counts = guard._parts.enforcer.counts
    return next(each for each in counts if each.operation == operation)


@pytest.fixture
def as_support(guard: Guard) -> Iterator[None]:
    """Run the test as the support agent for alice."""
    with guard.identity("agent:support", on_behalf_of="user:alice"):
        yield


@pytest.fixture
def client(guard: Guard, provider: LoopbackProvider) -> Iterator[OpenAI]:
    """A guarded client, bound to nobody."""
    with OpenAI(base_url=provider.base_url, api_key="not-a-key", max_retries=0) as plain:
        yield guard.wrap(plain)


@pytest.mark.usefixtures("as_support")
def test_every_ending_of_a_tool_is_counted(guard: Guard) -> None:
    """Calls that complete, fail, are withheld or refused are counted apart from one another."""

    @guard.tool
    def lookup_order(order: str) -> object:
        if order == "ORD-00000001":
            raise RuntimeError(CANARY)
        return iter(order) if order == "ORD-00000002" else order

    lookup_order(ORDER)
    lookup_order(ORDER)
    with pytest.raises(RuntimeError):
        lookup_order("ORD-00000001")
    with pytest.raises(GuardFailure):
        lookup_order("ORD-00000002")
    with pytest.raises(CallRefused):
        lookup_order(CANARY)
    [count] = guard._parts.enforcer.counts
    assert (count.surface, count.operation) == ("functions", "execute_tool")
    assert count.outcomes == {Outcome.COMPLETED: 2, Outcome.FAILED: 2}
    assert count.refused == {Reason.NOT_ALLOWLISTED: 1}
    assert (count.dispatched, count.stopped) == (4, 1)


def test_a_refusal_is_counted_with_its_reason(guard: Guard, client: OpenAI) -> None:
    """A call without identity, to an unlisted endpoint, or around the guard says why it ended."""
    with pytest.raises(IdentityRequired):
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
    with guard.identity("agent:support", on_behalf_of="user:alice"):
        with pytest.raises(CallRefused):
            client.post(f"/{CANARY}", cast_to=object, body={})
        with pytest.raises(CallRefused):
            client.models.list()
        with pytest.raises(CallRefused):
            client._client.get(f"https://api.openai.com/{CANARY}")
    assert counted(guard, "chat").refused == {Reason.IDENTITY_REQUIRED: 1}
    assert counted(guard, "unlisted").refused == {Reason.UNGUARDED_PATH: 1}
    assert counted(guard, "GET /models").refused == {Reason.NOT_ALLOWLISTED: 1}
    assert counted(guard, "raw_http").refused == {Reason.UNGUARDED_PATH: 1}
    assert CANARY not in repr(guard._parts.enforcer.counts)


@pytest.mark.usefixtures("as_support")
def test_a_stream_is_counted_when_it_ends(guard: Guard, client: OpenAI) -> None:
    """An answer that is still being read is open, and its call is counted once it is over."""
    stream = client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "hello there"}], stream=True
    )
    next(stream)
    enforcer = guard._parts.enforcer
    assert (enforcer.open_streams, enforcer.counts) == (1, ())
    for _ in stream:
        pass
    assert enforcer.open_streams == 0
    assert counted(guard, "chat").outcomes == {Outcome.COMPLETED: 1}


def test_a_cancelled_call_is_counted(guard: Guard) -> None:
    """A task that is cancelled while its tool runs counts as cancelled."""
    started = asyncio.Event()

    @guard.tool
    async def lookup_order(order: str) -> str:
        started.set()
        await asyncio.sleep(60)
        return order

    async def main() -> None:
        with guard.identity("agent:support", on_behalf_of="user:alice"):
            task = asyncio.create_task(lookup_order(ORDER))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert counted(guard, "execute_tool").outcomes == {Outcome.CANCELLED: 1}


def report(outcome: Outcome | None, reason: Reason | None) -> Report:
    """Return how a call ended."""
    return Report(
        surface="openai", operation="chat", effect=Effect.ALLOW, outcome=outcome, reason=reason
    )


def test_no_count_is_lost_between_threads() -> None:
    """What many threads count at once adds up."""
    counts = Counts()
    ways = [report(Outcome.COMPLETED, None), report(None, Reason.GUARD_ERROR), report(None, None)]

    def work(number: int) -> None:
        for _ in range(500):
            counts.add(ways[number % 3])
            counts.taken()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(12)))
    [count] = counts.taken()
    assert count.outcomes == {Outcome.COMPLETED: 2000}
    assert count.refused == {Reason.GUARD_ERROR: 2000, None: 2000}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_counts_for_itself(tmp_path: Path) -> None:
    """A child process begins at nothing, though its parent was counting when it forked."""
    counts = Counts()
    counts.add(report(Outcome.COMPLETED, None))
    with counts._lock:
        child = os.fork()
        if child == 0:
            counts.add(report(None, Reason.GUARD_ERROR))
            (tmp_path / "seen").write_text(repr(counts.taken()))
            os._exit(0)
    os.waitpid(child, 0)
    assert "GUARD_ERROR" in (tmp_path / "seen").read_text()
    assert "COMPLETED" not in (tmp_path / "seen").read_text()
