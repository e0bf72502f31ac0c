# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A policy of a size that nobody meant is checked as others are, and told about in few words."""

from pathlib import Path

import pytest

from agentguard.config import check

HEAD = """
version = 1
name = "n"
[[identity]]
id = "agent:a"
[[tool]]
name = "t"
impact = "read_only"
"""
RULE = '[[rule]]\nid = "r{0}"\nwho = "agent:a"\ntool = "t"\nargs.x = {{ int = [{1}, {1}] }}\n'


def rules(number: int, *, apart: bool) -> str:
    """Rules that let a tool run, each for a value of its own or all for the same."""
    return "".join(RULE.format(each, each * apart) + 'then = "allow"\n' for each in range(number))


def problems(folder: Path, text: str) -> list[str]:
    """What is told of a policy, as it is shown."""
    path = folder / "agentguard.toml"
    path.write_text(HEAD + text, encoding="utf-8")
    return [str(remark) for remark in check(path, {})]


@pytest.mark.parametrize(
    "text",
    [
        '[[rule]]\nid = "' + "x" * 1_000_000 + '"\nwho = "agent:a"\ntool = "t"\nthen = "deny"\n',
        '[[rule]]\nid = "r"\nwho = "agent:a"\ntool = "' + "x" * 1_000_000 + '"\nthen = "deny"\n',
        RULE.format(1, 1) + 'then = "deny"\nargs.y = { host = "' + "x." * 500_000 + '" }\n',
        "[deployment]\n" + "x" * 1_000_000 + " = 1\n",
    ],
    ids=["id", "tool", "host", "key"],
)
def test_what_is_too_long_is_shown_in_part(tmp_path: Path, text: str) -> None:
    """A mistake in a text of a million characters is told in a line that can be read."""
    (told,) = problems(tmp_path, text)
    assert len(told) < 5_000
    assert "[...]" in told


def test_many_overlaps_are_counted(tmp_path: Path) -> None:
    """Of a rule that overlaps with very many others, a few are named and the rest is counted."""
    told = problems(tmp_path, rules(40, apart=False))
    assert len([each for each in told if "more rules" in each]) == 31
    assert len([each for each in told if "rule[39]" in each]) == 9


def test_very_many_rules_for_one_tool_are_not_compared(tmp_path: Path) -> None:
    """That overlaps among thousands of rules were not looked for is said once."""
    (told,) = problems(tmp_path, rules(1_001, apart=True))
    assert "more than 1000 rules are about 't'" in told


def test_constraints_may_not_stand_endlessly_in_one_another(tmp_path: Path) -> None:
    """Constraints deeper than anybody writes are a mistake with a line, however they are spelt."""
    for inner in (".items", ".a.members"):
        rule = (
            f'[[rule]]\nid = "r"\nwho = "agent:a"\ntool = "t"\nthen = "allow"\nargs.x{inner * 400}'
        )
        told = problems(tmp_path, f"{rule}.any = true\n")
        assert told
        assert all(":14:" in each for each in told)
