# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does anything pass a websocket, either way, that the guard did not decide?

The story: a websocket does not go through the SDK's ``request``. Peers that wrap methods never see
one; a proxy and a transport let both kinds through whole. And once one is open, there are many
ways to put a frame on it: ``send``, ``send_raw``, a queue that is filled before it opens, what is
sent again after it was opened anew, the connection below, fragments, control frames.
"""

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncAzureOpenAI, AzureOpenAI, OpenAI

from agentguard import (
    AgentGuardError,
    CallRefused,
    ContentRefused,
    Guard,
    IdentityRequired,
    UnguardedPath,
)
from agentguard.errors import DeniedByPolicy, GuardFailure
from agentguard.testing import LoopbackSocket
from agentguard.vocabulary import AuditEntry, EntryType

pytestmark = pytest.mark.skipif(
    int(openai.__version__.partition(".")[0]) < 3,
    reason="older versions do not say where they would connect to; see test_sockets.py",
)

CANARY = "jane.doe@customers.example"
TEXT = f"please write to {CANARY} today"
SOCKETS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "responses": ("WS /responses", "responses", {}),
    "beta responses": ("WS /responses", "beta.responses", {}),
    "realtime": ("WS /realtime", "realtime", {"model": "m"}),
    "translations": ("WS /realtime/translations", "realtime.translations", {"model": "m"}),
    "live": ("WS /live/sessions", "live", {}),
    "fork": ("WS /live/sessions/{}/fork", "live.forks", {"session_id": "sess_1"}),
    "sideband": ("WS /live/sessions/{}/attach", "live.sideband", {"session_id": "sess_1"}),
}
CREATE: dict[str, Any] = {"type": "response.create", "model": "m", "input": TEXT}


@pytest.mark.parametrize(("pair", "where", "options"), SOCKETS.values(), ids=SOCKETS)
def test_a_websocket_is_refused_by_default(
    pair: str, where: str, options: dict[str, Any], talk: Any, guard: Guard, server: LoopbackSocket
) -> None:
    """Without a rule no connection is made, and the refusal names the pair and the line."""

    async def story() -> None:
        async with talk.entered(talk.connect(guard.wrap(talk.client(server)), where, **options)):
            pass

    with pytest.raises(DeniedByPolicy) as caught:
        talk.run(guard, story)
    assert pair in str(caught.value)
    assert pair in str(caught.value.remedy)
    assert server.connections == 0


@pytest.mark.parametrize(("pair", "where", "options"), SOCKETS.values(), ids=SOCKETS)
def test_a_websocket_without_identity_is_refused(
    pair: str,
    where: str,
    options: dict[str, Any],
    talk: Any,
    sockets: Guard,
    server: LoopbackSocket,
) -> None:
    """Nobody opens a websocket, whatever the policy allows."""

    async def story() -> None:
        async with talk.entered(talk.connect(sockets.wrap(talk.client(server)), where, **options)):
            pass

    with pytest.raises(IdentityRequired):
        asyncio.run(story())
    assert pair.startswith("WS ")
    assert server.connections == 0


def test_the_old_realtime_websocket_is_always_refused(
    talk: Any, sockets: Guard, server: LoopbackSocket
) -> None:
    """The first realtime API shows nothing of what it does, so that no rule allows it."""

    async def story() -> None:
        async with talk.entered(
            talk.connect(sockets.wrap(talk.client(server)), "beta.realtime", model="m")
        ):
            pass

    with pytest.raises(CallRefused):
        talk.run(sockets, story)
    assert server.connections == 0


AZURE = {
    "sync": (AzureOpenAI, "realtime", {"model": "m"}),
    "async": (AsyncAzureOpenAI, "realtime", {"model": "m"}),
    "responses": (AzureOpenAI, "responses", {}),
}


@pytest.mark.parametrize(("azure", "where", "options"), AZURE.values(), ids=AZURE)
def test_azure_opens_no_websocket(
    talk: Any,
    azure: Any,
    where: str,
    options: dict[str, Any],
    sockets: Guard,
    server: LoopbackSocket,
) -> None:
    """Azure's clients look up credentials before they say where they go, so they are refused."""
    plain = azure(base_url=server.base_url, api_key="k", api_version="2026-01-01", max_retries=0)

    async def story() -> None:
        async with talk.entered(talk.connect(sockets.wrap(plain), where, **options)):
            pass

    with pytest.raises(CallRefused, match=r"websocket|WS /"):
        talk.run(sockets, story)
    assert server.connections == 0


ADDRESSES: dict[str, tuple[str, dict[str, Any]]] = {
    "model": ("realtime", {"model": CANARY}),
    "call": ("realtime", {"call_id": "call_1"}),
    "unknown parameter": ("realtime", {"model": "m", "extra_query": {"note": "x"}}),
    "known parameter": ("realtime", {"model": "m", "extra_query": {"intent": CANARY}}),
    "header": ("realtime", {"model": "m", "extra_headers": {"x-team": CANARY}}),
    "sign-in": ("responses", {"extra_headers": {"authorization": f"Bearer {CANARY}"}}),
    "session": ("live.forks", {"session_id": CANARY}),
    "subprotocol": ("responses", {"websocket_connection_options": {"subprotocols": ["x"]}}),
    "origin": ("responses", {"websocket_connection_options": {"origin": CANARY}}),
    "host": ("responses", {"websocket_connection_options": {"host": "127.0.0.1"}}),
    "socket": ("responses", {"websocket_connection_options": {"sock": None}}),
    "class": ("responses", {"websocket_connection_options": {"create_connection": None}}),
}


@pytest.mark.parametrize(("where", "options"), ADDRESSES.values(), ids=ADDRESSES)
def test_a_handshake_carries_nothing_that_nobody_allowed(
    where: str, options: dict[str, Any], talk: Any, sockets: Guard, server: LoopbackSocket
) -> None:
    """Query, path, headers and settings of a websocket are decided before it connects."""

    async def story() -> None:
        async with talk.entered(talk.connect(sockets.wrap(talk.client(server)), where, **options)):
            pass

    with pytest.raises(CallRefused) as caught:
        talk.run(sockets, story)
    assert CANARY not in repr(caught.value) + str(caught.value)
    assert server.connections == 0


def test_a_header_of_the_client_itself_is_decided(
    talk: Any, sockets: Guard, server: LoopbackSocket
) -> None:
    """A default header of a client is put on handshakes, too, so that one is refused."""

    async def story() -> None:
        client = talk.client(server, default_headers={"x-team": CANARY})
        async with talk.entered(sockets.wrap(client).responses.connect()):
            pass

    with pytest.raises(CallRefused):
        talk.run(sockets, story)
    assert server.connections == 0


def test_a_thread_without_identity_keeps_the_connections(
    sockets: Guard, silent: LoopbackSocket, entries: list[AuditEntry]
) -> None:
    """A frame that is sent from a bare thread is sent for whom the connection was opened for."""
    with sockets.identity("agent:support", on_behalf_of="user:alice"):
        manager = sockets.wrap(OpenAI(base_url=silent.base_url, api_key="k")).responses.connect()
        connection = manager.enter()
    thread = threading.Thread(target=lambda: connection.send_raw(json.dumps(CREATE)))
    thread.start()
    thread.join()
    silent.wait_for(1)
    connection.close()
    assert silent.saw(CANARY) == ()
    assert {each.chain for each in entries} == {("user:alice", "agent:support")}


OTHERS: dict[str, dict[str, Any]] = {
    "another agent": {"actor": "agent:other"},
    "another person": {"actor": "agent:support", "on_behalf_of": "user:bob"},
    "another session": {"actor": "agent:support", "on_behalf_of": "user:alice", "session": "two"},
}


@pytest.mark.parametrize("who", OTHERS.values(), ids=OTHERS)
def test_another_identity_does_not_use_a_connection(
    who: dict[str, Any], talk: Any, sockets: Guard, server: LoopbackSocket
) -> None:
    """Running code that is bound to somebody else, or to another session, is refused."""
    wrapped = sockets.wrap(talk.client(server))

    async def story() -> None:
        with sockets.identity("agent:support", on_behalf_of="user:alice", session="one"):
            manager = wrapped.responses.connect()
            plain = await talk.done(manager.enter())
        with sockets.identity(**who), pytest.raises(IdentityRequired):
            await talk.done(plain.send(CREATE))
        await talk.done(plain.close())

    asyncio.run(story())
    assert server.frames == ()


def test_a_framework_that_borrows_credentials_is_refused(
    talk: Any, sockets: Guard, server: LoopbackSocket
) -> None:
    """A websocket of a framework's own, signed in with the client's key, does not get the key."""
    client = sockets.wrap(talk.client(server))

    async def story() -> None:
        with pytest.raises(CallRefused):
            await talk.done(client._refresh_api_key())
        with pytest.raises(UnguardedPath, match="not handed out"):
            _ = client.auth_headers

    talk.run(sockets, story)
    assert server.connections == 0


def test_a_resource_from_before_the_wrap_is_guarded(
    talk: Any, sockets: Guard, silent: LoopbackSocket
) -> None:
    """A resource that was held before is refused or guarded, as is a bound method; none leaks."""
    client = talk.client(silent)
    resource, method = client.responses, client.responses.connect
    wrapped = sockets.wrap(client)
    assert wrapped.responses is resource

    async def story(way: Callable[[], Any]) -> None:
        async with talk.entered(way()) as c:
            await c.send(CREATE)

    with pytest.raises(CallRefused):
        talk.run(sockets, lambda: story(method))
    talk.run(sockets, lambda: story(resource.connect))
    silent.wait_for(1)
    assert silent.saw(CANARY) == ()


def test_copies_and_bound_clients_open_guarded_websockets(
    talk: Any, sockets: Guard, server: LoopbackSocket
) -> None:
    """A copy is guarded like its original, and a bound client needs no identity around it."""
    client = sockets.wrap(talk.client(server))
    with sockets.identity("agent:support", on_behalf_of="user:alice"):
        bound = sockets.bind(client.with_options(timeout=5), "agent:support")

    async def story() -> Any:
        async with talk.entered(bound.responses.connect()) as c:
            await c.send(CREATE)
            return talk.texts(await talk.until(c, "response.completed"))

    assert asyncio.run(story()) == TEXT
    assert server.saw(CANARY) == ()


def test_connection_and_messages_are_written_down(
    talk: Any, sockets: Guard, server: LoopbackSocket, entries: list[AuditEntry]
) -> None:
    """Opening is one intent, each message an intent and an outcome, and the end an outcome."""

    async def story() -> None:
        async with talk.entered(sockets.wrap(talk.client(server)).responses.connect()) as c:
            await c.send(CREATE)
            await talk.until(c, "response.completed")

    talk.run(sockets, story)
    kinds = [entry.type for entry in entries]
    assert kinds == [EntryType.INTENT, EntryType.INTENT, EntryType.OUTCOME, EntryType.OUTCOME]
    assert {entry.operation for entry in entries} == {"WS /responses"}
    assert entries[0].call_id == entries[3].call_id
    assert entries[1].target == "m"
    assert CANARY not in repr(entries)


def test_each_message_names_its_own_model(
    socket_rule: str, tmp_path: Path, policy_file: Path, talk: Any, server: LoopbackSocket
) -> None:
    """A rule that names models is about every message; the connection names none of its own."""
    path = tmp_path / "models.toml"
    opening = socket_rule.replace('model = ["*"]\n', "").replace('"sockets"', '"opening"')
    path.write_text(policy_file.read_text() + opening + socket_rule.replace('"*"', '"m"'))

    async def story(guard: Guard) -> None:
        async with talk.entered(guard.wrap(talk.client(server)).responses.connect()) as c:
            with pytest.raises(DeniedByPolicy):
                await c.send({**CREATE, "model": "other"})
            await c.send(CREATE)
            await talk.until(c, "response.completed")

    with Guard.from_file(path) as guard:
        talk.run(guard, lambda: story(guard))
    (frame,) = server.frames
    assert frame.json["model"] == "m"


def test_a_second_model_is_decided_too(
    socket_rule: str, tmp_path: Path, policy_file: Path, talk: Any, server: LoopbackSocket
) -> None:
    """The model that writes down what is said must be allowed beside the one that speaks."""
    path = tmp_path / "models.toml"
    path.write_text(policy_file.read_text() + socket_rule.replace('"*"', '"m"'))
    listening = {"audio": {"input": {"transcription": {"model": "whisper-1"}}}}

    async def story(guard: Guard) -> None:
        async with talk.entered(guard.wrap(talk.client(server)).realtime.connect(model="m")) as c:
            with pytest.raises(DeniedByPolicy):
                await c.send({"type": "session.update", "session": listening})

    with Guard.from_file(path) as guard:
        talk.run(guard, lambda: story(guard))
    assert server.frames == ()


def test_errors_on_websockets_are_the_guards_own() -> None:
    """What the guard raises on a websocket is no error of the SDK or of the library."""
    for error in (ContentRefused, DeniedByPolicy, IdentityRequired, GuardFailure):
        assert issubclass(error, AgentGuardError)
        assert not issubclass(error, openai.OpenAIError)
