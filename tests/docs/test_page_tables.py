# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The tables of a policy that pages show can stand in one."""

import base64
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentguard.config import check

DOCS = Path(__file__).parents[2] / "docs"
HEAD = """version = 1
name = "page"

[[tool]]
name = "refund"
impact = "reversible"

"""


def tables() -> Iterator[tuple[str, str]]:
    """Yield each page with a part of a policy that it shows.

    Cases are no part of one, and files of rules and models are not at hand here.
    """
    for page in sorted(DOCS.glob("*.md")):
        for index, text in enumerate(
            re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
        ):
            if not text.startswith("["):
                continue
            if not tomllib.loads(text).keys() & {"case", "detection"}:
                yield f"{page.stem}-{index}", text


TABLES = dict(tables())


@pytest.mark.parametrize("text", TABLES.values(), ids=TABLES.keys())
def test_a_table_on_a_page_has_no_mistake(text: str, tmp_path: Path) -> None:
    """What a page shows of a policy is read without an error, once its keys are there."""
    key = base64.b64encode(bytes(range(32))).decode()
    for name in re.findall(r'key_file = "([a-z.]+)"', text):
        (tmp_path / name).write_text(key, encoding="utf-8")
        (tmp_path / name).chmod(0o600)
    path = tmp_path / "agentguard.toml"
    path.write_text(HEAD + text, encoding="utf-8")
    assert [str(each) for each in check(path, {}) if each.severity == "error"] == []
