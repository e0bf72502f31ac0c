# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a request for a chat completion hold, and where in it?

Turns a request body into a ``ModelCall``: who said which part, which tools are offered,
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
    answering,
    anything,
    asking,
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
    spoken,
    spoken_text_or,
    switch,
    text_or,
)
from agentguard.errors import ContentRefused
from agentguard.integrations.openai import tools
from agentguard.vocabulary import ModelCall, Reference, Speaker

PATH = "/chat/completions"

# Fields of the API that the guard does not decide, each with the reason.
REFUSED_FIELDS = {
    "audio": "asks for a spoken answer, which cannot be checked; ask for text",
}

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


def _tool_called(call: Mapping[str, Frozen]) -> Frozen:
    called = call.get("function", call.get("custom"))
    return called.get("name") if isinstance(called, Mapping) else None


_tool_call = asking(
    by_type(
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
    ),
    _tool_called,
    "id",
)


def _part(**content: Shape) -> Shape:
    return members({"prompt_cache_breakpoint": anything, "type": plain, **content})


def _part_by(speaker: Speaker) -> Shape:
    """Return the shape of a part of a message; only its text is what the speaker says."""
    return by_type(
        {
            "text": _part(text=spoken(speaker, plain)),
            "refusal": _part(refusal=spoken(speaker, plain)),
            "image_url": spoken(
                Speaker.TOOL, _part(image_url=members({"detail": plain, "url": fetched}))
            ),
            "input_audio": spoken(
                Speaker.TOOL, _part(input_audio=members({"data": plain, "format": plain}))
            ),
            "file": spoken(
                Speaker.TOOL,
                _part(
                    file=members(
                        {
                            "file_data": plain,
                            "file_id": refers(Reference.FILE),
                            "filename": plain,
                        }
                    )
                ),
            ),
        },
        remedy="send text, images, audio or files in the form of the API",
    )


def _content_by(speaker: Speaker) -> Shape:
    return spoken_text_or(speaker, each(_part_by(speaker)))


TEXT_PART = by_type({"text": _part(text=plain)}, remedy="send text")

MESSAGE: Mapping[str, Shape] = {
    # What was found in the web, or in files.
    "annotations": spoken(Speaker.TOOL, anything),
    "content": text_or(each(_part_by(Speaker.TOOL))),
    "function_call": _called,
    "name": plain,
    "parsed": anything,
    "refusal": plain,
    "role": plain,
    "tool_call_id": plain,
    "tool_calls": each(_tool_call),
}


def _message_by(speaker: Speaker) -> Shape:
    written = speaker is Speaker.MODEL
    return members(
        MESSAGE if speaker is Speaker.TOOL else {**MESSAGE, "content": _content_by(speaker)},
        authored="*" if written else (),
        refused={"audio": "refers to an earlier recording"},
    )


def _function_result(reading: Reading, value: Frozen, at: At) -> None:
    """Read what a function returned, in the old form, which names it."""
    _message_by(Speaker.TOOL)(reading, value, at)
    name = value.get("name") if isinstance(value, Mapping) else None
    reading.says(Speaker.TOOL, at.below("content"), name if isinstance(name, str) else None)


_message_of: Mapping[str, Shape] = {
    "assistant": _message_by(Speaker.MODEL),
    "developer": _message_by(Speaker.SYSTEM),
    "function": _function_result,
    "system": _message_by(Speaker.SYSTEM),
    "tool": answering(_message_by(Speaker.TOOL), "content", "tool_call_id"),
    "user": _message_by(Speaker.USER),
}


def _message(reading: Reading, value: Frozen, at: At) -> None:
    role = value.get("role") if isinstance(value, Mapping) else None
    if not isinstance(role, str) or role not in _message_of:
        raise refusal(at, "has a role that the guard does not know")
    _message_of[role](reading, value, at)


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
    # What the answer may look like; the program took it from anywhere.
    "prediction": spoken(
        Speaker.TOOL,
        by_type({"content": members({"content": text_or(each(TEXT_PART)), "type": plain})}),
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
