# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which spans does a crossing leave in the operator's own traces?

A ``guard …`` span for every crossing, an ``approval …`` span for the waiting, and the
semantic-convention span of the operation where nobody else makes one.
It needs the OpenTelemetry API alone, and never sets a provider, a processor or baggage.
Spans are not the audit log: they may be sampled or dropped.

INVARIANT: no attribute holds payload, and no exception is recorded
(tests/attacks/test_leakage.py).
INVARIANT: a decision never depends on whether a span records, nor on what a sampler, a
processor or an exporter raises (tests/test_telemetry.py).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, TracerProvider

from agentguard.pipeline import Attempt, Report, Trace
from agentguard.vocabulary import (
    ApprovalRequest,
    ApprovalState,
    Boundary,
    Effect,
    PrincipalKind,
    Reason,
)

PREFIX = "agentguard"

OPERATION = f"{PREFIX}.operation.name"
BOUNDARY = f"{PREFIX}.boundary"
IDENTITY_ID = f"{PREFIX}.identity.id"
IDENTITY_TYPE = f"{PREFIX}.identity.type"
IDENTITY_ASSURANCE = f"{PREFIX}.identity.assurance"
ENVIRONMENT = f"{PREFIX}.environment.name"
POLICY_ID = f"{PREFIX}.policy.id"
POLICY_VERSION = f"{PREFIX}.policy.version"
ENFORCEMENT_MODE = f"{PREFIX}.enforcement.mode"
DECISION_OUTCOME = f"{PREFIX}.decision.outcome"
DECISION_REASON = f"{PREFIX}.decision.reason"
DECISION_RULE = f"{PREFIX}.decision.rule.id"
DECIDER = f"{PREFIX}.decider.name"
PROVIDER_TIER = f"{PREFIX}.provider.tier"
LIMITS = f"{PREFIX}.limit.names"
ORIGINS = f"{PREFIX}.origins"
CONVERSATION = f"{PREFIX}.conversation.seen"
BUDGETS = f"{PREFIX}.budget.names"
SHADOW_OUTCOME = f"{PREFIX}.shadow.outcome"
SHADOW_RULE = f"{PREFIX}.shadow.rule.id"
REDACTION_COUNT = f"{PREFIX}.redaction.count"
REDACTION_CLASSES = f"{PREFIX}.redaction.classes"
REDACTION_DIRECTION = f"{PREFIX}.redaction.direction"
APPROVAL_ID = f"{PREFIX}.approval.id"
APPROVAL_OUTCOME = f"{PREFIX}.approval.outcome"
APPROVAL_CHANNEL = f"{PREFIX}.approval.channel"
APPROVAL_TIMEOUT = f"{PREFIX}.approval.timeout"

# Names of the published semantic conventions; their Python constants are marked deprecated.
OPENINFERENCE_KIND = "openinference.span.kind"
ERROR_TYPE = "error.type"
GEN_AI_OPERATION = "gen_ai.operation.name"
GEN_AI_PROVIDER = "gen_ai.provider.name"
GEN_AI_REQUEST_MODEL = "gen_ai.request.model"
GEN_AI_RESPONSE_ID = "gen_ai.response.id"
GEN_AI_RESPONSE_MODEL = "gen_ai.response.model"
GEN_AI_FINISH_REASONS = "gen_ai.response.finish_reasons"
GEN_AI_INPUT_TOKENS = "gen_ai.usage.input_tokens"
GEN_AI_OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
GEN_AI_TOOL_NAME = "gen_ai.tool.name"
GEN_AI_CONVERSATION = "gen_ai.conversation.id"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"

NO_IDENTITY = "none"

Attributes = Mapping[str, str | bool | int | tuple[str, ...]]
L = TypeVar("L", bound="Lasting")

_ERRORS: Mapping[Reason, str] = {
    Reason.APPROVAL_TIMEOUT: f"{PREFIX}.approval_timeout",
    Reason.GUARD_ERROR: f"{PREFIX}.guard_error",
}


@dataclass(slots=True)
class Lasting:
    """A span that ends with the block that opened it, unless it is kept for a stream."""

    span: Span
    kept: bool = False

    def keep(self) -> None:
        """Let the span outlive its block; whoever keeps it ends it."""
        self.kept = True

    def end(self) -> None:
        """End the span."""
        with suppress(Exception):
            self.span.end()


class OperationSpan(Lasting):
    """The semantic-convention span of an operation."""

    def describe(self, attributes: "Attributes") -> None:
        """Add what is known by now."""
        describe(self.span, attributes)

    def fail(self, error: BaseException) -> None:
        """Say that the operation failed, without the error's text."""
        self.describe({ERROR_TYPE: type(error).__name__})
        with suppress(Exception):
            self.span.set_status(Status(StatusCode.ERROR))


class GuardSpan(Lasting):
    """The span of one crossing, and where an audit entry finds it again."""

    def trace(self, stream: str) -> Trace:
        """Return the span's place, for the audit entries that go to *stream*."""
        context = self.span.get_span_context()
        if not context.is_valid:
            return Trace(trace_id=None, span_id=None, stream=stream)
        return Trace(
            trace_id=f"{context.trace_id:032x}", span_id=f"{context.span_id:016x}", stream=stream
        )

    def conclude(self, report: Report) -> None:
        """Set what is known only at the end."""
        if not self.span.is_recording():
            return
        describe(self.span, _conclusion(report))
        if report.error is not None and report.reason is not Reason.APPROVAL_PENDING:
            self.span.set_status(Status(StatusCode.ERROR))


def _conclusion(report: Report) -> dict[str, str | int | tuple[str, ...]]:
    refused = report.effect is Effect.DENY
    outcome = "deny" if refused else "modify" if report.modified else "allow"
    if report.reason is Reason.APPROVAL_PENDING:
        outcome = "pending"
    found: dict[str, str | int | tuple[str, ...]] = {DECISION_OUTCOME: outcome}
    found |= _grounds(report)
    if report.classes:
        found[REDACTION_COUNT] = sum(report.classes.values())
        found[REDACTION_CLASSES] = tuple(sorted(report.classes))
        found[REDACTION_DIRECTION] = "input" if report.modified else "output"
    if report.error is not None and report.reason is not Reason.APPROVAL_PENDING:
        found[ERROR_TYPE] = _error_type(report)
    return found


def _grounds(report: Report) -> dict[str, str | tuple[str, ...]]:
    """Return what the decision rested on."""
    shadow = report.shadow
    told: dict[str, str | tuple[str, ...] | None] = {
        DECISION_REASON: None if report.reason is None else report.reason.value,
        DECISION_RULE: report.rule,
        DECIDER: report.decider,
        PROVIDER_TIER: report.provider_tier,
        LIMITS: report.limits or None,
        ORIGINS: report.origins or None,
        CONVERSATION: report.conversation or None,
        BUDGETS: report.budgets or None,
        SHADOW_OUTCOME: None if shadow is None else shadow.effect.value,
        SHADOW_RULE: None if shadow is None else shadow.rule,
        APPROVAL_ID: report.approval_id,
    }
    return {name: value for name, value in told.items() if value is not None}


def _error_type(report: Report) -> str:
    if report.reason is not None and report.reason in _ERRORS:
        return _ERRORS[report.reason]
    if report.effect is Effect.DENY:
        return f"{PREFIX}.denied"
    return report.error or "_OTHER"


class Telemetry:
    """Makes the spans of one guard.

    Args:
        policy_name: the policy's name.
        policy_version: the policy's digest.
        version: agentguard's version, for the instrumentation scope.
        provider: where the spans go; the global provider, looked up at each call, if None.
    """

    def __init__(
        self,
        *,
        policy_name: str,
        policy_version: str,
        version: str,
        provider: TracerProvider | None = None,
    ) -> None:
        self.tell_policy(policy_name, policy_version)
        self._version = version
        self._provider = provider

    def tell_policy(self, name: str, version: str) -> None:
        """Name this policy in every span that begins from now on."""
        self._policy = {POLICY_ID: name, POLICY_VERSION: version}

    def _tracer(self) -> Tracer:
        return trace.get_tracer(PREFIX, self._version, tracer_provider=self._provider)

    @contextmanager
    def guard_span(self, attempt: Attempt) -> Iterator[GuardSpan]:
        """Open the span of one crossing; it carries what samplers need from its start."""
        caller = attempt.caller
        person_or_agent = None if caller is None else caller.chain.actor
        kind = None if person_or_agent is None else person_or_agent.kind
        attributes: dict[str, str] = {
            OPERATION: attempt.operation,
            BOUNDARY: attempt.boundary.value,
            IDENTITY_ID: NO_IDENTITY if person_or_agent is None else person_or_agent.id,
            IDENTITY_TYPE: NO_IDENTITY if kind is None else kind.value,
            ENFORCEMENT_MODE: "enforce",
            OPENINFERENCE_KIND: "GUARDRAIL",
            **self._policy,
        }
        if attempt.target:
            name = GEN_AI_TOOL_NAME if attempt.boundary is Boundary.TOOL else GEN_AI_REQUEST_MODEL
            attributes[name] = attempt.target
        if caller is not None:
            attributes[GEN_AI_CONVERSATION] = caller.session_key
            attributes[IDENTITY_ASSURANCE] = caller.chain.assurance.value
            if caller.environment is not None:
                attributes[ENVIRONMENT] = caller.environment
            if caller.chain.actor.kind is PrincipalKind.AGENT:
                attributes["gen_ai.agent.name"] = caller.chain.actor.id
        name = f"guard {attempt.operation} {attempt.target}".rstrip()
        with self._span(name, SpanKind.INTERNAL, attributes, GuardSpan) as span:
            yield span

    @contextmanager
    def operation_span(
        self, attempt: Attempt, attributes: Attributes, *, wanted: bool
    ) -> Iterator[OperationSpan | None]:
        """Open the semantic-convention span of the operation itself, if *wanted*."""
        if not wanted:
            yield None
            return
        tool = attempt.boundary is Boundary.TOOL
        own: dict[str, str | bool | int | tuple[str, ...]] = {
            GEN_AI_OPERATION: attempt.operation,
            (GEN_AI_TOOL_NAME if tool else GEN_AI_REQUEST_MODEL): attempt.target,
            **attributes,
        }
        kind = SpanKind.INTERNAL if tool else SpanKind.CLIENT
        name = f"{attempt.operation} {attempt.target}".rstrip()
        with self._span(name, kind, own, OperationSpan) as operation:
            try:
                yield operation
            except BaseException as error:
                operation.fail(error)
                raise

    @contextmanager
    def approval_span(self, request: ApprovalRequest, wait_seconds: float) -> Iterator["Waiting"]:
        """Open the span of waiting for people's answer."""
        attributes = {
            APPROVAL_ID: request.id,
            APPROVAL_CHANNEL: "store",
            APPROVAL_TIMEOUT: f"{wait_seconds:g}s",
            GEN_AI_TOOL_NAME: request.tool,
            OPENINFERENCE_KIND: "GUARDRAIL",
        }
        name = f"approval {request.tool}"
        with self._span(name, SpanKind.INTERNAL, attributes, Lasting) as lasting:
            yield Waiting(lasting.span, reused=request.state is ApprovalState.APPROVED)

    @contextmanager
    def _span(
        self, name: str, kind: SpanKind, attributes: Attributes, made: type[L]
    ) -> Iterator[L]:
        """Open a span; a sampler or a processor that raises costs the span, not the call."""
        span: Span = trace.INVALID_SPAN
        with suppress(Exception):
            span = self._tracer().start_span(name, kind=kind, attributes=attributes)
        lasting = made(span)
        try:
            with trace.use_span(span, record_exception=False, set_status_on_exception=False):
                yield lasting
        finally:
            if not lasting.kept:
                lasting.end()


def describe(span: Span, attributes: Attributes) -> None:
    """Add attributes to a span; what cannot be added is left out."""
    with suppress(Exception):
        span.set_attributes(dict(attributes))


_APPROVAL_OUTCOMES: Mapping[ApprovalState, str] = {
    ApprovalState.APPROVED: "approved",
    ApprovalState.REJECTED: "rejected",
    ApprovalState.EXPIRED: "timeout",
    ApprovalState.PENDING: "pending",
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """The span of waiting for an answer. ``reused`` says that the answer was there before."""

    span: Span
    reused: bool

    def answered(self, request: ApprovalRequest) -> None:
        """Set how the waiting ended; a request that is still open is no error."""
        outcome = _APPROVAL_OUTCOMES.get(request.state, "error")
        if self.reused and request.state is ApprovalState.APPROVED:
            outcome = "reused"
        describe(self.span, {APPROVAL_OUTCOME: outcome})
        if outcome in ("timeout", "error"):
            with suppress(Exception):
                self.span.set_status(Status(StatusCode.ERROR))
