# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a message hold that a client sends on a live websocket?

One table for sessions, forks and what is attached to them: each takes a part of it, and a
provider refuses the rest. An unknown type of message, and a member that no table knows, is
refused. Recordings stay in the payload; they are lifted later.

INVARIANT: every type of message that the SDK knows is in the table, with every member
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
    each,
    fetched,
    members,
    plain,
    switch,
    text_or,
)
from agentguard.integrations.openai import tools
from agentguard.integrations.openai.responses_items import item
from agentguard.integrations.openai.socket_messages import Messages
from agentguard.vocabulary import Reference

# Media in a question and in what is decided on; JSON is content of any form.
_part = members(
    {"data": anything, "detail": plain, "image_url": fetched, "text": plain, "type": plain}
)
_said = text_or(each(_part))
_question = members(
    {
        "choices": anything,
        "instructions": _said,
        "levels": anything,
        "name": plain,
        "type": plain,
    }
)
_questions: Mapping[str, Shape] = {"questions": each(_question)}
_trigger = members({"decisions": members(_questions), "event_type": plain, "type": plain})
_responses = members(
    {
        "instructions": plain,
        "max_output_tokens": plain,
        "model": plain,
        "parallel_tool_calls": plain,
        "reasoning": anything,
        "service_tier": plain,
        "text": anything,
        "tool_choice": tools.choice,
        "tools": tools.tools,
    }
)
_delegation = members(
    {
        "acknowledgement_delay_ms": plain,
        "decisions": members({**_questions, "model": plain}),
        "responses": _responses,
        "type": plain,
    }
)
_channel = members({"allowed_client_events": plain, "allowed_server_events": anything})
_audio = members(
    {
        "format": text_or(members({"rate": plain, "type": plain})),
        "output": members({"voice": text_or(members({"id": plain}))}),
    }
)
_DECIDED: Mapping[str, Shape] = {
    "arguments": plain,
    "call_id": plain,
    "content": _said,
    "id": plain,
    "input": plain,
    "name": plain,
    "namespace": plain,
    "output": _said,
    "role": plain,
    "status": plain,
    "type": plain,
}
_by_others, _by_the_model = members(_DECIDED), members(_DECIDED, authored=("*",))
CALLS = frozenset({"custom_tool_call", "function_call"})


def _decided(reading: Reading, value: Frozen, at: At) -> None:
    """Read an item of what is decided on, or of what was said before a session."""
    authored = isinstance(value, Mapping) and (
        value.get("role") == "assistant" or value.get("type") in CALLS
    )
    (_by_the_model if authored else _by_others)(reading, value, at)


SESSION: Mapping[str, Shape] = {
    "audio": _audio,
    "client": members({"data_channel": _channel}),
    "delegation": _delegation,
    "input": each(_decided),
    "instructions": plain,
    "model": plain,
    "safety_identifier": plain,
    "store": switch(Reference.STORE),
    "triggers": each(_trigger),
}
_NAMED: Mapping[str, Shape] = {"event_id": plain, "type": plain}
_ADDED: Mapping[str, Shape] = {**_NAMED, "content": plain, "delegation_id": plain}
_HEARD: Mapping[str, Shape] = {**_NAMED, "audio": plain}
MESSAGES: Mapping[str, Mapping[str, Shape]] = {
    "decision.create": _NAMED,
    "decision.item.create": {**_NAMED, "item": _decided},
    "decision.item.delete": {**_NAMED, "item_id": plain},
    "response.create": _NAMED,
    "response.item.create": {**_NAMED, "item": item},
    "session.close": _NAMED,
    "session.commentary.append": _ADDED,
    "session.input_audio.append": _HEARD,
    "session.input_audio.mute": _NAMED,
    "session.input_audio.unmute": _NAMED,
    "session.instructions.append": _ADDED,
    "session.output_audio.fixture.play": _HEARD,
    "session.start": {**_NAMED, "session": members(SESSION)},
    "session.thinking.append": _ADDED,
    "session.update": {**_NAMED, "session": members(SESSION)},
    "transport.dtmf.send": {**_NAMED, "event": plain},
}


def messages_on(path: str) -> Messages:
    """Return what clients may send on one of the live websockets."""
    return Messages(
        path=path,
        types={kind: members(known) for kind, known in MESSAGES.items()},
        models=(
            ("session", "delegation", "responses"),
            ("session", "delegation", "decisions"),
        ),
    )
