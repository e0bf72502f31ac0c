# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does the code on the page about pydantic-ai do what the page says?"""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai import DeferredToolRequests
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from agentguard.testing.contract.ground import asks_for, prepared, says

PAGE = (Path(__file__).parents[2] / "docs" / "pydantic-ai.md").read_text(encoding="utf-8")


def test_the_code_of_the_pydantic_ai_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent of the page pauses, and is resumed once a person has signed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "not-a-key")
    serving, resuming = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    page: dict[str, Any] = {}
    with prepared(tmp_path) as ground:
        policy = tmp_path / "agentguard.toml"
        policy.write_text(policy.read_text().replace("agent:desk", "agent:support"))
        exec(compile(serving + resuming, "pydantic-ai.md", "exec"), page)  # noqa: S102 - our page
        guard, agent = page["guard"], page["agent"]
        provider = OpenAIProvider(base_url=ground.base_url, api_key="not-a-key")
        agent.model = guard.wrap(OpenAIChatModel(ground.model, provider=provider))
        ground.script(asks_for("refund", order="ORD-0001", amount=400), says("You have it back."))

        async def served() -> None:
            async with agent:
                with guard.identity("agent:support", on_behalf_of="user:alice", session="conv-17"):
                    first = await agent.run("my money back")
                assert isinstance(first.output, DeferredToolRequests)
                assert await page["resume"](first) == first.output
                (waits,) = first.output.metadata.values()
                ground.vote(waits["request_id"])
                assert await page["resume"](first) == "You have it back."

        asyncio.run(served())
        guard.close()
