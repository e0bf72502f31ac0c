# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does the page about MCP say what is there?"""

import re
from pathlib import Path
from typing import Any

from agentguard.integrations.mcp.callbacks import ANSWERS
from agentguard.integrations.mcp.methods import METHODS
from agentguard.tools import ASKED

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "mcp.md").read_text(encoding="utf-8")


def test_the_code_of_the_page_loads(mcp_policy: Path, monkeypatch: Any) -> None:
    """Each block of Python on the page runs as far as it does without a server."""
    monkeypatch.chdir(mcp_policy.parent)
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        names: dict[str, Any] = {"__name__": "page"}
        exec(compile(block, "mcp.md", "exec"), names)  # noqa: S102 - our own page
        if "guard" in names:
            names["guard"].close()


def test_the_page_names_every_tool_that_stands_for_a_method() -> None:
    """Every method that is a call of a tool is listed with that tool and its arguments."""
    for method, asked in METHODS.items():
        row = next(line for line in PAGE.splitlines() if line.startswith("|") and method in line)
        assert f"`{asked.tool}`" in row
        assert all(f"`{name}`" in row for name in ASKED[asked.tool].arguments)
    for tool, _, arguments in ANSWERS.values():
        row = next(line for line in PAGE.splitlines() if f"`{tool}`" in line)
        assert all(f"`{name}`" in row for name in arguments)
