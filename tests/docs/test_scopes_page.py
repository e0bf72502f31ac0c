# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does the policy of the page on scopes and plans stand as it is printed?"""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from agentguard import ApprovalPending, Guard
from agentguard.config import check

PAGE = Path(__file__).parents[2] / "docs" / "scopes.md"


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """The policy of the page, which asks without waiting."""
    found = re.search(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    path = tmp_path / "agentguard.toml"
    path.write_text(found[1].replace('wait = "5m"', 'wait = "0s"'), encoding="utf-8")
    return path


def test_the_policy_of_the_page_on_plans_has_no_mistake(policy: Path) -> None:
    """It can be used as it stands."""
    assert [str(each.problem) for each in check(policy) if each.severity == "error"] == []


def test_the_plan_of_the_page_is_put_to_people(policy: Path) -> None:
    """What the page proposes can be read, and people are asked about it."""
    steps: list[dict[str, object]] = [
        {"tool": "pay", "args": {"to": "bob", "amount": 5}, "times": 2},
        {"tool": "pay", "args": {"to": "eve", "amount": {"int": [1, 10]}}},
    ]
    with (
        Guard.from_file(policy) as guard,
        guard.identity("agent:payer", on_behalf_of="user:alice"),
        pytest.raises(ApprovalPending),
    ):
        guard.propose(steps, within=timedelta(hours=1))
