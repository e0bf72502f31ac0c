# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a response look on the wire?

The items of an answer and the body around them, for ``POST /responses``.
"""

from collections.abc import Mapping
from typing import Any

from agentguard.testing.answers import Answer
from agentguard.testing.demands import demand_body, demand_list, demand_object, refuse
from agentguard.testing.received import Received
from agentguard.testing.tokens import tokens_in, tokens_out

FIELDS = frozenset({
    "access_programs", "background", "background_options", "context_management", "conversation",
    "include", "input", "instructions", "max_output_tokens", "max_tool_calls", "metadata",
    "model", "moderation", "parallel_tool_calls", "previous_response_id", "prompt",
    "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "reasoning",
    "safety_identifier", "service_tier", "store", "stream", "stream_options", "temperature",
    "text", "tool_choice", "tools", "top_logprobs", "top_p", "truncation", "user",
})  # fmt: skip
_REPEATED: dict[str, Any] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
"""What a response repeats of its request, and what stands there if it was left out."""


def parse_response_request(received: Received, extra_fields: frozenset[str]) -> Mapping[str, Any]:
    """Return the parsed body of a request for a response.

    Raises:
        RequestInvalid: the API would answer 400.
    """
    request = demand_body(received.body, FIELDS | extra_fields, ())
    given = request.get("input")
    if not isinstance(given, str | list | None):
        refuse("input", "must be a string or an array", code="invalid_type")
    for index, item in enumerate(given if isinstance(given, list) else ()):
        demand_object(item, f"input[{index}]")
    for index, value in enumerate(
        demand_list(request["tools"], "tools") if "tools" in request else ()
    ):
        tool = demand_object(value, f"tools[{index}]")
        if not isinstance(tool.get("type"), str):
            refuse(f"tools[{index}].type", "must be a string", code="invalid_type")
    return request


def output_items(answer: Answer, number: int) -> list[dict[str, Any]]:
    """Return the items of an answer: reasoning, message, tool calls, each if there is one."""
    items: list[dict[str, Any]] = []
    if answer.reasoning is not None:
        summary = [{"type": "summary_text", "text": answer.reasoning}]
        items.append({"id": f"rs_{number}", "type": "reasoning", "summary": summary})
    content = message_parts(answer)
    if content:
        items.append(
            {
                "id": f"msg_{number}",
                "type": "message",
                "status": "completed",
                "role": "assistant",
                "content": content,
            }
        )
    for index, tool in enumerate(answer.tool_calls):
        items.append(
            {
                "id": f"fc_{number}_{index}",
                "type": "function_call",
                "status": "completed",
                "call_id": f"call_{number}_{index}",
                "name": tool.name,
                "arguments": tool.text,
            }
        )
    return items


def message_parts(answer: Answer) -> list[dict[str, Any]]:
    """Return the parts of the message of an answer."""
    parts: list[dict[str, Any]] = []
    if answer.text is not None:
        said = {"type": "output_text", "text": answer.text, "annotations": [], "logprobs": []}
        parts.append(said)
    if answer.refusal is not None:
        parts.append({"type": "refusal", "refusal": answer.refusal})
    return parts


def response_body(
    answer: Answer, request: Mapping[str, Any], *, number: int, created: int
) -> dict[str, Any]:
    """Return the JSON body that stands for *answer*."""
    used_in = tokens_in([request.get("input"), request.get("instructions")])
    used_out = tokens_out(answer)
    repeated = {name: request.get(name, usual) for name, usual in _REPEATED.items()}
    conversation = request.get("conversation")
    return {
        **repeated,
        "id": f"resp_{number}",
        "object": "response",
        "created_at": created,
        "status": "completed",
        "model": request.get("model", "loopback-model"),
        "conversation": {"id": conversation} if isinstance(conversation, str) else conversation,
        "error": None,
        "incomplete_details": None,
        "output": output_items(answer, number),
        "service_tier": "default",
        "usage": {
            "input_tokens": used_in,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": used_out,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": used_in + used_out,
        },
    }
