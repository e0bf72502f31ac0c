# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a test of guarded code run against?

A provider and a websocket server on loopback that answer as scripted and keep every byte that
they received, so that a test proves what left instead of believing it.
Nothing here is imported by the guard itself.
"""

from agentguard.testing.answers import (
    Answer,
    Responder,
    StreamEnd,
    ToolRequest,
    dropped,
    echo,
    failure,
    redirect,
)
from agentguard.testing.deciders import decider_problems, decision_request
from agentguard.testing.loopback import LoopbackProvider
from agentguard.testing.multipart import Part
from agentguard.testing.received import Received
from agentguard.testing.socket_scripts import Hangup, SocketFrame, speaking
from agentguard.testing.socket_server import LoopbackSocket

__all__ = [
    "Answer",
    "Hangup",
    "LoopbackProvider",
    "LoopbackSocket",
    "Part",
    "Received",
    "Responder",
    "SocketFrame",
    "StreamEnd",
    "ToolRequest",
    "decider_problems",
    "decision_request",
    "dropped",
    "echo",
    "failure",
    "redirect",
    "speaking",
]
