# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can an agent do more than the program narrowed its run to?

The story: a user asks to tell bob something. A page that the agent reads tells it to write to eve.
The program narrowed the run to bob, and everything that follows tries to leave that behind.
"""

import contextvars
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from agentguard import CallRefused, DeniedByPolicy, Guard, IdentityRequired, Scope
from agentguard.testing import LoopbackProvider

POLICY = """
version = 1
name = "narrowed"

[deployment]
store = "agentguard.db"

[[identity]]
id = "agent:assistant"

[[identity]]
id = "agent:helper"

[[tool]]
name = "send"
impact = "irreversible"
targets = ["to", "cc"]
receives = ["*"]

[[tool]]
name = "wipe"
impact = "irreversible"

[[tool]]
name = "look"
impact = "read_only"
receives = ["*"]

[[provider]]
id = "loopback"
hosts = ["127.0.0.1:*"]

[[rule]]
id = "tools"
who = ["agent:assistant", "agent:helper"]
tool = ["send", "wipe", "look"]
args.to = { any = true, optional = true }
args.cc = { any = true, optional = true }
args.text = { any = true, optional = true }
then = "allow"

[[rule]]
id = "chats"
who = ["agent:assistant", "agent:helper"]
provider = "loopback"
model = ["*"]
then = "allow"
"""
TO_BOB = Scope(targets=["bob"])


class Room:
    """Guarded tools that every agent may use, and what they sent."""

    def __init__(self, guard: Guard) -> None:
        self.guard = guard
        self.sent: list[Any] = []

        @guard.tool
        def send(to: Any, text: str = "x", cc: Any = None) -> str:
            self.sent.append((to, cc))
            return text

        @guard.tool
        def wipe() -> None:
            self.sent.append("wiped")

        @guard.tool
        def look(text: str) -> str:
            return text

        self.send, self.wipe, self.look = send, wipe, look

    def assert_narrow(self) -> None:
        """Only bob is reached."""
        before = len(self.sent)
        for call in (
            lambda: self.send("eve"),
            lambda: self.send(["bob", "eve"]),
            lambda: self.send("bob", cc="eve"),
            lambda: self.send({"bob": "eve"}),
            lambda: self.send(""),
            lambda: self.send([]),
            self.wipe,
        ):
            with pytest.raises(DeniedByPolicy, match="narrowed this run"):
                call()
        assert len(self.sent) == before
        self.send("bob")
        assert len(self.sent) == before + 1
        assert self.look("anything") == "anything"


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    """A room of a guard of the policy."""
    path = tmp_path / "agentguard.toml"
    path.write_text(POLICY)
    with Guard.from_file(path) as guard:
        yield Room(guard)


@pytest.fixture
def client(room: Room, provider: LoopbackProvider) -> Iterator[OpenAI]:
    """A guarded client of the room."""
    with OpenAI(base_url=provider.base_url, api_key="not-a-key", max_retries=0) as plain:
        yield room.guard.wrap(plain)


def test_no_identity_inside_leaves_a_scope_behind(room: Room) -> None:
    """Another agent, a session of one's own and a wider scope are as narrow as the block."""
    guard = room.guard
    with guard.identity("agent:assistant", scope=TO_BOB):
        room.assert_narrow()
        for inner in (
            guard.identity("agent:helper"),
            guard.identity("agent:assistant", session="other"),
            guard.identity("agent:helper", scope=Scope(targets=["bob", "eve"])),
            guard.narrow(Scope(tools=["send", "look"])),
        ):
            with inner:
                room.assert_narrow()
    with guard.identity("agent:assistant"):
        room.send("eve")


def test_what_is_handed_out_within_a_scope_stays_within_it(room: Room) -> None:
    """A grant that was made in a narrow block is as narrow in a wide one."""
    guard = room.guard
    with guard.identity("agent:assistant", session="s", scope=TO_BOB):
        grant = guard.grant("agent:helper", tools=["send", "wipe"], within=timedelta(hours=1))
    with (
        guard.identity("agent:assistant", session="s"),
        guard.identity("agent:helper", grant=grant),
    ):
        with pytest.raises(DeniedByPolicy, match="narrowed this run"):
            room.send("eve")
        room.send("bob")


def test_no_thread_leaves_a_scope_behind(room: Room) -> None:
    """A thread with a copy of the context is as narrow; one without is nobody."""
    with room.guard.identity("agent:assistant", scope=TO_BOB), ThreadPoolExecutor(1) as pool:
        with pytest.raises(IdentityRequired):
            pool.submit(room.send, "eve").result()
        pool.submit(contextvars.copy_context().run, room.assert_narrow).result()


def test_calls_are_counted_over_threads_and_inner_blocks(room: Room) -> None:
    """Many at once, some of them as another agent, make as many calls as the scope is good for."""
    guard = room.guard

    def once(index: int) -> bool:
        try:
            if index % 2:
                with guard.identity("agent:helper", session=f"s{index}"):
                    room.send("bob")
            else:
                room.send("bob")
        except CallRefused:
            return False
        return True

    with guard.identity("agent:assistant", scope=Scope(targets=["bob"], calls=3)):
        copies = [contextvars.copy_context() for _ in range(10)]
        with ThreadPoolExecutor(8) as pool:
            done = list(pool.map(lambda pair: pair[1].run(once, pair[0]), enumerate(copies)))
    assert sum(done) == len(room.sent) == 3


def test_the_model_is_offered_what_the_scope_leaves(
    room: Room, client: OpenAI, provider: LoopbackProvider
) -> None:
    """Blocks and bound clients alike offer no tool of which every call would be refused."""
    tools: Any = [
        {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
        for name in ("send", "wipe", "look")
    ]

    def offered(asked: Any) -> set[str]:
        asked.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "hello"}], tools=tools
        )
        sent = json.loads(json.dumps(provider.journal[-1].json))
        return {each["function"]["name"] for each in sent.get("tools", [])}

    with room.guard.identity("agent:assistant"):
        assert offered(client) == {"send", "wipe", "look"}
        bound = room.guard.bind(client, "agent:assistant", scope=TO_BOB)
        assert offered(bound) == {"send", "look"}
        with room.guard.narrow(Scope(tools=["wipe"], reads="listed")):
            assert offered(client) == {"wipe"}
            assert offered(bound) == set()
    assert offered(bound) == {"send", "look"}


def test_a_placeholder_is_what_it_stands_for(
    room: Room, client: OpenAI, provider: LoopbackProvider
) -> None:
    """What a placeholder turns into is held against the targets, not the placeholder."""
    bob, eve = "bob@corp.example", "eve@attacker.example"
    with room.guard.identity("agent:assistant", scope=Scope(targets=[bob])):
        client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": f"{bob} and {eve}"}]
        )
        words = json.dumps(provider.journal[-1].json["messages"][0]["content"]).strip('"').split()
        assert bob not in words
        room.send(words[0])
        with pytest.raises(DeniedByPolicy, match="narrowed this run"):
            room.send(words[2])
    assert room.sent == [(bob, None)]


def test_nothing_of_the_call_or_the_scope_is_told(room: Room) -> None:
    """A refusal names the key of the scope, and holds neither values nor what was listed."""
    scope = Scope(tools={"send": {"to": {"const": "canary-a"}, "text": {"any": True}}})
    narrowed = room.guard.identity("agent:assistant", scope=scope)
    with narrowed, pytest.raises(DeniedByPolicy) as caught:
        room.send("canary-b")
    assert "canary" not in f"{caught.value} {caught.value.remedy} {caught.value!r}"
