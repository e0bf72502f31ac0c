# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What an operator stops is stopped: everywhere, within a second, and until it is resumed."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agentguard import Guard, Stopped
from agentguard.cli import main
from agentguard.stores.stopping import FRESH_SECONDS
from agentguard.vocabulary import AuditEntry, EntryType, Reason

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


def wait() -> None:
    """Wait as long as an answer is kept."""
    time.sleep(FRESH_SECONDS + 0.05)


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
