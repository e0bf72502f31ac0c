# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What wrapping does to a client, and what it leaves."""

import asyncio
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncAzureOpenAI, AsyncOpenAI, AzureOpenAI, OpenAI
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentguard import ConfigError, Guard, UnguardedPath
from agentguard.clients.guarding import guarded_class
from agentguard.integrations.openai import SURFACE
from agentguard.testing import LoopbackProvider
from agentguard.vocabulary import AuditEntry

CANARY = "jane.doe@customers.example"
CHAT: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "user", "content": f"write to {CANARY}"}],
}
KINDS = pytest.mark.parametrize("kind", [OpenAI, AsyncOpenAI])


@pytest.fixture
def client(provider: LoopbackProvider) -> Iterator[Any]:
    """A plain client of the provider."""
    with OpenAI(base_url=provider.base_url, api_key="k", max_retries=0) as made:
        yield made


@pytest.fixture
def other_guard(tmp_path: Path, policy_file: Path) -> Iterator[Guard]:
    """A second guard, with a store of its own."""
    path = tmp_path / "other.toml"
    path.write_text(policy_file.read_text().replace("agentguard.db", "other.db"))
    with Guard.from_file(path) as made:
        yield made


@KINDS
def test_the_class_is_the_same_to_everybody_else(kind: Any, guard: Guard) -> None:
    """Name, module and documentation stay, ``isinstance`` holds, and the class is made once."""
    one, two = (guard.wrap(kind(base_url="http://127.0.0.1:1/v1", api_key="k")) for _ in "ab")
    found = type(one)
    assert found is type(two) is guarded_class(kind)
    assert found is not kind
    assert issubclass(found, kind)
    assert (found.__name__, found.__qualname__) == (kind.__name__, kind.__qualname__)
    assert (found.__module__, found.__doc__) == (kind.__module__, kind.__doc__)


@KINDS
def test_async_methods_stay_async(kind: Any) -> None:
    """Each override is a coroutine function exactly where the SDK's own is."""
    guarded = guarded_class(kind)
    overridden = [name for name in vars(guarded) if inspect.isfunction(vars(guarded)[name])]
    assert {"request", "copy", "_build_request"} <= set(overridden)
    for name in overridden:
        original = getattr(kind, name)
        assert inspect.iscoroutinefunction(vars(guarded)[name]) == inspect.iscoroutinefunction(
            original
        )


def test_every_override_stands_for_a_method_of_the_sdk() -> None:
    """The overrides on which a refusal hangs exist in the SDK that is installed."""
    needed = {"request", "copy", "with_options", "_build_request", "_build_headers"}
    needed |= {"_prepare_options", "_process_response", "_refresh_api_key", "auth_headers"}
    for kind in (OpenAI, AsyncOpenAI):
        assert needed <= set(vars(guarded_class(kind)))
        assert vars(guarded_class(kind))["with_options"] is vars(guarded_class(kind))["copy"]


def test_wrapping_twice_changes_nothing(guard: Guard, client: Any) -> None:
    """The second wrap by the same guard returns the client with the same class and seal."""
    guarded = guard.wrap(client)
    before = (type(guarded), guarded._client, list(guarded._client.event_hooks["request"]))
    assert guard.wrap(guarded) is guarded
    assert (type(guarded), guarded._client, list(guarded._client.event_hooks["request"])) == before


def test_two_guards_do_not_share_a_client(guard: Guard, other_guard: Guard, client: Any) -> None:
    """A client that one guard has is refused by another, for wrapping and for binding."""
    guard.wrap(client)
    with pytest.raises(ConfigError):
        other_guard.wrap(client)
    with pytest.raises(ConfigError):
        other_guard.bind(client, "agent:support")


def test_an_identity_can_be_given_later_and_once(
    guard: Guard, client: Any, provider: LoopbackProvider
) -> None:
    """A wrapped client takes an identity at a second wrap; a third with another is refused."""
    guard.wrap(client)
    guard.wrap(client, identity="agent:support")
    with pytest.raises(ConfigError):
        guard.wrap(client, identity="agent:other")
    guard.wrap(client)
    assert provider.connections == 0


@pytest.mark.parametrize("kind", [AzureOpenAI, AsyncAzureOpenAI])
def test_a_client_for_azure_is_guarded_by_the_same_class(kind: Any, guard: Guard) -> None:
    """A client for Azure keeps its type, and its class has the same overrides."""
    client = kind(azure_endpoint="https://x.example", api_key="k", api_version="1")
    assert SURFACE.is_client(client)
    assert guard.wrap(client) is client
    assert isinstance(client, kind)
    assert "request" in vars(type(client))


@pytest.mark.parametrize("kind", [OpenAI, AsyncOpenAI])
def test_a_subclass_that_nobody_knows_is_refused(kind: Any, guard: Guard) -> None:
    """A subclass of the user's own may send in another way, so it is refused."""
    own = type("OwnClient", (kind,), {})
    client = own(base_url="http://127.0.0.1:1/v1", api_key="k")
    with pytest.raises(TypeError, match="OwnClient"):
        guard.wrap(client)
    assert type(client) is own


def test_an_sdk_without_a_way_in_is_refused() -> None:
    """A version of the SDK that lacks a method on which the guard hangs cannot be guarded."""
    with pytest.raises(TypeError, match="cannot be guarded"):
        guarded_class(type("OpenAI", (), {}))


@pytest.mark.parametrize(
    "target", [None, "OpenAI", OpenAI, openai], ids=["None", "text", "class", "module"]
)
def test_what_is_no_client_is_not_taken_for_one(target: Any) -> None:
    """Classes, modules and other objects are no clients."""
    assert not SURFACE.is_client(target)


def test_a_refused_wrap_leaves_the_client_alone(guard: Guard, client: Any) -> None:
    """When the HTTP client cannot be sealed, the wrap raises and the client is as before."""

    class Foreign:
        _transport = object()
        _mounts: dict[str, Any] = {}  # noqa: RUF012 - a stand-in

    http_client, client._client = client._client, Foreign()
    with pytest.raises(TypeError):
        guard.wrap(client)
    assert type(client) is OpenAI
    client._client = http_client


COPIES: dict[str, Any] = {
    "with_options": lambda c: c.with_options(timeout=9),
    "copy": lambda c: c.copy(max_retries=1),
    "copy of a copy": lambda c: c.copy().with_options(timeout=9),
    "another key": lambda c: c.with_options(api_key="k2"),
}


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_a_copy_carries_the_guard_and_the_identity(
    copied: Any, guard: Guard, client: Any, provider: LoopbackProvider
) -> None:
    """What the SDK copies is as guarded and as bound as what it was copied from."""
    bound = guard.bind(client, "agent:support", on_behalf_of="user:alice")
    answer = copied(bound).chat.completions.create(**CHAT)
    assert CANARY in answer.choices[0].message.content
    with pytest.raises(UnguardedPath):
        copied(bound)._client.get(f"{provider.base_url}/models")
    assert len(provider.journal) == 1
    assert CANARY.encode() not in provider.received_bytes()


def test_a_copy_for_another_place_is_decided_for_that_place(
    guard: Guard, client: Any, provider: LoopbackProvider
) -> None:
    """``with_options(base_url=...)`` goes where it says, if the policy knows that place."""
    guard.wrap(client)
    with (
        LoopbackProvider(lambda _: openai_answer()) as second,
        guard.identity("agent:support", on_behalf_of="user:alice"),
    ):
        client.with_options(base_url=second.base_url).chat.completions.create(**CHAT)
        assert len(second.journal) == 1
        assert CANARY.encode() not in second.received_bytes()
    assert provider.connections == 0


def openai_answer() -> Any:
    """Return a short answer."""
    from agentguard.testing import Answer

    return Answer("yes")


def test_sync_and_async_calls_leave_equal_entries(
    guard: Guard, provider: LoopbackProvider, entries: list[AuditEntry]
) -> None:
    """Equal calls are written down equally, apart from ids, times and commitments."""

    async def ask() -> None:
        async with AsyncOpenAI(base_url=provider.base_url, api_key="k") as made:
            await guard.wrap(made).chat.completions.create(**CHAT)

    with guard.identity("agent:support", on_behalf_of="user:alice", session="s"):
        with OpenAI(base_url=provider.base_url, api_key="k") as made:
            guard.wrap(made).chat.completions.create(**CHAT)
        asyncio.run(ask())
    own = {"call_id", "at", "commitment", "trace_id", "span_id"}
    plain = [
        {name: getattr(entry, name) for name in entry.__slots__ if name not in own}
        for entry in entries
    ]
    assert len(plain) == 4
    assert plain[:2] == plain[2:]
    first, second = (request.body for request in provider.journal)
    assert first == second


def patched_create(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patch ``create`` as an instrumentation does."""
    from openai.resources.chat.completions import Completions

    original = Completions.create

    class Observer:
        def __init__(self) -> None:
            self.__wrapped__ = original

        def __get__(self, resource: Any, _: Any = None) -> Any:
            return lambda *args, **named: original(resource, *args, **named)

    monkeypatch.setattr(Completions, "create", Observer())


@pytest.mark.parametrize("observed", [False, True], ids=["alone", "observed"])
def test_the_operations_span_is_made_once(
    observed: bool,  # noqa: FBT001 - a parameter of the test
    policy_file: Path,
    client: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Our own span of the operation is made only when no instrumentation makes one."""
    spans, tracing = InMemorySpanExporter(), TracerProvider()
    tracing.add_span_processor(SimpleSpanProcessor(spans))
    if observed:
        patched_create(monkeypatch)
    with Guard.from_file(policy_file, tracer_provider=tracing) as guard:
        guard.wrap(client)
        with guard.identity("agent:support", on_behalf_of="user:alice"):
            client.chat.completions.create(**CHAT)
    names = [span.name for span in spans.get_finished_spans()]
    assert names == (["guard chat m"] if observed else ["chat m", "guard chat m"])
