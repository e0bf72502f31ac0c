# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does the page about coverage say what a report says?"""

import re
from pathlib import Path

import pytest
from openai import AsyncOpenAI, OpenAI

from agentguard import CallRefused, Guard
from agentguard.coverage import Coverage, SurfaceCoverage
from agentguard.testing import LoopbackProvider

PAGE = (Path(__file__).parents[2] / "docs" / "coverage.md").read_text(encoding="utf-8")


def test_the_report_on_the_page_is_one_that_a_guard_prints(
    guard: Guard, provider: LoopbackProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lines of the example are those of a report of the same process, numbers apart."""
    # What the tests themselves froze is no matter of the page.
    monkeypatch.setattr("gc.get_freeze_count", lambda: 0)

    @guard.tool
    def refund(order: str, amount: int, to: str) -> str:
        return order

    client = guard.wrap(OpenAI(base_url=provider.base_url, api_key="x", max_retries=0))
    free = AsyncOpenAI(api_key="x")
    with guard.identity("agent:support", on_behalf_of="user:alice"):
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])
        with pytest.raises(CallRefused):
            client.models.list()
    shown = PAGE.split("```text\n")[1].split("```")[0].strip()
    printed = str(guard.coverage())
    for heading in ("checked", "classes", "clients", "operations", "declared", "guarded"):
        assert re.search(rf"^  {heading}  ", shown, re.MULTILINE), heading
        assert re.search(rf"^  {heading}  ", printed, re.MULTILINE), heading
    assert shown.splitlines()[-3:] == printed.splitlines()[-3:]
    gap = "  ! clients in this process that pass no guard: "
    assert gap in shown
    assert gap in printed
    del free


def test_the_names_in_the_code_of_the_page_are_those_of_a_report() -> None:
    """What the page takes from a report is there."""
    names = set(re.findall(r"told\.(\w+)", PAGE))
    assert names == {"unguarded", "as_json"}
    assert all(hasattr(Coverage, name) for name in names)
    assert {"open_streams", "hidden_objects"} <= set(re.findall(r"`(\w+)`", PAGE))
    assert {"open_streams", "hidden_objects"} <= set(Coverage.__slots__)
    assert "gaps" in SurfaceCoverage.__slots__
