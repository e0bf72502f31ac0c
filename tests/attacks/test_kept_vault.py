# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a vault that is kept on disk give values back, to nobody else, and never in clear?

Several guards on one vault stand for the processes of one deployment. A process that dies while
its request is at the provider is a process of its own.
"""

import asyncio
import base64
import gc
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI, OpenAI

from agentguard import ConfigError, ContentRefused, Guard, GuardFailure, IdentityRequired
from agentguard.stores import Journal
from agentguard.testing import Answer, LoopbackProvider, echo
from agentguard.wiring import now

KEY = base64.b64encode(bytes(range(32))).decode()
OTHER_KEY = base64.b64encode(bytes(range(1, 33))).decode()
MAIL = "canary.kept@leak.example"
MARK = re.compile(r"\[\[[A-Z_]+:[A-Z2-7]{8}\]\]")
TENANT = 'scope = "tenant"'
REFUSING = "CREATE TRIGGER no BEFORE INSERT ON vault BEGIN SELECT RAISE(ABORT, ''); END"


def policy_of(text: str, number: int, vault: str) -> str:
    """Return the starter policy with an audit log of its own and a vault."""
    return f"""{text.replace("agentguard.db", f"{number}.db")}
[vault]
{vault}
"""


class Deployment:
    """Guards of one deployment, each like one in a process of its own."""

    def __init__(self, folder: Path, policy: str, provider: LoopbackProvider) -> None:
        self.folder = folder
        self.provider = provider
        self._policy = policy
        self._guards: list[Guard] = []

    def file(self, vault: str = "", key: str = KEY) -> Path:
        """Write a policy file that keeps the vault with a key."""
        keys = self.folder / "vault.key"
        keys.write_text(key, encoding="ascii")
        keys.chmod(0o600)
        number = len(list(self.folder.glob("*.toml")))
        path = self.folder / f"{number}.toml"
        text = policy_of(self._policy, number, f'key_file = "vault.key"\n{vault}')
        path.write_text(text, encoding="utf-8")
        return path

    def guard(self, vault: str = "", key: str = KEY) -> Guard:
        """Start a guard that keeps its vault with a key."""
        self._guards.append(Guard.from_file(self.file(vault, key)))
        return self._guards[-1]

    def ask(self, guard: Guard, text: str, *, said: str | None = None, **who: str | None) -> str:
        """Ask as support for alice, in a named session, and return the answer.

        The provider repeats the question. *said* is what the model said before it.
        """
        before = [] if said is None else [{"role": "assistant", "content": said}]
        identity: dict[str, Any] = {"on_behalf_of": "user:alice", "session": "conv-17", **who}
        messages: Any = [*before, {"role": "user", "content": text}]
        with (
            OpenAI(base_url=self.provider.base_url, api_key="not-a-key", max_retries=0) as plain,
            guard.identity("agent:support", **identity),
        ):
            client = guard.wrap(plain)
            answer = client.chat.completions.create(model="m", messages=messages)
        return answer.choices[0].message.content or ""

    def sent(self) -> str:
        """Return what the user said in the last request, as it was sent."""
        text: str = self.provider.journal[-1].json["messages"][-1]["content"]
        return text

    def on_disk(self) -> bytes:
        """Return every byte of the vault's files."""
        return b"".join(path.read_bytes() for path in self.folder.glob("agentguard-vault.db*"))

    def close(self) -> None:
        """Stop all guards."""
        for guard in self._guards:
            guard.close()


def marked(request: Mapping[str, Any]) -> Answer:
    """Say what the user said, or the first placeholder of what the model said before."""
    said = [each["content"] for each in request["messages"] if each["role"] == "assistant"]
    found = MARK.search(said[0]) if said else None
    return Answer(f"I wrote to {found.group()}") if found else echo(request)


@pytest.fixture
def provider() -> Iterator[LoopbackProvider]:
    """A provider that repeats what was said."""
    with LoopbackProvider(marked) as running:
        yield running


@pytest.fixture
def deployment(
    tmp_path: Path, policy_file: Path, provider: LoopbackProvider
) -> Iterator[Deployment]:
    """A deployment without a guard yet."""
    folder = tmp_path / "deployment"
    folder.mkdir()
    made = Deployment(folder, policy_file.read_text(encoding="utf-8"), provider)
    yield made
    made.close()


def test_a_named_session_goes_on_in_another_process(deployment: Deployment) -> None:
    """A placeholder that one process issued is turned back by another, in the same session."""
    first, second = deployment.guard(), deployment.guard()
    assert deployment.ask(first, f"write to {MAIL}") == f"write to {MAIL}"
    mark = deployment.sent().removeprefix("write to ")
    assert MARK.fullmatch(mark)
    assert deployment.ask(second, "go on", said=mark) == f"I wrote to {MAIL}"
    assert deployment.ask(second, f"write to {MAIL}") == f"write to {MAIL}"
    assert deployment.sent() == f"write to {mark}"
    assert not deployment.provider.saw(MAIL)


def test_what_was_hidden_once_is_known_in_another_process(deployment: Deployment) -> None:
    """A value that only its surroundings gave away is hidden when it comes alone, elsewhere."""
    first, second = deployment.guard(), deployment.guard()
    deployment.ask(second, "hello")
    deployment.ask(first, "amqp://shop:pa55word-canary@mq")
    deployment.ask(second, "is pa55word-canary still right?")
    assert not deployment.provider.saw("pa55word-canary")


@pytest.mark.parametrize("vault", ["", TENANT])
def test_nobody_else_gets_a_value_back(deployment: Deployment, vault: str) -> None:
    """Another person, another session and another tenant do not resolve the placeholder."""
    first, second = deployment.guard(vault), deployment.guard(vault)
    deployment.ask(first, f"write to {MAIL}", tenant="acme")
    mark = deployment.sent().removeprefix("write to ")
    others: list[dict[str, str]] = [
        {"session": "conv-18", "tenant": "globex"},
        {"tenant": "globex"},
    ]
    if not vault:
        others.append({"session": "conv-18", "tenant": "acme"})
    for other in others:
        assert MAIL not in deployment.ask(second, "go on", said=mark, **other)
    with second.identity("agent:support", on_behalf_of="user:alice", session="conv-17"):
        pass
    answer = deployment.ask(second, "go on", said=mark, tenant="acme")
    assert answer == f"I wrote to {MAIL}"


def test_a_tenants_sessions_share_placeholders(deployment: Deployment) -> None:
    """Where the policy asks for it, a value has one placeholder in all sessions of a tenant."""
    guards = [deployment.guard(f'{TENANT}\ntenant = "acme"') for _ in range(2)]
    marks = set()
    for number, guard in enumerate(guards):
        deployment.ask(guard, MAIL, session=f"conv-{number}")
        marks.add(deployment.sent())
    (mark,) = marks
    answer = deployment.ask(guards[0], "go on", said=mark, session="conv-9")
    assert answer == f"I wrote to {MAIL}"
    deployment.ask(guards[0], MAIL, session="conv-1", tenant="globex")
    assert deployment.sent() != mark


def test_a_shared_vault_without_a_tenant_refuses(deployment: Deployment) -> None:
    """A call that names no tenant is refused before anything is sent, and told what to write."""
    guard = deployment.guard(TENANT)
    with pytest.raises(GuardFailure, match=r"tenant=") as caught:
        deployment.ask(guard, "hello")
    assert (caught.value.part, caught.value.dispatched) == ("vault", False)
    assert not deployment.provider.journal


def test_a_tenant_is_not_changed_inside_a_block(deployment: Deployment) -> None:
    """A nested identity stays in its tenant, and an object bound to one is refused in another."""
    guard = deployment.guard()
    with guard.identity("agent:support", tenant="acme"):
        with pytest.raises(IdentityRequired), guard.identity("agent:billing", tenant="globex"):
            pass
        with guard.identity("agent:support", session="s") as inner:
            assert inner.tenant == "acme"
    with OpenAI(base_url=deployment.provider.base_url, api_key="not-a-key") as plain:
        bound = guard.bind(plain, "agent:support", tenant="acme")
        for tenant in ("globex", None):
            with (
                guard.identity("agent:support", tenant=tenant),
                pytest.raises(IdentityRequired, match="tenants"),
            ):
                bound.models.list()
    with pytest.raises(IdentityRequired):
        guard.bind(plain, "agent:support", tenant="größe")


def test_nothing_is_on_disk_in_clear(deployment: Deployment) -> None:
    """Neither values nor keys of the payload, sessions, tenants or persons are in the files."""
    guard = deployment.guard()
    deployment.ask(guard, f"write to {MAIL}", session="session-canary", tenant="tenant-canary")
    assert b"EMAIL" in deployment.on_disk()
    for canary in (MAIL, "leak.example", "session-canary", "tenant-canary", "alice", "messages"):
        assert canary.encode() not in deployment.on_disk()
    guard.close()
    assert MAIL.encode() not in deployment.on_disk()


def test_a_session_without_a_name_leaves_nothing(deployment: Deployment) -> None:
    """What nobody can come back to in another process is not written down."""
    guard = deployment.guard()
    assert deployment.ask(guard, MAIL, session=None) == MAIL
    assert b"[[EMAIL" not in deployment.on_disk()


def test_a_nameless_session_is_kept_from_when_it_has_a_name(deployment: Deployment) -> None:
    """Who comes back to a session by its id finds its values, here and in another process."""
    first, second = deployment.guard(), deployment.guard()
    with first.identity("agent:support", on_behalf_of="user:alice") as caller:
        deployment.ask(first, MAIL, session=None)
        mark = deployment.sent()
        answer = deployment.ask(first, "go on", said=mark, session=caller.session)
    assert answer == f"I wrote to {MAIL}"
    assert deployment.ask(second, "go on", said=mark, session=caller.session) == answer


def test_a_wrong_key_starts_no_guard(deployment: Deployment) -> None:
    """A guard whose key did not seal the vault does not start, unless it also has the old one."""
    deployment.ask(deployment.guard(), MAIL)
    mark = deployment.sent()
    with pytest.raises(ConfigError, match="sealed with another key") as caught:
        deployment.guard(key=OTHER_KEY)
    assert KEY not in str(caught.value)
    old = deployment.folder / "old.key"
    old.write_text(KEY, encoding="ascii")
    old.chmod(0o600)
    guard = deployment.guard('old_key_files = ["old.key"]', key=OTHER_KEY)
    assert deployment.ask(guard, "go on", said=mark) == f"I wrote to {MAIL}"


def test_a_guard_that_did_not_start_leaves_nothing_open(deployment: Deployment) -> None:
    """A vault that cannot be opened starts no guard, and no audit log is left to write at exit."""
    path = deployment.file()
    (deployment.folder / "agentguard-vault.db").write_bytes(b"no vault at all" * 100)
    opened = journals()
    with pytest.raises(ConfigError):
        Guard.from_file(path)
    assert journals() == opened


def journals() -> int:
    """Count the audit logs that this process has open."""
    gc.collect()
    return sum(isinstance(each, Journal) for each in gc.get_objects())


def test_a_row_that_was_changed_refuses(deployment: Deployment) -> None:
    """Whoever makes a one-way value reversible on disk gets a refusal, not the value."""
    guard = deployment.guard()
    deployment.ask(guard, "amqp://shop:pa55word-canary@mq")
    with closing(sqlite3.connect(deployment.folder / "agentguard-vault.db")) as connection:
        connection.execute("UPDATE vault SET reversible = 1")
        connection.commit()
    before = len(deployment.provider.journal)
    with pytest.raises(GuardFailure, match="not what was written") as caught:
        deployment.ask(deployment.guard(), "hello")
    assert (caught.value.part, caught.value.dispatched) == ("vault", False)
    assert len(deployment.provider.journal) == before


@pytest.mark.parametrize("kind", [OpenAI, AsyncOpenAI])
def test_what_cannot_be_kept_does_not_leave(deployment: Deployment, kind: Any) -> None:
    """Once a placeholder could not be kept, the session is refused until it can."""
    guard = deployment.guard()
    who: dict[str, Any] = {"on_behalf_of": "user:alice", "session": "s"}

    async def ask(text: str) -> Any:
        with guard.identity("agent:support", **who):
            plain = kind(base_url=deployment.provider.base_url, api_key="no", max_retries=0)
            client = guard.wrap(plain)
            result = client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": text}]
            )
            result = await result if kind is AsyncOpenAI else result
            closed = client.close()
            if kind is AsyncOpenAI:
                await closed
            return result

    asyncio.run(ask(MAIL))
    path = deployment.folder / "agentguard-vault.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(REFUSING)
        before = len(deployment.provider.journal)
        for text in ("write to canary.new@leak.example", "hello"):
            with pytest.raises(GuardFailure, match="cannot be written") as caught:
                asyncio.run(ask(text))
            assert (caught.value.part, caught.value.dispatched) == ("vault", False)
            assert "leak" not in str(caught.value)
        assert len(deployment.provider.journal) == before
        connection.execute("DROP TRIGGER no")
    asyncio.run(ask(f"write to {MAIL}"))
    assert not deployment.provider.saw("leak.example")


@pytest.mark.parametrize("streams", [False, True])
def test_an_answer_that_cannot_be_kept_is_withheld(
    deployment: Deployment, *, streams: bool
) -> None:
    """What would be hidden in an answer is not shown before it is kept, and the call did happen."""
    guard = deployment.guard()
    path = deployment.folder / "agentguard-vault.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(REFUSING)
    deployment.provider.script([Answer(f"use gh{'p_' + '0aB' * 12} today")])
    given: Any = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    with (
        OpenAI(base_url=deployment.provider.base_url, api_key="no", max_retries=0) as plain,
        guard.identity("agent:support", on_behalf_of="user:alice", session="s"),
        pytest.raises(GuardFailure, match="cannot be written") as caught,
    ):
        list(guard.wrap(plain).chat.completions.create(**given, stream=streams))
    assert (caught.value.part, caught.value.dispatched) == ("vault", True)


def test_a_file_that_is_gone_refuses(deployment: Deployment) -> None:
    """Without its vault a guard lets nothing through."""
    guard = deployment.guard()
    deployment.ask(guard, "hello")
    (deployment.folder / "agentguard-vault.db").unlink()
    with pytest.raises(GuardFailure) as caught:
        deployment.ask(guard, "hello")
    assert caught.value.part == "vault"


DYING = """
import sys
from openai import OpenAI
from agentguard import Guard

guard = Guard.from_file(sys.argv[1])
client = guard.wrap(OpenAI(base_url=sys.argv[2], api_key="not-a-key", max_retries=0))
with guard.identity("agent:support", on_behalf_of="user:alice", session="conv-17"):
    client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "write to " + sys.argv[3]}]
    )
"""


def test_what_left_before_a_crash_is_known_after_it(deployment: Deployment) -> None:
    """A process that is killed while its request is away has kept what the request holds."""
    provider = deployment.provider
    provider.script([Answer("late", delay=timedelta(seconds=20))])
    arguments = [str(deployment.file()), provider.base_url, MAIL]
    with subprocess.Popen([sys.executable, "-c", DYING, *arguments]) as process:
        provider.wait_for(1, timeout=timedelta(seconds=60))
        process.send_signal(signal.SIGKILL)
    mark = deployment.sent().removeprefix("write to ")
    answer = deployment.ask(deployment.guard(), "go on", said=mark)
    assert answer == f"I wrote to {MAIL}"


def test_what_is_hidden_in_an_answer_is_kept_before_it_is_shown(deployment: Deployment) -> None:
    """A secret that a model says is known in another process, whole or streamed."""
    guards = [deployment.guard(), deployment.guard()]
    secret = "gh" + "p_" + "0aB" * 12
    for streamed in (False, True):
        deployment.provider.script([Answer(f"use {secret} today")])
        who: dict[str, Any] = {"on_behalf_of": "user:alice", "session": f"s-{streamed}"}
        with (
            OpenAI(base_url=deployment.provider.base_url, api_key="no", max_retries=0) as plain,
            guards[0].identity("agent:support", **who),
        ):
            client = guards[0].wrap(plain)
            given: Any = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
            if streamed:
                chunks = list(client.chat.completions.create(**given, stream=True))
                said = "".join(each.choices[0].delta.content or "" for each in chunks)
            else:
                whole = client.chat.completions.create(**given)
                said = whole.choices[0].message.content or ""
        assert said.startswith("use [[API_KEY:")
        deployment.ask(guards[1], "go on", said=said, session=f"s-{streamed}")
        sent = deployment.provider.journal[-1].json["messages"][0]["content"]
        assert sent == said


def test_what_was_erased_is_unknown_to_running_processes(deployment: Deployment) -> None:
    """A guard that runs while a session is erased resolves nothing of it from its next call on."""
    guard, other = deployment.guard(), deployment.guard()
    deployment.ask(guard, f"write to {MAIL}")
    mark = deployment.sent().removeprefix("write to ")
    assert deployment.ask(guard, "go on", said=mark) == f"I wrote to {MAIL}"
    keeper = other._parts.keeper
    assert keeper is not None
    assert keeper.erase(session="conv-17") == {"email": 1}
    assert MAIL not in deployment.ask(guard, "go on", said=mark)


def test_what_has_expired_is_an_unknown_placeholder(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its time a value is not turned back, and a tool's argument that asks is refused."""
    later = timedelta()
    monkeypatch.setattr("agentguard.wiring.now", lambda: now() + later)
    guard = deployment.guard('expire_after = "30d"')
    deployment.ask(guard, f"write to {MAIL}")
    mark = deployment.sent().removeprefix("write to ")
    assert deployment.ask(guard, "go on", said=mark) == f"I wrote to {MAIL}"
    later = timedelta(days=31)
    assert MAIL not in deployment.ask(guard, "go on", said=mark)

    @guard.tool
    def refund(order: str, amount: int, to: str) -> str:
        return "done"

    with (
        guard.identity("agent:support", on_behalf_of="user:alice", session="conv-17"),
        pytest.raises(ContentRefused, match="unknown"),
    ):
        refund("ORD-00012345", 5, mark)
