# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""LiteLLM with a guarded client: what is sent, and what of LiteLLM cannot be had (on loopback)."""

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from openai import AsyncOpenAI, OpenAI

from agentguard import CallRefused
from agentguard.integrations.litellm import GuardedLiteLLM
from agentguard.testing.contract.ground import ADDRESS, Ground, prepared, says

MESSAGES = [{"role": "user", "content": f"I am {ADDRESS}"}]


async def ask(ground: Ground) -> None:
    """Ask a model in some of LiteLLM's ways."""
    async with AsyncOpenAI(base_url=ground.base_url, api_key="not-a-key") as other:
        client = OpenAI(base_url=ground.base_url, api_key="not-a-key")
        llm = GuardedLiteLLM(ground.guard, client, async_client=other)
        with ground.guard.identity("agent:desk", on_behalf_of="user:alice"):
            whole = llm.completion("openai/gpt-4o", MESSAGES)
            print("whole:", whole.choices[0].message.content)
            pieces = await llm.acompletion("openai/gpt-4o", MESSAGES, stream=True)
            said = [chunk.choices[0].delta.content or "" async for chunk in pieces]
            print("streamed:", "".join(said))
            print("embedded:", len(llm.embedding("text-embedding-3-small", [ADDRESS]).data))
            ways: tuple[Callable[[], Any], ...] = (
                lambda: llm.completion("openai/gpt-4o", MESSAGES, api_base="https://elsewhere"),
                lambda: llm.completion("anthropic/claude", MESSAGES),
                lambda: llm.responses("openai/gpt-4o", "hello"),
            )
            for way in ways:
                try:
                    way()
                except CallRefused as error:
                    print("refused:", error.args[0])
        print("the provider saw the address:", bool(ground.provider.saw(ADDRESS)))
        client.close()


if __name__ == "__main__":
    # The policy of the contract that every integration must pass: agentguard.testing.contract.
    with tempfile.TemporaryDirectory() as folder, prepared(Path(folder)) as ground:
        ground.script(says("Hello."))
        asyncio.run(ask(ground))
