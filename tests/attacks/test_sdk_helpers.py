# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Do the helpers of the SDK, which send requests of their own, pass the guard each time?

The story: a page asks for the next one, a poller asks again, an upload runs in threads, a runner
answers the model's tool calls. One call of the user becomes many requests, some of them with what
the provider said a moment ago, and some where the user's identity is gone.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from agentguard import CallRefused, ContentRefused, Guard, IdentityRequired
from agentguard.testing import Answer, LoopbackProvider, ToolRequest

CANARY = "jane.doe@customers.example"
MESSAGES: list[Any] = [{"role": "user", "content": f"write to {CANARY}"}]
STORES = '\nreferences = ["file", "vector_store", "assistant"]'
MAJOR = int(openai.__version__.partition(".")[0])


def page(*ids: str, more: bool = True) -> Answer:
    """Return a page of a list of files."""
    files = [{"id": each, "object": "file"} for each in ids]
    return Answer(body={"object": "list", "data": files, "has_more": more})


async def collected(pages: Any) -> list[str]:
    """Return what all pages of an async list hold."""
    return [each.id async for each in pages]


def every_id(client: Any) -> Any:
    """Go through all pages of the files."""
    if isinstance(client, AsyncOpenAI):
        return collected(client.files.list())
    return [each.id for each in client.files.list()]


def next_page(client: Any) -> Any:
    """Ask for one page after the first, by its own method."""

    async def story() -> list[str]:
        first = await client.files.list()
        return [each.id for each in (await first.get_next_page()).data]

    if isinstance(client, AsyncOpenAI):
        return story()
    return [each.id for each in client.files.list().get_next_page().data]


def test_every_page_is_a_call_of_its_own(room: Any, twin: Any) -> None:
    """Each page is decided and written down, whether it is iterated to or asked for."""
    guard = room.guard()
    room.provider.script([page("file-1"), page("file-2"), page(more=False)], at="GET /files")
    assert room.ask(guard, twin, every_id) == ["file-1", "file-2"]
    room.provider.script([page("file-1"), page("file-2")], at="GET /files")
    assert room.ask(guard, twin, next_page) == ["file-2"]
    assert len(room.provider.journal) == 5
    assert len({entry.call_id for entry in room.entries}) == 5


@pytest.mark.parametrize("way", [every_id, next_page])
def test_a_cursor_of_the_provider_is_an_address(
    way: Callable[[Any], Any], room: Any, twin: Any
) -> None:
    """What the provider says is next goes into a query, where classified data refuses."""
    room.provider.script([page(CANARY), page("x")], at="GET /files")
    with pytest.raises(ContentRefused):
        room.ask(room.guard(), twin, way)
    assert len(room.provider.journal) == 1
    assert room.provider.saw(CANARY) == ()


@pytest.mark.usefixtures("as_support")
def test_a_page_outside_the_identity_is_refused(guard: Guard, provider: LoopbackProvider) -> None:
    """A list that is gone through after the block of its identity ends at its first page."""
    with OpenAI(base_url=provider.base_url, api_key="k", max_retries=0) as client:
        guard.wrap(client)
        with pytest.raises(CallRefused):
            client.files.list()
    assert provider.connections == 0


POLLERS: dict[str, tuple[int, Callable[[Any], Any]]] = {
    "files of a store": (
        3,
        lambda client: client.vector_stores.files.upload_and_poll(
            vector_store_id="vs_1", file=("a.txt", CANARY.encode()), poll_interval_ms=1
        ),
    ),
    "a run": (
        2,
        lambda client: client.beta.threads.runs.create_and_poll(
            thread_id="t_1", assistant_id="a_1", instructions=CANARY, poll_interval_ms=1
        ),
    ),
    "a thread and a run": (
        2,
        lambda client: client.beta.threads.create_and_run_poll(
            assistant_id="a_1", thread={"messages": MESSAGES}, poll_interval_ms=1
        ),
    ),
    "a video": (2, lambda client: client.videos.create_and_poll(prompt=CANARY, poll_interval_ms=1)),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("least", "way"), POLLERS.values(), ids=POLLERS)
def test_a_poller_is_guarded_with_every_question(
    least: int, way: Callable[[Any], Any], room: Any, twin: Any
) -> None:
    """What starts the work is redacted, and each question after it is a call."""
    room.ask(room.guard(rule=STORES), twin, way)
    assert len(room.provider.journal) >= least
    assert len({entry.call_id for entry in room.entries}) == len(room.provider.journal)
    assert room.provider.saw(CANARY) == ()


def upload(client: Any) -> Any:
    """Upload two files in the SDK's own threads or tasks, and poll."""
    files = [("a.txt", CANARY.encode()), ("b.txt", b"b")]
    return client.vector_stores.file_batches.upload_and_poll(
        "vs_1", files=files, poll_interval_ms=1
    )


def test_the_sdks_threads_have_no_identity(room: Any, provider: LoopbackProvider) -> None:
    """The pool in which the SDK uploads drops the identity, and its uploads are refused."""
    twin = room.twin_of(OpenAI, provider.base_url)
    refusal = room.refused(room.guard(rule=STORES), twin, upload, CANARY)
    assert isinstance(refusal, IdentityRequired)


def test_a_bound_client_keeps_its_identity_in_the_sdks_threads(room: Any, twin: Any) -> None:
    """A client that carries its identity uploads in the SDK's threads, redacted."""
    guard = room.guard(rule=STORES)

    def way(plain: Any) -> Any:
        bound = guard.bind(plain, "agent:support", on_behalf_of="user:alice")
        return upload(bound)

    twin.take(way)
    sent = [request.url_path for request in room.provider.journal]
    assert sent[:3] == ["/v1/files", "/v1/files", "/v1/vector_stores/vs_1/file_batches"]
    assert room.provider.saw(CANARY) == ()


@pytest.mark.parametrize("pool", [True, False], ids=["pool", "thread"])
def test_a_thread_of_ones_own_has_no_identity(
    room: Any, provider: LoopbackProvider, *, pool: bool
) -> None:
    """A thread or a pool of the user's own sends nothing, unless the client is bound."""
    guard = room.guard()
    ended: list[str] = []

    def work(client: Any) -> None:
        try:
            client.chat.completions.create(model="m", messages=MESSAGES)
            ended.append("sent")
        except IdentityRequired:
            ended.append("refused")

    def both(client: Any) -> None:
        if pool:
            with ThreadPoolExecutor(1) as executor:
                executor.submit(work, client).result()
        else:
            thread = threading.Thread(target=work, args=[client])
            thread.start()
            thread.join()

    with OpenAI(base_url=provider.base_url, api_key="k", max_retries=0) as plain:
        with guard.identity("agent:support", on_behalf_of="user:alice"):
            both(guard.wrap(plain))
        assert provider.connections == 0
        both(guard.bind(plain, "agent:support", on_behalf_of="user:alice"))
    assert ended == ["refused", "sent"]
    assert room.provider.saw(CANARY) == ()


def chat_stream(client: Any) -> Any:
    """Stream a chat by the SDK's helper and return what was said."""

    async def story() -> Any:
        async with client.chat.completions.stream(model="m", messages=MESSAGES) as stream:
            return (await stream.get_final_completion()).choices[0].message.content

    if isinstance(client, AsyncOpenAI):
        return story()
    with client.chat.completions.stream(model="m", messages=MESSAGES) as stream:
        return stream.get_final_completion().choices[0].message.content


def response_stream(client: Any) -> Any:
    """Stream a response by the SDK's helper and return what was said."""

    async def story() -> Any:
        async with client.responses.stream(model="m", input=f"write to {CANARY}") as stream:
            return (await stream.get_final_response()).output_text

    if isinstance(client, AsyncOpenAI):
        return story()
    with client.responses.stream(model="m", input=f"write to {CANARY}") as stream:
        return stream.get_final_response().output_text


@pytest.mark.parametrize("way", [chat_stream, response_stream])
def test_the_streaming_helpers_are_guarded(way: Callable[[Any], Any], room: Any, twin: Any) -> None:
    """What the SDK adds up from events is turned back, and the provider saw a placeholder."""
    assert room.ask(room.guard(), twin, way) == f"write to {CANARY}"
    assert room.provider.saw(CANARY) == ()


TOOL: dict[str, Any] = {
    "type": "function",
    "name": "lookup_order",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"order": {"type": "string"}},
        "required": ["order"],
        "additionalProperties": False,
    },
}


@pytest.mark.skipif(MAJOR < 3, reason="this version has no runner")
def test_the_tool_runner_is_guarded_turn_by_turn(room: Any, twin: Any) -> None:
    """Each turn of the SDK's runner is a call; what its tool said is redacted before it leaves."""
    guard = room.guard()
    runner, ran = runner_of(twin.kind, guard)
    room.provider.script(
        [
            Answer(tool_calls=(ToolRequest("lookup_order", {"order": "ORD-00012345"}),)),
            Answer(content="done"),
        ]
    )
    request = {"model": "m", "input": f"for {CANARY}", "store": False}
    response = room.ask(guard, twin, lambda client: runner.run(client, request))
    assert response.output_text == "done"
    assert ran == ["ORD-00012345"]
    assert len(room.provider.journal) == 2
    assert b"bought by [[EMAIL:" in room.provider.received_bytes()
    assert room.provider.saw(CANARY) == ()


def runner_of(kind: Any, guard: Guard) -> tuple[Any, list[str]]:
    """Return the SDK's runner with one guarded tool, and the orders that the tool was asked for."""
    from openai.lib import responses_tool_runner as library

    ran: list[str] = []

    @guard.tool
    def lookup_order(order: str) -> str:
        ran.append(order)
        return f"bought by {CANARY}"

    async def look_up(given: dict[str, object]) -> str:
        return await asyncio.to_thread(lookup_order, order=str(given["order"]))

    if kind is AsyncOpenAI:
        function = library.AsyncRegisteredFunction(TOOL, look_up)  # type: ignore[arg-type]  # a plain dict
        return library.AsyncResponsesToolRunner(functions=[function]), ran
    plain = library.RegisteredFunction(TOOL, lambda given: lookup_order(order=str(given["order"])))  # type: ignore[arg-type]  # as above
    return library.ResponsesToolRunner(functions=[plain]), ran


def test_webhooks_are_read_without_the_guard(room: Any, twin: Any) -> None:
    """What reads a message that came by another way sends nothing and is left alone."""
    guard = room.guard()
    with pytest.raises(ValueError, match="webhook"):
        twin.take(lambda plain: guard.wrap(plain).webhooks.unwrap("{}", {}, secret="whsec_eA=="))
    assert room.provider.connections == 0
    assert not room.entries
