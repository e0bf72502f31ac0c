# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a message hold that a client sends on a realtime websocket?

Two tables of every type of message: for conversations and transcriptions, and for translations.
An unknown type of message, and a member that no table knows, is refused. Recordings stay in the
payload; they are lifted later.

INVARIANT: every type of message that the SDK knows is in a table, with every member
(tests/integrations/test_openai_socket_messages.py).
Source: ``openai`` 3.54's types of client events.
"""

from collections.abc import Mapping

from agentguard.canonical import Frozen
from agentguard.clients.shapes import (
    At,
    Reading,
    Shape,
    anything,
    by_type,
    each,
    fetched,
    members,
    plain,
    refers,
    spoken,
    text_or,
)
from agentguard.integrations.openai import tools
from agentguard.integrations.openai.responses import prompt
from agentguard.integrations.openai.socket_messages import Messages
from agentguard.vocabulary import Reference, Speaker

THIS_CONVERSATION = frozenset({"auto", "none"})


def _part_by(speaker: Speaker) -> Shape:
    """Return the shape of a part of a message; only its text is what the speaker says."""
    # A model writes down what it hears.
    sounds = Speaker.MODEL if speaker is Speaker.MODEL else Speaker.TOOL
    return members(
        {
            "audio": spoken(sounds, plain),
            "detail": plain,
            "image_url": spoken(Speaker.TOOL, fetched),
            "text": spoken(speaker, plain),
            "transcript": spoken(sounds, plain),
            "type": plain,
        }
    )


_SPEAKERS = {"assistant": Speaker.MODEL, "system": Speaker.SYSTEM, "user": Speaker.USER}
_parts = {speaker: each(_part_by(speaker)) for speaker in Speaker}
_COMMON: Mapping[str, Shape] = {"id": plain, "object": plain, "status": plain, "type": plain}


def _item(*authored: str, **content: Shape) -> Shape:
    return members({**_COMMON, **content}, authored=authored)


def _message(reading: Reading, value: Frozen, at: At) -> None:
    role = value.get("role") if isinstance(value, Mapping) else None
    speaker = _SPEAKERS.get(role, Speaker.TOOL) if isinstance(role, str) else Speaker.TOOL
    authored = ["*"] if speaker is Speaker.MODEL else []
    _item(*authored, content=_parts[speaker], role=plain)(reading, value, at)


def _returned(shape: Shape) -> Shape:
    return spoken(Speaker.TOOL, shape)


def _approval(reading: Reading, value: Frozen, at: At) -> None:
    """Read an answer to a provider that asks whether a tool may run; it makes the tool run."""
    _item(approval_request_id=plain, approve=plain, reason=_returned(plain))(reading, value, at)
    tools.hosted_member("mcp_approval_response")(reading, value, at)


ITEMS: Mapping[str, Shape] = {
    "message": _message,
    "function_call": _item("*", arguments=plain, call_id=plain, name=plain),
    "function_call_output": _item(call_id=plain, output=_returned(plain)),
    "mcp_approval_request": _item("arguments", arguments=plain, name=plain, server_label=plain),
    "mcp_approval_response": _approval,
    "mcp_call": _item(
        "arguments",
        approval_request_id=plain,
        arguments=plain,
        error=_returned(anything),
        name=plain,
        output=_returned(plain),
        server_label=plain,
    ),
    "mcp_list_tools": _item(server_label=plain, tools=_returned(anything)),
    "item_reference": members(_COMMON),
}
item = by_type(ITEMS)


def _conversation(reading: Reading, value: Frozen, at: At) -> None:
    """Read where a response goes: into this conversation or nowhere, or into another one."""
    shape = plain if value in THIS_CONVERSATION else refers(Reference.CONVERSATION)
    shape(reading, value, at)


_voice = text_or(members({"id": plain}))
_format = text_or(members({"rate": plain, "type": plain}))
_noise = members({"strength": plain, "type": plain})
_transcription = members(
    {
        "delay": plain,
        "keywords": plain,
        "language": plain,
        "languages": plain,
        "model": plain,
        "prompt": plain,
    }
)
_heard = members(
    {
        "format": _format,
        "noise_reduction": _noise,
        "transcription": _transcription,
        "turn_detection": anything,
    }
)
_spoken = members({"format": _format, "speed": plain, "voice": _voice})
_audio = members({"input": _heard, "output": _spoken})
# What a session and one response in it have in common.
_TURN: Mapping[str, Shape] = {
    "audio": _audio,
    "instructions": spoken(Speaker.SYSTEM, plain),
    "max_output_tokens": plain,
    "output_modalities": plain,
    "parallel_tool_calls": plain,
    "prompt": prompt,
    "reasoning": anything,
    "tool_choice": tools.choice,
    "tools": tools.tools,
}
SESSION: Mapping[str, Shape] = {
    **_TURN,
    "include": plain,
    "model": plain,
    # The provider keeps what it traces.
    "tracing": refers(Reference.STORE, text_or(anything)),
    "truncation": anything,
    "type": plain,
}
RESPONSE: Mapping[str, Shape] = {
    **_TURN,
    "conversation": _conversation,
    "input": each(item),
    "metadata": anything,
}

_NAMED: Mapping[str, Shape] = {"event_id": plain, "type": plain}
_ITEM: Mapping[str, Shape] = {**_NAMED, "item_id": plain}
MESSAGES: Mapping[str, Mapping[str, Shape]] = {
    "session.update": {**_NAMED, "session": members(SESSION)},
    "conversation.item.create": {**_NAMED, "item": item, "previous_item_id": plain},
    "conversation.item.delete": _ITEM,
    "conversation.item.retrieve": _ITEM,
    "conversation.item.truncate": {**_ITEM, "audio_end_ms": plain, "content_index": plain},
    "input_audio_buffer.append": {**_NAMED, "audio": _returned(plain)},
    "input_audio_buffer.clear": _NAMED,
    "input_audio_buffer.commit": _NAMED,
    "output_audio_buffer.clear": _NAMED,
    "response.cancel": {**_NAMED, "response_id": plain},
    "response.create": {**_NAMED, "response": members(RESPONSE)},
}
_translated = members(
    {
        "audio": members(
            {
                "input": members({"noise_reduction": _noise, "transcription": _transcription}),
                "output": members({"language": plain}),
            }
        )
    }
)
TRANSLATION_MESSAGES: Mapping[str, Mapping[str, Shape]] = {
    "session.close": _NAMED,
    "session.input_audio_buffer.append": {**_NAMED, "audio": _returned(plain)},
    "session.update": {**_NAMED, "session": _translated},
}
CONVERSATION = Messages(
    path="/realtime",
    types={kind: members(known) for kind, known in MESSAGES.items()},
    # A second model writes down what is said.
    models=(("session", "audio", "input", "transcription"),),
)
TRANSLATION = Messages(
    path="/realtime/translations",
    types={kind: members(known) for kind, known in TRANSLATION_MESSAGES.items()},
    models=(("session", "audio", "input", "transcription"),),
)
