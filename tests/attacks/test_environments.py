# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can a session of one environment reach what belongs to another?

The story: an agent that writes code ran beside the one that serves customers, with the same name,
for the same person, in a conversation of the same name, and got back in clear what the other one
had hidden: a vault that all sessions of a tenant share did not ask where its values came from.
"""

import base64
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from agentguard import ApprovalPending, Guard
from agentguard.approvals import sign_vote, with_vote
from agentguard.config import load
from agentguard.stores import SqliteStore
from agentguard.testing import Answer, LoopbackProvider, echo
from agentguard.vocabulary import Answer as Vote
from agentguard.vocabulary import ApprovalChange, AuditEntry, EntryType
from agentguard.wiring import now

MAIL = "canary.environments@leak.example"
MARK = re.compile(r"\[\[[A-Z_]+:[A-Z2-7]{8}\]\]")
VAULT = '\n[vault]\nkey_file = "vault.key"\ntenant = "acme"\n'
SHARED = f'{VAULT}scope = "tenant"\n'


def marked(request: Mapping[str, Any]) -> Answer:
    """Say what the user said, or the first placeholder of what the model said before."""
    said = [each["content"] for each in request["messages"] if each["role"] == "assistant"]
    found = MARK.search(said[0]) if said else None
    return Answer(f"it is {found.group()}") if found else echo(request)


@pytest.fixture
def provider() -> Iterator[LoopbackProvider]:
    """A provider that repeats what was said."""
    with LoopbackProvider(marked) as running:
        yield running


@pytest.fixture
def two(policy_file: Path) -> Path:
    """The starter policy with two environments."""
    text = policy_file.read_text(encoding="utf-8")
    names = 'version = 1\nenvironments = ["production", "codegen"]'
    policy_file.write_text(text.replace("version = 1", names, 1), encoding="utf-8")
    keys = policy_file.with_name("vault.key")
    keys.write_text(base64.b64encode(bytes(range(32))).decode(), encoding="ascii")
    keys.chmod(0o600)
    return policy_file


def ask(guard: Guard, provider: LoopbackProvider, *said: str, **who: Any) -> str:
    """Ask as support for alice; what was *said* before the question was said by the model."""
    messages: Any = [{"role": "assistant", "content": each} for each in said[1:]]
    messages.append({"role": "user", "content": said[0]})
    with (
        OpenAI(base_url=provider.base_url, api_key="not-a-key", max_retries=0) as plain,
        guard.identity("agent:support", **{"on_behalf_of": "user:alice", "session": "s", **who}),
    ):
        answer = guard.wrap(plain).chat.completions.create(model="m", messages=messages)
    return answer.choices[0].message.content or ""


@pytest.mark.parametrize("vault", ["", VAULT, SHARED])
def test_what_one_environment_hid_is_not_turned_back_in_another(
    two: Path, provider: LoopbackProvider, vault: str
) -> None:
    """The same agent, person, tenant and session elsewhere gets a placeholder and not its value."""
    two.write_text(two.read_text() + vault)
    with Guard.from_file(two) as guard:
        assert ask(guard, provider, MAIL, environment="production") == MAIL
        mark = MARK.search(str(provider.journal[-1].json))
        assert mark is not None
        told = ask(guard, provider, "and?", mark[0], environment="codegen")
        assert MAIL not in told
        assert ask(guard, provider, "and?", mark[0], environment="production") == f"it is {MAIL}"


def test_another_environment_gives_a_value_another_placeholder(
    two: Path, provider: LoopbackProvider
) -> None:
    """In a vault that sessions share, a placeholder does not tell that both meant the same."""
    two.write_text(two.read_text() + SHARED)
    marks = []
    with Guard.from_file(two) as guard:
        for place in ("production", "codegen", "production"):
            ask(guard, provider, MAIL, environment=place)
            marks.append(str(MARK.search(str(provider.journal[-1].json))))
    assert marks[0] == marks[2] != marks[1]


def test_an_approval_of_one_environment_is_not_used_in_another(
    two: Path, approver_key: tuple[bytes, str]
) -> None:
    """The same call elsewhere asks anew, and leaves the approval to the call that asked for it."""
    ran: list[int] = []

    def refund(order: str, amount: int, to: str) -> str:
        ran.append(amount)
        return order + to

    def call(guard: Guard, environment: str) -> str:
        refunding: Any = guard.tool(refund)
        with guard.identity(
            "agent:support", on_behalf_of="user:alice", session="s", environment=environment
        ):
            done: str = refunding("ORD-00000001", 400, "a@customers.example")
            return done

    with Guard.from_file(two) as guard:
        with pytest.raises(ApprovalPending) as asked:
            call(guard, "production")
        policy, store = load(two).policy, SqliteStore(two.parent / "agentguard.db")
        request = store.approval(asked.value.request_id)
        assert request is not None
        vote = sign_vote(
            request,
            approver="user:carol",
            answer=Vote.APPROVE,
            at=now(),
            private_key=approver_key[0],
        )
        after = with_vote(request, vote, policy.profiles["leads"], now())
        change = ApprovalChange(before=request, after=after, vote=vote)
        entry = AuditEntry(type=EntryType.APPROVAL_VOTED, at=now())
        guard._parts.journal.append(entry, durable=True, change=change)
        store.close()
        with pytest.raises(ApprovalPending) as again:
            call(guard, "codegen")
        assert again.value.request_id != asked.value.request_id
        assert ran == []
        call(guard, "production")
    assert ran == [400]
