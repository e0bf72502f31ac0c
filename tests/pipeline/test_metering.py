# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""When does a call take something out of its budgets, and what becomes of it?"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agentguard.canonical import Frozen
from agentguard.classification import Classifier, build_classifier
from agentguard.config import load, starter
from agentguard.errors import BudgetExceeded, GuardFailure
from agentguard.identity import Identities
from agentguard.pipeline import (
    Attempt,
    AwaitAnswer,
    BudgetFull,
    Conclude,
    Core,
    Dispatch,
    FindApprovals,
    FindStop,
    Flow,
    OpenSession,
    Pull,
    RateFull,
    Record,
    Release,
    Reserve,
    Response,
    Settle,
    Step,
    StreamClosed,
    Trace,
    guarded_call,
)
from agentguard.redaction import Event, Slot
from agentguard.session import Session
from agentguard.vocabulary import (
    AuditEntry,
    Boundary,
    EntryType,
    ModelCall,
    Reason,
    ToolCall,
)

TRACE = Trace(trace_id="0" * 32, span_id="0" * 16, stream="s")
ALICE = Identities(lambda: "session").narrowed("agent:support", on_behalf_of="user:alice")
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
USAGE = {"prompt_tokens": 7, "completion_tokens": 3}
ANSWER = {"choices": [{"message": {"content": "fine"}}], "usage": USAGE}
MONEY = """
[budget.cash]
scope = "person"
per = "1d"
calls = 5
tokens = 1000
money = "1.00"

[[price]]
model = "*"
tokens_in = "1"
tokens_out = "10"

[[price]]
tool = "refund"
call = "0.25"
"""
COUNTED = "\n[budget.few]\ncalls = 5\n"
RATED = '\n[rate.often]\nrate = "5/minute"\n'

Made = Callable[[str], Core]


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    """What finds the built-in classes."""
    return build_classifier()


@pytest.fixture
def made(tmp_path: Path, classifier: Classifier) -> Made:
    """Give what makes the parts that decide, of the starter policy with more tables."""

    def core(more: str) -> Core:
        path = tmp_path / "agentguard.toml"
        path.write_text(starter("ed25519:" + "A" * 43 + "=") + more, encoding="utf-8")
        settings = load(path, {})
        return Core(
            policy=settings.policy,
            classifier=classifier,
            now=lambda: NOW,
            random=lambda count: b"r" * count,
            lease=timedelta(minutes=1),
        )

    return core


def chat(**more: Any) -> Attempt:
    """An attempt at a chat completion."""
    payload: Frozen = {
        "model": "m",
        "max_tokens": 20,
        "messages": ({"role": "user", "content": "hello"},),
    }
    call = ModelCall(
        id="c",
        operation="chat",
        verb="POST",
        path="/chat/completions",
        origin="http://127.0.0.1:80",
        model="m",
        payload=payload,
        answers=("/choices/*/message/content",),
    )
    return attempt(replace(call, **more))


def refund(amount: int = 40) -> Attempt:
    """An attempt at a refund."""
    arguments: dict[str, Any] = {"order": "ORD-00012345", "amount": amount}
    arguments["to"] = "j@customers.example"
    call = ToolCall(id="c", tool="refund", definition="d", received=arguments, resolved=arguments)
    return attempt(call)


def attempt(call: ModelCall | ToolCall) -> Attempt:
    """An attempt at a call."""
    tool = isinstance(call, ToolCall)
    return Attempt(
        id="c",
        boundary=Boundary.TOOL if tool else Boundary.MODEL,
        surface="functions" if tool else "openai",
        operation=call.operation,
        target=call.target,
        caller=ALICE,
        objection=None,
        describe=lambda: call,
    )


class Walk:
    """A flow that was stepped to its end, and what it asked for."""

    def __init__(
        self,
        flow: Flow[Any],
        *,
        raising: Mapping[str, BaseException] | None = None,
        response: Response | None = None,
        events: tuple[Event, ...] = (),
    ) -> None:
        self.asked: list[str] = []
        self.steps: list[Step[Any]] = []
        self.entries: list[AuditEntry] = []
        self.ending: Any = None
        self._response = Response(content=ANSWER) if response is None else response
        self._events = [*events, None]
        self._raising = dict(raising or {})
        try:
            step = next(flow)
            while True:
                step = self._next(flow, step)
        except StopIteration as done:
            self.ending = done.value
        except BaseException as error:  # noqa: BLE001 - the ending is what is looked at
            self.ending = error

    def _next(self, flow: Flow[Any], step: Step[Any]) -> Step[Any]:
        name = type(step).__name__
        self.steps.append(step)
        if isinstance(step, Record):
            self.entries.append(step.entry)
            name = f"{name} {step.entry.type.value}"
        if not isinstance(step, FindStop):  # where it stands is tested with the order
            self.asked.append(name)
        raised = self._raising.pop(name, None)
        return flow.send(self._answer(step)) if raised is None else flow.throw(raised)

    def _answer(self, step: Step[Any]) -> Any:
        if isinstance(step, OpenSession):
            return Session(b"k" * 32)
        if isinstance(step, FindApprovals):
            return ()
        if isinstance(step, AwaitAnswer):
            return step.request
        if isinstance(step, Dispatch):
            return self._response
        if isinstance(step, Pull):
            return self._events.pop(0)
        return None

    def only(self, kind: type[Step[Any]]) -> Any:
        """The one step of a kind."""
        (found,) = [each for each in self.steps if isinstance(each, kind)]
        return found

    @property
    def used(self) -> Mapping[str, int]:
        """What was settled."""
        settled: Settle = self.only(Settle)
        return settled.used


def test_a_call_takes_before_its_intent_and_settles_before_its_outcome(made: Made) -> None:
    """What a call may use is taken before it is dispatched, what it used counted afterwards."""
    walk = Walk(guarded_call(chat(), made(MONEY), TRACE))
    assert walk.asked == [
        "OpenSession", "Reserve", "Record intent", "Dispatch", "Settle", "Record outcome",
        "Conclude",
    ]  # fmt: skip
    assert walk.ending == ANSWER
    assert walk.used == {"tokens_in": 7, "tokens_out": 3, "tokens": 10, "money": 37_000}


def test_a_policy_without_budgets_takes_nothing(made: Made) -> None:
    """No step is asked for where nothing is counted."""
    walk = Walk(guarded_call(chat(), made(""), TRACE))
    assert walk.asked == ["OpenSession", "Record intent", "Dispatch", "Record outcome", "Conclude"]


def test_what_is_taken_says_whose_it_is_and_until_when(made: Made) -> None:
    """The pot has its owner and its day, and the hold ends with the lease."""
    hold = Walk(guarded_call(chat(), made(MONEY), TRACE)).only(Reserve).hold
    day = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    (pot,) = {line.pot for line in hold.lines}
    assert (pot.budget, pot.scope, pot.owner) == ("cash", "person", "user:alice")
    assert (pot.starts, pot.ends) == (day, day + 86_400)
    assert (hold.at, hold.lease_until - hold.at) == (int(NOW.timestamp()), 60)
    assert {line.key for line in hold.lines} == {"calls", "tokens", "money"}


def test_the_entries_say_what_was_counted(made: Made) -> None:
    """The intent names the budgets, the outcome says how much was used."""
    intent, outcome = Walk(guarded_call(chat(), made(MONEY), TRACE)).entries
    assert intent.details["budgets"] == "cash"
    assert outcome.details == {"used": "calls=1 money=37000 tokens=10 tokens_in=7 tokens_out=3"}


def test_what_ends_with_a_call_is_not_told_as_used(made: Made) -> None:
    """Places, agents and time are not used up, and of what was left nobody knows how much."""
    lines = "concurrent = 5\nfan_out = 5\nwall = '1h'\ncalls = 5\ntokens_out = 100\n"
    payload: Frozen = {"model": "m", "messages": ({"role": "user", "content": "hello"},)}
    flow = guarded_call(chat(payload=payload), made(f"\n[budget.b]\n{lines}"), TRACE)
    walk = Walk(flow, response=Response(content={}))
    assert walk.entries[-1].details == {"used": "calls=1"}


def test_the_span_names_the_budgets(made: Made) -> None:
    """What is told at the end names the budgets that the call was under."""
    concluded: Conclude = Walk(guarded_call(chat(), made(MONEY), TRACE)).only(Conclude)
    assert concluded.report.budgets == ("cash",)


def test_a_call_that_waits_for_people_holds_nothing(made: Made) -> None:
    """While people are asked, others can use what there is."""
    walk = Walk(guarded_call(refund(400), made(MONEY), TRACE))
    assert "Reserve" not in walk.asked
    assert "AwaitAnswer" in walk.asked


def test_a_budget_that_is_full_refuses(made: Made) -> None:
    """Nothing is dispatched or given back, and the error says of what and when there is more."""
    core = made(MONEY)
    lines = Walk(guarded_call(chat(), core, TRACE)).only(Reserve).hold.lines
    walk = Walk(guarded_call(chat(), core, TRACE), raising={"Reserve": BudgetFull(lines[:1])})
    assert walk.asked == ["OpenSession", "Reserve", "Record refused", "Conclude"]
    assert isinstance(walk.ending, BudgetExceeded)
    assert walk.ending.limits == ("budget:cash",)
    assert walk.ending.begins_anew == datetime(2026, 1, 2, tzinfo=UTC)
    assert "budget 'cash' of this person has not enough calls left" in str(walk.ending)
    assert "2026-01-02T00:00:00Z" in str(walk.ending)
    (refused,) = walk.entries
    assert (refused.reason, refused.details["budgets"]) == (Reason.BUDGET_REACHED, "cash")


def test_a_rate_that_is_reached_refuses(made: Made) -> None:
    """Nothing is dispatched, and the error names the rate."""
    core = made(RATED)
    (rate,) = Walk(guarded_call(chat(), core, TRACE)).only(Reserve).rates
    assert (rate.name, rate.rate) == ("often", "5/minute")
    walk = Walk(guarded_call(chat(), core, TRACE), raising={"Reserve": RateFull(rate)})
    assert isinstance(walk.ending, BudgetExceeded)
    assert walk.ending.limits == ("rate:often",)
    assert walk.entries[0].reason is Reason.RATE_REACHED
    assert "Dispatch" not in walk.asked


@pytest.mark.parametrize("raised", [LookupError("payload"), asyncio.CancelledError()])
@pytest.mark.parametrize("step", ["Reserve", "Record intent"])
def test_what_ends_before_dispatch_gives_back(made: Made, step: str, raised: BaseException) -> None:
    """Whether taking failed or was interrupted, or writing down after it: nothing stays held."""
    walk = Walk(guarded_call(chat(), made(COUNTED), TRACE), raising={step: raised})
    assert "Dispatch" not in walk.asked
    assert walk.only(Release).call_id == "c"
    assert walk.asked.index("Release") == walk.asked.index(step) + 1
    assert "payload" not in str(walk.ending)


def test_what_cannot_be_given_back_changes_no_ending(made: Made) -> None:
    """A hold that stays ends with its lease; the caller is told what happened first."""
    raising = {"Record intent": LookupError("payload"), "Release": OSError("payload")}
    walk = Walk(guarded_call(chat(), made(COUNTED), TRACE), raising=raising)
    assert isinstance(walk.ending, GuardFailure)
    assert "LookupError" in str(walk.ending)
    assert walk.ending.dispatched is False


def test_what_cannot_be_settled_withholds_the_result(made: Made) -> None:
    """A call whose use cannot be counted is withheld, and its outcome written all the same."""
    walk = Walk(guarded_call(chat(), made(COUNTED), TRACE), raising={"Settle": OSError("payload")})
    assert isinstance(walk.ending, GuardFailure)
    assert walk.ending.dispatched is True
    assert walk.asked.count("Settle") == 1
    assert walk.entries[-1].type is EntryType.OUTCOME


def test_a_failing_settlement_after_a_failing_call_says_that_it_happened(made: Made) -> None:
    """Where the call failed as well, the caller is told of the part, and that it was made."""
    raising = {"Dispatch": LookupError("payload"), "Settle": OSError("payload")}
    walk = Walk(guarded_call(chat(), made(COUNTED), TRACE), raising=raising)
    assert isinstance(walk.ending, GuardFailure)
    assert (walk.ending.part, walk.ending.dispatched) == ("budgets", True)
    assert walk.entries[-1].type is EntryType.OUTCOME


class Answered(Exception):
    """What an SDK raises for an answer that says that something went wrong."""

    def __init__(self, status_code: object) -> None:
        super().__init__("payload")
        self.status_code = status_code


def test_a_provider_that_answers_with_an_error_ran_no_model(made: Made) -> None:
    """The call counts, and of tokens and money nothing."""
    walk = Walk(guarded_call(chat(), made(MONEY), TRACE), raising={"Dispatch": Answered(429)})
    assert walk.used == {"tokens_in": 0, "tokens_out": 0, "tokens": 0, "money": 0}
    assert walk.entries[-1].details["used"].startswith("calls=1 money=0")


@pytest.mark.parametrize(
    "raised",
    [TimeoutError("payload"), Answered(None), Answered("429"), asyncio.CancelledError()],
)
def test_a_call_that_broke_off_counts_as_what_it_held(made: Made, raised: BaseException) -> None:
    """Whoever heard nothing does not know what was used."""
    walk = Walk(guarded_call(chat(), made(MONEY), TRACE), raising={"Dispatch": raised})
    assert walk.used == {}


@pytest.mark.parametrize("content", [{}, {"usage": None}, {"usage": {"prompt_tokens": -7}}])
def test_an_answer_that_says_nothing_counts_as_what_was_held(
    made: Made, content: dict[str, Any]
) -> None:
    """Without a usage that can be read, what was taken stays taken."""
    walk = Walk(guarded_call(chat(), made(MONEY), TRACE), response=Response(content=content))
    assert walk.used == {}


def test_a_tool_costs_what_its_price_says(made: Made) -> None:
    """A call of a tool takes its price, and settles to it, whether it failed or not."""
    for raising in ({}, {"Dispatch": LookupError("payload")}):
        walk = Walk(guarded_call(refund(), made(MONEY), TRACE), raising=raising)
        taken = {line.key: line.amount for line in walk.only(Reserve).hold.lines}
        assert taken == {"calls": 1, "money": 250_000_000}
        assert walk.used == {}


class Quiet:
    """A stream without texts."""

    def slots(self, event: Event) -> Sequence[Slot]:
        """None."""
        return ()

    def ended(self, event: Event) -> Sequence[str]:
        """None."""
        return ()

    def carrying(self, channel: str, text: str, last: Event) -> Event:
        """Nothing is held back."""
        return last


def streamed(core: Core, *events: Event, **raising: BaseException) -> Walk:
    """Step a call whose answer comes in events."""
    response = Response(content=None, form=Quiet())
    return Walk(
        guarded_call(chat(streams=True), core, TRACE),
        response=response,
        events=events,
        raising=raising,
    )


def event(**content: Any) -> Event:
    """One event of a stream."""
    return Event(None, content)


START = event(message={"usage": {"input_tokens": 7, "output_tokens": 1}})
END = event(usage={"output_tokens": 3})


def test_a_stream_counts_as_its_events_say(made: Made) -> None:
    """What events say of their usage is put together, and counted at the end."""
    walk = streamed(made(MONEY), START, event(text="fine"), END)
    assert walk.used == {"tokens_in": 7, "tokens_out": 3, "tokens": 10, "money": 37_000}


def test_a_stream_that_says_nothing_counts_as_what_it_held(made: Made) -> None:
    """A stream without a usage event is not cheaper than its hold."""
    assert streamed(made(MONEY), event(text="fine")).used == {}


@pytest.mark.parametrize(
    "raised", [StreamClosed(), ConnectionError("payload"), asyncio.CancelledError(), Answered(500)]
)
def test_a_stream_that_breaks_off_counts_as_what_it_held(made: Made, raised: BaseException) -> None:
    """What the first event says is less than what was used, whoever broke it off."""
    core = made(MONEY)
    response = Response(content=None, form=Quiet())
    flow = guarded_call(chat(streams=True), core, TRACE)
    walk = Walk(flow, response=response, events=(START,), raising={"Emit": raised})
    assert walk.used == {}
