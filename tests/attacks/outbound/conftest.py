# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What do the attacks on requests of tools run against: servers, a policy, every HTTP library."""

import asyncio
import functools
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
import requests

from agentguard import Guard
from agentguard.integrations.httpx_clients import guard_http_client
from agentguard.integrations.requests_sessions import guard_session
from agentguard.testing.http_server import LoopbackServer
from agentguard.testing.received import Journal, Received
from agentguard.testing.replies import Reply

KINDS = ("httpx", "httpx-async", "httpx2", "httpx2-async", "requests")
LIBRARIES: dict[str, Any] = {"httpx": httpx, "httpx2": httpx2}
TOOLS = ("read", "write", "remove")

POLICY = """
version = 1
name = "outbound"

[deployment]
store = "outbound.db"

[[identity]]
id = "agent:crm"

[[tool]]
name = "read"
impact = "read_only"
http = ["GET", "HEAD"]
http_headers = ["authorization", "cookie", "x-listed"]
private_hosts = ["127.0.0.0/8"]

[[tool]]
name = "write"
impact = "reversible"
http = ["POST", "PUT"]
http_headers = ["authorization", "cookie", "x-listed"]
private_hosts = ["127.0.0.0/8"]

[[tool]]
name = "remove"
impact = "irreversible"
http = ["DELETE"]

[[rule]]
id = "reads"
who = "agent:crm"
tool = "read"
then = "allow"
[rule.args]
method = { any = true }
url.url = { hosts = ["a.test", "b.test"], schemes = ["http", "https"], ports = [PORTS], paths = ["/open"] }

[[rule]]
id = "writes"
who = "agent:crm"
tool = "write"
then = "allow"
[rule.args]
method = { any = true }
body = { any = true, optional = true }
url.url = { hosts = ["a.test"], schemes = ["http"], ports = [PORTS], paths = ["/open"] }
"""


class Server:
    """A server on loopback that says what it is told to."""

    def __init__(self) -> None:
        self.replies: dict[str, Reply | Callable[[Received], Reply]] = {}
        self.journal = Journal()
        self.http = LoopbackServer(self.journal, self._reply)
        self.port = self.http.server_port

    @property
    def received(self) -> tuple[Received, ...]:
        """What came so far."""
        return self.journal.requests()

    def url(self, path: str = "/open", host: str = "a.test") -> str:
        """Return an address here."""
        return f"http://{host}:{self.port}{path}"

    def _reply(self, request: Received) -> Reply:
        said = self.replies.get(request.url_path, Reply(200, {"path": request.path}))
        return said if isinstance(said, Reply) else said(request)


@pytest.fixture
def server() -> Iterator[Server]:
    """The server that the policy is about."""
    running = Server()
    running.http.start()
    yield running
    running.http.stop()


@pytest.fixture
def other_server() -> Iterator[Server]:
    """Another one, which the policy is about, too."""
    running = Server()
    running.http.start()
    yield running
    running.http.stop()


@pytest.fixture
def guard_with(
    tmp_path: Path, server: Server, other_server: Server
) -> Iterator[Callable[..., Guard]]:
    """Give what makes a guard of the policy, with more tables and other words."""
    with ExitStack() as guards:

        def made(more: str = "", **others: str) -> Guard:
            text = POLICY.replace("PORTS", f"{server.port}, {other_server.port}") + more
            for before, after in others.items():
                text = text.replace(before, after)
            path = tmp_path / "outbound.toml"
            path.write_text(text)
            return guards.enter_context(Guard.from_file(path))

        yield made


@pytest.fixture
def guard(guard_with: Callable[..., Guard]) -> Guard:
    """A guard of the policy."""
    return guard_with()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client got."""

    status: int
    content: bytes
    headers: dict[str, str]


@dataclass(slots=True)
class Names:
    """A name server: what each name leads to, and who was asked for."""

    addresses: dict[str, Sequence[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def __call__(self, host: str, _port: int) -> Sequence[str]:
        """Look a name up."""
        self.asked.append(host)
        return self.addresses.get(host, ("127.0.0.1",))


@pytest.fixture
def names() -> Names:
    """A name server that says of every name that it is this machine."""
    return Names()


@functools.cache
def _trusted() -> ssl.SSLContext:
    """Read whom clients trust once, for it takes each of them 20 ms."""
    return ssl.create_default_context()


class Sender:
    """Sends requests with one library, through a guard."""

    def __init__(self, kind: str, guard: Guard, names: Names) -> None:
        self.kind = kind
        self.guard = guard
        self.names = names
        self.library = LIBRARIES.get(kind.removesuffix("-async"))
        self.session: str | None = None

    def client(self, tools: Sequence[str] = TOOLS, **options: Any) -> Any:
        """Return a guarded client."""
        enforcer = self.guard._parts.enforcer
        if self.library is None:
            session = requests.Session()
            session.trust_env = False
            return guard_session(session, enforcer, tuple(tools), None, resolve=self.names)
        kind = self.library.AsyncClient if self.kind.endswith("-async") else self.library.Client
        made = kind(trust_env=False, verify=_trusted(), **options)
        return guard_http_client(made, enforcer, tuple(tools), None, resolve=self.names)

    def send(
        self,
        method: str,
        url: str,
        *,
        follow: bool = True,
        tools: Sequence[str] = TOOLS,
        **options: Any,
    ) -> Answer:
        """Send a request as the agent, with a client of its own."""
        (answer,) = self.send_all([(method, url, options)], tools, follow=follow)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def send_all(
        self,
        asked: Sequence[tuple[str, str, dict[str, Any]]],
        tools: Sequence[str] = TOOLS,
        *,
        follow: bool = True,
    ) -> list[Answer | Exception]:
        """Send requests as the agent with one client; what one raises is given in its place."""
        with self.guard.identity("agent:crm", session=self.session):
            if self.kind.endswith("-async"):
                return asyncio.run(self._send_async(asked, tools, follow=follow))
            with self.client(tools) as client:
                return [self._sent(client, *each, follow=follow) for each in asked]

    def _sent(
        self, client: Any, method: str, url: str, options: dict[str, Any], *, follow: bool
    ) -> Answer | Exception:
        options = dict(options)
        if self.library is None:
            options["data"] = options.pop("content", options.get("data"))
            options["allow_redirects"] = follow
        else:
            options["follow_redirects"] = follow
        try:
            got = client.request(method, url, **options)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            return error
        return Answer(got.status_code, got.content, dict(got.headers))

    async def _send_async(
        self,
        asked: Sequence[tuple[str, str, dict[str, Any]]],
        tools: Sequence[str],
        *,
        follow: bool,
    ) -> list[Answer | Exception]:
        answers: list[Answer | Exception] = []
        async with self.client(tools) as client:
            for method, url, options in asked:
                try:
                    got = await client.request(method, url, follow_redirects=follow, **options)
                    answers.append(Answer(got.status_code, got.content, dict(got.headers)))
                except Exception as error:  # noqa: BLE001 - the test looks at it
                    answers.append(error)
        return answers


@pytest.fixture(params=KINDS)
def sender(request: pytest.FixtureRequest, guard: Guard, names: Names) -> Sender:
    """Something that sends requests through the guard, with each library."""
    return Sender(request.param, guard, names)


@pytest.fixture(params=KINDS)
def sender_of(request: pytest.FixtureRequest, names: Names) -> Callable[[Guard], Sender]:
    """Give what sends requests through another guard, with each library."""
    return lambda guard: Sender(request.param, guard, names)
