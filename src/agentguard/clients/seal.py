# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Did this HTTP request come out of a guarded call?

A ticket is issued for the time of one dispatch and travels with each request that the SDK
builds in it. The seal sits on the client's HTTP client, as a hook and below all hooks on its
transports, and refuses every request without a ticket, to another origin than the ticket's, or
changed since it was built. It does not look at content.

INVARIANT: what skips the guarded class's ``request`` has no ticket and is refused, also in
versions of the SDK that do not exist yet (tests/attacks/test_openai_paths.py).
INVARIANT: replacing the HTTP client's hooks does not take the seal off
(tests/clients/test_seal.py).
"""

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from agentguard.clients.credentials import refuse_other_keys
from agentguard.errors import CallRefused, UnguardedPath, WrongKey
from agentguard.vocabulary import ModelCall

EXTENSION = "agentguard_ticket"
SEAL = "__agentguard_seal__"
DEFAULT_PORTS = {"http": 80, "https": 443}
# Credentials are put on below the SDK too: by the HTTP client's own authentication.
CREDENTIALS = "authorization"
COOKIE = "cookie"
READ = "GET"
# With these a provider says that it has run no model.
_FIRST_WITHOUT_ANSWER = 300
_NOT_SENT = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout"})
# An HTTP library sends what stands there instead of the address.
TARGET = "target"

Report = Callable[[UnguardedPath], None]


@dataclass(slots=True, eq=False)
class Ticket:
    """The right to send one admitted request to one origin while a dispatch runs.

    Attributes:
        client: the id of the client that it was issued for.
        call: what was admitted.
        admitted: the SDK's options that hold it; their very objects have to be serialised.
        renewed: makes such options anew, so that what is sent is equal to what was admitted.
        paths: the paths that may be sent, decoded.
        own: how such a path ends, whatever the base URL adds.
        query: names and values that the query may hold.
        listed: lower-case names of the headers that the policy lets through.
        flags: what signing in below the SDK appends to headers with lists of words.
        sdk_headers: what the SDK itself puts on the request that is being built.
        request: the request that was built; one for a redirect is another object.
        url: its address.
        stream: its body.
        headers: names and values on the request that was built.
        signed: those with which its API key was last found to be right.
        valid: whether the dispatch still runs.
        sent: whether a request was let through.
        pending: whether a provider may still work on the last of them.
        unanswered: whether it may have worked on an earlier one, whose answer was given up.
        refusal: why the seal stopped a request; some versions of the SDK take that for a broken
            connection, wrap it and try again.
        landing: what has come back of the dispatch.
    """

    client: int
    call: ModelCall
    admitted: Any = field(repr=False)
    renewed: Callable[[], Any] = field(repr=False)
    paths: frozenset[str] = field(default=frozenset(), repr=False)
    own: str = field(default="", repr=False)
    query: frozenset[tuple[str, str]] = field(default=frozenset(), repr=False)
    listed: frozenset[str] = frozenset()
    flags: frozenset[tuple[str, str]] = frozenset()
    sdk_headers: Any = field(default=None, repr=False)
    request: Any = field(default=None, repr=False)
    url: str = field(default="", repr=False)
    stream: object = field(default=None, repr=False)
    headers: list[tuple[bytes, bytes]] = field(default_factory=list, repr=False)
    signed: list[tuple[bytes, bytes]] | None = field(default=None, repr=False)
    valid: bool = True
    sent: bool = False
    pending: bool = False
    unanswered: bool = False
    refusal: CallRefused | None = None
    landing: Any = field(default=None, repr=False)

    def is_for(self, options: Any) -> bool:
        """Say whether *options* are a copy of the admitted ones that holds the same objects."""
        return options.json_data is self.admitted.json_data and options.url == self.admitted.url


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


def is_admitted(client: object, options: Any) -> bool:
    """Say whether these are the options that *client* was admitted with, or a copy of them."""
    ticket = ticket_of(client)
    return ticket is not None and ticket.is_for(options)


def origin_of(url: Any) -> str:
    """Return scheme, host and port of an HTTP library's URL, such as ``https://host:443``."""
    port = url.port or DEFAULT_PORTS.get(url.scheme, 0)
    return f"{url.scheme}://{url.host}:{port}"


def pairs(headers: Any) -> list[tuple[str, str]]:
    """Return lower-case names and values of an HTTP library's headers, byte for byte."""
    return [
        (name.lower().decode("latin-1"), value.decode("latin-1")) for name, value in headers.raw
    ]


def attach(request: Any, ticket: Ticket) -> None:
    """Let *ticket* travel with a request that was built and checked for it."""
    ticket.request, ticket.url, ticket.stream = request, str(request.url), request.stream
    ticket.headers = request.headers.raw
    request.extensions[EXTENSION] = ticket


def reattach(request: Any, ticket: Ticket, signing: frozenset[str]) -> None:
    """Take up what signing put on a request, and nothing else.

    Raises:
        UnguardedPath: another header came, or the body or the address was changed.
    """
    if request.headers.raw == ticket.headers:
        return
    built = {(name.lower(), value) for name, value in ticket.headers}
    for raw, value in request.headers.raw:
        name = raw.lower().decode("latin-1")
        if (raw.lower(), value) not in built and name not in signing:
            raise UnguardedPath("a header that the policy does not list was put on a request")
    ticket.headers = request.headers.raw


def check(request: Any, report: Report) -> Ticket:
    """Return the ticket that covers an HTTP request.

    Args:
        request: what is about to be sent.
        report: writes down a refusal that belongs to no guarded call.

    Raises:
        UnguardedPath: no valid ticket travels with it, it goes to another origin, or it is not
            what was built.
        WrongKey: it is signed with another API key than it may be sent with.
    """
    ticket = request.extensions.get(EXTENSION)
    if not isinstance(ticket, Ticket) or not ticket.valid:
        error = UnguardedPath(
            "an HTTP request that the guard did not decide was refused",
            remedy="use the methods of the client; its raw HTTP client is sealed",
        )
        report(error)
        raise error
    if origin_of(request.url) != ticket.call.origin:
        raise _stopped("a redirect to another origin was refused", ticket)
    if request.method != READ and not request.url.path.rstrip("/").endswith(ticket.own):
        raise _stopped("a redirect to another endpoint was refused", ticket)
    moved = request is ticket.request and str(request.url) != ticket.url
    if moved or TARGET in request.extensions:
        raise _stopped("the address of a request was changed after it had been built", ticket)
    if request.method != ticket.call.verb or request.stream is not ticket.stream:
        raise _stopped("a request was changed after it had been built, so it is refused", ticket)
    if request.headers.raw != ticket.headers:
        _refuse_headers(request, ticket)
    if ticket.call.keys is not None and request.headers.raw != ticket.signed:
        _refuse_keys(request, ticket)
    return ticket


def _refuse_keys(request: Any, ticket: Ticket) -> None:
    """Refuse a request that signs in with another key than the one decided."""
    query = parse_qsl(request.url.query.decode("ascii"), keep_blank_values=True)
    try:
        refuse_other_keys(ticket.call.keys, pairs(request.headers), query, ticket.listed)
    except WrongKey as error:
        error.dispatched = ticket.sent
        ticket.refusal = error
        raise
    ticket.signed = list(request.headers.raw)


def _refuse_headers(request: Any, ticket: Ticket) -> None:
    built = {(name.lower(), value) for name, value in ticket.headers}
    for raw, value in request.headers.raw:
        name = raw.lower().decode("latin-1")
        if (raw.lower(), value) in built or name in ticket.listed or name == CREDENTIALS:
            continue
        if _is_flagged(name, value, ticket):
            continue
        if name == COOKIE:  # a redirect's; what a server sets is not sent back unlisted
            del request.headers[name]
            continue
        raise _stopped("a header that the policy does not list was put on a request", ticket)


def _is_flagged(name: str, value: bytes, ticket: Ticket) -> bool:
    """Say whether a header is as it was built, with a flag of the sign-in behind it."""
    before = [was for raw, was in ticket.headers if raw.lower().decode("latin-1") == name]
    flags = [flag.encode("ascii") for flagged, flag in ticket.flags if flagged == name]
    return any(value == b",".join([*before, flag]) for flag in flags)


def _stopped(problem: str, ticket: Ticket) -> UnguardedPath:
    error = UnguardedPath(problem)
    error.dispatched = ticket.sent
    ticket.refusal = error
    return error


def is_sealed(http_client: Any) -> bool:
    """Say whether every transport of an HTTP client bears the seal."""
    transports = (http_client._transport, *http_client._mounts.values())  # noqa: SLF001 - no public way
    return all(part is None or getattr(part, SEAL, False) for part in transports)


def seal(http_client: Any, report: Report, *, made_by_sdk: bool) -> Any:
    """Return a sealed HTTP client: the same one if the SDK made it, else a private one.

    A client that the user supplied or that a framework shares is left as it is. The private
    client forwards to its connection pool, so that settings and limits stay in force.

    Args:
        http_client: what the guarded client sends with.
        report: writes down the refusal of a request that belongs to no guarded call.
        made_by_sdk: whether nobody but the SDK's clients holds it.

    Raises:
        TypeError: an HTTP client of a library that is not known.
    """
    if is_sealed(http_client):
        return http_client
    library = _library_class(type(http_client))
    sealed = (
        _sealed_in_place(library, http_client, report)
        if made_by_sdk
        else _private(library, http_client, report)
    )
    hooks = sealed.event_hooks
    # Some of the SDK's own sign-in methods copy hooks, not transports, to a client of their own.
    hooks["request"] = [*hooks["request"], _hook(sealed, report)]
    sealed.event_hooks = hooks
    return sealed


def _hook(http_client: Any, report: Report) -> Callable[[Any], Any]:
    def look(request: Any) -> None:
        check(request, report)

    async def look_async(request: Any) -> None:
        check(request, report)

    return look_async if inspect.iscoroutinefunction(type(http_client).send) else look


def _sealed_in_place(library: type, http_client: Any, report: Report) -> Any:
    def sealed(transport: Any) -> Any:
        if transport is None:
            return None
        return _transport(library, report, lambda _url: transport, closes=transport)

    mounts = http_client._mounts.items()  # noqa: SLF001 - no public way
    http_client._mounts = {pattern: sealed(part) for pattern, part in mounts}  # noqa: SLF001 - as above
    http_client._transport = sealed(http_client._transport)  # noqa: SLF001 - as above
    return http_client


def _private(library: Any, shared: Any, report: Report) -> Any:
    """Return a client of the same HTTP library that forwards to *shared*'s transports."""

    def choose(url: Any) -> Any:
        if shared.is_closed:
            raise RuntimeError("the HTTP client was closed by its owner")
        return shared._transport_for_url(url)  # noqa: SLF001 - no public way

    return library(
        transport=_transport(library, report, choose, closes=None),
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


@contextmanager
def _tried(ticket: Ticket) -> Iterator[None]:
    """Note that a request leaves, and whether the one before it was given up."""
    ticket.unanswered |= ticket.pending
    ticket.sent = ticket.pending = True
    try:
        yield
    except Exception as error:
        ticket.pending = type(error).__name__ not in _NOT_SENT
        raise


def _transport(library: type, report: Report, choose: Callable[[Any], Any], *, closes: Any) -> Any:
    """Return a transport that checks each request and hands it to the one that *choose* names."""
    module = sys.modules[_root(library)]
    if library.__name__ == "Client":

        class Sealed(module.BaseTransport):  # type: ignore[misc,name-defined]  # by library
            def handle_request(self, request: Any) -> Any:
                ticket = check(request, report)
                with _tried(ticket):
                    response = choose(request.url).handle_request(request)
                ticket.pending = response.status_code < _FIRST_WITHOUT_ANSWER
                return response

            def close(self) -> None:
                if closes is not None:
                    closes.close()

        setattr(Sealed, SEAL, True)
        return Sealed()

    class AsyncSealed(module.AsyncBaseTransport):  # type: ignore[misc,name-defined]  # by library
        async def handle_async_request(self, request: Any) -> Any:
            ticket = check(request, report)
            with _tried(ticket):
                response = await choose(request.url).handle_async_request(request)
            ticket.pending = response.status_code < _FIRST_WITHOUT_ANSWER
            return response

        async def aclose(self) -> None:
            if closes is not None:
                await closes.aclose()

    setattr(AsyncSealed, SEAL, True)
    return AsyncSealed()
