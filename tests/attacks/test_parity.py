# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Do synchronous and asynchronous calls leave the same audit entries?

The story: a framework ran its hook on the synchronous path only; the asynchronous one was open.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI, AsyncStream, OpenAI, Stream

from agentguard import AgentGuardError, Guard
from agentguard.audit import parse_entry
from agentguard.config import starter
from agentguard.stores import SqliteReader
from agentguard.testing import LoopbackProvider, echo
from agentguard.vocabulary import AuditEntry

TO = "jane.doe@customers.example"
Step = Callable[[Any, Any], Any]

STEPS: dict[str, Step] = {
    "chat": lambda c, _: c.chat.completions.create(
        model="m", messages=[{"role": "user", "content": f"hello {TO}"}]
    ),
    "refused field": lambda c, _: c.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "x"}], extra_body={"nope": 1}
    ),
    "unknown endpoint": lambda c, _: c.models.list(),
    "streaming": lambda c, _: c.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "x"}], stream=True
    ),
    "small refund": lambda _, t: t("ORD-00012345", 40, TO),
    "large refund": lambda _, t: t("ORD-00012345", 400, TO),
    "outsider": lambda _, t: t("ORD-00012345", 40, "mallory@outsider.example"),
    "wrong arguments": lambda _, t: t("ORD-00012345"),
    "failing": lambda _, t: t("ORD-99999999", 41, TO),
    "placeholder": lambda _, t: t("ORD-00012345", 40, "[[EMAIL:AAAAAAAA]]"),
}


def ran(order: str) -> str:
    """Stand for what a refund does."""
    if order == "ORD-99999999":
        raise LookupError("no such order")
    return f"refunded {TO}"


async def settled(step: Step, client: Any, tool: Any) -> None:
    """Take one step to its end, whatever that is."""
    with contextlib.suppress(AgentGuardError, LookupError):
        result = step(client, tool)
        if isinstance(result, Awaitable):
            result = await result
        if isinstance(result, Stream):
            list(result)
        elif isinstance(result, AsyncStream):
            _ = [item async for item in result]


def written(
    folder: Path, key: str, provider: LoopbackProvider, *, asynchronous: bool
) -> list[AuditEntry]:
    """Take every step, with and without identity, and return what was written down."""
    folder.mkdir()
    path = folder / "agentguard.toml"
    path.write_text(starter(key), encoding="utf-8")
    with Guard.from_file(path) as guard:
        asyncio.run(taken(guard, provider, asynchronous=asynchronous))
    reader = SqliteReader(folder / "agentguard.db")
    (record,) = reader.streams()
    return [parse_entry(row.content).entry for row in reader.entries(record.stream)]


async def taken(guard: Guard, provider: LoopbackProvider, *, asynchronous: bool) -> None:
    """Take every step with the clients and tools of one kind."""
    address = {"base_url": provider.base_url, "api_key": "k", "max_retries": 0}
    client: Any = (AsyncOpenAI if asynchronous else OpenAI)(**address)  # type: ignore[arg-type]  # shared arguments

    async def refund_async(order: str, amount: int, to: str) -> str:
        return ran(order)

    def refund(order: str, amount: int, to: str) -> str:
        return ran(order)

    tool: Any = guard.tool(refund_async if asynchronous else refund, name="refund")  # type: ignore[call-overload]  # curried below
    guard.wrap(client)
    for step in STEPS.values():
        await settled(step, client, tool)
        with guard.identity("agent:support", on_behalf_of="user:alice", session="s"):
            await settled(step, client, tool)
        with guard.identity("agent:nobody", session="s"):
            await settled(step, client, tool)
    await client.close() if asynchronous else client.close()


def comparable(entry: AuditEntry) -> AuditEntry:
    """Blank what differs between any two calls: ids, times and hashes."""
    details = {k: v for k, v in entry.details.items() if k not in ("pid", "host")}
    return replace(
        entry,
        at=datetime(2026, 1, 1, tzinfo=UTC),
        call_id=None,
        commitment=None if entry.commitment is None else "some",
        approval_id=None if entry.approval_id is None else "some",
        trace_id=None,
        span_id=None,
        details=details,
    )


def test_sync_and_async_calls_give_equal_entries(
    tmp_path: Path, approver_key: tuple[bytes, str]
) -> None:
    """Equal calls leave equal entries, apart from ids, times and hashes."""
    with LoopbackProvider(echo) as provider:
        sync = written(tmp_path / "s", approver_key[1], provider, asynchronous=False)
        other = written(tmp_path / "a", approver_key[1], provider, asynchronous=True)
    assert len(sync) > 2 * len(STEPS)
    assert [comparable(entry) for entry in sync] == [comparable(entry) for entry in other]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_every_attempt_leaves_an_entry(
    tmp_path: Path, approver_key: tuple[bytes, str], *, asynchronous: bool
) -> None:
    """No attempt, refused or not, is missing from the log."""
    with LoopbackProvider(echo) as provider:
        found = written(tmp_path / "x", approver_key[1], provider, asynchronous=asynchronous)
    calls = {entry.call_id for entry in found if entry.call_id is not None}
    assert len(calls) == 3 * len(STEPS)
