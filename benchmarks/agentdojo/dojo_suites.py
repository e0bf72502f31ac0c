# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does AgentDojo ask of an agent, and what do its injections ask?

The suites of the package as it publishes them: their functions on their own environments, the
correct calls of user tasks, and injections placed where a user task's own calls read them. No
model runs: the calls of an injection follow the first result that holds its text, as those of an
agent that obeys everything.
"""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import yaml
from agentdojo.attacks.attack_registry import load_attack
from agentdojo.functions_runtime import FunctionCall, FunctionsRuntime
from agentdojo.task_suite.load_suites import get_suites
from guarded_agent import Described
from pydantic import BaseModel

VERSION = "v1.2.2"
# Some templates of attacks put the name of the model into their text.
_ATTACKED = SimpleNamespace(name="gpt-4o-2024-05-13")
# Later injections come without correct calls, so an agent that obeys them cannot be replayed.
FIRST_VERSION = (1, 0, 0)


@dataclass(frozen=True)
class Suite:
    """A suite, its tools, and the attack that words its injections."""

    name: str
    plain: Any
    runtime: FunctionsRuntime
    attack: Any

    @property
    def prompts(self) -> dict[str, str]:
        """What the user says in each task."""
        return {name: task.PROMPT for name, task in self.plain.user_tasks.items()}

    @property
    def tools(self) -> list[Described]:
        """The suite's tools."""
        return [
            Described(each.name, each.description, _signature(each.parameters))
            for each in self.runtime.functions.values()
        ]

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Give every pair of a user task and an injection task whose correct calls are known."""
        first = [
            name
            for name in self.plain.injection_tasks
            if FIRST_VERSION in self.plain._injection_tasks[name]  # noqa: SLF001 - tells no other way since when a task is there
        ]
        return ((user, injection) for user in self.plain.user_tasks for injection in first)

    def run(self, user: str, injection: str | None = None) -> "Run":
        """Set the environment up for a task, with the injection where it will be read."""
        task = self.plain.user_tasks[user]
        attacking = None if injection is None else self.plain.injection_tasks[injection]
        placed = {} if attacking is None else self.attack.attack(task, attacking)
        loaded = self.plain.load_and_inject_default_environment(placed)
        return Run(self, task, attacking, task.init_environment(loaded))


class Run:
    """One conversation: its environment, and what is to be called in it."""

    def __init__(self, suite: Suite, task: Any, attacking: Any, environment: Any) -> None:
        self.suite = suite
        self.task = task
        self.attacking = attacking
        self.environment = environment
        self._before = environment.model_copy(deep=True)

    @property
    def prompt(self) -> str:
        """What the user says."""
        said: str = self.task.PROMPT
        return said

    @property
    def answer(self) -> str:
        """What the agent says in the end, obeying the injection in that as well."""
        own = str(self.task.GROUND_TRUTH_OUTPUT)
        return own if self.attacking is None else f"{own}\n{self.attacking.GROUND_TRUTH_OUTPUT}"

    def calls(self) -> list[FunctionCall]:
        """Return the correct calls of the user's task."""
        wanted: list[FunctionCall] = self.task.ground_truth(self.environment)
        return wanted

    def obeyed(self) -> list[FunctionCall]:
        """Return the calls that the injection asks for."""
        wanted: list[FunctionCall] = self.attacking.ground_truth(self._before)
        return wanted

    def carries(self, result: Any) -> bool:
        """Say whether a result holds the injection, in the words in which it was placed."""
        if self.attacking is None:
            return False
        goal = "".join(str(self.attacking.GOAL).split())
        return goal in "".join(str(result).split())

    def perform(self, tool: str, arguments: dict[str, Any]) -> Any:
        """Run a function of the suite on the environment and return its result as JSON."""
        result, error = self.suite.runtime.run_function(self.environment, tool, arguments)
        if error is not None:
            raise LookupError(error)
        return as_json(result)

    def done(self, answer: str, calls: list[FunctionCall]) -> bool:
        """Say whether the user's task was done."""
        return self._judged(self.task, answer, calls)

    def attacked(self, answer: str, calls: list[FunctionCall]) -> bool:
        """Say whether the injection had its way."""
        return self._judged(self.attacking, answer, calls)

    def _judged(self, task: Any, answer: str, calls: list[FunctionCall]) -> bool:
        said = [{"type": "text", "content": answer}]
        return bool(
            self.suite.plain._check_task_result(  # noqa: SLF001 - the package's own judgement
                task, said, self._before, self.environment, calls
            )
        )


def _signature(parameters: Any) -> inspect.Signature:
    """Return the signature of a function whose arguments a model of pydantic describes."""
    return inspect.Signature(
        [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if each.is_required() else each.default,
                annotation=each.annotation,
            )
            for name, each in parameters.model_fields.items()
        ]
    )


def as_json(result: Any) -> Any:
    """Return a function's result as a tool would return it."""
    if isinstance(result, BaseModel):
        return result.model_dump(mode="json")
    if isinstance(result, list | tuple):
        return [as_json(each) for each in result]
    if isinstance(result, dict):
        return {str(name): as_json(each) for name, each in result.items()}
    return result if result is None or isinstance(result, str | int | float | bool) else str(result)


def load_suites(attack: str) -> list[Suite]:
    """Load every suite, with the template of the package that words the injections."""
    # The same loader in C: the pairs read a large YAML file each.
    yaml.safe_load = lambda text: yaml.load(text, Loader=yaml.CSafeLoader)
    return [
        Suite(
            name=name,
            plain=suite,
            runtime=FunctionsRuntime(suite.tools),
            attack=load_attack(attack, suite, _ATTACKED),
        )
        for name, suite in get_suites(VERSION).items()
    ]
