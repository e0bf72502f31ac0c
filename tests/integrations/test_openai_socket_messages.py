# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The tables of what clients send on websockets, beside the types of the installed SDK."""

import typing
from collections.abc import Iterator, Mapping
from typing import Any

import openai
import pytest

from agentguard.canonical import freeze
from agentguard.errors import ContentRefused
from agentguard.integrations.openai import (
    responses,
    socket_live,
    socket_realtime,
    socket_responses,
    sockets,
)
from agentguard.vocabulary import Reference

pytestmark = pytest.mark.skipif(
    int(openai.__version__.partition(".")[0]) < 3, reason="websockets are guarded from 3 on"
)


def models_in(annotation: Any) -> Iterator[Any]:
    """Yield the models that a union is made of."""
    if typing.get_args(annotation):
        for each in typing.get_args(annotation):
            yield from models_in(each)
    elif hasattr(annotation, "model_fields"):
        yield annotation


def type_of(model: Any) -> str:
    """Return the type that an event of this model says it has."""
    return str(typing.get_args(model.model_fields["type"].annotation)[0])


def unions() -> dict[str, tuple[Any, Mapping[str, Any]]]:
    """Return what the SDK can send on each websocket, and our table of it."""
    from openai.types import live, realtime
    from openai.types.beta import beta_responses_client_event
    from openai.types.live.connect_client_event import ConnectClientEvent
    from openai.types.live.fork_client_event import ForkClientEvent
    from openai.types.responses import responses_client_event

    create = {**socket_responses.BESIDE, **responses.BODIES[responses.PATH]}
    answers = {
        "response.create": create,
        **{
            kind: {**socket_responses.BESIDE, **known}
            for kind, known in socket_responses.ADDING.items()
        },
    }
    # The beta's own members are refused until a policy lists them.
    beta = {**answers, "response.create": {**create, "betas": None, "multi_agent": None}}
    return {
        "responses": (responses_client_event.ResponsesClientEvent, answers),
        "beta responses": (beta_responses_client_event.BetaResponsesClientEvent, beta),
        "realtime": (realtime.RealtimeClientEvent, socket_realtime.MESSAGES),
        "translations": (
            realtime.RealtimeTranslationClientEvent,
            socket_realtime.TRANSLATION_MESSAGES,
        ),
        "live": (live.ClientEvent, socket_live.MESSAGES),
        "sideband": (ConnectClientEvent, socket_live.MESSAGES),
        "fork": (ForkClientEvent, socket_live.MESSAGES),
    }


@pytest.mark.parametrize(
    "name", ["responses", "beta responses", "realtime", "translations", "live", "sideband", "fork"]
)
def test_every_message_of_the_sdk_is_in_the_table(name: str) -> None:
    """Each type of message that the SDK can send is known, with every member."""
    union, table = unions()[name]
    missing = {
        f"{type_of(model)} {member}"
        for model in models_in(union)
        for member in model.model_fields
        if member not in table.get(type_of(model), {})
    }
    assert missing == set()


def test_the_members_of_sessions_and_responses_are_known() -> None:
    """Each member of a session, and of a response in one, is known."""
    from openai.types import live, realtime

    transcription = realtime.RealtimeTranscriptionSessionCreateRequest
    for model, table in (
        (realtime.RealtimeSessionCreateRequest, socket_realtime.SESSION),
        (transcription, socket_realtime.SESSION),
        (realtime.RealtimeResponseCreateParams, socket_realtime.RESPONSE),
        (live.SessionConfig, socket_live.SESSION),
        (live.SessionUpdateConfig, socket_live.SESSION),
        (live.ForkSessionConfig, socket_live.SESSION),
    ):
        assert set(model.model_fields) <= set(table), model


def test_every_item_of_a_conversation_is_known() -> None:
    """Each type of item that a conversation can hold is known."""
    from openai.types.realtime import ConversationItem

    assert {type_of(model) for model in models_in(ConversationItem)} <= set(socket_realtime.ITEMS)


@pytest.mark.parametrize("pair", list(sockets.SOCKETS))
@pytest.mark.parametrize("event", [{}, {"type": 1}, {"type": "x"}, [], "x", None])
def test_what_is_no_known_message_is_refused(pair: str, event: Any) -> None:
    """A message without a known type is refused on every websocket."""
    with pytest.raises(ContentRefused):
        sockets.SOCKETS[pair].read("id", freeze(event), origin="o", extra_fields=frozenset())


def test_a_message_says_what_it_reaches() -> None:
    """Tools, references, models and the model's own words are read where they stand."""
    session = {
        "model": "m",
        "tools": [
            {"type": "function", "name": "f"},
            {"type": "mcp", "server_label": "s", "server_url": "https://x"},
        ],
        "prompt": {"id": "p"},
        "tracing": {"workflow_name": "w"},
        "audio": {"input": {"transcription": {"model": "w"}}},
    }
    read = sockets.SOCKETS["WS /realtime"].read
    event = freeze({"type": "session.update", "session": session})
    call = read("id", event, origin="o", extra_fields=frozenset())
    assert (call.model, [inner.model for inner in call.inner]) == ("m", ["w"])
    assert [tool.pointer for tool in call.function_tools] == ["/session/tools/0"]
    assert [tool.pointer for tool in call.hosted_tools] == ["/session/tools/1"]
    assert call.references == {Reference.PROMPT, Reference.STORE}
    said = {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "x"}],
    }
    event = freeze({"type": "conversation.item.create", "item": said})
    assert read("id", event, origin="o", extra_fields=frozenset()).model_authored == ("/item",)
