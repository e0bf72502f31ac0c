# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can a block that was made elsewhere free a call from the chain around it?

The story: a block that read the chain when it was made, not when it was entered, let code act
as an administrator inside anybody's call; as a decorator it was left before a coroutine ran.
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
    """Nested or made before: inside another block the chain is extended."""
    ran: list[str] = []

    @guard.tool
    def delete_account(account: str) -> str:
        ran.append(account)
        return account

    made_before = guard.identity("agent:admin")
    with guard.identity("agent:support", on_behalf_of="user:alice"):
        with guard.identity("agent:admin"), pytest.raises(DeniedByPolicy):
            delete_account("nested")
        with made_before, pytest.raises(DeniedByPolicy):
            delete_account("made before")
    assert ran == []
    with guard.identity("agent:admin"):
        delete_account("alone")
    assert ran == ["alone"]


def test_a_block_decorates_nothing(guard: Guard) -> None:
    """A decorator would leave a coroutine or a generator outside its block."""
    assert not callable(guard.identity("agent:admin"))


def test_a_block_is_entered_once(guard: Guard) -> None:
    """A block that was left cannot be entered again, in whatever task."""
    block = guard.identity("agent:admin")
    with block:
        pass
    with pytest.raises(RuntimeError, match="once"), block:
        pass


def test_blocks_that_are_left_out_of_order_leave_nobody(guard: Guard) -> None:
    """An identity does not outlive its block because another one was left first."""
    outer = guard.identity("agent:admin")
    inner = guard.identity("agent:support")
    outer.__enter__()
    inner.__enter__()
    with pytest.raises(RuntimeError):
        outer.__exit__(None, None, None)
    with pytest.raises(RuntimeError):
        inner.__exit__(None, None, None)
    assert guard._parts.identities.ambient() is None


def test_a_named_session_is_kept_inside_a_nameless_block(guard: Guard) -> None:
    """What was hidden in a bound client's named session is known wherever the client is used."""
    identities = guard._parts.identities
    carried = identities.narrowed("agent:support", on_behalf_of="user:alice", session="chat-7")
    with guard.identity("agent:support", on_behalf_of="user:alice"):
        presented = identities.presented(carried)
        assert presented is not None
        assert presented.session_key == carried.session_key
    with (
        guard.identity("agent:support", on_behalf_of="user:alice", session="another"),
        pytest.raises(IdentityRequired, match="different sessions"),
    ):
        identities.presented(carried)


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
