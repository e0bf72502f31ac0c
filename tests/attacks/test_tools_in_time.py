# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A tool that takes too long is ended, and nobody claims to know what it did."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from agentguard import ConfigError, Guard, TookTooLong
from agentguard.vocabulary import AuditEntry, Outcome

Make = Callable[[], Guard]


@pytest.fixture
def policy(policy_file: Path) -> Path:
    """The starter policy, in which a tool has a second."""
    name = 'name = "lookup_order"'
    policy_file.write_text(policy_file.read_text().replace(name, f'{name}\nwithin = "1s"'))
    return policy_file


def test_a_tool_that_takes_too_long_is_cancelled(policy: Path, entries: list[AuditEntry]) -> None:
    """The caller gets an error that says so, and the log that the call was cancelled."""
    ended: list[str] = []
    with Guard.from_file(policy) as guard:

        @guard.tool
        async def lookup_order(order: str) -> str:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                ended.append(order)
                raise
            return order

        async def run() -> None:
            with guard.identity("agent:support", on_behalf_of="user:alice"):
                await lookup_order("ORD-00012345")

        with pytest.raises(TookTooLong) as caught:
            asyncio.run(run())
    assert caught.value.dispatched is True
    assert ended == ["ORD-00012345"]
    assert [each.outcome for each in entries if each.outcome] == [Outcome.CANCELLED]


def test_a_timeout_of_the_tool_is_its_own(policy: Path) -> None:
    """A tool that is in time and raises a timeout of something it waited for failed itself."""
    with Guard.from_file(policy) as guard:

        @guard.tool
        async def lookup_order(order: str) -> str:
            raise TimeoutError(order)

        async def run() -> None:
            with guard.identity("agent:support", on_behalf_of="user:alice"):
                await lookup_order("ORD-00012345")

        with pytest.raises(TimeoutError, match="ORD"):
            asyncio.run(run())


def test_a_function_that_nothing_can_end_is_not_promised_to_end(
    policy: Path, policy_file: Path
) -> None:
    """A plain function with a time is refused when it is guarded, and by a policy that adds one."""

    def lookup_order(order: str) -> str:
        return order

    with Guard.from_file(policy) as guard, pytest.raises(ConfigError, match="within"):
        guard.tool(lookup_order)
    text = policy.read_text()
    policy_file.write_text(text.replace('within = "1s"', ""))
    with Guard.from_file(policy_file) as guard:
        kept = guard.tool(lookup_order)
        policy_file.write_text(text)
        with pytest.raises(ConfigError, match="within"):
            guard.reload()
        assert kept is not None
