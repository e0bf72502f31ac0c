# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can a request reach for more than it carries: earlier answers, stored prompts, other fields?

Each story is told with the real SDK. What makes the provider use or keep something is refused with
the line of the rule that would allow it; what stands beside the messages is content like them.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from pydantic import BaseModel, Field

from agentguard import ContentRefused, DeniedByPolicy
from agentguard.testing import Answer, LoopbackProvider, ToolRequest, echo

CANARY = "canary.reach@leak.example"
HI: list[dict[str, Any]] = [{"role": "user", "content": "hi"}]

Way = Callable[[Any], Any]


def respond(**fields: Any) -> Way:
    """Return a way to ask for a response."""
    return lambda client: client.responses.create(**{"model": "m", "input": "hi", **fields})


def chat(**fields: Any) -> Way:
    """Return a way to chat."""
    return lambda client: client.chat.completions.create(**{"model": "m", "messages": HI, **fields})


def item(**fields: Any) -> Way:
    """Return a way to ask for a response to one item."""
    return respond(input=[fields])


REACHING: dict[str, tuple[str, str, Way]] = {
    "an earlier response": (
        "stored_response", "resp_1", respond(previous_response_id="resp_1"),
    ),
    "an earlier response in extra_body": (
        "stored_response", "resp_1", respond(extra_body={"previous_response_id": "resp_1"}),
    ),
    "a conversation": ("conversation", "conv_1", respond(conversation="conv_1")),
    "a conversation as an object": ("conversation", "conv_1", respond(conversation={"id": "conv_1"})),
    "a stored prompt": ("prompt", "pmpt_1", respond(prompt={"id": "pmpt_1"})),
    "an earlier item": ("stored_response", "msg_1", item(type="item_reference", id="msg_1")),
    "keeping a response": ("store", "store", respond(store=True)),
    "keeping a response by extra_body": ("store", "store", respond(extra_body={"store": True})),
    "keeping a chat": ("store", "store", chat(store=True)),
    "an answer in the background": ("background", "background", respond(background=True)),
    "a response that is compacted": (
        "stored_response",
        "resp_1",
        lambda client: client.responses.compact(model="m", previous_response_id="resp_1"),
    ),
    "a response whose tokens are counted": (
        "conversation",
        "conv_1",
        lambda client: client.responses.input_tokens.count(model="m", conversation="conv_1"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("reference", "sent", "way"), REACHING.values(), ids=REACHING)
def test_what_the_provider_would_use_or_keep_needs_a_rule(
    reference: str, sent: str, way: Way, room: Any, twin: Any
) -> None:
    """The refusal names the line; with that line, and no other, the request arrives."""
    error = room.refused(room.guard(), twin, way)
    assert isinstance(error, DeniedByPolicy)
    assert error.remedy is not None
    assert f"references = ['{reference}']" in error.remedy
    others = 'references = ["file", "url", "vector_store"]'
    room.refused(room.guard(rule=others), twin, way)
    room.ask(room.guard(rule=f'references = ["{reference}"]'), twin, way)
    assert room.provider.saw(sent)


UNSAID: dict[str, Way] = {
    "left out": respond(),
    "null": respond(store=None),
    "no": respond(store=False),
    "null in extra_body": respond(extra_body={"store": None}),
}


@pytest.mark.parametrize("way", UNSAID.values(), ids=UNSAID)
def test_a_response_is_not_kept_unless_a_rule_says_so(way: Way, room: Any, twin: Any) -> None:
    """Where nothing is said the guard says no, on the wire."""
    room.ask(room.guard(), twin, way)
    assert room.provider.journal[-1].json["store"] is False


def test_a_response_is_kept_as_the_caller_likes_where_a_rule_says_so(room: Any, twin: Any) -> None:
    """With the reference allowed, the guard adds nothing."""
    guard = room.guard(rule='references = ["store"]')
    room.ask(guard, twin, respond())
    assert "store" not in room.provider.journal[-1].json
    room.ask(guard, twin, respond(store=True))
    assert room.provider.journal[-1].json["store"] is True


def test_a_streamed_response_is_not_kept_either(room: Any, twin: Any) -> None:
    """A stream says no like a whole answer."""
    guard = room.guard()
    with guard.identity("agent:support", on_behalf_of="user:alice"):
        twin.take(lambda plain: guard.wrap(plain).responses.create(
            model="m", input="hi", stream=True))  # fmt: skip
    assert room.provider.journal[-1].json["store"] is False


def test_a_reference_that_a_delegate_lacks_is_refused(room: Any, twin: Any) -> None:
    """Along a chain of agents only what each agent's rule lists is used."""
    lines = """
[[identity]]
id = "agent:helper"
[[rule]]
id = "helper"
who = "agent:helper"
for = ["group:support-team"]
provider = "loopback"
model = ["*"]
operation = "inference"
then = "allow"
"""
    guard = room.guard(lines, rule='references = ["conversation"]')
    way = respond(conversation="conv_1")
    room.ask(guard, twin, way)
    before = room.provider.connections
    with (
        guard.identity("agent:support", on_behalf_of="user:alice"),
        guard.identity("agent:helper"),
        pytest.raises(DeniedByPolicy) as caught,
    ):
        twin.take(lambda plain: way(guard.wrap(plain)))
    assert room.provider.connections == before
    assert "references = ['conversation']" in str(caught.value)


SAID: dict[str, Way] = {
    "metadata": chat(metadata={"for": CANARY}),
    "a name in metadata": chat(metadata={CANARY: "x"}),
    "the user": chat(user=CANARY),
    "a cache key": chat(extra_body={"prompt_cache_key": CANARY}),
    "a safety identifier": respond(safety_identifier=CANARY),
    "instructions": respond(instructions=f"Help {CANARY}."),
    "the messages in extra_body": chat(extra_body={"messages": [{"role": "user", "content": CANARY}]}),
    "a schema": chat(
        response_format={
            "type": "json_schema",
            "json_schema": {
                "name": "a", "description": CANARY,
                "schema": {"type": "object", "properties": {
                    "to": {"type": "string", "description": f"like {CANARY}", "enum": [CANARY]}}},
            },
        }
    ),
    "a schema of a response": respond(
        text={"format": {"type": "json_schema", "name": "a", "description": CANARY,
                         "schema": {"const": CANARY}}}
    ),
    "variables of a prompt": respond(prompt={"id": "p", "variables": {"who": CANARY}}),
    "a prediction": chat(prediction={"type": "content", "content": CANARY}),
    "a stop": chat(stop=[CANARY]),
    "a tool": chat(
        tools=[{"type": "function", "function": {
            "name": "lookup_order",
            "parameters": {"type": "object", "description": CANARY}}}]
    ),
    "the reasoning that was": item(
        type="reasoning", id="r", summary=[{"type": "summary_text", "text": CANARY}]
    ),
    "what a shell printed": item(
        type="local_shell_call_output", id="s", output=json.dumps({"stdout": CANARY})
    ),
    "what was refused": item(role="assistant", type="message", id="m", status="completed",
                             content=[{"type": "refusal", "refusal": CANARY}]),
    "arguments of a call": item(
        type="function_call", call_id="c", name="f", arguments=json.dumps({"to": CANARY})
    ),
    "a text to embed": lambda client: client.embeddings.create(model="m", input=[f"to {CANARY}"]),
    "what is spoken": lambda client: client.audio.speech.create(
        model="m", voice="alloy", input=CANARY, instructions=f"like {CANARY}"
    ),
    "what is drawn": lambda client: client.images.generate(model="m", prompt=f"for {CANARY}"),
    "an item of a conversation": lambda client: client.conversations.items.create(
        "conv_1", items=[{"role": "user", "type": "message", "content": CANARY}]
    ),
    "attributes in a store": lambda client: client.vector_stores.files.create(
        vector_store_id="vs_1", file_id="file_1", attributes={"to": CANARY}
    ),
    "a search in a store": lambda client: client.vector_stores.search("vs_1", query=CANARY),
}  # fmt: skip
ALL = 'references = ["prompt", "conversation", "file", "vector_store"]'


@pytest.mark.parametrize("way", SAID.values(), ids=SAID)
def test_what_stands_beside_the_messages_is_content(way: Way, room: Any, twin: Any) -> None:
    """A value in any field arrives hidden."""
    room.ask(room.guard(rule=ALL), twin, way)
    assert not room.provider.saw(CANARY)
    assert room.provider.saw("[[EMAIL:")
    room.assert_untold(None, CANARY)


BESIDE: dict[str, Way] = {
    "a header": chat(extra_headers={"x-note": CANARY}),
    "a header of the SDK's": chat(extra_headers={"x-stainless-helper-method": CANARY}),
    "the user agent": chat(extra_headers={"user-agent": CANARY}),
    "an organisation": chat(extra_headers={"openai-organization": CANARY}),
    "an idempotency key": chat(extra_headers={"idempotency-key": CANARY}),
    "a query": chat(extra_query={"to": CANARY}),
    "a query that the endpoint takes": lambda client: client.files.list(after=CANARY),
    "a path": lambda client: client.files.retrieve(CANARY),
    "an unknown field": chat(extra_body={"x_note": CANARY}),
    "a field that an unknown name holds": chat(extra_body={CANARY: 1}),
    "the model": chat(model=CANARY),
}


@pytest.mark.parametrize("way", BESIDE.values(), ids=BESIDE)
def test_what_is_sent_as_it_is_or_not_at_all_is_refused(way: Way, room: Any, twin: Any) -> None:
    """Headers, queries, paths and names are not rewritten: with a value in them nothing leaves."""
    error = room.refused(room.guard(), twin, way, CANARY)
    assert isinstance(error, ContentRefused)


def test_listed_headers_and_fields_pass_and_are_looked_at(room: Any, twin: Any) -> None:
    """What the policy lists is sent, a field redacted and a header only without a value in it."""
    guard = room.guard(provider='headers = ["x-note"]\nextra_fields = ["x_note", "q"]')
    room.ask(guard, twin, chat(extra_body={"x_note": f"to {CANARY}"}))
    room.ask(guard, twin, chat(extra_query={"q": "hello"}))
    room.ask(guard, twin, chat(extra_headers={"x-note": "hello"}))
    assert room.provider.journal[-1].header("x-note") == "hello"
    assert not room.provider.saw(CANARY)
    room.refused(guard, twin, chat(extra_query={"q": CANARY}), CANARY)


class Ticket(BaseModel):
    """What a model fills in."""

    who: str = Field(description=f"an address like {CANARY}")
    urgent: bool


class Order(BaseModel):
    """Arguments of a tool."""

    to: str


Told = Callable[[str], Answer]


class Replies:
    """Answers by repeating the user, or with what was said about the placeholder that came."""

    say: Told | None = None

    def __call__(self, request: Mapping[str, Any]) -> Answer:
        """Answer a request."""
        if self.say is None:
            return echo(request)
        said = json.dumps(request.get("messages") or request["input"])
        return self.say(said.partition("[[")[2].partition("]]")[0])


@pytest.fixture
def replies() -> Replies:
    """What the provider answers."""
    return Replies()


@pytest.fixture
def provider(replies: Replies) -> Iterator[LoopbackProvider]:
    """A provider that takes two fields of its own."""
    with LoopbackProvider(replies, extra_fields=["x_note", "q"]) as running:
        yield running


def filled(mark: str) -> Answer:
    """Return an answer that fills the ticket in."""
    return Answer(json.dumps({"who": f"[[{mark}]]", "urgent": True}))


def test_a_parsed_answer_is_turned_back_into_the_users_model(
    room: Any, twin: Any, replies: Replies
) -> None:
    """``parse`` gives pydantic models with real values; the schema left with none."""
    replies.say = filled
    guard = room.guard()
    said = [{"role": "user", "content": f"I am {CANARY}"}]
    chatted = room.ask(
        guard,
        twin,
        lambda client: client.chat.completions.parse(
            model="m", messages=said, response_format=Ticket
        ),
    )
    assert chatted.choices[0].message.parsed == Ticket(who=CANARY, urgent=True)
    responded = room.ask(
        guard,
        twin,
        lambda client: client.responses.parse(model="m", input=said, text_format=Ticket),
    )
    assert responded.output_parsed == Ticket(who=CANARY, urgent=True)
    assert not room.provider.saw(CANARY)


def test_parsed_arguments_keep_their_placeholders(room: Any, twin: Any, replies: Replies) -> None:
    """Arguments of a tool call stay as the model wrote them, parsed or not."""
    from openai import pydantic_function_tool

    replies.say = lambda mark: Answer(
        tool_calls=(ToolRequest("lookup_order", {"to": f"[[{mark}]]"}),)
    )
    answer = room.ask(
        room.guard(),
        twin,
        lambda client: client.chat.completions.parse(
            model="m",
            messages=[{"role": "user", "content": f"I am {CANARY}"}],
            tools=[pydantic_function_tool(Order, name="lookup_order")],
        ),
    )
    (call,) = answer.choices[0].message.tool_calls
    assert isinstance(call.function.parsed_arguments, Order)
    assert call.function.parsed_arguments.to.startswith("[[EMAIL:")
    assert CANARY not in repr(answer)
    assert not room.provider.saw(CANARY)


def test_a_user_value_that_is_json_inside_does_not_break_a_parsed_answer(
    room: Any, twin: Any, replies: Replies
) -> None:
    """A value with quotes, put back into JSON, stays JSON for ``parse``."""
    lines = '[[class]]\nname = "motto"\naction = "tokenise"\nvalues = [\'say "so\\n" twice\']\n'
    replies.say = filled
    answer = room.ask(
        room.guard(lines),
        twin,
        lambda client: client.chat.completions.parse(
            model="m",
            messages=[{"role": "user", "content": 'say "so\\n" twice'}],
            response_format=Ticket,
        ),
    )
    assert answer.choices[0].message.parsed.who == 'say "so\\n" twice'
    assert not room.provider.saw('say "so')
