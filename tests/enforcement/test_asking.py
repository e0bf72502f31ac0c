# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Are people asked about a call before it is made, and is nothing else done by then?"""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from agentguard import ApprovalPending, DeniedByPolicy, Guard
from agentguard.tools import DescribedTool, Description, ask_about
from agentguard.vocabulary import AuditEntry, EntryType

TO = "jane.doe@customers.example"
SCHEMA = {
    "type": "object",
    "properties": {
        "order": {"type": "string"},
        "amount": {"type": "integer"},
        "to": {"type": "string"},
    },
    "required": ["order", "amount", "to"],
}


def described(guard: Guard) -> DescribedTool:
    """Return the refund tool as a framework describes it."""
    told = Description(tool="refund", text="Refund.", schema=SCHEMA, surface="framework")
    return DescribedTool(told, guard.enforcer, asynchronous=True)


def refund(amount: int) -> dict[str, Any]:
    """Return the arguments of a refund."""
    return {"order": "ORD-00012345", "amount": amount, "to": TO}


def ask(guard: Guard, tool: DescribedTool, amount: int) -> None:
    """Ask about a refund as the support agent for alice."""
    with guard.identity("agent:support", on_behalf_of="user:alice", session="s"):
        asyncio.run(tool.ask_async(refund(amount)))


def test_a_call_that_people_must_agree_to_is_asked_about(
    guard: Guard, entries: list[AuditEntry]
) -> None:
    """Asking opens the request that the call itself would open, once."""
    tool = described(guard)
    with pytest.raises(ApprovalPending) as first:
        ask(guard, tool, 400)
    with pytest.raises(ApprovalPending) as second:
        ask(guard, tool, 400)
    assert first.value.request_id == second.value.request_id
    types = [each.type for each in entries]
    assert types.count(EntryType.APPROVAL_REQUESTED) == 1
    assert EntryType.INTENT not in types


def test_a_call_that_is_allowed_is_neither_made_nor_written_down(
    guard: Guard, entries: list[AuditEntry]
) -> None:
    """Asking about a call that needs nobody leaves no entry and does nothing."""
    ask(guard, described(guard), 40)
    assert entries == []


def test_a_refusal_is_told_and_not_written_down(guard: Guard, entries: list[AuditEntry]) -> None:
    """Asking about a call that will be refused says so, and leaves the entry to the call."""
    with pytest.raises(DeniedByPolicy):
        ask(guard, described(guard), 4000)
    assert entries == []


LOOPS = """
[loops]
same = 3
failures = 2
refusals = 2
"""


def test_asking_is_no_round_of_a_circle(guard_of: Callable[[str], Guard]) -> None:
    """However often somebody asks about a call that is refused, no loop is counted."""
    guard = guard_of(LOOPS)
    tool = described(guard)
    for _ in range(6):
        with pytest.raises(DeniedByPolicy):
            ask(guard, tool, 4000)


def test_a_guarded_function_is_asked_about_by_name(guard: Guard) -> None:
    """A function that passes the guard is asked about with its arguments, and does not run."""
    ran: list[int] = []

    @guard.tool
    def refund(order: str, amount: int, to: str) -> str:
        ran.append(amount)
        return f"{order} {amount} {to}"

    arguments: dict[str, Any] = {"order": "ORD-00012345", "amount": 400, "to": TO}
    with (
        guard.identity("agent:support", on_behalf_of="user:alice", session="s"),
        pytest.raises(ApprovalPending) as asked,
    ):
        asyncio.run(ask_about(refund, guard.enforcer, arguments))
    with (
        guard.identity("agent:support", on_behalf_of="user:alice", session="s"),
        pytest.raises(ApprovalPending) as made,
    ):
        refund(**arguments)
    assert asked.value.request_id == made.value.request_id
    assert ran == []
