# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can a plan that people approved be used for something else than they approved?

The story: somebody approves three payments at once. An agent that was talked into more pays
somebody else, pays again, pays in another session, or proposes a plan that says more than it shows.
"""

import asyncio
import contextvars
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agentguard import (
    ApprovalPending,
    CallRefused,
    ConfigError,
    ContentRefused,
    DeniedByPolicy,
    Guard,
    Scope,
)
from agentguard.approvals import sign_vote, with_vote
from agentguard.audit.entries import parse_entry
from agentguard.config import load
from agentguard.signing import new_key
from agentguard.stores import Journal, SqliteReader, SqliteStore
from agentguard.vocabulary import Answer, ApprovalChange, AuditEntry, EntryType
from agentguard.wiring import now

HOUR = timedelta(hours=1)
POLICY = """
version = 1
name = "plans"
environments = ["production", "codegen"]

[deployment]
store = "agentguard.db"

[[identity]]
id = "agent:payer"

[[identity]]
id = "agent:helper"

[[tool]]
name = "pay"
impact = "irreversible"
targets = ["to"]

[[tool]]
name = "close_account"
impact = "irreversible"

[[tool]]
name = "audit_trail"
impact = "irreversible"

[[tool]]
name = "plan"
impact = "irreversible"
plan = true

[[rule]]
id = "payments-ask"
who = ["agent:*"]
for = ["user:alice", "user:bob"]
tool = "pay"
args.to = { any = true }
args.amount = { int = [1, 1000] }
args.note = { any = true, optional = true }
then = "approve"
approval = "leads"

[[rule]]
id = "closing-asks-two"
who = ["agent:*"]
for = ["user:alice", "user:bob"]
tool = "close_account"
args.account = { any = true }
then = "approve"
approval = "board"

[[rule]]
id = "plans-ask"
who = ["agent:*"]
for = ["user:alice", "user:bob"]
tool = "plan"
args.steps = { any = true }
args.seconds = { int = [1, 7200] }
then = "approve"
approval = "leads"

[approval.leads]
approvers = [
    { id = "user:carol", key = "KEY" },
    { id = "user:dora", key = "OTHER" },
]
need = 1
decide_within = "1h"
execute_within = "1h"
wait = "0s"

[approval.board]
approvers = [
    { id = "user:carol", key = "KEY" },
    { id = "user:dora", key = "OTHER" },
]
need = 2
decide_within = "1h"
execute_within = "1h"
wait = "0s"
"""


class Desk:
    """Guarded tools that ask, what they did, and somebody who approves."""

    def __init__(self, path: Path, private: bytes) -> None:
        self.path, self.private = path, private
        self.guard = Guard.from_file(path, environment="production")
        self.paid: list[tuple[str, int]] = []
        self.closed: list[str] = []

        @self.guard.tool
        def pay(to: str, amount: int, note: str | None = None) -> int:
            self.paid.append((to, amount))
            return amount

        @self.guard.tool
        def close_account(account: str) -> str:
            self.closed.append(account)
            return account

        self.pay = pay
        self.close_account = close_account

    def acting(self, session: str = "s", person: str = "user:alice", **options: Any) -> Any:
        """Act as the agent that pays."""
        return self.guard.identity("agent:payer", on_behalf_of=person, session=session, **options)

    def agree(self, request_id: str) -> dict[str, Any]:
        """Approve a request; return what the approver was shown."""
        store = SqliteStore(self.path.parent / "agentguard.db")
        try:
            request = store.approval(request_id)
            assert request is not None
            vote = sign_vote(
                request,
                approver="user:carol",
                answer=Answer.APPROVE,
                at=now(),
                private_key=self.private,
            )
            profile = load(self.path).policy.profiles[request.profile]
            change = ApprovalChange(
                before=request, after=with_vote(request, vote, profile, now()), vote=vote
            )
            journal = Journal(store, now)
            journal.append(
                AuditEntry(type=EntryType.APPROVAL_VOTED, at=now()), durable=True, change=change
            )
            journal.close()
            shown: dict[str, Any] = json.loads(request.shown)
            return shown
        finally:
            store.close()

    def planned(self, *steps: dict[str, Any], within: timedelta = HOUR) -> str:
        """Propose a plan in the block around, have it approved, and put it into force."""
        with pytest.raises(ApprovalPending) as caught:
            self.guard.propose(steps, within=within)
        self.agree(caught.value.request_id)
        return self.guard.propose(steps, within=within)

    def asks(self, call: Callable[[], Any]) -> bool:
        """Say whether people are asked about a call; nothing happens then."""
        before = (len(self.paid), len(self.closed))
        try:
            call()
        except ApprovalPending:
            assert before == (len(self.paid), len(self.closed))
            return True
        return False


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk of the policy of this file."""
    private, public = new_key()
    path = tmp_path / "agentguard.toml"
    path.write_text(POLICY.replace("KEY", public).replace("OTHER", new_key()[1]))
    made = Desk(path, private)
    yield made
    made.guard.close()


def entries_of(desk: Desk) -> list[AuditEntry]:
    """Return what the log of a desk holds."""
    reader = SqliteReader(desk.path.parent / "agentguard.db")
    return [
        parse_entry(row.content).entry
        for stream in reader.streams()
        for row in reader.entries(stream.stream)
    ]


def payment(to: str = "bob", amount: int = 5, **more: Any) -> dict[str, Any]:
    """Return a step that pays."""
    return {"tool": "pay", "args": {"to": to, "amount": amount}, **more}


def test_calls_inside_an_approved_plan_do_not_ask(desk: Desk) -> None:
    """Each step happens as often as it says without a question, and then asks like before."""
    with desk.acting():
        plan = desk.planned(payment(times=2), payment(to="eve", amount=1))
        desk.pay("bob", 5)
        desk.pay("eve", 1)
        desk.pay("bob", 5)
        assert desk.paid == [("bob", 5), ("eve", 1), ("bob", 5)]
        assert desk.asks(lambda: desk.pay("bob", 5))
        assert desk.asks(lambda: desk.pay("eve", 1))
    desk.guard.close()
    intents = [
        each for each in entries_of(desk) if each.type is EntryType.INTENT and each.target == "pay"
    ]
    assert [each.details["plan"] for each in intents] == [plan] * 3
    assert all(each.details["plan_approval"] for each in intents)


def test_a_call_beside_the_plan_asks(desk: Desk) -> None:
    """Another value, type, argument or tool is not what was approved."""
    with desk.acting():
        desk.planned(payment(times=50))
        for call in (
            lambda: desk.pay("Bob", 5),
            lambda: desk.pay("bob ", 5),
            lambda: desk.pay("b\u043eb", 5),
            lambda: desk.pay("bob", 6),
            lambda: desk.pay("bob", 5, "a note"),
            lambda: desk.close_account("bob"),
        ):
            assert desk.asks(call)
        assert desk.paid == []


def test_a_plan_foresees_arguments_in_the_words_of_rules(desk: Desk) -> None:
    """What a step leaves open is open within its words, and no further."""
    with desk.acting():
        desk.planned(
            {
                "tool": "pay",
                "args": {
                    "to": {"in": ["bob", "eve"]},
                    "amount": {"int": [1, 10]},
                    "note": {"any": True, "optional": True},
                },
                "times": 9,
            }
        )
        desk.pay("eve", 10, "x")
        desk.pay("bob", 1)
        assert desk.asks(lambda: desk.pay("eve", 11))
        assert desk.asks(lambda: desk.pay("mallory", 1))


def test_a_plan_allows_nothing_that_no_rule_allows(desk: Desk) -> None:
    """A call that rules refuse stays refused, whatever was approved."""
    with desk.acting():
        desk.planned(payment(amount=5000), {"tool": "audit_trail", "args": {}})
        with pytest.raises(DeniedByPolicy, match="payments-ask"):
            desk.pay("bob", 5000)
    assert desk.paid == []


def test_a_plan_that_one_person_approved_answers_no_question_to_two(desk: Desk) -> None:
    """Who approved the plan must be enough to approve the call."""
    with desk.acting():
        desk.planned({"tool": "close_account", "args": {"account": "A-1"}})
        assert desk.asks(lambda: desk.close_account("A-1"))


def test_a_plan_holds_in_its_session_and_chain_alone(desk: Desk) -> None:
    """Another session, person, agent behind, environment or process is asked again."""
    with desk.acting():
        desk.planned(payment(times=50))
        with desk.guard.identity("agent:helper"):
            assert desk.asks(lambda: desk.pay("bob", 5))
        with desk.guard.identity("agent:payer", session="t"):
            assert desk.asks(lambda: desk.pay("bob", 5))
    with desk.acting(person="user:bob"):
        assert desk.asks(lambda: desk.pay("bob", 5))
    with desk.acting(session="t"):
        assert desk.asks(lambda: desk.pay("bob", 5))
    with desk.acting(tenant="other"):
        assert desk.asks(lambda: desk.pay("bob", 5))
    other = Desk(desk.path, desk.private)
    with other.acting():
        assert other.asks(lambda: other.pay("bob", 5))
    other.guard.close()
    elsewhere = Guard.from_file(desk.path, environment="codegen")
    pays = elsewhere.tool(pay)
    with elsewhere.identity("agent:payer", on_behalf_of="user:alice", session="s"):
        assert desk.asks(lambda: pays("bob", 5))
    elsewhere.close()
    with desk.acting():
        desk.pay("bob", 5)


def pay(to: str, amount: int, note: str | None = None) -> int:
    """Pay somebody."""
    raise AssertionError(to, amount, note)


def test_a_reload_voids_a_plan(desk: Desk) -> None:
    """Under another policy than the one that people saw, they are asked again."""
    with desk.acting():
        desk.planned(payment(times=50))
        desk.pay("bob", 5)
        desk.path.write_text(desk.path.read_text().replace("[1, 1000]", "[1, 999]"))
        desk.guard.reload()
        assert desk.asks(lambda: desk.pay("bob", 5))


def test_a_step_is_not_used_twice_at_once(desk: Desk) -> None:
    """Many threads together use a step up as often as it says, and never more."""
    with desk.acting():
        desk.planned(payment(times=3))

        def once(_: int) -> bool:
            try:
                desk.pay("bob", 5)
            except (ApprovalPending, CallRefused):
                return False
            return True

        copies = [contextvars.copy_context() for _ in range(12)]
        with ThreadPoolExecutor(8) as pool:
            done = list(pool.map(lambda pair: pair[1].run(once, pair[0]), enumerate(copies)))
    assert sum(done) == len(desk.paid) == 3


def test_approvers_see_every_step_and_every_character(desk: Desk) -> None:
    """What a plan holds is shown whole; what is hidden in it stands in what is shown."""
    steps = [payment(), payment(to="b\u200bob\u202e", amount=7), payment(times=40)]
    with desk.acting():
        with pytest.raises(ApprovalPending) as caught:
            desk.guard.propose(steps, within=HOUR)
        shown = desk.agree(caught.value.request_id)
        assert shown == {"steps": steps, "seconds": 3600}
        with pytest.raises(ApprovalPending):
            desk.guard.propose([*steps, payment(to="mallory")], within=HOUR)
        with pytest.raises(ApprovalPending):
            desk.guard.propose(steps, within=2 * HOUR)
        assert desk.asks(lambda: desk.pay("bob", 5))


@pytest.mark.parametrize(
    "steps",
    [
        [],
        "canary",
        ["canary"],
        [{"tool": "canary"}],
        [{"tool": "plan", "args": {"steps": {"any": True}, "seconds": 5}}],
        [{"tool": "pay", "args": {"to": {"canary": 1}}}],
        [{"tool": "pay", "args": {"to": {"any": True, "from": ["user"]}}}],
        [{"tool": "pay", "args": ["canary"]}],
        [{"tool": "pay", "times": 0}],
        [{"tool": "pay", "times": True}],
        [{"tool": "pay", "times": 10**9}],
        [{"tool": "pay", "hidden": "canary"}],
        [{"args": {}}],
        [payment()] * 51,
        [{"tool": "pay", "args": {"to": object()}}],
    ],
)
def test_a_plan_that_cannot_be_read_is_not_proposed(desk: Desk, steps: Any) -> None:
    """Undeclared tools, plans in plans and members that nobody reads are refused, unrepeated."""
    with desk.acting(), pytest.raises(ContentRefused) as caught:
        desk.guard.propose(steps, within=HOUR)
    assert "canary" not in str(caught.value)


def test_a_plan_needs_a_tool_and_a_time(desk: Desk) -> None:
    """Without a tool for plans, or for no time, nothing is proposed."""
    with desk.acting():
        for options in ({"tool": "pay", "within": HOUR}, {"within": timedelta(0)}):
            with pytest.raises(ConfigError):
                desk.guard.propose([payment()], **options)


def test_a_plan_that_nobody_is_asked_about_says_nothing(desk: Desk) -> None:
    """Where a rule lets a program propose plans without a question, no plan comes into force."""
    text = desk.path.read_text()
    at = text.index('id = "plans-ask"')
    changed = text[at:].replace('then = "approve"\napproval = "leads"', 'then = "allow"', 1)
    desk.path.write_text(text[:at] + changed)
    desk.guard.reload()
    with desk.acting():
        with pytest.raises(DeniedByPolicy, match="nobody was asked"):
            desk.guard.propose([payment()], within=HOUR)
        assert desk.asks(lambda: desk.pay("bob", 5))


def test_a_plan_widens_the_scope_that_lets_it_be_proposed(desk: Desk) -> None:
    """People can let a call go beyond a scope; a scope that was entered later still binds."""
    with desk.acting(scope=Scope(tools=["plan"], reads="listed")):
        with pytest.raises(DeniedByPolicy, match="narrowed"):
            desk.pay("bob", 5)
        desk.planned(payment(times=2))
        desk.pay("bob", 5)
        with desk.guard.narrow(Scope(targets=["eve"])), pytest.raises(DeniedByPolicy):
            desk.pay("bob", 5)
        desk.pay("bob", 5)
        with pytest.raises(DeniedByPolicy, match="narrowed"):
            desk.pay("bob", 5)
    with desk.acting(scope=Scope(tools=["pay"])), pytest.raises(DeniedByPolicy, match="narrowed"):
        desk.guard.propose([payment()], within=HOUR)


def test_a_plan_is_proposed_from_async_code(desk: Desk) -> None:
    """The asynchronous form does the same."""

    async def story() -> None:
        with desk.acting():
            with pytest.raises(ApprovalPending) as caught:
                await desk.guard.propose_async([payment()], within=HOUR)
            desk.agree(caught.value.request_id)
            await desk.guard.propose_async([payment()], within=HOUR)
            desk.pay("bob", 5)

    asyncio.run(story())
    assert desk.paid == [("bob", 5)]
