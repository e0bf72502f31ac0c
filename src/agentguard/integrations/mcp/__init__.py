# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is what speaks the Model Context Protocol guarded?

sessions     the session of a client, in place
outbound     how does a message of a client come to its server?
methods      which messages may a client send?
results      what can be read of a server's answers?
callbacks    what may answer a server that asks?
under_way    and who acts then?
definitions  what does a server say of its tools?
greeting     and of itself?
spans        what do the SDK's spans say?
handling     what may callers of a server of ours see and do?
serving      a server that acts for whoever sent the request
"""

from typing import Any

from mcp import Client, ClientSession, ClientSessionGroup

from agentguard.integrations.mcp.handling import ServerGuard
from agentguard.integrations.mcp.serving import CallerMiddleware, GuardTokenVerifier, VerifiedToken
from agentguard.integrations.mcp.sessions import guarded_client, guarded_session, refuse_group
from agentguard.tools import Wrapping

__all__ = [
    "CallerMiddleware",
    "GuardTokenVerifier",
    "ServerGuard",
    "VerifiedToken",
    "guarded",
]


def guarded(target: Any, wrapping: Wrapping) -> Any:
    """Return a part of an MCP client under the guard; see ``guard.wrap``.

    Raises:
        TypeError: it is nothing that can be guarded.
        ConfigError: another guard has it, or it does something that is not guarded.
    """
    if isinstance(target, ClientSession):
        return guarded_session(target, wrapping)
    if isinstance(target, Client):
        return guarded_client(target, wrapping)
    if isinstance(target, ClientSessionGroup):
        refuse_group(target)
    raise TypeError(
        f"objects of type {type(target).__name__} cannot be guarded: guard an mcp.ClientSession or"
        " an mcp.Client; a server gets a ServerGuard as its last middleware, see docs/mcp.md"
    )
