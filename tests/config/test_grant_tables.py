# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What can a program write into a grant, and what is refused?"""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agentguard.canonical import Frozen
from agentguard.config import load
from agentguard.config.grants import covers_of, sums_of
from agentguard.errors import ConfigError
from agentguard.policy import Policy
from agentguard.policy.grants import Covered
from agentguard.vocabulary import Chain, Principal, PrincipalKind

CHAIN = Chain(principals=(Principal(id="agent:helper", kind=PrincipalKind.AGENT),))
POLICY = """
version = 1
name = "p"

[[tool]]
name = "pay"
impact = "irreversible"

[[tool]]
name = "search"
impact = "read_only"
"""


RULES = """
[[identity]]
id = "agent:a"

[[rule]]
id = "pays"
who = ["agent:a"]
tool = ["p*"]
args.amount = { int = [1, 100] }
then = "allow"

[[rule]]
id = "reads"
who = ["agent:a"]
impact = ["read_only"]
args.query = { any = true, optional = true }
then = "allow"

[[rule]]
id = "never"
who = ["agent:a"]
tool = ["pay", "search"]
args.account = { any = true }
then = "deny"
"""


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    """A policy with two tools."""
    path = tmp_path / "agentguard.toml"
    path.write_text(POLICY, encoding="utf-8")
    return load(path, {}).policy


def refusal(policy: Policy, tools: Any) -> ConfigError:
    """Return how tables are refused, without anything of theirs."""
    with pytest.raises(ConfigError) as caught:
        covers_of(tools, policy)
    assert "canary" not in str(caught.value)
    return caught.value


def test_a_list_of_tools_leaves_the_arguments_to_the_rules(policy: Policy) -> None:
    """So does None in a mapping."""
    for tools in (["pay"], ("pay",), {"pay"}, iter(["pay"]), {"pay": None}):
        covers = covers_of(tools, policy)
        assert list(covers) == ["pay"]
        assert covers["pay"]({"whatever": 1}, CHAIN, {}) is None


def test_only_what_a_rule_lists_is_added_up(tmp_path: Path) -> None:
    """Of a tool that the grant leaves to the rules, every argument that one of them lists counts."""
    path = tmp_path / "agentguard.toml"
    path.write_text(POLICY + RULES, encoding="utf-8")
    policy = load(path, {}).policy
    covers = covers_of(["pay", "search"], policy, summed=["amount", "query", "account"])
    for tool, listed in (("pay", {"amount"}), ("search", {"query"})):
        cover = covers[tool]
        assert isinstance(cover, Covered)
        assert {each for each in ("amount", "query", "account") if cover.lists(each)} == listed


def test_arguments_are_written_as_in_a_rule(policy: Policy) -> None:
    """The kinds of the policy file, optional ones, and nothing that is not listed."""
    tables = {
        "pay": {
            "amount": {"int": [1, 100]},
            "to": {"in": ["a", "b"]},
            "by": {"claim": "actor.id"},
            "note": {"any": True, "optional": True},
        }
    }
    covered = covers_of(tables, policy)["pay"]
    usual: dict[str, Frozen] = {"amount": 5, "to": "a", "by": "agent:helper"}
    assert covered(usual, CHAIN, {}) is None
    assert covered({**usual, "note": "x"}, CHAIN, {}) is None
    changes: list[dict[str, Frozen]] = [
        {"amount": 101},
        {"to": "c"},
        {"by": "agent:x"},
        {"more": 1},
    ]
    for change in changes:
        assert covered({**usual, **change}, CHAIN, {}) is not None


def test_a_mapping_is_read_once(policy: Policy) -> None:
    """Changing it afterwards changes no grant."""
    tables: dict[str, Any] = {"pay": {"amount": {"in": [1]}}}
    covered = covers_of(tables, policy)["pay"]
    tables["pay"]["amount"]["in"].append(2)
    tables["pay"]["more"] = {"any": True}
    assert covered({"amount": 1}, CHAIN, {}) is None
    assert covered({"amount": 2}, CHAIN, {}) is not None


@pytest.mark.parametrize(
    "table",
    [
        {"amount": {"int": [1]}},
        {"amount": {"int": ["canary", 2]}},
        {"amount": {"canary": 1}},
        {"amount": {}},
        {"amount": "canary"},
        {"amount": {"int": [1, 2], "in": ["canary"]}},
        {"amount": {"path": ["canary"]}},
        {"amount": {"match": "canary("}},
        {"canary more": {"int": [2, 1]}},
    ],
)
def test_what_a_rule_could_not_say_is_refused(policy: Policy, table: dict[str, object]) -> None:
    """It is told by tool and argument, with what to write, and without what stands there."""
    problem = refusal(policy, {"pay": table}).problems[0]
    assert problem.key.startswith("tools.pay")
    assert "{'int': [1, 100]}" in problem.message


def test_every_problem_is_told(policy: Policy) -> None:
    """An unknown tool, an argument and a table that is none, at once."""
    problems = refusal(
        policy,
        {"canary": None, "pay": {"amount": {"int": [2, 1]}}, "search": ["canary"]},
    ).problems
    assert [each.key for each in problems] == ["tools[0]", "tools.pay.amount", "tools.search"]
    assert "[[tool]]" in problems[0].message


def test_a_single_name_is_no_list_of_tools(policy: Policy) -> None:
    """The letters of a text are not tools."""
    assert "a list of tools" in str(refusal(policy, "canary"))


def test_sums_are_whole_numbers_or_decimals() -> None:
    """A floating-point number is no amount of money, and nothing is without an end."""
    covers = {"pay": Covered(arguments=None)}
    assert sums_of({"amount": 5, "fee": Decimal("0.5")}, covers) == {
        "amount": Decimal(5),
        "fee": Decimal("0.5"),
    }
    for most in (5.0, True, "5", -1, Decimal("NaN"), Decimal("Infinity"), Decimal(10) ** 15, None):
        with pytest.raises(ConfigError, match="no whole number"):
            sums_of({"canary": most}, covers)  # type: ignore[dict-item]  # what is refused


def test_only_what_a_tool_can_have_is_added_up() -> None:
    """An argument that the grant lists for no tool would limit nothing."""
    with pytest.raises(ConfigError, match="lets no tool have") as caught:
        sums_of({"canary": 5}, {"pay": Covered(arguments=())})
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("said", [{"from": "user"}, {"any": True, "from": ["user"]}])
def test_a_grant_demands_no_origins(policy: Policy, said: dict[str, Any]) -> None:
    """Where values must come from cannot be handed out, and is refused instead of passed over."""
    assert "cannot be read" in str(refusal(policy, {"pay": {"amount": said}}))
