# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is what a program narrows a run to read like a rule, and told without its values?"""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agentguard.config import load
from agentguard.config.scopes import task_scope_of
from agentguard.errors import ConfigError
from agentguard.policy import Policy
from agentguard.policy.scopes import target_form
from agentguard.vocabulary import Reads, Scope

TEXT = """
version = 1
name = "scopes"

[deployment]
store = "agentguard.db"

[[identity]]
id = "agent:a"

[[tool]]
name = "pay"
impact = "irreversible"
targets = ["to"]

[[rule]]
id = "pays"
who = ["agent:a"]
tool = "pay"
args.to = { any = true }
args.amount = { int = [1, 100] }
then = "allow"
"""


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    """The policy of this file."""
    (tmp_path / "agentguard.toml").write_text(TEXT)
    return load(tmp_path / "agentguard.toml").policy


def test_a_scope_is_read(policy: Policy) -> None:
    """Tools, targets, calls and sums of a scope become what calls are held against."""
    found = task_scope_of(
        Scope(
            tools={"pay": {"to": {"const": "bob"}, "amount": {"int": [1, 5]}}},
            targets=["bob", 7],
            reads="listed",
            calls=3,
            sums={"amount": 9},
        ),
        policy,
    )
    assert found.tools is not None
    assert found.tools.keys() == {"pay"}
    assert found.targets == frozenset({target_form("bob"), target_form(7)})
    assert (found.reads_free, found.calls, found.sums) == (False, 3, {"amount": Decimal(9)})


def test_an_empty_list_of_tools_is_no_missing_one(policy: Policy) -> None:
    """A scope without tools leaves none that changes anything; one that names none leaves all."""
    assert task_scope_of(Scope(tools=[]), policy).tools == {}
    assert task_scope_of(Scope(calls=1), policy).tools is None


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "scope=: narrows nothing"),
        ({"tools": ["canary"]}, r"scope=: tools\[0\]: names no tool"),
        ({"tools": "pay"}, "is a list of tools"),
        ({"tools": iter(["pay"])}, "scope=: tools: must be a list of tools"),
        ({"tools": {"pay": {"to": "canary"}}}, "scope=: tools.pay.to: cannot be read"),
        ({"tools": {"pay": {"to": {"canary": 1}}}}, "scope=: tools.pay.to: cannot be read"),
        ({"tools": {"pay": 5}}, "scope=: tools.pay: must be a mapping"),
        ({"targets": "canary"}, "scope=: targets: must be a list of values"),
        ({"targets": iter(["x"])}, "scope=: targets: must be a list of values"),
        ({"targets": [None]}, "scope=: targets: must hold text"),
        ({"targets": [""]}, "scope=: targets: must hold text"),
        ({"targets": [["canary"]]}, "scope=: targets: must hold text"),
        ({"targets": [object()]}, "scope=: targets: must hold text"),
        ({"targets": ["x"], "reads": "canary"}, "scope=: reads: must be 'free' or 'listed'"),
        ({"calls": 0}, "scope=: calls: must be a whole number from 1"),
        ({"calls": True}, "scope=: calls: must be a whole number from 1"),
        ({"sums": {"amount": -1}}, "scope=: sums: is no whole number"),
        ({"tools": {"pay": {"to": {"any": True}}}, "sums": {"amount": 5}}, "lets no tool have"),
    ],
)
def test_what_cannot_be_read_narrows_nobody(
    given: dict[str, Any], told: str, policy: Policy
) -> None:
    """Each mistake is refused in words that hold none of the values."""
    with pytest.raises(ConfigError, match=told) as caught:
        task_scope_of(Scope(**given), policy)
    assert "canary" not in str(caught.value)


def test_a_mapping_is_no_scope(policy: Policy) -> None:
    """What merely looks like a scope is refused."""
    with pytest.raises(ConfigError, match="must be a Scope"):
        task_scope_of({"tools": ["pay"]}, policy)  # type: ignore[arg-type]  # what is refused


def test_a_scope_shows_none_of_its_values() -> None:
    """The repr of a scope holds neither targets nor what arguments may be."""
    scope = Scope(tools={"pay": {"to": {"const": "canary"}}}, targets=["canary"], reads=Reads.FREE)
    assert "canary" not in repr(scope)
