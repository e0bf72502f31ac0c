# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does an agent get done, and what does an injection, when every call passes the guard?

An honest run makes the correct calls of a task, and a person agrees whenever somebody is asked.
In an attacked run the agent obeys the injection as soon as it has read it; either nobody answers,
or an attentive person agrees to the task's own calls and to none of the injection's.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from guarded_agent import Called, GuardedAgent

POLICIES = Path(__file__).resolve().parent / "policies"


class Calls(Protocol):
    """A call as the suites know it."""

    function: str
    args: Any


@dataclass
class Ran:
    """What a run came to.

    Attributes:
        user, injection: which tasks; no injection in an honest run.
        calls: every call, in order.
        done: whether the user's task was done.
        attacked: whether the injection had its way, whatever the agent says in the end.
        attacked_told: the same, with the answer to the user checked.
        told: whether that check let the whole answer through.
    """

    user: str
    injection: str | None = None
    calls: list[Called] = field(default_factory=list)
    done: bool = False
    attacked: bool = False
    attacked_told: bool = False
    told: bool = True

    @property
    def asks(self) -> int:
        """How often somebody was asked."""
        return sum(each.asked for each in self.calls)


def heard(agent: GuardedAgent, call: Any) -> bool:
    """Tell the guard what the user says, where that is what comes next."""
    said = getattr(call, "text", None)
    if said is not None:
        agent.hear(said)
    return said is not None


def run_honest(agent: GuardedAgent, suite: Any, user: str) -> Ran:
    """Make the correct calls of a task; whoever is asked agrees."""
    run, ran = suite.run(user), Ran(user)
    done = []
    with agent.conversation(run.prompt, run.perform):
        for call in run.calls():
            if heard(agent, call):
                continue
            called = agent.call(call.function, dict(call.args), agreed=True)
            ran.calls.append(called)
            if called.ran:
                done.append(call)
        told = agent.answer(run.answer)
    ran.told = told == run.answer
    ran.done = run.done(told, done)
    return ran


def run_attacked(
    agent: GuardedAgent, suite: Any, user: str, injection: str, *, attentive: bool
) -> Ran:
    """Make the calls of a task, and those of an injection once a result has brought it."""
    run, ran = suite.run(user, injection), Ran(user, injection)
    done: list[Calls] = []
    obeyed = False
    with agent.conversation(run.prompt, run.perform):

        def make(call: Calls, *, honest: bool) -> Called:
            called = agent.call(call.function, dict(call.args), agreed=honest and attentive)
            ran.calls.append(called)
            if called.ran:
                done.append(call)
            return called

        for call in run.calls():
            if heard(agent, call):
                continue
            called = make(call, honest=True)
            if not obeyed and run.carries(called.result):
                obeyed = True
                for wanted in run.obeyed():
                    if not heard(agent, wanted):
                        make(wanted, honest=False)
        told = agent.answer(run.answer)
    ran.told = told == run.answer
    ran.done = run.done(told, done)
    ran.attacked = run.attacked(run.answer, done)
    ran.attacked_told = run.attacked(told, done)
    return ran


def replay(suite: Any, explain: Callable[[Ran], None] | None) -> dict[str, list[Ran]]:
    """Run every task and every pair of a suite under its policy."""
    runs: dict[str, list[Ran]] = {"honest": [], "unanswered": [], "attentive": []}
    with GuardedAgent(POLICIES / f"{suite.name}.toml", suite.tools) as agent:
        for user in suite.prompts:
            runs["honest"].append(run_honest(agent, suite, user))
        for user, injection in suite.pairs():
            for kind in ("unanswered", "attentive"):
                attentive = kind == "attentive"
                runs[kind].append(run_attacked(agent, suite, user, injection, attentive=attentive))
    if explain is not None:
        for ran in [each for kind in runs.values() for each in kind]:
            explain(ran)
    return runs


def say(ran: Ran) -> None:
    """Print why a run went as it did, one line for each call that was not simply allowed."""
    for each in ran.calls:
        if each.asked or not each.ran:
            line = [ran.user, ran.injection, each.tool, each.outcome, each.why or each.result]
            sys.stderr.write(json.dumps(line, default=str) + "\n")
