# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What the seal lets through, and what it leaves as it was."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openai import DefaultHttpxClient
from openai._models import FinalRequestOptions

from agentguard.clients.seal import (
    Ticket,
    attach,
    check,
    is_sealed,
    issued,
    origin_of,
    seal,
    ticket_of,
)
from agentguard.errors import UnguardedPath
from agentguard.testing import LoopbackProvider
from agentguard.vocabulary import ModelCall

SDK_LIBRARY: Any = next(
    base
    for base in type(DefaultHttpxClient()).__mro__
    if base.__name__ == "Client" and base.__module__.startswith("httpx")
)
BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture(params=[httpx.Client, SDK_LIBRARY], ids=["httpx", "of the SDK"])
def http_client(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A plain HTTP client of each library."""
    with request.param() as made:
        yield made


@pytest.fixture
def reported() -> list[UnguardedPath]:
    """The refusals that belong to no call."""
    return []


def build(http_client: Any, provider: LoopbackProvider, **options: Any) -> Any:
    """Build a chat request."""
    url = f"{provider.base_url}/chat/completions"
    headers = {"authorization": "Bearer k"}
    return http_client.build_request("POST", url, json=BODY, headers=headers, **options)


def made_ticket(
    origin: str = "https://api.example:443", *, client: int = 1, body: Any = None
) -> Ticket:
    """Return a ticket for a chat request to an origin."""
    call = ModelCall(
        id="c",
        operation="chat",
        verb="POST",
        path="/chat/completions",
        origin=origin,
        model="m",
        payload=(),
    )
    admitted = FinalRequestOptions.construct(method="post", url="/chat/completions", json_data=body)
    return Ticket(client=client, call=call, admitted=admitted, renewed=lambda: admitted)


def ticket_for(request: Any) -> Ticket:
    """Return a ticket that covers a request."""
    ticket = made_ticket(origin_of(request.url))
    attach(request, ticket)
    return ticket


def test_a_covered_request_goes_through(
    http_client: Any, provider: LoopbackProvider, reported: list[UnguardedPath]
) -> None:
    """A request with its ticket is sent, and the ticket remembers that."""
    sealed = seal(http_client, reported.append, made_by_sdk=True)
    request = build(sealed, provider)
    ticket = ticket_for(request)
    assert not ticket.sent
    assert sealed.send(request).status_code == 200
    assert ticket.sent
    assert reported == []


def test_a_request_without_a_ticket_is_reported_and_refused(
    http_client: Any, provider: LoopbackProvider, reported: list[UnguardedPath]
) -> None:
    """Nothing leaves without a ticket, and the refusal is written down."""
    sealed = seal(http_client, reported.append, made_by_sdk=True)
    with pytest.raises(UnguardedPath) as caught:
        sealed.send(build(sealed, provider))
    assert reported == [caught.value]
    assert provider.connections == 0


def test_a_void_ticket_covers_nothing(
    http_client: Any, provider: LoopbackProvider, reported: list[UnguardedPath]
) -> None:
    """When the dispatch is over, so is the right to send."""
    sealed = seal(http_client, reported.append, made_by_sdk=True)
    request = build(sealed, provider)
    with issued(ticket_for(request)):
        pass
    with pytest.raises(UnguardedPath):
        sealed.send(request)
    assert provider.connections == 0


def test_a_ticket_that_stopped_a_request_stays_stopped(
    http_client: Any, provider: LoopbackProvider
) -> None:
    """The first refusal of a ticket is kept, for versions of the SDK that would wrap it."""
    request = build(http_client, provider)
    ticket = ticket_for(request)
    request.headers["x-note"] = "later"
    with pytest.raises(UnguardedPath) as caught:
        check(request, lambda _: None)
    assert ticket.refusal is caught.value


def test_sealing_twice_changes_nothing(http_client: Any) -> None:
    """A sealed client is returned as it is."""
    first = seal(http_client, lambda _: None, made_by_sdk=True)
    transport = first._transport
    assert seal(first, lambda _: None, made_by_sdk=True) is first
    assert first._transport is transport
    assert len(first.event_hooks["request"]) == 1


def test_every_transport_is_sealed(http_client: Any) -> None:
    """A transport for some addresses alone, such as a proxy's, bears the seal as well."""
    library = type(http_client)
    transport = http_client._transport
    with library(mounts={"http://": transport, "all://quiet": None}) as mounted:
        assert not is_sealed(mounted)
        seal(mounted, lambda _: None, made_by_sdk=True)
        assert is_sealed(mounted)
        mounted._mounts = {next(iter(mounted._mounts)): transport}
        assert not is_sealed(mounted)


def test_a_supplied_client_is_left_as_it_was(http_client: Any, provider: LoopbackProvider) -> None:
    """The private client has the settings of the supplied one and shares its connections."""
    hooks = http_client.event_hooks
    http_client.timeout = 7
    private = seal(http_client, lambda _: None, made_by_sdk=False)
    assert private is not http_client
    assert is_sealed(private)
    assert not is_sealed(http_client)
    assert http_client.event_hooks == hooks
    assert private.timeout == http_client.timeout
    request = build(private, provider)
    ticket_for(request)
    private.send(request)
    http_client.get(f"{provider.base_url}/models")
    assert provider.connections == 1
    private.close()
    assert not http_client.is_closed
    http_client.get(f"{provider.base_url}/models")


def test_closing_a_client_of_the_sdk_closes_its_connections(
    http_client: Any, provider: LoopbackProvider
) -> None:
    """A client sealed in place is closed as before."""
    sealed = seal(http_client, lambda _: None, made_by_sdk=True)
    request = build(sealed, provider)
    ticket_for(request)
    sealed.send(request)
    sealed.close()
    with pytest.raises(RuntimeError):
        sealed.send(request)


def test_a_listed_header_may_be_added_below(http_client: Any, provider: LoopbackProvider) -> None:
    """What the policy lists may be put on later, by a tracing hook for instance."""
    request = build(http_client, provider)
    ticket = ticket_for(request)
    request.headers["traceparent"] = "00-1-2-01"
    ticket.listed = frozenset({"traceparent"})
    assert check(request, lambda _: None) is ticket


def test_an_unknown_http_client_is_not_taken() -> None:
    """A client of no known library cannot be sealed, so it is refused at the wrap."""

    class Foreign:
        _transport = None
        _mounts: dict[str, Any] = {"x": object()}  # noqa: RUF012 - a stand-in

    with pytest.raises(TypeError, match="Foreign"):
        seal(Foreign(), lambda _: None, made_by_sdk=False)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://api.example/v1", "https://api.example:443"),
        ("http://api.example/v1", "http://api.example:80"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("https://API.example:443/", "https://api.example:443"),
        ("https://user:pass@api.example/", "https://api.example:443"),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, origin: str) -> None:
    """Two spellings of one origin are equal."""
    assert origin_of(httpx.URL(url)) == origin
    assert origin_of(SDK_LIBRARY(base_url=url).base_url) == origin


def test_a_ticket_is_its_clients_alone() -> None:
    """A ticket that was issued for one client is none for another, nor after its block."""
    one, other = object(), object()
    ticket = made_ticket(client=id(one))
    with issued(ticket):
        assert ticket_of(one) is ticket
        assert ticket_of(other) is None
    assert ticket_of(one) is None


def test_a_ticket_shows_no_content() -> None:
    """A ticket's repr holds neither body nor headers."""
    ticket = made_ticket(body={"x": "canary"})
    ticket.headers = [(b"x", b"canary")]
    assert "canary" not in repr(ticket)
