# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a call that waited for people still happen when it may not any more?

The story: a call is decided, then waits minutes for an approver. Meanwhile the token of the person
ends, the order changes hands, another call uses up the budget. What was decided before the wait is
old when the approval comes.
"""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agentguard import BudgetExceeded, DeniedByPolicy, Guard
from agentguard.approvals import sign_vote, with_vote
from agentguard.config import load
from agentguard.stores import Journal, SqliteStore
from agentguard.vocabulary import (
    Answer,
    ApprovalChange,
    ApprovalState,
    AuditEntry,
    EntryType,
    Principal,
    PrincipalKind,
    Reason,
)
from agentguard.wiring import now

TABLES = """
[[identity]]
id = "agent:clerk"

[[tool]]
name = "release"
impact = "irreversible"
resource = "order"

[[tool]]
name = "spend"
impact = "read_only"

[limit.few]
calls = 1

[[rule]]
id = "release"
who = "agent:clerk"
for = "user:*"
tool = "release"
args.order = { any = true }
limits = ["few"]
then = "approve"
approval = "leads"

[[rule]]
id = "spend"
who = "agent:clerk"
for = "user:*"
tool = "spend"
limits = ["few"]
then = "allow"
"""


class Waiting:
    """A guard whose calls wait for an approver, and somebody who approves in between."""

    def __init__(self, path: Path, key: bytes) -> None:
        text = path.read_text(encoding="utf-8") + TABLES
        waits = text.replace('wait = "0s"', 'wait = "30s"')
        assert waits != text
        path.write_text(waits, encoding="utf-8")
        self.path = path
        self.key = key
        self.guard = Guard.from_file(path)
        self.ran: list[str] = []
        self.may_reach = True

    def release(self, person: Principal, meanwhile: Callable[[], None]) -> str:
        """Release an order for somebody; it is approved once something happened meanwhile."""

        def release(order: str) -> str:
            self.ran.append(order)
            return order

        tool = self.guard.tool(
            resource=lambda arguments: arguments["order"], access=lambda *_: self.may_reach
        )(release)
        failed: list[BaseException] = []

        def approving() -> None:
            try:
                self._approve(meanwhile)
            except BaseException as error:  # noqa: BLE001 - told to the test below
                failed.append(error)

        approver = threading.Thread(target=approving)
        approver.start()
        try:
            with self.guard.identity("agent:clerk", on_behalf_of=person, session="s"):
                return tool("o1")
        finally:
            approver.join(30)
            assert failed == []

    def _approve(self, meanwhile: Callable[[], None]) -> None:
        store = SqliteStore(self.path.parent / "agentguard.db")
        while not (pending := store.approvals([ApprovalState.PENDING])):
            threading.Event().wait(0.02)
        meanwhile()
        (request,) = pending
        vote = sign_vote(
            request, approver="user:carol", answer=Answer.APPROVE, at=now(), private_key=self.key
        )
        after = with_vote(request, vote, load(self.path).policy.profiles["leads"], now())
        journal = Journal(store, now)
        change = ApprovalChange(before=request, after=after, vote=vote)
        entry = AuditEntry(type=EntryType.APPROVAL_VOTED, at=now())
        journal.append(entry, durable=True, change=change)
        journal.close()
        store.close()

    def spend(self) -> None:
        """Use up the limit in the same session."""

        def spend() -> None:
            """Do nothing."""

        with self.guard.identity("agent:clerk", on_behalf_of="user:alice", session="s"):
            self.guard.tool(spend)()


@pytest.fixture
def waiting(policy_file: Path, approver_key: tuple[bytes, str]) -> Iterator[Waiting]:
    """The starter policy with a call that waits."""
    made = Waiting(policy_file, approver_key[0])
    yield made
    made.guard.close()


def alice(**changes: Any) -> Principal:
    """Return the person."""
    return Principal(id="user:alice", kind=PrincipalKind.USER, **changes)


def nothing() -> None:
    """Let time pass."""


def test_an_approved_call_happens_after_its_wait(waiting: Waiting) -> None:
    """Where nothing changed, the call that waited is made."""
    assert waiting.release(alice(), nothing) == "o1"
    assert waiting.ran == ["o1"]


def test_an_identity_that_ended_during_the_wait_is_over(
    waiting: Waiting, entries: list[AuditEntry]
) -> None:
    """An approval does not prolong a token."""
    ends = now() + timedelta(seconds=2)

    def until_it_ended() -> None:
        while now() <= ends:
            threading.Event().wait(0.05)

    with pytest.raises(DeniedByPolicy):
        waiting.release(alice(expires_at=ends), until_it_ended)
    assert waiting.ran == []
    refused = [entry for entry in entries if entry.type is EntryType.REFUSED]
    assert [entry.reason for entry in refused] == [Reason.IDENTITY_EXPIRED]


def test_an_object_that_was_lost_during_the_wait_is_not_reached(waiting: Waiting) -> None:
    """The host is asked once more who may reach it."""

    def lost() -> None:
        waiting.may_reach = False

    with pytest.raises(DeniedByPolicy, match="may not reach"):
        waiting.release(alice(), lost)
    assert waiting.ran == []


def test_a_limit_that_was_used_up_during_the_wait_is_used_up(waiting: Waiting) -> None:
    """What others spent while people were asked is not there any more."""
    with pytest.raises(BudgetExceeded):
        waiting.release(alice(), waiting.spend)
    assert waiting.ran == []
