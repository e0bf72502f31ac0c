# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can calls use more than their budgets hold?

The stories: a gateway whose budget was checked before and written down after a call let as many
through as were made at once. Another reserved the worst case of every call and refused a relay that
had spent nothing. A limiter was made and never asked. So each control is shown to be reached here,
through the real clients, and what is held is given back and counted as it was used.
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from anthropic import Anthropic
from openai import AsyncOpenAI, OpenAI
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentguard import BudgetExceeded, Guard, GuardFailure, Stopped
from agentguard.stores import SqliteLedger
from agentguard.testing import Answer, LoopbackProvider, StreamEnd, failure
from agentguard.vocabulary import AuditEntry, EntryType, Hold, Reason

AGENT, ALICE = "agent:support", "user:alice"
PRICE = """
[[price]]
provider = "loopback"
model = "*"
tokens_in = "1000"
tokens_out = "2000"
"""
ASK: Any = [{"role": "user", "content": "hello"}]

Made = Callable[[str], Guard]


@pytest.fixture
def made(policy_file: Path, tracing: TracerProvider) -> Iterator[Made]:
    """Give what makes a guard of the starter policy with budgets."""
    guards: list[Guard] = []

    def one(tables: str) -> Guard:
        path = policy_file.with_name("budgets.toml")
        path.write_text(policy_file.read_text() + tables)
        guards.append(Guard.from_file(path, tracer_provider=tracing))
        return guards[-1]

    yield one
    for guard in guards:
        guard.close()


@pytest.fixture
def plain(provider: LoopbackProvider) -> Iterator[OpenAI]:
    """A client of the provider that no guard has seen."""
    with OpenAI(base_url=provider.base_url, api_key="not-a-key", max_retries=0) as client:
        yield client


def chat(client: OpenAI, **more: Any) -> Any:
    """Ask for a chat completion."""
    return client.chat.completions.create(model="m", messages=ASK, **more)


def amounts(folder: Path) -> dict[str, tuple[int, int]]:
    """What is used up and held, by measure, of a policy with one budget."""
    ledger = SqliteLedger(folder / "agentguard-ledger.db")
    found = {each.key: (each.settled, each.held) for each in ledger.used(0)}
    ledger.close()
    return found


def budget(lines: str) -> str:
    """A budget for every person."""
    return f'\n[budget.b]\nscope = "person"\n{lines}\n'


def test_calls_are_let_through_until_the_budget_is_used_up(
    made: Made, plain: OpenAI, provider: LoopbackProvider, entries: list[AuditEntry]
) -> None:
    """Exactly as many requests leave as the budget says, in whichever session they are made."""
    guard = made(budget("calls = 3"))
    client = guard.wrap(plain)
    for number in range(5):
        with guard.identity(AGENT, on_behalf_of=ALICE, session=f"s{number}"):
            if number < 3:
                chat(client)
                continue
            with pytest.raises(BudgetExceeded) as refused:
                chat(client)
            assert refused.value.limits == ("budget:b",)
            assert refused.value.dispatched is False
    assert len(provider.journal) == 3
    refusals = [each for each in entries if each.type is EntryType.REFUSED]
    assert [each.reason for each in refusals] == [Reason.BUDGET_REACHED] * 2


@pytest.mark.parametrize(
    "ask",
    [
        chat,
        lambda client: client.responses.create(model="m", input="hello", store=False),
        lambda client: client.embeddings.create(model="m", input="hello"),
        lambda client: list(chat(client, stream=True, stream_options={"include_usage": True})),
    ],
    ids=["chat", "responses", "embeddings", "stream"],
)
def test_what_a_provider_says_was_used_is_counted(
    made: Made, plain: OpenAI, policy_file: Path, ask: Callable[[OpenAI], Any]
) -> None:
    """Every kind of answer is counted by its usage, and nothing stays held."""
    rule = OPEN_RULE + budget('tokens = 100000\nmoney = "1000"\nhold_at_most = "900"')
    guard = made(rule.replace("tokens = 100000\n", "") + PRICE)
    client = guard.wrap(plain)
    with guard.identity(AGENT, on_behalf_of=ALICE):
        ask(client)
    settled, held = amounts(policy_file.parent)["money"]
    assert held == 0
    assert 0 < settled < 100 * 2_000_000  # of fewer than a hundred tokens


OPEN_RULE = """
[[rule]]
id = "everything"
who = ["agent:support"]
for = ["group:support-team"]
provider = ["loopback"]
model = ["*"]
operation = ["inference"]
then = "allow"
"""


def test_messages_of_anthropic_are_counted(
    made: Made, provider: LoopbackProvider, policy_file: Path
) -> None:
    """Whole or as a stream, messages are counted by their usage."""
    guard = made(OPEN_RULE + budget("tokens = 10000"))
    base_url = provider.base_url.removesuffix("/v1")
    with Anthropic(base_url=base_url, api_key="not-a-key", max_retries=0) as plain_client:
        client = guard.wrap(plain_client)
        with guard.identity(AGENT, on_behalf_of=ALICE):
            message = client.messages.create(max_tokens=50, model="m", messages=ASK)
            used = message.usage.input_tokens + message.usage.output_tokens
            assert amounts(policy_file.parent)["tokens"] == (used, 0)
            with client.messages.stream(max_tokens=50, model="m", messages=ASK) as stream:
                usage = stream.get_final_message().usage
    used += usage.input_tokens + usage.output_tokens
    assert amounts(policy_file.parent)["tokens"] == (used, 0)


def test_a_stream_that_tells_no_usage_counts_as_what_it_held(
    made: Made, plain: OpenAI, policy_file: Path
) -> None:
    """Who leaves the usage out of a stream does not make it cheaper."""
    guard = made(budget("tokens_out = 1000\nhold_at_most = 400"))
    client = guard.wrap(plain)
    with guard.identity(AGENT, on_behalf_of=ALICE):
        assert list(chat(client, stream=True))
    assert amounts(policy_file.parent)["tokens_out"] == (400, 0)


@pytest.mark.parametrize("end", [StreamEnd.BREAK, StreamEnd.ERROR, None])
def test_a_stream_that_ends_early_counts_as_what_it_held(
    made: Made,
    plain: OpenAI,
    provider: LoopbackProvider,
    policy_file: Path,
    end: StreamEnd | None,
) -> None:
    """Broken off by the provider or left by its reader, a stream is not cheaper than its hold."""
    if end is not None:
        provider.script([Answer("fine words of an answer", ending=end)])
    guard = made(budget("tokens_out = 1000\nhold_at_most = 400"))
    client = guard.wrap(plain)
    with guard.identity(AGENT, on_behalf_of=ALICE):
        stream = chat(client, stream=True, stream_options={"include_usage": True})
        if end is None:
            next(iter(stream))
            stream.close()
        else:
            with pytest.raises((openai.APIError, httpx2.HTTPError)):
                list(stream)
    assert amounts(policy_file.parent)["tokens_out"] == (400, 0)


@pytest.mark.parametrize("status", [400, 429, 500])
def test_an_answer_with_an_error_uses_no_tokens(
    made: Made, plain: OpenAI, provider: LoopbackProvider, policy_file: Path, status: int
) -> None:
    """A provider that refuses has run no model; the call counts, and its hold is given back."""
    provider.script([failure(status)])
    guard = made(budget('calls = 5\ntokens = 1000\nbytes_out = { "*" = 1000 }'))
    client = guard.wrap(plain)
    with guard.identity(AGENT, on_behalf_of=ALICE), pytest.raises(openai.APIStatusError):
        chat(client, max_tokens=10)
    found = amounts(policy_file.parent)
    assert found["calls"] == (1, 0)
    assert "tokens" not in found
    assert found["bytes_out:*"][0] > 0


def test_a_model_without_a_price_is_not_asked_under_money(
    made: Made, plain: OpenAI, provider: LoopbackProvider
) -> None:
    """What a call costs must be known before it is made."""
    guard = made(budget('money = "5"') + PRICE.replace('"*"', '"other-*"'))
    client = guard.wrap(plain)
    with guard.identity(AGENT, on_behalf_of=ALICE), pytest.raises(BudgetExceeded, match="price"):
        chat(client)
    assert provider.journal == ()


def test_an_answer_without_a_bound_takes_what_is_left(
    made: Made, plain: OpenAI, provider: LoopbackProvider, policy_file: Path
) -> None:
    """While such a call is under way nobody else spends, and afterwards they do."""
    guard = made(budget('money = "2"') + PRICE)
    client = guard.wrap(plain)
    seen: list[dict[str, tuple[int, int]]] = []

    def answering(request: Any) -> Answer:
        seen.append(amounts(policy_file.parent))
        return Answer("fine")

    with (
        LoopbackProvider(answering) as other,
        OpenAI(base_url=other.base_url, api_key="not-a-key", max_retries=0) as watched,
        guard.identity(AGENT, on_behalf_of=ALICE),
    ):
        chat(guard.wrap(watched))
        chat(client)
    assert seen == [{"money": (0, 2 * 10**9)}]
    assert len(provider.journal) == 1


def test_many_threads_at_once_do_not_pass_a_budget(
    made: Made, plain: OpenAI, provider: LoopbackProvider
) -> None:
    """Threads that all begin at once make as many calls as there are, and no more."""
    guard = made(budget("calls = 5"))
    client = guard.wrap(plain)
    together = threading.Barrier(12)

    def once() -> bool:
        together.wait()
        try:
            with guard.identity(AGENT, on_behalf_of=ALICE):
                chat(client)
        except BudgetExceeded:
            return False
        return True

    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(lambda _: once(), range(12)))
    assert sum(found) == len(provider.journal) == 5


def test_tasks_at_once_do_not_pass_a_place(made: Made, provider: LoopbackProvider) -> None:
    """Of tasks at once no more are under way than may be, and their places are free afterwards."""
    guard = made(budget("concurrent = 2"))

    async def once(client: AsyncOpenAI) -> bool:
        try:
            with guard.identity(AGENT, on_behalf_of=ALICE):
                await client.chat.completions.create(model="m", messages=ASK)
        except BudgetExceeded:
            return False
        return True

    async def run() -> list[bool]:
        async with AsyncOpenAI(
            base_url=provider.base_url, api_key="not-a-key", max_retries=0
        ) as plain_client:
            client = guard.wrap(plain_client)
            first = await asyncio.gather(*(once(client) for _ in range(6)))
            return [*first, await once(client), await once(client)]

    found = asyncio.run(run())
    assert sum(found[:6]) >= 2
    assert found[6:] == [True, True]
    assert len(provider.journal) == sum(found)


def test_a_call_that_is_cancelled_while_it_takes_gives_back(
    made: Made, provider: LoopbackProvider, policy_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that is cancelled just then leaves nothing held, and nothing is sent."""
    guard = made(budget("calls = 5"))
    taking = threading.Event()
    reserve = SqliteLedger.reserve

    def slowly(ledger: SqliteLedger, hold: Hold) -> None:
        reserve(ledger, hold)
        taking.set()
        time.sleep(0.2)

    monkeypatch.setattr(SqliteLedger, "reserve", slowly)

    async def run() -> None:
        async with AsyncOpenAI(
            base_url=provider.base_url, api_key="not-a-key", max_retries=0
        ) as plain_client:
            client = guard.wrap(plain_client)

            async def once() -> None:
                with guard.identity(AGENT, on_behalf_of=ALICE):
                    await client.chat.completions.create(model="m", messages=ASK)

            task = asyncio.create_task(once())
            await asyncio.to_thread(taking.wait, 30)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(run())
    assert amounts(policy_file.parent) == {}
    assert provider.journal == ()


def test_handing_a_session_on_opens_no_new_run(made: Made) -> None:
    """Whoever stands behind whom, a run has one pot, and its agents are counted."""
    guard = made('\n[[identity]]\nid = "agent:other"\n' + LOOKING + "[budget.b]\nfan_out = 1\n")

    @guard.tool
    def lookup_order(order: str) -> str:
        return order

    with guard.identity(AGENT, on_behalf_of=ALICE, session="s"):
        assert lookup_order(order="ORD-00012345")
        with (
            guard.identity("agent:other"),
            pytest.raises(BudgetExceeded, match="not enough fan_out left"),
        ):
            lookup_order(order="ORD-00012345")
    with guard.identity("agent:other", on_behalf_of=ALICE, session="t"):
        assert lookup_order(order="ORD-00012345")


LOOKING = """
[[rule]]
id = "look"
who = ["agent:other"]
for = ["group:support-team"]
tool = "lookup_order"
args.order = { match = "ORD-[0-9]{8}" }
then = "allow"
"""


@pytest.mark.parametrize(
    ("tables", "limit"),
    [("[budget.b]\ncalls = 1\n", "budget:b"), ('[rate.r]\nrate = "1/hour"\n', "rate:r")],
)
def test_what_a_reload_adds_is_in_force(
    made: Made, plain: OpenAI, policy_file: Path, tables: str, limit: str
) -> None:
    """A guard whose policy counted nothing counts from the next call on."""
    guard = made("")
    client = guard.wrap(plain)
    path = policy_file.with_name("budgets.toml")
    with guard.identity(AGENT, on_behalf_of=ALICE):
        chat(client)
        path.write_text(path.read_text() + "\n" + tables)
        guard.reload()
        chat(client)
        with pytest.raises(BudgetExceeded) as refused:
            chat(client)
    assert refused.value.limits == (limit,)


def test_a_rate_is_asked(
    made: Made, plain: OpenAI, provider: LoopbackProvider, entries: list[AuditEntry]
) -> None:
    """A rate that the policy names is in force, and told as such."""
    guard = made('\n[rate.often]\nrate = "2/hour"\n')
    client = guard.wrap(plain)
    with guard.identity(AGENT, on_behalf_of=ALICE):
        chat(client)
        chat(client)
        with pytest.raises(BudgetExceeded, match="rate 'often' is reached: 2/hour") as refused:
            chat(client)
    assert refused.value.limits == ("rate:often",)
    assert len(provider.journal) == 2
    assert entries[-1].reason is Reason.RATE_REACHED


def test_what_cannot_be_counted_is_not_called(
    made: Made, plain: OpenAI, provider: LoopbackProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that does not answer lets nothing through."""
    monkeypatch.setenv("NOWHERE", "redis://:pa55word@127.0.0.1:1/0")
    rates = '[ledger]\nrates = "redis"\nredis_env = "NOWHERE"\n[rate.r]\nrate = "2/hour"\n'
    guard = made(f"\n{rates}")
    client = guard.wrap(plain)
    with guard.identity(AGENT, on_behalf_of=ALICE), pytest.raises(GuardFailure) as failed:
        chat(client)
    assert (failed.value.part, failed.value.dispatched) == ("budgets", False)
    assert "pa55word" not in str(failed.value)
    assert provider.journal == ()


def test_a_ledger_that_is_gone_lets_nothing_through(
    made: Made, plain: OpenAI, provider: LoopbackProvider, policy_file: Path
) -> None:
    """What is stopped is kept there, too, so a lost ledger reads as a stop."""
    guard = made("\n[budget.b]\ncalls = 5\n")
    client = guard.wrap(plain)
    (policy_file.parent / "agentguard-ledger.db").rename(policy_file.parent / "moved.db")
    with guard.identity(AGENT, on_behalf_of=ALICE), pytest.raises(Stopped) as refused:
        chat(client)
    assert not refused.value.dispatched
    assert provider.journal == ()


def test_a_ledger_that_is_lost_during_a_call_withholds_its_answer(
    made: Made, policy_file: Path, entries: list[AuditEntry]
) -> None:
    """What was used and cannot be counted is not handed out, and the log says that it happened."""
    guard = made("\n[budget.b]\ncalls = 5\n")

    @guard.tool
    def lookup_order(order: str) -> str:
        ledger = policy_file.parent / "agentguard-ledger.db"
        ledger.rename(policy_file.parent / "moved.db")
        return order

    with guard.identity(AGENT, on_behalf_of=ALICE), pytest.raises(GuardFailure) as failed:
        lookup_order(order="ORD-00012345")
    assert (failed.value.part, failed.value.dispatched) == ("budgets", True)
    assert entries[-1].type is EntryType.OUTCOME


def test_what_was_counted_is_told_and_holds_no_payload(
    made: Made,
    plain: OpenAI,
    policy_file: Path,
    entries: list[AuditEntry],
    spans: InMemorySpanExporter,
) -> None:
    """Entries and the span name the budget; neither they nor the ledger hold a word of the call."""
    guard = made(budget("calls = 5\ntokens = 10000\nhold_at_most = 100"))
    client = guard.wrap(plain)
    with guard.identity(AGENT, on_behalf_of=ALICE, session="canary-session"):
        chat(client)
    intent, outcome = entries
    assert intent.details["budgets"] == "b"
    assert outcome.details["used"].startswith("calls=1 tokens=")
    (span,) = (each for each in spans.get_finished_spans() if each.name.startswith("guard"))
    assert span.attributes is not None
    assert span.attributes["agentguard.budget.names"] == ("b",)
    with closing(sqlite3.connect(policy_file.parent / "agentguard-ledger.db")) as connection:
        kept = "\n".join(connection.iterdump())
    assert "user:alice" in kept
    assert "hello" not in kept
    assert "canary-session" not in kept
