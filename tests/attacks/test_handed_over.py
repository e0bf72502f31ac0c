# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can an agent do more than those who work through it handed over?

The story: a triage agent that may pay lets a helper look something up. The helper reads a page
that tells it to pay, and pays with the rights of whoever called it.
"""

import asyncio
import contextvars
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from agentguard import CallRefused, DeniedByPolicy, Guard, IdentityRequired
from agentguard.identity import principal
from agentguard.testing import LoopbackProvider
from agentguard.vocabulary import Grant

HOUR = timedelta(hours=1)
POLICY = """
version = 1
name = "delegation"

[deployment]
store = "agentguard.db"

[[identity]]
id = "agent:triage"

[[identity]]
id = "agent:helper"

[[identity]]
id = "agent:deeper"

[[tool]]
name = "pay"
impact = "irreversible"

[[tool]]
name = "search"
impact = "read_only"

[[tool]]
name = "open_file"
impact = "read_only"

[[tool]]
name = "web"
impact = "read_only"
hosted = ["web_search"]

[[provider]]
id = "loopback"
hosts = ["127.0.0.1:*"]

[[rule]]
id = "everybody-pays"
who = ["agent:*"]
for = ["user:alice", "user:bob"]
tool = "pay"
args.amount = { int = [1, 1000] }
args.to = { any = true }
then = "allow"

[[rule]]
id = "everybody-searches"
who = ["agent:*"]
for = ["user:alice", "user:bob"]
tool = "search"
args.query = { any = true }
then = "allow"

[[rule]]
id = "everybody-opens"
who = ["agent:*"]
for = ["user:alice", "user:bob"]
tool = "open_file"
args.file = { any = true }
then = "allow"

[[rule]]
id = "everybody-chats"
who = ["agent:*"]
for = ["user:alice", "user:bob"]
provider = "loopback"
model = ["*"]
then = "allow"

[[rule]]
id = "everybody-searches-the-web"
who = ["agent:*"]
for = ["user:alice", "user:bob"]
tool = "web"
then = "allow"
"""


class Office:
    """Guarded tools that every agent may use, and what they did."""

    def __init__(self, guard: Guard) -> None:
        self.guard = guard
        self.paid: list[int] = []

        @guard.tool
        def pay(amount: int, to: str = "x") -> int:
            self.paid.append(amount)
            return amount

        @guard.tool
        def search(query: str) -> str:
            return query

        @guard.tool
        def open_file(file: str) -> str:
            return file

        self.pay = pay
        self.search = search
        self.open_file = open_file

    def as_triage(self, person: str = "user:alice", **options: Any) -> Any:
        """Act as the agent that hands out."""
        return self.guard.identity("agent:triage", on_behalf_of=person, **options)

    def as_helper(self, grant: Grant | None = None) -> Any:
        """Act as the agent that was handed something."""
        return self.guard.identity("agent:helper", grant=grant)

    def grant(self, tools: Any = ("search",), **options: Any) -> Grant:
        """Hand something to the helper."""
        return self.guard.grant("agent:helper", **{"tools": tools, "within": HOUR, **options})


@pytest.fixture
def policy_file(tmp_path: Path) -> Path:
    """A policy that allows every agent everything, for alice and for bob."""
    path = tmp_path / "agentguard.toml"
    path.write_text(POLICY, encoding="utf-8")
    return path


@pytest.fixture
def office(guard: Guard) -> Office:
    """An office of a guard of the policy."""
    return Office(guard)


@pytest.fixture
def provided(office: Office, provider: LoopbackProvider) -> Iterator[OpenAI]:
    """A guarded client of the office."""
    with OpenAI(base_url=provider.base_url, api_key="not-a-key", max_retries=0) as plain:
        yield office.guard.wrap(plain)


def test_what_was_not_handed_over_is_refused(office: Office) -> None:
    """Without a grant the helper pays; under one that lets it search it does not."""
    with office.as_triage():
        with office.as_helper():
            office.pay(1, "x")
        with office.as_helper(office.grant()):
            assert office.search("q") == "q"
            with pytest.raises(DeniedByPolicy, match="grant for agent:helper") as caught:
                office.pay(2, "x")
        office.pay(3, "x")
    assert caught.value.dispatched is False
    assert office.paid == [1, 3]


def test_what_was_handed_over_must_be_allowed_as_well(office: Office) -> None:
    """A grant of everything gives nothing that the rules do not, to anybody in the chain."""
    with office.as_triage(), office.as_helper(office.grant({"pay": {"amount": {"any": True}}})):
        for amount in (0, 1001, -5):
            with pytest.raises(DeniedByPolicy):
                office.pay(amount, "x")
    with (
        office.as_triage("user:mallory"),
        office.as_helper(office.grant(["pay"])),
        pytest.raises(DeniedByPolicy),
    ):
        office.pay(5, "x")
    assert office.paid == []


def test_arguments_are_held_against_the_grant(office: Office) -> None:
    """What the grant demands is demanded, and a refusal holds neither side of it."""
    demands = {"amount": {"int": [1, 10]}, "to": {"const": "canary-iban"}}
    with office.as_triage(), office.as_helper(office.grant({"pay": demands})):
        office.pay(10, "canary-iban")
        for amount, to in ((11, "canary-iban"), (5, "canary-other")):
            with pytest.raises(DeniedByPolicy) as caught:
                office.pay(amount, to)
            assert "canary" not in str(caught.value)
            assert "canary" not in repr(vars(caught.value))
    assert office.paid == [10]


def test_a_number_of_calls_is_counted_over_every_session(office: Office) -> None:
    """Neither a new block nor another session of the holder begins at nothing."""
    with office.as_triage():
        grant = office.grant(calls=2)
        for session in ("one", "two"):
            with office.guard.identity("agent:helper", grant=grant, session=session):
                office.search("q")
        for again in ("one", "three", None):
            with (
                office.guard.identity("agent:helper", grant=grant, session=again),
                pytest.raises(CallRefused),
            ):
                office.search("q")


def test_a_sum_is_counted_over_all_calls(office: Office) -> None:
    """What is left decides, and a refused call uses nothing up."""
    with office.as_triage(), office.as_helper(office.grant(["pay"], sums={"amount": 100})):
        office.pay(60, "x")
        with pytest.raises(CallRefused):
            office.pay(41, "x")
        office.pay(40, "x")
        with pytest.raises(CallRefused):
            office.pay(1, "x")
    assert office.paid == [60, 40]


def test_a_default_that_the_guard_might_not_see_is_not_free(office: Office) -> None:
    """What the function would fill in is counted like what the caller gives."""

    @office.guard.tool(name="open_file")
    def pay_by_default(file: int = 50) -> int:
        office.paid.append(file)
        return file

    with office.as_triage(), office.as_helper(office.grant(["open_file"], sums={"file": 60})):
        pay_by_default()
        with pytest.raises(CallRefused):
            pay_by_default()
    assert office.paid == [50]


def test_at_most_as_many_calls_run_at_once_as_were_handed_over(office: Office) -> None:
    """Threads that call at the same moment do not use up the same call twice."""
    started = threading.Barrier(16)

    def attempt() -> bool:
        started.wait()
        try:
            office.pay(1, "x")
        except CallRefused:
            return False
        return True

    with office.as_triage(), office.as_helper(office.grant(["pay"], calls=5)):
        contexts = [contextvars.copy_context() for _ in range(16)]
        with ThreadPoolExecutor(16) as pool:
            futures = [pool.submit(context.run, attempt) for context in contexts]
            ran = [future.result() for future in futures]
    assert sum(ran) == len(office.paid) == 5


def test_nested_grants_all_count(office: Office) -> None:
    """A call of the last holder uses up of every grant on the way, and keeps within each."""
    with office.as_triage():
        first = office.grant({"pay": {"amount": {"int": [1, 50]}, "to": {"any": True}}}, depth=1)
        with office.as_helper(first):
            second = office.guard.grant(
                "agent:deeper",
                tools={"pay": {"amount": {"int": [10, 500]}, "to": {"any": True}}},
                calls=2,
                within=HOUR,
            )
            with office.guard.identity("agent:deeper", grant=second):
                for amount in (9, 51, 500):
                    with pytest.raises(DeniedByPolicy):
                        office.pay(amount, "x")
                office.pay(20, "x")
                office.pay(21, "x")
                with pytest.raises(CallRefused):
                    office.pay(22, "x")
            office.pay(1, "x")
    assert office.paid == [20, 21, 1]


def test_the_holder_puts_nobody_behind_itself(office: Office) -> None:
    """A second agent does not shake off the grant, with or without one of its own."""
    with office.as_triage(), office.as_helper(office.grant()):
        with pytest.raises(IdentityRequired, match="further agents"):
            office.guard.identity("agent:deeper").__enter__()
        with pytest.raises(IdentityRequired, match="more depth"):
            office.guard.grant("agent:deeper", tools=["search"], within=HOUR)


def test_a_thread_does_not_shake_off_a_grant(office: Office) -> None:
    """A thread of its own has no identity; with a copy of the context it has the grant."""
    refused: list[type[BaseException]] = []

    def attempt() -> None:
        try:
            office.pay(1, "x")
        except CallRefused as error:
            refused.append(type(error))

    with office.as_triage(), office.as_helper(office.grant()):
        copied = contextvars.copy_context()
        for target in (attempt, lambda: copied.run(attempt)):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()
    assert refused == [IdentityRequired, DeniedByPolicy]
    assert office.paid == []


def test_a_bound_client_takes_its_grant_along(
    office: Office, provided: OpenAI, provider: LoopbackProvider
) -> None:
    """In another thread, and in the block of the same agent without the grant."""
    tool = {"type": "function", "function": {"name": "pay", "parameters": {"type": "object"}}}
    other = {"type": "function", "function": {"name": "search", "parameters": {"type": "object"}}}

    def chat(client: Any) -> set[str]:
        client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "hello"}], tools=[tool, other]
        )
        sent = json.loads(json.dumps(provider.journal[-1].json))
        return {each["function"]["name"] for each in sent.get("tools", [])}

    with office.as_triage():
        bound = office.guard.bind(provided, "agent:helper", grant=office.grant())
        with office.as_helper():
            assert chat(provided) == {"pay", "search"}
            assert chat(bound) == {"search"}
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(chat, bound).result() == {"search"}


def test_a_tool_at_the_provider_must_be_handed_over(office: Office, provided: OpenAI) -> None:
    """A helper that may only search orders does not search the web through the model."""

    def ask() -> None:
        provided.responses.create(model="m", input="hello", tools=[{"type": "web_search"}])

    with office.as_triage():
        ask()
        with office.as_helper(office.grant()), pytest.raises(DeniedByPolicy, match="grant for"):
            ask()
        with office.as_helper(office.grant(["web"])):
            ask()
        with office.as_helper(office.grant(["web"], calls=5)), pytest.raises(DeniedByPolicy):
            ask()


def test_files_of_a_grant_are_where_they_lead(office: Office, tmp_path: Path) -> None:
    """A link out of the folder that was handed over is followed before it is decided."""
    folder = tmp_path / "handed"
    folder.mkdir()
    (folder / "inside.txt").write_text("x")
    (tmp_path / "outside.txt").write_text("x")
    (folder / "link.txt").symlink_to(tmp_path / "outside.txt")
    demand = {"open_file": {"file": {"path": [str(folder)]}}}
    with office.as_triage(), office.as_helper(office.grant(demand)):
        assert office.open_file(str(folder / "inside.txt"))
        for name in ("link.txt", "../outside.txt"):
            with pytest.raises(DeniedByPolicy):
                office.open_file(f"{folder}/{name}")
        with pytest.raises(DeniedByPolicy):
            office.open_file(str(tmp_path / "outside.txt"))


def test_a_grant_of_one_guard_is_nothing_to_another(office: Office, tmp_path: Path) -> None:
    """Its budget is counted by the guard that made it, so only that one takes it up."""
    path = tmp_path / "other.toml"
    path.write_text(POLICY.replace("agentguard.db", "other.db"), encoding="utf-8")
    with office.as_triage():
        grant = office.grant()
    with (
        Guard.from_file(path) as other,
        other.identity("agent:triage", on_behalf_of="user:alice"),
        pytest.raises(IdentityRequired, match="not made by this guard"),
    ):
        other.identity("agent:helper", grant=grant).__enter__()


def test_tasks_do_not_share_what_they_were_handed(office: Office) -> None:
    """Two tasks of one agent, one with a grant and one without, keep to their own."""

    async def attempt(grant: Grant | None) -> bool:
        with office.as_helper(grant):
            await asyncio.sleep(0)
            try:
                office.pay(1, "x")
            except DeniedByPolicy:
                return False
            return True

    async def main() -> list[bool]:
        with office.as_triage():
            grant = office.grant()
            tasks = [attempt(grant if index % 2 else None) for index in range(20)]
            return await asyncio.gather(*tasks)

    assert asyncio.run(main()) == [True, False] * 10


def test_an_id_in_data_is_nobody(office: Office) -> None:
    """Text that names a principal is not taken for one by anything that is decided."""
    with office.as_triage(), office.as_helper(office.grant()):
        assert office.search("agent:triage") == "agent:triage"
        with pytest.raises(DeniedByPolicy):
            office.pay(1, "user:alice")
        with pytest.raises(IdentityRequired, match="further agents"):
            office.guard.identity(principal("agent:triage")).__enter__()
