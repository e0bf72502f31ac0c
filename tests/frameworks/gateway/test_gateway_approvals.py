# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a call of a host wait for a person?"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agentguard import Guard
from agentguard.approvals import sign_vote, with_vote
from agentguard.integrations.mcp.fastmcp_answers import REQUEST_ID
from agentguard.integrations.mcp.fastmcp_callers import Named
from agentguard.stores import Journal, SqliteStore
from agentguard.vocabulary import Answer, ApprovalChange, AuditEntry, EntryType
from agentguard.wiring import now

CALL = {"order": "ORD-0001", "amount": 400}
ASKED = [("refund", "ORD-0001", 400)]


def pending(host: Any, **changes: Any) -> str:
    """Ask for a refund, and return the id of the request that waits."""
    request_id: str = host.call("refund", **{**CALL, **changes}).meta[REQUEST_ID]
    return request_id


@pytest.fixture
def vote(
    host: Any, tmp_path: Path, approver_key: tuple[bytes, str]
) -> Callable[[str, Answer], None]:
    """Give the function that answers a request as user:carol, in a process of her own."""

    def answer(request_id: str, said: Answer = Answer.APPROVE) -> None:
        store = SqliteStore(tmp_path / "agentguard.db")
        journal = Journal(store, now)
        request = store.approval(request_id)
        assert request is not None
        voted = sign_vote(
            request, approver="user:carol", answer=said, at=now(), private_key=approver_key[0]
        )
        profile = host.guard.enforcer.core.policy.profiles["leads"]
        after = with_vote(request, voted, profile, now())
        entry = AuditEntry(type=EntryType.APPROVAL_VOTED, at=now())
        change = ApprovalChange(before=request, after=after, vote=voted)
        journal.append(entry, durable=True, change=change)
        journal.close()
        store.close()

    return answer


def test_an_approved_call_is_made_once(host: Any, shop: Any, vote: Any) -> None:
    """The same call runs after a person approved it, and asks anew after that."""
    first = pending(host)
    assert pending(host) == first
    assert shop.done == []
    vote(first)
    assert not host.call("refund", **CALL).is_error
    assert shop.done == ASKED
    assert pending(host) != first
    assert shop.done == ASKED


def test_an_approved_call_is_made_in_another_process(
    host: Any, shop: Any, vote: Any, policy_of: Callable[[], Guard]
) -> None:
    """A gateway that was started anew with the same name of a session claims the approval."""
    vote(pending(host))
    host.guard = policy_of()
    host.binding = Named(host.guard, "agent:coder", session="s")
    assert not host.call("refund", **CALL).is_error
    assert shop.done == ASKED


def test_without_a_name_a_new_gateway_asks_anew(host: Any, shop: Any, vote: Any) -> None:
    """An approval of a session that had no name is worth nothing to the next one."""
    host.binding = Named(host.guard, "agent:coder")
    vote(pending(host))
    host.binding = Named(host.guard, "agent:coder")
    pending(host)
    assert shop.done == []


def test_a_rejected_call_is_not_made(host: Any, shop: Any, vote: Any) -> None:
    """The host's model is told that a person rejected it."""
    vote(pending(host), Answer.REJECT)
    result = host.call("refund", **CALL)
    assert result.is_error
    assert result.content[0].text == "a person rejected this call"
    assert shop.done == []


def test_other_arguments_are_another_call(host: Any, shop: Any, vote: Any) -> None:
    """What was approved covers exactly what was asked."""
    vote(pending(host))
    pending(host, amount=401)
    assert shop.done == []


def test_another_identity_cannot_use_an_approval(host: Any, shop: Any, vote: Any) -> None:
    """The approval of one agent lets another one do nothing."""
    vote(pending(host))
    host.binding = Named(host.guard, "agent:other", session="s")
    assert host.call("refund", **CALL).is_error
    assert shop.done == []


def test_an_answer_that_comes_too_late_lets_nothing_through(
    host: Any, shop: Any, vote: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An approved call that is not made in time is refused."""
    vote(pending(host))
    core = host.guard.enforcer.core
    monkeypatch.setattr(type(core), "now", lambda _: now() + timedelta(hours=9), raising=False)
    result = host.call("refund", **CALL)
    assert result.content[0].text == "the approval for this call has expired"
    assert shop.done == []


def test_what_a_host_says_to_a_question_approves_nothing(host: Any, shop: Any) -> None:
    """The gateway asks the host for no approval, whatever the host would say."""

    async def yes(*_: Any) -> dict[str, Any]:
        return {"approve": True}

    result = host.ask(lambda client: client.call_tool_mcp("refund", CALL), elicitation_handler=yes)
    assert result.is_error
    assert shop.done == []
