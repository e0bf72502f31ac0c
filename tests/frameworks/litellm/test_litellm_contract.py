# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a loop over the guarded LiteLLM pass what every integration must pass?"""

import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from openai.types.chat import ChatCompletionChunk

from agentguard.testing.contract import Ground
from agentguard.testing.contract.chat_loop import AsyncTools, ChatLoopContract, Tools

pytest.importorskip(
    "litellm", reason="LiteLLM needs openai < 3, so it is tested in an environment of its own"
)

# LiteLLM and what it is made of warn of themselves.
pytestmark = pytest.mark.filterwarnings("ignore")


class TestGuardedLiteLLM(ChatLoopContract):
    """The contract, for guarded functions in a loop that asks the model through LiteLLM."""

    @contextmanager
    def tools(self, ground: Ground) -> Iterator[Tools]:
        """Guard the functions."""
        plain = ground.functions(asynchronous=False)
        yield {name: ground.guard.tool(function) for name, function in plain.items()}

    @asynccontextmanager
    async def async_tools(self, ground: Ground) -> AsyncIterator[AsyncTools]:
        """Guard the coroutine functions."""
        plain = ground.functions(asynchronous=True)
        yield {name: ground.guard.tool(function) for name, function in plain.items()}

    def guarded(self, ground: Ground, client: Any) -> Any:
        """Give LiteLLM the look of the client, which is what the loop uses."""
        from agentguard.integrations.litellm import GuardedLiteLLM

        llm: Any = GuardedLiteLLM(ground.guard, client)
        asynchronous = type(client).__name__ == "AsyncOpenAI"
        create = _asking(llm.acompletion) if asynchronous else _asked(llm.completion)
        return SimpleNamespace(chat=SimpleNamespace(completions=SimpleNamespace(create=create)))


def _asked(completion: Any) -> Any:
    def create(**request: Any) -> Any:
        answer = completion(**request)
        return (_chunk(each) for each in answer) if request.get("stream") else answer

    return create


def _asking(completion: Any) -> Any:
    async def create(**request: Any) -> Any:
        answer = await completion(**request)
        return _chunks(answer) if request.get("stream") else answer

    return create


async def _chunks(stream: Any) -> AsyncIterator[ChatCompletionChunk]:
    async for each in stream:
        yield _chunk(each)


def _chunk(each: Any) -> ChatCompletionChunk:
    """Return a chunk of LiteLLM as the SDK puts such together."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ChatCompletionChunk.model_validate(each.model_dump(exclude_none=True))
