# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What do the attacks run against: a guard of the starter policy and a provider that keeps all."""

import asyncio
import inspect
import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from anthropic import Anthropic, AsyncAnthropic
from openai import AsyncOpenAI, OpenAI
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentguard import AgentGuardError, ApprovalPending, Guard
from agentguard.approvals import sign_vote, with_vote
from agentguard.audit.entries import entry_fields
from agentguard.config import load
from agentguard.stores import Journal, SqliteStore
from agentguard.testing import LoopbackProvider
from agentguard.vocabulary import (
    Answer,
    ApprovalChange,
    ApprovalRequest,
    AuditEntry,
    EntryType,
)
from agentguard.wiring import now

TO = "jane.doe@customers.example"


@pytest.fixture
def spans() -> InMemorySpanExporter:
    """The spans that ended."""
    return InMemorySpanExporter()


@pytest.fixture
def tracing(spans: InMemorySpanExporter) -> TracerProvider:
    """A tracer provider that keeps spans in memory."""
    tracer_provider = TracerProvider()
    tracer_provider.add_span_processor(SimpleSpanProcessor(spans))
    return tracer_provider


@pytest.fixture
def guard(policy_file: Path, tracing: TracerProvider) -> Iterator[Guard]:
    """A guard of the starter policy."""
    with Guard.from_file(policy_file, tracer_provider=tracing) as made:
        yield made


OPEN = """
[[rule]]
id = "everything"
who = ["agent:support"]
for = ["group:support-team"]
provider = ["loopback"]
model = ["*"]
operation = ["inference", "upload", "state", "remote-run", "read", "delete"]
then = "allow"
"""


@pytest.fixture
def open_guard(tmp_path: Path, policy_file: Path, tracing: TracerProvider) -> Iterator[Guard]:
    """A guard whose policy lets support ask a loopback provider for anything usual."""
    path = tmp_path / "open.toml"
    path.write_text(policy_file.read_text().replace("agentguard.db", "open.db") + OPEN)
    with Guard.from_file(path, tracer_provider=tracing) as made:
        yield made


@pytest.fixture
def as_open_support(open_guard: Guard) -> Iterator[None]:
    """Run the test as the support agent for alice, before the open guard."""
    with open_guard.identity("agent:support", on_behalf_of="user:alice"):
        yield


@pytest.fixture
def acting_under(tmp_path: Path) -> Iterator[Callable[[str], Guard]]:
    """Give what makes a guard of a policy's text and acts as agent:a until the test ends."""
    with ExitStack() as blocks:

        def made(policy: str) -> Guard:
            path = tmp_path / "agentguard.toml"
            path.write_text(policy)
            guard = blocks.enter_context(Guard.from_file(path))
            blocks.enter_context(guard.identity("agent:a"))
            return guard

        yield made


@pytest.fixture
def client(guard: Guard, provider: LoopbackProvider) -> Iterator[OpenAI]:
    """A guarded client, bound to nobody."""
    with OpenAI(base_url=provider.base_url, api_key="not-a-key", max_retries=0) as plain:
        yield guard.wrap(plain)


class Twin:
    """One kind of client, and how what it returns is driven to its end."""

    def __init__(self, kind: Any, base_url: str) -> None:
        self.kind = kind
        self.base_url = base_url

    def make(self, **options: Any) -> Any:
        """Return a plain client of the provider."""
        given = {"base_url": self.base_url, "api_key": "not-a-key", "max_retries": 0, **options}
        return self.kind(**given)

    def take(self, way: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Hand a new client and the arguments to *way*, drive the result, close the client."""
        if self.kind.__name__.startswith("Async"):
            return asyncio.run(self._take_async(way, arguments, options))
        with self.make(**options) as plain:
            result = way(plain, *arguments)
            return result.__enter__() if hasattr(result, "__enter__") else result

    async def _take_async(
        self, way: Callable[..., Any], arguments: tuple[Any, ...], options: dict[str, Any]
    ) -> Any:
        async with self.make(**options) as plain:
            result = way(plain, *arguments)
            if inspect.isawaitable(result):
                return await result
            return await result.__aenter__() if hasattr(result, "__aenter__") else result


@pytest.fixture(params=[OpenAI, AsyncOpenAI])
def twin(request: pytest.FixtureRequest, provider: LoopbackProvider) -> Twin:
    """The sync client's twin and the async client's; a test with it runs for both."""
    return Twin(request.param, provider.base_url)


@pytest.fixture(params=[Anthropic, AsyncAnthropic])
def anthropic_twin(request: pytest.FixtureRequest, provider: LoopbackProvider) -> Twin:
    """The twins of Anthropic's clients."""
    return Twin(request.param, provider.base_url.removesuffix("/v1"))


def all_said(error: BaseException | None) -> str:
    """Return all that an error says, with its causes and contexts."""
    if error is None:
        return ""
    own = f"{error!r} {error} {vars(error)!r} {getattr(error, '__notes__', '')}"
    return own + all_said(error.__cause__) + all_said(error.__context__)


class Room:
    """Support's open policy with further lines, a provider, and what is left behind of a call."""

    def __init__(
        self,
        folder: Path,
        policy: str,
        provider: LoopbackProvider,
        spans: InMemorySpanExporter,
        entries: list[AuditEntry],
        tracing: TracerProvider,
    ) -> None:
        self.provider = provider
        self.spans = spans
        self.entries = entries
        self.guards: list[Guard] = []
        self._policy = policy
        self._folder = folder
        self._tracing = tracing

    def guard(self, lines: str = "", *, rule: str = "", provider: str = "") -> Guard:
        """Return a guard of the open policy.

        Args:
            lines: appended to the policy.
            rule: lines of the rules that allow everything usual, and chats.
            provider: lines of the provider on loopback.
        """
        text = self._policy.replace("agentguard.db", f"room-{len(self.guards)}.db")
        text = text.replace('id = "loopback"', f'id = "loopback"\n{provider}')
        text = (text + OPEN).replace('model = ["*"]', f'model = ["*"]\n{rule}')
        path = self._folder / f"room-{len(self.guards)}.toml"
        path.write_text(f"{text}\n{lines}", encoding="utf-8")
        self.guards.append(Guard.from_file(path, tracer_provider=self._tracing))
        return self.guards[-1]

    def twin_of(self, kind: Any, base_url: str) -> Twin:
        """Return the twin of a kind of client."""
        return Twin(kind, base_url)

    def ask(self, guard: Guard, twin: Twin, way: Callable[[Any], Any], **options: Any) -> Any:
        """Make a call as support for alice, with a guarded client, and return what it returns."""
        with guard.identity("agent:support", on_behalf_of="user:alice"):
            return twin.take(lambda plain: way(guard.wrap(plain)), **options)

    def refused(
        self, guard: Guard, twin: Twin, way: Callable[[Any], Any], *canaries: str
    ) -> AgentGuardError:
        """Make a call that is refused before a byte is sent, and return the refusal."""
        before = self.provider.connections
        with pytest.raises(AgentGuardError) as caught:
            self.ask(guard, twin, way)
        assert self.provider.connections == before
        assert caught.value.dispatched is False
        self.assert_untold(caught.value, *canaries)
        return caught.value

    def assert_untold(self, error: BaseException | None, *canaries: str) -> None:
        """No canary stands in an error, a span or an entry."""
        told = all_said(error) + "".join(str(dict(entry_fields(entry))) for entry in self.entries)
        told += "".join(span.to_json() for span in self.spans.get_finished_spans())
        assert not [canary for canary in canaries if canary in told]

    def classes(self) -> dict[str, int]:
        """Return how many of each class the entries of calls counted before dispatch."""
        counted = [e.classes for e in self.entries if e.type is EntryType.INTENT]
        return dict(counted[-1])


@pytest.fixture
def room(
    tmp_path: Path,
    policy_file: Path,
    provider: LoopbackProvider,
    spans: InMemorySpanExporter,
    entries: list[AuditEntry],
    tracing: TracerProvider,
) -> Iterator[Room]:
    """A room with the provider that repeats what the user said."""
    policy = policy_file.read_text(encoding="utf-8")
    made = Room(tmp_path, policy, provider, spans, entries, tracing)
    yield made
    for guard in made.guards:
        guard.close()


@pytest.fixture
def as_support(guard: Guard) -> Iterator[None]:
    """Run the test as the support agent for alice."""
    with guard.identity("agent:support", on_behalf_of="user:alice"):
        yield


Refund = Callable[[str, int, str], str]


class Desk:
    """A guarded refund tool, what it did, and an approver beside it."""

    def __init__(self, guard: Guard, policy_file: Path, private_key: bytes) -> None:
        self.guard = guard
        self.policy = load(policy_file).policy
        self.database = policy_file.parent / "agentguard.db"
        self.private_key = private_key
        self.ran: list[int] = []

        @guard.tool
        def refund(order: str, amount: int, to: str) -> str:
            self.ran.append(amount)
            return f"refunded {amount}"

        self.refund: Refund = refund

    def call(self, amount: int = 400, *, person: str = "user:alice", session: str = "s") -> str:
        """Ask for a refund in a session that can be met again."""
        with self.guard.identity("agent:support", on_behalf_of=person, session=session):
            return self.refund("ORD-00012345", amount, TO)

    def pending(self, amount: int = 400) -> str:
        """Ask for a refund that needs approval and return the request's id."""
        with pytest.raises(ApprovalPending) as caught:
            self.call(amount)
        return caught.value.request_id

    def request(self, request_id: str) -> ApprovalRequest:
        """Read a request."""
        with SqliteStoreOpen(self.database) as store:
            found = store.approval(request_id)
        assert found is not None
        return found

    def answer(
        self,
        request_id: str,
        answer: Answer = Answer.APPROVE,
        *,
        by: str = "user:carol",
        key: bytes = b"",
    ) -> None:
        """Answer as an approver's process does."""
        request = self.request(request_id)
        vote = sign_vote(
            request, approver=by, answer=answer, at=now(), private_key=key or self.private_key
        )
        after = with_vote(request, vote, self.policy.profiles["leads"], now())
        self.write(ApprovalChange(before=request, after=after, vote=vote))

    def write(self, change: ApprovalChange) -> None:
        """Write a change as another process."""
        with SqliteStoreOpen(self.database) as store:
            journal = Journal(store, now)
            entry = AuditEntry(type=EntryType.APPROVAL_VOTED, at=now())
            journal.append(entry, durable=True, change=change)
            journal.close()

    def tamper(self, sql: str, *values: object) -> None:
        """Change the database behind the guard's back, as somebody who owns the file can."""
        with closing(sqlite3.connect(self.database)) as connection, connection:
            for trigger in ("approval_stays_what_was_asked", "approval_stays_ended"):
                connection.execute(f"DROP TRIGGER IF EXISTS {trigger}")
            assert connection.execute(sql, values).rowcount == 1

    def alter(self, request: str, field: str, value: object) -> None:
        """Change one field of what was asked."""
        with closing(sqlite3.connect(self.database)) as connection:
            sql = "SELECT question FROM approval WHERE id = ?"
            question = json.loads(connection.execute(sql, (request,)).fetchone()[0])
        assert field in question
        written = json.dumps({**question, field: value}).encode()
        self.tamper("UPDATE approval SET question = ? WHERE id = ?", written, request)
        if field == "tool":
            self.tamper("UPDATE approval SET tool = ? WHERE id = ?", value, request)


class SqliteStoreOpen:
    """A store for the length of a block."""

    def __init__(self, path: Path) -> None:
        self._store = SqliteStore(path)

    def __enter__(self) -> SqliteStore:
        return self._store

    def __exit__(self, *_: object) -> None:
        self._store.close()


DeskOf = Callable[[Guard], Desk]


@pytest.fixture
def desk_of(policy_file: Path, approver_key: tuple[bytes, str]) -> DeskOf:
    """Give the function that puts a desk beside a guard of the policy file."""
    return lambda guard: Desk(guard, policy_file, approver_key[0])


@pytest.fixture
def desk(guard: Guard, desk_of: DeskOf) -> Desk:
    """A desk of the starter policy."""
    return desk_of(guard)


MARK = r"\[\[[A-Z_]+:[A-Z2-7]{8}\]\]"
TALK = """
[[rule]]
id = "everything"
who = ["agent:support"]
for = ["user:alice", "user:bob"]
provider = ["loopback"]
model = ["*"]
operation = ["inference"]
then = "allow"

[[tool]]
name = "send"
impact = "read_only"
receives = ["email"]

[[rule]]
id = "send"
who = ["agent:support"]
for = ["user:alice"]
tool = "send"
args.letter = { any = true }
then = "allow"

[[class]]
name = "project"
action = "redact"
in_answers = "redact"
values = ["operation silver falcon"]
"""


class Talk:
    """Turns of conversations with a guarded client, and what arrived at the provider."""

    def __init__(self, guard: Guard, provider: LoopbackProvider, folder: Path) -> None:
        self.guard = guard
        self.provider = provider
        self.folder = folder
        plain = OpenAI(base_url=provider.base_url, api_key="not-a-key", max_retries=0)
        self.client: Any = guard.wrap(plain)

    def as_alice(self, session: str = "s", person: str = "user:alice") -> Any:
        """Act as support for somebody, in a session that can be met again."""
        return self.guard.identity("agent:support", on_behalf_of=person, session=session)

    def chat(self, *messages: Any, session: str = "s", person: str = "user:alice") -> str:
        """Say messages, texts being what the user says, and return the answer."""
        said = [{"role": "user", "content": m} if isinstance(m, str) else m for m in messages]
        with self.as_alice(session, person):
            answer = self.client.chat.completions.create(model="m", messages=said)
        text: str = answer.choices[0].message.content
        return text

    def streamed(self, text: str) -> str:
        """Say a text and put the deltas of the answer together."""
        with self.as_alice():
            chunks = self.client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": text}], stream=True
            )
            return "".join(each.choices[0].delta.content or "" for each in chunks if each.choices)

    @property
    def sent(self) -> Any:
        """The body of the last request."""
        return self.provider.journal[-1].json

    def marks(self) -> list[str]:
        """Return the placeholders of the last request, in order."""
        return re.findall(MARK, json.dumps(self.sent))

    def returned(self, content: str) -> tuple[dict[str, Any], ...]:
        """Return what a tool said, behind the call that asked it."""
        call = {"name": "send", "arguments": "{}"}
        return (
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c", "type": "function", "function": call}],
            },
            {"role": "tool", "tool_call_id": "c", "content": content},
        )


@pytest.fixture
def talk(policy_file: Path, provider: LoopbackProvider, tracing: TracerProvider) -> Iterator[Talk]:
    """A conversation under the starter policy, with a tool that sends letters."""
    text = policy_file.read_text(encoding="utf-8")
    policy_file.write_text(text + TALK, encoding="utf-8")
    with Guard.from_file(policy_file, tracer_provider=tracing) as guard:
        made = Talk(guard, provider, policy_file.parent)
        with made.client:
            yield made


@pytest.fixture
def made_talk() -> Callable[..., Talk]:
    """Begin a conversation with another guard."""
    return Talk
