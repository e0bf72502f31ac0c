# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A candidate policy is put to the calls that were recorded, and changes nothing."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from agentguard import Guard
from agentguard.cli import main
from agentguard.errors import AgentGuardError

CANARY = "canary-of-an-order"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def config(policy_file: Path) -> Path:
    """A policy whose facts are kept."""
    key = policy_file.parent / "facts.key"
    key.write_text(base64.b64encode(bytes(range(32))).decode(), encoding="ascii")
    key.chmod(0o600)
    text = policy_file.read_text(encoding="utf-8")
    policy_file.write_text(
        f'{text}\n[facts]\nkey_file = "facts.key"\nexpire_after = "30d"\n', encoding="utf-8"
    )
    return policy_file


@pytest.fixture
def recorded(config: Path) -> Path:
    """A policy under which support refunded something for alice, and was refused once."""
    with Guard.from_file(config) as guard:

        @guard.tool
        def refund(order: str, amount: int, to: str) -> str:
            return f"refunded {amount}"

        for amount in (20, 30, 40):
            with guard.identity("agent:support", on_behalf_of="user:alice"):
                refund("ORD-00012345", amount, "a@customers.example")
        with (
            guard.identity("agent:support", on_behalf_of="user:alice"),
            pytest.raises(AgentGuardError),
        ):
            refund(CANARY, 20, "a@customers.example")
    return config


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command and return its exit code and what it printed."""

    def one(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return one


def changed(config: Path, before: str, after: str) -> Path:
    """Write a candidate beside the policy."""
    text = config.read_text(encoding="utf-8")
    assert before in text
    path = config.parent / "candidate.toml"
    path.write_text(text.replace(before, after), encoding="utf-8")
    return path


def test_the_same_policy_decides_alike(recorded: Path, run: Run) -> None:
    """Under the policy that is in force nothing changes, and the exit code says so."""
    code, out, _ = run("policy", "replay", recorded, "--config", recorded)
    assert code == 0, out
    assert "4 recorded calls" in out
    assert "0 are decided otherwise" in out


def test_what_changes_is_grouped_and_what_widens_stands_first(recorded: Path, run: Run) -> None:
    """Newly allowed calls come first, each group with who, how many, and an example."""
    wider = changed(recorded, "ORD-[0-9]{8}", "[A-Za-z0-9-]+")
    text = wider.read_text(encoding="utf-8")
    wider.write_text(text.replace("int = [1, 100]", "int = [1, 25]"), encoding="utf-8")
    code, out, _ = run("policy", "replay", wider, "--config", recorded)
    assert code == 1
    assert out.index("newly allowed: agent:support refund, 1 calls") < out.index("newly denied")
    assert "deny (not_allowlisted)" in out
    assert "newly denied: agent:support refund, 2 calls" in out
    assert "allow by rule 'refund-small'" in out
    assert "user:alice" in out
    assert CANARY not in out
    assert "customers.example" not in out


def test_values_are_shown_on_demand_alone(recorded: Path, run: Run) -> None:
    """Only who asks for them sees the arguments of an example, in text and in JSON."""
    wider = changed(recorded, "ORD-[0-9]{8}", "[A-Za-z0-9-]+")
    for form in ((), ("--json",)):
        arguments = ("policy", "replay", wider, "--config", recorded, *form)
        assert CANARY not in run(*arguments)[1]
        assert CANARY in run(*arguments, "--show-values")[1]


def test_json_says_the_same(recorded: Path, run: Run) -> None:
    """Everything that is printed can be read by a program."""
    stricter = changed(recorded, "int = [1, 100]", "int = [1, 25]")
    code, out, _ = run("policy", "replay", stricter, "--config", recorded, "--json")
    told = json.loads(out)
    assert code == 1
    assert (told["recorded"], told["same"], told["not_decided"]) == (4, 2, {})
    (group,) = told["changed"]
    assert group["change"] == "newly denied"
    assert group["was"]["rule"] == "refund-small"
    assert group["would_be"]["effect"] == "deny"
    assert (group["calls"], group["persons"], group["sessions"]) == (2, ["user:alice"], 2)
    assert group["example"]["argument_names"] == ["amount", "order", "to"]


def test_a_rule_in_shadow_is_told(recorded: Path, run: Run) -> None:
    """How many calls a rule in shadow would decide otherwise is told beside."""
    shadowed = changed(
        recorded,
        "# Which models may be called",
        """[[rule]]
id = "no-refund"
who = ["agent:support"]
for = ["user:*"]
tool = "refund"
args.amount = { int = [40, 50] }
then = "deny"
shadow_until = 2099-12-31
shadow_irreversible = true

# Which models may be called""",
    )
    code, out, _ = run("policy", "replay", shadowed, "--config", recorded)
    assert code == 0, out
    assert "1 would be decided otherwise out of shadow: rule 'no-refund'" in out


def test_calls_that_cannot_be_decided_are_counted_apart(recorded: Path, run: Run) -> None:
    """A tool that the candidate does not know is no denial, and no silence either."""
    text = recorded.read_text(encoding="utf-8").replace('"refund"', '"repay"')
    candidate = recorded.parent / "candidate.toml"
    candidate.write_text(text, encoding="utf-8")
    code, out, _ = run("policy", "replay", candidate, "--config", recorded)
    assert code == 3
    assert "4 cannot be decided again: the policy has no tool 'refund'" in out


def test_erased_facts_are_counted_apart(recorded: Path, run: Run) -> None:
    """Of what was erased only the number of calls is left."""
    assert run("facts", "erase", "--person", "user:alice", "--config", recorded)[0] == 0
    code, out, _ = run("policy", "replay", recorded, "--config", recorded)
    assert code == 3
    assert "4 cannot be decided again: no facts of it are kept" in out


def test_nothing_recorded_is_no_evidence(recorded: Path, run: Run) -> None:
    """A replay of no call says so, and does not pass."""
    since = ("--since", "2199-01-01")
    code, out, _ = run("policy", "replay", recorded, "--config", recorded, *since)
    assert code == 3
    assert "says nothing" in out


def test_a_replay_changes_nothing(recorded: Path, run: Run) -> None:
    """Neither the policy nor the store differs after a replay."""
    before = {path: path.read_bytes() for path in recorded.parent.iterdir()}
    run("policy", "replay", changed(recorded, "[1, 100]", "[1, 25]"), "--config", recorded)
    after = {path: path.read_bytes() for path in recorded.parent.iterdir()}
    assert {path: after[path] for path in before} == before


def test_without_facts_there_is_nothing_to_replay(policy_file: Path, run: Run) -> None:
    """A policy that keeps no facts is told so, with the table that would."""
    code, _, told = run("policy", "replay", policy_file, "--config", policy_file)
    assert code == 2
    assert "[facts]" in told


@pytest.mark.parametrize("since", ["soon", "2026-13-01", ""])
def test_a_time_that_is_none_is_refused(recorded: Path, run: Run, since: str) -> None:
    """A beginning that cannot be read is not taken for the beginning of all."""
    code, _, told = run("policy", "replay", recorded, "--config", recorded, "--since", since)
    assert code == 2
    assert "--since must be" in told


def test_the_wrong_key_is_told(recorded: Path, run: Run) -> None:
    """With another key nothing opens, and nothing is taken for missing."""
    key = recorded.parent / "facts.key"
    key.write_text(base64.b64encode(bytes(range(1, 33))).decode(), encoding="ascii")
    code, _, told = run("policy", "replay", recorded, "--config", recorded)
    assert code == 2
    assert "which is not here" in told
