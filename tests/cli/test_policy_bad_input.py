# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Whatever a command on policies is given, it ends with a code and words, never with an error."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CALL = ("explain", "--as", "agent:support", "--for", "user:alice", "--tool", "refund")


@pytest.mark.parametrize(
    "arguments",
    [
        ("learn", "--since", "999999d"),
        ("learn", "--since", "2026-13-01"),
        ("learn", "--least", "2"),
        ("sign", "--key", "", "--as", ""),
        ("diff", "nowhere.toml", "nowhere.toml"),
        ("diff", "nowhere.toml", "nowhere.toml", "--now", "2026"),
        ("replay", "nowhere.toml"),
        ("export", "nowhere.toml", "--to", "cedar"),
        ("verify", "nowhere.toml", "--trusted-key", "x"),
        ("test", "nowhere.tests.toml"),
        (*CALL, "--now", "soon"),
        (*CALL, "--now", "2026-11-22T10:00:00+99:99"),
        (*CALL, "--arg", "amount"),
        (*CALL, "--arg", "amount=NaN"),
        (*CALL, "--arg", "amount=" + "[" * 200 + "]" * 200),
        (*CALL, "--args", "["),
        (*CALL, "--args", "{" + '"a":{' * 3000),
        (*CALL, "--claim", "person=1"),
        (*CALL, "--claim", "person.=1"),
        (*CALL, "--claim", "somebody.customer=1"),
        (*CALL, "--spent", "few=nan"),
        ("explain", "--as", "alice", "--tool", "refund"),
        ("explain", "--as", "agent:support", "--provider", "openai", "--operation", "nonsense"),
        ("explain", "--call", "nowhere.json"),
    ],
    ids=range(24),
)
def test_an_argument_that_cannot_be_used_is_told(
    shell: Callable[..., Any], arguments: tuple[str, ...]
) -> None:
    """Each ends with code 2 and words on the standard error."""
    ran = shell("policy", *arguments)
    assert ran.code == 2
    assert ran.err.startswith("agentguard: ")
    assert "Traceback" not in ran.err
    assert not ran.out


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "is not JSON"),
        ('{\n  "as": "agent:support",\n  "tool" "refund"\n}', 3, "is not JSON"),
        ('{"as": "agent:support",\n "tool": "refund",\n "tool": "lookup"}', None, "'tool' twice"),
        ("[]", 1, "holds no call"),
        ('[\n{"as": "agent:support",\n "tool": "refund",\n "ars": {}}]', 4, "did you mean 'args'"),
        ('{\n"as": "agent:support", "tool": "refund",\n"args": {"a": [\n1e999]}}', 4, "finite"),
        ('{"as": "agent:support", "tool": "refund",\n"spent": {\n"few": -1}}', 3, "not negative"),
        (
            '{"as": "agent:support",\n"tool": "refund",\n"args": {"a": '
            + "[" * 500
            + "]" * 500
            + "}}",
            3,
            "nested",
        ),
        ("[" * 100_000, None, "too large"),
        ('{"as": "agent:\\ud800",\n"tool": "refund"}', 1, "valid Unicode"),
    ],
)
def test_a_file_of_calls_is_told_with_its_line(
    shell: Callable[..., Any], tmp_path: Path, text: str, line: int | None, words: str
) -> None:
    """A mistake in a call that is written in JSON has the line on which it stands."""
    path = tmp_path / "calls.json"
    path.write_text(text, encoding="utf-8")
    ran = shell("policy", "explain", "--call", str(path))
    assert ran.code == 2
    assert words in ran.err
    assert line is None or f"{path}:{line}: " in ran.err
