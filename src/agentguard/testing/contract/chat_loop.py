# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does the contract run tools that come without an agent loop of their own?

A loop as a program writes it that uses nothing but the OpenAI SDK, for whatever gives tools and no
loop: guarded functions, MCP sessions. It offers the model all tools, calls what the model asks for,
tells it of refusals, and stops at a call that waits for a person.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from types import MappingProxyType
from typing import Any, ClassVar

from openai import AsyncOpenAI, OpenAI
from openai.lib.streaming.chat import ChatCompletionStreamState

from agentguard.errors import AgentGuardError, ApprovalPending
from agentguard.testing.contract.ground import Ground, Ran
from agentguard.testing.contract.scenarios import IntegrationContract
from agentguard.tools import told_to_model

Tools = Mapping[str, Callable[..., Any]]
AsyncTools = Mapping[str, Callable[..., Awaitable[Any]]]

FIELDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "lookup": {"order": "string"},
        "refund": {"order": "string", "amount": "integer"},
        "send_mail": {"to": "string", "text": "string"},
        "wipe": {"account": "string"},
    }
)
"""The arguments of the tools of ``Ground.functions``, as JSON Schema types."""


class ChatLoopContract(IntegrationContract):
    """The contract over a loop of the program's own; a subclass gives the guarded tools."""

    modes: ClassVar[tuple[str, ...]] = ("sync", "async", "sync-stream", "async-stream")

    @contextmanager
    def tools(self, ground: Ground) -> Iterator[Tools]:
        """Give the guarded tools by name; each takes its arguments by name."""
        raise NotImplementedError(ground)
        yield {}

    @asynccontextmanager
    async def async_tools(self, ground: Ground) -> AsyncIterator[AsyncTools]:
        """Give the guarded tools by name, to be awaited."""
        raise NotImplementedError(ground)
        yield {}

    def guarded(self, ground: Ground, client: Any) -> Any:
        """Guard the client of the model."""
        return ground.guard.wrap(client)

    def run(self, ground: Ground, text: str, mode: str) -> Ran:
        """Run the loop."""
        return self._run(ground, [{"role": "user", "content": text}], mode)

    def resume(self, ground: Ground, ran: Ran, mode: str) -> Ran:
        """Make the call that waited again, and go on."""
        return self._run(ground, list(ran.state), mode)

    def call(self, ground: Ground, tool: str, arguments: dict[str, Any], mode: str) -> Any:
        """Call one tool."""
        if mode.startswith("async"):
            return asyncio.run(self._call_async(ground, tool, arguments))
        with self.tools(ground) as tools:
            return tools[tool](**arguments)

    async def _call_async(self, ground: Ground, tool: str, arguments: dict[str, Any]) -> Any:
        async with self.async_tools(ground) as tools:
            return await tools[tool](**arguments)

    def _run(self, ground: Ground, messages: list[Any], mode: str) -> Ran:
        streams = "stream" in mode
        try:
            if mode.startswith("async"):
                asyncio.run(self._loop_async(ground, messages, streams=streams))
            else:
                self._loop(ground, messages, streams=streams)
        except ApprovalPending as waits:
            return Ran(pending=(waits.request_id,), state=messages)
        return Ran(answer=messages[-1]["content"])

    def _loop(self, ground: Ground, messages: list[Any], *, streams: bool) -> None:
        plain = OpenAI(base_url=ground.base_url, api_key="not-a-key", max_retries=0)
        with plain, self.tools(ground) as tools:
            completions = self.guarded(ground, plain).chat.completions
            while not _ended(messages):
                call = _asked(messages)
                if call is not None:
                    with _refusals_told(messages, call):
                        result = tools[call["name"]](**json.loads(call["arguments"]))
                        messages.append(_returned(call, result))
                elif streams:
                    state = ChatCompletionStreamState()
                    for chunk in completions.create(**_request(ground, messages, streams=True)):
                        state.handle_chunk(chunk)
                    messages.append(_message(state.get_final_completion()))
                else:
                    answer = completions.create(**_request(ground, messages, streams=False))
                    messages.append(_message(answer))

    async def _loop_async(self, ground: Ground, messages: list[Any], *, streams: bool) -> None:
        plain = AsyncOpenAI(base_url=ground.base_url, api_key="not-a-key", max_retries=0)
        async with plain, self.async_tools(ground) as tools:
            completions = self.guarded(ground, plain).chat.completions
            while not _ended(messages):
                call = _asked(messages)
                if call is not None:
                    with _refusals_told(messages, call):
                        result = await tools[call["name"]](**json.loads(call["arguments"]))
                        messages.append(_returned(call, result))
                elif streams:
                    state = ChatCompletionStreamState()
                    request = _request(ground, messages, streams=True)
                    async for chunk in await completions.create(**request):
                        state.handle_chunk(chunk)
                    messages.append(_message(state.get_final_completion()))
                else:
                    answer = await completions.create(**_request(ground, messages, streams=False))
                    messages.append(_message(answer))


def _request(ground: Ground, messages: list[Any], *, streams: bool) -> dict[str, Any]:
    offered = [_definition(name, fields) for name, fields in FIELDS.items()]
    request = {"model": ground.model, "messages": messages, "tools": offered}
    return {**request, "stream": True} if streams else request


def _definition(name: str, fields: Mapping[str, str]) -> dict[str, Any]:
    properties = {field: {"type": kind} for field, kind in fields.items()}
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


def _message(completion: Any) -> dict[str, Any]:
    message: dict[str, Any] = completion.choices[0].message.model_dump(exclude_none=True)
    # Put together from a stream, a call has fields that no request takes.
    for call in message.get("tool_calls") or ():
        call.pop("index", None)
        call["function"].pop("parsed_arguments", None)
    message.pop("parsed", None)
    return message


def _ended(messages: list[Any]) -> bool:
    return messages[-1]["role"] == "assistant" and not messages[-1].get("tool_calls")


def _asked(messages: list[Any]) -> dict[str, Any] | None:
    """Return the first call that the model asked for last and that has no result yet."""
    answered = {each.get("tool_call_id") for each in messages}
    said = [each for each in messages if each["role"] == "assistant"]
    for call in said[-1].get("tool_calls") or () if said else ():
        if call["id"] not in answered:
            return {"id": call["id"], **call["function"]}
    return None


def _returned(call: Mapping[str, Any], text: object) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call["id"], "content": str(text)}


@contextmanager
def _refusals_told(messages: list[Any], call: Mapping[str, Any]) -> Iterator[None]:
    """Tell the model of a refusal that it may be told of."""
    try:
        yield
    except AgentGuardError as error:
        told = told_to_model(error)
        if told is None:
            raise
        messages.append(_returned(call, told))
