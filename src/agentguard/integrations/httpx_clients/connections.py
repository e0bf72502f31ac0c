# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where does the pool of an HTTP library connect to?

The pool stays the library's own, with its settings; only what opens its connections is ours.
Each name is looked up here, and the connection goes to an answer that was checked; what stands
in the handshake and in the request stays the name.

INVARIANT: a connection goes to an address that was checked for this name, and no other tool with
other ``private_hosts`` uses it (tests/attacks/outbound/test_outbound_addresses.py).
"""

import asyncio
import copy
import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

from agentguard.clients.outbound import Passage, Resolver, reachable
from agentguard.errors import CallRefused, UnguardedPath

POOL_SETTINGS = (
    "ssl_context",
    "max_connections",
    "max_keepalive_connections",
    "keepalive_expiry",
    "http1",
    "http2",
    "retries",
    "local_address",
    "socket_options",
)


def core_of(library: Any) -> Any:
    """Return the library that opens the connections of an HTTP library."""
    return importlib.import_module(library.__name__.replace("httpx", "httpcore"))


def connecting(
    plain: Any, library: Any, backend: "type[Backend]", resolve: Resolver, passage: Passage
) -> Any:
    """Return a transport like another one, whose pool connects to checked addresses."""
    made = copy.copy(plain)
    pool = plain._pool  # noqa: SLF001 - no public way
    made._pool = type(pool)(  # noqa: SLF001 - as above
        **{name: getattr(pool, f"_{name}") for name in POOL_SETTINGS},
        network_backend=backend(
            plain=pool._network_backend,  # noqa: SLF001 - as above
            core=core_of(library),
            resolve=resolve,
            private=passage.private,
            tool=passage.tool,
        ),
    )
    return made


class Backend:
    """What opens the connections of a pool: to addresses that were checked, and nowhere else."""

    def __init__(
        self, *, plain: Any, core: Any, resolve: Resolver, private: frozenset[str], tool: str
    ) -> None:
        self._plain = plain
        self._core = core
        self._resolve = resolve
        self._private = private
        self._tool = tool

    def _asking(self, host: str, port: int) -> Callable[[], tuple[str, ...] | None]:
        """Return what looks a host up; None from it says that there is no such name."""

        def ask() -> tuple[str, ...] | None:
            try:
                return tuple(self._resolve(host, port))
            except OSError:
                return None

        return ask

    def _checked(self, host: str, port: int, answers: tuple[str, ...] | None) -> tuple[str, ...]:
        if answers is None:
            raise self._core.ConnectError("the host has no address")
        return reachable(host, port, answers, self._private, self._tool)

    def _no_unix_socket(self) -> CallRefused:
        return UnguardedPath("a unix socket was refused, since no policy decides on it")


class SyncBackend(Backend):
    """Opens the connections of a ``Client``."""

    def connect_tcp(self, host: str, port: int, **settings: Any) -> Any:
        """Connect to the first of a host's addresses that answers."""
        addresses = self._checked(host, port, self._asking(host, port)())
        failures = (self._core.ConnectError, self._core.ConnectTimeout)
        for address in addresses[:-1]:
            try:
                return self._plain.connect_tcp(address, port, **settings)
            except failures:
                continue
        return self._plain.connect_tcp(addresses[-1], port, **settings)

    def connect_unix_socket(self, *_: Any, **__: Any) -> Any:
        """Refuse."""
        raise self._no_unix_socket()

    def sleep(self, seconds: float) -> None:
        """Wait, before the pool tries again."""
        self._plain.sleep(seconds)


class AsyncBackend(Backend):
    """Opens the connections of an ``AsyncClient``."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's argument
        **settings: Any,
    ) -> Any:
        """Connect to the first of a host's addresses that answers."""
        asking = asyncio.get_running_loop().run_in_executor(None, self._asking(host, port))
        found = None
        try:
            found = await asyncio.wait_for(asking, timeout)
        except TimeoutError:
            timed_out = True
        else:
            timed_out = False
        if timed_out:
            raise self._core.ConnectTimeout("the name was not looked up in time")
        addresses = self._checked(host, port, found)
        failures = (self._core.ConnectError, self._core.ConnectTimeout)
        connect = partial(self._plain.connect_tcp, port=port, timeout=timeout, **settings)
        for address in addresses[:-1]:
            try:
                return await connect(address)
            except failures:
                continue
        return await connect(addresses[-1])

    async def connect_unix_socket(self, *_: Any, **__: Any) -> Any:
        """Refuse."""
        raise self._no_unix_socket()

    async def sleep(self, seconds: float) -> None:
        """Wait, before the pool tries again."""
        await self._plain.sleep(seconds)
