# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can an agent that may refund be made to refund somebody else's order?

The story: the commonest confused deputy holds the verb rightly and reaches another tenant's
object; intersecting what each may do does not catch it. So the host says which objects a call is
about, after placeholders are turned back, and everybody behind the call must be allowed to reach
each of them, the person first of all.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from agentguard import ConfigError, DeniedByPolicy, Guard
from agentguard.testing import LoopbackProvider
from agentguard.vocabulary import AuditEntry, Principal, Reason

CANARY = "canary.of.resources@leak.example"
TABLES = """
[[identity]]
id = "agent:desk"

[[identity]]
id = "agent:triage"

[[tool]]
name = "pay_back"
impact = "reversible"
receives = ["*"]
resource = "order"

[[rule]]
id = "pay-back"
who = ["agent:desk", "agent:triage"]
for = "user:*"
tool = "pay_back"
args.order = { any = true }
then = "allow"

[[rule]]
id = "desk-chat"
who = "agent:desk"
for = "user:*"
provider = ["loopback"]
model = ["*"]
then = "allow"
"""
CONSTRAINED = TABLES.replace(
    'then = "allow"', 'resource = { match = "ORD-[0-9]+" }\nthen = "allow"', 1
)
OWNERS = {"ORD-1": "user:alice", "ORD-2": "user:bob", CANARY: "user:alice"}
Order = Callable[[Any], str]


def owns(principal: Principal, order: str) -> bool:
    """Say whether a person owns an order; agents may reach all of them."""
    return principal.id.startswith("agent:") or OWNERS.get(order) == principal.id


def named(arguments: Mapping[str, Any]) -> Any:
    """Return the order that a call names."""
    return arguments["order"]


class Desk:
    """Guards of the starter policy with refunds, and the refunds that were made."""

    def __init__(self, policy_file: Path) -> None:
        self.path = policy_file
        self.ran: list[Any] = []
        self.asked: list[tuple[str, str]] = []
        self._plain = policy_file.read_text(encoding="utf-8")
        self._guards: list[Guard] = []

    def guard(self, tables: str = TABLES) -> Guard:
        """Return a guard of the policy with these tables."""
        self.path.write_text(self._plain + tables, encoding="utf-8")
        self._guards.append(Guard.from_file(self.path))
        return self._guards[-1]

    def noting(self, principal: Principal, order: str) -> bool:
        """Answer as ``owns`` does, and note the question."""
        self.asked.append((principal.id, order))
        return owns(principal, order)

    def tool(self, guard: Guard, resource: Any = named, access: Any = owns) -> Order:
        """Return the guarded tool."""

        def pay_back(order: Any) -> str:
            self.ran.append(order)
            return "paid"

        guarded: Order = guard.tool(resource=resource, access=access)(pay_back)
        return guarded

    def close(self) -> None:
        """Close every guard."""
        for guard in self._guards:
            guard.close()


@pytest.fixture
def desk(policy_file: Path) -> Iterator[Desk]:
    """The refunds of a shop."""
    made = Desk(policy_file)
    yield made
    made.close()


def test_the_person_must_own_what_the_agent_may_refund(
    desk: Desk, entries: list[AuditEntry]
) -> None:
    """The agent may refund and reach every order; for alice it refunds alice's only."""
    guard = desk.guard()
    pay_back = desk.tool(guard, access=desk.noting)
    with guard.identity("agent:desk", on_behalf_of="user:alice"):
        assert pay_back("ORD-1") == "paid"
        with pytest.raises(DeniedByPolicy) as caught:
            pay_back("ORD-2")
    assert desk.ran == ["ORD-1"]
    assert desk.asked[:2] == [("user:alice", "ORD-1"), ("agent:desk", "ORD-1")]
    assert "'user:alice'" in str(caught.value)
    assert "ORD-2" not in f"{caught.value!r}{vars(caught.value)!r}{entries!r}"
    assert entries[-1].reason is Reason.RESOURCE_DENIED


def test_everybody_in_a_chain_is_asked_about(desk: Desk) -> None:
    """An agent in the middle that may not reach the order is enough to refuse."""
    guard = desk.guard()

    def access(principal: Principal, order: str) -> bool:
        return principal.id != "agent:triage"

    pay_back = desk.tool(guard, access=access)
    with (
        guard.identity("agent:triage", on_behalf_of="user:alice"),
        guard.identity("agent:desk"),
        pytest.raises(DeniedByPolicy, match="agent:triage"),
    ):
        pay_back("ORD-1")
    assert desk.ran == []


def test_one_foreign_object_among_many_refuses_the_call(desk: Desk) -> None:
    """A list of objects is reached whole or not at all."""
    guard = desk.guard()
    pay_back = desk.tool(guard)
    with (
        guard.identity("agent:desk", on_behalf_of="user:alice"),
        pytest.raises(DeniedByPolicy),
    ):
        pay_back(["ORD-1", "ORD-2"])
    assert desk.ran == []


def test_an_id_behind_a_placeholder_is_looked_at_as_what_it_stands_for(
    desk: Desk, provider: LoopbackProvider
) -> None:
    """The hooks get what the tool would get, not what the model wrote."""
    guard = desk.guard()
    seen: list[Any] = []

    def resource(arguments: Mapping[str, Any]) -> Any:
        seen.append(arguments["order"])
        return arguments["order"]

    pay_back = desk.tool(guard, resource=resource)
    said: Any = [{"role": "user", "content": f"pay {CANARY} back"}]
    with OpenAI(base_url=provider.base_url, api_key="not-a-key", max_retries=0) as plain:
        client = guard.wrap(plain)
        for person, outcome in (("user:alice", "paid"), ("user:bob", "denied")):
            with guard.identity("agent:desk", on_behalf_of=person, session=person):
                client.chat.completions.create(model="m", messages=said)
                sent = provider.journal[-1].json["messages"][-1]["content"]
                mark = sent.removeprefix("pay ").removesuffix(" back")
                assert mark != CANARY
                if outcome == "paid":
                    assert pay_back(mark) == "paid"
                else:
                    with pytest.raises(DeniedByPolicy):
                        pay_back(mark)
    assert seen == [CANARY, CANARY]
    assert desk.ran == [CANARY]


def breaks(*_: Any) -> Any:
    """Raise with payload in the text."""
    raise RuntimeError(CANARY)


NO_IDS: dict[str, Any] = {
    "none": lambda _: None,
    "an empty text": lambda _: "",
    "an empty list": lambda _: [],
    "a number": lambda _: 1,
    "true": lambda _: True,
    "a list with a number": lambda _: ["ORD-1", 1],
    "a list with an empty text": lambda _: ["ORD-1", ""],
    "a mapping": lambda _: {"ORD-1": 1},
    "a generator": lambda _: (each for each in ["ORD-1"]),
    "bytes": lambda _: b"ORD-1",
    "an error": breaks,
    "a change of the arguments": lambda arguments: arguments.update(order="ORD-1"),
    "another argument": lambda arguments: arguments["id"],
}


@pytest.mark.parametrize("hook", NO_IDS)
def test_a_call_whose_objects_are_not_known_is_refused(
    desk: Desk, hook: str, entries: list[AuditEntry]
) -> None:
    """No ids, ids that are no texts, and whatever is raised: nothing happens."""
    guard = desk.guard()
    pay_back = desk.tool(guard, resource=NO_IDS[hook])
    with (
        guard.identity("agent:desk", on_behalf_of="user:alice"),
        pytest.raises(DeniedByPolicy) as caught,
    ):
        pay_back("ORD-1")
    assert desk.ran == []
    assert entries[-1].reason is Reason.RESOURCE_DENIED
    assert CANARY not in f"{caught.value!r}{vars(caught.value)!r}"
    assert caught.value.__context__ is None


NO_ACCESS: dict[str, Any] = {
    "none": lambda *_: None,
    "one": lambda *_: 1,
    "a text": lambda *_: "yes",
    "a list": lambda *_: [True],
    "an error": breaks,
    "no": lambda *_: False,
}


@pytest.mark.parametrize("predicate", NO_ACCESS)
def test_only_true_gives_access(desk: Desk, predicate: str, entries: list[AuditEntry]) -> None:
    """What merely counts as true in an ``if`` is no yes."""
    guard = desk.guard()
    pay_back = desk.tool(guard, access=NO_ACCESS[predicate])
    with (
        guard.identity("agent:desk", on_behalf_of="user:alice"),
        pytest.raises(DeniedByPolicy) as caught,
    ):
        pay_back("ORD-1")
    assert desk.ran == []
    assert entries[-1].reason is Reason.RESOURCE_DENIED
    assert CANARY not in f"{caught.value!r}{vars(caught.value)!r}"


def test_a_rule_can_say_which_objects(desk: Desk) -> None:
    """With a constraint on the objects in every rule no predicate is needed."""
    guard = desk.guard(CONSTRAINED)
    pay_back = desk.tool(guard, access=None)
    with guard.identity("agent:desk", on_behalf_of="user:alice"):
        assert pay_back("ORD-9") == "paid"
        for other in ("INV-9", ["ORD-9", "INV-9"], " ORD-9", "ORD-9\n"):
            with pytest.raises(DeniedByPolicy):
                pay_back(other)
    assert desk.ran == ["ORD-9"]


def test_asynchronous_tools_ask_the_same(desk: Desk) -> None:
    """Hooks of an async tool may be async or not; a foreign order is refused either way."""
    guard = desk.guard()

    async def access(principal: Principal, order: str) -> bool:
        await asyncio.sleep(0)
        return owns(principal, order)

    async def truthy(principal: Principal, order: str) -> Any:
        return "yes"

    async def pay_back(order: str) -> str:
        desk.ran.append(order)
        return order

    async def main() -> None:
        for predicate in (access, owns, truthy):
            tool = guard.tool(resource=named, access=predicate)(pay_back)
            with guard.identity("agent:desk", on_behalf_of="user:bob"):
                with pytest.raises(DeniedByPolicy):
                    await tool("ORD-1")
                if predicate is not truthy:
                    assert await tool("ORD-2") == "ORD-2"

    asyncio.run(main())
    assert desk.ran == ["ORD-2", "ORD-2"]


def test_an_async_hook_of_a_plain_tool_is_refused_when_it_is_guarded(desk: Desk) -> None:
    """What it would return is a coroutine, which nobody awaits."""
    guard = desk.guard()

    async def later(*_: Any) -> Any:
        return True

    with pytest.raises(TypeError, match="asynchronous"):
        desk.tool(guard, resource=later)
    with pytest.raises(TypeError, match="asynchronous"):
        desk.tool(guard, access=later)


@pytest.mark.parametrize(
    ("tables", "resource", "access", "message"),
    [
        (TABLES, None, owns, "guard it with resource="),
        (TABLES, None, None, "guard it with resource="),
        (TABLES, named, None, "nothing says which 'order'"),
        (TABLES.replace('resource = "order"', ""), named, owns, "does not say what kind"),
        (TABLES.replace('resource = "order"', ""), None, owns, "does not say what kind"),
    ],
)
def test_policy_and_program_must_agree_that_a_tool_acts_on_objects(
    desk: Desk, tables: str, resource: Any, access: Any, message: str
) -> None:
    """A check that the policy counts on and nobody makes is found when the tool is guarded."""
    guard = desk.guard(tables)
    with pytest.raises(ConfigError, match=message):
        desk.tool(guard, resource=resource, access=access)


def test_a_guarded_tool_is_not_given_other_hooks(desk: Desk) -> None:
    """Guarding it again cannot exchange what is asked."""
    guard = desk.guard()
    pay_back = desk.tool(guard)
    with pytest.raises(ConfigError, match="guarded already"):
        guard.tool(resource=named, access=lambda *_: True)(pay_back)
    assert guard.tool(pay_back) is pay_back


def test_hooks_are_not_asked_for_nobody(desk: Desk) -> None:
    """A call without an identity is refused before anything of the host runs."""
    guard = desk.guard()
    asked: list[Any] = []

    def resource(arguments: Any) -> str:
        asked.append(arguments)
        return "ORD-1"

    pay_back = desk.tool(guard, resource=resource)
    with pytest.raises(Exception, match="no identity"):
        pay_back("ORD-1")
    assert asked == []


class Changing(list[str]):
    """A list that holds something else each time it is read."""

    reads = 0

    def __iter__(self) -> Iterator[Any]:
        """Name alice's order once, and then something that is no id."""
        self.reads += 1
        return iter(["ORD-1"] if self.reads == 1 else [7])


def test_what_was_checked_is_what_is_decided_on(desk: Desk) -> None:
    """A list that changes while it is looked at is read once."""
    guard = desk.guard()
    pay_back = desk.tool(guard, resource=lambda _: Changing(["x"]), access=desk.noting)
    with guard.identity("agent:desk", on_behalf_of="user:alice"):
        pay_back("ORD-1")
    assert desk.asked == [("user:alice", "ORD-1"), ("agent:desk", "ORD-1")]
