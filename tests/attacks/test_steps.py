# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What if a part of the guard breaks, at each step in turn?

The story: six of seven peers let a request go when their own check raised, or checked while the
data was already on its way. Here every step is made to raise with the payload in its message.
"""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI, OpenAI

from agentguard import AgentGuardError, Guard, GuardFailure
from agentguard.classification import Classifier
from agentguard.clients.request import Passage
from agentguard.enforcement import ResourceHooks
from agentguard.policy import Policy
from agentguard.stores import Journal, SqliteStore, StoreFailure
from agentguard.testing import LoopbackProvider
from agentguard.vocabulary import AuditEntry, EntryType

CANARY = "canary.of.the.steps@leak.example"
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": f"hi {CANARY}"}]}


class PartBroke(RuntimeError):
    """What a broken part raises, with payload in its message."""


def breaks(*_: object, **__: object) -> Any:
    """Raise as a broken part would."""
    raise PartBroke(CANARY)


def store_breaks(*_: object, **__: object) -> Any:
    """Raise as a broken store would."""
    raise StoreFailure("the disk is full")


BEFORE: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "1 description": lambda m: m.setattr(Passage, "described", breaks),
    "3 needs": lambda m: m.setattr("agentguard.pipeline.order.found_out", breaks),
    "3 policy": lambda m: m.setattr(Policy, "decide", breaks),
    "4 classification": lambda m: m.setattr(Classifier, "findings", breaks),
    "4 redaction": lambda m: m.setattr("agentguard.pipeline.content.redact_payload", breaks),
    "4 settlement": lambda m: m.setattr(Policy, "settle", breaks),
    "5 approvals": lambda m: m.setattr("agentguard.pipeline.order.consent", breaks),
    "6 hearing": lambda m: m.setattr("agentguard.pipeline.order.hear_call", breaks),
    "6 audit": lambda m: m.setattr(Journal, "append", store_breaks),
    "6 commitment": lambda m: m.setattr("agentguard.pipeline.record.commitment", breaks),
}


@pytest.fixture
def async_client(guard: Guard, provider: LoopbackProvider) -> AsyncOpenAI:
    """A guarded async client, bound to nobody."""
    return guard.wrap(AsyncOpenAI(base_url=provider.base_url, api_key="not-a-key", max_retries=0))


@pytest.fixture
def as_support(guard: Guard) -> Iterator[None]:
    """The running code is the support agent, for alice."""
    with guard.identity("agent:support", on_behalf_of="user:alice"):
        yield


def assert_refused_safely(error: GuardFailure, provider: LoopbackProvider) -> None:
    """The call did not happen, and the error holds nothing of it."""
    assert error.dispatched is False
    assert CANARY not in repr(error.__dict__) + str(error)
    assert error.__cause__ is None
    assert error.__context__ is None
    assert provider.connections == 0
    assert provider.received_bytes() == b""


@pytest.mark.parametrize("step", BEFORE)
def test_a_model_call_is_refused_when_a_step_before_dispatch_breaks(
    step: str,
    client: OpenAI,
    provider: LoopbackProvider,
    as_support: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing reaches the provider when a step before dispatch raises."""
    BEFORE[step](monkeypatch)
    with pytest.raises(GuardFailure) as caught:
        client.chat.completions.create(**CHAT)
    assert_refused_safely(caught.value, provider)


@pytest.mark.parametrize("step", BEFORE)
def test_an_async_model_call_is_refused_when_a_step_before_dispatch_breaks(
    step: str,
    guard: Guard,
    async_client: AsyncOpenAI,
    provider: LoopbackProvider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The asynchronous driver refuses as the synchronous one does."""
    BEFORE[step](monkeypatch)

    async def call() -> None:
        async with async_client:
            with guard.identity("agent:support", on_behalf_of="user:alice"):
                await async_client.chat.completions.create(**CHAT)

    with pytest.raises(GuardFailure) as caught:
        asyncio.run(call())
    assert_refused_safely(caught.value, provider)


TOOL_BEFORE: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    **{step: way for step, way in BEFORE.items() if step != "1 description"},
    "1 description": lambda m: m.setattr("agentguard.integrations.functions.ToolCall", breaks),
    "3 resolution": lambda m: m.setattr("agentguard.pipeline.content.resolve_arguments", breaks),
    "5 reading approvals": lambda m: m.setattr(SqliteStore, "open_approvals", store_breaks),
}


@pytest.mark.parametrize("step", TOOL_BEFORE)
def test_a_tool_call_is_refused_when_a_step_before_dispatch_breaks(
    step: str, guard: Guard, as_support: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tool does not run when a step before dispatch raises."""
    ran: list[str] = []

    @guard.tool
    def refund(order: str, amount: int, to: str) -> str:
        ran.append(order)
        return order

    TOOL_BEFORE[step](monkeypatch)
    with pytest.raises(GuardFailure) as caught:
        refund("ORD-00012345", 400 if "approvals" in step else 40, "someone@customers.example")
    assert ran == []
    assert caught.value.dispatched is False
    assert CANARY not in str(caught.value)


AFTER: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "8 hydration": lambda m: m.setattr("agentguard.pipeline.content.checked_answer", breaks),
    "8 labels": lambda m: m.setattr("agentguard.pipeline.order.checked", breaks),
    "8 hearing": lambda m: m.setattr("agentguard.pipeline.order.hear_end", breaks),
    "9 outcome": lambda m: refuse_entries(m, EntryType.OUTCOME),
}


def refuse_entries(monkeypatch: pytest.MonkeyPatch, type_: EntryType) -> None:
    """Make the journal fail for entries of one type."""
    append = Journal.append

    def failing(self: Journal, entry: AuditEntry, **kwargs: Any) -> Any:
        if entry.type is type_:
            raise StoreFailure("the disk is full")
        return append(self, entry, **kwargs)

    monkeypatch.setattr(Journal, "append", failing)


@pytest.mark.parametrize("step", AFTER)
def test_an_answer_is_withheld_when_a_step_after_dispatch_breaks(
    step: str,
    client: OpenAI,
    provider: LoopbackProvider,
    as_support: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The answer is not given, and the error says that the call was dispatched."""
    AFTER[step](monkeypatch)
    with pytest.raises(GuardFailure) as caught:
        client.chat.completions.create(**CHAT)
    assert caught.value.dispatched is True
    assert len(provider.journal) == 1
    assert CANARY not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("step", ["8 labels", "8 hearing", "9 outcome"])
def test_a_result_is_withheld_when_a_step_after_dispatch_breaks(
    step: str, guard: Guard, as_support: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tool's result is not given when it cannot be checked or written down."""
    ran: list[str] = []

    @guard.tool
    def refund(order: str, amount: int, to: str) -> str:
        ran.append(order)
        return order

    AFTER[step](monkeypatch)
    with pytest.raises(GuardFailure) as caught:
        refund("ORD-00012345", 40, "someone@customers.example")
    assert ran == ["ORD-00012345"]
    assert caught.value.dispatched is True


def test_a_failing_tool_that_cannot_be_written_down_is_withheld(
    guard: Guard, as_support: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tool's own error is replaced when the outcome cannot be recorded."""

    @guard.tool
    def refund(order: str, amount: int, to: str) -> str:
        raise LookupError(order)

    refuse_entries(monkeypatch, EntryType.OUTCOME)
    with pytest.raises(GuardFailure) as caught:
        refund("ORD-00012345", 40, "someone@customers.example")
    assert caught.value.dispatched is True


def test_a_refusal_stands_when_it_cannot_be_written_down(
    guard: Guard, as_support: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A denied call stays denied when its entry cannot be written."""
    from agentguard import DeniedByPolicy

    @guard.tool
    def delete_account(account: str) -> str:
        return account

    refuse_entries(monkeypatch, EntryType.REFUSED)
    with pytest.raises(DeniedByPolicy):
        delete_account("ACC-1")


CIRCUMSTANTIAL = """
[[tool]]
name = "fetch"
impact = "read_only"
receives = ["*"]
resource = "file"

[limit.few]
calls = 3

[[rule]]
id = "fetch"
who = "agent:support"
for = "user:*"
tool = "fetch"
args.path = { path = ["FOLDER"] }
limits = ["few"]
then = "allow"
"""
FOUND_OUT: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "3 paths": lambda m: m.setattr("agentguard.enforcement.performing.resolve_paths", breaks),
    "3 spent": lambda m: m.setattr(SqliteStore, "spent", breaks),
    "3 spent in the store": lambda m: m.setattr(SqliteStore, "spent", store_breaks),
    "3 resources": lambda m: (
        m.setattr(ResourceHooks, "ask", breaks),
        m.setattr(ResourceHooks, "ask_async", breaks),
    )[0],
    "3 access": lambda m: m.setattr("agentguard.pipeline.order.check_access", breaks),
    "3 deciders": lambda m: m.setattr("agentguard.pipeline.order.consult", breaks),
    "6 charge": lambda m: m.setattr("agentguard.stores.sqlite.charge", breaks),
}


@pytest.mark.parametrize("way", ["sync", "async"])
@pytest.mark.parametrize("step", FOUND_OUT)
def test_a_call_is_refused_when_its_circumstances_cannot_be_found_out(
    step: str, way: str, policy_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where files lead, what is used up, which objects, who may reach them, what others say."""
    lines = CIRCUMSTANTIAL.replace("FOLDER", str(tmp_path.resolve()))
    policy_file.write_text(policy_file.read_text(encoding="utf-8") + lines, encoding="utf-8")
    path, ran = f"{tmp_path.resolve()}/{CANARY}", list[str]()

    def fetch(path: str) -> str:
        ran.append(path)
        return "fetched"

    async def fetch_async(path: str) -> str:
        return fetch(path)

    with Guard.from_file(policy_file) as guard:
        hooks: dict[str, Any] = {
            "resource": lambda arguments: arguments["path"],
            "access": lambda *_: True,
        }
        tool = guard.tool(name="fetch", **hooks)(fetch)
        tool_async = guard.tool(name="fetch", **hooks)(fetch_async)

        async def call() -> str:
            return await tool_async(path)

        with guard.identity("agent:support", on_behalf_of="user:alice"):
            assert (tool(path) if way == "sync" else asyncio.run(call())) == "fetched"
            FOUND_OUT[step](monkeypatch)
            with pytest.raises(AgentGuardError) as caught:
                tool(path) if way == "sync" else asyncio.run(call())
    assert len(ran) == 1
    assert caught.value.dispatched is False
    assert CANARY not in repr(caught.value.__dict__) + str(caught.value)
    assert caught.value.__context__ is None
