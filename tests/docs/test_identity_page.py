# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The examples of the page on identity do what the page says."""

import re
import subprocess
import sys
from pathlib import Path

from agentguard.config import check

PAGE = (Path(__file__).parents[2] / "docs" / "identity.md").read_text(encoding="utf-8")


def block(language: str, word: str) -> str:
    """Return the block in a language that holds a word."""
    found = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(next(each for each in found if word in each))


def test_the_policy_of_the_page_can_be_used(tmp_path: Path) -> None:
    """It has neither mistakes nor doubts as it stands."""
    path = tmp_path / "agentguard.toml"
    path.write_text(block("toml", "[issuer.mesh]"), encoding="utf-8")
    assert [str(each) for each in check(path, {})] == []


def test_the_example_for_tests_prints_what_the_page_prints(tmp_path: Path) -> None:
    """The program of the page runs as it stands."""
    done = subprocess.run(
        [sys.executable, "-c", block("python", "LoopbackIssuer")],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.stdout == block("text", "user:alice")
