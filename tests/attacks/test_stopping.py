# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What an operator stops is stopped: everywhere, within a second, and until it is resumed."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openai
import pytest

from agentguard import Guard, Stopped
from agentguard.cli import main
from agentguard.stores import stopping
from agentguard.testing import LoopbackProvider
from agentguard.vocabulary import AuditEntry, EntryType, Outcome, Reason

Operate = Callable[..., int]


@pytest.fixture
def operate(policy_file: Path) -> Operate:
    """Run a command of the operator's and give its exit code."""

    def one(*arguments: str) -> int:
        return main([*arguments, "--config", str(policy_file)])

    return one


@pytest.fixture
def looked_up(guard: Guard) -> Callable[[], str]:
    """Give a call of a tool."""

    @guard.tool
    def lookup_order(order: str) -> str:
        return order

    def one(agent: str = "agent:support", person: str = "user:alice", **more: str) -> str:
        with guard.identity(agent, on_behalf_of=person, **more):  # type: ignore[arg-type]  # words
            return lookup_order("ORD-00012345")

    return one


def is_stopped(call: Callable[[], object]) -> bool:
    """Say whether a call is refused because of a stop."""
    try:
        call()
    except Stopped:
        return True
    return False


@pytest.fixture(autouse=True)
def asked_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep an answer for less than half a second, so that every test waits for less."""
    monkeypatch.setattr(stopping, "FRESH_SECONDS", 0.05)


def wait() -> None:
    """Wait as long as an answer is kept."""
    time.sleep(stopping.FRESH_SECONDS + 0.05)


def test_what_another_process_stops_is_refused_here(
    looked_up: Callable[[], str], policy_file: Path, entries: list[AuditEntry]
) -> None:
    """A call after a second is refused, says who stopped it, and is written down as stopped."""
    assert looked_up() == "ORD-00012345"
    command = [sys.executable, "-m", "agentguard.cli", "stop", "--all", "--reason", "odd refunds"]
    subprocess.run([*command, "--by", "user:olga", "--config", str(policy_file)], check=True)
    wait()
    with pytest.raises(Stopped, match="user:olga stopped everything") as caught:
        looked_up()
    assert caught.value.dispatched is False
    assert "odd refunds" not in str(caught.value) + caught.value.safe_message
    refused = [each for each in entries if each.type is EntryType.REFUSED]
    assert [each.reason for each in refused] == [Reason.STOPPED]
    assert refused[0].details["stop"] == "all"


@pytest.mark.parametrize(
    ("option", "others"),
    [
        (("--who", "agent:support"), ()),
        (("--tool", "lookup_order"), ()),
        (("--person", "user:alice"), ()),
        (("--session", "run-1"), ({"session": "run-2"},)),
        (("--tenant", "acme"), ({"tenant": "other"},)),
    ],
)
def test_a_stop_is_about_what_it_names_until_it_is_resumed(
    looked_up: Callable[..., str],
    operate: Operate,
    option: tuple[str, str],
    others: tuple[dict[str, str], ...],
) -> None:
    """What it names is refused, everything else goes on, and so does this after it is resumed."""
    mine = {"session": "run-1", "tenant": "acme"}
    assert operate("stop", *option, "--reason", "odd refunds") == 0
    wait()
    with pytest.raises(Stopped):
        looked_up(**mine)
    for other in others:
        assert looked_up(**{**mine, **other}) == "ORD-00012345"
    assert operate("resume", *option) == 0
    wait()
    assert looked_up(**mine) == "ORD-00012345"


def test_a_ledger_that_is_gone_stops_everything(
    looked_up: Callable[..., str], policy_file: Path
) -> None:
    """Whoever deletes the ledger of a running guard stops it, also where a new one takes its place."""
    assert looked_up() == "ORD-00012345"
    policy_file.with_name("agentguard-ledger.db").unlink()
    wait()
    with pytest.raises(Stopped, match="cannot be read"):
        looked_up()
    with Guard.from_file(policy_file) as other:
        other.close()
    wait()
    with pytest.raises(Stopped, match="cannot be read"):
        looked_up()


def test_every_thread_and_task_is_stopped(guard: Guard, operate: Operate) -> None:
    """No thread and no task of the process goes on."""

    @guard.tool
    def lookup_order(order: str) -> str:
        return order

    @guard.tool(name="lookup_order")
    async def lookup_order_async(order: str) -> str:
        return order

    def in_thread(number: int) -> bool:
        with guard.identity("agent:support", on_behalf_of="user:alice"):
            return is_stopped(lambda: lookup_order(f"ORD-0001234{number}"))

    async def tasks() -> list[bool]:
        with guard.identity("agent:support", on_behalf_of="user:alice"):
            calls = (lookup_order_async(f"ORD-0001234{n}") for n in range(4))
            done = await asyncio.gather(*calls, return_exceptions=True)
        return [isinstance(each, Stopped) for each in done]

    with ThreadPoolExecutor(4) as pool:
        assert not any(pool.map(in_thread, range(4)))
        assert not any(asyncio.run(tasks()))
        assert operate("stop", "--all", "--reason", "odd") == 0
        wait()
        assert all(pool.map(in_thread, range(4)))
        assert all(asyncio.run(tasks()))


def test_a_forked_child_is_stopped(looked_up: Callable[..., str], operate: Operate) -> None:
    """A child that was forked before the stop reads it, too."""
    assert looked_up() == "ORD-00012345"
    told, tell = os.pipe()
    waiting, go = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(waiting, 1)
        os.write(tell, b"stopped" if is_stopped(looked_up) else b"went on")
        os._exit(0)
    assert operate("stop", "--all", "--reason", "odd") == 0
    wait()
    os.write(go, b"!")
    assert os.read(told, 10) == b"stopped"
    os.waitpid(child, 0)
    for each in (told, tell, waiting, go):
        os.close(each)


def test_a_stream_that_is_read_ends(
    guard: Guard, provider: LoopbackProvider, operate: Operate, entries: list[AuditEntry]
) -> None:
    """Nothing of an answer that comes after the stop reaches its reader."""
    client = guard.wrap(openai.OpenAI(base_url=provider.base_url, api_key="test"))
    with guard.identity("agent:support", on_behalf_of="user:alice"):
        stream = client.chat.completions.create(
            model="gpt-5", messages=[{"role": "user", "content": "one two three"}], stream=True
        )
        events = iter(stream)
        next(events)
        assert operate("stop", "--who", "agent:support", "--reason", "odd") == 0
        wait()
        with pytest.raises(Stopped) as caught:
            list(events)
    assert caught.value.dispatched is True
    assert [each.outcome for each in entries if each.outcome] == [Outcome.WITHHELD]


def test_an_approval_does_not_free_from_a_stop(
    guard: Guard, operate: Operate, entries: list[AuditEntry]
) -> None:
    """People are not asked about a call that is stopped."""

    @guard.tool
    def refund(order: str, amount: int, to: str) -> str:
        return order

    assert operate("stop", "--tool", "refund", "--reason", "odd") == 0
    wait()
    with guard.identity("agent:support", on_behalf_of="user:alice"), pytest.raises(Stopped):
        refund("ORD-00012345", 400, "j@customers.example")
    assert EntryType.APPROVAL_REQUESTED not in {each.type for each in entries}
