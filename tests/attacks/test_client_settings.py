# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a setting of the client, of its environment or of its HTTP client lead round the guard?

The story: a client has settings that end on every request, and places to change them after it
was guarded: default headers and queries, addresses, proxies, transports. None of them is an
argument of the call that the guard decides on.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI

from agentguard import CallRefused, Guard, UnguardedPath
from agentguard.testing import LoopbackProvider, failure

CANARY = "jane.doe@customers.example"
CHAT: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "user", "content": f"write to {CANARY}"}],
}
# The HTTP library of the SDK that is installed: httpx2 from openai 3 on.
LIBRARY: Any = openai.Client.__init__.__globals__.get("httpx2", httpx)
MAJOR = int(openai.__version__.partition(".")[0])

pytestmark = pytest.mark.usefixtures("as_support")


def said(completion: Any) -> str:
    """Return what a completion says."""
    return str(completion.choices[0].message.content)


def create(client: Any) -> Any:
    """Ask for a completion."""
    return client.chat.completions.create(**CHAT)


def over(twin: Any, http_client: Any, way: Callable[[Any], Any]) -> Any:
    """Make a call over a supplied HTTP client, and close that."""
    made = twin.make(http_client=http_client)
    if twin.kind is AsyncOpenAI:
        return asyncio.run(_over(http_client, way(made)))
    with http_client:
        return way(made)


async def _over(http_client: Any, call: Any) -> Any:
    async with http_client:
        return await call


SETTINGS: dict[str, dict[str, Any]] = {
    "a query": {"default_query": {"q": CANARY}},
    "a known query": {"default_query": {"api-version": CANARY}},
    "a header": {"default_headers": {"X-Note": CANARY}},
    "a header of the SDK": {"default_headers": {"X-Stainless-Lang": CANARY}},
    "a header of the library": {"default_headers": {"Accept-Encoding": CANARY}},
    "the host": {"default_headers": {"Host": CANARY}},
    "an organisation": {"organization": CANARY},
    "a project": {"project": CANARY},
}


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_a_setting_carries_nothing_out(
    setting: dict[str, Any], twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """What a client puts on every request is refused where it holds what may not leave."""
    with pytest.raises(CallRefused) as caught:
        twin.take(lambda plain: create(guard.wrap(plain)), **setting)
    assert provider.connections == 0
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_a_copy_carries_nothing_out_either(
    setting: dict[str, Any], twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """The same holds of what a copy of a guarded client is given."""
    with pytest.raises(CallRefused):
        twin.take(lambda plain: create(guard.wrap(plain).with_options(**setting)))
    assert provider.connections == 0


@pytest.mark.skipif(MAJOR < 3, reason="this version does not read the variable")
def test_headers_of_the_environment_are_seen(
    twin: Any, guard: Guard, provider: LoopbackProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Headers that the SDK takes from a variable are refused like any other."""
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", f"X-Note: {CANARY}")
    with pytest.raises(CallRefused):
        twin.take(lambda plain: create(guard.wrap(plain)))
    assert provider.connections == 0


def elsewhere_by_copy(guarded: Any, base_url: str) -> Any:
    """Return a copy with another address."""
    return guarded.with_options(base_url=base_url)


def elsewhere_by_assignment(guarded: Any, base_url: str) -> Any:
    """Give the client another address."""
    guarded.base_url = base_url
    return guarded


def elsewhere_by_field(guarded: Any, base_url: str) -> Any:
    """Put another address where the SDK looks for it."""
    guarded._base_url = LIBRARY.URL(base_url)
    return guarded


@pytest.mark.parametrize("change", [elsewhere_by_copy, elsewhere_by_assignment, elsewhere_by_field])
def test_a_client_that_is_sent_elsewhere_is_decided_anew(
    change: Callable[[Any, str], Any], twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """A host that the policy does not name is refused, whenever the address was changed."""
    foreign = provider.base_url.replace("127.0.0.1", "127.0.0.2")
    with pytest.raises(CallRefused):
        twin.take(lambda plain: create(change(guard.wrap(plain), foreign)))
    assert provider.connections == 0


def test_an_address_that_changes_while_a_call_is_decided_is_noticed(
    twin: Any, guard: Guard, provider: LoopbackProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the decision and the sending, the origin cannot be exchanged."""
    original = twin.kind.request

    def moving(self: Any, cast_to: Any, options: Any, **more: Any) -> Any:
        self.base_url = provider.base_url.replace("127.0.0.1", "localhost")
        return original(self, cast_to, options, **more)

    monkeypatch.setattr(twin.kind, "request", moving)
    with pytest.raises(UnguardedPath):
        twin.take(lambda plain: create(guard.wrap(plain)))
    assert provider.connections == 0


def test_a_proxy_of_the_environment_gets_what_the_provider_would(
    twin: Any, guard: Guard, provider: LoopbackProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy is between, not beside: what it is given was decided and redacted."""
    monkeypatch.setenv("HTTP_PROXY", provider.base_url.removesuffix("/v1"))
    monkeypatch.setenv("NO_PROXY", "")
    completion = twin.take(
        lambda plain: create(guard.wrap(plain)), base_url="http://localhost:1/v1"
    )
    assert CANARY in said(completion)
    assert provider.saw(CANARY) == ()
    with pytest.raises(CallRefused):
        twin.take(lambda plain: create(guard.wrap(plain)), base_url="http://proxied.invalid/v1")
    assert len(provider.journal) == 1


@pytest.mark.parametrize("place", ["transport", "mounts"])
def test_a_transport_of_ones_own_gets_what_the_provider_would(
    place: str, twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """A supplied transport is asked last, when the request is decided and redacted."""
    seen: list[bytes] = []
    transport = recording_transport(twin.kind, seen)
    given = {"transport": transport} if place == "transport" else {"mounts": {"all://": transport}}
    library = LIBRARY.AsyncClient if twin.kind is AsyncOpenAI else LIBRARY.Client
    http_client = library(**given)
    over(twin, http_client, lambda plain: create(guard.wrap(plain)))
    assert len(seen) == 1
    assert CANARY.encode() not in seen[0]
    assert provider.saw(CANARY) == ()


def recording_transport(kind: Any, seen: list[bytes]) -> Any:
    """Return a transport that notes what it sends."""
    if kind is AsyncOpenAI:

        class Recording(LIBRARY.AsyncHTTPTransport):  # type: ignore[misc]  # found at run time
            async def handle_async_request(self, request: Any) -> Any:
                seen.append(await request.aread())
                return await super().handle_async_request(request)

        return Recording()

    class RecordingToo(LIBRARY.HTTPTransport):  # type: ignore[misc]  # found at run time
        def handle_request(self, request: Any) -> Any:
            seen.append(request.read())
            return super().handle_request(request)

    return RecordingToo()


def test_a_hook_of_ones_own_gets_what_the_provider_would(
    twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """Event hooks of a supplied HTTP client run, and see redacted requests."""
    seen: list[bytes] = []

    async def note_async(request: Any) -> None:
        seen.append(await request.aread())

    def note(request: Any) -> None:
        seen.append(request.read())

    library = LIBRARY.AsyncClient if twin.kind is AsyncOpenAI else LIBRARY.Client
    hook: Any = note_async if twin.kind is AsyncOpenAI else note
    http_client = library(event_hooks={"request": [hook]})
    over(twin, http_client, lambda plain: create(guard.wrap(plain)))
    assert len(seen) == 1
    assert CANARY.encode() not in seen[0]
    assert provider.saw(CANARY) == ()


def test_a_hook_that_changes_a_request_is_refused(
    twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """What a hook of a supplied HTTP client puts on a request does not leave."""

    def add(request: Any) -> None:
        request.headers["x-note"] = CANARY

    async def add_async(request: Any) -> None:
        add(request)

    library = LIBRARY.AsyncClient if twin.kind is AsyncOpenAI else LIBRARY.Client
    hook = add_async if twin.kind is AsyncOpenAI else add
    http_client = library(event_hooks={"request": [hook]})
    with pytest.raises(UnguardedPath):
        over(twin, http_client, lambda plain: create(guard.wrap(plain)))
    assert provider.connections == 0


@pytest.mark.parametrize("status", [429, 500, 503])
def test_attempts_of_one_call_are_the_same_request(
    status: int, twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """Nothing is read or redacted anew for another attempt; only the SDK's count differs."""
    provider.script([failure(status, retry_after_ms="1")] * 2)
    twin.take(lambda plain: create(guard.wrap(plain)), max_retries=2)
    assert len(provider.journal) == 3
    assert len({request.body for request in provider.journal}) == 1
    headers = [dict(request.headers) for request in provider.journal]
    counts = [each.pop("x-stainless-retry-count") for each in headers]
    assert counts == ["0", "1", "2"]
    assert headers[0] == headers[1] == headers[2]
    assert provider.saw(CANARY) == ()


@pytest.mark.skipif(MAJOR < 3, reason="this version has another one")
def test_the_other_transport_of_the_sdk_is_sealed(guard: Guard, provider: LoopbackProvider) -> None:
    """Over aiohttp a call passes the guard as over any transport, and a raw request does not."""
    pytest.importorskip("aiohttp")

    async def story() -> str:
        http_client: Any = openai.DefaultAioHttpClient()
        async with (
            http_client,
            AsyncOpenAI(base_url=provider.base_url, api_key="k", http_client=http_client) as client,
        ):
            completion = await guard.wrap(client).chat.completions.create(**CHAT)
            with pytest.raises(UnguardedPath):
                await client._client.post(f"{provider.base_url}/files", json=CHAT)
            return said(completion)

    assert CANARY in asyncio.run(story())
    assert len(provider.journal) == 1
    assert provider.saw(CANARY) == ()
