# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does anything come back on a websocket that was not checked?

The story: peers that check answers read what a method returns; events of a websocket are read by
a loop of the caller's own.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import openai
import pytest
from websockets.exceptions import ConnectionClosed

from agentguard import ContentRefused, Guard
from agentguard.errors import GuardFailure
from agentguard.testing import Answer, LoopbackSocket, ToolRequest, speaking
from agentguard.testing.socket_scripts import Sent
from agentguard.vocabulary import AuditEntry, EntryType, Outcome

pytestmark = pytest.mark.skipif(
    int(openai.__version__.partition(".")[0]) < 3,
    reason="older versions do not say where they would connect to; see test_sockets.py",
)

CANARY = "jane.doe@customers.example"
TEXT = f"please write to {CANARY} today"
KEY = "sk-proj-" + "9fQ2xL7vT4mK8wZ3" * 3

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


@pytest.mark.parametrize("cut", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("socket", ["responses", "realtime"])
def test_a_placeholder_comes_back_however_it_is_cut(
    socket: str, cut: int, talk: Any, sockets: Guard
) -> None:
    """The caller reads the address again, in the deltas and in every repetition of the text."""
    _, where, options = SOCKETS[socket]

    async def story(server: LoopbackSocket) -> Any:
        async with talk.entered(
            talk.connect(sockets.wrap(talk.client(server)), where, **options)
        ) as c:
            message = {"type": "response.create", "response": {"instructions": TEXT}}
            await c.send(CREATE if socket == "responses" else message)
            return await talk.until(
                c, "response.completed" if socket == "responses" else "response.done"
            )

    def said(request: Mapping[str, Any]) -> Answer:
        return Answer(request.get("instructions") or request.get("input"), cut=cut)

    with LoopbackSocket(speaking(said)) as server:
        events = talk.run(sockets, lambda: story(server))
        assert server.saw(CANARY) == ()
    assert talk.texts(events) == TEXT
    whole = next(each for each in events if each.type == "response.output_text.done")
    assert whole.text == TEXT
    assert TEXT in events[-1].to_json(indent=None)


@pytest.mark.parametrize("socket", ["responses", "realtime"])
def test_a_secret_in_an_answer_is_hidden(socket: str, talk: Any, sockets: Guard) -> None:
    """A key that the model says is not passed on, neither in pieces nor whole."""
    _, where, options = SOCKETS[socket]

    async def story(server: LoopbackSocket) -> Any:
        async with talk.entered(
            talk.connect(sockets.wrap(talk.client(server)), where, **options)
        ) as c:
            await c.send({"type": "response.create", "event_id": "e"})
            return await talk.until(
                c, "response.completed" if socket == "responses" else "response.done"
            )

    said = Answer(f"use {KEY} for it", (ToolRequest("look_up", {"key": KEY}),))
    with LoopbackSocket(speaking(lambda _: said)) as server:
        events = talk.run(sockets, lambda: story(server))
    assert talk.texts(events).startswith("use [[")
    assert not any(KEY in event.to_json() for event in events)


def test_a_tool_call_comes_whole_and_keeps_its_placeholders(talk: Any, sockets: Guard) -> None:
    """Arguments of a tool call are released when they are complete, with placeholders in them."""

    async def story(server: LoopbackSocket) -> Any:
        async with talk.entered(sockets.wrap(talk.client(server)).realtime.connect(model="m")) as c:
            await c.send({"type": "response.create", "response": {"instructions": CANARY}})
            return await talk.until(c, "response.done")

    def called(request: Mapping[str, Any]) -> Answer:
        return Answer("ok", (ToolRequest("refund", {"to": request["instructions"]}),))

    with LoopbackSocket(speaking(called)) as server:
        events = talk.run(sockets, lambda: story(server))
    arguments = [each for each in events if "function_call_arguments" in each.type]
    assert "[[EMAIL:" in arguments[-1].arguments
    assert talk.texts(events, "response.function_call_arguments.delta") == arguments[-1].arguments
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
    make_guard: Callable[..., Guard], talk: Any, entries: list[AuditEntry]
) -> None:
    """Nothing of the text is released, the connection is gone, and the entry says withheld."""
    guard = make_guard(more=BLOCK)

    async def story(server: LoopbackSocket) -> Any:
        seen: list[Any] = []
        manager = guard.wrap(talk.client(server)).responses.connect()
        async with talk.entered(manager) as c:
            await c.send({**CREATE, "input": "x"})
            with pytest.raises(ContentRefused):
                await talk.drain(c, seen)
            with pytest.raises(ConnectionClosed):
                await c.recv()
            with pytest.raises(ConnectionClosed):
                await c.send({**CREATE, "input": "x"})
        return seen

    with LoopbackSocket(speaking(lambda _: Answer(f"take {TOKEN} now"))) as server:
        seen = talk.run(guard, lambda: story(server))
    assert not any("eyJ" in event.to_json() for event in seen)
    outcomes = [each.outcome for each in entries if each.type is EntryType.OUTCOME]
    assert Outcome.WITHHELD in outcomes


BAD_INPUT: dict[str, Sent] = {
    "bytes": b'{"type": "response.created"}',
    "no JSON": "hello",
    "a list": "[1]",
}


@pytest.mark.parametrize("sent", BAD_INPUT.values(), ids=BAD_INPUT)
def test_what_comes_back_unreadable_is_withheld(sent: Sent, talk: Any, sockets: Guard) -> None:
    """A message that is no JSON object is not passed on, and ends the connection."""

    async def story(server: LoopbackSocket) -> None:
        async with talk.entered(sockets.wrap(talk.client(server)).responses.connect()) as c:
            with pytest.raises(GuardFailure) as caught:
                await c.recv_bytes()
            assert caught.value.dispatched
            with pytest.raises(ConnectionClosed):
                await c.recv_bytes()

    with LoopbackSocket(greeting=lambda _: [sent]) as server:
        talk.run(sockets, lambda: story(server))


def test_bytes_and_streams_of_bytes_are_checked_too(talk: Any, sockets: Guard) -> None:
    """Reading raw bytes, or a message in pieces, shows what reading events shows."""

    async def story(server: LoopbackSocket) -> list[bytes]:
        async with talk.entered(sockets.wrap(talk.client(server)).responses.connect()) as c:
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
        taken = talk.run(sockets, lambda: story(server))
    assert KEY.encode() not in b"".join(taken)
