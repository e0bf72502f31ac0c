# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""An agent that goes round in circles is told so, and then stopped."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import pytest

from agentguard import Guard, LoopDetected, Stopped
from agentguard.cli import main
from agentguard.stores.stopping import FRESH_SECONDS
from agentguard.vocabulary import AuditEntry, EntryType, Reason

LOOPS = "\n[loops]\nsame = 3\nturns = 2\nfailures = 2\nrefusals = 2\n"
ORDER = "ORD-0001234{}"
GuardOf = Callable[[str], Guard]


def lookup(guard: Guard, result: Callable[[], Any]) -> Callable[..., Any]:
    """Give a guarded tool that returns what a function says."""

    def lookup_order(order: str) -> Any:
        return result()

    return guard.tool(lookup_order)


def test_the_same_call_with_the_same_result_is_refused_in_the_end(
    guard_of: GuardOf, entries: list[AuditEntry]
) -> None:
    """It may give its result three times; the last of them is noted, the next one refused."""
    guard = guard_of(LOOPS)
    tool = lookup(guard, lambda: {"state": "sent"})
    with guard.identity("agent:support", on_behalf_of="user:alice"):
        for _ in range(3):
            tool(ORDER.format(5))
        with pytest.raises(LoopDetected, match="same result 3 times") as caught:
            tool(ORDER.format(5))
        assert tool(ORDER.format(6)) == {"state": "sent"}
    assert "3 times" in caught.value.safe_message
    decided = [each for each in entries if each.type in {EntryType.INTENT, EntryType.REFUSED}]
    assert [each.details.get("loop") for each in decided] == [None, None, "same", "same", None]
    assert decided[3].reason is Reason.LOOP


def test_the_same_result_of_other_calls_is_no_loop(guard_of: GuardOf) -> None:
    """An agent that looks at many things that are the same goes on."""
    guard = guard_of(LOOPS)
    tool = lookup(guard, lambda: "nothing")
    with guard.identity("agent:support", on_behalf_of="user:alice"):
        assert [tool(ORDER.format(n)) for n in range(10)] == ["nothing"] * 10


def test_a_result_that_changes_is_no_loop(guard_of: GuardOf) -> None:
    """An agent that asks again and hears something else goes on."""
    guard, count = guard_of(LOOPS), itertools.count()
    tool = lookup(guard, lambda: next(count))
    with guard.identity("agent:support", on_behalf_of="user:alice"):
        assert [tool(ORDER.format(5)) for _ in range(10)] == list(range(10))


def test_two_calls_that_take_turns_are_refused_in_the_end(guard_of: GuardOf) -> None:
    """A call, another one, and both again with what they gave before: then no more."""
    guard = guard_of(LOOPS)
    tool = lookup(guard, lambda: "sent")
    with guard.identity("agent:support", on_behalf_of="user:alice"):
        for n in (1, 2, 1, 2):
            tool(ORDER.format(n))
        with pytest.raises(LoopDetected, match="took turns 2 times") as caught:
            tool(ORDER.format(1))
    assert caught.value.loop == "turns"


def test_failures_in_a_row_are_refused_in_the_end(guard_of: GuardOf) -> None:
    """After two failures a call is refused, whatever it is, and another one may be tried."""
    guard = guard_of(LOOPS)

    def fail() -> None:
        raise LookupError

    tool = lookup(guard, fail)
    with guard.identity("agent:support", on_behalf_of="user:alice"):
        for n in range(2):
            with pytest.raises(LookupError):
                tool(ORDER.format(n))
        with pytest.raises(LoopDetected, match="2 calls in a row failed"):
            tool(ORDER.format(2))
        with pytest.raises(LookupError):
            tool(ORDER.format(3))


def test_a_run_that_does_not_stop_is_stopped(guard_of: GuardOf, policy_file: Any) -> None:
    """After two refusals the session is stopped, others are not, and an operator lets it go on."""
    guard = guard_of(LOOPS)
    tool = lookup(guard, lambda: "sent")
    config = ["--config", str(policy_file.with_name("more.toml"))]
    with guard.identity("agent:support", on_behalf_of="user:alice") as caller:
        for _ in range(3):
            tool(ORDER.format(5))
        for _ in range(2):
            with pytest.raises(LoopDetected):
                tool(ORDER.format(5))
        with pytest.raises(Stopped, match="guard:loops stopped this session"):
            tool(ORDER.format(6))
        with guard.identity("agent:support", on_behalf_of="user:alice", session="other"):
            pass
    with guard.identity("agent:support", on_behalf_of="user:alice", session="other"):
        assert tool(ORDER.format(5)) == "sent"
    assert main(["resume", "--session", caller.account_key, *config]) == 0
    asyncio.run(asyncio.sleep(FRESH_SECONDS + 0.05))
    with guard.identity("agent:support", on_behalf_of="user:alice", session=caller.session):
        assert tool(ORDER.format(5)) == "sent"


def test_a_tool_that_polls_is_asked_as_often_as_it_takes(
    policy_file: Any, guard_of: GuardOf
) -> None:
    """A tool with ``polls`` may give the same result for ever."""
    text = policy_file.read_text()
    assert 'name = "lookup_order"' in text
    policy_file.write_text(
        text.replace('name = "lookup_order"', 'name = "lookup_order"\npolls = true')
    )
    guard = guard_of(LOOPS)
    tool = lookup(guard, lambda: "waiting")
    with guard.identity("agent:support", on_behalf_of="user:alice"):
        assert [tool(ORDER.format(5)) for _ in range(10)] == ["waiting"] * 10


def test_without_the_table_nothing_is_a_loop(guard: Guard) -> None:
    """A policy that says nothing of loops lets a call be made again and again."""
    tool = lookup(guard, lambda: "sent")
    with guard.identity("agent:support", on_behalf_of="user:alice"):
        assert [tool(ORDER.format(5)) for _ in range(10)] == ["sent"] * 10


def test_an_asynchronous_tool_is_no_way_round(guard_of: GuardOf) -> None:
    """Calls that are awaited count like others."""
    guard = guard_of(LOOPS)

    @guard.tool
    async def lookup_order(order: str) -> str:
        return "sent"

    async def run() -> None:
        with guard.identity("agent:support", on_behalf_of="user:alice"):
            for _ in range(3):
                await lookup_order(ORDER.format(5))
            with pytest.raises(LoopDetected):
                await lookup_order(ORDER.format(5))

    asyncio.run(run())
