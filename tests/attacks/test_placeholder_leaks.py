# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does text pass the hiding of values as it passed elsewhere?

Each test has a failure of another project beside it, as its users reported it, and goes end to
end: a guarded client of the real SDK, and a provider on loopback that keeps every byte.
"""

import base64
import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentguard import AgentGuardError, ApprovalPending, Guard, GuardFailure
from agentguard.audit.entries import entry_fields
from agentguard.classification import Classifier
from agentguard.stores import SqliteReader
from agentguard.testing import Answer, LoopbackProvider, ToolRequest, echo
from agentguard.vocabulary import AuditEntry

JANE, BOB = "jane.doe@customers.example", "bob@customers.example"
TOKEN = "gh" + "p_" + "0aB" * 12
NAME = "operation silver falcon"
MARK = re.compile(r"\[\[[A-Z_]+:[A-Z2-7]{8}\]\]")


@pytest.fixture
def provider() -> Iterator[LoopbackProvider]:
    """A provider that repeats what the user said, letter by letter in streams."""
    with LoopbackProvider(lambda body: Answer(echo(body).content, cut=1)) as running:
        yield running


WAYS: dict[str, Callable[[Any, str], Any]] = {
    "chat": lambda client, text: client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": text}]
    ),
    "chat stream": lambda client, text: list(
        client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": text}], stream=True
        )
    ),
    "chat helper": lambda client, text: client.chat.completions.parse(
        model="m", messages=[{"role": "user", "content": text}]
    ),
    "responses": lambda client, text: client.responses.create(model="m", input=text),
    "responses stream": lambda client, text: list(
        client.responses.create(model="m", input=text, stream=True)
    ),
    "raw": lambda client, text: client.chat.completions.with_raw_response.create(
        model="m", messages=[{"role": "user", "content": text}]
    ).parse(),
    "embeddings": lambda client, text: client.embeddings.create(
        model="m", input=text, encoding_format="float"
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_an_error_of_the_guard_lets_nothing_through(
    talk: Any, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception in the detector refuses before a byte is sent, and says nothing of the text."""
    # Elsewhere the request went out as it was (BerriAI/litellm#30728).

    def broken(*_: Any) -> Any:
        raise RuntimeError(f"cannot scan {JANE}")

    monkeypatch.setattr(Classifier, "findings", broken)
    before = talk.provider.connections
    with talk.as_alice(), pytest.raises(GuardFailure) as caught:
        WAYS[way](talk.client, f"write to {JANE}")
    assert caught.value.dispatched is False
    assert JANE not in f"{caught.value}{caught.value.__cause__}{caught.value.__context__}"
    assert talk.provider.connections == before


@pytest.mark.parametrize("way", WAYS)
def test_no_way_to_ask_is_left_out(talk: Any, way: str) -> None:
    """Whichever endpoint and helper is used, values leave as placeholders."""
    # Elsewhere /v1/responses and the bytes of streams passed the guard by (BerriAI/litellm#30728).
    with talk.as_alice():
        WAYS[way](talk.client, f"write to {JANE} with {TOKEN}")
    assert not talk.provider.saw(JANE)
    assert not talk.provider.saw(TOKEN)
    assert len(set(talk.marks())) == 2


def test_structures_stay_structures(talk: Any) -> None:
    """Parts, arguments of tools and their results arrive in their form, with placeholders in it."""
    # Elsewhere lists of parts became one text, and arguments were left in clear or were no JSON any
    # more (langchain-ai/langchain#37659).
    arguments = {"to": [JANE, {"cc": BOB}], "n": 1, "deep": json.dumps({"x": TOKEN})}
    call = {"name": "send", "arguments": json.dumps(arguments)}
    messages = [
        {
            "role": "user",
            "content": [{"type": "text", "text": JANE}, {"type": "text", "text": "and"}],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "type": "function", "function": call}],
        },
        {"role": "tool", "tool_call_id": "c", "content": json.dumps({"sent": [BOB, 2, None]})},
    ]
    talk.provider.script([Answer("done")])
    talk.chat(*messages)
    jane, _, cc, *_ = talk.marks()
    sent = talk.sent["messages"]
    assert sent[0]["content"] == [{"type": "text", "text": jane}, {"type": "text", "text": "and"}]
    arrived = json.loads(sent[1]["tool_calls"][0]["function"]["arguments"])
    assert arrived["to"] == [jane, {"cc": cc}]
    assert arrived["n"] == 1
    assert MARK.fullmatch(json.loads(arrived["deep"])["x"])
    assert json.loads(sent[2]["content"]) == {"sent": [cc, 2, None]}
    for value in (JANE, BOB, TOKEN):
        assert not talk.provider.saw(value)


def test_a_tool_gets_values_where_the_model_wrote_placeholders(talk: Any) -> None:
    """A tool gets its arguments in their form, with the values in them."""
    # Elsewhere it got placeholders, or one text in place of a structure (langchain-
    # ai/langchain#37659).
    letters: list[Any] = []

    guard: Guard = talk.guard

    @guard.tool
    def send(letter: Any) -> str:
        letters.append(letter)
        return "sent"

    talk.chat(f"{JANE} {BOB}")
    jane, bob = talk.marks()
    letter = {"to": [jane, jane], "cc": {"first": bob}, "n": 3, "body": json.dumps({"x": bob})}
    function = ToolRequest("send", {"letter": letter})
    talk.provider.script([Answer(tool_calls=(function,))])
    with talk.as_alice():
        answer = talk.client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": f"{JANE} {BOB}"}]
        )
        asked = answer.choices[0].message.tool_calls[0].function
        assert JANE not in asked.arguments
        assert send(**json.loads(asked.arguments)) == "sent"
    (received,) = letters
    assert received["to"] == [JANE, JANE]
    assert received["cc"] == {"first": BOB}
    assert received["n"] == 3
    assert json.loads(received["body"]) == {"x": BOB}


def test_turned_back_values_go_nowhere_else(
    talk: Any,
    entries: list[AuditEntry],
    spans: InMemorySpanExporter,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What a tool got is hidden again from the model, and in prompts to approvers, logs and spans."""
    # Elsewhere it came back in the tool's result and stood in previews (btsouth/toolport#657).
    card = "4111 1111 1111 1111"

    guard: Guard = talk.guard

    @guard.tool
    def send(letter: Any) -> str:
        return f"sent to {letter}"

    @guard.tool
    def refund(order: str, amount: int, to: str) -> str:
        return "refunded"

    caplog.set_level(logging.DEBUG)
    talk.chat(f"{JANE} {card} {TOKEN}")
    jane, *_ = talk.marks()
    with talk.as_alice():
        result = send(jane)
        with pytest.raises(ApprovalPending) as pending:
            refund("ORD-00012345", 400, jane)
    assert result == f"sent to {JANE}"
    talk.provider.script([Answer("fine")])
    talk.chat(*talk.returned(result))
    assert not talk.provider.saw(JANE)
    told = json.dumps([str(dict(entry_fields(entry))) for entry in entries])
    told += "".join(span.to_json() for span in spans.get_finished_spans()) + caplog.text
    told += str(pending.value)
    for value in (JANE, card, TOKEN):
        assert value not in told
    request = SqliteReader(talk.folder / "agentguard.db").approval(pending.value.request_id)
    assert request is not None
    assert card not in request.shown
    assert TOKEN not in request.shown


def test_every_occurrence_goes_and_nothing_is_doubled(talk: Any) -> None:
    """Each place of each secret is replaced, and the text around stays as it was."""
    # Elsewhere the second secret stayed, the text came twice, and only the first place of a value
    # was replaced (protectai/llm-guard#305).
    other = "gh" + "p_" + "9zX" * 12
    text = f"a {TOKEN} b {other} c {TOKEN} d {JANE} e {TOKEN}, {JANE} f"
    talk.chat(text)
    shape = MARK.sub("*", talk.sent["messages"][0]["content"])
    assert shape == "a * b * c * d * e *, * f"
    one, two, again, jane, last, end = talk.marks()
    assert one == again == last != two
    assert jane == end


def test_a_prompt_is_written_nowhere(
    talk: Any, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No temporary file and no file beside the policy holds what was said."""
    # Elsewhere each prompt went into a temporary file for the scanner (protectai/llm-guard).
    here = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr("tempfile.tempdir", str(here))
    talk.chat(f"write to {JANE} with {TOKEN}")
    assert list(here.iterdir()) == []
    written = b"".join(each.read_bytes() for each in talk.folder.rglob("*") if each.is_file())
    assert JANE.encode() not in written
    assert TOKEN.encode() not in written


@pytest.mark.parametrize(
    "text",
    [
        "<task-notification> done </task-notification>",
        "see <tool_use_error> and <system-reminder>, not [[wikilinks]] or [[a|b]]",
        "commit 3f2c1d4e5b6a79880123456789abcdef01234567 on main",
        "id 123e4567-e89b-12d3-a456-426614174000 at 2026-11-22T09:00:00Z, v1.2.3",
        "def f(x): return [[x]] if x else {{x}}  # EMAIL_1",
        "/usr/lib/python3.11/site-packages/openai/_base_client.py:1234",
        'a = "<EMAIL_1>"; b = "${TOKEN}"; c = "{{ password }}"',
    ],
)
def test_harmless_text_arrives_as_it_was(talk: Any, text: str) -> None:
    """Identifiers, code and brackets that hide nothing arrive byte for byte."""
    # Elsewhere <task-notification> was taken for a secret, which broke the client
    # (BerriAI/litellm#39879).
    assert talk.chat(text) == text
    assert talk.sent["messages"][0]["content"] == text


FALCON = NAME.encode()
CARRIERS: dict[str, Any] = {
    "base64": [f"decode {base64.b64encode(b'so this is ' + FALCON).decode()}"],
    "base64 alone": [base64.b64encode(FALCON).decode()],
    "base64 for URLs": [base64.urlsafe_b64encode(b"?>" + FALCON).decode()],
    "url": [f"https://wiki.example/?q={quote(NAME)}"],
    "hex": [f"0x{FALCON.hex()}"],
    "json": [json.dumps({"x": json.dumps({"y": NAME})})],
    "dotenv": [f"PLAIN_NAME={NAME}\nOTHER='{NAME}'\nexport X=\"{NAME}\""],
    "part": [{"role": "user", "content": [{"type": "text", "text": NAME}]}],
    "system": [{"role": "system", "content": f"never speak of {NAME}"}, "hi"],
    "appended": ["hi", {"role": "user", "content": "hello"}, f"PS: {NAME}"],
    "name": [{"role": "user", "name": NAME, "content": "hi"}],
    "key": [json.dumps({NAME: 1})],
}


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_registered_value_leaves_in_no_carrier(talk: Any, carrier: str) -> None:
    """A value of the organisation is hidden in encodings, files, parts and what is appended."""
    # Elsewhere exact values passed in each of them (NousResearch/hermes-agent#77465, #110905).
    talk.provider.script([Answer("ok")])
    talk.chat(*CARRIERS[carrier])
    body = talk.provider.journal[-1].body.decode()
    for spelled in (
        NAME,
        quote(NAME),
        FALCON.hex(),
        *(base64.b64encode(pad + FALCON).decode()[4:-4] for pad in (b"", b"a", b"ab")),
    ):
        assert spelled not in body


@pytest.mark.parametrize("cut", [1, 3, 7, 10])
def test_a_value_split_over_chunks_reaches_nobody(
    talk: Any,
    cut: int,
    spans: InMemorySpanExporter,
    entries: list[AuditEntry],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A value that comes in pieces is in no answer, log, span or entry."""
    # Elsewhere it was in the log, piece by piece (managoat/fountain#2359).
    caplog.set_level(logging.DEBUG, logger="agentguard")
    talk.provider.script([Answer(f"this is {NAME}, hush", cut=cut)])
    text = talk.streamed("what is it?")
    assert MARK.sub("*", text) == "this is *, hush"
    told = str([dict(entry_fields(entry)) for entry in entries])
    told += "".join(span.to_json() for span in spans.get_finished_spans())
    told += "".join(each.getMessage() for each in caplog.records if each.name == "agentguard")
    assert "falcon" not in told


class Shifting(dict[str, Any]):
    """A message that says something else each time that it is read."""

    def __init__(self) -> None:
        super().__init__(role="user", content="hello")
        self.reads = 0

    def _content(self) -> str:
        self.reads += 1
        return "hello" if self.reads == 1 else JANE

    def __getitem__(self, key: str) -> Any:
        return self._content() if key == "content" else super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """Return a member."""
        return self._content() if key == "content" else super().get(key, default)

    def items(self) -> Any:
        """Return the members."""
        return [("role", "user"), ("content", self._content())]


def test_what_was_checked_is_what_is_sent(talk: Any) -> None:
    """What changes between two looks, and what is put over the body, is sent as it was checked."""
    # Elsewhere one object was scanned and another one sent (garrytan/gstack#2944).
    talk.chat(Shifting())
    with talk.as_alice():
        talk.client.chat.completions.create(
            model="m",
            messages=[{"role": "user", "content": "hi"}],
            extra_body={"messages": [{"role": "user", "content": f"write to {JANE}"}]},
        )
    assert not talk.provider.saw(JANE)
    assert talk.sent["messages"][0]["content"].startswith("write to [[EMAIL:")


@pytest.mark.parametrize(
    "content",
    [object(), io.BytesIO(JANE.encode()), iter([JANE]), JANE.encode(), {1: JANE}, float("nan")],
    ids=lambda content: type(content).__name__,
)
def test_what_cannot_be_scanned_is_not_clean(talk: Any, content: Any) -> None:
    """Content that cannot be read is refused before a byte is sent."""
    # Elsewhere "could not scan" was read as "nothing found" (garrytan/gstack#2944).
    before = talk.provider.connections
    with pytest.raises((AgentGuardError, TypeError)) as caught:
        talk.chat({"role": "user", "content": content})
    assert talk.provider.connections == before
    assert JANE not in str(caught.value)
