# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Would the provider take this chat completion request?

Checks the shape of a request as the real API does, so that a guard which damages one is found
out on loopback.
It checks no model names and no limits of size.

INVARIANT: no message holds a value of the request, only names of fields and positions
(tests/testing/test_chat_request.py).
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from agentguard.testing.demands import (
    demand_body,
    demand_list,
    demand_object,
    demand_one_of,
    demand_text,
    refuse,
)

FIELDS = frozenset({
    "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs",
    "max_completion_tokens", "max_tokens", "messages", "metadata", "modalities", "model",
    "moderation", "n", "parallel_tool_calls", "prediction", "presence_penalty",
    "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "reasoning_effort",
    "response_format", "safety_identifier", "seed", "service_tier", "stop", "store", "stream",
    "stream_options", "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user",
    "verbosity", "web_search_options",
})  # fmt: skip
ROLES = frozenset({"assistant", "developer", "function", "system", "tool", "user"})
PART_TYPES = frozenset({"file", "image_url", "input_audio", "refusal", "text"})
TOOL_TYPES = frozenset({"custom", "function"})
RESPONSE_FORMATS = frozenset({"json_object", "json_schema", "text"})
MOST_METADATA = 16
MOST_CHOICES = 8

_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def parse_chat_request(body: bytes, extra_fields: Iterable[str] = ()) -> Mapping[str, Any]:
    """Return the parsed body of a chat completion request.

    Args:
        body: the bytes of the body.
        extra_fields: fields beyond the documented ones that are taken.

    Raises:
        RequestInvalid: the API would answer 400.
    """
    request = demand_body(body, FIELDS | set(extra_fields), ("model", "messages"))
    _check_options(request)
    _check_tools(request)
    _check_messages(request["messages"])
    return request


def _check_options(request: Mapping[str, Any]) -> None:
    if not isinstance(request.get("stream") or False, bool):
        refuse("stream", "must be a boolean", code="invalid_type")
    if request.get("stream_options") is not None:
        if not request.get("stream"):
            refuse("stream_options", "is only allowed when 'stream' is set")
        demand_object(request["stream_options"], "stream_options")
    if request.get("n", 1) not in (None, *range(1, MOST_CHOICES + 1)):
        refuse("n", f"must be from 1 to {MOST_CHOICES}")
    if request.get("metadata") is not None:
        _check_metadata(request["metadata"])
    if request.get("response_format") is not None:
        chosen = demand_object(request["response_format"], "response_format")
        kind = demand_one_of(chosen.get("type"), RESPONSE_FORMATS, "response_format.type")
        if kind == "json_schema":
            demand_object(chosen.get("json_schema"), "response_format.json_schema")


def _check_metadata(value: object) -> None:
    metadata = demand_object(value, "metadata")
    if len(metadata) > MOST_METADATA:
        refuse("metadata", f"must not have more than {MOST_METADATA} keys")
    if not all(isinstance(item, str) for item in metadata.values()):
        refuse("metadata", "must have strings as values", code="invalid_type")


def _check_tools(request: Mapping[str, Any]) -> None:
    if request.get("tools") is None:
        if request.get("tool_choice") not in (None, "none"):
            refuse("tool_choice", "is only allowed when 'tools' are specified")
        return
    for index, value in enumerate(demand_list(request["tools"], "tools")):
        param = f"tools[{index}]"
        tool = demand_object(value, param)
        kind = demand_one_of(tool.get("type"), TOOL_TYPES, f"{param}.type")
        definition = demand_object(tool.get(kind), f"{param}.{kind}")
        _check_tool_name(definition.get("name"), f"{param}.{kind}.name")
        if definition.get("parameters") is not None:
            demand_object(definition["parameters"], f"{param}.{kind}.parameters")


def _check_tool_name(name: object, param: str) -> None:
    if not _TOOL_NAME.fullmatch(demand_text(name, param)):
        refuse(param, f"must match {_TOOL_NAME.pattern!r}")


def _check_messages(value: object) -> None:
    unanswered: set[str] = set()
    for index, item in enumerate(demand_list(value, "messages")):
        param = f"messages[{index}]"
        message = demand_object(item, param)
        role = demand_one_of(message.get("role"), ROLES, f"{param}.role")
        if role == "tool":
            _answer_tool_call(message, param, unanswered)
        elif unanswered:
            refuse(param, "must be a 'tool' message: every tool call must be answered")
        calls = message.get("tool_calls") if role == "assistant" else None
        if calls is not None:
            unanswered = _tool_call_ids(calls, f"{param}.tool_calls")
        _check_content(message, param, optional=role == "assistant")
    if unanswered:
        refuse("messages", "must answer every tool call with a 'tool' message")


def _answer_tool_call(message: Mapping[str, Any], param: str, unanswered: set[str]) -> None:
    call_id = demand_text(message.get("tool_call_id"), f"{param}.tool_call_id")
    if call_id not in unanswered:
        refuse(f"{param}.tool_call_id", "must answer a preceding message with 'tool_calls'")
    unanswered.remove(call_id)


def _tool_call_ids(value: object, param: str) -> set[str]:
    ids: set[str] = set()
    for index, item in enumerate(demand_list(value, param)):
        place = f"{param}[{index}]"
        call = demand_object(item, place)
        kind = demand_one_of(call.get("type"), TOOL_TYPES, f"{place}.type")
        made = demand_object(call.get(kind), f"{place}.{kind}")
        _check_tool_name(made.get("name"), f"{place}.{kind}.name")
        text = "arguments" if kind == "function" else "input"
        demand_text(made.get(text), f"{place}.{kind}.{text}")
        call_id = demand_text(call.get("id"), f"{place}.id")
        if call_id in ids:
            refuse(f"{place}.id", "must not occur twice")
        ids.add(call_id)
    return ids


def _check_content(message: Mapping[str, Any], param: str, *, optional: bool) -> None:
    content = message.get("content")
    if isinstance(content, str) or (content is None and optional):
        return
    for index, item in enumerate(demand_list(content, f"{param}.content")):
        place = f"{param}.content[{index}]"
        part = demand_object(item, place)
        kind = demand_one_of(part.get("type"), PART_TYPES, f"{place}.type")
        if kind in {"refusal", "text"}:
            demand_text(part.get(kind), f"{place}.{kind}")
        else:
            demand_object(part.get(kind), f"{place}.{kind}")
