# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which instrumentations of others watch the SDK in these attacks, and what have they told?"""

import functools
import importlib
import pkgutil
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import openai.resources
import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentguard import Guard

CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
OURS = "agentguard"


class Observer:
    """An instrumentation, and everything that it has told."""

    def __init__(self, name: str, spans: InMemorySpanExporter, tracing: TracerProvider) -> None:
        self.name = name
        self._spans = spans
        self._logs: Any = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]  # the SDK's
        logging = LoggerProvider()
        logging.add_log_record_processor(SimpleLogRecordProcessor(self._logs))
        self._metrics = InMemoryMetricReader()
        self._providers: dict[str, Any] = {
            "tracer_provider": tracing,
            "logger_provider": logging,
            "meter_provider": MeterProvider([self._metrics]),
        }
        self._instrumentor: Any = None

    def install(self) -> None:
        """Install it into the SDK."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some import with warnings of their own
            self._instrumentor = self._made()
            self._instrumentor.instrument(**self._providers)

    def _made(self) -> Any:
        why = "the instrumentation {} does not import with this SDK"
        if self.name == "official":
            module = "opentelemetry.instrumentation.genai.openai"
        elif self.name == "openinference":
            module = "openinference.instrumentation.openai"
        else:
            module = "opentelemetry.instrumentation.openai"
        found = pytest.importorskip(module, reason=why.format(module), exc_type=ImportError)
        if self.name.startswith("openllmetry"):
            return found.OpenAIInstrumentor(use_attributes=self.name == "openllmetry")
        return found.OpenAIInstrumentor()

    def remove(self) -> None:
        """Take it out again."""
        if self._instrumentor is not None:
            self._instrumentor.uninstrument()

    def spans(self) -> list[Any]:
        """Return the spans that it has ended."""
        return [
            span
            for span in self._spans.get_finished_spans()
            if span.instrumentation_scope is not None and span.instrumentation_scope.name != OURS
        ]

    def clear(self) -> None:
        """Forget what was told so far."""
        self._spans.clear()
        self._logs.clear()

    def told(self) -> str:
        """Return all that was told, by it and by the guard."""
        metrics = self._metrics.get_metrics_data()
        texts = [span.to_json() for span in self._spans.get_finished_spans()]
        texts += [each.to_json() for each in self._logs.get_finished_logs()]
        return "\n".join([*texts, "" if metrics is None else metrics.to_json()])

    def install_beside(self, name: str) -> "Observer":
        """Install another one that tells the same exporters."""
        other = Observer(name, self._spans, self._providers["tracer_provider"])
        other.install()
        return other

    def content(self) -> str:
        """Return its own spans and log records."""
        return "\n".join(
            [span.to_json() for span in self.spans()]
            + [str(each.to_json()) for each in self._logs.get_finished_logs()]
        )


@functools.cache
def sdk_classes() -> tuple[type, ...]:
    """Return the classes of the SDK in which instrumentations replace methods."""
    walked = pkgutil.walk_packages(openai.resources.__path__, "openai.resources.")
    names = ["openai._client", "openai._base_client", *(found.name for found in walked)]
    modules = [importlib.import_module(name) for name in names]
    return tuple(
        each
        for module in modules
        for each in vars(module).values()
        if isinstance(each, type) and each.__module__.startswith("openai.")
    )


@pytest.fixture
def pristine() -> Iterator[None]:
    """Put every method back; OpenLLMetry leaves some of its own in place."""
    before = {kind: dict(vars(kind)) for kind in sdk_classes()}
    yield
    for kind, members in before.items():
        for name, now in list(vars(kind).items()):
            if name not in members:
                if not name.startswith("__"):
                    delattr(kind, name)
            elif now is not members[name] and not name.startswith("__"):
                setattr(kind, name, members[name])


@pytest.fixture(params=["official", "openinference", "openllmetry"])
def observer(
    request: pytest.FixtureRequest,
    pristine: None,
    spans: InMemorySpanExporter,
    tracing: TracerProvider,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Observer]:
    """One of the instrumentations, told to keep content."""
    monkeypatch.setenv(CAPTURE, "SPAN_AND_EVENT")
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT", "true")
    made = Observer(request.param, spans, tracing)
    yield made
    made.remove()


@pytest.fixture(params=["before", "after"])
def wrap(request: pytest.FixtureRequest, guard: Guard, observer: Observer) -> Callable[[Any], Any]:
    """Wrap a client and install the observer, in either order."""

    def wrapping(plain: Any) -> Any:
        if request.param == "before":
            observer.install()
            return guard.wrap(plain)
        client = guard.wrap(plain)
        observer.install()
        return client

    return wrapping
