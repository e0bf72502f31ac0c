# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a request for a chat completion hold, and where in it?

Turns a request body into a ``ModelCall``: which parts the model wrote, which tools are offered,
what the provider would use or keep, where the answer will stand. Whatever it cannot inspect, and
every field that it does not know, is refused. It decides nothing about identities, classes or
models. Images, recordings and documents stay in the payload; they are lifted out of it later.

INVARIANT: every field of the body is known, or the policy lists it as an extra field of the
provider (tests/integrations/test_openai_chat.py).
Source: the Chat Completions API reference, and ``openai`` 3.54's request types.
"""

import re
from collections.abc import Mapping

from agentguard.canonical import Frozen
from agentguard.clients.shapes import (
    TOP,
    At,
    Reading,
    Shape,
    anything,
    asks_for_stream,
    by_type,
    each,
    fetched,
    frozen_object,
    members,
    model_name,
    plain,
    refers,
    refusal,
    switch,
    text_or,
)
from agentguard.errors import ContentRefused
from agentguard.integrations.openai import tools
from agentguard.vocabulary import ModelCall, Reference

PATH = "/chat/completions"

# Fields of the API that the guard does not decide, each with the reason.
REFUSED_FIELDS = {
    "audio": "asks for a spoken answer, which cannot be checked; ask for text",
}

ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
ANSWERS = (
    "/choices/*/message/content",
    "/choices/*/message/refusal",
    # The thoughts of models behind compatible servers.
    "/choices/*/message/reasoning_content",
    "/choices/*/message/reasoning",
)
# These models search the web with what they are told, without a tool being offered.
SEARCHING_MODEL = re.compile(r".*-search-(preview|api)(-.*)?")

_called = members({"arguments": plain, "name": plain, "parsed_arguments": anything})
_tool_call = by_type(
    {
        "function": members({"function": _called, "id": plain, "index": plain, "type": plain}),
        "custom": members(
            {
                "custom": members({"input": plain, "name": plain}),
                "id": plain,
                "index": plain,
                "type": plain,
            }
        ),
    },
    remedy="a call of a function or a custom tool can stand there",
)


def _part(**content: Shape) -> Shape:
    return members({"prompt_cache_breakpoint": anything, "type": plain, **content})


PART = by_type(
    {
        "text": _part(text=plain),
        "refusal": _part(refusal=plain),
        "image_url": _part(image_url=members({"detail": plain, "url": fetched})),
        "input_audio": _part(input_audio=members({"data": plain, "format": plain})),
        "file": _part(
            file=members({"file_data": plain, "file_id": refers(Reference.FILE), "filename": plain})
        ),
    },
    remedy="send text, images, audio or files in the form of the API",
)
TEXT_PART = by_type({"text": _part(text=plain)}, remedy="send text")

MESSAGE: Mapping[str, Shape] = {
    "annotations": anything,
    "content": text_or(each(PART)),
    "function_call": _called,
    "name": plain,
    "parsed": anything,
    "refusal": plain,
    "role": plain,
    "tool_call_id": plain,
    "tool_calls": each(_tool_call),
}
_message_of = {
    True: members(MESSAGE, authored="*", refused={"audio": "refers to an earlier recording"}),
    False: members(MESSAGE, refused={"audio": "refers to an earlier recording"}),
}


def _message(reading: Reading, value: Frozen, at: At) -> None:
    role = value.get("role") if isinstance(value, Mapping) else None
    if not isinstance(role, str) or role not in ROLES:
        raise refusal(at, "has a role that the guard does not know")
    _message_of[role == "assistant"](reading, value, at)


def _modalities(_reading: Reading, value: Frozen, at: At) -> None:
    if value != ("text",):
        raise refusal(at, "asks for more than text, which cannot be checked; ask for text")


BODY: Mapping[str, Shape] = {
    "frequency_penalty": plain,
    "function_call": tools.old_choice,
    "functions": tools.old_functions,
    "logit_bias": anything,
    "logprobs": plain,
    "max_completion_tokens": plain,
    "max_tokens": plain,
    "messages": each(_message),
    "metadata": anything,
    "modalities": _modalities,
    "model": plain,
    "moderation": anything,
    "n": plain,
    "parallel_tool_calls": plain,
    "prediction": by_type(
        {"content": members({"content": text_or(each(TEXT_PART)), "type": plain})}
    ),
    "presence_penalty": plain,
    "prompt_cache_key": plain,
    "prompt_cache_options": anything,
    "prompt_cache_retention": plain,
    "reasoning_effort": plain,
    "response_format": anything,
    "safety_identifier": plain,
    "seed": plain,
    "service_tier": plain,
    "stop": plain,
    "store": switch(Reference.STORE),
    "stream": plain,
    "stream_options": anything,
    "temperature": plain,
    "tool_choice": tools.chat_choice,
    "tools": tools.chat_tools,
    "top_logprobs": plain,
    "top_p": plain,
    "user": plain,
    "verbosity": plain,
    "web_search_options": tools.hosted_member("web_search_options"),
}
KNOWN_FIELDS = frozenset(BODY)
_body = members(BODY, refused=REFUSED_FIELDS)


def model_call(
    call_id: str,
    body: object,
    *,
    origin: str,
    extra_fields: frozenset[str],
    path: str = PATH,
) -> ModelCall:
    """Return the call that a request body means.

    Args:
        call_id: the id that the call has.
        body: the request body as the SDK would serialise it.
        origin: scheme, host and port that the request goes to.
        extra_fields: further fields that the policy lets through to this provider.
        path: the path template of the operation.

    Raises:
        ContentRefused: the body holds what cannot be inspected or is not guarded.
    """
    payload = frozen_object(body, KNOWN_FIELDS)
    reading = Reading(extra_fields)
    _body(reading, payload, TOP)
    if not payload.get("messages"):
        raise ContentRefused("field 'messages' holds no list of messages")
    model = model_name(payload)
    if SEARCHING_MODEL.fullmatch(model):
        tools.searching_model(reading)
    reading.settle_named()
    call = ModelCall(
        id=call_id,
        operation="chat",
        verb="POST",
        path=path,
        origin=origin,
        model=model,
        payload=payload,
        streams=asks_for_stream(payload),
        answers=ANSWERS,
        instructions="messages" if path == PATH else None,
    )
    return reading.noted_on(call)
