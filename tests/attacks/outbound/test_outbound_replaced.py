# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What was put in the place of a client's parts, and what changes a request that was decided."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import httpx2
import pytest
import requests
from requests.adapters import HTTPAdapter

from agentguard import CallRefused, ConfigError, Guard
from agentguard.errors import AddressRefused
from agentguard.integrations.httpx_clients import guard_http_client

LIBRARIES = (httpx, httpx2)
TOOLS = ("read", "write")


def instrumented(transport: Any, name: str) -> list[str]:
    """Put something in the place of a transport's method, as instrumentations do; it notes calls."""
    seen: list[str] = []
    plain = getattr(transport, name)

    def watched(request: Any) -> Any:
        seen.append(request.method)
        return plain(request)

    setattr(transport, name, watched)
    return seen


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_transport_whose_method_was_replaced_is_refused(guard: Guard, library: Any) -> None:
    """A client that was instrumented before it is wrapped is refused, and told what to do."""
    # The method that stood in the copy of the transport was bound to the plain one, whose pool
    # looks names up by itself: a name could lead to the metadata service.
    for kind, name in (
        (library.Client, "handle_request"),
        (library.AsyncClient, "handle_async_request"),
    ):
        client = kind(trust_env=False)
        instrumented(client._transport, name)
        with pytest.raises(ConfigError, match="wrap the client first"):
            guard.wrap(client, tools=TOOLS)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_client_is_instrumented_after_it_was_wrapped(
    guard: Guard, server: Any, names: Any, library: Any
) -> None:
    """What watches the transport of a guarded client sees requests and leads nowhere else."""
    client = library.Client(trust_env=False)
    guard_http_client(client, guard._parts.enforcer, TOOLS, None, resolve=names)
    seen = instrumented(client._transport, "handle_request")
    with guard.identity("agent:crm"), client:
        client.get(server.url())
        names.addresses["b.test"] = ("169.254.169.254",)
        with pytest.raises(AddressRefused):
            client.get(server.url(host="b.test"))
    assert set(seen) <= {"GET"}


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_network_of_its_own_is_refused(guard: Guard, library: Any) -> None:
    """A client whose connections are opened by something else is not guarded."""

    class Elsewhere:
        """Opens connections wherever it wants."""

    for kind in (library.Client, library.AsyncClient):
        client = kind(trust_env=False)
        client._transport._pool._network_backend = Elsewhere()
        with pytest.raises(TypeError, match="Elsewhere"):
            guard.wrap(client, tools=TOOLS)


def without_method_of_its_own(client: Any, name: str, bare: Any) -> None:
    """Put a method into the attributes of a client, in the place of its class's."""
    client.__dict__[name] = lambda *_: bare


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_method_in_a_client_s_attributes_leads_nowhere(
    guard: Guard, server: Any, library: Any
) -> None:
    """What chooses the transport of a guarded client cannot be replaced, before it or after."""
    for before in (True, False):
        client = library.Client(trust_env=False)
        with library.HTTPTransport() as bare:
            if before:
                without_method_of_its_own(client, "_transport_for_url", bare)
            guarded = guard.wrap(client, tools=TOOLS)
            without_method_of_its_own(client, "_transport_for_url", bare)
            with guard.identity("agent:crm"), pytest.raises(CallRefused):
                guarded.get(server.url("/closed", host="127.0.0.1"))
    assert not server.journal.connections()


def test_a_method_in_a_session_s_attributes_leads_nowhere(guard: Guard, server: Any) -> None:
    """What chooses the adapter of a guarded session cannot be replaced, before it or after."""
    for before in (True, False):
        session = requests.Session()
        session.trust_env = False
        if before:
            without_method_of_its_own(session, "get_adapter", HTTPAdapter())
        guarded = guard.wrap(session, tools=TOOLS)
        without_method_of_its_own(session, "get_adapter", HTTPAdapter())
        with guard.identity("agent:crm"), pytest.raises(CallRefused):
            guarded.get(server.url("/closed", host="127.0.0.1"))
    assert not server.journal.connections()


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_trace_gets_neither_request_nor_connection(
    guard: Guard, server: Any, names: Any, library: Any
) -> None:
    """A trace hears how far a request is, and cannot change it after it was decided."""
    heard: list[tuple[str, dict[str, Any]]] = []

    def trace(name: str, told: dict[str, Any]) -> None:
        heard.append((name, dict(told)))
        if "request" in told:
            told["request"].method, told["request"].url.target = b"DELETE", b"/closed"

    async def trace_async(name: str, told: dict[str, Any]) -> None:
        trace(name, told)

    def made(kind: Any) -> Any:
        client = kind(trust_env=False)
        return guard_http_client(client, guard._parts.enforcer, TOOLS, None, resolve=names)

    async def ask() -> None:
        async with made(library.AsyncClient) as client:
            await client.get(server.url(), extensions={"trace": trace_async})

    with guard.identity("agent:crm"):
        with made(library.Client) as client:
            client.get(server.url(), extensions={"trace": trace})
        asyncio.run(ask())
    assert [(each.method, each.path) for each in server.received] == [("GET", "/open")] * 2
    assert {name.partition(".")[0] for name, _ in heard} >= {"connection", "http11"}
    assert not any(told for _, told in heard)


def test_a_request_that_changes_while_it_is_decided_goes_where_it_was_decided(
    guard: Guard, server: Any, names: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another thread makes of a request while it is decided is not what is sent."""
    # A person may take minutes, and the request is the program's own object for so long.
    enforcer = guard._parts.enforcer
    decided: Callable[..., Any] = enforcer.call

    def changing(request: Any) -> Callable[..., Any]:
        def call(crossing: Any, dispatch: Any) -> Any:
            def dispatched(admitted: Any) -> Any:
                request.method = "DELETE"
                request.url = type(request.url)(server.url("/closed"))
                return dispatch(admitted)

            return decided(crossing, dispatched)

        return call

    for library in LIBRARIES:
        client = library.Client(trust_env=False)
        guard_http_client(client, enforcer, TOOLS, None, resolve=names)
        request = client.build_request("GET", server.url())
        with monkeypatch.context() as patch, guard.identity("agent:crm"), client:
            patch.setattr(type(enforcer), "call", staticmethod(changing(request)))
            client.send(request)
    assert [(each.method, each.path) for each in server.received] == [("GET", "/open")] * 2


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_address_with_odd_characters_arrives_as_it_was_decided(
    guard: Guard, server: Any, names: Any, library: Any
) -> None:
    """Characters that a library encodes are encoded once."""
    client = library.Client(trust_env=False)
    guard_http_client(client, guard._parts.enforcer, TOOLS, None, resolve=names)
    with guard.identity("agent:crm"), client:
        client.get(server.url("/open?q=a b&c=%2541+ü'"))
    (received,) = server.received
    assert received.path == "/open?q=a%20b&c=%2541+%C3%BC'"
