# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What becomes of the guard when the client is copied, subclassed, patched or taken by its module?

The story: Python lets everybody copy an object, change its class back, derive from its class or
put another function in its place. What comes out of that is guarded or sends nothing.
"""

import copy
import gc
import pickle
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import wraps
from typing import Any

import openai
import pytest
from openai import APIConnectionError, AsyncOpenAI, AzureOpenAI, OpenAI
from openai.resources.chat.completions import AsyncCompletions, Completions

from agentguard import CallRefused, Guard, UnguardedPath
from agentguard.testing import LoopbackProvider

CANARY = "jane.doe@customers.example"
CHAT: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "user", "content": f"write to {CANARY}"}],
}

pytestmark = pytest.mark.usefixtures("as_support")


def said(completion: Any) -> str:
    """Return what a completion says."""
    return str(completion.choices[0].message.content)


# What is left of the SDK's own HTTP client, half copied, cannot be closed.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("way", [pickle.dumps, copy.deepcopy], ids=["pickle", "deepcopy"])
def test_a_client_that_cannot_be_copied_so_stays_so(
    way: Callable[[Any], Any], twin: Any, guard: Guard
) -> None:
    """A guarded client can be pickled or copied deeply no more than a plain one."""
    for client in (twin.make(), guard.wrap(twin.make())):
        with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
            way(client)
    gc.collect()


def test_a_copy_by_reference_is_guarded(
    twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """A weak reference, its proxy and a copy of the attributes lead to the guarded client."""

    def through_proxy(plain: Any) -> Any:
        guarded = guard.wrap(plain)
        assert weakref.ref(guarded)() is guarded
        return weakref.proxy(guarded).chat.completions.create(**CHAT)

    def through_attributes(plain: Any) -> Any:
        guarded = guard.wrap(plain)
        other = object.__new__(type(guarded))
        other.__dict__.update(guarded.__dict__)
        return other.chat.completions.create(**CHAT)

    for way in (through_proxy, through_attributes):
        assert CANARY in said(twin.take(way))
    assert provider.saw(CANARY) == ()
    assert len(provider.journal) == 2


def of_a_subclass_that_skips_the_guard(guarded: Any, kind: Any) -> Any:
    """Derive from the guarded class and call the SDK's own method."""

    class Mine(type(guarded)):  # type: ignore[misc]  # the class is made at run time
        def request(self, *arguments: Any, **options: Any) -> Any:
            return kind.request(self, *arguments, **options)

    guarded.__class__ = Mine
    return guarded


def of_its_old_class(guarded: Any, kind: Any) -> Any:
    """Give the client back the class that it had."""
    guarded.__class__ = kind
    return guarded


def with_a_method_of_its_own(guarded: Any, kind: Any) -> Any:
    """Put the SDK's own method on the client itself."""
    guarded.request = lambda *arguments, **options: kind.request(guarded, *arguments, **options)
    return guarded


def with_another_method_for_its_verbs(guarded: Any, kind: Any) -> Any:
    """Give a resource a verb that leads to the SDK's own method."""
    other = object.__new__(kind)
    other.__dict__.update(guarded.__dict__)
    guarded.chat.completions._post = other.post
    return guarded


@pytest.mark.parametrize(
    "change",
    [
        of_a_subclass_that_skips_the_guard,
        of_its_old_class,
        with_a_method_of_its_own,
        with_another_method_for_its_verbs,
    ],
)
def test_a_client_that_is_changed_sends_nothing(
    change: Callable[[Any, Any], Any], twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """Whoever takes the guard off a client finds that its HTTP client still asks for it."""
    with pytest.raises((UnguardedPath, APIConnectionError)):
        twin.take(
            lambda plain: change(guard.wrap(plain), twin.kind).chat.completions.create(**CHAT)
        )
    assert provider.connections == 0


def test_an_unknown_subclass_is_not_guarded_by_halves(
    twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """A subclass, which may send what it likes, is no client that the guard takes."""

    class Mine(twin.kind):  # type: ignore[misc]  # the class is a parameter
        pass

    with pytest.raises(TypeError, match="Mine are not guarded"):
        guard.wrap(Mine(base_url=provider.base_url, api_key="k"))


def patched(original: Any, seen: list[str]) -> Any:
    """Return a method that notes what it is given."""

    @wraps(original)
    def spy(self: Any, *arguments: Any, **options: Any) -> Any:
        seen.append(repr(getattr(arguments[-1], "json_data", options) if arguments else options))
        return original(self, *arguments, **options)

    return spy


@pytest.mark.parametrize("first", [True, False], ids=["patched first", "wrapped first"])
@pytest.mark.parametrize("place", ["request", "create"])
def test_it_does_not_matter_who_comes_first(
    place: str,
    twin: Any,
    guard: Guard,
    provider: LoopbackProvider,
    monkeypatch: pytest.MonkeyPatch,
    *,
    first: bool,
) -> None:
    """A method of the SDK that is patched before or after the wrap is called, and nothing leaks."""
    seen: list[str] = []
    resource = AsyncCompletions if twin.kind is AsyncOpenAI else Completions
    holder = twin.kind if place == "request" else resource
    spy = patched(getattr(holder, place), seen)

    def way(plain: Any) -> Any:
        if first:
            monkeypatch.setattr(holder, place, spy)
        guarded = guard.wrap(plain)
        if not first:
            monkeypatch.setattr(holder, place, spy)
        return guarded.chat.completions.create(**CHAT)

    assert CANARY in said(twin.take(way))
    assert len(seen) == 1
    assert CANARY not in seen[0]
    assert provider.saw(CANARY) == ()


def test_a_patch_that_hides_what_it_replaced_sees_no_value(
    twin: Any, guard: Guard, provider: LoopbackProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the guard cannot tell what stood there before, nothing is sent or shown as it is."""
    seen: list[str] = []
    resource = AsyncCompletions if twin.kind is AsyncOpenAI else Completions
    spy = patched(resource.create, seen)
    del spy.__wrapped__
    monkeypatch.setattr(resource, "create", spy)
    with suppress(UnguardedPath):
        twin.take(lambda plain: guard.wrap(plain).chat.completions.create(**CHAT))
    assert not any(CANARY in each for each in seen)
    assert provider.saw(CANARY) == ()


@pytest.mark.parametrize("field", ["json_data", "extra_json", "url", "headers", "params"])
def test_a_patch_below_the_guard_changes_nothing(
    field: str,
    twin: Any,
    guard: Guard,
    provider: LoopbackProvider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What another puts into a request after it was decided is refused."""
    original = twin.kind.request
    put: dict[str, Any] = {
        "json_data": dict(CHAT),
        "extra_json": {"metadata": {"note": CANARY}},
        "url": f"/files/{CANARY}",
        "headers": {"x-note": CANARY},
        "params": {"q": CANARY},
    }

    def changing(self: Any, cast_to: Any, options: Any, **more: Any) -> Any:
        setattr(options, field, put[field])
        return original(self, cast_to, options, **more)

    monkeypatch.setattr(twin.kind, "request", changing)
    with pytest.raises(CallRefused):
        twin.take(lambda plain: guard.wrap(plain).chat.completions.create(**CHAT))
    assert provider.connections == 0


def test_a_patch_of_the_seals_transport_is_noticed(
    twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """Taking another transport, or another HTTP client, ends in a refusal."""

    def other_transport(plain: Any) -> Any:
        guarded = guard.wrap(plain)
        guarded._client._transport = type(twin.make()._client)()._transport
        return guarded.chat.completions.create(**CHAT)

    def other_client(plain: Any) -> Any:
        guarded = guard.wrap(plain)
        guarded._client = twin.make()._client
        return guarded.chat.completions.create(**CHAT)

    for way in (other_transport, other_client):
        with pytest.raises(UnguardedPath, match="replaced"):
            twin.take(way)
    assert provider.connections == 0


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch, provider: LoopbackProvider) -> Iterator[Any]:
    """The SDK's module, set up as a program without a client does."""
    for name, value in {
        "api_key": "k",
        "base_url": f"{provider.base_url}/",
        "http_client": None,
        "max_retries": 0,
        "_client": None,
    }.items():
        monkeypatch.setattr(openai, name, value)
    yield openai
    if openai._client is not None:
        openai._client.close()


def test_the_modules_own_client_is_guarded(
    module: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """What the functions of the module work with is a client like any other."""
    guard.wrap(module._load_client())
    assert CANARY in said(module.chat.completions.create(**CHAT))
    assert provider.saw(CANARY) == ()
    with pytest.raises(CallRefused):
        module.files.list()


def test_a_new_client_of_the_module_is_not_the_guarded_one(
    module: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """When the module makes another client, it shares the sealed HTTP client and is refused."""
    guard.wrap(module._load_client())
    module._reset_client()
    with pytest.raises((UnguardedPath, APIConnectionError)):
        module.chat.completions.create(**CHAT)
    assert provider.connections == 0


def test_the_modules_azure_client_is_guarded(
    module: Any, guard: Guard, provider: LoopbackProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client that the module makes for Azure is a guarded one, too."""
    monkeypatch.setattr(module, "base_url", None)
    monkeypatch.setattr(module, "api_type", "azure")
    monkeypatch.setattr(module, "api_version", "2026-10-01")
    monkeypatch.setattr(module, "azure_endpoint", provider.base_url.removesuffix("/v1"))
    assert isinstance(guard.wrap(module._load_client()), AzureOpenAI)
    assert CANARY in said(module.chat.completions.create(**CHAT))
    assert provider.saw(CANARY) == ()


def test_a_wrapped_client_makes_wrapped_wrappers(guard: Guard, provider: LoopbackProvider) -> None:
    """The client's own raw and streaming wrappers, made before the wrap, are guarded."""
    with OpenAI(base_url=provider.base_url, api_key="k", max_retries=0) as plain:
        raw, streaming = plain.with_raw_response, plain.with_streaming_response
        guard.wrap(plain)
        assert CANARY in said(raw.chat.completions.create(**CHAT).parse())
        with streaming.chat.completions.create(**CHAT) as response:
            assert CANARY in said(response.parse())
    assert provider.saw(CANARY) == ()
