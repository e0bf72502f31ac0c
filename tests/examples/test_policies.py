# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The policies among the examples can be used as they are, and say what they are said to say."""

from pathlib import Path

import pytest

from agentguard.cli import main
from agentguard.config import check

HERE = Path(__file__).resolve().parents[2] / "examples" / "policies"
PAGE = HERE.parents[1] / "docs" / "policy.md"
POLICIES = sorted(each.name for each in HERE.glob("*.toml") if ".tests" not in each.name)


def test_there_are_policies() -> None:
    """Examples are found where the other tests look for them."""
    assert len(POLICIES) >= 5


@pytest.mark.parametrize("name", POLICIES)
def test_an_example_is_without_doubts(name: str) -> None:
    """Nothing is wrong or doubtful about a policy among the examples."""
    assert check(HERE / name, {}) == ()


@pytest.mark.parametrize("name", POLICIES)
def test_an_example_decides_its_cases(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The cases beside an example are decided as they say, and every rule decides one."""
    assert main(["policy", "test", "--config", str(HERE / name)]) == 0, capsys.readouterr().out


@pytest.mark.parametrize("name", POLICIES)
def test_an_example_is_named_on_the_page(name: str) -> None:
    """The page about the policy file leads to each example."""
    assert f"(../examples/policies/{name})" in PAGE.read_text(encoding="utf-8")
