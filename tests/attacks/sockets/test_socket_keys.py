# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is a websocket opened with an API key that is somebody else's?

The story: the key of a websocket is looked up after the decision, in the act of connecting, and
travels in a handshake that no HTTP client sends.
"""

from collections.abc import Callable
from typing import Any

import openai
import pytest

from agentguard import Guard, WrongKey
from agentguard.clients.credentials import fingerprint_of
from agentguard.errors import DeniedByPolicy
from agentguard.testing import LoopbackSocket
from agentguard.vocabulary import AuditEntry, Reason

pytestmark = pytest.mark.skipif(
    int(openai.__version__.partition(".")[0]) < 3,
    reason="older versions do not say where they would connect to; see test_sockets.py",
)

MINE, THEIRS = "sk-mine-0001", "sk-theirs-03"
KEYS = f"""
[[provider.key]]
fingerprint = "{fingerprint_of(MINE)}"
who = "agent:support"
"""


@pytest.fixture
def keyed(make_guard: Callable[..., Guard]) -> Guard:
    """A guard whose policy lists one key at the loopback provider."""
    return make_guard(more=KEYS)


def story(talk: Any, guard: Guard, server: LoopbackSocket, key: Any) -> Any:
    """Open a websocket with a key and say nothing."""

    def given() -> str:
        return str(key)

    async def given_later() -> str:
        return str(key)

    api_key = key
    if not isinstance(key, str):
        key = key[0]
        api_key = given_later if talk.kind.__name__.startswith("Async") else given

    async def told() -> None:
        client = talk.kind(base_url=server.base_url, api_key=api_key, max_retries=0)
        async with talk.entered(talk.connect(guard.wrap(client), "realtime", model="m")):
            pass

    return talk.run(guard, told)


@pytest.mark.parametrize("key", [MINE, (MINE,)], ids=["held", "asked for"])
def test_the_callers_own_key_opens_a_websocket(
    talk: Any, keyed: Guard, silent: LoopbackSocket, key: Any
) -> None:
    """A key that is listed for the caller opens the connection, held or asked for."""
    story(talk, keyed, silent, key)
    assert silent.connections == 1


@pytest.mark.parametrize("key", [THEIRS, (THEIRS,)], ids=["held", "asked for"])
def test_no_other_key_opens_a_websocket(
    talk: Any, keyed: Guard, silent: LoopbackSocket, entries: list[AuditEntry], key: Any
) -> None:
    """Another key is refused before the handshake is sent, and nobody is told which."""
    with pytest.raises(WrongKey) as caught:
        story(talk, keyed, silent, key)
    assert caught.value.dispatched is False
    assert caught.value.call_id is not None
    assert not silent.handshakes
    assert silent.received_bytes() == b""
    assert THEIRS not in f"{caught.value!r}{caught.value}"
    assert entries[-1].reason is Reason.WRONG_KEY


def test_what_is_said_on_a_websocket_needs_evidence(
    talk: Any, make_guard: Callable[..., Guard], silent: LoopbackSocket
) -> None:
    """A websocket may be opened without evidence, and nothing can be said on it."""
    guard = make_guard(more='[egress]\nneeds = { pii = "contracted" }\n')

    async def told() -> None:
        client = talk.client(silent)
        async with talk.entered(
            talk.connect(guard.wrap(client), "realtime", model="m")
        ) as connection:
            with pytest.raises(DeniedByPolicy) as caught:
                await talk.done(connection.send({"type": "response.create"}))
            assert "unlabelled" in str(caught.value)

    talk.run(guard, told)
    assert len(silent.handshakes) == 1
    assert not silent.frames
