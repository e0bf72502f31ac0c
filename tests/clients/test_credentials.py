# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which API key a client holds, and which a request carries."""

import base64
from typing import Any

import httpx
import pytest
from anthropic import Anthropic
from openai import AsyncOpenAI, AzureOpenAI, OpenAI
from openai._models import FinalRequestOptions

from agentguard.clients.credentials import (
    fingerprint_of,
    known_credential,
    refuse_other_keys,
    signs_in,
)
from agentguard.errors import WrongKey
from agentguard.vocabulary import Keys

KEY, OTHER = "sk-1234567890abcdef", "sk-of-somebody-else"
MINE, THEIRS = fingerprint_of(KEY), fingerprint_of(OTHER)
URL = "http://127.0.0.1:1/v1"
BASIC = base64.b64encode(f"{KEY}:".encode()).decode()
USER = base64.b64encode(f"user:{KEY}".encode()).decode()
AWS = "AWS4-HMAC-SHA256 Credential={}/20260630/eu/bedrock/aws4_request, Signature=abc"


def options(**headers: str) -> Any:
    """Return the options of a request as the SDK makes them."""
    return FinalRequestOptions.construct(method="post", url="/x", headers=headers)


def both(client: Anthropic) -> Anthropic:
    """A client that was given a token behind its key."""
    client.auth_token = OTHER
    return client


def openai(**given: Any) -> OpenAI:
    """A client of OpenAI's SDK."""
    return OpenAI(base_url=URL, **{"api_key": KEY, **given})


def test_a_fingerprint_is_the_same_for_the_same_key_and_holds_nothing_of_it() -> None:
    """Blanks around a key make no difference, another key does, and no part of it is shown."""
    assert fingerprint_of(f" {KEY}\n") == MINE != THEIRS
    assert len(MINE) == len("sha256:") + 32
    assert KEY[:6] not in MINE


@pytest.mark.parametrize(
    "made",
    [
        openai,
        lambda: AsyncOpenAI(base_url=URL, api_key=KEY),
        lambda: AzureOpenAI(azure_endpoint=URL, api_version="v", api_key=KEY),
        lambda: openai().with_options(max_retries=1),
        lambda: openai(api_key=OTHER).with_options(api_key=KEY),
        lambda: Anthropic(base_url=URL, api_key=KEY),
        lambda: Anthropic(base_url=URL, auth_token=KEY),
    ],
    ids=["plain", "asynchronous", "azure", "copied", "other key", "anthropic", "token"],
)
def test_a_key_that_a_client_holds_is_known(made: Any) -> None:
    """The key that a client was made with is known before it is used."""
    assert known_credential(made(), options()) == MINE


@pytest.mark.parametrize(
    "made",
    [
        lambda: openai(api_key=lambda: KEY),
        lambda: openai(admin_api_key=OTHER),
        lambda: openai(default_headers={"Authorization": "Bearer x"}),
        lambda: openai(http_client=httpx.Client(auth=("user", "password"))),
        lambda: openai(http_client=httpx.Client(headers={"x-api-key": "x"})),
        lambda: AzureOpenAI(azure_endpoint=URL, api_version="v", azure_ad_token="t"),
        lambda: AzureOpenAI(azure_endpoint=URL, api_version="v", azure_ad_token_provider=str),
        lambda: both(Anthropic(base_url=URL, api_key=KEY)),
    ],
    ids=[
        "program",
        "admin",
        "default",
        "http auth",
        "http header",
        "ad token",
        "ad program",
        "two",
    ],
)
def test_what_is_found_out_at_each_request_is_not_known(made: Any) -> None:
    """A program, a token, a header or more than one key leaves open what a request will carry."""
    assert known_credential(made(), options()) is None


def test_a_header_of_one_request_goes_before_what_the_client_holds() -> None:
    """A request with a credential of its own is not signed with the client's key for certain."""
    assert known_credential(openai(), options(**{"X-Api-Key": OTHER})) is None
    assert known_credential(openai(), options(**{"X-Note": "x"})) == MINE


@pytest.mark.parametrize(
    "header",
    [
        ("authorization", f"Bearer {KEY}"),
        ("authorization", f"bearer  {KEY} "),
        ("authorization", KEY),
        ("authorization", f"Basic {BASIC}"),
        ("authorization", AWS.format(KEY)),
        ("api-key", KEY),
        ("x-api-key", KEY),
        ("x-goog-api-key", KEY),
    ],
)
def test_a_key_is_found_however_it_is_sent(header: tuple[str, str]) -> None:
    """Every header that signs in is held against the keys, whatever its scheme."""
    refuse_other_keys(None, [header])
    refuse_other_keys(Keys(only=frozenset({MINE})), [header])
    refuse_other_keys(Keys(never=frozenset({THEIRS})), [header])
    for keys in (
        Keys(only=frozenset({THEIRS})),
        Keys(never=frozenset({MINE})),
        Keys(only=frozenset()),
    ):
        with pytest.raises(WrongKey) as caught:
            refuse_other_keys(keys, [header])
        assert KEY not in f"{caught.value!r}{caught.value}"


@pytest.mark.parametrize(
    "pairs",
    [
        [],
        [("authorization", f"Bearer {KEY}"), ("api-key", OTHER)],
        [("authorization", f"Basic {USER}")],
        [("authorization", f"Bearer {KEY}"), ("x-gateway-token", OTHER)],
        [("authorization", AWS.format("AKIA"))],
    ],
)
def test_every_credential_must_be_listed(pairs: list[tuple[str, str]]) -> None:
    """No credential, a second one, and one of a gateway are refused where keys are listed."""
    with pytest.raises(WrongKey):
        refuse_other_keys(
            Keys(only=frozenset({MINE})), pairs, listed=frozenset({"x-gateway-token"})
        )


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ([("x-note", KEY)], []),
        ([("x-note", f"Token {KEY}")], []),
        ([("cookie", KEY)], []),
        ([], [("api-key", KEY)]),
        ([("authorization", f"Basic {USER}")], []),
    ],
)
def test_the_key_of_another_provider_is_found_anywhere(
    headers: list[tuple[str, str]], query: list[tuple[str, str]]
) -> None:
    """A key that belongs elsewhere is refused in any header and in the address."""
    with pytest.raises(WrongKey):
        refuse_other_keys(Keys(never=frozenset({MINE})), headers, query)


def test_what_is_named_like_a_credential_signs_in() -> None:
    """Headers of gateways sign in by their names; those of the protocol do not."""
    assert all(map(signs_in, ("authorization", "x-gateway-token", "cookie", "api-key")))
    assert not any(map(signs_in, ("connection", "idempotency-key", "accept", "user-agent")))
