# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What happens below the client: retries, redirects, and HTTP clients that others hold as well?

The story: the SDK follows redirects and sends the body again, frameworks share one HTTP client
between guarded and unguarded clients, and a hook on the shared one refused everybody.
"""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import APIConnectionError, AsyncOpenAI, OpenAI

from agentguard import CallRefused, ContentRefused, Guard, UnguardedPath
from agentguard.policy import Policy
from agentguard.testing import Answer, LoopbackProvider, failure, redirect
from agentguard.vocabulary import AuditEntry, EntryType, Outcome

CANARY = "jane.doe@customers.example"
CHAT: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "user", "content": f"write to {CANARY}"}],
}
# The HTTP library of the SDK that is installed: httpx2 from openai 3 on.
LIBRARY: Any = openai.Client.__init__.__globals__.get("httpx2", httpx)
LOOPBACK = 'hosts = ["127.0.0.1:*", "localhost:*"]'

pytestmark = pytest.mark.usefixtures("as_support")


def create(client: Any, wrap: Callable[[Any], Any], **more: Any) -> Any:
    """Wrap the client and ask for a completion."""
    return wrap(client).chat.completions.create(**CHAT, **more)


@pytest.fixture
def listed(tmp_path: Path, policy_file: Path) -> Iterator[Guard]:
    """A guard whose policy lets an idempotency key through to loopback."""
    text = policy_file.read_text().replace(LOOPBACK, f'{LOOPBACK}\nheaders = ["idempotency-key"]')
    path = tmp_path / "listed.toml"
    path.write_text(text.replace("agentguard.db", "listed.db"))
    with Guard.from_file(path) as made:
        yield made


def test_a_retried_call_is_decided_and_written_down_once(
    twin: Any,
    guard: Guard,
    provider: LoopbackProvider,
    entries: list[AuditEntry],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Three attempts are one decision, one intent and one outcome, and send the same bytes."""
    decided: list[str] = []
    decide = Policy.decide

    def spy(policy: Policy, call: Any, *rest: Any) -> Any:
        decided.append(call.id)
        return decide(policy, call, *rest)

    monkeypatch.setattr(Policy, "decide", spy)
    provider.script([failure(500, retry_after_ms="1"), failure(429, retry_after_ms="1")])
    twin.take(create, guard.wrap, max_retries=2)
    assert len(decided) == 1
    assert [entry.type for entry in entries] == [EntryType.INTENT, EntryType.OUTCOME]
    assert len({request.body for request in provider.journal}) == 1
    assert len(provider.journal) == 3
    assert CANARY.encode() not in provider.received_bytes()


def test_every_attempt_carries_the_same_idempotency_key(
    twin: Any, listed: Guard, provider: LoopbackProvider
) -> None:
    """A listed idempotency key is on each attempt of one call."""
    provider.script([failure(500, retry_after_ms="1")])
    with listed.identity("agent:support", on_behalf_of="user:alice"):
        twin.take(
            lambda client: create(client, listed.wrap, extra_headers={"Idempotency-Key": "k-1"}),
            max_retries=1,
        )
    assert [request.header("idempotency-key") for request in provider.journal] == ["k-1", "k-1"]


def test_retries_that_end_in_failure_have_one_outcome(
    twin: Any, guard: Guard, provider: LoopbackProvider, entries: list[AuditEntry]
) -> None:
    """The provider's own error reaches the caller, and one outcome says that the call failed."""
    provider.script([failure(500, retry_after_ms="1")] * 2)
    with pytest.raises(openai.InternalServerError):
        twin.take(create, guard.wrap, max_retries=1)
    assert [entry.type for entry in entries] == [EntryType.INTENT, EntryType.OUTCOME]
    assert entries[1].outcome is Outcome.FAILED


def test_a_stopped_redirect_is_not_tried_again(
    twin: Any, guard: Guard, provider: LoopbackProvider, entries: list[AuditEntry]
) -> None:
    """A refused redirect ends the call at once, whatever the client's retries say."""
    with LoopbackProvider() as elsewhere:
        provider.script([redirect(f"{elsewhere.base_url}/chat/completions")] * 3)
        with pytest.raises(UnguardedPath) as caught:
            twin.take(create, guard.wrap, max_retries=2)
        assert elsewhere.connections == 0
    assert caught.value.dispatched
    assert len(provider.journal) == 1
    assert [entry.type for entry in entries] == [EntryType.INTENT, EntryType.OUTCOME]
    assert entries[1].outcome is Outcome.FAILED


@pytest.mark.parametrize("status", [307, 308])
def test_a_redirect_within_the_origin_is_followed(
    twin: Any, guard: Guard, provider: LoopbackProvider, status: int
) -> None:
    """The same body goes to the same origin again, and the answer is turned back."""
    provider.script([redirect("/v1/chat/completions", status)])
    completion = twin.take(create, guard.wrap)
    assert CANARY in completion.choices[0].message.content
    first, second = provider.journal
    assert first.body == second.body
    assert CANARY.encode() not in provider.received_bytes()


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_redirect_that_changes_the_verb_is_refused(
    twin: Any, guard: Guard, provider: LoopbackProvider, status: int
) -> None:
    """A redirect that turns the request into another one was not decided, so it is refused."""
    provider.script([redirect("/v1/files", status)])
    with pytest.raises(UnguardedPath) as caught:
        twin.take(create, guard.wrap)
    assert caught.value.dispatched
    assert len(provider.journal) == 1


def test_a_servers_cookie_is_not_sent_back(
    twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """A cookie that the provider sets stays here: neither a redirect nor a later call has it."""

    async def two(client: AsyncOpenAI) -> None:
        await create(client, guard.wrap)
        await create(client, guard.wrap)

    def both(client: Any) -> Any:
        if isinstance(client, AsyncOpenAI):
            return two(client)
        return [create(client, guard.wrap), create(client, guard.wrap)]

    moved = redirect("/v1/chat/completions")
    cookie = {"set-cookie": "track=me"}
    provider.script(
        [Answer(status=307, headers={**moved.headers, **cookie}), Answer("x", headers=cookie)]
    )
    twin.take(both)
    assert len(provider.journal) == 3
    assert [request.header("cookie") for request in provider.journal] == [None] * 3


def supplied(kind: Any, **options: Any) -> Any:
    """Return an HTTP client of the SDK's own library for a kind of client."""
    return (LIBRARY.AsyncClient if kind is AsyncOpenAI else LIBRARY.Client)(**options)


async def _closing(http_client: Any, work: Any) -> Any:
    async with http_client:
        return await work


def with_supplied(twin: Any, http_client: Any, story: Callable[[Any, Any], Any]) -> Any:
    """Tell a story with a client made over a supplied HTTP client; then close both."""
    client = twin.make(http_client=http_client)
    if twin.kind is AsyncOpenAI:
        return asyncio.run(_closing(http_client, story(client, http_client)))
    with http_client:
        return story(client, http_client)


def test_a_supplied_http_client_stays_its_owners(
    twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """The owner still sends raw requests with it; the guarded client refuses to."""
    address = f"{provider.base_url}/models"

    async def story_async(client: Any, http_client: Any) -> int:
        await create(client, guard.wrap)
        with pytest.raises(UnguardedPath):
            await client._client.get(address)
        answer = await http_client.get(address)
        return int(answer.status_code)

    def story(client: Any, http_client: Any) -> Any:
        if twin.kind is AsyncOpenAI:
            return story_async(client, http_client)
        create(client, guard.wrap)
        with pytest.raises(UnguardedPath):
            client._client.get(address)
        return http_client.get(address).status_code

    assert with_supplied(twin, supplied(twin.kind), story) == 401
    assert [request.path for request in provider.journal] == ["/v1/chat/completions", "/v1/models"]
    assert provider.connections == 1


def test_an_unguarded_client_may_share_a_supplied_http_client(
    twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """Guarding one of two clients over one HTTP client does not refuse the other."""

    def story(client: Any, http_client: Any) -> Any:
        other = twin.make(http_client=http_client)
        guard.wrap(client)
        return other.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])

    assert with_supplied(twin, supplied(twin.kind), story).choices[0].message.content == "x"


def test_a_closed_supplied_http_client_sends_nothing(
    guard: Guard, provider: LoopbackProvider
) -> None:
    """What the owner has closed, the guarded client does not open again."""
    http_client = supplied(OpenAI)
    client = OpenAI(base_url=provider.base_url, api_key="k", http_client=http_client, max_retries=0)
    guard.wrap(client)
    http_client.close()
    with pytest.raises((RuntimeError, APIConnectionError)):
        client.chat.completions.create(**CHAT)
    assert provider.connections == 0


EXTRAS: dict[str, dict[str, Any]] = {
    "query": {"params": {"q": CANARY}},
    "header": {"headers": {"x-note": CANARY}},
    "header of the HTTP library": {"headers": {"accept-encoding": CANARY}},
    "header of the SDK": {"headers": {"x-stainless-helper-method": CANARY}},
    "host": {"headers": {"host": CANARY}},
}


@pytest.mark.parametrize("extra", EXTRAS.values(), ids=EXTRAS)
def test_what_a_supplied_http_client_adds_is_refused(
    twin: Any, guard: Guard, provider: LoopbackProvider, extra: dict[str, Any]
) -> None:
    """A query or a header that rides in with the HTTP client is refused, whatever its name."""
    with pytest.raises(CallRefused) as caught:
        with_supplied(
            twin, supplied(twin.kind, **extra), lambda client, _: create(client, guard.wrap)
        )
    assert provider.connections == 0
    assert CANARY not in str(caught.value)


def test_a_supplied_http_clients_cookies_stay_here(
    twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """Cookies of a supplied HTTP client are not sent: the policy lists no cookie header."""
    with_supplied(
        twin,
        supplied(twin.kind, cookies={"note": CANARY}),
        lambda client, _: create(client, guard.wrap),
    )
    assert CANARY.encode() not in provider.received_bytes()


def test_authentication_that_sends_requests_of_its_own_is_refused(
    guard: Guard, provider: LoopbackProvider
) -> None:
    """A sign-in flow below the SDK may not carry requests that the guard did not decide."""

    class Chatty(LIBRARY.Auth):  # type: ignore[misc]  # the library is found at run time
        def auth_flow(self, request: Any) -> Any:
            yield type(request)("POST", f"{provider.base_url}/token", content=CANARY)
            yield request

    with pytest.raises((CallRefused, APIConnectionError)):
        with_supplied(
            Sync(provider), supplied(OpenAI, auth=Chatty()), lambda c, _: create(c, guard.wrap)
        )
    assert provider.connections == 0


class Sync:
    """The sync client alone, for stories that need no twin."""

    kind = OpenAI

    def __init__(self, provider: LoopbackProvider) -> None:
        self.base_url = provider.base_url

    def make(self, **options: Any) -> OpenAI:
        """Return a plain client."""
        return OpenAI(base_url=self.base_url, api_key="k", max_retries=0, **options)


def test_an_http_client_of_the_older_library_is_guarded_too(
    twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """A client over ``httpx``, which openai 3 takes beside ``httpx2``, passes the whole flow."""
    older = (httpx.AsyncClient if twin.kind is AsyncOpenAI else httpx.Client)()
    completion = with_supplied(twin, older, lambda client, _: create(client, guard.wrap))
    assert CANARY in completion.choices[0].message.content
    assert CANARY.encode() not in provider.received_bytes()
    with pytest.raises(ContentRefused):
        with_supplied(
            twin,
            (httpx.AsyncClient if twin.kind is AsyncOpenAI else httpx.Client)(params={"q": CANARY}),
            lambda client, _: create(client, guard.wrap),
        )
    assert len(provider.journal) == 1


def test_a_base_url_whose_query_swallows_the_path_is_refused(
    twin: Any, guard: Guard, provider: LoopbackProvider
) -> None:
    """A base URL that ends in a query would send the chat to another endpoint; it is refused."""
    with pytest.raises(ContentRefused):
        twin.take(create, guard.wrap, base_url=f"{provider.base_url}/files?note={CANARY}&")
    assert provider.connections == 0
