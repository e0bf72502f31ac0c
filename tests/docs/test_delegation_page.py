# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The example of the page on delegation does what the page says."""

import re
import subprocess
import sys
from pathlib import Path

from agentguard.config import check

PAGE = Path(__file__).parents[2] / "docs" / "delegation.md"


def block(language: str) -> str:
    """Return the first block in a language."""
    found = re.search(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def test_the_example_prints_what_the_page_prints(tmp_path: Path) -> None:
    """The policy and the program of the page run as they stand."""
    (tmp_path / "agentguard.toml").write_text(block("toml"), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", block("python")],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.stdout == block("text")


def test_the_policy_of_the_page_has_no_mistake(tmp_path: Path) -> None:
    """It can be used as it stands."""
    path = tmp_path / "agentguard.toml"
    path.write_text(block("toml"), encoding="utf-8")
    assert [str(each.problem) for each in check(path) if each.severity == "error"] == []
