# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which clients of httpx can be guarded, and what becomes of one that is?

A client is taken whose transport and pool are the library's own and that has no other way to
send: no proxy, no mount, no unix socket. The rest is refused when it is wrapped, and told why.

INVARIANT: no request of a guarded client gets to a connection but through the guard
(tests/attacks/outbound/test_outbound_bypasses.py).
"""

import sys
from functools import lru_cache, partial
from typing import Any

from agentguard.clients.outbound import Outbound, Resolver, looked_up
from agentguard.enforcement import Enforcer
from agentguard.errors import ConfigError, UnguardedPath
from agentguard.integrations.httpx_clients.connections import POOL_SETTINGS, core_of
from agentguard.integrations.httpx_clients.transports import AsyncTransport, SyncTransport
from agentguard.vocabulary import Caller

LIBRARIES = ("httpx", "httpx2")
GUARDED = "__agentguard_outbound__"
TRANSPORT = "_agentguard_transport"


def library_of(target: object) -> str | None:
    """Return the library that an object is a client of, None if it is none."""
    for base in type(target).__mro__:
        root = base.__module__.partition(".")[0]
        if root in LIBRARIES and base.__name__ in ("Client", "AsyncClient"):
            return root
    return None


def guard_http_client(
    client: Any,
    enforcer: Enforcer,
    tools: tuple[str, ...],
    carried: Caller | None,
    *,
    resolve: Resolver = looked_up,
) -> Any:
    """Guard a client in place and return it.

    Raises:
        ConfigError: the client is guarded otherwise, has proxies or mounts, or the policy has no
            such tools.
        TypeError: its transport is not the library's own.
    """
    root = library_of(client)
    if root is None:
        raise TypeError(f"objects of type {type(client).__name__} are no clients of httpx")
    outbound = Outbound(enforcer, tools, surface=root, carried=carried)
    known = client.__dict__.get(TRANSPORT)
    if known is not None:
        if known.is_like(outbound):
            return client
        raise ConfigError("the client is guarded already, with other tools or by another guard")
    library = sys.modules[root]
    asynchronous = isinstance(client, library.AsyncClient)
    _refuse_other_ways(client, library, asynchronous=asynchronous)
    kind = AsyncTransport if asynchronous else SyncTransport
    transport = kind(outbound, client._transport, library, resolve)  # noqa: SLF001 - no public way
    client._transport, client._mounts = transport, {}  # noqa: SLF001 - as above
    client.__dict__[TRANSPORT] = transport
    base: Any = type(client)
    client.__class__ = _guarded_class(base)
    return client


def _refuse_other_ways(client: Any, library: Any, *, asynchronous: bool) -> None:
    expected = library.AsyncHTTPTransport if asynchronous else library.HTTPTransport
    transport = getattr(client, "_transport", None)
    pool = getattr(transport, "_pool", None)
    core = core_of(library)
    if type(transport) is not expected:
        raise TypeError(
            f"the client has a transport of type {type(transport).__name__}, which may go anywhere:"
            " give it none, and let it make its own"
        )
    _refuse_replaced(transport, pool, core)
    if type(pool) is not (core.AsyncConnectionPool if asynchronous else core.ConnectionPool):
        raise ConfigError("the client has a proxy, which would connect for it: give it none")
    missing = [name for name in POOL_SETTINGS if not hasattr(pool, f"_{name}")]
    if missing or not hasattr(client, "_mounts"):
        raise TypeError(f"this version of {library.__name__} cannot be guarded")
    if getattr(pool, "_uds", None) is not None:
        raise ConfigError("the client connects to a unix socket, which no policy decides on")
    if getattr(pool, "_proxy", None) is not None or client._mounts:  # noqa: SLF001 - no public way
        raise ConfigError(
            "the client has proxies or other mounts, which would lead past the guard: make it"
            " without, and with trust_env=False where the environment names a proxy"
        )


def _refuse_replaced(transport: Any, pool: Any, core: Any) -> None:
    """Refuse a transport of the library's own class in which something else stands."""
    if any(hasattr(type(transport), name) for name in vars(transport)):
        raise ConfigError(
            "a method of the client's transport was replaced, and what stands there may go"
            " anywhere: wrap the client first, and instrument it after that"
        )
    backend = getattr(pool, "_network_backend", None)
    if type(backend).__module__.partition(".")[0] != core.__name__:
        raise TypeError(
            f"the client's connections are opened by a {type(backend).__name__}, which may go"
            " anywhere: give it none"
        )


@lru_cache(maxsize=32)
def _guarded_class(base: Any) -> type:
    """Return the guarded subclass of a client class; one for each class."""

    def transport_for_url(self: Any, _url: Any) -> Any:
        transport = self.__dict__.get(TRANSPORT)
        if transport is None:
            raise UnguardedPath(
                "a client of a guarded class was made without its guard, so it is refused",
                remedy="make a plain client and wrap it",
            )
        return transport

    members = {
        # Nothing in the attributes of a client goes before a property.
        "_transport_for_url": property(lambda self: partial(transport_for_url, self)),
        "__module__": base.__module__,
        "__qualname__": base.__qualname__,
        "__doc__": base.__doc__,
        GUARDED: True,
    }
    return type(base.__name__, (base,), members)
