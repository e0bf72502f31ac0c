# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What do the attacks run against: a guard of the starter policy and a provider that keeps all."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import OpenAI
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentguard import Guard
from agentguard.approvals import new_approver_key
from agentguard.config import starter
from agentguard.testing import LoopbackProvider, echo


@pytest.fixture
def provider() -> Iterator[LoopbackProvider]:
    """A provider that repeats what the user said."""
    with LoopbackProvider(echo) as running:
        yield running


@pytest.fixture(scope="session")
def approver_key() -> tuple[bytes, str]:
    """The key of user:carol, private and public."""
    return new_approver_key()


@pytest.fixture
def policy_file(tmp_path: Path, approver_key: tuple[bytes, str]) -> Path:
    """The starter policy, with a key that the tests hold."""
    path = tmp_path / "agentguard.toml"
    path.write_text(starter(approver_key[1]), encoding="utf-8")
    return path


@pytest.fixture
def spans() -> InMemorySpanExporter:
    """The spans that ended."""
    return InMemorySpanExporter()


@pytest.fixture
def tracing(spans: InMemorySpanExporter) -> TracerProvider:
    """A tracer provider that keeps spans in memory."""
    tracer_provider = TracerProvider()
    tracer_provider.add_span_processor(SimpleSpanProcessor(spans))
    return tracer_provider


@pytest.fixture
def guard(policy_file: Path, tracing: TracerProvider) -> Iterator[Guard]:
    """A guard of the starter policy."""
    with Guard.from_file(policy_file, tracer_provider=tracing) as made:
        yield made


@pytest.fixture
def client(guard: Guard, provider: LoopbackProvider) -> Iterator[OpenAI]:
    """A guarded client, bound to nobody."""
    with OpenAI(base_url=provider.base_url, api_key="not-a-key", max_retries=0) as plain:
        yield guard.wrap(plain)
