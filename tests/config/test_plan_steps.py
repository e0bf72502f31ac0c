# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is everything of a plan read that people are shown, and nothing else?"""

from datetime import timedelta
from pathlib import Path

import pytest

from agentguard.canonical import thaw
from agentguard.config import load
from agentguard.config.plans import arguments_of, plan_tool, steps_of
from agentguard.errors import ConfigError, ContentRefused
from agentguard.policy import Policy

TEXT = """
version = 1
name = "plans"

[deployment]
store = "agentguard.db"

[[tool]]
name = "pay"
impact = "irreversible"

[[tool]]
name = "plan"
impact = "irreversible"
plan = true
"""
ANOTHER = """
[[tool]]
name = "other_plan"
impact = "irreversible"
plan = true
"""
HOUR = timedelta(hours=1)


def policy_of(path: Path, text: str) -> Policy:
    """Return the policy of a text."""
    (path / "agentguard.toml").write_text(text)
    return load(path / "agentguard.toml").policy


def test_a_plan_is_what_is_shown(tmp_path: Path) -> None:
    """The arguments of the call hold the steps as given, and are what is read."""
    steps = [{"tool": "pay", "args": {"to": "bob", "amount": {"int": [1, 5]}}, "times": 3}]
    arguments = arguments_of(steps, HOUR)
    assert {name: thaw(each) for name, each in arguments.items()} == {
        "steps": steps,
        "seconds": 3600,
    }
    [step] = steps_of(arguments, policy_of(tmp_path, TEXT))
    assert (step.tool, step.times, step.fixed) == ("pay", 3, frozenset({"to"}))


def test_a_constant_stands_in_the_plan_and_a_range_does_not(tmp_path: Path) -> None:
    """A value in the words of rules is fixed where it is the only one."""
    args = {"to": {"const": "bob"}, "amount": {"in": [1, 2]}}
    arguments = arguments_of([{"tool": "pay", "args": args}], HOUR)
    [step] = steps_of(arguments, policy_of(tmp_path, TEXT))
    assert (step.times, step.fixed) == (1, frozenset({"to"}))


def test_the_tool_for_plans_is_found_or_named(tmp_path: Path) -> None:
    """One tool need not be named; of several one must be; others stand for no plan."""
    policy = policy_of(tmp_path, TEXT)
    assert plan_tool(policy, None) == plan_tool(policy, "plan") == "plan"
    both = policy_of(tmp_path, TEXT + ANOTHER)
    assert plan_tool(both, "other_plan") == "other_plan"
    without = policy_of(tmp_path, TEXT.replace("plan = true", ""))
    for known, name in ((both, None), (policy, "pay"), (without, None), (without, "plan")):
        with pytest.raises(ConfigError, match="for plans"):
            plan_tool(known, name)


def test_a_plan_holds_plain_values_and_for_some_time() -> None:
    """Objects of a program's own are no part of a plan, and no plan holds for no time."""
    with pytest.raises(ContentRefused, match="plain values"):
        arguments_of([{"tool": object()}], HOUR)
    with pytest.raises(ConfigError, match="at least a second"):
        arguments_of([], timedelta(0))
