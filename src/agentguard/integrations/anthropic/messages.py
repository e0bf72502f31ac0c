# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a request for a message hold, and where in it?

Turns a request body into a ``ModelCall``: which blocks the model wrote, which tools are offered,
what the provider would use or keep, where the answer will stand. The stable and the beta form of
the API share their path, so that they are read by one table.

What thinking blocks and the like hold is sealed by the provider and must come back as it was.
Placeholders in an answer's thinking are not turned back, so that it can be sent again unchanged.

INVARIANT: every member of the body is in a table, or the policy lists it as an extra field of the
provider (tests/integrations/test_anthropic_tables.py).
Source: the Messages API reference, and ``anthropic`` 2.12's request types.
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
    by_type,
    each,
    frozen_object,
    members,
    model_name,
    plain,
    refers,
    refusal,
    text_or,
)
from agentguard.integrations.anthropic.blocks import given, instructions, said, texts
from agentguard.integrations.anthropic.tools import (
    CACHE,
    choice,
    container_or_id,
    definition,
    forced_function,
    server,
)
from agentguard.vocabulary import ModelCall, Reference

PATH = "/v1/messages"
COUNT = "/v1/messages/count_tokens"

ANSWERS = ("/content/*/text", "/content/*/citations/*/cited_text")

REFUSED = {
    "fallback_credit_token": "belongs to a retry with another model than the one decided",
    "fallbacks": "lets another model answer than the one decided",
}

_amount = members({"type": plain, "value": plain})
_effort = members({"effort": plain})
_schema = by_type({"json_schema": members({"schema": anything, "type": plain})})
_binding = members({"prefix_mismatch_behavior": plain})
_edit = by_type(
    {
        "clear_thinking_20251015": members({"keep": text_or(_amount), "type": plain}),
        "clear_tool_uses_20250919": members(
            {
                "clear_at_least": _amount,
                "clear_tool_inputs": plain,
                "exclude_tools": plain,
                "keep": _amount,
                "trigger": _amount,
                "type": plain,
            }
        ),
        "compact_20260112": members(
            {
                "instructions": plain,
                "pause_after_compaction": plain,
                "trigger": _amount,
                "type": plain,
            }
        ),
    }
)
_thinking = by_type(
    {
        "adaptive": members({"block_binding": _binding, "display": plain, "type": plain}),
        "between_tools": members({"type": plain}),
        "disabled": members({"type": plain}),
        "enabled": members(
            {"block_binding": _binding, "budget_tokens": plain, "display": plain, "type": plain}
        ),
    }
)
_roles = {
    "assistant": members({"content": said, "role": plain}),
    "system": members(
        {"clear_at": plain, "content": instructions, "output_config": _effort, "role": plain}
    ),
    "user": members({"content": given, "role": plain}),
}


def _message(reading: Reading, value: Frozen, at: At) -> None:
    role = value.get("role") if isinstance(value, Mapping) else None
    shape = _roles.get(role) if isinstance(role, str) else None
    if shape is None or not isinstance(value, Mapping):
        raise refusal(at, "is no message of a role that the guard knows")
    shape(reading, value, at)
    if role == "assistant" and isinstance(value.get("content"), str):
        reading.authored.append(f"{at.pointer}/content")


def _conversation(reading: Reading, value: Frozen, at: At) -> None:
    """Read what makes the provider hold the conversation."""
    reading.references.add(Reference.STORE)
    by_type(
        {
            "continue": members(
                {"previous_message_id": refers(Reference.STORED_RESPONSE), "type": plain}
            ),
            "create": members({"type": plain}),
        }
    )(reading, value, at)


_COUNTED: Mapping[str, Shape] = {
    "billing_policy": members({"bill_to": plain, "type": plain}),
    "cache_control": CACHE,
    "compaction": by_type({"summarize": members({"instructions": plain, "type": plain})}),
    "context_management": members({"edits": each(_edit)}),
    "mcp_servers": each(server),
    "messages": each(_message),
    "model": plain,
    "output_config": members(
        {
            "effort": plain,
            "format": _schema,
            "task_budget": members({"remaining": plain, "total": plain, "type": plain}),
        }
    ),
    "output_format": _schema,
    "speed": plain,
    "system": texts,
    "thinking": _thinking,
    "tool_choice": choice,
    "tools": each(definition),
    "user_profile_id": plain,
    "workspace_id": plain,
}
_CREATED: Mapping[str, Shape] = {
    **_COUNTED,
    "container": container_or_id,
    "diagnostics": members({"previous_message_id": refers(Reference.STORED_RESPONSE)}),
    "inference_geo": plain,
    "max_tokens": plain,
    "metadata": members({"user_id": plain}),
    "service_tier": plain,
    "stop_sequences": plain,
    "stream": plain,
    "temperature": plain,
    "thread": _conversation,
    "top_k": plain,
    "top_p": plain,
}
BODIES = {PATH: _CREATED, COUNT: _COUNTED}
_bodies = {path: members(known, refused=REFUSED) for path, known in BODIES.items()}


def read(reading: Reading, payload: Mapping[str, Frozen], at: At, path: str = PATH) -> None:
    """Note what the parameters of a message mean; they may stand inside another request.

    Raises:
        ContentRefused: they hold what cannot be inspected or is not guarded.
    """
    if not isinstance(payload.get("messages"), tuple) or not payload["messages"]:
        raise refusal(at.below("messages"), "holds no list of messages")
    _bodies[path](reading, payload, at)
    reading.forced = forced_function(reading)


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
        path: the path template of the operation: that of a message, or of counting its tokens.

    Raises:
        ContentRefused: the body holds what cannot be inspected or is not guarded.
    """
    payload = frozen_object(body, BODIES[path])
    reading = Reading(extra_fields)
    read(reading, payload, TOP, path)
    creates = path == PATH
    call = ModelCall(
        id=call_id,
        operation="chat" if creates else f"POST {path}",
        verb="POST",
        path=path,
        origin=origin,
        model=model_name(payload),
        payload=payload,
        streams=asks_for_stream(payload),
        answers=ANSWERS if creates else (),
        instructions="system" if creates else None,
    )
    return reading.noted_on(call)
