# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What the page on tools that speak HTTP shows can be used as it stands."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from agentguard.config import check
from agentguard.egress import Reach, reach_of, read_address
from agentguard.policy.http_flaws import DECISIVE_HEADERS, METHODS

PAGES = Path(__file__).parents[2] / "docs"
PAGE = (PAGES / "egress.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """Return the first block in a language."""
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_policy_of_the_page_has_no_mistake(tmp_path: Path) -> None:
    """It can be used as it stands, and nothing in it is doubtful."""
    path = tmp_path / "agentguard.toml"
    path.write_text(block("toml"), encoding="utf-8")
    assert check(path, {}) == ()


def test_the_program_of_the_page_guards_its_clients(tmp_path: Path) -> None:
    """The clients of the page are taken; nothing is sent here."""
    (tmp_path / "agentguard.toml").write_text(block("toml"), encoding="utf-8")
    program, _, _ = block("python").partition("\nwith ")
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True, cwd=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("100.64.0.0", Reach.PRIVATE),
        ("169.254.169.254", Reach.METADATA),
        ("fd00:ec2::254", Reach.METADATA),
        ("168.63.129.16", Reach.METADATA),
        ("::ffff:10.0.0.1", Reach.PRIVATE),
        ("64:ff9b::a00:1", Reach.PRIVATE),
    ],
)
def test_an_address_of_the_page_is_of_the_kind_it_is_said_to_be(text: str, kind: Reach) -> None:
    """Every address that the page names counts as it says."""
    address = read_address(text)
    assert text in PAGE
    assert address is not None
    assert reach_of(address) is kind


def test_the_page_of_the_policy_names_every_method() -> None:
    """The methods that a tool can stand for are those of the page, in its order."""
    listed = ", ".join(f"`{method}`" for method in METHODS[:-1])
    assert f"{listed} and `{METHODS[-1]}`" in (PAGES / "policy.md").read_text(encoding="utf-8")


def test_the_headers_of_the_page_are_refused() -> None:
    """What the page says that no policy can list cannot be listed."""
    assert {"host", "upgrade", "expect", "x-http-method-override"} <= DECISIVE_HEADERS
