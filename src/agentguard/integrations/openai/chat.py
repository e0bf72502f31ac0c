# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a request for a chat completion hold, and where in it?

Turns a request body into a ``ModelCall``: which parts the model wrote, which function tools are
offered, where the answer will stand. Whatever it cannot inspect, and every field that it does
not know, is refused. It decides nothing about identities, classes or models.

INVARIANT: every field of the body is known, or the policy lists it as an extra field of the
provider (tests/integrations/test_openai_chat.py).
Source: the Chat Completions API reference, and ``openai`` 3.54's request types.
"""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from agentguard.canonical import Frozen, NotCanonical, freeze
from agentguard.errors import ContentRefused
from agentguard.vocabulary import ModelCall, OfferedTool

PATH = "/chat/completions"

KNOWN_FIELDS = frozenset(
    {
        "messages", "model", "frequency_penalty", "logit_bias", "logprobs",
        "max_completion_tokens", "max_tokens", "metadata", "modalities", "n",
        "parallel_tool_calls", "prediction", "presence_penalty", "prompt_cache_key",
        "prompt_cache_options", "prompt_cache_retention", "reasoning_effort", "response_format",
        "safety_identifier", "seed", "service_tier", "stop", "store", "stream", "stream_options",
        "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user", "verbosity",
    }
)  # fmt: skip

# Fields of the API that the guard does not decide, each with the reason.
REFUSED_FIELDS = {
    "web_search_options": "lets the provider search the web with the conversation",
    "functions": "is the old form of tools; use tools",
    "function_call": "is the old form of tool_choice; use tool_choice",
    "audio": "asks for audio, which cannot be inspected",
    "moderation": "is not guarded",
}

# Fields of the things in a request; others could refer to content that is not in the request.
MESSAGE_FIELDS = frozenset(
    {
        "annotations", "audio", "content", "function_call", "name", "parsed", "refusal", "role",
        "tool_call_id", "tool_calls",
    }
)  # fmt: skip
PART_FIELDS = frozenset({"prompt_cache_breakpoint", "refusal", "text", "type"})
TOOL_FIELDS = frozenset({"function", "type"})
FUNCTION_FIELDS = frozenset({"description", "name", "parameters", "strict"})
TOOL_CALL_FIELDS = frozenset({"function", "id", "index", "type"})
CALLED_FIELDS = frozenset({"arguments", "name", "parsed_arguments"})

ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})
TEXT_PARTS = frozenset({"text", "refusal"})
ANSWERS = ("/choices/*/message/content", "/choices/*/message/refusal")
# These models search the web with what they are told, without a tool being offered.
SEARCHING_MODEL = re.compile(r".*-search-(preview|api)(-.*)?")
MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}")


def model_call(
    call_id: str, body: object, *, origin: str, extra_fields: frozenset[str]
) -> ModelCall:
    """Return the call that a request body means.

    Args:
        call_id: the id that the call has.
        body: the request body as the SDK would serialise it.
        origin: scheme, host and port that the request goes to.
        extra_fields: further fields that the policy lets through to this provider.

    Raises:
        ContentRefused: the body holds what cannot be inspected or is not guarded.
    """
    payload = _frozen(body)
    _refuse_fields(payload, extra_fields)
    messages = _messages(payload, extra_fields)
    return ModelCall(
        id=call_id,
        operation="chat",
        verb="POST",
        path=PATH,
        origin=origin,
        model=_model(payload),
        payload=payload,
        model_authored=_model_authored(messages),
        function_tools=_function_tools(payload, extra_fields),
        forced_tool=_forced_tool(payload),
        answers=ANSWERS,
    )


def named_model(body: object) -> str:
    """Return the model that a body names, for a span; empty unless it reads like a name."""
    name = body.get("model") if isinstance(body, Mapping) else None
    return name if isinstance(name, str) and MODEL_NAME.fullmatch(name) else ""


def _frozen(body: object) -> Mapping[str, Frozen]:
    try:
        payload = freeze(body)
    except NotCanonical as error:
        # Only the first segment: keys further down come from the caller.
        field = error.pointer.split("/")[1] if "/" in error.pointer else ""
        place = f"field {field!r}" if field in KNOWN_FIELDS else "the request body"
        raise ContentRefused(f"{place} cannot be inspected: {error.problem}") from None
    if not isinstance(payload, Mapping):
        raise ContentRefused("the request body is no JSON object")
    return payload


def _refuse_fields(payload: Mapping[str, Frozen], extra_fields: frozenset[str]) -> None:
    for name in payload:
        if name in REFUSED_FIELDS:
            raise ContentRefused(f"field {name!r} {REFUSED_FIELDS[name]}")
    if any(name not in KNOWN_FIELDS and name not in extra_fields for name in payload):
        raise ContentRefused(
            "the request has a field that the guard does not know",
            remedy="list it under the provider's extra_fields in the policy",
        )
    if payload.get("stream") not in (None, False):
        raise ContentRefused(
            f"streaming of POST {PATH} is not guarded yet",
            remedy="call without stream=True",
        )
    if payload.get("store") not in (None, False):
        raise ContentRefused("field 'store' keeps the conversation at the provider")
    if payload.get("modalities") not in (None, ("text",)):
        raise ContentRefused("field 'modalities' asks for more than text")


def _model(payload: Mapping[str, Frozen]) -> str:
    name = payload.get("model")
    if not isinstance(name, str) or MODEL_NAME.fullmatch(name) is None:
        raise ContentRefused("field 'model' does not hold the name of a model")
    if SEARCHING_MODEL.fullmatch(name):
        raise ContentRefused("the model lets the provider search the web with the conversation")
    return name


def _messages(
    payload: Mapping[str, Frozen], extra_fields: frozenset[str]
) -> tuple[Mapping[str, Frozen], ...]:
    messages = payload.get("messages")
    if not isinstance(messages, tuple) or not messages:
        raise ContentRefused("field 'messages' holds no list of messages")
    checked: list[Mapping[str, Frozen]] = []
    for index, message in enumerate(messages):
        where = f"message {index}"
        if not isinstance(message, Mapping) or message.get("role") not in ROLES:
            raise ContentRefused(f"{where} has a role that the guard does not know")
        _refuse_unknown(message, MESSAGE_FIELDS | extra_fields, where)
        _refuse_parts(message, where, extra_fields)
        _refuse_references(message, where, extra_fields)
        checked.append(message)
    prediction = payload.get("prediction")
    if prediction is not None:
        if not isinstance(prediction, Mapping) or prediction.get("type") != "content":
            raise ContentRefused("field 'prediction' holds no text")
        _refuse_unknown(prediction, {"content", "type"} | extra_fields, "field 'prediction'")
        _refuse_parts(prediction, "field 'prediction'", extra_fields)
    return tuple(checked)


def _refuse_unknown(value: Mapping[str, Frozen], known: AbstractSet[str], where: str) -> None:
    if any(name not in known for name in value):
        raise ContentRefused(
            f"{where} has a field that the guard does not know",
            remedy="leave it out, or list it under the provider's extra_fields in the policy",
        )


def _refuse_parts(holder: Mapping[str, Frozen], where: str, extra_fields: frozenset[str]) -> None:
    content = holder.get("content")
    if not isinstance(content, str | tuple | None):
        raise ContentRefused(f"{where} has content that is neither text nor parts")
    for part in content if isinstance(content, tuple) else ():
        if not isinstance(part, Mapping) or part.get("type") not in TEXT_PARTS:
            raise ContentRefused(
                f"{where} has a part that is no text and cannot be inspected",
                remedy="send text; images, audio and files are refused",
            )
        _refuse_unknown(part, PART_FIELDS | extra_fields, f"a part of {where}")


def _refuse_references(
    message: Mapping[str, Frozen], where: str, extra_fields: frozenset[str]
) -> None:
    if message.get("audio") is not None or message.get("function_call") is not None:
        raise ContentRefused(f"{where} refers to content that cannot be inspected")
    calls = message.get("tool_calls")
    if not isinstance(calls, tuple | None):
        raise ContentRefused(f"{where} has tool calls that are no list")
    for call in calls or ():
        function = call.get("function") if isinstance(call, Mapping) else None
        if not isinstance(call, Mapping) or call.get("type") != "function":
            raise ContentRefused(f"{where} holds a call of a tool that is no function")
        _refuse_unknown(call, TOOL_CALL_FIELDS | extra_fields, f"a tool call of {where}")
        if isinstance(function, Mapping):
            _refuse_unknown(function, CALLED_FIELDS | extra_fields, f"a tool call of {where}")


def _model_authored(messages: tuple[Mapping[str, Frozen], ...]) -> tuple[str, ...]:
    return tuple(
        f"/messages/{index}"
        for index, message in enumerate(messages)
        if message.get("role") == "assistant"
    )


def _function_tools(
    payload: Mapping[str, Frozen], extra_fields: frozenset[str]
) -> tuple[OfferedTool, ...]:
    tools = payload.get("tools")
    if tools is None:
        return ()
    if not isinstance(tools, tuple):
        raise ContentRefused("field 'tools' holds no list of tools")
    offered = []
    for index, tool in enumerate(tools):
        function = tool.get("function") if isinstance(tool, Mapping) else None
        if not isinstance(tool, Mapping) or tool.get("type") != "function":
            raise ContentRefused("a tool that runs at the provider is offered; none is allowed")
        name = function.get("name") if isinstance(function, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(name, str):
            raise ContentRefused("a function tool without a name is offered")
        _refuse_unknown(tool, TOOL_FIELDS | extra_fields, "a tool")
        _refuse_unknown(function, FUNCTION_FIELDS | extra_fields, "a function tool")
        offered.append(OfferedTool(name=name, pointer=f"/tools/{index}"))
    return tuple(offered)


def _forced_tool(payload: Mapping[str, Frozen]) -> str | None:
    choice = payload.get("tool_choice")
    if choice is None or choice in ("none", "auto", "required"):
        return None
    function = choice.get("function") if isinstance(choice, Mapping) else None
    name = function.get("name") if isinstance(function, Mapping) else None
    if not isinstance(choice, Mapping) or choice.get("type") != "function":
        raise ContentRefused("field 'tool_choice' names something other than a function tool")
    if not isinstance(name, str):
        raise ContentRefused("field 'tool_choice' names no function tool")
    return name
