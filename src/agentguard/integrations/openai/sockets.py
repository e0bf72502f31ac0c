# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What travels over which websocket of the OpenAI SDK?

Source: ``openai`` 3.54, whose clients say where they would connect to before they do. A websocket
that is not listed here is refused.
"""

from collections.abc import Mapping

from agentguard.clients.socket_kinds import SocketKind
from agentguard.integrations.openai import socket_responses
from agentguard.integrations.openai.stream_responses import ResponsesForm

SOCKETS: Mapping[str, SocketKind] = {
    "WS /responses": SocketKind(read=socket_responses.model_call, form=ResponsesForm),
}
CLIENTS = frozenset({"OpenAI", "AsyncOpenAI"})
