# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does what stands around a body carry content out, or make one request pass for another?

The story: a client is made, or a request is built, so that a value hides where nobody reads, or
so that the guard reads one thing and the SDK sends the next. Everything runs on the real SDK.
"""

from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import AzureOpenAI, OpenAI
from openai._models import FinalRequestOptions

from agentguard import AgentGuardError, ContentRefused, DeniedByPolicy, Guard, UnguardedPath
from agentguard.testing import LoopbackProvider, redirect

CANARY = "canary.trick@leak.example"
MESSAGES: Any = [{"role": "user", "content": "hello"}]
Way = Callable[[Any], Any]
# The HTTP library of the SDK that is installed: httpx2 from openai 3 on.
LIBRARY: Any = openai.Client.__init__.__globals__.get("httpx2", httpx)


class Float(float):
    """A number that says of itself what its maker wants."""

    def __str__(self) -> str:
        return CANARY


class Omit(str):
    """A text of a class that is called like the SDK's mark for a header that is left out."""

    __slots__ = ()


class Changing(Mapping[str, str]):
    """A mapping that is harmless for the first looks."""

    def __init__(self, first: dict[str, str], then: dict[str, str], looks: int) -> None:
        self._first, self._then, self._left = first, then, looks

    def _now(self) -> dict[str, str]:
        self._left -= 1
        return self._first if self._left >= 0 else self._then

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return 1

    def __getitem__(self, key: str) -> str:
        return {**self._first, **self._then}[key]


def ask(client: Any, model: str = "gpt-5", **options: Any) -> Any:
    """Ask for a completion."""
    return client.chat.completions.create(model=model, messages=MESSAGES, **options)


CARRIERS: dict[str, Way] = {
    "the organisation": lambda client: ask(client.with_options(organization=CANARY)),
    "the project": lambda client: ask(client.with_options(project=CANARY)),
    "a listed header": lambda client: ask(client, extra_headers={"X-Team": CANARY}),
    "a listed header as bytes": lambda client: ask(
        client, extra_headers={"X-Team": CANARY.encode()}
    ),
    "a listed header of the client": lambda client: ask(
        client.with_options(default_headers={"x-team": CANARY})
    ),
    "a header that seems left out": lambda client: ask(
        client, extra_headers={"user-agent": Omit(CANARY)}
    ),
    "a timeout": lambda client: ask(client, timeout=Float(5)),
    "the client's timeout": lambda client: ask(client.with_options(timeout=Float(5))),
    "the base URL": lambda client: ask(client.with_options(base_url=f"{client.base_url}{CANARY}/")),
}


@pytest.mark.parametrize("way", CARRIERS.values(), ids=list(CARRIERS))
def test_what_is_sent_around_a_body_is_looked_at(room: Any, twin: Any, way: Way) -> None:
    """Who makes the client chooses headers and a base URL; a value in them does not leave."""
    guard = room.guard(provider='headers = ["x-team"]')
    with pytest.raises(AgentGuardError) as caught:
        room.ask(guard, twin, way)
    assert not caught.value.dispatched
    assert not room.provider.saw(CANARY)


def test_a_listed_header_without_a_value_of_a_class_is_sent(room: Any, twin: Any) -> None:
    """What the policy lists arrives when nothing is found in it, from whichever place."""
    guard = room.guard(provider='headers = ["x-team", "x-other"]')
    headers = {"X-Team": "blue"}
    room.ask(
        guard,
        twin,
        lambda client: ask(client, extra_headers=headers),
        default_headers={"x-other": "a"},
    )
    received = room.provider.journal[-1]
    assert (received.header("x-team"), received.header("x-other")) == ("blue", "a")


def test_a_beta_flag_of_the_client_is_sent_as_one_of_a_call(anthropic_twin: Any, room: Any) -> None:
    """What the SDK's methods may set on a call, who makes the client may set on every call."""
    flags = {"anthropic-beta": "files-api-2025-04-14"}
    room.ask(
        room.guard(),
        anthropic_twin,
        lambda client: client.messages.create(model="claude", max_tokens=1, messages=MESSAGES),
        default_headers=flags,
    )
    assert room.provider.journal[-1].header("anthropic-beta") == flags["anthropic-beta"]


@pytest.mark.parametrize("form", ["multipart/form-data", f"text/plain; x={CANARY}"])
def test_a_client_does_not_change_how_bodies_are_written(room: Any, twin: Any, form: str) -> None:
    """A type of content for every request would write as a form what is read as JSON."""
    headers = {"Content-Type": form}
    with pytest.raises(ContentRefused):
        room.ask(room.guard(), twin, ask, default_headers=headers)
    assert room.provider.connections == 0


def test_a_listed_credential_is_sent(room: Any, twin: Any) -> None:
    """A header that is listed and named like a credential carries one, as gateways ask for."""
    key = "Bearer sk-proj-" + "Ab3dE6gH9jKlMn0pQr5t" * 2
    guard = room.guard(provider='headers = ["gateway-auth"]')
    room.ask(guard, twin, lambda client: ask(client, extra_headers={"Gateway-Auth": key}))
    assert room.provider.journal[-1].header("gateway-auth") == key


@pytest.mark.parametrize("looks", range(8))
def test_a_mapping_that_changes_is_read_once(
    open_guard: Guard, provider: LoopbackProvider, as_open_support: None, looks: int
) -> None:
    """Headers and queries that say something else at every look are sent as they were read."""
    harmless = {"limit": "5"}
    with OpenAI(base_url=provider.base_url, api_key="k", max_retries=0) as plain:
        client: Any = open_guard.wrap(plain)
        for given in (
            {"headers": Changing({}, {"user-agent": CANARY}, looks)},
            {"params": Changing(harmless, {"after": CANARY}, looks)},
        ):
            made: Any = {"method": "get", "url": "/files", **given}
            options = FinalRequestOptions.construct(**made)
            try:
                client.request(dict, options)
            except (AgentGuardError, KeyError, ValueError):  # the last two by the SDK itself
                continue
    assert not provider.saw(CANARY)


@pytest.mark.parametrize("model", ["gpt-5/../../assistants", "gpt-5//x", "gpt-5/./x", ".."])
def test_a_model_is_no_path(
    open_guard: Guard, provider: LoopbackProvider, as_open_support: None, model: str
) -> None:
    """Azure's client puts the model into the path, where a step upwards is another endpoint."""
    endpoint = provider.base_url.removesuffix("/v1")
    with AzureOpenAI(azure_endpoint=endpoint, api_key="k", api_version="1") as plain:
        client = open_guard.wrap(plain)
        with pytest.raises(ContentRefused):
            client.embeddings.create(model=model, input="hello")
    assert provider.connections == 0


def test_the_deployment_that_answers_is_decided(
    provider: LoopbackProvider, policy_file: Path, tmp_path: Path
) -> None:
    """Azure goes by the deployment in the path and ignores the model that the body names."""
    text = policy_file.read_text().replace('model = ["*"]', 'model = ["small"]')
    path = tmp_path / "small.toml"
    path.write_text(text)
    endpoint = provider.base_url.removesuffix("/v1")
    named: Any = {"api_key": "k", "api_version": "1"}
    support: Any = {"on_behalf_of": "user:alice"}
    with Guard.from_file(path) as guard, guard.identity("agent:support", **support):
        large = AzureOpenAI(azure_endpoint=endpoint, azure_deployment="large", **named)
        with large, pytest.raises(DeniedByPolicy, match="'large'"):
            ask(guard.wrap(large), model="small")
        elsewhere = OpenAI(base_url=f"{endpoint}/openai/deployments/small", api_key="k")
        with elsewhere, pytest.raises(DeniedByPolicy):
            ask(guard.wrap(elsewhere), model="large")
        assert provider.connections == 0
        with AzureOpenAI(azure_endpoint=endpoint, azure_deployment="small", **named) as small:
            ask(guard.wrap(small), model="large")
    assert len(provider.journal) == 1


@pytest.mark.parametrize(
    ("before", "way"),
    [
        ("vector_stores/vs_1/", lambda client: client.files.list()),
        ("containers/c_1/", lambda client: client.files.create(file=b"x", purpose="user_data")),
        ("realtime/", lambda client: client.post("/sessions", body={}, cast_to=dict)),
    ],
)
def test_a_base_url_does_not_make_another_endpoint(
    open_guard: Guard,
    provider: LoopbackProvider,
    as_open_support: None,
    before: str,
    way: Way,
) -> None:
    """With the beginning of one listed path in the base URL, a request for another is that one."""
    base_url = f"{provider.base_url}/{before}"
    with OpenAI(base_url=base_url, api_key="k") as plain, pytest.raises(UnguardedPath):
        way(open_guard.wrap(plain))
    assert provider.connections == 0


def test_json_is_not_sent_as_a_form(
    open_guard: Guard, provider: LoopbackProvider, as_open_support: None
) -> None:
    """A header would make the SDK write what was read as JSON in another form."""
    headers = {"Content-Type": "multipart/form-data"}
    with OpenAI(base_url=provider.base_url, api_key="k") as plain, pytest.raises(ContentRefused):
        ask(open_guard.wrap(plain), extra_headers=headers)
    assert provider.connections == 0


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("target", ["/v1/files", "/v1/chat/completions/chatcmpl-1", "/elsewhere"])
def test_a_redirect_does_not_make_another_endpoint(
    twin: Any, room: Any, status: int, target: str
) -> None:
    """A body that was decided for one endpoint does not follow a redirect to another."""
    room.provider.script([redirect(target, status)])
    with pytest.raises(UnguardedPath) as caught:
        room.ask(room.guard(), twin, ask)
    assert caught.value.dispatched
    assert len(room.provider.journal) == 1


@pytest.mark.parametrize("target", ["/v1/chat/completions/", "/proxy/v1/chat/completions"])
def test_a_redirect_to_the_same_endpoint_is_followed(twin: Any, room: Any, target: str) -> None:
    """A server that adds a slash or a prefix sends the body to the endpoint that was decided."""
    room.provider.script([redirect(target, 307)])
    room.ask(room.guard(), twin, ask)
    assert [each.path for each in room.provider.journal] == ["/v1/chat/completions", target]


def _with_query(request: Any) -> None:
    request.url = request.url.copy_merge_params({"q": CANARY})


def _with_path(request: Any) -> None:
    request.url = request.url.copy_with(path=f"/v1/files/{CANARY}")


def _with_target(request: Any) -> None:
    request.extensions["target"] = f"/v1/files/{CANARY}".encode()


class Signing(LIBRARY.Auth):  # type: ignore[misc]  # of the installed library
    """A sign-in that changes the request."""

    def __init__(self, change: Callable[[Any], None]) -> None:
        self._change = change

    def auth_flow(self, request: Any) -> Generator[Any, Any, None]:
        """Change the request and send it."""
        self._change(request)
        yield request


@pytest.mark.parametrize("change", [_with_query, _with_path, _with_target])
@pytest.mark.parametrize("place", ["sign-in", "hook"])
def test_the_address_stays_once_a_request_is_built(
    open_guard: Guard,
    provider: LoopbackProvider,
    as_open_support: None,
    change: Callable[[Any], None],
    place: str,
) -> None:
    """Sign-in and hooks of the HTTP client come after the guard; they do not move a request."""
    options: Any = {"auth": Signing(change)}
    if place == "hook":
        options = {"event_hooks": {"request": [change], "response": []}}
    with LIBRARY.Client(**options) as http_client:
        plain = OpenAI(base_url=provider.base_url, api_key="k", http_client=http_client)
        with pytest.raises(UnguardedPath):
            ask(open_guard.wrap(plain))
    assert not provider.saw(CANARY)
    assert not provider.journal
