# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What do the attacks on websockets run against: a guard that allows them, and a server."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI, OpenAI

from agentguard import Guard
from agentguard.testing import LoopbackSocket

RULE = """
[[rule]]
id = "sockets"
who = ["agent:support"]
for = ["group:support-team"]
provider = ["loopback"]
model = ["*"]
operation = [
    "WS /responses", "WS /realtime", "WS /realtime/translations", "WS /live/sessions",
    "WS /live/sessions/{}/attach", "WS /live/sessions/{}/fork",
]
references = [REFERENCES]
then = "allow"
"""


@pytest.fixture
def socket_rule() -> str:
    """The rule that allows every websocket on loopback, for what refers to nothing."""
    return RULE.replace("REFERENCES", "")


@pytest.fixture
def make_guard(tmp_path: Path, policy_file: Path) -> Iterator[Callable[..., Guard]]:
    """Give what makes a guard whose policy allows every websocket on loopback."""
    made: list[Guard] = []

    def make(references: str = "", more: str = "") -> Guard:
        path = tmp_path / f"sockets{len(made)}.toml"
        rule = RULE.replace("REFERENCES", references)
        path.write_text(
            policy_file.read_text().replace("agentguard.db", f"{path.stem}.db") + rule + more
        )
        made.append(Guard.from_file(path))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def sockets(make_guard: Callable[..., Guard]) -> Guard:
    """A guard whose policy allows every websocket that is begun, on loopback."""
    return make_guard()


@pytest.fixture
def server() -> Iterator[LoopbackSocket]:
    """A server that repeats what it is asked."""
    with LoopbackSocket() as started:
        yield started


@pytest.fixture
def silent() -> Iterator[LoopbackSocket]:
    """A server that answers nothing, so that nothing is left to read at the end."""
    with LoopbackSocket(lambda _: (), greeting=lambda _: ()) as started:
        yield started


class Waiting:
    """A synchronous object whose methods can be awaited."""

    def __init__(self, plain: Any) -> None:
        self.plain = plain

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.plain, name)
        if not callable(found):
            return Waiting(found)

        async def call(*arguments: Any, **options: Any) -> Any:
            return found(*arguments, **options)

        return call


class Talk:
    """One kind of client, and how a story is told with it, whichever it is."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind

    def client(self, server: LoopbackSocket, **options: Any) -> Any:
        """Return a plain client of the server."""
        return self.kind(base_url=server.base_url, api_key="not-a-key", max_retries=0, **options)

    @staticmethod
    @asynccontextmanager
    async def entered(manager: Any) -> AsyncIterator[Any]:
        """Enter a manager of either kind; what it gives can be awaited."""
        if hasattr(manager, "__aenter__"):
            async with manager as inside:
                yield inside
        else:
            with manager as inside:
                yield Waiting(inside)

    @staticmethod
    def connect(client: Any, where: str, **options: Any) -> Any:
        """Return the manager of a connection."""
        return attrgetter(where)(client).connect(**options)

    @staticmethod
    def run(guard: Guard, story: Callable[[], Any], **identity: Any) -> Any:
        """Run a story as the support agent for alice."""
        with guard.identity("agent:support", on_behalf_of="user:alice", **identity):
            return asyncio.run(story())

    @staticmethod
    async def drain(connection: Any, into: list[Any]) -> None:
        """Receive events until there are no more."""
        while True:
            into.append(await connection.recv())

    @staticmethod
    async def done(result: Any) -> Any:
        """Await what is awaitable."""
        return await result if inspect.isawaitable(result) else result

    @staticmethod
    async def until(connection: Any, last: str) -> list[Any]:
        """Receive events up to the first of a type."""
        events = [await connection.recv()]
        while events[-1].type != last:
            events.append(await connection.recv())
        return events

    @staticmethod
    def texts(events: list[Any], kind: str = "response.output_text.delta") -> str:
        """Put the deltas of events together."""
        return "".join(event.delta for event in events if event.type == kind)


@pytest.fixture(params=[OpenAI, AsyncOpenAI])
def talk(request: pytest.FixtureRequest) -> Talk:
    """Both kinds of client; a test with it runs for each."""
    return Talk(request.param)
