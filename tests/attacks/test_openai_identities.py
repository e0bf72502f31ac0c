# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Do identities stay apart when many run at once, and does every use leave a trace?

The story: the SDK runs uploads in threads that drop context variables, and a default identity
in their place would have answered for all of them.
"""

import asyncio
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from openai import AsyncOpenAI, OpenAI

from agentguard import CallRefused, Guard, GuardFailure, IdentityRequired
from agentguard.testing import Answer, LoopbackProvider
from agentguard.vocabulary import AuditEntry, EntryType, Outcome, Reason

MANY = 50


@pytest.fixture
def crowd_file(policy_file: Any) -> Any:
    """A policy with fifty people that the agent may chat for."""
    people = ", ".join(f'"user:p{number}"' for number in range(MANY))
    text = policy_file.read_text().replace('["user:alice"]', f"[{people}]")
    path = policy_file.with_name("crowd.toml")
    path.write_text(text)
    return path


def address(number: int) -> str:
    """Return the address that only one of the crowd knows."""
    return f"private-{number}@customers.example"


def about(number: int) -> dict[str, Any]:
    """Return a chat about one of the crowd's addresses."""
    return {"model": "m", "messages": [{"role": "user", "content": f"write to {address(number)}"}]}


def test_fifty_tasks_with_fifty_identities_stay_apart(
    crowd_file: Any, provider: LoopbackProvider, entries: list[AuditEntry]
) -> None:
    """Each task gets its own address back, under its own name, and no two share a placeholder."""

    async def one(guard: Guard, client: AsyncOpenAI, number: int) -> str | None:
        with guard.identity("agent:support", on_behalf_of=f"user:p{number}"):
            await asyncio.sleep(0)
            answer = await client.chat.completions.create(**about(number))
            return str(answer.choices[0].message.content)

    async def crowd() -> list[str | None]:
        with Guard.from_file(crowd_file) as guard:
            async with AsyncOpenAI(base_url=provider.base_url, api_key="k") as client:
                guard.wrap(client)
                return await asyncio.gather(*(one(guard, client, n) for n in range(MANY)))

    answers = asyncio.run(crowd())
    assert answers == [f"write to {address(number)}" for number in range(MANY)]
    intents = [entry for entry in entries if entry.type is EntryType.INTENT]
    assert sorted(entry.chain for entry in intents) == sorted(
        (f"user:p{number}", "agent:support") for number in range(MANY)
    )
    sent = {json.loads(request.body)["messages"][0]["content"] for request in provider.journal}
    assert len(sent) == MANY
    assert b"private-" not in provider.received_bytes()


def test_bound_clients_keep_their_identities_in_threads(
    crowd_file: Any, provider: LoopbackProvider, entries: list[AuditEntry]
) -> None:
    """Clients bound to ten people answer for their own in a pool that drops the context."""
    numbers = range(10)
    with (
        Guard.from_file(crowd_file) as guard,
        OpenAI(base_url=provider.base_url, api_key="k") as client,
        ThreadPoolExecutor(4) as pool,
    ):
        bound: list[Any] = [
            guard.bind(client, "agent:support", on_behalf_of=f"user:p{number}")
            for number in numbers
        ]
        asked = [
            pool.submit(bound[number].chat.completions.create, **about(number))
            for number in numbers
        ]
        answers = [future.result().choices[0].message.content for future in asked]
    assert answers == [f"write to {address(number)}" for number in numbers]
    intents = [entry for entry in entries if entry.type is EntryType.INTENT]
    assert {entry.chain[0] for entry in intents} == {f"user:p{number}" for number in numbers}


def test_binding_leaves_the_first_client_unbound(
    guard: Guard, client: OpenAI, provider: LoopbackProvider
) -> None:
    """A bound client is a second object: the first still has no identity of its own."""
    bound = guard.bind(client, "agent:support", on_behalf_of="user:alice")
    assert bound is not client
    with pytest.raises(IdentityRequired):
        client.chat.completions.create(**about(1))
    assert provider.connections == 0
    bound.with_options(timeout=9).chat.completions.create(**about(1))
    assert len(provider.journal) == 1


def test_a_bound_client_does_not_act_in_anothers_block(
    guard: Guard, client: OpenAI, provider: LoopbackProvider
) -> None:
    """A client bound to one chain is refused in a block of another."""
    bound = guard.bind(client, "agent:support", on_behalf_of="user:alice")
    with (
        guard.identity("agent:support", on_behalf_of="user:mallory"),
        pytest.raises(IdentityRequired),
    ):
        bound.chat.completions.create(**about(1))
    assert provider.connections == 0


def test_a_pool_without_identity_is_refused(
    guard: Guard, client: Any, provider: LoopbackProvider
) -> None:
    """Work handed to a pool loses the block's identity, and with it the call."""
    with (
        guard.identity("agent:support", on_behalf_of="user:alice"),
        ThreadPoolExecutor(2) as pool,
    ):
        asked = [pool.submit(client.chat.completions.create, **about(n)) for n in range(4)]
        raised = [type(future.exception()) for future in asked]
    assert raised == [IdentityRequired] * 4
    assert provider.connections == 0


def test_a_call_that_is_cancelled_in_flight_is_written_down(
    guard: Guard, entries: list[AuditEntry]
) -> None:
    """A task cancelled while the provider thinks ends with an outcome that says so."""
    asked = threading.Event()

    def slow(_: Any) -> Answer:
        asked.set()
        return Answer("late", delay=timedelta(seconds=30))

    async def story(base_url: str) -> None:
        async with AsyncOpenAI(base_url=base_url, api_key="k", max_retries=0) as client:
            guard.wrap(client)
            with guard.identity("agent:support", on_behalf_of="user:alice"):
                task = asyncio.create_task(client.chat.completions.create(**about(1)))
                await asyncio.to_thread(asked.wait, 10)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task

    with LoopbackProvider(slow) as thinking:
        asyncio.run(story(thinking.base_url))
    assert [entry.type for entry in entries] == [EntryType.INTENT, EntryType.OUTCOME]
    assert entries[1].outcome is Outcome.CANCELLED


def test_a_client_is_of_use_after_a_cancelled_call(
    guard: Guard, provider: LoopbackProvider
) -> None:
    """A cancelled call leaves no ticket and no lock behind."""

    async def story() -> Any:
        async with AsyncOpenAI(base_url=provider.base_url, api_key="k") as client:
            guard.wrap(client)
            with guard.identity("agent:support", on_behalf_of="user:alice"):
                task = asyncio.create_task(client.chat.completions.create(**about(1)))
                await asyncio.sleep(0)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                answer = await client.chat.completions.create(**about(2))
                return answer.choices[0].message.content

    assert asyncio.run(story()) == f"write to {address(2)}"


AROUND: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "raw HTTP": ("raw_http", lambda c: c._client.get(f"{c.base_url}models")),
    "older websocket": ("internal", lambda c: c.beta.realtime.connect(model="m")),
    "unlisted endpoint": ("unlisted", lambda c: c.post("/private-1", cast_to=object)),
}


@pytest.mark.parametrize(("operation", "way"), AROUND.values(), ids=AROUND)
def test_an_attempt_to_go_round_the_guard_is_written_down(
    operation: str,
    way: Callable[[Any], Any],
    twin: Any,
    guard: Guard,
    entries: list[AuditEntry],
) -> None:
    """Each refused way leaves one entry with its reason and with who tried."""
    with (
        guard.identity("agent:support", on_behalf_of="user:alice"),
        pytest.raises(CallRefused) as caught,
    ):
        twin.take(lambda client: way(guard.wrap(client)))
    (entry,) = entries
    assert entry.type is EntryType.REFUSED
    assert entry.reason is Reason.UNGUARDED_PATH
    assert entry.operation == operation
    assert entry.chain == ("user:alice", "agent:support")
    assert caught.value.call_id == entry.call_id


def test_a_closed_guard_lets_nothing_through(
    twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """After the guard was closed the client refuses calls, raw requests and websockets alike."""

    def closed(client: Any) -> Any:
        guard.wrap(client)
        guard.close()
        return client

    with guard.identity("agent:support", on_behalf_of="user:alice"):
        with pytest.raises(GuardFailure) as caught:
            twin.take(lambda client: closed(client).chat.completions.create(**about(1)))
        assert not caught.value.dispatched
        for _, way in AROUND.values():
            with pytest.raises(CallRefused):
                twin.take(lambda client, way=way: way(closed(client)))
    assert provider.connections == 0
