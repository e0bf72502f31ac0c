# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How the SDK's options become a call, and a response the SDK's result."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import Omit, OpenAI
from openai._models import FinalRequestOptions
from openai.types.chat import ChatCompletion

from agentguard.clients.request import (
    Passage,
    listed_headers,
    operation_name,
    refuse_deviations,
    renew_body,
)
from agentguard.clients.seal import Ticket
from agentguard.config import load
from agentguard.errors import CallRefused, ContentRefused, UnguardedPath
from agentguard.integrations.openai import SURFACE, chat
from agentguard.policy import Policy
from agentguard.vocabulary import ModelCall

BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
LOOPBACK = 'hosts = ["127.0.0.1:*", "localhost:*"]'
CANARY = "jane.doe@customers.example"


@pytest.fixture
def client() -> Iterator[OpenAI]:
    """A plain client that is never connected."""
    with OpenAI(base_url="http://127.0.0.1:1/v1", api_key="k") as made:
        yield made


@pytest.fixture
def policy(policy_file: Path) -> Policy:
    """The starter policy, with one header and one field listed for loopback."""
    listed = f'{LOOPBACK}\nheaders = ["X-Team"]\nextra_fields = ["top_k"]'
    policy_file.write_text(policy_file.read_text().replace(LOOPBACK, listed))
    return load(policy_file).policy


def options(**fields: Any) -> FinalRequestOptions:
    """Return what a resource method hands over."""
    given = {"method": "post", "url": "/chat/completions", "json_data": dict(BODY), **fields}
    return FinalRequestOptions.construct(None, **given)


def passage(client: OpenAI, policy: Policy, given: Any) -> Passage:
    """Return the passage of a request."""
    return Passage(client, given, SURFACE, policy)


def describe(client: OpenAI, policy: Policy, **fields: Any) -> ModelCall:
    """Describe a request as the guard does."""
    return passage(client, policy, options(**fields)).described("c1", stream=False)


def test_a_request_is_described(client: OpenAI, policy: Policy) -> None:
    """The call carries the origin that the client's base URL means."""
    call = describe(client, policy)
    assert (call.id, call.origin, call.model) == ("c1", "http://127.0.0.1:1", "m")
    assert listed_headers(policy, call) == {"x-team"}


def test_the_body_is_what_the_sdk_would_merge(client: OpenAI, policy: Policy) -> None:
    """What extra_body sets takes the place of what the arguments said."""
    call = describe(client, policy, extra_json={"model": "n", "top_k": 4})
    assert call.model == "n"


REFUSED: dict[str, dict[str, Any]] = {
    "content": {"content": b"{}"},
    "files": {"files": [("file", b"x")]},
    "no JSON object": {"json_data": b"{}"},
    "extra body without a body": {"json_data": None, "extra_json": {"model": "m"}},
    "query": {"params": {"q": "x"}},
    "query in the path": {"url": "/chat/completions?q=x"},
    "header": {"headers": {"x-note": "x"}},
    "header without a value": {"headers": {"Authorization": None}},
    "unknown wrapper": {"headers": {"X-Stainless-Raw-Response": "else"}},
    "unknown helper": {"headers": {"X-Stainless-Helper-Method": "x"}},
    "unknown endpoint": {"url": "/new"},
    "other verb": {"method": "get"},
}


@pytest.mark.parametrize("fields", REFUSED.values(), ids=REFUSED)
def test_what_is_not_guarded_is_refused(
    client: OpenAI, policy: Policy, fields: dict[str, Any]
) -> None:
    """The request is refused while it is described, so before anything is decided."""
    with pytest.raises(CallRefused):
        describe(client, policy, **fields)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Team": "red"},
        {"x-team": "red"},
        {"X-Stainless-Raw-Response": "true"},
        {"X-Stainless-Raw-Response": "stream"},
        {"Authorization": Omit()},
        {"X-Stainless-Helper-Method": "chat.completions.parse"},
        {"____stainless_override_cast_to": ChatCompletion},
        None,
    ],
)
def test_what_the_policy_lists_and_the_helpers_set_passes(
    client: OpenAI, policy: Policy, headers: Any
) -> None:
    """A listed header and the marks of the SDK's own helpers are no content."""
    assert describe(client, policy, headers=headers).model == "m"


def test_a_stream_is_asked_for_by_the_body_or_by_the_call(client: OpenAI, policy: Policy) -> None:
    """Whichever way the SDK expects events, the call says so."""
    assert not describe(client, policy).streams
    assert describe(client, policy, json_data={**BODY, "stream": True}).streams
    assert passage(client, policy, options()).described("c1", stream=True).streams


@pytest.mark.parametrize("tail", ["?q=1", "/files?q=", "/files?"])
def test_a_base_url_with_a_query_is_refused(client: OpenAI, policy: Policy, tail: str) -> None:
    """The path that is sent must be the one that was decided."""
    client.base_url = f"http://127.0.0.1:1/v1{tail}"
    with pytest.raises(ContentRefused):
        describe(client, policy)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, "chat"),
        ({"url": "/responses"}, "chat"),
        ({"url": "/responses/compact"}, "POST /responses/compact"),
        ({"url": f"/files/{CANARY}", "method": "delete"}, "DELETE /files/{}"),
        ({"url": f"/{CANARY}"}, "unlisted"),
    ],
)
def test_an_operations_name_holds_no_content(
    client: OpenAI, fields: dict[str, Any], name: str
) -> None:
    """Spans and entries name the template, never the caller's path."""
    assert operation_name(SURFACE, client, options(**fields)) == name


def ticket_for(call: ModelCall, admitted: Any, through: Passage) -> Ticket:
    """Return the ticket of a call."""
    renewed = lambda: through.prepared(call)  # noqa: E731 - as short as it is
    return Ticket(client=1, call=call, admitted=admitted, renewed=renewed)


def attempt(admitted: Any) -> Any:
    """Return the copy of the admitted options that the SDK makes for one attempt."""
    return admitted.copy() if not hasattr(admitted, "model_copy") else admitted.model_copy()


def test_the_callers_options_stay_as_they_are(client: OpenAI, policy: Policy) -> None:
    """The admitted body goes into a copy, and the body that is sent is made anew for each try."""
    mine = options(extra_json={"top_k": 4})
    through = passage(client, policy, mine)
    call = through.described("c1", stream=False)
    admitted = through.prepared(call)
    assert mine.json_data == BODY
    assert mine.extra_json == {"top_k": 4}
    assert admitted.json_data == {**BODY, "top_k": 4}
    tried = attempt(admitted)
    renew_body(tried, ticket_for(call, admitted, through))
    assert tried.json_data == admitted.json_data
    assert tried.json_data is not admitted.json_data


@pytest.mark.parametrize(
    "way", ["edited", "replaced", "merged", "content", "files", "url", "params", "method"]
)
def test_a_changed_request_is_refused(client: OpenAI, policy: Policy, way: str) -> None:
    """An edit in place, an equal copy, a second body and another address are all refused."""
    through = passage(client, policy, options())
    call = through.described("c1", stream=False)
    admitted = through.prepared(call)
    tried = attempt(admitted)
    changes: dict[str, dict[str, Any]] = {
        "replaced": {"json_data": dict(admitted.json_data)},
        "merged": {"extra_json": {"user": CANARY}},
        "content": {"content": CANARY.encode()},
        "files": {"files": [("file", CANARY.encode())]},
        "url": {"url": "/completions"},
        "params": {"params": {"q": CANARY}},
        "method": {"method": "put"},
    }
    for name, value in changes.get(way, {}).items():
        setattr(tried, name, value)
    if way == "edited":
        admitted.json_data["messages"].append({"role": "user", "content": CANARY})
    with pytest.raises(UnguardedPath):
        renew_body(tried, ticket_for(call, admitted, through))


def built(url: str = "http://127.0.0.1:1/v1/chat/completions", **headers: str) -> httpx.Request:
    """Build a request as an HTTP client does."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Client().build_request("POST", url, json=BODY, headers=named)


def deviation(request: httpx.Request, **sdk: str) -> None:
    """Look for deviations in a request, some of whose headers the SDK set."""
    named = {"content-type": "application/json", "accept": "*/*"}
    named |= {"user-agent": request.headers["user-agent"]} | {
        name.replace("_", "-"): value for name, value in sdk.items()
    }
    call = chat.model_call("c", BODY, origin="http://127.0.0.1:1", extra_fields=frozenset())
    paths = frozenset({"/v1/chat/completions"})
    call = replace(call, address=("red",))
    ticket = Ticket(client=1, call=call, admitted=options(), renewed=options, paths=paths)
    ticket.listed, ticket.sdk_headers = frozenset({"x-team"}), httpx.Headers(named)
    refuse_deviations(request, ticket, SURFACE)


def test_what_the_library_and_the_sdk_put_on_passes() -> None:
    """A request as the SDK builds it deviates in nothing; a listed header is none either."""
    deviation(built())
    deviation(built(x_team="red"))
    deviation(built(authorization="Bearer k"), authorization="Bearer k")


DEVIATIONS: dict[str, httpx.Request] = {
    "another port": built("http://127.0.0.1:2/v1/chat/completions"),
    "another scheme": built("https://127.0.0.1:1/v1/chat/completions"),
    "a query": built("http://127.0.0.1:1/v1/chat/completions?q=1"),
    "another endpoint": built("http://127.0.0.1:1/v1/responses"),
    "a custom header": built(x_note="x"),
    "another value of a listed header": built(x_team="blue"),
    "credentials that the SDK did not set": built(authorization="Bearer k"),
    "another value under the SDK's name": built(x_stainless_lang="x"),
    "encodings that are words": built(accept_encoding="some words"),
    "a connection that is words": built(connection="words"),
    "another host": built(host="elsewhere.example"),
    "a transfer encoding": built(transfer_encoding="words"),
    "another length": built(content_length="4"),
}


@pytest.mark.parametrize("request_", DEVIATIONS.values(), ids=DEVIATIONS)
def test_a_deviation_is_refused(request_: httpx.Request) -> None:
    """Another place, a query, and a header that nobody may set are refused."""
    with pytest.raises(CallRefused):
        deviation(request_)


def test_a_cookie_is_taken_off() -> None:
    """A cookie is not sent unless the policy lists the header."""
    request = built(cookie="track=me")
    deviation(request)
    assert "cookie" not in request.headers
