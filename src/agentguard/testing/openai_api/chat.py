# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a chat completion look on the wire?

The body of an answer and the chunks of a streamed one, for ``POST /chat/completions``.
With ``n`` every choice says the same.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from agentguard.testing.answers import Answer
from agentguard.testing.chat_request import parse_chat_request
from agentguard.testing.error_bodies import openai_error
from agentguard.testing.exchange import Exchange, Shape
from agentguard.testing.received import Received
from agentguard.testing.replies import Reply, sse, stream_of
from agentguard.testing.tokens import tokens_in, tokens_out

DONE = sse("[DONE]")
STREAM_FAILED = openai_error(500, "the provider was told to fail in the stream")


def chat_body(
    answer: Answer, request: Mapping[str, Any], *, number: int, created: int
) -> dict[str, Any]:
    """Return the JSON body that stands for *answer*.

    Args:
        answer: what is said.
        request: the request that it answers.
        number: counts the answers of one provider; the ids in the body are made of it.
        created: the time of the answer, seconds since the epoch.
    """
    choices = [
        {
            "index": index,
            "message": _message(answer, number, index),
            "logprobs": None,
            "finish_reason": _finish_reason(answer),
        }
        for index in range(request.get("n") or 1)
    ]
    return {
        **_frame(request, number, created),
        "object": "chat.completion",
        "choices": choices,
        "usage": _usage(answer, request),
    }


def chat_chunks(
    answer: Answer, request: Mapping[str, Any], *, number: int, created: int
) -> Iterator[dict[str, Any]]:
    """Yield the chunks of a streamed answer; the choices take turns."""
    frame = {**_frame(request, number, created), "object": "chat.completion.chunk"}
    with_usage = bool((request.get("stream_options") or {}).get("include_usage"))
    if with_usage:
        frame["usage"] = None
    indices = range(request.get("n") or 1)
    turns = zip(*(_deltas(answer, number, index) for index in indices), strict=True)
    for turn in turns:
        for index, delta in zip(indices, turn, strict=True):
            yield {**frame, "choices": [_chunk_choice(index, delta, None)]}
    for index in indices:
        yield {**frame, "choices": [_chunk_choice(index, {}, _finish_reason(answer))]}
    if with_usage:
        yield {**frame, "choices": [], "usage": _usage(answer, request)}


def _parse(received: Received, extra_fields: frozenset[str]) -> Mapping[str, Any]:
    return parse_chat_request(received.body, extra_fields)


def _reply(exchange: Exchange, answer: Answer) -> Reply:
    request, number, created = exchange.request, exchange.number, exchange.created
    if not request.get("stream"):
        return Reply(answer.status, chat_body(answer, request, number=number, created=created))
    chunks = chat_chunks(answer, request, number=number, created=created)
    return stream_of(answer, map(sse, chunks), failure=STREAM_FAILED, named=False, last=DONE)


CHAT = Shape(parse=_parse, reply=_reply, model=True)


def _frame(request: Mapping[str, Any], number: int, created: int) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{number}",
        "created": created,
        "model": request["model"],
        "service_tier": "default",
        "system_fingerprint": None,
    }


def _finish_reason(answer: Answer) -> str:
    return "tool_calls" if answer.tool_calls else "stop"


def _message(answer: Answer, number: int, choice: int) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": answer.text,
        "refusal": answer.refusal,
        "annotations": [],
    }
    if answer.tool_calls:
        message["tool_calls"] = [
            {
                "id": f"call_{number}_{choice}_{index}",
                "type": "function",
                "function": {"name": tool.name, "arguments": tool.text},
            }
            for index, tool in enumerate(answer.tool_calls)
        ]
    return message


def _deltas(answer: Answer, number: int, choice: int) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant", "content": None if answer.text is None else "", "refusal": None}
    yield from ({"content": text} for text in answer.text_deltas())
    yield from ({"refusal": text} for text in answer.deltas(answer.refusal or ""))
    for index, tool in enumerate(answer.tool_calls):
        named = {"name": tool.name, "arguments": ""}
        call_id = f"call_{number}_{choice}_{index}"
        first = {"index": index, "id": call_id, "type": "function", "function": named}
        yield {"tool_calls": [first]}
        for text in answer.deltas(tool.text):
            yield {"tool_calls": [{"index": index, "function": {"arguments": text}}]}


def _chunk_choice(index: int, delta: dict[str, Any], finish_reason: str | None) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


def _usage(answer: Answer, request: Mapping[str, Any]) -> dict[str, int]:
    prompt = tokens_in(request["messages"])
    completion = tokens_out(answer) * (request.get("n") or 1)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
