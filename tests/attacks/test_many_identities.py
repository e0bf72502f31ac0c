# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Do a thousand threads and tasks with identities of their own stay apart?

The story: a server answers many people at once. A call that was decided for one of them is made
with the identity of another, because a thread was reused, a task was started in the wrong place
or a generator was left half-read.

Here the policy itself tells them apart: each caller may name itself alone, in its environment
alone. So a mixed-up identity is a denied call, or one in the wrong journal.
"""

import asyncio
import contextvars
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agentguard import CallRefused, DeniedByPolicy, Guard, IdentityRequired
from agentguard.vocabulary import AuditEntry, EntryType

MANY = 1000
ENVIRONMENTS = ("production", "codegen")
AGENTS = tuple(f"agent:a{number}" for number in range(20))
HEAD = """
version = 1
name = "many"
environments = ["production", "codegen"]

[deployment]
store = "agentguard.db"
"""
TOOL = """
[[tool]]
name = "{name}"
impact = "read_only"
environments = ["{name}"]

[[rule]]
id = "{name}"
who = ["agent:*"]
for = ["user:*"]
tool = "{name}"
environments = ["{name}"]
args.person = {{ claim = "person.id" }}
args.agent = {{ claim = "actor.id" }}
args.team = {{ claim = "person.team" }}
then = "allow"
"""


class Party:
    """One caller of many, and what only it may say."""

    def __init__(self, number: int) -> None:
        self.person = f"user:p{number}"
        self.agent = AGENTS[number % len(AGENTS)]
        self.team = f"team-{number}"
        self.here = ENVIRONMENTS[number % 2]
        self.elsewhere = ENVIRONMENTS[(number + 1) % 2]
        self.is_helped = number % 3 == 0
        self.helper = AGENTS[(number + 7) % len(AGENTS)]


class Crowd:
    """A guard with a tool for each environment, and everybody who calls."""

    def __init__(self, guard: Guard) -> None:
        self.guard = guard
        self.ran: list[tuple[str, str]] = []

        @guard.tool(name="production")
        def in_production(person: str, agent: str, team: str) -> str:
            return self._ran(person, agent)

        @guard.tool(name="codegen")
        async def in_codegen(person: str, agent: str, team: str) -> str:
            await asyncio.sleep(0)
            return self._ran(person, agent)

        @guard.tool(name="codegen")
        def in_codegen_threads(person: str, agent: str, team: str) -> str:
            return self._ran(person, agent)

        self.tools = {"production": in_production, "codegen": in_codegen_threads}
        self.in_codegen = in_codegen

    def _ran(self, person: str, agent: str) -> str:
        self.ran.append((person, agent))
        return person

    def block(self, party: Party) -> Any:
        """Return the block of a caller."""
        return self.guard.identity(
            party.agent,
            on_behalf_of=self.guard.person(party.person, claims={"team": party.team}),
            environment=party.here,
        )

    def call(self, party: Party, agent: str, tool: str) -> str:
        """Call a tool as a caller says who it is."""
        called: str = self.tools[tool](party.person, agent, party.team)
        return called

    def calls(self, party: Party) -> None:
        """Make every call that a caller may make, and some that it may not."""
        with self.block(party):
            assert self.call(party, party.agent, party.here) == party.person
            for refused in ((party, party.agent, party.elsewhere), (party, "agent:x", party.here)):
                with pytest.raises(DeniedByPolicy):
                    self.call(*refused)
            if party.is_helped:
                self._through_helper(party)
            assert self.call(party, party.agent, party.here) == party.person
        with pytest.raises(IdentityRequired):
            self.call(party, party.agent, party.here)

    def _through_helper(self, party: Party) -> None:
        own = {name: {"const": value} for name, value in _own(party, party.helper).items()}
        grant = self.guard.grant(
            party.helper, tools={party.here: own}, calls=1, within=timedelta(minutes=5)
        )
        with self.guard.identity(party.helper, grant=grant):
            assert self.call(party, party.helper, party.here) == party.person
            with pytest.raises(CallRefused):
                self.call(party, party.helper, party.here)

    def expected(self) -> Counter[tuple[str, str]]:
        """Return what must have run, and how often."""
        wanted: Counter[tuple[str, str]] = Counter()
        for party in map(Party, range(MANY)):
            wanted[party.person, party.agent] += 2
            if party.is_helped:
                wanted[party.person, party.helper] += 1
        return wanted


def _own(party: Party, agent: str) -> dict[str, str]:
    return {"person": party.person, "agent": agent, "team": party.team}


@pytest.fixture
def policy_file(tmp_path: Path) -> Path:
    """A policy that lets each caller name itself alone, in its environment alone."""
    path = tmp_path / "agentguard.toml"
    agents = "".join(f'\n[[identity]]\nid = "{agent}"\n' for agent in AGENTS)
    tools = "".join(TOOL.format(name=name) for name in ENVIRONMENTS)
    path.write_text(HEAD + agents + tools, encoding="utf-8")
    return path


@pytest.fixture
def crowd(guard: Guard) -> Crowd:
    """Everybody, before a guard of the policy."""
    return Crowd(guard)


def test_a_thousand_threads_stay_apart(crowd: Crowd, entries: list[AuditEntry]) -> None:
    """Each is alive with the others, and each call runs and is recorded as its own."""
    failures: list[BaseException] = []
    together = threading.Barrier(MANY)

    def run(party: Party) -> None:
        try:
            together.wait()
            crowd.calls(party)
        except BaseException as error:  # noqa: BLE001 - shown by the test
            failures.append(error)

    threads = [threading.Thread(target=run, args=(Party(number),)) for number in range(MANY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert Counter(crowd.ran) == crowd.expected()
    intents = Counter(
        (entry.chain[0], entry.chain[-1]) for entry in entries if entry.type is EntryType.INTENT
    )
    assert intents == crowd.expected()


def test_a_thousand_tasks_stay_apart(crowd: Crowd) -> None:
    """Each gives way in the middle of its block and of its call."""

    async def call(party: Party, agent: str, tool: str) -> str:
        if tool == "codegen":
            return await crowd.in_codegen(party.person, agent, party.team)
        return crowd.call(party, agent, tool)

    async def run(party: Party) -> None:
        with crowd.block(party):
            await asyncio.sleep(0)
            assert await call(party, party.agent, party.here) == party.person
            with pytest.raises(DeniedByPolicy):
                await call(party, party.agent, party.elsewhere)
            if party.is_helped:
                grant = crowd.guard.grant(
                    party.helper, tools=[party.here], calls=1, within=timedelta(minutes=5)
                )
                with crowd.guard.identity(party.helper, grant=grant):
                    await asyncio.sleep(0)
                    assert await call(party, party.helper, party.here) == party.person
                    with pytest.raises(CallRefused):
                        await call(party, party.helper, party.here)
            await asyncio.sleep(0)
            assert await call(party, party.agent, party.here) == party.person

    async def main() -> None:
        await asyncio.gather(*(run(Party(number)) for number in range(MANY)))

    asyncio.run(main())
    assert Counter(crowd.ran) == crowd.expected()


def test_the_sessions_of_all_are_different(crowd: Crowd) -> None:
    """No two callers share what hangs on a session, not even with one session id."""
    keys = set()
    for number in range(100):
        party = Party(number)
        with crowd.guard.identity(
            party.agent, on_behalf_of=party.person, session="s", environment=party.here
        ) as caller:
            keys.add(caller.session_key)
    assert len(keys) == 100


def test_a_pooled_thread_keeps_nobody(crowd: Crowd) -> None:
    """A thread that served one caller is nobody's for the next job, and after an error."""
    with ThreadPoolExecutor(1) as pool:
        for number in range(20):
            party = Party(number)
            pool.submit(crowd.calls, party).result()
            with pytest.raises(IdentityRequired):
                pool.submit(crowd.call, party, party.agent, party.here).result()

            def fail(party: Party = party) -> None:
                with crowd.block(party):
                    raise LookupError

            with pytest.raises(LookupError):
                pool.submit(fail).result()


def test_a_callback_is_who_scheduled_it(crowd: Crowd) -> None:
    """A callback of the loop runs as the code that scheduled it, whoever runs meanwhile."""
    first, second = Party(0), Party(2)
    seen: list[object] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        done = loop.create_future()

        def called_back() -> None:
            seen.append(crowd.call(first, first.agent, first.here))
            with pytest.raises(DeniedByPolicy):
                crowd.call(second, second.agent, second.here)
            done.set_result(None)

        with crowd.block(first):
            loop.call_soon(called_back)
        with crowd.block(second):
            await done

    asyncio.run(main())
    assert seen == [first.person]


def test_a_copied_context_carries_its_identity_and_no_other(crowd: Crowd) -> None:
    """It is who was bound when it was copied, also when that block has ended."""
    first, second = Party(0), Party(2)
    with crowd.block(first):
        copied = contextvars.copy_context()
    with crowd.block(second):
        assert copied.run(crowd.call, first, first.agent, first.here) == first.person
        with pytest.raises(DeniedByPolicy):
            copied.run(crowd.call, second, second.agent, second.here)
        assert crowd.call(second, second.agent, second.here) == second.person


def test_a_generator_with_a_block_only_narrows_its_reader(crowd: Crowd) -> None:
    """While it is suspended inside its block, the reader acts behind its own chain."""
    reader, writer = Party(0), Party(2)

    def generated() -> Iterator[int]:
        with crowd.guard.identity(writer.agent):
            yield 1
            yield 2

    with crowd.block(reader):
        numbers = generated()
        next(numbers)
        caller = crowd.guard._parts.identities.ambient()
        assert caller is not None
        assert caller.chain.ids == (reader.person, reader.agent, writer.agent)
        with pytest.raises(DeniedByPolicy):
            crowd.call(writer, writer.agent, writer.here)
        assert list(numbers) == [2]
        assert crowd.call(reader, reader.agent, reader.here) == reader.person


def test_a_generator_that_outlives_the_block_of_its_reader_binds_nobody(crowd: Crowd) -> None:
    """Blocks that end in another order leave the code bound to nobody, and say so."""
    reader, writer = Party(0), Party(2)

    def generated() -> Iterator[int]:
        with crowd.guard.identity(writer.agent):
            yield 1

    block = crowd.block(reader)
    block.__enter__()
    numbers = generated()
    next(numbers)
    with pytest.raises(RuntimeError, match="innermost first"):
        block.__exit__(None, None, None)
    with pytest.raises(IdentityRequired):
        crowd.call(reader, reader.agent, reader.here)
    with pytest.raises(RuntimeError, match="innermost first"):
        next(numbers)
    with pytest.raises(IdentityRequired):
        crowd.call(writer, writer.agent, writer.here)


def test_an_asynchronous_generator_only_narrows_its_reader(crowd: Crowd) -> None:
    """Read by two tasks in turn, it gives neither the identity of the other."""
    first, second = Party(0), Party(2)

    async def generated() -> AsyncIterator[int]:
        yield 1
        with crowd.guard.identity("agent:a9"):
            yield 2

    async def read(party: Party, numbers: AsyncIterator[int]) -> tuple[str, ...]:
        with crowd.block(party):
            await anext(numbers)
            caller = crowd.guard._parts.identities.ambient()
            assert caller is not None
            ids = caller.chain.ids
            await numbers.aclose()  # type: ignore[attr-defined]  # a generator has it
            return ids

    async def main() -> list[tuple[str, ...]]:
        numbers = generated()
        with crowd.block(first):
            await anext(numbers)
        return [await asyncio.create_task(read(second, numbers))]

    assert asyncio.run(main()) == [(second.person, second.agent, "agent:a9")]


def test_a_block_of_one_task_is_not_ended_by_another(crowd: Crowd) -> None:
    """A task that ends the block of the code that started it is bound to nobody afterwards."""
    party = Party(0)
    block = crowd.block(party)
    states: list[object] = []

    async def ends_it() -> None:
        with pytest.raises(RuntimeError, match="in the task that entered them"):
            block.__exit__(None, None, None)
        states.append(crowd.guard._parts.identities.ambient())

    async def main() -> None:
        block.__enter__()
        await asyncio.create_task(ends_it())
        assert crowd.call(party, party.agent, party.here) == party.person
        block.__exit__(None, None, None)
        states.append(crowd.guard._parts.identities.ambient())

    asyncio.run(main())
    assert states == [None, None]


def test_a_block_that_was_made_in_one_task_is_read_in_another(crowd: Crowd) -> None:
    """It extends the chain where it is entered; its own makers are nobody there."""
    first, second = Party(0), Party(2)

    async def enters(block: Any) -> tuple[str, ...]:
        with block as caller:
            ids: tuple[str, ...] = caller.chain.ids
            return ids

    async def main() -> tuple[str, ...]:
        with crowd.block(first):
            made = crowd.guard.identity("agent:a9")
        with crowd.block(second):
            return await asyncio.create_task(enters(made))

    assert asyncio.run(main()) == (second.person, second.agent, "agent:a9")
