# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a guard change what nobody needs hidden?

The story: a redactor takes a commit, a cursor, a pod or a table of numbers for a secret. The model
then reads a placeholder where an identifier stood, the patch no longer applies, and somebody
switches the guard off. The texts are ours: code in many languages, logs, tables, lock files,
answers of APIs and prose.
"""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from anthropic import Anthropic, AsyncAnthropic
from openai import AsyncOpenAI, OpenAI

from agentguard.testing import Answer, ToolRequest
from agentguard.vocabulary import EntryType

TEXTS: dict[str, str] = tomllib.loads(
    (Path(__file__).parent / "ordinary_texts.toml").read_text(encoding="utf-8")
)
# A picture in a request is content of its own class.
PICTURE = "base64 small"
HI: list[dict[str, Any]] = [{"role": "user", "content": "hi"}]
KINDS = {"chat": (OpenAI, AsyncOpenAI), "responses": (OpenAI,), "messages": (Anthropic,)}
APIS = [(api, kind) for api, kinds in KINDS.items() for kind in kinds]


@pytest.fixture(params=APIS, ids=[f"{api}-{kind.__name__}" for api, kind in APIS])
def api(request: pytest.FixtureRequest) -> str:
    """The API."""
    return str(request.param[0])


@pytest.fixture
def either(request: pytest.FixtureRequest, room: Any, api: str) -> Any:
    """The twin of a client for the API."""
    kind = request.node.callspec.params["api"][1]
    base = room.provider.base_url
    return room.twin_of(kind, base.removesuffix("/v1") if api == "messages" else base)


def opened(client: Any, api: str, *, stream: bool) -> Any:
    """Ask one question in an API."""
    if api == "chat":
        return client.chat.completions.create(model="m", messages=HI, stream=stream)
    if api == "responses":
        return client.responses.create(model="m", input="hi", stream=stream)
    return client.messages.create(model="m", max_tokens=9, messages=HI, stream=stream)


def text_of(answer: Any) -> str:
    """Return what a whole answer says."""
    if hasattr(answer, "choices"):
        return str(answer.choices[0].message.content)
    if hasattr(answer, "output_text"):
        return str(answer.output_text)
    return "".join(block.text for block in answer.content)


def delta_of(event: Any) -> str:
    """Return what an event of a stream adds to what is said."""
    if hasattr(event, "choices"):
        return (event.choices[0].delta.content or "") if event.choices else ""
    if event.type == "response.output_text.delta":
        return str(event.delta)
    return str(event.delta.text) if event.type == "content_block_delta" else ""


def said(client: Any, api: str, *, stream: bool) -> str:
    """Ask, and return all that is said."""
    answer = opened(client, api, stream=stream)
    return "".join(map(delta_of, answer)) if stream else text_of(answer)


async def _said_async(client: Any, api: str, *, stream: bool) -> str:
    answer = await opened(client, api, stream=stream)
    return "".join([delta_of(event) async for event in answer]) if stream else text_of(answer)


def all_said(client: Any, api: str, *, stream: bool) -> Any:
    """Ask once for every text with one client."""
    if isinstance(client, AsyncOpenAI | AsyncAnthropic):
        return _all_said_async(client, api, stream=stream)
    return [said(client, api, stream=stream) for _ in TEXTS]


async def _all_said_async(client: Any, api: str, *, stream: bool) -> list[str]:
    return [await _said_async(client, api, stream=stream) for _ in TEXTS]


def assert_nothing_found(room: Any) -> None:
    """No entry counts a secret."""
    counted = [set(entry.classes) for entry in room.entries if entry.type is EntryType.OUTCOME]
    assert not set().union(*counted) & {"credential", "api_key", "private_key", "jwt"}


def plain(text: str) -> str:
    """Return a text as it is."""
    return text


def in_json(text: str) -> str:
    """Return a text inside a JSON text."""
    return json.dumps({"file": "notes", "text": text})


@pytest.mark.parametrize(
    ("cut", "written"),
    [
        pytest.param(0, in_json, id="whole-in_json"),
        pytest.param(7, plain, id="in_pieces-plain"),
        pytest.param(0, plain, id="whole-plain", marks=pytest.mark.nightly),
        pytest.param(7, in_json, id="in_pieces-in_json", marks=pytest.mark.nightly),
    ],
)
def test_ordinary_answers_come_through_unchanged(
    cut: int, written: Callable[[str], str], room: Any, either: Any, api: str
) -> None:
    """Each text comes whole and streamed as the model wrote it, with secrets hidden by default."""
    guard = room.guard()
    texts = [written(text) for text in TEXTS.values()]
    room.provider.script([Answer(text, cut=cut or 4) for text in texts])
    answers = room.ask(guard, either, lambda client: all_said(client, api, stream=cut > 0))
    assert [pair for pair in zip(texts, answers, strict=True) if pair[0] != pair[1]] == []
    assert_nothing_found(room)


def test_ordinary_arguments_come_through_unchanged(room: Any) -> None:
    """What a model wants a tool to do reaches the tool as the model wrote it."""
    guard = room.guard()
    twin = room.twin_of(OpenAI, room.provider.base_url)
    wanted = [{"path": f"src/{name}", "content": text} for name, text in TEXTS.items()]
    room.provider.script(
        Answer(tool_calls=(ToolRequest("lookup_order", arguments),)) for arguments in wanted
    )

    def called(client: Any) -> list[Any]:
        answers = [opened(client, "chat", stream=False) for _ in wanted]
        return [
            json.loads(answer.choices[0].message.tool_calls[0].function.arguments)
            for answer in answers
        ]

    assert room.ask(guard, twin, called) == wanted


def conversation(text: str) -> list[dict[str, Any]]:
    """A conversation in which a person, a model and a tool all say one text."""
    call = {"name": "lookup_order", "arguments": json.dumps({"content": text})}
    return [
        {"role": "system", "content": TEXTS["system"]},
        {"role": "user", "content": text},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call_1", "type": "function", "function": call}],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": text},
    ]


def test_ordinary_requests_go_out_unchanged(room: Any) -> None:
    """What people ask, what they told the model before and what tools said go out as they are."""
    guard = room.guard()
    twin = room.twin_of(OpenAI, room.provider.base_url)
    asked = [conversation(text) for name, text in TEXTS.items() if name != PICTURE]

    def ask(client: Any) -> None:
        for messages in asked:
            client.chat.completions.create(model="m", messages=messages)

    room.ask(guard, twin, ask)
    sent = [json.loads(received.body)["messages"] for received in room.provider.journal]
    assert [pair for pair in zip(asked, sent, strict=True) if pair[0] != pair[1]] == []


def test_one_message_does_not_name_what_stands_in_the_next(room: Any) -> None:
    """A word about secrets at the end of one message makes no secret of an identifier."""
    guard = room.guard()
    twin = room.twin_of(OpenAI, room.provider.base_url)
    messages = [
        {"role": "user", "content": "where is the secret access key, and who has the reset token?"},
        {"role": "user", "content": TEXTS["uuid list"]},
    ]
    room.ask(
        guard, twin, lambda client: client.chat.completions.create(model="m", messages=messages)
    )
    assert json.loads(room.provider.journal[-1].body)["messages"] == messages
