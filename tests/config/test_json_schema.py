# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The schema for editors takes what reading takes, and nothing misspelt."""

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from agentguard.cli import main
from agentguard.config import starter
from agentguard.config.document import ArgumentTable
from agentguard.config.json_schema import json_schema

ROOT = Path(__file__).parents[2]
VALIDATOR = Draft202012Validator(json_schema())
PAGES = sorted({*(ROOT / "docs").glob("*.md"), ROOT / "README.md"})
BLOCKS = [
    pytest.param(tomllib.loads(text), id=f"{page.name}-{index}")
    for page in PAGES
    for index, text in enumerate(
        re.findall(r"```toml\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    )
    if "version = 1" in text
]


def plain(table: object) -> Any:
    """Return what TOML holds as JSON has it: dates as text."""
    return json.loads(json.dumps(table, default=str))


def test_the_schema_is_a_schema() -> None:
    """The schema is valid under its own dialect."""
    Draft202012Validator.check_schema(json_schema())


def test_the_starter_policy_is_valid() -> None:
    """What ``agentguard init`` writes is valid."""
    VALIDATOR.validate(plain(tomllib.loads(starter("ed25519:AAAA"))))


@pytest.mark.parametrize("tables", BLOCKS)
def test_the_policies_of_the_pages_are_valid(tables: dict[str, Any]) -> None:
    """Every whole policy in the documentation is valid."""
    VALIDATOR.validate(plain(tables))


MISTAKES: dict[str, Callable[[dict[str, Any]], object]] = {
    "an unknown table": lambda policy: policy.update(rules=[]),
    "an unknown key": lambda policy: policy["rule"][0].update(whom=["agent:a"]),
    "a missing id": lambda policy: policy["rule"][0].pop("id"),
    "a missing name": lambda policy: policy.pop("name"),
    "another version": lambda policy: policy.update(version=2),
    "an unknown effect": lambda policy: policy["rule"][0].update(then="ask"),
    "an unknown impact": lambda policy: policy["tool"][0].update(impact="harmless"),
    "a bound alone": lambda policy: policy["rule"][0]["args"].update(n={"int": [1]}),
    "no kind of constraint": lambda policy: policy["rule"][0]["args"].update(n={"optional": True}),
    "an unknown kind": lambda policy: policy["rule"][0]["args"].update(n={"at_most": 5}),
    "a table for a list": lambda policy: policy.update(tool={}),
    "a list for a table": lambda policy: policy.update(approval=[]),
    "a group of nobody": lambda policy: policy["groups"].update(team=[]),
    "a key of approvers": lambda policy: policy["approval"]["leads"]["approvers"][0].update(x=1),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_not_valid(name: str) -> None:
    """An editor shows what reading would refuse."""
    policy = plain(tomllib.loads(starter("ed25519:AAAA")))
    MISTAKES[name](policy)
    assert not VALIDATOR.is_valid(policy)


@pytest.mark.parametrize("kind", ArgumentTable.kinds)
def test_every_kind_of_constraint_is_known(kind: str) -> None:
    """Every kind that reading knows can be completed."""
    assert kind in json_schema()["$defs"]["constraint"]["properties"]


def test_one_name_may_stand_without_a_list() -> None:
    """Where reading takes one name for a list, an editor does, too."""
    policy = plain(tomllib.loads(starter("ed25519:AAAA")))
    policy["rule"][0].update(who="agent:support", tool="lookup_order", impact="read_only")
    VALIDATOR.validate(policy)


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    """``policy schema`` prints the schema and nothing else."""
    assert main(["policy", "schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json_schema()
