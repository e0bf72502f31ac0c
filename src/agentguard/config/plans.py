# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a plan foresee that is proposed to people?

Reads the arguments of a call that proposes a plan. The plan may have been written by a model, so
that nothing in it is believed before people have agreed to it.

INVARIANT: everything in a plan that is read stands in the arguments that people are shown, and a
plan with anything else in it is refused (tests/config/test_plan_steps.py).
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType

from agentguard.canonical import Frozen, NotCanonical, freeze, is_object, thaw
from agentguard.config.grants import read_arguments
from agentguard.errors import ConfigError, ContentRefused
from agentguard.policy import ArgumentSpec, Const, Path, Policy
from agentguard.policy.plans import Foreseen
from agentguard.policy.scopes import target_form
from agentguard.vocabulary import PlanStep

STEPS, SECONDS = "steps", "seconds"
MOST_STEPS = 50
MOST_TIMES = 1000
_PARTS = frozenset({"tool", "args", "times"})


def plan_tool(policy: Policy, name: str | None) -> str:
    """Return the tool of the policy that stands for plans.

    Raises:
        ConfigError: there is none, not that one, or more than one and none is named.
    """
    found = sorted(tool.name for tool in policy.tools.values() if tool.plan)
    if name is not None and name in found:
        return name
    if name is None and len(found) == 1:
        return found[0]
    if not found or name is not None:
        raise ConfigError("the policy has no such tool for plans: add plan = true to a [[tool]]")
    raise ConfigError("the policy has several tools for plans: name one with tool=")


def arguments_of(steps: Sequence[Mapping[str, object]], within: timedelta) -> Mapping[str, Frozen]:
    """Return the arguments of the call that proposes a plan.

    Raises:
        ConfigError: the length of time makes no sense.
        ContentRefused: the steps hold something else than plain values.
    """
    seconds = within // timedelta(seconds=1)
    if seconds < 1:
        raise ConfigError("within= is how long a plan holds: at least a second")
    frozen: Frozen = None
    try:
        frozen = freeze(list(steps))
    except (NotCanonical, TypeError):
        frozen = None
    if frozen is None:
        raise _refused("its steps must be plain values")
    return MappingProxyType({STEPS: frozen, SECONDS: seconds})


def steps_of(arguments: Mapping[str, Frozen], policy: Policy) -> tuple[PlanStep, ...]:
    """Return the steps of a plan.

    Raises:
        ContentRefused: a step cannot be read, or names a tool that cannot be planned; nothing of
            what stands there is told.
    """
    steps = arguments.get(STEPS)
    if not isinstance(steps, tuple) or not 0 < len(steps) <= MOST_STEPS:
        raise _refused(f"it must be a list of 1 to {MOST_STEPS} steps")
    return tuple(_step(each, index, policy) for index, each in enumerate(steps))


def _step(step: Frozen, index: int, policy: Policy) -> PlanStep:
    where = f"step {index + 1}"
    if not is_object(step) or not {"tool"} <= step.keys() <= _PARTS:
        raise _refused(f"{where} must hold 'tool', and may hold 'args' and 'times'")
    name, times, table = step["tool"], step.get("times", 1), step.get("args", {})
    tool = policy.tools.get(name) if isinstance(name, str) else None
    if tool is None or tool.hosted or tool.plan:
        raise _refused(f"{where} names no tool that the policy declares and a plan can hold")
    if type(times) is not int or not 1 <= times <= MOST_TIMES:
        raise _refused(f"'times' of {where} must be a whole number from 1 to {MOST_TIMES}")
    if not is_object(table):
        raise _refused(f"'args' of {where} must be a mapping of arguments")
    exact = {name: target_form(each) for name, each in table.items() if not is_object(each)}
    others = _others({name: each for name, each in table.items() if is_object(each)}, where)
    foreseen = Foreseen(exact=exact, others=others)
    said = {each.name for each in others if isinstance(each.constraint, Const)}
    return PlanStep(
        tool=tool.name,
        covers=foreseen,
        fixed=frozenset({*exact, *said}),
        times=times,
        roots=foreseen.roots,
    )


def _others(table: Mapping[str, Frozen], where: str) -> tuple[ArgumentSpec, ...]:
    wrong: list[Path] = []
    plain = {name: thaw(each) for name, each in table.items()}
    found = read_arguments(plain, (), lambda path, _: wrong.append(path))
    if wrong or any(each.origins is not None for each in found):
        raise _refused(f"an argument of {where} is no value, and not written as in a rule")
    return found


def _refused(why: str) -> ContentRefused:
    return ContentRefused(f"the plan cannot be proposed: {why}")
