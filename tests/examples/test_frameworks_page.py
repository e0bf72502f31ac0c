# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does the page of all frameworks name what is there, and does its code run?"""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.models.test import TestModel

from agentguard.testing.contract.ground import prepared

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "frameworks.md"
LINK = re.compile(r"\]\((?P<path>[^)#]+?)(?:#[^)]*)?\)")
BLOCK = re.compile(r"```python\n(?P<code>.*?)```", re.DOTALL)
LONGEST_EXAMPLE = 60


def linked(folder: str) -> list[Path]:
    """Return what the page links to in a folder of the repository."""
    found = {(PAGE.parent / link["path"]).resolve() for link in LINK.finditer(PAGE.read_text())}
    return sorted(path for path in found if path.parent == ROOT / folder)


def test_every_page_that_is_linked_is_there() -> None:
    """Each framework has a page of its own."""
    pages = linked("docs")
    assert len(pages) > 5
    assert [str(page) for page in pages if not page.is_file()] == []


@pytest.mark.parametrize("path", linked("examples"), ids=lambda path: path.stem)
def test_every_example_that_is_linked_is_short_and_run(path: Path) -> None:
    """A test starts each example, and an integration is shown in fewer than sixty lines."""
    tests = [each.read_text() for each in Path(__file__).parent.glob("test_*.py")]
    assert any(f'"{path.name}"' in text for text in tests)
    if path.stem != "quickstart":
        assert path.read_text().count("\n") < LONGEST_EXAMPLE


def test_the_code_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the page shows decides a call beneath a decorator, and one with a context."""
    with prepared(tmp_path) as ground:
        monkeypatch.chdir(tmp_path)
        shown: dict[str, Any] = {"__name__": "shown"}
        code = "\n".join(block["code"] for block in BLOCK.finditer(PAGE.read_text()))
        exec(compile(code, str(PAGE), "exec"), shown)  # noqa: S102 - the page is ours
        with shown["guard"], ground.acting(guard=shown["guard"]):
            assert shown["lookup"].invoke({"order": "ORD-0001"}) == "ORD-0001: delivered"
            with pytest.raises(Exception, match="no rule allows tool 'refund'"):
                asyncio.run(shown["agent"].run("go", model=TestModel(), deps=7))
