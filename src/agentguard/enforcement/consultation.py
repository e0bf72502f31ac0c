# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is an extra decider asked, so that it can neither hold up a call nor break one?

Each question runs in a thread of its own, which is left to itself when the time of the decider's
table is up. What the answers mean is decided elsewhere.

INVARIANT: whatever a decider does, there is an answer or ``NoAnswer`` when its time is up, and
nothing that it raised or returned is told (tests/enforcement/test_consultation.py).
INVARIANT: a decider that hangs holds up so many threads and no more.
"""

import asyncio
import contextvars
import queue
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from agentguard.pipeline import AskDecider, Decider, NoAnswer, questions
from agentguard.stores import watch
from agentguard.vocabulary import DecisionRequest, Effect

MOST_OPEN = 64
"""How many questions to one decider may be open at once, hanging ones included."""

Answer: TypeAlias = tuple[object, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Consulted:
    """An extra decider, by its name in the policy, and how long it may take for a call."""

    name: str
    decider: Decider
    within: timedelta


class Consultation:
    """The extra deciders of a guard; asked from any thread and any event loop."""

    def __init__(self, deciders: tuple[Consulted, ...] = ()) -> None:
        self._deciders: Mapping[str, Consulted] = {each.name: each for each in deciders}
        self._open: dict[str, int] = {}
        self._lock = threading.Lock()
        watch(self)

    def ask(self, step: AskDecider) -> Effect:
        """Put the questions of a step; wait at most until the decider's time is up.

        Raises:
            NoAnswer: there is none.
        """
        consulted = self._consulted(step)
        deadline = time.monotonic() + consulted.within.total_seconds()
        asked = questions(step.requests)
        try:
            request = next(asked)
            while True:
                answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
                self._start(consulted, request, answers.put)
                try:
                    answer = answers.get(timeout=max(0.0, deadline - time.monotonic()))
                except queue.Empty:
                    raise _too_late() from None
                request = asked.send(_taken(answer))
        except StopIteration as finished:
            effect: Effect = finished.value
            return effect

    async def ask_async(self, step: AskDecider) -> Effect:
        """Put the questions of a step without holding the event loop up; see ``ask``."""
        consulted = self._consulted(step)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + consulted.within.total_seconds()
        asked = questions(step.requests)
        try:
            request = next(asked)
            while True:
                answered: asyncio.Future[Answer] = loop.create_future()
                self._start(consulted, request, _handing_over(loop, answered))
                try:
                    async with asyncio.timeout_at(deadline):
                        answer = await answered
                except TimeoutError:
                    raise _too_late() from None
                request = asked.send(_taken(answer))
        except StopIteration as finished:
            effect: Effect = finished.value
            return effect

    def close(self) -> None:
        """Close the deciders that have something to close."""
        for each in self._deciders.values():
            close = getattr(each.decider, "close", None)
            if callable(close):
                with suppress(Exception):
                    close()

    def _consulted(self, step: AskDecider) -> Consulted:
        consulted = self._deciders.get(step.decider)
        if consulted is None:
            raise NoAnswer("is not there")
        return consulted

    def _start(
        self, consulted: Consulted, request: DecisionRequest, done: Callable[[Answer], None]
    ) -> None:
        """Ask in a thread of its own, with the context of the call, so that its spans belong."""
        name = consulted.name
        with self._lock:
            if self._open.get(name, 0) >= MOST_OPEN:
                raise NoAnswer("has too many questions open already")
            self._open[name] = self._open.get(name, 0) + 1
        context = contextvars.copy_context()

        def work() -> None:
            try:
                answer = context.run(_answer, consulted.decider, request)
            finally:
                with self._lock:
                    self._open[name] -= 1
            done(answer)

        thread = threading.Thread(target=work, name=f"agentguard-decider-{name}", daemon=True)
        try:
            thread.start()
        except BaseException:
            with self._lock:
                self._open[name] -= 1
            raise

    def before_fork(self) -> None:
        """Do nothing: the child asks for itself."""

    def after_in_parent(self) -> None:
        """Do nothing."""

    def after_in_child(self) -> None:
        """Begin anew: the child has none of the threads that are asking."""
        self._lock = threading.Lock()
        self._open = {}


def _answer(decider: Decider, request: DecisionRequest) -> Answer:
    # What another package raises may hold anything: it ends here.
    try:
        return decider.decide(request), None
    except BaseException as error:  # noqa: BLE001 - even an exit in its thread is no answer
        return None, type(error).__name__


def _taken(answer: Answer) -> object:
    given, failure = answer
    if failure is not None:
        raise NoAnswer(f"failed with {failure}")
    return given


def _handing_over(
    loop: asyncio.AbstractEventLoop, answered: "asyncio.Future[Answer]"
) -> Callable[[Answer], None]:
    """Return what gives an answer to an event loop, unless nobody waits for it any more."""

    def settle(answer: Answer) -> None:
        if not answered.done():
            answered.set_result(answer)

    def done(answer: Answer) -> None:
        try:
            loop.call_soon_threadsafe(settle, answer)
        except RuntimeError:  # the loop was closed in the meantime
            return

    return done


def _too_late() -> NoAnswer:
    return NoAnswer("did not answer in time")
