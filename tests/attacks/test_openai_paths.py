# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which ways lead from a guarded OpenAI client to the provider?

The story: of 27 ways to send a chat or a frame with an ``OpenAI`` client, a proxy around it let
16 past its checks, a subclass 4 and a transport 5. Here each of the 27 is taken on the real
client, sync and async, with a value in the message that must not arrive.
"""

import asyncio
import copy
import inspect
import threading
from collections.abc import Callable
from typing import Any

import openai
import pytest
from openai import APIConnectionError, AsyncOpenAI, OpenAI
from openai._models import FinalRequestOptions
from openai.resources.chat import AsyncChat, Chat
from openai.types.chat import ChatCompletion

from agentguard import CallRefused, DeniedByPolicy, Guard, IdentityRequired, UnguardedPath
from agentguard.testing import LoopbackProvider, redirect

CANARY = "jane.doe@customers.example"
MESSAGES: list[Any] = [{"role": "user", "content": f"write to {CANARY}"}]
CHAT: dict[str, Any] = {"model": "m", "messages": MESSAGES}
PATH = "/chat/completions"
MAJOR = int(openai.__version__.partition(".")[0])

Wrap = Callable[[Any], Any]
Way = Callable[[Any, Wrap], Any]


def chat_of(client: Any) -> Any:
    """Return a new chat resource on a client."""
    return Chat(client) if isinstance(client, OpenAI) else AsyncChat(client)


def options(url: str = PATH) -> FinalRequestOptions:
    """Return what a resource method hands to ``client.request``."""
    return FinalRequestOptions.construct(method="post", url=url, json_data=dict(CHAT))


def settled(parsed: Any) -> Any:
    """Return what parsing gave; a streamed response of the async client parses in a coroutine."""
    return asyncio.run(parsed) if inspect.iscoroutine(parsed) else parsed


def held_resource(plain: Any, wrap: Wrap) -> Any:
    """Take the resource before the wrap and use it after."""
    held = plain.chat.completions
    wrap(plain)
    return held.create(**CHAT)


def held_method(plain: Any, wrap: Wrap) -> Any:
    """Take the bound method before the wrap and use it after."""
    held = plain.chat.completions.create
    wrap(plain)
    return held(**CHAT)


def resource_post(client: Any) -> Any:
    """Call the private verb that a resource got from its client."""
    return client.chat.completions._post(PATH, body=CHAT, cast_to=ChatCompletion)


def with_new_http_client(client: Any) -> Any:
    """Copy the client with an HTTP client that nobody sealed; it stays its owner's to close."""
    fresh = type(client._client)()
    copied = client.with_options(http_client=fresh)
    if isinstance(client, AsyncOpenAI):
        return _created(copied, fresh)
    with fresh:
        return copied.chat.completions.create(**CHAT)


async def _created(client: AsyncOpenAI, fresh: Any) -> Any:
    async with fresh:
        return await client.chat.completions.create(**CHAT)


GUARDED: dict[str, Way] = {
    "01 create": lambda p, wrap: wrap(p).chat.completions.create(**CHAT),
    "02 raw wrapper": lambda p, wrap: wrap(p).chat.completions.with_raw_response.create(**CHAT),
    "03 streaming wrapper": lambda p, wrap: wrap(p).chat.completions.with_streaming_response.create(
        **CHAT
    ),
    "06 client.post": lambda p, wrap: wrap(p).post(PATH, body=CHAT, cast_to=ChatCompletion),
    "06 absolute address": lambda p, wrap: wrap(p).post(
        f"{p.base_url}chat/completions", body=CHAT, cast_to=ChatCompletion
    ),
    "07 client raw wrapper": lambda p, wrap: wrap(p).with_raw_response.chat.completions.create(
        **CHAT
    ),
    "08 client.request": lambda p, wrap: wrap(p).request(ChatCompletion, options()),
    "09 with_options": lambda p, wrap: (
        wrap(p).with_options(timeout=9).chat.completions.create(**CHAT)
    ),
    "10 copy": lambda p, wrap: wrap(p).copy().chat.completions.create(**CHAT),
    "11 with_options(http_client)": lambda p, wrap: with_new_http_client(wrap(p)),
    "12 copy.copy": lambda p, wrap: copy.copy(wrap(p)).chat.completions.create(**CHAT),
    "15 resource held before the wrap": held_resource,
    "16 bound method held before the wrap": held_method,
    "18 new resource on the client": lambda p, wrap: chat_of(wrap(p)).completions.create(**CHAT),
    "19 resource._post": lambda p, wrap: resource_post(wrap(p)),
    "20 resource._client.post": lambda p, wrap: wrap(p).chat.completions._client.post(
        PATH, body=CHAT, cast_to=ChatCompletion
    ),
}


@pytest.mark.usefixtures("as_support")
@pytest.mark.parametrize("way", GUARDED.values(), ids=GUARDED)
def test_a_way_through_the_guard_sends_placeholders_alone(
    way: Way, twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """The way works, the address leaves as a placeholder, and the answer holds it again."""
    result = twin.take(way, guard.wrap)
    completion = settled(result.parse()) if hasattr(result, "http_response") else result
    assert CANARY in completion.choices[0].message.content
    assert len(provider.journal) == 1
    assert CANARY.encode() not in provider.received_bytes()
    assert b"[[EMAIL:" in provider.received_bytes()


def fresh_instance(plain: Any, wrap: Wrap) -> Any:
    """Make another instance of the class that a guarded client has."""
    kind = type(wrap(plain))
    return kind(base_url=plain.base_url, api_key="not-a-key").chat.completions.create(**CHAT)


def unbound(plain: Any, wrap: Wrap) -> Any:
    """Call the SDK's own ``request`` on the guarded client."""
    kind: Any = OpenAI if isinstance(plain, OpenAI) else AsyncOpenAI
    return kind.request(wrap(plain), ChatCompletion, options())


def sibling(plain: Any, wrap: Wrap) -> Any:
    """Use a copy made before the wrap, which shares the HTTP client."""
    other = plain.with_options(timeout=9)
    wrap(plain)
    return other.chat.completions.create(**CHAT)


def raw_send(client: Any) -> Any:
    """Build a request by hand and send it."""
    built = client._client.build_request("POST", f"{client.base_url}chat/completions", json=CHAT)
    return client._client.send(built)


REFUSED: dict[str, Way] = {
    "04 extra_body": lambda p, wrap: wrap(p).chat.completions.create(
        **CHAT, extra_body={"hint": CANARY}
    ),
    "05 extra_query": lambda p, wrap: wrap(p).chat.completions.create(
        **CHAT, extra_query={"q": CANARY}
    ),
    "06 unknown endpoint": lambda p, wrap: wrap(p).post("/fancy/new", body=CHAT, cast_to=object),
    "06 other endpoint": lambda p, wrap: wrap(p).post("/responses", body=CHAT, cast_to=object),
    "06 other verb": lambda p, wrap: wrap(p).put(PATH, body=CHAT, cast_to=object),
    "06 absolute address elsewhere": lambda p, wrap: wrap(p).post(
        "http://127.0.0.1:1/v1/chat/completions", body=CHAT, cast_to=object
    ),
    "06 query in the path": lambda p, wrap: wrap(p).post(
        f"{PATH}?q={CANARY}", body=CHAT, cast_to=object
    ),
    "13 fresh instance": fresh_instance,
    "14 OpenAI.request(client)": unbound,
    "17 sibling made before the wrap": sibling,
    "21 raw post": lambda p, wrap: wrap(p)._client.post(f"{p.base_url}chat/completions", json=CHAT),
    "21 raw get": lambda p, wrap: wrap(p)._client.get(f"{p.base_url}models?q={CANARY}"),
    "22 raw send": lambda p, wrap: raw_send(wrap(p)),
    "22 the SDK's own send": lambda p, wrap: wrap(p)._send_request(
        p._client.build_request("POST", f"{p.base_url}chat/completions", json=CHAT), stream=False
    ),
    "26 responses.connect": lambda p, wrap: wrap(p).responses.connect(),
    "26 realtime.connect": lambda p, wrap: wrap(p).realtime.connect(model="m"),
    "27 beta.realtime.connect": lambda p, wrap: wrap(p).beta.realtime.connect(model="m"),
}


@pytest.mark.usefixtures("as_support")
@pytest.mark.parametrize("way", REFUSED.values(), ids=REFUSED)
def test_a_way_around_the_guard_reaches_nobody(
    way: Way, twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """The way is refused before a connection is made, and the refusal repeats no content."""
    with pytest.raises((CallRefused, APIConnectionError)) as caught:
        twin.take(way, guard.wrap)
    # The request of an unguarded client, as openai 2 tells that its HTTP client refused it.
    wrapped = isinstance(caught.value, APIConnectionError)
    refusal = caught.value.__cause__ if wrapped else caught.value
    assert isinstance(refusal, CallRefused)
    assert provider.connections == 0
    assert provider.received_bytes() == b""
    assert not refusal.dispatched
    assert CANARY not in repr(refusal) + str(refusal)


NAMED: dict[str, tuple[str, Way]] = {
    "listed": (
        "POST /images/generations",
        lambda p, wrap: wrap(p).images.generate(model="m", prompt=CANARY),
    ),
    "with segments": (
        "DELETE /files/{}",
        lambda p, wrap: wrap(p).files.delete("secret-name"),
    ),
    "websocket": (
        "WS /responses",
        lambda p, wrap: wrap(p).responses.connect(),
    ),
    "unlisted": (
        "no endpoint that the table of operations",
        lambda p, wrap: wrap(p).get(f"/{CANARY}", cast_to=object),
    ),
}


@pytest.mark.usefixtures("as_support")
@pytest.mark.parametrize(("name", "way"), NAMED.values(), ids=NAMED)
def test_a_refused_way_is_named(name: str, way: Way, twin: Any, guard: Guard) -> None:
    """The refusal names the verb and the path template, never the caller's own segments."""
    with pytest.raises(CallRefused) as caught:
        twin.take(way, guard.wrap)
    assert name in str(caught.value)
    assert "secret-name" not in str(caught.value)
    assert CANARY not in str(caught.value)


def test_a_guarded_client_hides_no_other_client(guard: Guard, twin: Any) -> None:
    """23: there is no attribute that holds the unguarded client, and the object is the same."""
    plain = twin.make()
    guarded = guard.wrap(plain)
    assert guarded is plain
    assert isinstance(guarded, twin.kind)
    assert not hasattr(guarded, "__wrapped__")


def test_a_thread_without_identity_sends_nothing(
    guard: Guard, twin: Any, provider: LoopbackProvider
) -> None:
    """24: a thread does not inherit the identity of the code that started it, and is refused."""
    raised: list[BaseException] = []

    def work() -> None:
        try:
            twin.take(GUARDED["01 create"], guard.wrap)
        except IdentityRequired as error:
            raised.append(error)

    with guard.identity("agent:support", on_behalf_of="user:alice"):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert [type(error) for error in raised] == [IdentityRequired]
    assert provider.connections == 0


@pytest.mark.usefixtures("as_support")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_origin_stops_there(
    guard: Guard, twin: Any, provider: LoopbackProvider, status: int
) -> None:
    """25: the body does not follow a redirect to another origin; the error says it was sent."""
    with LoopbackProvider() as elsewhere:
        provider.script([redirect(f"{elsewhere.base_url}/chat/completions", status)])
        with pytest.raises(UnguardedPath) as caught:
            twin.take(GUARDED["01 create"], guard.wrap)
        assert elsewhere.connections == 0
    assert caught.value.dispatched
    assert caught.value.call_id
    assert len(provider.journal) == 1


@pytest.mark.usefixtures("as_support")
def test_extra_body_with_a_known_field_is_inspected(
    guard: Guard, twin: Any, provider: LoopbackProvider
) -> None:
    """What extra_body overrides is what the guard inspects, not what it replaced."""
    more = [{"role": "user", "content": f"and {CANARY}"}]
    twin.take(
        lambda p, wrap: wrap(p).chat.completions.create(
            model="m", messages=[], extra_body={"messages": more}
        ),
        guard.wrap,
    )
    assert CANARY.encode() not in provider.received_bytes()
    assert b"and [[EMAIL:" in provider.received_bytes()


@pytest.mark.usefixtures("as_support")
def test_a_hosted_tool_in_extra_body_is_refused(
    guard: Guard, twin: Any, provider: LoopbackProvider
) -> None:
    """A tool that runs at the provider is refused wherever it is offered."""
    with pytest.raises(DeniedByPolicy):
        twin.take(
            lambda p, wrap: wrap(p).chat.completions.create(
                **CHAT, extra_body={"tools": [{"type": "web_search"}]}
            ),
            guard.wrap,
        )
    assert provider.connections == 0
