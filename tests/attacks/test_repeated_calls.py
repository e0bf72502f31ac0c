# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is a call that was sent several times charged as if it had been sent once?

The story: an agent asks for more than arrives in time. The SDK gives up and asks again, the
provider bills each try, and the budget is told of the last one.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from agentguard import Guard
from agentguard.stores import SqliteLedger
from agentguard.testing import Answer, LoopbackProvider

TABLES = """
[[rule]]
id = "everything"
who = ["agent:support"]
for = ["group:support-team"]
provider = ["loopback"]
model = ["*"]
operation = ["inference"]
then = "allow"

[budget.b]
scope = "person"
tokens = 100000
"""
MOST = 5000
SAID: Any = [{"role": "user", "content": "hello"}]


@pytest.fixture
def guard(policy_file: Path) -> Iterator[Guard]:
    """A guard whose policy has a budget of tokens, acting for a person."""
    path = policy_file.with_name("repeated.toml")
    path.write_text(policy_file.read_text() + TABLES)
    with (
        Guard.from_file(path) as guard,
        guard.identity("agent:support", on_behalf_of="user:alice"),
    ):
        yield guard


def ask(guard: Guard, provider: LoopbackProvider, *, stream: bool) -> None:
    """Ask with a client that tries twice."""
    with OpenAI(base_url=provider.base_url, api_key="not-a-key", max_retries=1) as plain:
        answer = guard.wrap(plain).chat.completions.create(
            model="m", messages=SAID, max_completion_tokens=MOST, stream=stream
        )
        if stream:
            list(answer)


def ask_async(guard: Guard, provider: LoopbackProvider) -> None:
    """The same, in asynchronous code."""

    async def asking() -> None:
        async with AsyncOpenAI(
            base_url=provider.base_url, api_key="not-a-key", max_retries=1
        ) as plain:
            await guard.wrap(plain).chat.completions.create(
                model="m", messages=SAID, max_completion_tokens=MOST
            )

    asyncio.run(asking())


def counted(folder: Path) -> int:
    """How many tokens are used up."""
    ledger = SqliteLedger(folder / "agentguard-ledger.db")
    found = sum(each.settled for each in ledger.used(0))
    assert not any(each.held for each in ledger.used(0))
    ledger.close()
    return found


@pytest.mark.parametrize("way", ["whole", "stream", "async"])
def test_a_try_that_was_given_up_counts(
    guard: Guard, provider: LoopbackProvider, policy_file: Path, way: str
) -> None:
    """What a call used that was sent twice, and answered once, counts as what it held."""
    provider.script([Answer(drop=True), Answer(content="fine")])
    if way == "async":
        ask_async(guard, provider)
    else:
        ask(guard, provider, stream=way == "stream")
    assert counted(policy_file.parent) > MOST


def test_an_error_after_a_try_that_was_given_up_gives_nothing_back(
    guard: Guard, provider: LoopbackProvider, policy_file: Path
) -> None:
    """A provider that refuses the second try has still been given the first one."""
    provider.script([Answer(drop=True), Answer(status=400)])
    with pytest.raises(openai.BadRequestError):
        ask(guard, provider, stream=False)
    assert counted(policy_file.parent) > MOST


def test_a_try_that_was_refused_counts_nothing(
    guard: Guard, provider: LoopbackProvider, policy_file: Path
) -> None:
    """A provider that was too busy at first has run no model then."""
    provider.script([Answer(status=500), Answer(content="fine")])
    ask(guard, provider, stream=False)
    assert 0 < counted(policy_file.parent) < MOST
