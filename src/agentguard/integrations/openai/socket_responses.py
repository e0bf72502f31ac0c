# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a message hold that a client sends on the websocket of the Responses API?

A message that creates a response holds the body of ``POST /responses`` beside a few members of its
own, so that body is read as there. An unknown type of message is refused.

INVARIANT: every type of message that the SDK knows is read, and no other
(tests/integrations/test_openai_socket_messages.py).
Source: ``openai`` 3.54's types of client events.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from agentguard.canonical import Frozen
from agentguard.clients.shapes import TOP, Reading, Shape, members, plain, refers
from agentguard.clients.socket_frames import members_of
from agentguard.integrations.openai import responses
from agentguard.integrations.openai.socket_messages import Messages
from agentguard.vocabulary import ModelCall, Reference

CREATE = "response.create"
# What a message holds beside the body of a request.
BESIDE: Mapping[str, Shape] = {
    "event_id": plain,
    "generate": plain,
    "stream_id": plain,
    "type": plain,
}
_beside = members(BESIDE)
# Messages that add to a response which is being made.
ADDING: Mapping[str, Mapping[str, Shape]] = {
    "response.steer": {
        "input": responses.given,
        "previous_response_id": refers(Reference.STORED_RESPONSE),
    },
    "response.inject": {"input": responses.given, "response_id": refers(Reference.STORED_RESPONSE)},
}
_adding = Messages(
    path=responses.PATH,
    types={kind: members({**BESIDE, **known}) for kind, known in ADDING.items()},
)


def model_call(
    call_id: str, event: Frozen, *, origin: str, extra_fields: frozenset[str]
) -> ModelCall:
    """Return the call that a message means; see ``FrameReader``."""
    kind, given = members_of(event)
    if kind != CREATE:
        return _adding.read(call_id, event, origin=origin, extra_fields=extra_fields)
    beside = {name: given.pop(name) for name in BESIDE if name in given}
    _beside(Reading(frozenset()), MappingProxyType(beside), TOP)
    call = responses.model_call(call_id, given, origin=origin, extra_fields=extra_fields)
    body = call.payload if isinstance(call.payload, Mapping) else {}
    return replace(call, payload=MappingProxyType({**beside, **body}))
