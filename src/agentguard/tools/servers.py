# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Whose tool does a name of the policy stand for, where several servers are used?

A tool ``b_c`` of a server ``a`` would have the name of a tool ``c`` of a server ``a_b``, and a
server without a name could give its tool any of these names.

INVARIANT: no server gets a call by the name of a tool of another one
(tests/attacks/frameworks/test_mcp_names_evaded.py).
"""

from weakref import WeakKeyDictionary

from agentguard.enforcement import Enforcer
from agentguard.errors import ConfigError

_NAMED: WeakKeyDictionary[Enforcer, set[str]] = WeakKeyDictionary()


def note_server(enforcer: Enforcer, server: str | None) -> None:
    """Note that a guard has a session of a server.

    Args:
        enforcer: the guard's.
        server: the server's name in the policy, if it has one.

    Raises:
        ConfigError: a tool of it could be that of another server.
    """
    if server is None:
        return
    named = _NAMED.setdefault(enforcer, set())
    if any(clash(server, other) for other in named):
        raise ConfigError(
            f"a tool of the MCP server {server!r} could be that of another one: name no server by"
            " the name of another one with '_' and more behind it"
        )
    named.add(server)


def is_anothers(enforcer: Enforcer, tool: str, server: str | None) -> bool:
    """Say whether a name of the policy stands for a tool of another server than this one."""
    named = _NAMED.get(enforcer, set()) if server is None else ()
    return any(tool.startswith(f"{other}_") for other in named)


def clash(one: str, other: str) -> bool:
    """Say whether a tool of one server could be that of another one, by their names."""
    return one != other and (f"{one}_".startswith(f"{other}_") or f"{other}_".startswith(f"{one}_"))
