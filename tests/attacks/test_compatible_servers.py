# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does the guard hold where the same SDK talks to another server: a compatible one, or Azure?

Other prefixes of the path, fields that only this server knows, models that are named in the path
and other ways of signing in must neither get round the guard nor be broken by it.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from openai import AsyncAzureOpenAI, AsyncOpenAI, AzureOpenAI, OpenAI
from openai.types.chat import ChatCompletionChunk

from agentguard import ContentRefused, DeniedByPolicy, UnguardedPath
from agentguard.testing import Answer, LoopbackProvider, echo

CANARY = "canary.server@leak.example"
KEY = "sk-proj-" + "7xQ7mZ2xK9vT4bN8cL1wR5yH3j" * 2
FIELDS = ["chat_template_kwargs", "guided_json", "keep_alive", "options", "top_k"]

Way = Callable[[Any], Any]


@pytest.fixture
def provider() -> Iterator[LoopbackProvider]:
    """A provider that takes the fields of compatible servers."""
    with LoopbackProvider(echo, extra_fields=FIELDS) as running:
        yield running


def chat(text: str = "hi", **fields: Any) -> Way:
    """Return a way to chat."""
    messages = [{"role": "user", "content": text}]
    return lambda client: client.chat.completions.create(
        **{"model": "m", "messages": messages, **fields}
    )


PREFIXES = ["/v1", "/v1/", "", "/", "/api/v1", "/proxy/team/v1/", "/v2/openai"]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_compatible_server_is_guarded_below_any_prefix(prefix: str, room: Any, twin: Any) -> None:
    """Wherever the API begins, what is said arrives redacted and comes back whole."""
    base = room.provider.base_url.removesuffix("/v1") + prefix
    guard = room.guard()
    said = room.ask(guard, twin, chat(f"I am {CANARY}"), base_url=base)
    assert said.choices[0].message.content == f"I am {CANARY}"
    room.ask(
        guard,
        twin,
        lambda client: client.embeddings.create(model="m", input=f"I am {CANARY}"),
        base_url=base,
    )
    assert not room.provider.saw(CANARY)
    wanted = prefix.rstrip("/") + "/embeddings"
    assert room.provider.journal[-1].url_path == wanted


@pytest.mark.parametrize("prefix", [f"/{CANARY}/v1", f"/v1?to={CANARY}", "/v1/files/x/.."])
def test_a_prefix_carries_nothing_out(prefix: str, room: Any, twin: Any) -> None:
    """A base URL with a value in it, a query or steps upwards is refused."""
    base = room.provider.base_url.removesuffix("/v1") + prefix
    guard = room.guard()
    try:
        room.ask(guard, twin, chat(), base_url=base)
    except (ContentRefused, UnguardedPath) as error:
        room.assert_untold(error, CANARY)
        assert room.provider.connections == 0
    else:
        assert not room.provider.saw(CANARY)
        assert room.provider.journal[-1].url_path.endswith("/chat/completions")


OWN: Mapping[str, Any] = {
    "top_k": 5,
    "guided_json": {"type": "object", "description": CANARY},
    "chat_template_kwargs": {"enable_thinking": False, "note": CANARY},
    "keep_alive": "5m",
    "options": {"num_ctx": 4096},
}


@pytest.mark.parametrize("name", OWN)
def test_a_field_of_a_server_passes_where_the_policy_lists_it(
    name: str, room: Any, twin: Any
) -> None:
    """Unlisted it is refused, with the line that lists it; listed it is content like any other."""
    way = chat(extra_body={name: OWN[name]})
    error = room.refused(room.guard(), twin, way, CANARY)
    assert "extra_fields" in str(error)
    room.ask(room.guard(provider=f"extra_fields = {json.dumps([name])}"), twin, way)
    sent = room.provider.journal[-1].json[name]
    assert CANARY not in json.dumps(sent)
    assert type(sent) is type(OWN[name])


def test_a_listed_field_does_not_hide_tools(room: Any, twin: Any) -> None:
    """A field that the policy lists does not make another one known."""
    guard = room.guard(provider='extra_fields = ["top_k"]')
    room.refused(guard, twin, chat(extra_body={"top_k": 1, "tools": [{"type": "web_search"}]}))
    room.refused(guard, twin, chat(extra_body={"top_k": 1, "guided_json": {}}))


UNKNOWN: dict[str, Way] = {
    "an endpoint of another server": lambda client: client.post(
        "/tokenize", body={"prompt": CANARY}, cast_to=object
    ),
    "reranking": lambda client: client.post("/rerank", body={"query": CANARY}, cast_to=object),
    "a server's own chat": lambda client: client.post(
        "/api/chat", body={"messages": [CANARY]}, cast_to=object
    ),
    "loading an adapter": lambda client: client.post(
        "/load_lora_adapter", body={"lora_path": CANARY}, cast_to=object
    ),
}


@pytest.mark.parametrize("way", UNKNOWN.values(), ids=UNKNOWN)
def test_an_endpoint_that_only_this_server_has_is_refused(way: Way, room: Any, twin: Any) -> None:
    """No rule reaches what the table does not list."""
    error = room.refused(room.guard(), twin, way, CANARY)
    assert isinstance(error, UnguardedPath)


def thinking(thought: str, said: str) -> dict[str, Any]:
    """Return the body of an answer with thoughts, as such servers write it."""
    message = {"role": "assistant", "content": said, "reasoning_content": thought}
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
    }


def test_the_thoughts_of_a_model_are_checked(room: Any, twin: Any) -> None:
    """What stands in ``reasoning_content`` is an answer, too."""
    room.provider.script([Answer(body=thinking(f"first {KEY} then", f"so {KEY} it is"))])
    answer = room.ask(room.guard(), twin, chat())
    assert KEY[8:] not in answer.to_json()
    message = answer.choices[0].message
    assert message.reasoning_content.startswith("first ")
    assert message.reasoning_content.endswith(" then")


def thoughts(text: str) -> Iterator[dict[str, Any]]:
    """Yield the chunks of a streamed thought."""
    frame = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    for at in range(0, len(text), 5):
        delta = {"reasoning_content": text[at : at + 5]}
        yield {**frame, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield {**frame, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


def test_streamed_thoughts_are_checked(room: Any, twin: Any) -> None:
    """A secret in a streamed thought is released in no part."""
    sse = tuple(f"data: {json.dumps(each)}\n\n".encode() for each in thoughts(f"first {KEY} then"))
    room.provider.script([Answer("x", events=(*sse, b"data: [DONE]\n\n"))])
    seen: list[ChatCompletionChunk] = []

    async def drain(opening: Any) -> None:
        seen.extend([chunk async for chunk in await opening])

    def read(client: Any) -> Any:
        stream = chat(stream=True)(client)
        if isinstance(client, AsyncOpenAI):
            return drain(stream)
        return seen.extend(stream)

    room.ask(room.guard(), twin, read)
    text = "".join(
        getattr(choice.delta, "reasoning_content", None) or ""
        for chunk in seen
        for choice in chunk.choices
    )
    assert text.startswith("first ")
    assert text.endswith(" then")
    assert not [at for at in range(8, len(KEY) - 8) if KEY[at : at + 8] in text]


@pytest.fixture(params=[AzureOpenAI, AsyncAzureOpenAI])
def azure(request: pytest.FixtureRequest, room: Any) -> Any:
    """The twins of Azure's clients."""
    return room.twin_of(request.param, "")


def at_azure(provider: LoopbackProvider, **options: Any) -> dict[str, Any]:
    """Return the options of a client of Azure."""
    endpoint = provider.base_url.removesuffix("/v1")
    given = {"base_url": None, "azure_endpoint": endpoint, "api_version": "2026-01-01"}
    return {**given, **options}


async def fetched_token() -> str:
    """Return a token, as an asynchronous client may ask for one."""
    return "fetched-token"


def signing_in(way: str, twin: Any) -> tuple[dict[str, Any], str, str]:
    """Return options of a client, and the header and value with which it signs in."""
    asynchronous = twin.kind is AsyncAzureOpenAI
    fetch: Any = fetched_token if asynchronous else lambda: "fetched-token"
    ways: dict[str, tuple[dict[str, Any], str, str]] = {
        "a key": ({"api_key": "azure-key"}, "api-key", "azure-key"),
        "a token": ({"api_key": None, "azure_ad_token": "a-token"}, "authorization", "a-token"),
        "a token that is fetched": (
            {"api_key": None, "azure_ad_token_provider": fetch}, "authorization", "fetched-token",
        ),
    }  # fmt: skip
    return ways[way]


@pytest.mark.parametrize("way", ["a key", "a token", "a token that is fetched"])
def test_azure_is_guarded_by_the_same_code(way: str, room: Any, azure: Any) -> None:
    """Path, version and credentials arrive as Azure wants them, and the content redacted."""
    options, header, value = signing_in(way, azure)
    said = room.ask(
        room.guard(), azure, chat(f"I am {CANARY}"), **at_azure(room.provider, **options)
    )
    assert said.choices[0].message.content == f"I am {CANARY}"
    received = room.provider.journal[-1]
    assert received.url_path == "/openai/deployments/m/chat/completions"
    assert received.query == (("api-version", "2026-01-01"),)
    assert str(received.header(header)).endswith(value)
    assert not room.provider.saw(CANARY)


ELSEWHERE: dict[str, tuple[str, Way]] = {
    "embeddings": (
        "/openai/deployments/m/embeddings",
        lambda client: client.embeddings.create(model="m", input=f"I am {CANARY}"),
    ),
    "a response": (
        "/openai/responses",
        lambda client: client.responses.create(model="m", input=f"I am {CANARY}"),
    ),
    "a picture": (
        "/openai/deployments/m/images/generations",
        lambda client: client.images.generate(model="m", prompt=f"I am {CANARY}"),
    ),
    "a file": (
        "/openai/files",
        lambda client: client.files.create(file=("a.txt", CANARY.encode()), purpose="assistants"),
    ),
}


@pytest.mark.parametrize(("path", "way"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_other_endpoints_of_azure_are_guarded(path: str, way: Way, room: Any, azure: Any) -> None:
    """Whether the model stands in the path or not, the content is redacted."""
    room.ask(room.guard(), azure, way, **at_azure(room.provider))
    assert room.provider.journal[-1].url_path == path
    assert not room.provider.saw(CANARY)
    assert room.provider.saw("[[EMAIL:")


ONLY = """
[[rule]]
id = "not-big"
who = "agent:support"
for = ["group:support-team"]
provider = "loopback"
model = ["big-*"]
operation = "inference"
then = "deny"
"""


def test_the_deployment_is_the_model_that_is_decided(room: Any, azure: Any) -> None:
    """A denied model is denied by name, and as the deployment that answers whatever is named."""
    guard = room.guard(ONLY)
    with pytest.raises(DeniedByPolicy):
        room.ask(guard, azure, chat(model="big-1"), **at_azure(room.provider))
    fixed = at_azure(room.provider, azure_deployment="big-1")
    with pytest.raises(DeniedByPolicy):
        room.ask(guard, azure, chat(model="m"), **fixed)
    assert room.provider.connections == 0
    room.ask(guard, azure, chat(model="m"), **at_azure(room.provider, azure_deployment="small"))
    assert room.provider.journal[-1].url_path == "/openai/deployments/small/chat/completions"


@pytest.mark.parametrize(
    "options",
    [{"azure_deployment": CANARY}, {"api_version": CANARY}, {"default_headers": {"x-a": CANARY}}],
    ids=["deployment", "version", "header"],
)
def test_nothing_leaves_in_azures_address(options: dict[str, Any], room: Any, azure: Any) -> None:
    """A value in the deployment, the version or a header of the client refuses the call."""
    with pytest.raises((ContentRefused, UnguardedPath)) as caught:
        room.ask(room.guard(), azure, chat(), **at_azure(room.provider, **options))
    assert room.provider.connections == 0
    room.assert_untold(caught.value, CANARY)


@pytest.mark.parametrize("kind", [OpenAI, AsyncOpenAI])
def test_a_plain_client_reaches_a_deployment_by_its_address(kind: Any, room: Any) -> None:
    """A client of OpenAI's that is given Azure's address is guarded, too."""
    base = f"{room.provider.base_url.removesuffix('/v1')}/openai/deployments/m"
    room.ask(room.guard(), room.twin_of(kind, base), chat(f"I am {CANARY}"))
    assert not room.provider.saw(CANARY)
    assert room.provider.saw("[[EMAIL:")
