# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can each scenario of the contract of integrations fail?"""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from agentguard import ApprovalPending
from agentguard.guard.frameworks import _INTEGRATIONS
from agentguard.testing.contract import Ground, IntegrationContract, Ran
from agentguard.testing.contract.chat_loop import AsyncTools, ChatLoopContract, Tools

FRAMEWORKS = Path(__file__).resolve().parents[1] / "frameworks"
BESIDE = {"functions", "gateway", "litellm"}  # what guard.wrap knows no object of

SCENARIOS = sorted(name for name in vars(IntegrationContract) if name.startswith("test_"))


class Unguarded(ChatLoopContract):
    """A loop in which nothing is guarded."""

    @contextmanager
    def tools(self, ground: Ground) -> Iterator[Tools]:
        """Give the plain functions."""
        yield ground.functions(asynchronous=False)

    @asynccontextmanager
    async def async_tools(self, ground: Ground) -> AsyncIterator[AsyncTools]:
        """Give the plain coroutine functions."""
        yield ground.functions(asynchronous=True)

    def guarded(self, ground: Ground, client: Any) -> Any:
        """Guard nothing."""
        return client


class Obedient(Unguarded):
    """A loop whose calls wait for a person, and which runs them when the framework says yes."""

    @contextmanager
    def tools(self, ground: Ground) -> Iterator[Tools]:
        """Guard the functions."""
        plain = ground.functions(asynchronous=False)
        yield {name: ground.guard.tool(function) for name, function in plain.items()}

    def guarded(self, ground: Ground, client: Any) -> Any:
        """Guard the client."""
        return ground.guard.wrap(client)

    def resume(self, ground: Ground, ran: Ran, mode: str) -> Ran:
        """Take the framework's yes for an approval."""
        (call,) = ran.state[-1]["tool_calls"]
        arguments = json.loads(call["function"]["arguments"])
        ground.functions(asynchronous=False)[call["function"]["name"]](**arguments)
        return Ran(answer="all done")


def failing(contract: IntegrationContract, folder: Path, names: list[str]) -> list[str]:
    """Return the scenarios that say of a contract that something does not hold."""
    failed = []
    for name in names:
        (folder / name).mkdir()
        try:
            getattr(contract, name)(folder / name, "sync")
        except (AssertionError, ApprovalPending):
            failed.append(name)
    return failed


def test_every_scenario_fails_for_what_guards_nothing(tmp_path: Path) -> None:
    """No scenario passes for a loop whose client and tools are not guarded."""
    assert len(SCENARIOS) > 15
    assert failing(Unguarded(), tmp_path, SCENARIOS) == SCENARIOS


def test_every_scenario_of_approvals_fails_for_a_pause_that_approves(tmp_path: Path) -> None:
    """A framework's yes that counts as an approval is noticed by every scenario that gives it."""
    named = [
        "test_a_question_expires",
        "test_a_rejected_call_does_not_run",
        "test_an_approval_expires",
        "test_an_approved_call_runs_once",
        "test_nobody_else_uses_an_approval",
        "test_resuming_twice_runs_once",
        "test_the_frameworks_own_yes_approves_nothing",
    ]
    assert failing(Obedient(), tmp_path, named) == named


def test_a_scenario_that_is_left_out_says_why(tmp_path: Path) -> None:
    """What a framework cannot have is skipped with the reason that its adapter gives."""

    class Partial(Unguarded):
        leaves_out = {"an_answer_is_checked": "it has no answers"}  # noqa: RUF012 - of one test

    with pytest.raises(BaseException, match="it has no answers") as caught:
        Partial().test_an_answer_is_checked(tmp_path, "sync")
    assert type(caught.value).__name__ == "SkipTest"


def test_every_integration_is_put_to_the_contract() -> None:
    """Each framework that the guard knows has a test of its own that subclasses the contract."""
    named = {module.split(".")[2] for module in _INTEGRATIONS.values()} | BESIDE
    assert named == {path.parent.name for path in FRAMEWORKS.glob("*/test_*contract.py")}
