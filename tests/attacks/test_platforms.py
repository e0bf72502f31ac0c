# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does the guard leave the sign-in of the platforms behind the same SDK intact?

The story: Amazon signs the bytes of the body, Google puts a token on the built request, Azure
writes the model into the path. What redacts below that breaks the signature; what redacts above
it has to see what is added.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from openai import AsyncAzureOpenAI, AsyncOpenAI, AzureOpenAI, OpenAI

from agentguard import CallRefused, Guard, UnguardedPath
from agentguard.testing import LoopbackProvider, Received, failure, redirect

CANARY = "jane.doe@customers.example"
CHAT: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "user", "content": f"write to {CANARY}"}],
}
KEY, SECRET, REGION = "AKIDEXAMPLE", "not-a-secret-key", "eu-west-1"
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/\d{8}/eu-west-1/(?P<service>[a-z-]+)/aws4_request, "
    r"SignedHeaders=(?P<names>[a-z0-9;-]+), Signature=(?P<signature>[0-9a-f]{64})"
)
MAJOR = int(openai.__version__.partition(".")[0])
PLATFORMS = pytest.mark.skipif(MAJOR < 3, reason="this version has no providers")

pytestmark = pytest.mark.usefixtures("as_support")

Make = Callable[[str], Any]
BOTH = pytest.mark.parametrize("kind", [OpenAI, AsyncOpenAI])


@pytest.fixture
def closing(provider: LoopbackProvider) -> Iterator[LoopbackProvider]:
    """Give a provider whose last request the signature of Amazon is checked on."""
    yield provider
    for request in provider.journal:
        authorization = request.header("authorization") or ""
        if authorization.startswith("AWS4"):
            assert_signed(request, provider.base_url)


def assert_signed(request: Received, base_url: str) -> None:
    """The signature that arrived is the one of the body and the headers that arrived."""
    auth = pytest.importorskip("botocore.auth")
    requests = pytest.importorskip("botocore.awsrequest")
    credentials = pytest.importorskip("botocore.credentials")
    found = AUTHORIZATION.fullmatch(request.header("authorization") or "")
    assert found is not None
    names = found["names"].split(";")
    signed = requests.AWSRequest(
        method=request.method,
        url=base_url.removesuffix("/v1") + request.path,
        headers={name: request.header(name) for name in names},
        data=request.body,
    )
    signed.context["timestamp"] = request.header("x-amz-date")
    signer = auth.SigV4Auth(credentials.Credentials(KEY, SECRET), found["service"], REGION)
    text = signer.string_to_sign(signed, signer.canonical_request(signed))
    assert signer.signature(text, signed) == found["signature"]
    assert not {"host", "x-amz-content-sha256", "x-amz-date"} - set(names)


def amazon(kind: Any, base_url: str, **more: Any) -> Any:
    """Return a client that signs for Amazon with a key."""
    pytest.importorskip("botocore")
    from openai.providers.bedrock import bedrock

    keys: dict[str, Any] = {"access_key_id": KEY, "secret_access_key": SECRET, "region": REGION}
    return kind(provider=bedrock(base_url=base_url, **keys), max_retries=0, **more)


def amazons_own(kind: Any, base_url: str, **more: Any) -> Any:
    """Return a client of the class that the SDK has for Amazon."""
    pytest.importorskip("botocore")
    made: Any = openai.BedrockOpenAI if kind is OpenAI else openai.AsyncBedrockOpenAI
    keys = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET, "aws_region": REGION}
    return made(base_url=base_url, max_retries=0, **keys, **more)


def google(kind: Any, base_url: str, **more: Any) -> Any:
    """Return a client that puts a token of Google on its requests."""
    from openai.providers.vertex import vertex

    provider = vertex(base_url=base_url, token_provider=lambda: "a-token")
    return kind(provider=provider, max_retries=0, **more)


def azure(kind: Any, base_url: str, **more: Any) -> Any:
    """Return a client of Azure's deployments."""
    made: Any = AzureOpenAI if kind is OpenAI else AsyncAzureOpenAI
    return made(
        azure_endpoint=base_url.removesuffix("/v1"), api_key="k", api_version="2026-10-01",
        max_retries=0, **more,
    )  # fmt: skip


def azure_with_token(kind: Any, base_url: str, **more: Any) -> Any:
    """Return a client of Azure that signs in with a token."""
    made: Any = AzureOpenAI if kind is OpenAI else AsyncAzureOpenAI
    return made(
        azure_endpoint=base_url.removesuffix("/v1"), api_version="2026-10-01",
        azure_ad_token_provider=lambda: "a-token", max_retries=0, **more,
    )  # fmt: skip


ALL = [
    pytest.param(amazon, marks=PLATFORMS),
    pytest.param(amazons_own, marks=PLATFORMS),
    pytest.param(google, marks=PLATFORMS),
    azure,
    azure_with_token,
]


def take(room: Any, guard: Guard, made: Any, way: Callable[[Any], Any]) -> Any:
    """Make a call with a client, and close that."""

    class Given(type(room.twin_of(type(made), ""))):  # type: ignore[misc]  # the fixture's class
        def make(self, **_: Any) -> Any:
            return made

    twin = Given(type(made), "")
    return twin.take(lambda plain: way(guard.wrap(plain)))


@BOTH
@pytest.mark.parametrize("platform", ALL)
def test_a_platforms_client_is_guarded_and_signs_what_is_sent(
    platform: Any, kind: Any, room: Any, guard: Guard, closing: LoopbackProvider
) -> None:
    """The address leaves as a placeholder, the sign-in fits the body, the answer is turned back."""
    completion = take(
        room, guard, platform(kind, closing.base_url), lambda c: c.chat.completions.create(**CHAT)
    )
    assert CANARY in completion.choices[0].message.content
    assert b"[[EMAIL:" in closing.received_bytes()
    assert closing.saw(CANARY) == ()


@BOTH
@pytest.mark.parametrize("platform", ALL)
def test_each_attempt_is_signed_anew(
    platform: Any, kind: Any, room: Any, guard: Guard, closing: LoopbackProvider
) -> None:
    """A retry sends the same bytes, with a sign-in of its own that fits them."""
    closing.script([failure(500, retry_after_ms="1")])
    made = platform(kind, closing.base_url).with_options(max_retries=1)
    take(room, guard, made, lambda client: client.chat.completions.create(**CHAT))
    assert len(closing.journal) == 2
    assert len({request.body for request in closing.journal}) == 1
    assert closing.saw(CANARY) == ()


@BOTH
@pytest.mark.parametrize("platform", ALL)
def test_a_platforms_copy_is_guarded(
    platform: Any, kind: Any, room: Any, guard: Guard, closing: LoopbackProvider
) -> None:
    """A copy of a guarded client of a platform signs in as it does, and is guarded."""
    take(
        room,
        guard,
        platform(kind, closing.base_url),
        lambda client: client.with_options(timeout=9).chat.completions.create(**CHAT),
    )
    assert len(closing.journal) == 1
    assert closing.saw(CANARY) == ()


@BOTH
@pytest.mark.parametrize("platform", ALL)
def test_a_platforms_stream_is_guarded(
    platform: Any, kind: Any, room: Any, guard: Guard, closing: LoopbackProvider
) -> None:
    """A streamed answer is turned back on every platform."""

    def way(client: Any) -> Any:
        if kind is OpenAI:
            return "".join(map(piece, client.chat.completions.create(**CHAT, stream=True)))
        return told(client)

    async def told(client: Any) -> str:
        stream = await client.chat.completions.create(**CHAT, stream=True)
        return "".join([piece(chunk) async for chunk in stream])

    assert CANARY in take(room, guard, platform(kind, closing.base_url), way)
    assert closing.saw(CANARY) == ()


def piece(chunk: Any) -> str:
    """Return what a chunk adds to the answer."""
    return "".join(choice.delta.content or "" for choice in chunk.choices)


@BOTH
@pytest.mark.parametrize("platform", ALL)
def test_a_platforms_sign_in_does_not_carry_content(
    platform: Any, kind: Any, room: Any, guard: Guard, closing: LoopbackProvider
) -> None:
    """What a client of a platform puts on every request is looked at like anywhere else."""
    for more in ({"default_query": {"q": CANARY}}, {"default_headers": {"x-amz-note": CANARY}}):
        with pytest.raises(CallRefused):
            take(
                room,
                guard,
                platform(kind, closing.base_url, **more),
                lambda client: client.chat.completions.create(**CHAT),
            )
    assert closing.connections == 0


@BOTH
@pytest.mark.parametrize("platform", ALL)
def test_a_platforms_credentials_stay_at_its_origin(
    platform: Any, kind: Any, room: Any, guard: Guard, closing: LoopbackProvider
) -> None:
    """A redirect to another origin is not followed, with whatever sign-in."""
    with LoopbackProvider() as elsewhere:
        closing.script([redirect(f"{elsewhere.base_url}/chat/completions")])
        with pytest.raises((UnguardedPath, openai.APIStatusError)):
            take(
                room,
                guard,
                platform(kind, closing.base_url),
                lambda client: client.chat.completions.create(**CHAT),
            )
        assert elsewhere.connections == 0


@BOTH
@pytest.mark.parametrize("made", [azure, azure_with_token])
def test_azure_sends_no_model_in_the_path_that_was_not_decided(
    made: Any, kind: Any, room: Any, guard: Guard, closing: LoopbackProvider
) -> None:
    """A model's name ends in Azure's path, where classified data refuses."""
    chat = {**CHAT, "model": CANARY}
    with pytest.raises(CallRefused):
        take(
            room,
            guard,
            made(kind, closing.base_url),
            lambda client: client.chat.completions.create(**chat),
        )
    assert closing.connections == 0
