# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The documents say what the tree holds."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "agentguard"
RECORDS = ROOT / "docs" / "decisions"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

TEST_FILE = re.compile(r"\btests/[a-z0-9_/]+\.py\b")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def block_with(page: str, line: str) -> list[str]:
    """Return the lines of the first fenced block of a page that holds *line*."""
    blocks = (ROOT / page).read_text(encoding="utf-8").split("```")[1::2]
    return next(block for block in blocks if line in block).strip().splitlines()


def test_the_tree_of_the_map_is_the_tree_of_the_source() -> None:
    """ARCHITECTURE.md names every module and package at the top of the source, and no other."""
    drawn = block_with("ARCHITECTURE.md", "src/agentguard/")[1:]
    named = {line.split()[0].rstrip("/") for line in drawn}
    present = {
        path.name for path in SOURCE.iterdir() if path.suffix == ".py" or list(path.glob("*.py"))
    }
    assert named == present


def test_the_layers_of_the_map_are_the_layers_in_force() -> None:
    """ARCHITECTURE.md prints the layers that import-linter enforces."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    enforced = next(contract for contract in contracts if contract["type"] == "layers")
    assert block_with("ARCHITECTURE.md", "canonical\n") == enforced["layers"]


def test_every_test_file_that_is_named_exists() -> None:
    """A test file that the map or a docstring names as holding an invariant is there."""
    pages = [ROOT / "ARCHITECTURE.md", *SOURCE.rglob("*.py")]
    missing = {
        f"{page.relative_to(ROOT)}: {name}"
        for page in pages
        for name in TEST_FILE.findall(page.read_text(encoding="utf-8"))
        if not (ROOT / name).is_file()
    }
    assert sorted(missing) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """A relative link in a document leads to a file or folder of the project."""
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_record_is_listed_and_weighs_both_sides() -> None:
    """Each decision record stands in the index and says what is good and what is bad about it."""
    index = (RECORDS / "README.md").read_text(encoding="utf-8")
    records = sorted(RECORDS.glob("0*.md"))
    assert records
    for record in records:
        text = record.read_text(encoding="utf-8")
        assert f"({record.name})" in index, record.name
        for part in ("## Context", "## Decision", "Good, because", "Bad, because"):
            assert part in text, record.name
