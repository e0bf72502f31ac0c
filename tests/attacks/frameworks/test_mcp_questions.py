# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A server that asks its client something gets nothing that was not decided."""

import asyncio
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp.types import (
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    ErrorData,
    ListRootsRequest,
    ListRootsResult,
    LoggingMessageNotification,
    LoggingMessageNotificationParams,
    Root,
    SamplingMessage,
    TextContent,
)

from agentguard import Guard
from agentguard.testing.mcp_server import ScriptedServer, texts, tool

SECRET = "operation silver falcon"
POLICY = """
version = 1
name = "mcp"

[[identity]]
id = "agent:a"

[[identity]]
id = "agent:b"

[[tool]]
name = "ask"
impact = "read_only"

[[rule]]
id = "asking"
who = ["agent:a", "agent:b"]
tool = "ask"
then = "allow"

[[class]]
name = "project"
action = "block"
values = ["operation silver falcon"]
"""
ANSWERS = """
[[tool]]
name = "answer_sampling"
impact = "irreversible"

[[tool]]
name = "answer_elicitation"
impact = "irreversible"

[[tool]]
name = "answer_roots"
impact = "irreversible"

[[rule]]
id = "sampling"
who = "agent:a"
tool = "answer_sampling"
args.text = { any = true }
then = "allow"

[[rule]]
id = "elicitation"
who = "agent:a"
tool = "answer_elicitation"
args.action = { in = ["accept", "decline"] }
args.content = { any = true, optional = true }
then = "allow"

[[rule]]
id = "roots"
who = "agent:a"
tool = "answer_roots"
args.uris = { each = ["file:///work"] }
then = "allow"
"""
FORM = {"type": "object", "properties": {"name": {"type": "string"}}}
WHAT = SamplingMessage(role="user", content=TextContent(type="text", text="what do you know?"))
QUESTIONS: dict[str, tuple[Any, Any]] = {
    "sampling/createMessage": (
        CreateMessageRequest(params=CreateMessageRequestParams(messages=[WHAT], max_tokens=10)),
        CreateMessageResult,
    ),
    "elicitation/create": (
        ElicitRequest(params=ElicitRequestFormParams(message="who?", requested_schema=FORM)),
        ElicitResult,
    ),
    "roots/list": (ListRootsRequest(), ListRootsResult),
}


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    """A guard whose policy says nothing of answers."""
    yield from _guard(tmp_path_factory.mktemp("closed"), POLICY)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    """A guard whose policy lets agent:a answer."""
    yield from _guard(tmp_path_factory.mktemp("opened"), POLICY + ANSWERS)


def _guard(folder: Path, policy: str) -> Iterator[Guard]:
    path = folder / "agentguard.toml"
    path.write_text(policy)
    with Guard.from_file(path) as made:
        yield made


class Asking:
    """A server whose tool asks the client something, and what the client answered."""

    def __init__(self, method: str, *, waits: bool = False) -> None:
        self.script = ScriptedServer(tool("ask"))
        self._both = asyncio.Event()
        self._waits = waits
        self.script.server.middleware.insert(0, self._ask)
        self.method = method
        self.got: Any = None

    async def _ask(self, ctx: Any, call_next: Any) -> Any:
        if ctx.method == "tools/call":
            if self._waits:
                first = not self._both.is_set() and self.got is None
                if first:
                    self.got = "waits"
                    await self._both.wait()
                    return texts("waited")
            try:
                self.got = await ctx.session.send_request(*QUESTIONS[self.method])
            except MCPError as error:
                self.got = error.error
            self._both.set()
            return texts("asked")
        return await call_next(ctx)

    def capabilities(self) -> Any:
        """Return what the client said that it can do."""
        return self.script.sent("initialize")[0]["capabilities"]


def asked(
    guard: Guard,
    method: str,
    said: str,
    who: str = "agent:a",
    *,
    opener: str | None = None,
    beside: str | None = None,
    **more: Any,
) -> Asking:
    """Let a server ask a guarded client, whose callbacks answer with a text.

    Args:
        guard: guards the client.
        method: what the server asks.
        said: what the client would answer.
        who: makes the call in which the server asks.
        opener: opened the session, None for nobody.
        beside: has another call under way, None for nobody.
        more: other callbacks.
    """
    asking = Asking(method, waits=beside is not None)

    async def sampling(*_: Any) -> CreateMessageResult:
        content = TextContent(type="text", text=said)
        return CreateMessageResult(role="assistant", content=content, model=SECRET)

    async def elicitation(*_: Any) -> ElicitResult:
        return ElicitResult(action="accept", content={"name": said})

    async def roots(*_: Any) -> ListRootsResult:
        return ListRootsResult.model_validate({"roots": [{"uri": said, "name": SECRET}]})

    given: dict[str, Any] = {
        "sampling_callback": sampling,
        "elicitation_callback": elicitation,
        "list_roots_callback": roots,
        **more,
    }

    async def call(client: Client, caller: str) -> None:
        with guard.identity(caller):
            await client.call_tool("ask", {})

    async def act() -> None:
        with nullcontext() if opener is None else guard.identity(opener):
            client = guard.wrap(Client(asking.script.server, mode="legacy", **given))
            await client.__aenter__()
        # Out of the block that the session was opened in, whose context the reader keeps.
        try:
            calls = [call(client, each) for each in (who, beside) if each is not None]
            await asyncio.gather(*calls)
        finally:
            await client.__aexit__(None, None, None)

    asyncio.run(act())
    return asking


@pytest.mark.parametrize("method", QUESTIONS)
def test_nothing_is_answered_that_the_policy_does_not_declare(closed: Guard, method: str) -> None:
    """Without a tool for answers a server is offered none, and gets none when it asks."""
    asking = asked(closed, method, "harmless")
    assert isinstance(asking.got, ErrorData)
    assert asking.capabilities() == {}


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("sampling/createMessage", "harmless"),
        ("elicitation/create", "harmless"),
        ("roots/list", "file:///work"),
    ],
)
def test_an_answer_that_is_allowed_is_sent(opened: Guard, method: str, said: str) -> None:
    """What the policy allows is sent, and nothing beside it."""
    asking = asked(opened, method, said)
    assert said in str(asking.got)
    assert SECRET not in str(asking.got)


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("sampling/createMessage", SECRET),
        ("elicitation/create", SECRET),
        ("roots/list", "file:///home"),
    ],
)
def test_an_answer_that_is_not_allowed_is_not_sent(opened: Guard, method: str, said: str) -> None:
    """A class that may not leave, and a folder of no rule, keep the answer here."""
    # The story: a server asks the host's model for what it knows of the conversation.
    asking = asked(opened, method, said)
    assert isinstance(asking.got, ErrorData)
    assert said not in str(asking.got)


def test_an_answer_is_that_of_whoever_made_the_call(opened: Guard) -> None:
    """Whoever may not answer answers nothing, also in a session that somebody else opened."""
    asking = asked(opened, "sampling/createMessage", "harmless", "agent:b")
    assert isinstance(asking.got, ErrorData)
    asking = asked(opened, "sampling/createMessage", "harmless", "agent:b", opener="agent:a")
    assert isinstance(asking.got, ErrorData)
    asking = asked(opened, "sampling/createMessage", "harmless", "agent:a", opener="agent:b")
    assert "harmless" in str(asking.got)


def test_a_question_in_calls_of_several_callers_is_nobodys(opened: Guard) -> None:
    """While two callers wait for the server, what it asks is answered for neither."""
    asking = asked(opened, "sampling/createMessage", "harmless", "agent:b", beside="agent:a")
    assert isinstance(asking.got, ErrorData)


@pytest.mark.parametrize("who", ["agent:a", None])
def test_a_question_outside_a_call_is_that_of_the_running_code(
    opened: Guard, who: str | None
) -> None:
    """Without a call under way, whoever the SDK's task knows answers, and nobody answers nothing."""
    script, got = ScriptedServer(), list[Any]()

    async def ask(ctx: Any, call_next: Any) -> Any:
        if ctx.method == "ping":
            try:
                got.append(await ctx.session.send_request(*QUESTIONS["sampling/createMessage"]))
            except MCPError as error:
                got.append(error.error)
        return await call_next(ctx)

    script.server.middleware.insert(0, ask)

    async def sampling(context: Any, params: Any) -> CreateMessageResult:
        content = TextContent(type="text", text="harmless")
        return CreateMessageResult(role="assistant", content=content, model="m")

    async def act() -> None:
        plain = Client(script.server, mode="legacy", sampling_callback=sampling)
        with nullcontext() if who is None else opened.identity(who):
            async with opened.wrap(plain) as client:
                await client.session.send_ping()

    asyncio.run(act())
    assert isinstance(got[0], CreateMessageResult if who else ErrorData)


def test_a_bound_session_answers_as_its_caller(opened: Guard) -> None:
    """A session that is bound to somebody answers for them, without a block around."""
    asking = Asking("sampling/createMessage")

    async def sampling(context: Any, params: Any) -> CreateMessageResult:
        content = TextContent(type="text", text="harmless")
        return CreateMessageResult(role="assistant", content=content, model="m")

    async def act() -> None:
        plain = Client(asking.script.server, mode="legacy", sampling_callback=sampling)
        async with opened.wrap(plain, identity="agent:a") as client:
            await client.call_tool("ask", {})

    asyncio.run(act())
    assert "harmless" in str(asking.got)


def test_a_callback_that_fails_says_nothing(opened: Guard) -> None:
    """The text of an error, and of a refusal of the program's own, stays here."""
    # The story: the SDK tells a server the text of what a callback raises.

    async def raising(*_: Any) -> Any:
        raise ValueError(SECRET)

    async def refusing(*_: Any) -> ErrorData:
        return ErrorData(code=-1, message=SECRET, data=SECRET)

    async def picture(*_: Any) -> CreateMessageResult:
        return CreateMessageResult.model_validate(
            {
                "role": "assistant",
                "content": {"type": "image", "data": "aGk=", "mimeType": "image/png"},
                "model": "m",
            }
        )

    for plain in (raising, refusing, picture):
        asking = asked(opened, "sampling/createMessage", "x", sampling_callback=plain)
        assert isinstance(asking.got, ErrorData)
        assert SECRET not in str(asking.got)


def test_what_a_server_tells_on_its_own_is_dropped(opened: Guard) -> None:
    """Logs, progress and changes of resources bring no text in; that lists changed is passed on."""
    heard: list[Any] = []
    script = ScriptedServer(tool("ask"))

    async def tell(ctx: Any, call_next: Any) -> Any:
        if ctx.method == "tools/call":
            said = LoggingMessageNotificationParams(level="info", data=SECRET)
            await ctx.session.send_notification(LoggingMessageNotification(params=said))
            await ctx.session.send_resource_updated(SECRET)
            await ctx.session.report_progress(1, 2, SECRET)
            await ctx.session.send_tool_list_changed()
        return await call_next(ctx)

    script.server.middleware.insert(0, tell)

    async def act() -> None:
        changed = asyncio.Event()

        async def hear(message: Any) -> None:
            heard.append(message)
            changed.set()

        async def log(params: Any) -> None:
            heard.append(params)

        async def progress(progress: float, total: float | None, message: str | None) -> None:
            heard.append((progress, total, message))

        plain = Client(script.server, mode="legacy", message_handler=hear, logging_callback=log)
        with opened.identity("agent:a"):
            async with opened.wrap(plain) as client:
                await client.call_tool("ask", {}, progress_callback=progress)
                await changed.wait()

    asyncio.run(act())
    assert SECRET not in str(heard)
    assert any(type(each).__name__ == "ToolListChangedNotification" for each in heard)


def test_roots_are_told_by_their_addresses_alone() -> None:
    """A root has a name as well, which no rule speaks of."""
    assert {"uri", "name"} <= Root.model_fields.keys()
