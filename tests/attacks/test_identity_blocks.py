# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can a block that was made elsewhere free a call from the chain around it?

The story: a block that read the chain when it was made, not when it was entered, let a function
that was decorated at import time act as an administrator inside anybody's call.
"""

import asyncio
from pathlib import Path

import pytest

from agentguard import DeniedByPolicy, Guard, IdentityRequired
from agentguard.config import starter

ADMIN = """
[[identity]]
id = "agent:admin"

[[rule]]
id = "admin-deletes"
who = ["agent:admin"]
tool = "delete_account"
args.account = { any = true }
then = "allow"
"""


@pytest.fixture
def policy_file(tmp_path: Path, approver_key: tuple[bytes, str]) -> Path:
    """The starter policy with an agent that may delete accounts on its own."""
    path = tmp_path / "agentguard.toml"
    path.write_text(starter(approver_key[1]) + ADMIN, encoding="utf-8")
    return path


def test_no_block_frees_a_call_from_the_chain_around_it(guard: Guard) -> None:
    """Nested, decorating or made before: inside another block the chain is extended."""
    ran: list[str] = []

    @guard.tool
    def delete_account(account: str) -> str:
        ran.append(account)
        return account

    @guard.identity("agent:admin")  # type: ignore[operator]  # a block of contextlib decorates, too
    def cleanup() -> None:
        delete_account("decorated")

    made_before = guard.identity("agent:admin")
    with guard.identity("agent:support", on_behalf_of="user:alice"):
        with guard.identity("agent:admin"), pytest.raises(DeniedByPolicy):
            delete_account("nested")
        with pytest.raises(DeniedByPolicy):
            cleanup()
        with made_before, pytest.raises(DeniedByPolicy):
            delete_account("made before")
    assert ran == []
    cleanup()
    assert ran == ["decorated"]


def test_each_call_of_a_decorated_function_is_a_session_of_its_own(guard: Guard) -> None:
    """Two calls of a decorated function share neither placeholders nor approvals."""
    seen: list[str] = []

    @guard.identity("agent:admin")  # type: ignore[operator]  # as above
    def look() -> None:
        caller = guard._parts.identities.ambient()
        assert caller is not None
        seen.append(caller.session_key)

    look()
    look()
    assert len(set(seen)) == 2


def test_a_block_cannot_be_entered_for_another_person(guard: Guard) -> None:
    """A block for bob that was made outside cannot be entered while acting for alice."""
    for_bob = guard.identity("agent:admin", on_behalf_of="user:bob")
    with (
        guard.identity("agent:support", on_behalf_of="user:alice"),
        pytest.raises(IdentityRequired),
        for_bob,
    ):
        pass


def test_tasks_that_enter_one_block_do_not_see_each_other(guard: Guard) -> None:
    """A block that is entered in one task binds nobody in another."""

    async def other() -> object:
        await asyncio.sleep(0)
        return guard._parts.identities.ambient()

    async def main() -> object:
        watching = asyncio.create_task(other())
        with guard.identity("agent:admin"):
            await asyncio.sleep(0.01)
        return await watching

    assert asyncio.run(main()) is None
