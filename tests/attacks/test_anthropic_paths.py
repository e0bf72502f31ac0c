# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which ways lead from a guarded Anthropic client to the provider?

The story: the client is made by the same generator as OpenAI's, so the same ways lead past a
check that does not sit in it; and it has some of its own: middleware that runs once for each
attempt, spans and headers of its own tracing, and results at an address that the server names.
"""

import copy
import gc
from collections.abc import Callable
from typing import Any

import pytest
from anthropic import Anthropic, APIConnectionError, AsyncAnthropic
from anthropic._models import FinalRequestOptions
from anthropic.types import Message

from agentguard import CallRefused, Guard, UnguardedPath
from agentguard.testing import Answer, LoopbackProvider, redirect

CANARY = "jane.doe@customers.example"
ASK: dict[str, Any] = {
    "model": "m",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": f"write to {CANARY}"}],
}
PATH = "/v1/messages"

Wrap = Callable[[Any], Any]
Way = Callable[[Any, Wrap], Any]

pytestmark = pytest.mark.usefixtures("as_support")


def options() -> FinalRequestOptions:
    """Return what a resource method hands to ``client.request``."""
    return FinalRequestOptions.construct(method="post", url=PATH, json_data=dict(ASK))


def held_method(plain: Any, wrap: Wrap) -> Any:
    """Take the bound method before the wrap and use it after."""
    held = plain.messages.create
    wrap(plain)
    return held(**ASK)


GUARDED: dict[str, Way] = {
    "create": lambda p, wrap: wrap(p).messages.create(**ASK),
    "beta": lambda p, wrap: wrap(p).beta.messages.create(**ASK),
    "raw": lambda p, wrap: wrap(p).messages.with_raw_response.create(**ASK),
    "client raw": lambda p, wrap: wrap(p).with_raw_response.messages.create(**ASK),
    "streaming wrapper": lambda p, wrap: wrap(p).messages.with_streaming_response.create(**ASK),
    "post": lambda p, wrap: wrap(p).post(PATH, body=ASK, cast_to=Message),
    "request": lambda p, wrap: wrap(p).request(Message, options()),
    "with_options": lambda p, wrap: wrap(p).with_options(timeout=9).messages.create(**ASK),
    "copy": lambda p, wrap: wrap(p).copy().messages.create(**ASK),
    "copy.copy": lambda p, wrap: copy.copy(wrap(p)).messages.create(**ASK),
    "bound method held before the wrap": held_method,
    "a flag": lambda p, wrap: wrap(p).beta.messages.create(**ASK, betas=["pdfs-2024-09-25"]),
}


@pytest.mark.parametrize("way", GUARDED.values(), ids=GUARDED)
def test_a_way_through_the_guard_sends_placeholders_alone(
    way: Way, anthropic_twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """The way works, and the address leaves as a placeholder."""
    anthropic_twin.take(way, guard.wrap)
    assert len(provider.journal) == 1
    assert b"[[EMAIL:" in provider.received_bytes()
    assert provider.saw(CANARY) == ()


def unbound(plain: Any, wrap: Wrap) -> Any:
    """Call the SDK's own ``request`` on the guarded client."""
    kind: Any = Anthropic if isinstance(plain, Anthropic) else AsyncAnthropic
    return kind.request(wrap(plain), Message, options())


def sibling(plain: Any, wrap: Wrap) -> Any:
    """Use a copy made before the wrap, which shares the HTTP client."""
    other = plain.with_options(timeout=9)
    wrap(plain)
    return other.messages.create(**ASK)


def fresh_instance(plain: Any, wrap: Wrap) -> Any:
    """Make another instance of the class that a guarded client has."""
    kind = type(wrap(plain))
    return kind(base_url=plain.base_url, api_key="k").messages.create(**ASK)


def class_taken_back(plain: Any, wrap: Wrap) -> Any:
    """Give the client back the class that it had."""
    kind = type(plain)
    wrap(plain)
    plain.__class__ = kind
    return plain.messages.create(**ASK)


def middleware_of(client: Any) -> Any:
    """Return middleware of a client's kind that does nothing."""

    def pass_on(request: Any, call: Any) -> Any:
        return call(request)

    async def pass_on_async(request: Any, call: Any) -> Any:
        return await call(request)

    return pass_on if isinstance(client, Anthropic) else pass_on_async


REFUSED: dict[str, Way] = {
    "extra_body": lambda p, wrap: wrap(p).messages.create(**ASK, extra_body={"hint": CANARY}),
    "extra_query": lambda p, wrap: wrap(p).messages.create(**ASK, extra_query={"q": CANARY}),
    "extra_headers": lambda p, wrap: wrap(p).messages.create(
        **ASK, extra_headers={"x-note": CANARY}
    ),
    "a flag that is none": lambda p, wrap: wrap(p).beta.messages.create(**ASK, betas=[CANARY]),
    "unknown endpoint": lambda p, wrap: wrap(p).post("/v1/new", body=ASK, cast_to=object),
    "endpoint of no rule": lambda p, wrap: wrap(p).models.list(),
    "raw body": lambda p, wrap: wrap(p).post(PATH, content=CANARY.encode(), cast_to=object),
    "elsewhere": lambda p, wrap: wrap(p).post(
        "http://127.0.0.1:1/v1/messages", body=ASK, cast_to=object
    ),
    "another base": lambda p, wrap: (
        wrap(p).with_options(base_url="http://127.0.0.2:9").messages.create(**ASK)
    ),
    "unbound": unbound,
    "sibling made before the wrap": sibling,
    "fresh instance": fresh_instance,
    "class taken back": class_taken_back,
    "raw HTTP": lambda p, wrap: wrap(p)._client.post(f"{p.base_url}/v1/messages", json=ASK),
    "middleware of a copy": lambda p, wrap: wrap(p).with_options(middleware=[middleware_of(p)]),
    "more middleware": lambda p, wrap: wrap(p).with_middleware(middleware_of(p)),
}


@pytest.mark.parametrize("way", REFUSED.values(), ids=REFUSED)
def test_a_way_around_the_guard_reaches_nobody(
    way: Way, anthropic_twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """The way is refused before a connection is made, and the refusal repeats no content."""
    with pytest.raises((CallRefused, APIConnectionError)) as caught:
        anthropic_twin.take(way, guard.wrap)
    wrapped = isinstance(caught.value, APIConnectionError)
    refusal = caught.value.__cause__ if wrapped else caught.value
    assert isinstance(refusal, CallRefused)
    assert provider.connections == 0
    assert CANARY not in repr(refusal) + str(refusal)


SETTINGS: dict[str, dict[str, Any]] = {
    "a query": {"default_query": {"q": CANARY}},
    "a header": {"default_headers": {"x-note": CANARY}},
    "a flag": {"default_headers": {"anthropic-beta": CANARY}},
    "a workspace": {"default_headers": {"anthropic-workspace-id": CANARY}},
}


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_a_setting_of_the_client_carries_nothing_out(
    setting: dict[str, Any], anthropic_twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """What a client puts on every request is refused where it holds what may not leave."""
    with pytest.raises(CallRefused):
        anthropic_twin.take(lambda plain: guard.wrap(plain).messages.create(**ASK), **setting)
    with pytest.raises(CallRefused):
        anthropic_twin.take(
            lambda plain: guard.wrap(plain).with_options(**setting).messages.create(**ASK)
        )
    assert provider.connections == 0


def test_headers_of_the_environment_are_seen(
    anthropic_twin: Any, guard: Guard, provider: LoopbackProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Headers that the SDK takes from a variable are refused like any other."""
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", f"x-note: {CANARY}")
    with pytest.raises(CallRefused):
        anthropic_twin.take(lambda plain: guard.wrap(plain).messages.create(**ASK))
    assert provider.connections == 0


def test_a_client_with_middleware_is_not_guarded(anthropic_twin: Any, guard: Guard) -> None:
    """Middleware can send a request again, elsewhere, so its client is refused at once."""

    def way(plain: Any) -> Any:
        return guard.wrap(plain.with_options(middleware=[middleware_of(plain)]))

    with pytest.raises(UnguardedPath, match="middleware"):
        anthropic_twin.take(way)


def test_the_sdks_own_tracing_stays_off(
    anthropic_twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """No copy of a guarded client puts headers or spans of its own on a call."""
    traced = {"propagation": True, "traces": {"enabled": True, "content_mode": "content"}}
    anthropic_twin.take(
        lambda plain: guard.wrap(plain).with_options(open_telemetry=traced).messages.create(**ASK)
    )
    [request] = provider.journal
    assert request.header("traceparent") is None


def test_credentials_go_along_to_a_copy(
    anthropic_twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """A copy of a guarded client signs in as the client does that it was made from."""

    def way(plain: Any) -> Any:
        copied = guard.wrap(plain).with_options(timeout=9)
        assert copied.credentials is plain.credentials
        return copied.beta.messages.create(**ASK, betas=["pdfs-2024-09-25"])

    def token(**_: object) -> Any:
        from anthropic.lib.credentials import AccessToken

        return AccessToken(token="a-token")

    anthropic_twin.take(way, api_key=None, credentials=token)
    [request] = provider.journal
    assert request.header("authorization") == "Bearer a-token"
    assert request.header("anthropic-beta") == "pdfs-2024-09-25,oauth-2025-04-20"
    assert provider.saw(CANARY) == ()


def batch(url: str) -> Answer:
    """Return a batch whose results lie at an address."""
    return Answer(
        body={
            "id": "b_1",
            "type": "message_batch",
            "processing_status": "ended",
            "results_url": url,
        }
    )


def results(client: Any) -> Any:
    """Ask for a batch's results and read them."""

    async def story() -> list[Any]:
        return [each async for each in await client.messages.batches.results("b_1")]

    if isinstance(client, AsyncAnthropic):
        return story()
    return list(client.messages.batches.results("b_1"))


ELSEWHERE = [
    "http://127.0.0.1:1/v1/messages/batches/b_1/results",
    "http://results.example/v1/messages/batches/b_1/results",
    "{base}/files/f_1/content?note=x",
    "{base}/messages/batches/b_1/../../../files",
    f"{{base}}/messages/batches/{CANARY}/results",
    f"{{base}}/messages/batches/b_1/results?q={CANARY}",
]


@pytest.mark.parametrize("url", ELSEWHERE)
def test_results_are_fetched_where_the_batch_was_made(
    url: str, anthropic_twin: Any, room: Any
) -> None:
    """An address that the server names is followed to the listed endpoint of the same origin."""
    room.provider.script(
        [batch(url.format(base=room.provider.base_url))], at="GET /messages/batches/b_1"
    )
    # The SDK itself refuses an address with dots.
    with pytest.raises((CallRefused, ValueError)):
        room.ask(room.guard(), anthropic_twin, results)
    assert [request.method for request in room.provider.journal] == ["GET"]
    assert room.provider.saw(CANARY) == ()


def test_results_are_read_line_by_line(anthropic_twin: Any, room: Any) -> None:
    """Each line of a batch's results is checked as an answer is, and comes back as an object."""
    guard = room.guard()

    async def story(client: Any) -> list[Any]:
        made = await client.messages.batches.create(requests=REQUESTS)
        found = await client.messages.batches.results(made.id)
        return [each async for each in found]

    def way(client: Any) -> Any:
        if isinstance(client, AsyncAnthropic):
            return story(client)
        made = client.messages.batches.create(requests=REQUESTS)
        return list(client.messages.batches.results(made.id))

    found = room.ask(guard, anthropic_twin, way)
    assert [each.custom_id for each in found] == ["one", "two"]
    assert found[0].result.message.content[0].text.startswith("write to ")
    assert SECRET not in found[1].result.message.content[0].text
    assert room.provider.saw(CANARY) == ()


SECRET = "sk-ant-" + "api03-" + "Ab1" * 31 + "AA"  # looks like a key, and is none
REQUESTS: list[Any] = [
    {"custom_id": "one", "params": ASK},
    {"custom_id": "two", "params": {**ASK, "messages": [{"role": "user", "content": SECRET}]}},
]


@pytest.mark.parametrize("status", [301, 303, 307, 308])
def test_a_redirect_to_another_origin_stops_there(
    status: int, anthropic_twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """The body does not follow a redirect to another origin."""
    with LoopbackProvider() as elsewhere:
        provider.script([redirect(f"{elsewhere.base_url}/messages", status)])
        with pytest.raises(UnguardedPath):
            anthropic_twin.take(GUARDED["create"], guard.wrap)
        assert elsewhere.connections == 0
    gc.collect()
