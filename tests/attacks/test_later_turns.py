# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a value that was turned back for the user leave in a later turn?

An application sends the SDK's own objects back: what the model said, with the real values in it,
its calls of tools, what the tools returned. Whole or streamed, parsed or not, each turn must leave
as hidden as the first, under the same placeholders, and nothing may be refused on the way.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from pydantic import BaseModel

from agentguard import Guard
from agentguard.testing import Answer, LoopbackProvider, ToolRequest

CANARY = "canary.turns@leak.example"
MARK = re.compile(r"\[\[EMAIL:[A-Z2-7]+\]\]")
SAID = f"Please write to {CANARY}."
FUNCTION = {"strict": True, "name": "lookup_order", "parameters": {"type": "object"}}


class Ticket(BaseModel):
    """What a model fills in."""

    who: str


class Model:
    """A model that asks for a tool once, and then repeats the address that it was told."""

    def __init__(self) -> None:
        self.asks = True
        self.parses = False

    def __call__(self, request: Mapping[str, Any]) -> Answer:
        """Answer a request."""
        told = json.dumps(request.get("messages") or request.get("input"))
        found = MARK.search(told)
        mark = found.group() if found else "nobody"
        if self.parses:
            return Answer(json.dumps({"who": mark}))
        if self.asks:
            self.asks = False
            return Answer(tool_calls=(ToolRequest("lookup_order", {"to": mark}),))
        return Answer(f"I wrote to {mark}, as you asked.")


@pytest.fixture
def model() -> Model:
    """What the provider runs."""
    return Model()


@pytest.fixture
def provider(model: Model) -> Iterator[LoopbackProvider]:
    """A provider with that model."""
    with LoopbackProvider(model) as running:
        yield running


async def finished(opening: Any) -> Any:
    """Return what a stream of a helper adds up to."""
    async with opening as stream:
        async for _ in stream:
            pass
        return await result_of(stream)


def finished_now(opening: Any) -> Any:
    """Return what a stream of a helper adds up to, in synchronous code."""
    with opening as stream:
        for _ in stream:
            pass
        return result_of(stream)


def result_of(stream: Any) -> Any:
    """Return what a helper's stream says at its end."""
    for name in ("get_final_completion", "get_final_response", "get_final_message"):
        if hasattr(stream, name):
            return getattr(stream, name)()
    raise AssertionError("no helper of the SDK's")


class Talk:
    """One conversation, turn by turn, in one session of the guard."""

    def __init__(self, guard: Guard, twin: Any, streamed: bool) -> None:  # noqa: FBT001 - a parameter
        self.guard = guard
        self.twin = twin
        self.streamed = streamed

    def turn(self, whole: Callable[[Any], Any], stream: Callable[[Any], Any]) -> Any:
        """Take one turn, with a client of its own."""
        session: dict[str, Any] = {"on_behalf_of": "user:alice", "session": "kept"}
        finish = finished if self.twin.kind.__name__.startswith("Async") else finished_now
        with self.guard.identity("agent:support", **session):
            return self.twin.take(
                lambda plain: (
                    finish(stream(self.guard.wrap(plain)))
                    if self.streamed
                    else whole(self.guard.wrap(plain))
                )
            )

    def chat(self, messages: list[Any], **more: Any) -> Any:
        """Take a turn of a chat."""
        tools = [{"type": "function", "function": FUNCTION}]
        given = {"model": "m", "messages": messages, "tools": tools, **more}
        return self.turn(
            lambda client: client.chat.completions.create(**given),
            lambda client: client.chat.completions.stream(**given),
        )

    def respond(self, items: list[Any]) -> Any:
        """Take a turn of responses."""
        given = {"model": "m", "input": items, "tools": [{"type": "function", **FUNCTION}]}
        return self.turn(
            lambda client: client.responses.create(**given),
            lambda client: client.responses.stream(**given),
        )

    def say(self, messages: list[Any]) -> Any:
        """Take a turn with Anthropic."""
        tools = [{"name": "lookup_order", "input_schema": {"type": "object"}}]
        given = {"model": "m", "max_tokens": 99, "messages": messages, "tools": tools}
        return self.turn(
            lambda client: client.messages.create(**given),
            lambda client: client.messages.stream(**given),
        )


def one_mark(provider: LoopbackProvider) -> str:
    """Return the only placeholder that arrived, in however many turns."""
    marks = set(MARK.findall(provider.received_bytes().decode()))
    assert len(marks) == 1
    return str(marks.pop())


streams = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


@streams
def test_a_chat_goes_on(streamed: bool, room: Any, twin: Any) -> None:  # noqa: FBT001 - a parameter
    """Calls and answers of a chat go back as the SDK gave them."""
    talk = Talk(room.guard(), twin, streamed)
    messages: list[Any] = [{"role": "user", "content": SAID}]
    asked = talk.chat(messages).choices[0].message
    (call,) = asked.tool_calls
    assert MARK.search(call.function.arguments)
    result = {"role": "tool", "tool_call_id": call.id, "content": f"found {CANARY}"}
    messages += [asked, result]
    told = talk.chat(messages).choices[0].message
    assert told.content == f"I wrote to {CANARY}, as you asked."
    messages += [told, {"role": "user", "content": f"Sure? {CANARY}"}]
    again = talk.chat(messages).choices[0].message
    assert CANARY in again.content
    assert not room.provider.saw(CANARY)
    assert one_mark(room.provider) in call.function.arguments


@streams
def test_responses_go_on(streamed: bool, room: Any, twin: Any) -> None:  # noqa: FBT001 - a parameter
    """Items of a response go back as the SDK gave them."""
    talk = Talk(room.guard(), twin, streamed)
    items: list[Any] = [{"role": "user", "content": SAID}]
    asked = talk.respond(items).output
    (call,) = (each for each in asked if each.type == "function_call")
    assert MARK.search(call.arguments)
    output = {"type": "function_call_output", "call_id": call.call_id, "output": f"for {CANARY}"}
    items += [*asked, output]
    told = talk.respond(items)
    assert told.output_text == f"I wrote to {CANARY}, as you asked."
    items += [*told.output, {"role": "user", "content": f"Sure? {CANARY}"}]
    assert CANARY in talk.respond(items).output_text
    assert not room.provider.saw(CANARY)
    assert one_mark(room.provider) in call.arguments


@streams
def test_messages_go_on(
    streamed: bool,  # noqa: FBT001 - a parameter
    room: Any,
    anthropic_twin: Any,
) -> None:
    """Blocks of Anthropic's messages go back as the SDK gave them."""
    talk = Talk(room.guard(), anthropic_twin, streamed)
    messages: list[Any] = [{"role": "user", "content": SAID}]
    asked = talk.say(messages).content
    (call,) = (each for each in asked if each.type == "tool_use")
    assert MARK.search(str(call.input))
    result = {"type": "tool_result", "tool_use_id": call.id, "content": f"found {CANARY}"}
    messages += [
        {"role": "assistant", "content": asked},
        {"role": "user", "content": [result]},
    ]
    told = talk.say(messages).content
    assert told[-1].text == f"I wrote to {CANARY}, as you asked."
    messages += [
        {"role": "assistant", "content": told},
        {"role": "user", "content": f"Sure? {CANARY}"},
    ]
    assert CANARY in talk.say(messages).content[-1].text
    assert not room.provider.saw(CANARY)
    assert one_mark(room.provider) in str(call.input)


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
@streams
def test_parsed_answers_go_on(
    streamed: bool,  # noqa: FBT001 - a parameter
    room: Any,
    twin: Any,
    model: Model,
) -> None:
    """What was parsed into the user's model goes back with the message that holds it."""
    model.parses = True
    talk = Talk(room.guard(), twin, streamed)
    said: list[Any] = [{"role": "user", "content": SAID}]

    def chat(client: Any) -> Any:
        parse = client.chat.completions.parse
        return parse(model="m", messages=said, response_format=Ticket)

    def chat_stream(client: Any) -> Any:
        stream = client.chat.completions.stream
        return stream(model="m", messages=said, response_format=Ticket)

    told = talk.turn(chat, chat_stream).choices[0].message
    assert told.parsed == Ticket(who=CANARY)
    said += [told, {"role": "user", "content": "Again."}]
    assert talk.turn(chat, chat_stream).choices[0].message.parsed == Ticket(who=CANARY)
    items: list[Any] = [{"role": "user", "content": SAID}]

    def respond(client: Any) -> Any:
        return client.responses.parse(model="m", input=items, text_format=Ticket)

    def respond_stream(client: Any) -> Any:
        return client.responses.stream(model="m", input=items, text_format=Ticket)

    response = talk.turn(respond, respond_stream)
    assert response.output_parsed == Ticket(who=CANARY)
    items += [*response.output, {"role": "user", "content": "Again."}]
    assert talk.turn(respond, respond_stream).output_parsed == Ticket(who=CANARY)
    assert not room.provider.saw(CANARY)
    assert one_mark(room.provider)


def test_a_guarded_tool_gets_the_real_value_from_a_streamed_call(room: Any, twin: Any) -> None:
    """The placeholder in streamed arguments is turned back for the tool that may receive it."""
    ran: list[str] = []
    guard: Guard = room.guard()

    @guard.tool
    def refund(order: str, amount: int, to: str) -> str:
        ran.append(to)
        return "done"

    to = "jane.doe@customers.example"

    def asks(request: Mapping[str, Any]) -> Answer:
        found = MARK.search(json.dumps(request["messages"]))
        assert found
        wanted = {"order": "ORD-00012345", "amount": 40, "to": found.group()}
        return Answer(tool_calls=(ToolRequest("refund", wanted),))

    with LoopbackProvider(asks) as provider:
        talk = Talk(guard, room.twin_of(twin.kind, provider.base_url), streamed=True)
        (call,) = (
            talk.chat([{"role": "user", "content": f"Refund {to}"}]).choices[0].message.tool_calls
        )
        assert not provider.saw(to)
    with guard.identity("agent:support", on_behalf_of="user:alice", session="kept"):
        refund(**json.loads(call.function.arguments))
    assert ran == [to]
