# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What if the provider answers with something that a provider should not say?

The story: what comes back is acted on. It can hold forged placeholders, no JSON, numbers and
text that break a parser, or an error that repeats the request.
"""

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import openai
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import BaseModel

from agentguard import AgentGuardError, Guard, GuardFailure
from agentguard.testing import Answer, LoopbackProvider, ToolRequest, failure

CANARY = "jane.doe@customers.example"
MESSAGES: list[Any] = [{"role": "user", "content": f"write to {CANARY}"}]
CHAT: dict[str, Any] = {"model": "m", "messages": MESSAGES}

pytestmark = pytest.mark.usefixtures("as_support")

Say = Callable[[bytes, dict[str, str]], str]


@pytest.fixture
def says() -> Iterator[Say]:
    """A server that answers every request with bytes of the test's choice.

    In these bytes ``@@`` stands for the first placeholder in the request.
    """
    servers: list[ThreadingHTTPServer] = []

    def start(body: bytes, headers: dict[str, str]) -> str:
        class Speaker(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                received = self.rfile.read(int(self.headers["content-length"]))
                _, _, rest = received.partition(b"[[")
                placeholder = b"[[" + rest.partition(b"]]")[0] + b"]]"
                content = body.replace(b"@@", placeholder)
                if headers.get("content-encoding") == "gzip":
                    content = gzip.compress(content)
                self.send_response(200)
                for name, value in {"content-type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Speaker)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/v1"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def completion(**message: Any) -> dict[str, Any]:
    """Return the body of a completion with one choice."""
    said = {"role": "assistant", "content": None, **message}
    choice = {"index": 0, "finish_reason": "stop", "message": said}
    return {
        "id": "c-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [choice],
    }


def ask(client: Any, guard: Guard) -> Any:
    """Wrap the client and ask for a completion."""
    return guard.wrap(client).chat.completions.create(**CHAT)


def ask_raw(client: Any, guard: Guard) -> Any:
    """Wrap the client and ask for the raw response of a completion."""
    return guard.wrap(client).chat.completions.with_raw_response.create(**CHAT)


BROKEN = {
    "no JSON": b"<html>jane.doe@customers.example</html>",
    "no object": b'["jane.doe@customers.example"]',
    "nothing": b"",
    "a number too long to read": b'{"created": ' + b"9" * 5000 + b"}",
    "nested too deep": b'{"choices": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "half of it": b'{"choices": [{"message": {"content": "jane.doe@customers.example',
    "no UTF-8": b'{"choices": [{"message": {"content": "\xff\xfe"}}]}',
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_read_is_withheld(twin: Any, guard: Guard, says: Say, body: bytes) -> None:
    """An answer that is no JSON object is withheld; the failure says so and repeats nothing."""
    with pytest.raises(GuardFailure) as caught:
        twin.take(ask, guard, base_url=says(body, {}))
    assert caught.value.dispatched
    assert caught.value.call_id
    assert CANARY not in repr(caught.value)
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


ODD: dict[str, tuple[bytes, str | None]] = {
    "lone surrogate": (b'"\\ud800 @@"', f"\ud800 {CANARY}"),
    "no content": (b"null", None),
    "empty": (b'""', ""),
    "content that is no text": (b'{"text": "@@"}', None),
}


@pytest.mark.parametrize(("content", "expected"), ODD.values(), ids=ODD)
def test_odd_content_comes_through(
    twin: Any, guard: Guard, says: Say, content: bytes, expected: str | None
) -> None:
    """Odd but readable content reaches the caller; only text is turned back."""
    body = json.dumps(completion(content="%%")).encode().replace(b'"%%"', content)
    answer = twin.take(ask, guard, base_url=says(body, {}))
    said = answer.choices[0].message.content
    if expected is None:
        assert said is None or CANARY not in str(said)
    else:
        assert said == expected


SHAPES: dict[str, Any] = {
    "no choices": {"id": "c-1"},
    "choices that are none": {"id": "c-1", "choices": None},
    "choices that are text": {"id": "c-1", "choices": "x"},
    "a choice that is text": {"id": "c-1", "choices": ["x"]},
    "numbers beyond the range": {"id": "c-1", "created": 10**300, "choices": []},
    "usage that is text": {"id": "c-1", "choices": [], "usage": "x"},
}


@pytest.mark.parametrize("body", SHAPES.values(), ids=SHAPES)
def test_an_answer_of_another_shape_is_no_failure_of_the_guard(
    twin: Any, guard: Guard, says: Say, body: Any
) -> None:
    """The raw response gives the provider's object as it came."""
    raw = twin.take(ask_raw, guard, base_url=says(json.dumps(body).encode(), {}))
    assert raw.http_response.json() == body


def test_a_forged_placeholder_is_not_turned_back(
    twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """A placeholder that was not issued in this session stays as the provider wrote it."""
    provider.script([Answer("send [[EMAIL:AAAAAAAA]] to [[EMAIL:AAAAAAA]]")])
    said = twin.take(ask, guard).choices[0].message.content
    assert said == "send [[EMAIL:AAAAAAAA]] to [[EMAIL:AAAAAAA]]"


def test_another_chains_placeholder_is_not_turned_back(
    guard: Guard, client: Any, provider: LoopbackProvider
) -> None:
    """What one chain hid is not given to another that names its placeholder."""
    client.chat.completions.create(**CHAT)
    issued = b"[[" + provider.received_bytes().partition(b"[[")[2].partition(b"]]")[0] + b"]]"
    provider.script([Answer(issued.decode())])
    with guard.identity("agent:support", session="another"):
        answer = client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "what was it?"}]
        )
    assert answer.choices[0].message.content == issued.decode()


def test_an_error_that_repeats_the_request_repeats_placeholders(
    twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """The SDK's own error for a 4xx holds what was sent, and no value that was hidden."""
    provider.script([Answer("first")])
    twin.take(ask, guard)
    sent = provider.journal[0].body.decode()
    provider.script([failure(400, f"cannot understand {sent}")])
    with pytest.raises(openai.BadRequestError) as caught:
        twin.take(ask, guard)
    error = caught.value
    told = f"{error} {error.args} {error.body} {error.response.text} {error.request.content!r}"
    assert "[[EMAIL:" in told
    assert CANARY not in told


def test_tool_calls_keep_their_placeholders(twin: Any, guard: Guard, says: Say) -> None:
    """The text beside a tool call is turned back; the call's arguments are not."""
    function = {"name": "refund", "arguments": '{"to": "@@"}'}
    call = {"id": "call_1", "type": "function", "function": function}
    body = json.dumps(completion(content="to @@", refusal="not @@", tool_calls=[call])).encode()
    message = twin.take(ask, guard, base_url=says(body, {})).choices[0].message
    assert message.content == f"to {CANARY}"
    assert message.refusal == f"not {CANARY}"
    assert CANARY not in message.tool_calls[0].function.arguments
    assert "[[EMAIL:" in message.tool_calls[0].function.arguments


def test_every_choice_is_turned_back(twin: Any, guard: Guard, says: Say) -> None:
    """With several choices each one's text is turned back."""
    body = completion(content="@@")
    body["choices"] = [{**body["choices"][0], "index": index} for index in range(3)]
    answer = twin.take(ask, guard, base_url=says(json.dumps(body).encode(), {}))
    assert [choice.message.content for choice in answer.choices] == [CANARY] * 3


class Letter(BaseModel):
    """What the model is asked to write."""

    to: str
    note: str


def test_parsed_content_stays_valid_json(
    twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """A structured answer parses after values were put into it, and holds them."""

    def story(client: Any) -> Any:
        return guard.wrap(client).chat.completions.parse(
            model="m",
            messages=[{"role": "user", "content": f"write to {CANARY}"}],
            response_format=Letter,
        )

    def respond(request: Any) -> Answer:
        text = request["messages"][0]["content"].removeprefix("write to ")
        return Answer(json.dumps({"to": text, "note": 'a "quoted" \\ note'}))

    with LoopbackProvider(respond) as writer:
        parsed = twin.take(story, base_url=writer.base_url).choices[0].message.parsed
        assert CANARY.encode() not in writer.received_bytes()
    assert parsed == Letter(to=CANARY, note='a "quoted" \\ note')
    assert provider.connections == 0


def test_a_response_is_rebuilt_whole(twin: Any, guard: Guard, says: Say) -> None:
    """Headers, status, timing and body of a compressed response agree after it was turned back."""
    body = json.dumps(completion(content="@@ ü")).encode()
    address = says(body, {"content-encoding": "gzip", "x-request-id": "req-9"})
    raw = twin.take(ask_raw, guard, base_url=address)
    response = raw.http_response
    assert raw.headers["x-request-id"] == "req-9"
    assert raw.request_id == "req-9"
    assert raw.status_code == 200
    assert raw.retries_taken == 0
    assert response.elapsed > timedelta(0)
    assert response.json()["choices"][0]["message"]["content"] == f"{CANARY} ü"
    assert "content-encoding" not in response.headers
    assert int(response.headers["content-length"]) == len(response.content)
    assert raw.parse().choices[0].message.content == f"{CANARY} ü"
    assert CANARY.encode() not in response.request.content


def test_what_the_provider_says_stays_out_of_the_spans(
    twin: Any, guard: Guard, says: Say, spans: InMemorySpanExporter
) -> None:
    """Names in an answer that do not read like names are not put on a span."""
    body = {**completion(content="x"), "id": f"id {CANARY}", "model": f"m {CANARY}"}
    body["choices"][0]["finish_reason"] = CANARY
    twin.take(ask, guard, base_url=says(json.dumps(body).encode(), {}))
    told = "".join(span.to_json() for span in spans.get_finished_spans())
    assert told
    assert CANARY not in told


def test_a_tool_that_the_identity_may_not_use_is_not_offered(
    twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """Function tools are filtered by identity, and a forced choice of a filtered one is refused."""

    def tool(name: str) -> dict[str, Any]:
        return {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}

    def story(client: Any, **more: Any) -> Any:
        tools = [tool("lookup_order"), tool("delete_account"), tool("unheard_of")]
        return guard.wrap(client).chat.completions.create(**CHAT, tools=tools, **more)

    twin.take(story)
    sent = json.loads(provider.journal[0].body)
    assert [offered["function"]["name"] for offered in sent["tools"]] == ["lookup_order"]
    forced = {"type": "function", "function": {"name": "delete_account"}}
    with pytest.raises(AgentGuardError) as caught:
        twin.take(lambda client: story(client, tool_choice=forced))
    assert not caught.value.dispatched
    assert len(provider.journal) == 1


def test_a_forged_tool_call_is_left_to_the_tools(
    twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """A call of a tool that was not offered comes back as the provider wrote it, run by nobody."""
    provider.script([Answer(tool_calls=(ToolRequest("delete_account", {"id": "ACC-7"}),))])
    calls = twin.take(ask, guard).choices[0].message.tool_calls
    assert [call.function.name for call in calls] == ["delete_account"]
