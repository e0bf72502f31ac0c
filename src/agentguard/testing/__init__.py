# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a test of guarded code run against?

A provider on loopback that answers as scripted and keeps every byte that it received, so that
a test proves what left instead of believing it.
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
from agentguard.testing.loopback import LoopbackProvider
from agentguard.testing.multipart import Part
from agentguard.testing.received import Received

__all__ = [
    "Answer",
    "LoopbackProvider",
    "Part",
    "Received",
    "Responder",
    "StreamEnd",
    "ToolRequest",
    "dropped",
    "echo",
    "failure",
    "redirect",
]
