# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a message look on the wire?

The body of an answer and the events of a streamed one, for ``POST /v1/messages``, and the count
of a request's tokens.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from agentguard.testing.answers import Answer, ToolRequest
from agentguard.testing.demands import demand_body, demand_list, demand_object, demand_one_of
from agentguard.testing.error_bodies import anthropic_error
from agentguard.testing.exchange import Exchange, Shape
from agentguard.testing.received import Received
from agentguard.testing.replies import Reply, stream_of, typed
from agentguard.testing.tokens import tokens_in, tokens_out

FIELDS = frozenset({
    "anthropic_version", "billing_policy", "cache_control", "compaction", "container",
    "context_management", "diagnostics", "fallback_credit_token", "fallbacks", "inference_geo",
    "max_tokens", "mcp_servers", "messages", "metadata", "model", "output_config",
    "output_format", "service_tier", "speed", "stop_sequences", "stream", "system",
    "temperature", "thinking", "thread", "tool_choice", "tools", "top_k", "top_p",
    "user_profile_id",
})  # fmt: skip
ROLES = frozenset({"assistant", "system", "user"})
SIGNATURE = "c2lnbmF0dXJlIG9mIHRoZSB0aGlua2luZyBibG9jaw=="
"""What signs a block of thinking; a client sends it back unchanged."""

Event = dict[str, Any]


def _parse(received: Received, extra_fields: frozenset[str]) -> Mapping[str, Any]:
    return _parsed(received, extra_fields, ("max_tokens", "messages"))


def _parse_count(received: Received, extra_fields: frozenset[str]) -> Mapping[str, Any]:
    return _parsed(received, extra_fields, ("messages",))


def _parsed(
    received: Received, extra_fields: frozenset[str], required: tuple[str, ...]
) -> Mapping[str, Any]:
    request = demand_body(received.body, FIELDS | extra_fields, required)
    for index, value in enumerate(demand_list(request["messages"], "messages")):
        message = demand_object(value, f"messages.{index}")
        demand_one_of(message.get("role"), ROLES, f"messages.{index}.role")
        if not isinstance(message.get("content"), str):
            blocks = demand_list(message.get("content"), f"messages.{index}.content")
            for at, block in enumerate(blocks):
                demand_object(block, f"messages.{index}.content.{at}")
    return request


def message_body(answer: Answer, request: Mapping[str, Any], *, number: int) -> Event:
    """Return the JSON body that stands for *answer*."""
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": request.get("model", "loopback-model"),
        "content": _blocks(answer, number),
        "container": None,
        "stop_reason": _stop_reason(answer),
        "stop_sequence": None,
        "usage": {
            "input_tokens": tokens_in(request["messages"]),
            "output_tokens": tokens_out(answer),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "service_tier": "standard",
        },
    }


def message_events(answer: Answer, request: Mapping[str, Any], *, number: int) -> Iterator[Event]:
    """Yield the events of a streamed answer."""
    body = message_body(answer, request, number=number)
    usage = {**body["usage"], "output_tokens": 1}
    begun = {**body, "content": [], "stop_reason": None, "usage": usage}
    yield {"type": "message_start", "message": begun}
    yield {"type": "ping"}
    for index, block in enumerate(body["content"]):
        yield from _block_events(answer, block, index)
    ended = {"stop_reason": body["stop_reason"], "stop_sequence": None}
    used = {"output_tokens": body["usage"]["output_tokens"]}
    yield {"type": "message_delta", "delta": ended, "usage": used}
    yield {"type": "message_stop"}


def _reply(exchange: Exchange, answer: Answer) -> Reply:
    request, number = exchange.request, exchange.number
    if not request.get("stream"):
        return Reply(answer.status, message_body(answer, request, number=number))
    failure = anthropic_error(529, "the provider was told to fail in the stream")
    events = map(typed, message_events(answer, request, number=number))
    return stream_of(answer, events, failure=failure, named=True)


def _count(exchange: Exchange, answer: Answer) -> Reply:
    counted = tokens_in([exchange.request["messages"], exchange.request.get("system")])
    return Reply(answer.status, {"input_tokens": counted})


MESSAGES = Shape(parse=_parse, reply=_reply, model=True)
COUNT_TOKENS = Shape(parse=_parse_count, reply=_count)


def _stop_reason(answer: Answer) -> str:
    if answer.refusal is not None:
        return "refusal"
    return "tool_use" if answer.tool_calls else "end_turn"


def _blocks(answer: Answer, number: int) -> list[Event]:
    blocks: list[Event] = []
    if answer.reasoning is not None:
        thinking = {"type": "thinking", "thinking": answer.reasoning, "signature": SIGNATURE}
        blocks.append(thinking)
    said = answer.text if answer.refusal is None else answer.refusal
    if said is not None:
        blocks.append({"type": "text", "text": said, "citations": None})
    for index, tool in enumerate(answer.tool_calls):
        called = {"type": "tool_use", "id": f"toolu_{number}_{index}", "name": tool.name}
        blocks.append({**called, "input": _input(tool), "caller": {"type": "direct"}})
    return blocks


def _input(tool: ToolRequest) -> dict[str, Any]:
    """Return the arguments as the object that a block holds, empty if they are none."""
    try:
        arguments = json.loads(tool.text)
    except ValueError:
        return {}
    return arguments if isinstance(arguments, dict) else {}


def _block_events(answer: Answer, block: Event, index: int) -> Iterator[Event]:
    place = {"index": index}
    if block["type"] == "thinking":
        empty = {**block, "thinking": "", "signature": ""}
        deltas = [("thinking_delta", "thinking", text) for text in answer.deltas(block["thinking"])]
        deltas.append(("signature_delta", "signature", block["signature"]))
    elif block["type"] == "text":
        empty = {**block, "text": ""}
        pieces = answer.text_deltas() if answer.refusal is None else answer.deltas(answer.refusal)
        deltas = [("text_delta", "text", text) for text in pieces]
    else:
        empty = {**block, "input": {}}
        tool = answer.tool_calls[int(block["id"].rpartition("_")[2])]
        pieces = answer.deltas(tool.text)
        deltas = [("input_json_delta", "partial_json", text) for text in ("", *pieces)]
    yield {"type": "content_block_start", **place, "content_block": empty}
    for kind, field, text in deltas:
        yield {"type": "content_block_delta", **place, "delta": {"type": kind, field: text}}
    yield {"type": "content_block_stop", **place}
