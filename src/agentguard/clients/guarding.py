# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does an existing client become a guarded one?

The client keeps its identity as an object; its class becomes a subclass made on the fly, and its
HTTP client is sealed. What the subclass overrides is in ``members``.
"""

from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeVar

from agentguard.clients.living import note
from agentguard.clients.members import overrides
from agentguard.clients.resources import arm_held, lazily_armed
from agentguard.clients.seal import seal
from agentguard.clients.sockets import socket_members
from agentguard.clients.state import GUARDED, RAW_HTTP, STATE, State, refuse, state_of
from agentguard.clients.surface import Surface
from agentguard.enforcement import Enforcer
from agentguard.errors import ConfigError, UnguardedPath
from agentguard.vocabulary import Caller

C = TypeVar("C")

SDK_HTTP_CLIENTS = {"SyncHttpxClientWrapper", "AsyncHttpxClientWrapper"}
# Without these the guard would not be asked; an SDK that lacks one is not the one we know.
NEEDED = (
    "request",
    "copy",
    "with_options",
    "_build_request",
    "_build_headers",
    "_prepare_options",
    "_prepare_request",
    "_process_response",
)


def guard_client(client: C, surface: Surface, enforcer: Enforcer, carried: Caller | None) -> C:
    """Guard a client in place and return it.

    Raises:
        TypeError: a subclass that the guard does not know.
        ConfigError: another guard has the client already.
    """
    kind = type(client)
    if getattr(kind, GUARDED, False):
        state = state_of(client)
        if state.enforcer is not enforcer:
            raise ConfigError("the client is guarded by another guard already")
        return _arm_again(client, state, carried)
    if not surface.is_client_class(kind):
        known = ", ".join(sorted(name for name in surface.clients if name[0] != "_"))
        raise TypeError(f"clients of type {kind.__name__} are not guarded: use one of {known}")
    arm(client, State(surface=surface, enforcer=enforcer, carried=carried))
    return client


def _arm_again(client: C, state: State, carried: Caller | None) -> C:
    if carried is None or state.carried == carried:
        return client
    if state.carried is not None:
        raise ConfigError("the client carries an identity already: use guard.bind for another")
    armed: C = arm(client, replace(state, carried=carried))
    return armed


def bind_client(client: C, surface: Surface, enforcer: Enforcer, carried: Caller) -> C:
    """Return a second client, guarded and bound to *carried*; the first stays as it is."""
    guarded: Any = guard_client(client, surface, enforcer, None)
    bound: C = arm(guarded.copy(), State(surface=surface, enforcer=enforcer, carried=carried))
    return bound


def arm(client: Any, state: State) -> Any:
    """Seal a client's HTTP client, give it its guard, and swap its class."""
    kind: Any = type(client)
    guarded = kind if getattr(kind, GUARDED, False) else guarded_class(kind)
    state.surface.make_ready(client)
    http_client = client._client  # noqa: SLF001 - the seal belongs there
    made_by_sdk = type(http_client).__name__ in SDK_HTTP_CLIENTS

    def report(error: UnguardedPath) -> None:
        refuse(state, RAW_HTTP, error)

    client._client = seal(http_client, report, made_by_sdk=made_by_sdk)  # noqa: SLF001 - see above
    client.__dict__[STATE] = state
    client.__class__ = guarded
    arm_held(client)
    note(client)
    return client


@lru_cache(maxsize=32)
def guarded_class(base: Any) -> type:
    """Return the guarded subclass of a client class; one for each class.

    Raises:
        TypeError: the class lacks a method through which the guard would be asked.
    """
    missing = [name for name in NEEDED if not callable(getattr(base, name, None))]
    if missing:
        raise TypeError(
            f"this version of the SDK cannot be guarded: {base.__name__} has no {missing[0]}"
        )
    members = {name: member for name, member in overrides(base, arm).items() if hasattr(base, name)}
    members |= lazily_armed(base)
    members |= socket_members(base, members)
    members |= {
        "__module__": base.__module__,
        "__qualname__": base.__qualname__,
        "__doc__": base.__doc__,
        GUARDED: True,
    }
    return type(base.__name__, (base,), members)
