# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is a decider asked, so that nothing of the call hangs on it?"""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from agentguard.deciders import DecisionRequest, Effect, Verdict
from agentguard.enforcement.consultation import Consultation, Consulted
from agentguard.pipeline import AskDecider, NoAnswer
from agentguard.testing import decision_request

ALLOWS = Verdict(effect=Effect.ALLOW)
STEP = AskDecider("d", (decision_request("agent:a", tool="t"),))
SOON = timedelta(milliseconds=50)
LATE = timedelta(seconds=30)


class Decider:
    """A decider that answers as it is told."""

    def __init__(self, answer: Callable[[DecisionRequest], Verdict]) -> None:
        self.answer = answer
        self.closed = False

    def decide(self, request: DecisionRequest) -> Verdict:
        """Answer."""
        return self.answer(request)

    def close(self) -> None:
        """Note it."""
        self.closed = True


def consultation(
    answer: Callable[[DecisionRequest], Verdict], within: timedelta = LATE
) -> Consultation:
    """Return what asks a decider that answers so."""
    return Consultation((Consulted(name="d", decider=Decider(answer), within=within),))


def asked(by: Consultation, way: str, step: AskDecider = STEP) -> Effect:
    """Ask in one of the two ways."""
    return by.ask(step) if way == "ask" else asyncio.run(by.ask_async(step))


WAYS = pytest.mark.parametrize("way", ["ask", "ask_async"])


@WAYS
def test_it_is_asked_in_a_thread_with_the_context_of_the_call(way: str) -> None:
    """Not in the thread of the call, and what the call's context holds is there."""
    held = contextvars.ContextVar("held", default="nothing")
    seen: list[tuple[str, bool]] = []
    here = threading.current_thread()

    def answer(_: DecisionRequest) -> Verdict:
        seen.append((held.get(), threading.current_thread() is here))
        return ALLOWS

    held.set("the call's")
    assert asked(consultation(answer), way) is Effect.ALLOW
    assert seen == [("the call's", False)]


@WAYS
def test_there_is_an_end_to_waiting(way: str) -> None:
    """An answer that comes too late is none, and the thread that waits is a daemon."""
    free, daemons = threading.Event(), list[bool]()

    def answer(_: DecisionRequest) -> Verdict:
        daemons.append(threading.current_thread().daemon)
        free.wait(30)
        return ALLOWS

    with pytest.raises(NoAnswer, match="in time"):
        asked(consultation(answer, SOON), way)
    free.set()
    assert daemons == [True]


@WAYS
def test_an_unknown_decider_gives_no_answer(way: str) -> None:
    """A name without a decider is never a yes."""
    with pytest.raises(NoAnswer, match="not there"):
        asked(Consultation(), way)


@WAYS
def test_threads_that_ended_make_room_again(way: str) -> None:
    """A decider that answers can be asked any number of times."""
    by = consultation(lambda _: ALLOWS)
    assert {asked(by, way) for _ in range(200)} == {Effect.ALLOW}


def test_a_cancelled_call_leaves_the_question_to_itself() -> None:
    """A task that is cancelled while it waits ends at once."""
    free = threading.Event()
    by = consultation(lambda _: (free.wait(30), ALLOWS)[1])

    async def main() -> None:
        task = asyncio.create_task(by.ask_async(STEP))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    free.set()


def test_an_answer_after_the_loop_is_closed_disturbs_nobody() -> None:
    """A thread that comes back when its event loop is gone ends quietly."""
    free, ended = threading.Event(), list[threading.Thread]()

    def answer(_: DecisionRequest) -> Verdict:
        ended.append(threading.current_thread())
        free.wait(30)
        return ALLOWS

    with pytest.raises(NoAnswer):
        asyncio.run(consultation(answer, SOON).ask_async(STEP))
    free.set()
    ended[0].join(10)
    assert not ended[0].is_alive()


def test_what_a_decider_holds_open_is_closed() -> None:
    """One that cannot be closed does not keep the others open."""
    one, two = Decider(lambda _: ALLOWS), Decider(lambda _: ALLOWS)

    def broken() -> None:
        raise RuntimeError("cannot")

    one.close = broken  # type: ignore[method-assign]  # the mistake
    Consultation(
        (
            Consulted(name="one", decider=one, within=SOON),
            Consulted(name="two", decider=two, within=SOON),
        )
    ).close()
    assert two.closed
