# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a request that a tool sends over HTTP come to pass the guard?

What the guarded clients of all HTTP libraries share; what is special about a library stands in
its integration.

requests    what a request is as a call of a tool, and what of it is sent
bodies      what a body holds
headers     which headers are looked at
addresses   which addresses a connection may go to
answers     what came back, as far as it is text
"""

from agentguard.clients.outbound.addresses import Resolver, looked_up, reachable
from agentguard.clients.outbound.requests import (
    First,
    Outbound,
    Outgoing,
    Passage,
    guarded_requests,
)

__all__ = [
    "First",
    "Outbound",
    "Outgoing",
    "Passage",
    "Resolver",
    "guarded_requests",
    "looked_up",
    "reachable",
]
