# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can a classified value come out anywhere: on the wire, in the log, in a span, error or repr?

The story: a peer masked only the newest user message; in others an error, a span or the finding
itself carried what was hidden. A canary of its own stands in every position of a request here.
"""

import asyncio
import gc
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI, OpenAI
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentguard import AgentGuardError, Guard
from agentguard.config import starter
from agentguard.testing import Answer, LoopbackProvider, ToolRequest

POSITIONS = (
    "system", "developer", "old_user", "part", "assistant", "assistant_arguments",
    "nested_arguments", "tool_result", "tool_result_json", "user_turn", "definition",
    "schema_default", "schema_key", "metadata", "metadata_key", "user_field", "stop", "extra_body",
    "extra_nested_json", "prediction", "response_format", "name_field", "logit_key",
)  # fmt: skip
CANARIES = {name: f"canary.{index}.{name}@leak.example" for index, name in enumerate(POSITIONS)}
KEYS = {
    name: "sk-proj-" + f"{index:02d}xQ7mZ2xK9vT4bN8cL1wR5yH3j" * 2
    for index, name in enumerate(POSITIONS)
}


def planted(name: str) -> str:
    """Return the two canaries of a position, in a sentence."""
    return f"see {CANARIES[name]} and {KEYS[name]}"


def request() -> dict[str, Any]:
    """Return a chat request with canaries in every position."""
    call = {"id": "call_1", "type": "function"}
    arguments = {
        "order": planted("assistant_arguments"),
        "inner": json.dumps({"deep": planted("nested_arguments")}),
    }
    function = {"name": "lookup_order", "arguments": json.dumps(arguments)}
    schema = {
        "type": "object",
        "properties": {
            planted("schema_key"): {"type": "string", "default": planted("schema_default")}
        },
    }
    definition = {"description": planted("definition"), "parameters": schema}
    return {
        "model": "m",
        "messages": [
            {"role": "system", "content": planted("system")},
            {"role": "developer", "content": planted("developer")},
            {"role": "user", "content": planted("old_user"), "name": planted("name_field")},
            {"role": "user", "content": [{"type": "text", "text": planted("part")}]},
            {
                "role": "assistant",
                "content": planted("assistant"),
                "tool_calls": [{**call, "function": function}],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": planted("tool_result")},
            {"role": "user", "content": json.dumps({"x": [planted("tool_result_json")]})},
            {"role": "user", "content": planted("user_turn")},
        ],
        "tools": [{"type": "function", "function": {"name": "lookup_order", **definition}}],
        "metadata": {"note": planted("metadata"), planted("metadata_key"): "x"},
        "user": planted("user_field"),
        "stop": [planted("stop")],
        "logit_bias": {planted("logit_key"): 1},
        "prediction": {"type": "content", "content": planted("prediction")},
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "a", "schema": {"const": planted("response_format")}},
        },
        "extra_body": {
            "x_extra": planted("extra_body"),
            "x_nested": json.dumps(json.dumps({"a": planted("extra_nested_json")})),
        },
    }


@pytest.fixture
def provider() -> Iterator[LoopbackProvider]:
    """A provider that takes the extra fields."""
    with LoopbackProvider(lambda _: Answer("fine"), extra_fields=["x_extra", "x_nested"]) as made:
        yield made


@pytest.fixture
def policy_file(tmp_path: Path, approver_key: tuple[bytes, str]) -> Path:
    """The starter policy that lets the extra fields through."""
    path = tmp_path / "agentguard.toml"
    text = starter(approver_key[1])
    path.write_text(
        text.replace('id = "loopback"', 'id = "loopback"\nextra_fields = ["x_extra", "x_nested"]'),
        encoding="utf-8",
    )
    return path


def assert_absent(where: str, text: str) -> None:
    """No canary stands in *text*, in any escape that JSON or a repr uses."""
    found = [
        name
        for name in POSITIONS
        for canary in (CANARIES[name], KEYS[name], KEYS[name][8:40])
        if canary in text
    ]
    assert not found, f"{where} holds canaries of {found}"


def store_bytes(folder: Path) -> str:
    """Return every byte that the store wrote, as text."""
    files = sorted(folder.glob("agentguard.db*"))
    assert files
    return "".join(file.read_bytes().decode("latin-1") for file in files)


def spans_text(spans: InMemorySpanExporter) -> str:
    """Return everything that the finished spans say."""
    finished = spans.get_finished_spans()
    assert finished
    return "".join(span.to_json() for span in finished)


def test_no_canary_reaches_the_provider_the_log_or_a_span(
    guard: Guard,
    client: OpenAI,
    provider: LoopbackProvider,
    tmp_path: Path,
    spans: InMemorySpanExporter,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A value that is planted in any position of a request leaves in none."""
    caplog.set_level(logging.DEBUG)
    with guard.identity("agent:support", on_behalf_of="user:alice"):
        reply = client.chat.completions.create(**request())
    assert reply.choices[0].message.content == "fine"
    received = provider.received_bytes().decode()
    assert received.count("[[EMAIL:") >= len(POSITIONS)
    assert_absent("the wire", received)
    guard.close()
    assert_absent("the store", store_bytes(tmp_path))
    assert_absent("a span", spans_text(spans))
    assert_absent(
        "the log", "".join(r.getMessage() for r in caplog.records if "agentguard" in r.name)
    )


def test_no_canary_reaches_the_provider_from_async_code(
    guard: Guard, provider: LoopbackProvider, tmp_path: Path, spans: InMemorySpanExporter
) -> None:
    """The same holds for the asynchronous client."""

    async def call() -> None:
        plain = AsyncOpenAI(base_url=provider.base_url, api_key="not-a-key", max_retries=0)
        async with guard.wrap(plain) as guarded:
            with guard.identity("agent:support", on_behalf_of="user:alice"):
                await guarded.chat.completions.create(**request())

    asyncio.run(call())
    assert_absent("the wire", provider.received_bytes().decode())
    guard.close()
    assert_absent("the store", store_bytes(tmp_path))
    assert_absent("a span", spans_text(spans))


def everything_about(error: BaseException, seen: set[int] | None = None) -> str:
    """Return all that an error says, with its attributes, causes and contexts."""
    seen = set() if seen is None else seen
    if id(error) in seen:
        return ""
    seen.add(id(error))
    linked = [e for e in (error.__cause__, error.__context__) if e is not None]
    own = f"{error!r} {error} {error.args!r} {vars(error)!r} {getattr(error, '__notes__', '')}"
    return own + "".join(everything_about(each, seen) for each in linked)


def refused_requests() -> dict[str, dict[str, Any]]:
    """Return requests full of canaries, each refused for another reason."""
    full = request()
    secret = planted("user_turn")
    return {
        "unknown field": {**full, "extra_body": {secret: secret}},
        "object inside": {**full, "metadata": {"x": object()}},
        "not finite": {**full, "extra_body": {"x_extra": {secret: float("nan")}}},
        "bad model": {**full, "model": secret},
        "model that reads like a name": {**full, "model": CANARIES["stop"]},
        "bad role": {**full, "messages": [{"role": secret, "content": secret}]},
        "image": {
            **full,
            "messages": [
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": secret}}]}
            ],
        },
        "hosted tool": {**full, "tools": [{"type": secret}]},
        "forced tool": {
            **full,
            "tool_choice": {"type": "function", "function": {"name": CANARIES["stop"]}},
        },
        "streaming to nobody": {**full, "model": "m-search-preview", "stream": True},
        "header": {**full, "extra_headers": {"x-secret": CANARIES["stop"]}},
        "query": {**full, "extra_query": {"q": secret}},
        "stored": {**full, "store": True},
    }


@pytest.mark.parametrize("why", refused_requests())
def test_no_refusal_holds_a_canary(
    why: str,
    guard: Guard,
    client: OpenAI,
    provider: LoopbackProvider,
    tmp_path: Path,
    spans: InMemorySpanExporter,
) -> None:
    """A refused request leaves nothing in its error, its entry or its span."""
    with (
        guard.identity("agent:support", on_behalf_of="user:alice"),
        pytest.raises(AgentGuardError) as caught,
    ):
        client.chat.completions.create(**refused_requests()[why])
    assert caught.value.dispatched is False
    assert provider.connections == 0
    assert_absent("the error", everything_about(caught.value) + caught.value.safe_message)
    guard.close()
    assert_absent("the store", store_bytes(tmp_path))
    assert_absent("a span", spans_text(spans))


def test_no_path_of_a_caller_stands_in_a_refusal(
    guard: Guard,
    client: OpenAI,
    provider: LoopbackProvider,
    tmp_path: Path,
    spans: InMemorySpanExporter,
) -> None:
    """A path that carries content is refused without being repeated."""
    for path in (f"/{CANARIES['stop']}", f"/files/{CANARIES['stop']}?q={KEYS['stop']}"):
        with (
            guard.identity("agent:support", on_behalf_of="user:alice"),
            pytest.raises(AgentGuardError) as caught,
        ):
            client.get(path, cast_to=object)
        assert_absent("the error", everything_about(caught.value))
    assert provider.connections == 0
    guard.close()
    assert_absent("the store", store_bytes(tmp_path))
    assert_absent("a span", spans_text(spans))


def test_no_tool_argument_stands_in_an_error_an_entry_or_a_span(
    guard: Guard, tmp_path: Path, spans: InMemorySpanExporter
) -> None:
    """A tool's arguments stay out of refusals, entries, spans and approval lists."""

    @guard.tool
    def refund(order: str, amount: int, to: str) -> str:
        return "done"

    secret = planted("user_turn")
    attempts: list[dict[str, Any]] = [
        {"order": secret, "amount": 40, "to": CANARIES["stop"]},
        {"order": "ORD-00012345", "amount": 40, "to": secret},
        {"order": "ORD-00012345", "amount": 40, "to": object()},
        {"order": "ORD-00012345", "amount": 40, secret: 1},
        {"order": "ORD-00012345", "amount": {secret: secret}, "to": "x"},
        {"order": "ORD-00012345", "amount": 40, "to": "[[EMAIL:AAAAAAAA]] " + secret},
    ]
    for arguments in attempts:
        with (
            guard.identity("agent:support", on_behalf_of="user:alice"),
            pytest.raises(AgentGuardError) as caught,
        ):
            refund(**arguments)
        assert_absent("the error", everything_about(caught.value))
    guard.close()
    assert_absent("the store", store_bytes(tmp_path))
    assert_absent("a span", spans_text(spans))


def module_of(value: object) -> str:
    """Return the module of a value's type."""
    return str(type(value).__dict__.get("__module__", ""))


def test_no_repr_of_the_guards_own_values_holds_a_canary(
    policy_file: Path, provider: LoopbackProvider, tracing: TracerProvider
) -> None:
    """Whatever the guard keeps alive after a call has a repr without payload."""
    before = gc.get_objects()  # held, so that no id is given twice
    known = set(map(id, before))
    with Guard.from_file(policy_file, tracer_provider=tracing) as guard:
        client = guard.wrap(OpenAI(base_url=provider.base_url, api_key="k", max_retries=0))
        provider.script([Answer(tool_calls=(ToolRequest("lookup_order", {"order": "x"}),))])
        with guard.identity("agent:support", on_behalf_of="user:alice", session="kept"):
            client.chat.completions.create(**request())
        ours = [
            each
            for each in gc.get_objects()
            if id(each) not in known and module_of(each).startswith("agentguard.")
        ]
        kinds = {type(each).__name__ for each in ours}
        assert {"Vault", "Session", "Issued"} <= kinds
        for each in ours:
            if module_of(each).startswith("agentguard.testing"):
                continue
            assert_absent(f"the repr of a {type(each).__name__}", repr(each))
        client.close()
