# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What travels over which websocket of the OpenAI SDK?

Source: ``openai`` 3.54, whose clients say where they would connect to before they do. A websocket
that is not listed here is refused.
"""

from collections.abc import Mapping

from agentguard.clients.socket_kinds import SocketKind
from agentguard.integrations.openai import socket_live, socket_realtime, socket_responses
from agentguard.integrations.openai.stream_realtime import LiveForm, RealtimeForm
from agentguard.integrations.openai.stream_responses import ResponsesForm

LIVE = ("/live/sessions", "/live/sessions/{}/attach", "/live/sessions/{}/fork")
SOCKETS: Mapping[str, SocketKind] = {
    "WS /responses": SocketKind(read=socket_responses.model_call, form=ResponsesForm),
    "WS /realtime": SocketKind(
        read=socket_realtime.CONVERSATION.read, form=RealtimeForm, query=frozenset({"intent"})
    ),
    "WS /realtime/translations": SocketKind(
        read=socket_realtime.TRANSLATION.read, form=RealtimeForm
    ),
    **{
        f"WS {path}": SocketKind(read=socket_live.messages_on(path).read, form=LiveForm)
        for path in LIVE
    },
}
CLIENTS = frozenset({"OpenAI", "AsyncOpenAI"})
