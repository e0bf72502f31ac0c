# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is a session of requests guarded, whose requests are calls of tools?

In place: the class is swapped for one that has a single adapter for every address, ours, so that
what is mounted later leads nowhere. The connections are urllib3's, to addresses that were checked.

INVARIANT: no request of a guarded session gets to a connection but through the guard
(tests/attacks/outbound/test_outbound_bypasses.py).
INVARIANT: a connection goes to an address that was checked for this name, and no other tool with
other ``private_hosts`` uses it (tests/attacks/outbound/test_outbound_addresses.py).
"""

import io
import socket
import threading
from collections.abc import Iterable
from functools import lru_cache, partial
from typing import Any, NoReturn, cast

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import select_proxy
from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.util import parse_url

from agentguard.clients.outbound import (
    First,
    Outbound,
    Outgoing,
    Passage,
    Resolver,
    looked_up,
    reachable,
)
from agentguard.clients.outbound.answers import MOST_HEARD, heard, is_heard
from agentguard.clients.outbound.requests import bounded
from agentguard.enforcement import Enforcer
from agentguard.errors import CallRefused, ConfigError, UnguardedPath
from agentguard.pipeline import Response
from agentguard.vocabulary import Call, Caller

LIBRARY = "requests"
ADAPTER = "_agentguard_adapter"
FIRST = "agentguard_first"
_BLOCK = 65536


def guard_session(
    session: Any,
    enforcer: Enforcer,
    tools: tuple[str, ...],
    carried: Caller | None,
    *,
    resolve: Resolver = looked_up,
) -> Any:
    """Guard a session in place and return it.

    Raises:
        ConfigError: the session is guarded otherwise, has proxies or retries, or the policy has no
            such tools.
        TypeError: an adapter of it is not the library's own.
    """
    outbound = Outbound(enforcer, tools, surface=LIBRARY, carried=carried)
    known = session.__dict__.get(ADAPTER)
    if known is not None:
        if known.is_like(outbound):
            return session
        raise ConfigError("the session is guarded already, with other tools or by another guard")
    _refuse_other_ways(session)
    adapter = GuardedAdapter(outbound, resolve)
    session.close()
    session.adapters.clear()
    session.adapters.update({"https://": adapter, "http://": adapter})
    session.__dict__[ADAPTER] = adapter
    base: Any = type(session)
    session.__class__ = _guarded_class(base)
    return session


def _refuse_other_ways(session: requests.Session) -> None:
    for adapter in session.adapters.values():
        if type(adapter) is not HTTPAdapter:
            raise TypeError(
                f"the session has an adapter of type {type(adapter).__name__}, which may go"
                " anywhere: mount none"
            )
        if adapter.max_retries.total:
            raise ConfigError(
                "an adapter of the session repeats requests below the guard, which decides on each"
                " once: repeat the call of the session instead"
            )
    if session.proxies:
        raise ConfigError("the session has a proxy, which would connect for it: give it none")


@lru_cache(maxsize=32)
def _guarded_class(base: Any) -> type:
    """Return the guarded subclass of a session's class; one for each class."""

    def get_adapter(self: Any, url: str) -> Any:  # noqa: ARG001 - the library's argument
        adapter = self.__dict__.get(ADAPTER)
        if adapter is None:
            raise UnguardedPath(
                "a session of a guarded class was made without its guard, so it is refused",
                remedy="make a plain session and wrap it",
            )
        return adapter

    def mount(self: Any, prefix: str, adapter: Any) -> NoReturn:  # noqa: ARG001 - the library's
        raise ConfigError("the session is guarded: an adapter on it would lead past the guard")

    members = {
        # Nothing in the attributes of a session goes before a property.
        "get_adapter": property(lambda self: partial(get_adapter, self)),
        "mount": mount,
        "__module__": base.__module__,
        "__qualname__": base.__qualname__,
        "__doc__": base.__doc__,
    }
    return type(base.__name__, (base,), members)


class GuardedAdapter(BaseAdapter):
    """Takes each request of a session through the guard, each hop of a redirect included."""

    def __init__(self, outbound: Outbound, resolve: Resolver) -> None:
        super().__init__()
        self._outbound = outbound
        self._resolve = resolve
        self._lock = threading.Lock()
        # One for each tool and its private hosts, so that no tool uses a connection of another's.
        self._inner: dict[tuple[str, frozenset[str]], HTTPAdapter] = {}

    def is_like(self, outbound: Outbound) -> bool:
        """Say whether it is made of the same guard, tools and caller."""
        return self._outbound.is_like(outbound)

    def send(
        self,
        request: Any,
        stream: bool = False,  # noqa: ARG002, FBT001, FBT002 - the library's argument
        timeout: Any = None,
        verify: Any = True,  # noqa: FBT002 - the library's argument
        cert: Any = None,
        proxies: Any = None,
    ) -> Any:
        """Take one request through the guard and return its answer."""
        first = _first_of(request)
        body, objection = bounded(_blocks(request.body))
        passage = self._outbound.passage(_outgoing(request, body, objection, proxies), first)
        landed: list[Any] = []

        def dispatch(call: Call) -> Response:
            prepared = _prepared(request, passage, call)
            with passage.reaching(call):
                response = self._connecting(passage).send(
                    prepared, stream=True, timeout=timeout, verify=verify, cert=cert
                )
            landed.append(response)
            self._outbound.note_cookies(response.raw.headers.getlist("set-cookie"))
            given: Any = response
            given.request, given.url, given.connection = request, request.url, self
            return _heard(response)

        try:
            self._outbound.enforcer.call(passage.crossing, dispatch)
        except BaseException:
            for each in landed:
                each.close()
            raise
        return landed[0]

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            inner = list(self._inner.values())
        for each in inner:
            each.close()

    def _connecting(self, passage: Passage) -> HTTPAdapter:
        """Return the library's adapter, with pools that connect to checked addresses."""
        key = passage.tool, passage.private
        with self._lock:
            if key not in self._inner:
                adapter = HTTPAdapter()
                adapter.poolmanager.pool_classes_by_scheme = _pools(self._resolve, *key)
                self._inner[key] = adapter
            return self._inner[key]


def _first_of(request: Any) -> First:
    """Return what was noted with the first of several hops; redirects share the hooks."""
    known = request.hooks.get(FIRST)
    if not isinstance(known, First):
        known = request.hooks[FIRST] = First()
    return known


def _blocks(body: Any) -> Iterable[bytes]:
    """Yield the bytes of a body of any of the kinds that the library takes."""
    if body is None:
        return
    if isinstance(body, str):
        yield body.encode("utf-8")
    elif isinstance(body, bytes | bytearray):
        yield bytes(body)
    elif hasattr(body, "read"):
        while block := body.read(_BLOCK):
            yield block.encode("utf-8") if isinstance(block, str) else block
    else:
        for block in body:
            yield block.encode("utf-8") if isinstance(block, str) else block


def _outgoing(request: Any, body: bytes, objection: CallRefused | None, proxies: Any) -> Outgoing:
    try:
        url = parse_url(str(request.url))
    except LocationParseError:
        url = parse_url("")
    return Outgoing(
        method=str(request.method),
        scheme=url.scheme or "",
        host=url.host or "",
        port=url.port,
        target=url.request_uri,
        headers=tuple(
            (_text(name).lower(), _text(value)) for name, value in request.headers.items()
        ),
        body=body,
        objection=objection or _objection(request, url.auth, proxies),
    )


def _text(part: Any) -> str:
    return part.decode("latin-1") if isinstance(part, bytes) else str(part)


def _objection(request: Any, auth: str | None, proxies: Any) -> CallRefused | None:
    """Return why a request cannot be sent, whatever the policy says of it."""
    if auth is not None:
        return UnguardedPath(
            "a user stands in the address of a request, which can be read in two ways",
            remedy="use auth=, and name authorization in http_headers of the [[tool]]",
        )
    if select_proxy(request.url, proxies):
        return UnguardedPath(
            "a request would go through a proxy, which would connect for it",
            remedy="give the session none, and trust_env = False where the environment names one",
        )
    return None


def _prepared(request: Any, passage: Passage, call: Call) -> Any:
    """Return the request that is sent, as it was decided."""
    sending = passage.sending(call)
    prepared = request.copy()
    prepared.method, prepared.url = sending.method, sending.url
    prepared.body = sending.body or None
    prepared.headers = CaseInsensitiveDict(sending.headers)
    prepared.hooks = {"response": []}
    return prepared


def _heard(response: Any) -> Response:
    """Return what is heard of an answer, which its caller can read all the same."""
    headers, raw = response.headers, response.raw
    kind = headers.get("content-type", "")
    if not is_heard(kind, headers.get("content-length")):
        return Response(content=None)
    content = _begun(raw)
    whole = len(content) <= MOST_HEARD
    body = io.BytesIO(content) if whole else io.BufferedReader(_Rest(content, raw))
    response.raw = HTTPResponse(
        body=body,
        headers=raw.headers,
        status=raw.status,
        version=raw.version,
        reason=raw.reason,
        preload_content=False,
        decode_content=False,
        original_response=raw._original_response,  # noqa: SLF001 - cookies are read off it
        request_method=response.request.method,
    )
    if not whole:
        return Response(content=None)
    return Response(content=heard(content, kind, headers.get("content-encoding", "")))


def _begun(raw: Any) -> bytes:
    """Read the beginning of an answer, which fails as the library would."""
    failure: requests.RequestException
    try:
        return cast("bytes", raw.read(MOST_HEARD + 1, decode_content=False))
    except ProtocolError:
        failure = requests.exceptions.ChunkedEncodingError("the answer ended too early")
    except ReadTimeoutError:
        failure = requests.exceptions.ReadTimeout("the answer did not come in time")
    except SSLError:
        failure = requests.exceptions.SSLError("the answer could not be read")
    raise failure


class _Rest(io.RawIOBase):
    """An answer whose beginning was read already."""

    def __init__(self, begun: bytes, raw: Any) -> None:
        super().__init__()
        self._begun = begun
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._begun or self._raw.read(len(buffer), decode_content=False)
        given, self._begun = block[: len(buffer)], block[len(buffer) :]
        buffer[: len(given)] = given
        return len(given)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _pools(resolve: Resolver, tool: str, private: frozenset[str]) -> dict[str, Any]:
    """Return the classes of pools whose connections go to checked addresses."""

    def connected(connection: Any, connect: Any) -> socket.socket:
        name = connection._dns_host  # noqa: SLF001 - what is looked up
        host = name.strip("[]").lower()
        try:
            answers = tuple(resolve(host, connection.port))
        except OSError as error:
            failure = NameResolutionError(host, connection, cast("socket.gaierror", error))
        else:
            addresses = reachable(host, connection.port, answers, private, tool)
            return _first_that_answers(connection, connect, addresses)
        raise failure

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return connected(self, super()._new_conn)

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return connected(self, super()._new_conn)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def _first_that_answers(connection: Any, connect: Any, addresses: tuple[str, ...]) -> socket.socket:
    """Connect to an address in place of the name, which stays what the handshake is about."""
    name = connection._dns_host  # noqa: SLF001 - what is looked up
    try:
        for address in addresses[:-1]:
            connection._dns_host = address  # noqa: SLF001 - as above
            try:
                return cast("socket.socket", connect())
            except (NewConnectionError, ConnectTimeoutError):
                continue
        connection._dns_host = addresses[-1]  # noqa: SLF001 - as above
        return cast("socket.socket", connect())
    finally:
        connection._dns_host = name  # noqa: SLF001 - as above
