# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How are the steps of a call performed, in synchronous and in asynchronous code?

Two drivers for the one flow: they send each step's result back into it, or throw what the step
raised, so that the flow can write it down. The order of the steps is not theirs.

INVARIANT: the drivers throw into a flow and never close it.
INVARIANT: in the asynchronous driver a step that writes is finished before a cancellation is
delivered (tests/test_enforcement.py), and none of them waits for the disk in the event loop
(tests/attacks/test_concurrency.py).
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

from agentguard.errors import GuardFailure, IdentityRequired
from agentguard.identity import Identities
from agentguard.pipeline import (
    Attempt,
    AwaitAnswer,
    ClaimLost,
    Conclude,
    Core,
    Dispatch,
    FindApprovals,
    Flow,
    OpenSession,
    Record,
    Response,
    Step,
    guarded_call,
)
from agentguard.session import Session
from agentguard.stores import ChangeLost, StoreFailure, watch
from agentguard.telemetry import GuardSpan, Telemetry, describe
from agentguard.vocabulary import (
    ApprovalChange,
    ApprovalRequest,
    ApprovalState,
    AuditEntry,
    Boundary,
    Call,
    Caller,
    Lifetime,
    Position,
)

T = TypeVar("T")

MOST_NAMED_SESSIONS = 100_000
SHORTEST_POLL, LONGEST_POLL = 0.02, 0.5


class Journal(Protocol):
    """Where audit entries, and changes of approval requests with them, are written."""

    @property
    def stream(self) -> str:
        """The id of this process's stream."""

    def append(
        self,
        entry: AuditEntry,
        *,
        durable: bool,
        change: ApprovalChange | None = None,
        salt: bytes | None = None,
    ) -> Position | None:
        """Write one entry; see ``stores.Journal``."""

    def offer(self, entry: AuditEntry, *, salt: bytes | None = None) -> bool:
        """Write one entry if that means no waiting; see ``stores.Journal``."""


class ApprovalReader(Protocol):
    """Where approval requests are read."""

    def approval(self, id: str) -> ApprovalRequest | None:  # noqa: A002 - the field's word
        """Return one request with its votes."""

    def open_approvals(self, session_key: str, tool: str) -> tuple[ApprovalRequest, ...]:
        """Return the requests of a session for a tool that have not ended for good."""


class Sessions:
    """The sessions of this process.

    A session knows what was hidden in it, and hides it again wherever it turns up. So none is
    forgotten while somebody can come back to it: one with a name is kept as long as the process
    runs, and one without as long as the block or the bound object that it was made for.
    """

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._random = random
        self._living: WeakValueDictionary[str, Session] = WeakValueDictionary()
        self._named: dict[str, Session] = {}
        self._nameless: WeakKeyDictionary[Lifetime, dict[str, Session]] = WeakKeyDictionary()
        # Taken again by the thread that has it, when a finalizer or a signal calls in between.
        self._lock = threading.RLock()
        watch(self)

    def of(self, caller: Caller) -> Session:
        """Return the session of a caller, making it if there is none.

        Raises:
            GuardFailure: there are too many named sessions for another one.
        """
        key = caller.session_key
        with self._lock:
            kept = self._named
            if caller.lifetime is not None:
                kept = self._nameless.setdefault(caller.lifetime, {})
            session = kept.get(key)
            if session is not None:
                return session
            if len(self._named) >= MOST_NAMED_SESSIONS and kept is self._named:
                raise GuardFailure(
                    f"this process keeps {MOST_NAMED_SESSIONS} named sessions and forgets none:"
                    " start another, or name only sessions that are come back to",
                    part="sessions",
                )
            # One made without a name can be come back to by its id, which then is its name.
            session = self._living.get(key) or Session(self._random(32))
            return kept.setdefault(key, self._living.setdefault(key, session))

    def before_fork(self) -> None:
        """Do nothing: what the sessions know goes with the child."""

    def after_in_parent(self) -> None:
        """Do nothing."""

    def after_in_child(self) -> None:
        """Make a lock: a thread that the child does not have may have held this one."""
        self._lock = threading.RLock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """One call as an integration hands it over.

    Attributes:
        boundary, operation, target: see ``pipeline.Attempt``.
        carried: the caller that the called object is bound to, if any.
        describe: builds the call; raises a refusal for what it cannot inspect.
        span_attributes: what the operation's span carries from its start.
        operation_span: whether the operation's span is ours to make.
    """

    boundary: Boundary
    operation: str
    target: str
    carried: Caller | None
    describe: Callable[[str], Call]
    span_attributes: Mapping[str, str | bool | int | tuple[str, ...]] = field(default_factory=dict)
    operation_span: bool = True


class Enforcer:
    """Takes crossings through the guard. One serves synchronous and asynchronous code."""

    def __init__(
        self,
        *,
        core: Core,
        identities: Identities,
        journal: Journal,
        approvals: ApprovalReader,
        telemetry: Telemetry,
        new_call_id: Callable[[], str],
    ) -> None:
        self.core = core
        self.identities = identities
        self._journal = journal
        self._approvals = approvals
        self._telemetry = telemetry
        self._new_call_id = new_call_id
        self._sessions = Sessions(core.random)

    def call(self, crossing: Crossing, dispatch: Callable[[Call], Response]) -> Any:
        """Take one crossing through the guard and return what its caller gets."""
        attempt = self._attempt(crossing)
        with self._telemetry.guard_span(attempt) as span:
            flow = self._flow(attempt, span)
            try:
                step = next(flow)
                while True:
                    result, failure = None, None
                    try:
                        result = self._perform(step, crossing, attempt, span, dispatch)
                    except BaseException as error:  # noqa: BLE001 - the flow writes it down
                        failure = error
                    # Outside the handler, so that what the flow raises is not chained to it.
                    step = flow.send(result) if failure is None else flow.throw(failure)
            except StopIteration as finished:
                return finished.value

    async def call_async(
        self, crossing: Crossing, dispatch: Callable[[Call], Awaitable[Response]]
    ) -> Any:
        """Take one crossing through the guard; blocking steps run in worker threads."""
        attempt = self._attempt(crossing)
        with self._telemetry.guard_span(attempt) as span:
            flow = self._flow(attempt, span)
            try:
                step = next(flow)
                while True:
                    result, failure = None, None
                    try:
                        result = await self._perform_async(step, crossing, attempt, span, dispatch)
                    except BaseException as error:  # noqa: BLE001 - the flow writes it down
                        failure = error
                    # Outside the handler, so that what the flow raises is not chained to it.
                    step = flow.send(result) if failure is None else flow.throw(failure)
            except StopIteration as finished:
                return finished.value

    def _attempt(self, crossing: Crossing) -> Attempt:
        caller, objection = None, None
        try:
            caller = self.identities.presented(crossing.carried)
        except IdentityRequired as contradiction:
            objection = contradiction
        call_id = self._new_call_id()
        return Attempt(
            id=call_id,
            boundary=crossing.boundary,
            operation=crossing.operation,
            target=crossing.target,
            caller=caller,
            objection=objection,
            describe=lambda: crossing.describe(call_id),
        )

    def _flow(self, attempt: Attempt, span: GuardSpan) -> Flow[Any]:
        return guarded_call(attempt, self.core, span.trace(self._journal.stream))

    def _perform(
        self,
        step: Step[Any],
        crossing: Crossing,
        attempt: Attempt,
        span: GuardSpan,
        dispatch: Callable[[Call], Response],
    ) -> Any:
        if isinstance(step, Dispatch):
            with self._telemetry.operation_span(
                attempt, crossing.span_attributes, wanted=crossing.operation_span
            ) as operation:
                response = dispatch(step.call)
                if operation is not None:
                    describe(operation, response.attributes)
                return response
        if isinstance(step, AwaitAnswer):
            return self._await_answer(step)
        return self._perform_local(step, span)

    async def _perform_async(
        self,
        step: Step[Any],
        crossing: Crossing,
        attempt: Attempt,
        span: GuardSpan,
        dispatch: Callable[[Call], Awaitable[Response]],
    ) -> Any:
        if isinstance(step, Dispatch):
            with self._telemetry.operation_span(
                attempt, crossing.span_attributes, wanted=crossing.operation_span
            ) as operation:
                response = await dispatch(step.call)
                if operation is not None:
                    describe(operation, response.attributes)
                return response
        if isinstance(step, AwaitAnswer):
            return await self._await_answer_async(step)
        if isinstance(step, Record) and self._accepted(step):
            return None
        if isinstance(step, FindApprovals | Record):
            return await _in_thread(lambda: self._perform_local(step, span))
        return self._perform_local(step, span)

    def _perform_local(self, step: Step[Any], span: GuardSpan) -> Any:
        """Perform a step that is the same in both drivers."""
        if isinstance(step, OpenSession):
            return self._sessions.of(step.caller)
        if isinstance(step, Record):
            return self._record(step)
        if isinstance(step, FindApprovals):
            return self._read(lambda: self._approvals.open_approvals(step.session_key, step.tool))
        if isinstance(step, Conclude):
            with contextlib.suppress(Exception):  # telemetry never changes a call
                span.conclude(step.report)
            return None
        raise TypeError(f"no driver performs {type(step).__name__}")

    def _record(self, step: Record) -> Position | None:
        return self._written(
            lambda: self._journal.append(
                step.entry, durable=step.durable, change=step.change, salt=step.salt
            )
        )

    def _accepted(self, step: Record) -> bool:
        """Say whether the log took an entry at once, so that the event loop need not wait."""
        if step.durable or step.change is not None:
            return False
        return self._written(lambda: self._journal.offer(step.entry, salt=step.salt))

    def _written(self, write: Callable[[], T]) -> T:
        failure = "the audit log cannot be written"
        try:
            return write()
        except ChangeLost:
            raise ClaimLost from None
        except StoreFailure as error:
            failure = f"{failure}: {error}"
        raise GuardFailure(failure, part="audit")

    def _read(self, read: Callable[[], T]) -> T:
        failure = "approval requests cannot be read"
        try:
            return read()
        except StoreFailure as error:
            failure = f"{failure}: {error}"
        raise GuardFailure(failure, part="approvals")

    def _latest(self, request: ApprovalRequest) -> ApprovalRequest:
        found = self._read(lambda: self._approvals.approval(request.id))
        if found is None:
            raise GuardFailure("an approval request has vanished from the store", part="approvals")
        return found

    def _time_left(self, request: ApprovalRequest, deadline: float) -> float:
        """Return how long an answer is still worth waiting for, until just after it expires."""
        if request.state is not ApprovalState.PENDING:
            return 0.0
        open_for = (request.decide_by - self.core.now()).total_seconds()
        if open_for < 0:
            return 0.0
        return min(deadline - time.monotonic(), open_for + SHORTEST_POLL)

    def _await_answer(self, step: AwaitAnswer) -> ApprovalRequest:
        wait = step.profile.wait.total_seconds()
        with self._telemetry.approval_span(step.request, wait) as waiting:
            deadline, pause = time.monotonic() + wait, SHORTEST_POLL
            latest = self._latest(step.request)
            while (left := self._time_left(latest, deadline)) > 0:
                time.sleep(min(pause, left))
                pause = min(pause * 1.5, LONGEST_POLL)
                latest = self._latest(step.request)
            waiting.answered(latest)
            return latest

    async def _await_answer_async(self, step: AwaitAnswer) -> ApprovalRequest:
        wait = step.profile.wait.total_seconds()
        with self._telemetry.approval_span(step.request, wait) as waiting:
            deadline, pause = time.monotonic() + wait, SHORTEST_POLL
            latest = await _in_thread(lambda: self._latest(step.request))
            while (left := self._time_left(latest, deadline)) > 0:
                await asyncio.sleep(min(pause, left))
                pause = min(pause * 1.5, LONGEST_POLL)
                latest = await _in_thread(lambda: self._latest(step.request))
            waiting.answered(latest)
            return latest


async def _in_thread(work: Callable[[], T]) -> T:
    """Run blocking work in a thread, finish it even when cancelled, then deliver that."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as cancellation:
            if task.cancelled():
                raise
            cancelled = cancellation
        except Exception:  # noqa: BLE001 - the task's own result is read below
            break
    result = task.result()
    if cancelled is not None:
        raise cancelled
    return result
