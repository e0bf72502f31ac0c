# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Would the provider take this chat completion request?

Checks the shape of a request as the real API does, so that a guard which damages one is found
out on loopback.
It checks no model names and no limits of size.

INVARIANT: no message holds a value of the request, only names of fields and positions
(tests/testing/test_chat_request.py).
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

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

_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class RequestInvalid(ValueError):
    """The provider does not take the request.

    Attributes:
        param: the field that is wrong, as the API would name it, or None.
        code: the API's short name for what is wrong, or None.
    """

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        self.code = code


def parse_chat_request(body: bytes, extra_fields: Iterable[str] = ()) -> Mapping[str, Any]:
    """Return the parsed body of a chat completion request.

    Args:
        body: the bytes of the body.
        extra_fields: fields beyond the documented ones that are taken.

    Raises:
        RequestInvalid: the API would answer 400.
    """
    try:
        request = json.loads(body)
    except ValueError:
        request = None  # the parser's error would quote the body
    if not isinstance(request, dict):
        raise RequestInvalid("the body is not a JSON object")
    unknown = sorted(request.keys() - FIELDS - set(extra_fields))
    if unknown:
        raise RequestInvalid(
            f"unrecognized request argument supplied: {', '.join(unknown)}",
            code="unknown_parameter",
        )
    for name in ("model", "messages"):
        if name not in request:
            _refuse(name, "is required", code="missing_required_parameter")
    if not isinstance(request["model"], str) or not request["model"]:
        _refuse("model", "must be a string", code="invalid_type")
    _check_options(request)
    _check_tools(request)
    _check_messages(request["messages"])
    return request


def _refuse(param: str, problem: str, *, code: str = "invalid_value") -> NoReturn:
    raise RequestInvalid(f"{param!r} {problem}", param=param, code=code)


def _demand_object(value: object, param: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        _refuse(param, "must be an object", code="invalid_type")
    return value


def _demand_list(value: object, param: str) -> list[Any]:
    if not isinstance(value, list):
        _refuse(param, "must be an array", code="invalid_type")
    if not value:
        _refuse(param, "must not be empty", code="empty_array")
    return value


def _demand_text(value: object, param: str) -> str:
    if not isinstance(value, str):
        _refuse(param, "must be a string", code="invalid_type")
    return value


def _demand_one_of(value: object, allowed: frozenset[str], param: str) -> str:
    if not isinstance(value, str) or value not in allowed:
        _refuse(param, f"must be one of {sorted(allowed)}")
    return value


def _check_options(request: Mapping[str, Any]) -> None:
    if request.get("stream"):
        _refuse("stream", "is not supported here", code="unsupported_value")
    if request.get("n", 1) not in (None, 1):
        _refuse("n", "must be 1 here", code="unsupported_value")
    if request.get("metadata") is not None:
        _check_metadata(request["metadata"])
    if request.get("response_format") is not None:
        chosen = _demand_object(request["response_format"], "response_format")
        kind = _demand_one_of(chosen.get("type"), RESPONSE_FORMATS, "response_format.type")
        if kind == "json_schema":
            _demand_object(chosen.get("json_schema"), "response_format.json_schema")


def _check_metadata(value: object) -> None:
    metadata = _demand_object(value, "metadata")
    if len(metadata) > MOST_METADATA:
        _refuse("metadata", f"must not have more than {MOST_METADATA} keys")
    if not all(isinstance(item, str) for item in metadata.values()):
        _refuse("metadata", "must have strings as values", code="invalid_type")


def _check_tools(request: Mapping[str, Any]) -> None:
    if request.get("tools") is None:
        if request.get("tool_choice") not in (None, "none"):
            _refuse("tool_choice", "is only allowed when 'tools' are specified")
        return
    for index, value in enumerate(_demand_list(request["tools"], "tools")):
        param = f"tools[{index}]"
        tool = _demand_object(value, param)
        kind = _demand_one_of(tool.get("type"), TOOL_TYPES, f"{param}.type")
        definition = _demand_object(tool.get(kind), f"{param}.{kind}")
        _check_tool_name(definition.get("name"), f"{param}.{kind}.name")
        if definition.get("parameters") is not None:
            _demand_object(definition["parameters"], f"{param}.{kind}.parameters")


def _check_tool_name(name: object, param: str) -> None:
    if not _TOOL_NAME.fullmatch(_demand_text(name, param)):
        _refuse(param, f"must match {_TOOL_NAME.pattern!r}")


def _check_messages(value: object) -> None:
    unanswered: set[str] = set()
    for index, item in enumerate(_demand_list(value, "messages")):
        param = f"messages[{index}]"
        message = _demand_object(item, param)
        role = _demand_one_of(message.get("role"), ROLES, f"{param}.role")
        if role == "tool":
            _answer_tool_call(message, param, unanswered)
        elif unanswered:
            _refuse(param, "must be a 'tool' message: every tool call must be answered")
        calls = message.get("tool_calls") if role == "assistant" else None
        if calls is not None:
            unanswered = _tool_call_ids(calls, f"{param}.tool_calls")
        _check_content(message, param, optional=role == "assistant")
    if unanswered:
        _refuse("messages", "must answer every tool call with a 'tool' message")


def _answer_tool_call(message: Mapping[str, Any], param: str, unanswered: set[str]) -> None:
    call_id = _demand_text(message.get("tool_call_id"), f"{param}.tool_call_id")
    if call_id not in unanswered:
        _refuse(f"{param}.tool_call_id", "must answer a preceding message with 'tool_calls'")
    unanswered.remove(call_id)


def _tool_call_ids(value: object, param: str) -> set[str]:
    ids: set[str] = set()
    for index, item in enumerate(_demand_list(value, param)):
        place = f"{param}[{index}]"
        call = _demand_object(item, place)
        kind = _demand_one_of(call.get("type"), TOOL_TYPES, f"{place}.type")
        made = _demand_object(call.get(kind), f"{place}.{kind}")
        _check_tool_name(made.get("name"), f"{place}.{kind}.name")
        text = "arguments" if kind == "function" else "input"
        _demand_text(made.get(text), f"{place}.{kind}.{text}")
        call_id = _demand_text(call.get("id"), f"{place}.id")
        if call_id in ids:
            _refuse(f"{place}.id", "must not occur twice")
        ids.add(call_id)
    return ids


def _check_content(message: Mapping[str, Any], param: str, *, optional: bool) -> None:
    content = message.get("content")
    if isinstance(content, str) or (content is None and optional):
        return
    for index, item in enumerate(_demand_list(content, f"{param}.content")):
        place = f"{param}.content[{index}]"
        part = _demand_object(item, place)
        kind = _demand_one_of(part.get("type"), PART_TYPES, f"{place}.type")
        if kind in {"refusal", "text"}:
            _demand_text(part.get(kind), f"{place}.{kind}")
        else:
            _demand_object(part.get(kind), f"{place}.{kind}")
