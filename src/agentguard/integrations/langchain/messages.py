# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What do messages of LangChain say, as plain JSON, and how are they made from it again?

The JSON has the form of a chat completion, which the generic reader knows. Every message is made
anew from what was admitted, so that nothing of the old object travels along beside it.

INVARIANT: a part of a message that is no text, or a kind of message that is not known, is refused
(tests/frameworks/langchain/test_langchain_unknown.py).
"""

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.messages.ai import AIMessageChunk
from langchain_core.messages.tool import invalid_tool_call, tool_call
from langchain_core.messages.utils import message_chunk_to_message

from agentguard.errors import ContentRefused, GuardFailure
from agentguard.vocabulary import Speaker, Utterance

# Parts of a content that hold text, or what a model said or called earlier.
_READABLE = frozenset(
    {"text", "refusal", "reasoning", "reasoning_content", "thinking", "tool_call", "tool_use"}
)
_KINDS: Mapping[type[BaseMessage], tuple[str, Speaker]] = MappingProxyType(
    {
        HumanMessage: ("user", Speaker.USER),
        SystemMessage: ("system", Speaker.SYSTEM),
        AIMessage: ("assistant", Speaker.MODEL),
        ToolMessage: ("tool", Speaker.TOOL),
    }
)


def told(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    """Return messages as plain JSON.

    Raises:
        ContentRefused: one of them is of a kind that is not known, or holds more than text.
    """
    return [_told(_whole(message)) for message in messages]


def utterances(messages: Sequence[BaseMessage], under: str) -> tuple[Utterance, ...]:
    """Return who says which of the messages that stand in a list under a pointer."""
    named: dict[str, str] = {}
    found = []
    for index, each in enumerate(map(_whole, messages)):
        if isinstance(each, AIMessage):
            named |= {str(call["id"]): call["name"] for call in each.tool_calls}
        tool = named.get(each.tool_call_id) if isinstance(each, ToolMessage) else None
        found.append(
            Utterance(pointer=f"{under}/{index}/content", speaker=_KINDS[type(each)][1], tool=tool)
        )
    return tuple(found)


def made(admitted: Sequence[Mapping[str, Any]]) -> list[BaseMessage]:
    """Return the messages that plain JSON says."""
    return [_made(each) for each in admitted]


def answered(message: BaseMessage) -> dict[str, Any]:
    """Return an answer of a model as plain JSON, without what the model says about itself.

    Raises:
        ContentRefused: it holds more than text.
    """
    return _told(_whole(message))


def answer(checked: Mapping[str, Any], original: BaseMessage) -> AIMessage:
    """Return an answer made of what was checked; of the original only the counts of tokens."""
    found = _made({**checked, "role": "assistant"})
    if not isinstance(found, AIMessage):
        raise TypeError("an answer is a message of the model")
    found.id = original.id
    found.usage_metadata = getattr(original, "usage_metadata", None)
    return found


def _whole(message: BaseMessage) -> BaseMessage:
    if isinstance(message, AIMessageChunk):
        message = message_chunk_to_message(message)
    if type(message) not in _KINDS:
        kind = "a message of a role of its own" if isinstance(message, ChatMessage) else "a message"
        raise ContentRefused(
            f"{kind} is of a kind that the guard does not know",
            remedy="send messages of the system, the user, the model and tools",
        )
    return message


def _told(message: BaseMessage) -> dict[str, Any]:
    found: dict[str, Any] = {"role": _KINDS[type(message)][0], "content": _content(message.content)}
    if message.name is not None:
        found["name"] = message.name
    if message.additional_kwargs:
        found["metadata"] = dict(message.additional_kwargs)
    if isinstance(message, ToolMessage):
        found |= {"tool_call_id": message.tool_call_id, "status": message.status}
    if isinstance(message, AIMessage):
        if message.tool_calls:
            found["tool_calls"] = [
                _called(each["id"], each["name"], json.dumps(each["args"]))
                for each in message.tool_calls
            ]
        if message.invalid_tool_calls:
            found["invalid_tool_calls"] = [
                _called(each["id"], each["name"], each["args"])
                for each in message.invalid_tool_calls
            ]
    return found


def _content(content: str | list[Any]) -> str | list[Any]:
    if isinstance(content, str):
        return content
    for part in content:
        if not isinstance(part, str) and part.get("type") not in _READABLE:
            raise ContentRefused(
                "a message holds a part that is no text, which this model's guard cannot read",
                remedy="send text, or use a model whose provider's client is known",
            )
    return list(content)


def _called(call_id: str | None, name: str | None, arguments: str | None) -> dict[str, Any]:
    return {
        "id": call_id,
        "type": "function",
        "function": {"name": name or "", "arguments": arguments or ""},
    }


def _arguments(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:  # the error holds the text
        found = None
    if not isinstance(found, dict):
        raise GuardFailure("the arguments of a call in a message cannot be read", part="dispatch")
    return found


def _made(said: Mapping[str, Any]) -> BaseMessage:
    fields: dict[str, Any] = {
        "content": said["content"],
        "name": said.get("name"),
        "additional_kwargs": dict(said.get("metadata", {})),
    }
    if said["role"] == "user":
        return HumanMessage(**fields)
    if said["role"] == "system":
        return SystemMessage(**fields)
    if said["role"] == "tool":
        return ToolMessage(**fields, tool_call_id=said["tool_call_id"], status=said["status"])
    return AIMessage(
        **fields,
        tool_calls=[
            tool_call(
                name=each["function"]["name"],
                args=_arguments(each["function"]["arguments"]),
                id=each["id"],
            )
            for each in said.get("tool_calls", ())
        ],
        invalid_tool_calls=[
            invalid_tool_call(
                name=each["function"]["name"], args=each["function"]["arguments"], id=each["id"]
            )
            for each in said.get("invalid_tool_calls", ())
        ],
    )
