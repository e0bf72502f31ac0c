# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Do ``policy explain``, ``policy test`` and ``policy diff`` answer what an operator asks?"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agentguard.config import starter_cases

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

REFUND = (
    *("policy", "explain", "--as", "agent:support", "--for", "user:alice", "--tool", "refund"),
    *("--arg", "order=ORD-00000001", "--arg", "to=jane@customers.example"),
)


@pytest.fixture
def cases_file(policy_file: Path) -> Path:
    """The starter's cases beside the starter policy."""
    path = policy_file.with_suffix(".tests.toml")
    path.write_text(starter_cases(), encoding="utf-8")
    return path


def test_an_allowed_call_is_explained(shell: "Shell") -> None:
    """An allowed call exits with 0 and names the rule that decided."""
    ran = shell(*REFUND, "--arg", "amount=40", "--json")
    assert ran.code == 0
    assert (ran.json["effect"], ran.json["rule"]) == ("allow", "refund-small")
    assert {each["rule"]: each["applies"] for each in ran.json["rules"]} == {
        "refund-small": True,
        "refund-large": False,
    }


def test_a_denied_call_says_what_every_rule_demands(shell: "Shell") -> None:
    """A denied call exits with 1 and tells for each rule the key that stands in the way."""
    ran = shell(*REFUND, "--arg", "amount=4000")
    assert ran.code == 1
    assert "args.amount must be an integer from 1 to 100" in ran.out
    assert "args.amount must be an integer from 101 to 1000" in ran.out


def test_a_call_that_is_asked_about_says_who_approves(shell: "Shell") -> None:
    """A call that needs an approval exits with 1 and names the approvers."""
    ran = shell(*REFUND, "--arg", "amount=400")
    assert ran.code == 1
    assert "1 of user:carol" in ran.out


def test_values_are_shown_on_request_only(shell: "Shell") -> None:
    """What the call holds is printed with --show-values and not without."""
    secret = ("--arg", "amount=4000", "--arg", "note=canary")
    assert "canary" not in shell(*REFUND, *secret).out
    assert "canary" not in shell(*REFUND, *secret, "--json").out
    assert "canary" in shell(*REFUND, *secret, "--show-values").out


def test_an_argument_keeps_its_type(shell: "Shell") -> None:
    """An amount in quotes is text, which is no number."""
    assert shell(*REFUND, "--arg", 'amount="40"').code == 1
    ran = shell("policy", "explain", "--as", "agent:support", "--for", "user:alice", "--tool",
                "lookup_order", "--args", '{"order": "ORD-00000001"}')  # fmt: skip
    assert ran.code == 0


def test_a_call_of_a_model_is_explained(shell: "Shell") -> None:
    """A model call is asked about by provider, operation and model."""
    asked = ("policy", "explain", "--as", "agent:support", "--for", "user:alice")
    chat = (*asked, "--provider", "openai", "--model", "gpt-4o")
    answered = shell(*chat)
    assert answered.code == 0
    # What is looked for in answers alone has no action in a request.
    assert "payment_card" in answered.out
    assert "remote_image" not in answered.out
    assert shell(*chat, "--operation", "POST /files").code == 1
    ran = shell(*chat, "--references", "url")
    assert ran.code == 1
    assert "no rule lists url" in ran.out


def test_calls_are_read_from_a_file(shell: "Shell", tmp_path: Path) -> None:
    """A list of calls in JSON is explained one by one, and the worst one gives the exit code."""
    call = {"as": "agent:support", "for": "user:alice", "tool": "lookup_order"}
    calls = [{**call, "args": {"order": "ORD-00000001"}}, {**call, "args": {"order": "x"}}]
    path = tmp_path / "calls.json"
    path.write_text(json.dumps(calls), encoding="utf-8")
    ran = shell("policy", "explain", "--call", str(path), "--json")
    assert ran.code == 1
    assert [each["effect"] for each in ran.json] == ["allow", "deny"]


@pytest.mark.parametrize(
    "options",
    [
        ("--as", "agent:support"),
        ("--as", "agent:support", "--tool", "refund", "--provider", "openai"),
        ("--as", "agent:support", "--tool", "refund", "--args", "[1]"),
        ("--as", "agent:support", "--tool", "refund", "--arg", "amount"),
        ("--as", "support", "--tool", "refund"),
        ("--as", "agent:support", "--provider", "openai", "--operation", "caht"),
        ("--call", "/nowhere.json"),
    ],
)
def test_what_is_no_call_is_refused(shell: "Shell", options: tuple[str, ...]) -> None:
    """Options that do not make a call exit with 2 and say why."""
    ran = shell("policy", "explain", *options)
    assert ran.code == 2
    assert ran.err


def test_a_mistake_in_an_option_is_told_by_its_name(shell: "Shell") -> None:
    """What is wrong with the options names them as they are written on the command line."""
    ran = shell("policy", "explain", "--tool", "refund", "--now", "soon")
    assert ran.code == 2
    assert ran.err.startswith("agentguard: --as is needed; --now must be a date or a time")


def test_what_is_hidden_is_told_by_action_within_eighty_columns(shell: "Shell") -> None:
    """The classes of a model call stand behind the action for each, in lines that fit a terminal."""
    ran = shell("policy", "explain", "--as", "agent:support", "--for", "user:alice", "--provider",
                "openai", "--model", "gpt-4o")  # fmt: skip
    told, _, rest = ran.out.partition("policy  ")
    assert "classes        block audio, " in told
    assert max(map(len, told.splitlines())) <= 80
    assert rest


def test_answers_about_several_calls_stand_apart(shell: "Shell", tmp_path: Path) -> None:
    """Between two explanations there is an empty line, and none behind the last one."""
    call = {"as": "agent:support", "for": "user:alice", "tool": "lookup_order"}
    path = tmp_path / "calls.json"
    path.write_text(json.dumps([call, call]), encoding="utf-8")
    first, second = shell("policy", "explain", "--call", str(path)).out.split("\n\n")
    assert f"{first}\n" == second


def test_old_cases_are_put_to_another_version(
    shell: "Shell", cases_file: Path, tmp_path: Path
) -> None:
    """A policy file beside which there are no cases is told so, and takes those that are named."""
    other = tmp_path / "other.toml"
    other.write_text(shell.policy.read_text(encoding="utf-8"), encoding="utf-8")
    ran = shell("policy", "test", str(other))
    assert ran.code == 2
    assert str(tmp_path / "other.tests.toml") in ran.err
    assert "--cases" in ran.err
    assert shell("policy", "test", str(other), "--cases", str(cases_file)).code == 0


def test_the_starters_cases_pass(shell: "Shell", cases_file: Path) -> None:
    """The cases beside the starter policy are as expected, and exercise every rule."""
    ran = shell("policy", "test", "--json")
    assert ran.code == 0
    assert ran.json["passed"] is True
    assert ran.json["cases_file"] == str(cases_file)
    assert ran.json["unexercised"] == []


def test_a_wrong_expectation_fails(shell: "Shell", cases_file: Path) -> None:
    """A case that is decided otherwise fails, with what every rule demands."""
    text = cases_file.read_text(encoding="utf-8").replace("amount = 100,", "amount = 1001,")
    cases_file.write_text(text, encoding="utf-8")
    ran = shell("policy", "test")
    assert ran.code == 1
    assert "FAILED  a small refund: expected 'allow', but it is 'deny'" in ran.out
    assert "args.amount must be an integer from 1 to 100" in ran.out


def test_a_rule_without_a_case_fails(shell: "Shell", cases_file: Path) -> None:
    """A rule that decides no case fails the run, though every case is as expected."""
    cases, marker = cases_file.read_text(encoding="utf-8"), 'name = "the model answers"'
    start = cases.index("[[case]]\n" + marker)
    rest = cases.index("[[case]]", start + 1)
    cases_file.write_text(cases[:start] + cases[rest:], encoding="utf-8")
    ran = shell("policy", "test")
    assert ran.code == 1
    assert "NO CASE rule 'chat'" in ran.out


def test_a_case_of_another_rule_fails(shell: "Shell", cases_file: Path) -> None:
    """A case that another rule decides than it says fails."""
    text = cases_file.read_text(encoding="utf-8").replace('"refund-large"', '"refund-small"')
    cases_file.write_text(text, encoding="utf-8")
    assert "expected rule 'refund-small' to decide" in shell("policy", "test").out


def test_a_mistake_in_the_cases_is_located(shell: "Shell", cases_file: Path) -> None:
    """A misspelt tool in the cases exits with 2 and names file, line and key."""
    text = cases_file.read_text(encoding="utf-8").replace('tool = "refund"', 'tool = "refnd"', 1)
    cases_file.write_text(text, encoding="utf-8")
    line = text[: text.index('"refnd"')].count("\n") + 1
    ran = shell("policy", "test")
    assert ran.code == 2
    assert f"{cases_file}:{line}: case[4].tool" in ran.err


def test_a_wider_version_is_told_with_a_call(shell: "Shell", tmp_path: Path) -> None:
    """A version that allows more exits with 1, and its witness is explained as allowed."""
    wider = tmp_path / "wider.toml"
    text = shell.policy.read_text(encoding="utf-8")
    wider.write_text(text.replace("int = [101, 1000]", "int = [101, 1001]"), encoding="utf-8")
    ran = shell("policy", "diff", str(shell.policy), str(wider), "--json")
    assert ran.code == 1
    (change,) = ran.json["changes"]
    assert (change["kind"], change["rule"]) == ("newly_asks", "refund-large")
    assert change["witness"]["args"]["amount"] == 1001
    call = tmp_path / "call.json"
    call.write_text(json.dumps(change["witness"]), encoding="utf-8")
    explained = ("policy", "explain", "--call", str(call), "--json")
    assert shell(*explained).json[0]["effect"] == "deny"
    shell.policy = wider
    assert shell(*explained).json[0]["effect"] == "approve"


def test_a_narrower_version_is_no_failure(shell: "Shell", tmp_path: Path) -> None:
    """A version that only denies more exits with 0 and says what it denies."""
    narrower = tmp_path / "narrower.toml"
    text = shell.policy.read_text(encoding="utf-8")
    narrower.write_text(text.replace("int = [1, 100]", "int = [2, 100]"), encoding="utf-8")
    ran = shell("policy", "diff", str(shell.policy), str(narrower))
    assert ran.code == 0
    assert "newly denied, by rule 'refund-small'" in ran.out
    assert shell("policy", "diff", str(shell.policy), str(shell.policy)).code == 0


def test_what_changes_outside_of_the_rules_is_told(shell: "Shell", tmp_path: Path) -> None:
    """A host more and a class that is treated milder are told as wider."""
    wider = tmp_path / "wider.toml"
    text = shell.policy.read_text(encoding="utf-8")
    text = text.replace('["api.openai.com"]', '["api.openai.com", "other.example"]')
    wider.write_text(text, encoding="utf-8")
    ran = shell("policy", "diff", str(shell.policy), str(wider))
    assert ran.code == 1
    assert "wider: provider.openai.hosts" in ran.out


def test_one_file_is_compared_with_the_policy_in_force(shell: "Shell", tmp_path: Path) -> None:
    """With one file the comparison is from the policy of --config to that file."""
    wider = tmp_path / "wider.toml"
    text = shell.policy.read_text(encoding="utf-8").replace("[101, 1000]", "[101, 1001]")
    wider.write_text(text, encoding="utf-8")
    ran = shell("policy", "diff", str(wider), "--json")
    assert ran.code == 1
    both = shell("policy", "diff", str(shell.policy), str(wider), "--json")
    assert ran.json == both.json
