# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does anything pass a websocket, either way, that the guard did not decide?

The story: a websocket does not go through the SDK's ``request``. Peers that wrap methods never see
one; a proxy and a transport let both kinds through whole. And once one is open, there are many
ways to put a frame on it: ``send``, ``send_raw``, a queue that is filled before it opens, what is
sent again after it was opened anew, the connection below, fragments, control frames.
"""

import asyncio
import base64
import inspect
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from operator import attrgetter
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncAzureOpenAI, AsyncOpenAI, AzureOpenAI, OpenAI
from websockets.exceptions import ConnectionClosed

from agentguard import AgentGuardError, CallRefused, ContentRefused, Guard, IdentityRequired
from agentguard.errors import DeniedByPolicy, GuardFailure
from agentguard.testing import Answer, Hangup, LoopbackSocket, ToolRequest, speaking
from agentguard.testing.socket_scripts import Sent, SocketFrame
from agentguard.vocabulary import AuditEntry, EntryType, Outcome

pytestmark = pytest.mark.skipif(
    int(openai.__version__.partition(".")[0]) < 3,
    reason="older versions do not say where they would connect to; see test_openai_identities.py",
)

CANARY = "jane.doe@customers.example"
TEXT = f"please write to {CANARY} today"
KEY = "sk-proj-" + "9fQ2xL7vT4mK8wZ3" * 3
RULE = """
[[rule]]
id = "sockets"
who = ["agent:support"]
for = ["group:support-team"]
provider = ["loopback"]
model = ["*"]
operation = [
    "WS /responses", "WS /realtime", "WS /realtime/translations", "WS /live/sessions",
    "WS /live/sessions/{}/attach", "WS /live/sessions/{}/fork",
]
references = [REFERENCES]
then = "allow"
"""
SOCKETS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "responses": ("WS /responses", "responses", {}),
    "beta responses": ("WS /responses", "beta.responses", {}),
    "realtime": ("WS /realtime", "realtime", {"model": "m"}),
    "translations": ("WS /realtime/translations", "realtime.translations", {"model": "m"}),
    "live": ("WS /live/sessions", "live", {}),
    "fork": ("WS /live/sessions/{}/fork", "live.forks", {"session_id": "sess_1"}),
    "sideband": ("WS /live/sessions/{}/attach", "live.sideband", {"session_id": "sess_1"}),
}


@pytest.fixture
def make_guard(tmp_path: Path, policy_file: Path) -> Iterator[Callable[..., Guard]]:
    """Give what makes a guard whose policy allows every websocket on loopback."""
    made: list[Guard] = []

    def make(references: str = "", more: str = "") -> Guard:
        path = tmp_path / f"sockets{len(made)}.toml"
        rule = RULE.replace("REFERENCES", references)
        path.write_text(
            policy_file.read_text().replace("agentguard.db", f"{path.stem}.db") + rule + more
        )
        made.append(Guard.from_file(path))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def sockets(make_guard: Callable[..., Guard]) -> Guard:
    """A guard whose policy allows every websocket that is begun, on loopback."""
    return make_guard()


@pytest.fixture
def server() -> Iterator[LoopbackSocket]:
    """A server that repeats what it is asked."""
    with LoopbackSocket() as started:
        yield started


@pytest.fixture
def silent() -> Iterator[LoopbackSocket]:
    """A server that answers nothing, so that nothing is left to read at the end."""
    with LoopbackSocket(lambda _: (), greeting=lambda _: ()) as started:
        yield started


@pytest.fixture(params=[OpenAI, AsyncOpenAI])
def kind(request: pytest.FixtureRequest) -> Any:
    """Both kinds of client."""
    return request.param


def client_of(kind: Any, server: LoopbackSocket, **options: Any) -> Any:
    """Return a plain client of the server."""
    return kind(base_url=server.base_url, api_key="not-a-key", max_retries=0, **options)


class Waiting:
    """A synchronous object whose methods can be awaited."""

    def __init__(self, plain: Any) -> None:
        self.plain = plain

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.plain, name)
        if not callable(found):
            return Waiting(found)

        async def call(*arguments: Any, **options: Any) -> Any:
            return found(*arguments, **options)

        return call


@asynccontextmanager
async def entered(manager: Any) -> AsyncIterator[Any]:
    """Enter a manager of either kind; what it gives can be awaited."""
    if hasattr(manager, "__aenter__"):
        async with manager as inside:
            yield inside
    else:
        with manager as inside:
            yield Waiting(inside)


def connect(client: Any, where: str, **options: Any) -> Any:
    """Return the manager of a connection."""
    return attrgetter(where)(client).connect(**options)


def run(guard: Guard, story: Callable[[], Any], **identity: Any) -> Any:
    """Run a story as the support agent for alice."""
    with guard.identity("agent:support", on_behalf_of="user:alice", **identity):
        return asyncio.run(story())


async def drain(connection: Any, into: list[Any]) -> None:
    """Receive events until there are no more."""
    while True:
        into.append(await connection.recv())


async def done(result: Any) -> Any:
    """Await what is awaitable."""
    return await result if inspect.isawaitable(result) else result


async def until(connection: Any, last: str) -> list[Any]:
    """Receive events up to the first of a type."""
    events = [await connection.recv()]
    while events[-1].type != last:
        events.append(await connection.recv())
    return events


def texts(events: list[Any], kind: str = "response.output_text.delta") -> str:
    """Put the deltas of events together."""
    return "".join(event.delta for event in events if event.type == kind)


@pytest.mark.parametrize(("pair", "where", "options"), SOCKETS.values(), ids=SOCKETS)
def test_a_websocket_is_refused_by_default(
    pair: str, where: str, options: dict[str, Any], kind: Any, guard: Guard, server: LoopbackSocket
) -> None:
    """Without a rule no connection is made, and the refusal names the pair and the line."""

    async def story() -> None:
        async with entered(connect(guard.wrap(client_of(kind, server)), where, **options)):
            pass

    with pytest.raises(DeniedByPolicy) as caught:
        run(guard, story)
    assert pair in str(caught.value)
    assert pair in str(caught.value.remedy)
    assert server.connections == 0


@pytest.mark.parametrize(("pair", "where", "options"), SOCKETS.values(), ids=SOCKETS)
def test_a_websocket_without_identity_is_refused(
    pair: str,
    where: str,
    options: dict[str, Any],
    kind: Any,
    sockets: Guard,
    server: LoopbackSocket,
) -> None:
    """Nobody opens a websocket, whatever the policy allows."""

    async def story() -> None:
        async with entered(connect(sockets.wrap(client_of(kind, server)), where, **options)):
            pass

    with pytest.raises(IdentityRequired):
        asyncio.run(story())
    assert pair.startswith("WS ")
    assert server.connections == 0


def test_the_old_realtime_websocket_is_always_refused(
    kind: Any, sockets: Guard, server: LoopbackSocket
) -> None:
    """The first realtime API shows nothing of what it does, so that no rule allows it."""

    async def story() -> None:
        async with entered(
            connect(sockets.wrap(client_of(kind, server)), "beta.realtime", model="m")
        ):
            pass

    with pytest.raises(CallRefused):
        run(sockets, story)
    assert server.connections == 0


AZURE = {
    "sync": (AzureOpenAI, "realtime", {"model": "m"}),
    "async": (AsyncAzureOpenAI, "realtime", {"model": "m"}),
    "responses": (AzureOpenAI, "responses", {}),
}


@pytest.mark.parametrize(("azure", "where", "options"), AZURE.values(), ids=AZURE)
def test_azure_opens_no_websocket(
    azure: Any, where: str, options: dict[str, Any], sockets: Guard, server: LoopbackSocket
) -> None:
    """Azure's clients look up credentials before they say where they go, so they are refused."""
    plain = azure(base_url=server.base_url, api_key="k", api_version="2026-01-01", max_retries=0)

    async def story() -> None:
        async with entered(connect(sockets.wrap(plain), where, **options)):
            pass

    with pytest.raises(CallRefused, match=r"websocket|WS /"):
        run(sockets, story)
    assert server.connections == 0


PART = {"type": "input_text", "text": TEXT}
FUNCTION = {
    "type": "function",
    "name": "lookup_order",
    "description": TEXT,
    "parameters": {TEXT: 1},
}
ITEM = {"type": "message", "role": "user", "content": [PART]}
CREATE = {"type": "response.create", "model": "m", "input": TEXT}
MESSAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "text": ("responses", CREATE),
    "instructions": ("responses", {**CREATE, "instructions": TEXT}),
    "items": ("responses", {**CREATE, "input": [ITEM]}),
    "metadata": ("responses", {**CREATE, "metadata": {"k": TEXT, TEXT: "v"}}),
    "function": ("responses", {**CREATE, "tools": [FUNCTION]}),
    "user": ("responses", {**CREATE, "user": CANARY}),
    "id of a stream": ("responses", {**CREATE, "stream_id": CANARY}),
    "id of an event": ("responses", {**CREATE, "event_id": CANARY}),
    "beta": ("beta responses", CREATE),
    "session": ("realtime", {"type": "session.update", "session": {"instructions": TEXT}}),
    "session's function": (
        "realtime",
        {"type": "session.update", "session": {"type": "realtime", "tools": [FUNCTION]}},
    ),
    "session's words": (
        "realtime",
        {
            "type": "session.update",
            "session": {"audio": {"input": {"transcription": {"prompt": TEXT, "model": "w"}}}},
        },
    ),
    "item": ("realtime", {"type": "conversation.item.create", "item": ITEM}),
    "function's result": (
        "realtime",
        {
            "type": "conversation.item.create",
            "item": {"type": "function_call_output", "call_id": "c", "output": TEXT},
        },
    ),
    "deleted item": ("realtime", {"type": "conversation.item.delete", "item_id": CANARY}),
    "response": (
        "realtime",
        {"type": "response.create", "response": {"instructions": TEXT, "metadata": {"k": TEXT}}},
    ),
    "response's items": ("realtime", {"type": "response.create", "response": {"input": [ITEM]}}),
    "translation": (
        "translations",
        {"type": "session.update", "session": {"audio": {"output": {"language": CANARY}}}},
    ),
    "live session": (
        "live",
        {"type": "session.start", "session": {"model": "m", "instructions": TEXT, "input": [ITEM]}},
    ),
    "live delegation": (
        "live",
        {
            "type": "session.update",
            "session": {
                "delegation": {
                    "type": "responses",
                    "responses": {"model": "n", "instructions": TEXT, "tools": [FUNCTION]},
                }
            },
        },
    ),
    "live thinking": ("live", {"type": "session.thinking.append", "content": TEXT}),
    "live commentary": ("live", {"type": "session.commentary.append", "content": TEXT}),
    "live item": ("live", {"type": "response.item.create", "item": ITEM}),
    "live decision": ("live", {"type": "decision.item.create", "item": ITEM}),
}


@pytest.mark.parametrize(("socket", "message"), MESSAGES.values(), ids=MESSAGES)
def test_no_message_carries_what_must_be_hidden(
    socket: str, message: dict[str, Any], kind: Any, sockets: Guard, silent: LoopbackSocket
) -> None:
    """A message arrives once, as one JSON object, with a placeholder wherever the address stood."""
    _, where, options = SOCKETS[socket]

    async def story() -> None:
        async with entered(connect(sockets.wrap(client_of(kind, silent)), where, **options)) as c:
            await c.send(message)

    run(sockets, story)
    (frame,) = silent.wait_for(1)
    assert frame.json["type"] == message["type"]
    assert "[[EMAIL:" in str(frame.content)
    assert silent.saw(CANARY) == ()


SAMPLES = "AAECAwQF" * 40
IMAGE = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
REFUSED: dict[str, tuple[str, Any]] = {
    "samples": ("realtime", {"type": "input_audio_buffer.append", "audio": SAMPLES}),
    "samples to translate": (
        "translations",
        {"type": "session.input_audio_buffer.append", "audio": SAMPLES},
    ),
    "live samples": ("live", {"type": "session.input_audio.append", "audio": SAMPLES}),
    "image": (
        "realtime",
        {
            "type": "conversation.item.create",
            "item": {**ITEM, "content": [{"type": "input_image", "image_url": IMAGE}]},
        },
    ),
    "address to fetch": (
        "realtime",
        {
            "type": "conversation.item.create",
            "item": {
                **ITEM,
                "content": [{"type": "input_image", "image_url": "https://x.example"}],
            },
        },
    ),
    "connector": (
        "realtime",
        {
            "type": "session.update",
            "session": {"tools": [{"type": "mcp", "server_label": "s", "server_url": "https://x"}]},
        },
    ),
    "connector of a response": (
        "realtime",
        {
            "type": "response.create",
            "response": {
                "tools": [{"type": "mcp", "server_label": "s", "server_url": "https://x"}]
            },
        },
    ),
    "approval of a connector": (
        "realtime",
        {
            "type": "conversation.item.create",
            "item": {
                "type": "mcp_approval_response",
                "id": "1",
                "approval_request_id": "2",
                "approve": True,
            },
        },
    ),
    "live web search": (
        "live",
        {
            "type": "session.update",
            "session": {
                "delegation": {
                    "type": "responses",
                    "responses": {"tools": [{"type": "web_search"}]},
                }
            },
        },
    ),
    "traces": ("realtime", {"type": "session.update", "session": {"tracing": "auto"}}),
    "stored prompt": ("realtime", {"type": "session.update", "session": {"prompt": {"id": "p"}}}),
    "another conversation": (
        "realtime",
        {"type": "response.create", "response": {"conversation": "conv_1"}},
    ),
    "stored session": ("live", {"type": "session.start", "session": {"model": "m", "store": True}}),
    "web search": ("responses", {**CREATE, "tools": [{"type": "web_search"}]}),
    "earlier response": ("responses", {**CREATE, "previous_response_id": "resp_1"}),
    "stored response": ("responses", {**CREATE, "store": True}),
    "steering": (
        "responses",
        {"type": "response.steer", "input": "x", "previous_response_id": "resp_1"},
    ),
    "unknown type": ("realtime", {"type": f"session.{CANARY}"}),
    "unknown type of response": ("responses", {"type": "response.delete"}),
    "unknown member": ("realtime", {"type": "input_audio_buffer.clear", "note": TEXT}),
    "unknown member of a session": ("realtime", {"type": "session.update", "session": {"note": 1}}),
    "no type": ("realtime", {"session": {}}),
    "type of another websocket": ("live", {"type": "session.update", "session": {"voice": "v"}}),
}


@pytest.mark.parametrize(("socket", "message"), REFUSED.values(), ids=REFUSED)
def test_a_message_that_nobody_allowed_is_refused(
    socket: str, message: Any, kind: Any, sockets: Guard, silent: LoopbackSocket
) -> None:
    """Media, hosted tools, references and what no table knows stay here; the connection stays."""
    _, where, options = SOCKETS[socket]

    async def story() -> Any:
        async with entered(connect(sockets.wrap(client_of(kind, silent)), where, **options)) as c:
            with pytest.raises(CallRefused) as caught:
                await c.send(message)
            after = "session.close" if socket == "translations" else "response.create"
            await c.send({"type": after, "event_id": "after"})
            return caught.value

    refusal = run(sockets, story)
    (frame,) = silent.wait_for(1)
    assert frame.json["event_id"] == "after"
    assert not refusal.dispatched
    assert CANARY not in repr(refusal) + str(refusal)


UNREADABLE: dict[str, Callable[[Any], Any]] = {
    "bytes": lambda c: c.send_raw(json.dumps(CREATE).encode()),
    "no JSON": lambda c: c.send_raw(TEXT),
    "a list": lambda c: c.send_raw(json.dumps([CREATE])),
    "two members of one name": lambda c: c.send_raw('{"type": "response.create", "type": "x"}'),
    "two objects": lambda c: c.send_raw(json.dumps(CREATE) * 2),
    "no number": lambda c: c.send_raw('{"type": "response.create", "temperature": NaN}'),
    "fragments": lambda c: c._connection.send([TEXT, TEXT]),
    "a mapping": lambda c: c._connection.send(CREATE),
    "text as bytes": lambda c: c._connection.send(json.dumps(CREATE).encode(), text=True),
    "bytes from text": lambda c: c._connection.send(json.dumps(CREATE), text=False),
    "ping": lambda c: c._connection.ping(CANARY),
    "pong": lambda c: c._connection.pong(CANARY),
}


@pytest.mark.parametrize("way", UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_single_json_text_is_refused(
    way: Callable[[Any], Any], kind: Any, sockets: Guard, server: LoopbackSocket
) -> None:
    """Binary messages, fragments and control frames with content never leave."""

    async def story() -> Any:
        async with entered(sockets.wrap(client_of(kind, server)).responses.connect()) as c:
            with pytest.raises(ContentRefused) as caught:
                await way(c)
            await c.send(CREATE)
            await until(c, "response.completed")
            return caught.value

    refusal = run(sockets, story)
    (frame,) = server.frames
    assert frame.json["type"] == "response.create"
    assert server.saw(CANARY) == ()
    assert CANARY not in repr(refusal) + str(refusal)


WAYS: dict[str, Callable[[Any], Any]] = {
    "send": lambda c: c.send(CREATE),
    "raw": lambda c: c.send_raw(json.dumps(CREATE)),
    "connection": lambda c: c._connection.send(json.dumps(CREATE)),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_every_way_of_sending_is_guarded(
    way: Callable[[Any], Any], kind: Any, sockets: Guard, server: LoopbackSocket
) -> None:
    """Whichever way it is sent, the address is hidden, is not kept there, and comes back."""

    async def story() -> str:
        async with entered(sockets.wrap(client_of(kind, server)).responses.connect()) as c:
            await way(c)
            return texts(await until(c, "response.completed"))

    assert run(sockets, story) == TEXT
    (frame,) = server.frames
    assert frame.json["store"] is False
    assert server.saw(CANARY) == ()


def test_a_frame_put_below_the_connection_does_not_leave(
    kind: Any, sockets: Guard, server: LoopbackSocket
) -> None:
    """The library's protocol is sealed: a frame that no call admitted ends the connection."""

    async def story() -> None:
        async with entered(sockets.wrap(client_of(kind, server)).responses.connect()) as c:
            plain = getattr(c, "plain", c)._connection
            for put in (plain.protocol.send_text, plain.protocol.send_binary):
                with pytest.raises(CallRefused):
                    put(TEXT.encode())
            with pytest.raises(CallRefused):
                plain.protocol.send_ping(CANARY.encode())

    run(sockets, story)
    assert server.frames == ()
    assert server.saw(CANARY) == ()


def test_the_reason_of_a_close_is_not_sent(
    kind: Any, sockets: Guard, server: LoopbackSocket
) -> None:
    """A close frame has room for a text; it goes without."""

    async def story() -> None:
        manager = sockets.wrap(client_of(kind, server)).responses.connect()
        async with entered(manager) as c:
            await c.close(code=1000, reason=CANARY)

    run(sockets, story)
    assert server.saw(CANARY) == ()


def test_what_was_queued_before_it_opened_is_guarded(
    kind: Any, sockets: Guard, server: LoopbackSocket
) -> None:
    """A message put into the manager's queue is decided when it leaves."""

    async def story() -> str:
        manager = sockets.wrap(client_of(kind, server)).responses.connect()
        manager.send(CREATE)
        async with entered(manager) as c:
            return texts(await until(c, "response.completed"))

    assert run(sockets, story) == TEXT
    assert server.saw(CANARY) == ()


def hang_up_once(frame: SocketFrame) -> Iterator[Sent]:
    """Hang up on the first connection, and answer on the second."""
    if frame.connection == 0:
        yield Hangup()
    else:
        yield {"type": "session.updated", "event_id": "e", "session": {"type": "realtime"}}


def test_a_connection_that_is_opened_again_is_guarded(kind: Any, sockets: Guard) -> None:
    """What is sent after the provider hung up goes through the guard like what was sent before."""
    again = threading.Event()

    def greet(_: str) -> Iterator[Sent]:
        if len(server.handshakes) > 1:
            again.set()
        return iter(())

    async def story(server: LoopbackSocket) -> None:
        client = sockets.wrap(client_of(kind, server))
        manager = client.responses.connect(on_reconnecting=lambda _: None, initial_delay=0.01)
        async with entered(manager) as c:
            await c.send({**CREATE, "user": "first"})
            plain = getattr(c, "plain", c)
            events = plain.__aiter__() if hasattr(plain, "__aiter__") else iter(plain)
            waiting = asyncio.ensure_future(_next(events))
            await asyncio.to_thread(again.wait, 10)
            await c.send({**CREATE, "user": "second"})
            await waiting

    with LoopbackSocket(hang_up_once, greeting=greet) as server:
        run(sockets, lambda: story(server))
        assert [frame.connection for frame in server.frames] == [0, 1]
        assert server.saw(CANARY) == ()


async def _next(events: Any) -> Any:
    if hasattr(events, "__anext__"):
        return await anext(events)
    return await asyncio.to_thread(next, events)


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
    where: str, options: dict[str, Any], kind: Any, sockets: Guard, server: LoopbackSocket
) -> None:
    """Query, path, headers and settings of a websocket are decided before it connects."""

    async def story() -> None:
        async with entered(connect(sockets.wrap(client_of(kind, server)), where, **options)):
            pass

    with pytest.raises(CallRefused) as caught:
        run(sockets, story)
    assert CANARY not in repr(caught.value) + str(caught.value)
    assert server.connections == 0


def test_a_header_of_the_client_itself_is_decided(
    kind: Any, sockets: Guard, server: LoopbackSocket
) -> None:
    """A default header of a client is put on handshakes, too, so that one is refused."""

    async def story() -> None:
        client = client_of(kind, server, default_headers={"x-team": CANARY})
        async with entered(sockets.wrap(client).responses.connect()):
            pass

    with pytest.raises(CallRefused):
        run(sockets, story)
    assert server.connections == 0


@pytest.mark.parametrize("cut", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("socket", ["responses", "realtime"])
def test_a_placeholder_comes_back_however_it_is_cut(
    socket: str, cut: int, kind: Any, sockets: Guard
) -> None:
    """The caller reads the address again, in the deltas and in every repetition of the text."""
    _, where, options = SOCKETS[socket]

    async def story(server: LoopbackSocket) -> list[Any]:
        async with entered(connect(sockets.wrap(client_of(kind, server)), where, **options)) as c:
            message = {"type": "response.create", "response": {"instructions": TEXT}}
            await c.send(CREATE if socket == "responses" else message)
            return await until(
                c, "response.completed" if socket == "responses" else "response.done"
            )

    def said(request: Mapping[str, Any]) -> Answer:
        return Answer(request.get("instructions") or request.get("input"), cut=cut)

    with LoopbackSocket(speaking(said)) as server:
        events = run(sockets, lambda: story(server))
        assert server.saw(CANARY) == ()
    assert texts(events) == TEXT
    whole = next(each for each in events if each.type == "response.output_text.done")
    assert whole.text == TEXT
    assert TEXT in events[-1].to_json(indent=None)


@pytest.mark.parametrize("socket", ["responses", "realtime"])
def test_a_secret_in_an_answer_is_hidden(socket: str, kind: Any, sockets: Guard) -> None:
    """A key that the model says is not passed on, neither in pieces nor whole."""
    _, where, options = SOCKETS[socket]

    async def story(server: LoopbackSocket) -> list[Any]:
        async with entered(connect(sockets.wrap(client_of(kind, server)), where, **options)) as c:
            await c.send({"type": "response.create", "event_id": "e"})
            return await until(
                c, "response.completed" if socket == "responses" else "response.done"
            )

    said = Answer(f"use {KEY} for it", (ToolRequest("look_up", {"key": KEY}),))
    with LoopbackSocket(speaking(lambda _: said)) as server:
        events = run(sockets, lambda: story(server))
    assert texts(events).startswith("use [[")
    assert not any(KEY in event.to_json() for event in events)


def test_a_tool_call_comes_whole_and_keeps_its_placeholders(kind: Any, sockets: Guard) -> None:
    """Arguments of a tool call are released when they are complete, with placeholders in them."""

    async def story(server: LoopbackSocket) -> list[Any]:
        async with entered(sockets.wrap(client_of(kind, server)).realtime.connect(model="m")) as c:
            await c.send({"type": "response.create", "response": {"instructions": CANARY}})
            return await until(c, "response.done")

    def called(request: Mapping[str, Any]) -> Answer:
        return Answer("ok", (ToolRequest("refund", {"to": request["instructions"]}),))

    with LoopbackSocket(speaking(called)) as server:
        events = run(sockets, lambda: story(server))
    arguments = [each for each in events if "function_call_arguments" in each.type]
    assert "[[EMAIL:" in arguments[-1].arguments
    assert texts(events, "response.function_call_arguments.delta") == arguments[-1].arguments
    assert not any(CANARY in each.to_json() for each in arguments)


BLOCK = """
[[class]]
name = "jwt"
in_answers = "block"
"""
TOKEN = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0."
    "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
)


def test_a_blocked_class_ends_the_connection(
    make_guard: Callable[..., Guard], kind: Any, entries: list[AuditEntry]
) -> None:
    """Nothing of the text is released, the connection is gone, and the entry says withheld."""
    guard = make_guard(more=BLOCK)

    async def story(server: LoopbackSocket) -> list[Any]:
        seen: list[Any] = []
        manager = guard.wrap(client_of(kind, server)).responses.connect()
        async with entered(manager) as c:
            await c.send({**CREATE, "input": "x"})
            with pytest.raises(ContentRefused):
                await drain(c, seen)
            with pytest.raises(ConnectionClosed):
                await c.recv()
            with pytest.raises(ConnectionClosed):
                await c.send({**CREATE, "input": "x"})
        return seen

    with LoopbackSocket(speaking(lambda _: Answer(f"take {TOKEN} now"))) as server:
        seen = run(guard, lambda: story(server))
    assert not any("eyJ" in event.to_json() for event in seen)
    outcomes = [each.outcome for each in entries if each.type is EntryType.OUTCOME]
    assert Outcome.WITHHELD in outcomes


BAD_INPUT: dict[str, Sent] = {
    "bytes": b'{"type": "response.created"}',
    "no JSON": "hello",
    "a list": "[1]",
}


@pytest.mark.parametrize("sent", BAD_INPUT.values(), ids=BAD_INPUT)
def test_what_comes_back_unreadable_is_withheld(sent: Sent, kind: Any, sockets: Guard) -> None:
    """A message that is no JSON object is not passed on, and ends the connection."""

    async def story(server: LoopbackSocket) -> None:
        async with entered(sockets.wrap(client_of(kind, server)).responses.connect()) as c:
            with pytest.raises(GuardFailure) as caught:
                await c.recv_bytes()
            assert caught.value.dispatched
            with pytest.raises(ConnectionClosed):
                await c.recv_bytes()

    with LoopbackSocket(greeting=lambda _: [sent]) as server:
        run(sockets, lambda: story(server))


def test_bytes_and_streams_of_bytes_are_checked_too(kind: Any, sockets: Guard) -> None:
    """Reading raw bytes, or a message in pieces, shows what reading events shows."""

    async def story(server: LoopbackSocket) -> list[bytes]:
        async with entered(sockets.wrap(client_of(kind, server)).responses.connect()) as c:
            await c.send(CREATE)
            plain = getattr(c, "plain", c)
            taken = [await c.recv_bytes()]
            while b"response.completed" not in taken[-1]:
                pieces = plain._connection.recv_streaming(decode=False)
                if inspect.isasyncgen(pieces):
                    taken += [piece async for piece in pieces]
                else:
                    taken += pieces
            return taken

    with LoopbackSocket(speaking(lambda _: Answer(f"use {KEY} for it"))) as server:
        taken = run(sockets, lambda: story(server))
    assert KEY.encode() not in b"".join(taken)


def test_a_thread_without_identity_keeps_the_connections(
    sockets: Guard, silent: LoopbackSocket, entries: list[AuditEntry]
) -> None:
    """A frame that is sent from a bare thread is sent for whom the connection was opened for."""
    with sockets.identity("agent:support", on_behalf_of="user:alice"):
        manager = sockets.wrap(client_of(OpenAI, silent)).responses.connect()
        connection = manager.enter()
    thread = threading.Thread(target=lambda: connection.send(CREATE))
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
    who: dict[str, Any], kind: Any, sockets: Guard, server: LoopbackSocket
) -> None:
    """Running code that is bound to somebody else, or to another session, is refused."""
    wrapped = sockets.wrap(client_of(kind, server))

    async def story() -> None:
        with sockets.identity("agent:support", on_behalf_of="user:alice", session="one"):
            manager = wrapped.responses.connect()
            plain = await done(manager.enter())
        with sockets.identity(**who), pytest.raises(IdentityRequired):
            await done(plain.send(CREATE))
        await done(plain.close())

    asyncio.run(story())
    assert server.frames == ()


def test_a_framework_that_borrows_credentials_is_refused(
    kind: Any, sockets: Guard, server: LoopbackSocket
) -> None:
    """A websocket of a framework's own, signed in with the client's key, does not get the key."""
    client = sockets.wrap(client_of(kind, server))

    async def story() -> None:
        with pytest.raises(CallRefused):
            await done(client._refresh_api_key())
        with pytest.raises(CallRefused):
            _ = client.auth_headers

    run(sockets, story)
    assert server.connections == 0


def test_a_resource_from_before_the_wrap_is_guarded(
    kind: Any, sockets: Guard, silent: LoopbackSocket
) -> None:
    """A resource that was held before is refused or guarded, as is a bound method; none leaks."""
    client = client_of(kind, silent)
    resource, method = client.responses, client.responses.connect
    wrapped = sockets.wrap(client)
    assert wrapped.responses is resource

    async def story(way: Callable[[], Any]) -> None:
        async with entered(way()) as c:
            await c.send(CREATE)

    with pytest.raises(CallRefused):
        run(sockets, lambda: story(method))
    run(sockets, lambda: story(resource.connect))
    silent.wait_for(1)
    assert silent.saw(CANARY) == ()


def test_copies_and_bound_clients_open_guarded_websockets(
    kind: Any, sockets: Guard, server: LoopbackSocket
) -> None:
    """A copy is guarded like its original, and a bound client needs no identity around it."""
    client = sockets.wrap(client_of(kind, server))
    with sockets.identity("agent:support", on_behalf_of="user:alice"):
        bound = sockets.bind(client.with_options(timeout=5), "agent:support")

    async def story() -> str:
        async with entered(bound.responses.connect()) as c:
            await c.send(CREATE)
            return texts(await until(c, "response.completed"))

    assert asyncio.run(story()) == TEXT
    assert server.saw(CANARY) == ()


def test_connection_and_messages_are_written_down(
    kind: Any, sockets: Guard, server: LoopbackSocket, entries: list[AuditEntry]
) -> None:
    """Opening is one intent, each message an intent and an outcome, and the end an outcome."""

    async def story() -> None:
        async with entered(sockets.wrap(client_of(kind, server)).responses.connect()) as c:
            await c.send(CREATE)
            await until(c, "response.completed")

    run(sockets, story)
    kinds = [entry.type for entry in entries]
    assert kinds == [EntryType.INTENT, EntryType.INTENT, EntryType.OUTCOME, EntryType.OUTCOME]
    assert {entry.operation for entry in entries} == {"WS /responses"}
    assert entries[0].call_id == entries[3].call_id
    assert entries[1].target == "m"
    assert CANARY not in repr(entries)


def test_each_message_names_its_own_model(
    tmp_path: Path, policy_file: Path, kind: Any, server: LoopbackSocket
) -> None:
    """A rule that names models is about every message; the connection names none of its own."""
    path = tmp_path / "models.toml"
    rule = RULE.replace("REFERENCES", "")
    opening = rule.replace('model = ["*"]\n', "").replace('"sockets"', '"opening"')
    path.write_text(policy_file.read_text() + opening + rule.replace('"*"', '"m"'))

    async def story(guard: Guard) -> None:
        async with entered(guard.wrap(client_of(kind, server)).responses.connect()) as c:
            with pytest.raises(DeniedByPolicy):
                await c.send({**CREATE, "model": "other"})
            await c.send(CREATE)
            await until(c, "response.completed")

    with Guard.from_file(path) as guard:
        run(guard, lambda: story(guard))
    (frame,) = server.frames
    assert frame.json["model"] == "m"


def test_a_second_model_is_decided_too(
    tmp_path: Path, policy_file: Path, kind: Any, server: LoopbackSocket
) -> None:
    """The model that writes down what is said must be allowed beside the one that speaks."""
    path = tmp_path / "models.toml"
    path.write_text(policy_file.read_text() + RULE.replace("REFERENCES", "").replace('"*"', '"m"'))
    listening = {"audio": {"input": {"transcription": {"model": "whisper-1"}}}}

    async def story(guard: Guard) -> None:
        async with entered(guard.wrap(client_of(kind, server)).realtime.connect(model="m")) as c:
            with pytest.raises(DeniedByPolicy):
                await c.send({"type": "session.update", "session": listening})

    with Guard.from_file(path) as guard:
        run(guard, lambda: story(guard))
    assert server.frames == ()


def test_recordings_pass_where_the_policy_says_so(
    make_guard: Callable[..., Guard], kind: Any, server: LoopbackSocket
) -> None:
    """Sound that the policy labels is sent as it was; other bytes in its place are refused."""
    guard = make_guard(more='\n[[class]]\nname = "audio"\naction = "label"\n')
    image = IMAGE.partition(",")[2]

    async def story() -> None:
        async with entered(guard.wrap(client_of(kind, server)).realtime.connect(model="m")) as c:
            with pytest.raises(ContentRefused):
                await c.send({"type": "input_audio_buffer.append", "audio": image})
            with pytest.raises(ContentRefused):
                await c.send({"type": "input_audio_buffer.append", "audio": f"{TEXT}!"})
            await c.send({"type": "input_audio_buffer.append", "audio": SAMPLES})
            hidden = base64.b64encode(CANARY.encode()).decode()
            await c.send({"type": "input_audio_buffer.append", "audio": hidden})

    run(guard, story)
    sound, text = server.wait_for(2)
    assert sound.json["audio"] == SAMPLES
    assert b"[[EMAIL:" in base64.b64decode(text.json["audio"])
    assert server.saw(CANARY) == ()


def test_errors_on_websockets_are_the_guards_own() -> None:
    """What the guard raises on a websocket is no error of the SDK or of the library."""
    for error in (ContentRefused, DeniedByPolicy, IdentityRequired, GuardFailure):
        assert issubclass(error, AgentGuardError)
        assert not issubclass(error, openai.OpenAIError)
