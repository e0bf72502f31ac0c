# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is kept of decisions cannot be read without the key, and cannot be had without a decision.

The story: whoever takes the audit log home finds prompts and customers' numbers in it; whoever
wants a wide policy shows a replay that forgot half of the facts; whoever can make the facts fail
has calls happen that nobody can ask about again.
"""

import asyncio
import base64
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI, OpenAI

from agentguard import Guard
from agentguard.cli import main
from agentguard.config import load, load_policy
from agentguard.errors import AgentGuardError, GuardFailure
from agentguard.pipeline import needs_of
from agentguard.policy import compile_policy
from agentguard.review.fact_form import LARGEST
from agentguard.review.facts import DecidedCall
from agentguard.review.replaying import Change, Replay, summary
from agentguard.stores import FactsKeeper, FactsStore, StoreFailure, VaultKey
from agentguard.testing import LoopbackProvider
from agentguard.vocabulary import AuditEntry, Effect, EntryType, Reason, ToolCall
from agentguard.wiring import facts_keeper

CANARY = "canary.of.facts"
POLICY = """
version = 1
name = "facts"
environments = ["production", "codegen"]

[[identity]]
id = "agent:support"

[[identity]]
id = "agent:helper"

[groups]
team = ["user:alice", "user:bob"]

[[provider]]
id = "loopback"
hosts = ["127.0.0.1:*"]

[[rule]]
id = "chat"
who = ["agent:*"]
for = ["user:*"]
provider = "loopback"
model = ["small"]
then = "allow"

[[tool]]
name = "refund"
impact = "irreversible"
receives = ["email"]
resource = "order"

[[rule]]
id = "refund"
who = ["agent:*"]
for = ["group:team"]
tool = "refund"
args.customer = { claim = "person.customer" }
args.order = { match = "ORD-[0-9]+" }
args.amount = { int = [1, 100] }
args.to = { any = true }
resource = { match = "ORD-[0-9]+" }
environments = ["production"]
limits = ["refunds"]
then = "allow"

[[rule]]
id = "no-thirteen"
who = ["agent:*"]
for = ["user:*"]
tool = "refund"
args.amount = { const = 13 }
then = "deny"
shadow_until = 2099-12-31
shadow_irreversible = true

[[rule]]
id = "refund-large"
who = ["agent:*"]
for = ["group:team"]
tool = "refund"
args.customer = { claim = "person.customer" }
args.order = { match = "ORD-[0-9]+" }
args.amount = { int = [101, 1000] }
args.to = { any = true }
resource = { match = "ORD-[0-9]+" }
then = "approve"
approval = "leads"

[limit.refunds]
sum = "amount"
most = 150

[[tool]]
name = "export"
impact = "reversible"
receives = ["*"]

[[rule]]
id = "export"
who = ["agent:*"]
for = ["user:*"]
tool = "export"
args.file = { path = ["FOLDER"] }
args.text = { any = true }
then = "allow"

[approval.leads]
approvers = [{ id = "user:carol", key = "KEY" }]
decide_within = "4h"
execute_within = "10m"

[[class]]
name = "payment_card"
action = "block"

[facts]
key_env = "FACTS_KEY"
"""
KEY = bytes(range(32))


@pytest.fixture
def config(
    tmp_path: Path, approver_key: tuple[bytes, str], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A policy with everything that a decision can depend on, whose facts are kept."""
    monkeypatch.setenv("FACTS_KEY", base64.b64encode(KEY).decode())
    folder = tmp_path / "out"
    folder.mkdir()
    path = tmp_path / "agentguard.toml"
    text = POLICY.replace("FOLDER", str(folder)).replace('KEY" }', f'{approver_key[1]}" }}')
    path.write_text(text, encoding="utf-8")
    return path


class Shop:
    """Tools and a model behind a guard, and people who use them."""

    def __init__(self, guard: Guard, provider: LoopbackProvider, folder: Path) -> None:
        self.guard = guard
        self.folder = folder
        plain = OpenAI(base_url=provider.base_url, api_key="not-a-key", max_retries=0)
        self.client = guard.wrap(plain)

        @guard.tool(resource=lambda arguments: arguments["order"])
        def refund(customer: str, order: str, amount: int, to: str) -> str:
            return f"refunded {amount}"

        @guard.tool
        def export(file: str, text: str) -> str:
            return "written"

        self.refund, self.export = refund, export

    def as_support(self, person: str = "alice", session: str | None = None, **more: Any) -> Any:
        """Act as support for somebody, of whom a customer is known."""
        claims = {"customer": f"c-{person}"}
        return self.guard.identity(
            "agent:support",
            on_behalf_of=self.guard.person(f"user:{person}", claims=claims),
            session=session,
            **more,
        )

    def pay(self, amount: int = 20, *, customer: str = "c-alice", order: str = "ORD-7") -> None:
        """Ask for a refund, whatever comes of it."""
        with suppress(AgentGuardError):
            self.refund(customer, order, amount, f"{CANARY}@customers.example")

    def say(self, text: str, model: str = "small", **more: Any) -> None:
        """Ask the model, whatever comes of it."""
        with suppress(AgentGuardError):
            self.client.chat.completions.create(
                model=model, messages=[{"role": "user", "content": text}], **more
            )

    def everything(self) -> None:
        """Make calls of every kind, with every kind of decision."""
        with self.as_support(session="one"):
            self.pay()
            self.pay(13)
            self.pay(customer="c-bob")
            self.pay(order="7")
            self.pay(500)
            self.pay(99)
            self.pay(90)  # beyond the limit
            self.export(str(self.folder / "a.csv"), "words")
            with suppress(AgentGuardError):
                self.export("/etc/passwd", "words")
            with suppress(AgentGuardError):
                self.export(str(self.folder / "b.csv"), "card 4111 1111 1111 1111")
            self.say("hello")
            self.say("hello", model="large")
            self.say("hello", store=True)
            self.say("card 4111 1111 1111 1111")
            grant = self.guard.grant(
                "agent:helper",
                tools={"refund": {"amount": {"int": [1, 5]}, "customer": {"any": True},
                                  "order": {"any": True}, "to": {"any": True}}},
                within=timedelta(hours=1),
                calls=2,
                sums={"amount": Decimal(5)},
            )  # fmt: skip
            with self.guard.identity("agent:helper", grant=grant):
                for amount in (1, 9, 2, 1):
                    self.pay(amount)
                self.say("hello from the helper")
        with self.as_support("bob"):
            self.pay(customer="c-bob")
        with self.as_support("mallory"):
            self.pay()


@pytest.fixture
def shop(config: Path, provider: LoopbackProvider) -> Iterator[Shop]:
    """A shop in production."""
    with Guard.from_file(config, environment="production") as guard:
        made = Shop(guard, provider, config.parent / "out")
        with made.client:
            yield made


def keeper_of(config: Path) -> FactsKeeper:
    """Return what opens the facts of a policy."""
    facts = load(config).facts
    assert facts is not None
    return facts_keeper(facts)


def kept(config: Path) -> list[DecidedCall]:
    """Open everything that is kept, in the order of the calls."""
    keeper = keeper_of(config)
    return [
        keeper.opened(each.facts, each.entry.call_id)
        for each in FactsStore(config.parent / "agentguard.db").recorded()
        if each.facts is not None
    ]


def test_a_replay_under_the_same_policy_gives_the_same_rulings(config: Path, shop: Shop) -> None:
    """Every recorded call is decided as it was: rule, reason, profile and shadow."""
    shop.everything()
    shop.guard.close()
    calls = kept(config)
    policy = load_policy(config)[0]
    replay = Replay(policy, needs_of(policy))
    for decided in calls:
        assert replay(decided).now == decided.ruling, decided
    rulings = {(each.ruling.effect, each.ruling.reason) for each in calls}
    assert {reason for _, reason in rulings} >= {
        None,
        Reason.NOT_ALLOWLISTED,
        Reason.LIMIT_REACHED,
        Reason.GRANT_EXCEEDED,
        Reason.CLASS_BLOCKED,
        Reason.REFERENCE,
    }
    assert [each.ruling.profile for each in calls if each.ruling.effect is Effect.APPROVE]
    assert [each for each in calls if each.ruling.shadow is not None]
    assert [each for each in calls if each.grants]


def test_nothing_of_a_call_lies_in_the_store_in_clear(config: Path, shop: Shop) -> None:
    """Arguments, claims, files and objects of a call are in no file of the store, its log included."""
    # What approvers are shown is kept with their request, so nobody is asked here.
    with shop.as_support():
        shop.pay()
        shop.pay(order="ORD-77-no")
        shop.export(str(shop.folder / "a.csv"), "words")
    shop.guard.close()
    store = b"".join(
        path.read_bytes()
        for path in config.parent.iterdir()
        if path.name.startswith("agentguard.db")
    )
    told = kept(config)
    for word in (CANARY, "c-alice", "ORD-7", "a.csv"):
        assert word.encode() not in store
    assert any(
        CANARY in str(each.call.resolved) for each in told if isinstance(each.call, ToolCall)
    )


def test_the_content_of_a_model_call_is_not_kept(config: Path, shop: Shop) -> None:
    """What was said to a model is not among the facts, sealed or not."""
    with shop.as_support():
        shop.say(f"this is {CANARY}")
    shop.guard.close()
    (decided,) = kept(config)
    assert CANARY not in repr(decided) + str(decided.call)
    assert getattr(decided.call, "payload", "") is None


def test_without_the_table_nothing_is_kept(
    config: Path, provider: LoopbackProvider, tmp_path: Path
) -> None:
    """A policy that says nothing of facts leaves none behind."""
    text = config.read_text(encoding="utf-8")
    config.write_text(text.partition("[facts]")[0], encoding="utf-8")
    with Guard.from_file(config, environment="production") as guard:
        made = Shop(guard, provider, config.parent / "out")
        with made.client:
            made.everything()
    recorded = list(FactsStore(config.parent / "agentguard.db").recorded())
    assert recorded
    assert not [each for each in recorded if each.facts is not None]


def test_a_refused_call_is_kept_with_why(config: Path, shop: Shop) -> None:
    """What was refused is kept with what refused it, whether that was the policy or not."""
    with shop.as_support():
        shop.pay(500)
        shop.pay(order="7")
    shop.guard.close()
    pending, denied = kept(config)
    assert (pending.ruling.effect, pending.stopped) == (Effect.APPROVE, Reason.APPROVAL_PENDING)
    assert (denied.ruling.effect, denied.stopped) == (Effect.DENY, Reason.NOT_ALLOWLISTED)


def broken(*_: object) -> object:
    """Fail as a part that holds a value would."""
    raise StoreFailure("no facts")


def test_a_call_whose_facts_cannot_be_kept_is_refused(
    config: Path, shop: Shop, monkeypatch: pytest.MonkeyPatch, entries: list[AuditEntry]
) -> None:
    """Without facts there is no call; that it was refused is written down all the same."""
    monkeypatch.setattr(FactsKeeper, "sealed", broken)
    with shop.as_support(), pytest.raises(GuardFailure) as caught:
        shop.export(str(shop.folder / "a.csv"), CANARY)
    assert caught.value.dispatched is False
    assert CANARY not in str(caught.value)
    assert [each.type for each in entries] == [EntryType.REFUSED]


def test_large_arguments_do_not_stop_a_call_and_are_not_decided_again(
    config: Path, shop: Shop
) -> None:
    """A call with a megabyte in it happens; a replay says that its arguments are missing."""
    with shop.as_support():
        shop.export(str(shop.folder / "a.csv"), "x" * LARGEST)
    shop.guard.close()
    (decided,) = kept(config)
    policy = load_policy(config)[0]
    assert decided.omitted
    assert replay_of(decided, policy).missing == "its arguments were too large to be kept"


def replay_of(decided: DecidedCall, policy: Any) -> Any:
    """Put one call to a policy."""
    return Replay(policy, needs_of(policy))(decided)


def test_facts_moved_to_another_entry_do_not_open(config: Path, shop: Shop) -> None:
    """Whoever can write the file cannot let one call pass for another in a replay."""
    with shop.as_support():
        shop.pay(20)
        shop.pay(21)
    shop.guard.close()
    database = config.parent / "agentguard.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        (seqs,) = zip(*connection.execute("SELECT seq FROM decided_call ORDER BY seq"), strict=True)
        first, last = seqs[0], seqs[-1]
        connection.execute("PRAGMA foreign_keys = OFF")
        for before, after in ((first, -1), (last, first), (-1, last)):
            connection.execute("UPDATE decided_call SET seq = ? WHERE seq = ?", (after, before))
    with pytest.raises(StoreFailure, match="not what was written"):
        kept(config)


def test_a_wider_candidate_is_told_first(config: Path, shop: Shop) -> None:
    """A replay under a policy without the claim shows whom that lets reach whom."""
    shop.everything()
    shop.guard.close()
    document = load(config).policy.document
    wide = tuple(
        replace(
            rule,
            arguments=tuple(
                replace(each, constraint=document_any(document))
                if each.name == "customer"
                else each
                for each in rule.arguments
            ),
        )
        for rule in document.rules
    )
    policy = compile_policy(replace(document, rules=wide))
    replay = Replay(policy, needs_of(policy))
    found = summary(map(replay, kept(config)))
    assert found.groups[0].change is Change.NEWLY_ALLOWED
    assert found.groups[0].target == "refund"
    assert not found.missing


def document_any(document: Any) -> Any:
    """Return the constraint of the argument that may be anything."""
    rule = next(each for each in document.rules if each.id == "export")
    return next(each.constraint for each in rule.arguments if each.name == "text")


def test_an_erased_person_is_in_no_file(
    config: Path, shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """After an erasure by person no fact of theirs opens, and the log verifies."""
    shop.everything()
    shop.guard.close()
    assert main(["facts", "erase", "--person", "user:alice", "--config", str(config)]) == 0
    assert {each.person for each in kept(config)} == {"user:bob", "user:mallory"}
    assert main(["audit", "verify", "--config", str(config)]) == 0
    capsys.readouterr()


def test_another_key_opens_nothing(config: Path, shop: Shop) -> None:
    """The key of the vault, or any other one, is of no use here."""
    with shop.as_support():
        shop.pay()
    stranger = FactsKeeper(VaultKey(bytes(reversed(KEY))))
    shop.guard.close()
    for each in FactsStore(config.parent / "agentguard.db").recorded():
        assert each.facts is not None
        with pytest.raises(StoreFailure):
            stranger.opened(each.facts, each.entry.call_id)


def test_facts_are_dated_when_the_call_was_decided(config: Path, shop: Shop) -> None:
    """A call is asked about again at its own time, so that what expired since counts as it was."""
    before = datetime.now(UTC)
    with shop.as_support():
        shop.pay()
    shop.guard.close()
    (decided,) = kept(config)
    assert before <= decided.at <= datetime.now(UTC)
    assert decided.circumstances.now == decided.at


def test_asynchronous_calls_are_kept_as_well(config: Path, provider: LoopbackProvider) -> None:
    """In an event loop, where entries are accepted without waiting, their facts go with them."""

    async def many(guard: Guard) -> None:
        plain = AsyncOpenAI(base_url=provider.base_url, api_key="not-a-key", max_retries=0)
        async with guard.wrap(plain) as client:

            async def one(person: str) -> None:
                with guard.identity("agent:support", on_behalf_of=f"user:{person}"):
                    await client.chat.completions.create(
                        model="small", messages=[{"role": "user", "content": "hello"}]
                    )

            await asyncio.gather(*(one(f"p-{number}") for number in range(20)))

    with Guard.from_file(config, environment="production") as guard:
        asyncio.run(many(guard))
    assert {each.person for each in kept(config)} == {f"user:p-{n}" for n in range(20)}


def test_calls_of_many_threads_keep_their_own_facts(config: Path, shop: Shop) -> None:
    """Whatever runs beside it, each entry has the facts of its own call."""

    def one(number: int) -> None:
        with shop.as_support("alice", session=f"s-{number}"):
            shop.pay(1 + number % 50, order=f"ORD-{number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(40)))
    found = {
        (each.session, each.call.resolved["order"])
        for each in kept(config)
        if isinstance(each.call, ToolCall)
    }
    assert found == {(f"s-{number}", f"ORD-{number}") for number in range(40)}
