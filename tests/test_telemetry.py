# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which spans does a crossing leave, with which attributes, in whose provider?"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI
from openai.resources.chat.completions import Completions
from opentelemetry import baggage, trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Sampler, SamplingResult
from opentelemetry.trace import SpanKind, StatusCode

from agentguard import AgentGuardError, Guard
from agentguard.config import starter
from agentguard.signing import new_key
from agentguard.testing import Answer, LoopbackProvider, ToolRequest

TO = "jane.doe@customers.example"
HELLO: Any = [{"role": "user", "content": f"hello {TO}"}]


class Traced:
    """A guard whose spans are kept."""

    def __init__(self, path: Path) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracing = TracerProvider()
        self.tracing.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.guard = Guard.from_file(path, tracer_provider=self.tracing)
        self.ran: list[int] = []

        @self.guard.tool
        def refund(order: str, amount: int, to: str) -> str:
            self.ran.append(amount)
            if amount == 99:
                raise LookupError("no such order: " + to)
            return f"refunded {amount}"

        self.refund: Callable[[str, int, str], str] = refund

    def call(self, amount: int, to: str = TO) -> None:
        """Refund as the support agent and let every error of the guard pass."""
        try:
            with self.guard.identity("agent:support", on_behalf_of="user:alice", session="s"):
                self.refund("ORD-00012345", amount, to)
        except (AgentGuardError, LookupError):
            pass

    def spans(self) -> dict[str, ReadableSpan]:
        """Return the finished spans by name."""
        return {span.name: span for span in self.exporter.get_finished_spans()}


@pytest.fixture
def traced(tmp_path: Path) -> Iterator[Traced]:
    """A traced guard of the starter policy."""
    path = tmp_path / "agentguard.toml"
    path.write_text(starter(new_key()[1]), encoding="utf-8")
    made = Traced(path)
    yield made
    made.guard.close()


def attributes(span: ReadableSpan) -> dict[str, Any]:
    """Return a span's attributes."""
    return dict(span.attributes or {})


def test_an_allowed_tool_leaves_a_guard_span_and_the_operations_below_it(traced: Traced) -> None:
    """The guard span carries identity, policy and decision; the operation hangs below it."""
    traced.call(40)
    guard_span = traced.spans()["guard execute_tool refund"]
    operation = traced.spans()["execute_tool refund"]
    found = attributes(guard_span)
    policy = traced.guard._parts.enforcer.core.policy
    expected = {
        "agentguard.operation.name": "execute_tool",
        "agentguard.boundary": "tool",
        "agentguard.identity.id": "agent:support",
        "agentguard.identity.type": "agent",
        "agentguard.policy.id": "support",
        "agentguard.policy.version": policy.digest,
        "agentguard.enforcement.mode": "enforce",
        "agentguard.decision.outcome": "allow",
        "agentguard.decision.rule.id": "refund-small",
        "gen_ai.tool.name": "refund",
        "gen_ai.agent.name": "agent:support",
        "openinference.span.kind": "GUARDRAIL",
    }
    assert expected.items() <= found.items()
    assert "gen_ai.operation.name" not in found
    assert guard_span.kind is SpanKind.INTERNAL
    assert guard_span.status.status_code is StatusCode.UNSET
    assert operation.parent is not None
    assert guard_span.context is not None
    assert operation.parent.span_id == guard_span.context.span_id
    assert attributes(operation)["gen_ai.operation.name"] == "execute_tool"


def test_a_denied_tool_leaves_a_guard_span_with_nothing_below_it(traced: Traced) -> None:
    """A refusal is an error without a description, and no operation ran."""
    traced.call(5000)
    assert list(traced.spans()) == ["guard execute_tool refund"]
    span = traced.spans()["guard execute_tool refund"]
    found = attributes(span)
    assert found["agentguard.decision.outcome"] == "deny"
    assert found["agentguard.decision.reason"] == "not_allowlisted"
    assert found["error.type"] == "agentguard.denied"
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, None)


def test_a_call_without_identity_leaves_a_span(traced: Traced) -> None:
    """Nobody's call is seen as nobody's call."""
    with pytest.raises(AgentGuardError):
        traced.refund("ORD-00012345", 40, TO)
    found = attributes(traced.spans()["guard execute_tool refund"])
    assert found["agentguard.identity.id"] == "none"
    assert found["agentguard.decision.reason"] == "identity_required"


def test_waiting_for_people_is_a_span_of_its_own_and_no_error(traced: Traced) -> None:
    """A call that waits is pending, which is neither allowed nor an error."""
    traced.call(400)
    waiting = traced.spans()["approval refund"]
    guard_span = traced.spans()["guard execute_tool refund"]
    assert attributes(waiting)["agentguard.approval.outcome"] == "pending"
    assert attributes(guard_span)["agentguard.decision.outcome"] == "pending"
    assert attributes(guard_span)["agentguard.decision.reason"] == "approval_pending"
    assert (
        attributes(guard_span)["agentguard.approval.id"]
        == attributes(waiting)["agentguard.approval.id"]
    )
    assert "error.type" not in attributes(guard_span)
    assert waiting.status.status_code is StatusCode.UNSET
    assert guard_span.status.status_code is StatusCode.UNSET


def test_a_failing_tool_is_named_and_not_quoted(traced: Traced) -> None:
    """The class of an error is on the spans; its text and an exception event are not."""
    traced.call(99)
    assert traced.ran == [99]
    for span in traced.spans().values():
        assert attributes(span)["error.type"] == "LookupError"
        assert span.status.status_code is StatusCode.ERROR
        assert span.status.description is None
        assert span.events == ()
        assert TO not in span.to_json()


def test_a_model_call_says_what_was_hidden_and_what_the_provider_answered(traced: Traced) -> None:
    """A guarded chat is a modification, and its operation span carries usage and ids."""
    with (
        LoopbackProvider(lambda _: Answer("fine")) as provider,
        OpenAI(base_url=provider.base_url, api_key="k") as client,
        traced.guard.identity("agent:support", on_behalf_of="user:alice"),
    ):
        traced.guard.wrap(client).chat.completions.create(model="m", messages=HELLO)
    found = attributes(traced.spans()["guard chat m"])
    assert found["agentguard.decision.outcome"] == "modify"
    assert found["agentguard.redaction.count"] == 1
    assert found["agentguard.redaction.classes"] == ("email",)
    assert found["agentguard.redaction.direction"] == "input"
    operation = traced.spans()["chat m"]
    told = attributes(operation)
    assert operation.kind is SpanKind.CLIENT
    assert told["gen_ai.provider.name"] == "openai"
    assert told["gen_ai.request.model"] == "m"
    assert told["gen_ai.response.finish_reasons"] == ("stop",)
    assert told["gen_ai.usage.input_tokens"] > 0
    assert told["server.address"] == "127.0.0.1"


def test_the_operations_span_is_left_to_an_instrumentation(
    traced: Traced, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When somebody else has patched the SDK's method, the operation is not told twice."""

    class Patched:
        """Stands in the method's place, as instrumentations put a wrapper object there."""

        def __init__(self, method: Any) -> None:
            self.method = self.__wrapped__ = method

        def __get__(self, instance: object, owner: type) -> Any:
            return self.method.__get__(instance, owner)

    monkeypatch.setattr(Completions, "create", Patched(Completions.create))
    with (
        LoopbackProvider(lambda _: Answer("fine")) as provider,
        OpenAI(base_url=provider.base_url, api_key="k") as client,
        traced.guard.identity("agent:support", on_behalf_of="user:alice"),
    ):
        traced.guard.wrap(client).chat.completions.create(model="m", messages=HELLO)
    assert list(traced.spans()) == ["guard chat m"]


def test_the_spans_of_a_turn_hang_below_the_hosts_own(traced: Traced) -> None:
    """A guard span is a child of the span that the host program has open."""
    with traced.tracing.get_tracer("host").start_as_current_span("turn") as turn:
        traced.call(40)
    parent = traced.spans()["guard execute_tool refund"].parent
    assert parent is not None
    assert parent.span_id == turn.get_span_context().span_id


def test_no_global_provider_and_no_baggage_is_touched(traced: Traced) -> None:
    """The guard sets no global provider, and nothing of an identity is in baggage."""
    before = trace.get_tracer_provider()
    seen: list[object] = []

    @traced.guard.tool
    def lookup_order(order: str) -> str:
        seen.append(dict(baggage.get_all()))
        return order

    with traced.guard.identity("agent:support", on_behalf_of="user:alice"):
        lookup_order("ORD-00012345")
    assert seen == [{}]
    assert trace.get_tracer_provider() is before


def test_the_guard_works_without_an_sdk(tmp_path: Path) -> None:
    """With the API alone, calls are guarded and written down as ever."""
    path = tmp_path / "agentguard.toml"
    path.write_text(starter(new_key()[1]), encoding="utf-8")
    with Guard.from_file(path) as guard:

        @guard.tool
        def lookup_order(order: str) -> str:
            return order

        with guard.identity("agent:support", on_behalf_of="user:alice"):
            assert lookup_order("ORD-00012345") == "ORD-00012345"


def test_a_tool_call_of_the_model_keeps_its_placeholder_for_the_host(traced: Traced) -> None:
    """Spans of a whole turn hold placeholders' classes, never values."""
    with (
        LoopbackProvider() as provider,
        OpenAI(base_url=provider.base_url, api_key="k") as client,
        traced.guard.identity("agent:support", on_behalf_of="user:alice", session="s"),
    ):
        provider.script([Answer(tool_calls=(ToolRequest("refund", {"to": "x"}),))])
        traced.guard.wrap(client).chat.completions.create(model="m", messages=HELLO)
    assert all(TO not in span.to_json() for span in traced.spans().values())


class Broken(SpanProcessor):
    """A processor that raises at every chance, with what it knows in the message."""

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """Raise at the start of a span."""
        raise RuntimeError(span.name)

    def on_end(self, span: ReadableSpan) -> None:
        """Raise at the end of a span."""
        raise RuntimeError(span.name)


class Refusing(Sampler):
    """A sampler that raises."""

    def should_sample(self, *args: Any, **kwargs: Any) -> SamplingResult:
        """Raise instead of deciding."""
        raise RuntimeError(args)

    def get_description(self) -> str:
        """Name the sampler."""
        return "refusing"


@pytest.mark.parametrize("broken", ["processor", "sampler"])
def test_broken_telemetry_costs_the_span_and_not_the_call(tmp_path: Path, broken: str) -> None:
    """A processor or a sampler that raises neither stops a call nor lets one through."""
    path = tmp_path / "agentguard.toml"
    path.write_text(starter(new_key()[1]), encoding="utf-8")
    tracing = TracerProvider(sampler=Refusing()) if broken == "sampler" else TracerProvider()
    if broken == "processor":
        tracing.add_span_processor(Broken())
    with Guard.from_file(path, tracer_provider=tracing) as guard:

        @guard.tool
        def refund(order: str, amount: int, to: str) -> str:
            return f"refunded {amount}"

        with guard.identity("agent:support", on_behalf_of="user:alice"):
            assert refund("ORD-00012345", 40, TO) == "refunded 40"
            with pytest.raises(AgentGuardError):
                refund("ORD-00012345", 5000, TO)
