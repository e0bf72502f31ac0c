# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is one step of a call performed?

The work that blocks, and the waiting for people, in sync and in async code. The order of the
steps is not decided here, and a step that lets the call happen is not performed here.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol, TypeVar

from agentguard.budgets import stop_for
from agentguard.enforcement.consultation import Consultation, Consulted
from agentguard.enforcement.counting import Counts
from agentguard.enforcement.crossing import ApprovalReader, Journal
from agentguard.enforcement.resolving import resolve_paths
from agentguard.enforcement.sessions import Sessions
from agentguard.enforcement.threads import in_thread
from agentguard.errors import GuardFailure
from agentguard.pipeline import (
    AskDecider,
    AwaitAnswer,
    BudgetFull,
    ClaimLost,
    Conclude,
    Core,
    FindApprovals,
    FindStop,
    KeepVault,
    LimitLost,
    OpenSession,
    RateFull,
    ReadSpent,
    Record,
    Release,
    Reserve,
    ResolvePaths,
    Settle,
    Step,
    StopRun,
    StopUnknown,
)
from agentguard.session import Talk
from agentguard.stores import (
    ChangeLost,
    DefinitionStore,
    FactsKeeper,
    LazyLedger,
    LedgerStore,
    LimitPassed,
    PotsFull,
    RateReached,
    Rates,
    SealedFacts,
    Stops,
    StoreFailure,
    VaultKeeper,
)
from agentguard.telemetry import GuardSpan, Telemetry
from agentguard.vocabulary import (
    Account,
    ApprovalRequest,
    ApprovalState,
    Caller,
    EntryType,
    KnownValue,
    Position,
    Stop,
)

T = TypeVar("T")

# Steps that may wait for a disk or a server.
_WAITING = (
    FindStop
    | StopRun
    | FindApprovals
    | ReadSpent
    | ResolvePaths
    | Record
    | Reserve
    | Settle
    | Release
)

SHORTEST_POLL, LONGEST_POLL = 0.02, 0.5


class Lasting(Protocol):
    """A call that goes on after its dispatch."""

    def close(self) -> None:
        """End it and write that down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backing:
    """What a guard works with outside the core.

    Attributes:
        journal: where entries are written.
        approvals: where approval requests and what is used up of limits are read.
        telemetry: makes the spans.
        keeper: keeps what was hidden beyond this process, None for not at all.
        deciders: those that the policy names, ready to be asked.
        facts: seals what decisions rested on, None where that is not kept.
        ledger: keeps what is held and used up of budgets.
        rates: counts how often calls are made.
        stops: reads what operators stopped; without it every call counts as stopped.
        definitions: keeps what servers say of their tools; without it none of them is trusted.
    """

    journal: Journal
    approvals: ApprovalReader
    telemetry: Telemetry
    keeper: VaultKeeper | None = None
    deciders: tuple[Consulted, ...] = ()
    facts: FactsKeeper | None = None
    ledger: LazyLedger | None = None
    rates: Rates | None = None
    stops: Stops | None = None
    definitions: DefinitionStore | None = None


class Performer:
    """Performs every step but the dispatch itself."""

    def __init__(self, core: Core, backing: Backing) -> None:
        self.journal = backing.journal
        self.telemetry = backing.telemetry
        self.open_streams: set[Lasting] = set()
        self.counts = Counts()
        self._core = core
        self._approvals = backing.approvals
        self._facts = backing.facts
        self._ledger = backing.ledger
        self._rates = backing.rates
        self._stops = backing.stops
        self._consultation = Consultation(backing.deciders)
        self._sessions = Sessions(core.random, keeper=backing.keeper, now=core.now)

    def close(self) -> None:
        """Close what only this guard uses."""
        self._consultation.close()

    def consult(self, deciders: tuple[Consulted, ...]) -> None:
        """Ask these deciders from now on, and close the others."""
        before, self._consultation = self._consultation, Consultation(deciders)
        before.close()

    def label(self, caller: Caller | None, values: Iterable[KnownValue]) -> None:
        """Give values a class, in a caller's session or, for None, everywhere."""
        self._sessions.label(caller, values)

    def talk(self, caller: Caller) -> Talk:
        """Return what was said in a caller's session, shared by everybody of its chain."""
        return self._sessions.talk(caller)

    def perform(self, step: Step[Any], span: GuardSpan) -> Any:
        """Perform a step; it may block."""
        if isinstance(step, AwaitAnswer):
            return self._await_answer(step)
        if isinstance(step, AskDecider):
            return self._consultation.ask(step)
        return self._perform_local(step, span)

    async def perform_async(self, step: Step[Any], span: GuardSpan) -> Any:
        """Perform a step; what blocks runs in a thread and is finished when cancelled."""
        if isinstance(step, AwaitAnswer):
            return await self._await_answer_async(step)
        if isinstance(step, AskDecider):
            return await self._consultation.ask_async(step)
        if isinstance(step, Record) and self._accepted(step):
            return None
        if isinstance(step, FindStop) and self._stops is not None:
            known = self._stops.known()
            if known is not None:
                return stop_for(known, step.call, step.caller)
        if self._blocks(step):
            return await in_thread(lambda: self._perform_local(step, span))
        return self._perform_local(step, span)

    def _blocks(self, step: Step[Any]) -> bool:
        """Say whether a step may wait for a disk or a server."""
        if isinstance(step, OpenSession | KeepVault):
            return self._sessions.may_wait(step.caller)
        return isinstance(step, _WAITING)

    def _perform_local(self, step: Step[Any], span: GuardSpan) -> Any:
        """Perform a step that is the same in both drivers."""
        if isinstance(step, OpenSession):
            return self._sessions.of(step.caller)
        if isinstance(step, KeepVault):
            return self._sessions.keep(step.caller, step.session)
        if isinstance(step, Record):
            return self._record(step)
        if isinstance(step, Conclude):
            self.counts.add(step.report)
            with contextlib.suppress(Exception):  # telemetry never changes a call
                span.conclude(step.report)
            return None
        return self._look_up(step)

    def _look_up(self, step: Step[Any]) -> Any:
        """Perform a step that finds something out."""
        if isinstance(step, FindStop):
            return self._stop(step)
        if isinstance(step, StopRun):
            return self._stop_run(step.stop)
        if isinstance(step, FindApprovals):
            return self._read(lambda: self._approvals.open_approvals(step.session_key, step.tool))
        if isinstance(step, ReadSpent):
            return self._spent(step)
        if isinstance(step, ResolvePaths):
            return resolve_paths(step.texts)
        return self._count(step)

    def _stop(self, step: FindStop) -> Stop | None:
        if self._stops is not None and self._stops.closed:
            raise GuardFailure("the guard is closed", part="audit")
        try:
            return stop_for(_there(self._stops).read(), step.call, step.caller)
        except StoreFailure as failure:
            problem = str(failure)
        raise StopUnknown(problem)

    def _stop_run(self, stop: Stop) -> None:
        try:
            _there(self._stops).stop(stop)
        except StoreFailure as failure:
            problem = f"the ledger cannot be written: {failure}"
        else:
            return
        raise GuardFailure(problem, part="stop")

    def _count(self, step: Step[Any]) -> None:
        """Perform a step that counts what is used up."""
        if isinstance(step, Reserve):
            return self._reserve(step)
        if isinstance(step, Settle):
            return self._in_ledger(lambda ledger: ledger.settle(step.call_id, step.used))
        if isinstance(step, Release):
            return self._in_ledger(lambda ledger: ledger.release(step.call_id))
        raise TypeError(f"no driver performs {type(step).__name__}")

    def _reserve(self, step: Reserve) -> None:
        failure = "rates cannot be counted"
        try:
            if step.rates:
                _there(self._rates).count(step.rates)
        except RateReached as reached:
            raise RateFull(reached.line) from None
        except StoreFailure as error:
            failure = f"{failure}: {error}"
        else:
            if step.hold.lines:
                self._in_ledger(lambda ledger: ledger.reserve(step.hold))
            return
        raise GuardFailure(failure, part="budgets")

    def _in_ledger(self, work: Callable[[LedgerStore], None]) -> None:
        failure = "the ledger of budgets cannot be written"
        try:
            work(_there(self._ledger).opened())
        except PotsFull as full:
            raise BudgetFull(full.lines) from None
        except StoreFailure as error:
            failure = f"{failure}: {error}"
        else:
            return
        raise GuardFailure(failure, part="budgets")

    def _record(self, step: Record) -> Position | None:
        return self._written(
            lambda: self.journal.append(
                step.entry,
                durable=step.durable,
                change=step.change,
                salt=step.salt,
                charges=step.charges,
                gives_back=step.gives_back,
                facts=self._sealed(step),
            )
        )

    def _accepted(self, step: Record) -> bool:
        """Say whether the log took an entry at once, so that the event loop need not wait."""
        if step.durable or step.change is not None or step.charges or step.gives_back:
            return False
        return self._written(
            lambda: self.journal.offer(step.entry, salt=step.salt, facts=self._sealed(step))
        )

    def _sealed(self, step: Record) -> SealedFacts | None:
        """Return what a decision rested on, sealed; a refusal is written down without it, too."""
        if self._facts is None or step.facts is None:
            return None
        try:
            return self._facts.sealed(step.facts)
        except StoreFailure as error:
            if step.entry.type is EntryType.REFUSED:
                return None
            problem = str(error)
        raise StoreFailure(problem)

    def _written(self, write: Callable[[], T]) -> T:
        failure = "the audit log cannot be written"
        try:
            return write()
        except ChangeLost:
            raise ClaimLost from None
        except LimitPassed as passed:
            raise LimitLost(passed.key) from None
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

    def _spent(self, step: ReadSpent) -> Mapping[Account, Decimal]:
        failure = "what is used up of limits cannot be read"
        try:
            return self._approvals.spent(step.accounts)
        except StoreFailure as error:
            failure = f"{failure}: {error}"
        raise GuardFailure(failure, part="limits")

    def _latest(self, request: ApprovalRequest) -> ApprovalRequest:
        found = self._read(lambda: self._approvals.approval(request.id))
        if found is None:
            raise GuardFailure("an approval request has vanished from the store", part="approvals")
        return found

    def _time_left(self, request: ApprovalRequest, deadline: float) -> float:
        """Return how long an answer is still worth waiting for, until just after it expires."""
        if request.state is not ApprovalState.PENDING:
            return 0.0
        open_for = (request.decide_by - self._core.now()).total_seconds()
        if open_for < 0:
            return 0.0
        return min(deadline - time.monotonic(), open_for + SHORTEST_POLL)

    def _await_answer(self, step: AwaitAnswer) -> ApprovalRequest:
        wait = step.profile.wait.total_seconds()
        with self.telemetry.approval_span(step.request, wait) as waiting:
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
        with self.telemetry.approval_span(step.request, wait) as waiting:
            deadline, pause = time.monotonic() + wait, SHORTEST_POLL
            latest = await in_thread(lambda: self._latest(step.request))
            while (left := self._time_left(latest, deadline)) > 0:
                await asyncio.sleep(min(pause, left))
                pause = min(pause * 1.5, LONGEST_POLL)
                latest = await in_thread(lambda: self._latest(step.request))
            waiting.answered(latest)
            return latest


def _there(part: T | None) -> T:
    if part is None:
        raise StoreFailure("the guard was made without it")
    return part
