# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does ``agentguard policy check`` say everything that is wrong, and where?"""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

# What stands in the starter policy, and the mistake that stands there instead.
MISTAKES = (
    ("version = 1", "version = 9"),
    ("need = 1 ", "need = 7 "),
    ('action = "redact"', 'action = "censor"'),
    ('impact = "read_only"        #', 'impact = "harmless"        #'),
    ('receives = ["email"]', 'receives = ["emails"]'),
    ("args.amount = { int = [1, 100] }", "args.amount = { int = [100, 1] }"),
    ('then = "approve"', 'then = "ask"'),
    ('approval = "leads"', 'approval = "boss"'),
    ('decide_within = "4h"', 'decide_within = "soon"'),
    ('hosts = ["api.openai.com"]', 'hosts = ["http://api.openai.com"]'),
)


def spoilt(policy: Path, count: int) -> list[int]:
    """Make the first *count* mistakes in a policy and return the lines that they stand on."""
    text = policy.read_text(encoding="utf-8")
    for right, wrong in MISTAKES[:count]:
        assert right in text, right
        text = text.replace(right, wrong, 1)
    policy.write_text(text, encoding="utf-8")
    return sorted(text[: text.index(wrong)].count("\n") + 1 for _, wrong in MISTAKES[:count])


def test_a_good_policy_can_be_used(shell: "Shell") -> None:
    """A policy without a mistake exits with 0 and says so."""
    ran = shell("policy", "check")
    assert ran.code == 0
    assert ran.out == f"{shell.policy} can be used: 0 errors, 0 warnings\n"


def test_ten_mistakes_are_ten_located_lines(shell: "Shell") -> None:
    """Ten different mistakes are told at once, each with the line that it stands on."""
    lines = spoilt(shell.policy, len(MISTAKES))
    ran = shell("policy", "check", "--json")
    assert ran.code == 1
    assert ran.json["usable"] is False
    errors = [remark for remark in ran.json["remarks"] if remark["severity"] == "error"]
    assert sorted(remark["line"] for remark in errors) == lines
    assert all(remark["key"] and remark["message"] for remark in errors)


def test_a_reader_is_told_file_and_line(shell: "Shell") -> None:
    """In text every mistake is one line that begins with the file and the line."""
    lines = spoilt(shell.policy, len(MISTAKES))
    ran = shell("policy", "check")
    told = ran.out.splitlines()
    for line in lines:
        assert any(each.startswith(f"error: {shell.policy}:{line}: ") for each in told)
    assert told[-1] == f"{shell.policy} cannot be used: {len(MISTAKES)} errors, 0 warnings"


def test_a_doubt_is_no_error(shell: "Shell") -> None:
    """A policy with a doubtful rule can be used, and the doubt is told as a warning."""
    rule = '[[rule]]\nid = "x"\nwho = ["agent:*"]\ntool = "delete_account"\nthen = "allow"\n'
    with shell.policy.open("a", encoding="utf-8") as file:
        file.write(rule)
    ran = shell("policy", "check", "--json")
    assert ran.code == 0
    assert ran.json["usable"] is True
    assert {remark["severity"] for remark in ran.json["remarks"]} == {"warning"}


@pytest.mark.parametrize("as_json", [False, True])
def test_a_missing_file_cannot_be_used(shell: "Shell", *, as_json: bool) -> None:
    """A file that is not there exits with 1 and says that it does not exist."""
    missing = str(shell.policy.parent / "other.toml")
    ran = shell("policy", "check", missing, *(["--json"] if as_json else []))
    assert ran.code == 1
    assert "the file does not exist" in ran.out
    assert missing in ran.out


def test_a_syntax_error_is_told_with_its_line(shell: "Shell") -> None:
    """A file that is no TOML is one error on the line where it stops being TOML."""
    shell.policy.write_text('version = 1\nname = "x\n', encoding="utf-8")
    ran = shell("policy", "check", "--json")
    assert ran.code == 1
    assert [remark["line"] for remark in ran.json["remarks"]] == [2]


def test_the_file_argument_goes_before_the_option(shell: "Shell", tmp_path: Path) -> None:
    """A file that is named is the one that is checked, whatever --config says."""
    broken = tmp_path / "broken.toml"
    broken.write_text("version = 9\n", encoding="utf-8")
    ran = shell("policy", "check", str(broken), "--json")
    assert (ran.code, ran.json["file"]) == (1, str(broken))


def test_what_a_guard_would_lack_here_is_told(shell: "Shell") -> None:
    """A decider that cannot be made on this machine is a warning, since others may have it."""
    with shell.policy.open("a", encoding="utf-8") as file:
        file.write('[[decider]]\nname = "authzen"\noptions = { url = "http://pdp.example" }\n')
    ran = shell("policy", "check")
    assert ran.code == 0
    assert f"warning: {shell.policy}: decider[0]: no guard can start with it on this" in ran.out
    assert ran.out.endswith("can be used: 0 errors, 1 warning\n")
