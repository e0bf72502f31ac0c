# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What a handshake may say, which frames may leave, and what is refused where nothing shows."""

from typing import Any

import openai
import pytest
from openai import OpenAI
from openai._models import FinalRequestOptions
from websockets.client import ClientProtocol
from websockets.uri import parse_uri

from agentguard import CallRefused, Guard, UnguardedPath
from agentguard.clients.socket_address import Pass, Stopped, current, issued, refuse_deviations
from agentguard.clients.socket_connections import GuardedConnection
from agentguard.clients.state import state_of
from agentguard.testing import LoopbackSocket

URL = "ws://127.0.0.1:1/v1/realtime?model=m"


def options_for(url: str = URL, **headers: str) -> Any:
    """Return the options of a websocket as the SDK makes them."""
    return FinalRequestOptions.construct(method="get", url=url, headers=headers)


HANDSHAKES: dict[str, tuple[str, dict[str, str], str | None]] = {
    "host": ("ws://127.0.0.2:1/v1/realtime?model=m", {}, None),
    "port": ("ws://127.0.0.1:2/v1/realtime?model=m", {}, None),
    "scheme": ("wss://127.0.0.1:1/v1/realtime?model=m", {}, None),
    "path": ("ws://127.0.0.1:1/v1/responses?model=m", {}, None),
    "query": ("ws://127.0.0.1:1/v1/realtime?model=n", {}, None),
    "further query": (f"{URL}&note=x", {}, None),
    "user": ("ws://user:key@127.0.0.1:1/v1/realtime?model=m", {}, None),
    "header": (URL, {"X-Note": "x"}, None),
    "user agent": (URL, {}, "x"),
}


@pytest.mark.parametrize(("uri", "headers", "agent"), HANDSHAKES.values(), ids=HANDSHAKES)
def test_a_handshake_that_was_not_admitted_is_refused(
    uri: str, headers: dict[str, str], agent: str | None, guard: Guard
) -> None:
    """Another address, or another header than the SDK's, is refused before it is sent."""
    with OpenAI(api_key="k", base_url="http://127.0.0.1:1/v1") as plain:
        state = state_of(guard.wrap(plain))
    given = Pass(client=1, options=options_for(), admitted=True)
    refuse_deviations(given, state, parse_uri(URL), {"Authorization": "Bearer k"}, None)
    with pytest.raises(UnguardedPath):
        refuse_deviations(given, state, parse_uri(uri), headers, agent)


def test_a_pass_only_asks_until_it_is_admitted() -> None:
    """Before the decision the SDK is stopped at the address and at every credential."""
    asked = Pass(client=1)
    with pytest.raises(Stopped):
        asked.demand()
    with pytest.raises(Stopped):
        asked.see(options_for())
    assert asked.options.url == URL


def test_a_pass_is_for_one_address() -> None:
    """What the SDK connects to in the end is what it said at first."""
    given = Pass(client=1, options=options_for(a="b"), admitted=True)
    given.demand()
    assert given.see(options_for(a="b")).url == URL
    for other in (options_for(f"{URL}x", a="b"), options_for(a="c"), options_for()):
        with pytest.raises(UnguardedPath):
            given.see(other)


def test_a_pass_ends_with_its_block() -> None:
    """What keeps the context, such as a task of the library, has no pass any more."""
    with issued(Pass(client=1, admitted=True)) as given:
        assert current() is given
    assert current() is None
    assert not given.valid


def test_the_connections_class_opens_nothing_alone() -> None:
    """The guarded connection, made by somebody else, is refused."""
    with pytest.raises(UnguardedPath):
        GuardedConnection(None, ClientProtocol(parse_uri(URL)))


def test_a_client_that_shows_nothing_opens_nothing(guard: Guard) -> None:
    """Where the SDK does not say where it goes, the refusal names the pair and no byte leaves."""

    def silent(*_: Any) -> None:
        raise Stopped

    with LoopbackSocket() as server, OpenAI(api_key="k", base_url=server.base_url) as plain:
        manager = guard.wrap(plain).responses.connect()
        own = manager._connect_ws
        if int(openai.__version__.partition(".")[0]) > 2:
            # As an older version would: it looks up a credential first.
            type(manager)._prepare_url(manager)
            own = _with_open(manager, silent)
        with guard.identity("agent:support"), pytest.raises(CallRefused, match="WS /responses"):
            own({}, {})
        assert server.connections == 0


def _with_open(manager: Any, open_it: Any) -> Any:
    from agentguard.clients import sockets

    manager._connect_ws = open_it
    sockets._guard_manager(manager._ResponsesConnectionManager__client, manager)
    return manager._connect_ws
