# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""On which ways could an instrumentation still get to see what the caller gave?

The story: what is patched into the SDK runs above the guard, below it, twice, instead of the SDK,
or from a method that was taken before anything was guarded.
"""

import asyncio
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from anthropic import Anthropic, AsyncAnthropic
from anthropic.resources.messages import AsyncMessages, Messages
from openai import AsyncOpenAI
from openai.resources.chat.completions import AsyncCompletions, Completions
from openai.types.chat import ChatCompletion
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentguard import ContentRefused, Guard, UnguardedPath
from agentguard.testing import Answer, LoopbackProvider

CANARY = "jane.doe@customers.example"
DOMAIN = "@customers.example"
SECRET = "sk-proj-" + "xQ7mZ2xK9vT4bN8cL1wR5yH3j" * 2
CHAT: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "user", "content": f"write to {CANARY}"}],
}
Observer = Any

pytestmark = pytest.mark.usefixtures("as_support")


def created(client: Any, **options: Any) -> Any:
    """Ask a client in the usual way."""
    return client.chat.completions.create(**CHAT, **options)


def said(result: Any) -> str:
    """Return what the model said."""
    return str((result.parse() if hasattr(result, "parse") else result).choices[0].message.content)


def test_a_secret_in_an_answer_is_hidden_from_an_observer_as_well(
    twin: Any, wrap: Any, observer: Observer, provider: LoopbackProvider
) -> None:
    """What the caller is not shown of an answer stands in no span."""
    provider.script([Answer(content=f"use {SECRET}")] * 2)
    told = twin.take(lambda plain: created(wrap(plain))).choices[0].message.content
    assert SECRET not in told
    assert SECRET not in observer.told()


def test_what_is_refused_is_told_to_no_observer(
    twin: Any, wrap: Any, observer: Observer, provider: LoopbackProvider
) -> None:
    """A call that the guard refuses has no span of theirs, and no byte is sent."""
    chat = {**CHAT, "extra_headers": {"x-note": CANARY}}
    with pytest.raises(ContentRefused):
        twin.take(lambda plain: wrap(plain).chat.completions.create(**chat))
    assert not observer.spans()
    assert CANARY not in observer.told()
    assert provider.connections == 0


def test_an_error_of_the_provider_is_the_observers_too(
    twin: Any, wrap: Any, observer: Observer, provider: LoopbackProvider
) -> None:
    """The provider's error reaches the caller as it is, and their span has failed."""
    provider.script([Answer(content="no", status=400)])
    with pytest.raises(openai.BadRequestError):
        twin.take(lambda plain: created(wrap(plain)))
    assert [span.status.is_ok for span in observer.spans()] == [False]
    assert DOMAIN not in observer.told()


def test_a_resource_held_before_the_wrap_is_observed_redacted(
    twin: Any, wrap: Any, observer: Observer, provider: LoopbackProvider
) -> None:
    """A resource that was taken from the client before it was guarded is guarded with it."""

    def way(plain: Any) -> Any:
        held = plain.chat.completions
        wrap(plain)
        return held.create(**CHAT)

    assert CANARY in said(twin.take(way))
    assert DOMAIN not in observer.told()
    assert "[[EMAIL:" in observer.content()


def test_a_raw_wrapper_made_before_the_wrap_does_not_outlive_it(
    twin: Any, wrap: Any, observer: Observer
) -> None:
    """The wrapper that the SDK keeps for a resource is made anew, with guarded methods."""

    def way(plain: Any) -> Any:
        assert plain.chat.completions.with_raw_response
        return wrap(plain).chat.completions.with_raw_response.create(**CHAT)

    assert CANARY in said(twin.take(way))
    assert DOMAIN not in observer.told()
    assert "[[EMAIL:" in observer.content()


@pytest.mark.parametrize("observer", ["official", "openllmetry"], indirect=True)
def test_a_method_taken_from_an_instrumented_client_is_refused(
    twin: Any, guard: Guard, observer: Observer, provider: LoopbackProvider
) -> None:
    """Its span has the caller's words, a known limit; nothing is sent, so that it is noticed."""

    def way(plain: Any) -> Any:
        observer.install()
        held = plain.chat.completions.create
        guard.wrap(plain)
        return held(**CHAT)

    with pytest.raises(UnguardedPath, match="past the guard"):
        twin.take(way)
    assert provider.connections == 0


@pytest.mark.parametrize("observer", ["official", "openllmetry"], indirect=True)
def test_a_resource_made_by_hand_is_refused_where_an_observer_stands_above(
    twin: Any, wrap: Any, observer: Observer, provider: LoopbackProvider
) -> None:
    """A new resource on a guarded client calls the replaced method past the guard."""

    def way(plain: Any) -> Any:
        client = wrap(plain)
        return type(plain.chat.completions).__mro__[1](client).create(**CHAT)

    with pytest.raises(UnguardedPath, match="past the guard"):
        twin.take(way)
    assert provider.connections == 0


@pytest.mark.parametrize("observer", ["official"], indirect=True)
def test_two_observers_see_redacted_content_each(twin: Any, wrap: Any, observer: Observer) -> None:
    """One stands above ``create``, another above that one, and one above ``request``."""
    others = [observer.install_beside(name) for name in ("openllmetry", "openinference")]
    try:
        assert CANARY in said(twin.take(lambda plain: created(wrap(plain))))
    finally:
        for each in others:
            each.remove()
    assert DOMAIN not in observer.told()
    assert len(observer.spans()) == 3
    assert "[[EMAIL:" in observer.content()


@pytest.mark.parametrize("observer", ["official", "openllmetry"], indirect=True)
def test_the_operations_span_is_ours_where_no_observer_makes_one(
    twin: Any, wrap: Any, observer: Observer, spans: InMemorySpanExporter
) -> None:
    """A generic verb passes no replaced method, so the guard makes the span of the operation."""
    chat = {"model": "m", "messages": [{"role": "user", "content": f"write to {CANARY}"}]}

    def way(plain: Any) -> Any:
        return wrap(plain).post("/chat/completions", body=chat, cast_to=ChatCompletion)

    assert CANARY in said(twin.take(way))
    assert not observer.spans()
    assert {span.name for span in spans.get_finished_spans()} == {"guard chat m", "chat m"}


def test_an_observers_span_lies_in_the_guards(
    twin: Any, wrap: Any, observer: Observer, spans: InMemorySpanExporter
) -> None:
    """Their span is the child of the guard's, so that a refusal shows as one without a child."""
    twin.take(lambda plain: created(wrap(plain)))
    guards = [s for s in spans.get_finished_spans() if s.name == "guard chat m"]
    assert observer.spans()[0].parent.span_id == guards[0].context.span_id


def test_two_clients_of_one_process_are_told_apart(
    twin: Any, wrap: Any, observer: Observer, provider: LoopbackProvider
) -> None:
    """A client that nobody wrapped goes on as before beside a guarded one."""

    def way(plain: Any) -> Any:
        wrap(plain)
        other = plain.__class__.__mro__[1](base_url=provider.base_url, api_key="k")
        return created_and_closed(other)

    assert CANARY in said(twin.take(way))
    assert CANARY.encode() in provider.received_bytes()


def created_and_closed(client: Any) -> Any:
    """Call a client and close it."""

    async def later() -> Any:
        async with client:
            return await created(client)

    if isinstance(client, AsyncOpenAI):
        return later()
    with client:
        return created(client)


def test_many_calls_at_once_keep_their_own_content(
    guard: Guard, observer: Observer, provider: LoopbackProvider
) -> None:
    """Twenty tasks on one observed client get the answers to their own questions."""

    async def ask(client: Any, number: int) -> str:
        message = {"role": "user", "content": f"to p{number}@customers.example"}
        stream = await client.chat.completions.create(model="m", messages=[message], stream=True)
        return "".join(
            [each.choices[0].delta.content or "" async for each in stream if each.choices]
        )

    async def run() -> list[str]:
        async with AsyncOpenAI(base_url=provider.base_url, api_key="k") as plain:
            client = guard.wrap(plain)
            observer.install()
            return await asyncio.gather(*(ask(client, number) for number in range(20)))

    assert asyncio.run(run()) == [f"to p{number}@customers.example" for number in range(20)]
    assert DOMAIN not in observer.told()
    assert len(observer.spans()) == 20


Instead = Callable[[Callable[..., Any]], Callable[..., Any]]


@pytest.fixture
def replace(pristine: None) -> Callable[[Instead], None]:
    """Replace ``create`` of both kinds of chat completions, as an instrumentation does."""

    def replacing(instead: Instead) -> None:
        for kind in (Completions, AsyncCompletions):
            setattr(kind, "create", instead(vars(kind)["create"]))  # noqa: B010 - for a type checker

    return replacing


def watching(seen: list[Any], *, hides: bool = False) -> Instead:
    """Return what wraps a method and keeps what it was given and what it gave."""

    def instead(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            seen.append(kwargs)
            result = original(*args, **kwargs)
            seen.append(result)
            return result

        return wrapper if hides else functools.wraps(original)(wrapper)

    return instead


@pytest.fixture
def bare() -> Iterator[list[Any]]:
    """What a home-made observer has seen."""
    seen: list[Any] = []
    yield seen
    for each in seen:
        if inspect.iscoroutine(each):
            each.close()


def test_a_home_made_wrapper_sees_what_was_admitted(
    twin: Any, guard: Guard, replace: Any, bare: list[Any]
) -> None:
    """A wrapper made with ``functools.wraps`` gets placeholders, before the wrap or after it."""

    def way(plain: Any) -> Any:
        client = guard.wrap(plain)
        replace(watching(bare))
        return created(client)

    assert CANARY in said(twin.take(way))
    assert DOMAIN not in str(bare[0])
    assert "[[EMAIL:" in str(bare[0])


def test_a_wrapper_gets_no_object_of_the_callers(
    twin: Any, guard: Guard, replace: Any, bare: list[Any]
) -> None:
    """A mapping whose text is no JSON of its own is not handed on, and neither is an iterator."""

    class Telling(dict[str, Any]):
        note = CANARY

    def way(plain: Any) -> Any:
        client = guard.wrap(plain)
        replace(watching(bare))
        messages = (Telling(each) for each in [{"role": "user", "content": "hello"}])
        return client.chat.completions.create(model="m", messages=messages)

    assert said(twin.take(way)) == "hello"
    assert type(bare[0]["messages"]) is list
    assert type(bare[0]["messages"][0]) is dict


def test_a_wrapper_that_changes_the_request_is_refused(
    twin: Any, guard: Guard, replace: Any, provider: LoopbackProvider
) -> None:
    """What stands above ``create`` cannot add to what the guard has admitted."""

    def adding(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            more = {"role": "user", "content": CANARY}
            return original(*args, **{**kwargs, "messages": [*kwargs["messages"], more]})

        return wrapper

    def way(plain: Any) -> Any:
        client = guard.wrap(plain)
        replace(adding)
        return created(client)

    with pytest.raises(UnguardedPath, match="changed the request"):
        twin.take(way)
    assert provider.connections == 0


def test_a_wrapper_that_hides_its_function_is_seen_through_if_it_came_later(
    twin: Any, guard: Guard, replace: Any, bare: list[Any]
) -> None:
    """The SDK's own method is remembered from the first wrap on."""

    def way(plain: Any) -> Any:
        client = guard.wrap(plain)
        assert client.chat.completions
        replace(watching(bare, hides=True))
        return created(client)

    assert CANARY in said(twin.take(way))
    assert DOMAIN not in str(bare[0])


def test_a_method_called_twice_by_its_wrapper_sends_once_more_or_not_at_all(
    twin: Any, guard: Guard, replace: Any, provider: LoopbackProvider
) -> None:
    """One admitted call is sent once; the second is refused."""

    def twice(original: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.iscoroutinefunction(inspect.unwrap(original)):

            @functools.wraps(original)
            async def again(*args: Any, **kwargs: Any) -> Any:
                await original(*args, **kwargs)
                return await original(*args, **kwargs)

            return again

        @functools.wraps(original)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            original(*args, **kwargs)
            return original(*args, **kwargs)

        return wrapper

    def way(plain: Any) -> Any:
        client = guard.wrap(plain)
        replace(twice)
        return created(client)

    with pytest.raises(UnguardedPath):
        twin.take(way)
    assert len(provider.journal) == 1


def test_what_answers_instead_of_the_sdk_sees_placeholders_and_sends_nothing(
    twin: Any, guard: Guard, replace: Any, provider: LoopbackProvider
) -> None:
    """A stub in the place of ``create`` answers by itself, as in a user's own tests."""
    seen: list[Any] = []

    def stub(original: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.iscoroutinefunction(inspect.unwrap(original)):

            async def later(*_: Any, **kwargs: Any) -> Any:
                seen.append(kwargs)
                return "canned"

            return later

        def at_once(*_: Any, **kwargs: Any) -> Any:
            seen.append(kwargs)
            return "canned"

        return at_once

    def way(plain: Any) -> Any:
        client = guard.wrap(plain)
        assert client.chat.completions
        replace(stub)
        return created(client)

    assert twin.take(way) == "canned"
    assert DOMAIN not in str(seen)
    assert provider.connections == 0


@pytest.mark.parametrize("kind", [Anthropic, AsyncAnthropic])
def test_a_wrapper_in_the_other_sdk_sees_what_was_admitted(
    kind: Any, guard: Guard, provider: LoopbackProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anthropic's clients are observed by the same machinery, whole and streamed."""
    seen: list[Any] = []
    messages = Messages if kind is Anthropic else AsyncMessages
    instead = functools.wraps(messages.create)(watching(seen)(messages.create))
    monkeypatch.setattr(messages, "create", instead)
    asked = {"model": "claude-x", "max_tokens": 9, "messages": CHAT["messages"]}

    async def ask(client: Any) -> str:
        async with client:
            whole = await client.messages.create(**asked)
            events = await client.messages.create(**asked, stream=True)
            texts = [e.delta.text async for e in events if e.type == "content_block_delta"]
            return str(whole.content[0].text) + "".join(texts)

    base_url = provider.base_url.removesuffix("/v1")
    client = guard.wrap(kind(base_url=base_url, api_key="not-a-key", max_retries=0))
    if kind is AsyncAnthropic:
        said = asyncio.run(ask(client))
    else:
        with client:
            said = client.messages.create(**asked).content[0].text
            events = client.messages.create(**asked, stream=True)
            said += "".join(e.delta.text for e in events if e.type == "content_block_delta")
    assert said.count(CANARY) == 2
    assert DOMAIN not in str(seen)
    assert str(seen).count("[[EMAIL:") >= 2
