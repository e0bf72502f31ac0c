# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Did this HTTP request come out of a guarded call?

A ticket is issued for the time of one dispatch and travels with each request that the SDK
builds in it. The seal sits on the client's HTTP client and refuses every request without a
ticket, or to another origin than the ticket's. It does not look at content.

INVARIANT: what skips the guarded class's ``request`` has no ticket and is refused, also in
versions of the SDK that do not exist yet (tests/attacks/test_openai_paths.py).
"""

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from agentguard.errors import UnguardedPath

EXTENSION = "agentguard_ticket"
SEALED = "__agentguard_seal__"
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(slots=True, eq=False)
class Ticket:
    """The right to send one admitted body to one origin while a dispatch runs."""

    client: int
    origin: str
    body: object = field(repr=False)
    headers: frozenset[str] = frozenset()
    valid: bool = True
    sent: bool = False


_TICKET: ContextVar[Ticket | None] = ContextVar("agentguard_ticket", default=None)


@contextmanager
def issued(ticket: Ticket) -> Iterator[Ticket]:
    """Make *ticket* the current one until the block ends; then it is void."""
    token = _TICKET.set(ticket)
    try:
        yield ticket
    finally:
        ticket.valid = False
        _TICKET.reset(token)


def ticket_of(client: object) -> Ticket | None:
    """Return the current ticket if it was issued for *client*."""
    ticket = _TICKET.get()
    return ticket if ticket is not None and ticket.valid and ticket.client == id(client) else None


def required(client: object) -> Ticket:
    """Return the current ticket of *client*.

    Raises:
        UnguardedPath: there is none, so the call did not come through the guard.
    """
    ticket = ticket_of(client)
    if ticket is None:
        raise UnguardedPath(
            "the client was used on a way that the guard does not decide, so it is refused",
            remedy="use client.chat.completions; websockets and raw requests are refused",
        )
    return ticket


def origin_of(url: Any) -> str:
    """Return scheme, host and port of an HTTP library's URL, such as ``https://host:443``."""
    port = url.port or DEFAULT_PORTS.get(url.scheme, 0)
    return f"{url.scheme}://{url.host}:{port}"


def check(request: Any) -> None:
    """Refuse an HTTP request that is not covered by a ticket.

    Raises:
        UnguardedPath: no valid ticket travels with it, or it goes to another origin.
    """
    ticket = request.extensions.get(EXTENSION)
    if not isinstance(ticket, Ticket) or not ticket.valid:
        raise UnguardedPath("an HTTP request that the guard did not decide was refused")
    if origin_of(request.url) != ticket.origin:
        error = UnguardedPath("a redirect to another origin was refused")
        error.dispatched = ticket.sent
        raise error
    ticket.sent = True


def seal(http_client: Any, *, made_by_sdk: bool) -> Any:
    """Return a sealed HTTP client: the same one if the SDK made it, else a private one.

    A client that the user supplied or that a framework shares is left as it is. The private
    client forwards to its connection pool, so that settings and limits stay in force.
    """
    if getattr(http_client, SEALED, False):
        return http_client
    sealed = http_client if made_by_sdk else _private(http_client)
    hook = _async_check if inspect.iscoroutinefunction(type(sealed).send) else check
    hooks = sealed.event_hooks
    hooks["request"] = [*hooks["request"], hook]
    sealed.event_hooks = hooks
    setattr(sealed, SEALED, True)
    return sealed


async def _async_check(request: Any) -> None:
    check(request)


def _private(shared: Any) -> Any:
    """Return a client of the same HTTP library that forwards to *shared*'s transports."""
    library = _library_class(type(shared))
    transport = _forwarding(library, shared)
    return library(
        transport=transport,
        auth=shared.auth,
        params=shared.params,
        headers=shared.headers,
        cookies=shared.cookies,
        timeout=shared.timeout,
        follow_redirects=shared.follow_redirects,
        max_redirects=shared.max_redirects,
        event_hooks=shared.event_hooks,
        base_url=shared.base_url,
        trust_env=False,  # proxies are chosen by the shared client's own transports
    )


def _library_class(kind: type) -> Any:
    """Find the HTTP library's own client class among the bases, without importing a library."""
    for base in kind.__mro__:
        if base.__name__ in ("Client", "AsyncClient") and _root(base).startswith("httpx"):
            return base
    raise TypeError(f"an HTTP client of type {kind.__name__} cannot be sealed")


def _root(kind: type) -> str:
    return kind.__module__.partition(".")[0]


def _forwarding(library: type, shared: Any) -> Any:
    module = sys.modules[_root(library)]
    choose: Callable[[Any], Any] = shared._transport_for_url  # noqa: SLF001 - no public way
    if library.__name__ == "Client":

        class Forwarding(module.BaseTransport):  # type: ignore[misc,name-defined]  # by library
            def handle_request(self, request: Any) -> Any:
                return choose(request.url).handle_request(request)

        return Forwarding()

    class AsyncForwarding(module.AsyncBaseTransport):  # type: ignore[misc,name-defined]  # by library
        async def handle_async_request(self, request: Any) -> Any:
            return await choose(request.url).handle_async_request(request)

    return AsyncForwarding()
