# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What if a guarded client is patched, copied, rebuilt or pointed elsewhere?

The story: instrumentations, test tools and frameworks patch clients and their HTTP clients
before and after a guard has come. Whatever they leave, the body that was admitted is sent to
the place that was decided, or nothing is.
"""

import asyncio
import copy
import pickle
from collections.abc import Callable
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai._models import FinalRequestOptions
from openai.types.chat import ChatCompletion

from agentguard import CallRefused, ContentRefused, DeniedByPolicy, Guard, UnguardedPath
from agentguard.testing import LoopbackProvider

CANARY = "jane.doe@customers.example"
SECRET = "added.later@customers.example"
CHAT: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "user", "content": f"write to {CANARY}"}],
}

pytestmark = pytest.mark.usefixtures("as_support")


def create(client: Any) -> Any:
    """Ask a client for a completion."""
    return client.chat.completions.create(**CHAT)


def options_of(arguments: tuple[Any, ...]) -> Any:
    """Find the request's options among the arguments of a patched method."""
    return next(found for found in arguments if isinstance(found, FinalRequestOptions))


def patched(client: Any, name: str, change: Callable[[Any], None]) -> None:
    """Patch a method of one client so that it changes the options before the original runs."""
    original = getattr(client, name)

    def replacement(*arguments: Any, **named: Any) -> Any:
        change(options_of(arguments))
        return original(*arguments, **named)

    setattr(client, name, replacement)


def add_message(options: Any) -> None:
    """Change the admitted body in place."""
    options.json_data["messages"].append({"role": "user", "content": SECRET})


def replace_body(options: Any) -> None:
    """Put another body in the place of the admitted one."""
    options.json_data = {"model": "m", "messages": [{"role": "user", "content": SECRET}]}


def add_extra(options: Any) -> None:
    """Merge a field into the admitted body."""
    options.extra_json = {"user": SECRET}


def add_query(options: Any) -> None:
    """Add a query to the admitted request."""
    options.params = {"q": SECRET}


def change_path(options: Any) -> None:
    """Send the admitted body to another endpoint."""
    options.url = "/responses"


def add_header(options: Any) -> None:
    """Add a header to the admitted request."""
    options.headers = {"x-note": SECRET}


CHANGES = [add_message, replace_body, add_extra, add_query, change_path, add_header]


@pytest.mark.parametrize("name", ["_prepare_options", "_build_request"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_patch_below_the_guard_cannot_change_the_request(
    twin: Any, guard: Guard, provider: LoopbackProvider, name: str, change: Callable[[Any], None]
) -> None:
    """What a patched inner method of the SDK changes after admission is refused, not sent."""

    def story(client: Any) -> Any:
        guard.wrap(client)
        patched(client, name, change)
        return create(client)

    with pytest.raises(CallRefused) as caught:
        twin.take(story)
    assert provider.connections == 0
    assert SECRET not in str(caught.value)


def test_a_patch_above_the_guard_is_inspected(
    twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """What a patched ``request`` adds before the guard is inspected like everything else."""

    def story(client: Any) -> Any:
        guard.wrap(client)
        patched(client, "request", add_message)
        return client.chat.completions.create(model="m", messages=list(CHAT["messages"]))

    twin.take(story)
    assert SECRET.encode() not in provider.received_bytes()
    assert provider.received_bytes().count(b"[[EMAIL:") == 2


def test_a_patch_from_before_the_wrap_cannot_reach_the_provider(
    twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """A ``request`` patched onto the client before the wrap calls the SDK's own, and is refused."""

    def story(client: Any) -> Any:
        patched(client, "request", lambda _: None)
        guard.wrap(client)
        return create(client)

    with pytest.raises(UnguardedPath):
        twin.take(story)
    assert provider.connections == 0


def change_content(request: Any) -> None:
    """Change a built request as a hook of the HTTP client could."""
    other = type(request)("POST", str(request.url), json={"note": SECRET})
    request.stream = other.stream
    request.headers["content-length"] = other.headers["content-length"]


def change_address(request: Any) -> None:
    """Point a built request elsewhere."""
    request.url = request.url.copy_with(host="localhost")


def note(request: Any) -> None:
    """Add a header with content."""
    request.headers["x-note"] = SECRET


def hooked(client: Any, change: Callable[[Any], None], *, replace: bool) -> None:
    """Add a request hook to the client's HTTP client, or replace all hooks with it."""

    async def change_async(request: Any) -> None:
        change(request)

    hook = change_async if isinstance(client, AsyncOpenAI) else change
    hooks = client._client.event_hooks
    kept = [] if replace else hooks["request"]
    client._client.event_hooks = {**hooks, "request": [*kept, hook]}


@pytest.mark.parametrize("change", [change_content, change_address, note])
@pytest.mark.parametrize("when", ["before", "after", "instead"])
def test_a_hook_cannot_change_what_was_built(
    twin: Any, guard: Guard, provider: LoopbackProvider, when: str, change: Callable[[Any], None]
) -> None:
    """Hooks from before, after or in place of the seal's own cannot change a request unseen."""

    def story(client: Any) -> Any:
        if when == "before":
            hooked(client, change, replace=False)
        guard.wrap(client)
        if when != "before":
            hooked(client, change, replace=when == "instead")
        return create(client)

    with pytest.raises(UnguardedPath):
        twin.take(story)
    assert provider.connections == 0


def test_replaced_hooks_leave_the_seal_on(
    twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """Setting ``event_hooks`` anew, as loggers do, does not open the raw HTTP client."""

    def story(client: Any) -> Any:
        guard.wrap(client)
        client._client.event_hooks = {}
        return client._client.post(f"{client.base_url}chat/completions", json=CHAT)

    with pytest.raises(UnguardedPath):
        twin.take(story)
    assert provider.connections == 0


def test_a_sent_request_cannot_be_sent_again(
    twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """The request that a response remembers bears a ticket that is void."""

    async def again_async(client: AsyncOpenAI) -> Any:
        raw = await client.chat.completions.with_raw_response.create(**CHAT)
        return await client._client.send(raw.http_response.request)

    def again(client: Any) -> Any:
        guard.wrap(client)
        if isinstance(client, AsyncOpenAI):
            return again_async(client)
        raw = client.chat.completions.with_raw_response.create(**CHAT)
        return client._client.send(raw.http_response.request)

    with pytest.raises(UnguardedPath):
        twin.take(again)
    assert len(provider.journal) == 1


def test_a_replaced_http_client_is_refused(
    twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """An HTTP client put in after the wrap has no seal, so nothing is sent with it."""

    def story(client: Any) -> Any:
        guard.wrap(client)
        library = next(b for b in type(client._client).__mro__ if b.__module__.startswith("httpx"))
        client._client = library()
        return create(client)

    with pytest.raises(UnguardedPath):
        twin.take(story)
    assert provider.connections == 0


def test_a_changed_base_url_is_decided_anew(
    twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """A client pointed to a host that the policy does not name is denied by policy."""

    def story(client: Any) -> Any:
        guard.wrap(client)
        client.base_url = "http://unknown.example/v1"
        return create(client)

    with pytest.raises(DeniedByPolicy) as caught:
        twin.take(story)
    assert not caught.value.dispatched
    assert provider.connections == 0


def test_a_base_url_that_changes_during_the_call_is_refused(
    guard: Guard, provider: LoopbackProvider
) -> None:
    """The origin is compared with the decided one when the request is built."""
    clients: list[Any] = []

    def key() -> str:
        clients[0].base_url = "http://unknown.example/v1"
        return "k"

    with OpenAI(base_url=provider.base_url, api_key=key, max_retries=0) as client:
        clients.append(guard.wrap(client))
        with pytest.raises(UnguardedPath, match="another origin"):
            create(client)
    assert provider.connections == 0


def test_a_callable_key_works(guard: Guard, provider: LoopbackProvider) -> None:
    """A client whose key comes from a function is guarded like any other, sync and async."""

    async def key_async() -> str:
        return "key-from-async"

    async def ask() -> Any:
        async with AsyncOpenAI(base_url=provider.base_url, api_key=key_async) as client:
            return await create(guard.wrap(client))

    with OpenAI(base_url=provider.base_url, api_key=lambda: "key-from-sync") as client:
        create(guard.wrap(client))
    asyncio.run(ask())
    sent = [request.header("authorization") for request in provider.journal]
    assert sent == ["Bearer key-from-sync", "Bearer key-from-async"]
    assert CANARY.encode() not in provider.received_bytes()


INSIDE: dict[str, Callable[[Any], Any]] = {
    "raw request": lambda c: c._client.post(f"{c.base_url}files", json=CHAT),
    "unbound request": lambda c: OpenAI.request(
        c,
        ChatCompletion,
        FinalRequestOptions.construct(method="post", url="/chat/completions", json_data=CHAT),
    ),
    "websocket": lambda c: c.responses.connect().__enter__(),
    "older websocket": lambda c: c.beta.realtime.connect(model="m").__enter__(),
    "another endpoint": lambda c: c.images.generate(model="m", prompt=CANARY),
}


@pytest.mark.parametrize("inner", INSIDE.values(), ids=INSIDE)
def test_code_that_runs_inside_a_call_gains_nothing(
    guard: Guard, provider: LoopbackProvider, inner: Callable[[Any], Any]
) -> None:
    """A key function that uses the client while a ticket is out is refused as anybody is."""
    clients: list[Any] = []
    refused: list[CallRefused] = []

    def key() -> str:
        try:
            if clients:
                inner(clients.pop())
        except CallRefused as error:
            refused.append(error)
        return "k"

    with OpenAI(base_url=provider.base_url, api_key=key, max_retries=0) as client:
        clients.append(guard.wrap(client))
        create(client)
    assert len(refused) == 1
    assert not clients
    assert [request.path for request in provider.journal] == ["/v1/chat/completions"]
    assert CANARY.encode() not in provider.received_bytes()


def test_a_call_inside_a_call_passes_the_guard(guard: Guard, provider: LoopbackProvider) -> None:
    """A key function that asks the guarded client itself is a second call of its own."""
    clients: list[Any] = []
    answers: list[Any] = []

    def key() -> str:
        if clients:
            answers.append(create(clients.pop()))
        return "k"

    with OpenAI(base_url=provider.base_url, api_key=key, max_retries=0) as client:
        clients.append(guard.wrap(client))
        answers.append(create(client))
    assert [CANARY in answer.choices[0].message.content for answer in answers] == [True, True]
    assert len(provider.journal) == 2
    assert CANARY.encode() not in provider.received_bytes()


def deep_copied(client: Any) -> Any:
    """Copy a client with everything in it."""
    return copy.deepcopy(client)


def pickled(client: Any) -> Any:
    """Send a client through pickle."""
    return pickle.loads(pickle.dumps(client))  # noqa: S301 - bytes that were made here


# The SDK's HTTP client complains when it is collected half made.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("way", [deep_copied, pickled])
def test_no_copy_of_a_client_comes_out_unguarded(
    guard: Guard, twin: Any, way: Callable[[Any], Any]
) -> None:
    """A guarded client cannot be deep-copied or pickled, as the plain one cannot."""
    guarded = guard.wrap(twin.make())
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError, UnguardedPath)):
        way(guarded)


def test_a_subclass_of_the_guarded_class_has_no_guard(
    twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """A class derived from a guarded client's class makes clients that refuse."""

    def story(client: Any) -> Any:
        guard.wrap(client)

        class Mine(type(client)):  # type: ignore[misc]  # the class is made at run time
            pass

        return create(Mine(base_url=provider.base_url, api_key="k"))

    with pytest.raises(UnguardedPath, match="without its guard"):
        twin.take(story)
    assert provider.connections == 0


def test_a_subclass_of_the_client_is_not_taken_for_a_client(twin: Any, guard: Guard) -> None:
    """A client of a class that the guard does not know cannot be wrapped."""

    class Mine(twin.kind):  # type: ignore[misc]  # the class is a parameter
        pass

    with pytest.raises(TypeError):
        guard.wrap(Mine(base_url="http://127.0.0.1:1/v1", api_key="k"))


def test_the_class_put_back_leaves_the_seal_on(guard: Guard, provider: LoopbackProvider) -> None:
    """Giving the client its old class back opens no way to the provider."""
    with OpenAI(base_url=provider.base_url, api_key="k", max_retries=0) as client:
        guard.wrap(client)
        client.__class__ = OpenAI
        with pytest.raises((UnguardedPath, openai.APIConnectionError)):
            create(client)
    assert provider.connections == 0


ADDED: dict[str, dict[str, Any]] = {
    "extra_headers": {"extra_headers": {"x-note": CANARY}},
    "extra header of the SDK": {"extra_headers": {"X-Stainless-Helper-Method": CANARY}},
    "extra header for credentials": {"extra_headers": {"Authorization": CANARY}},
    "extra_query": {"extra_query": {"q": CANARY}},
    "extra_body": {"extra_body": {"note": CANARY}},
}


@pytest.mark.parametrize("added", ADDED.values(), ids=ADDED)
def test_what_a_call_adds_is_refused_unless_listed(
    twin: Any, guard: Guard, provider: LoopbackProvider, added: dict[str, Any]
) -> None:
    """Headers, queries and fields that the policy does not list are refused."""
    with pytest.raises(ContentRefused) as caught:
        twin.take(lambda client: guard.wrap(client).chat.completions.create(**CHAT, **added))
    assert provider.connections == 0
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("way", ["argument", "environment", "copy", "query"])
def test_what_a_client_adds_to_every_call_is_refused_unless_listed(
    twin: Any,
    guard: Guard,
    provider: LoopbackProvider,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    """Default headers and queries are refused, whether given, inherited or from outside."""
    options: dict[str, Any] = {}
    if way == "argument":
        options["default_headers"] = {"x-note": CANARY}
    elif way == "environment":
        monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", f"x-note: {CANARY}")
    elif way == "query":
        options["default_query"] = {"q": CANARY}

    def story(client: Any) -> Any:
        guarded = guard.wrap(client)
        if way == "copy":
            guarded = guarded.with_options(default_headers={"x-note": CANARY})
        return create(guarded)

    with pytest.raises(ContentRefused):
        twin.take(story, **options)
    assert provider.connections == 0
