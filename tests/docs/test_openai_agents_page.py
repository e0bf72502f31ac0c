# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does the code on the page about the OpenAI Agents SDK do what the page says?"""

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import AsyncOpenAI, DefaultAsyncHttpx2Client

from agentguard import ApprovalPending
from agentguard.testing.contract.ground import asks_for, prepared, says

PAGE = (Path(__file__).parents[2] / "docs" / "openai-agents.md").read_text(encoding="utf-8")
BILLING = '[[identity]]\nid = "agent:billing"\n'


def test_the_code_of_the_openai_agents_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent of the page pauses, ends as pending too early, and goes on once it is signed."""
    monkeypatch.chdir(tmp_path)
    page: dict[str, Any] = {}
    with prepared(tmp_path) as ground:
        policy = tmp_path / "agentguard.toml"
        text = policy.read_text().replace("agent:desk", "agent:support")
        policy.write_text(text + BILLING)
        code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
        exec(compile(code, "openai-agents.md", "exec"), page)  # noqa: S102 - our page
        http = DefaultAsyncHttpx2Client(limits=httpx2.Limits(max_keepalive_connections=0))
        client = AsyncOpenAI(base_url=ground.base_url, api_key="not-a-key", http_client=http)
        monkeypatch.setattr("agents.models._openai_shared._default_openai_client", client)
        ground.script(asks_for("refund", order="ORD-0001", amount=400), says("You have it back."))

        async def served() -> None:
            paused = await page["serve"]("my money back")
            guard = page["guard"]
            with guard.identity("agent:support", on_behalf_of="user:alice", session="conv-17"):
                kept, request = await page["pause"](paused)
                with pytest.raises(ApprovalPending):
                    await page["resume"](kept)
                ground.vote(request)
                assert (await page["resume"](kept)).final_output == "You have it back."

        asyncio.run(served())
        page["guard"].close()
