# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What goes to the model before each call, and does what it says in the end reach the user?

A real client of a model provider, guarded, with the provider on loopback: before each call of a
tool it is sent the whole conversation, as agents send it, and asks for that call; in the end it
answers with the words that are to be tried. The guard knows who said what from these requests.
"""

import json
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from openai import OpenAI

from agentguard import CallRefused, Guard
from agentguard.testing import Answer, LoopbackProvider, ToolRequest

SYSTEM = "You are a helpful assistant. Use the tools you are given to do what the user asks."


class Talking:
    """A guarded client, and the history of one conversation at a time."""

    def __init__(self, guard: Guard) -> None:
        self._next = Answer()
        self._provider = LoopbackProvider(self._answer)
        self._provider.start()
        self._client: Any = guard.wrap(
            OpenAI(base_url=self._provider.base_url, api_key="not-a-key", max_retries=0)
        )
        self._said: list[Any] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()
        self._provider.close()

    def begin(self, prompt: str) -> None:
        """Begin a conversation with what the user says."""
        self._said = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": prompt}]

    def hear(self, text: str) -> None:
        """Add what the user says later."""
        self._said.append({"role": "user", "content": text})

    def ask(self, tool: str, arguments: Mapping[str, Any]) -> None:
        """Let the model ask for a call of a tool."""
        wanted = json.loads(json.dumps(arguments, default=str))
        self._next = Answer(tool_calls=(ToolRequest(tool, wanted),))
        answer = self._client.chat.completions.create(model="loopback", messages=self._said)
        self._said.append(answer.choices[0].message.model_dump(exclude_none=True))

    def told(self, result: str) -> None:
        """Tell the model what came of the call that it asked for."""
        number = self._said[-1]["tool_calls"][0]["id"]
        self._said.append({"role": "tool", "tool_call_id": number, "content": result})

    def last_words(self, words: str) -> str:
        """Return what the user is told where the model says *words* in the end."""
        self._next = Answer(content=words)
        try:
            answer = self._client.chat.completions.create(model="loopback", messages=self._said)
        except CallRefused:
            return ""
        text: str | None = answer.choices[0].message.content
        return text or ""

    def _answer(self, _: Mapping[str, Any]) -> Answer:
        return self._next
