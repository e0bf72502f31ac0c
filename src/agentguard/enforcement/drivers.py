# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a call come through the flow, in synchronous and in asynchronous code?

Two drivers for the one flow: they send each step's result back into it, or throw what the step
raised, so that the flow can write it down. The order of the steps is not theirs.

INVARIANT: the drivers throw into a flow and never close it.
INVARIANT: in the asynchronous driver a step that writes is finished before a cancellation is
delivered (tests/enforcement/test_drivers.py), and none of them waits for the disk in the event
loop (tests/attacks/test_concurrency.py).
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from agentguard.enforcement.consultation import Consulted
from agentguard.enforcement.crossing import Crossing
from agentguard.enforcement.hooks import ResourceHooks
from agentguard.enforcement.performing import Backing, Performer
from agentguard.enforcement.streams import OpenStream
from agentguard.errors import AgentGuardError, IdentityRequired
from agentguard.identity import Identities
from agentguard.pipeline import (
    Attempt,
    CheckAccess,
    Core,
    Dispatch,
    FindResources,
    Flow,
    Pull,
    Response,
    guarded_call,
)
from agentguard.policy.scopes import reachable
from agentguard.provenance import Conversation
from agentguard.telemetry import GuardSpan, OperationSpan
from agentguard.vocabulary import Boundary, Call, CallCount, Caller, Circumstances, KnownValue

# Whether the running code is that of a guarded tool, or of a part that speaks for itself; where it
# speaks to a model, it is no user.
_inside_tool: ContextVar[bool] = ContextVar("agentguard_inside_tool", default=False)


class Enforcer:
    """Takes crossings through the guard. One serves synchronous and asynchronous code."""

    def __init__(
        self,
        *,
        core: Core,
        identities: Identities,
        backing: Backing,
        new_call_id: Callable[[], str],
    ) -> None:
        self.core = core
        self.identities = identities
        self._telemetry = backing.telemetry
        self._new_call_id = new_call_id
        self._performer = Performer(core, backing)
        self.definitions = backing.definitions

    @property
    def stream(self) -> str:
        """The id of the audit stream that this process writes."""
        return self._performer.journal.stream

    @property
    def counts(self) -> tuple[CallCount, ...]:
        """How the calls that ended in this process ended."""
        return self._performer.counts.taken()

    @property
    def open_streams(self) -> int:
        """How many answers are still being read; they are counted when they end."""
        return len(self._performer.open_streams)

    def label(self, caller: Caller | None, values: Iterable[KnownValue]) -> None:
        """Give values a class, in a caller's session or, for None, everywhere in the process.

        Raises:
            ValueError: a value is too short to be looked for.
        """
        self._performer.label(caller, values)

    def conversation(self, caller: Caller) -> Conversation:
        """Return what was said in a caller's conversation, as far as it was heard here.

        Raises:
            GuardFailure: there are too many named sessions, or the caller's cannot be read.
        """
        policy = self.core.policy
        mode = policy.document.provenance.user_messages
        return self._performer.talk(caller).heard_by(mode, policy.relied_on)

    def offered_tools(self, carried: Caller | None = None) -> frozenset[str]:
        """Return the tools that a model may be shown for whoever acts, none where nobody does.

        What is shown may still be refused: that depends on the arguments.

        Args:
            carried: the caller that the object in use is bound to, if any.
        """
        try:
            caller = self.identities.presented(carried)
        except IdentityRequired:
            return frozenset()
        if caller is None:
            return frozenset()
        known = Circumstances(
            now=self.core.now(), environment=caller.environment, grants=caller.grants
        )
        policy = self.core.policy
        return reachable(caller.scopes, policy.offered_tools(caller.chain, known), policy)

    def adopt(self, core: Core, deciders: tuple[Consulted, ...]) -> None:
        """Take the core and the deciders of another policy for every call that begins from now on.

        A call that has begun is asked nothing of a decider that is no longer there: it is refused.
        """
        self._performer.consult(deciders)
        self._telemetry.tell_policy(core.policy.name, core.policy.digest)
        self.core = core

    def close(self) -> None:
        """End the calls whose answers are still being read; their readers get no more."""
        for stream in tuple(self._performer.open_streams):
            # One that cannot be written says so to its reader, and the log to every later call.
            with suppress(AgentGuardError):
                stream.close()
        self._performer.close()

    def call(self, crossing: Crossing, dispatch: Callable[[Call], Response]) -> Any:
        """Take one crossing through the guard.

        Returns:
            What its caller gets; an ``OpenStream`` when the answer comes in pieces.
        """
        attempt = self._attempt(crossing)
        with self._telemetry.guard_span(attempt) as span:
            flow = self._flow(attempt, span)
            operation: OperationSpan | None = None
            try:
                step = next(flow)
                while True:
                    if isinstance(step, Pull):
                        return OpenStream(flow, self._performer, span, operation)
                    result, failure = None, None
                    try:
                        if isinstance(step, Dispatch):
                            result, operation = self._dispatch(step, crossing, attempt, dispatch)
                        elif isinstance(step, FindResources | CheckAccess):
                            result = _hooks(crossing).ask(step)
                        else:
                            result = self._performer.perform(step, span)
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
            operation: OperationSpan | None = None
            try:
                step = next(flow)
                while True:
                    if isinstance(step, Pull):
                        return OpenStream(flow, self._performer, span, operation)
                    result, failure = None, None
                    try:
                        if isinstance(step, Dispatch):
                            result, operation = await self._dispatch_async(
                                step, crossing, attempt, dispatch
                            )
                        elif isinstance(step, FindResources | CheckAccess):
                            result = await _hooks(crossing).ask_async(step)
                        else:
                            result = await self._performer.perform_async(step, span)
                    except BaseException as error:  # noqa: BLE001 - the flow writes it down
                        failure = error
                    # Outside the handler, so that what the flow raises is not chained to it.
                    step = flow.send(result) if failure is None else flow.throw(failure)
            except StopIteration as finished:
                return finished.value

    async def ask_async(self, crossing: Crossing) -> None:
        """Ask people about a call, where they must agree, and do not make it.

        For a framework that pauses before it makes a call. It is decided anew when it is made.

        Raises:
            ApprovalPending: people have not answered yet.
            CallRefused: the call would be refused, an expired or rejected approval included.
            GuardFailure: a part of the guard failed.
        """
        if self.core.policy.profiles:
            await self.call_async(replace(crossing, only_asks=True), _made_later)

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
            surface=crossing.surface,
            operation=crossing.operation,
            target=crossing.target,
            caller=caller,
            objection=objection,
            describe=lambda: crossing.describe(call_id),
            checks_access=crossing.hooks is not None and crossing.hooks.access is not None,
            inside_tool=_inside_tool.get(),
            plan=crossing.plan,
            only_asks=crossing.only_asks,
        )

    def _flow(self, attempt: Attempt, span: GuardSpan) -> Flow[Any]:
        return guarded_call(attempt, self.core, span.trace(self._performer.journal.stream))

    def _dispatch(
        self,
        step: Dispatch,
        crossing: Crossing,
        attempt: Attempt,
        dispatch: Callable[[Call], Response],
    ) -> tuple[Response, OperationSpan | None]:
        with self._telemetry.operation_span(
            attempt, crossing.span_attributes, wanted=crossing.operation_span
        ) as operation:
            _tell(crossing, step)
            with _inside(attempt):
                response = dispatch(step.call)
            return response, _lasting(operation, response)

    async def _dispatch_async(
        self,
        step: Dispatch,
        crossing: Crossing,
        attempt: Attempt,
        dispatch: Callable[[Call], Awaitable[Response]],
    ) -> tuple[Response, OperationSpan | None]:
        with self._telemetry.operation_span(
            attempt, crossing.span_attributes, wanted=crossing.operation_span
        ) as operation:
            _tell(crossing, step)
            with _inside(attempt):
                response = await dispatch(step.call)
            return response, _lasting(operation, response)


async def _made_later(call: Call) -> Response:
    raise TypeError(f"{call.target!r} was only asked about")


def _hooks(crossing: Crossing) -> ResourceHooks:
    if crossing.hooks is None:
        raise TypeError("nothing says which objects the call is about")
    return crossing.hooks


@contextmanager
def _inside(attempt: Attempt) -> Iterator[None]:
    """Note for the code in the block that it is a tool's, where it is."""
    if attempt.boundary is not Boundary.TOOL:
        yield
        return
    with for_no_user():
        yield


@contextmanager
def for_no_user() -> Iterator[None]:
    """Let nothing that the code in the block says to a model count as the user's words."""
    token = _inside_tool.set(True)
    try:
        yield
    finally:
        # A coroutine that is given up may be closed in another context, which has its own value.
        with suppress(ValueError):
            _inside_tool.reset(token)


def _tell(crossing: Crossing, step: Dispatch) -> None:
    if crossing.observing is not None:
        crossing.observing(step.observable)


def _lasting(operation: OperationSpan | None, response: Response) -> OperationSpan | None:
    """Say what the span can say by now; that of a stream stays open as long as the stream."""
    if operation is not None:
        operation.describe(response.attributes)
        if response.form is not None:
            operation.keep()
    return operation
