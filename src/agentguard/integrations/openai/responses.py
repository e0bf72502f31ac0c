# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a request for a response hold, and where in it?

Reads ``POST /responses`` and what counts or compacts the same input. Whatever it cannot inspect,
and every field that it does not know, is refused. It decides nothing about identities, classes,
models, tools or references. Images and documents stay in the payload; they are lifted later.

INVARIANT: every field of the body is known, or the policy lists it as an extra field of the
provider (tests/integrations/test_openai_responses.py).
INVARIANT: whatever the provider would use or keep beyond the content is among the references
(tests/attacks/test_openai_responses_reach.py).
Source: the Responses API reference, and ``openai`` 3.54's request types.
"""

from collections.abc import Mapping

from agentguard.canonical import Frozen
from agentguard.clients.shapes import (
    TOP,
    At,
    Reading,
    Shape,
    anything,
    asks_for_stream,
    each,
    each_value,
    frozen_object,
    members,
    model_name,
    plain,
    refers,
    spoken,
    switch,
    text_or,
)
from agentguard.integrations.openai import tools
from agentguard.integrations.openai.responses_items import PART, item
from agentguard.vocabulary import ModelCall, Reference, Speaker

PATH = "/responses"
COUNT = "/responses/input_tokens"
COMPACT = "/responses/compact"

ANSWERS = (
    "/output/*/content/*/text",
    "/output/*/content/*/refusal",
    "/output/*/summary/*/text",
    "/output_text",
)


def _cache_options(reading: Reading, value: Frozen, at: At) -> None:
    known = {
        "comparison_response_id": refers(Reference.STORED_RESPONSE),
        "mode": plain,
        "prewarm": plain,
        "ttl": plain,
    }
    members(known)(reading, value, at)


_items = each(item)


def given(reading: Reading, value: Frozen, at: At) -> None:
    """Read the input of a response: what the user says, or a list of items."""
    if isinstance(value, str):
        reading.says(Speaker.USER, at)
    else:
        _items(reading, value, at)


_conversation = refers(Reference.CONVERSATION, text_or(members({"id": plain})))
# Whose words are filled into a prompt that the provider keeps, nothing says.
_variables = spoken(Speaker.TOOL, each_value(text_or(PART)))
prompt = refers(Reference.PROMPT, members({"id": plain, "variables": _variables, "version": plain}))

# What every request that takes the input of a response may hold.
_SHARED: Mapping[str, Shape] = {
    "input": given,
    "instructions": spoken(Speaker.SYSTEM, plain),
    "model": plain,
    "previous_response_id": refers(Reference.STORED_RESPONSE),
}
_COUNTED: Mapping[str, Shape] = {
    **_SHARED,
    "conversation": _conversation,
    "parallel_tool_calls": plain,
    "reasoning": anything,
    "text": anything,
    "tool_choice": tools.choice,
    "tools": tools.tools,
    "truncation": plain,
}
_CACHED: Mapping[str, Shape] = {
    "image": anything,
    "prompt_cache_key": plain,
    "prompt_cache_options": _cache_options,
    "prompt_cache_retention": plain,
    "service_tier": plain,
}
BODIES: Mapping[str, Mapping[str, Shape]] = {
    PATH: {
        **_COUNTED,
        **_CACHED,
        "access_programs": anything,
        "background": switch(Reference.BACKGROUND),
        "background_options": anything,
        "context_management": anything,
        "include": plain,
        "max_output_tokens": plain,
        "max_tool_calls": plain,
        "metadata": anything,
        "moderation": anything,
        "prompt": prompt,
        "safety_identifier": plain,
        "store": switch(Reference.STORE),
        "stream": plain,
        "stream_options": anything,
        "temperature": plain,
        "top_logprobs": plain,
        "top_p": plain,
        "user": plain,
    },
    COUNT: {**_COUNTED, "personality": plain},
    COMPACT: {**_SHARED, **_CACHED},
}
_bodies = {path: members(body) for path, body in BODIES.items()}


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
        path: the path template of the operation: that of a response, of counting its input or
            of compacting it.

    Raises:
        ContentRefused: the body holds what cannot be inspected or is not guarded.
    """
    payload = frozen_object(body, BODIES[path])
    reading = Reading(extra_fields)
    _bodies[path](reading, payload, TOP)
    reading.settle_named()
    creates = path == PATH
    call = ModelCall(
        id=call_id,
        operation="chat" if creates else f"POST {path}",
        verb="POST",
        path=path,
        origin=origin,
        # A stored prompt may choose the model; a rule must then allow any.
        model="" if payload.get("model") is None else model_name(payload),
        payload=payload,
        keeps="store" if creates else None,
        streams=asks_for_stream(payload),
        answers=() if path == COUNT else ANSWERS,
        instructions="instructions" if creates else None,
    )
    return reading.noted_on(call)
