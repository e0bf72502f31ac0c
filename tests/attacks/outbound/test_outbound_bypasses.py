# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Ways past the guard: proxies, mounts, unix sockets, and clients that are half guarded."""

import asyncio
import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
import requests
from requests.adapters import HTTPAdapter

from agentguard import CallRefused, ConfigError, Guard
from agentguard.errors import DeniedByPolicy, IdentityRequired, UnguardedPath
from agentguard.vocabulary import AuditEntry, EntryType

LIBRARIES = (httpx, httpx2)
TOOLS = ("read", "write")
PROXY = "http://127.0.0.1:9"
VARIABLES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy")


def clients(library: Any) -> tuple[Any, Any]:
    """Return the classes of clients of a library."""
    return library.Client, library.AsyncClient


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_client_with_another_way_out_is_refused(guard: Guard, library: Any) -> None:
    """A client with a proxy, a mount, a unix socket or a transport of its own is not guarded."""
    plain, other = library.HTTPTransport, library.AsyncHTTPTransport
    for kind, transport in zip(clients(library), (plain, other), strict=True):
        for options in (
            {"proxy": PROXY},
            {"mounts": {"all://evil.test": transport()}},
            {"mounts": {"http://": None}},
            {"transport": transport(uds="/tmp/socket")},  # noqa: S108 - nothing is written there
            {"transport": transport(proxy=PROXY)},
        ):
            with pytest.raises(ConfigError):
                guard.wrap(kind(**options), tools=TOOLS)
        mock = library.MockTransport(lambda _: library.Response(200))
        with pytest.raises(TypeError, match="MockTransport"):
            guard.wrap(kind(transport=mock), tools=TOOLS)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_proxy_of_the_environment_is_refused(
    guard: Guard, library: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that would use the proxy of the environment is refused, and told what to do."""
    for name in VARIABLES:
        with monkeypatch.context() as patch:
            patch.setenv(name, PROXY)
            for kind in clients(library):
                with pytest.raises(ConfigError, match="trust_env=False"):
                    guard.wrap(kind(), tools=TOOLS)
                guard.wrap(kind(trust_env=False), tools=TOOLS)


def test_a_session_with_another_way_out_is_refused(guard: Guard) -> None:
    """A session with a proxy, retries or an adapter of its own is not guarded."""

    class Own(HTTPAdapter):
        """An adapter that may do anything."""

    proxied, repeating, own = requests.Session(), requests.Session(), requests.Session()
    proxied.proxies["http"] = PROXY
    repeating.mount("https://a.test", HTTPAdapter(max_retries=3))
    own.mount("https://a.test", Own())
    for session, error in ((proxied, ConfigError), (repeating, ConfigError), (own, TypeError)):
        with pytest.raises(error):
            guard.wrap(session, tools=TOOLS)


def test_a_proxy_that_comes_later_is_refused(
    guard: Guard, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A guarded session sends nothing through a proxy, wherever it is named."""
    session = guard.wrap(requests.Session(), tools=TOOLS)
    url = server.url(host="127.0.0.1")
    with guard.identity("agent:crm"):
        with pytest.raises(UnguardedPath, match="proxy"):
            session.get(url, proxies={"http": PROXY})
        session.proxies["http://127.0.0.1"] = PROXY
        with pytest.raises(UnguardedPath, match="proxy"):
            session.get(url)
        session.proxies.clear()
        monkeypatch.setenv("HTTP_PROXY", PROXY)
        with pytest.raises(UnguardedPath, match="proxy"):
            session.get("http://a.test/open")


def test_an_adapter_that_is_mounted_later_is_refused(guard: Guard, server: Any) -> None:
    """No adapter leads past the guard of a session, by whatever way it gets there."""
    session = guard.wrap(requests.Session(), tools=TOOLS)
    with pytest.raises(ConfigError, match="past the guard"):
        session.mount("http://127.0.0.1", HTTPAdapter())
    session.adapters["http://127.0.0.1"] = HTTPAdapter()
    with guard.identity("agent:crm"), pytest.raises(CallRefused):
        session.get(server.url("/closed", host="127.0.0.1"))
    assert not server.journal.connections()


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_is_put_into_a_client_later_leads_nowhere(
    guard: Guard, server: Any, library: Any
) -> None:
    """Other transports and mounts in the attributes of a guarded client are not used."""
    client = guard.wrap(library.Client(), tools=TOOLS)
    client._transport = library.HTTPTransport()
    client._mounts = {library._utils.URLPattern("all://"): library.HTTPTransport()}
    with guard.identity("agent:crm"), pytest.raises(CallRefused):
        client.get(server.url("/closed", host="127.0.0.1"))
    assert not server.journal.connections()


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_request_cannot_say_where_else_it_goes(guard: Guard, server: Any, library: Any) -> None:
    """No extension of a request changes its target, its host in the handshake, or what follows."""
    client = guard.wrap(library.Client(), tools=TOOLS)
    for extensions in (
        {"target": b"/closed"},
        {"sni_hostname": "evil.test"},
        {"network_stream": object()},
        {"anything": True},
    ):
        with guard.identity("agent:crm"), pytest.raises(UnguardedPath, match="extension"):
            client.get(server.url(host="127.0.0.1"), extensions=extensions)
    assert not server.journal.connections()


def test_a_websocket_is_refused(sender: Any, server: Any) -> None:
    """A guarded client opens no websocket, which would carry anything once it is open."""
    headers = {"Connection": "upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    with pytest.raises(UnguardedPath, match="another request"):
        sender.send("GET", server.url(), headers=headers)
    # requests itself knows no such address.
    with pytest.raises((UnguardedPath, requests.exceptions.InvalidSchema)):
        sender.send("GET", server.url().replace("http://", "ws://"))
    assert not server.journal.connections()


def test_an_answer_does_not_hand_out_its_connection(sender: Any, server: Any) -> None:
    """What a client gets holds no open connection to write to."""
    if sender.library is None:
        with sender.guard.identity("agent:crm"), sender.client() as session:
            assert session.get(server.url()).raw.connection is None
        return
    if sender.kind.endswith("-async"):

        async def ask() -> Any:
            async with sender.client() as client:
                return await client.get(server.url())

        with sender.guard.identity("agent:crm"):
            answer = asyncio.run(ask())
    else:
        with sender.guard.identity("agent:crm"), sender.client() as client:
            answer = client.get(server.url())
    assert "network_stream" not in answer.extensions


def test_a_copy_of_a_client_is_guarded(guard: Guard, server: Any) -> None:
    """A copy sends nothing past the guard, and what is made of a pickle does not exist."""
    for library in LIBRARIES:
        client = copy.copy(guard.wrap(library.Client(), tools=TOOLS))
        with guard.identity("agent:crm"), pytest.raises(CallRefused):
            client.get(server.url("/closed", host="127.0.0.1"))
        bare = type(client)()
        with pytest.raises(UnguardedPath, match="without its guard"):
            bare.get(server.url(host="127.0.0.1"))
    session = guard.wrap(requests.Session(), tools=TOOLS)
    with guard.identity("agent:crm"), pytest.raises(CallRefused):
        copy.copy(session).get(server.url("/closed", host="127.0.0.1"))
    with pytest.raises(ConfigError, match="past the guard"):
        type(session)().get(server.url(host="127.0.0.1"))
    with pytest.raises((pickle.PicklingError, TypeError, AttributeError)):
        pickle.dumps(session)
    assert not server.journal.connections()


def test_a_client_that_was_in_use_is_guarded(guard: Guard, server: Any) -> None:
    """A connection from before serves nobody any more."""
    url = server.url(host="127.0.0.1")
    with httpx.Client() as client, requests.Session() as session:
        for each in (client, session):
            assert each.get(url).status_code == 200
            guard.wrap(each, tools=TOOLS)
            with guard.identity("agent:crm"), pytest.raises(DeniedByPolicy):
                each.get(url)
    assert len(server.received) == 2


def test_nobody_is_refused(sender: Any, server: Any, entries: list[AuditEntry]) -> None:
    """A request without an identity is refused and written down."""
    if sender.kind.endswith("-async"):

        async def ask() -> None:
            async with sender.client() as client:
                await client.get(server.url())

        with pytest.raises(IdentityRequired):
            asyncio.run(ask())
    else:
        with sender.client() as client, pytest.raises(IdentityRequired):
            client.get(server.url())
    assert entries[-1].type is EntryType.REFUSED
    assert not server.journal.connections()


def test_a_client_needs_tools_of_its_own(guard: Guard, guard_with: Callable[..., Guard]) -> None:
    """A client is refused without tools, with unknown ones, and with two for one method."""
    with pytest.raises(ConfigError, match="tools="):
        guard.wrap(httpx.Client())
    with pytest.raises(ConfigError, match="no tool 'reed'"):
        guard.wrap(httpx.Client(), tools=["reed"])
    more = '[[tool]]\nname = "look"\nimpact = "read_only"\nhttp = "GET"\n'
    plain = '[[tool]]\nname = "plain"\nimpact = "read_only"\n'
    other = guard_with(more + plain)
    with pytest.raises(ConfigError, match="both stand for GET"):
        other.wrap(requests.Session(), tools=["read", "look"])
    with pytest.raises(ConfigError, match="does not stand for requests"):
        other.wrap(httpx.Client(), tools=["plain"])
    with pytest.raises(TypeError, match="tools="):
        other.wrap(len, tools=["read"])


def test_a_client_is_guarded_once(guard: Guard, guard_with: Callable[..., Guard]) -> None:
    """Wrapping again changes nothing with the same tools, and is refused with others."""
    other = guard_with('[[tool]]\nname = "other"\nimpact = "read_only"\n')
    for client in (httpx.Client(), httpx2.AsyncClient(), requests.Session()):
        guarded: Any = guard.wrap(client, tools=TOOLS)
        assert guarded is client
        assert guard.wrap(guarded, tools=TOOLS) is guarded
        with pytest.raises(ConfigError, match="guarded already"):
            guard.wrap(guarded, tools=["read"])
        with pytest.raises(ConfigError, match="guarded already"):
            other.wrap(guarded, tools=TOOLS)


def test_a_guarded_client_is_still_one_of_its_library(guard: Guard) -> None:
    """Type and name of a client stay what they were for everybody who looks."""
    for client, kind in (
        (httpx.Client(), httpx.Client),
        (httpx2.AsyncClient(), httpx2.AsyncClient),
        (requests.Session(), requests.Session),
    ):
        guarded = guard.wrap(client, tools=TOOLS)
        assert isinstance(guarded, kind)
        assert type(guarded).__qualname__ == kind.__qualname__


def test_a_tool_that_stands_for_requests_is_no_function(guard: Guard) -> None:
    """A function cannot take the name of a tool whose rules are about requests."""

    def read(url: str) -> str:
        return url

    with pytest.raises(ConfigError, match="stands for requests"):
        guard.tool(read)


def test_a_file_of_the_environment_signs_nobody_in(
    guard: Guard, server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user of a netrc file is sent only where the policy lists the header."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login bob password plan\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    session = guard.wrap(requests.Session(), tools=["remove"])
    with guard.identity("agent:crm"), pytest.raises(CallRefused):
        session.delete(server.url(host="127.0.0.1"))
    assert not server.journal.connections()
