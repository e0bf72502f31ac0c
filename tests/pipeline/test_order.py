# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which steps does a call take, in which order, stepped by hand without any I/O?"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest

from agentguard.canonical import Frozen
from agentguard.classification import build_classifier
from agentguard.config import load, starter
from agentguard.errors import ApprovalPending, DeniedByPolicy, GuardFailure, IdentityRequired
from agentguard.identity import Identities
from agentguard.pipeline import (
    Attempt,
    AwaitAnswer,
    Conclude,
    Core,
    Dispatch,
    FindApprovals,
    FindStop,
    Flow,
    OpenSession,
    Record,
    Response,
    Step,
    Trace,
    guarded_call,
)
from agentguard.session import Session
from agentguard.vocabulary import (
    ApprovalChange,
    Boundary,
    Caller,
    EntryType,
    ModelCall,
    Outcome,
    ToolCall,
)

TRACE = Trace(trace_id="0" * 32, span_id="0" * 16, stream="s")
ALICE = Identities(lambda: "session").narrowed("agent:support", on_behalf_of="user:alice")
ANSWER = {"choices": [{"message": {"content": "fine"}}]}


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Core:
    """The parts that decide, of the starter policy."""
    path = tmp_path_factory.mktemp("policy") / "agentguard.toml"
    path.write_text(starter("ed25519:" + "A" * 43 + "="), encoding="utf-8")
    settings = load(path)
    return Core(
        policy=settings.policy,
        classifier=build_classifier(own=settings.own, known=settings.known),
        now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        random=lambda count: b"r" * count,
        lease=timedelta(minutes=1),
    )


def chat(caller: Caller | None = ALICE) -> Attempt:
    """Return an attempt at a chat completion."""
    call = ModelCall(
        id="c",
        operation="chat",
        verb="POST",
        path="/chat/completions",
        origin="http://127.0.0.1:80",
        model="m",
        payload={"model": "m", "messages": ({"role": "user", "content": "a@b.example"},)},
        answers=("/choices/*/message/content",),
    )
    return attempt(call, caller)


def refund(amount: int) -> Attempt:
    """Return an attempt at a refund."""
    plain: dict[str, Frozen] = {"order": "ORD-00012345", "amount": amount}
    arguments = MappingProxyType({**plain, "to": "j@customers.example"})
    call = ToolCall(id="c", tool="refund", definition="d", received=arguments, resolved=arguments)
    return attempt(call, ALICE)


def attempt(call: ModelCall | ToolCall, caller: Caller | None) -> Attempt:
    """Return an attempt at a call."""
    tool = isinstance(call, ToolCall)
    return Attempt(
        id="c",
        boundary=Boundary.TOOL if tool else Boundary.MODEL,
        surface="functions" if tool else "openai",
        operation=call.operation,
        target=call.target,
        caller=caller,
        objection=None,
        describe=lambda: call,
    )


def answer(step: Step[Any]) -> Any:
    """Give each step what it asks for."""
    if isinstance(step, OpenSession):
        return Session(b"k" * 32)
    if isinstance(step, FindApprovals):
        return ()
    if isinstance(step, AwaitAnswer):
        return step.request
    if isinstance(step, Dispatch):
        return Response(content=ANSWER)
    return None


def walked(flow: Flow[Any], breaking: type[Step[Any]] | None = None) -> tuple[list[str], Any]:
    """Step a flow to its end; return what it asked for and how it ended."""
    asked: list[str] = []
    try:
        step = next(flow)
        while True:
            entry = step.entry.type.value if isinstance(step, Record) else ""
            asked.append(f"{type(step).__name__} {entry}".strip())
            if breaking is not None and isinstance(step, breaking):
                breaking = None
                step = flow.throw(LookupError("payload"))
            else:
                step = flow.send(answer(step))
    except StopIteration as done:
        return asked, done.value
    except Exception as error:  # noqa: BLE001 - the ending is what is looked at
        return asked, error


def test_an_allowed_model_call_takes_these_steps(core: Core) -> None:
    """A session, the intent, the dispatch, the outcome, the span: in this order."""
    asked, ending = walked(guarded_call(chat(), core, TRACE))
    assert asked == [
        "FindStop", "OpenSession", "FindStop", "Record intent", "Dispatch", "Record outcome",
        "Conclude",
    ]  # fmt: skip
    assert ending == ANSWER


def test_a_call_without_identity_asks_for_nothing_but_the_record(core: Core) -> None:
    """Nothing is opened or dispatched for nobody."""
    asked, ending = walked(guarded_call(chat(None), core, TRACE))
    assert asked == ["Record refused", "Conclude"]
    assert isinstance(ending, IdentityRequired)


def test_a_denied_call_is_written_and_not_dispatched(core: Core) -> None:
    """A refund that no rule allows leaves a refusal."""
    asked, ending = walked(guarded_call(refund(5000), core, TRACE))
    assert asked == ["FindStop", "OpenSession", "Record refused", "Conclude"]
    assert isinstance(ending, DeniedByPolicy)
    assert ending.call_id == "c"


def test_a_call_that_needs_approval_asks_before_its_intent(core: Core) -> None:
    """The question is written and waited for; without an answer nothing is dispatched."""
    asked, ending = walked(guarded_call(refund(400), core, TRACE))
    assert asked == [
        "FindStop", "OpenSession", "FindApprovals", "Record approval.requested", "AwaitAnswer",
        "Record refused", "Conclude",
    ]  # fmt: skip
    assert isinstance(ending, ApprovalPending)


@pytest.mark.parametrize("breaking", [FindStop, OpenSession, Record, FindApprovals, AwaitAnswer])
def test_a_step_that_fails_before_dispatch_refuses(core: Core, breaking: type[Step[Any]]) -> None:
    """Whatever a driver cannot do before dispatch ends the call, without the failure's text."""
    asked, ending = walked(guarded_call(refund(400), core, TRACE), breaking)
    assert "Dispatch" not in asked
    assert isinstance(ending, GuardFailure)
    assert "payload" not in str(ending)
    assert ending.dispatched is False


def test_a_failing_dispatch_is_given_as_it_is_and_written(core: Core) -> None:
    """What the tool raises is the caller's own, and the outcome says that it failed."""
    asked, ending = walked(guarded_call(refund(40), core, TRACE), Dispatch)
    assert asked == [
        "FindStop", "OpenSession", "FindStop", "Record intent", "Dispatch", "Record outcome",
        "Conclude",
    ]  # fmt: skip
    assert isinstance(ending, LookupError)


def test_a_failing_conclusion_withholds_the_result(core: Core) -> None:
    """A result whose end cannot be told is not given."""
    asked, ending = walked(guarded_call(refund(40), core, TRACE), Conclude)
    assert isinstance(ending, GuardFailure)
    assert ending.dispatched is True
    assert asked[-1] == "Conclude"


def test_the_intent_of_a_change_is_durable_and_of_a_model_call_grouped(core: Core) -> None:
    """Only what changes state waits for the disk before it happens."""
    durable: dict[str, bool] = {}
    for name, tried in (("tool", refund(40)), ("model", chat())):
        flow = guarded_call(tried, core, TRACE)
        step = next(flow)
        while not isinstance(step, Record):
            step = flow.send(answer(step))
        assert step.entry.type is EntryType.INTENT
        assert step.salt is not None
        durable[name] = step.durable
    assert durable == {"tool": True, "model": False}


def test_a_request_is_opened_with_its_entry(core: Core) -> None:
    """The question and the entry that says so are one change."""
    flow = guarded_call(refund(400), core, TRACE)
    step = next(flow)
    while not isinstance(step, Record):
        step = flow.send(answer(step))
    assert isinstance(step.change, ApprovalChange)
    assert step.change.before is None
    assert step.entry.approval_id == step.change.after.id
    flow.close()


def test_an_outcome_carries_how_it_ended(core: Core) -> None:
    """The last entry of a completed call says so."""
    flow = guarded_call(refund(40), core, TRACE)
    step = next(flow)
    records = []
    try:
        while True:
            if isinstance(step, Record):
                records.append(step.entry)
            step = flow.send(answer(step))
    except StopIteration:
        pass
    assert records[-1].outcome is Outcome.COMPLETED
    assert replace(records[0], type=EntryType.OUTCOME).chain == records[-1].chain
