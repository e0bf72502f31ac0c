# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Rules are proposed from recorded calls, with what stands behind them, and nothing applies."""

import base64
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from agentguard import Guard
from agentguard.cli import main
from agentguard.config import check, load
from agentguard.config.settings import Severity
from agentguard.errors import AgentGuardError

CANARY = "silver falcon"
OPEN = """
[[tool]]
name = "note"
impact = "reversible"
receives = ["*"]

[[rule]]
id = "open"
who = ["agent:support"]
for = ["user:*"]
tool = "note"
args.kind = { any = true }
args.to = { any = true }
args.text = { any = true }
args.project = { any = true }
then = "allow"

[[class]]
name = "project"
action = "redact"
values = ["silver falcon"]

[facts]
key_file = "facts.key"
"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def config(policy_file: Path) -> Path:
    """A policy under which support may note anything, and what it notes is kept."""
    key = policy_file.parent / "facts.key"
    key.write_text(base64.b64encode(bytes(range(32))).decode(), encoding="ascii")
    key.chmod(0o600)
    policy_file.write_text(policy_file.read_text(encoding="utf-8") + OPEN, encoding="utf-8")
    return policy_file


Note = Callable[..., None]


def note_many(config: Path, calls: int, *, first: int = 0, refused: bool = False) -> None:
    """Note something as support for alice, in a session of its own."""
    with Guard.from_file(config) as guard:

        @guard.tool
        def note(kind: str, to: str, text: str, project: str) -> str:
            return kind

        @guard.tool
        def delete_account(customer: str) -> str:
            return customer

        with guard.identity("agent:support", on_behalf_of="user:alice"):
            for number in range(first, first + calls):
                note(
                    "call" if number % 2 else "visit",
                    f"desk.{number}@acme.example",
                    f"words about matter {number}, at some length",
                    CANARY,
                )
            if refused:
                with suppress(AgentGuardError):
                    delete_account("c-1")


@pytest.fixture
def run(config: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command and return its exit code and what it printed."""

    def one(*arguments: str) -> tuple[int, str, str]:
        code = main(["policy", "learn", *arguments, "--config", str(config)])
        shown = capsys.readouterr()
        assert CANARY not in shown.out + shown.err
        return code, shown.out, shown.err

    return one


def closed(config: Path, proposed: str) -> Path:
    """Write a policy with the proposed rules instead of the open one."""
    text = config.read_text(encoding="utf-8")
    start = text.index('[[rule]]\nid = "open"')
    end = text.index('[[class]]\nname = "project"')
    path = config.parent / "learned.toml"
    path.write_text(f"{text[:start]}{proposed}\n{text[end:]}", encoding="utf-8")
    return path


def test_what_is_proposed_can_be_used_and_lets_the_calls_happen(
    config: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rules load and check without error, and a replay under them refuses nothing."""
    note_many(config, 40)
    code, out, _ = run()
    assert code == 0
    assert "they let happen 40 of the 40 calls" in out
    learned = closed(config, out)
    assert [each for each in check(learned) if each.severity is Severity.ERROR] == []
    assert main(["policy", "replay", str(learned), "--config", str(config)]) == 0
    assert "0 are decided otherwise" in capsys.readouterr().out
    assert 'args.kind = { in = ["call", "visit"] }' in out
    assert 'args.to = { email = ["acme.example"] }' in out


def test_the_support_of_each_constraint_is_told(config: Path, run: Run) -> None:
    """How many calls, values, persons and days stand behind a constraint stands beside it."""
    note_many(config, 40)
    _, out, _ = run()
    assert "# learned from 40 calls; persons 1, sessions 1, days 1" in out
    assert "# args.kind: few values; 40 calls, 2 different values, persons 1, days 1" in out
    assert "# look at this: 40 calls are few: 1000 are advised" in out
    assert "# look at this: free text of up to" in out
    assert "in a tool that is reversible" in out


def test_values_of_a_class_are_told_by_shape(config: Path, run: Run) -> None:
    """What belongs to a class is in no constraint, not even where it is always the same."""
    note_many(config, 40)
    _, out, _ = run()
    assert "falcon" not in out
    assert "args.project = { match = " in out
    assert "shape of values of a class" in out


def test_few_calls_are_no_ground(config: Path, run: Run) -> None:
    """From fewer than twenty calls nothing is proposed, whatever is asked for."""
    note_many(config, 19)
    code, out, _ = run()
    assert code == 1
    assert "nothing is proposed for agent:support note: 19 calls are too few" in out
    assert "[[rule]]" not in out
    assert run("--least", "5")[0] == 2
    note_many(config, 1, first=19)
    assert run()[0] == 0
    assert run("--least", "21")[0] == 1


def test_nothing_is_learned_from_a_session_with_a_refusal(config: Path, run: Run) -> None:
    """Whatever happened beside something that was refused is left out."""
    note_many(config, 30)
    note_many(config, 30, first=100, refused=True)
    code, out, _ = run("--json")
    told = json.loads(out)
    assert code == 0
    assert told["learned_from"] == 30
    assert told["left_out"] == {
        "something was refused in their session": 30,
        "they were refused": 1,
    }


def test_it_can_be_asked_about_one_agent(config: Path, run: Run) -> None:
    """What others did is left alone; a name that the policy does not know is a mistake."""
    note_many(config, 30)
    assert run("--identity", "agent:support")[0] == 0
    assert run("--identity", "agent:nobody")[0] == 2
    text = config.read_text(encoding="utf-8")
    config.write_text(f'{text}\n[[identity]]\nid = "agent:other"\n', encoding="utf-8")
    assert run("--identity", "agent:other")[0] == 1


def test_nothing_is_written_and_nothing_applies(config: Path, run: Run) -> None:
    """The folder is the same afterwards, the policy's digest included."""
    note_many(config, 30)
    before = {path: path.read_bytes() for path in config.parent.iterdir()}
    digest = load(config).policy.digest
    run()
    after = {path: path.read_bytes() for path in config.parent.iterdir()}
    assert {path: after[path] for path in before} == before
    assert load(config).policy.digest == digest


def test_json_says_the_same(config: Path, run: Run) -> None:
    """Everything that is printed can be read by a program."""
    note_many(config, 40)
    code, out, _ = run("--json")
    told = json.loads(out)
    assert code == 0
    (proposal,) = told["proposals"]
    assert proposal["id"] == "learned-support-note"
    assert proposal["toml"].startswith("# learned from 40 calls")
    assert {each["name"] for each in proposal["constraints"]} == {
        "args.kind",
        "args.project",
        "args.text",
        "args.to",
    }
    assert told["let_happen"] == told["learned_from"] == 40


def test_where_own_classes_are_not_known_that_is_said(
    config: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """On a machine without the values of classes the rules come with a warning."""
    text = config.read_text(encoding="utf-8")
    listed, named = 'values = ["silver falcon"]', 'values_from_env = ["PROJECT"]'
    config.write_text(text.replace(listed, named), encoding="utf-8")
    monkeypatch.setenv("PROJECT", CANARY)
    note_many(config, 30)
    assert "not known on this machine" not in run()[1]
    monkeypatch.delenv("PROJECT")
    assert main(["policy", "learn", "--config", str(config)]) == 0
    assert "not known on this machine" in capsys.readouterr().out
